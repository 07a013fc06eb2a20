"""How many rows of each kind a station may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from tests.store.conftest import NOW, Open
from tests.store.test_csms_rounds import write
from voltgate.csms.model import (
    Connector,
    MeterValue,
    Note,
    Profile,
    Report,
    SigningRequest,
    Station,
    StatusChange,
    Transaction,
    Variable,
)
from voltgate.csms.ports import Needs
from voltgate.store import Database
from voltgate.store.csms.bounds import Bounds
from voltgate.store.csms.shapes import shape
from voltgate.store.csms.store import CsmsStore

MOST = 5
Make = Callable[[str, int], Any]
BOUNDED: dict[str, Make] = {
    "connectors": lambda key, n: Connector(key, n, 1, "Available", at=NOW + n),
    "statuses": lambda key, n: StatusChange(key, 1, 1, NOW - n, NOW + n, "Available"),
    "notes": lambda key, n: Note(key, "NotifyEvent", NOW - n, NOW + n, "", b"{}"),
    "variables": lambda key, n: Variable(key, f"Component{n}", "V", "Actual", "1", "ReadOnly", b"{}", NOW + n),
    "profiles": lambda key, n: Profile(key, 1, n, "CSO", "TxProfile", 0, NOW + n, b"{}"),
    "reports": lambda key, n: Report(key, "NotifyReport", n, NOW + n, NOW - n),
    "certificates": lambda key, n: SigningRequest(key, n, "", "-----BEGIN", NOW, "signed"),
}
"""The nth row of each kind of a station."""


async def told(database: Database, kind: type, key: str) -> list[Any]:
    """Return the rows of a kind of a station."""
    mine = shape(kind)
    async with database.there().connect() as connection:
        found = await connection.execute(select(*mine.columns).where(mine.table.c.station == key))
        return [mine.kind(*row) for row in found]


@pytest.mark.parametrize("name", BOUNDED)
async def test_what_a_station_tells_is_bounded(opened: Open, name: str) -> None:
    """What it told first goes first; the same again takes no place, and nothing goes of another station."""
    make, database = BOUNDED[name], await opened()
    store, kind = CsmsStore(database), type(make("", 0))
    store.bounds = Bounds(lambda: MOST)
    await write(store, *(make("cp-2", n) for n in range(MOST)))
    dropped = []
    for n in (*range(3), *range(3), *range(3, 8)):
        rows = [make("cp-1", n)]
        dropped.append(await store.round(Needs(stations={"cp-1": "CP-1"}), lambda found, rows=rows: rows))
    assert sum(dropped) == 3
    left = sorted(await told(database, kind, "cp-1"), key=repr)
    assert left == sorted((make("cp-1", n) for n in range(3, 8)), key=repr)
    assert len(await told(database, kind, "cp-2")) == MOST


async def test_many_at_once(opened: Open) -> None:
    """Of one message as well; and an action that is said all day takes nothing from the notes of another."""
    database = await opened()
    store = CsmsStore(database)
    store.bounds = Bounds(lambda: MOST)
    security = Note("cp-1", "SecurityEventNotification", NOW, NOW, "", b"{}")
    await write(store, security, *(BOUNDED["notes"]("cp-1", n) for n in range(20)))
    await write(store, *(BOUNDED["variables"](key, n) for n in range(20) for key in ("cp-1", "cp-2")))
    notes = await told(database, Note, "cp-1")
    assert len(notes) == 1 + MOST
    assert security in notes
    assert [len(await told(database, Variable, key)) for key in ("cp-1", "cp-2")] == [MOST, MOST]


async def test_transactions_are_not_bounded(opened: Open) -> None:
    database = await opened()
    store = CsmsStore(database)
    store.bounds = Bounds(lambda: MOST)
    for n in range(3 * MOST):
        value = MeterValue("cp-1", 1, str(n), NOW, NOW, 1.0, None, b"[]")
        await write(store, Station("cp-1", "CP-1"), Transaction("cp-1", str(n)), value)
    assert len(await told(database, Transaction, "cp-1")) == len(await told(database, MeterValue, "cp-1")) == 3 * MOST
    async with database.there().connect() as connection:
        assert (await connection.execute(select(func.count()).select_from(shape(Station).table))).scalar() == 1


async def test_it_is_looked_now_and_then(opened: Open) -> None:
    """Not at each call: a tenth more may be there."""
    database = await opened()
    store = CsmsStore(database)
    store.bounds = Bounds(lambda: 50)
    counts = []
    for n in range(70):
        await write(store, BOUNDED["variables"]("cp-1", n))
        counts.append(len(await told(database, Variable, "cp-1")))
    assert max(counts) == 54
    assert counts[-1] == 50
