"""A recording: the records of stations as one file of JSON lines, a head first, and reading it in bounded memory.

A head says which shape the file has, what it is of, and how much of it is masked. Each further line is a record as
`GET /messages` gives it. The records may stand in any order: they are read by their times.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, TypeAlias

import msgspec

FORMAT = "voltgate-messages"
"""What a head says its file is."""
VERSION = 1
"""The shape of the file that is written here."""
PSEUDONYM = re.compile(r"~[0-9a-f]{10}")
"""What stands in the log in the place of a token."""
SECRET = "***"  # noqa: S105 - it stands where one was
"""What stands in the log in the place of a password, a key or a name."""

Caller: TypeAlias = Literal["station", "backend"]
"""Whose call it was."""

_LONGEST_LINE = 64 << 20
_DEEPEST = 100
"""Lists and objects within each other, of a message that is played."""
_INDEX = """
CREATE TABLE records (
    number INTEGER PRIMARY KEY, station TEXT, caller TEXT, action TEXT, at REAL, place INTEGER, leg TEXT
);
"""
_ORDER = (
    "CREATE INDEX by_action ON records (station, leg, caller, action, at, number)",
    "CREATE INDEX by_caller ON records (station, leg, caller, at, number)",
    "CREATE INDEX by_time ON records (station, leg, at, number)",
)
_SINCE_2X = frozenset({"TransactionEvent", "NotifyEvent", "NotifyReport"})
_ONLY_16 = frozenset({"StartTransaction", "StopTransaction", "DiagnosticsStatusNotification"})


class NoRecording(Exception):  # noqa: N818 - it is what is wrong with a file, not an error of the program
    """A file is no recording, or cannot be read to its end; the text says where and why."""


class Head(msgspec.Struct, rename={"since": "from"}):
    """The first line: of which stations, each with its version if that is known, and what was masked.

    `since` and `until` are the times of the first and the last record. `masked` counts the tokens and the secrets that
    stand in the records under another name.
    """

    format: str
    version: int
    stations: dict[str, str | None] = {}
    since: str | None = None
    until: str | None = None
    records: int = 0
    masked: dict[str, int] = {}


class Record(msgspec.Struct):
    """One record, as far as it is played: `at` as in the file, `reply` as the API shows it."""

    station: str
    at: str
    kind: str = "call"
    leg: str | None = None
    direction: str | None = None
    action: str | None = None
    message_id: str | None = None
    payload: Any = None
    outcome: str | None = None
    reply: Any = None
    latency_ms: float | None = None

    @property
    def seconds(self) -> float:
        """When it was, in seconds since 1970."""
        return datetime.fromisoformat(self.at).timestamp()

    @property
    def caller(self) -> Caller | None:
        """Who called: the station, or a backend; None if it was no call."""
        match self.direction:
            case "from_station" | "to_backend":
                return "station"
            case "to_station" | "from_backend":
                return "backend"
        return None


def _is_deep(record: Record) -> bool:
    """Return whether there are more than so many lists and objects within each other in what was said."""
    within = [record.payload, record.reply]
    for _ in range(_DEEPEST):
        nested = [each for each in within if isinstance(each, dict | list)]
        within = [inner for each in nested for inner in (each.values() if isinstance(each, dict) else each)]
    return any(isinstance(each, dict | list) for each in within)


_read_record = msgspec.json.Decoder(Record).decode
_read_head = msgspec.json.Decoder(Head).decode


class Recording:
    """A recording that is open: its records by station, caller and action, each in the order of their times.

    Only where they stand is remembered, in a file that goes with this object. Raises NoRecording and OSError.
    """

    def __init__(self, file: Path) -> None:
        self.name = str(file)
        self._file: IO[bytes] = file.open("rb")
        self._index = sqlite3.connect("", isolation_level=None)
        try:
            self.head = self._head()
            self.skipped = self._build()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and forget where its records stand."""
        self._index.close()
        self._file.close()

    def stations(self, leg: str) -> list[str]:
        """Return the stations that have records of a leg."""
        query = "SELECT DISTINCT station FROM records WHERE leg = ? AND caller NOT NULL ORDER BY station"
        rows = self._index.execute(query, (leg,))
        return [station for (station,) in rows]

    def legs(self) -> list[str]:
        """Return whose connections there are records of: "station", and the names of backends."""
        return sorted(leg for (leg,) in self._index.execute("SELECT DISTINCT leg FROM records WHERE caller NOT NULL"))

    def check(self, leg: str) -> None:
        """Raise NoRecording if there are no records of a leg."""
        if leg not in self.legs():
            there = ", ".join(self.legs()) or "none"
            raise NoRecording(f'{self.name}: has no records of the leg "{leg}"; there are: {there}')

    def version_of(self, station: str) -> str:
        """Return the version that a station speaks: as the head says, else as its records tell."""
        known = self.head.stations.get(station)
        if known is not None:
            return known
        rows = self._index.execute("SELECT DISTINCT action FROM records WHERE station = ?", (station,))
        actions = {action for (action,) in rows}
        if actions & _ONLY_16:
            return "ocpp1.6"
        if actions & _SINCE_2X:
            return "ocpp2.0.1"
        boot = next(self.calls(station, "station", "BootNotification"), None)
        return "ocpp2.0.1" if boot is not None and "chargingStation" in boot.payload else "ocpp1.6"

    def first_at(self, leg: str) -> float:
        """Return when the first record was, in seconds since 1970."""
        (at,) = self._index.execute("SELECT min(at) FROM records WHERE leg = ?", (leg,)).fetchone()
        return float(at or 0.0)

    def count(self, station: str, caller: Caller, leg: str = "station", until: float | None = None) -> int:
        """Return how many calls somebody made, all or those before a time."""
        terms = "station = ? AND caller = ? AND leg = ? AND at < ? AND action IS NOT NULL"
        values = (station, caller, leg, 1e12 if until is None else until)
        return int(self._index.execute(f"SELECT count(*) FROM records WHERE {terms}", values).fetchone()[0])  # noqa: S608

    def calls(self, station: str, caller: Caller, action: str | None = None, leg: str = "station") -> Iterator[Record]:
        """Yield the calls of a station, or those to it, as they came: all, or those of one action."""
        terms, values = "station = ? AND caller = ? AND leg = ? AND action IS NOT NULL", [station, caller, leg]
        if action is not None:
            terms += " AND action = ?"
            values.append(action)
        query = f"SELECT place FROM records WHERE {terms} ORDER BY at, number"  # noqa: S608 - ours
        for (place,) in self._index.execute(query, values):
            yield self._at(place)

    def all(self, station: str, leg: str) -> Iterator[Record]:
        """Yield what was recorded of one connection, whoever called, and what was no message."""
        query = "SELECT place FROM records WHERE station = ? AND leg = ? AND caller NOT NULL ORDER BY at, number"
        for (place,) in self._index.execute(query, (station, leg)):
            yield self._at(place)

    def _at(self, place: int) -> Record:
        self._file.seek(place)
        return _read_record(self._file.readline())

    def _head(self) -> Head:
        try:
            head = _read_head(self._file.readline(_LONGEST_LINE))
        except (msgspec.DecodeError, UnicodeDecodeError):
            head = Head("", VERSION)
        if head.format != FORMAT:
            raise NoRecording(f"{self.name}: is no recording: `voltgate log CP-1 --export FILE` writes one")
        if head.version > VERSION:
            raise NoRecording(f"{self.name}: has shape {head.version}, known is {VERSION}: use a newer Voltgate")
        return head

    def _build(self) -> int:
        """Remember where each call stands; return how many records cannot be played."""
        for statement in ("PRAGMA journal_mode = OFF", "PRAGMA synchronous = OFF", "BEGIN", _INDEX):
            self._index.execute(statement)
        skipped, number = 0, 1
        while True:
            place = self._file.tell()
            line = self._file.readline(_LONGEST_LINE)
            if not line:
                break
            number += 1
            try:
                record = _read_record(line)
                at = record.seconds
            except (msgspec.DecodeError, ValueError, RecursionError) as error:
                raise NoRecording(f"{self.name}:{number}: is no record: {error}") from None
            if line.count(b"[") + line.count(b"{") > _DEEPEST and _is_deep(record):
                problem = f"more than {_DEEPEST} lists and objects within each other"
                raise NoRecording(f"{self.name}:{number}: cannot be played: {problem}")
            is_call = bool(record.action) and isinstance(record.payload, dict)
            skipped += record.caller is None or not is_call
            action = record.action if is_call else None
            values = (number, record.station, record.caller, action, at, place, record.leg or "station")
            self._index.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        for statement in (*_ORDER, "COMMIT"):
            self._index.execute(statement)
        return skipped
