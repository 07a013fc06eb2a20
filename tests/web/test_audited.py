"""The audit trail of the API: who did what from where, and who was refused."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from fastapi import APIRouter

from tests.harness import Stage
from tests.web.client import api_of
from tests.web.test_audit import lines
from tests.web.world import serving
from voltgate.relay.records import AuditRecord
from voltgate.store.users import Users
from voltgate.web.access import AccessToken
from voltgate.web.audited import Audit, Audited, Refusals, line
from voltgate.web.bearer import digest_of, fresh


async def test_what_changes_something_is_written_down() -> None:
    """A request that changes something is a line: who, from where, what came of it. One that only looks is none."""
    kept: list[AuditRecord] = []
    async with serving() as web:
        web.app.state.audit = Audit(kept.append)
        assert (await web.get("/api/v1/me", "admin")).status == 200
        assert (await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "x", "role": "viewer"})).status == 503
        assert (await web.ask("DELETE", "/api/v1/tokens/the-viewer", "admin")).status == 409
    assert [(each.backend, each.action, each.outcome, each.answer, each.address) for each in kept] == [
        ("api:the-admin", "POST /tokens", "failed", "503 Service Unavailable", "127.0.0.1"),
        ("api:the-admin", "DELETE /tokens/{name}", "refused", "409 Conflict", "127.0.0.1"),
    ]
    assert kept[1].detail == "/tokens/the-viewer"


async def test_who_is_refused_is_written_down_once_with_a_count() -> None:
    """Refusals of one kind are one line at once and one with a count; a page that only asks who is there is none."""
    kept: list[AuditRecord] = []
    async with serving() as web:
        audit = web.app.state.audit = Audit(kept.append)
        assert (await web.get("/api/v1/me")).status == 401
        for _ in range(5):
            assert (await web.get("/api/v1/tokens", "viewer")).status == 403
        for _ in range(3):
            assert (await web.get("/api/v1/me", "wrong")).status == 401
        assert [(each.backend, each.action, each.answer) for each in kept] == [
            ("api:the-viewer", "GET /tokens", "403 Forbidden"),
            ("", "GET /me", "401 Unauthorized"),
        ]
        audit.refusals.close()
    assert [each.detail for each in kept[2:]] == ["4 more, the first: /tokens", "2 more, the first: /me"]
    assert all(each.outcome == "refused" and each.address == "127.0.0.1" for each in kept)


async def test_guesses_at_the_metrics_are_written_down() -> None:
    """Where the metrics take a token, guesses are merged in the trail; who has none has not guessed."""
    kept: list[AuditRecord] = []
    async with serving() as web:
        audit = web.app.state.audit = Audit(kept.append)
        web.access.guards_metrics = True
        asked = (None, "guess-1", "guess-2", "backend", "viewer")
        assert [(await web.get("/metrics", token)).status for token in asked] == [401, 401, 401, 403, 200]
        audit.refusals.close()
    assert [(each.backend, each.action, each.answer, each.detail) for each in kept] == [
        ("", "GET /metrics", "401 Unauthorized", "/metrics"),
        ("api:the-backend", "GET /metrics", "403 Forbidden", "/metrics"),
        ("", "GET /metrics", "401 Unauthorized", "1 more, the first: /metrics"),
    ]


async def test_strangers_do_not_fill_the_trail() -> None:
    """Whoever has no token writes a line for each kind of what fails, whatever paths and methods there are, and counts.

    A kind has the path as the API declares it, never as it was asked for.
    """
    kept: list[AuditRecord] = []
    async with serving() as web:
        audit = web.app.state.audit = Audit(kept.append)
        for number, method in enumerate(("COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND")):
            assert (await web.ask("POST", f"/api/v1/nothing{number}")).status == 404
            assert (await web.ask("PUT", f"/api/v1/tokens/t{number}")).status == 405
            assert (await web.ask("POST", "/api/v1/sign-in", json={"number": number})).status == 422
            assert (await web.ask(method, "/api/v1/me")).status == 405
        assert [(each.backend, each.action, each.answer) for each in kept] == [
            ("", "POST unknown path", "404 Not Found"),
            ("", "PUT /tokens/{name}", "405 Method Not Allowed"),
            ("", "POST /sign-in", "422 Unprocessable Entity"),
            ("", "unknown method /me", "405 Method Not Allowed"),
        ]
        audit.refusals.close()
    assert [each.detail for each in kept[4:]] == [
        "4 more, the first: /nothing0",
        "4 more, the first: /tokens/t0",
        "4 more, the first: /sign-in",
        "4 more, the first: /me",
    ]


async def test_refusals_of_many_kinds_are_bounded() -> None:
    """However many strangers there are, they write a bounded number of lines, and after a while those with counts."""
    kept: list[AuditRecord] = []
    ended = asyncio.Event()

    def note(record: AuditRecord) -> None:
        kept.append(record)
        if "more" in record.detail:
            ended.set()

    refusals = Refusals(note, window=0.05, most=3)
    for number in range(100):
        refusals.add(line("", "GET /me", "refused", "401 Unauthorized", "/me", address=f"192.0.2.{number}"))
    assert [each.address for each in kept] == ["192.0.2.0", "192.0.2.1", "192.0.2.2", ""]
    async with asyncio.timeout(30):
        await ended.wait()
    assert kept[-1].detail == "96 more, the first: of many kinds"


async def test_who_was_refused_is_named() -> None:
    """Whoever's token is known is named when it is refused: it has ended, is used too often, or shows no page."""
    kept: list[AuditRecord] = []
    token, cookie = fresh(), fresh()
    async with serving() as web:
        audit = web.app.state.audit = Audit(kept.append)
        ended = AccessToken("the-former", "admin", digest_of(token), until=web.clock())
        web.access.replace_issued([ended, AccessToken("the-page", "admin", digest_of(cookie))])
        assert (await web.get("/api/v1/me", token)).status == 401
        assert (await web.ask("POST", "/api/v1/sign-in", json={"token": token})).status == 401
        assert (await web.ask("POST", "/api/v1/tokens", token, json={})).status == 401
        assert (await web.get("/api/v1/me", "wrong")).status == 401
        forged = await web.ask("DELETE", "/api/v1/tokens/x", headers={"Cookie": f"voltgate={cookie}"})
        assert forged.status == 403
        web.access.rate = 0.1
        assert [(await web.get("/api/v1/me", "viewer")).status for _ in range(2)] == [200, 429]
        web.access.failures = 1
        assert [(await web.get("/api/v1/me", f"guess-{n}")).status for n in range(10)][-1] == 429
        assert (await web.get("/api/v1/me", "operator")).status == 429
        audit.refusals.close()
    assert [(each.backend, each.action, each.answer) for each in kept] == [
        ("api:the-former", "GET /me", "401 Unauthorized"),
        ("api:the-former", "POST /sign-in", "401 Unauthorized"),
        ("api:the-former", "POST unknown path", "401 Unauthorized"),
        ("", "GET /me", "401 Unauthorized"),
        ("api:the-page", "DELETE /tokens/{name}", "403 Forbidden"),
        ("api:the-viewer", "GET /me", "429 Too Many Requests"),
        ("", "GET /me", "429 Too Many Requests"),
        ("api:the-operator", "GET /me", "429 Too Many Requests"),
        ("", "GET /me", "401 Unauthorized"),
    ]
    assert not any(text in each.detail for each in kept for text in (token, cookie))


class _Nobody(Users):
    """A table of users in which there is nobody."""

    def __init__(self) -> None:
        """Have no database."""


async def test_failed_logins_are_told_apart() -> None:
    """Lines that are merged are of one name. One address has a line for each of ten names, and one for all others."""
    kept: list[AuditRecord] = []
    async with serving(users=_Nobody()) as web:
        audit = web.app.state.audit = Audit(kept.append)
        for login in ("ann", "bob", "ANN", "ann", *(f"n{number}" for number in range(10)), "bob"):
            answer = await web.ask("POST", "/api/v1/login", json={"login": login, "password": "wrong"})
            assert answer.status == 401, answer.json
        audit.refusals.close()
    names = ["ann", "bob", *(f"n{number}" for number in range(8))]
    assert [each.detail for each in kept] == [
        *(f"/login: {name}" for name in names),
        "of many kinds",
        "2 more, the first: /login: ann",
        "1 more, the first: /login: bob",
        "1 more, the first: of many kinds",
    ]


async def test_names_of_those_who_are_counted_make_room() -> None:
    """When a minute is over, as many names are told apart again."""
    kept: list[AuditRecord] = []
    refusals = Refusals(kept.append)
    for _ in range(2):
        for number in range(12):
            refusals.add(line("", "POST /login", "refused", "401 Unauthorized", f"/login: n{number}"), f"n{number}")
        refusals.close()
    details = [*(f"/login: n{number}" for number in range(10)), "of many kinds", "1 more, the first: of many kinds"]
    assert [each.detail for each in kept] == details * 2


def test_what_is_said_at_length() -> None:
    """Of what a request says the first 300 characters count, and a line keeps no more than 600 of all that it says."""
    kept: list[AuditRecord] = []
    refusals = Refusals(kept.append)

    async def add() -> None:
        for end in "abc":
            said = "n" * 300 + end
            refusals.add(line("", "POST /login", "refused", "401 Unauthorized", f"/login: {said * 3}"), said)
        refusals.close()

    asyncio.run(add())
    assert [len(each.detail) for each in kept] == [600, 600 + len("2 more, the first: ")]


router = APIRouter()


@router.post("/named/{identity}")
async def named(identity: str) -> str:
    """Take an identity of any length."""
    return identity


async def test_what_ends_without_an_answer() -> None:
    """A request that comes to nothing before it is answered has a line, too, which says so."""
    kept: list[AuditRecord] = []
    audit = Audit(kept.append)
    app = SimpleNamespace(state=SimpleNamespace(audit=audit))

    async def fails(*_: object) -> Any:
        raise ZeroDivisionError

    scope = {"type": "http", "path": "/api/v1/x", "method": "POST", "headers": [], "app": app, "client": None}
    with pytest.raises(ZeroDivisionError):
        await Audited(fails)(scope, fails, fails)
    audit.refusals.close()
    assert [(each.outcome, each.answer) for each in kept] == [("failed", "500 Internal Server Error")]


async def test_a_path_of_any_length() -> None:
    """However long a path is, the line has the beginning of it, and of the identity that it names."""
    kept: list[AuditRecord] = []
    async with serving(resources=[router]) as web:
        audit = web.app.state.audit = Audit(kept.append)
        await web.ask("POST", f"/api/v1/named/{'x' * 3000}", "admin")
        await web.ask("POST", f"/api/v1/{'y' * 3000}", "admin")
        audit.refusals.close()
    first, second = kept
    assert (first.station, first.identity) == ("x" * 300, "x" * 300)
    assert [len(each.detail) for each in kept] == [300, 300]
    assert second.action == "POST unknown path"


async def test_what_was_counted_ends_once() -> None:
    """What is written down before its minute is over begins anew, and ends by its own minute."""
    kept: list[AuditRecord] = []
    ended = asyncio.Event()
    failed: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: failed.append(context))

    def note(record: AuditRecord) -> None:
        kept.append(record)
        if record.detail == "1 more, the first: /other":
            ended.set()

    refusals = Refusals(note, window=0.05)
    refusals.add(line("", "GET /me", "refused", "401 Unauthorized", "/me"), "ann")
    refusals.close()
    for _ in range(2):
        refusals.add(line("", "GET /other", "refused", "401 Unauthorized", "/other"))
    async with asyncio.timeout(30):
        await ended.wait()
    assert failed == []
    assert not refusals._said
    assert [each.detail for each in kept] == ["/me", "/other", "1 more, the first: /other"]


async def test_a_websocket_is_no_request() -> None:
    """Who opens a websocket in the API asks for nothing that the trail has."""
    kept: list[AuditRecord] = []
    async with serving() as web:
        web.app.state.audit = Audit(kept.append)
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await web.http.ws_connect(f"{web.url}/api/v1/me")
        assert refused.value.status == 403
        assert (await web.get("/healthz")).status == 200
    assert kept == []


def _told(line: dict[str, Any]) -> tuple[str, str, str, str]:
    return line["backend"], line["action"], line["outcome"], line["station"]


async def test_a_gateways_day(stage: Stage) -> None:
    """Tokens, accepts, disconnects, logins that fail and changes of the configuration are in the trail of a gateway."""
    await stage.backend("main")
    async with api_of(stage, store=None) as (api, gateway):
        await stage.meet("Cp-Ä1")
        (await api.post("/tokens", {"name": "t1", "role": "viewer"})).gives(201)
        (await api.post("/stations/cp-Ä1/disconnect", {})).gives(202)
        (await api.post("/login", {"login": "ann", "password": "wrong"})).gives(401)
        gateway.reload()
        await lines(api, 1, action="ChangeConfiguration")
        await lines(api, 4)
        there = (await api.get("/audit")).gives(200)["items"]
        told = [_told(each) for each in there][::-1]
        assert told[0] == ("voltgate", "Start", "passed", "")
        assert ("api:admin", "POST /tokens", "passed", "") in told
        assert ("api:admin", "POST /stations/{identity}/disconnect", "passed", "Cp-Ä1") in told
        assert ("", "POST /login", "refused", "") in told
        assert ("voltgate", "ChangeConfiguration", "passed", "") in told
        details = {each["action"]: each["detail"] for each in there}
        assert details["POST /tokens"] == "/tokens: t1, viewer"
        assert details["POST /login"] == "/login: ann"
        assert "sha256" in details["ChangeConfiguration"]
