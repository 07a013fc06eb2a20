"""Lines for a file descriptor: a bounded queue that one thread empties, so that nobody waits for whoever reads them.

The standard library's QueueHandler and QueueListener do not serve: their queue is bounded in records alone, whoever
stops them waits for the reader without a deadline, and what cannot be written is neither counted nor said.
"""

from __future__ import annotations

import atexit
import os
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from queue import Empty, SimpleQueue

MOST, MOST_BYTES = 10_000, 4 << 20
"""Lines, and their bytes, that wait for the reader at most."""
PATIENCE = 2.0
"""Seconds that the end of the process waits for the reader."""
_AT_ONCE = 64 << 10
"""Bytes of a write, about: what a pipe holds."""
_GATHER = 0.01
"""Seconds in which the lines of one write come together: waking the thread costs whoever logs."""
_AGAIN = 0.5
"""Seconds between two tries to write where it failed."""

FULL, UNWRITABLE = "queue full", "cannot be written"
"""Why lines are lost."""

Describe = Callable[[dict[str, int]], str]
"""Returns the line that says how many lines were lost, by reason, since the last such line."""


class LineWriter:
    """Writes lines to a file descriptor, in order. `put` returns at once and raises nothing, in any thread.

    Lines are lost when the queue is full, and when they cannot be written. From the first such line on all are lost,
    until the queue is empty and the line that says how many were lost is written: it stands in their place.
    """

    def __init__(self, descriptor: int, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self.lost = {FULL: 0, UNWRITABLE: 0}
        """The number of lines lost since the start, by reason."""
        self.describe: Describe = _describe
        self.descriptor = descriptor
        self._most, self._most_bytes = most, most_bytes
        self._queue: SimpleQueue[bytes] = SimpleQueue()  # a finalizer may log in the midst of a put
        self._lines = self._bytes = 0
        self._said = dict(self.lost)
        self._gap: str | None = None
        """Why lines are being lost, None while they are not."""
        self._is_cut = False
        """Whether the last line was written in part."""
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None

    def put(self, text: str) -> None:
        """Queue a line, which may hold line breaks of its own."""
        line = text.encode(errors="backslashreplace") + b"\n"
        with self._lock:
            if self._thread is None:
                self._start()
            if self._lines >= self._most or (self._lines and self._bytes + len(line) > self._most_bytes):
                self._gap = self._gap or FULL
            if self._gap is not None:
                self.lost[self._gap] += 1
                return
            self._lines += 1
            self._bytes += len(line)
            self._queue.put(line)

    def flush(self, seconds: float = PATIENCE) -> None:
        """Wait until all lines are written, at most `seconds`."""
        end = time.monotonic() + seconds
        while self._lines and time.monotonic() < end:
            time.sleep(0.005)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name=f"lines to descriptor {self.descriptor}", daemon=True)
        with suppress(RuntimeError):  # there can be no more threads now: the next line tries again
            thread.start()
            self._thread = thread
            atexit.register(self.flush)

    # The thread.

    def _run(self) -> None:
        while True:
            lines = list(self._take())
            self._write(lines)
            if self._gap is not None and self._queue.empty():
                self._say_what_is_lost()
            with self._lock:
                self._lines -= len(lines)
                self._bytes -= sum(map(len, lines))

    def _take(self) -> Iterator[bytes]:
        """Yield what goes into one write; nothing when it is time to try again."""
        with suppress(Empty):
            line = self._queue.get(timeout=None if self._gap is None else _AGAIN)
            time.sleep(_GATHER)
            size = len(line)
            yield line
            while size < _AT_ONCE:
                line = self._queue.get_nowait()
                size += len(line)
                yield line

    def _write(self, lines: list[bytes]) -> None:
        """Write lines; those that cannot be written are lost."""
        left = self._unwritten(b"".join(lines))
        if not left:
            return
        with self._lock:
            self._gap = UNWRITABLE
            for line in reversed(lines):
                if left > 0:
                    self.lost[UNWRITABLE] += 1
                left -= len(line)

    def _unwritten(self, data: bytes) -> int:
        """Write bytes, on a line of their own; return how many cannot be written."""
        if self._is_cut and data:
            data = b"\n" + data
        view = memoryview(data)
        try:
            while view:
                view = view[self._write_some(view) :]
        except Exception:  # noqa: S110 - whatever it was, they are lost and counted, and the thread goes on
            pass
        end = len(data) - len(view)
        if end:
            self._is_cut = data[end - 1 : end] != b"\n"
        return len(view)

    def _write_some(self, view: memoryview) -> int:
        try:
            return os.write(self.descriptor, view)
        except BlockingIOError:  # somebody who shares it does not want to wait
            poll = select.poll()
            poll.register(self.descriptor, select.POLLOUT)
            poll.poll(1000)
            return 0

    def _say_what_is_lost(self) -> None:
        """Write the line that ends the gap. Lines are taken from here on: they come after it."""
        with self._lock:
            lost, self._gap = dict(self.lost), None
        since = {reason: number - self._said[reason] for reason, number in lost.items()}
        if self._unwritten(self.describe(since).encode(errors="backslashreplace") + b"\n") == 0:
            self._said = lost
        else:
            with self._lock:
                self._gap = UNWRITABLE


def _describe(lost: dict[str, int]) -> str:
    return f"{sum(lost.values())} lines were lost"


OUTPUT, ERRORS = LineWriter(1), LineWriter(2)
"""Standard output and standard error."""


def occupy() -> None:
    """Put /dev/null where a standard descriptor is closed: else whatever is opened next would get what is printed."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
