"""Routes: the first rule that matches gives the plan."""

from __future__ import annotations

from collections import Counter

import pytest

from voltgate.ocpp.ids import Token
from voltgate.relay.plan import NOBODY, Plan
from voltgate.relay.route import Plans, Route
from voltgate.relay.rule import CLAIMANT, Rule
from voltgate.relay.tokens import ANY

NONE: frozenset[str] = frozenset()


def plans(*rules: Rule, key: str = "cp-1", tags: frozenset[str] = NONE) -> Plans:
    return Route("home", "gateway", rules).plans(key, tags)


def test_the_first_match_wins() -> None:
    """Of several rules that match, the first gives the plan; without any, nobody answers."""
    found = plans(
        Rule(actions=("Authorize",), answer=("a",)),
        Rule(actions=("Auth*", "Boot*"), answer=("b",), copy=("a", "c")),
        Rule(actions=("Heartbeat",), answer=("c",)),
    )
    assert found["Authorize"] == Plan(("a",))
    assert found["BootNotification"] == found.first == Plan(("b",), ("a", "c"))
    assert found["Heartbeat"] == Plan(("c",))
    assert found["Reset"] == found["Unheard"] == NOBODY
    assert found["Reset"] is NOBODY


@pytest.mark.parametrize("glob", ["Start*", "StartTransaction", "*Transaction", "S?artTransaction", "[A-Z]tart*", "*"])
def test_globs_over_actions(glob: str) -> None:
    """Actions match by glob."""
    assert plans(Rule(actions=(glob,), answer=("a",)))["StartTransaction"] == Plan(("a",))
    assert plans(Rule(actions=(glob, "X")))["starttransactio"] == (Plan(()) if glob == "*" else NOBODY)


def test_signed_messages() -> None:
    """A signed message goes where the plain one goes."""
    found = plans(Rule(actions=("BootNotification",), answer=("a",)), Rule(answer=("b",)))
    assert found["BootNotification-Signed"] == Plan(("a",))
    assert found["Heartbeat-Signed"] == Plan(("b",))


def test_stations() -> None:
    """Stations match by glob."""
    rules = (Rule(stations="cp-*", answer=("a",)), Rule(answer=("b",)))
    assert plans(*rules, key="cp-7").first == Plan(("a",))
    assert plans(*rules, key="xcp-7").first == Plan(("b",))


def test_tags() -> None:
    """Of the tags of a rule the station has one."""
    rules = (Rule(tags=frozenset({"north", "test"}), answer=("a",)), Rule(answer=("b",)))
    assert plans(*rules, tags=frozenset({"north", "fast"})).first == Plan(("a",))
    assert plans(*rules, tags=frozenset({"south"})).first == Plan(("b",))
    assert plans(*rules).first == Plan(("b",))


def test_a_rule_that_no_call_reaches() -> None:
    """Behind a rule that takes all calls of a station nobody is dialled for it, nor has a say."""
    ours = Rule(stations="cp-*", answer=("ours",))
    for taking, backends in (
        (ours, ("ours",)),
        (Rule(stations="cp-*", actions=("*",), answer=("ours",)), ("ours",)),
        (Rule(stations="cp-*", actions=("Boot*",), answer=("ours",)), ("ours", "theirs", "copy")),
        (Rule(stations="dp-*", answer=("ours",)), ("theirs", "copy")),
    ):
        assert plans(taking, Rule(answer=("theirs",), copy=("copy",))).backends == backends


def test_who_answers_is_not_told_as_well() -> None:
    """A backend that answers is no copy of itself, but one that only stands in for another is."""
    assert plans(Rule(answer=("a", "b"), copy=("a", "b", "c"))).first == Plan(("a", "b"), ("b", "c"))


def test_what_a_station_needs() -> None:
    """From the plans follows which backends there are, which are dialled at once, and which may answer."""
    found = plans(
        Rule(actions=("Authorize",), answer=("a", "b"), copy=("c",)),
        Rule(actions=("Heartbeat",), answer=("a", "b")),
        Rule(answer=("d",), copy=("a",)),
        Rule(stations="nobody", answer=("e",)),
        Rule(actions=("Reset",)),
    )
    assert found.backends == ("a", "b", "c", "d")
    assert found.eager == ("a", "c", "d")
    assert found.answering == {"a", "b", "d"}
    assert found.failovers == (("a", "b"),)
    assert found.answers == (("a", "b"), ("d",))


def test_the_wire_makes_no_entries() -> None:
    """However many actions a station makes up, none is remembered."""
    found = plans(Rule(answer=("a",)))
    for n in range(100):
        assert found[f"Made up {n}"] == Plan(("a",))
    assert found["Heartbeat"] is found["Heartbeat"]
    assert len(found._by_action) == 1


def test_plans_are_shared() -> None:
    """Stations with the same plans share them, however many there are."""
    route = Route(
        "home",
        "gateway",
        (Rule(stations="cp-*", answer=("a",)), Rule(weights=(("b", 1), ("c", 1)), copy=("a",))),
    )
    found = {id(route.plans(f"{kind}-{n}", NONE)) for kind in ("cp", "dp") for n in range(100)}
    assert len(found) == 3
    assert route.plans("cp-1", NONE).backends[0] == "a"
    assert "Plans" not in repr(route)
    assert route == Route("home", "gateway", route.rules)


@pytest.mark.parametrize(
    "weights",
    [{"a": 1, "b": 1}, {"a": 3, "b": 1}, {"a": 900, "b": 100}, {"a": 3e-4, "b": 1e-4}, {"a": 1e6, "b": 1e6, "c": 1e6}],
)
def test_weights_are_kept(weights: dict[str, float]) -> None:
    """Stations are shared out in proportion to the weights, whatever their scale."""
    rule = Rule(weights=tuple(weights.items()))
    found = Counter(rule.plan(f"CP-{n}", "").answer[0] for n in range(4000))
    for name, weight in weights.items():
        assert abs(found[name] / 4000 - weight / sum(weights.values())) < 0.04


def test_a_weighted_choice_sticks() -> None:
    """A station keeps its backend, in whatever order the backends are listed."""
    there, back = (Rule(weights=pairs) for pairs in ((("a", 2), ("b", 1)), (("b", 1), ("a", 2))))
    for n in range(200):
        assert there.plan(f"CP-{n}", "") == there.plan(f"CP-{n}", "") == back.plan(f"CP-{n}", "")


def test_a_weighted_choice_moves_no_more_than_needed() -> None:
    """When a backend is added, stations move to it and nowhere else."""
    before, after = Rule(weights=(("a", 1), ("b", 1))), Rule(weights=(("a", 1), ("b", 1), ("c", 1)))
    moved = Counter()
    for n in range(1000):
        old, new = before.plan(f"CP-{n}", "").answer, after.plan(f"CP-{n}", "").answer
        if old != new:
            moved[new] += 1
    assert set(moved) == {("c",)}
    assert 250 < moved[("c",)] < 420


def test_which_rule_a_call_meets() -> None:
    """A route says which of its rules a call of a station meets, and minds only what such a call can carry."""
    rules = (
        Rule(tags=frozenset({"fleet"}), answer=("f",)),
        Rule(actions=("Authorize", "Heartbeat"), tokens=ANY, answer=("a",)),
        Rule(connectors=frozenset({2}), answer=("b",)),
        Rule(actions=("Heartbeat",), answer=("c",), copy=("a",)),
    )
    token, of_fleet, found = Token("04E1"), plans(*rules, tags=frozenset({"fleet"})), plans(*rules)
    assert of_fleet.match("Heartbeat", None, None) == (0, Plan(("f",)))
    assert found.match("Authorize", token, None) == (1, Plan(("a",)))
    assert found.match("Authorize-Signed", token, None) == (1, Plan(("a",)))
    assert found.match("MeterValues", token, 2) == (2, Plan(("b",)))
    assert found.match("Heartbeat", token, 2) == (3, Plan(("c",), ("a",)))
    assert found.match("Authorize", None, None) == (None, NOBODY)


def claimed(*rules: Rule, claimant: str) -> Plans:
    return Route("home", "gateway", rules).plans("cp-1", NONE, claimant)


def test_the_claimant_stands_in_rules() -> None:
    """Where a rule names the claimant, the backend that claims the station takes its place, and nobody twice."""
    rules = (Rule(answer=(CLAIMANT, "a"), copy=("b", CLAIMANT)),)
    assert claimed(*rules, claimant="c").first == Plan(("c", "a"), ("b",))
    assert claimed(*rules, claimant="a").first == Plan(("a",), ("b",))
    assert claimed(*rules, claimant="b").first == Plan(("b", "a"))
    assert claimed(*rules, claimant="").first == Plan(("a",), ("b",))
    copied = (Rule(answer=("a",), copy=(CLAIMANT, "b")),)
    assert claimed(*copied, claimant="c").first == Plan(("a",), ("c", "b"))
    assert claimed(*copied, claimant="").first == Plan(("a",), ("b",))


def test_a_rule_for_the_claimant_alone_needs_one() -> None:
    """A rule that only the claimant answers is not there for a station that nobody claims."""
    rules = (Rule(answer=(CLAIMANT,), copy=("b",)), Rule(answer=("a",)))
    assert claimed(*rules, claimant="c").first == Plan(("c",), ("b",))
    assert claimed(*rules, claimant="").first == Plan(("a",))
    assert claimed(*rules, claimant="c").match("Heartbeat", None, None) == (0, Plan(("c",), ("b",)))
    assert claimed(*rules, claimant="").match("Heartbeat", None, None) == (1, Plan(("a",)))


def test_rules_for_stations_of_some_claimants() -> None:
    """A rule may be for stations that one of some backends claims."""
    rules = (Rule(claimed_by=frozenset({"b", "c"}), answer=("x",), copy=(CLAIMANT,)), Rule(answer=("a",)))
    assert claimed(*rules, claimant="b").first == Plan(("x",), ("b",))
    assert claimed(*rules, claimant="c").first == Plan(("x",), ("c",))
    assert claimed(*rules, claimant="a").first == claimed(*rules, claimant="").first == Plan(("a",))


def test_stations_of_one_claimant_share_their_plans() -> None:
    """Claims by many stations make as many plans as there are backends that claim, and no more."""
    route = Route("claimed", "backend", (Rule(answer=(CLAIMANT,)),))
    found = {id(route.plans(f"cp-{n}", NONE, "ab"[n % 2])) for n in range(100)}
    assert len(found) == 2
