"""How strictly the simulator listens: one frame at a time."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.world import STILL, World
from voltgate.simulator import frames
from voltgate.simulator.backend import VERSIONS
from voltgate.simulator.behaviour import Behaviour, Lie
from voltgate.simulator.calls import MessageIds
from voltgate.simulator.latency import Latency
from voltgate.simulator.tally import Fault, Tally


def hear(version: str, *texts: bytes) -> tuple[World, list[bytes]]:
    """Have a station hear frames that its backend never sent; gives what it said to them."""
    world = World(STILL)
    charger = world.station(version)
    world.run(1)
    before = len(world.said)
    for text in texts:
        assert charger.channel is not None
        charger.channel.received(text, None, world.now)
        world.run(0.1)
    return world, world.said[before:]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b'[3,"nobody",{}]', Fault.STRAY),
        (b'[4,"nobody","GenericError","",{}]', Fault.STRAY),
        (b'[3,"00000009-5eed-4000-8000-000000000001",{}]', Fault.WRONG),
        (b'[3,"00000001-5eed-4000-8000-000000000001",{}]', Fault.DOUBLED),
        (b'[3.0,"x",{}]', Fault.MALFORMED),
        (b'[true,"x",{}]', Fault.MALFORMED),
        (b'[9,"x","y",{}]', Fault.MALFORMED),
        (b"[3,7,{}]", Fault.MALFORMED),
        (b"[3]", Fault.MALFORMED),
        (b"{}", Fault.MALFORMED),
        (b'{"oops', Fault.MALFORMED),
        (b"[" * 5000, Fault.MALFORMED),
        (b"", Fault.MALFORMED),
        (b"ping", Fault.MALFORMED),
        (b'[4,"nobody","NoSuchCode","",{}]', Fault.MALFORMED),
        (b'[4,"nobody","GenericError"]', Fault.MALFORMED),
        (b'[4,"nobody","GenericError","","details"]', Fault.MALFORMED),
        (b'[2,"1","GetLocalListVersion", {}]', Fault.MALFORMED),
        (b'[2,"1","Reset",{}]', Fault.WRONG),
        (b'[2,"1","Reset"]', Fault.WRONG),
        (b'[4,"-1","RpcFrameworkError","",{}]', Fault.COMPLAINT),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_station_hears_is_judged(version: str, text: bytes, fault: Fault) -> None:
    """Every frame that should not have come is counted as what it is, and the station goes on."""
    if version == "ocpp1.6" and b"RpcFrameworkError" in text:
        fault = Fault.MALFORMED  # 1.6 has no such code
    world, _ = hear(version, text)
    assert world.tally.faults[fault] == 1, world.tally.examples
    assert world.chargers[0].online


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_is_never_answered_but_in_21(version: str) -> None:
    """A bad answer gets a CALLRESULTERROR in 2.1 and silence before (conformance FR-03, FR-05)."""
    world = World(STILL)
    charger = world.station(version)
    world.run(1)
    charger.send_heartbeat(world.now)
    assert charger.channel is not None
    sent = json.loads(world.said[-1])[1]
    charger.channel.received(frames.result(sent, {}), None, world.now)
    answers = [json.loads(text) for text in world.said if json.loads(text)[0] != frames.CALL]
    if version != "ocpp2.1":
        assert answers == []
    else:
        assert [answer[:3] for answer in answers] == [[5, sent, "OccurrenceConstraintViolation"]]
    assert world.tally.faults[Fault.WRONG] == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_broken_frame_is_answered_as_the_version_says(version: str) -> None:
    """2.x says with id -1 that it could not read a frame, 1.6 says nothing (FR-17, FR-18)."""
    _, said = hear(version, b"{oops")
    assert [json.loads(text)[:3] for text in said] == ([] if version == "ocpp1.6" else [[4, "-1", "RpcFrameworkError"]])


def test_a_second_call_before_the_first_is_answered_is_crowding() -> None:
    """Two open calls towards a station are counted (OCPP-J section 4.1.1)."""
    world = World(replace(STILL, think=(1.0, 1.0)))
    charger = world.station("ocpp1.6")
    world.run(1)
    assert charger.channel is not None
    for number in (1, 2):
        charger.channel.received(frames.call(str(number), "GetLocalListVersion", {}), None, world.now)
    world.run(3)
    assert world.tally.faults == {Fault.CROWDED: 1}


@pytest.mark.parametrize("version", VERSIONS)
def test_an_answer_about_another_card_is_wrong(version: str) -> None:
    """An answer in perfect order that is about somebody else's card is found out, at the transaction's start too."""
    for online in (True, False):
        world = World(STILL)
        charger = world.station(version)
        world.run(1)
        world.backend.behaviour = Behaviour(lie=Lie.ANOTHER)
        if not online:  # away from the backend the station asks nobody, and the start is the first to name the card
            world.reachable = False
            world.cut()
            world.run(0.2)
        assert charger.charge(1, "CARD", world.now)
        world.reachable = True
        world.run(3)
        assert world.tally.faults[Fault.WRONG] > 0
        assert "another card" in world.tally.examples[Fault.WRONG][0]


def test_a_number_that_is_given_twice_is_wrong() -> None:
    """Two transactions of a 1.6 station that run at a time have different numbers, or a gateway mixes them up."""
    world = World(STILL)
    charger = world.station("ocpp1.6")
    world.run(1)
    world.backend.mint = lambda: 7  # type: ignore[method-assign]
    assert charger.charge(1, "CARD1", world.now)
    assert charger.charge(2, "CARD2", world.now)
    world.run(2)
    assert world.tally.faults[Fault.WRONG] > 0
    assert "number 7" in world.tally.examples[Fault.WRONG][0]


def test_examples_are_few_short_and_without_passwords() -> None:
    """A summary holds a few examples of each fault, cut short, and no secret."""
    tally = Tally()
    tally.fault(Fault.WRONG, "CP1", "odd", b'{"key":"AuthorizationKey","value":"0011223344"}')
    for _ in range(10):
        tally.fault(Fault.WRONG, "CP1", "odd", b"x" * 10_000)
    assert tally.faults[Fault.WRONG] == 11
    assert len(tally.examples[Fault.WRONG]) == 3
    assert max(map(len, tally.examples[Fault.WRONG])) < 400
    assert "0011223344" not in repr(tally.as_dict())


def test_tolerated_faults_are_no_failures() -> None:
    """What a run tolerates is counted and does not fail it."""
    tally = Tally(frozenset({Fault.DROPPED}))
    tally.fault(Fault.DROPPED, "CP1", "gone")
    assert (tally.failures, tally.faults[Fault.DROPPED]) == (0, 1)


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99, 0.999, 1.0]))
def test_percentiles_are_right_within_two_percent(seconds: list[float], share: float) -> None:
    """A percentile is what a sorted list would say, within the histogram's step; merging changes nothing."""
    whole, halves = Latency(), (Latency(), Latency())
    for place, value in enumerate(seconds):
        whole.add(value)
        halves[place % 2].add(value)
    rank = max(0, -int(-share * len(seconds) // 1) - 1)
    exact = sorted(seconds)[min(rank, len(seconds) - 1)]
    assert exact - 2e-6 <= whole.percentile(share) <= exact * 1.02 + 2e-6
    halves[0].merge(halves[1])
    assert halves[0].percentile(share) == whole.percentile(share)
    assert (halves[0].count, halves[0].longest) == (whole.count, whole.longest)


_LEAVES = st.none() | st.booleans() | st.integers() | st.text()
_JSON = st.recursive(_LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@given(_JSON, st.booleans())
def test_compact_json_is_told_from_spaced(value: object, escaped: bool) -> None:
    """Spaces inside strings are no spaces between tokens."""
    compact = json.dumps([value], separators=(",", ":"), ensure_ascii=escaped).encode(errors="replace")
    assert frames.is_compact(compact)
    assert not frames.is_compact(compact[:-1] + b" ]")


def test_serials_know_their_own() -> None:
    """Message ids tell whose they are, plain ones only their place in the row."""
    own, other, plain = MessageIds(1), MessageIds(2), MessageIds(3, plain=True)
    first, foreign = own.mint(), other.mint()
    assert len(first) == 36
    assert (own.number(first), own.foreign(first)) == (1, False)
    assert (own.number(foreign), own.foreign(foreign)) == (None, True)
    assert (plain.mint(), plain.number("1"), plain.number("x"), plain.foreign(first)) == ("1", 1, None, False)
