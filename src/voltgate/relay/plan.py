"""Plans: who answers a call, and who else is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Chain:
    """Backends that are asked one after the other whether a token may charge; who accepts it owns the session.

    The next is asked when one answers a status of `on`, and with `silence` when it does not answer; `within` is the
    seconds for all of them.
    """

    backends: tuple[str, ...]
    on: frozenset[str] = frozenset({"Invalid", "Unknown"})
    silence: bool = False
    within: float = 10.0

    def without(self, names: frozenset[str]) -> Chain | None:
        """Return the chain without some backends; None if nobody is left in it."""
        left = tuple(name for name in self.backends if name not in names)
        return replace(self, backends=left) if left else None


@dataclass(frozen=True, slots=True)
class Plan:
    """Who answers a call and who else is told, as names of backends. `answer` is in the order of failover.

    `owned`: by ownership or by a number that the call names, not by the rules.
    """

    answer: tuple[str, ...]
    copy: tuple[str, ...] = ()
    chain: Chain | None = None
    owned: bool = False

    @property
    def chained(self) -> tuple[str, ...]:
        """Who is asked whether a token may charge."""
        return () if self.chain is None else self.chain.backends

    @property
    def named(self) -> tuple[str, ...]:
        """Everybody whom it may need."""
        return (*self.answer, *self.chained, *self.copy)

    @property
    def needed(self) -> tuple[str, ...]:
        """Whom it needs at once: all but those that only stand behind another in a failover."""
        return (*self.answer[:1], *self.chained, *self.copy)

    def owned_by(self, owner: str) -> Plan:
        """Return the plan by which `owner` answers, and everybody else who would hear of it is told."""
        others = dict.fromkeys((*self.answer[:1], *self.copy))
        return Plan((owner,), tuple(name for name in others if name != owner), owned=True)


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a station on its route, whatever it says.

    `transparent`: it proves itself to its backend alone, and stays there whatever others claim. `left_out` are the
    backends that the rules name and it has to do without. `close_when_all_down` is after how many seconds it is let go
    while no backend is there (None: as its backends say).
    """

    transparent: bool = False
    left_out: frozenset[str] = frozenset()
    close_when_all_down: float | None = None


@lru_cache(maxsize=256)
def owned(owner: str, copies: tuple[str, ...]) -> Plan:
    """Return the plan of what `owner` answers and the others are told."""
    return Plan((owner,), copies, owned=True)


NOBODY = Plan(())
"""The plan of a call that no rule matches."""


def nobody_answers(what: str, version: str, left_out: frozenset[str]) -> str:
    """Return why a call is answered by no backend: no rule is for it, or those are `left_out` that one names."""
    return f"No backend that takes {version} answers {what}" if left_out else f"No rule says who answers {what}"
