"""Lines for a descriptor: whoever writes them never waits, and what is lost is counted and said in its place."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import termios
import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.harness import until
from voltgate.telemetry.lines import FULL, UNWRITABLE, LineWriter

PIPE = 64 * 1024
"""Bytes that a pipe holds."""


class Pipe:
    """A pipe with its two ends, which a test reads when it likes."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._path = path
        self.reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        self.writer = os.open(path, os.O_WRONLY)

    def close(self) -> None:
        """Leave: whoever writes gets EPIPE."""
        os.close(self.reader)

    def open(self) -> None:
        """Come back."""
        self.reader = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)

    async def read(self, holds: Callable[[list[str]], bool]) -> list[str]:
        """Read lines until there are what a test waits for."""
        text = b""

        def enough() -> bool:
            nonlocal text
            with suppress(BlockingIOError):
                text += os.read(self.reader, PIPE)
            return text.endswith(b"\n") and holds(text.decode().splitlines())

        await until(enough, "lines are read")
        return text.decode().splitlines()


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    pipe = Pipe(tmp_path / "pipe")
    yield pipe
    os.close(pipe.reader)
    os.close(pipe.writer)


def writer(pipe: Pipe, most: int = 1000, most_bytes: int = 1 << 20) -> LineWriter:
    """Make a writer that says the numbers of what it lost."""
    made = LineWriter(pipe.writer, most, most_bytes)
    made.describe = lambda lost: f"lost {lost[FULL]} {lost[UNWRITABLE]}"
    return made


async def test_nobody_reads(pipe: Pipe) -> None:
    """What fits waits, in order; the number of the rest stands in its place, and what comes later after that."""
    lines = writer(pipe, most=10)
    long = "x" * PIPE
    lines.put(long)  # fills the pipe, and the thread waits
    for number in range(20):
        lines.put(f"line {number}")
    assert lines.lost == {FULL: 11, UNWRITABLE: 0}
    waiting = [f"line {number}" for number in range(9)]
    assert await pipe.read(lambda read: len(read) == 11) == [long, *waiting, "lost 11 0"]
    lines.put("again")
    assert await pipe.read(lambda read: len(read) == 1) == ["again"]


async def test_lines_are_too_many_bytes(pipe: Pipe) -> None:
    """Long lines are fewer."""
    lines = writer(pipe, most_bytes=2 * PIPE)
    for mark in "abc":
        lines.put(mark * (PIPE - 1))
    lines.put("a short one, which would fit, is lost as well: a gap is one gap")
    read = await pipe.read(lambda read: len(read) == 3)
    assert [line[:10] for line in read] == ["a" * 10, "b" * 10, "lost 2 0"]


async def test_a_line_that_is_longer_than_all_that_may_wait(pipe: Pipe) -> None:
    """It is taken when nothing else waits, and what comes later is written as ever."""
    lines = writer(pipe, most_bytes=10)
    for line in ("a long line", "another"):
        lines.put(line)
        lines.flush()
        assert await pipe.read(bool) == [line]


async def test_somebody_else_made_it_non_blocking(pipe: Pipe) -> None:
    """A descriptor that says "not now" loses nothing."""
    os.set_blocking(pipe.writer, False)
    lines = writer(pipe)
    sent = [str(number) * 1000 for number in range(300)]
    for line in sent:
        lines.put(line)
    assert await pipe.read(lambda read: read[-1] == sent[-1]) == sent
    assert sum(lines.lost.values()) == 0


async def test_many_threads(pipe: Pipe) -> None:
    """However they come in: each line is written once, in its thread's order, or counted once."""
    lines = writer(pipe, most=50)

    def put(name: str) -> None:
        for number in range(1000):
            lines.put(f"{name} {number}")

    threads = [threading.Thread(target=put, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    read = await pipe.read(lambda read: _accounted(read) == 4000)
    for name in "abcd":
        numbers = [int(line.split()[1]) for line in read if line.startswith(name)]
        assert numbers == sorted(set(numbers))


def _accounted(read: list[str]) -> int:
    said = [int(line.split()[1]) for line in read if line.startswith("lost")]
    return len(read) - len(said) + sum(said)


async def test_a_line_was_cut(pipe: Pipe) -> None:
    """After a line that was written in part, the next one begins on a line of its own."""
    lines = writer(pipe)
    lines.put("x" * 2 * PIPE)
    await until(lambda: _is_full(pipe), "the pipe is full")
    pipe.close()
    await until(lambda: lines.lost[UNWRITABLE], "the line is lost")
    pipe.open()
    cut, said = await pipe.read(lambda read: read[-1].startswith("lost"))
    assert (set(cut), said) == ({"x"}, "lost 0 1")
    assert len(cut) < 2 * PIPE
    lines.put("whole")
    assert await pipe.read(lambda read: len(read) == 1) == ["whole"]


def _is_full(pipe: Pipe) -> bool:
    waiting = array("i", [0])
    fcntl.ioctl(pipe.writer, termios.FIONREAD, waiting)
    return waiting[0] == PIPE


async def test_the_end_does_not_wait_for_whoever_does_not_read(pipe: Pipe) -> None:
    """What waits at the end is given its time, and no more."""
    lines = writer(pipe)
    lines.put("x" * 2 * PIPE)
    lines.flush(0.05)
    (whole,) = await pipe.read(lambda read: True)
    assert len(whole) == 2 * PIPE


_CLOSED = """
import os, sys
from voltgate.cli import main
file = sys.argv.pop()
try:
    main()
except SystemExit:
    os.write(2, b"to nobody")
with open(file) as opened:
    os._exit(0 if opened.fileno() > 2 else 1)
"""


def test_descriptors_that_are_closed_from_the_start() -> None:
    """What is opened next does not become standard error."""
    closed = 'exec "$0" -c "$1" --version "$2" <&- >&- 2>&-'
    subprocess.run(["sh", "-c", closed, sys.executable, _CLOSED, __file__], check=True)


async def test_a_thread_that_meets_what_nobody_expected_goes_on(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, write = writer(pipe), os.write

    def fail(descriptor: int, data: bytes) -> int:
        monkeypatch.setattr(os, "write", write)
        raise RuntimeError("nobody expected that")

    monkeypatch.setattr(os, "write", fail)
    lines.put("lost")
    await until(lambda: lines.lost[UNWRITABLE] == 1, "the line is lost")
    assert await pipe.read(lambda found: len(found) == 1) == ["lost 0 1"]
    lines.put("written")
    assert await pipe.read(lambda found: len(found) == 1) == ["written"]
