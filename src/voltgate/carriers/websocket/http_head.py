"""HTTP/1.1 heads around a websocket handshake: read under strict limits, judged by RFC 6455 section 4, and written."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import unquote_to_bytes

import httptools

from voltgate.carriers.handshake import Refused

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Names in lower case, in the order they came; values as latin-1."""

END = b"\r\n\r\n"
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Request:
    """A request's head. Values of headers can be secrets: none is in the repr."""

    method: str
    target: str
    version: str
    headers: Headers = field(repr=False)

    def one(self, name: str) -> str | None:
        """Return the header's value, the first when it came several times."""
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        """Every value of the header."""
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True, slots=True)
class Response:
    """A response's head."""

    status: int
    headers: Headers = field(repr=False)

    def one(self, name: str) -> str | None:
        """Return the header's value, the first when it came several times."""
        return next((value for key, value in self.headers if key == name), None)

    def all(self, name: str) -> list[str]:
        """Every value of the header."""
        return [value for key, value in self.headers if key == name]


class _Collector:
    """What httptools calls back."""

    __slots__ = ("headers", "target")

    def __init__(self) -> None:
        self.target = b""
        self.headers: list[tuple[str, str]] = []

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))


def read_request(head: bytes, most_headers: int) -> Request | Refused:
    """Read a request's head, which ends with an empty line."""
    collector = _Collector()
    parser = httptools.HttpRequestParser(collector)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # that is what we are here for; the bytes beyond the head were never fed
    except httptools.HttpParserError as problem:
        return Refused(400, f"This is no HTTP/1.1 request: {problem}.")
    if len(collector.headers) > most_headers:
        return Refused(431, f"More than {most_headers} headers.")
    return Request(
        parser.get_method().decode("latin-1"),
        collector.target.decode("latin-1"),
        parser.get_http_version(),
        tuple(collector.headers),
    )


def read_response(head: bytes, most_headers: int) -> Response | str:
    """Read a response's head, which ends with an empty line; a sentence says what is wrong with it."""
    collector = _Collector()
    parser = httptools.HttpResponseParser(collector)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # the bytes beyond the head were never fed
    except httptools.HttpParserError as problem:
        return f"the answer is not HTTP/1.1: {problem}"
    if len(collector.headers) > most_headers:
        return f"the answer has more than {most_headers} headers"
    return Response(parser.get_status_code(), tuple(collector.headers))


def tokens(values: Iterable[str]) -> list[str]:
    """Return the elements of a comma-separated header that may come several times, as written."""
    return [token for value in values for part in value.split(",") if (token := part.strip())]


def has_token(values: Iterable[str], token: str) -> bool:
    """Whether a list header holds the token; case does not matter."""
    return any(token == found.lower() for found in tokens(values))


def objection(request: Request, lenient_upgrade: bool) -> Refused | None:
    """Return why a request cannot become a websocket (RFC 6455 sections 4.1, 4.2.1 and 4.4); None: it can."""
    if request.method != "GET":
        return Refused(405, "Stations connect by GET, as a websocket.", (("Allow", "GET"),))
    if request.version != "1.1":
        return Refused(400, "A websocket needs HTTP/1.1.")
    if not has_token(request.all("upgrade"), "websocket"):
        return _upgrade_required("This address speaks OCPP by websocket: connect with ws:// or wss://.")
    if not lenient_upgrade and not has_token(request.all("connection"), "upgrade"):
        return _upgrade_required('The header "Connection: Upgrade" is missing.')
    if request.all("sec-websocket-version") != ["13"]:
        return Refused(426, "Only version 13 of websocket is spoken here.", _VERSION)
    if len(request.all("host")) != 1:
        return Refused(400, "Exactly one Host header is needed.")
    if not _is_key(request.all("sec-websocket-key")):
        return Refused(400, "Sec-WebSocket-Key has to be 16 bytes in base64, once.")
    return None


_VERSION = (("Sec-WebSocket-Version", "13"), ("Upgrade", "websocket"))


def _upgrade_required(reason: str) -> Refused:
    return Refused(426, reason, (("Upgrade", "websocket"),))


def _is_key(values: list[str]) -> bool:
    if len(values) != 1 or len(values[0]) != 24:
        return False
    try:
        return len(base64.b64decode(values[0], validate=True)) == 16
    except ValueError:
        return False


def accept_key(key: str) -> str:
    """Return the Sec-WebSocket-Accept for a Sec-WebSocket-Key (section 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode("latin-1") + _GUID, usedforsecurity=False).digest()).decode()


def identity_of(target: str, prefix: str = "", lenient: bool = True) -> tuple[str | None, str]:
    """Read the station's identity: the last segment of the path below the prefix, percent-decoded once.

    (None, "") if there is none, (None, what is wrong) if it cannot be decoded or shown. The query never matters.
    `lenient` forgives doubled slashes and slashes at the end. OCPP-J 1.6 section 3.1.1; OCPP 2.1 Part 4 section 3.1.1.
    """
    below = _below(_path(target), prefix, lenient)
    if not below or not below[-1]:
        return None, ""
    if _PERCENT.search(below[-1]):
        return None, "The identity holds a % without two hexadecimal digits after it: a % itself is written %25"
    try:
        identity = unquote_to_bytes(below[-1].encode("latin-1")).decode()
    except UnicodeError:
        return None, "The identity is not UTF-8: it is written in UTF-8 and then percent-encoded, %C3%BC for a u umlaut"
    if not identity.isprintable():  # nor may a log show it
        return None, "The identity contains control characters, or others that cannot be printed"
    return identity, ""


def _path(target: str) -> str:
    if not target.startswith("/"):  # the absolute form, as sent to proxies (RFC 9112 section 3.2.2)
        target = "/" + target.partition("://")[2].partition("/")[2]
    return target.partition("?")[0].partition("#")[0]


def _below(path: str, prefix: str, lenient: bool) -> list[str] | None:
    """Return the segments below the prefix; None if the path lies elsewhere."""
    segments, above = path.split("/")[1:], [part for part in prefix.split("/") if part]
    if lenient:
        segments = [segment for segment in segments if segment]
    if segments[: len(above)] != above or (not lenient and "" in segments):
        return None
    return segments[len(above) :]


_SWITCHING = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


def switching(accept: str, subprotocol: str | None, extensions: str | None) -> bytes:
    """Make the 101."""
    head = f"{_SWITCHING}Sec-WebSocket-Accept: {accept}\r\n"
    if subprotocol is not None:
        head += f"Sec-WebSocket-Protocol: {subprotocol}\r\n"
    if extensions is not None:
        head += f"Sec-WebSocket-Extensions: {extensions}\r\n"
    return (head + "\r\n").encode("latin-1")


def refusal(refused: Refused) -> bytes:
    """Make a whole response that refuses, after which the connection is closed."""
    body = refused.reason.encode() + b"\n"
    lines = [f"HTTP/1.1 {refused.status} {_phrase(refused.status)}"]
    lines += [f"{_bare(name)}: {_bare(value)}" for name, value in refused.headers]
    lines += ["Connection: close", "Content-Type: text/plain; charset=utf-8", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace") + body


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Refused"


def _bare(text: str) -> str:
    """Without what would end the header: a value can come from a backend's answer."""
    return _CONTROL.sub(" ", text)


def asking(host: str, path: str, key: str, offer: Sequence[str], headers: Iterable[tuple[str, str]]) -> bytes:
    """Make the request that opens a websocket."""
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    if offer:
        lines.append("Sec-WebSocket-Protocol: " + ", ".join(offer))
    lines += [f"{_bare(name)}: {_bare(value)}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def disagreement(response: Response, key: str, offer: Sequence[str]) -> str | None:
    """Return what is wrong with a 101 that answers `asking` (section 4.1, the client's checks); None: nothing."""
    if not has_token(response.all("upgrade"), "websocket") or not has_token(response.all("connection"), "upgrade"):
        return "the 101 does not upgrade to a websocket"
    if response.all("sec-websocket-accept") != [accept_key(key)]:
        return "the Sec-WebSocket-Accept is wrong: whatever answered does not speak websocket"
    chosen = response.all("sec-websocket-protocol")
    if len(chosen) > 1 or (chosen and chosen[0] not in offer):
        return f"the sub-protocol chosen was not offered: {', '.join(chosen)}"
    return None
