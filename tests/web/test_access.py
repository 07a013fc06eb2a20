"""Who is let in: by which token, from where, and to do what."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.requests import HTTPConnection
from structlog.testing import capture_logs

from tests.harness import until, within
from tests.web.world import ROLES, Clock, Web, serving
from voltgate.config import read
from voltgate.relay.records import StoreAway
from voltgate.store.api_tokens import ApiTokens, TokenRecord
from voltgate.telemetry.supervision import Supervision
from voltgate.web import stream
from voltgate.web.access import Access, AccessToken, Admin, Caller, Claimant, Operator, Viewer
from voltgate.web.bearer import digest_of, fresh, written
from voltgate.web.first_token import first_token
from voltgate.web.issued_tokens import IssuedTokens
from voltgate.web.networks import OperatorReach, ViewerReach
from voltgate.web.problems import Problem

router = APIRouter()


@router.get("/for/viewers")
async def for_viewers(caller: Viewer) -> str:
    """Be open to viewers."""
    return caller.name


@router.get("/for/operators")
async def for_operators(caller: Operator) -> str:
    """Be open to operators."""
    return caller.name


@router.get("/for/admins")
async def for_admins(caller: Admin) -> str:
    """Be open to admins."""
    return caller.name


@router.get("/claims/{name}")
@router.put("/claims/{name}")
async def for_claimants(name: str, caller: Claimant) -> str:
    """Be open to the backend and those who act for it."""
    return f"{name} {caller.name}"


# Tokens.


async def test_a_role_includes_those_below_it() -> None:
    """An admin may do what an operator may, he what a viewer may; a backend's token is for its claims alone."""
    allowed: dict[str, list[int]] = {}
    async with serving(resources=[router]) as web:
        for role in ROLES:
            allowed[role] = [
                (await web.get(f"/api/v1/for/{whom}", role)).status for whom in ("viewers", "operators", "admins")
            ]
        refused = await web.get("/api/v1/for/operators", "viewer")
    assert allowed == {
        "viewer": [200, 403, 403],
        "operator": [200, 200, 403],
        "admin": [200, 200, 200],
        "backend": [403, 403, 403],
    }
    assert refused.kind == "application/problem+json"
    assert refused.json["detail"] == 'This takes the role "operator". The token "the-viewer" has "viewer".'


@pytest.mark.parametrize(
    ("role", "method", "backend", "status"),
    [
        ("backend", "PUT", "billing", 200),
        ("backend", "GET", "billing", 200),
        ("backend", "PUT", "employer", 403),
        ("backend", "GET", "employer", 403),
        ("admin", "PUT", "employer", 200),
        ("operator", "GET", "employer", 200),
        ("operator", "PUT", "employer", 403),
        ("viewer", "GET", "billing", 403),
        ("viewer", "PUT", "billing", 403),
    ],
)
async def test_claims_are_the_backends_own(role: str, method: str, backend: str, status: int) -> None:
    """A backend handles its own claims; admins act for any, operators look."""
    async with serving(resources=[router]) as web:
        assert (await web.ask(method, f"/api/v1/claims/{backend}", role)).status == status


async def test_a_caller_can_ask_who_he_is(web: Web) -> None:
    """`/me` says whose token it is, for every role."""
    answers = {role: (await web.get("/api/v1/me", role)).json for role in ROLES}
    assert answers["viewer"] == {
        "name": "the-viewer",
        "role": "viewer",
        "backends": [],
        "login": None,
        "networks": {},
        "csrf": None,
    }
    assert answers["backend"] == answers["viewer"] | {
        "name": "the-backend",
        "role": "backend",
        "backends": ["billing"],
    }


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer unknown"},
        {"Authorization": "Basic dTpw"},
        {"Authorization": "TOKEN"},
        {"Cookie": "token=TOKEN"},
        {"X-API-Key": "TOKEN"},
    ],
)
async def test_nothing_else_is_a_token(web: Web, headers: dict[str, str]) -> None:
    """Without a known token in its own header there is a 401 that says what is wanted, for every resource."""
    sent = {name: value.replace("TOKEN", web.tokens["admin"]) for name, value in headers.items()}
    for path in ("/api/v1/me", "/api/v1/tokens"):
        answer = await web.get(path, headers=sent)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.kind == "application/problem+json"


async def test_a_token_in_the_url_is_none(web: Web) -> None:
    """A token in a query string is not looked at: it would stand in the logs of every proxy."""
    answer = await web.get(f"/api/v1/me?access_token={web.tokens['admin']}&token={web.tokens['admin']}")
    assert answer.status == 401


async def test_two_tokens_are_none(web: Web) -> None:
    """A request with two Authorization headers is nobody's: two readers could take it for different callers."""
    head = f"Authorization: Bearer {web.tokens['admin']}\r\n"
    host, port = web.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET /api/v1/me HTTP/1.1\r\nHost: x\r\n{head}{head}\r\n".encode())
    async with asyncio.timeout(30):
        assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
    writer.close()
    await writer.wait_closed()


async def test_health_is_open(web: Web) -> None:
    """Health, readiness and metrics need no token."""
    assert [(await web.get(path)).status for path in ("/healthz", "/readyz", "/metrics")] == [200, 200, 200]


async def test_a_token_in_any_spelling_of_the_scheme(web: Web) -> None:
    """The scheme's name may be written in any case (RFC 9110 section 11.1)."""
    for scheme in ("bearer", "BEARER"):
        assert (
            await web.get("/api/v1/me", headers={"Authorization": f"{scheme} {web.tokens['viewer']}"})
        ).status == 200


async def test_the_configuration_can_change(web: Web) -> None:
    """What the configuration names from now on is known at once, and what it names no more is not."""
    token = "correct horse battery".replace(" ", "-")
    web.access.replace([AccessToken("new", "viewer", digest_of(token))])
    assert (await web.get("/api/v1/me", token)).json["name"] == "new"
    assert (await web.get("/api/v1/me", "admin")).status == 401


def test_nothing_shows_a_token() -> None:
    """Neither what is known nor who calls shows a token or its digest when it is printed."""
    token = fresh()
    known = AccessToken("x", "admin", digest_of(token))
    record = TokenRecord("x", "admin", digest_of(token), 0.0, "y")
    for shown in (repr(known), repr(record), repr(Access([known])), repr(Caller("x", "admin"))):
        assert token not in shown
        assert digest_of(token).hex() not in shown
        assert repr(digest_of(token)) not in shown


def _with(token: str) -> HTTPConnection:
    """Make a connection that carries a token."""
    return HTTPConnection({"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]})


def _is_let_in(access: Access, token: str) -> bool:
    """Return whether a token is let in."""
    try:
        access.caller(_with(token))
    except Problem:
        return False
    return True


def test_a_token_on_several_lists() -> None:
    """A token of the configuration is what that says, whatever else has the same digest; then the issued one counts."""
    listed = [AccessToken(name, "viewer", digest_of("twice")) for name in ("written", "issued", "logged in")]
    access = Access(listed[:1])
    access.replace_logins(listed[2:])
    access.replace_issued(listed[1:2])
    assert access.caller(_with("twice")).name == "written"
    access.replace(())
    assert access.caller(_with("twice")).name == "issued"


def test_a_login_is_no_use_of_a_token() -> None:
    """Who has logged in uses no token, though one is called as he is."""
    access = Access([AccessToken("ann", "viewer", digest_of("token"))])
    access.replace_logins([AccessToken("ann", "viewer", digest_of("login"), login="ann")])
    assert access.caller(_with("login")).login == "ann"
    assert access.used == {}
    access.caller(_with("token"))
    assert access.used.keys() == {"ann"}


# Trying.


async def test_who_tries_again_and_again_is_held_back(web: Web) -> None:
    """One wrong token is tried ten times a minute; then 429 says when to come again, and then it is 401 again."""
    answers = [await web.get("/api/v1/me", "wrong") for _ in range(12)]
    assert [answer.status for answer in answers] == [401] * 10 + [429] * 2
    assert answers[-1].kind == "application/problem+json"
    wait = int(answers[-1].headers["Retry-After"])
    assert wait == 6
    web.clock.now += wait
    assert (await web.get("/api/v1/me", "wrong")).status == 401
    assert web.access.refused == {"wrong": 0, "unknown token": 11, "too often": 2}


async def test_guessing_is_held_back_and_callers_are_not(web: Web) -> None:
    """A hundred different tokens from one address a minute, and no more; who got in from there before still does."""
    assert (await web.get("/api/v1/me", "viewer")).status == 200
    answers = [(await web.get("/api/v1/me", f"guess-{number}")).status for number in range(105)]
    assert answers == [401] * 100 + [429] * 5
    assert (await web.get("/api/v1/me", "viewer")).status == 200
    assert (await web.get("/api/v1/me", "admin")).status == 429, "it was not seen from there before"
    web.clock.now += 1
    assert (await web.get("/api/v1/me", "admin")).status == 200


# Tokens that are made.


async def test_a_token_is_made_used_and_deleted(web: Web) -> None:
    """A token is shown once, lets its bearer in with its role at once, stands on the list, and ends when deleted."""
    made = await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "ci", "role": "viewer"})
    assert made.status == 201
    assert {"name": "ci", "role": "viewer"}.items() <= made.json.items()
    token = made.json["token"]
    assert token.startswith("vg_")
    assert len(token) == 46
    me = (await web.get("/api/v1/me", token)).json
    assert (me["name"], me["role"], me["backends"]) == ("ci", "viewer", [])
    listed = await web.get("/api/v1/tokens", "admin")
    assert listed.json["total"] == 5
    assert listed.json["items"][-1] == {
        "name": "ci",
        "role": "viewer",
        "backends": [],
        "networks": {},
        "source": "api",
        "at": "2027-01-15T08:00:00.250Z",
        "by": "the-admin",
        "until": None,
        "used": "2027-01-15T08:16:40.250Z",
        "former_until": None,
    }
    assert token.encode() not in listed.content
    assert (await web.ask("DELETE", "/api/v1/tokens/ci", "admin")).status == 204
    assert (await web.get("/api/v1/me", token)).status == 401
    assert (await web.ask("DELETE", "/api/v1/tokens/ci", "admin")).status == 404


async def test_a_list_comes_in_parts(web: Web) -> None:
    """The list of tokens has a limit, an offset and a total."""
    part = (await web.get("/api/v1/tokens?offset=1&limit=2", "admin")).json
    assert [token["name"] for token in part["items"]] == ["the-operator", "the-admin"]
    assert (part["total"], part["offset"], part["limit"]) == (4, 1, 2)
    for query in ("limit=0", "limit=1001", "offset=-1", "limit=x"):
        assert (await web.get(f"/api/v1/tokens?{query}", "admin")).status == 422


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x"},
        {"name": "x", "role": "backend"},
        {"name": "x", "role": "root"},
        {"name": "", "role": "viewer"},
        {"name": "-x", "role": "viewer"},
        {"name": "x" * 65, "role": "viewer"},
        {"name": "x\n", "role": "viewer"},
        {"name": "x", "role": "viewer", "token": "mine"},
        [],
        None,
    ],
)
async def test_only_whole_tokens_are_made(web: Web, body: Any) -> None:
    """A name is a plain word, a role one of the three, and nobody brings a token of his own."""
    assert (await web.ask("POST", "/api/v1/tokens", "admin", json=body)).status == 422


async def test_names_are_taken_once(web: Web) -> None:
    """There is one token of a name, also when two are made at once; those of the configuration are not touched."""
    body = {"name": "ci", "role": "operator"}
    both = await asyncio.gather(*[web.ask("POST", "/api/v1/tokens", "admin", json=body) for _ in range(2)])
    assert sorted(answer.status for answer in both) == [201, 409]
    taken = await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "the-viewer", "role": "admin"})
    kept = await web.ask("DELETE", "/api/v1/tokens/the-viewer", "admin")
    assert (taken.status, kept.status) == (409, 409)
    assert "configuration" in kept.json["detail"]


@pytest.mark.parametrize("role", ["viewer", "operator", "backend"])
async def test_only_admins_make_tokens(web: Web, role: str) -> None:
    """Nobody gives himself a greater role."""
    assert (await web.get("/api/v1/tokens", role)).status == 403
    for scope in ({"role": "admin"}, {"role": role}, {"backends": ["billing"]}):
        assert (await web.ask("POST", "/api/v1/tokens", role, json={"name": "x"} | scope)).status == 403
    assert (await web.ask("DELETE", "/api/v1/tokens/x", role)).status == 403


async def test_made_tokens_outlive_the_process(table: ApiTokens) -> None:
    """A token that was made is known to the next process that reads the table, which holds nothing but its digest."""
    async with serving(table) as web:
        token = (await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "ci", "role": "operator"})).json[
            "token"
        ]
    assert [record.digest for record in await table.read()] == [digest_of(token)]
    async with serving(table) as web:
        assert (await web.get("/api/v1/me", token)).status == 401
        await web.app.state.issued_tokens.read()
        assert (await web.get("/api/v1/me", token)).json["role"] == "operator"


async def test_a_token_deleted_elsewhere_ends_here(table: ApiTokens) -> None:
    """A gateway that follows the table lets nobody in any more whose token another gateway has deleted."""
    async with serving(table) as web:

        async def status() -> int:
            web.clock.now += 60  # who asks again and again would be held back
            return (await web.get("/api/v1/me", token)).status

        async def let_in() -> bool:
            return await status() == 200

        async def turned_away() -> bool:
            return await status() == 401

        token = await IssuedTokens(Access(), table).make("ci", "viewer", "x")
        following = Supervision().repeat("api tokens", lambda: web.app.state.issued_tokens.follow(0.01))
        await until(let_in, "the token is let in")
        await table.remove("ci")
        await until(turned_away, "the token is not let in any more")
        following.cancel()
        await asyncio.wait([following])


async def test_a_token_of_another_role_is_another() -> None:
    """Who was let in by a token learns when it is gone or allows something else, and not when others change."""
    ours, other = (AccessToken(name, "operator", digest_of(name.encode())) for name in ("ours", "other"))
    access = Access([ours])
    connection = HTTPConnection({"type": "http", "headers": [(b"authorization", b"Bearer ours")]})
    for change in ([replace(ours, role="viewer")], [other]):
        access.replace([ours])
        connection.state.caller = access.caller(connection)
        waiting = asyncio.ensure_future(access.withdrawn(connection))
        access.replace([ours, other])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not waiting.done()
        access.replace(change)
        await within(waiting, "the token is another")


async def test_a_token_that_ends_by_itself() -> None:
    """Who was let in by a token learns when its time is over, though nothing changes."""
    token = AccessToken("ci", "viewer", digest_of("token"), until=time.time() + 0.05)
    await within(Access([token]).ended(token.digest, token.caller), "the token has ended", 20)


async def test_a_reader_who_does_not_read_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream whose token is withdrawn ends though nobody takes the last words."""
    monkeypatch.setattr(stream, "_FAREWELL", 0.01)

    async def pieces() -> stream.Pieces:
        yield ()

    async def forever(*_: object) -> Any:
        await asyncio.Event().wait()

    class Withdrawn(Access):
        async def withdrawn(self, connection: HTTPConnection) -> None:
            """Be so at once."""

    app = SimpleNamespace(state=SimpleNamespace(access=Withdrawn()))
    response = stream.EventStream(pieces(), stream.Streams())
    state = {"caller": SimpleNamespace(name="a-reader")}
    scope = {"type": "http", "headers": [], "app": app, "state": state}
    await within(response(scope, forever, forever), "the stream ends", 20)


async def test_a_token_that_ends(table: ApiTokens) -> None:
    """A token that was made for a time is let in until then, and no longer; the list says until when."""
    async with serving(table) as web:
        wanted = {"name": "ci", "role": "viewer", "expires_in": 2000}
        token = (await web.ask("POST", "/api/v1/tokens", "admin", json=wanted)).json["token"]
        (shown,) = [each for each in (await web.get("/api/v1/tokens", "admin")).json["items"] if each["name"] == "ci"]
        assert shown["until"] == "2027-01-15T08:33:20.250Z"
        web.clock.now = 1999.0
        assert (await web.get("/api/v1/me", token)).status == 200
        web.clock.now = 2000.0
        ended = await web.get("/api/v1/me", token)
        assert (ended.status, ended.json["detail"]) == (401, "The token has ended.")
        for seconds in (1, -5, 1e12, "1h"):
            wrong = {"name": "x", "role": "viewer", "expires_in": seconds}
            assert (await web.ask("POST", "/api/v1/tokens", "admin", json=wrong)).status == 422


async def test_a_token_for_single_networks(table: ApiTokens) -> None:
    """A token with roles in some networks has no other there, at each gateway; after a rotation it has the same."""
    async with serving(table, resources=[networks_router()]) as web, serving(table) as other:
        wanted = {"name": "ci", "networks": {"north": "operator", "south": "viewer"}}
        made = await web.ask("POST", "/api/v1/tokens", "admin", json=wanted)
        assert (made.status, made.json["role"]) == (201, "member")
        again = (await web.ask("POST", "/api/v1/tokens/ci/rotation", "admin", json={})).json["token"]
        await other.app.state.issued_tokens.read()
        for each in (web, other):
            for token in (made.json["token"], again):
                me = (await each.get("/api/v1/me", token)).json
                assert (me["role"], me["networks"]) == ("member", {"north": "operator", "south": "viewer"})
                assert (await each.get("/api/v1/tokens", token)).status == 403
        assert (await web.get("/api/v1/reached/viewer", again)).json == ["north", "south"]
        assert (await web.get("/api/v1/reached/operator", again)).json == ["north"]
        both = {"name": "x", "role": "viewer", "networks": {"north": "viewer"}}
        for wrong in (
            both,
            {"name": "x"},
            {"name": "x", "networks": {}},
            {"name": "x", "networks": {"north": "member"}},
        ):
            assert (await web.ask("POST", "/api/v1/tokens", "admin", json=wrong)).status == 422


async def test_a_token_that_claims(table: ApiTokens) -> None:
    """A token claims for the backends that it was made for, at each gateway; after a rotation it does the same."""
    async with serving(table, resources=[router]) as web, serving(table, resources=[router]) as other:
        wanted = {"name": "ci", "backends": ["employer", "billing", "billing"], "expires_in": 2000}
        made = await web.ask("POST", "/api/v1/tokens", "admin", json=wanted)
        assert (made.status, made.json["role"]) == (201, "backend")
        former = made.json["token"]
        again = (await web.ask("POST", "/api/v1/tokens/ci/rotation", "admin", json={"overlap": 1500})).json["token"]
        (shown,) = [each for each in (await web.get("/api/v1/tokens", "admin")).json["items"] if each["name"] == "ci"]
        assert (shown["role"], shown["backends"], shown["networks"]) == ("backend", ["billing", "employer"], {})
        await other.app.state.issued_tokens.read()
        assert (await other.get("/api/v1/claims/billing", again)).status == 200
        assert (await other.ask("PUT", "/api/v1/claims/another", again)).status == 403
        assert (await other.get("/api/v1/for/viewers", again)).status == 403
        me = (await other.get("/api/v1/me", again)).json
        assert (me["name"], me["role"], me["backends"]) == ("ci", "backend", ["billing", "employer"])
        for at, statuses in ((1499.0, [200, 200]), (1500.0, [401, 200]), (2000.0, [401, 401])):
            for each in (web, other):
                each.clock.now = at
                for path in ("/claims/billing", "/claims/employer"):
                    found = [(await each.ask("PUT", f"/api/v1{path}", text)).status for text in (former, again)]
                    assert found == statuses


@pytest.mark.parametrize(
    ("scope", "where"),
    [
        ({"backends": []}, "body.backends"),
        ({"backends": ["billing"], "role": "viewer"}, "body"),
        ({"backends": ["billing"], "networks": {"north": "viewer"}}, "body"),
        ({"backends": "billing"}, "body.backends"),
        ({"backends": ["*"]}, "body.backends[0]"),
        ({"backends": ["billing", "nobody"]}, "body.backends[1]"),
    ],
)
async def test_a_token_claims_for_backends_that_are_there(web: Web, scope: dict[str, Any], where: str) -> None:
    """A token claims for backends of the configuration, and has no other scope beside."""
    refused = await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "ci"} | scope)
    assert (refused.status, [error["where"] for error in refused.json["errors"]]) == (422, [where])
    assert (await web.get("/api/v1/tokens", "admin")).json["total"] == 4


def networks_router() -> APIRouter:
    """Make operations that say which networks a caller reaches."""
    router = APIRouter()

    @router.get("/reached/viewer")
    async def looks(reach: ViewerReach) -> list[str]:
        return sorted(reach.networks or ())

    @router.get("/reached/operator")
    async def acts(reach: OperatorReach) -> list[str]:
        return sorted(reach.networks or ())

    return router


async def test_a_token_is_rotated_without_a_gap(table: ApiTokens) -> None:
    """Both tokens are let in until the overlap is over, at each gateway; then the new one alone."""
    async with serving(table) as web, serving(table) as other:
        former = (await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "ci", "role": "operator"})).json[
            "token"
        ]
        made = await web.ask("POST", "/api/v1/tokens/ci/rotation", "admin", json={"overlap": 1500})
        assert (made.status, made.json["role"]) == (201, "operator")
        token = made.json["token"]
        await other.app.state.issued_tokens.read()
        for at, statuses in ((1499.0, [200, 200]), (1500.0, [401, 200])):
            for each in (web, other):
                each.clock.now = at
                assert [(await each.get("/api/v1/me", text)).status for text in (former, token)] == statuses
        at_once = await web.ask("POST", "/api/v1/tokens/ci/rotation", "admin", json={"overlap": 0})
        assert (await web.get("/api/v1/me", token)).status == 401
        assert (await web.get("/api/v1/me", at_once.json["token"])).json["name"] == "ci"
        assert (await web.ask("POST", "/api/v1/tokens/nobody/rotation", "admin", json={})).status == 404
        assert (await web.ask("POST", "/api/v1/tokens/the-viewer/rotation", "admin", json={})).status == 409
        assert (await web.ask("POST", "/api/v1/tokens/ci/rotation", "operator", json={})).status == 403


async def test_a_token_that_ends_is_rotated(table: ApiTokens) -> None:
    """The answer says when both end: the new one when the former would have, or as is asked; one that ended is none."""
    async with serving(table) as web:

        async def rotated(**asked: float) -> tuple[int, object, object]:
            made = await web.ask("POST", "/api/v1/tokens/ci/rotation", "admin", json=asked)
            return made.status, made.json.get("until"), made.json.get("former_until")

        wanted = {"name": "ci", "role": "viewer", "expires_in": 2000}
        made = await web.ask("POST", "/api/v1/tokens", "admin", json=wanted)
        assert (made.json["until"], made.json["former_until"]) == ("2027-01-15T08:33:20.250Z", None)
        assert await rotated(overlap=60) == (201, "2027-01-15T08:33:20.250Z", "2027-01-15T08:01:00.250Z")
        assert await rotated() == (201, "2027-01-15T08:33:20.250Z", "2027-01-15T08:33:20.250Z")
        assert await rotated(expires_in=7200, overlap=0) == (
            (201, "2027-01-15T10:00:00.250Z", "2027-01-15T08:00:00.250Z")
        )
        web.app.state.issued_tokens = IssuedTokens(web.access, table, lambda: 1_800_007_200.25)
        await web.app.state.issued_tokens.read()
        assert (await rotated())[0] == 409
        assert await rotated(expires_in=60) == (201, "2027-01-15T10:01:00.250Z", "2027-01-15T10:00:00.250Z")
        endless = (await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "on", "role": "viewer"})).json
        assert endless["until"] is None


async def test_a_token_is_rotated_at_two_gateways_at_once(table: ApiTokens) -> None:
    """Who has just been given a token keeps it for the overlap of the next rotation, whichever gateway that is at."""
    async with serving(table) as web, serving(table) as other:
        first = (await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "ci", "role": "viewer"})).json["token"]
        await other.app.state.issued_tokens.read()
        rotation = "/api/v1/tokens/ci/rotation"
        second = (await web.ask("POST", rotation, "admin", json={"overlap": 1500})).json["token"]
        third = (await other.ask("POST", rotation, "admin", json={"overlap": 1500})).json["token"]
        await web.app.state.issued_tokens.read()
        for each in (web, other):
            assert [(await each.get("/api/v1/me", text)).status for text in (first, second, third)] == [401, 200, 200]
        assert (await web.ask("DELETE", "/api/v1/tokens/ci", "admin")).status == 204
        assert (await other.ask("POST", rotation, "admin", json={})).status == 404
        assert (await other.get("/api/v1/me", third)).status == 401


class _Held:
    """A table whose rows are read at once, and handed over when the gate is open."""

    def __init__(self) -> None:
        self.rows: dict[str, TokenRecord] = {}
        self.gate = asyncio.Event()

    async def read(self) -> list[TokenRecord]:
        """Give the rows as they were when they were asked for."""
        rows = list(self.rows.values())
        await self.gate.wait()
        return rows

    async def add(self, record: TokenRecord) -> bool:
        """Keep a token."""
        self.rows[record.name] = record
        return True

    async def change(self, name: str, known: bytes, **values: Any) -> bool:
        """Change a token."""
        self.rows[name] = replace(self.rows[name], **values)
        return True

    async def note_use(self, used: Mapping[str, float]) -> None:
        """Keep nothing of it."""

    async def remove(self, name: str) -> bool:
        """Forget a token."""
        return self.rows.pop(name, None) is not None


@pytest.mark.parametrize(
    ("change", "former", "made"),
    [
        (lambda tokens: tokens.make("new", "viewer", "x"), True, True),
        (lambda tokens: tokens.rotate("ci", 0.0), False, True),
        (lambda tokens: tokens.remove("ci"), False, False),
    ],
    ids=["make", "rotate", "remove"],
)
async def test_tokens_that_change_while_they_are_read(
    change: Callable[[IssuedTokens], Coroutine[Any, Any, str | bool]], former: bool, made: bool
) -> None:
    """What was read before a change does not undo it: a token that was deleted meanwhile is let in no more."""
    access, table = Access(), _Held()
    tokens = IssuedTokens(access, table)
    token = await tokens.make("ci", "viewer", "x")
    reading = asyncio.ensure_future(tokens.read())
    await asyncio.sleep(0)
    changing = asyncio.ensure_future(change(tokens))
    for _ in range(5):
        await asyncio.sleep(0)
    table.gate.set()
    _, told = await within(asyncio.gather(reading, changing), "it is read and changed")
    assert _is_let_in(access, str(token)) == former
    assert _is_let_in(access, str(told)) == made


async def test_a_token_of_a_name_that_was_used(web: Web) -> None:
    """A token that takes the name of one that is gone was never used."""

    async def made() -> tuple[str, str | None]:
        token = (await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "ci", "role": "viewer"})).json["token"]
        (listed,) = [each for each in (await web.get("/api/v1/tokens", "admin")).json["items"] if each["name"] == "ci"]
        return token, listed["used"]

    token, _ = await made()
    assert (await web.get("/api/v1/me", token)).status == 200
    assert (await web.ask("DELETE", "/api/v1/tokens/ci", "admin")).status == 204
    assert (await made())[1] is None


async def test_the_last_use_of_a_token_is_shown(table: ApiTokens) -> None:
    """The list says when each token was used last, here or, a while later, at another gateway."""

    async def used(of: Web) -> dict[str, str | None]:
        return {each["name"]: each["used"] for each in (await of.get("/api/v1/tokens", "admin")).json["items"]}

    async with serving(table) as web, serving(table) as other:
        token = (await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "ci", "role": "viewer"})).json["token"]
        assert (await used(web))["ci"] is None
        assert (await web.get("/api/v1/me", token)).status == 200
        shown = await used(web)
        assert shown["ci"] == shown["the-admin"] == "2027-01-15T08:16:40.250Z"
        assert shown["the-viewer"] is None
        await web.app.state.issued_tokens.follow(0)
        await other.app.state.issued_tokens.follow(0)
        assert (await used(other))["ci"] == "2027-01-15T08:16:40.250Z"


async def test_a_token_has_a_rate(web: Web) -> None:
    """Who asks more often than the setting allows is told to wait, and nobody else is; after that it goes on."""
    web.access.rate = 2.0
    assert [(await web.get("/api/v1/me", "viewer")).status for _ in range(20)] == [200] * 20
    held = await web.get("/api/v1/me", "viewer")
    assert (held.status, held.headers["Retry-After"]) == (429, "1")
    assert held.json["detail"] == "This token makes more than 2 requests a second."
    assert (await web.get("/api/v1/me", "operator")).status == 200
    web.clock.now += 0.5
    assert [(await web.get("/api/v1/me", "viewer")).status for _ in range(2)] == [200, 429]


def test_a_rate_of_less_than_one_in_ten_seconds() -> None:
    """A token whose rate is that small is let in now and then; one that is taken away and given again begins anew."""
    clock = Clock()
    token = AccessToken("ci", "viewer", digest_of("token"))
    access = Access([token], clock=clock)
    access.rate = 0.05
    assert [_is_let_in(access, "token") for _ in range(2)] == [True, False]
    clock.now += 20
    assert [_is_let_in(access, "token") for _ in range(2)] == [True, False]
    access.replace(())
    access.replace([token])
    assert _is_let_in(access, "token")


async def test_metrics_behind_a_token(web: Web) -> None:
    """By setting the metrics take a token of a viewer; without one they are open, health is in either case."""
    assert (await web.get("/metrics")).status == 200
    web.access.guards_metrics = True
    assert [(await web.get("/metrics", token)).status for token in (None, "backend", "viewer")] == [401, 403, 200]
    assert [(await web.get(path)).status for path in ("/healthz", "/readyz")] == [200, 200]


async def test_a_token_of_another_version(table: ApiTokens) -> None:
    """A row with a role that is not known lets nobody in, keeps no other from being read, and is said once."""
    async with serving(table) as web:
        tokens = {name: fresh() for name in ("old", "new", "claims")}
        await table.add(TokenRecord("claims", "backend", digest_of(tokens["claims"]), 1.0, "x"))
        await table.add(TokenRecord("old", "viewer", digest_of(tokens["old"]), 1.0, "x"))
        await table.add(TokenRecord("new", "owner", digest_of(tokens["new"]), 1.0, "x"))
        with capture_logs() as logs:
            await web.app.state.issued_tokens.read()
            await web.app.state.issued_tokens.read()
        assert [line["token"] for line in logs] == ["claims", "new"]
        assert [(await web.get("/api/v1/me", tokens[name])).status for name in tokens] == [200, 401, 401]
        assert {record.name for record in await table.read()} == {"old", "new", "claims"}
        assert (await web.ask("DELETE", "/api/v1/tokens/new", "admin")).status == 204
        assert {record.name for record in await table.read()} == {"old", "claims"}


class _Away(ApiTokens):
    """A table whose database does not answer."""

    def __init__(self) -> None:
        """Have no database."""

    async def read(self) -> list[TokenRecord]:
        """Fail."""
        raise StoreAway("it is away")

    async def add(self, record: TokenRecord) -> bool:
        """Fail."""
        raise StoreAway("it is away")

    async def remove(self, name: str) -> bool:
        """Fail."""
        raise StoreAway("it is away")


@pytest.mark.parametrize("kept", [None, _Away()])
async def test_without_a_database_no_token_is_made(kept: ApiTokens | None) -> None:
    """Without a database, or while it is away, making and deleting tokens is a 503; those of the file go on."""
    async with serving(kept) as web:
        made = await web.ask("POST", "/api/v1/tokens", "admin", json={"name": "ci", "role": "viewer"})
        gone = await web.ask("DELETE", "/api/v1/tokens/ci", "admin")
        listed = await web.get("/api/v1/tokens", "admin")
    assert (made.status, gone.status) == (503, 503)
    assert made.kind == "application/problem+json"
    assert listed.json["total"] == 4


# The first token.


def test_the_first_token_is_made_once(tmp_path: Path) -> None:
    """Where nobody has set a token, a file is made that its owner alone can read; the next start reads it."""
    folder = tmp_path / "var" / "voltgate"
    token = first_token(folder)
    file = folder / "admin-token"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text() == f"{token}\n"
    assert token.startswith("vg_")
    assert first_token(folder) == token
    assert os.listdir(folder) == ["admin-token"]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    """Sixteen that start at the same time have one token."""
    found: list[str] = []
    together = threading.Barrier(16)

    def start() -> None:
        together.wait()
        found.append(first_token(tmp_path))

    threads = [threading.Thread(target=start) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 16
    assert len(set(found)) == 1
    assert os.listdir(tmp_path) == ["admin-token"]


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (b"", 0o600, "holds no token"),
        (b"short\n", 0o600, "holds no token"),
        (b"two words that are long enough\n", 0o600, "holds no token"),
        (b"\xff" * 40, 0o600, "holds no token"),
        (b"vg_long-enough-to-be-a-token\n", 0o640, "chmod 600"),
        (b"vg_long-enough-to-be-a-token\n", 0o604, "chmod 600"),
    ],
)
def test_a_first_token_that_others_know_is_none(tmp_path: Path, content: bytes, mode: int, why: str) -> None:
    """A file that others can read, or that holds no token, is refused with what to do."""
    file = tmp_path / "admin-token"
    file.write_bytes(content)
    file.chmod(mode)
    with pytest.raises(OSError, match=why):
        first_token(tmp_path)


def test_a_link_is_no_first_token(tmp_path: Path) -> None:
    """A symbolic link, also one that leads nowhere, is not followed: whoever made it could choose the token."""
    (tmp_path / "admin-token").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="admin-token"):
        first_token(tmp_path)
    assert not (tmp_path / "elsewhere").exists()


# The command, and the configuration.


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "voltgate", "token", *arguments], capture_output=True, text=True, check=False, timeout=60
    )


def test_the_command_prints_a_token_and_its_lines(tmp_path: Path) -> None:
    """`voltgate token` prints a fresh token once, and lines that let it in when they stand in the configuration."""
    done = _command("ci", "--role", "operator")
    token, _, lines = done.stdout.partition("\n")
    assert done.returncode == 0
    assert tomllib.loads(lines) == {
        "api": {"tokens": [{"name": "ci", "role": "operator", "hash": written(digest_of(token))}]}
    }
    file = tmp_path / "voltgate.toml"
    file.write_text(lines)
    (entry,) = read(file, {}).config.api.tokens
    assert (entry.name, entry.role, entry.digest) == ("ci", "operator", digest_of(token))
    assert _command("ci", "--role", "operator").stdout != done.stdout


def test_the_command_says_when_a_token_ends(tmp_path: Path) -> None:
    """With `--expires` the lines say when it ends; what is no time is refused."""
    done = _command("ci", "--role", "admin", "--expires", "2100-06-30T12:00:00+02:00")
    file = tmp_path / "voltgate.toml"
    file.write_text(done.stdout.partition("\n")[2])
    (entry,) = read(file, {}).config.api.tokens
    assert entry.expires == datetime(2100, 6, 30, 10, tzinfo=UTC)
    wrong = _command("ci", "--role", "admin", "--expires", "in a year")
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_the_command_speaks_json() -> None:
    """With `--json` it is one object, for scripts."""
    made = json.loads(_command("ci", "--role", "viewer", "--json").stdout)
    assert made["hash"] == written(digest_of(made["token"]))


@pytest.mark.parametrize("arguments", [["ci"], ["ci", "--role", "root"], ["c i", "--role", "viewer"], []])
def test_the_command_objects_to_what_would_not_work(arguments: list[str]) -> None:
    """A name or role that the configuration would refuse is refused when the token is made."""
    done = _command(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
