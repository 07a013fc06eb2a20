"""A worker: one of several gateways on the same ports that a supervisor runs (`voltgate run --workers`)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

READY = b"."
"""What a worker sends its supervisor when it listens."""
RELOAD, STOP, NOW = b"r", b"s", b"n"
"""What a supervisor sends its workers: to read the configuration again, to end in order, and to end at once.

They are no signals: a terminal, or systemd, may send these to all of them as well, which would take the two for one who
cannot wait, and a worker that has only begun to start would die of one."""


@dataclass(frozen=True, slots=True)
class Worker:
    """What a worker is told by its supervisor.

    `number` counts from 1, `of` is how many there are. `restarts` is how often it has been started again. `folder` is
    theirs alone. `link` is the descriptor of a socket to the supervisor, which ends with it.
    """

    number: int
    of: int
    restarts: int
    folder: str
    link: int

    @property
    def text(self) -> str:
        """The whole as the argument of a command."""
        return msgspec.json.encode(self).decode()

    @classmethod
    def read(cls, text: str) -> Worker:
        """Read what `text` wrote. Raises ValueError."""
        return msgspec.json.decode(text, type=cls)

    @property
    def name(self) -> str:
        """Its name in labels and in the log."""
        return str(self.number)

    def socket_of(self, number: int) -> Path:
        """Return where the worker of a number tells the others how it is."""
        return Path(self.folder, f"{number}.sock")

    @contextlib.contextmanager
    def attached(
        self, stop: asyncio.Event, reload: asyncio.Event, leave: Callable[[], object]
    ) -> Iterator[socket.socket]:
        """Give the socket to the supervisor. `stop` is set when that says so, or has ended, however it has.

        `reload` is set when it wants that, and `leave` is called when it cannot wait.
        """
        loop, link = asyncio.get_running_loop(), socket.socket(fileno=self.link)
        is_alone = False

        def heard() -> None:
            nonlocal is_alone
            said = link.recv(16)
            is_alone = not said
            if RELOAD in said:
                reload.set()
            if STOP in said or not said:
                stop.set()
            if NOW in said:
                leave()
            if not said:
                loop.remove_reader(link)

        link.setblocking(False)
        loop.add_reader(link, heard)
        try:
            yield link
        finally:
            loop.remove_reader(link)
            link.close()
            self.socket_of(self.number).unlink(missing_ok=True)
            if is_alone:
                self._tidy()

    def _tidy(self) -> None:
        """Remove what nobody else would, as the supervisor was killed; before that, others may yet begin."""
        with contextlib.suppress(OSError):  # others are still there
            Path(self.folder).rmdir()
