"""A simulated station: boots, beats, charges cars, obeys commands, queues what must not be lost, and comes back.

It has no task and no timer of its own: the wire and the wheel call it. What it says is in `say16` and `say2`, what it
does when a car comes in `session`, how it obeys in `commands`.
"""

from __future__ import annotations

import enum
import zlib
from collections.abc import Callable
from typing import Any

from voltgate.relay.wire import Wire
from voltgate.simulator import commands, payloads_2x, payloads_16
from voltgate.simulator.charging_session import ChargingSession, session
from voltgate.simulator.device_state import DeviceState
from voltgate.simulator.event_stream import Stream
from voltgate.simulator.history import TransactionRecord
from voltgate.simulator.load_station import LoadStation
from voltgate.simulator.outbox import Outbox
from voltgate.simulator.profile import Boots, Ids
from voltgate.simulator.seeded_random import SeededRandom
from voltgate.simulator.simulation import Simulation
from voltgate.simulator.tally import Fault
from voltgate.simulator.websocket_channel import (
    Answer,
    AnswerCheck,
    CallError,
    Channel,
    Command,
    MessageIds,
    OnAnswer,
    OutgoingCall,
    WebSocketChannel,
)

_BOOT_AGAIN = 5.0
"""Seconds until the next boot when the backend names none (an interval of 0 leaves it to the station)."""


class StationState(enum.Enum):
    """How far a station has come."""

    OFFLINE = "away"
    BOOTING = "booting"
    ACCEPTED = "accepted"
    STOPPED = "over"


class Charger:
    """One simulated station of one version.

    `ping` is the interval of its websocket pings in seconds, 0 for none; a new one holds from the next connection on.
    """

    __slots__ = (
        "_beat_at",
        "_failures",
        "_lives",
        "_outbox",
        "_stopped",
        "booted",
        "channel",
        "device_state",
        "history",
        "identity",
        "interval",
        "load_station",
        "message_ids",
        "metering",
        "number",
        "password",
        "ping",
        "random",
        "sessions",
        "simulation",
        "state",
        "stream",
        "version",
    )  # fmt: skip

    def __init__(
        self, identity: str, number: int, version: str, simulation: Simulation, password: str | bytes | None = None
    ) -> None:
        self.identity = identity
        self.number = number
        self.version = version
        self.simulation = simulation
        self.password = password
        self.random = SeededRandom(simulation.seed, identity)
        self.message_ids = MessageIds(number, plain=simulation.settings.ids is Ids.PLAIN)
        self.device_state = DeviceState()
        self.state = StationState.OFFLINE
        self.booted = False
        self.interval = 300.0
        self.metering = simulation.profile.metering
        self.ping = simulation.settings.ping
        self.history: list[TransactionRecord] = []
        self.channel: Channel | None = None
        self.sessions: dict[int, ChargingSession] = {}
        self.load_station: LoadStation | None = None
        self.stream: Stream | None = None
        self._outbox = Outbox()
        self._failures = 0
        self._lives = False
        self._beat_at = 0.0
        self._stopped = False

    @property
    def modern(self) -> bool:
        """Tell whether this station speaks 2.x."""
        return self.version.startswith("ocpp2")

    @property
    def online(self) -> bool:
        """Tell whether the backend has accepted the station and the connection stands."""
        return self.state is StationState.ACCEPTED

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits to be sent or answered."""
        return not self._outbox and (self.channel is None or not self.channel.open)

    @property
    def settled(self) -> bool:
        """Tell whether no transaction message waits to be confirmed."""
        return not self.sessions and not self._outbox.has_kept and self.idle

    # Coming and going

    def start(self, now: float) -> None:
        """Switch the station on."""
        self._stopped = False
        self.simulation.dial(self)

    def connected(self, wire: Wire, now: float) -> WebSocketChannel:
        """Go on with a websocket whose handshake is done; gives the wire's receiver."""
        simulation = self.simulation
        channel = WebSocketChannel(
            self, wire, simulation.channel_settings(self.version), simulation.tally, simulation.wheel, self.message_ids
        )
        self.attach(channel, now)
        return channel

    @property
    def registered(self) -> bool:
        """Tell whether the station goes on without a BootNotification when it comes back."""
        return self.booted and self.simulation.settings.boots is Boots.ONCE

    def attach(self, channel: Channel, now: float) -> None:
        """Go on with a line to the backend."""
        self.simulation.tally.connected += 1
        self._failures = 0
        self._outbox.resume()
        self.channel = channel
        if self.registered:
            self._accepted(now)
        else:
            self._boot(now)

    def handshake_failed(self, why: str, now: float) -> None:
        """Count a handshake that failed, and try again later."""
        self.simulation.tally.fault(Fault.REJECTED, self.identity, why)
        self._come_back(now)

    def channel_closed(self, channel: Channel, unanswered: list[OutgoingCall], code: int, reason: str) -> None:
        """Go on without a connection: what must not be lost is kept, the rest ends unanswered."""
        if channel is not self.channel:
            return
        now = self.simulation.clock.now()
        self.channel = None
        if self.state is not StationState.STOPPED:
            self.state = StationState.OFFLINE
        if not self._stopped:
            self.simulation.tally.fault(Fault.DROPPED, self.identity, f"closed with {code} {reason}".rstrip())
        for call in self._outbox.keep(unanswered):
            call.on_answer(None, now)
        self._come_back(now)

    def disconnect(self, now: float, seconds: float | None = None, reason: str = "") -> None:
        """Hang up; come back after `seconds`, or never."""
        self._stopped = True
        if seconds is None:
            self.state = StationState.STOPPED
        else:
            self.simulation.wheel.at(now + seconds, self._return)
        if self.channel is not None:
            self.channel.close(1000, reason)

    def reboot(self, now: float) -> None:
        """Forget that the backend accepted us, and come back with a BootNotification."""
        self.booted = False
        self.disconnect(now, 0.5 + self.random.uniform(0, 0.5), "reset")

    def _return(self, now: float) -> None:
        if self.channel is not None:  # the closing handshake is not over
            self.simulation.wheel.at(now + 0.2, self._return)
        elif self.state is not StationState.STOPPED:
            self.start(now)

    def _come_back(self, now: float) -> None:
        """Dial again after the wait of 2.1 Part 4 section 5.4: doubled so often, with a new random part each time."""
        over = self.simulation.closing and not self._outbox  # whoever still owes a message delivers it first
        if self._stopped or over or not self.simulation.settings.reconnects:
            return
        minimum, spread, doublings = self.simulation.settings.backoff
        wait = minimum * 2 ** min(self._failures, doublings) + self.random.uniform(0, spread)
        self._failures += 1
        self.simulation.wheel.at(now + wait, self._return)

    # Registration

    def boot_triggered(self, now: float) -> None:
        """Send a BootNotification, because the backend asked for one."""
        self._boot(now, "Triggered")

    def _boot(self, now: float, reason: str = "PowerUp") -> None:
        if self.channel is None:
            return
        self.state = StationState.BOOTING
        payload = (
            payloads_2x.boot(self.identity, self.number, reason)
            if self.modern
            else payloads_16.boot(self.identity, self.number)
        )
        self.channel.ask(OutgoingCall("BootNotification", payload, self._booted, verify=self._own_time), now)

    def _booted(self, answer: Answer, now: float) -> None:
        if not isinstance(answer, dict):
            if self.channel is not None:
                self.simulation.wheel.at(now + _BOOT_AGAIN, self._boot_again)
            return
        interval = answer["interval"]
        if answer["status"] != "Accepted":
            self.simulation.wheel.at(now + (interval if interval > 0 else _BOOT_AGAIN), self._boot_again)
            return
        if interval <= 0:  # RG-01
            self.simulation.tally.fault(Fault.WRONG, self.identity, "accepted with an interval of 0")
        self.interval = self.simulation.profile.heartbeat or max(interval, 1)
        self.booted = True
        self._accepted(now)

    def _boot_again(self, now: float) -> None:
        if self.state is StationState.BOOTING and self.channel is not None and not self.channel.open:
            self._boot(now)

    def _accepted(self, now: float) -> None:
        self.state = StationState.ACCEPTED
        self._rearm(now)
        for connector in range(0 if not self.modern else 1, self.simulation.profile.connectors + 1):
            self.send_status(connector, now)
        self._send_waiting(now)
        self._begin_daily_life(now)

    def _begin_daily_life(self, now: float) -> None:
        """Begin the daily life: a car for each connector now and then; or go on with the treadmill."""
        if self.load_station is not None:
            self.load_station.resume(now)
        if self._lives:
            return
        self._lives = True
        if self.simulation.profile.load_station:
            self.load_station = LoadStation(self, paced=self.simulation.paced)
            self.load_station.resume(now)
        for connector in range(1, self.simulation.profile.connectors + 1):
            self.schedule_car(connector, now)

    # Heartbeats

    def set_interval(self, seconds: float, now: float) -> None:
        """Beat at another pace from now on."""
        self.interval = max(seconds, 1.0)
        self._rearm(now)

    def _rearm(self, now: float) -> None:
        self._beat_at = now + self.interval
        self.simulation.wheel.at(self._beat_at, self._beat)

    def _beat(self, now: float) -> None:
        if now < self._beat_at or not self.online:  # put off meanwhile, or away: coming back sets it anew
            return
        self.send_heartbeat(now)
        self._rearm(now)

    # What the station says

    def send_heartbeat(self, now: float, on_answer: OnAnswer | None = None, due: float | None = None) -> None:
        """Send a Heartbeat."""
        self.ask("Heartbeat", {}, on_answer, now, verify=self._own_time, due=due)

    def send_status(self, connector: int, now: float) -> None:
        """Send a StatusNotification as things are."""
        stamp = self.simulation.clock.stamp(now)
        state = self.connector_status(connector)
        payload = (
            payloads_2x.status(connector, state, stamp) if self.modern else payloads_16.status(connector, state, stamp)
        )
        self.ask("StatusNotification", payload, None, now)

    def connector_status(self, connector: int) -> str:
        """Give the status of a connector in the words of the version."""
        running = self.sessions.get(connector)
        if running is not None:
            return running.state
        if connector in self.device_state.unavailable or 0 in self.device_state.unavailable:
            return "Unavailable"
        return "Reserved" if connector in self.device_state.reserved.values() and connector else "Available"

    def _own_time(self, payload: dict[str, Any]) -> str | None:
        """Look whether a time of day was meant for this station: the stand-in marks it in the milliseconds."""
        if not self.simulation.settings.echo:
            return None
        wanted = f".{mark(self.identity):03d}Z"
        return None if payload["currentTime"].endswith(wanted) else "the time was told to another station"

    def send_call(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Send a call whose answer changes nothing."""
        self.ask(action, payload, None, now)

    def sequence(self, action: str, payloads: list[dict[str, Any]]) -> Callable[[float], None]:
        """Make what sends several calls, one after the other."""

        def send_all(now: float) -> None:
            for payload in payloads:
                self.send_call(action, payload, now)

        return send_all

    def send_meter_values(self, connector: int, now: float) -> None:
        """Send a meter reading: of the session at the connector, or of the idle connector."""
        if not self.sample(connector, now):
            stamp = self.simulation.clock.stamp(now)
            value = (payloads_2x if self.modern else payloads_16).reading(0, 1, stamp, "Trigger")
            payload = (
                payloads_2x.meter_values(connector, value)
                if self.modern
                else payloads_16.meter_values(connector, None, value)
            )
            self.send_call("MeterValues", payload, now)

    def sample(self, connector: int, now: float) -> bool:
        """Have the session at a connector send a meter reading; False when nobody charges there."""
        running = self.sessions.get(connector)
        if running is not None and running.record is not None:
            running.sample(now)
        return running is not None

    def sample_event(self, evse: int, now: float) -> None:
        """Send a TransactionEvent with a meter reading, if a transaction runs there."""
        self.sample(evse, now)

    # Cars

    def free_connector(self) -> int | None:
        """Name a connector where a car can charge."""
        connectors = range(1, self.simulation.profile.connectors + 1)
        return next((connector for connector in connectors if self.can_charge(connector)), None)

    def has(self, connector: int) -> bool:
        """Tell whether there is this connector; 0 is the whole station."""
        return 0 <= connector <= self.simulation.profile.connectors

    def can_reserve(self, connector: int, reservation: int) -> bool:
        """Tell whether a connector can be kept for somebody: it is free, or kept for the same one already."""
        others = {there for number, there in self.device_state.reserved.items() if number != reservation}
        return self.has(connector) and connector not in self.sessions and connector not in others

    def can_charge(self, connector: int) -> bool:
        """Tell whether a car can charge at this connector."""
        there = connector > 0 and self.has(connector)
        return there and self.connector_status(connector) in {"Available", "Reserved"} and not self.simulation.closing

    def start_remotely(self, connector: int, tag: str, now: float, number: int) -> None:
        """Charge because the backend asked; `number` is its remoteStartId (2.x)."""
        self.charge(connector, tag, now, remote=number)

    def session_of(self, name: int | str) -> ChargingSession | None:
        """Find the session with this transaction."""
        return next(
            (running for running in self.sessions.values() if running.transaction_id == name and not running.ended),
            None,
        )

    def keep_record(self, record: TransactionRecord) -> None:
        """Keep what was done with a transaction, as far back as the conduct says."""
        limit = self.simulation.settings.history
        if limit:
            self.history.append(record)
            del self.history[:-limit]

    def schedule_car(self, connector: int, now: float) -> None:
        """Have the next car come after a while."""
        if self.simulation.profile.idle is not None and not self.simulation.closing:
            self.simulation.wheel.at(
                now + self.random.uniform(*self.simulation.profile.idle), self._pending_car(connector)
            )

    def _pending_car(self, connector: int) -> PendingCar:
        return PendingCar(self, connector)

    def charge(
        self, connector: int, tag: str, now: float, remote: int | None = None, length: float | None = None
    ) -> bool:
        """Begin a session, as a driver or (`remote`) as the backend asks; False when the connector is not free."""
        if not self.can_charge(connector) or not self.simulation.may_begin():
            return False
        length = self.random.uniform(*self.simulation.profile.charging) if length is None else length
        self.sessions[connector] = running = session(self, connector, tag, length, remote)
        running.begin(now)
        return True

    def session_ended(self, connector: int, now: float) -> None:
        """Free a connector: its car has gone."""
        self.sessions.pop(connector, None)
        self.send_status(connector, now)
        self.schedule_car(connector, now)

    def finish(self, now: float) -> None:
        """End what runs, because the simulation does."""
        for running in list(self.sessions.values()):
            running.stop("Local", now)

    # The outbox

    def ask(
        self,
        action: str,
        payload: Any,
        on_answer: OnAnswer | None,
        now: float,
        *,
        kept: bool = False,
        verify: AnswerCheck | None = None,
        due: float | None = None,
    ) -> None:
        """Send a call when its turn comes. What is `kept` is sent until it is answered; the rest only while online."""
        call = OutgoingCall(action, payload, on_answer or _nothing, kept=kept, verify=verify, due=due)
        if not kept and not self.online:
            call.on_answer(None, now)
        elif self._outbox.put(call):
            self._send_waiting(now)
        else:
            call.on_answer(CallError("Full", "too many messages wait"), now)

    def call_ended(self, call: OutgoingCall, answer: Answer, now: float) -> None:
        """Take how a call ended; a transaction message that failed is tried again (1.6 section 3.7.1)."""
        if call.kept and not isinstance(answer, dict) and not self._exhausted(call, answer):
            self._try_again(call, now)
            return
        call.on_answer(answer, now)
        if isinstance(answer, CallError) and answer.code == "SecurityError" and self.modern and self.online:
            self.booted = False  # the backend does not know us: 2.x B01, B02
            self._boot(now)
        self._send_waiting(now)
        if self.load_station is not None and self.idle:
            self.load_station.resume(now)

    def _exhausted(self, call: OutgoingCall, answer: Answer) -> bool:
        """Tell whether a refused message was tried often enough. One that nobody answered never was."""
        security = isinstance(answer, CallError) and answer.code == "SecurityError"
        return answer is not None and not security and call.attempts >= self.simulation.settings.attempts

    def _try_again(self, call: OutgoingCall, now: float) -> None:
        """Wait longer each time, as TransactionMessageRetryInterval says (1.6 section 3.7.1)."""
        self.simulation.tally.repeated += 1
        until = now + self.simulation.settings.retry * call.attempts
        self._outbox.put_back(call, until)
        self.simulation.wheel.at(until, self._send_waiting)

    def _send_waiting(self, now: float) -> None:
        """Send what may be sent: in order, one open call at a time (or as many as the conduct says)."""
        channel = self.channel
        if channel is None:
            return
        limit = self.simulation.settings.open_calls
        while self.state is StationState.ACCEPTED and channel.open < limit:
            call = self._outbox.take(now)
            if call is None:
                return
            channel.ask(call, now)

    # Commands

    def call_received(self, request: Command, now: float) -> None:
        """Obey a command, after the time that this station takes to think."""
        low, high = self.simulation.profile.think
        if high > 0:
            self.simulation.wheel.at(now + self.random.uniform(low, high), lambda later: self._execute(request, later))
        else:
            self._execute(request, now)

    def _execute(self, request: Command, now: float) -> None:
        if request.channel is self.channel:
            commands.execute(self, request, now)

    def send_received(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Take a SEND; no backend sends any (2.1 has one, from stations)."""


class PendingCar:
    """A car on its way to a connector: what the wheel calls when it arrives."""

    __slots__ = ("_charger", "_connector")

    def __init__(self, charger: Charger, connector: int) -> None:
        self._charger = charger
        self._connector = connector

    def __call__(self, now: float) -> None:
        """Plug in; when the connector is taken, drive on."""
        charger = self._charger
        tag = f"{charger.number:06X}{charger.random.below(1 << 16):04X}"
        if not charger.charge(self._connector, tag, now):
            charger.schedule_car(self._connector, now)


def mark(identity: str) -> int:
    """Give the milliseconds with which the stand-in backend marks the time that it tells a station."""
    return zlib.crc32(identity.encode()) % 1000


def _nothing(answer: Answer, now: float) -> None:
    """Do nothing with an answer."""
