"""The gateway: lets stations in, keeps the table of sessions, takes over, moves, drains."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from functools import partial
from itertools import count

from voltgate.carriers.handshake import NOBODY, Admitted, Handshake, Refused
from voltgate.coming import (
    RETRY_AFTER,
    TORN,
    Pending,
    ReleaseThere,
    Taken,
    alone,
    dial_context_of,
    dial_in_order,
    hang_up,
    on_disk,
    shown,
    take_page,
)
from voltgate.departed import Departed
from voltgate.dialler import Dialler
from voltgate.directory.slices import unhurried
from voltgate.directory.stations import Station
from voltgate.directory.waiting import WaitingRoom
from voltgate.leaving import LET_GO, let_all_go
from voltgate.ocpp.close_codes import ELSEWHERE, GOING_AWAY, POLICY, PROTOCOL_ERROR, REPLACED
from voltgate.relay.backend import Backend
from voltgate.relay.carrier import DialledWire
from voltgate.relay.events import BackendLeftOut, StationCame, StationRefused
from voltgate.relay.ledger import Ledger
from voltgate.relay.ports import Ports
from voltgate.relay.records import Page, Pages, StoreAway
from voltgate.relay.route import Route
from voltgate.relay.session import Session
from voltgate.relay.wire import Receiver, Wire
from voltgate.snapshot import Snapshot
from voltgate.versions import Choice, arrears, carrier_of, is_understood, plans_of, version_of

_DRAINING = Refused(503, LET_GO, RETRY_AFTER)
_BLIND = Refused(503, "The database is away: nobody knows who owns what runs at this station", RETRY_AFTER)
_ELSEWHERE = Refused(503, ELSEWHERE, RETRY_AFTER)
_LOOK_LATER = 0.5
"""Seconds between two looks at stations that are to move when no transaction runs."""


class Gateway:
    """Admits stations and keeps one session for each."""

    def __init__(
        self,
        snapshot: Snapshot,
        ports: Ports,
        dialler: Dialler,
        waiting_room: WaitingRoom,
        pages: Pages,
        release_there: ReleaseThere = alone,
    ) -> None:
        self.snapshot = snapshot
        self.sessions: dict[str, Session] = {}
        self.refusals: dict[tuple[int, str], int] = {}
        self.waiting_room = waiting_room
        self.draining = False
        self._ports = ports
        self._dialler = dialler
        self._numbers = count(1)
        self._handshakes: dict[Session, int] = {}
        self._pages = pages
        self._release_there = release_there
        self._departed = Departed(ports.clock)
        self._unread: set[str] = set()
        """The stations that came in while the database was away."""
        self._later: set[str] = set()

    # Coming in.

    async def admit(self, handshake: Handshake) -> Admitted | Refused:
        """Decide whether a station may come in: our own checks, then its backend's verdict where that counts."""
        pending = await self._receive(handshake)
        if isinstance(pending, Refused):
            return self._refused(handshake, pending)
        if not pending.choice.names:
            return self._speechless(handshake, pending.choice)
        if pending.route.admit == "backend":
            return await self._ask_backend(handshake, pending)
        taken = await self._take(pending)
        if isinstance(taken, Refused):
            return self._refused(handshake, taken)
        return self._admitted(pending, taken, pending.choice.best, {})

    async def admit_request(
        self, handshake: Handshake, wire: Wire, version: str, *, comes: bool = True
    ) -> Session | Refused:
        """Begin the session of a station without a connection by its first request, without asking any backend.

        `handshake.native` says what it speaks, and `version` what the relay takes it for. One that does not come by
        itself, but is called by a backend, need not prove who it is.
        """
        pending = await self._receive(handshake, version, comes=comes)
        if isinstance(pending, Refused):
            return self._refused(handshake, pending)
        spoken = pending.dial_context.speaks or version
        number = spoken.removeprefix("ocpp")
        if pending.station.versions and spoken not in pending.station.versions:
            return self._refused(handshake, Refused(400, f"This station may not speak OCPP {number}"))
        if not pending.choice.names:
            return self._refused(handshake, Refused(400, f"No backend takes what a station says in OCPP {number}"))
        if pending.station.key in self.sessions:
            return self._refused(handshake, Refused(409, "This station is connected otherwise"))
        taken = await self._take(pending)
        if isinstance(taken, Refused):
            return self._refused(handshake, taken)
        session = self._opened(pending, taken, version, {}, wire)
        return session if isinstance(session, Session) else self._refused(handshake, _ELSEWHERE)

    async def _receive(self, handshake: Handshake, spoken: str = "", *, comes: bool = True) -> Pending | Refused:
        if self.draining:
            return _DRAINING
        snapshot, station = self.snapshot, self._find(handshake)
        if isinstance(station, Refused):
            return station
        arrival = await snapshot.authenticate(station, handshake) if comes else None
        if isinstance(arrival, Refused):
            return arrival
        route, choice = snapshot.routes[station.route], Choice(snapshot, station, handshake, spoken)
        if self._pages.away and self._is_blind(station, route):
            return _BLIND
        if self.draining:  # since it began to come
            return _DRAINING
        dial_context = dial_context_of(handshake, station)
        return Pending(snapshot, station, dial_context, route, choice, next(self._numbers), arrival)

    async def _take(self, pending: Pending) -> Taken | Refused:
        """Have this gateway write a station's page; without it the station may come in if nobody can be mistaken."""
        station, taken = pending.station, Taken(None, self._ports.clock(), pending.number)
        try:
            taken = await take_page(self._pages, station.key, self._release_there, self._numbers, taken.at)
        except StoreAway:
            if self._is_blind(station, pending.route):
                return _BLIND
        refused = TORN if taken.page is not None and taken.page.former else None
        return _DRAINING if self.draining else refused or taken

    def _is_blind(self, station: Station, route: Route) -> bool:
        """Return whether nobody can say who owns what runs at a station while its page cannot be read."""
        plans = route.plans(*station.traits, checked=station.checked)
        return len(plans.backends) > 1 and station.key not in self.sessions and not self._departed.knows(station.key)

    def knows(self, identity: str) -> bool:
        """Return whether a station of this identity is known, and has a route."""
        station = self.snapshot.directory.find(identity)
        return station is not None and station.route in self.snapshot.routes

    def _find(self, handshake: Handshake) -> Station | Refused:
        directory = self.snapshot.directory
        station = directory.find(handshake.identity or "", handshake.target)
        if station is not None and station.route in self.snapshot.routes:
            return station
        if not handshake.identity:
            return Refused(400, handshake.fault) if handshake.fault else Refused(404, "The path names no station")
        reason = directory.objection(handshake.identity)
        if reason is not None:
            return Refused(400, reason)
        if directory.register.is_vague(directory.key(handshake.identity)):
            return Refused(503, "The database is away: nobody knows whose station this is", RETRY_AFTER)
        reason = "unknown station" if station is None else f"its route {station.route} is gone"
        self.waiting_room.note(handshake.identity, handshake.address, shown(handshake), reason)
        return Refused(404, "This station is not known here")

    def _speechless(self, handshake: Handshake, choice: Choice) -> Admitted | Refused:
        """Answer an offer without a known version: certification wants 4xx, Part 4 section 3.3 a close after 101."""
        if handshake.offered and self.snapshot.no_common_subprotocol == "close":
            close = (PROTOCOL_ERROR, "No common sub-protocol")
            return Admitted(None, lambda wire: NOBODY, close)
        what = (
            "None of the sub-protocols offered is taken here"
            if handshake.offered
            else "Sec-WebSocket-Protocol is missing"
        )
        return self._refused(handshake, Refused(400, f"{what}: known are {choice.known}"))

    async def _ask_backend(self, handshake: Handshake, pending: Pending) -> Admitted | Refused:
        """Dial the answering backend and give the station its verdict; the old session dials nobody meanwhile."""
        decided = pending.snapshot.attempt(pending.station, handshake)
        if isinstance(decided, Refused):
            return self._refused(handshake, decided)
        old = self.sessions.get(pending.station.key)
        if old is not None:
            old.pause_dialling()
        try:
            result = await self._let_in(pending, handshake.deadline)
        except BaseException:
            decided(None)
            self._resume_dialling(pending)
            raise
        decided(result.status if isinstance(result, Refused) else 101)
        if isinstance(result, Refused):
            self._resume_dialling(pending)
            return self._refused(handshake, result)
        taken, backend, link, version = result
        return self._admitted(pending, taken, version, {backend: link})

    async def _let_in(self, pending: Pending, until: float) -> tuple[Taken, Backend, DialledWire, str] | Refused:
        """Have a backend let the station in, then take its page: who is refused takes nothing from anybody.

        A broker would tell two gateways meanwhile: behind one the page comes first.
        """
        taken: Taken | Refused = _DRAINING
        if pending.is_brokered and isinstance(taken := await self._take(pending), Refused):
            return taken
        result = await dial_in_order(self._dialler, self._ports, pending, until)
        if isinstance(result, Refused):
            return result
        try:
            if self.draining:
                taken = _DRAINING
            elif not pending.is_brokered:
                taken = await self._take(pending)
        finally:
            if isinstance(taken, Refused):
                hang_up(result[1], taken.reason)
        return taken if isinstance(taken, Refused) else (taken, *result)

    def _resume_dialling(self, pending: Pending) -> None:
        old = self.sessions.get(pending.station.key)
        if old is not None and old.dialling_paused:
            old.resume_dialling()

    def _admitted(self, pending: Pending, taken: Taken, version: str, links: dict[Backend, DialledWire]) -> Admitted:
        subprotocol = pending.choice.names.get(version, version)
        if any(backend.settings.dialect is None and not link.subprotocol for backend, link in links.items()):
            subprotocol = None  # the backend answered without the header: so do we

        def opened(wire: Wire) -> Receiver:
            return self._opened(pending, taken, version, links, wire)

        habits = self.snapshot.habits(pending.station)
        return Admitted(subprotocol, opened, ping=habits.ping, compress=habits.compress)

    def _opened(
        self, pending: Pending, taken: Taken, version: str, links: dict[Backend, DialledWire], wire: Wire
    ) -> Receiver:
        """Begin the session: the newest connection of a station takes the place of the one before."""
        station, snapshot = pending.station, pending.snapshot
        old = self.sessions.get(station.key)
        is_late = old is not None and self._handshakes[old] > pending.number
        is_given = self._departed.given_since(station.key, taken.number)
        if is_late or is_given or (taken.page is not None and not self._pages.holds(station.key)):
            return self._overtaken(links, wire)
        ledger = self._ledger(station.key, taken, old)
        ledger.identity = pending.dial_context.identity
        old = old or self._departed.lingering(station.key)
        dialect = snapshot.dialect(station, version)
        settings = snapshot.settings(station, version)
        dial_context, ports = pending.dial_context, self._ports
        session = Session(
            dial_context.identity, station.key, dialect, settings, ports, self._ended, ledger, dial_context
        )
        if old is not None:
            session.take_over(old, keep_legs=pending.route.admit == "gateway")
        self.sessions[station.key] = session
        self.waiting_room.forget(session.identity)
        self._handshakes[session] = pending.number
        if pending.arrival is not None:
            snapshot.came(station, pending.arrival)
        self._pages.came(session.key, taken=taken.page is not None)
        session.connect(wire)
        plans = plans_of(snapshot, station, session)
        for backend, link in links.items():
            session.adopt(backend, link, plans)
        ports.listen(StationCame(session.identity, dial_context.address, version, pending.route.name, old is not None))
        session.opened(wire, plans, pending.route.name, snapshot.reached(version, dial_context.carrier))
        self._do_without(snapshot, session, plans.terms.left_out)
        found = self.snapshot.directory.find(session.identity, dial_context.target)
        if (snapshot is not self.snapshot or found != station) and not session.ended:  # during the handshake
            self._move(session)
        return session

    def _ledger(self, key: str, taken: Taken, old: Session | None) -> Ledger:
        """Return the station's ledger: the one in use, or just used, with what the page adds; else what that says.

        Another process may have had the station meanwhile.
        """
        page = taken.page
        ledger = old.ledger if old is not None else self._departed.ledger(key, None if page is None else taken.at)
        if page is None:
            self._unread.add(key)
            if ledger is None:
                ledger = self._ports.ledger(key, Page(key, last_owed=self._departed.last_owed(key) or 0))
                ledger.incomplete = self._departed.last_owed(key) is None
            ledger.unread = True
        elif ledger is None:
            ledger = self._ports.ledger(key, page)
        else:
            ledger.read(page)
        return ledger

    async def read_again(self) -> None:
        """Read what is on record of the stations that came in while the database was away."""
        async for few in unhurried(self._unread):
            try:
                pages = await asyncio.gather(*map(self._pages.load, few))
            except StoreAway:
                return
            for page in pages:
                self._unread.discard(page.station)
                session = self.sessions.get(page.station)
                if session is not None and session.ledger.unread:
                    session.ledger.read(page)
                    self._move(session)

    def _overtaken(self, links: dict[Backend, DialledWire], wire: Wire) -> Receiver:
        for link in links.values():
            hang_up(link, REPLACED)
        wire.close(GOING_AWAY, REPLACED)
        return NOBODY

    def _ended(self, session: Session) -> None:
        del self._handshakes[session]
        if self.sessions.get(session.key) is session:
            del self.sessions[session.key]
            self._departed.add(session)
            self._pages.went(session.key)

    async def let_go(self, key: str) -> None:
        """End the session, or coming, of a station that another gateway takes; return when all of it is on disk."""
        self._departed.give(key, next(self._numbers))
        session = self.sessions.get(key)
        if session is not None:
            session.end(GOING_AWAY, _ELSEWHERE.reason)
        if await on_disk(self._ports.store, key):
            self._departed.forget(key)

    def lost(self, key: str) -> None:
        """Let a station go that another gateway has by now; what is known of it here is out of date."""
        session = self.sessions.get(key)
        if session is not None:
            session.end(GOING_AWAY, _ELSEWHERE.reason)
        self._departed.forget(key)

    def _refused(self, handshake: Handshake, refused: Refused) -> Refused:
        key = (refused.status, refused.reason.partition(":")[0])
        if key in self.refusals or len(self.refusals) < 200:
            self.refusals[key] = self.refusals.get(key, 0) + 1
        listen = self._ports.listen
        path = handshake.target.partition("?")[0]  # a query may hold a secret
        listen(StationRefused(handshake.identity or "", path, handshake.address, refused.status, refused.reason))
        return refused

    # Changing and leaving.

    async def change(self, snapshot: Snapshot) -> None:
        """Go by a new configuration: sessions whose route or backends changed move, the others notice nothing."""
        self.snapshot = snapshot
        await self.reevaluate(list(self.sessions))

    async def reevaluate(self, keys: Iterable[str]) -> None:
        """Have these stations, as far as they are connected, go where they belong by now."""
        async for few in unhurried(keys):
            for key in few:
                session = self.sessions.get(key)
                if session is not None and not session.ended:
                    self._move(session)

    def _move(self, session: Session) -> None:
        snapshot, dial_context = self.snapshot, session.dial_context
        target = "" if dial_context is None else dial_context.target
        station = snapshot.directory.find(session.identity, target)
        if station is None or station.route not in snapshot.routes:
            if session.ledger.counting():
                self._move_later(session.key)
            else:
                session.end(POLICY, "This station is not known here any more")
            return
        plans, left_out = plans_of(snapshot, station, session), session.plans.terms.left_out
        if snapshot.running == "wait" and session.ledger.counting() and plans is not session.plans:
            self._move_later(session.key)
        elif is_understood(snapshot, station, session, plans):
            session.follow(plans, station.route, snapshot.reached(session.dialect.version, carrier_of(session)))
            self._do_without(snapshot, session, plans.terms.left_out - left_out)
        elif session.busy:
            self._move_later(session.key)
        else:
            session.end(GOING_AWAY, "Come again: the backend takes another version")

    def _do_without(self, snapshot: Snapshot, session: Session, names: Iterable[str]) -> None:
        """Count, and report once a session, the backends that do not take what its station speaks.

        Those that are owed something of an earlier session get it in its version.
        """
        self._catch_up(snapshot, session)
        for name in sorted(names):
            snapshot.backends[name].left_out += 1
            self._ports.listen(BackendLeftOut(session.identity, name, version_of(session)))

    def _catch_up(self, snapshot: Snapshot, session: Session) -> None:
        owed, journal = arrears(snapshot, session), session.ledger.journal
        session.roster.catch_up(owed)
        unread = (name for name, (_, version) in owed.items() if not version and name not in session.roster.arrears)
        for name in unread:
            journal.take_back(name)  # what stood back on a link of before
            journal.fetch(name, partial(self._fetched, session, name))

    def _fetched(self, session: Session, name: str) -> None:
        """Go on with what a backend is owed once it is known what that is; look again if it could not be read."""
        journal = session.ledger.journal
        if next(journal.of(name), None) is not None:
            session.roster.catch_up(arrears(self.snapshot, session))
        elif not journal.is_whole(name) and not session.ended:
            wheel, when = self._ports.wheel, self._ports.clock() + _LOOK_LATER
            wheel.at(when, lambda now: self._catch_up(self.snapshot, session))

    def _move_later(self, key: str) -> None:
        """Look at a station again that stays where it is until no transaction runs."""
        if not self._later:
            self._ports.wheel.at(self._ports.clock() + _LOOK_LATER, self._look_later)
        self._later.add(key)

    def _look_later(self, now: float) -> None:
        later, self._later = self._later, set()
        for key in later:
            session = self.sessions.get(key)
            if session is not None and not session.ended:
                self._move(session)

    async def drain(self, grace: float, spread: float) -> None:
        """Let nobody else in, and every station go, as `let_all_go` does. `draining` stays true after that."""
        self.draining = True
        await let_all_go(list(self.sessions.values()), spread, grace)
