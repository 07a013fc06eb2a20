"""Plans: who answers a call, and who else is told."""

from __future__ import annotations

from dataclasses import dataclass


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


NOBODY = Plan(())
"""The plan of a call that no rule matches."""
