"""Readers and the writer take turns, commits are bounded, and what belongs together is written together."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from types import FrameType
from typing import Any

from sqlalchemy import event
from sqlalchemy.util import await_only

from tests.store.conftest import Open, written
from tests.store.test_database import ASKED, OWED, RUNNING, until
from tests.store.test_journal import engine_of, lease, piece
from voltgate.relay.records import OwedRecord, RegisterRecord
from voltgate.store import Database, pending
from voltgate.store.pending import MOST_AT_ONCE, Group, Pending


def of(station: str, seq: int = 1) -> OwedRecord:
    """Make a message of a station."""
    return replace(OWED, station=station, seq=seq)


def slow(store: Database) -> None:
    """Let each commit take its time, as a disk does."""
    event.listen(engine_of(store).sync_engine, "commit", lambda _: await_only(asyncio.sleep(0.02)))


class Traffic:
    """A station's messages that come without end: the next as soon as one is on disk, and some more meanwhile."""

    def __init__(self, store: Database, station: str) -> None:
        self._store = store
        self._station = station
        self._seq = 0
        self.ends = False
        self._next(on_disk=True)

    def _next(self, on_disk: bool) -> None:
        if on_disk and not self.ends:
            self._seq += 2
            self._store.put(of(self._station, self._seq))
            self._store.after(self._next)
            asyncio.get_running_loop().call_later(0.001, self._store.put, of(self._station, self._seq + 1))


async def test_pages_are_read_while_others_write(opened: Open) -> None:
    """While records come without end a page waits for two commits at most, and so do pieces and leases."""
    store = await opened()
    slow(store)
    traffic = Traffic(store, "cp-2")
    try:
        for ask in (lambda: store.pages.load("cp-1"), lambda: piece(store), lambda: lease(store)):
            before = store.state.commits
            await ask()
            assert store.state.commits - before <= 3
    finally:
        traffic.ends = True
    assert store.state.reason is None


async def test_the_page_of_a_station_that_never_rests(opened: Open) -> None:
    """What a station sends after its page was asked for does not hold that back; what it sent before is on it."""
    store = await opened()
    slow(store)
    traffic = Traffic(store, "cp-1")
    try:
        for seq in range(1, 20):
            store.put(replace(RUNNING, ref=f"t{seq}"))
            page = await store.pages.load("cp-1")
            assert len(page.transactions) == seq
        await piece(store)
        store.release("cp-1")
        before = store.state.commits
        await until(lambda: store.state.commits > before + 2)
    finally:
        traffic.ends = True


async def test_a_page_does_not_wait_for_all_that_others_have_pending(opened: Open) -> None:
    """With thousands of records to write, a page waits for those of its own station, and for one commit more."""
    store = await opened()
    for n in range(20 * MOST_AT_ONCE):
        store.put(of(f"cp-{n}"))
    before = store.state.commits
    page = await store.pages.load(f"cp-{20 * MOST_AT_ONCE - 1}")
    assert len(page.owed) == 1
    assert store.state.commits - before <= 2
    assert store.state.pending > 10 * MOST_AT_ONCE


def names(batch: list[Group]) -> list[str]:
    """Give the stations of a batch."""
    return [group.name[1] for group in batch]


def test_a_commit_is_bounded() -> None:
    """A commit has so many records; what is left is written next, the oldest first."""
    queue = Pending(10 * MOST_AT_ONCE)
    for n in range(2 * MOST_AT_ONCE + 1):
        queue.enter(of(f"cp-{n}"), deleted=False)
    sizes = []
    while batch := queue.take():
        sizes.append(sum(len(group.entries) for group in batch))
        queue.written()
    assert sizes == [MOST_AT_ONCE, MOST_AT_ONCE, 1]
    assert queue.is_idle


def test_what_belongs_together_is_written_together() -> None:
    """All that waits of a station is in one commit, however much that is; so is the register."""
    queue = Pending(100_000)
    queue.enter(replace(RUNNING, station="cp-1", owner="a"), deleted=False)
    for n in range(MOST_AT_ONCE):
        queue.enter(of("cp-2", n), deleted=False)
    for n in range(MOST_AT_ONCE):
        queue.enter(RegisterRecord("claims", str(n), 0.0, b""), deleted=False)
    queue.enter(replace(RUNNING, station="cp-1", owner="b"), deleted=False)
    queue.enter(of("cp-1"), deleted=False)
    batch = queue.take()
    assert names(batch) == ["cp-1", "cp-2"]
    assert [entry.record for entry in batch[0].entries.values()] == [replace(RUNNING, owner="b"), of("cp-1")]
    queue.written()
    (register,) = queue.take()
    assert len(register.entries) == MOST_AT_ONCE


async def test_what_waits_of_a_station_that_another_gateway_has() -> None:
    """It is given up, also what is being written and cannot be; nobody is told that it is on disk. Others wait on."""
    queue = Pending(100)
    heard: list[str] = []
    for station in ("cp-1", "cp-2", "cp-3"):
        queue.enter(of(station), deleted=False)
        queue.wait(lambda written, station=station: heard.append(f"{station}: {written}"), station, 30)  # type: ignore[misc]
    batch = queue.take(["cp-1", "cp-3"])
    queue.enter(of("cp-1", 2), deleted=False)
    assert [queue.drop(station) for station in ("cp-1", "cp-3", "cp-4")] == [1, 0, 0]
    assert queue.put_back(batch) == 2
    assert heard == ["cp-1: False", "cp-3: False"]
    assert len(queue) == 1
    assert names(queue.take()) == ["cp-2"]
    queue.written()
    assert heard[2:] == ["cp-2: True"]


async def test_nobody_is_told_too_early() -> None:
    """Who waits for an older word on a record hears when the newer one is on disk; who came later waits on."""
    queue = Pending(100_000)
    heard: list[str] = []

    def wait(name: str) -> None:
        queue.wait(lambda on_disk: heard.append(name) if on_disk else None, "", 30)

    queue.enter(of("cp-1"), deleted=False)
    wait("one")
    queue.enter(of("cp-2"), deleted=False)
    wait("both")
    queue.enter(of("cp-3"), deleted=False)
    wait("all")
    queue.enter(replace(of("cp-1"), backend="c"), deleted=False)
    for n in range(MOST_AT_ONCE):
        queue.enter(of("cp-4", n), deleted=False)
    assert names(queue.take(["cp-4"])) == ["cp-4"]
    queue.written()
    assert heard == []
    queue.put_back(queue.take())
    assert heard == []
    assert names(queue.take()) == ["cp-1", "cp-2", "cp-3"]
    queue.written()
    assert heard == ["one", "both", "all"]


def test_what_could_not_be_written_comes_first_again() -> None:
    """It keeps its place before what came later, and takes the newer word of what was entered meanwhile."""
    queue = Pending(100_000)
    for station in ("cp-1", "cp-2"):
        queue.enter(of(station), deleted=False)
    queue.enter(ASKED, deleted=False)
    batch = queue.take()
    queue.enter(of("cp-3"), deleted=False)
    queue.enter(of("cp-2"), deleted=True)
    assert len(queue) == 5
    queue.put_back(batch)
    assert len(queue) == 4
    again = queue.take()
    assert names(again) == ["cp-1", "cp-2", ASKED.ref, "cp-3"]
    assert [entry.deleted for entry in again[1].entries.values()] == [True]


def test_the_audit_trail_makes_room() -> None:
    """Where there is no room the oldest line of the audit trail goes, whether it was to be written already or not."""
    queue = Pending(3)
    for n in range(3):
        queue.enter(replace(ASKED, ref=str(n)), deleted=False)
    queue.put_back(queue.take())
    assert queue.enter(of("cp-1"), deleted=False)
    assert queue.enter(of("cp-1", 2), deleted=False)
    assert names(queue.take()) == ["2", "cp-1"]
    assert not queue.enter(replace(ASKED, ref="3"), deleted=False)
    assert (queue.dropped, len(queue)) == (3, 3)


def test_what_waits_makes_nothing_slower() -> None:
    """A record is entered with as many steps among a hundred thousand as among a hundred, full or not."""
    few, many = Pending(100), Pending(100_000)
    for queue, most in ((few, 100), (many, 100_000)):
        for n in range(most // 2):
            queue.enter(of(f"cp-{n}"), deleted=False)
        for n in range(most // 2):
            queue.enter(replace(ASKED, ref=str(n)), deleted=False)
        assert queue.is_full

    def work(queue: Pending) -> None:
        queue.enter(of("cp-new"), deleted=False)
        queue.enter(of("cp-1", 2), deleted=False)
        queue.holds("cp-1", 1)

    assert steps(lambda: work(few)) == steps(lambda: work(many))
    while many.take():
        many.written()
    assert not many.is_full


def steps(work: Callable[[], None]) -> int:
    """Count the instructions of the queue's module that are executed."""
    number = 0

    def trace(frame: FrameType, what: str, _: Any) -> Any:
        nonlocal number
        if frame.f_code.co_filename != pending.__file__:
            return None
        frame.f_trace_opcodes = True
        number += what == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    assert number
    return number


async def test_all_is_on_disk_in_the_end(opened: Open) -> None:
    """However many commits it takes."""
    store = await opened()
    for n in range(3 * MOST_AT_ONCE):
        store.put(of(f"cp-{n % 100}", n))
    assert await written(store)
    pages = await asyncio.gather(*(store.pages.load(f"cp-{n}") for n in range(100)))
    assert sum(page.debts[0].messages for page in pages) == 3 * MOST_AT_ONCE
