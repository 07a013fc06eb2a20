"""What the simulated stations of one run share."""

from __future__ import annotations

from dataclasses import dataclass, field

from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.channel import ChannelSettings
from voltgate.simulator.clock import Clock
from voltgate.simulator.profile import Profile, StationSettings
from voltgate.simulator.tally import Tally


@dataclass(slots=True)
class Simulation:
    """What the simulated stations of one run share.

    `paced`: stations under load send at a fixed pace. `closing` is set when the run ends: sessions are finished, and
    none begins.
    """

    profile: Profile
    settings: StationSettings
    tally: Tally
    wheel: Wheel
    clock: Clock
    seed: int = 1
    paced: bool = False
    closing: bool = False
    begun: int = 0
    _channel_settings: dict[str, ChannelSettings] = field(default_factory=dict)

    def channel_settings(self, version: str) -> ChannelSettings:
        """Return the channel settings of stations of `version`; one object for all of them."""
        settings = self._channel_settings.get(version)
        if settings is None:
            settings = self._channel_settings[version] = ChannelSettings.of_station(version, self.settings.timeout)
        return settings

    def may_begin(self) -> bool:
        """Return whether another transaction may begin, and count it if so."""
        limit = self.settings.transactions
        if self.closing or (limit is not None and self.begun >= limit):
            return False
        self.begun += 1
        return True
