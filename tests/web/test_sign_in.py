"""Browsers sign in: a token that no script can read, and requests that no other site can make."""

from __future__ import annotations

from http.cookies import Morsel, SimpleCookie
from typing import Any

import pytest
from fastapi import APIRouter

from tests.web.test_users import PASSWORD, Company, company
from tests.web.world import Answer, Web, serving
from voltgate.web.access import AccessToken, Admin
from voltgate.web.bearer import digest_of

__all__ = ["company"]

router = APIRouter()


@router.get("/thing")
@router.post("/thing")
@router.put("/thing")
@router.patch("/thing")
@router.delete("/thing")
async def thing(caller: Admin) -> str:
    """Be done, or looked at."""
    return caller.name


async def sign_in(web: Web, said: Any, **headers: str) -> Answer:
    """Sign in."""
    return await web.ask("POST", "/api/v1/sign-in", json=said, headers=headers)


def cookie_of(answer: Answer) -> Morsel[str]:
    """Give the cookie that an answer sets."""
    assert answer.status in (200, 204), answer.json
    return SimpleCookie(answer.headers["Set-Cookie"])["voltgate"]


async def signed_in(web: Web, role: str = "admin") -> dict[str, str]:
    """Sign in with the token of a role; give the headers of a page that has."""
    answer = await sign_in(web, {"token": web.tokens.get(role, role)})
    return {"Cookie": f"voltgate={cookie_of(answer).value}", "X-CSRF-Token": answer.json["csrf"]}


async def test_a_token_is_kept_in_a_cookie() -> None:
    """Who has a token gets a cookie that no script reads and no other site sends, until the browser is closed."""
    async with serving(resources=[router]) as web:
        answer = await sign_in(web, {"token": web.tokens["admin"]})
        cookie = cookie_of(answer)
        assert cookie.value == web.tokens["admin"]
        assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
        assert (cookie["max-age"], cookie["secure"], cookie["domain"]) == ("", "", "")
        assert list(answer.json) == ["csrf"]
        assert answer.headers["Cache-Control"] == "no-store"
        page = {"Cookie": f"voltgate={cookie.value}"}
        me = await web.get("/api/v1/me", headers=page)
        assert (me.json["name"], me.json["role"], me.json["csrf"]) == ("the-admin", "admin", answer.json["csrf"])
        assert (await web.get("/api/v1/me", "admin")).json["csrf"] is None


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_cookie_alone_changes_nothing(method: str) -> None:
    """All but looking takes the value that only the page knows that was signed in, of this sign-in."""
    async with serving(resources=[router]) as web:
        page, other = await signed_in(web), await signed_in(web, "viewer")
        cookie = {"Cookie": page["Cookie"]}
        for headers in (
            cookie,
            cookie | {"X-CSRF-Token": ""},
            cookie | {"X-CSRF-Token": "0" * 64},
            cookie | {"X-CSRF-Token": "\xe4"},
            cookie | {"X-CSRF-Token": other["X-CSRF-Token"]},
        ):
            for body in ({}, {"json": {}}):
                refused = await web.ask(method, "/api/v1/thing", headers=headers, **body)
                assert (refused.status, refused.kind) == (403, "application/problem+json")
                assert "X-CSRF-Token" in refused.json["detail"]
        assert (await web.ask(method, "/api/v1/thing", headers=page)).json == "the-admin"
        assert (await web.ask("GET", "/api/v1/thing", headers=cookie)).json == "the-admin"
        assert (await web.ask(method, "/api/v1/thing", "admin")).json == "the-admin"


async def test_a_role_counts_for_a_cookie_too() -> None:
    """Who signs in with a viewer's token is a viewer."""
    async with serving(resources=[router]) as web:
        page = await signed_in(web, "viewer")
        refused = await web.ask("POST", "/api/v1/thing", headers=page)
        assert refused.json["detail"] == 'This takes the role "admin". The token "the-viewer" has "viewer".'


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Authorization": "Bearer unknown"},
        {"Authorization": "Basic dTpw"},
    ],
)
async def test_a_cookie_of_another_site_is_none(web: Web, headers: dict[str, str]) -> None:
    """A request that another site has made is not taken by its cookie, nor is one that carries something else."""
    page = await signed_in(web)
    assert (await web.get("/api/v1/me", headers=page | headers)).status == 401
    assert (await web.get("/api/v1/me", headers=page | {"Sec-Fetch-Site": "same-origin"})).status == 200
    assert (await web.get("/api/v1/me", headers=page | {"Sec-Fetch-Site": "none"})).status == 200


async def test_of_two_cookies_none_counts(web: Web) -> None:
    """A site beside this one can set a cookie as well, and cannot make somebody work under another's name by it."""
    page, other = await signed_in(web), await signed_in(web, "operator")
    both = f"{other['Cookie']}; {page['Cookie']}"
    assert (await web.get("/api/v1/me", headers={"Cookie": both})).status == 401
    assert (await web.get("/api/v1/me", headers={"Cookie": f"a=b; {page['Cookie']}; c=d"})).status == 200


@pytest.mark.parametrize(
    "said",
    [{}, {"token": ""}, {"token": "x", "login": "ada"}, {"login": "ada"}, {"token": 7}, {"token": "\ud800"}, []],
)
async def test_what_is_no_sign_in(web: Web, said: Any) -> None:
    """What is neither a token nor a name with a password is refused, and no cookie is set."""
    answer = await sign_in(web, said)
    assert (answer.status, answer.headers.get("Set-Cookie")) == (422, None)


async def test_a_form_of_another_site_is_no_sign_in(web: Web) -> None:
    """Another site can send a form, and cannot have somebody signed in by it whom it chooses."""
    said = f'{{"token": "{web.tokens["admin"]}"}}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = await web.ask("POST", "/api/v1/sign-in", data=said, headers={"Content-Type": kind})
        assert (answer.status, answer.headers.get("Set-Cookie")) == (422, None)


async def test_tokens_are_tried_a_few_times(web: Web) -> None:
    """Unknown tokens are held back as they are in a header: here and there count together."""
    unknown = {"token": "vg_of-nobody"}
    for _ in range(9):
        refused = await sign_in(web, unknown)
        assert (refused.status, refused.headers.get("Set-Cookie")) == (401, None)
    assert (await web.get("/api/v1/me", "vg_of-nobody")).status == 401
    held = await sign_in(web, unknown)
    assert (held.status, held.headers["Retry-After"]) == (429, "6")
    assert (await web.get("/api/v1/me", headers={"Cookie": "voltgate=vg_of-nobody"})).status == 429
    assert web.access.refused == {"wrong": 0, "unknown token": 10, "too often": 2}


async def test_a_token_is_withdrawn(web: Web) -> None:
    """A cookie is worth what its token is: nothing when that is withdrawn."""
    page = await signed_in(web)
    web.access.replace([])
    assert (await web.get("/api/v1/me", headers=page)).status == 401


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({}, ""),
        ({"Origin": "https://gateway.example"}, True),
        ({"Origin": "http://gateway.example"}, ""),
        ({"X-Forwarded-Proto": "https"}, ""),
    ],
)
async def test_a_cookie_behind_a_proxy(web: Web, headers: dict[str, str], secure: object) -> None:
    """A browser that speaks TLS, to a proxy too, gets a cookie that goes no other way; a header of anybody does not."""
    assert cookie_of(await sign_in(web, {"token": web.tokens["admin"]}, **headers))["secure"] == secure


async def test_any_token_fits_into_a_cookie(web: Web) -> None:
    """A token of the configuration may have signs that mean something in a cookie."""
    token = 'semi;comma,quote"equals=percent%41\\'
    web.access.replace([AccessToken("odd", "viewer", digest_of(token))])
    answer = await sign_in(web, {"token": token})
    page = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
    assert (await web.get("/api/v1/me", headers=page)).json["name"] == "odd"


async def test_signing_out(web: Web) -> None:
    """The browser forgets the cookie; a token of the configuration stays valid for whoever else has it."""
    page = await signed_in(web)
    assert (await web.ask("POST", "/api/v1/sign-out", headers={"Cookie": page["Cookie"]})).status == 403
    answer = await web.ask("POST", "/api/v1/sign-out", headers=page)
    cookie = cookie_of(answer)
    assert (answer.status, cookie.value, cookie["max-age"], cookie["path"]) == (204, "", "0", "/")
    assert (await web.get("/api/v1/me", "admin")).status == 200


async def test_a_user_signs_in(company: Company) -> None:
    """A name and a password give a cookie that lasts as long as the login; signing out ends that."""
    await company.token("ada", {"*": "operator"})
    wrong = await sign_in(company.web, {"login": "ada", "password": "wrong password"})
    assert (wrong.status, wrong.headers.get("Set-Cookie")) == (401, None)
    answer = await sign_in(company.web, {"login": "Ada", "password": PASSWORD})
    cookie = cookie_of(answer)
    assert cookie["max-age"] == "43200"
    page = {"Cookie": f"voltgate={cookie.value}", "X-CSRF-Token": answer.json["csrf"]}
    assert (await company.web.get("/api/v1/me", headers=page)).json["login"] == "ada"
    assert (await company.web.ask("POST", "/api/v1/sign-out", headers=page)).status == 204
    assert (await company.web.get("/api/v1/me", headers=page)).status == 401


async def test_a_login_that_was_made_elsewhere(company: Company) -> None:
    """The token of a login gives a cookie as well, which ends with it."""
    token = await company.token("ada")
    company.web.clock.now += 43_000
    assert cookie_of(await sign_in(company.web, {"token": token}))["max-age"] == "200"
