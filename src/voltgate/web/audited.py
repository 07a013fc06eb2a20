"""The audit trail of the API: every request that changes something, and every one that is refused."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, TypeAlias
from uuid import uuid4

from pydantic import BaseModel
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voltgate.relay.numbers import CALLER
from voltgate.relay.records import AuditRecord
from voltgate.web.access import address_of

Note: TypeAlias = Callable[[AuditRecord], None]
Named: TypeAlias = Callable[[str], tuple[str, str]]

_ROOT = "/api/v1"
_METRICS = "/metrics"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS = _SAFE | {"POST", "PUT", "PATCH", "DELETE"}
_REFUSED = frozenset({401, 403, 429})
"""Statuses of those who may not: as many as they like, so they are merged, as is whatever fails without a caller."""
_FAULT = 500
_WINDOW = 60.0
"""Seconds in which what is refused again is counted only."""
_MOST = 1000
"""Kinds of refusals at a time; all others are one."""
_SAID = 10
"""Of those, how many differ only in what the request says, such as the name of a login; all others are one."""
_LONGEST = 300
"""Characters of what comes over the wire that a line keeps: of a path, and of what is said besides."""
_ROOM = 2 * _LONGEST
_FEW = 5
"""Names of a list that a line has."""


def unnoted(record: AuditRecord) -> None:
    """Keep no line of the audit trail: there is no database; the log has one."""


def as_it_is(identity: str) -> tuple[str, str]:
    """Take an identity as it is."""
    return identity, identity


def line(who: str, action: str, outcome: str, answer: str, detail: str, **more: str) -> AuditRecord:
    """Return a line of the audit trail, of now, that is about no message."""
    station = more.pop("station", "")
    return AuditRecord(uuid4().hex, time.time(), station, who, action, "", outcome, answer, detail[:_ROOM], **more)


def say(connection: HTTPConnection, detail: str) -> None:
    """Have the audit trail say more of a request than its path."""
    connection.state.audit_detail = detail


def told(asked: BaseModel, *names: str) -> str:
    """Return what a request asks, for `say`: all that it sets, or what is of these names where others may be secret."""
    fields = asked.model_dump(mode="json", exclude_unset=True, include=set(names) or None)
    return ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())


def some(names: Sequence[str]) -> str:
    """Return how many names there are, and the first of them, for `say`."""
    more = ", …" if len(names) > _FEW else ""
    return f"{len(names)} ({', '.join(names[:_FEW])}{more})" if names else "0"


def name_station(connection: HTTPConnection, identity: str) -> None:
    """Have the audit trail name the station of a request as it is spelled: it may be gone when the request ends."""
    connection.state.audit_identity = identity


def said_already(connection: HTTPConnection) -> None:
    """Leave a request out of the audit trail: what became of it is written down with what it says."""
    connection.state.audited = True


@dataclass(slots=True)
class _Kind:
    """A kind of refusal: the first one, and how many came since."""

    first: AuditRecord
    more: int
    end: asyncio.TimerHandle


class Refusals:
    """Refusals of one kind are one line when the first comes, and one more for all that follow within a minute."""

    def __init__(self, note: Note, window: float = _WINDOW, most: int = _MOST) -> None:
        self._note = note
        self._window = window
        self._most = most
        self._kinds: dict[tuple[str, ...], _Kind] = {}
        self._said: Counter[tuple[str, ...]] = Counter()

    def add(self, record: AuditRecord, said: str = "") -> None:
        """Take a refusal of a request that `said` this, such as whose login it is: others are of another kind."""
        common = (record.backend, record.address, record.action, record.answer)
        key = (*common, said.casefold()[:_LONGEST])
        if said and key not in self._kinds and self._said[common] >= _SAID:
            key = (*common, "")
            record = replace(record, detail="of many kinds")
        if key not in self._kinds and len(self._kinds) >= self._most:
            key = ("", "", "", record.answer, "")
            record = replace(record, backend="", address="", action="Refused", detail="of many kinds")
        if (kind := self._kinds.get(key)) is not None:
            kind.more += 1
            return
        end = asyncio.get_running_loop().call_later(self._window, self._end, key)
        self._kinds[key] = _Kind(record, 0, end)
        if key[-1]:
            self._said[key[:-1]] += 1
        self._note(record)

    def _end(self, key: tuple[str, ...]) -> None:
        kind = self._kinds.pop(key)
        kind.end.cancel()
        if key[-1]:
            self._said[key[:-1]] -= 1
            if not self._said[key[:-1]]:
                del self._said[key[:-1]]
        if kind.more:
            detail = f"{kind.more} more, the first: {kind.first.detail}"
            self._note(replace(kind.first, ref=uuid4().hex, at=time.time(), detail=detail))

    def close(self) -> None:
        """Write down what was counted."""
        for key in list(self._kinds):
            self._end(key)


class Audited:
    """ASGI middleware that writes a line of the audit trail for each request to the API that is not only to look.

    Who is refused is written down, too, also at the metrics.

    `note` of `app.state.audit` keeps them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request (an ASGI application)."""
        if scope["type"] != "http" or not scope["path"].startswith((_ROOT, _METRICS)):
            return await self._app(scope, receive, send)
        scope.setdefault("state", {})
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            return await self._app(scope, receive, noting)
        finally:
            self._note(scope, status or _FAULT)

    def _note(self, scope: Scope, status: int) -> None:
        state, audit = scope["state"], scope["app"].state.audit
        is_refused = status in _REFUSED and (status != HTTPStatus.UNAUTHORIZED or _is_tried(scope))
        is_change = scope["method"] not in _SAFE
        if state.get("audited") or not (is_refused or is_change):
            return
        record = _line(scope, state, status)
        if is_refused or (not record.backend and status >= HTTPStatus.BAD_REQUEST):
            audit.refusals.add(record, state.get("audit_detail", ""))
        else:
            audit.note(record)


class Audit:
    """Where lines of the audit trail go: `note` one by one, `refusals` merged.

    `named` returns the key of a station that somebody names, and how the station itself spells its identity.
    """

    def __init__(self, note: Note = unnoted, named: Named = as_it_is) -> None:
        self.note = note
        self.named = named
        self.refusals = Refusals(note)


def who_of(state: Mapping[str, Any]) -> str:
    """Return whose token a request came with, by its state; "" where nobody knows it."""
    return CALLER + state["known"] if "known" in state else ""


def _line(scope: Scope, state: dict[str, Any], status: int) -> AuditRecord:
    outcome = "passed" if status < HTTPStatus.BAD_REQUEST else "refused" if status < _FAULT else "failed"
    answer = f"{status} {HTTPStatus(status).phrase}"
    path = scope["path"].removeprefix(_ROOT)[:_LONGEST]
    template = getattr(scope.get("route"), "path", "").removeprefix(_ROOT) or "unknown path"
    method = scope["method"] if scope["method"] in _METHODS else "unknown method"
    identity = scope.get("path_params", {}).get("identity", "")
    key, identity = scope["app"].state.audit.named(identity) if identity else ("", "")
    identity = state.get("audit_identity", identity)
    detail = f"{path}: {more}" if (more := state.get("audit_detail")) else path
    return line(
        who_of(state),
        f"{method} {template}",
        outcome,
        answer,
        detail,
        station=key[:_LONGEST],
        identity=identity[:_LONGEST],
        address=address_of(HTTPConnection(scope)),
    )


def _is_tried(scope: Scope) -> bool:
    """Return whether somebody has tried to be let in: a page that asks who is signed in has not."""
    headers = HTTPConnection(scope).headers
    return scope["method"] not in _SAFE or "authorization" in headers
