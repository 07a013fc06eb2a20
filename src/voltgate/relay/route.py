"""Routes: tables of rules; the first rule that matches a call gives its plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from voltgate.ocpp.actions import ACTIONS, plain_action
from voltgate.ocpp.ids import Token, connector_of, token_of
from voltgate.ocpp.messages import Call
from voltgate.relay.plan import NOBODY, Plan, Terms
from voltgate.relay.rule import WITH_CONNECTOR, WITH_TOKEN, Rule, reached


class Plans:
    """The plans of one station on one route: what is left of the rules when the station is known."""

    __slots__ = (
        "_by_action", "_places", "_rules", "answering", "answers", "backends", "depends", "eager", "failovers",
        "terms",
    )  # fmt: skip

    def __init__(self, rules: Iterable[tuple[int, Rule, Plan]], terms: Terms = Terms()) -> None:  # noqa: B008 - frozen
        self._rules = tuple(rules)
        self.terms = terms
        self._by_action: dict[str, Plan] = {}
        plans = [plan for _, _, plan in self._rules]
        self._places = {id(plan): n for n, _, plan in self._rules}
        self.backends = tuple(dict.fromkeys(name for plan in plans for name in plan.named))
        """Every backend that some call may need, in the order of the rules."""
        self.eager = tuple(dict.fromkeys(name for plan in plans for name in plan.needed))
        """The backends that are dialled at once: all but those that only stand behind another in a failover."""
        self.answering = frozenset(name for plan in plans for name in (*plan.answer, *plan.chained))
        """The backends whose replies some call of the station may get."""
        self.answers = tuple(dict.fromkeys(plan.answer for plan in plans))
        """The backends that answer the same calls, for each rule; none where all of them are left out."""
        self.failovers = tuple(names for names in self.answers if len(names) > 1)
        """The lists of backends that stand in for one another."""
        self.depends = frozenset(
            action for _, rule, _ in self._rules for action in rule.looks_into if rule.matches(action)
        )
        """The actions whose plan depends on what a call carries: for these ask `plan`."""

    def plan(self, call: Call, version: str) -> Plan:
        """Return the plan of a call by all that it carries."""
        action, token, connector = call.action, token_of(version, call), connector_of(version, call)
        return self.match(action, token, connector)[1]

    def match(self, action: str, token: Token | None, connector: int | None) -> tuple[int | None, Plan]:
        """Return the place of the rule that a call meets, and its plan; (None, `NOBODY`) if it meets none.

        What a call of this action cannot carry does not count.
        """
        plain = plain_action(action)
        token = token if plain in WITH_TOKEN else None
        connector = connector if plain in WITH_CONNECTOR else None
        fitting = ((n, plan) for n, rule, plan in self._rules if rule.matches(plain) and rule.takes(token, connector))
        return next(fitting, (None, NOBODY))

    def __getitem__(self, action: str) -> Plan:
        """Return the plan of a call that carries nothing; `NOBODY` when no rule matches."""
        plan = self._by_action.get(action)
        if plan is None:
            plan = self.match(action, None, None)[1]
            if action in ACTIONS:  # the wire must not fill memory
                self._by_action[action] = plan
        return plan

    def place(self, plan: Plan) -> int | None:
        """Return the place of the rule that a plan is of; None if it is of none of these."""
        return self._places.get(id(plan))

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
    close_when_all_down: float | None = None
    _shared: dict[tuple[object, ...], Plans] = field(default_factory=dict, compare=False, repr=False)

    def plans(
        self,
        key: str,
        tags: frozenset[str],
        claimant: str = "",
        *,
        checked: bool = False,
        without: frozenset[str] = frozenset(),
    ) -> Plans:
        """Return the plans for a station (`checked`: it proves itself here); stations with the same share them."""
        found = tuple(reached(self.rules, key, tags, claimant))
        chosen = tuple((n, rule.plan(key, claimant, without)) for n, rule in found)
        transparent = self.admit == "backend" and not checked and not any(rule.by_claim for _, rule in found)
        named = (name for _, rule in found for name in rule.plan(key, claimant).named)
        left_out = without.intersection(named) if without else without
        traits = (chosen, Terms(transparent, left_out, self.close_when_all_down))
        if traits not in self._shared:
            self._shared[traits] = Plans(((n, self.rules[n], plan) for n, plan in chosen), traits[1])
        return self._shared[traits]
