"""Single sign-on: whom the provider knows is let in by what it says of them, and nobody by what it did not say."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from http.cookies import Morsel, SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.harness import within
from tests.web.provider import CLIENT, NOW, SECRET, Provider, provider_running
from tests.web.test_users import PASSWORD, Company
from tests.web.world import Answer, serving
from voltgate.app.database import upgrade
from voltgate.store.address import open_engine, read_address
from voltgate.store.reach import Reach
from voltgate.store.tables import audit
from voltgate.store.users import Users
from voltgate.web.single_sign_on import sign_on
from voltgate.web.single_sign_on.attempt import SECONDS, Attempt
from voltgate.web.single_sign_on.provider import MOST_KEYS
from voltgate.web.single_sign_on.settings import Grant, Settings
from voltgate.web.single_sign_on.sign_on import SingleSignOn

BEGIN, CALLBACK = "/api/v1/sign-in/oidc", "/api/v1/sign-in/oidc/callback"
GRANTS = (
    Grant("ops", "operator", ("north",)),
    Grant("ops", "viewer", ("north", "south")),
    Grant("bosses", "admin", ("*",)),
)


class Firm(Company):
    """An API with users, and a provider that knows them."""

    def __init__(self, company: Company, provider: Provider, engine: AsyncEngine) -> None:
        super().__init__(company.web)
        self.provider = provider
        self.engine = engine
        self.settings = Settings(
            issuer=provider.issuer,
            client_id=CLIENT,
            client_secret=SECRET,
            public_url=self.web.url,
            label="the firm",
            scopes=("openid", "email"),
            login_claim="email",
            claim="groups",
            grants=GRANTS,
            domains=(),
            ca=None,
            timeout=20,
        )
        users = self.web.users
        assert users is not None
        self.single = SingleSignOn(users, self.settings, self.web.clock, users._wall)
        self.web.app.state.single_sign_on = self.single

    def change(self, **changes: Any) -> None:
        """Go by other settings."""
        self.settings = replace(self.settings, **changes)
        self.single.change(self.settings)

    async def begin(self) -> tuple[str, Morsel[str]]:
        """Press the button; give where the browser is sent, and the cookie that it gets."""
        answer = await self.web.get(BEGIN, allow_redirects=False)
        assert answer.status == 303, answer.content
        assert '"' not in answer.headers["Set-Cookie"], "a browser sends the quotes back"
        (cookie,) = SimpleCookie(answer.headers["Set-Cookie"]).values()
        return answer.headers["Location"], cookie

    async def back(self, cookie: Morsel[str] | None, brought: dict[str, str], **headers: str) -> Answer:
        """Come back from the provider."""
        if cookie is not None:
            headers["Cookie"] = f"{cookie.key}={cookie.value}"
        return await self.web.get(CALLBACK, params=brought, headers=headers, allow_redirects=False)

    async def sign_in(self) -> Answer:
        """Go the whole way."""
        location, cookie = await self.begin()
        return await self.back(cookie, self.provider.consent(location))

    async def me(self, answer: Answer) -> Any:
        """Say who is signed in by an answer."""
        assert answer.status == 303, answer.content.decode()
        token = cookies_of(answer)["voltgate"].value
        return (await self.web.get("/api/v1/me", headers={"Cookie": f"voltgate={token}"})).json

    async def logins(self) -> int:
        """Count the lines of the audit trail."""
        async with self.engine.connect() as connection:
            return len((await connection.execute(select(audit))).all())


def cookies_of(answer: Answer) -> SimpleCookie:
    """Give the cookies that an answer sets."""
    cookies = SimpleCookie()
    for line in answer.headers.getall("Set-Cookie", []):
        cookies.load(line)
    return cookies


async def refused(firm: Firm, answer: Answer, status: int, words: str) -> None:
    """See that an answer is a page that says why nobody was signed in, that nobody was, and that it was the last."""
    page = answer.content.decode()
    assert (answer.status, answer.kind) == (status, "text/html"), page
    assert words in page
    assert "voltgate" not in cookies_of(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert await firm.logins() == 0


@pytest.fixture
async def firm(tmp_path: Path) -> AsyncIterator[Firm]:
    """An API with an empty table of users, and a provider."""
    address = read_address("sqlite:///x.db", tmp_path)
    await upgrade(address)
    engine = open_engine(address, 5)
    async with serving(users=Users(Reach(lambda: engine))) as web, provider_running() as provider:
        assert web.users is not None
        assert web.users._wall() == NOW + 0.25
        yield Firm(Company(web), provider, engine)
    await engine.dispose()


async def test_whom_the_provider_knows_is_signed_in(firm: Firm) -> None:
    """The browser gets a login as by a password: a strict cookie, the roles of the groups, a line in the audit."""
    answer = await firm.sign_in()
    assert answer.headers["Location"] == f"{firm.web.url}/"
    assert (answer.headers["Cache-Control"], answer.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    cookies = cookies_of(answer)
    ours, attempt = cookies["voltgate"], cookies["voltgate-sign-in"]
    assert (ours["httponly"], ours["samesite"], ours["path"]) == (True, "strict", "/")
    assert (ours["max-age"], ours["secure"]) == ("43200", "")
    assert (attempt.value, attempt["max-age"]) == ("", "0")
    me = await firm.me(answer)
    assert (me["login"], me["role"]) == ("Ada@x.example", "member")
    assert me["networks"] == {"north": "operator", "south": "viewer"}
    user = (await firm.ask("GET", "/users/ada@x.example")).json
    assert (user["person"], user["has_password"]) == ("Ada L.", False)
    assert user["by"] == f"oidc:{firm.provider.issuer}#248289761001"
    async with firm.engine.connect() as connection:
        (line,) = (await connection.execute(select(audit))).mappings().all()
    assert (line["backend"], line["action"], line["outcome"]) == ("user:Ada@x.example", "Login", "passed")
    assert line["detail"] == "by OpenID Connect, from 127.0.0.1"
    page = {"Cookie": f"voltgate={ours.value}", "X-CSRF-Token": me["csrf"]}
    assert (await firm.web.ask("POST", "/api/v1/sign-out", headers=page)).status == 204
    assert (await firm.web.get("/api/v1/me", headers=page)).status == 401


async def test_a_login_by_a_password_is_written_down_too(firm: Firm) -> None:
    """The audit trail says how somebody has logged in, and from where."""
    await firm.token("bob")
    async with firm.engine.connect() as connection:
        (line,) = (await connection.execute(select(audit))).mappings().all()
    assert (line["backend"], line["detail"]) == ("user:bob", "by a password, from 127.0.0.1")


async def test_the_cookie_of_an_attempt(firm: Firm) -> None:
    """What a browser keeps meanwhile no script reads; by HTTPS it is secure, and no other host can set it."""
    _, cookie = await firm.begin()
    assert (cookie.key, cookie["httponly"], cookie["samesite"]) == ("voltgate-sign-in", True, "lax")
    assert (cookie["path"], cookie["max-age"], cookie["secure"], cookie["domain"]) == ("/", "600", "", "")
    firm.change(public_url="https://gates.example/voltgate")
    location, cookie = await firm.begin()
    assert (cookie.key, cookie["secure"], cookie["path"]) == ("__Host-voltgate-sign-in", True, "/")
    assert "redirect_uri=https%3A%2F%2Fgates.example%2Fvoltgate%2Fapi%2Fv1%2Fsign-in%2Foidc%2Fcallback" in location
    answer = await firm.back(cookie, firm.provider.consent(location))
    assert answer.headers["Location"] == "https://gates.example/voltgate/"
    assert cookies_of(answer)["voltgate"]["secure"] is True


async def test_the_page_is_told_which_ways_there_are(firm: Firm) -> None:
    """The page of the sign-in knows the provider's name and where its button leads, and whether there are passwords."""
    ways = await firm.web.get("/api/v1/sign-in")
    assert ways.headers["Cache-Control"] == "no-store"
    assert ways.json == {"passwords": False, "provider": {"label": "the firm", "url": f"{firm.web.url}{BEGIN}"}}
    await firm.token("bob")
    firm.single.change(None)
    assert (await firm.web.get("/api/v1/sign-in")).json == {"passwords": True, "provider": None}
    for path in (BEGIN, CALLBACK):
        answer = await firm.web.get(path, allow_redirects=False)
        assert (answer.status, answer.kind) == (404, "text/html")


async def test_nobody_is_sent_elsewhere(firm: Firm) -> None:
    """Whatever a request says of where it came from, or wants to go: people end at the address of the configuration."""
    more = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "Referer": "https://evil.example/"}
    answer = await firm.web.get(f"{BEGIN}?next=https://evil.example/", headers=more, allow_redirects=False)
    assert "evil" not in answer.headers["Location"]
    location, cookie = await firm.begin()
    brought = firm.provider.consent(location) | {"next": "https://evil.example/", "redirect_uri": "//evil.example"}
    answer = await firm.back(cookie, brought, **more)
    assert answer.headers["Location"] == f"{firm.web.url}/"


async def test_a_code_without_its_state_is_nobodys(firm: Firm) -> None:
    """Another state, none, two of them, no cookie, that of another attempt, a changed one: nobody is signed in."""
    location, cookie = await firm.begin()
    _, other = await firm.begin()
    brought = firm.provider.consent(location)
    until, _, secret = cookie.value.partition(".")
    later, short, odd = SimpleCookie(), SimpleCookie(), SimpleCookie()
    later[cookie.key], short[cookie.key], odd[cookie.key] = f"{int(until) - 1}.{secret}", f"{until}.AAAA", "x"
    tries: list[tuple[Morsel[str] | None, dict[str, str]]] = [
        (cookie, brought | {"state": "x"}),
        (cookie, {"code": brought["code"]}),
        (cookie, {"code": brought["code"], "state": "\u00e4"}),
        (None, brought),
        (other, brought),
        (later[cookie.key], brought),
        (short[cookie.key], brought),
        (odd[cookie.key], brought),
    ]
    for kept, said in tries:
        await refused(firm, await firm.back(kept, said), 400, "Begin anew")
    twice = {"Cookie": f"{cookie.key}={cookie.value}; {cookie.key}={other.value}"}
    await refused(firm, await firm.back(None, brought, **twice), 400, "Begin anew")
    assert "/token" not in firm.provider.asked
    assert (await firm.back(cookie, brought)).status == 303


async def test_an_answer_counts_once(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same answer again signs nobody in, not even if the first one came to nothing; its code is not tried again."""
    monkeypatch.setattr(sign_on, "_REMEMBERED", 1)
    firm.provider.claims["groups"] = []
    location, cookie = await firm.begin()
    brought = firm.provider.consent(location)
    await refused(firm, await firm.back(cookie, brought), 403, "nothing is allowed")
    firm.provider.claims["groups"] = ["ops"]
    await refused(firm, await firm.back(cookie, brought), 400, "was used already")
    assert firm.provider.asked.count("/token") == 1
    await firm.sign_in()
    assert len(firm.single._over) == 1, "only so many are remembered"


async def test_a_code_that_the_provider_has_given_already(firm: Firm) -> None:
    """A code of somebody else's attempt is worth nothing: the provider asks for what only this browser can derive."""
    stolen = firm.provider.consent((await firm.begin())[0])["code"]
    location, cookie = await firm.begin()
    brought = firm.provider.consent(location) | {"code": stolen}
    await refused(firm, await firm.back(cookie, brought), 400, "Begin anew")
    assert firm.provider.asked.count("/token") == 1


async def test_an_attempt_ends(firm: Firm) -> None:
    """Who takes longer than ten minutes at the provider begins anew."""
    location, cookie = await firm.begin()
    brought = firm.provider.consent(location)
    firm.web.clock.now += 600
    await refused(firm, await firm.back(cookie, brought), 400, "Begin anew")
    own = Attempt(b"x" * 32, NOW + SECONDS)
    assert Attempt.read(own.cookie, NOW) == own
    assert Attempt.read(replace(own, until=own.until + 1).cookie, NOW) is None


async def test_what_the_provider_refuses(firm: Firm) -> None:
    """Who cancels there is told so; what else it answers is a fault of the two of them."""
    for error, status, words in (
        ("access_denied", 403, "cancelled"),
        ("server_error", 502, "cannot be used"),
    ):
        location, cookie = await firm.begin()
        state = firm.provider.consent(location)["state"]
        brought = {"error": error, "error_description": "<script>", "state": state}
        await refused(firm, await firm.back(cookie, brought), status, words)


async def test_an_answer_of_another_provider(firm: Firm) -> None:
    """A provider that names itself in its answers (RFC 9207) is held to that."""
    location, cookie = await firm.begin()
    brought = firm.provider.consent(location) | {"iss": "https://evil.example"}
    await refused(firm, await firm.back(cookie, brought), 400, "Begin anew")
    firm.provider.says["authorization_response_iss_parameter_supported"] = True
    firm.change(label="again")
    location, cookie = await firm.begin()
    await refused(firm, await firm.back(cookie, firm.provider.consent(location)), 400, "Begin anew")
    location, cookie = await firm.begin()
    named = firm.provider.consent(location) | {"iss": firm.provider.issuer}
    assert (await firm.back(cookie, named)).status == 303


def unsigned(claims: dict[str, Any]) -> str:
    """Write an ID token that nobody has signed."""
    parts = ({"alg": "none", "kid": "first"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of-another-attempt"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": [CLIENT, "another-client"]},
        {"aud": [CLIENT, "another-client"], "azp": "another-client"},
        {"aud": CLIENT, "azp": "another-client"},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"exp": NOW - 61},
        {"exp": None},
        {"exp": "tomorrow"},
        {"iat": None},
        {"nbf": NOW + 120},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
    ],
)
async def test_an_id_token_for_something_else(firm: Firm, claims: dict[str, Any]) -> None:
    """A token of another attempt, for another client, of another issuer, that is over, or of nobody is not believed."""
    assert (await firm.sign_in()).status == 303
    firm.provider.claims |= claims
    answer = await firm.sign_in()
    assert (answer.status, "voltgate" in cookies_of(answer)) == (502, False)
    assert "cannot be used" in answer.content.decode()


def _part(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


async def test_an_id_token_that_is_nested_without_end(firm: Firm) -> None:
    """What nobody can read is not believed, neither in the head of an ID token nor in what is signed."""
    deep, key = b"[" * 90_000, firm.provider.key
    for token in (f"{_part(deep)}.{_part(b'{}')}.AAAA", jws.serialize_compact({"alg": "RS256"}, deep, key)):
        firm.provider.sign = lambda claims, token=token: token  # type: ignore[misc]
        await refused(firm, await firm.sign_in(), 502, "cannot be used at the moment")


@pytest.mark.parametrize("sub", ["a\0b", "a\nb", "\ud800"])
async def test_an_id_token_of_what_cannot_be_printed(firm: Firm, sub: str) -> None:
    """Who somebody is stands in the list of users and in the database: it is a text that both can hold."""
    firm.provider.claims["sub"] = sub
    await refused(firm, await firm.sign_in(), 502, "cannot be used at the moment")


async def test_an_id_token_of_nobody(firm: Firm) -> None:
    """A token that is not signed, by a public key as if it were a secret, by another's, or is none, is not believed."""
    key, stranger = firm.provider.key, RSAKey.generate_key(2048)
    public = key.as_pem(private=False)
    signed, named = firm.provider.signed, {"alg": "RS256", "kid": "first"}

    def by_public_key(claims: dict[str, Any]) -> str:
        secret = OctKey.import_key({"kty": "oct", "k": _b64(public)})
        return jwt.encode({"alg": "HS256", "kid": "first"}, claims, secret)

    def changed(claims: dict[str, Any]) -> str:
        head, _, signature = signed(claims).split(".")
        return f"{head}.{_b64(json.dumps(claims | {'groups': ['bosses']}).encode())}.{signature}"

    wrong = [
        unsigned,
        by_public_key,
        changed,
        lambda claims: jwt.encode(named, claims, stranger),
        lambda claims: jwt.encode(named | {"jwk": stranger.as_dict(private=False)}, claims, stranger),
        lambda claims: signed(claims).rpartition(".")[0] + ".",
        lambda claims: "no token",
        lambda claims: "",
    ]
    for sign in wrong:
        firm.provider.sign = sign
        await refused(firm, await firm.sign_in(), 502, "cannot be used")
    firm.provider.sign = signed
    assert (await firm.sign_in()).status == 303


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(
    ("alg", "key"),
    [
        ("PS256", RSAKey.generate_key(2048, {"kid": "k"})),
        ("ES256", ECKey.generate_key("P-256", {"kid": "k"})),
        ("ES512", ECKey.generate_key("P-521", {"kid": "k"})),
        ("Ed25519", OKPKey.generate_key("Ed25519", {"kid": "k"})),
    ],
)
async def test_signatures_of_each_kind(firm: Firm, alg: str, key: Any) -> None:
    """Providers sign by RSA, elliptic curves and Edwards curves; a key for encryption signs nothing."""
    firm.provider.shown.append(key.as_dict(private=False))
    firm.provider.sign = lambda claims: jwt.encode({"alg": alg, "kid": "k"}, claims, key, algorithms=[alg])
    assert (await firm.sign_in()).status == 303
    firm.provider.shown[-1] |= {"use": "enc"}
    firm.change(label="again")
    assert (await firm.sign_in()).status == 502


async def test_keys_change(firm: Firm) -> None:
    """A key that is not known is looked for again, at once, but not again and again."""
    assert (await firm.sign_in()).status == 303
    assert (await firm.sign_in()).status == 303
    assert firm.provider.asked.count("/keys") == 1
    assert firm.provider.asked.count("/.well-known/openid-configuration") == 1
    firm.provider.rotate()
    assert (await firm.sign_in()).status == 303
    assert firm.provider.asked.count("/keys") == 2
    firm.provider.shown = []
    firm.provider.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "unknown"}, claims, firm.provider.key)
    for _ in range(5):
        assert (await firm.sign_in()).status == 502
    assert firm.provider.asked.count("/keys") == 2
    firm.web.clock.now += 31
    for _ in range(5):
        assert (await firm.sign_in()).status == 502
    assert firm.provider.asked.count("/keys") == 3


async def test_keys_are_where_the_provider_says(firm: Firm) -> None:
    """Nobody is sent on to other keys; and of very many only the first are looked at."""
    firm.provider.moved = True
    assert (await firm.sign_in()).status == 502
    assert "/moved" not in firm.provider.asked
    firm.provider.moved = False
    firm.provider.shown = [{"kty": "RSA", "kid": f"k{number}"} for number in range(MOST_KEYS)] + firm.provider.shown
    assert (await firm.sign_in()).status == 502
    firm.provider.shown.pop(0)
    firm.web.clock.now += 31
    assert (await firm.sign_in()).status == 303


async def test_the_only_key_needs_no_name(firm: Firm) -> None:
    """A provider with one key may leave its name out; with two it is not guessed."""
    key = firm.provider.key
    firm.provider.shown = [{name: value for name, value in key.as_dict(private=False).items() if name != "kid"}]
    firm.provider.sign = lambda claims: jwt.encode({"alg": "RS256"}, claims, key)
    assert (await firm.sign_in()).status == 303
    firm.provider.shown.append(RSAKey.generate_key(2048).as_dict(private=False))
    firm.change(label="again")
    assert (await firm.sign_in()).status == 502


async def test_ways_to_show_who_the_client_is(firm: Firm) -> None:
    """A secret goes in the header, or in the body where the provider wants that; a public client has none."""
    firm.provider.says["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    assert (await firm.sign_in()).status == 303
    firm.provider.says = {}
    firm.provider.public = True
    firm.change(client_secret=None)
    assert (await firm.sign_in()).status == 303
    firm.provider.public = False
    firm.change(client_secret="wrong")
    answer = await firm.sign_in()
    assert (answer.status, answer.kind) == (502, "text/html")


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "https://evil.example"},
        {"issuer": None},
        {"token_endpoint": None},
        {"authorization_endpoint": "ftp://127.0.0.1/x"},
        {"jwks_uri": "http:///keys"},
        {"padding": "x" * 300_000},
        {"token_endpoint": "https://[::1"},
        {"authorization_endpoint": "https://id.example/\ud800"},
        {"authorization_endpoint": "https://id.example/\r\nSet-Cookie: x=y"},
    ],
)
async def test_a_provider_that_is_none(firm: Firm, says: dict[str, Any]) -> None:
    """What names itself otherwise, lacks an address or says too much is not used; logins by password go on."""
    firm.provider.says = says
    answer = await firm.web.get(BEGIN, allow_redirects=False)
    await refused(firm, answer, 502, "or sign in by a password")
    assert await firm.token("bob")


async def test_what_is_no_list_of_ways(firm: Firm) -> None:
    """Where a provider does not list how it takes the secret, it gets it in the header (Discovery section 3)."""
    firm.provider.says["token_endpoint_auth_methods_supported"] = 5
    location, _ = await firm.begin()
    assert location.startswith(firm.provider.issuer)


async def test_a_provider_that_is_away(firm: Firm) -> None:
    """While there is no provider a page says so, at once, and logins by password go on."""
    firm.change(issuer="http://127.0.0.1:9")
    await refused(firm, await firm.web.get(BEGIN, allow_redirects=False), 502, "cannot be used at the moment")
    assert await firm.token("bob")


async def test_a_provider_that_does_not_answer(firm: Firm) -> None:
    """A provider that is silent is waited for only so long, by so many; whoever has a password does not wait."""
    location, cookie = await firm.begin()
    brought = firm.provider.consent(location)
    firm.change(timeout=0.2)
    firm.provider.silent = asyncio.Event()
    await refused(firm, await within(firm.back(cookie, brought), "the page comes"), 502, "cannot be used")
    firm.change(timeout=60)
    waiting = [asyncio.ensure_future(firm.web.get(BEGIN, allow_redirects=False)) for _ in range(37)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=30)
    (busy,) = done
    await refused(firm, busy.result(), 503, "Too many sign in at once")
    assert await firm.token("bob")
    firm.provider.silent.set()
    answers = await within(asyncio.gather(*waiting), "all are answered")
    assert sorted(answer.status for answer in answers) == [303] * 36 + [503]


async def test_groups_change(firm: Firm) -> None:
    """At the next login the roles are those of the groups by then; who is in none is shut out, and signed out."""
    first = await firm.sign_in()
    firm.provider.claims["groups"] = "bosses"
    second = await firm.sign_in()
    for answer in (first, second):
        me = await firm.me(answer)
        assert (me["role"], me["networks"]) == ("admin", {})
    firm.provider.claims["groups"] = ["guests", 7, None]
    page = (await firm.sign_in()).content.decode()
    assert "nothing is allowed to you here" in page
    assert (await firm.me(first))["status"] == 401
    assert (await firm.ask("GET", "/users/ada@x.example")).json["roles"] == {}


async def test_a_claim_in_a_claim(firm: Firm) -> None:
    """Roles may stand in another claim, as those of Keycloak, or in one whose name has dots itself."""
    firm.change(claim="realm_access.roles")
    firm.provider.claims |= {"realm_access": {"roles": ["bosses"]}, "groups": None}
    assert (await firm.me(await firm.sign_in()))["role"] == "admin"
    firm.change(claim="https://x.example/roles")
    firm.provider.claims |= {"https://x.example/roles": ["ops"]}
    assert (await firm.me(await firm.sign_in()))["role"] == "member"


async def test_a_user_of_the_same_name(firm: Firm) -> None:
    """Nobody takes over a user by having the name of one at the provider; nor does another person at the provider."""
    await firm.token("ada@x.example", {"*": "admin"})
    answer = await firm.sign_in()
    assert (answer.status, "voltgate" in cookies_of(answer)) == (409, False)
    assert (await firm.log_in("ada@x.example", PASSWORD)).json["user"]["roles"] == {"*": "admin"}
    assert (await firm.ask("DELETE", "/users/ada@x.example")).status == 204
    assert (await firm.sign_in()).status == 303
    firm.provider.claims["sub"] = "another"
    assert (await firm.sign_in()).status == 409


async def test_a_name_that_changes(firm: Firm) -> None:
    """Whoever has another address later is the same user, under the first name."""
    assert (await firm.sign_in()).status == 303
    firm.provider.claims |= {"email": "ada.lovelace@x.example", "name": "Ada Lovelace"}
    assert (await firm.me(await firm.sign_in()))["login"] == "Ada@x.example"
    users = (await firm.ask("GET", "/users")).json["items"]
    assert [user["person"] for user in users] == ["Ada Lovelace"]


async def test_no_password_for_whom_a_provider_vouches(firm: Firm) -> None:
    """Who leaves the firm is gone: there is no second way in that would be left open."""
    assert (await firm.sign_in()).status == 303
    assert (await firm.ask("POST", "/users/ada@x.example/invitation")).status == 409
    assert (await firm.log_in("ada@x.example", PASSWORD)).status == 401


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({}, 303),
        ({"email": "ada@X.EXAMPLE"}, 303),
        ({"email_verified": "true"}, 303),
        ({"email": "ada@y.example"}, 403),
        ({"email": "ada@x.example.evil.example"}, 403),
        ({"email": "x.example"}, 403),
        ({"email_verified": False}, 403),
        ({"email_verified": None}, 403),
        ({"email_verified": "false"}, 403),
        ({"email_verified": 1.5}, 403),
        ({"email": None}, 403),
    ],
)
async def test_domains(firm: Firm, claims: dict[str, Any], status: int) -> None:
    """Where domains are named, only a verified address of one of them lets somebody in."""
    firm.change(domains=("x.example",), login_claim="sub")
    firm.provider.claims |= claims
    assert (await firm.sign_in()).status == status


@pytest.mark.parametrize(
    ("claims", "status"),
    [({}, 303), ({"email_verified": None}, 303), ({"email_verified": False}, 403), ({"email": "a b"}, 403)],
)
async def test_names(firm: Firm, claims: dict[str, Any], status: int) -> None:
    """Nobody is named by what is no name, or by an address that the provider says is not verified."""
    firm.provider.claims |= claims
    assert (await firm.sign_in()).status == status


async def test_roles_by_address(firm: Firm) -> None:
    """Single people can be named by their addresses; one that is not verified is nobody's."""
    firm.change(claim="email", grants=(Grant("Ada@x.example", "viewer", ("*",)),))
    assert (await firm.me(await firm.sign_in()))["role"] == "viewer"
    firm.provider.claims["email_verified"] = None
    assert (await firm.sign_in()).status == 403


async def test_pages_in_both_languages(firm: Firm) -> None:
    """A page is in the language that the browser prefers, and leads on."""
    german = await firm.back(None, {}, **{"Accept-Language": "fr, de-CH;q=0.8, en;q=0.5"})
    page = german.content.decode()
    assert '<html lang="de">' in page
    assert "Beginnen Sie neu" in page
    assert f'href="{firm.web.url}{BEGIN}"' in page
    assert f'href="{firm.web.url}/"' in page
    english = (await firm.back(None, {}, **{"Accept-Language": "fr"})).content.decode()
    assert '<html lang="en">' in english


async def test_secrets_are_not_logged(firm: Firm, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither the code, nor the client's secret, nor what the browser keeps is in a line of the log."""
    location, cookie = await firm.begin()
    brought = firm.provider.consent(location)
    firm.provider.sign = unsigned
    await refused(firm, await firm.back(cookie, brought), 502, "cannot be used")
    said = capsys.readouterr()
    lines = said.out + said.err
    assert "nobody is signed in by OpenID Connect" in lines
    for secret in (brought["code"], brought["state"], SECRET, cookie.value, cookie.value.partition(".")[2]):
        assert secret not in lines
    assert SECRET not in repr(firm.settings)
