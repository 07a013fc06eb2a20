"""Routes: tables of rules; the first rule that matches a call gives its plan."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import translate
from hashlib import blake2b
from math import log
from typing import Literal

from voltgate.ocpp.facts import ACTIONS, plain_action


@dataclass(frozen=True, slots=True)
class Plan:
    """Who answers a call and who else is told, as names of backends. `answer` is in the order of failover."""

    answer: tuple[str, ...]
    copy: tuple[str, ...] = ()


NOBODY = Plan(())
"""The plan of a call that no rule matches."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a route. Patterns are globs; an empty one matches everything; of `tags` the station has one.

    `weights` instead of `answer` chooses one backend for each station, the same one every time.
    """

    actions: tuple[str, ...] = ()
    stations: str = ""
    tags: frozenset[str] = frozenset()
    answer: tuple[str, ...] = ()
    weights: tuple[tuple[str, float], ...] = ()
    copy: tuple[str, ...] = ()

    def concerns(self, key: str, tags: frozenset[str]) -> bool:
        """Tell whether the rule is for this station at all."""
        return (not self.tags or bool(self.tags & tags)) and (
            not self.stations or bool(_pattern(self.stations).match(key))
        )

    def matches(self, action: str) -> bool:
        """Tell whether the rule is for this action, signed or not."""
        plain = plain_action(action)
        return not self.actions or any(_pattern(glob).match(plain) for glob in self.actions)

    def plan(self, key: str) -> Plan:
        """Give the plan for a station."""
        answer = (_weighted(key, self.weights),) if self.weights else self.answer
        return Plan(answer, tuple(name for name in self.copy if name not in answer[:1]))


_patterns: dict[str, re.Pattern[str]] = {}


def _pattern(glob: str) -> re.Pattern[str]:
    """Compile a glob of the configuration, once."""
    compiled = _patterns.get(glob)
    if compiled is None:
        compiled = _patterns[glob] = re.compile(translate(glob))
    return compiled


def _weighted(key: str, weights: tuple[tuple[str, float], ...]) -> str:
    """Choose by weighted rendezvous hashing: a station keeps its backend when others are added or reweighted."""

    def score(name: str, weight: float) -> float:
        digest = blake2b(f"{key}\0{name}".encode(), digest_size=8).digest()
        draw = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
        return log(draw) / weight

    return max(weights, key=lambda choice: score(*choice))[0]


class Plans:
    """The plans of one station on one route: what is left of the rules when the station is known."""

    __slots__ = ("_by_action", "_rules", "answering", "answers", "backends", "eager", "failovers")

    def __init__(self, rules: Iterable[tuple[Rule, Plan]]) -> None:
        self._rules = tuple(rules)
        self._by_action: dict[str, Plan] = {}
        plans = [plan for _, plan in self._rules]
        self.backends = tuple(dict.fromkeys(name for plan in plans for name in (*plan.answer, *plan.copy)))
        """Every backend that some call may need, in the order of the rules."""
        self.eager = tuple(dict.fromkeys(name for plan in plans for name in (*plan.answer[:1], *plan.copy)))
        """The backends that are dialled at once: all but those that only stand behind another in a failover."""
        self.answering = frozenset(name for plan in plans for name in plan.answer)
        """The backends whose replies some call of the station may get."""
        self.answers = tuple(dict.fromkeys(plan.answer for plan in plans if plan.answer))
        """The backends that answer the same calls, for each rule."""
        self.failovers = tuple(names for names in self.answers if len(names) > 1)
        """The lists of backends that stand in for one another."""

    def __getitem__(self, action: str) -> Plan:
        """Give the plan of a call; `NOBODY` when no rule matches."""
        plan = self._by_action.get(action)
        if plan is None:
            plan = next((plan for rule, plan in self._rules if rule.matches(action)), NOBODY)
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

    def plans(self, key: str, tags: frozenset[str]) -> Plans:
        """Give the plans for a station; stations with the same plans share them."""
        chosen = tuple((n, rule.plan(key)) for n, rule in enumerate(self.rules) if rule.concerns(key, tags))
        plans = self._shared.get(chosen)
        if plans is None:
            plans = self._shared[chosen] = Plans((self.rules[n], plan) for n, plan in chosen)
        return plans
