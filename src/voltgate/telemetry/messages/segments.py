"""Segments: the files of the log, each an SQLite database of one stretch of time, removed whole when they are too old.

A record's id is its time: microseconds since 1970, and ten bits that tell records of the same one apart. So the table
is its own index by time, and the others lead by station, action or backend in the order of time.
"""

from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

SHAPE = 1
"""The version of the tables (`PRAGMA user_version`): a file of another is not written to, and not read."""
PARTS = 16
"""A segment is at most this part of the bytes and of the days of the log."""
SMALLEST, LARGEST = 1 << 20, 64 << 20
"""Bytes of a segment: one that has to be looked through takes a fraction of a second."""
BITS = 10
_PAGES = 4096
"""Pages of 4 KiB that are written to the journal before they are to the segment, with the disk waited for."""
SUFFIX = ".sqlite"

COLUMNS = (
    "id", "kind", "station", "direction", "backend", "message_id", "action", "payload", "outcome", "reply", "code",
    "description", "took", "route", "rule", "decided", "call", "changed",
)  # fmt: skip
Record: TypeAlias = tuple[Any, ...]
"""The values of the columns."""
_PAYLOAD, _REPLY = map(COLUMNS.index, ("payload", "reply"))
_BESIDE = 300
"""Bytes of a record beside what was said, about."""

_TABLE = """
CREATE TABLE messages (
    id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, station TEXT NOT NULL COLLATE NOCASE, direction INTEGER NOT NULL,
    backend TEXT, message_id TEXT NOT NULL, action TEXT NOT NULL, payload TEXT, outcome INTEGER, reply TEXT, code TEXT,
    description TEXT, took REAL, route TEXT, rule INTEGER, decided TEXT, call INTEGER, changed TEXT
);
CREATE INDEX by_station ON messages (station);
CREATE INDEX by_action ON messages (action);
CREATE INDEX by_backend ON messages (backend);
CREATE INDEX not_well ON messages (outcome) WHERE outcome > 0;
CREATE INDEX no_call ON messages (kind) WHERE kind > 0;
"""
_INSERT = f"INSERT INTO messages ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - ours


def first_id(at: float) -> int:
    """Return the least id of a moment, in seconds since 1970."""
    return int(at * 1e6) << BITS


def moment_of(record_id: int) -> float:
    """Return when the record of an id was made, in seconds since 1970."""
    return (record_id >> BITS) / 1e6


def weight_of(record: Record) -> int:
    """Return how many bytes a record has, about."""
    return _BESIDE + len(record[_PAYLOAD] or "") + len(record[_REPLY] or "")


def segments_in(folder: Path) -> list[Path]:
    """Return the segments of a folder, the oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept: bytes, and seconds."""

    most_bytes: int
    most_seconds: float

    @property
    def segment_bytes(self) -> int:
        """The bytes after which a segment is full."""
        return max(SMALLEST, min(LARGEST, self.most_bytes // PARTS))


class Segments:
    """Writes the log in a folder, which nobody else does: the process holds its lock. Raises OSError, sqlite3.Error."""

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        self._folder = folder
        self.bounds = bounds
        self._open: sqlite3.Connection | None = None
        self._path = folder
        self._began = 0.0
        self._numbers = 0
        self.is_full = False
        """Whether older segments go soon because of what is written, and not because of their age."""
        self.removed = 0
        """Segments that were removed."""

    def number(self, at: float) -> int:
        """Return an id for a record of this moment."""
        self._numbers = (self._numbers + 1) & ((1 << BITS) - 1)
        return first_id(at) | self._numbers

    def write(self, records: Iterable[Record], now: float) -> None:
        """Write records at once: all of them, or none."""
        segment = self._segment(now)
        try:
            _insert(segment, list(records))
        except sqlite3.Error:
            self.close()  # what is wrong with it is looked at afresh, or another is begun
            raise
        if self._is_full(segment, now):
            self._seal()
        self.tidy(now)

    def tidy(self, now: float) -> None:
        """Remove the oldest segments until what is left is within the bounds; the one being written is kept."""
        sizes = {path: _size(path) for path in segments_in(self._folder)}
        whole = sum(sizes.values())
        followers = [*map(_named, list(sizes)[1:]), math.inf]
        for (path, size), follower in zip(sizes.items(), followers, strict=False):
            is_old = now - _ended(path, follower, now) > self.bounds.most_seconds
            if path == self._path or not (is_old or whole > self.bounds.most_bytes):
                continue
            _remove(path)
            self.removed += 1
            whole -= size
        self.is_full = whole + 2 * self.bounds.segment_bytes > self.bounds.most_bytes

    @property
    def size(self) -> int:
        """The bytes of all segments."""
        return sum(map(_size, segments_in(self._folder)))

    @property
    def count(self) -> int:
        """The number of segments."""
        return len(segments_in(self._folder))

    def close(self) -> None:
        """Close the segment that is being written."""
        segment, self._open = self._open, None
        if segment is not None:
            with suppress(sqlite3.Error):
                segment.close()

    # The segment that is being written.

    def _segment(self, now: float) -> sqlite3.Connection:
        if self._open is None:
            self._open = self._continued(now) or self._new(now)
        elif self._is_full(self._open, now):
            self._seal()
            self._open = self._new(now)
        return self._open

    def _continued(self, now: float) -> sqlite3.Connection | None:
        """Open the newest segment, if it may still be written to."""
        for path in segments_in(self._folder)[-1:]:
            began = _named(path)
            is_old = not 0 <= now - began < self.bounds.most_seconds / PARTS  # or of a clock that was ahead
            if is_old or _size(path) >= self.bounds.segment_bytes:
                return None
            self._path, self._began = path, began
            segment = _opened(path)
            if _shape(segment) == SHAPE:
                return segment
            segment.close()
        return None

    def _new(self, now: float) -> sqlite3.Connection:
        newest = max((int(path.stem) for path in segments_in(self._folder) if path.stem.isdigit()), default=0)
        name = max(int(now * 1e6), newest + 1)  # in the order in which they were begun, also if the clock jumps
        self._began, self._path = now, self._folder / f"{name:017d}{SUFFIX}"
        segment = _opened(self._path)
        segment.executescript(f"BEGIN; {_TABLE} PRAGMA user_version = {SHAPE}; COMMIT;")
        return segment

    def _is_full(self, segment: sqlite3.Connection, now: float) -> bool:
        pages, page = (segment.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        is_old = now - self._began >= self.bounds.most_seconds / PARTS
        return bool(pages * page >= self.bounds.segment_bytes) or is_old

    def _seal(self) -> None:
        """End a segment: one file without a journal."""
        if self._open is not None:
            with suppress(sqlite3.Error):  # somebody reads it: then that is done when it is closed
                self._open.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self.close()
        self._path = self._folder


def _insert(segment: sqlite3.Connection, records: list[Record]) -> None:
    try:
        with segment:
            segment.execute("BEGIN")
            segment.executemany(_INSERT, records)
    except sqlite3.IntegrityError:  # more of one microsecond than bits tell apart: a clock that stands still
        with segment:
            segment.execute("BEGIN IMMEDIATE")
            for record in records:
                segment.execute(_INSERT, (_free(segment, record[0]), *record[1:]))


def _free(segment: sqlite3.Connection, record_id: int) -> int:
    """Return the first id from this one on that no record has."""
    while segment.execute("SELECT 1 FROM messages WHERE id = ?", (record_id,)).fetchone():
        record_id += 1
    return record_id


def _opened(path: Path) -> sqlite3.Connection:
    segment = sqlite3.connect(path, timeout=5, isolation_level=None)
    try:
        segment.execute("PRAGMA journal_mode = WAL")
        segment.execute("PRAGMA synchronous = NORMAL")
        segment.execute("PRAGMA cache_size = -32768")
        segment.execute(f"PRAGMA wal_autocheckpoint = {_PAGES}")
    except sqlite3.Error:
        segment.close()
        raise
    return segment


def _shape(segment: sqlite3.Connection) -> int:
    return int(segment.execute("PRAGMA user_version").fetchone()[0])


def _named(path: Path) -> float:
    """Return when a segment was begun, as its name says; 0 for another file."""
    return int(path.stem) / 1e6 if path.stem.isdigit() else 0.0


def _files(path: Path) -> Iterator[Path]:
    yield path
    for end in ("-wal", "-shm"):
        yield path.with_name(path.name + end)


def _size(path: Path) -> int:
    size = 0
    for file in _files(path):
        with suppress(OSError):
            size += file.stat().st_size
    return size


def _ended(path: Path, follower: float, now: float) -> float:
    """Return when a segment ended: when the next one began, or when it was written to last.

    Of one that a clock wrote that was ahead nobody knows: its days are counted from now on.
    """
    if follower <= now:
        return follower
    with suppress(OSError):
        written = path.stat().st_mtime
        if written <= now:
            return written
        os.utime(path, (now, now))
    return now


def _remove(path: Path) -> None:
    for file in _files(path):
        with suppress(FileNotFoundError):
            os.unlink(file)
