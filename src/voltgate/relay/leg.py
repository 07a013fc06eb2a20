"""A leg: one backend's place in one session, whether its link is open or not."""

from __future__ import annotations

import enum
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from voltgate.ocpp.actions import is_transaction
from voltgate.ocpp.messages import FOREVER, Call, CarriedResult, Reason, Reply, Respond, Result, Unanswered
from voltgate.ocpp.turns import Turns
from voltgate.relay.backend import Backend
from voltgate.relay.carrier import DialContext, DialledWire
from voltgate.relay.events import LegDown, LegUp
from voltgate.relay.journal import Delivery, Item

if TYPE_CHECKING:
    from voltgate.relay.book import Transaction
    from voltgate.relay.ledger import Asked, Content
    from voltgate.relay.session import Session

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


class Dial(Protocol):
    """Opens a leg's link; ends in `Leg.opened` or `Leg.failed`."""

    def __call__(self, leg: Leg, dial_context: DialContext | None, offer: tuple[str, ...], *, answering: bool) -> None:
        """Start, and return at once.

        `offer` names the versions that may be spoken; `answering` says whether the backend answers the station.
        """


class Leg:
    """One backend's place in one session: keeps its turns, and brings its link back."""

    __slots__ = (
        "_asks_pause",
        "_delivery",
        "_due",
        "_failures",
        "_held",
        "_holds",
        "_since",
        "_was_up",
        "_wire",
        "asked",
        "backend",
        "observe",
        "received",
        "session",
        "state",
        "turns",
    )

    def __init__(self, backend: Backend, session: Session) -> None:
        self.backend = backend
        self.session = session
        self.state = State.IDLE
        bounds = backend.settings.bounds(session.settings.station_patience)
        self.observe = backend.calls.observe
        self.turns = Turns(
            session.dialect, self._called, self, bounds, session.ports.wheel, backend.counts, self.observe
        )
        self.received = self.turns.receive
        """Takes one message of the backend: bound once, a call less for each message."""
        self._wire: DialledWire | None = None
        self._failures = 0
        self._since = session.ports.clock()
        self._due = FOREVER
        self._was_up = False
        self._asks_pause = False
        self._delivery: Delivery | None = None
        self._holds = 0
        self._held: deque[tuple[Call, Respond]] | None = None
        self.asked: dict[Content, Asked] = {}
        """The transaction messages that the backend is being asked, by content."""
        backend.legs += 1
        if session.ear is not None:
            self.overheard()

    def overheard(self) -> None:
        """Let the session's ear, if it has one, hear what is said here; else nobody."""
        ear = self.session.ear
        if ear is None:
            self.turns.use(self._called, self.observe)
        else:
            handler = ear.listen(self._called, self)
            self.turns.use(handler, partial(ear.to_backend, self), partial(ear.sent_to_backend, self))

    @property
    def name(self) -> str:
        """The backend's name."""
        return self.backend.name

    @property
    def away_for(self) -> float:
        """The seconds since the link was lost, or since the session began without it; 0 while it is open."""
        return 0.0 if self.state is State.UP else self.session.ports.clock() - self._since

    @property
    def wire(self) -> DialledWire | None:
        """The link to the backend, while it is open."""
        return self._wire

    @property
    def up(self) -> bool:
        """Tell whether the link is open."""
        return self.state is State.UP

    # Calls of the station.

    def ask(self, call: Call, respond: Respond) -> None:
        """Have the backend answer a call of the station."""
        if self.state is not State.UP:
            if self._failures and self.backend.settings.when_down != "wait":
                respond(self._away())
                return
            self.start()
        self.turns.ask(call, respond)

    def tell(self, call: Call) -> None:
        """Tell the backend of a call that another one answers; nobody waits for it."""
        if self._delivery is not None and self._delivery.busy:
            self._delivery.add(Item(call))
        else:
            self.turns.ask(call, self.told)

    def told(self, reply: Reply) -> None:
        """End a copy's reply here; a copy that could not be delivered is counted."""
        if isinstance(reply, Unanswered) and reply.reason is not Reason.TIMED_OUT:
            dropped = self.backend.copies_dropped
            dropped[reply.reason.value] = dropped.get(reply.reason.value, 0) + 1

    def delivers(self, tx: Transaction | None) -> bool:
        """Tell whether messages of a transaction are on their way that later ones must not overtake."""
        return self._delivery is not None and self._delivery.holds(tx)

    def deliver(self, item: Item) -> None:
        """Send a message after those before it."""
        if self._delivery is None:
            self._delivery = Delivery(self)
        self._delivery.add(item)

    # Calls of the backend.

    def _called(self, call: Call, respond: Respond) -> None:
        if not self._holds:
            self.session.from_backend(self, call, respond)
            return
        if self._held is None:
            self._held = deque()
        if len(self._held) < _MOST_HELD:
            self._held.append((call, respond))
        else:
            respond(Unanswered(Reason.OVERLOADED, "Too many calls wait for the disk"))

    def hold_back(self) -> None:
        """Let no call of the backend pass until what it has said is on disk."""
        self._holds += 1

    def let_pass(self) -> None:
        """Undo one `hold_back`."""
        self._holds -= 1
        while self._held and not self._holds:
            self.session.from_backend(self, *self._held.popleft())

    # The link comes and goes.

    def start(self) -> None:
        """Dial, unless that is under way, done, or waiting for its time."""
        if self.state is State.IDLE:
            self._dial()

    def _dial(self) -> None:
        self.state = State.DIALLING
        session = self.session
        answering = self.name in session.plans.answering
        session.ports.dial(self, session.dial_context, (session.dialect.version,), answering=answering)

    def opened(self, wire: DialledWire) -> None:
        """Take the link that was dialled, and start it."""
        if self.state is State.ENDED:
            wire.close(1001, "The station has gone")
            return
        session = self.session
        back, self._was_up = self._was_up, True
        self._wire = wire
        self.state = State.UP
        self._since = session.ports.clock()
        self.backend.up += 1
        if session.station_full:
            wire.pause()
        session.leg_up(self)  # first, so that a boot that waits elsewhere is not replayed but sent
        first = self._boot_to_replay()
        self.turns.connect(wire, self._since, first)
        if not wire.shared:
            session.ports.listen(LegUp(session.identity, self.name, not back))
        if self._delivery is not None:
            self._delivery.pump(self._since)
        if self._wire is wire:  # what was sent may have ended the session
            wire.start(self)

    def _boot_to_replay(self) -> Call | None:
        """Give the station's last BootNotification, for a backend that has not heard it on this link."""
        boot = self.session.boot
        if boot is None or not self.backend.settings.replay_boot or self.turns.holds(BOOT):
            return None
        again = Call(str(uuid4()), BOOT, boot)
        again.at = self.session.ports.clock()
        again.deadline = again.at + self.session.settings.backend_patience
        again.asker = self
        return again

    def replied(self, reply: CarriedResult, now: float) -> None:
        """Take an answer of the backend that did not come as text."""
        self.turns.replied(reply, now)

    def failed(self, reason: str, *, shared: bool = False) -> None:
        """Take notice that dialling came to nothing; `shared` when the carrier reports that for all its stations."""
        if self.state is not State.ENDED:
            self._down(reason, shared=shared)

    def lost(self, code: int, reason: str) -> None:
        """Hear that the link has ended."""
        if self.state is not State.UP:
            return
        now = self.session.ports.clock()
        self.state = State.AWAY
        self.backend.up -= 1
        shared = self._wire is not None and self._wire.shared
        self._wire = None
        if now - self._since >= _STEADY:
            self._failures = 0
        self._since = now
        self._unpause()
        self.turns.disconnect(now)
        if self.state is State.AWAY:  # whoever heard that it was not answered may have ended the session
            self._down(f"closed {code} {reason}".strip(), shared=shared)

    def writable(self, yes: bool) -> None:
        """Hold back calls while the backend does not read, and stop reading the station if this backend answers it."""
        self.turns.choke(self.session.ports.clock(), choked=not yes)
        if yes:
            self._unpause()
        else:
            self._press()

    def _press(self) -> None:
        if not self._asks_pause and self.name in self.session.plans.answering:
            self._asks_pause = True
            self.session.pause()

    def _unpause(self) -> None:
        if self._asks_pause:
            self._asks_pause = False
            self.session.resume()

    def _down(self, reason: str, *, shared: bool) -> None:
        session = self.session
        self.state = State.AWAY
        self._failures += 1
        retry = self.backend.settings.retry.delay(self._failures, session.ports.draw)
        if retry is not None:
            retry = 0.0 if session.held else retry
            self._due = session.ports.clock() + retry
            session.ports.wheel.at(self._due, self._try_again)
        if not shared:
            session.ports.listen(LegDown(session.identity, self.name, reason, retry))
        if self._delivery is not None:
            self._delivery.down()
        session.leg_down(self)
        if self.backend.settings.when_down != "wait":
            self._refuse_unsent()

    def _refuse_unsent(self) -> None:
        """Answer those that have waited for the link so far as those that come now are answered."""
        for _, respond in self.turns.take_unsent(lambda _, respond: respond != self.told):
            respond(self._away())

    def _away(self) -> Unanswered:
        return Unanswered(Reason.GONE, f"Backend {self.name} is away")

    def _try_again(self, now: float) -> None:
        """Dial when it is time: a wake of old may come before, and a station that knocks must not cause a dial."""
        if self.state is State.AWAY and now >= self._due and not self.session.held:
            self._due = FOREVER
            self._dial()

    def release(self) -> None:
        """Dial back what was due during a hold: the newcomer that was to take the station's place was refused."""
        self._try_again(self.session.ports.clock())

    # The station comes and goes.

    def station_full(self, *, full: bool) -> None:
        """Stop reading the backend while the station does not read."""
        if self._wire is not None:
            (self._wire.pause if full else self._wire.resume)()

    def part(self) -> None:
        """Leave the session: neither of the two pauses the other any longer."""
        self._unpause()
        if self.session.station_full:
            self.station_full(full=False)

    def take_up(self) -> None:
        """Go on under the session of the station's next connection.

        The station repeats the transaction messages that were not answered: what the backend was not sent yet of the
        old connection's is dropped, or somebody would pay twice.
        """
        self.overheard()
        for _, respond in self.turns.take_unsent(lambda call, _: is_transaction(call.action)):
            respond(Unanswered(Reason.GONE, "The station has come again"))
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
        self.turns.end(reason, self.session.ports.clock())
        if self._wire is not None and was_up:
            self.backend.up -= 1
            self._wire.close(1000, reason)
            self._wire = None

    @property
    def busy(self) -> bool:
        """Tell whether the station waits for an answer of this backend."""
        return bool(self.turns.open_calls or self.turns.waiting_calls)


def accepted(reply: Reply) -> str | None:
    """Read the registration status out of the reply to a BootNotification; None when it has none."""
    status = reply.fields.get("status") if isinstance(reply, Result) else None
    return status if isinstance(status, str) else None
