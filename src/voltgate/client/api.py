"""The API of a gateway, as the commands ask it: answers are JSON, everything else is a sentence."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from voltgate import __version__
from voltgate.client.failure import OutOfReach, Refused
from voltgate.client.problem import sentence
from voltgate.client.token_file import is_here, token_for

Json = dict[str, Any]

CONNECT = 10.0
ANSWER = 30.0
LONG = 300.0
"""Seconds that a whole list of stations may take."""
PAGE = 1000
"""Items that the API gives at a time, at most."""


def path(*parts: str) -> str:
    """Join the parts of a path; an identity may hold anything."""
    return "/".join(quote(part, safe="") for part in parts)


def connect(url: str, token_file: Path | None = None, config: Path | None = None) -> Api:
    """Give the API at `url`, with the token that is meant for it. Raises Refused."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused(f'"{url}" is no address of a gateway: give one like http://127.0.0.1:8000')
    if parts.username is not None or parts.password is not None:
        raise Refused("a gateway's address holds no password: give a token in VOLTGATE_TOKEN or by --token-file")
    return Api(url, token_for(url, token_file, config, os.environ))


class Api:
    """The API of one gateway, asked with one token. Every method raises Refused and OutOfReach."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        headers = {"user-agent": f"voltgate/{__version__}"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self.http = httpx2.Client(
            base_url=f"{url.rstrip('/')}/api/v1/",
            headers=headers,
            timeout=httpx2.Timeout(ANSWER, connect=CONNECT),
            trust_env=not is_here(url),  # no proxy stands between a machine and itself
        )

    def __enter__(self) -> Api:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.http.close()

    def get(self, where: str, **query: Any) -> Any:
        """Read what is at a path."""
        return self.ask("GET", where, query=query)

    def ask(
        self, method: str, where: str, body: object = None, *, query: Json | None = None, wait: float = ANSWER
    ) -> Any:
        """Ask for anything; gives the JSON of the answer, None where there is none. `wait` is in seconds."""
        return _read(self._answer(method, where, body, query, wait))

    def text(self, where: str, **query: Any) -> Iterator[str]:
        """Read a text, piece by piece as it comes."""
        try:
            with self.http.stream("GET", where, params=_given(query), timeout=LONG) as answer:
                if not answer.is_success:
                    answer.read()
                    raise refusal(answer)
                yield from answer.iter_text()
        except httpx2.RequestError as error:
            raise self.out_of_reach(error) from None

    def items(self, where: str, offset: int, limit: int, **query: Any) -> Json:
        """Read a list in as many pages as `limit` needs: {"items", "total", "offset", "limit"}."""
        items: list[Any] = []
        while True:
            page = self.get(where, offset=offset + len(items), limit=min(PAGE, limit - len(items)), **query)
            if not isinstance(page, dict) or not {"items", "total"} <= page.keys():
                raise _stranger(self.url)
            items += page["items"]
            if len(items) >= limit or not page["items"] or offset + len(items) >= page["total"]:
                return {"items": items, "total": page["total"], "offset": offset, "limit": limit}

    def out_of_reach(self, error: httpx2.RequestError) -> OutOfReach:
        """Say why the gateway did not answer."""
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout):
            return OutOfReach(f"nobody answers at {self.url} ({_reason(error)}): is the gateway running?")
        if isinstance(error, httpx2.TimeoutException):
            return OutOfReach(f"{self.url} did not answer in time: what was asked may have been done all the same")
        return OutOfReach(f"the connection to {self.url} broke ({_reason(error)}): try again")

    def _answer(self, method: str, where: str, body: object, query: Json | None, wait: float) -> httpx2.Response:
        try:
            return self.http.request(
                method,
                where,
                json=body,
                params=_given(query or {}),
                timeout=httpx2.Timeout(wait, connect=CONNECT),
            )
        except httpx2.RequestError as error:
            raise self.out_of_reach(error) from None


def _given(query: Json) -> dict[str, Any]:
    """Leave out what was not asked for; the API spells true and false like JSON."""
    return {
        key: str(value).lower() if isinstance(value, bool) else value
        for key, value in query.items()
        if value is not None
    }


def _read(answer: httpx2.Response) -> Any:
    if not answer.is_success:
        raise refusal(answer)
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError:
        raise _stranger(str(answer.url)) from None


def _stranger(url: str) -> Refused:
    return Refused(f"{url} does not answer as the API of Voltgate does: is it the right address?")


def refusal(answer: httpx2.Response) -> Refused:
    """Say what the API objected to; the body must have been read."""
    if answer.is_redirect:
        to = answer.headers.get("location", "elsewhere")
        return Refused(f"{answer.url} leads to {to}: give the gateway's own address with --url", answer.status_code)
    return Refused(sentence(answer.status_code, answer.content), answer.status_code)


def _reason(error: httpx2.RequestError) -> str:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return str(error) or type(error).__name__
