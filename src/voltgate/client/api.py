"""The HTTP client of a gateway's API: answers are JSON, everything else is an exception with a sentence."""

from __future__ import annotations

import json
import os
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx2

from voltgate import __version__
from voltgate.client.failure import OutOfReach, Refused
from voltgate.client.problem import members, sentence
from voltgate.client.terminal_text import clean
from voltgate.client.token_file import is_here, token_for

Json = dict[str, Any]
T = TypeVar("T")

_JSON = {"content-type": "application/json"}

CONNECT = 10.0
ANSWER = 30.0
LONG = 300.0
"""Seconds that a whole list of stations may take."""
PAGE = 1000
"""Items that the API gives at a time, at most."""


def path(*parts: str) -> str:
    """Return the parts joined into a path, percent-encoded; an identity may hold any character."""
    return "/".join(quote(part, safe="", errors="surrogateescape") for part in parts)


def connect(url: str, token_file: Path | None = None, config: Path | None = None) -> Api:
    """Return the API at `url`, with the token that is meant for it. Raises Refused."""
    _check(url)
    try:
        return Api(url, token_for(url, token_file, config, os.environ))
    except (httpx2.InvalidURL, ValueError, ImportError) as error:  # the last two: from a proxy in the environment
        raise Refused(f"{url} cannot be asked: {error}") from None


def _socket_of(url: str) -> str | None:
    """Return the path of the unix socket that a URL names, or None."""
    scheme, _, where = url.partition(":")
    return where.removeprefix("//") if scheme == "unix" else None


def _trust(url: str) -> ssl.SSLContext:
    """Return a context that trusts the system's certificates, or SSL_CERT_FILE's; for http none are read."""
    return ssl.create_default_context() if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _check(url: str) -> None:
    if _socket_of(url):
        return
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if "@" in url:
        raise Refused("a gateway's address holds no password: give a token in VOLTGATE_TOKEN or by --token-file")
    if not sound:
        raise Refused(f'"{clean(url)}" is no address of a gateway: give one like http://127.0.0.1:8000, or unix:PATH')


class Api:
    """The API of one gateway, asked with one token. Every method raises Refused and OutOfReach."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        headers = {"user-agent": f"voltgate/{__version__}"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        where = _socket_of(url)
        self.http = httpx2.Client(
            base_url=f"{url.rstrip('/') if where is None else 'http://localhost'}/api/v1/",
            transport=None if where is None else httpx2.HTTPTransport(uds=where),
            headers=headers,
            timeout=httpx2.Timeout(ANSWER, connect=CONNECT),
            verify=_trust(url),
            trust_env=not is_here(url),  # no proxy is used from a machine to itself
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def get(self, resource: str, **query: Any) -> Any:
        """Return the document at a path."""
        return self.ask("GET", resource, query=query)

    def ask(
        self, method: str, resource: str, body: object = None, *, query: Json | None = None, wait: float = ANSWER
    ) -> Any:
        """Make a request and return the JSON of the answer, None without one. `wait` is in seconds."""
        return _read(self._answer(method, resource, body, query, wait))

    def cursor_items(self, resource: str, limit: int, **query: Any) -> Json:
        """Return a list that goes on by cursor, read in as many parts as `limit` needs, as if it were one part."""
        items: list[Any] = []
        cursor: str | None = None
        while True:
            part = self.get(resource, cursor=cursor, limit=min(PAGE, limit - len(items)), **query)
            if not {"items", "next", "total", "more"} <= part.keys():
                raise _stranger(self.url)
            items += part["items"]
            cursor = part["next"]
            if cursor is None or len(items) >= limit:
                return {**part, "items": items}

    def newest(self, resource: str, limit: int, following: str = "next", **query: Any) -> Json:
        """Return the newest items of a list that nobody counts, and what leads on: {"items", "next"}.

        `following` is the member in which the API says what leads on.
        """
        items: list[Any] = []
        cursor: str | None = None
        while True:
            part = self.get(resource, cursor=cursor, limit=min(PAGE, limit - len(items)), **query)
            if not {"items", following} <= part.keys():
                raise _stranger(self.url)
            items += part["items"]
            cursor = part[following]
            if cursor is None or len(items) >= limit:
                return {"items": items, "next": cursor}

    def send(self, resource: str, data: bytes, media_type: str) -> Any:
        """Post a list as it is, and return the JSON of the answer."""
        return _read(self._send("POST", resource, data, {"content-type": media_type}, {}, LONG))

    def text(self, resource: str, **query: Any) -> Iterator[str]:
        """Yield a text, piece by piece as it is received."""
        yield from self._stream(resource, query, httpx2.Response.iter_text)

    def data(self, resource: str) -> Iterator[bytes]:
        """Yield a file, piece by piece as it is received."""
        yield from self._stream(resource, {}, httpx2.Response.iter_bytes)

    def items(self, resource: str, offset: int, limit: int, **query: Any) -> Json:
        """Return a list, read in as many pages as `limit` needs: {"items", "total", "offset", "limit"}.

        Of a cluster it has "missing", too: the nodes that did not answer, for any of the pages.
        """
        items: list[Any] = []
        missing: set[str] = set()
        while True:
            page = self.get(resource, offset=offset + len(items), limit=min(PAGE, limit - len(items)), **query)
            if not {"items", "total"} <= page.keys():
                raise _stranger(self.url)
            items += page["items"]
            missing.update(page.get("missing", ()))
            if len(items) >= limit or not page["items"] or offset + len(items) >= page["total"]:
                whole = {"items": items, "total": page["total"], "offset": offset, "limit": limit}
                return whole | ({"missing": sorted(missing)} if "missing" in page else {})

    def out_of_reach(self, error: httpx2.RequestError) -> OutOfReach:
        """Return the failure for a gateway that did not answer, with the reason."""
        reason = _reason(error)
        if isinstance(reason, ssl.SSLError):
            return OutOfReach(f"{self.url} is not trusted ({reason.strerror}): name its authority in SSL_CERT_FILE")
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return OutOfReach(f"nobody answers at {self.url} ({_message(reason)}): is the gateway running?")
        if isinstance(error, httpx2.TimeoutException):
            return OutOfReach(f"{self.url} did not answer in time: what was asked may have been done all the same")
        return OutOfReach(f"the connection to {self.url} broke ({_message(reason)}): try again")

    def _stream(self, resource: str, query: Json, pieces: Callable[[httpx2.Response], Iterator[T]]) -> Iterator[T]:
        try:
            with self.http.stream("GET", resource, params=_given(query), timeout=LONG) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refusal(answer)
                yield from pieces(answer)
        except httpx2.RequestError as error:
            raise self.out_of_reach(error) from None

    def _answer(self, method: str, resource: str, body: object, query: Json | None, wait: float) -> httpx2.Response:
        data = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        headers = {"accept": "application/json"} | ({} if body is None else _JSON)
        return self._send(method, resource, data, headers, query or {}, wait)

    def _send(
        self, method: str, resource: str, data: bytes | None, headers: dict[str, str] | None, query: Json, wait: float
    ) -> httpx2.Response:
        try:
            return self.http.request(
                method,
                resource,
                content=data,
                headers=headers,
                params=_given(query),
                timeout=httpx2.Timeout(wait, connect=CONNECT),
            )
        except httpx2.RequestError as error:
            raise self.out_of_reach(error) from None


def _given(query: Json) -> dict[str, Any]:
    """Return the query without parameters that are not set; the API spells true and false like JSON."""
    return {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in query.items()
        if value is not None
    }


def _read(answer: httpx2.Response) -> Any:
    if not answer.is_success:
        raise refusal(answer)
    if answer.content in (b"", b"null"):
        return None
    try:
        document = answer.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _stranger(str(answer.url))
    return document


def _stranger(url: str) -> Refused:
    return Refused(f"{url} does not answer as the API of Voltgate does: is it the right address?")


def refusal(answer: httpx2.Response) -> Refused:
    """Return the failure for an error response; its body must have been read."""
    if answer.is_redirect:
        to = answer.headers.get("location", "elsewhere")
        return Refused(f"{answer.url} leads to {to}: give the gateway's own address with --url", answer.status_code)
    document = members(answer.content)
    return Refused(sentence(answer.status_code, document), answer.status_code, document)


def _reason(error: BaseException) -> BaseException:
    """Return the first cause from the operating system or TLS that has a message, else the error itself."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause
        cause = cause.__cause__ or cause.__context__
    return error


def _message(reason: BaseException) -> str:
    text = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return clean(text.lower()) or type(reason).__name__
