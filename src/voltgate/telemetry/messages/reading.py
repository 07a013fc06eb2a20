"""Reading the log: newest first, in parts, by what a record is about."""

from __future__ import annotations

import heapq
import sqlite3
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from voltgate.relay.tap import DIRECTIONS
from voltgate.telemetry.messages.entries import KINDS, OUTCOMES
from voltgate.telemetry.messages.segments import COLUMNS, SHAPE, Record, first_id, moment_of, segments_in, weight_of

PATIENCE = 1.5
"""Seconds after which a search says how far it has come."""
SHARE = 8 << 20
"""Bytes of the records of one answer, about: what comes behind is for the next."""
_MOST_KNOWN = 4096
"""Segments that are remembered with the span of their ids."""
_OF_MOST = (f"kind = {KINDS.index('call')}", f"outcome = {OUTCOMES.index('result')}")
"""What nearly every record fits, and no index is for."""
_RECORD = f"SELECT {', '.join(COLUMNS)} FROM messages WHERE id = ?"  # noqa: S608 - ours


class Search(msgspec.Struct, frozen=True):
    """Which records are wanted: all that are set must fit. Times are in seconds since 1970.

    `exactly`: capital letters in the station's identity count. `before` is an id: only older records. `text` is
    somewhere in the payload, the reply, or a description, in small or capital letters. `call` ties the records of one
    call together.
    """

    limit: int = 100
    station: str | None = None
    exactly: bool = False
    backend: str | None = None
    action: str | None = None
    outcome: str | None = None
    kind: str | None = None
    message_id: str | None = None
    text: str | None = None
    call: int | None = None
    since: float | None = None
    until: float | None = None
    before: int | None = None


class Found(msgspec.Struct):
    """What a search has found, the newest first. `reached` is the id that it has come down to; None: to the end."""

    records: list[Record]
    reached: int | None = None


def find(folder: Path, search: Search, share: int = SHARE, patience: float = PATIENCE) -> Found:
    """Search a log, whether it is being written or not."""
    deadline = time.monotonic() + patience
    lowest, highest = _span(search)
    found, size = list[Record](), 0
    with ExitStack() as stack:
        looks = [stack.enter_context(closing(_looks(part, search))) for part in _parts(folder, lowest, highest)]
        for record_id, has_looked, record in heapq.merge(*looks, key=_place, reverse=True):
            if record is not None:
                found.append(record)
                size += weight_of(record)
            is_late = has_looked and time.monotonic() > deadline
            if is_late or (record is not None and (len(found) >= search.limit or size > share)):
                return Found(found, record_id)
    return Found(found)


class _Part(NamedTuple):
    """A segment as far as a search is about it: from one id to another. Nobody writes to one that `is_sealed`."""

    path: Path
    is_sealed: bool
    lowest: int
    highest: int


_Look: TypeAlias = tuple[int, bool, Record | None]
"""An id, whether a segment was searched from above down to it, and the record of it if that is wanted."""


def _place(look: _Look) -> int:
    return look[0]


def _span(search: Search) -> tuple[int, int]:
    lowest = 0 if search.since is None else first_id(search.since)
    highest = (1 << 62) if search.until is None else first_id(search.until) - 1
    return lowest, highest if search.before is None else min(highest, search.before - 1)


def _parts(folder: Path, lowest: int, highest: int) -> Iterator[_Part]:
    paths = segments_in(folder)
    for path in paths:
        with suppress(OSError, sqlite3.Error):  # it may have been removed meanwhile
            state = path.stat()
            is_sealed = path != paths[-1] and not _has_journal(path)
            least, most = _sealed_ids(path, state.st_mtime_ns, state.st_size) if is_sealed else _ids(path, False)
            if max(least, lowest) <= min(most, highest):
                yield _Part(path, is_sealed, max(least, lowest), min(most, highest))


def _has_journal(path: Path) -> bool:
    """Return whether something of a segment stands beside it: its writer was killed, or somebody read it at its end."""
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size > 0
    except FileNotFoundError:
        return False


def _opened(path: Path, is_sealed: bool) -> sqlite3.Connection:
    how = "mode=ro&immutable=1" if is_sealed else "mode=ro"  # without locks and shared memory: a third of the time
    segment = sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=1, isolation_level=None)
    try:
        if segment.execute("PRAGMA user_version").fetchone()[0] != SHAPE:
            raise sqlite3.DatabaseError("another version has written it")
    except sqlite3.Error:
        segment.close()
        raise
    return segment


@lru_cache(_MOST_KNOWN)
def _sealed_ids(path: Path, _written: int, _size: int) -> tuple[int, int]:
    return _ids(path, True)


def _ids(path: Path, is_sealed: bool) -> tuple[int, int]:
    """Return the least and the greatest id of a segment; (0, -1) while there is nothing in it."""
    with closing(_opened(path, is_sealed)) as segment:
        (most,) = segment.execute("SELECT max(id) FROM messages").fetchone()
        if most is None:
            return 0, -1
        (least,) = segment.execute("SELECT min(id) FROM messages").fetchone()  # last: there are only ever more
        return least, most


def _looks(part: _Part, search: Search) -> Generator[_Look]:
    """Search a segment, the newest first. It is opened when the other segments have been searched down to it."""
    yield part.highest + 1, False, None
    (indexed, values), (fits, more) = _terms(search)
    query = f"SELECT id, {fits} FROM messages WHERE id BETWEEN ? AND ? AND {indexed} ORDER BY id DESC"  # noqa: S608
    with suppress(sqlite3.Error), closing(_opened(part.path, part.is_sealed)) as segment:
        for record_id, is_wanted in segment.execute(query, (*more, part.lowest, part.highest, *values)):
            yield record_id, True, segment.execute(_RECORD, (record_id,)).fetchone() if is_wanted else None
    yield part.lowest, True, None


_Term: TypeAlias = tuple[str, tuple[object, ...]]
"""A condition in SQL, with its values."""


def _terms(search: Search) -> tuple[_Term, _Term]:
    """Return the term by which records are looked up, and the one that those have to fit.

    Records are looked up by the first term that an index is for: SQLite does not know how many records each finds.
    Numbers stand in the terms, so that partial indexes are used.
    """
    indexed: list[_Term] = [
        (term, (value,) if "?" in term else ())
        for term, value in (
            ("station = ?", search.station),
            (f"kind = {KINDS.index(search.kind or 'call')}", search.kind),
            (f"outcome = {OUTCOMES.index(search.outcome or 'result')}", search.outcome),
            ("action = ?", search.action),
            ("backend = ?", search.backend),
        )
        if value is not None
    ]
    others = list(_others(search))
    by_index = next((term for term in indexed if term[0] not in _OF_MOST), ("TRUE", ()))
    fits = [term for term in (*indexed, *others) if term is not by_index]
    both = " AND ".join(term for term, _ in fits) or "TRUE"
    return by_index, (both, tuple(value for _, values in fits for value in values))


def _others(search: Search) -> Iterator[_Term]:
    """Yield the terms that no index is for."""
    if search.message_id is not None:
        yield "message_id = ?", (search.message_id,)
    if search.call is not None:
        yield "call = ?", (search.call,)
    if search.station is not None and search.exactly:
        yield "station = ? COLLATE BINARY", (search.station,)
    if search.text:
        pattern = "%" + search.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        places = ("payload", "reply", "description", "code", "message_id")
        either = " OR ".join(f"{place} LIKE ? ESCAPE '\\'" for place in places)
        yield f"({either})", (pattern,) * len(places)


def document(record: Record) -> dict[str, Any]:
    """Return a record as the API shows it, but for its time, which is in seconds since 1970."""
    by_name = dict(zip(COLUMNS, record, strict=True))
    direction = by_name["direction"]
    way = DIRECTIONS[direction] if direction >= 0 else None
    outcome, kind, code = by_name["outcome"], by_name["kind"], by_name["code"]
    reply: Any = _raw(by_name["reply"])
    if code is not None:
        reply = {"code": code, "description": by_name["description"], "details": reply}
    return {
        "id": str(by_name["id"]),
        "at": moment_of(by_name["id"]),
        "kind": KINDS[kind],
        "station": by_name["station"],
        "leg": by_name["backend"] if way in ("to_backend", "from_backend") else "station" if way else None,
        "direction": way,
        "action": by_name["action"] or None,
        "message_id": by_name["message_id"] or None,
        "payload": _raw(by_name["payload"]) if KINDS[kind] in ("call", "send") else by_name["payload"],
        "outcome": None if outcome is None else OUTCOMES[outcome],
        "reply": reply,
        "latency_ms": None if by_name["took"] is None else round(by_name["took"] * 1000, 3),
        "backend": by_name["backend"],
        "route": by_name["route"],
        "rule": by_name["rule"],
        "decided": by_name["decided"],
        "changed": by_name["changed"],
        "call": None if not by_name["call"] else str(by_name["call"]),
        "description": None if code is not None else by_name["description"],
    }


def _raw(payload: str | None) -> Any:
    if payload is None:
        return None
    try:
        return msgspec.json.decode(payload)
    except (msgspec.DecodeError, RecursionError):
        return payload
