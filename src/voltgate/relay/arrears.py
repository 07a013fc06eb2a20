"""Arrears: what a backend is owed that has no part in the session, because it does not take what is spoken now.

It was said in an earlier session, in a version that the backend does take. It is delivered on a link of its own, in
that version; nothing else passes there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.families import may_be_of
from voltgate.ocpp.messages import Call, Handler, Reason, Reply, Respond, Result, Unanswered
from voltgate.ocpp.turn_ports import Listener
from voltgate.relay import numbering
from voltgate.relay.asked import Asked
from voltgate.relay.carrier import DialContext
from voltgate.relay.delivery import Item
from voltgate.relay.events import GivenUp
from voltgate.relay.ledger import Ledger
from voltgate.relay.leg import Leg
from voltgate.relay.ports import Ports, SessionSettings


class Stay(Protocol):
    """What is needed of the session."""

    ports: Ports
    settings: SessionSettings
    dialling_paused: bool
    ended: bool
    dial_context: DialContext | None

    @property
    def identity(self) -> str:
        """The station's identity."""

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""

    def listener(self, leg: Leg) -> Listener | None:
        """Return who hears what a backend is asked; None if nobody does."""


class Arrears:
    """The host of a leg that only delivers what its backend is owed of earlier sessions, in their `dialect`.

    `done` lets the leg go when nothing is owed any more.
    """

    station_full = False

    def __init__(self, session: Stay, dialect: Dialect, done: Callable[[Leg], None]) -> None:
        self.dialect = dialect
        self.ports = session.ports
        self.settings = session.settings
        self._session = session
        self._done = done

    @property
    def identity(self) -> str:
        """The station's identity."""
        return self._session.identity

    @property
    def dialling_paused(self) -> bool:
        """Whether a newcomer with the same identity is being let in."""
        return self._session.dialling_paused

    @property
    def ended(self) -> bool:
        """Whether the session is over."""
        return self._session.ended

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""
        return self._session.ledger

    @property
    def dispatcher(self) -> Arrears:
        """What becomes of what is delivered."""
        return self

    @property
    def roster(self) -> Arrears:
        """What becomes of the link."""
        return self

    # The link.

    def boot_for(self, *, back: bool) -> None:
        """Replay nothing: the station's BootNotification is in the words of another version by now."""

    def dial(self, leg: Leg) -> None:
        """Open the link, in the version in which the messages were said."""
        self.ports.dial(leg, self._session.dial_context, (self.dialect.version,), answering=False)

    def is_answering(self, leg: Leg) -> bool:
        """Return False: it is only told."""
        return False

    def went_up(self, leg: Leg) -> None:
        """Do nothing: nobody else waits for it."""

    def went_away(self, leg: Leg) -> None:
        """Do nothing: nobody stands in for it."""

    def tidy(self) -> None:
        """Do nothing: `rested` looks whether anything more is owed."""

    def rested(self, leg: Leg) -> None:
        """Let the leg go: what it is owed is delivered, here or by another process on the database."""
        if not self.ledger.journal.owes(leg.name):
            self._done(leg)

    def pause(self) -> None:
        """Do nothing: the station says nothing here."""

    def resume(self) -> None:
        """Do nothing: nothing was paused."""

    def listener(self, leg: Leg) -> Listener | None:
        """Return who hears what the backend is asked; None if nobody does."""
        return self._session.listener(leg)

    # What the backend asks.

    def from_backend(self, leg: Leg) -> Handler:
        """Return what refuses the backend's calls: the station would not understand them."""

        def refuse(call: Call, respond: Respond) -> None:
            leg.backend.refuse(call.action)
            respond(Unanswered(Reason.REFUSED, "The station speaks another version now", "NotSupported"))

        return refuse

    permitted = from_backend

    # What it is told.

    def to_backend(self, leg: Leg) -> None:
        """Let nothing stand before what is delivered."""

    def awaits(self, leg: Leg) -> bool:
        """Return whether the backend is being asked to take a message."""
        return leg.up and leg.under_way

    def numbered(self, leg: Leg, item: Item) -> Call | None:
        """Return a message in the backend's own numbers; None if it was not said in this version."""
        tx = item.transaction
        if not may_be_of(self.dialect.version, item.call):
            return None
        put = numbering.for_answer if tx is not None and tx.owner == leg.name else numbering.for_copy
        return put(self.ledger, leg.name, item.call, tx, single=False)

    def delivered(self, leg: Leg, item: Item, reply: Reply) -> None:
        """Take the answer to a message."""
        if item.transaction is not None and isinstance(reply, Result):
            self.ledger.took(item.transaction, leg.name, item.call, reply)
        self._settle(item)

    def given_up(self, leg: Leg, item: Item, reason: str) -> None:
        """Report what the backend will never get."""
        leg.backend.given_up += 1
        self.ports.listen(GivenUp(self.identity, leg.name, item.call.action, reason))
        self._settle(item)

    def _settle(self, item: Item) -> None:
        assert item.record is not None  # noqa: S101 - nothing else is delivered here
        self.ledger.journal.settle(item.record)

    # Nobody asks anything here; what is asked all the same goes as it is.

    def prepared(self, leg: Leg, asked: Asked) -> Call:
        """Return a call as it is."""
        return asked.call

    def settled(self, leg: Leg, asked: Asked, reply: Reply) -> None:
        """Bring a reply home."""
        asked.respond(reply)
