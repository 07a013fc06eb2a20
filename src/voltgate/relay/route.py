"""Routes: tables of rules; the first rule that matches a call gives its plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from voltgate.ocpp.actions import ACTIONS, plain_action
from voltgate.ocpp.ids import Token, connector_of, token_of
from voltgate.ocpp.messages import Call
from voltgate.relay.plan import NOBODY, Plan
from voltgate.relay.rule import WITH_CONNECTOR, WITH_TOKEN, Rule, reached


def _chained(plan: Plan) -> tuple[str, ...]:
    return plan.chain.backends if plan.chain is not None else ()


def _named(plan: Plan) -> tuple[str, ...]:
    return (*plan.answer, *_chained(plan), *plan.copy)


def _needed(plan: Plan) -> tuple[str, ...]:
    return (*plan.answer[:1], *_chained(plan), *plan.copy)


class Plans:
    """The plans of one station on one route: what is left of the rules when the station is known."""

    __slots__ = (
        "_by_action", "_rules", "answering", "answers", "backends", "depends", "eager", "failovers", "transparent"
    )  # fmt: skip

    def __init__(self, rules: Iterable[tuple[Rule, Plan]], *, transparent: bool = False) -> None:
        self._rules = tuple(rules)
        self.transparent = transparent
        """Whether the station proves itself to its backend alone, and stays there whatever others claim."""
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
        """Return the plan of a call by all that it carries."""
        action, token, connector = call.action, token_of(version, call), connector_of(version, call)
        return self._first(action, token, connector)

    def _first(self, action: str, token: Token | None, connector: int | None) -> Plan:
        fitting = (plan for rule, plan in self._rules if rule.matches(action) and rule.takes(token, connector))
        return next(fitting, NOBODY)

    def __getitem__(self, action: str) -> Plan:
        """Return the plan of a call that carries nothing; `NOBODY` when no rule matches."""
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
    _shared: dict[tuple[object, ...], Plans] = field(default_factory=dict, compare=False, repr=False)

    def plans(self, key: str, tags: frozenset[str], claimant: str = "", *, checked: bool = False) -> Plans:
        """Return the plans for a station (`checked`: it proves itself here); stations with the same share them."""
        chosen = tuple((n, rule.plan(key, claimant)) for n, rule in reached(self.rules, key, tags, claimant))
        transparent = self.admit == "backend" and not checked and not any(self.rules[n].by_claim for n, _ in chosen)
        plans = self._shared.get((chosen, transparent))
        if plans is None:
            rules = ((self.rules[n], plan) for n, plan in chosen)
            plans = self._shared[chosen, transparent] = Plans(rules, transparent=transparent)
        return plans

    def first(
        self, key: str, tags: frozenset[str], claimant: str, action: str, token: Token | None, connector: int | None
    ) -> tuple[int, Plan] | None:
        """Return the place of the rule that a call of a station meets, and the plan; None if it meets none.

        What a call of this action cannot carry does not count.
        """
        plain = plain_action(action)
        token = token if plain in WITH_TOKEN else None
        connector = connector if plain in WITH_CONNECTOR else None
        for place, rule in enumerate(self.rules):
            if rule.concerns(key, tags, claimant) and rule.matches(action) and rule.takes(token, connector):
                return place, rule.plan(key, claimant)
        return None
