"""Queries: what the API knows of the gateway, read from the objects that hold it."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlsplit

from voltgate.cluster.ports import NodeState
from voltgate.directory.security import StationSecurity
from voltgate.directory.slices import unhurried
from voltgate.directory.stations import CLAIMED, Entry, Station
from voltgate.directory.urls import shown
from voltgate.directory.waiting import UnknownStation
from voltgate.gateway import Gateway
from voltgate.ocpp.dialect import SUBPROTOCOLS
from voltgate.ocpp.ids import Token
from voltgate.relay.backend import Backend
from voltgate.relay.leg import Leg
from voltgate.relay.records import StoreAway
from voltgate.relay.session import Session
from voltgate.relay.tallies import Tallies
from voltgate.relay.tap import Taps
from voltgate.relay.transaction import Transaction
from voltgate.relay.uplink import State
from voltgate.snapshot import Snapshot
from voltgate.store import Database
from voltgate.store.audit import AuditTrail
from voltgate.telemetry.messages.masking import Mask
from voltgate.versions import version_of
from voltgate.web import models
from voltgate.web.choice import Choice, Filter, SessionFilter, SessionSort, StationSort, session_rank
from voltgate.web.event_log import EventLog
from voltgate.web.message_log import MessageLog
from voltgate.web.origin import address_of, carrier_of
from voltgate.web.paging import Page, Part, Sorter, page_of
from voltgate.web.problems import Problem, invalid
from voltgate.web.stream import Streams
from voltgate.web.tail import MOST, Tail
from voltgate.web.times import stamp
from voltgate.web.wide.others import Others
from voltgate.web.wide.subscriptions import Subscriptions

_SHOWN_AS = {"http": "soap_url", "https": "soap_url"}
"""The field that shows an address of a backend, by its scheme, where that is not `url`."""

Rules = Callable[[str], list[dict[str, Any]]]
"""Gives the rules of a route as they are configured."""


def no_rules(route: str) -> list[dict[str, Any]]:
    """Return no rules: nobody has said how they were configured."""
    return []


class Draining(Protocol):
    """Hands the stations of this gateway over. Both methods return once that has begun."""

    @property
    def state(self) -> NodeState:
        """Whether this gateway takes stations."""

    async def drain(self, spread: float | None = None) -> None:
        """Let all stations go over `spread` seconds (None: the setting), and take no new ones."""

    async def undrain(self) -> None:
        """Take stations again, and keep those that are still here."""


class Admission(Protocol):
    """Who lets stations in and forgets them: on disk before it is in force. Raises StoreAway."""

    async def accept(self, identity: str, route: str, by: str) -> object:
        """Let a station in on a route from now on."""

    async def forget(self, identity: str) -> bool:
        """Take that back; False when it was never said."""


@dataclass(frozen=True, slots=True)
class Ends:
    """When the certificates of files end, in seconds since 1970; within `soon` seconds of that it is told of."""

    files: Mapping[str, float] = field(default_factory=dict)
    soon: float = 30 * 86400.0


_MASK = Mask()
"""How messages are shown where there is no log."""


ForgetCallback: TypeAlias = Callable[[str], Awaitable[tuple[int, str] | None]]
"""Forgets where a SOAP station said that it is called; returns a status and why, if that cannot be done."""


@dataclass(slots=True, eq=False)
class Queries:
    """What the routers work with. `clock` is that of the wheel, `wall` gives seconds since 1970."""

    gateway: Gateway
    events: EventLog
    taps: Taps
    database: Database | None
    admission: Admission
    draining: Draining
    clock: Callable[[], float]
    wall: Callable[[], float] = time.time
    rules: Rules = no_rules
    sorter: Sorter = field(default_factory=Sorter)
    streams: Streams = field(default_factory=Streams)
    trail: AuditTrail = field(default_factory=AuditTrail)
    tails: set[Tail] = field(default_factory=set)
    messages: MessageLog | None = None
    """What is recorded, and what was; None: there is no log."""
    security: StationSecurity = field(default_factory=lambda: StationSecurity(time.time))
    certificates: Callable[[], Ends] = Ends
    """When those of the configuration end."""
    others: Others | None = None
    """The other nodes of the cluster; None: this gateway is alone."""
    subscriptions: Subscriptions | None = None
    forget_callback: ForgetCallback | None = None
    began_at: float = 0.0
    """When this gateway began, in seconds since 1970."""
    _began: float = 0.0

    def __post_init__(self) -> None:
        self.began_at = self.wall()
        self._began = self.began_at - self.clock()

    def close(self) -> None:
        """End every stream: the gateway goes."""
        self.events.close()
        for tail in self.tails:
            tail.close()
        if self.subscriptions is not None:
            self.subscriptions.close()

    def tail(self, key: str | None, most: int = MOST, pace: float | None = None) -> Tail:
        """Return a reader of the messages of a station, or of all (None), masked as the log is; bounds as of `Tail`."""
        return Tail(self.gateway, self.taps, key, self._mask, most, pace)

    def _mask(self) -> Mask:
        return _MASK if self.messages is None else self.messages.recorder.mask

    @property
    def began(self) -> float:
        """What the clock showed 0 at, in seconds since 1970."""
        return self._began

    @property
    def snapshot(self) -> Snapshot:
        """What the configuration says now."""
        return self.gateway.snapshot

    def since(self, session: Session) -> float:
        """Return when a station came, in seconds since 1970."""
        return self._began + session.connected_at

    def host_of(self, backend: str) -> str:
        """Return on which host a backend is."""
        known = self.snapshot.backends.get(backend)
        endpoints = () if known is None else known.settings.endpoints
        return next((urlsplit(endpoint.url).hostname or "" for endpoint in endpoints), "")

    # Stations.

    def find(self, identity: str) -> Station:
        """Find a station that is known, or connected. Raise Problem 404."""
        station = self.known(identity)
        if station is None:
            raise Problem(404, "Not Found", "Nobody knows this station.")
        return station

    def known(self, identity: str) -> Station | None:
        """Return a station that is known, or connected here; None if it is neither."""
        directory = self.snapshot.directory
        station = directory.find(identity) or directory.unplaced(identity)
        if station is None and (session := self.gateway.sessions.get(directory.key(identity))) is not None:
            # nobody knows it any more, and it stays until its transaction has ended
            station = Station(session.identity, session.key, Entry(session.route), session.route, source="stranger")
        return station

    def session(self, identity: str) -> Session:
        """Find the session of a station. Raise Problem: 404 for one that nobody knows, 409 for one that is away."""
        session = self.gateway.sessions.get(self.find(identity).key)
        if session is None:
            raise Problem(409, "Conflict", "The station is not connected.")
        return session

    async def stations(self, wanted: Filter, sort: StationSort, part: Part) -> Page[models.Station]:
        """List stations. Raise Problem 503 when too many long lists are asked for."""
        choice = Choice(self.snapshot, self.gateway.sessions, wanted, sort)
        found, total = await self.sorter.part(
            choice.roster(), choice.takes, choice.rank, part, backwards=sort == "-identity"
        )
        known = [station for station in map(self.known, found) if station is not None]  # some may have gone meanwhile
        return page_of(list(map(self.station, known)), total, part)

    def station(self, station: Station) -> models.Station:
        """Return what is known of a station."""
        return models.Station(**self._station(station))

    def station_in_full(self, station: Station) -> models.StationInFull:
        """Return what is known of a station, with its session."""
        session = self.gateway.sessions.get(station.key)
        shown = None if session is None else self.session_of(session)
        return models.StationInFull(**self._station(station), session=shown)

    def _station(self, station: Station) -> dict[str, Any]:
        session = self.gateway.sessions.get(station.key)
        return {
            "identity": station.identity if session is None else session.identity,
            "name": station.name,
            "tags": sorted(station.tags),
            "route": station.route or None,
            "claimed_by": station.claimant or None,
            "source": station.source,
            "connected": session is not None,
            "carrier": None if session is None else carrier_of(session),
            "version": None if session is None else version_of(session),
            "address": None if session is None else address_of(session),
            "since": None if session is None else stamp(self.since(session)),
            **self._node(session),
        }

    def _node(self, session: Session | None) -> dict[str, str | None]:
        """Return which gateway holds a station, as a field; none where there is only one."""
        if self.others is None:
            return {}
        return {"node": None if session is None else self.others.name}

    def named(self, identity: str) -> tuple[str, str]:
        """Return the key of an identity, and how the station spells it, if it is connected or known."""
        station = self.known(identity)
        session = self.connected(identity)
        spelled = session.identity if session is not None else identity if station is None else station.identity
        return self.snapshot.directory.key(identity), spelled

    def connected(self, identity: str) -> Session | None:
        """Return the session of a station that is connected here."""
        return self.gateway.sessions.get(self.snapshot.directory.key(identity))

    def strangers(self) -> list[UnknownStation]:
        """Return the unknown stations that were refused, the last one first, but for those that are known by now."""
        return [stranger for stranger in self.gateway.waiting_room if not self.gateway.knows(stranger.identity)]

    def waits(self, identity: str) -> bool:
        """Return whether a station was turned away here as unknown."""
        return any(stranger.identity == identity for stranger in self.gateway.waiting_room)

    async def accept(self, identity: str, route: str, by: str) -> models.Station:
        """Let a station in that waits. Raise Problem: 409, 422 for a route that is none, 503."""
        if route not in self.snapshot.routes:
            raise invalid([{"loc": ("body", "route"), "msg": "there is no such route"}])
        directory = self.snapshot.directory
        if route == CLAIMED and not directory.register.holder(directory.key(identity)):
            detail = 'Nobody claims this station, and only claims lead to the route "claimed": claim it for a backend.'
            raise Problem(409, "Conflict", detail)
        try:
            await self.admission.accept(identity, route, by)
        except StoreAway as away:
            raise unchanged(away) from None
        return self.station(self.find(identity))

    async def forget(self, identity: str) -> None:
        """Take back that a station was accepted. Raise Problem: 404, 503."""
        try:
            known = await self.admission.forget(identity)
        except StoreAway as away:
            raise unchanged(away) from None
        if not known:
            raise Problem(404, "Not Found", "No such station was accepted.")

    # Sessions.

    async def sessions(self, wanted: SessionFilter, sort: SessionSort, part: Part) -> Page[models.Session]:
        """List sessions. Raise Problem 503 when too many long lists are asked for."""
        rank = session_rank(sort, self._began)
        there = list(self.gateway.sessions.values())
        found, total = await self.sorter.part(there, wanted.takes, rank, part, backwards=sort.startswith("-"))
        return page_of(list(map(self.session_of, found)), total, part)

    def session_of(self, session: Session) -> models.Session:
        """Return the state of a session."""
        return models.Session(
            station=session.identity,
            carrier=carrier_of(session),
            version=version_of(session),
            route=session.route,
            address=address_of(session),
            since=stamp(self.since(session)),
            open_calls=session.turns.open_calls,
            waiting_calls=session.turns.waiting_calls,
            busy=session.busy,
            legs=[leg_of(leg, session) for leg in session.roster.every],
            left_out=sorted(session.plans.terms.left_out),
            transactions=[transaction_of(tx) for tx in session.ledger.running.values()],
            **self._node(session),
        )

    # Backends.

    async def backends(self) -> list[models.Backend]:
        """Return the state of every backend."""
        without = await self._without()
        return [
            self.backend_of(backend, *without.get(name, (0, 0.0))) for name, backend in self.snapshot.backends.items()
        ]

    async def _without(self) -> Mapping[str, tuple[int, float]]:
        """Return, by backend of which no leg is up, how many are not needed yet, and how long one has been away."""
        asked = {name for name, backend in self.snapshot.backends.items() if backend.legs and not backend.up}
        found = dict.fromkeys(asked, (0, 0.0))
        if not asked:
            return found
        async for few in unhurried(list(self.gateway.sessions.values())):
            for session in few:
                for name in asked & session.legs.keys():
                    (dormant, longest), leg = found[name], session.legs[name]
                    is_dormant = leg.state is State.IDLE
                    found[name] = (dormant + is_dormant, longest if is_dormant else max(longest, leg.link.away_for))
        return found

    def backend_of(self, backend: Backend, dormant: int, longest: float) -> models.Backend:
        """Return the state of a backend.

        `dormant` of its legs are not needed yet; `longest` is for how many seconds one that is has been away.
        """
        settings = backend.settings
        is_down = not backend.up and backend.legs > dormant
        urls = {_SHOWN_AS.get(each.scheme, "url"): shown(each.url) for each in settings.endpoints}
        claims, claimed = claims_of(backend.name, self.snapshot)
        return models.Backend(
            name=backend.name,
            url=urls.get("url"),
            soap_url=urls.get("soap_url"),
            state="up" if backend.up else "down" if is_down else "idle",
            away_seconds=round(longest, 3) if is_down else None,
            versions=list(settings.versions) if settings.dialect is None else [settings.dialect.version],
            legs=backend.legs,
            legs_up=backend.up,
            claims=claims,
            claimed_url=claimed,
            permit=None if settings.permit is None else settings.permit.name,
            deliver=settings.deliver,
            calls=calls_of(backend.calls),
            commands=calls_of(backend.commands),
            copies_dropped=dict(backend.copies_dropped),
            commands_refused=dict(backend.commands_refused),
            left_out=backend.left_out,
            given_up=backend.given_up,
        )

    # Routes.

    def route(self, name: str) -> models.Route:
        """Return a route. Raise Problem 404."""
        route = self.snapshot.routes.get(name)
        if route is None:
            raise Problem(404, "Not Found", "There is no such route.")
        return models.Route(name=name, admit=route.admit, rules=self.rules(name))

    def match(
        self, station: Station, version: str | None, action: str, token: Token | None, connector: int | None
    ) -> models.Match:
        """Return which rule a call of a station would meet in this version (None: its own). Raise Problem 409."""
        session = self.gateway.sessions.get(station.key)
        route = self.snapshot.routes.get(station.route)
        if route is None:
            raise Problem(409, "Conflict", "The station has no route now.")
        own = SUBPROTOCOLS if session is None else (session.dialect.version,)
        carrier = "websocket" if session is None else carrier_of(session)
        plans = self.snapshot.plans(station, own if version is None else (version,), carrier)
        number, plan = plans.match(action, token, connector)
        return models.Match(
            station=station.identity,
            route=route.name,
            rule=number,
            answer=list(plan.answer),
            copy_=list(plan.copy),
            authorize=list(plan.chained),
            left_out=sorted(plans.terms.left_out),
        )


def unchanged(away: StoreAway) -> Problem:
    """Return the problem of something that could not be written."""
    return Problem(503, "Service Unavailable", f"Nothing was changed: {away}.", headers={"Retry-After": "5"})


def waiting_of(station: UnknownStation) -> models.Waiting:
    """Return what is known of a station that was refused."""
    return models.Waiting(
        identity=station.identity,
        first=stamp(station.first),
        last=stamp(station.last),
        tries=station.tries,
        address=station.address,
        offered=list(station.offered),
        reason=station.reason,
    )


def claims_of(backend: str, snapshot: Snapshot) -> tuple[int, str | None]:
    """Return how many stations a backend claims, and the address that it has given itself."""
    register = snapshot.directory.register
    address = register.addresses.get(backend)
    return len(register.claims.of(backend)), None if address is None else shown(address.url or address.soap_url)


def leg_of(leg: Leg, session: Session) -> models.Leg:
    """Return the state of a leg."""
    return models.Leg(
        backend=leg.name,
        state=leg.state.value,
        answers=leg.name in session.plans.answering,
        open_calls=leg.turns.open_calls,
        waiting_calls=leg.turns.waiting_calls,
        away_seconds=round(leg.link.away_for, 3),
    )


def transaction_of(tx: Transaction) -> models.Transaction:
    """Return what is known of a transaction."""
    return models.Transaction(id=tx.id, owner=tx.owner, connector=tx.connector, began=stamp(tx.began))


def calls_of(tallies: Tallies) -> models.Calls:
    """Add up how the calls of all actions ended."""
    every = list(tallies.by_label.values())
    return models.Calls(
        results=sum(tally.results for tally in every),
        errors=sum(tally.errors for tally in every),
        unanswered=sum(sum(tally.unanswered.values()) for tally in every),
        seconds=round(sum(tally.seconds for tally in every), 3),
    )
