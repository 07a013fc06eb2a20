"""Rules: the lines of a route, each with the plan of the calls that it matches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from math import log

from voltgate.ocpp.actions import plain_action
from voltgate.ocpp.globs import compile_glob
from voltgate.ocpp.ids import Token
from voltgate.relay.plan import Chain, Plan
from voltgate.relay.tokens import Tokens

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

    @property
    def takes_all(self) -> bool:
        """Whether it is for every call of the stations that it concerns."""
        return (not self.actions or "*" in self.actions) and self.tokens is None and not self.connectors

    @property
    def by_claim(self) -> bool:
        """Whether claims decide for whom it is, or who answers."""
        return bool(self.claimed_by) or CLAIMANT in self.answer

    def concerns(self, key: str, tags: frozenset[str], claimant: str) -> bool:
        """Return whether the rule is for this station at all."""
        if self.answer == (CLAIMANT,) and not claimant:
            return False
        return (
            (not self.tags or bool(self.tags & tags))
            and (not self.claimed_by or claimant in self.claimed_by)
            and (not self.stations or bool(compile_glob(self.stations).match(key)))
        )

    def matches(self, action: str) -> bool:
        """Return whether the rule is for this action, signed or not."""
        plain = plain_action(action)
        return not self.actions or any(compile_glob(glob).match(plain) for glob in self.actions)

    @property
    def looks_into(self) -> frozenset[str]:
        """The actions whose calls it looks into."""
        by_token = WITH_TOKEN if self.tokens is not None else frozenset()
        return by_token | (WITH_CONNECTOR if self.connectors else frozenset())

    def takes(self, token: Token | None, connector: int | None) -> bool:
        """Return whether the rule is for what a call carries."""
        placed = not self.connectors or connector in self.connectors
        return placed and (self.tokens is None or self.tokens.matches(token))

    def plan(self, key: str, claimant: str, without: frozenset[str] = frozenset()) -> Plan:
        """Return the plan for a station that has to do `without` some backends."""
        weights = tuple(choice for choice in self.weights if choice[0] not in without)
        answer = (_weighted(key, weights),) if weights else _filled_in(self.answer, claimant, without)
        copy = _filled_in(self.copy, claimant, without)
        chain = None if self.chain is None else self.chain.without(without)
        return Plan(answer, tuple(name for name in copy if name not in answer[:1]), chain)


def reached(rules: Iterable[Rule], key: str, tags: frozenset[str], claimant: str) -> Iterator[tuple[int, Rule]]:
    """Yield the rules that calls of a station can reach, with their places: none behind one that takes every call."""
    for place, rule in enumerate(rules):
        if rule.concerns(key, tags, claimant):
            yield place, rule
            if rule.takes_all:
                return


def _filled_in(names: tuple[str, ...], claimant: str, without: frozenset[str]) -> tuple[str, ...]:
    """Put the backend that claims the station where it is stood in for, if there is one; leave some out."""
    if CLAIMANT not in names and without.isdisjoint(names):
        return names
    filled = (claimant if name == CLAIMANT else name for name in names)
    return tuple(dict.fromkeys(name for name in filled if name and name not in without))


def _weighted(key: str, weights: tuple[tuple[str, float], ...]) -> str:
    """Choose by weighted rendezvous hashing: a station keeps its backend when others are added or reweighted."""

    def score(name: str, weight: float) -> float:
        digest = blake2b(f"{key}\0{name}".encode(), digest_size=8).digest()
        draw = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)
        return log(draw) / weight

    return max(weights, key=lambda choice: score(*choice))[0]
