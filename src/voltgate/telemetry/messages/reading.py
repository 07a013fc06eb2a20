"""Reading the log: newest first, in parts, by what a record is about."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import msgspec

from voltgate.relay.tap import DIRECTIONS
from voltgate.telemetry.messages.entries import KINDS, OUTCOMES
from voltgate.telemetry.messages.segments import COLUMNS, SHAPE, Record, first_id, moment_of, segments_in

PATIENCE = 1.5
"""Seconds after which a search says how far it has come, instead of looking into another segment."""
SHARE = 8 << 20
"""Bytes of the records of one answer, about: what comes behind is for the next."""


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
    lowest, highest = _span(search)
    deadline = time.monotonic() + patience
    found: list[Record] = []
    limit = search.limit
    for path in reversed(segments_in(folder)):
        with suppress(sqlite3.Error), closing(_opened(path)) as segment:  # it may have been removed meanwhile
            least, most = _ids(segment)
            if most < lowest or least > highest or (len(found) >= limit and found[limit - 1][0] > most):
                continue
            more, _ = _filled(share, _matches(segment, search, lowest, highest))
            found, is_full = _filled(share, sorted([*found, *more], key=_id, reverse=True)[:limit])
            limit = len(found) if is_full else limit
            if len(found) < limit and time.monotonic() > deadline:
                return Found(found, least)
    return Found(found, found[-1][0] if len(found) >= limit else None)


def _id(record: Record) -> Any:
    return record[0]


def _filled(share: int, records: Iterable[Record]) -> tuple[list[Record], bool]:
    """Return as many records as a share is, and whether it is full: no more than these are in memory."""
    size, taken = 0, list[Record]()
    for record in records:
        taken.append(record)
        size += 300 + len(record[7] or "") + len(record[9] or "")
        if size > share:
            return taken, True
    return taken, False


def _span(search: Search) -> tuple[int, int]:
    lowest = 0 if search.since is None else first_id(search.since)
    highest = (1 << 62) if search.until is None else first_id(search.until) - 1
    return lowest, highest if search.before is None else min(highest, search.before - 1)


def _opened(path: Path) -> sqlite3.Connection:
    segment = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1, isolation_level=None)
    try:
        if segment.execute("PRAGMA user_version").fetchone()[0] != SHAPE:
            raise sqlite3.DatabaseError("another version has written it")
    except sqlite3.Error:
        segment.close()
        raise
    return segment


def _ids(segment: sqlite3.Connection) -> tuple[int, int]:
    """Return the least and the greatest id of a segment; (0, -1) while there is nothing in it."""
    (most,) = segment.execute("SELECT max(id) FROM messages").fetchone()
    if most is None:
        return 0, -1
    (least,) = segment.execute("SELECT min(id) FROM messages").fetchone()  # last: there are only ever more
    return least, most


def _matches(segment: sqlite3.Connection, search: Search, lowest: int, highest: int) -> Iterator[Record]:
    terms = dict(_terms(search))
    where = " AND ".join(("id BETWEEN ? AND ?", *terms))
    values = (lowest, highest, *(value for values in terms.values() for value in values), search.limit)
    query = f"SELECT {', '.join(COLUMNS)} FROM messages WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - ours
    return segment.execute(query, values)


def _terms(search: Search) -> Iterator[tuple[str, tuple[object, ...]]]:
    """Yield the terms of a search, each with its values.

    The first that an index is for is looked up by it, and the others are kept from theirs (`+`): SQLite does not know
    how many records each finds. Numbers stand in the terms, so that partial indexes are used.
    """
    indexed = [
        ("station = ?", search.station),
        (f"kind = {KINDS.index(search.kind or 'call')}", search.kind),
        (f"outcome = {OUTCOMES.index(search.outcome or 'result')}", search.outcome),
        ("action = ?", search.action),
        ("backend = ?", search.backend),
    ]
    others = [("message_id = ?", search.message_id), ("call = ?", search.call)]
    by_index = ""
    for term, value in (*indexed, *others):
        if value is not None:
            yield by_index + term, (value,) if "?" in term else ()
            by_index = "+" if value not in ("call", "result") else by_index
    if search.station is not None and search.exactly:
        yield "station = ? COLLATE BINARY", (search.station,)
    if search.text:
        pattern = "%" + search.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
        places = ("payload", "reply", "description", "code", "message_id")
        yield "(" + " OR ".join(f"{place} LIKE ? ESCAPE '\\'" for place in places) + ")", (pattern,) * len(places)


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
