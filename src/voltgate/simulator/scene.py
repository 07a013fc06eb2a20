"""The scene: what the simulated stations of one run share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.clock import Clock
from voltgate.simulator.line import Terms
from voltgate.simulator.profile import Conduct, Profile
from voltgate.simulator.tally import Tally

if TYPE_CHECKING:
    from voltgate.simulator.charger import Charger


@dataclass(slots=True)
class Scene:
    """What the simulated stations of one run share. `dial` begins to connect a station, and returns at once.

    `paced` treadmills wait for their steps; `closing` is set when the run draws to its end: what runs is finished,
    nothing new begins.
    """

    profile: Profile
    conduct: Conduct
    tally: Tally
    wheel: Wheel
    clock: Clock
    dial: Callable[[Charger], None]
    seed: int = 1
    paced: bool = False
    closing: bool = False
    begun: int = 0
    terms: dict[str, Terms] = field(default_factory=dict)

    def terms_of(self, version: str) -> Terms:
        """Give the terms of stations of `version`; one object for all of them."""
        terms = self.terms.get(version)
        if terms is None:
            terms = self.terms[version] = Terms.of_station(version, self.conduct.timeout)
        return terms

    def may_begin(self) -> bool:
        """Tell whether another transaction may begin; counts it if so."""
        limit = self.conduct.transactions
        if self.closing or (limit is not None and self.begun >= limit):
            return False
        self.begun += 1
        return True
