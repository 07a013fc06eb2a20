"""Short fault runs (`make chaos` has the long ones), and what a plan is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from chaos import charger
from chaos.plan import Fault, Layout, Plan, Variant, draw
from chaos.records import Books
from chaos.run import run
from chaos.shape import Shape, Shapes
from chaos.shrink import Budget, shrink
from tests.harness.waiting import until
from tests.servers import PostgreSQL, postgresql

# The runs.


def fixed(variant: Variant, *faults: Fault) -> Plan:
    """Return a short plan with these faults."""
    return Plan(48, stations=8, seconds=4, variant=variant, faults=tuple(enumerate(faults)))


SHORT = {
    "by card": draw(
        20,
        stations=8,
        seconds=4,
        variant=Variant(admit="backend", stand_in=frozenset({"employer"}), newest_only=frozenset({"billing"})),
    ),
    "broker, database and a gateway killed": fixed(
        Variant("postgresql", gateways=2, stand_in=frozenset({"billing"}), behind="employer", broker="rabbitmq"),
        Fault(1.0, "broker killed", "", 1.0, 0.0, 1),
        Fault(1.5, "database away", "", 1.0, 0.0, 1),
        Fault(2.0, "gateway killed", "0", 1.5, 0.0, 1),
    ),
    "claims at two gateways": fixed(
        Variant("postgresql", gateways=2, layout="claims"),
        Fault(1.0, "stations moved", "", 0.0, 0.5, 1),
        Fault(1.4, "gateway frozen", "1", 0.8, 0.5, 2),
        Fault(1.6, "stations moved", "", 0.0, 0.5, 3),
        Fault(2.6, "connections ended", "", 0.0, 0.0, 4),
    ),
    "answered by Voltgate itself": fixed(
        Variant("postgresql", gateways=2, layout="local"),
        Fault(1.0, "gateway killed", "0", 1.5, 0.0, 1),
        Fault(1.6, "database away", "", 1.0, 0.0, 2),
        Fault(3.0, "gateway frozen", "1", 0.8, 0.5, 3),
        Fault(3.4, "stations cut", "", 0.0, 0.5, 4),
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL server for all runs; each has a database of its own in it."""
    with postgresql() as running:
        yield running


@pytest.mark.parametrize("name", SHORT)
async def test_nothing_is_lost_doubled_or_anothers(
    tmp_path: Path, server: PostgreSQL, request: pytest.FixtureRequest, name: str
) -> None:
    """Chargers charge while Voltgate, its backends, its broker and its database break; then every delivery is right."""
    plan = SHORT[name]
    broker = request.getfixturevalue("rabbit") if plan.variant.behind else None
    outcome = await run(plan, tmp_path, server, broker)
    shown = {kind: found[:3] for kind, found in outcome.verdict.found.items()}
    assert not shown, f"{plan}: {shown}"
    assert outcome.faults.total() >= 3
    assert outcome.verdict.judged >= len(outcome.books.charges)


def test_a_seed_gives_the_whole_plan() -> None:
    """The same seed gives the same plan; a part of its faults keep their numbers and the chargers that they hit."""
    plan = draw(5, stations=24, seconds=12)
    assert plan == draw(5, stations=24, seconds=12) != draw(6, stations=24, seconds=12)
    assert {number for number, _ in plan.keeping(frozenset({1, 3})).faults} == {1, 3}
    hit = [number for number in range(24) if plan.faults[1][1].hits(number)]
    assert 0 < len(hit) < 24
    assert [number for number in range(8) if plan.faults[1][1].hits(number)] == [each for each in hit if each < 8]
    assert plan.command().startswith("python -m chaos --seed 5 --stations 24 --seconds 12 ")


def test_a_sqlite_file_belongs_to_one_gateway() -> None:
    """Whatever is drawn, or asked for, only PostgreSQL has two."""
    drawn = [draw(seed, stations=1, seconds=1).variant for seed in range(50)]
    assert {(each.database, each.gateways) for each in drawn if each.layout != "claims"} == {
        ("sqlite", 1), ("postgresql", 1), ("postgresql", 2),
    }  # fmt: skip
    assert draw(1, stations=1, seconds=1, database="sqlite", gateways=2).variant.gateways == 1


async def test_a_charger_that_is_not_answered_finds_its_gateway_mute(monkeypatch: pytest.MonkeyPatch) -> None:
    """An open connection on which nothing is answered is a finding; one that ends is none."""
    monkeypatch.setattr(charger, "PATIENCE", 0.2)
    books, ends = Books(), False

    async def listen(connection: ServerConnection) -> None:
        async for _ in connection:
            if ends:
                await connection.close()

    async with serve(listen, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6"), Subprotocol("ocpp2.0.1")]) as server:
        at = charger.Address(server.sockets[0].getsockname()[1], soap=0)
        one = charger.Charger(0, [at], 1, books, plain=True)
        living = asyncio.create_task(one.live(asyncio.Event(), asyncio.Event()))
        await until(lambda: books.mute, "a finding")
        ends, known, connects = True, len(books.mute), books.connects
        await until(lambda: books.connects > connects + 2, "more connections")
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        one.cut()
        await until(lambda: not server.connections, "the end of the last connection")
    assert books.mute[0].startswith("CP-0000: BootNotification from ")
    assert len(books.mute) == known


async def test_shrinking_finds_the_fewest_faults_and_chargers() -> None:
    """What fails with two of nine faults and at least three chargers is brought down to that, within its budget."""
    fault = Fault(1.0, "down", "billing", 1.0, 0.5, 1)
    plan = Plan(1, 24, 12.0, Variant(), tuple((number, fault) for number in range(9)))
    runs: list[Plan] = []

    async def fails(candidate: Plan) -> bool:
        runs.append(candidate)
        hopping = not candidate.plain
        return hopping and {2, 7} <= {number for number, _ in candidate.faults} and candidate.stations >= 3

    smallest = await shrink(plan, fails, Budget(tries=60, seconds=60))
    assert [number for number, _ in smallest.faults] == [2, 7]
    assert (smallest.stations, smallest.plain) == (3, False)
    runs.clear()
    await shrink(plan, fails, Budget(tries=4, seconds=60))
    assert len(runs) == 4


@pytest.mark.parametrize(
    ("layout", "guest", "employee"),
    [
        ("one", ("billing", ""), ("billing", "")),
        ("copy", ("billing", "employer"), ("billing", "employer")),
        ("split", ("billing", "employer"), ("employer", "billing")),
        ("apart", ("billing", ""), ("employer", "")),
        ("claims", ("billing", ""), ("billing", "")),
    ],
)
def test_a_layout_says_whose_a_card_is(layout: Layout, guest: tuple[str, str], employee: tuple[str, str]) -> None:
    """Owner and copy of a guest and of an employee; with `always` for nobody, no copy is owed."""
    for tag, (owner, copy) in (("GUEST1", guest), ("EMP1", employee)):
        found = Shapes(Variant(layout=layout)).owners("CP-1", tag, 1.0, 2.0)
        assert (found.owners, found.told, found.owed) == ({owner}, {copy} - {""}, {copy} - {""})
        assert Shapes(Variant(layout=layout, always=frozenset())).owners("CP-1", tag, 1.0, 2.0).owed == frozenset()


def test_a_permit_counts_while_it_may_be_in_force() -> None:
    """Who may stop anything may do so until the change that forbids it is surely in force."""
    shapes = Shapes(Variant())
    shapes.change(Shape(settings=1), 100.0)
    shapes.change(Shape(), 200.0)
    assert [shapes.anybody_may_stop(at, at) for at in (50.0, 150.0, 204.0, 206.0)] == [False, True, True, False]


def test_a_change_counts_for_both_sides_while_it_may_be_under_way() -> None:
    """Around a reload a transaction may be either backend's; before and after it only one's."""
    shapes = Shapes(Variant(layout="apart"))
    shapes.change(replace(Shape(), routes=1), 100.0)
    before, around, after = (shapes.owners("CP-1", "EMP1", begun, begun + 1).owners for begun in (90.0, 101.0, 110.0))
    assert (before, around, after) == ({"employer"}, {"billing", "employer"}, {"billing"})
    shapes.change(Shape(), 200.0, until=220.0)
    around, after = (shapes.owners("CP-1", "EMP1", begun, begun).owners for begun in (210.0, 226.0))
    assert (around, after) == ({"billing", "employer"}, {"employer"})
