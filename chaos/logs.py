"""The log of a gateway: a named pipe whose reader may go, stall and come back, and the file that it writes."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from chaos.records import Spell

_MOST = 1 << 20
_UNANSWERED = 3.0
"""Seconds for which a write may have waited when a gateway says that its database is away."""


class Log:
    """What the processes of one gateway log. The pipe outlives them; whoever reads it does so in the running loop."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._pipe = file.with_suffix(".pipe")
        os.mkfifo(self._pipe)
        self._reader: int | None = self._open_reader()
        self.writer = os.open(self._pipe, os.O_WRONLY)

    def _open_reader(self) -> int:
        return os.open(self._pipe, os.O_RDONLY | os.O_NONBLOCK)

    def be(self, *, gone: bool, stalled: bool) -> None:
        """Have no reader, or one that does not read a pipe that is full, or one that copies all that comes."""
        loop = asyncio.get_running_loop()
        if self._reader is not None:
            loop.remove_reader(self._reader)
        if gone:
            self.close_reader()
            return
        if self._reader is None:
            self._reader = self._open_reader()
        if stalled:
            self._fill()
        else:
            loop.add_reader(self._reader, self.copy)

    def close_reader(self) -> None:
        """Let nobody read it."""
        if self._reader is not None:
            os.close(self._reader)
            self._reader = None

    def _fill(self) -> None:
        other = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            os.write(other, b"\n" * _MOST)
        os.close(other)

    def copy(self) -> None:
        """Write to the file what stands in the pipe, if somebody reads it."""
        with self._file.open("ab") as file, suppress(BlockingIOError):
            while self._reader is not None:
                file.write(os.read(self._reader, _MOST))

    def close(self) -> None:
        """Read no more."""
        self.be(gone=True, stalled=False)
        os.close(self.writer)

    @property
    def text(self) -> str:
        """All that was read."""
        return self._file.read_text(errors="replace") if self._file.exists() else ""


def said_of_database(text: str, clocks: float) -> Iterator[tuple[float, str]]:
    """Give when a log says that the database is "away" or "there"; `clocks` brings its time to that of the run."""
    for line in text.splitlines():
        if '"the database is ' in line:
            entry = json.loads(line)
            yield datetime.fromisoformat(entry["timestamp"]).timestamp() + clocks, entry["event"].split()[-1]


def database_spells(
    what: str, said: Iterable[tuple[float, str]], unread: Sequence[Spell], end: float
) -> Iterator[Spell]:
    """Give the times in which a gateway could not write, by its own log; a busy machine may be too slow for it.

    `said` is also when a process has "begun". Where the log was not read, one of two lines may have been lost: then
    the database is taken to have been away from the beginning of that time, or to its end, and no longer.
    """
    begun, last, opened = 0.0, 0.0, False
    for at, word in (*sorted(said), (end, "end")):
        lost = [spell for spell in unread if spell.overlaps(last, at)]
        if begun and lost and word in ("away", "end"):
            yield Spell(what, begun, lost[-1].over + 1)
            begun = 0.0
        if word == "away":
            begun = begun or at - _UNANSWERED
        elif word == "there" and (begun or (opened and lost)):
            yield Spell(what, begun or lost[0].begun - _UNANSWERED, at + 1)
            begun = 0.0
        last, opened = at, word == "there" or (opened and word != "begun")
    if begun:
        yield Spell(what, begun, end)
