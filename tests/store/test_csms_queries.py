"""What people ask of the management system: parts of lists, and that no part is found by looking at everything."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.store.conftest import NOW, Open
from tests.store.test_csms_rounds import ALL, OTHERS, TX, write
from voltgate.csms.model import Connector, Network, Note, Reservation, Station, StatusChange, Token, Transaction
from voltgate.store import Database
from voltgate.store.address import POSTGRESQL
from voltgate.store.csms.listing import COUNTED, Listed
from voltgate.store.csms.queries import (
    ConnectorFilter,
    CsmsQueries,
    NoteFilter,
    ReservationFilter,
    StationFilter,
    TokenFilter,
    Total,
    TransactionFilter,
    TransactionSort,
)
from voltgate.store.csms.store import CsmsStore

Read = Callable[[str | None], Awaitable[Listed[Any]]]


async def through(read: Read) -> list[Any]:
    """Read a list to its end, a part at a time."""
    rows: list[Any] = []
    part = await read(None)
    rows += part.rows
    while part.after is not None:
        part = await read(part.after)
        assert part.rows
        rows += part.rows
    assert (part.total, part.more) == (len(rows), False)
    return rows


def some(n: int) -> Transaction:
    """Return one of some transactions; every fifth has not begun, as far as is known, every third runs."""
    ended = None if n % 3 == 0 else NOW + 60 * (n // 4)
    return Transaction(
        f"cp-{n % 4}",
        str(n),
        network=f"n{n % 2}",
        evse=n % 3,
        token=f"TAG{n % 5}",
        began=None if n % 5 == 0 else NOW + n // 4,
        ended=ended,
        state="running" if ended is None else "ended",
        energy=None if ended is None else 1000.5,
        cost=None if ended is None else 10 * n,
        currency="EUR" if n % 2 else "CHF",
        estimated="the connector was free again" if n % 7 == 1 else "",
    )


@pytest.fixture
async def queries(opened: Open) -> CsmsQueries:
    """A database with forty transactions."""
    database = await opened()
    await write(CsmsStore(database), *(some(n) for n in range(40)))
    return CsmsQueries(database)


CHOICES: list[tuple[TransactionFilter, Callable[[Transaction], bool]]] = [
    (TransactionFilter(), lambda tx: True),
    (TransactionFilter(station="cp-1"), lambda tx: tx.station == "cp-1"),
    (TransactionFilter(network="n1", state="ended"), lambda tx: tx.network == "n1" and tx.state == "ended"),
    (TransactionFilter(networks=["n0"]), lambda tx: tx.network == "n0"),
    (TransactionFilter(token="tag2"), lambda tx: tx.token == "TAG2"),
    (TransactionFilter(evse=0, state="running"), lambda tx: tx.evse == 0 and tx.state == "running"),
    (TransactionFilter(estimated=True), lambda tx: tx.estimated != ""),
    (TransactionFilter(estimated=False), lambda tx: tx.estimated == ""),
    (TransactionFilter(began_from=NOW + 2, began_to=NOW + 5), lambda tx: NOW + 2 <= (tx.began or 0) < NOW + 5),
    (TransactionFilter(ended_from=NOW + 120), lambda tx: (tx.ended or 0) >= NOW + 120),
    (TransactionFilter(ended_to=NOW + 120), lambda tx: tx.ended is not None and tx.ended < NOW + 120),
    (TransactionFilter(text="CP-3"), lambda tx: tx.station == "cp-3"),
    (TransactionFilter(text="tag4"), lambda tx: tx.token == "TAG4"),
    (TransactionFilter(text="17", network="n1"), lambda tx: tx.ref == "17"),
    (TransactionFilter(text="nobody"), lambda tx: False),
]


@pytest.mark.parametrize(("sort", "backwards"), [("began", True), ("began", False), ("ended", True), ("ended", False)])
async def test_transactions(queries: CsmsQueries, sort: TransactionSort, backwards: bool) -> None:
    """Read in parts, a list has all that is meant, once, in order; what has no time comes last."""

    def rank(tx: Transaction) -> Any:
        return getattr(tx, sort) or 0.0, tx.station, tx.ref

    for wanted, is_meant in CHOICES:
        meant = sorted(filter(is_meant, map(some, range(40))), key=rank, reverse=backwards)
        meant.sort(key=lambda tx: getattr(tx, sort) is None)
        for limit in (3, 100):

            async def read(after: str | None, limit: int = limit, wanted: TransactionFilter = wanted) -> Listed[Any]:
                return await queries.list_transactions(wanted, sort, after, limit, backwards=backwards)

            assert await through(read) == meant
        totals = await queries.total_transactions(wanted)
        assert sum(total.transactions for total in totals) == len(meant)
        assert sum(total.cost for total in totals) == sum(tx.cost or 0 for tx in meant)


async def test_totals(queries: CsmsQueries) -> None:
    """Energy, cost and time are added up by currency; what is not known adds nothing."""
    ended = [tx for tx in map(some, range(40)) if tx.station == "cp-1" and tx.ended is not None]
    seconds = sum((tx.ended or 0) - tx.began for tx in ended if tx.began is not None)
    total = Total("EUR", 10, 1000.5 * len(ended), sum(tx.cost or 0 for tx in ended), seconds)
    assert await queries.total_transactions(TransactionFilter(station="cp-1")) == [total]
    assert await queries.total_transactions(TransactionFilter(station="other")) == []


async def test_cursors(queries: CsmsQueries) -> None:
    """One that is none, or of another list, is refused."""
    part = await queries.list_transactions(TransactionFilter(), limit=1)
    assert part.after is not None
    for cursor in ("", "x", "W10=", "WzFd", "WyJiZWdhbiJd", part.after[:-4]):
        with pytest.raises(ValueError, match="cursor"):
            await queries.list_transactions(TransactionFilter(), after=cursor)
    with pytest.raises(ValueError, match="of this list"):
        await queries.list_transactions(TransactionFilter(), "ended", after=part.after)


async def test_the_other_lists(opened: Open) -> None:
    """Each is read in parts, and filtered by what it is looked through for."""
    database = await opened()
    store, queries = CsmsStore(database), CsmsQueries(database)
    await write(store, *ALL, *OTHERS)
    stations = [Station(f"s{n}", f"S{n}", network=f"n{n % 2}", vendor=f"V_{n}", connected=n < 3) for n in range(5)]
    connectors = [Connector(f"s{n}", n, 1, "Faulted" if n % 2 else "Available") for n in range(5)]
    tokens = [Token(f"t{n}", f"T{n}", group="g" if n < 2 else "", holder=f"Holder {n}%") for n in range(5)]
    networks = [Network(f"n{n}", f"N{n}") for n in range(5)]
    made = [Reservation("s1", n, 1, "T1", "", "", NOW, NOW + n, "Used" if n < 2 else "Accepted") for n in range(5)]
    notes = [Note("s1", f"Kind{n % 2}", NOW, NOW + n, str(n), b"{}") for n in range(5)]
    changes = [StatusChange("s1", n % 2, 1, NOW + n, NOW, "Available") for n in range(5)]
    await write(store, *stations, *connectors, *tokens, *networks, *made, *notes, *changes)

    def of(method: Any, *wanted: Any, **more: Any) -> Read:
        return lambda after: method(*wanted, after=after, limit=2, **more)

    assert (await through(of(queries.list_stations, StationFilter())))[1:] == stations
    assert (
        await through(of(queries.list_stations, StationFilter(connected=True, network="n0")))
        == [
            ALL[1],
            stations[0],
            stations[2],
        ][1:]
    )
    assert await through(of(queries.list_stations, StationFilter(text="v_3"))) == stations[3:4]
    assert await through(of(queries.list_stations, StationFilter(text="_"))) == stations
    assert await through(of(queries.list_stations, StationFilter(networks=["n1"]))) == stations[1::2]
    for glob, keys in {
        "*": 5,
        "s?": 5,
        "s3": 1,
        "S*": 0,
        "s": 0,
        "*4": 1,
        "s.*": 0,
        "s[0-9]": 0,
        "s_": 0,
        "%": 0,
    }.items():
        matching = StationFilter(match=glob, networks=["n0", "n1"])
        assert len(await through(of(queries.list_stations, matching))) == keys, glob
    assert await queries.keys_of_stations(StationFilter(match="s*"), 3) == ["s0", "s1", "s2"]
    assert await queries.count_stations() == {"main": (1, 1), "n0": (3, 2), "n1": (2, 1)}
    assert await queries.station("s1") == stations[1]
    assert await queries.station("none") is None
    assert await queries.connectors_of(["s1", "s2"]) == connectors[1:3]
    assert (await through(of(queries.list_connectors, ConnectorFilter())))[1:] == connectors
    assert await through(of(queries.list_connectors, ConnectorFilter(status="Faulted"))) == connectors[1::2]
    assert await through(of(queries.list_tokens, TokenFilter(group="g"))) == tokens[:2]
    assert await through(of(queries.list_tokens, TokenFilter(text="HOLDER 4%"))) == tokens[4:]
    assert await queries.token("T1") == tokens[1]
    assert (await through(of(queries.list_networks)))[1:] == networks
    assert await queries.network("n1") == networks[1]
    assert await through(of(queries.list_reservations, ReservationFilter(status="Used"))) == made[1::-1]
    assert await through(of(queries.list_notes, NoteFilter(station="s1"))) == notes[::-1]
    assert await through(of(queries.list_notes, NoteFilter(kind="Kind1", since=NOW + 2))) == notes[3:4]
    assert await through(of(queries.list_status_changes, "s1")) == changes[::-1]
    assert await through(of(queries.list_status_changes, "s1", evse=1)) == changes[3::-2]
    assert await through(of(queries.list_meter_values, "cp-1", "7")) == [
        value for value in OTHERS if type(value).__name__ == "MeterValue" and not setattr(value, "power", None)
    ]
    assert await queries.transaction("cp-1", "7") == TX


MANY = 20_000

_NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY - 1})"
_TRANSACTIONS = f"""
INSERT INTO csms_transactions (station, ref, network, version, evse, connector, token, token_kind, "group", stop_token,
    began, ended, energy, state, charging_state, reason, "trigger", estimated, offline, seq, missing, begun_by,
    currency, cost, cost_data, token_id)
{_NUMBERS}
SELECT 'cp-' || (i % 101), CAST(i AS TEXT), 'n' || (i % 51), 'ocpp1.6', i % 2 + 1, 1, 'T', '', '', '',
    {NOW} + i, CASE WHEN i % 100 > 0 THEN {NOW} + i + 3600 END, 1000, CASE WHEN i % 100 > 0 THEN 'ended' ELSE 'running'
    END, '', '', '', CASE WHEN i % 100 = 7 THEN 'gone' ELSE '' END, false, 0, '', '', 'EUR', 250, '', 't' || (i % 103)
FROM n
"""
_NOTES = f"""
INSERT INTO csms_notes (station, kind, at, received, about, data, digest)
{_NUMBERS}
SELECT 'cp-' || (i % 101), 'Kind' || (i % 97), {NOW} + i, {NOW} + i, '', '', i FROM n
"""
_CONNECTORS = f"""
INSERT INTO csms_connectors (station, evse, connector, status, error_code, info, vendor_error, reported)
{_NUMBERS}
SELECT 'cp-' || (i / 2), i % 2, 1, CASE WHEN i % 100 = 0 THEN 'Faulted' ELSE 'Available' END, '', '', '', '' FROM n
"""


async def many(database: Database) -> None:
    """Fill a database with many rows, and let it look at them."""
    async with database.there().begin() as connection:
        for statement in (_TRANSACTIONS, _NOTES, _CONNECTORS, "ANALYZE"):
            await connection.execute(text(statement))


@contextmanager
def asked(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Note the statements that are run meanwhile."""
    statements: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *more: Any) -> None:
        if statement.startswith("SELECT") and "csms_" in statement:
            statements.append((statement, parameters))

    engine = database.there().sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


async def plan(database: Database, statement: str, parameters: Any) -> str:
    """Return how the database would go about a statement."""
    shared = database.there().dialect.name == POSTGRESQL
    async with database.there().connect() as connection:
        word = "EXPLAIN" if shared else "EXPLAIN QUERY PLAN"
        rows = await connection.exec_driver_sql(f"{word} {statement}", parameters)
        return "\n".join(str(row[0] if shared else row[3]) for row in rows)


_SORTS = re.compile(r"(?<!Incremental )Sort  .* rows=(\d+) ")
_SCANS = re.compile(r"Seq Scan on csms|SCAN csms_\w+$|TEMP B-TREE FOR ORDER BY$", re.MULTILINE)
_FEW = 50
"""Rows that may be sorted: PostgreSQL prefers that where no more are left."""


def is_amiss(found: str) -> bool:
    """Return whether all rows are looked at, or all that match are sorted."""
    return bool(_SCANS.search(found)) or any(int(rows) > _FEW for rows in _SORTS.findall(found))


SORTED: list[tuple[TransactionSort, TransactionFilter, str]] = [
    ("began", TransactionFilter(), "began"),
    ("began", TransactionFilter(station="cp-7"), "station_began"),
    ("began", TransactionFilter(station="cp-7", evse=2, state="ended"), "station"),
    ("began", TransactionFilter(network="n7"), "network_began"),
    ("began", TransactionFilter(network="n7", began_from=NOW + 100, began_to=NOW + 19_000), "network_began"),
    ("began", TransactionFilter(began_from=NOW + 100, began_to=NOW + 19_000), "began"),
    ("began", TransactionFilter(token="T7"), "token_id_began"),
    ("began", TransactionFilter(state="running"), "running"),
    ("began", TransactionFilter(estimated=True), "estimated"),
    ("ended", TransactionFilter(), "ended"),
    ("ended", TransactionFilter(station="cp-7"), "station_ended"),
    ("ended", TransactionFilter(network="n7", state="ended"), "network_ended"),
    ("ended", TransactionFilter(network="n7", ended_from=NOW + 5000), "network_ended"),
    ("ended", TransactionFilter(ended_to=NOW + 9000), "ended"),
    ("ended", TransactionFilter(state="running"), "running"),
]
"""Each sort with each common filter, and how the name of the index goes on that there is for it."""


async def test_no_list_looks_at_everything(opened: Open) -> None:
    """Each part of a list comes from an index that has it in order, the first one and those further on."""
    database = await opened(patience=30)
    await many(database)
    queries = CsmsQueries(database)
    reads: list[tuple[Read, str]] = [
        (partial(_transactions_of, queries, wanted, sort, backwards), f"ix_csms_transactions_{index}")
        for sort, wanted, index in SORTED
        for backwards in (True, False)
    ]
    for note, index in (
        (NoteFilter(), "received"),
        (NoteFilter(station="cp-7"), "station_received"),
        (NoteFilter(kind="Kind7"), "kind_received"),
    ):
        reads.append((partial(queries.list_notes, note, limit=10), f"ix_csms_notes_{index}"))
    for wanted in (ConnectorFilter(), ConnectorFilter(status="Faulted"), ConnectorFilter(station="cp-7")):
        reads.append(
            (partial(queries.list_connectors, wanted, limit=10), "ix_csms_connectors_status" if wanted.status else "")
        )
    amiss = []
    for read, index in reads:
        with asked(database) as statements:
            await read((await read(None)).after)
        for statement, parameters in statements:
            found = "" if "count(" in statement else await plan(database, statement, parameters)
            is_first = " IS NULL" not in statement
            if found and (is_amiss(found) or (is_first and index not in found)):
                amiss.append(f"{statement}\n{parameters}\n{found}")
    assert amiss == []


async def _transactions_of(
    queries: CsmsQueries, wanted: TransactionFilter, sort: TransactionSort, backwards: bool, after: str | None
) -> Listed[Transaction]:
    return await queries.list_transactions(wanted, sort, after, 10, backwards=backwards)


async def test_a_total_is_bounded(opened: Open) -> None:
    """Only so many are counted; that there are more is told."""
    database = await opened(patience=30)
    await many(database)
    queries = CsmsQueries(database)
    part = await queries.list_transactions(TransactionFilter(), limit=1)
    assert (part.total, part.more) == (COUNTED, True)
    part = await queries.list_transactions(TransactionFilter(token="T7"), limit=1)
    assert (part.total, part.more) == (195, False)
