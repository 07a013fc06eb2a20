from __future__ import annotations

import asyncio
import cProfile
import json
import math
import platform
import pstats
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from bench import generator, live, report
from bench.__main__ import FULL, chosen, options, plan_of
from bench.backend import Link, Tally
from bench.contenders import CONTENDERS, Manner, Place, free_ports, settings
from bench.frames import BY_SIZE, ID_AT, ID_END, KINDS, LARGE, MIDDLE, PATTERN, SMALL, Kind, Mint, Reader, head
from bench.generator import Fleet
from bench.handshake import Offer, welcome
from bench.machine import Failure, Spent, Usage, describe, usage
from bench.phases import Sample
from bench.profiling import libraries, shares
from bench.results import Results
from bench.rounds import median, percentile, ratio
from voltgate.config import load
from voltgate.ocpp.schemas import check
from voltgate.web.live.topics import TOPIC

ID = b"5f0e7a10-0000-4000-8000-000700011170"


# Frames


def test_calls_have_the_sizes_and_the_mix_that_are_promised() -> None:
    """The calls are 57, 394 and 1,940 bytes long and come 4:3:3."""
    assert [kind.size for kind in (SMALL, MIDDLE, LARGE)] == [57, 394, 1940]
    assert [PATTERN.count(kind) for kind in (SMALL, MIDDLE, LARGE)] == [4, 3, 3]
    assert len(BY_SIZE) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_calls_and_answers_are_valid_ocpp(kind: Kind) -> None:
    """What the bench sends and answers breaks no schema of OCPP 1.6."""
    number, message_id, action, payload = json.loads(kind.call(ID))
    assert (number, message_id, action) == (2, ID.decode(), kind.action)
    assert check("1.6", action, "request", payload) is None
    assert json.loads(kind.result(ID))[:2] == [3, ID.decode()]
    assert check("1.6", action, "response", json.loads(kind.result(ID))[2]) is None


def test_frames_say_what_they_should() -> None:
    """A minted frame is one masked text frame of the call, and the answer's is one unmasked of the result."""
    mint = Mint()
    frame, expected = mint.mint(LARGE, mint.openings(7), 70000)
    assert frame[1] & 0x80
    assert Reader().feed(frame) == [(1, LARGE.call(ID))]
    assert expected == head(len(LARGE.result(ID)), False) + LARGE.result(ID)


def test_ids_are_unique() -> None:
    """No two calls of a run bear the same id."""
    mint = Mint()
    frames = [mint.mint(SMALL, mint.openings(s), n)[0] for s in (0, 1, 65535) for n in (0, 1, 65535, 65536)]
    ids = {Reader().feed(frame)[0][1][ID_AT:ID_END] for frame in frames}
    assert len(ids) == len(frames)


@pytest.mark.parametrize("step", [1, 2, 5, 100, 4000])
def test_a_stream_is_read_however_it_is_cut(step: int) -> None:
    """The reader finds the same messages in whatever pieces a proxy writes them."""
    mint = Mint()
    stream = b"".join(mint.mint(kind, mint.openings(1), n)[0] for n, kind in enumerate(PATTERN))
    reader = Reader()
    found = [message for at in range(0, len(stream), step) for message in reader.feed(stream[at : at + step])]
    assert [len(text) for _, text in found] == [kind.size for kind in PATTERN]
    assert reader.idle


def test_a_fragmented_answer_is_read() -> None:
    """A proxy that cuts messages into fragments, with a ping between them, is understood."""
    assert Reader().feed(b"\x01\x02[3\x89\x00\x80\x01]") == [(9, b""), (1, b"[3]")]


def test_the_handshake_is_checked() -> None:
    """A station takes only the response that accepts its own key and OCPP 1.6."""
    offer = Offer()
    response = welcome(offer.request("/CP-1", "localhost"))
    assert offer.taken(response)
    assert not offer.taken(response.replace(b"ocpp1.6", b"ocpp2.0.1"))
    assert not Offer().taken(response)
    assert not welcome(offer.request("/CP-1", "localhost").replace(b"ocpp1.6", b"ocpp2.1"))


# Watchfulness


class Faulty(Link):
    """A backend that does something wrong with the 5th call of each station."""

    fault = "none"

    def _answer(self, size: int, message_id: bytes, data: bytes, at: int) -> None:
        fault = self.fault if message_id.endswith(b"0004") else "none"
        if fault == "lose":
            return
        super()._answer(size, message_id, data, at)
        if fault == "double":
            super()._answer(size, message_id, data, at)
        if fault == "cut":
            assert self._transport is not None
            self._transport.abort()
        if fault == "change":
            super()._answer(size, message_id[:-1] + b"5", data, at)


@asynccontextmanager
async def fleet_at(fault: str, stations: int = 3) -> AsyncIterator[tuple[Fleet, Tally]]:
    tally = Tally()
    kind = type("Faulty", (Faulty,), {"fault": fault})
    (port,) = free_ports(1)
    server = await asyncio.get_running_loop().create_server(lambda: kind(tally), "127.0.0.1", port)
    fleet = Fleet({"port": port, "tls": False, "first": 0, "spin": False})
    try:
        assert await fleet.answer({"do": "open", "stations": stations, "together": 2}) == {"opened": stations}
        yield fleet, tally
    finally:
        fleet.leave()
        server.close()
        await server.wait_closed()


@pytest.mark.parametrize(
    ("fault", "seen"),
    [("none", {}), ("lose", {"lost": 3}), ("double", {"doubled": 3}), ("cut", {"broken": 3}), ("change", {"wrong": 3})],
)
async def test_stations_notice_what_goes_wrong(
    fault: str, seen: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost, doubled or foreign answer and a cut connection are counted, and nothing is when nothing happened."""
    monkeypatch.setattr(generator, "PATIENCE", 0.5)
    async with fleet_at(fault) as (fleet, _):
        for station in fleet.stations:
            station.then = up_to(8)
            station.call()
        lost = await fleet._quiet()
        await asyncio.sleep(0.05)
        count = fleet.count
    found = {"lost": lost, "doubled": count.doubled, "wrong": count.wrong, "broken": count.broken}
    if fault == "cut":  # whether the answer before the cut arrives is up to TCP
        found["lost"] = 0
    assert {name: number for name, number in found.items() if number} == seen


def up_to(calls: int) -> object:
    return lambda station: station.call() if station._sequence < calls else None


async def test_the_backend_notices_what_is_missing_or_changed() -> None:
    """A call that is missing, doubled or not the station's own is counted by the backend."""
    tally, mint = Tally(), Mint()
    (port,) = free_ports(1)
    server = await asyncio.get_running_loop().create_server(lambda: Link(tally), "127.0.0.1", port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(Offer().request("/CP-1", "localhost"))
        await reader.readuntil(b"\r\n\r\n")
        frames = [mint.mint(SMALL, mint.openings(1), n)[0] for n in (0, 1, 3, 3, 4)]
        writer.write(b"".join(frames))
        await read_until(reader, 5 * 87)
        assert (tally.calls, tally.out_of_order, tally.wrong) == (5, 2, 0)
        writer.write(masked(b'[2,"no id of ours","Heartbeat",{}]'))
        writer.write(mint.mint(SMALL, mint.openings(1), 5)[0])
        await read_until(reader, 87)
        assert tally.wrong == 1
    finally:
        writer.close()
        server.close()
        await server.wait_closed()


def masked(text: bytes) -> bytes:
    return head(len(text), True) + bytes(4) + text


async def read_until(reader: asyncio.StreamReader, size: int) -> bytes:
    async with asyncio.timeout(10):
        return await reader.readexactly(size)


async def test_a_fixed_rate_is_kept() -> None:
    """At a fixed rate the wanted number of calls is sent and each gets a latency."""
    async with fleet_at("none", 20) as (fleet, _):
        now = asyncio.get_running_loop().time()
        order = {"do": "pace", "rate": 500, "start": now, "from": now + 0.1, "to": now + 1.1}
        found = await fleet.answer(order)
    assert found["lost"] == found["unsent"] == 0
    assert 350 < found["wanted"] < 650  # Poisson: 500 ± 22
    assert 0 < found["p50"] <= found["p99"] <= found["p999"]


# Statistics


def test_percentiles_are_values_that_were_measured() -> None:
    """A percentile is the nearest rank's value; of nothing it is no number."""
    values = [float(n) for n in range(1, 1001)]
    assert [percentile(values, part) for part in (0.5, 0.99, 0.999, 1.0, 0.0)] == [500, 990, 999, 1000, 1]
    assert math.isnan(percentile([], 0.5))
    assert math.isnan(median([]))


def test_ratios_are_taken_within_a_round() -> None:
    """A round in which the whole machine was slow does not change a ratio."""
    assert ratio({0: 60.0, 1: 30.0, 2: 6.0}, {0: 100.0, 1: 50.0, 2: 10.0}) == pytest.approx(0.6)
    assert ratio({0: 60.0, 1: 5.0}, {0: 100.0}) == pytest.approx(0.6)
    assert math.isnan(ratio({0: 1.0}, {1: 1.0}))


def test_the_kernel_counts_what_a_process_spends() -> None:
    """CPU time is read per process and per core, and what somebody else had of the core is known."""
    before = usage(1, 0)
    spent = usage(1, 0).since(before)
    assert spent.seconds > 0
    assert spent.total >= 0
    assert Spent(seconds=2.0, total=1.0, user=0.5, core=1.5).foreign == pytest.approx(0.25)
    assert Spent(seconds=2.0, total=1.0, user=0.5, core=0.9).foreign == 0
    moments = [Usage(at=n, total=2.0 * n, user=3.0 * n, system=1.0 * n, core=0.0) for n in (0, 1)]
    assert [later.since(earlier).user for earlier, later in pairwise(moments)] == [pytest.approx(1.5)]


# The report


def found(**faults: int) -> Results:
    results = Results(rate=20000)
    for name, capacity in {"none": 0, "nginx": 50000, "naive": 9000, "voltgate": 31000}.items():
        figures = {"capacity": capacity, "micros": 10.0, "user": 4.0, "system": 6.0, "share": 1.0, "rate": 60000}
        if name == "none":
            figures = {"rate": 90000}
        results.add("load", Sample(name, 0, figures, faults if name == "voltgate" else {}))
    return results


def verdicts(results: Results) -> dict[str, bool | None]:
    return {aim.what: aim.met for aim in report.aims(results)}


def test_the_machine_is_described_without_its_folders() -> None:
    """What is published tells what machine it was, not where things are on it."""
    assert describe()["Python"].startswith(f"{platform.python_implementation()} {platform.python_version()}, ")
    assert not [said for said in describe().values() if sys.base_prefix in said]


def test_aims_are_judged_by_what_was_found() -> None:
    """An aim is met, not met, or not measured, and a lost answer is never forgiven."""
    assert verdicts(found())["capacity ÷ nginx"] is True
    assert verdicts(found())["p99 ÷ nginx at a third of nginx's capacity"] is None
    assert verdicts(found())["answers and copies lost, doubled, changed"] is True
    assert verdicts(found(lost=1))["answers and copies lost, doubled, changed"] is False
    slow = found()
    slow.samples["load"][-1].figures["capacity"] = 29000
    assert verdicts(slow)["capacity ÷ nginx"] is False


def test_the_document_tells_what_was_found() -> None:
    """The document names machine, date and versions, and its tables line up."""
    names = ("none", "nginx", "naive", "voltgate")
    run = report.Run("2026-11-21", {"processor": "one"}, dict.fromkeys(names, "1.0"), names, "", "two", 1, 100)
    text = report.document(found(lost=2), run)
    assert "2026-11-21" in text
    assert "| Voltgate (a) one backend |  31,000 |" in text
    assert "lost: 2" in text
    assert "**not met**" in text
    tables = [block for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 5
    for block in tables:
        assert len({len(line) for line in block.splitlines()}) == 1


def test_a_profile_is_read() -> None:
    """Shares of time are found by library and by function."""
    assert libraries("# Overhead\n    56.20%  [kernel.kallsyms]    \n\n     7.81%  loop.so\n") == [
        ("[kernel.kallsyms]", pytest.approx(0.562)),
        ("loop.so", pytest.approx(0.0781)),
    ]
    profile = cProfile.Profile()
    profile.runcall(json.loads, "[" * 100 + "]" * 100)
    found = shares(pstats.Stats(profile))
    assert sum(share for _, share in found) == pytest.approx(1)
    assert any(name.startswith("__init__.py:") and name.endswith(" loads") for name, _ in found)


# The run


def test_what_voltgate_is_told_is_a_configuration(tmp_path: Path) -> None:
    """Each way in which the bench configures Voltgate is one that Voltgate understands."""
    place = Place(tmp_path, 20001, 20002, 20003, 20004, None, 1000)
    path = tmp_path / "voltgate.toml"
    for manner in (
        Manner(),
        Manner(copy=True),
        Manner(strict=True),
        Manner(copy=True, ledger=True),
        Manner(copy=True, journal=True),
    ):
        path.write_text(settings(place, manner), encoding="utf-8")
        config = load(path, {})
        assert len(config.backends) == 1 + manner.copy
        assert config.protocol.validation == ("strict" if manner.strict else "lenient")
        kept = manner.ledger or manner.journal or not manner.copy
        assert (config.store.url != "off") is kept


def test_the_command_line_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contenders and rounds can be chosen, an unknown name is an error, and few descriptors mean few stations."""
    monkeypatch.setattr("sys.argv", ["bench", "--only", "nginx,voltgate", "--rounds", "2"])
    assert chosen(options()) == ["nginx", "voltgate"]
    assert plan_of(options(), 65536).rounds == 2
    assert plan_of(options(), 65536).idle == FULL.idle
    assert plan_of(options(), 20000).idle == 9900
    monkeypatch.setattr("sys.argv", ["bench", "--only", "apache"])
    with pytest.raises(Failure, match="no contender apache"):
        chosen(options())


def test_every_contender_is_known_by_its_key() -> None:
    """A contender's key is its name, and nginx and the naive proxy, to which others are compared, are among them."""
    assert all(name == contender.name for name, contender in CONTENDERS.items())
    assert {"none", "nginx", "naive", "voltgate"} <= set(CONTENDERS)


# Live pages


def test_pages_of_each_kind_are_open() -> None:
    """Of a hundred pages five show all messages, and each asks for what its stations' gateway knows."""
    stations = [f"CP{number}" for number in range(1000)]
    asked = [live.wanted(page, stations) for page in range(100)]
    topics = [each["subscribe"] for page in asked for each in page]
    counts = {topic: topics.count(topic) for topic in sorted(set(map(str, topics)))}
    assert counts == {"alerts": 70, "events": 30, "messages": 30, "overview": 30, "station": 25, "stations": 40}
    for page in asked:
        for each in page:
            TOPIC.validate_python(each)
