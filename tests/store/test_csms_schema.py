"""The tables of the management system: a database of the relay gets them and keeps what it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import URL, Connection, text

from tests.store.conftest import NOW, Open, emptied
from tests.store.test_database import ALL
from voltgate.app.database import revision, upgrade
from voltgate.csms.model import Profile, Transaction
from voltgate.csms.ports import Found, Needs
from voltgate.relay.records import AuditRecord
from voltgate.store import schema
from voltgate.store.address import POSTGRESQL, open_engine
from voltgate.store.csms import tables
from voltgate.store.csms.of_stations import StationQueries
from voltgate.store.csms.store import CsmsStore

BEFORE = "0004"
"""The last revision without these tables."""


async def test_the_scripts_make_the_tables(address: URL) -> None:
    """A database that was upgraded has what the program works with: no table, column or index more or less."""
    await upgrade(address)

    def differences(connection: Connection) -> Any:
        options = {"include_name": lambda name, kind, parents: kind != "table" or name in tables.metadata.tables}
        return compare_metadata(MigrationContext.configure(connection, opts=options), tables.metadata)

    engine = open_engine(address, 5.0)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def at_revision(address: URL, older: str, *statements: str) -> None:
    """Make a database of an older version, in which statements were run."""
    if address.drivername == POSTGRESQL:
        await emptied(address)
    else:
        Path(str(address.database)).parent.mkdir()
    engine = open_engine(address, 5.0)
    await schema.upgrade(engine, older)
    await run(address, *statements)
    await engine.dispose()


async def run(address: URL, *statements: str) -> None:
    """Run statements, as a program of any version may."""
    engine = open_engine(address, 5.0)
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))
    await engine.dispose()


async def test_a_database_of_the_relay(address: URL, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the relay has written stays as it was, and can be read from before and after."""
    await at_revision(address, BEFORE)
    with monkeypatch.context() as older:
        older.setattr(schema, "expanded", lambda: BEFORE)
        older.setattr(schema, "wanted", lambda: BEFORE)
        store = await opened()
        for record in ALL:
            if not isinstance(record, AuditRecord):  # what is written of these today has a place in a chain
                store.put(record)
        page = await store.pages.load("cp-1")
        assert len(page.transactions) == 1
        await store.close()
    assert await revision(address) == BEFORE
    await upgrade(address)
    assert await (await opened()).pages.load("cp-1") == page


def written_by_0005(ref: str, state: str) -> str:
    """Return what a program of 0005 runs to write a transaction of 2.x."""
    return f"""
        INSERT INTO csms_transactions (station, ref, network, version, token, token_kind, "group", stop_token, state,
            charging_state, reason, "trigger", estimated, offline, seq, missing, begun_by, currency, cost_data,
            token_id, began, energy)
        VALUES ('cp-1', '{ref}', 'main', 'ocpp2.0.1', '', '', '', '', '{state}', '', '', '', '', false, 2, '', '', '',
            '', '', {NOW}, 1500)
    """


PROFILE_OF_0005 = f"""
    INSERT INTO csms_profiles (station, evse, profile, source, purpose, stack_level, at, data)
    VALUES ('cp-1', 1, 5, 'EMS', 'TxProfile', 0, {NOW}, '')
"""


async def test_profiles_of_0005(address: URL, opened: Open) -> None:
    """Stations have reported them, and have them."""
    await at_revision(address, "0005", PROFILE_OF_0005)
    await upgrade(address)
    (row,) = (await StationQueries(await opened()).list_profiles("cp-1")).rows
    assert row == Profile("cp-1", 1, 5, "EMS", "TxProfile", 0, NOW, b"", "station", cleared=False)


async def test_transactions_of_0005(address: URL, opened: Open) -> None:
    """They are known by their ids as before; so are those that a program of 0005 writes while it still runs."""
    await at_revision(address, "0005", written_by_0005("T1", "ended"))
    await upgrade(address)
    await run(address, written_by_0005("T2", "running"))
    found: list[Found] = []
    needs = Needs(stations={"cp-1": "CP-1"}, transactions={("cp-1", "T1"), ("cp-1", "T2")}, called={("cp-1", "T1")})

    def decide(seen: Found) -> list[Transaction]:
        found.append(seen)
        return [Transaction("cp-1", "T1~2", called="T1", nth=2)]

    store = CsmsStore(await opened())
    await store.round(needs, decide)
    await store.round(needs, decide)
    assert [
        {tx.ref: (tx.transaction_id, tx.nth, tx.energy) for tx in each.transactions.values()} for each in found
    ] == [
        {"T1": ("T1", 1, 1500), "T2": ("T2", 1, 1500)},
        {"T1": ("T1", 1, 1500), "T2": ("T2", 1, 1500), "T1~2": ("T1", 2, None)},
    ]
