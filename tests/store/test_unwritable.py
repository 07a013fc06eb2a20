"""Whatever comes over the wire, the database goes on: for its station, for the others, and for those who wait."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.store.conftest import NOW, Open, still, written
from tests.store.test_database import ASKED, INVITED, KNOWN, NUMBERED, OWED, RUNNING, until
from tests.store.test_journal import lease, piece
from voltgate.ocpp.counts import FAULTS
from voltgate.relay.records import Piece, RegisterRecord
from voltgate.store import Database, database
from voltgate.store.address import read_address
from voltgate.store.aging import measure_journal
from voltgate.store.audit import AuditQuery, AuditTrail
from voltgate.store.columns import LONGEST, LONGEST_KEY, Key, Whole, Words
from voltgate.store.tables import TABLES
from voltgate.store.verifying import verify

TEXTS = {
    "NUL": "EMP\0",
    "half a surrogate": "EMP\ud800",
    "two halves": "\ud83d\ude00",
    "both": "\0\ud800é😀\\x00",
    "what is kept otherwise": "\ufdd0EMP\\x00",
    "letters": "Ärger 😀 \\x00",
}
"""What stations and backends put into a text; the first was seen in the field."""
UNWRITABLE = replace(NUMBERED, number=2**63, theirs=2**63)
"""The number of a reservation that a backend made up: no column holds it, and no other number may stand for it."""


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_any_text_is_kept(opened: Open, text: str) -> None:
    """A text comes back as it was, of every kind of record, in keys as well; what is delivered is not touched."""
    store = await opened()
    transaction = replace(RUNNING, ref=text, id=text, token=text, owner=text, data=b'"\\u0000\xc3\xa9"')
    owed = replace(OWED, action=text, message_id=text, transaction=text, payload=b'{"idTag":"\\u0000\xff\0"}')
    audit = replace(ASKED, answer=text, detail=text, message_id=text)
    facts = replace(KNOWN, name=text), replace(KNOWN, name="EMP\ufffd")
    number, invited = replace(NUMBERED, kind=text), replace(INVITED, ref=text, backend=text)
    for record in (transaction, owed, audit, number, invited, *facts, RegisterRecord("waiting", text, NOW, b"\0")):
        store.put(record)
    page = await store.pages.load("cp-1")
    assert (page.transactions, page.owed, page.numbers, page.invitations) == (
        (transaction,),
        (owed,),
        (number,),
        (invited,),
    )
    assert sorted(page.facts, key=repr) == sorted(facts, key=repr)
    assert (await piece(store)).transactions == (transaction,)
    assert store.engine is not None
    assert [link.record for link in await AuditTrail().read(store.engine, AuditQuery())] == [audit]
    assert (await verify(store.engine)).is_whole
    assert [record.name for record in await store.read_register()] == [text]
    for record in (transaction, owed, facts[0]):
        store.strike(record)
    page = await store.pages.load("cp-1")
    assert (page.transactions, page.owed, page.facts) == ((), (), facts[1:])
    assert store.state.unwritable == 0


@pytest.mark.parametrize("connector", [2**63, -(2**63) - 1, 3_000_000_000, 10**400], ids=["63", "-63", "3e9", "e400"])
async def test_a_connector_that_there_is_not(opened: Open, connector: int) -> None:
    """The transaction of a connectorId that no column holds is kept, without a connector."""
    store = await opened()
    store.put(replace(RUNNING, connector=connector))
    assert await written(store)
    assert (await store.pages.load("cp-1")).transactions == (replace(RUNNING, connector=None),)
    assert store.state.unwritable == 0


@pytest.mark.parametrize(
    ("at", "kept"),
    [(float("nan"), 1e12), (float("inf"), 1e12), (-1e300, 0.0), (10**400, 1e12)],
    ids=["nan", "inf", "-e300", "e400"],
)
async def test_a_time_that_is_none(opened: Open, at: float, kept: float) -> None:
    """A time out of any calendar is brought into it."""
    store = await opened()
    store.put(replace(RUNNING, began=at))
    assert (await store.pages.load("cp-1")).transactions == (replace(RUNNING, began=kept),)
    assert store.state.unwritable == 0


async def test_a_text_without_end(opened: Open) -> None:
    """What is only looked at is cut; what tells records apart is not, and a message goes out whole."""
    store = await opened()
    owed = replace(OWED, payload=b"x" * 1_000_000)
    store.put(replace(RUNNING, token="E" * 100_000))
    store.put(owed)
    for name in ("n" * LONGEST_KEY, "\0" * LONGEST_KEY, "n" * (LONGEST_KEY + 1), "n" * 100_000):
        store.put(replace(KNOWN, name=name))
    page = await store.pages.load("cp-1")
    assert page.transactions == (replace(RUNNING, token="E" * LONGEST),)
    assert page.owed == (owed,)
    assert [record.name for record in page.facts] == ["n" * LONGEST_KEY]
    assert store.state.unwritable == 3


@pytest.mark.parametrize("deleted", [False, True])
async def test_a_record_that_cannot_be_written_stands_alone(opened: Open, deleted: bool) -> None:
    """It is set aside, logged without what it holds, and counted; its batch and the others are on disk."""
    store = await opened()
    heard: dict[str, bool] = {}
    with capture_logs() as logs:
        for n in range(100):
            store.put(replace(OWED, station=f"cp-{n}", seq=1))
            if n == 70:
                (store.strike if deleted else store.put)(replace(UNWRITABLE, station="cp-70", backend="hunter2"))
            store.after(partial(heard.__setitem__, f"cp-{n}"), f"cp-{n}")
        pages = await asyncio.gather(*(store.pages.load(f"cp-{n}") for n in range(100)))
    assert all(len(page.owed) == 1 for page in pages)
    assert pages[70].numbers == ()
    assert [station for station, on_disk in heard.items() if not on_disk] == ["cp-70"]
    assert len(heard) == 100
    assert (store.state.unwritable, store.state.written, store.state.reason) == (1, 100, None)
    (entry,) = (entry for entry in logs if entry["log_level"] == "error")
    assert (entry["kind"], entry["station"]) == ("NumberRecord", "cp-70")
    assert not {"hunter2", str(2**63)} & set(map(str, entry.values()))
    assert "922337" not in str(entry)


async def test_what_only_the_database_knows(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no column objects to and the database does is found by halves, and stands alone as well."""
    for column in (Whole, Key, Words):
        monkeypatch.setattr(column, "process_bind_param", lambda _, value, __: value)
    store = await opened(patience=30)
    for n in range(50):
        store.put(replace(OWED, seq=n + 1))
        if n % 20 == 0:
            store.put(replace(UNWRITABLE, number=2**63 + n, station=f"cp-{n}"))
            store.put(replace(KNOWN, name=f"half \ud800 {n}"))
    page = await store.pages.load("cp-1")
    assert (page.debts[0].messages, page.facts) == (50, ())
    assert (store.state.unwritable, store.state.pending, store.state.reason) == (6, 0, None)


async def test_whoever_waits_for_everything_waits_for_that_record(opened: Open) -> None:
    """Without the name of a station each of them counts; what is put later is no matter."""
    store = await opened()
    store.put(UNWRITABLE)
    store.put(replace(OWED, station="cp-2"))
    assert not await written(store)
    store.put(OWED)
    assert await written(store)


async def test_only_such_records(opened: Open) -> None:
    """A thousand of them at once are set aside, and what came between them is on disk."""
    store = await opened(patience=30)
    for n in range(1000):
        store.put(replace(UNWRITABLE, number=2**63 + n))
        if n % 100 == 0:
            store.put(replace(OWED, seq=n + 1))
    assert (await store.pages.load("cp-1")).debts[0].messages == 10
    assert (store.state.unwritable, store.state.pending, store.state.reason) == (1000, 0, None)


async def test_a_line_of_the_audit_trail_that_cannot_be_written(opened: Open) -> None:
    """Nobody has to wait for it in vain."""
    store = await opened()
    store.put(replace(ASKED, station="n" * 2000))
    store.put(OWED)
    assert await written(store)
    assert store.state.unwritable == 1


async def test_what_a_caller_does_wrong_stays_its_own(opened: Open) -> None:
    """A callback that raises is logged and counted; whoever else waits is served, and so is whoever comes next."""
    store = await opened()
    faults = FAULTS.faults
    heard: list[Any] = []
    with capture_logs() as logs:
        store.put(OWED)
        store.after(_unhashable)
        store.after(heard.append)
        store.read_owed("cp-1", "b", (), _unhashable)
        store.read_owed("cp-1", "b", (), heard.append)
        store.lease("cp-1", _unhashable)
        store.lease("cp-1", heard.append)
        await until(lambda: len(heard) == 3)
    assert heard[0] is True
    assert FAULTS.faults == faults + 3
    assert len([entry for entry in logs if entry.get("exc_info")]) == 3
    store.put(replace(OWED, seq=2))
    assert await written(store)
    assert (store.state.reason, store.state.faults) == (None, 0)


def _unhashable(_: object) -> None:
    assert {} in {"BootNotification"}


async def test_a_caller_that_has_gone(opened: Open) -> None:
    """Somebody who does not wait for a page any more stops nobody."""
    store = await opened()
    gone = asyncio.ensure_future(store.pages.load("cp-1"))
    await asyncio.sleep(0)
    gone.cancel()
    assert (await store.pages.load("cp-1")).station == "cp-1"


async def test_a_task_that_fails_begins_again(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected is logged and shown, and the writer goes on."""
    store = await opened()
    failing = _failing(2)
    monkeypatch.setattr(database, "read_pages", failing)
    with capture_logs() as logs, pytest.raises(database.StoreAway):
        await store.pages.load("cp-1")
    assert store.state.reason == "a fault of Voltgate: RuntimeError"
    store.put(OWED)
    assert await written(store)
    monkeypatch.undo()
    await until(lambda: store.state.reason is None)
    assert (await store.pages.load("cp-1")).owed == (OWED,)
    assert store.state.faults == 1
    assert [entry["task"] for entry in logs if "fault" in entry["event"]] == ["store writing"]


async def test_who_asks_of_a_task_that_fails_is_told_at_once(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A station that comes in meanwhile does not wait until the patience with the database is over."""
    store = await opened(patience=60.0)
    monkeypatch.setattr(store, "_write", _failing(1))
    async with asyncio.timeout(20):
        with pytest.raises(database.StoreAway, match="a fault of Voltgate: RuntimeError"):
            await store.pages.load("cp-1")


async def test_what_looks_at_the_journal_begins_again(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal is looked at again after a look that failed."""
    monkeypatch.setattr(database, "measure_journal", _failing(1, (7, NOW - 5, 900)))
    store = await opened()
    await until(lambda: store.state.owed == 7)
    assert store.state.faults == 1
    assert await lease(store) is not None


def _failing(times: int, then: object = None) -> Any:
    """Fail so often, and work then."""
    left = [times]

    async def work(*_: object) -> object:
        left[0] -= 1
        if left[0] >= 0:
            raise RuntimeError("nobody expected this")
        return then

    return work


async def test_what_cannot_be_read_back(opened: Open) -> None:
    """A row that somebody has spoilt comes with the rest of the page; whoever can make nothing of it has it counted."""
    store = await opened()
    bad = replace(RUNNING, data=b"{"), replace(KNOWN, data=b"\xff"), replace(INVITED, data=b"")
    for record in (*bad, OWED):
        store.put(record)
    page = await store.pages.load("cp-1")
    assert (*page.transactions, *page.facts, *page.invitations) == bad
    assert await piece(store) == Piece((OWED,), (bad[0],))
    with capture_logs() as logs:
        for record in (*bad, *bad):
            store.spoilt(record)
    assert store.state.unreadable == 3
    assert [(line["table"], line["key"]) for line in logs] == [
        ("transactions", ("cp-1", "t1")),
        ("facts", ("cp-1", "boot")),
        ("invitations", ("cp-1", "i1")),
    ]


async def test_a_text_of_no_encoding(tmp_path: Path) -> None:
    """A damaged text in one row of a file keeps nobody from reading the others."""
    address = read_address("sqlite:///x.db", tmp_path)
    store = Database(address, wall=still())
    await store.open()
    store.put(RUNNING)
    store.put(KNOWN)
    assert await written(store)
    with sqlite3.connect(tmp_path / "x.db") as other:
        other.execute("UPDATE transactions SET token = CAST(x'ff41' AS TEXT)")
    other.close()
    page = await store.pages.load("cp-1")
    assert (page.transactions, page.facts) == ((replace(RUNNING, token="\udcffA"),), (KNOWN,))
    await store.close()


COLUMNS = [
    (table, column.name)
    for table in TABLES.values()
    for column in table.columns
    if column.name not in {"station", "ref", "name", "kind"}
]
"""What may hold anything in a file, keys aside."""


def by_hand(file: Path, statement: str, *values: object) -> None:
    """Change a file as somebody does who knows of no gateway."""
    with closing(sqlite3.connect(file)) as other, other:
        other.execute(statement, values)


@pytest.mark.parametrize("value", ["no", b"\xff", 5, 0.5], ids=repr)
async def test_a_column_of_another_kind(tmp_path: Path, value: object) -> None:
    """SQLite takes anything in any column: a row that somebody wrote by hand keeps nobody from reading the others."""
    store = Database(read_address("sqlite:///x.db", tmp_path), wall=still())
    await store.open()
    mine = RUNNING, KNOWN, INVITED, NUMBERED, OWED
    for record in (*mine, ASKED, RegisterRecord("key", "callbacks", NOW, b"k")):
        store.put(record)
        if "station" in type(record).__slots__ and record in mine:
            store.put(replace(record, station="cp-2"))
    assert await written(store)
    before, engine = await store.pages.load("cp-1"), store.engine
    assert engine is not None
    for table, column in COLUMNS:
        where = "WHERE station = 'cp-2'" if "station" in table.columns and table.name != "audit" else ""
        statement = f'UPDATE {table.name} SET "{column}" = ? {where}'
        await asyncio.to_thread(by_hand, tmp_path / "x.db", statement, value)
        assert (await store.pages.load("cp-2")).station == "cp-2", (table.name, column)
        await measure_journal(engine)
        await store.read_register()
    assert replace(await store.pages.load("cp-1"), at=0.0) == replace(before, at=0.0)
    assert await AuditTrail().read(engine, AuditQuery())
    assert not (await verify(engine)).is_whole
    assert store.state.faults == 0
    await store.close()


async def test_data_mended_by_hand(tmp_path: Path) -> None:
    """Whoever mends a row writes a text, and it is read like the bytes that stood there."""
    store = Database(read_address("sqlite:///x.db", tmp_path), wall=still())
    await store.open()
    store.put(RUNNING)
    assert await written(store)
    await asyncio.to_thread(by_hand, tmp_path / "x.db", "UPDATE transactions SET data = CAST(data AS TEXT)")
    assert (await store.pages.load("cp-1")).transactions == (RUNNING,)
    await store.close()
