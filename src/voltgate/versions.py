"""Versions: what a station may speak with those who answer it, and which of that suits its rules best."""

from __future__ import annotations

from voltgate.carriers.handshake import Handshake
from voltgate.directory.stations import Station
from voltgate.ocpp.dialect import SUBPROTOCOLS
from voltgate.ocpp.families import may_be_of
from voltgate.ocpp.messages import Call
from voltgate.relay.backend import Backend
from voltgate.relay.route import Plans
from voltgate.relay.session import Session
from voltgate.snapshot import Snapshot


class Choice:
    """The versions that a station and those who let it in have in common.

    `names` has them in the station's order, each with the name to answer with (None: no header). `plans` are the
    station's as long as none of them is chosen: without the backends that take nothing of what it offers. With `spoken`
    it does not choose: its carrier puts what it says into that version.
    """

    __slots__ = ("_carrier", "_snapshot", "_station", "names", "plans")

    def __init__(self, snapshot: Snapshot, station: Station, handshake: Handshake, spoken: str = "") -> None:
        self._snapshot, self._station, self._carrier = snapshot, station, handshake.carrier
        offered = {spoken: None} if spoken else _offered(snapshot, station, handshake)
        self.plans = snapshot.plans(station, offered, self._carrier)
        self.names = {version: name for version, name in offered.items() if self._is_answered(version)}

    def _is_answered(self, version: str) -> bool:
        return not self._snapshot.reached(version, self._carrier).keys().isdisjoint(self.plans.first.answer)

    @property
    def best(self) -> str:
        """The version that suits the station's rules best, the first in its order of several.

        It is one in which every rule has somebody who answers; then one that the first of each failover takes, so that
        it answers as long as it is there; then one that all of them take.
        """
        return max(self.names, key=self._suits)

    def _suits(self, version: str) -> tuple[bool, bool, bool]:
        reached = self._snapshot.reached(version, self._carrier).keys()
        lists = [names for names in self.plans.answers if names]
        first_of_each = {names[0] for names in lists}
        return (
            not any(reached.isdisjoint(names) for names in lists),
            first_of_each <= reached,
            self.plans.answering <= reached,
        )

    def offer_to(self, backend: Backend) -> tuple[str, ...]:
        """Return what a backend that lets stations in is offered: of what it takes that in which all rules work."""
        offer = backend.settings.offers(self.names, self._carrier)
        return tuple(version for version in offer if version in self.names and self._suits(version)[0]) or offer

    @property
    def known(self) -> str:
        """The versions with which such a station may come, for its eyes."""
        known = [
            version
            for version in self._station.versions or SUBPROTOCOLS
            if self._snapshot.plans(self._station, (version,), self._carrier).first.answer
        ]
        return ", ".join(known) or "none"


def _offered(snapshot: Snapshot, station: Station, handshake: Handshake) -> dict[str, str | None]:
    """Return the versions that a station offers and may speak, in its order, each with its own name of it."""
    may = station.versions or SUBPROTOCOLS
    if not handshake.offered:
        assumed = station.missing_subprotocol
        return {assumed: None} if assumed in may else {}
    aliases, names = snapshot.subprotocol_aliases, dict[str, str | None]()
    for name in handshake.offered:
        version = aliases.get(name, name)
        if version in SUBPROTOCOLS and version in may:
            names.setdefault(version, name)
    return names


def version_of(session: Session) -> str:
    """Return which version of OCPP a station itself speaks."""
    context = session.dial_context
    return (context.speaks if context is not None else "") or session.dialect.version


def carrier_of(session: Session) -> str:
    """Return the name of the carrier that a station came by."""
    return "websocket" if session.dial_context is None else session.dial_context.carrier


def arrears(snapshot: Snapshot, session: Session) -> dict[str, tuple[Backend, str]]:
    """Return the backends that are owed something of earlier sessions, and do not take what is spoken now.

    With each comes the version in which that can be told: the last that it takes of those in which it may be said;
    "" if what it is owed is still to be read.
    """
    journal, carrier = session.ledger.journal, carrier_of(session)
    reached = snapshot.reached(session.dialect.version, carrier)
    found = dict[str, tuple[Backend, str]]()
    for name in journal.creditors:
        if name in snapshot.backends and name not in reached:
            backend, record = snapshot.backends[name], next(journal.of(name), None)
            if record is None:
                found[name] = backend, ""
                continue
            said = Call(record.message_id, record.action, record.payload)
            taken = backend.settings.offers(SUBPROTOCOLS, carrier)
            taken = tuple(version for version in taken if may_be_of(version, said))
            if taken:
                found[name] = backend, taken[-1]
    return found


def plans_of(snapshot: Snapshot, station: Station, session: Session) -> Plans:
    """Return the plans of a station in the version of its session."""
    return snapshot.plans(station, (session.dialect.version,), carrier_of(session))


def is_understood(snapshot: Snapshot, station: Station, session: Session, plans: Plans) -> bool:
    """Return whether a session may go on by these plans: its station may speak so, and who lets it in takes it.

    Where nobody would whatever it spoke, it need not come again.
    """
    if station.versions and version_of(session) not in station.versions:
        return False
    return bool(plans.first.answer) or not snapshot.plans(station, SUBPROTOCOLS, carrier_of(session)).first.answer
