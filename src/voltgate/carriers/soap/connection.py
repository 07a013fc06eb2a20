"""A connection that SOAP requests come by: one request at a time, under the limits of its listener."""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import httptools

from voltgate.carriers.handshake import Refused
from voltgate.carriers.soap.allowance import Purse, Rates
from voltgate.carriers.soap.coding import Misencoded, Oversized, decoded, encoded
from voltgate.carriers.websocket.http_head import Headers, Request
from voltgate.carriers.websocket.pending import Host, Pending

_MOST_QUEUED = 4
"""Requests that may come before the ones before them are answered; then nothing more is read."""
_GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: "
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request is answered with."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Headers = ()


Answered = Callable[[Answer], None]
"""Called once with the answer; too late for a connection that is gone, it has no effect."""


@dataclass(slots=True)
class Post:
    """A request with its body, unpacked. `memory` is the connection's, for what takes its requests.

    `origin` gives where it came from.
    """

    target: str
    body: bytes
    authorization: bytes | None = field(repr=False)
    memory: list[Any] = field(repr=False)
    origin: Callable[[], Origin] = field(repr=False)
    vouch: Callable[[], None] | None = field(default=None, repr=False)
    """To be called when the request was answered 200, as who sends it is not known yet; None: he is."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request came from. `address` is the IP after trusted proxies, `forwarded_for` for X-Forwarded-For."""

    address: str
    forwarded_for: str
    user_agent: str | None
    secure: bool
    listener: str


class SoapHost(Host, Protocol):
    """What a connection needs of its listener, besides."""

    def posted(self, connection: Connection, head: Head, body: bytes, purse: Purse, answered: Answered) -> None:
        """Take a request."""

    def purse(self, connection: Connection, head: Head) -> Purse | None:
        """Return what a request has to spend; None if it was refused."""

    def too_much(self, purse: Purse, size: int) -> Answer:
        """Count a request that has brought too much, and return what it is answered."""

    def limits(self) -> Limits:
        """Return the limits that hold now."""

    def wake(self, seconds: float, wake: Callable[[float], None]) -> None:
        """Have something called later."""

    def clock(self) -> float:
        """Return the seconds of the clock that the listener goes by."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a connection puts up with. Sizes in bytes, times in seconds."""

    body: int = 1 << 20
    idle: float = 75.0
    request: float = 30.0
    """How long a request may take to arrive."""
    rates: Rates = Rates()  # noqa: RUF009 - frozen


_LOOKED_AT = frozenset((b"accept-encoding", b"authorization", b"content-encoding", b"content-length", b"expect"))


class Head:
    """A request's head: the headers that count for every request, and all of them when somebody asks."""

    __slots__ = ("_headers", "_target", "known")

    def __init__(self, target: bytes, headers: list[tuple[bytes, bytes]]) -> None:
        self._target = target
        self._headers = headers
        self.known = {low: value for name, value in headers if (low := name.lower()) in _LOOKED_AT}

    @property
    def target(self) -> str:
        """The path and query."""
        return self._target.decode("latin-1")

    def request(self) -> Request:
        """Return the whole of it."""
        headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in self._headers)
        return Request("POST", self.target, "1.1", headers)


class _Phase(enum.Enum):
    IDLE = "waits for a request"
    READING = "reads a request"


class Connection(Pending):
    """One connection of a SOAP station or backend, which is kept open for the next request."""

    __slots__ = (
        "_accepts", "_asks", "_body", "_busy", "_fault", "_headers", "_is_half", "_keep", "_parser", "_phase", "_queue",
        "_reading", "_seen", "_since", "_size", "_target", "memory", "soap",
    )  # fmt: skip

    def __init__(self, soap: SoapHost, head_limits: tuple[int, int], peer: str = "") -> None:
        super().__init__(soap, head_limits, peer)
        self.soap = soap
        self._parser = httptools.HttpRequestParser(self)
        self._phase = _Phase.IDLE
        self._since = soap.clock()
        self._queue: deque[tuple[Head, bytes, bool]] = deque()
        self.memory: list[Any] = []
        self._busy = False
        self._reading = True
        self._fault: Refused | None = None
        self._accepts = ""
        self._keep = True
        self._is_half = False
        self._begin_request()

    def _begin_request(self) -> None:
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._size = 0
        self._seen = 0
        self._asks: Head | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read requests."""
        super().connection_made(transport)
        if self.too_many is not None:
            self.refuse(self.too_many)
        else:
            self._watch(self.soap.clock())

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        if self.is_leaving or self._fault is not None:
            return
        if self._phase is _Phase.IDLE:
            self._phase, self._since = _Phase.READING, self.soap.clock()
        self._seen += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._fault is None:
                self._stay(data[upgrade.args[0] :])
                return
        except httptools.HttpParserError as problem:
            self._fault = self._fault or Refused(400, f"This is no HTTP/1.1 request: {type(problem).__name__}.")
        self._bound()
        self._next()

    def eof_received(self) -> bool:
        """Note that the client sends no more: what it has asked is answered all the same, but for TLS."""
        self._is_half = True
        waits = self._busy or bool(self._queue)
        return waits and self.transport is not None and self.transport.get_extra_info("sslcontext") is None

    def _bound(self) -> None:
        """Object to what is too long besides the body: the head, or trailers and what chunks are wrapped in."""
        head, body = self.head_limits[0], self.soap.limits().body
        if self._asks is None and self._seen > head:
            self._fault = self._fault or self._too_long_a_head()
        elif self._seen - self._size > head + body:
            self._fault = self._fault or Refused(413, "There is more around the body than in it.")

    def _too_long_a_head(self) -> Refused:
        return Refused(431, f"The request's head is longer than {self.head_limits[0]} bytes.")

    def _stay(self, rest: bytes) -> None:
        """Go on with a client that offers another protocol, as some do with HTTP/2: an offer may be ignored.

        The parser has taken the head for the end of the request (RFC 9110 section 7.8).
        """
        headers = b"".join(b"%s: %s\r\n" % each for each in self._headers if each[0].lower() != b"upgrade")
        head = b"POST %s HTTP/1.1\r\n%s\r\n" % (self._target, headers)
        self._begin_request()
        self._parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    # What the parser calls back.

    def on_url(self, url: bytes) -> None:
        """Read a part of the target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Read a header; one that comes behind the body is nobody's."""
        if self._asks is not None:
            return
        self._headers.append((name, value))
        if len(self._headers) > self.head_limits[1]:
            self._fault = self._fault or Refused(431, f"More than {self.head_limits[1]} headers.")

    def on_headers_complete(self) -> None:
        """Judge the head."""
        asks = Head(self._target, self._headers)
        self._fault = self._fault or self._objection(asks)
        if self._fault is not None or self._parser.should_upgrade():
            return
        self._asks = asks
        expects = asks.known.get(b"expect", b"").lower() == b"100-continue"
        if expects and not self._busy and self._parser.get_http_version() != "1.0" and self.transport is not None:
            self.transport.write(_CONTINUE)

    def _objection(self, asks: Head) -> Refused | None:
        if self._parser.get_method() != b"POST":
            return Refused(405, "SOAP is spoken here: POST an envelope.", (("Allow", "POST"),))
        if sum(len(name) + len(value) + 4 for name, value in self._headers) + len(self._target) > self.head_limits[0]:
            return self._too_long_a_head()
        length = asks.known.get(b"content-length", b"")
        if length.isdigit() and int(length) > self.soap.limits().body:
            return self._too_long()
        return None

    def _too_long(self) -> Refused:
        return Refused(413, f"The body is longer than {self.soap.limits().body} bytes.")

    def on_body(self, part: bytes) -> None:
        """Read a part of the body."""
        self._size += len(part)
        if self._size > self.soap.limits().body:
            self._fault = self._fault or self._too_long()
        elif self._fault is None:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Take a whole request."""
        if self._parser.should_upgrade():
            return
        if self._fault is None and self._asks is not None:
            body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
            self._queue.append((self._asks, body, self._parser.should_keep_alive()))
            if len(self._queue) > _MOST_QUEUED:
                self._fault = Refused(400, "Too many requests were sent before the first was answered.")
        self._phase = _Phase.IDLE
        self._begin_request()

    # One request after the other.

    def _next(self) -> None:
        while self._queue and not self._busy and not self.is_leaving:
            head, body, self._keep = self._queue.popleft()
            self._busy = True
            self._accepts = head.known.get(b"accept-encoding", b"").decode("latin-1")
            coding = head.known.get(b"content-encoding", b"")
            purse = self.soap.purse(self, head)
            if purse is not None:
                self._take(head, body, coding, purse)
        if self._fault is None or self._busy or self._queue:
            self._throttle(reading=self._fault is None and len(self._queue) < _MOST_QUEUED)
        else:  # what came before it is answered
            self._throttle(reading=True)
            self.refuse(self._fault)

    def _take(self, head: Head, body: bytes, coding: bytes, purse: Purse) -> None:
        """Take a request as far as its address may bring so much."""
        now, most = self.soap.clock(), self.soap.limits().body
        room = purse.room(most, now)
        if room < len(body) or not room:
            self._answer(self.soap.too_much(purse, len(body)))
            return
        try:
            content = body if not coding else _unpacked(body, coding, room)
        except Oversized as problem:
            purse.spend(room, now)
            self._answer(_misencoded(problem) if room == most else self.soap.too_much(purse, most))
        except Misencoded as problem:
            purse.spend(len(body), now)
            self._answer(_misencoded(problem))
        else:
            purse.spend(len(content), now)
            self.soap.posted(self, head, content, purse, self._once())

    def _throttle(self, *, reading: bool) -> None:
        if reading is not self._reading and self.transport is not None and not self.transport.is_closing():
            (self.transport.resume_reading if reading else self.transport.pause_reading)()
            self._reading = reading

    def _once(self) -> Answered:
        pending = True

        def answered(answer: Answer) -> None:
            nonlocal pending
            if pending:
                pending = False
                self._answer(answer)

        return answered

    def _answer(self, answer: Answer) -> None:
        self._busy = False
        self._since = self.soap.clock()
        if self.transport is None or self.transport.is_closing():
            return
        body, coding = encoded(answer.body, self._accepts) if self._accepts else (answer.body, "")
        self.transport.write(_written(answer, body, coding, keep=self._keep))
        if self._keep and not (self._is_half and not self._queue):
            self._next()
        else:
            self.transport.close()

    # Time.

    def expire_head(self, now: float) -> None:
        """Leave time to `_watch`."""

    def _watch(self, now: float) -> None:
        """Close a connection that brings nothing, or a request that does not come to its end."""
        if self.transport is None or self.is_leaving:
            return
        limits, waited = self.soap.limits(), now - self._since
        if self._phase is _Phase.READING and waited > limits.request:
            self._fault = self._fault or Refused(408, "The request did not come in time.")
            self._next()
        elif self._phase is _Phase.IDLE and not self._busy and waited > limits.idle:
            self.transport.close()
        else:
            self.soap.wake(min(limits.idle, limits.request) / 2, self._watch)

    def leave(self) -> None:
        """Close: the listener does; a request that is under way is answered first."""
        self._keep = False
        if not self._busy and self.transport is not None:
            self.transport.close()


def _unpacked(body: bytes, coding: bytes, largest: int) -> bytes:
    return decoded(body, coding.decode("latin-1").strip().lower(), largest)


def _misencoded(problem: Misencoded) -> Answer:
    reason = str(problem).encode()
    if isinstance(problem, Oversized):
        return Answer(413, reason)
    return Answer(415, reason, headers=(("Accept-Encoding", "gzip, deflate"),))


def _written(answer: Answer, body: bytes, coding: str, *, keep: bool) -> bytes:
    if answer.status == 200 and not coding and keep and not answer.headers:
        return b"%s%s\r\nContent-Length: %d\r\n\r\n%s" % (_GOOD, answer.content_type.encode(), len(body), body)
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = "Answer"
    lines = [
        f"HTTP/1.1 {answer.status} {phrase}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in answer.headers),
    ]
    if coding:
        lines.append(f"Content-Encoding: {coding}")
    if not keep:
        lines.append("Connection: close")
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + body
