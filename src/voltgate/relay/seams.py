"""What legs and a dispatcher need of the session above them: they know no session, only these."""

from __future__ import annotations

from typing import Protocol, TypeVar

from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.messages import Call, Handler, Reply, Respond
from voltgate.ocpp.turn_ports import Listener
from voltgate.relay.asked import Asked
from voltgate.relay.delivery import Item
from voltgate.relay.ledger import Ledger
from voltgate.relay.ports import Ports, SessionSettings
from voltgate.relay.tap import SessionTap

LegT_contra = TypeVar("LegT_contra", contravariant=True)
"""A leg."""


class Dispatch(Protocol[LegT_contra]):
    """What a leg needs of its session's dispatcher."""

    @property
    def ledger(self) -> Ledger:
        """What is kept of the station."""

    @property
    def ended(self) -> bool:
        """Whether the session is over."""

    def awaits(self, leg: LegT_contra) -> bool:
        """Return whether a backend is being asked a transaction message, or told what it is owed."""

    def prepared(self, leg: LegT_contra, asked: Asked) -> Call:
        """Return a call as it is sent to this backend."""

    def settled(self, leg: LegT_contra, asked: Asked, reply: Reply) -> None:
        """Take the reply to a call that a backend was to answer."""

    def numbered(self, leg: LegT_contra, item: Item) -> Call | None:
        """Return a message as it is delivered to this backend; None if it cannot be told."""

    def delivered(self, leg: LegT_contra, item: Item, reply: Reply) -> None:
        """Take the answer to a message that was delivered."""

    def given_up(self, leg: LegT_contra, item: Item, reason: str) -> None:
        """Take a message that the backend will never get."""


class Legs(Protocol[LegT_contra]):
    """What legs and a dispatcher need of the roster."""

    def went_up(self, leg: LegT_contra) -> None:
        """Take note that a link is open."""

    def went_away(self, leg: LegT_contra) -> None:
        """Take note that a link is lost, or could not be opened."""

    def tidy(self) -> None:
        """Let go of backends that were kept for a transaction, or for what they were owed."""

    def rested(self, leg: LegT_contra) -> None:
        """Take note that a backend is owed nothing more, whoever has delivered it."""


class LegHost(Protocol[LegT_contra]):
    """What a leg needs of its session."""

    ports: Ports
    settings: SessionSettings

    @property
    def dialect(self) -> Dialect:
        """What is spoken on the leg's link."""

    @property
    def dialling_paused(self) -> bool:
        """Whether no link is dialled back: a newcomer with the station's identity is being let in."""

    @property
    def station_full(self) -> bool:
        """Whether the station does not read."""

    @property
    def identity(self) -> str:
        """The station's identity."""

    @property
    def dispatcher(self) -> Dispatch[LegT_contra]:
        """What is asked of backends, and becomes of it."""

    @property
    def roster(self) -> Legs[LegT_contra]:
        """Which backends have a leg."""

    def boot_for(self, *, back: bool) -> bytes | None:
        """Return the BootNotification that a backend must hear: what is on record too, if it is `back`."""

    def dial(self, leg: LegT_contra) -> None:
        """Open the link; ends in `Leg.opened` or `Leg.failed`."""

    def is_answering(self, leg: LegT_contra) -> bool:
        """Return whether some call of the station is answered by this backend."""

    def listener(self, leg: LegT_contra) -> Listener | None:
        """Return who hears what a backend is asked; None if nobody does."""

    def from_backend(self, leg: LegT_contra) -> Handler | None:
        """Return what stands before the calls of a backend; None if nothing does."""

    def permitted(self, leg: LegT_contra) -> Handler:
        """Return what hands a backend's calls on to the station, as far as it may make them."""

    def to_backend(self, leg: LegT_contra) -> Handler | None:
        """Return what stands before the calls to a backend; None if nothing does."""

    def pause(self) -> None:
        """Stop reading the station."""

    def resume(self) -> None:
        """Undo one `pause`."""


class DispatcherHost(Protocol[LegT_contra]):
    """What a dispatcher needs of its session."""

    ports: Ports
    settings: SessionSettings
    ended: bool
    tap: SessionTap | None

    @property
    def identity(self) -> str:
        """The station's identity."""

    @property
    def dialect(self) -> Dialect:
        """How the station speaks."""

    @property
    def roster(self) -> Legs[LegT_contra]:
        """Which backends have a leg."""

    def answered(self, leg: LegT_contra, call: Call, respond: Respond, reply: Reply) -> None:
        """Answer the station with the answer to a plain call."""

    def to_station(self, call: Call, respond: Respond) -> None:
        """Send a call to the station in its turn."""

    def registered(self, boot: bytes | None = None) -> None:
        """Go by what is now known of the station's registration; `boot` is its BootNotification, if one has come."""

    def end(self, code: int, reason: str) -> None:
        """Let the station go."""
