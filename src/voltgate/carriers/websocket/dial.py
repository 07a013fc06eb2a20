"""Dialling a backend: one websocket as a client, or the verdict that kept it from opening."""

from __future__ import annotations

import asyncio
import base64
import functools
import os
import ssl as tls_module
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from voltgate.carriers.websocket import deflate, http_head, sockets, tls
from voltgate.carriers.websocket.http_head import Response
from voltgate.carriers.websocket.link import Clock, Link, LinkCounts, LinkSettings, Report, Role
from voltgate.carriers.websocket.reaching import Attempt
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.carriers.websocket.sockets import KeepAlive
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.carrier import Verdict

HEAD_LIMIT = 16 << 10
HEAD_COUNT = 100
BODY_LIMIT = 1 << 10
_LONG = 1.0
"""Seconds after which a dial that is given up says that the address did not answer."""


@dataclass(frozen=True, slots=True)
class _Url:
    """A URL, taken apart."""

    host: str
    port: int
    authority: str
    secure: bool
    path: str


_NAMES = Resolver()


async def dial(
    url: str,
    *,
    offer: Sequence[str],
    headers: Sequence[tuple[str, str]],
    ssl: tls_module.SSLContext | None,
    settings: LinkSettings,
    wheel: Wheel,
    clock: Clock,
    timeout: float,  # noqa: ASYNC109 - the deadline is part of the verdict
    report: Report,
    counts: LinkCounts | None = None,
    name: str = "",
    keep_alive: KeepAlive = KeepAlive(),  # noqa: B008 - frozen
    names: Resolver = _NAMES,
) -> Link | Verdict:
    """Open a websocket to `url` (ws or wss) within `timeout` seconds. Never follows a redirect.

    The link is not started: what the backend sends at once is kept. Raise ValueError for a URL that is none; all that
    the backend or the network does wrong is a Verdict.
    """
    to = _taken_apart(url)
    context = (ssl or tls.client_context()) if to.secure else None
    caller = _Caller(to, offer, headers, settings.compress, keep_alive)
    attempt, began = Attempt(names, to.host, to.port, context), clock()
    try:
        async with asyncio.timeout(timeout):
            await attempt.connect(lambda: caller, timeout)
            answer = caller.taken(await caller.answer)
    except asyncio.CancelledError:  # as when a newcomer's share of the time is over
        if clock() - began >= _LONG:
            attempt.failed()
        raise
    except TimeoutError:
        answer = Verdict(None, f"no answer within {timeout:g} s")
    except OSError as problem:
        answer = Verdict(None, f"cannot connect: {problem}")
    finally:
        caller.give_up()
    if isinstance(answer, Verdict):
        if answer.status is None:
            attempt.failed()
        return answer
    link = Link(
        Role.CLIENT,
        None,
        settings,
        wheel,
        clock,
        report=report,
        counts=counts or LinkCounts(),
        subprotocol=answer.response.one("sec-websocket-protocol"),
        address=to.host,
        name=name or to.host,
        deflate=answer.agreed,
    )
    link.attach(answer.transport, caller.early)
    return link


def _taken_apart(url: str) -> _Url:
    """Take a URL apart; what stands before its path is the same for all stations of a backend, and remembered."""
    start = url.find("/", url.find("//") + 2)
    base, path = (url, "") if start < 0 else (url[:start], url[start:])
    base, mark, query = base.partition("?")
    return _Url(*_server(base), path or f"/{mark}{query}")


@functools.lru_cache(maxsize=1024)
def _server(base: str) -> tuple[str, int, str, bool]:
    """Read host, port, authority (for the Host header) and whether it is wss off what stands before the path."""
    parts = urlsplit(base)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise ValueError("a backend's URL starts with ws:// or wss:// and names a host")
    secure = parts.scheme == "wss"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = host if parts.port is None else f"{host}:{parts.port}"
    return parts.hostname, parts.port or (443 if secure else 80), authority, secure


@dataclass(frozen=True, slots=True)
class _Opened:
    """A 101 that holds."""

    transport: asyncio.Transport
    response: Response
    agreed: deflate.Deflate | None


class _Caller(asyncio.Protocol):
    """The client's side of one handshake. `answer` is set once."""

    __slots__ = ("_compress", "_data", "_keep_alive", "_key", "_offer", "_request", "_response", "answer", "transport")

    def __init__(
        self,
        to: _Url,
        offer: Sequence[str],
        headers: Sequence[tuple[str, str]],
        compress: bool,
        keep_alive: KeepAlive,
    ) -> None:
        self._key = base64.b64encode(os.urandom(16)).decode()
        self._offer = offer
        self._compress = compress
        more = [*headers, ("Sec-WebSocket-Extensions", deflate.OFFER)] if compress else headers
        self._request = http_head.asking(to.authority, to.path, self._key, offer, more)
        self._keep_alive = keep_alive
        self._data = b""
        self._response: Response | None = None
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[_Opened | Verdict] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the websocket."""
        self.transport = transport  # type: ignore[assignment]
        sockets.keep_alive(transport.get_extra_info("socket"), self._keep_alive)
        self.transport.write(self._request)  # type: ignore[union-attr]

    def data_received(self, data: bytes) -> None:
        """Collect the head, or the body of a refusal."""
        self._data += data
        if self.answer.done():
            return None  # it stays for the link that takes over
        if self._response is not None:
            return self._refused(self._response, False)
        end = self._data.find(http_head.END)
        if end < 0 and len(self._data) > HEAD_LIMIT:
            return self._settle(Verdict(None, f"the head of the answer is longer than {HEAD_LIMIT} bytes"))
        if end >= 0:
            head, self._data = self._data[: end + 4], self._data[end + 4 :]
            self._judge(http_head.read_response(head, HEAD_COUNT))
        return None

    def _judge(self, response: Response | str) -> None:
        if isinstance(response, str):
            self._settle(Verdict(None, response))
        elif response.status != 101:
            self._response = response
            self._refused(response, False)
        else:
            self._settle(self._opened(response))

    def _opened(self, response: Response) -> _Opened | Verdict:
        wrong = http_head.disagreement(response, self._key, self._offer)
        agreed = None
        try:
            agreed = deflate.confirm(response.all("sec-websocket-extensions"))
        except ValueError as problem:
            wrong = wrong or str(problem)
        if agreed is not None and not self._compress:
            wrong = wrong or "an extension that was not offered"
        if wrong is not None or self.transport is None:
            return Verdict(101, wrong or "the connection is gone", response.headers)
        self.transport.pause_reading()
        return _Opened(self.transport, response, agreed)

    @property
    def early(self) -> bytes:
        """What came beyond the head."""
        return self._data

    def taken(self, answer: _Opened | Verdict) -> _Opened | Verdict:
        """Let go of the connection: it is somebody else's now, unless it ended meanwhile."""
        if isinstance(answer, _Opened) and self.transport is None:
            return Verdict(None, "the connection was closed right after the handshake")
        if isinstance(answer, _Opened):
            self.transport = None
        return answer

    def _refused(self, response: Response, over: bool) -> None:
        """Settle once enough of the body came: all of it, or as much as we keep."""
        length = response.one("content-length")
        whole = int(length) if length is not None and length.isdecimal() else None
        if over or len(self._data) >= min(BODY_LIMIT, BODY_LIMIT if whole is None else whole):
            reason = f"answered {response.status}"
            self._settle(Verdict(response.status, reason, response.headers, self._data[:BODY_LIMIT]))

    def _settle(self, answer: _Opened | Verdict) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the backend hung up."""
        self.transport = None
        if self._response is not None:
            self._refused(self._response, True)
        self._settle(Verdict(None, f"the connection was closed during the handshake{f': {exc}' if exc else ''}"))

    def give_up(self) -> None:
        """Cut the connection unless it became a link."""
        if self.transport is not None:
            self.transport.abort()
        self.answer.cancel()
