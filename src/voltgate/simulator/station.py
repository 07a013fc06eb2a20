"""A station's side of its connection: registration, heartbeats, the queue of its calls, and coming back after a loss.

It has no task and no timer of its own: the channel and the timing wheel call it. What the station is equipped with is
in `charging_station`, what it does by itself in `charger`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, TypeAlias

from voltgate.ocpp.close_codes import NORMAL
from voltgate.ocpp.dialect import is_modern
from voltgate.relay.wire import Wire
from voltgate.simulator import payloads_2x, payloads_16
from voltgate.simulator.calls import Answer, AnswerCheck, CallError, MessageIds, OnAnswer, OutgoingCall
from voltgate.simulator.channel import Channel, Command
from voltgate.simulator.clock import mark
from voltgate.simulator.device_state import DeviceState
from voltgate.simulator.outbox import Outbox
from voltgate.simulator.profile import Boots, Ids
from voltgate.simulator.seeded_random import SeededRandom
from voltgate.simulator.simulation import Simulation
from voltgate.simulator.tally import Fault
from voltgate.simulator.websocket_channel import WebSocketChannel

_BOOT_AGAIN = 5.0
"""Seconds until the next boot when the backend names none (an interval of 0 leaves it to the station)."""

Dial: TypeAlias = "Callable[[Station], None]"
"""Begins to connect a station, and returns at once; `connected`, `attach` or `handshake_failed` follows."""


class StationState(enum.Enum):
    """The state of a station towards its backend."""

    OFFLINE = "offline"
    BOOTING = "booting"
    ACCEPTED = "accepted"
    STOPPED = "stopped"


class Station:
    """A simulated station of one version, as far as it concerns its connection.

    `ping` is the interval of its websocket pings in seconds, 0 for none; a new one holds from the next connection on.
    """

    __slots__ = (
        "_dial",
        "_failures",
        "_heartbeat_at",
        "_outbox",
        "_stopped",
        "booted",
        "channel",
        "device_state",
        "identity",
        "interval",
        "message_ids",
        "number",
        "password",
        "ping",
        "random",
        "simulation",
        "state",
        "version",
    )  # fmt: skip

    def __init__(
        self,
        identity: str,
        number: int,
        version: str,
        simulation: Simulation,
        dial: Dial,
        password: str | bytes | None = None,
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
        self.ping = simulation.settings.ping
        self.channel: Channel | None = None
        self._dial = dial
        self._outbox = Outbox()
        self._failures = 0
        self._heartbeat_at = 0.0
        self._stopped = False

    @property
    def modern(self) -> bool:
        """Whether this station speaks 2.x."""
        return is_modern(self.version)

    @property
    def online(self) -> bool:
        """Whether the station is connected and the backend has accepted it."""
        return self.state is StationState.ACCEPTED

    @property
    def idle(self) -> bool:
        """Whether no call waits to be sent or answered."""
        return not self._outbox and (self.channel is None or not self.channel.open)

    @property
    def settled(self) -> bool:
        """Whether no transaction message waits to be confirmed."""
        return not self._outbox.has_kept and self.idle

    @property
    def registered(self) -> bool:
        """Whether the station needs no BootNotification when it reconnects."""
        return self.booted and self.simulation.settings.boots is Boots.ONCE

    # Connecting

    def start(self, now: float) -> None:
        """Switch the station on."""
        self._stopped = False
        self._dial(self)

    def connected(self, wire: Wire, now: float) -> WebSocketChannel:
        """Go on with a websocket whose handshake is done; return the wire's receiver."""
        simulation = self.simulation
        channel = WebSocketChannel(
            self, wire, simulation.channel_settings(self.version), simulation.tally, simulation.wheel, self.message_ids
        )
        self.attach(channel, now)
        return channel

    def attach(self, channel: Channel, now: float) -> None:
        """Go on with a channel to the backend."""
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
        self._reconnect_later(now)

    def channel_closed(self, channel: Channel, unanswered: list[OutgoingCall], code: int, reason: str) -> None:
        """Go on without a connection: transaction messages are kept, all other calls end unanswered."""
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
        self._reconnect_later(now)

    def disconnect(self, now: float, seconds: float | None = None, reason: str = "") -> None:
        """Close the connection; reconnect after `seconds`, or never."""
        self._stopped = True
        if seconds is None:
            self.state = StationState.STOPPED
        else:
            self.simulation.wheel.at(now + seconds, self._reconnect)
        if self.channel is not None:
            self.channel.close(NORMAL, reason)

    def reboot(self, now: float) -> None:
        """Discard the registration, and reconnect with a BootNotification."""
        self.booted = False
        self.disconnect(now, 0.5 + self.random.uniform(0, 0.5), "reset")

    def _reconnect(self, now: float) -> None:
        if self.channel is not None:  # the closing handshake is not over
            self.simulation.wheel.at(now + 0.2, self._reconnect)
        elif self.state is not StationState.STOPPED:
            self.start(now)

    def _reconnect_later(self, now: float) -> None:
        """Reconnect after the wait of 2.1 Part 4 section 5.4: doubled so often, with a new random part each time."""
        over = self.simulation.closing and not self._outbox  # messages that still wait are delivered first
        if self._stopped or over or not self.simulation.settings.reconnects:
            return
        minimum, spread, doublings = self.simulation.settings.backoff
        wait = minimum * 2 ** min(self._failures, doublings) + self.random.uniform(0, spread)
        self._failures += 1
        self.simulation.wheel.at(now + wait, self._reconnect)

    # Registration

    def boot_triggered(self, now: float) -> None:
        """Send a BootNotification, because the backend asked for one."""
        self._boot(now, "Triggered")

    def _boot(self, now: float, reason: str = "PowerUp") -> None:
        if self.channel is None:
            return
        self.state = StationState.BOOTING
        if self.modern:
            payload = payloads_2x.boot(self.identity, self.number, reason)
        else:
            payload = payloads_16.boot(self.identity, self.number)
        self.channel.ask(OutgoingCall("BootNotification", payload, self._booted, verify=self._check_time), now)

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
        self._schedule_heartbeat(now)
        self.on_accepted(now)
        self._send_waiting(now)

    def on_accepted(self, now: float) -> None:
        """Send what a station sends first once it is accepted, and begin what it does by itself."""
        raise NotImplementedError

    # Heartbeats

    def set_interval(self, seconds: float, now: float) -> None:
        """Set the interval of heartbeats, from now on."""
        self.interval = max(seconds, 1.0)
        self._schedule_heartbeat(now)

    def _schedule_heartbeat(self, now: float) -> None:
        self._heartbeat_at = now + self.interval
        self.simulation.wheel.at(self._heartbeat_at, self._heartbeat_due)

    def _heartbeat_due(self, now: float) -> None:
        if now < self._heartbeat_at or not self.online:  # scheduled anew meanwhile, or to be when the station is back
            return
        self.send_heartbeat(now)
        self._schedule_heartbeat(now)

    def send_heartbeat(self, now: float, on_answer: OnAnswer | None = None, due: float | None = None) -> None:
        """Send a Heartbeat."""
        self.ask("Heartbeat", {}, on_answer, now, verify=self._check_time, due=due)

    def _check_time(self, payload: dict[str, Any]) -> str | None:
        """Check that a time of day is for this station: the simulated backend marks it in the milliseconds."""
        if not self.simulation.settings.echo:
            return None
        wanted = f".{mark(self.identity):03d}Z"
        return None if payload["currentTime"].endswith(wanted) else "the time was told to another station"

    # Calls

    def send_call(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Send a call whose answer changes nothing."""
        self.ask(action, payload, None, now)

    def sequence(self, action: str, payloads: list[dict[str, Any]]) -> Callable[[float], None]:
        """Return a function that sends several calls, one after the other."""

        def send_all(now: float) -> None:
            for payload in payloads:
                self.send_call(action, payload, now)

        return send_all

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
        """Queue a call. A `kept` one is sent until it is answered; any other is sent only while online."""
        call = OutgoingCall(action, payload, on_answer or _nothing, kept=kept, verify=verify, due=due)
        if not kept and not self.online:
            call.on_answer(None, now)
        elif self._outbox.put(call):
            self._send_waiting(now)
        else:
            call.on_answer(CallError("Full", "too many messages wait"), now)

    def call_ended(self, call: OutgoingCall, answer: Answer, now: float) -> None:
        """Take the outcome of a call; a transaction message that failed is tried again (1.6 section 3.7.1)."""
        if call.kept and not isinstance(answer, dict) and not self._exhausted(call, answer):
            self._try_again(call, now)
            return
        call.on_answer(answer, now)
        if isinstance(answer, CallError) and answer.code == "SecurityError" and self.modern and self.online:
            self.booted = False  # the backend does not know the station: 2.x B01, B02
            self._boot(now)
        self._send_waiting(now)

    def _exhausted(self, call: OutgoingCall, answer: Answer) -> bool:
        """Return whether a refused message was tried often enough. An unanswered one never was."""
        security = isinstance(answer, CallError) and answer.code == "SecurityError"
        return answer is not None and not security and call.attempts >= self.simulation.settings.attempts

    def _try_again(self, call: OutgoingCall, now: float) -> None:
        """Wait longer each time, as TransactionMessageRetryInterval says (1.6 section 3.7.1)."""
        self.simulation.tally.repeated += 1
        until = now + self.simulation.settings.retry * call.attempts
        self._outbox.put_back(call, until)
        self.simulation.wheel.at(until, self._send_waiting)

    def _send_waiting(self, now: float) -> None:
        """Send what may be sent: in order, with as many calls open as the settings allow (1 by default)."""
        channel = self.channel
        if channel is None:
            return
        limit = self.simulation.settings.open_calls
        while self.state is StationState.ACCEPTED and channel.open < limit:
            call = self._outbox.take(now)
            if call is None:
                return
            channel.ask(call, now)

    # Calls of the backend

    def call_received(self, request: Command, now: float) -> None:
        """Execute a command, after the time that this station takes to respond."""
        low, high = self.simulation.profile.think
        if high > 0:
            self.simulation.wheel.at(now + self.random.uniform(low, high), lambda later: self._execute(request, later))
        else:
            self._execute(request, now)

    def _execute(self, request: Command, now: float) -> None:
        if request.channel is self.channel:
            self.execute(request, now)

    def execute(self, request: Command, now: float) -> None:
        """Answer a command and do what it says."""
        raise NotImplementedError

    def send_received(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Ignore a SEND; no backend sends any (2.1 has one, from stations)."""


def _nothing(answer: Answer, now: float) -> None:
    """Ignore an answer."""
