"""The listener that stations connect to, which turns connections into links."""

from __future__ import annotations

import asyncio
import errno
import math
import socket
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace

from voltgate.carriers.handshake import NOBODY, Admit, Admitted, Certified, Handshake, Ocsp, Refused
from voltgate.carriers.websocket import deflate, http_head, origin, sockets, tls
from voltgate.carriers.websocket.handshakes import Handshakes
from voltgate.carriers.websocket.http_head import Request
from voltgate.carriers.websocket.limits import Census, ListenerLimits
from voltgate.carriers.websocket.link import Clock, Link, LinkCounts, LinkSettings, Role
from voltgate.carriers.websocket.origin import Network
from voltgate.carriers.websocket.pending import Pending
from voltgate.carriers.websocket.sockets import KeepAlive
from voltgate.carriers.websocket.tls import Certificate
from voltgate.ocpp.close_codes import INTERNAL
from voltgate.ocpp.wheel import Wheel

_ACCEPTED_AT_ONCE = 32
_LINGER = 2.0  # seconds that a refused client has to hang up
_TOO_FAST = "handshakes"
"""The cause of refusals that the rate of handshakes makes."""
_REST = 1.0  # seconds without accepting after the process ran out of descriptors


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """One listener. `prefix` is the path above the identity, `trusted` the proxies whose word on addresses counts."""

    name: str
    host: str
    port: int
    prefix: str = ""
    lenient_path: bool = True
    lenient_upgrade: bool = False
    trusted: tuple[Network, ...] = ()
    proxy_protocol: bool = False
    """Whether connections of trusted peers open with a PROXY header."""
    reuse_port: bool = False
    backlog: int = 4096
    certificates: tuple[Certificate, ...] = ()
    client_authority: str | None = None
    revocation_lists: tuple[str, ...] = ()
    profiles: frozenset[int] | None = None
    """The security profiles of which a station must come with one; None: any."""
    organizations: frozenset[str] = frozenset()
    ocsp: Ocsp | None = None
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    limits: ListenerLimits = field(default_factory=ListenerLimits)
    link: LinkSettings = field(default_factory=LinkSettings)
    how: object = None
    """What only a listener of another carrier looks into, which takes its connections as this one does."""


def context_of(settings: ListenerSettings) -> ssl.SSLContext | None:
    """Read the certificates of a listener; None if it has none. Raise OSError for those that cannot be read."""
    if not settings.certificates:
        return None
    return tls.server_context(settings.certificates, settings.client_authority, settings.revocation_lists)


class Listener:
    """One listener. `refusals` counts refusals by status and cause, `counts` what befell the links."""

    def __init__(
        self,
        settings: ListenerSettings,
        admit: Admit,
        wheel: Wheel,
        clock: Clock,
        *,
        report: Callable[[Exception, Link | Handshake], None],
        counts: LinkCounts | None = None,
        refusals: dict[str, int] | None = None,
        unverified: Callable[[str, str, str], None] | None = None,
    ) -> None:
        """`unverified` hears of certificates of stations that are not accepted: listener, address, and why."""
        self.settings = settings
        self.counts = LinkCounts() if counts is None else counts
        self.refusals: dict[str, int] = {} if refusals is None else refusals
        self.port = settings.port
        self._decide = admit
        self._wheel = wheel
        self._clock = clock
        self._report = report
        self._unverified = unverified
        self._census = Census()
        self.shares = Handshakes(settings.limits.handshakes, settings.limits.burst, clock())
        self._context: ssl.SSLContext | None = None
        self._sockets: list[socket.socket] = []
        self._listening: list[socket.socket] = []
        """Those that are accepted from by hand."""
        self._servers: list[asyncio.AbstractServer] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: set[Pending] = set()
        self._link_gone = self._gone
        self._own_settings: dict[tuple[LinkSettings, float | None, bool | None], LinkSettings] = {}

    @property
    def links(self) -> int:
        """Open links."""
        return self._census.all - self._census.handshakes

    @property
    def handshakes(self) -> int:
        """Connections that are not links yet."""
        return self._census.handshakes

    # Opening and closing

    async def open(self) -> None:
        """Listen. Raise OSError for an address that cannot be had and for certificates that cannot be read."""
        await self.bind(context_of(self.settings))
        await self.begin()

    async def bind(self, context: ssl.SSLContext | None, *, shared: bool = False) -> None:
        """Get the address, without accepting anybody yet. Raise OSError if it cannot be had.

        `context` is of the settings' certificates. `shared`: another listener that shares may be there, and is to go.
        """
        self._context = context
        infos = await sockets.addresses(self.settings.host, self.settings.port)
        try:
            for family, address in infos:
                await self._listen(family, address, shared)
        except BaseException:
            self.stop_accepting()
            raise

    async def _listen(self, family: int, address: str, shared: bool) -> None:
        settings, loop = self.settings, asyncio.get_running_loop()
        sock = sockets.listening(family, address, self.port, settings.reuse_port or shared, settings.keep_alive)
        self._sockets.append(sock)
        self.port = sock.getsockname()[1]
        sock.listen(settings.backlog)
        if self._context is not None or settings.proxy_protocol:
            self._listening.append(sock)
            return
        backlog = settings.backlog
        self._servers.append(
            await loop.create_server(self._new_pending, sock=sock, backlog=backlog, start_serving=False)
        )

    async def begin(self) -> None:
        """Accept those who connect."""
        for sock in self._listening:
            asyncio.get_running_loop().add_reader(sock.fileno(), self._accept, sock)
        for server in self._servers:
            await server.start_serving()

    def share(self, shared: bool) -> None:
        """Let another listener take this address before this one leaves it, or not."""
        for sock in self._sockets:
            sockets.share(sock, shared or self.settings.reuse_port)

    def change(self, settings: ListenerSettings, context: ssl.SSLContext | None = None) -> None:
        """Go by other settings for the connections to come; how it accepts, and where, stays.

        `context` is of these settings' certificates.
        """
        self.shares.change(settings.limits.handshakes, settings.limits.burst, self._clock())
        self.settings, self._context = settings, context

    def stop_accepting(self) -> None:
        """Stop listening; links and handshakes go on."""
        for server in self._servers:
            server.close()
        for sock in self._listening:
            asyncio.get_running_loop().remove_reader(sock.fileno())
        for sock in self._sockets:
            sock.close()
        for each in (self._servers, self._listening, self._sockets):
            each.clear()

    async def close(self) -> None:
        """Stop listening and cut short the handshakes. Links are their sessions' to close."""
        self.stop_accepting()
        for pending in list(self._pending):
            pending.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # Accepting

    def _new_pending(self, peer: str = "") -> Pending:
        """Make the protocol of a new connection."""
        return Pending(self, self._head_limits(), peer)

    def _head_limits(self) -> tuple[int, int]:
        return self.settings.limits.head_bytes, self.settings.limits.head_count

    def _accept(self, listening: socket.socket) -> None:
        """Accept by hand, where something comes before HTTP: a PROXY header, or TLS with certificates that change."""
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                sock, peer = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return None
            except OSError as problem:
                if problem.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    raise
                return self._rest(listening)
            sock.setblocking(False)
            self._spawn(self._greet(sock, origin.plain(peer[0])))
        return None

    def _rest(self, listening: socket.socket) -> None:
        self._count("descriptors")
        loop = asyncio.get_running_loop()
        loop.remove_reader(listening.fileno())
        self._wheel.at(self._clock() + _REST, lambda now: self._accept_again(listening))

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._listening:
            asyncio.get_running_loop().add_reader(listening.fileno(), self._accept, listening)

    async def _greet(self, sock: socket.socket, peer: str) -> None:
        """Bring a new connection as far as HTTP."""
        if self._census.all >= self._ceiling():
            self._count("dropped")
            return sock.close()
        pending = self._new_pending(peer)
        pending.begin()
        try:
            await self._open_up(sock, pending)
        except origin.Misproxied:
            self._count("proxy header")
        except ssl.SSLCertVerificationError as problem:
            self._count("certificate")
            if self._unverified is not None:
                self._unverified(self.settings.name, pending.hop, tls.not_verified(problem))
        except (OSError, TimeoutError):
            self._count("tls")
        finally:
            if not pending.connected:
                sock.close()
                self.disconnected(pending)
        return None

    async def _open_up(self, sock: socket.socket, pending: Pending) -> None:
        settings = self.settings
        async with asyncio.timeout(settings.limits.tls_time):
            if settings.proxy_protocol and origin.is_trusted(pending.peer, settings.trusted):
                pending.hop = await origin.read_proxy_header(sock) or pending.peer
                if not origin.is_trusted(pending.hop, settings.trusted):
                    pending.too_many = pending.too_many or self._placed(pending, pending.hop)
            if self._context is not None and pending.too_many is not None and pending.too_many.cause == _TOO_FAST:
                self._count(_TOO_FAST)  # TLS would cost what is to be spared
                return
            await tls.greet(sock, pending, self._context, settings.limits.tls_time)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # The life of a pending connection

    def accepted(self, pending: Pending) -> Refused | None:
        """Count a new connection; a refusal says that it is one too many."""
        census, limits, transport = self._census, self.settings.limits, pending.transport
        census.all += 1
        census.handshakes += 1
        self._pending.add(pending)
        if census.all > self._ceiling() and transport is not None:
            self._count("dropped")
            transport.abort()
        if limits.connections and census.all > limits.connections:
            return self._busy(503, "connections", "This gateway holds as many connections as it may.")
        if self.settings.trusted and origin.is_trusted(pending.hop, self.settings.trusted):
            return None  # whose connection it is stands in the head
        return self._placed(pending, pending.hop)

    def awaits_head(self, pending: Pending) -> None:
        """Set the time within which the head has to come."""
        pending.due = self._clock() + self.settings.limits.head_time
        self._wheel.at(pending.due, pending.expire_head)

    def _ceiling(self) -> int:
        """Return beyond how many connections there is not even an answer: some more than the limit."""
        most = self.settings.limits.connections
        return most + max(most // 10, 64) if most else 1 << 30

    def _placed(self, pending: Pending, address: str) -> Refused | None:
        """Count a connection for its address, once that is known."""
        pending.address = address
        most, here = self.settings.limits.per_address, self._census.enter(address)
        if most and here > most:
            return self._busy(429, "address", f"{address} holds as many connections as it may.")
        wait = self.shares.take(address, self._clock())
        if wait:
            return self._busy(429, _TOO_FAST, "Too many stations connect at once.", wait)
        return None

    def _busy(self, status: int, cause: str, reason: str, wait: float = 0) -> Refused:
        seconds = max(self.settings.limits.retry_after, math.ceil(wait))
        return Refused(status, reason, (("Retry-After", str(seconds)),), cause)

    def requested(self, pending: Pending, request: Request) -> Refused | None:
        """Begin to decide on a request; a refusal is the decision already."""
        refused = http_head.objection(request, self.settings.lenient_upgrade)
        if refused is None and not pending.address:
            address = origin.station_address(pending.hop, request, self.settings.trusted)
            refused = self._placed(pending, address)
        if refused is not None:
            return refused
        now = self._clock()
        self._wheel.off(pending.due, pending.expire_head)
        pending.due = now + self.settings.limits.admission_time
        pending.task = self._spawn(self._admission(pending, request, self._handshake(pending, request)))
        self._wheel.at(pending.due, pending.expire_decision)
        return None

    def _handshake(self, pending: Pending, request: Request) -> Handshake:
        settings, authorization = self.settings, request.one("authorization")
        identity, fault = http_head.identity_of(request.target, settings.prefix, settings.lenient_path)
        return Handshake(
            target=request.target,
            identity=identity,
            fault=fault,
            offered=tuple(http_head.tokens(request.all("sec-websocket-protocol"))),
            authorization=authorization.encode("latin-1") if authorization is not None else None,
            user_agent=request.one("user-agent"),
            headers=request.headers,
            address=pending.address,
            peer=pending.peer,
            forwarded_for=origin.forwarded_for(pending.peer, pending.hop, request, settings.trusted),
            secure=self._is_secure(pending, request),
            listener=settings.name,
            deadline=pending.due,
            certificate=self._certified(pending, request),
            profiles=settings.profiles,
            organizations=settings.organizations,
            ocsp=settings.ocsp,
        )

    def _certified(self, pending: Pending, request: Request) -> Certified:
        """Return the certificate that the station has shown here, or to a trusted proxy."""
        if pending.address != pending.hop:
            return origin.certified(request) if self._is_secure(pending, request) else Certified()
        if not self._context or not self.settings.client_authority:
            return Certified()
        shown = tls.certified(pending.transport)
        return shown if self.settings.ocsp is None else replace(shown, chain=tls.chain(pending.transport))

    def _is_secure(self, pending: Pending, request: Request) -> bool:
        """Whether the station came by TLS: to here, or to a trusted proxy, if that says so."""
        if pending.address != pending.hop:
            return (request.one("x-forwarded-proto") or "").lower() in ("https", "wss")
        return self._context is not None

    async def _admission(self, pending: Pending, request: Request, handshake: Handshake) -> None:
        try:
            decision = await self._decide(handshake)
        except Exception as fault:
            self._report(fault, handshake)
            decision = Refused(500, "The gateway failed to decide.")
        if isinstance(decision, Refused):
            pending.refuse(decision)
        else:
            self._let_in(pending, request, handshake, decision)

    def _let_in(self, pending: Pending, request: Request, handshake: Handshake, admitted: Admitted) -> None:
        settings = self._link_settings(admitted)
        offers = request.all("sec-websocket-extensions") if settings.compress else []
        agreed, extensions = deflate.accept(offers) or (None, None)
        link = Link(
            Role.SERVER,
            None,
            settings,
            self._wheel,
            self._clock,
            report=self._report,
            counts=self.counts,
            subprotocol=admitted.subprotocol,
            address=pending.address,
            name=handshake.name,
            deflate=agreed,
            gone=self._link_gone,
        )
        accept = http_head.accept_key(request.one("sec-websocket-key") or "")
        self.shares.let_in(pending.address, self._clock())
        if pending.hand_over(http_head.switching(accept, admitted.subprotocol, extensions), link.attach):
            self._census.handshakes -= 1
            self._pending.discard(pending)
            self._wheel.off(pending.due, pending.expire_decision)
        self._begin(link, admitted)

    def _link_settings(self, admitted: Admitted) -> LinkSettings:
        """Return the settings of a link: the listener's, or what the station's own habits make of them, shared."""
        common, ping, compress = self.settings.link, admitted.ping, admitted.compress
        if ping is None and compress is None:
            return common
        key = (common, ping, compress)
        if key not in self._own_settings:
            self._own_settings[key] = replace(
                common,
                ping=common.ping if ping is None else ping,
                compress=common.compress if compress is None else compress,
            )
        return self._own_settings[key]

    def _begin(self, link: Link, admitted: Admitted) -> None:
        if admitted.close_at_once is not None:
            link.start(NOBODY)
            return link.close(*admitted.close_at_once)
        try:
            link.start(admitted.opened(link))
        except Exception as fault:
            self._report(fault, link)
            link.start(NOBODY)
            link.close(INTERNAL, "internal error")
        return None

    def _gone(self, link: Link) -> None:
        self._left(link.address)

    def disconnected(self, pending: Pending) -> None:
        """Note that a connection ended before it became a link."""
        self._census.handshakes -= 1
        self._pending.discard(pending)
        self._left(pending.address)

    def _left(self, address: str) -> None:
        self._census.all -= 1
        if address:
            self._census.leave(address)

    def refused(self, refused: Refused, pending: Pending) -> None:
        """Count a refusal, and see to it that the connection ends."""
        self._count(refused.cause or str(refused.status))
        self._wheel.at(self._clock() + _LINGER, pending.cut)

    def _count(self, cause: str) -> None:
        self.refusals[cause] = self.refusals.get(cause, 0) + 1
