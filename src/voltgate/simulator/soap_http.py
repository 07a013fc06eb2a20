"""HTTP/1.1 for SOAP: bounded messages, read whole, and written.

On purpose nothing of Voltgate's own HTTP is used: a check of the gateway must not share its mistakes.
Source: RFC 9110 and 9112; OCPP-S 1.6 section 3 (gzip and deflate must be supported).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal, TypeAlias

import httptools

LARGEST = 1 << 20
"""Bytes of a body, compressed and decompressed."""

_LARGEST_HEAD = 32 << 10
_MOST_HEADERS = 100

Side: TypeAlias = Literal["request", "response"]


@dataclass(frozen=True, slots=True)
class Message:
    """One whole HTTP message with its body decompressed: a response with its `status`, or a request with its `target`.

    Names of headers are in lower case; of several with one name the last counts. They can hold a password.
    """

    status: int
    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    keep_alive: bool = True

    def flaw(self) -> str | None:
        """Return what is wrong with the headers of a SOAP message; None when nothing is."""
        kind, _, parameters = self.headers.get("content-type", "").partition(";")
        if kind.strip().lower() != "application/soap+xml":
            return f"the content type is {kind.strip()[:50]!r}, not application/soap+xml"
        charset = parameters.lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
        return None if charset in {"", "utf-8", "utf8"} else f"the charset is {charset[:20]!r}, not utf-8"


class MalformedHttp(Exception):  # noqa: N818 - what the far end did, not what went wrong here
    """The far end does not speak HTTP/1.1, or its message is too large."""


class Reader:
    """Reads the messages of one side of a connection. `expects_continue`: the far end holds back its body."""

    __slots__ = ("_body", "_done", "_framed", "_head", "_headers", "_parser", "_size", "_target", "expects_continue")

    def __init__(self, side: Side) -> None:
        parser = httptools.HttpRequestParser if side == "request" else httptools.HttpResponseParser
        self._parser = parser(self)
        self._done: list[Message] = []
        self.on_message_begin()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Process bytes, and yield the messages that they complete. Raise MalformedHttp, after the valid ones."""
        flaw = None
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as problem:
            flaw = problem.__context__ if isinstance(problem.__context__, MalformedHttp) else problem
        done, self._done = self._done, []
        yield from map(_unpacked, done)
        if flaw is not None:
            raise MalformedHttp(f"this is not HTTP: {flaw}")

    def end(self) -> Message | None:
        """Process the end of the connection: it completes a response without a length, which is returned."""
        if self._head is None or self._framed:
            return None
        self.on_message_complete()
        return _unpacked(self._done.pop())

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a message."""
        self._headers: dict[str, str] = {}
        self._target = b""
        self._body: list[bytes] = []
        self._size = 0
        self._head: tuple[int, str, str] | None = None
        self._framed = False
        self.expects_continue = False

    def on_url(self, url: bytes) -> None:
        """Add a part of the target."""
        self._target += url
        self._grow(len(url), _LARGEST_HEAD)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1").strip()
        self._grow(len(name) + len(value), _LARGEST_HEAD)
        if len(self._headers) > _MOST_HEADERS:
            raise MalformedHttp(f"more than {_MOST_HEADERS} headers")

    def on_headers_complete(self) -> None:
        """Complete the head."""
        parser = self._parser
        if isinstance(parser, httptools.HttpRequestParser):
            self._head = (0, parser.get_method().decode("latin-1"), self._target.decode("latin-1"))
        else:
            self._head = (parser.get_status_code(), "", "")
        self._framed = "content-length" in self._headers or "transfer-encoding" in self._headers
        self.expects_continue = self._headers.get("expect", "").lower() == "100-continue"

    def on_body(self, body: bytes) -> None:
        """Add a part of the body."""
        self._body.append(body)
        self._grow(len(body), LARGEST + _LARGEST_HEAD)

    def on_message_complete(self) -> None:
        """Complete the message; a 1xx precedes the response and is discarded."""
        status, method, target = self._head or (0, "", "")
        keep_alive = self._framed and self._parser.should_keep_alive()
        if status // 100 != 1:
            self._done.append(Message(status, method, target, self._headers, b"".join(self._body), keep_alive))
        self.on_message_begin()

    def _grow(self, more: int, most: int) -> None:
        self._size += more
        if self._size > most:
            raise MalformedHttp(f"more than {most} bytes")


def _unpacked(message: Message) -> Message:
    """Return a message with its body decompressed. Raise MalformedHttp when that fails."""
    coding = message.headers.get("content-encoding", "identity").lower()
    if coding in {"identity", ""}:
        return message
    if coding not in {"gzip", "x-gzip", "deflate"}:
        raise MalformedHttp(f"a body packed with {coding[:30]!r}")
    body = _unpack(message.body, coding)
    return Message(message.status, message.method, message.target, message.headers, body, message.keep_alive)


def _unpack(body: bytes, coding: str) -> bytes:
    """Decompress gzip, or deflate in either of its two forms (RFC 9110 section 8.4.1.2)."""
    raw = coding == "deflate" and (len(body) < 2 or int.from_bytes(body[:2], "big") % 31 or body[0] & 15 != 8)
    unpacker = zlib.decompressobj(-15 if raw else 47)
    try:
        unpacked = unpacker.decompress(body, LARGEST)
    except zlib.error as problem:
        raise MalformedHttp(f"a packed body that cannot be unpacked: {problem}") from None
    if not unpacker.eof:
        raise MalformedHttp("a packed body that is cut off, or too large")
    return unpacked


def post(target: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    """Return a POST."""
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode("latin-1", "replace") + body


def answer(status: int, kind: str, body: bytes, *, keep_alive: bool) -> bytes:
    """Return a response; `kind` is its content type."""
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: " + ("keep-alive" if keep_alive else "close"),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body
