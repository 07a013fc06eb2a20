"""A leg: one backend's place in one session, whether its link is open or not. What waits for the link waits here."""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Protocol
from uuid import uuid4

from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.carried import CarriedResult
from voltgate.ocpp.close_codes import GOING_AWAY, NORMAL
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import FOREVER, Call, Handler, Reason, Reply, Respond, Unanswered, gone
from voltgate.ocpp.turn_ports import Left
from voltgate.ocpp.turns import Turns
from voltgate.relay.asked import Asked
from voltgate.relay.backend import Backend
from voltgate.relay.carrier import DialledWire
from voltgate.relay.delivery import Delivery, Item
from voltgate.relay.events import LegDown, LegUp
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.waiting import Told, Waiting

_STEADY = 10.0
"""Seconds that a link must last before its next loss counts as the first failure again."""

BOOT = "BootNotification"

_MOST_HELD = 64
"""Calls of a backend that wait until what it said before is on disk."""


class State(enum.Enum):
    """Where a leg stands."""

    IDLE = "idle"
    DIALLING = "dialling"
    UP = "up"
    AWAY = "away"
    ENDED = "ended"


class Dispatch(Protocol):
    """What a leg needs of its session's dispatcher."""

    def prepared(self, leg: Leg, asked: Asked) -> Call:
        """Return a call as it is sent to this backend."""

    def settled(self, leg: Leg, asked: Asked, reply: Reply) -> None:
        """Take the reply to a call that a backend was to answer."""

    def numbered(self, leg: Leg, item: Item) -> Call | None:
        """Return a message as it is delivered to this backend; None if it cannot be told."""

    def delivered(self, leg: Leg, item: Item, reply: Reply) -> None:
        """Take the answer to a message that was delivered."""

    def given_up(self, leg: Leg, item: Item, reason: str) -> None:
        """Take a message that the backend will never get."""


class Host(Protocol):
    """What a leg needs of its session."""

    ports: Ports
    settings: SessionSettings
    boot: bytes | None
    dialling_paused: bool
    station_full: bool

    @property
    def identity(self) -> str:
        """The station's identity."""

    @property
    def dispatcher(self) -> Dispatch:
        """What is asked of backends, and becomes of it."""

    def dial(self, leg: Leg) -> None:
        """Open the link; ends in `Leg.opened` or `Leg.failed`."""

    def is_answering(self, leg: Leg) -> bool:
        """Return whether some call of the station is answered by this backend."""

    def from_backend(self, leg: Leg) -> Handler | None:
        """Return what stands before the calls of a backend; None if nothing does."""

    def permitted(self, leg: Leg) -> Handler:
        """Return what hands a backend's calls on to the station, as far as it may make them."""

    def to_backend(self, leg: Leg) -> Handler | None:
        """Return what stands before the calls to a backend; None if nothing does."""

    def leg_up(self, leg: Leg) -> None:
        """Take note that a link is open."""

    def leg_down(self, leg: Leg) -> None:
        """Take note that a link is lost, or could not be opened."""

    def pause(self) -> None:
        """Stop reading the station."""

    def resume(self) -> None:
        """Undo one `pause`."""


class Leg:
    """One backend's place in one session: keeps its turns, and brings its link back."""

    __slots__ = (
        "_asks_pause", "_delivery", "_due", "_failures", "_from_backend", "_held", "_holds", "_permitted", "_since",
        "_to_backend", "_waiting", "_was_up", "_wire", "asked", "backend", "host", "received", "state", "turns",
    )  # fmt: skip

    def __init__(self, backend: Backend, host: Host, dialect: Dialect) -> None:
        self.backend = backend
        self.host = host
        self.state = State.IDLE
        bounds = backend.settings.bounds(host.settings.station_patience)
        ports = host.ports
        observe = backend.calls.observe
        self.turns = Turns(dialect, self._called, backend, bounds, ports.wheel, backend.counts, observe)
        self.received = self.turns.receive
        """Takes one message of the backend: bound once, a call less for each message."""
        self._wire: DialledWire | None = None
        self._failures = 0
        self._since = ports.clock()
        self._due = FOREVER
        self._was_up = False
        self._asks_pause = False
        self._delivery: Delivery | None = None
        self._waiting: Waiting | None = None
        self._holds = 0
        self._held: deque[tuple[Call, Respond]] | None = None
        self._permitted: Handler | None = None
        self._from_backend = host.from_backend(self)
        self._to_backend = host.to_backend(self)
        self.asked: dict[tuple[str, bytes], Asked] | None = None
        """The transaction messages that the backend is being asked, by content."""
        backend.legs += 1

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.backend.name

    @property
    def away_for(self) -> float:
        """The seconds since the link was lost, or since the session began without it; 0 while it is open."""
        return 0.0 if self.state is State.UP else self.now() - self._since

    @property
    def wire(self) -> DialledWire | None:
        """The link to the backend, while it is open."""
        return self._wire

    @property
    def up(self) -> bool:
        """Whether the link is open."""
        return self.state is State.UP

    @property
    def busy(self) -> bool:
        """Whether the station waits for an answer of this backend."""
        return bool(self.turns.open_calls or self.waiting_calls)

    @property
    def open_calls(self) -> int:
        """The number of calls that are open."""
        return self.turns.open_calls

    @property
    def waiting_calls(self) -> int:
        """The number of calls that wait for the link, or for their turn."""
        return self.turns.waiting_calls + (0 if self._waiting is None else len(self._waiting))

    def rewrap(self) -> None:
        """Go by what stands on the arrows from now on."""
        self._permitted = None
        self._from_backend = self.host.from_backend(self)
        self._to_backend = self.host.to_backend(self)

    # Calls of the station.

    def offer(self, call: Call, respond: Respond) -> bool:
        """Send a plain call if it can be sent at once and nothing stands before it; return whether it was."""
        return self._waiting is None and self._to_backend is None and self.turns.offer(call, respond)

    def ask(self, asked: Asked) -> None:
        """Have the backend answer a call of the station, now or when it is there."""
        if self.state is not State.UP and self._failures and self.backend.settings.when_down != "wait":
            self.settled(asked, self._away())
        elif self.free:
            self.send(asked)
        else:
            self._wait(asked)

    def send(self, asked: Asked) -> None:
        """Send a call that the backend is to answer; there is room for it."""
        self.forward(self.host.dispatcher.prepared(self, asked), partial(_settled, self, asked))

    def settled(self, asked: Asked, reply: Reply) -> None:
        """Bring a reply home to the session that the leg is in now."""
        self.host.dispatcher.settled(self, asked, reply)

    def forward(self, call: Call, respond: Respond) -> None:
        """Send a call through what stands on the arrow."""
        (self._to_backend or self.turns.ask)(call, respond)

    def tell(self, call: Call) -> None:
        """Tell the backend of a call that another one answers; nobody waits for it."""
        if self._delivery is not None and self._delivery.busy:
            self._delivery.add(Item(call))
        elif not self.offer(call, self.told):
            self.tell_later(call)

    def tell_later(self, call: Call) -> None:
        """Tell the backend of a call by the long way: something stands before it, or it has to wait."""
        if self.free:
            self.forward(call, self.told)
        else:
            self._wait(Told(call))

    def told(self, reply: Reply) -> None:
        """End a copy's reply here; a copy that could not be delivered is counted."""
        if isinstance(reply, Unanswered) and reply.reason is not Reason.TIMED_OUT:
            self.backend.drop_copy(reply.reason.value)

    def delivers(self, asked: Asked) -> bool:
        """Return whether messages of a transaction are on their way that later ones must not overtake."""
        return self._delivery is not None and self._delivery.holds(asked.transaction)

    def deliver(self, item: Item) -> None:
        """Send a message after those before it."""
        if self._delivery is None:
            self._delivery = Delivery(self)
        self._delivery.add(item)
        self._feed()

    # What waits.

    @property
    def free(self) -> bool:
        """Whether a call would be sent at once."""
        return self._waiting is None and self.turns.free

    def _wait(self, entry: Asked | Told) -> None:
        if self.state is State.ENDED:
            self.turns.ask(entry.call, self.told if isinstance(entry, Told) else partial(_settled, self, entry))
            return
        self.start()
        if self._waiting is None:
            self._waiting = Waiting(self)
        self._waiting.add(entry)
        self._feed()

    def _feed(self) -> None:
        """Have the turns pump this leg as long as it has something to send."""
        if self._waiting is not None and not self._waiting:
            self._waiting = None
        ready = self._waiting is not None or (self._delivery is not None and self._delivery.ready)
        self.turns.feeder = self if ready else None

    def pump(self, now: float) -> None:
        """Send what may be sent: what waits, then what is delivered."""
        if self._waiting is not None:
            self._waiting.pump(now)
            self._feed()
        if self._delivery is not None and self._waiting is None:
            self._delivery.pump(now)
            self._feed()

    def take_waiting(self, chosen: Callable[[Asked], bool]) -> list[Asked]:
        """Remove and return, in order, the calls that were never sent and are `chosen`."""
        if self._waiting is None:
            return []
        taken = self._waiting.take(chosen)
        self._feed()
        return taken

    # Calls of the backend.

    def _called(self, call: Call, respond: Respond) -> None:
        (self._from_backend or self.let_in)(call, respond)

    def let_in(self, call: Call, respond: Respond) -> None:
        """Hand a call of the backend on, behind what the backend said before."""
        if not self._holds:
            self._pass(call, respond)
            return
        if self._held is None:
            self._held = deque()
        if len(self._held) < _MOST_HELD:
            self._held.append((call, respond))
        else:
            respond(Unanswered(Reason.OVERLOADED, "Too many calls wait for the disk"))

    def _pass(self, call: Call, respond: Respond) -> None:
        if self._permitted is None:
            self._permitted = self.host.permitted(self)
        self._permitted(call, respond)

    def hold_back(self) -> None:
        """Let no call of the backend pass until what it has said is on disk."""
        self._holds += 1

    def let_pass(self) -> None:
        """Undo one `hold_back`."""
        self._holds -= 1
        while self._held and not self._holds:
            self._pass(*self._held.popleft())

    # The link comes and goes.

    def start(self) -> None:
        """Dial, unless that is under way, done, or waiting for its time."""
        if self.state is State.IDLE:
            self._dial()

    def _dial(self) -> None:
        self.state = State.DIALLING
        self.host.dial(self)

    def opened(self, wire: DialledWire) -> None:
        """Take the link that was dialled, and start it."""
        if self.state is State.ENDED:
            wire.close(GOING_AWAY, "The station has gone")
        else:
            self._open(wire)
        wire.start(self)

    def _open(self, wire: DialledWire) -> None:
        host = self.host
        back, self._was_up = self._was_up, True
        self._wire = wire
        self.state = State.UP
        self._since = self.now()
        self.backend.up += 1
        if host.station_full:
            wire.pause()
        host.leg_up(self)  # first, so that a boot that waits elsewhere is not replayed but sent
        boot = self._boot_to_replay()
        self.turns.connect(wire)
        if boot is not None:
            self.forward(boot, self._replayed)
            self.turns.first_alone()
        if not wire.shared:
            host.ports.listen(LegUp(host.identity, self.name, not back))
        self.pump(self._since)

    def _boot_to_replay(self) -> Call | None:
        """Return the station's last BootNotification, for a backend that has not heard it on this link."""
        boot = self.host.boot
        is_waiting = self._waiting is not None and self._waiting.holds(BOOT)
        if boot is None or is_waiting or not self.backend.settings.replay_boot:
            return None
        again = Call(str(uuid4()), BOOT, boot)
        again.at = self.now()
        again.deadline = again.at + self.host.settings.backend_patience
        again.asker = self
        return again

    def _replayed(self, reply: Reply) -> None:
        """Send the rest: the replayed boot was answered, or will not be."""
        self.turns.go_on(self.now())

    def replied(self, reply: CarriedResult, now: float) -> None:
        """Take an answer of the backend that did not come as text."""
        self.turns.replied(reply, now)

    def failed(self, reason: str, *, shared: bool = False) -> None:
        """Take note that dialling came to nothing; `shared` if the carrier reports that for all its stations."""
        if self.state is not State.ENDED:
            self._down(reason, shared=shared)

    def lost(self, code: int, reason: str) -> None:
        """Take note that the link has ended."""
        wire = self._wire
        if self.state is not State.UP or wire is None:
            return
        now = self.now()
        self.state = State.AWAY
        self.backend.up -= 1
        self._wire = None
        if now - self._since >= _STEADY:
            self._failures = 0
        self._since = now
        self._unpause()
        self._leave_open(self.turns.disconnect(now), now)
        if self.state is State.AWAY:  # whoever heard that it was not answered may have ended the session
            self._down(f"closed {code} {reason}".strip(), shared=wire.shared)

    def _leave_open(self, left: list[Left], now: float) -> None:
        """Keep what was open for the next link, or say that nobody answers it."""
        if self.backend.settings.when_down != "wait":
            for each in left:
                reply = gone("The connection was lost", each.id)
                self.backend.calls.observe(each.call, reply, now)
                each.respond(reply)
        elif left or self._waiting is not None:
            if self._waiting is None:
                self._waiting = Waiting(self)
            self._waiting.leave_open(left)

    def writable(self, yes: bool) -> None:
        """Hold back calls while the backend does not read, and stop reading the station if this backend answers it."""
        self.turns.choke(self.now(), choked=not yes)
        if yes:
            self._unpause()
        else:
            self._press()

    def _press(self) -> None:
        if not self._asks_pause and self.host.is_answering(self):
            self._asks_pause = True
            self.host.pause()

    def _unpause(self) -> None:
        if self._asks_pause:
            self._asks_pause = False
            self.host.resume()

    def _down(self, reason: str, *, shared: bool) -> None:
        host = self.host
        self.state = State.AWAY
        self._failures += 1
        retry = self.backend.settings.retry.delay(self._failures, host.ports.draw)
        if retry is not None:
            retry = 0.0 if host.dialling_paused else retry
            self._due = self.now() + retry
            host.ports.wheel.at(self._due, self._try_again)
        if not shared:
            host.ports.listen(LegDown(host.identity, self.name, reason, retry))
        if self._delivery is not None:
            self._delivery.down()
        host.leg_down(self)
        if self.backend.settings.when_down != "wait":
            for asked in self.take_waiting(_every):
                self.settled(asked, self._away())

    def _away(self) -> Unanswered:
        return gone(f"Backend {self.name} is away")

    def _try_again(self, now: float) -> None:
        """Dial when it is time: a wake of old may come before, and a newcomer's handshake must not cause a dial."""
        if self.state is State.AWAY and now >= self._due and not self.host.dialling_paused:
            self._due = FOREVER
            self._dial()

    def resume_dialling(self) -> None:
        """Dial back what was due meanwhile: the newcomer that was to take the station's place was refused."""
        self._try_again(self.now())

    # The station comes and goes.

    def set_station_full(self, *, full: bool) -> None:
        """Stop reading the backend while the station does not read."""
        if self._wire is not None:
            (self._wire.pause if full else self._wire.resume)()

    def part(self) -> None:
        """Leave the session: neither of the two pauses the other any longer."""
        self._unpause()
        if self.host.station_full:
            self.set_station_full(full=False)

    def take_up(self) -> None:
        """Go on under the session of the station's next connection.

        The station repeats the transaction messages that were not answered: what the backend was not sent yet of the
        old connection's is dropped, or somebody would pay twice.
        """
        self.rewrap()
        for asked in self.take_waiting(_is_of_transaction):
            self.settled(asked, gone("The station has come again"))
        if self.turns.full:
            self._press()

    def end(self, reason: str) -> None:
        """Close the link for good; what the station still waits for is answered `Unanswered`."""
        if self.state is State.ENDED:
            return
        was_up = self.state is State.UP
        self.state = State.ENDED
        self.backend.legs -= 1
        self._unpause()
        self.turns.end(reason, self.now())
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.end(reason)
        if self._wire is not None and was_up:
            self.backend.up -= 1
            self._wire.close(NORMAL, reason)
            self._wire = None

    # What is delivered, and what waits, goes by these.

    @property
    def since(self) -> float:
        """When the link came, or went; without any, when the session began."""
        return self._since

    @property
    def ports(self) -> Ports:
        """The clocks, the wheel and chance."""
        return self.host.ports

    @property
    def settings(self) -> SessionSettings:
        """What the configuration says of the station's stay."""
        return self.host.settings

    def now(self) -> float:
        """Return the seconds of the wheel."""
        return self.host.ports.clock()

    def numbered(self, item: Item) -> Call | None:
        """Return a message as it is delivered; None if it cannot be told."""
        return self.host.dispatcher.numbered(self, item)

    def answered(self, item: Item, reply: Reply) -> None:
        """Take the answer to a message that was delivered."""
        self.host.dispatcher.delivered(self, item, reply)

    def given_up(self, item: Item, reason: str) -> None:
        """Take a message that the backend will never get."""
        self.host.dispatcher.given_up(self, item, reason)


def _settled(leg: Leg, asked: Asked, reply: Reply) -> None:
    leg.settled(asked, reply)


def _every(asked: Asked) -> bool:
    return True


def _is_of_transaction(asked: Asked) -> bool:
    return is_transaction(asked.call.action)
