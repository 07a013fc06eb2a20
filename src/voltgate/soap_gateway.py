"""SOAP at the gateway: a station's request finds its session, a backend's command finds its station."""

from __future__ import annotations

import asyncio
import ipaddress
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import TypeAlias
from urllib.parse import urlsplit

import structlog

from voltgate.carriers.soap.answers import said
from voltgate.carriers.soap.callbacks import Callbacks
from voltgate.carriers.soap.client import Client, Target, target
from voltgate.carriers.soap.connection import Answer, Answered, Post
from voltgate.carriers.soap.originals import Originals
from voltgate.carriers.soap.wire import SoapWire, WireSettings
from voltgate.carriers.websocket.limits import Census
from voltgate.carriers.websocket.listener import Handshake, Refused
from voltgate.directory.stations import Credentials, Station
from voltgate.gateway import Gateway
from voltgate.ocpp.soap.envelope import BadEnvelope, Envelope, parse
from voltgate.ocpp.soap.faults import fault
from voltgate.ocpp.soap.names import VERSIONS
from voltgate.ocpp.soap.template import Template, template
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.session import Session

FACT = "soap"
"""What is on record of a SOAP station: its version, and where it is called."""

_MOST_WAITING = 16
"""Requests of one station that may wait for its admission."""

_MOST_REMEMBERED = 12
"""Kinds of requests of one connection that are known."""
_MOST_CALLED = 100
"""Stations that are called up, or let in, at a time, before more are refused."""
_CALL_UP = 5.0
"""Seconds that a backend's link to a station may take to stand when the backend calls that station up."""

_LONGEST = 1000
"""Characters of an address that a station may give."""

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

log = structlog.get_logger("voltgate")


@dataclass(frozen=True, slots=True)
class SoapSettings:
    """What the configuration says of SOAP stations. `silence` is in seconds.

    `callback` gives the configured address of a station, "" for none; `believes_all` says that anybody's From takes
    the place of a known address, and `networks` where addresses may lie (none: only where the request came from).
    `most` stations may be here, `per_address` of them from one address (0: no limit): one connection brings many.
    """

    networks: tuple[Network, ...] = ()
    believes_all: bool = False
    silence: float = 3600.0
    most: int = 0
    per_address: int = 0
    wire: WireSettings = WireSettings()  # noqa: RUF009 - frozen
    callback: Callable[[Station], str] = lambda _: ""


@dataclass(slots=True)
class StationEnd:
    """Where a SOAP station is called: as configured, or as it said itself."""

    configured: str
    said: str = ""
    central: str = ""
    """How stations call us: what they are told in From."""
    _made: tuple[str, Target] | None = field(default=None, repr=False)

    @property
    def address(self) -> str:
        """The URL at which the station is called; "" while it is not known."""
        return self.configured or self.said

    def target(self) -> Target | str:
        """Give where to post to, or say why that is not known."""
        if not self.address:
            return "The station has not said where it is called"
        if self._made is None or self._made[0] != self.address:
            self._made = (self.address, target(self.address))
        return self._made[1]

    def sender(self) -> str:
        """Give our own address."""
        return self.central

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Give no headers besides."""
        return ()


@dataclass(slots=True)
class _Place:
    """A SOAP station that is here: its session, its wire, and what it last proved itself by.

    `age` is that of the configuration by which it did, `credentials` what that asked for.
    """

    session: Session
    wire: SoapWire
    end: StationEnd
    authorization: bytes | None = field(repr=False)
    age: int
    address: str
    """Where it came from when its session began."""
    credentials: Credentials | None
    proven: bool = True
    """Whether it has come by itself: one that a backend called up has proved nothing yet."""
    is_counted: bool = True
    """Whether it counts among the stations of its address."""
    ignored: str = ""
    """The last address that it gave in vain."""
    noted: object = None
    """What is on record of it."""

    @property
    def checked(self) -> bool:
        """Whether somebody checks its password here: then its word on its address counts."""
        return self.credentials is not None

    def passes(self, made: Template, authorization: bytes | None, age: int) -> bool:
        """Tell whether a request that fits a template may go on without being read."""
        return self.knows(authorization, age) and self.may_pass(made.envelope)

    def may_pass(self, envelope: Envelope) -> bool:
        """Tell whether nobody but SOAP backends of the same version has to read what the station says there."""
        session, action = self.session, envelope.operation
        if action in session.ledgered or session.settings.screen:
            return False
        if envelope.sender[:_LONGEST] not in ("", self.end.said, self.ignored) and not self.end.configured:
            return False
        return all(
            isinstance(leg.wire, SoapWire)
            and (leg.wire.version, leg.wire.edition) == (envelope.version, envelope.edition)
            for leg in session.legs.values()
        )

    def knows(self, authorization: bytes | None, age: int) -> bool:
        """Tell whether a request proves itself as the ones before it, by the same configuration."""
        return self.proven and self.age == age and not self.session.ended and self.authorization == authorization


class SoapGateway:
    """Takes the requests of every SOAP listener."""

    def __init__(
        self,
        gateway: Gateway,
        client: Client,
        callbacks: Callbacks,
        settings: SoapSettings,
        wheel: Wheel,
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.callbacks = callbacks
        self._gateway = gateway
        self._client = client
        self._wheel = wheel
        self._clock = clock
        self._places: dict[str, _Place] = {}
        self._coming: dict[str, list[tuple[Envelope, Post, Answered]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._census = Census()
        self.addresses_ignored = 0
        self._snapshot = gateway.snapshot
        self._changes = 0

    def take(self, post: Post, answered: Answered) -> None:
        """Take a request of a station, or of a backend for one."""
        for made, place in post.memory:
            match = made.match(post.body)
            if match is not None and place.passes(made, post.authorization, self._age()):
                place.wire.take_whole(made, match, post.body, answered)
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
        """Give a number for the configuration in force: what a station proved by another one is looked at again."""
        if self._snapshot is not self._gateway.snapshot:
            self._snapshot = self._gateway.snapshot
            self._changes += 1
        return self._changes

    def _from_station(self, post: Post, envelope: Envelope, answered: Answered) -> None:
        key = self._gateway.snapshot.directory.key(envelope.identity)
        place = self._places.get(key)
        if place is not None and place.knows(post.authorization, self._age()):
            self._hear(place, post, envelope, answered)
            return
        waiting = self._coming.get(key)
        if waiting is None:
            self._coming[key] = [(envelope, post, answered)]
            self._spawn(self._let_in(key))
        elif len(waiting) < _MOST_WAITING:
            waiting.append((envelope, post, answered))
        else:
            answered(said(envelope, fault("InternalError", "Too many requests of this station at once"), status=503))

    async def _let_in(self, key: str) -> None:
        """Admit a station, or check the other password that it comes with; then take what it has said meanwhile."""
        waiting = self._coming[key]
        try:
            while waiting:
                envelope, post, answered = waiting[0]
                place = await self._placed(key, envelope, post)
                if isinstance(place, Refused):
                    answered(_refusal(envelope, place))
                else:
                    self._hear(place, post, envelope, answered)
                del waiting[0]
        except Exception:
            log.exception("a fault of Voltgate: a SOAP station could not be let in", station=key)
        finally:
            del self._coming[key]
            for envelope, _, answered in waiting:
                answered(said(envelope, fault("InternalError", "The gateway failed to decide"), status=503))

    async def _placed(self, key: str, envelope: Envelope, post: Post) -> _Place | Refused:
        place = self._places.get(key)
        handshake = _handshake(envelope, post)
        if place is not None and not place.session.ended:
            refused = await self._recheck(place, handshake)
            if refused is not None or not place.session.ended:
                return refused or place
        if key in self._gateway.sessions:
            return Refused(409, "This station is connected by websocket")
        return await self._come(key, envelope, handshake)

    async def _recheck(self, place: _Place, handshake: Handshake) -> Refused | None:
        """Let a station that is here already prove itself otherwise, or by what the configuration asks for by now.

        Its session ends where only backends can tell: they let in whoever had the former credentials, and nobody else.
        """
        snapshot, age = self._gateway.snapshot, self._age()
        station = snapshot.directory.find(place.session.identity)
        credentials = None if station is None else station.credentials
        is_same = place.knows(handshake.authorization, place.age) and credentials == place.credentials
        refused = None if station is None or is_same else await snapshot.authenticate(station, handshake)
        if refused is not None:
            return refused
        if credentials is None and place.authorization != handshake.authorization:
            place.session.end(1001, "It comes with other credentials")
        place.age, place.credentials = age, credentials
        place.authorization, place.proven = handshake.authorization, True
        self._look_at_address(place.end, station)
        place.ignored = ""
        return None

    def _look_at_address(self, end: StationEnd, station: Station | None) -> None:
        """See what the configuration says by now of where a station is called."""
        end.configured = "" if station is None else self.settings.callback(station)
        if end.said and not self._is_allowed(end.said):
            end.said = ""

    async def _come(
        self, key: str, envelope: Envelope, handshake: Handshake, *, comes: bool = True
    ) -> _Place | Refused:
        full = self._full(key, handshake.address)
        if full is not None:
            return full
        age = self._age()
        station = self._gateway.snapshot.directory.find(envelope.identity)
        end = StationEnd("" if station is None else self.settings.callback(station), central=self.callbacks.base)
        originals = Originals()
        wire = SoapWire(
            envelope.identity, "Cs", envelope.version, end, self._client, originals, self.settings.wire, self._clock
        )
        session = await self._gateway.admit_soap(handshake, wire, originals, comes=comes)
        if isinstance(session, Refused):
            return session
        wire.start(session)
        wire.charges = lambda connector: _charges(session, connector)
        known = session.ledger.book.fact(FACT)
        if isinstance(known, dict):
            address = str(known.get("address", ""))
            end.said = address if self._is_allowed(address) else ""
            if not comes and known.get("version") in VERSIONS:
                wire.version = known["version"]
        credentials = None if station is None else station.credentials
        authorization, address = handshake.authorization, handshake.address
        place = self._places[key] = _Place(session, wire, end, authorization, age, address, credentials, comes)
        self._census.enter(address)
        self._watch(key, place)
        return place

    def _full(self, key: str, address: str) -> Refused | None:
        """Refuse a station beyond those that may be here, or come from one address."""
        before = self._places.get(key)
        if before is not None:
            self._gone(key, before)
        settings = self.settings
        if settings.most and len(self._places) >= settings.most:
            return Refused(503, "As many stations are here as may be")
        if settings.per_address and address and self._census.addresses.get(address, 0) >= settings.per_address:
            return Refused(429, f"{address} brings as many stations as it may")
        return None

    def _gone(self, key: str, place: _Place) -> None:
        """Count a station no more whose session has ended; it may have come again meanwhile."""
        if self._places.get(key) is place:
            del self._places[key]
        if place.is_counted:
            place.is_counted = False
            self._census.leave(place.address)

    def _hear(self, place: _Place, post: Post, envelope: Envelope, answered: Answered) -> None:
        self._learn(place, post, envelope)
        if place.may_pass(envelope):
            self._remember(place, post, envelope)
        place.wire.take(envelope, post.body, answered)
        self._note(place)

    def _remember(self, place: _Place, post: Post, envelope: Envelope) -> None:
        """Remember with the connection how the station says this, so that it need not be parsed each time."""
        made = template(post.body, envelope)
        if made is not None:
            if len(post.memory) >= _MOST_REMEMBERED:
                del post.memory[0]
            post.memory.append((made, place))

    def _learn(self, place: _Place, post: Post, envelope: Envelope) -> None:
        """Learn where the station is called, if its word counts and the address is an allowed one."""
        address = envelope.sender
        if not address or address[:_LONGEST] in (place.end.said, place.ignored) or place.end.configured:
            return
        if place.end.said and not (place.checked or self.settings.believes_all):
            self._ignore(place, address, "nobody has checked who says so")
        elif not self._is_allowed(address, post.origin().address):
            self._ignore(place, address, "it lies in no network that soap.stations_at allows")
        else:
            place.end.said = address

    def _note(self, place: _Place) -> None:
        """Put on record where the station is called and what it speaks, when either is new."""
        fact = {"version": place.wire.version, "address": place.end.said}
        if place.end.said and fact != place.noted:
            place.noted = fact
            place.session.ledger.book.note(FACT, fact)

    def _ignore(self, place: _Place, address: str, why: str) -> None:
        self.addresses_ignored += 1
        place.ignored = address[:_LONGEST]
        log.warning("callback address ignored", station=place.session.identity, address=address[:200], reason=why)

    def _is_allowed(self, address: str, came_from: str = "") -> bool:
        """Tell whether a station may be called at an address that it gave: always an IP, never a name.

        `came_from` is "" for an address on record, which was its own when it came.
        """
        try:
            parts = urlsplit(address)
            host = _plain(ipaddress.ip_address(parts.hostname or ""))
            target(address)
        except ValueError:
            return False
        if parts.username is not None or len(address) > _LONGEST or _unfit(address):
            return False
        networks = self.settings.networks
        return any(host in network for network in networks) if networks else came_from in ("", str(host))

    def _watch(self, key: str, place: _Place) -> None:
        """Let a station go that has not been heard of for long."""

        def look(now: float) -> None:
            if place.session.ended:
                self._gone(key, place)
                return
            quiet = now - place.wire.heard
            if quiet >= self.settings.silence and not place.session.busy:
                self._gone(key, place)
                place.session.lost(1001, f"It said nothing for {quiet:.0f} s")
                place.wire.close(1001, "The station was silent")
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
        place: _Place | Refused = Refused(503, "The gateway failed to decide")
        try:
            place = await self._come(key, envelope, _handshake(envelope, post, address=""), comes=False)
        except Exception:
            log.exception("a fault of Voltgate: a SOAP station could not be called up", station=key)
        finally:
            waiting = self._coming.pop(key)
        for said_meanwhile in waiting:
            self._from_station(said_meanwhile[1], said_meanwhile[0], said_meanwhile[2])
        if isinstance(place, Refused):
            answered(_refusal(envelope, place))
            return
        if not place.end.address:
            place.session.end(1001, "Nobody knows where the station is called")
        wire = None
        for _ in range(int(_CALL_UP / 0.05)):
            wire = self._wire_of(key, backend)
            if wire is not None or place.session.ended:
                break
            await asyncio.sleep(0.05)
        if wire is None:
            answered(said(envelope, fault("InternalError", "The station cannot be called, or is not yours")))
        else:
            wire.take(envelope, post.body, answered)

    def _wire_of(self, key: str, backend: str) -> SoapWire | None:
        session = self._gateway.sessions.get(key)
        leg = None if session is None or session.ended else session.legs.get(backend)
        return leg.wire if leg is not None and isinstance(leg.wire, SoapWire) else None

    # Life.

    def __len__(self) -> int:
        return sum(not place.session.ended for place in self._places.values())

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


def _plain(host: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Give the IPv4 address that an IPv6 one stands for (RFC 4291 section 2.5.5.2): networks are of the former."""
    return (host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None) or host


_unfit = re.compile(r"[^!-~]").search
"""Finds what has no place in the request line of a call."""


def _charges(session: Session, connector: object) -> bool:
    return any(tx.connector == connector for tx in session.ledger.book.running.values())


def _handshake(envelope: Envelope, post: Post, address: str | None = None) -> Handshake:
    """Make the knock of a request. `address` "" is for one that a backend made: the station's is not known."""
    origin = post.origin()
    came_from = origin.address if address is None else address
    return Handshake(
        target="",
        identity=envelope.identity,
        offered=(f"ocpp{envelope.version}",),
        authorization=None if address is not None else post.authorization,
        user_agent=origin.user_agent,
        headers=(),
        address=came_from,
        peer=came_from,
        forwarded_for=origin.forwarded_for,
        secure=origin.secure,
        listener=origin.listener,
    )


def _refusal(envelope: Envelope, refused: Refused) -> Answer:
    """Say a refusal as a fault: an unknown station is a mismatch, one without its password a matter of security."""
    match refused.status:
        case 404:
            answer = said(envelope, fault("IdentityMismatch", refused.reason))
        case 401 | 403:
            answer = said(envelope, fault("SecurityError", refused.reason))
            answer = Answer(401 if refused.status == 401 else 403, answer.body, answer.content_type)
        case 400 | 409:
            answer = said(envelope, fault("ProtocolError", refused.reason))
        case _:
            answer = said(envelope, fault("InternalError", refused.reason), status=503)
    kept = tuple((name, value) for name, value in refused.headers if (name, value) not in answer.headers)
    return Answer(answer.status, answer.body, answer.content_type, (*answer.headers, *kept))
