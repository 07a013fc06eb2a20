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
from voltgate.simulator import commands, say2, say16
from voltgate.simulator.charging_session import ChargingSession, session
from voltgate.simulator.dice import Dice
from voltgate.simulator.history import Record
from voltgate.simulator.line import Answer, Asked, Command, Line, Proof, Refused, Serials, Talk, Then
from voltgate.simulator.load_station import LoadStation
from voltgate.simulator.memory import Memory
from voltgate.simulator.outbox import Outbox
from voltgate.simulator.profile import Boots, Ids
from voltgate.simulator.scene import Scene
from voltgate.simulator.stream import Stream
from voltgate.simulator.tally import Fault

_BOOT_AGAIN = 5.0
"""Seconds until the next boot when the backend names none (an interval of 0 leaves it to the station)."""


class Stage(enum.Enum):
    """How far a station has come."""

    AWAY = "away"
    BOOTING = "booting"
    ACCEPTED = "accepted"
    OVER = "over"


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
        "dice",
        "history",
        "identity",
        "interval",
        "line",
        "load_station",
        "memory",
        "metering",
        "number",
        "password",
        "ping",
        "scene",
        "serials",
        "sessions",
        "stage",
        "stream",
        "version",
    )  # fmt: skip

    def __init__(
        self, identity: str, number: int, version: str, scene: Scene, password: str | bytes | None = None
    ) -> None:
        self.identity = identity
        self.number = number
        self.version = version
        self.scene = scene
        self.password = password
        self.dice = Dice(scene.seed, identity)
        self.serials = Serials(number, plain=scene.conduct.ids is Ids.PLAIN)
        self.memory = Memory()
        self.stage = Stage.AWAY
        self.booted = False
        self.interval = 300.0
        self.metering = scene.profile.metering
        self.ping = scene.conduct.ping
        self.history: list[Record] = []
        self.line: Talk | None = None
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
        return self.stage is Stage.ACCEPTED

    @property
    def idle(self) -> bool:
        """Tell whether nothing waits to be sent or answered."""
        return not self._outbox and (self.line is None or not self.line.open)

    @property
    def settled(self) -> bool:
        """Tell whether no transaction message waits to be confirmed."""
        return not self.sessions and not self._outbox.owes and self.idle

    # Coming and going

    def start(self, now: float) -> None:
        """Switch the station on."""
        self._stopped = False
        self.scene.dial(self)

    def connected(self, wire: Wire, now: float) -> Line:
        """Go on with a websocket whose handshake is done; gives the wire's receiver."""
        scene = self.scene
        line = Line(self, wire, scene.terms_of(self.version), scene.tally, scene.wheel, self.serials)
        self.join(line, now)
        return line

    @property
    def registered(self) -> bool:
        """Tell whether the station goes on without a BootNotification when it comes back."""
        return self.booted and self.scene.conduct.boots is Boots.ONCE

    def join(self, line: Talk, now: float) -> None:
        """Go on with a line to the backend."""
        self.scene.tally.connected += 1
        self._failures = 0
        self._outbox.resume()
        self.line = line
        if self.registered:
            self._accepted(now)
        else:
            self._boot(now)

    def turned_away(self, why: str, now: float) -> None:
        """Count a handshake that failed, and try again later."""
        self.scene.tally.fault(Fault.REJECTED, self.identity, why)
        self._come_back(now)

    def closed(self, line: Talk, unanswered: list[Asked], code: int, reason: str) -> None:
        """Go on without a connection: what must not be lost is kept, the rest ends unanswered."""
        if line is not self.line:
            return
        now = self.scene.clock.now()
        self.line = None
        if self.stage is not Stage.OVER:
            self.stage = Stage.AWAY
        if not self._stopped:
            self.scene.tally.fault(Fault.DROPPED, self.identity, f"closed with {code} {reason}".rstrip())
        for asked in self._outbox.keep(unanswered):
            asked.then(None, now)
        self._come_back(now)

    def leave(self, now: float, seconds: float | None = None, reason: str = "") -> None:
        """Hang up; come back after `seconds`, or never."""
        self._stopped = True
        if seconds is None:
            self.stage = Stage.OVER
        else:
            self.scene.wheel.at(now + seconds, self._return)
        if self.line is not None:
            self.line.close(1000, reason)

    def reboot(self, now: float) -> None:
        """Forget that the backend accepted us, and come back with a BootNotification."""
        self.booted = False
        self.leave(now, 0.5 + self.dice.between(0, 0.5), "reset")

    def _return(self, now: float) -> None:
        if self.line is not None:  # the closing handshake is not over
            self.scene.wheel.at(now + 0.2, self._return)
        elif self.stage is not Stage.OVER:
            self.start(now)

    def _come_back(self, now: float) -> None:
        """Dial again after the wait of 2.1 Part 4 section 5.4: doubled so often, with a new random part each time."""
        over = self.scene.closing and not self._outbox  # whoever still owes a message delivers it first
        if self._stopped or over or not self.scene.conduct.reconnects:
            return
        minimum, spread, doublings = self.scene.conduct.backoff
        wait = minimum * 2 ** min(self._failures, doublings) + self.dice.between(0, spread)
        self._failures += 1
        self.scene.wheel.at(now + wait, self._return)

    # Registration

    def boot_triggered(self, now: float) -> None:
        """Send a BootNotification, because the backend asked for one."""
        self._boot(now, "Triggered")

    def _boot(self, now: float, reason: str = "PowerUp") -> None:
        if self.line is None:
            return
        self.stage = Stage.BOOTING
        say = say2.boot(self.identity, self.number, reason) if self.modern else say16.boot(self.identity, self.number)
        self.line.ask(Asked("BootNotification", say, self._booted, proof=self._own_time), now)

    def _booted(self, answer: Answer, now: float) -> None:
        if not isinstance(answer, dict):
            if self.line is not None:
                self.scene.wheel.at(now + _BOOT_AGAIN, self._boot_again)
            return
        interval = answer["interval"]
        if answer["status"] != "Accepted":
            self.scene.wheel.at(now + (interval if interval > 0 else _BOOT_AGAIN), self._boot_again)
            return
        if interval <= 0:  # RG-01
            self.scene.tally.fault(Fault.WRONG, self.identity, "accepted with an interval of 0")
        self.interval = self.scene.profile.heartbeat or max(interval, 1)
        self.booted = True
        self._accepted(now)

    def _boot_again(self, now: float) -> None:
        if self.stage is Stage.BOOTING and self.line is not None and not self.line.open:
            self._boot(now)

    def _accepted(self, now: float) -> None:
        self.stage = Stage.ACCEPTED
        self._rearm(now)
        for connector in range(0 if not self.modern else 1, self.scene.profile.connectors + 1):
            self.say_status(connector, now)
        self._pump(now)
        self._live(now)

    def _live(self, now: float) -> None:
        """Begin the daily life: a car for each connector now and then; or go on with the treadmill."""
        if self.load_station is not None:
            self.load_station.go_on(now)
        if self._lives:
            return
        self._lives = True
        if self.scene.profile.load_station:
            self.load_station = LoadStation(self, paced=self.scene.paced)
            self.load_station.go_on(now)
        for connector in range(1, self.scene.profile.connectors + 1):
            self.await_car(connector, now)

    # Heartbeats

    def set_interval(self, seconds: float, now: float) -> None:
        """Beat at another pace from now on."""
        self.interval = max(seconds, 1.0)
        self._rearm(now)

    def _rearm(self, now: float) -> None:
        self._beat_at = now + self.interval
        self.scene.wheel.at(self._beat_at, self._beat)

    def _beat(self, now: float) -> None:
        if now < self._beat_at or not self.online:  # put off meanwhile, or away: coming back sets it anew
            return
        self.say_heartbeat(now)
        self._rearm(now)

    # What the station says

    def say_heartbeat(self, now: float, then: Then | None = None, due: float | None = None) -> None:
        """Send a Heartbeat."""
        self.ask("Heartbeat", {}, then, now, proof=self._own_time, due=due)

    def say_status(self, connector: int, now: float) -> None:
        """Send a StatusNotification as things are."""
        stamp = self.scene.clock.stamp(now)
        state = self.state_of(connector)
        say = say2.status(connector, state, stamp) if self.modern else say16.status(connector, state, stamp)
        self.ask("StatusNotification", say, None, now)

    def state_of(self, connector: int) -> str:
        """Give the status of a connector in the words of the version."""
        running = self.sessions.get(connector)
        if running is not None:
            return running.state
        if connector in self.memory.unavailable or 0 in self.memory.unavailable:
            return "Unavailable"
        return "Reserved" if connector in self.memory.reserved.values() and connector else "Available"

    def _own_time(self, payload: dict[str, Any]) -> str | None:
        """Look whether a time of day was meant for this station: the stand-in marks it in the milliseconds."""
        if not self.scene.conduct.echo:
            return None
        wanted = f".{mark(self.identity):03d}Z"
        return None if payload["currentTime"].endswith(wanted) else "the time was told to another station"

    def say(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Send a call whose answer changes nothing."""
        self.ask(action, payload, None, now)

    def sequence(self, action: str, payloads: list[dict[str, Any]]) -> Callable[[float], None]:
        """Make what sends several calls, one after the other."""

        def say_all(now: float) -> None:
            for payload in payloads:
                self.say(action, payload, now)

        return say_all

    def say_meter(self, connector: int, now: float) -> None:
        """Send a meter reading: of the session at the connector, or of the idle connector."""
        if not self.sample(connector, now):
            stamp = self.scene.clock.stamp(now)
            value = (say2 if self.modern else say16).reading(0, 1, stamp, "Trigger")
            say = say2.meter_values(connector, value) if self.modern else say16.meter_values(connector, None, value)
            self.say("MeterValues", say, now)

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
        connectors = range(1, self.scene.profile.connectors + 1)
        return next((connector for connector in connectors if self.can_charge(connector)), None)

    def has(self, connector: int) -> bool:
        """Tell whether there is this connector; 0 is the whole station."""
        return 0 <= connector <= self.scene.profile.connectors

    def can_reserve(self, connector: int, reservation: int) -> bool:
        """Tell whether a connector can be kept for somebody: it is free, or kept for the same one already."""
        others = {there for number, there in self.memory.reserved.items() if number != reservation}
        return self.has(connector) and connector not in self.sessions and connector not in others

    def can_charge(self, connector: int) -> bool:
        """Tell whether a car can charge at this connector."""
        there = connector > 0 and self.has(connector)
        return there and self.state_of(connector) in {"Available", "Reserved"} and not self.scene.closing

    def start_remotely(self, connector: int, tag: str, now: float, number: int) -> None:
        """Charge because the backend asked; `number` is its remoteStartId (2.x)."""
        self.charge(connector, tag, now, remote=number)

    def running(self, name: int | str) -> ChargingSession | None:
        """Find the session with this transaction."""
        return next(
            (running for running in self.sessions.values() if running.named == name and not running.ended), None
        )

    def remember(self, record: Record) -> None:
        """Keep what was done with a transaction, as far back as the conduct says."""
        limit = self.scene.conduct.history
        if limit:
            self.history.append(record)
            del self.history[:-limit]

    def await_car(self, connector: int, now: float) -> None:
        """Have the next car come after a while."""
        if self.scene.profile.idle is not None and not self.scene.closing:
            self.scene.wheel.at(now + self.dice.between(*self.scene.profile.idle), self._arrival(connector))

    def _arrival(self, connector: int) -> Pending:
        return Pending(self, connector)

    def charge(
        self, connector: int, tag: str, now: float, remote: int | None = None, length: float | None = None
    ) -> bool:
        """Begin a session, as a driver or (`remote`) as the backend asks; False when the connector is not free."""
        if not self.can_charge(connector) or not self.scene.may_begin():
            return False
        length = self.dice.between(*self.scene.profile.charging) if length is None else length
        self.sessions[connector] = running = session(self, connector, tag, length, remote)
        running.begin(now)
        return True

    def parted(self, connector: int, now: float) -> None:
        """Free a connector: its car has gone."""
        self.sessions.pop(connector, None)
        self.say_status(connector, now)
        self.await_car(connector, now)

    def finish(self, now: float) -> None:
        """End what runs, because the simulation does."""
        for running in list(self.sessions.values()):
            running.stop("Local", now)

    # The outbox

    def ask(
        self,
        action: str,
        payload: Any,
        then: Then | None,
        now: float,
        *,
        kept: bool = False,
        proof: Proof | None = None,
        due: float | None = None,
    ) -> None:
        """Send a call when its turn comes. What is `kept` is sent until it is answered; the rest only while online."""
        asked = Asked(action, payload, then or _nothing, kept=kept, proof=proof, due=due)
        if not kept and not self.online:
            asked.then(None, now)
        elif self._outbox.put(asked):
            self._pump(now)
        else:
            asked.then(Refused("Full", "too many messages wait"), now)

    def ended(self, asked: Asked, answer: Answer, now: float) -> None:
        """Take how a call ended; a transaction message that failed is tried again (1.6 section 3.7.1)."""
        if asked.kept and not isinstance(answer, dict) and not self._exhausted(asked, answer):
            self._try_again(asked, now)
            return
        asked.then(answer, now)
        if isinstance(answer, Refused) and answer.code == "SecurityError" and self.modern and self.online:
            self.booted = False  # the backend does not know us: 2.x B01, B02
            self._boot(now)
        self._pump(now)
        if self.load_station is not None and self.idle:
            self.load_station.go_on(now)

    def _exhausted(self, asked: Asked, answer: Answer) -> bool:
        """Tell whether a refused message was tried often enough. One that nobody answered never was."""
        security = isinstance(answer, Refused) and answer.code == "SecurityError"
        return answer is not None and not security and asked.attempts >= self.scene.conduct.attempts

    def _try_again(self, asked: Asked, now: float) -> None:
        """Wait longer each time, as TransactionMessageRetryInterval says (1.6 section 3.7.1)."""
        self.scene.tally.repeated += 1
        until = now + self.scene.conduct.retry * asked.attempts
        self._outbox.put_back(asked, until)
        self.scene.wheel.at(until, self._pump)

    def _pump(self, now: float) -> None:
        """Send what may be sent: in order, one open call at a time (or as many as the conduct says)."""
        line = self.line
        if line is None:
            return
        limit = self.scene.conduct.open_calls
        while self.stage is Stage.ACCEPTED and line.open < limit:
            asked = self._outbox.take(now)
            if asked is None:
                return
            line.ask(asked, now)

    # Commands

    def asked(self, request: Command, now: float) -> None:
        """Obey a command, after the time that this station takes to think."""
        low, high = self.scene.profile.think
        if high > 0:
            self.scene.wheel.at(now + self.dice.between(low, high), lambda later: self._obey(request, later))
        else:
            self._obey(request, now)

    def _obey(self, request: Command, now: float) -> None:
        if request.line is self.line:
            commands.obey(self, request, now)

    def told(self, action: str, payload: dict[str, Any], now: float) -> None:
        """Take a SEND; no backend sends any (2.1 has one, from stations)."""


class Pending:
    """A car on its way to a connector: what the wheel calls when it arrives."""

    __slots__ = ("_charger", "_connector")

    def __init__(self, charger: Charger, connector: int) -> None:
        self._charger = charger
        self._connector = connector

    def __call__(self, now: float) -> None:
        """Plug in; when the connector is taken, drive on."""
        charger = self._charger
        tag = f"{charger.number:06X}{charger.dice.below(1 << 16):04X}"
        if not charger.charge(self._connector, tag, now):
            charger.await_car(self._connector, now)


def mark(identity: str) -> int:
    """Give the milliseconds with which the stand-in backend marks the time that it tells a station."""
    return zlib.crc32(identity.encode()) % 1000


def _nothing(answer: Answer, now: float) -> None:
    """Do nothing with an answer."""
