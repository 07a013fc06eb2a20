"""Routes: tables of rules; the first rule that matches a call gives its plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from math import log
from typing import Literal

from voltgate.ocpp.actions import ACTIONS, plain_action
from voltgate.ocpp.globs import compile_glob
from voltgate.ocpp.ids import Token, connector_of, token_of
from voltgate.ocpp.messages import Call
from voltgate.relay.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Chain:
    """Backends that are asked one after the other whether a token may charge; who accepts it owns the session.

    The next is asked when one answers a status of `on`, and with `silence` when it does not answer; `within` is the
    seconds for all of them.
    """

    backends: tuple[str, ...]
    on: frozenset[str] = frozenset({"Invalid"})
    silence: bool = False
    within: float = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Who answers a call and who else is told, as names of backends. `answer` is in the order of failover.

    `owned`: by ownership or by a number that the call names, not by the rules.
    """

    answer: tuple[str, ...]
    copy: tuple[str, ...] = ()
    chain: Chain | None = None
    owned: bool = False

    def owned_by(self, owner: str) -> Plan:
        """Return the plan by which `owner` answers, and everybody else who would hear of it is told."""
        others = dict.fromkeys((*self.answer[:1], *self.copy))
        return Plan((owner,), tuple(name for name in others if name != owner), owned=True)


CLAIMANT = "claimant"
"""Stands in rules for the backend that claims the station."""

WITH_TOKEN = frozenset(
    "Authorize BatterySwap Get15118EVCertificate StartTransaction StopTransaction TransactionEvent".split()
)
"""The calls of stations that may carry a token."""

WITH_CONNECTOR = frozenset(
    """
    ClearedChargingLimit MeterValues NotifyChargingLimit NotifyEVChargingNeeds NotifyEVChargingSchedule
    NotifyPriorityCharging ReportChargingProfiles StartTransaction StatusNotification TransactionEvent
    """.split()
)
"""The calls of stations that may name a connector or an EVSE."""

NOBODY = Plan(())
"""The plan of a call that no rule matches."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a route. Patterns are globs; an empty one matches everything; of `tags` the station has one.

    `weights` instead of `answer` chooses one backend for each station, the same one every time. A rule with `tokens`
    or `connectors` is only for calls that carry them, one with `claimed_by` for stations that one of these backends
    holds by a claim; `chain` says who is asked whether a token may charge.
    """

    actions: tuple[str, ...] = ()
    stations: str = ""
    tags: frozenset[str] = frozenset()
    answer: tuple[str, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    copy: tuple[str, ...] = ()
    tokens: Tokens | None = None
    connectors: frozenset[int] = frozenset()
    chain: Chain | None = None
    claimed_by: frozenset[str] = frozenset()

    def concerns(self, key: str, tags: frozenset[str], claimant: str) -> bool:
        """Tell whether the rule is for this station at all."""
        if self.answer == (CLAIMANT,) and not claimant:
            return False
        return (
            (not self.tags or bool(self.tags & tags))
            and (not self.claimed_by or claimant in self.claimed_by)
            and (not self.stations or bool(compile_glob(self.stations).match(key)))
        )

    def matches(self, action: str) -> bool:
        """Tell whether the rule is for this action, signed or not."""
        plain = plain_action(action)
        return not self.actions or any(compile_glob(glob).match(plain) for glob in self.actions)

    @property
    def looks_into(self) -> frozenset[str]:
        """The actions whose calls it looks into."""
        by_token = WITH_TOKEN if self.tokens is not None else frozenset()
        return by_token | (WITH_CONNECTOR if self.connectors else frozenset())

    def takes(self, token: Token | None, connector: int | None) -> bool:
        """Tell whether the rule is for what a call carries."""
        placed = not self.connectors or connector in self.connectors
        return placed and (self.tokens is None or self.tokens.matches(token))

    def plan(self, key: str, claimant: str) -> Plan:
        """Give the plan for a station."""
        answer = (_weighted(key, self.weights),) if self.weights else _filled_in(self.answer, claimant)
        copy = _filled_in(self.copy, claimant)
        return Plan(answer, tuple(name for name in copy if name not in answer[:1]), self.chain)


def _filled_in(names: tuple[str, ...], claimant: str) -> tuple[str, ...]:
    """Put the backend that claims the station where it is stood in for, if there is one."""
    if CLAIMANT not in names:
        return names
    filled = (claimant if name == CLAIMANT else name for name in names)
    return tuple(dict.fromkeys(name for name in filled if name))


def _weighted(key: str, weights: tuple[tuple[str, float], ...]) -> str:
    """Choose by weighted rendezvous hashing: a station keeps its backend when others are added or reweighted."""

    def score(name: str, weight: float) -> float:
        digest = blake2b(f"{key}\0{name}".encode(), digest_size=8).digest()
        draw = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
        return log(draw) / weight

    return max(weights, key=lambda choice: score(*choice))[0]


def _chained(plan: Plan) -> tuple[str, ...]:
    return plan.chain.backends if plan.chain is not None else ()


def _named(plan: Plan) -> tuple[str, ...]:
    return (*plan.answer, *_chained(plan), *plan.copy)


def _needed(plan: Plan) -> tuple[str, ...]:
    return (*plan.answer[:1], *_chained(plan), *plan.copy)


class Plans:
    """The plans of one station on one route: what is left of the rules when the station is known."""

    __slots__ = ("_by_action", "_rules", "answering", "answers", "backends", "depends", "eager", "failovers")

    def __init__(self, rules: Iterable[tuple[Rule, Plan]]) -> None:
        self._rules = tuple(rules)
        self._by_action: dict[str, Plan] = {}
        plans = [plan for _, plan in self._rules]
        self.backends = tuple(dict.fromkeys(name for plan in plans for name in _named(plan)))
        """Every backend that some call may need, in the order of the rules."""
        self.eager = tuple(dict.fromkeys(name for plan in plans for name in _needed(plan)))
        """The backends that are dialled at once: all but those that only stand behind another in a failover."""
        self.answering = frozenset(name for plan in plans for name in (*plan.answer, *_chained(plan)))
        """The backends whose replies some call of the station may get."""
        self.answers = tuple(dict.fromkeys(plan.answer for plan in plans if plan.answer))
        """The backends that answer the same calls, for each rule."""
        self.failovers = tuple(names for names in self.answers if len(names) > 1)
        """The lists of backends that stand in for one another."""
        self.depends = frozenset(
            action for rule, _ in self._rules for action in rule.looks_into if rule.matches(action)
        )
        """The actions whose plan depends on what a call carries: for these ask `plan`."""

    def plan(self, call: Call, version: str) -> Plan:
        """Give the plan of a call by all that it carries."""
        action, token, connector = call.action, token_of(version, call), connector_of(version, call)
        return self._first(action, token, connector)

    def without_token(self, action: str, connector: int | None = None) -> Plan:
        """Give the plan of a call that carries no token."""
        return self._first(action, None, connector)

    def _first(self, action: str, token: Token | None, connector: int | None) -> Plan:
        fitting = (plan for rule, plan in self._rules if rule.matches(action) and rule.takes(token, connector))
        return next(fitting, NOBODY)

    def __getitem__(self, action: str) -> Plan:
        """Give the plan of a call that carries nothing; `NOBODY` when no rule matches."""
        plan = self._by_action.get(action)
        if plan is None:
            plan = self._first(action, None, None)
            if action in ACTIONS:  # the wire must not fill memory
                self._by_action[action] = plan
        return plan

    @property
    def first(self) -> Plan:
        """The plan of a BootNotification without token: its `answer` is the backend that admits."""
        return self["BootNotification"]


@dataclass(frozen=True, slots=True)
class Route:
    """A named table of rules, and how its stations are admitted."""

    name: str
    admit: Literal["backend", "gateway"]
    rules: tuple[Rule, ...]
    _shared: dict[tuple[tuple[int, Plan], ...], Plans] = field(default_factory=dict, compare=False, repr=False)

    def plans(self, key: str, tags: frozenset[str], claimant: str = "") -> Plans:
        """Give the plans for a station; stations with the same plans share them."""
        chosen = tuple(
            (n, rule.plan(key, claimant)) for n, rule in enumerate(self.rules) if rule.concerns(key, tags, claimant)
        )
        plans = self._shared.get(chosen)
        if plans is None:
            plans = self._shared[chosen] = Plans((self.rules[n], plan) for n, plan in chosen)
        return plans

    def first(
        self, key: str, tags: frozenset[str], claimant: str, action: str, token: Token | None, connector: int | None
    ) -> tuple[int, Plan] | None:
        """Give the place of the rule that a call of a station meets, and the plan; None when it meets none.

        What a call of this action cannot carry does not count.
        """
        plain = plain_action(action)
        token = token if plain in WITH_TOKEN else None
        connector = connector if plain in WITH_CONNECTOR else None
        for place, rule in enumerate(self.rules):
            if rule.concerns(key, tags, claimant) and rule.matches(action) and rule.takes(token, connector):
                return place, rule.plan(key, claimant)
        return None
