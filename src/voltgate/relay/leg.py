"""A leg: one backend's place in one session, whether its link is open or not. What waits for the link waits here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from voltgate.ocpp.actions import BOOT, is_transaction
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import FOREVER, Call, Handler, Reason, Reply, Respond, Unanswered
from voltgate.ocpp.silence import gone
from voltgate.ocpp.turns import Turns
from voltgate.relay.asked import Asked, Told
from voltgate.relay.backend import Backend
from voltgate.relay.carrier import DialledWire
from voltgate.relay.delivery import Delivery, Item
from voltgate.relay.held_back import HeldBack
from voltgate.relay.intake import Intake
from voltgate.relay.ledger import Ledger
from voltgate.relay.replay import replay
from voltgate.relay.seams import LegHost
from voltgate.relay.transaction import Transaction
from voltgate.relay.uplink import State, Uplink
from voltgate.relay.waiting import Waiting

_AHEAD = frozenset({BOOT, "Heartbeat"})
"""What waits behind nothing: without the one a backend takes nothing, and the other says nothing."""


class Leg:
    """One backend's place in one session: keeps its turns, and what cannot be sent yet."""

    __slots__ = (
        "_asks_pause", "_delivery", "_from_backend", "_held", "_permitted", "_to_backend", "_waiting", "_watched",
        "backend", "host", "intake", "link", "name", "received", "replied", "retired", "turns", "unreadable",
    )  # fmt: skip

    def __init__(self, backend: Backend, host: LegHost[Leg], dialect: Dialect) -> None:
        self.backend = backend
        self.name = backend.name
        self.host = host
        bounds = backend.settings.bounds(host.settings.station_patience)
        observe = backend.calls.observe
        self.turns = Turns(dialect, self._called, backend, bounds, host.ports.wheel, backend.counts, observe)
        self.received, self.unreadable = self.turns.receive, self.turns.unreadable
        """Take one message of the backend, or what is none: bound once, a call less for each message."""
        self.replied = self.turns.take_carried_reply
        """Takes an answer of the backend that did not come as text."""
        self.link = Uplink(self)
        self.intake = Intake(self)
        self._asks_pause = False
        self._delivery: Delivery | None = None
        self._waiting: Waiting | None = None
        self._watched = FOREVER
        self._held: HeldBack | None = None
        self.rewrap()
        self.retired = False
        """Whether it only waits for answers: it is dialled no more, and delivers nothing more that is owed."""
        backend.legs += 1

    @property
    def state(self) -> State:
        """Where the leg stands."""
        return self.link.state

    @property
    def wire(self) -> DialledWire | None:
        """The link to the backend, while it is open."""
        return self.link.wire

    @property
    def up(self) -> bool:
        """Whether the link is open."""
        return self.link.state is State.UP

    @property
    def waiting_calls(self) -> int:
        """The number of calls that wait for the link, or for their turn."""
        delivered = 0 if self._delivery is None else self._delivery.waiting
        return self.turns.waiting_calls + delivered + (0 if self._waiting is None else len(self._waiting))

    @property
    def busy(self) -> bool:
        """Whether the station waits for an answer of this backend, or this for one of the station."""
        return bool(self.turns.open_calls or self.turns.owed or self.waiting_calls)

    def now(self) -> float:
        """Return the seconds of the wheel."""
        return self.host.ports.clock()

    def rewrap(self) -> None:
        """Go by what stands on the arrows from now on."""
        self._permitted: Handler | None = None
        self.turns.listener = self.host.listener(self)
        self._from_backend = self.host.from_backend(self)
        self._to_backend = self.host.to_backend(self)

    # Calls of the station.

    def offer(self, call: Call, respond: Respond) -> bool:
        """Send a plain call if it can be sent at once and nothing stands before it; return whether it was."""
        if self._waiting is not None or self._to_backend is not None or self._delivery is not None:
            return False
        return self.turns.offer(call, respond)

    def ask(self, asked: Asked) -> None:
        """Have the backend answer a call of the station, now or when it is there."""
        if not self.up and self.link.failures and self.backend.settings.when_down != "wait":
            self.settled(asked, self._away())
        elif self._waiting is None and (self.turns.free or self.delivers(asked.call)):
            self.send(asked)
        else:
            self.wait(asked)

    def send(self, asked: Asked) -> None:
        """Send a call that the backend is to answer, or let it wait behind what is delivered."""
        if self.delivers(asked.call):
            self.deliver(Item(asked.call, asked.transaction, None, asked, asked.behind))
        else:
            self.forward(self.host.dispatcher.prepared(self, asked), partial(self.settled, asked))

    def settled(self, asked: Asked, reply: Reply) -> None:
        """Bring a reply home to the session that the leg is in now."""
        self.host.dispatcher.settled(self, asked, reply)

    def forward(self, call: Call, respond: Respond) -> None:
        """Send a call through what stands on the arrow."""
        (self._to_backend or self.turns.ask)(call, respond)

    def tell(self, call: Call, tx: Transaction | None = None) -> None:
        """Tell the backend of a call that another one answers; with a transaction once it has given that a number."""
        if tx is not None or not self.offer(call, self.told):
            told = Told(call, self.ledger.journal.last, tx)
            if self._waiting is None and self.turns.takes(call):
                self.send_told(told)
            else:
                self.wait(told)

    def send_told(self, told: Told) -> None:
        """Send a copy, or let it wait behind what is delivered."""
        if told.transaction is not None or (self._delivery is not None and self._delivery.busy):
            self.deliver(Item(told.call, told.transaction, behind=told.behind))
        else:
            self.forward(told.call, self.told)

    def told(self, reply: Reply) -> None:
        """End a copy's reply here; a copy that could not be delivered is counted."""
        if isinstance(reply, Unanswered) and reply.reason is not Reason.TIMED_OUT:
            self.backend.drop_copy(reply.reason.value)

    def delivers(self, call: Call) -> bool:
        """Return whether messages are on their way that a call must not overtake."""
        return self.up and self._delivery is not None and self._delivery.busy and call.action not in _AHEAD

    def deliver(self, item: Item | None = None, *, late: bool = False) -> None:
        """Send a message after those before it, or else what is owed; `late` if that is overdue."""
        if self._delivery is None:
            self._delivery = Delivery(self, late=late)
        if item is not None:
            self._delivery.add(item)
        else:
            self.pump(self.now())
        self.link.start()

    @property
    def under_way(self) -> bool:
        """Whether the backend is being asked to take a message that it is owed."""
        return self._delivery is not None and self._delivery.under_way

    # What waits.

    def wait(self, entry: Asked | Told) -> None:
        """Keep what cannot be sent now."""
        if self.link.state is State.ENDED:
            self.turns.ask(entry.call, self.told if isinstance(entry, Told) else partial(self.settled, entry))
            return
        self._waiting = self._waiting or Waiting(self)
        self._waiting.add(entry)
        self._feed()
        self.link.start()

    def _feed(self) -> None:
        """Have the turns pump this leg as long as it has something to send."""
        self._waiting = self._waiting or None
        if self._delivery is not None and not self._delivery.busy:
            self._delivery.rest()
            self._delivery = None
            self.host.roster.rested(self)
        self.turns.feeder = None if self._waiting is None and self._delivery is None else self

    def pump(self, now: float) -> None:
        """Send what may be sent: what waits and what is delivered take turns."""
        while self.turns.free:
            if self._waiting:
                self._waiting.pump(now)
            delivered = self._delivery is not None and self.turns.free and self._delivery.pump(now)
            if not self._waiting and not delivered:
                break
        self._feed()

    def watch(self, when: float) -> None:
        """Look at what waits at this time; one look is due at a time."""
        if when < self._watched:
            self.host.ports.wheel.off(self._watched, self._expire)
            self._watched = when
            self.host.ports.wheel.at(when, self._expire)

    def _expire(self, now: float) -> None:
        self._watched = FOREVER
        if self._waiting is not None:
            self._waiting.expire(now)
            self._feed()

    def take_waiting(self, chosen: Callable[[Asked], bool]) -> list[Asked]:
        """Remove and return, in order, the calls that were never sent and are `chosen`."""
        taken = [] if self._waiting is None else self._waiting.take(chosen)
        taken += [] if self._delivery is None else self._delivery.take(chosen)
        self._feed()
        return taken

    def take_told(self) -> list[Told]:
        """Remove and return the copies that were never sent; their order is in what they go behind."""
        waiting = [] if self._waiting is None else self._waiting.take_told()
        return waiting + ([] if self._delivery is None else self._delivery.take_told())

    # Calls of the backend.

    def _called(self, call: Call, respond: Respond) -> None:
        if self.intake.takes(call, respond):
            (self._from_backend or self.let_in)(call, respond)

    def let_in(self, call: Call, respond: Respond) -> None:
        """Hand a call of the backend on, behind what the backend said before."""
        if self._held is None:
            self._pass(call, respond)
        else:
            self._held.add(call, respond)

    def _pass(self, call: Call, respond: Respond) -> None:
        if self._permitted is None:
            self._permitted = self.host.permitted(self)
        self._permitted(call, respond)

    def hold_back(self) -> None:
        """Let no call of the backend pass until what it has said is on disk."""
        self._held = self._held or HeldBack(self._pass)
        self._held.hold()

    def let_pass(self) -> None:
        """Undo one `hold_back`."""
        if self._held is not None and self._held.release():
            self._held = None

    # The link comes and goes.

    def dial(self) -> None:
        """Open the link."""
        self.host.dial(self)

    def opened(self, wire: DialledWire) -> None:
        """Take the link that was dialled, and start it."""
        self.link.opened(wire)
        if self.link.wire is wire:  # what was sent may have ended the session
            wire.start(self)

    def went_up(self, wire: DialledWire, *, back: bool) -> None:
        """Speak on a link that is open, or `back`: the last BootNotification first, then what waits."""
        self.host.roster.went_up(self)  # first, so that a boot that waits elsewhere is not replayed but sent
        if self.link.wire is not wire:  # what moved here may have ended the session
            return
        boot = self.host.boot_for(back=back)
        is_waiting = self._waiting is not None and self._waiting.holds(BOOT)
        self.turns.connect(wire)
        if boot is not None and not is_waiting and self.backend.settings.replay_boot:
            replay(self, boot, self.now() + self.host.settings.backend_patience)
        if self._delivery is not None:
            self._delivery.up()
        self.pump(self.now())

    def failed(self, reason: str, *, shared: bool = False) -> None:
        """Take note that dialling came to nothing; `shared` if the carrier reports that for all its stations."""
        self.link.failed(reason, shared=shared)

    def lost(self, code: int, reason: str) -> None:
        """Take note that the link has ended."""
        self.link.lost(code, reason)

    def went_away(self, now: float) -> None:
        """Keep what was open for the next link, or say that nobody answers it."""
        self._unpause()
        left = self.turns.disconnect(now)
        if self.backend.settings.when_down == "wait" and not self.retired:
            self._waiting = self._waiting or Waiting(self)
            self._waiting.leave_open(left)
            self._feed()
            return
        for each in left:
            self.turns.tell(each.call, each.respond, gone("The connection was lost", each.id), now)

    def stays_away(self) -> None:
        """Do without the link: what waits goes elsewhere, waits on, or is refused."""
        for asked in () if self._delivery is None else self._delivery.down():
            self.wait(asked)
        self.host.roster.went_away(self)
        if self.backend.settings.when_down != "wait":
            for asked in self.take_waiting(lambda _: True):
                self.settled(asked, self._away())

    def _away(self) -> Unanswered:
        return gone(f"Backend {self.name} is away")

    def writable(self, yes: bool) -> None:
        """Hold back calls while the backend does not read, and stop reading the station if this backend answers it."""
        self.turns.choke(self.now(), choked=not yes)
        if yes:
            self._unpause()
        else:
            self._press()

    def _press(self) -> None:
        if not self._asks_pause and not self.retired and self.host.is_answering(self):
            self._asks_pause = True
            self.host.pause()

    def _unpause(self) -> None:
        if self._asks_pause:
            self._asks_pause = False
            self.host.resume()

    # The station comes and goes.

    def set_station_full(self, *, full: bool) -> None:
        """Stop reading the backend while the station does not read."""
        if self.link.wire is not None:
            (self.link.wire.pause if full else self.link.wire.resume)()

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
        for asked in self.take_waiting(lambda asked: is_transaction(asked.call.action)):
            self.settled(asked, gone("The station has come again"))
        if self._waiting is not None:
            self._waiting.adopt(self.host)
        if self.turns.full:
            self._press()

    def end(self, reason: str) -> None:
        """Close the link for good; what the station still waits for is answered `Unanswered`."""
        if self.link.state is State.ENDED:
            return
        self.backend.legs -= 1
        self.intake.end()
        self._unpause()
        self.link.end(reason)
        self.turns.end(reason, self.now())
        self.host.ports.wheel.off(self._watched, self._expire)
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.end(reason)
        for asked in () if self._delivery is None else self._delivery.end():
            self.settled(asked, gone(reason))

    # What is delivered goes by these.

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""
        return self.host.dispatcher.ledger

    def numbered(self, item: Item) -> Call | None:
        """Return a message as it is delivered; None if it cannot be told."""
        return self.host.dispatcher.numbered(self, item)

    def answered(self, item: Item, reply: Reply) -> None:
        """Take the answer to a message that was delivered."""
        self.host.dispatcher.delivered(self, item, reply)

    def given_up(self, item: Item, reason: str) -> None:
        """Take a message that the backend will never get."""
        self.host.dispatcher.given_up(self, item, reason)
