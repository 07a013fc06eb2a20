"""A complete simulated station: it executes commands, and has a daily life of its own or works at full load."""

from __future__ import annotations

from voltgate.simulator import charging_session, commands
from voltgate.simulator.calls import Answer, OutgoingCall
from voltgate.simulator.channel import Command
from voltgate.simulator.charging_session import ChargingSession
from voltgate.simulator.charging_station import ChargingStation
from voltgate.simulator.load_station import LoadStation
from voltgate.simulator.simulation import Simulation
from voltgate.simulator.station import Dial


class Charger(ChargingStation):
    """One simulated station of one version. `load_station` is what keeps it busy when its profile says so."""

    __slots__ = ("_begun", "load_station")

    def __init__(
        self,
        identity: str,
        number: int,
        version: str,
        simulation: Simulation,
        dial: Dial,
        password: str | bytes | None = None,
    ) -> None:
        super().__init__(identity, number, version, simulation, dial, password)
        self.load_station: LoadStation | None = None
        self._begun = False

    def on_accepted(self, now: float) -> None:
        """Report the connectors; then begin the daily life, or go on with the load."""
        super().on_accepted(now)
        if self.load_station is not None:
            self.load_station.resume(now)
        if not self._begun:
            self._begun = True
            self._begin(now)

    def _begin(self, now: float) -> None:
        """Begin the daily life: a car at each connector now and then; with a load profile, the first call too."""
        if self.simulation.profile.load_station:
            self.load_station = LoadStation(self, paced=self.simulation.paced)
            self.load_station.resume(now)
        for connector in range(1, self.simulation.profile.connectors + 1):
            self.schedule_car(connector, now)

    def new_session(self, connector: int, tag: str, length: float, remote: int | None) -> ChargingSession:
        """Return a session of the station's version, which has not begun."""
        return charging_session.create(self, connector, tag, length, remote)

    def call_ended(self, call: OutgoingCall, answer: Answer, now: float) -> None:
        """Take the outcome of a call; under load the next call follows."""
        super().call_ended(call, answer, now)
        if self.load_station is not None and self.idle:
            self.load_station.resume(now)

    def execute(self, request: Command, now: float) -> None:
        """Answer a command and do what it says."""
        commands.execute(self, request, now)
