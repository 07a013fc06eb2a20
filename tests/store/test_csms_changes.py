"""What an operator changes of the management system, beside the rounds that answer stations."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import pytest

from tests.store.conftest import NOW, Open
from tests.store.test_csms_rounds import write
from voltgate.csms.model import Connector, MeterValue, Network, Note, Row, Station, Token, Transaction
from voltgate.csms.ports import Found, Needs, StoreAway, Unfit
from voltgate.store.csms.networks import InUse, Networks
from voltgate.store.csms.queries import CsmsQueries, NoteFilter, TokenFilter, TransactionFilter
from voltgate.store.csms.stations import Stations
from voltgate.store.csms.store import CsmsStore
from voltgate.store.csms.tokens import Tokens
from voltgate.store.csms.work import Work

SITE = Network("site", "A site", interval=60)
CARD = Token("04e1", "04E1", holder="Ann", expires=NOW)


async def test_networks(opened: Open) -> None:
    """They are made once, changed in part, and deleted when nobody needs them any more."""
    database = await opened()
    networks, queries = Networks(Work(database)), CsmsQueries(database)
    stations = Stations(Work(database))
    assert await networks.create(SITE)
    assert not await networks.create(Network("site", "another"))
    changed = replace(SITE, currency="CHF", interval=None)
    assert await networks.change("site", currency="CHF", interval=None) == changed
    assert await networks.change("site") == changed
    assert await networks.change("none", name="x") is None
    assert await queries.network("site") == changed
    await stations.create(Station("cp-1", "CP-1", network="site"))
    with pytest.raises(InUse, match="1 stations are in it, and 0 tokens"):
        await networks.delete("site")
    await stations.delete("cp-1")
    assert await networks.delete("site")
    assert not await networks.delete("site")


async def test_tokens(opened: Open) -> None:
    """They are found whatever their case; many are written together, in place of those that are there."""
    database = await opened()
    tokens, queries = Tokens(Work(database)), CsmsQueries(database)
    assert await tokens.create(CARD)
    assert not await tokens.create(replace(CARD, holder="Bob"))
    assert await tokens.change("04E1", status="Blocked") == replace(CARD, status="Blocked")
    many = [Token(f"t{n:04}", f"T{n:04}", group="g") for n in reversed(range(1200))]
    assert await tokens.put([*many, replace(CARD, holder="Eve")]) == 1201
    assert await queries.token("04e1") == replace(CARD, holder="Eve")
    listed = await queries.list_tokens(TokenFilter(group="g"), limit=2)
    assert ([token.text for token in listed.rows], listed.total) == (["T0000", "T0001"], 1200)
    assert await tokens.delete("04E1")
    assert not await tokens.delete("04E1")


async def test_stations(opened: Open) -> None:
    """An operator's fields are changed, of one or of many; with a station goes what it has, not what it has done."""
    database = await opened()
    stations, queries = Stations(Work(database)), CsmsQueries(database)
    notes = [Note("cp-1", "DataTransfer", float(n), float(n), "", b"{}") for n in range(1200)]
    values = [MeterValue(key, 1, ref, 1.0, 1.0, 1.0, 1.0, b"") for key in ("cp-1", "cp-2") for ref in ("7", "8", "")]
    await write(CsmsStore(database), Connector("cp-1", 1, 1), Transaction("cp-1", "7"), *notes, *values)
    assert not await stations.create(Station("cp-1", "CP-1"))
    with pytest.raises(ValueError, match="not an operator's to change: seen"):
        await stations.change("cp-1", seen=5.0)
    changed = Station("cp-1", "CP-1", registration="Rejected")
    assert await stations.change("cp-1", registration="Rejected") == changed
    assert await stations.change("none", name="x") is None
    assert await stations.put({"cp-1": "other", "cp-2": "CP-2"}, {"cp-1": {"name": "One"}}) == 2
    assert await queries.station("cp-1") == replace(changed, name="One")
    assert await queries.station("cp-2") == Station("cp-2", "CP-2")
    with pytest.raises(ValueError, match="seen"):
        await stations.put({"cp-1": "CP-1"}, {"cp-1": {"seen": 5.0}})
    assert await stations.delete("cp-1")
    assert not await stations.delete("cp-1")
    assert await queries.connectors_of(["cp-1"]) == []
    assert (await queries.list_notes(NoteFilter(station="cp-1"))).total == 0
    assert [(await queries.list_meter_values("cp-1", ref)).total for ref in ("7", "8", "")] == [1, 0, 0]
    assert [(await queries.list_meter_values("cp-2", ref)).total for ref in ("7", "8", "")] == [1, 1, 1]
    assert (await queries.list_transactions(TransactionFilter(station="cp-1"))).total == 1


async def test_a_change_beside_rounds(opened: Open) -> None:
    """Rounds write what a station says, and an operator's change of the same station survives them, and they it."""
    database = await opened()
    store, stations = CsmsStore(database), Stations(Work(database))

    def hear(found: Found) -> Iterable[Row]:
        station = found.stations["cp-1"]
        station.seen = (station.seen or 0.0) + 1
        return [station]

    needs = Needs(stations={"cp-1": "CP-1"})
    await store.round(needs, hear)
    for n in range(10):
        await asyncio.gather(
            store.round(needs, hear),
            stations.change("cp-1", name=f"name {n}"),
            store.round(needs, hear),
            stations.put({"cp-1": "CP-1"}, {"cp-1": {"location": f"place {n}"}}),
        )
        station = await CsmsQueries(database).station("cp-1")
        assert station is not None
        assert (station.name, station.location, station.seen) == (f"name {n}", f"place {n}", 3.0 + 2 * n)


async def test_what_does_not_fit(opened: Open) -> None:
    """It is refused for what it is; nothing is written."""
    database = await opened()
    work = Work(database)
    long = "x" * 2000
    with pytest.raises(Unfit):
        await Networks(work).create(Network(long, ""))
    with pytest.raises(Unfit):
        await Tokens(work).put([CARD, Token(long, long)])
    with pytest.raises(Unfit):
        await Stations(work).change("cp-1", network=long)
    assert await CsmsQueries(database).token("04e1") is None


async def test_a_database_that_is_away(opened: Open) -> None:
    """It is said, whatever is asked of it."""
    database = await opened()
    await database.close()
    database._reason = "gone"
    work, queries = Work(database), CsmsQueries(database)
    for asked in (
        Networks(work).create(SITE),
        Tokens(work).put([CARD]),
        Stations(work).delete("cp-1"),
        queries.token("x"),
    ):
        with pytest.raises(StoreAway, match="gone"):
            await asked
