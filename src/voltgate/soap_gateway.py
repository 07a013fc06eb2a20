"""SOAP at the gateway: a station's request finds its session, a backend's command finds its station."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial

import structlog

from voltgate.carriers.handshake import Handshake, Refused
from voltgate.carriers.soap.admission import handshake_of, refusal
from voltgate.carriers.soap.answers import said
from voltgate.carriers.soap.callbacks import Callbacks
from voltgate.carriers.soap.carrier import SPOKEN_TO_AS, SoapNative, soap_wire
from voltgate.carriers.soap.client import Client
from voltgate.carriers.soap.connection import Answer, Answered, Post
from voltgate.carriers.soap.ends import StationEnd
from voltgate.carriers.soap.originals import Originals
from voltgate.carriers.soap.wire import SoapWire
from voltgate.carriers.websocket.limits import Census
from voltgate.dialler import Dialler
from voltgate.gateway import Gateway
from voltgate.ocpp.close_codes import GOING_AWAY, WAS_SILENT
from voltgate.ocpp.soap.envelope import BadEnvelope, Envelope, parse
from voltgate.ocpp.soap.faults import fault
from voltgate.ocpp.soap.names import Version
from voltgate.ocpp.soap.template import template
from voltgate.ocpp.wheel import Wheel
from voltgate.soap_station import SoapSettings, SoapStation
from voltgate.soap_verdict import verdict

_MOST_WAITING = 16
"""Requests of one station that may wait for its admission."""
_MOST_OF_ONE_ADDRESS = 4
"""Those of them that came from one address, so that a stranger leaves room for the station itself."""

_MOST_REMEMBERED = 12
"""Kinds of requests of one connection that are known."""
_MOST_CALLED = 100
"""Stations that are called up, or let in, at a time, before more are refused."""
_CALL_UP = 5.0
"""Seconds that a backend's link to a station may take to stand when the backend calls that station up."""

log = structlog.get_logger("voltgate")


class SoapGateway:
    """Takes the requests of every SOAP listener."""

    def __init__(
        self,
        gateway: Gateway,
        dialler: Dialler,
        client: Client,
        callbacks: Callbacks,
        settings: SoapSettings,
        wheel: Wheel,
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.callbacks = callbacks
        self._gateway = gateway
        self._dialler = dialler
        self._client = client
        self._wheel = wheel
        self._clock = clock
        self._stations: dict[str, SoapStation] = {}
        self._coming: dict[str, list[tuple[Envelope, Post, Answered]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._census = Census()
        self.addresses_ignored = 0
        self._snapshot = gateway.snapshot
        self._changes = 0

    def take(self, post: Post, answered: Answered) -> None:
        """Take a request of a station, or of a backend for one."""
        if post.vouch is not None:
            answered = partial(_vouched, post.vouch, answered)
        for made, station in () if self.callbacks.is_callback(post.target) else post.memory:
            match = made.match(post.body, self.settings.wire.largest)
            if match is not None and station.passes(made, post.authorization, self._age()):
                station.hears(made.envelope.sender)
                station.wire.take_whole(made, match, post.body, answered)
                return
        self._read(post, answered)

    def _read(self, post: Post, answered: Answered) -> None:
        envelope = parse(post.body, self.settings.wire.largest)
        if isinstance(envelope, BadEnvelope):
            answered(said(envelope, envelope.fault))
        elif envelope.kind != "request":
            answered(said(envelope, fault("ProtocolError", "A request belongs here, not an answer")))
        elif self.callbacks.is_callback(post.target):
            self._command(post, envelope, answered)
        elif envelope.service != "Cs":
            answered(said(envelope, fault("SecurityError", "Stations are commanded at their callback addresses only")))
        elif not envelope.identity:
            answered(said(envelope, fault("ProtocolError", "chargeBoxIdentity is missing")))
        else:
            self._from_station(post, envelope, answered)

    # Stations.

    def _age(self) -> int:
        """Return a number for the configuration in force: what a station proved by another one is looked at again."""
        if self._snapshot is not self._gateway.snapshot:
            self._snapshot = self._gateway.snapshot
            self._changes += 1
        return self._changes

    def _from_station(self, post: Post, envelope: Envelope, answered: Answered) -> None:
        key = self._gateway.snapshot.directory.key(envelope.identity)
        station = self._stations.get(key)
        if station is not None and self._goes_on(station, post.authorization):
            self._handle_request(station, post, envelope, answered)
            return
        waiting = self._coming.get(key)
        if waiting is None:
            self._coming[key] = [(envelope, post, answered)]
            self._spawn(self._let_in(key))
        elif len(waiting) < _MOST_WAITING and _from_there(waiting, post) < _MOST_OF_ONE_ADDRESS:
            waiting.append((envelope, post, answered))
        else:
            answered(said(envelope, fault("InternalError", "Too many requests of this station at once"), status=503))

    def _goes_on(self, station: SoapStation, authorization: bytes | None) -> bool:
        """Return whether a station proves itself as before, and the configuration in force asks for nothing else.

        Then it waits behind nobody, so that no stranger of its name keeps it from what it was let in to.
        """
        age = self._age()
        if station.knows(authorization, age):
            return True
        known = self._gateway.snapshot.directory.find(station.session.identity)
        if known is None or known.credentials != station.credentials or not station.knows(authorization, station.age):
            return False
        station.prove(authorization, age, known.credentials)
        station.follow(known, self.settings)
        return True

    async def _let_in(self, key: str) -> None:
        """Admit a station, or check the other password that it comes with; then take what it has said meanwhile."""
        waiting = self._coming[key]
        try:
            while waiting:
                envelope, post, answered = waiting[0]
                station = await self._present(key, envelope, post)
                if isinstance(station, Refused):
                    answered(refusal(envelope, station))
                else:
                    self._handle_request(station, post, envelope, answered)
                del waiting[0]
        except Exception:
            log.exception("a fault of Voltgate: a SOAP station could not be let in", station=key)
        finally:
            del self._coming[key]
            for envelope, _, answered in waiting:
                answered(said(envelope, fault("InternalError", "The gateway failed to decide"), status=503))

    async def _present(self, key: str, envelope: Envelope, post: Post) -> SoapStation | Refused:
        station = self._stations.get(key)
        handshake = handshake_of(envelope, post)
        if station is not None and not station.session.ended:
            refused = await self._recheck(station, handshake)
            if refused is not None or not station.session.ended:
                return refused or station
        if key in self._gateway.sessions:
            return Refused(409, "This station is connected by websocket")
        return await self._come(key, envelope.identity, envelope.version, handshake)

    async def _recheck(self, station: SoapStation, handshake: Handshake) -> Refused | None:
        """Let a station that is here already prove itself otherwise, or by what the configuration asks for by now.

        Where only a backend can tell, it is asked, and the session ends when it has said yes: its links were let in by
        the former credentials. Until then nothing of the session changes, and who is refused is told so alone.
        """
        if self._goes_on(station, handshake.authorization):
            return None
        snapshot, age = self._gateway.snapshot, self._age()
        known = snapshot.directory.find(station.session.identity)
        credentials = None if known is None else known.credentials
        arrival = None if known is None else await snapshot.authenticate(known, handshake)
        if isinstance(arrival, Refused):
            return arrival
        if credentials is None and station.authorization != handshake.authorization:
            refused = await verdict(self._dialler, snapshot.backends, station.session, handshake)
            if refused is not None:
                return refused
            station.session.end(GOING_AWAY, "It comes with other credentials")
        station.prove(handshake.authorization, age, credentials)
        station.follow(known, self.settings)
        return None

    async def _come(
        self, key: str, identity: str, version: Version, handshake: Handshake, *, comes: bool = True
    ) -> SoapStation | Refused:
        full = self._full(key, handshake.address)
        if full is not None:
            return full
        age, settings, originals = self._age(), self.settings, Originals()
        known = self._gateway.snapshot.directory.find(identity)
        end = StationEnd("" if known is None else settings.callback(known), central=self.callbacks.base)
        wire = SoapWire(identity, "Cs", version, end, self._client, originals, settings.wire, self._clock)
        handshake = replace(handshake, native=SoapNative(wire, originals))
        session = await self._gateway.admit_request(handshake, wire, SPOKEN_TO_AS, comes=comes)
        if isinstance(session, Refused):
            return session
        wire.start(session)
        credentials = None if known is None else known.credentials
        authorization, address = handshake.authorization, handshake.address
        station = SoapStation(session, wire, end, authorization, age, address, credentials, comes)
        station.recall(self.settings, version=not comes)
        wire.charges = station.charges
        self._stations[key] = station
        self._census.enter(address)
        self._watch(key, station)
        return station

    def _full(self, key: str, address: str) -> Refused | None:
        """Refuse a station beyond those that may be here, or come from one address."""
        before = self._stations.get(key)
        if before is not None:
            self._gone(key, before)
        settings = self.settings
        if settings.most and len(self._stations) >= settings.most:
            return Refused(503, "As many stations are here as may be")
        if settings.per_address and address and self._census.addresses.get(address, 0) >= settings.per_address:
            return Refused(429, f"{address} brings as many stations as it may")
        return None

    def _gone(self, key: str, station: SoapStation) -> None:
        """Count a station no more whose session has ended; it may have come again meanwhile."""
        if self._stations.get(key) is station:
            del self._stations[key]
        if station.is_counted:
            station.is_counted = False
            self._census.leave(station.address)

    def _handle_request(self, station: SoapStation, post: Post, envelope: Envelope, answered: Answered) -> None:
        if station.credentials is None and not station.end.address:
            answered = partial(self._accepted, station, post, envelope, answered)
        else:
            self._learn(station, post, envelope)
        if station.may_pass(envelope):
            self._remember(station, post, envelope)
        station.wire.take(envelope, post.body, answered)
        station.note()

    def _accepted(
        self, station: SoapStation, post: Post, envelope: Envelope, answered: Answered, answer: Answer
    ) -> None:
        """Learn the first address of a station that nobody has checked here, once its request was taken."""
        if answer.status == 200 and not station.session.ended:
            self._learn(station, post, envelope)
            station.note()
        answered(answer)

    def _remember(self, station: SoapStation, post: Post, envelope: Envelope) -> None:
        """Remember with the connection how the station says this, so that it need not be parsed each time."""
        made = template(post.body, envelope)
        if made is not None:
            if len(post.memory) >= _MOST_REMEMBERED:
                del post.memory[0]
            post.memory.append((made, station))

    def _learn(self, station: SoapStation, post: Post, envelope: Envelope) -> None:
        """Learn where the station is called, if its word counts and the address is an allowed one."""
        why = station.learn(envelope.sender, post, self.settings)
        if why:
            self.addresses_ignored += 1
            address = envelope.sender[:200]
            log.warning("callback address ignored", station=station.session.identity, address=address, reason=why)

    def _watch(self, key: str, station: SoapStation) -> None:
        """Let a station go that has not been heard of for long."""

        def look(now: float) -> None:
            if station.session.ended:
                self._gone(key, station)
                return
            station.expire(self.settings)
            station.note()
            quiet = now - station.wire.heard
            if quiet >= self.settings.silence and not station.session.busy:
                self._gone(key, station)
                station.session.lost(GOING_AWAY, f"It said nothing for {quiet:.0f} s")
                station.wire.close(GOING_AWAY, WAS_SILENT)
            else:
                self._wheel.at(now + min(60.0, self.settings.silence / 4), look)

        look(self._clock())

    # Backends.

    def _command(self, post: Post, envelope: Envelope, answered: Answered) -> None:
        """Take a backend's command for one of its stations."""
        known = self.callbacks.read(post.target)
        directory = self._gateway.snapshot.directory
        if known is None:
            answered(said(envelope, fault("SecurityError", "This callback address is not one of ours")))
            return
        backend, identity = known
        if envelope.service != "Cp":
            answered(said(envelope, fault("ProtocolError", "This is an operation of the central system")))
        elif directory.key(envelope.identity) != directory.key(identity):
            answered(said(envelope, fault("IdentityMismatch", "The callback address is that of another station")))
        else:
            key = directory.key(identity)
            wire = self._wire_of(key, backend)
            if wire is not None:
                wire.take(envelope, post.body, answered)
            elif key in self._gateway.sessions or key in self._coming:
                answered(said(envelope, fault("InternalError", "The station is not yours, or your link to it is down")))
            elif len(self._tasks) < _MOST_CALLED:
                self._spawn(self._call_up(key, backend, post, envelope, answered))
            else:
                answered(said(envelope, fault("InternalError", "Too many stations are called up"), status=503))

    async def _call_up(self, key: str, backend: str, post: Post, envelope: Envelope, answered: Answered) -> None:
        """Take a command for a station that has not been heard of lately, by what is on record of it."""
        self._coming[key] = []
        station: SoapStation | Refused = Refused(503, "The gateway failed to decide")
        try:
            handshake = handshake_of(envelope, post, address="")
            station = await self._come(key, envelope.identity, envelope.version, handshake, comes=False)
        except Exception:
            log.exception("a fault of Voltgate: a SOAP station could not be called up", station=key)
        finally:
            waiting = self._coming.pop(key)
        for said_meanwhile in waiting:
            self._from_station(said_meanwhile[1], said_meanwhile[0], said_meanwhile[2])
        if isinstance(station, Refused):
            answered(refusal(envelope, station))
            return
        if not station.end.address:
            station.session.end(GOING_AWAY, "Nobody knows where the station is called")
        wire = None
        for _ in range(int(_CALL_UP / 0.05)):
            wire = self._wire_of(key, backend)
            if wire is not None or station.session.ended:
                break
            await asyncio.sleep(0.05)
        if wire is None:
            answered(said(envelope, fault("InternalError", "The station cannot be called, or is not yours")))
        else:
            wire.take(envelope, post.body, answered)

    async def forget_address(self, identity: str) -> Refused | None:
        """Forget where a station said that it is called; return why that cannot be done, None when it is.

        One that is not here is taken up for that, with what is on record of it.
        """
        key = self._gateway.snapshot.directory.key(identity)
        if key in self._coming or len(self._tasks) >= _MOST_CALLED:
            return Refused(503, "The station comes just now: ask again")
        station = self._stations.get(key)
        if station is not None and not station.session.ended:
            station.forget()
            return None
        if key in self._gateway.sessions:
            return Refused(409, "This station is connected by websocket")
        taken_up = await self._come(key, identity, "1.6", _nowhere(identity), comes=False)
        if isinstance(taken_up, Refused):
            return taken_up
        taken_up.forget()
        taken_up.session.end(GOING_AWAY, "Its callback address was forgotten")
        return None

    def _wire_of(self, key: str, backend: str) -> SoapWire | None:
        session = self._gateway.sessions.get(key)
        leg = None if session is None or session.ended else session.legs.get(backend)
        return None if leg is None else soap_wire(leg.wire)

    # Life.

    def __len__(self) -> int:
        return sum(not station.session.ended for station in self._stations.values())

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._client.close()


def _vouched(vouch: Callable[[], None], answered: Answered, answer: Answer) -> None:
    """Answer a request; whoever is answered 200 is known."""
    if answer.status == 200:
        vouch()
    answered(answer)


def _nowhere(identity: str) -> Handshake:
    """Return the handshake of a station that has not come itself."""
    return Handshake(
        target="", identity=identity, offered=("ocpp1.6",), authorization=None, user_agent=None, headers=(), address="",
        peer="", forwarded_for="", secure=False, listener="", carrier="soap",
    )  # fmt: skip


def _from_there(waiting: list[tuple[Envelope, Post, Answered]], post: Post) -> int:
    """Return how many of those who wait came from the address of a request."""
    address = post.origin().address
    return sum(other.origin().address == address for _, other, _ in waiting)
