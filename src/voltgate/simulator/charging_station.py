"""A station with its equipment: connectors, the sessions at them, meters, and the event stream of 2.1."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from voltgate.simulator import payloads_2x, payloads_16
from voltgate.simulator.event_stream import Stream
from voltgate.simulator.history import TransactionRecord
from voltgate.simulator.simulation import Simulation
from voltgate.simulator.station import Dial, Station


class Session(Protocol):
    """A session as the station that it runs at sees it. `state` is the status of its connector."""

    ended: bool
    state: str
    record: TransactionRecord | None

    @property
    def transaction_id(self) -> str | int | None:
        """The transaction's number (1.6) or name (2.x), once it has one."""

    def begin(self, now: float) -> None:
        """Plug in the car."""

    def sample(self, now: float, context: str = "Trigger") -> None:
        """Send a meter reading."""

    def stop(self, reason: str, now: float) -> None:
        """End the transaction; the reason is spelt as in 1.6."""


class ChargingStation(Station):
    """A station whose connectors can be used, reserved and taken out of service: all that a command may change.

    `metering` is the interval of meter readings in seconds; `history` holds the latest transactions.
    """

    __slots__ = ("history", "metering", "sessions", "stream")

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
        self.metering = simulation.profile.metering
        self.history: list[TransactionRecord] = []
        self.sessions: dict[int, Session] = {}
        self.stream: Stream | None = None

    @property
    def settled(self) -> bool:
        """Whether no session runs and no transaction message waits to be confirmed."""
        return not self.sessions and super().settled

    def on_accepted(self, now: float) -> None:
        """Report the status of every connector."""
        for connector in range(0 if not self.modern else 1, self.simulation.profile.connectors + 1):
            self.send_status(connector, now)

    # Reports

    def send_status(self, connector: int, now: float) -> None:
        """Send a StatusNotification with the present status."""
        payload = (payloads_2x if self.modern else payloads_16).status(
            connector, self.connector_status(connector), self.simulation.clock.stamp(now)
        )
        self.ask("StatusNotification", payload, None, now)

    def connector_status(self, connector: int) -> str:
        """Return the status of a connector, as the version spells it."""
        running = self.sessions.get(connector)
        if running is not None:
            return running.state
        if connector in self.device_state.unavailable or 0 in self.device_state.unavailable:
            return "Unavailable"
        return "Reserved" if connector in self.device_state.reserved.values() and connector else "Available"

    def send_meter_values(self, connector: int, now: float) -> None:
        """Send a meter reading: of the session at the connector, or of the idle connector."""
        if self.sample(connector, now):
            return
        stamp = self.simulation.clock.stamp(now)
        if self.modern:
            payload = payloads_2x.meter_values(connector, payloads_2x.reading(0, 1, stamp, "Trigger"))
        else:
            payload = payloads_16.meter_values(connector, None, payloads_16.reading(0, 1, stamp, "Trigger"))
        self.send_call("MeterValues", payload, now)

    def sample(self, connector: int, now: float) -> bool:
        """Have the session at a connector send a meter reading; False when there is no session."""
        running = self.sessions.get(connector)
        if running is not None and running.record is not None:
            running.sample(now)
        return running is not None

    def sample_event(self, evse: int, now: float) -> None:
        """Send a TransactionEvent with a meter reading, if a transaction runs at this EVSE."""
        self.sample(evse, now)

    # Connectors

    def free_connector(self) -> int | None:
        """Return a connector at which a car can charge; None when there is none."""
        connectors = range(1, self.simulation.profile.connectors + 1)
        return next((connector for connector in connectors if self.can_charge(connector)), None)

    def has(self, connector: int) -> bool:
        """Return whether the station has this connector; 0 is the whole station."""
        return 0 <= connector <= self.simulation.profile.connectors

    def can_reserve(self, connector: int, reservation: int) -> bool:
        """Return whether a connector is free, or reserved by this reservation already."""
        others = {there for number, there in self.device_state.reserved.items() if number != reservation}
        return self.has(connector) and connector not in self.sessions and connector not in others

    def can_charge(self, connector: int) -> bool:
        """Return whether a car can charge at this connector."""
        there = connector > 0 and self.has(connector)
        return there and self.connector_status(connector) in {"Available", "Reserved"} and not self.simulation.closing

    # Sessions

    def new_session(self, connector: int, tag: str, length: float, remote: int | None) -> Session:
        """Return a session of the station's version, which has not begun."""
        raise NotImplementedError

    def start_remotely(self, connector: int, tag: str, now: float, number: int) -> None:
        """Begin a session that the backend asked for; `number` is its remoteStartId (2.x)."""
        self.charge(connector, tag, now, remote=number)

    def charge(
        self, connector: int, tag: str, now: float, remote: int | None = None, length: float | None = None
    ) -> bool:
        """Begin a session, for a driver or (`remote`) for the backend; False when the connector is not free."""
        if not self.can_charge(connector) or not self.simulation.may_begin():
            return False
        length = self.random.uniform(*self.simulation.profile.charging) if length is None else length
        self.sessions[connector] = running = self.new_session(connector, tag, length, remote)
        running.begin(now)
        return True

    def session_of(self, transaction_id: int | str) -> Session | None:
        """Return the session with this transaction; None when it does not run here."""
        for running in self.sessions.values():
            if running.transaction_id == transaction_id and not running.ended:
                return running
        return None

    def session_ended(self, connector: int, now: float) -> None:
        """Free a connector: its car has left."""
        self.sessions.pop(connector, None)
        self.send_status(connector, now)
        self.schedule_car(connector, now)

    def finish(self, now: float) -> None:
        """End every session, because the simulation ends."""
        for running in list(self.sessions.values()):
            running.stop("Local", now)

    def keep_record(self, record: TransactionRecord) -> None:
        """Keep what was done in a transaction, for as many transactions as the settings say."""
        limit = self.simulation.settings.history
        if limit:
            self.history.append(record)
            del self.history[:-limit]

    def schedule_car(self, connector: int, now: float) -> None:
        """Have the next car arrive after the pause that the profile says."""
        profile = self.simulation.profile
        if profile.idle is not None and not self.simulation.closing:
            self.simulation.wheel.at(now + self.random.uniform(*profile.idle), self._arrival(connector))

    def _arrival(self, connector: int) -> Callable[[float], None]:
        return PendingCar(self, connector)


class PendingCar:
    """A car that will arrive at a connector: what the timing wheel calls at that time."""

    __slots__ = ("_connector", "_station")

    def __init__(self, station: ChargingStation, connector: int) -> None:
        self._station = station
        self._connector = connector

    def __call__(self, now: float) -> None:
        """Plug in; when the connector is not free, leave."""
        station = self._station
        tag = f"{station.number:06X}{station.random.below(1 << 16):04X}"
        if not station.charge(self._connector, tag, now):
            station.schedule_car(self._connector, now)
