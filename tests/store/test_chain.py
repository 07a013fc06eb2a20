"""The chain of the audit trail: what it shows to be whole, and what it says is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import URL, delete, text

from tests.harness import until, within
from tests.store.conftest import NOW, SHARED, Open, written
from tests.store.test_csms_schema import at_revision, run
from voltgate.app.database import upgrade
from voltgate.relay.records import AuditRecord
from voltgate.store import Database
from voltgate.store.address import open_engine
from voltgate.store.chain import Gap, Link, Origin, append, delete_old, read_gaps
from voltgate.store.tables import audit, audit_head
from voltgate.store.verifying import Report, as_now, links_of, verify, walk

A_DAY = 86_400.0


def _line(number: int, at: float = NOW, **values: Any) -> AuditRecord:
    said: dict[str, Any] = {"station": "cp-1", "backend": "a", "action": "Reset", "message_id": "m"}
    said |= {"outcome": "passed", "answer": "Accepted", "detail": "", "identity": "CP-1", "address": "192.0.2.1"}
    return AuditRecord(f"u{number:05}", at, **(said | values))


async def kept(store: Database, *lines: AuditRecord) -> None:
    """Have lines of the audit trail on disk."""
    for line in lines:
        store.put(line)
    assert await written(store)


async def links(store: Database) -> list[Link]:
    """Read the chain."""
    async with as_now(store.there()) as connection:
        return [link async for link in links_of(connection)]


async def faults(store: Database, **more: Any) -> list[tuple[int, int]]:
    """Verify, and return from which line to which something is wrong."""
    return [(fault.first, fault.last) for fault in (await verify(store.there(), **more)).faults]


async def test_a_trail_is_whole(opened: Open) -> None:
    """Lines that were written at several times, of any text, are one chain; each carries the hash of the one before."""
    store = await opened()
    await kept(store, _line(1), _line(2, detail="x" * 20_000, action="nul\0 and \ud800", at=NOW + 1 / 3))
    await kept(store, *(_line(number) for number in range(3, 2050)))
    await kept(store, _line(7))  # a commit whose answer was lost is made again
    there = await links(store)
    assert [link.number for link in there] == list(range(1, 2050))
    assert there[1].before == there[0].hash
    assert there[1].record.action == "nul\0 and \ud800"
    report = await verify(store.there())
    assert report == Report(lines=2049, head=(2049, there[-1].hash), began=report.began)
    assert there[0].before == f"began={report.began!r} older=0"
    assert report.is_whole


async def test_a_commit_whose_answer_was_lost(opened: Open) -> None:
    """What is added again stands there once, and what comes with it follows."""
    store = await opened()
    for lines in ([_line(1), _line(2)], [_line(2), _line(3)], [_line(3)]):
        async with store.there().begin() as connection:
            await append(connection, lines)
    assert [(link.number, link.record.ref) for link in await links(store)] == [
        (1, "u00001"),
        (2, "u00002"),
        (3, "u00003"),
    ]
    assert await faults(store) == []


TAMPERED = {
    "a line is changed": ("UPDATE audit SET outcome = 'passed' WHERE number = 4", [(4, 5)]),
    "who did it is changed": ("UPDATE audit SET backend = 'b' WHERE number = 1", [(1, 2)]),
    "from where is changed": ("UPDATE audit SET address = '' WHERE number = 9", [(9, 10)]),
    "the last line is changed": ("UPDATE audit SET detail = 'x' WHERE number = 10", [(10, 10)]),
    "a hash is changed": ("UPDATE audit SET before = 'x' WHERE number = 4", [(3, 4), (4, 5)]),
    "a line is deleted": ("DELETE FROM audit WHERE number = 4", [(4, 4)]),
    "the first lines are deleted": ("DELETE FROM audit WHERE number < 4", [(1, 3)]),
    "the last lines are deleted": ("DELETE FROM audit WHERE number > 8", [(9, 10)]),
    "all lines are deleted": ("DELETE FROM audit", [(1, 10)]),
    "a line is taken out of the chain": ("UPDATE audit SET number = NULL WHERE number = 4", [(4, 4), (0, 0)]),
    "a line has a number below the chain": ("UPDATE audit SET number = -7 WHERE number = 4", [(4, 4), (0, 0)]),
    "a line has the number 0": ("UPDATE audit SET number = 0 WHERE number = 10", [(10, 10), (0, 0)]),
    "the first line is taken out of the chain": ("UPDATE audit SET number = NULL WHERE number = 1", [(1, 1)]),
    "the first line says nothing of the chain": ("UPDATE audit SET before = '' WHERE number = 1", [(1, 1), (1, 2)]),
    "the beginning is put off": (
        "UPDATE audit SET before = 'began=1999999999.5 older=9' WHERE number = 1",
        [(1, 2)],
    ),
    "a gap is said": ("INSERT INTO audit_gaps VALUES (4, 6, 'x', 'y', 1)", [(4, 6)]),
    "the head is set back": ("UPDATE audit_head SET number = 8", [(9, 10)]),
    "the head is deleted": ("DELETE FROM audit_head", [(11, 11)]),
    "the head's hash is changed": ("UPDATE audit_head SET hash = 'x'", [(10, 10)]),
}


@pytest.mark.parametrize("what", TAMPERED)
async def test_what_is_not_whole(opened: Open, address: URL, what: str) -> None:
    """Whoever changes, deletes or moves lines with the database's own means is told of, with the place."""
    store = await opened()
    await kept(store, *(_line(number, outcome="refused") for number in range(1, 11)))
    assert await faults(store) == []
    statement, found = TAMPERED[what]
    await run(address, statement)
    assert await faults(store) == found
    await kept(store, _line(11))
    assert (await faults(store))[0][0] in (found[0][0], 9, 10), "the gateway goes on, and mends nothing"


async def test_a_line_that_is_put_in(opened: Open, address: URL) -> None:
    """A line that somebody adds without a number is told of, by when it says to be."""
    store = await opened()
    await kept(store, _line(1))
    columns = "ref, at, station, backend, action, message_id, outcome, answer, detail"
    row = f"INSERT INTO audit ({columns}) VALUES ('x', {NOW + 99_999_999_999}, '', '', '', '', '', '', '')"
    await run(address, row)
    report = await verify(store.there())
    assert (report.unchained, [fault.first for fault in report.faults]) == (1, [0])
    assert await faults(store, older_until=NOW + 100_000_000_000) == []


async def test_an_anchor_that_was_kept_elsewhere(opened: Open, address: URL) -> None:
    """Who rewrites a whole trail, hashes and all, does not get past the hash that was kept of it elsewhere."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 6)))
    report = await verify(store.there())
    anchor = report.head
    await kept(store, _line(6))
    assert await faults(store, anchor=anchor) == []
    origin = (await links(store))[0].before
    await run(address, "DELETE FROM audit", f"UPDATE audit_head SET number = 0, hash = '{origin}'")
    await kept(store, *(_line(number, detail="forged") for number in range(1, 8)))
    assert await faults(store) == []
    assert await faults(store, anchor=anchor) == [(1, 5)]
    assert await faults(store, anchor=(9, "f" * 64)) == [(8, 9)]


async def test_retention_leaves_the_trail_whole(opened: Open, address: URL) -> None:
    """What is deleted for its age, from the middle too, leaves the rest provable; what others delete does not."""
    store = await opened(keep_audit=A_DAY)
    old, new = NOW - 2 * A_DAY, NOW
    ages = dict.fromkeys(range(1, 1501), old) | {700: new, 1501: new, 1502: old, 1503: new}
    await kept(store, *(_line(number, at) for number, at in ages.items()))
    whole = await links(store)
    await store.purge()
    there = await links(store)
    assert [link.number for link in there if link.record.action != "Purge"] == [700, 1501, 1503]
    assert {"699", "800", "1"} <= {link.record.answer for link in there[3:]}, "a line of the chain says it"
    report = await verify(store.there(), (1500, whole[1499].hash))
    assert (report.faults, report.lines, report.deleted) == ([], len(there), 1500)
    assert await faults(store, anchor=(1500, "f" * 64)) == [(1, 1500)]
    assert await faults(store, anchor=(1000, whole[999].hash)) == [(1000, 1000)], "nobody can say that any more"
    await kept(store, _line(1504))
    assert await faults(store) == []
    await run(address, "DELETE FROM audit WHERE number = 700")
    assert await faults(store) == [(700, 700)]
    await run(address, "DELETE FROM audit_gaps WHERE first = 1")
    assert await faults(store) == [(1, 700)]


async def test_a_gap_that_is_widened(opened: Open, address: URL) -> None:
    """Who deletes more than what was old, and says that it was deleted for its age, needs the right hash for it."""
    store = await opened(keep_audit=A_DAY)
    await kept(store, _line(1, NOW - 2 * A_DAY), _line(2), _line(3), _line(4))
    await store.purge()
    await run(address, "DELETE FROM audit WHERE number = 2", "UPDATE audit_gaps SET last = 2")
    assert await faults(store) == [(1, 2), (1, 2)]


async def test_lines_that_are_cut_behind_a_gap(opened: Open, address: URL) -> None:
    """Who cuts lines, and says as retention does that they were too old, is told of: no line of the chain says so.

    Retention that deletes beside it later does not take it up as its own.
    """
    store = await opened()
    old = NOW - 2 * A_DAY
    await kept(store, _line(1, old), _line(2, old), *(_line(number) for number in range(3, 9)))
    there = await links(store)
    gap = f"INSERT INTO audit_gaps VALUES (3, 5, '{there[2].before}', '{there[4].hash}', {NOW})"
    await run(address, gap, "DELETE FROM audit WHERE number BETWEEN 3 AND 5")
    anchor = there[-1].number, there[-1].hash
    assert await faults(store, anchor=anchor) == [(3, 5), (3, 5)]
    await (await opened(keep_audit=A_DAY)).purge()
    assert [link.number for link in await links(store)] == [6, 7, 8, 9]
    assert await faults(store, anchor=anchor) == [(3, 5), (3, 5)]
    assert (await verify(store.there())).deleted == 2


@pytest.mark.parametrize(("said", "is_beside"), [({"backend": "a"}, 0), ({"action": "Start"}, 0), ({}, 1)])
async def test_what_vouches_for_no_gap(opened: Open, address: URL, said: dict[str, Any], is_beside: int) -> None:
    """Lines that are cut are told of, though a backend says that they were too old, or a line beside the chain does."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 9)))
    there = await links(store)
    gap = Gap(3, 5, there[2].before, there[4].hash, NOW)
    await kept(store, _line(9, **({"backend": "voltgate", "action": "Purge", "detail": gap.said} | said)))
    row = f"INSERT INTO audit_gaps VALUES (3, 5, '{gap.before}', '{gap.hash}', {NOW})"
    await run(address, row, "DELETE FROM audit WHERE number BETWEEN 3 AND 5")
    if is_beside:
        head = f"UPDATE audit_head SET number = 8, hash = '{there[-1].hash}'"
        await run(address, head, f"UPDATE audit SET number = NULL, at = {NOW} WHERE number = 9")
    assert await faults(store) == [(3, 5), (3, 5)] + [(0, 0)] * is_beside


async def test_what_vouches_for_a_gap_stays(opened: Open) -> None:
    """The line that vouches for a gap is kept as long as the gap is there, and goes when another says more."""
    store = await opened()
    await kept(store, _line(1, NOW - 2 * A_DAY), _line(2))
    await (await opened(keep_audit=A_DAY)).purge()
    assert [(link.number, link.record.action) for link in await links(store)] == [(2, "Reset"), (3, "Purge")]
    for later, is_old, left in (
        (1, audit.c.number == 3, [2, 3]),
        (2, audit.c.number <= 3, [3, 4]),
        (3, audit.c.number <= 3, [4, 5]),
    ):
        async with store.there().begin() as connection:
            await delete_old(connection, is_old, 500, NOW + later, lambda: False)
        assert [link.number for link in await links(store)] == left
        assert await faults(store) == []


async def test_gaps_that_grow(opened: Open) -> None:
    """A gap takes up what is deleted before and behind it, and is one; another stays as it is, vouched for once."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 8)))
    for number in (6, 3, 2, 4):
        async with store.there().begin() as connection:
            assert await delete_old(connection, audit.c.number == number, 500, NOW + number, lambda: False) == 1
        assert await faults(store) == []
    said = [link.record.detail.partition(",")[0] for link in await links(store) if link.record.action == "Purge"]
    assert said == ["lines 6 to 6", "lines 3 to 3", "lines 2 to 3", "lines 2 to 4"]
    async with store.there().connect() as connection:
        gaps = await read_gaps(connection)
    assert sorted((gap.first, gap.last, is_vouched) for gap, is_vouched in gaps.items()) == [(2, 4, True), (6, 6, True)]


@SHARED
async def test_a_head_that_several_make(opened: Open) -> None:
    """Where the head is gone, gateways that write at once make one, and both write their lines."""
    store = await opened()
    await kept(store, _line(1))
    async with store.there().begin() as connection:
        await connection.execute(delete(audit_head))
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")

    async def another() -> None:
        async with store.there().begin() as connection:
            await append(connection, [_line(3)])

    async def waits() -> bool:
        async with store.there().connect() as connection:
            return bool((await connection.execute(waiting)).scalar())

    async with store.there().begin() as connection:
        await append(connection, [_line(2)])
        writing = asyncio.ensure_future(another())
        await until(waits, "the other waits for the head")
    await within(writing, "the other has written")
    assert [link.record.action for link in await links(store)] == ["Reset", "Lost", "Reset", "Lost", "Reset"]
    assert [(fault.first, fault.last) for fault in (await verify(store.there())).faults] == [(2, 2), (4, 4)]


async def test_nothing_goes_by_a_clock_that_jumps(opened: Open) -> None:
    """Lines that seem to be old by a clock that has jumped since stay."""
    store = await opened()
    await kept(store, _line(1))
    async with store.there().begin() as connection:
        assert await delete_old(connection, audit.c.number == 1, 500, NOW, lambda: True) == 0
    assert [link.number for link in await links(store)] == [1]


async def test_what_was_changed_before_it_was_too_old(opened: Open, address: URL) -> None:
    """A line that somebody changed does not get well by being deleted."""
    store = await opened()
    await kept(store, *(_line(number, NOW - 2 * A_DAY) for number in range(1, 6)), _line(6))
    await run(address, "UPDATE audit SET backend = 'b' WHERE number = 3")
    assert await faults(store) == [(3, 4)]
    await (await opened(keep_audit=A_DAY)).purge()
    assert await faults(store) == [(3, 5)]


async def test_what_was_deleted_between_lines_that_are_too_old(opened: Open, address: URL) -> None:
    """A line that somebody deleted stays missing when those beside it go, though they carry what fits."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 6)))
    there = await links(store)
    last = Link(there[4].record, 5, there[2].hash)
    await run(address, "DELETE FROM audit WHERE number = 4", f"UPDATE audit_head SET hash = '{last.hash}'")
    await run(address, f"UPDATE audit SET before = '{last.before}' WHERE number = 5")
    assert await faults(store) == [(4, 4)]
    async with store.there().begin() as connection:
        assert await delete_old(connection, audit.c.number >= 3, 500, NOW, lambda: False) == 2
    assert await faults(store) == [(4, 4)]


async def test_what_was_deleted_before_a_gap(opened: Open, address: URL) -> None:
    """A line that somebody deleted is missing alone, whatever was deleted for its age behind it."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 6)))
    async with store.there().begin() as connection:
        await delete_old(connection, audit.c.number == 4, 500, NOW, lambda: False)
    await run(address, "DELETE FROM audit WHERE number = 2")
    assert await faults(store) == [(2, 2)]


async def test_what_was_changed_before_a_gap(opened: Open, address: URL) -> None:
    """A line that somebody changed does not get well when what comes after it was deleted before."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 5)))
    for number, spoil in ((3, "UPDATE audit SET backend = 'b' WHERE number = 2"), (2, "DELETE FROM audit WHERE 1 = 2")):
        async with store.there().begin() as connection:
            await delete_old(connection, audit.c.number == number, 500, NOW + number, lambda: False)
        await run(address, spoil)
        assert await faults(store) == [(2, 3)]


async def test_the_whole_trail_taken_out_of_the_chain(opened: Open, address: URL) -> None:
    """Who takes all lines out of the chain, and says that it begins only now, is told of, also when it goes on."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 6)))
    reset = f"UPDATE audit_head SET number = 0, hash = '{{}}', began = {NOW + A_DAY}"
    await run(address, "UPDATE audit SET number = NULL, before = ''", reset.format("0" * 64))
    assert await faults(store) == [(1, 1)]
    await run(address, reset.format(Origin(NOW + A_DAY, 0)))
    assert await faults(store) == [(0, 0)], "the chain is empty"
    await kept(store, _line(6))
    assert await faults(store) == [(0, 0)], "there were no older lines when it began"


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
@pytest.mark.parametrize("number", ["'x'", "3.5", "x'00'", "1e300"])
async def test_numbers_that_are_none(opened: Open, address: URL, number: str) -> None:
    """A line whose number SQLite takes and the chain cannot have is told of, and keeps nobody from the others."""
    store = await opened(keep_audit=A_DAY)
    await kept(store, *(_line(number) for number in range(1, 6)))
    await run(address, f"UPDATE audit SET number = {number}, at = {NOW - 2 * A_DAY} WHERE number = 5")
    assert await faults(store) == [(5, 5), (0, 0)]
    await store.purge()
    assert await faults(store) == [(5, 5), (0, 0)]


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
@pytest.mark.parametrize("head", ["number = 'x'", "number = 4.5", "hash = x'00'"])
async def test_a_head_that_is_none(opened: Open, address: URL, head: str) -> None:
    """What SQLite takes and no head can be is as good as none; the next line says so, and the trail goes on."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 6)))
    await run(address, f"UPDATE audit_head SET {head}")
    assert await faults(store) == [(6, 6)]
    await kept(store, _line(6))
    assert [(link.number, link.record.action) for link in await links(store)][5:] == [(6, "Lost"), (7, "Reset")]
    assert await faults(store) == [(6, 6)]


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
async def test_a_gap_that_is_none(opened: Open, address: URL) -> None:
    """A gap whose numbers are none is told of."""
    store = await opened()
    await kept(store, _line(1))
    await run(address, "INSERT INTO audit_gaps VALUES ('x', 'y', '', '', 1)")
    assert await faults(store) == [(0, 0)]


@pytest.mark.parametrize("address", ["sqlite"], indirect=True)
async def test_a_hash_that_is_no_text(opened: Open, address: URL) -> None:
    """Data in the place of what the first line says of the chain are told of, and keep nobody from the others."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 4)))
    await run(address, "UPDATE audit SET before = x'00' WHERE number = 1")
    assert await faults(store) == [(1, 1), (1, 2)]


async def test_lines_from_before_there_was_a_chain(address: URL) -> None:
    """Lines of an older version are counted and vouched for by nothing; the chain begins with the upgrade."""
    columns = "ref, at, station, backend, action, message_id, outcome, answer, detail"
    await at_revision(address, "0009", f"INSERT INTO audit ({columns}) VALUES ('x', 9e8, '', '', '', '', '', '', '')")
    await upgrade(address)
    engine = open_engine(address, 5.0)
    report = await verify(engine)
    assert ([fault.first for fault in report.faults], report.unchained, report.lines) == ([0], 1, 0), "nothing vouches"
    async with engine.begin() as connection:
        await append(connection, [_line(1)])
    report = await verify(engine)
    assert (report.faults, report.unchained, report.lines) == ([], 1, 1)
    await run(address, f"INSERT INTO audit ({columns}) VALUES ('y', 8e8, '', '', '', '', '', '', '')")
    report = await verify(engine)
    assert ([fault.first for fault in report.faults], report.unchained) == ([0], 2), "there was one when it began"
    await run(
        address, "DELETE FROM audit WHERE ref = 'x'", f"UPDATE audit SET at = {NOW + 99_999_999_999} WHERE ref = 'y'"
    )
    report = await verify(engine)
    assert ([fault.first for fault in report.faults], report.unchained) == ([0], 1), "that one is of another time"
    await engine.dispose()


@SHARED
async def test_several_gateways_write_one_chain(opened: Open) -> None:
    """Gateways that write at once, purges among them, make one chain, in which no number is missing."""
    stores = [await opened(keep_audit=A_DAY) for _ in range(3)]

    async def write(store: Database, first: int) -> None:
        for number in range(first, first + 40):
            store.put(_line(number, NOW - (2 * A_DAY if number % 3 else 0)))
            await asyncio.sleep(0)
            if number % 10 == 0:
                assert await written(store)

    jobs: list[Callable[[], Awaitable[None]]] = [store.purge for store in stores]
    await asyncio.gather(*(write(store, 1000 * index) for index, store in enumerate(stores)), *(job() for job in jobs))
    for store in stores:
        assert await written(store)
    report = await verify(stores[0].there())
    said = [link for link in await links(stores[0]) if link.record.action == "Purge"]
    assert (report.faults, report.lines + report.deleted - len(said)) == ([], 120)


async def test_lines_for_which_there_was_no_room(opened: Open, address: URL) -> None:
    """Lines that were dropped while they waited, or that no database takes, are counted by the trail itself."""
    store = await opened(pending=3)
    for number in range(1, 9):
        store.put(_line(number))
    await until(lambda: store.state.pending == 0, "all is written")
    await kept(store, _line(9))
    said = [link.record for link in await links(store) if link.record.action == "Lost"]
    assert [(line.backend, line.answer) for line in said] == [("voltgate", "5")]
    await kept(store, _line(10, station="x" * 2000))
    await kept(store, _line(11))
    assert [link.record.answer for link in await links(store) if link.record.action == "Lost"] == ["5", "1"]
    assert [fault.problem.split(":")[0] for fault in (await verify(store.there())).faults] == ["it says itself"] * 2


async def test_what_a_backend_calls_lost(opened: Open) -> None:
    """No backend makes the trail say that it lacks lines, whatever it calls what it asks for."""
    store = await opened()
    await kept(store, _line(1, action="Lost", answer="5", detail="5 lines are missing"))
    assert await faults(store) == []


async def test_a_copy_of_a_part(opened: Open) -> None:
    """An exported part is a chain of its own: what is changed or left out in it shows."""
    store = await opened()
    await kept(store, *(_line(number) for number in range(1, 9)))
    part = (await links(store))[2:7]
    assert walk(part).is_whole
    assert walk(part, (7, part[-1].hash)).is_whole
    assert [(fault.first, fault.last) for fault in walk([*part[:2], *part[3:]]).faults] == [(5, 5)]
    changed = Link(_line(4, detail="x"), part[1].number, part[1].before)
    assert [(fault.first, fault.last) for fault in walk([part[0], changed, *part[2:]]).faults] == [(4, 5)]
    assert [(fault.first, fault.last) for fault in walk([*part, part[-1]]).faults] == [(7, 7)]
    older, below = Link(_line(9), 0, ""), Link(_line(9), -1, "")
    assert (walk([older, *part]).is_whole, walk([older, *part]).unchained) == (True, 1)
    for forged in ([*part, older], [below, *part]):
        assert [(fault.first, fault.last) for fault in walk(forged).faults] == [(0, 0)]


def test_faults_without_end() -> None:
    """A thousand faults are named, and all are counted."""
    report = walk(Link(_line(number), 2 * number, "") for number in range(1, 504))
    assert [(fault.first, fault.last) for fault in report.faults[:2]] == [(3, 3), (5, 5)]
    assert (len(report.faults), report.more) == (502, 0)
    report = walk(Link(_line(number), 2 * number, "") for number in range(1, 1005))
    assert (len(report.faults), report.more) == (1000, 3)


async def test_the_log_says_where_the_trail_stands(opened: Open, capsys: pytest.CaptureFixture[str]) -> None:
    """Hourly the log has the number and the hash of the last line: whoever keeps it elsewhere has an anchor."""
    store = await opened()
    await kept(store, _line(1))
    await store.purge()
    (link,) = await links(store)
    said = capsys.readouterr()
    assert link.hash in said.out + said.err
