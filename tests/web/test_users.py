"""Users: they log in with a name and a password, and do what their roles allow, in their networks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter
from starlette.requests import HTTPConnection

from tests.harness import until, within
from tests.web.world import Answer, Web, serving
from voltgate.app.database import upgrade
from voltgate.directory.hashes import hashed
from voltgate.relay.records import AuditRecord
from voltgate.store.address import open_engine, read_address
from voltgate.store.reach import Reach
from voltgate.store.users import Users
from voltgate.web.audited import Audit
from voltgate.web.networks import OperatorReach, ViewerReach
from voltgate.web.networks import Reach as InNetworks

PASSWORD = "correct horse battery"
router = APIRouter()


def shown(reach: InNetworks) -> list[str] | None:
    return None if reach.networks is None else sorted(reach.networks)


@router.get("/seen/by/viewers")
async def by_viewers(reach: ViewerReach) -> list[str] | None:
    """Show which networks a viewer sees."""
    return shown(reach)


@router.get("/seen/by/operators")
async def by_operators(reach: OperatorReach) -> list[str] | None:
    """Show in which networks an operator acts."""
    return shown(reach)


@router.get("/of/{network}")
async def of_network(network: str, reach: ViewerReach) -> str:
    """Show something that belongs to a network."""
    assert reach.only(network) == network
    return network


class Company:
    """An API with users, in a database of its own."""

    def __init__(self, web: Web) -> None:
        self.web = web

    async def ask(self, method: str, path: str, token: str | None = "admin", body: Any = None) -> Answer:
        """Ask, as the administrator unless another token is given."""
        more = {} if body is None else {"json": body}
        return await self.web.ask(method, f"/api/v1{path}", token, **more)

    async def invited(self, login: str, roles: dict[str, str] | None = None) -> str:
        """Make a user; give the invitation."""
        made = await self.ask("POST", "/users", "admin", {"login": login, "roles": roles or {"*": "viewer"}})
        assert made.status == 201, made.json
        return str(made.json["invitation"])

    async def choose(self, invitation: str, password: str = PASSWORD) -> int:
        """Choose a password."""
        return (await self.ask("POST", "/password", None, {"invitation": invitation, "password": password})).status

    async def log_in(self, login: str, password: str = PASSWORD) -> Answer:
        """Log in."""
        return await self.ask("POST", "/login", None, {"login": login, "password": password})

    async def token(self, login: str, roles: dict[str, str] | None = None) -> str:
        """Make a user and log in; give the token."""
        assert await self.choose(await self.invited(login, roles)) == 204
        return str((await self.log_in(login)).json["token"])


@pytest.fixture
async def company(tmp_path: Path) -> AsyncIterator[Company]:
    """An API with an empty table of users."""
    address = read_address("sqlite:///x.db", tmp_path)
    await upgrade(address)
    engine = open_engine(address, 5)
    async with serving(resources=[router], users=Users(Reach(lambda: engine))) as web:
        yield Company(web)
    await engine.dispose()


async def test_a_user_chooses_a_password_and_logs_in(company: Company) -> None:
    """Who is invited chooses a password, once; name and password give a token, in any case of the name."""
    invitation = await company.invited("Ada@x.example", {"*": "operator"})
    assert (await company.log_in("ada@x.example", PASSWORD)).status == 401
    assert await company.choose(invitation, "short") == 422
    assert await company.choose(invitation) == 204
    assert await company.choose(invitation, "another password") == 404
    answer = await company.log_in("ADA@x.EXAMPLE")
    assert answer.status == 200
    assert answer.json["user"] == {
        "login": "Ada@x.example",
        "person": "",
        "roles": {"*": "operator"},
        "has_password": True,
        "invited_until": None,
        "at": "2027-01-15T08:16:40.250Z",
        "by": "the-admin",
    }
    assert answer.json["until"] == "2027-01-15T20:16:40.250Z"
    me = await company.ask("GET", "/me", answer.json["token"])
    assert me.json == {
        "name": "user:Ada@x.example",
        "role": "operator",
        "backends": [],
        "login": "Ada@x.example",
        "networks": {},
        "csrf": None,
    }
    assert (await company.ask("GET", "/users", answer.json["token"])).json["detail"] == (
        'This takes the role "admin". The user "Ada@x.example" has "operator".'
    )


async def test_whose_password_is_chosen_is_written_down(company: Company) -> None:
    """Who chooses a password has no token yet: the audit trail says whose it is, and no secret."""
    kept: list[AuditRecord] = []
    invitation = await company.invited("Ada")
    company.web.app.state.audit = Audit(kept.append)
    assert await company.choose("vg_none") == 404
    assert await company.choose(invitation) == 204
    assert [(each.backend, each.answer, each.detail) for each in kept] == [
        ("", "404 Not Found", "/password"),
        ("", "204 No Content", "/password: ada"),
    ]


async def test_a_log_out_ends_one_login(company: Company) -> None:
    """The token of a login is of no use after a log-out; another login of the same user is."""
    first = await company.token("ada")
    second = (await company.log_in("ada")).json["token"]
    assert (await company.ask("POST", "/logout", first)).status == 204
    assert (await company.ask("GET", "/me", first)).status == 401
    assert (await company.ask("GET", "/me", second)).status == 200
    assert (await company.ask("POST", "/logout", "admin")).status == 409


async def test_a_login_ends_by_itself(company: Company) -> None:
    """A token lasts as long as the setting says; a stream that it opened ends with it, too."""
    token = await company.token("ada")
    access, clock = company.web.access, company.web.clock
    connection = HTTPConnection({"type": "http", "headers": [(b"authorization", f"Bearer {token}".encode())]})
    connection.state.caller = access.caller(connection)
    clock.now += 43_200 - 0.2
    assert (await company.ask("GET", "/me", token)).status == 200
    watching = asyncio.ensure_future(access.withdrawn(connection))
    await asyncio.sleep(0)
    clock.now += 0.2
    assert (await company.ask("GET", "/me", token)).json["detail"] == "The login has ended: log in again."
    await within(watching, "the end of what the login opened")


async def test_passwords_are_tried_a_few_times(company: Company) -> None:
    """Wrong passwords are held back by name and address, also for a user who is not there; a minute frees some."""
    await company.token("ada")
    users = company.web.users
    assert users is not None
    users._hashes._most = 0  # nothing is verified any more: what is not held back is busy
    assert (await company.log_in("ada", "wrong password")).status == 503
    users._hashes._most = 20
    for name in ("bob", "bob"):
        assert (await company.log_in(name, "wrong password")).status == 401
    users._throttle.per_minute = 2
    refused = await company.log_in("bob", "wrong password")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "30")
    assert (await company.log_in("ada")).status == 200
    company.web.clock.now += 30
    assert (await company.log_in("bob", "wrong password")).status == 401
    assert company.web.access.refused == {"wrong": 3, "unknown token": 0, "too often": 1}


async def test_a_user_sees_some_networks(company: Company) -> None:
    """A role in single networks opens these, what a role above it opens as well, and nothing of the gateway."""
    both = await company.token("both", {"north": "viewer", "south": "operator"})
    everywhere = await company.token("all", {"*": "viewer", "north": "admin"})
    nowhere = await company.token("none", {"west": "viewer"})

    async def seen(token: str) -> list[Any]:
        answers = [await company.ask("GET", f"/seen/by/{whom}", token) for whom in ("viewers", "operators")]
        return [answer.json if answer.status == 200 else answer.status for answer in answers]

    assert await seen(both) == [["north", "south"], ["south"]]
    assert await seen(everywhere) == [None, ["north"]]
    assert await seen(nowhere) == [["west"], 403]
    assert await seen("viewer") == [None, 403]
    assert await seen("backend") == [403, 403]
    assert (await company.ask("GET", "/of/north", both)).status == 200
    hidden = await company.ask("GET", "/of/east", both)
    assert (hidden.status, hidden.json["detail"]) == (404, 'There is no network "east".')
    me = await company.ask("GET", "/me", both)
    assert (me.json["role"], me.json["networks"]) == ("member", {"north": "viewer", "south": "operator"})
    assert (await company.ask("GET", "/tokens", both)).status == 403


async def test_a_user_is_changed(company: Company) -> None:
    """Other roles are in force at once, also for who is logged in; what is left out stays."""
    token = await company.token("ada", {"north": "viewer"})
    changed = await company.ask("PATCH", "/users/ADA", "admin", {"roles": {"*": "admin"}})
    assert (changed.status, changed.json["roles"], changed.json["person"]) == (200, {"*": "admin"}, "")
    named = await company.ask("PATCH", "/users/ada", token, {"person": "Ada L."})
    assert (named.json["roles"], named.json["person"]) == ({"*": "admin"}, "Ada L.")
    assert (await company.ask("PATCH", "/users/ada", token, {"roles": {"*": "king"}})).status == 422
    assert (await company.ask("PATCH", "/users/bob", token, {"person": "Bob"})).status == 404
    assert (await company.ask("GET", "/users/bob", token)).status == 404
    assert (await company.ask("POST", "/users", token, {"login": "ADA", "roles": {}})).status == 409
    listed = await company.ask("GET", "/users", token)
    assert [user["login"] for user in listed.json["items"]] == ["ada"]


async def test_a_user_is_deleted(company: Company) -> None:
    """Who is deleted is not let in any more, logged in or not."""
    token = await company.token("ada")
    assert (await company.ask("DELETE", "/users/ada")).status == 204
    assert (await company.ask("GET", "/me", token)).status == 401
    assert (await company.log_in("ada")).status == 401
    assert (await company.ask("DELETE", "/users/ada")).status == 404


async def test_a_lost_password(company: Company) -> None:
    """Another invitation takes the place of the first one; the former password is valid until it is used."""
    token = await company.token("ada")
    first = (await company.ask("POST", "/users/ada/invitation")).json["invitation"]
    second = (await company.ask("POST", "/users/ada/invitation")).json["invitation"]
    assert (await company.ask("POST", "/users/bob/invitation")).status == 404
    assert await company.choose(first, "another password") == 404
    assert (await company.ask("GET", "/me", token)).status == 200
    assert await company.choose(second, "another password") == 204
    assert (await company.ask("GET", "/me", token)).status == 401
    assert (await company.log_in("ada")).status == 401
    assert (await company.log_in("ada", "another password")).status == 200


async def test_an_invitation_ends(company: Company) -> None:
    """After its time an invitation is worth nothing."""
    invitation = await company.invited("ada")
    company.web.clock.now += 604_800
    assert await company.choose(invitation) == 404


async def test_a_password_is_changed(company: Company) -> None:
    """Who knows the password may choose another, which ends all logins; a token of no user has none."""
    token = await company.token("ada")
    wrong = {"password": "not mine at all", "new": "another password"}
    assert (await company.ask("PUT", "/me/password", token, wrong)).status == 401
    right = {"password": PASSWORD, "new": "another password"}
    assert (await company.ask("PUT", "/me/password", token, right)).status == 204
    assert (await company.ask("GET", "/me", token)).status == 401
    assert (await company.log_in("ada", "another password")).status == 200
    assert (await company.ask("PUT", "/me/password", "admin", right)).status == 409


async def test_what_others_have_written(company: Company) -> None:
    """Users and logins of another gateway count once they are read; roles that nobody knows let do nothing."""
    users = company.web.users
    assert users is not None
    token = await company.token("ada")
    table = users._table
    await table.change("ada", roles={"*": "emperor", "north": "viewer", "south": ""})
    await users.heard(["ada"])
    me = await company.ask("GET", "/me", token)
    assert (me.json["role"], me.json["networks"]) == ("member", {"north": "viewer"})
    await table.change("ada", ends=True, password=await asyncio.to_thread(hashed, "of another gateway"))
    await users.missed()
    assert (await company.ask("GET", "/me", token)).status == 401
    assert (await company.log_in("ada", "of another gateway")).status == 200


async def test_strangers_do_not_have_the_table_read_at_will(company: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invitation that nobody knows may be of another gateway; the table is read once a second for such."""
    users = company.web.users
    assert users is not None
    reads = 0
    read = users._table.read

    async def counted(now: float) -> Any:
        nonlocal reads
        reads += 1
        return await read(now)

    monkeypatch.setattr(users._table, "read", counted)
    for _ in range(5):
        assert await company.choose("vg_nobody") == 404
    assert reads == 1
    company.web.clock.now += 1.0
    assert await company.choose("vg_nobody") == 404
    assert reads == 2


async def test_they_are_read_again_and_again(company: Company) -> None:
    """Users that another gateway has made, which cannot say so, are found after a while."""
    users = company.web.users
    assert users is not None
    following = asyncio.ensure_future(users.follow(0.0))
    await within(following, "a look at the table")
    assert users.users == ()
    await company.invited("ada")
    users._users = {}
    await users.follow(0.0)
    await until(lambda: [user.login for user in users.users] == ["ada"], "the user")


async def test_a_large_body_is_not_read(company: Company) -> None:
    """Who is not known yet sends little."""
    answer = await company.log_in("ada", "x" * 9000)
    assert (answer.status, answer.json["detail"]) == (413, "A body may have 8 KiB here.")


async def test_without_a_database() -> None:
    """Where nothing is kept there are no users, and that is said."""
    async with serving() as web:
        answer = await web.ask("POST", "/api/v1/login", json={"login": "ada", "password": PASSWORD})
        assert (answer.status, answer.json["title"]) == (503, "Service Unavailable")
