"""The audit trail in the database: the newest first, by parts, by whom and at which station."""

from __future__ import annotations

import pytest

from tests.store.conftest import NOW, Open, written
from voltgate.relay.records import AuditRecord, StoreAway
from voltgate.store import Database
from voltgate.store.address import open_engine, read_address
from voltgate.store.audit import AuditQuery, AuditTrail, read_cursor, write_cursor


def _line(number: int, at: float, station: str = "cp-1", backend: str = "a", outcome: str = "passed") -> AuditRecord:
    return AuditRecord(f"u{number:03}", at, station, backend, "Reset", "m", outcome, "Accepted", "")


async def read(store: Database, query: AuditQuery) -> list[AuditRecord]:
    """Read from the database of a store."""
    assert store.engine is not None
    return [link.record for link in await AuditTrail().read(store.engine, query)]


async def test_lines_are_read_by_what_is_asked(opened: Open) -> None:
    """Lines are given the newest first, as station, backend and outcome are asked for."""
    store = await opened()
    lines = [
        _line(1, NOW),
        _line(2, NOW + 1, station="cp-2"),
        _line(3, NOW + 2, backend="b"),
        _line(4, NOW + 3, outcome="refused"),
    ]
    for line in reversed(lines):
        store.put(line)
    assert await written(store)
    assert await read(store, AuditQuery()) == lines[::-1]
    assert await read(store, AuditQuery(station="cp-2")) == [lines[1]]
    assert await read(store, AuditQuery(backend="b", station="cp-1")) == [lines[2]]
    assert await read(store, AuditQuery(outcome="refused")) == [lines[3]]
    assert await read(store, AuditQuery(limit=1)) == [lines[3]]
    assert await read(store, AuditQuery(station="x' OR '1'='1")) == []


async def test_parts_fit_together(opened: Open) -> None:
    """Parts that follow one another by cursor give each line once, also those of the same moment."""
    store = await opened()
    lines = [_line(number, NOW + number // 7 / 3) for number in range(40)]
    for line in lines:
        store.put(line)
    assert await written(store)
    seen: list[AuditRecord] = []
    while part := await read(store, AuditQuery(limit=6, after=read_cursor(write_cursor(seen[-1])) if seen else None)):
        seen += part
        store.put(_line(100 + len(seen), NOW + 100))  # what is new does not disturb who reads on
        assert await written(store)
    assert seen == lines[::-1]


async def test_a_database_that_is_away() -> None:
    """A trail that cannot be read says so in time."""
    engine = open_engine(read_address("postgresql://nobody@127.0.0.1:1/x"), 1)
    with pytest.raises(StoreAway, match="does not answer"):
        await AuditTrail(2.0).read(engine, AuditQuery())
    await engine.dispose()


@pytest.mark.parametrize("text", ["", "tea", "W10=", "WzEsMl0=", "bnVsbA==", "WzEuMCwgIicifV0=", "=" * 50, "é"])
def test_what_is_no_cursor(text: str) -> None:
    """A cursor that nobody gave out is refused."""
    with pytest.raises(ValueError, match="no cursor"):
        read_cursor(text)
