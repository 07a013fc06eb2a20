"""A token for claims in the wrong hands: it is tried on everything that the API has."""

from __future__ import annotations

import re
from typing import Any

from tests.claimants import Api, api_of
from tests.harness import Stage, until
from tests.web.tab import tab

A = {"url": "ws://127.0.0.1:9/ocpp/{station}"}
B = {"url": "ws://127.0.0.1:9/other/{station}"}
C = {"url": "ws://127.0.0.1:9/third/{station}"}
OPEN = {
    ("post", "/api/v1/login"),
    ("post", "/api/v1/password"),
    ("post", "/api/v1/sign-in"),
    ("get", "/api/v1/sign-in"),
    ("get", "/healthz"),
    ("get", "/readyz"),
}
"""What asks for no token at all."""
OWN = {
    ("get", "/api/v1/me"): 200,
    ("put", "/api/v1/me/password"): 422,
    ("post", "/api/v1/logout"): 409,
    ("post", "/api/v1/sign-out"): 204,
}
"""What is about whoever asks, with what a token for claims gets."""


class Thief:
    """Somebody with a token, who asks for what the API has."""

    def __init__(self, api: Api, token: str) -> None:
        self._session, self.root = api._session, api._root.removesuffix("/api/v1")
        self.token = token
        self._headers = {"Authorization": f"Bearer {token}"}

    async def __call__(self, method: str, path: str, body: Any = None) -> int:
        """Ask for something, and give the status."""
        asked = self._session.request(method, self.root + path, json=body, headers=self._headers)
        async with asked as response:
            return response.status


async def made(api: Api, **wanted: Any) -> Thief:
    """Make a token, and give it to somebody."""
    return Thief(api, (await api.ask("POST", "/tokens", wanted)).gives(201)["token"])


async def test_a_token_for_claims_opens_nothing_else(stage: Stage) -> None:
    """Of all operations of the API it opens the claims of its backends, and what is about itself."""
    backends = {"a": A, "b": B, "c": C, "csms": {"url": "local:"}}
    async with api_of(stage, backends, routes={"main": None}, api={"metrics": "token"}) as (api, _):
        thief = await made(api, name="ci", backends=["a", "b"])
        described = await api.get("/openapi.json")
        found = {
            (method, path): await thief(method, filled(path), {} if method in ("post", "put", "patch") else None)
            for path, operations in described["paths"].items()
            for method in operations
        }
        other = {asked: status for asked, status in found.items() if asked not in OPEN}
        assert {asked: status for asked, status in other.items() if status != 403} == OWN
        assert len(other) > 100
        assert await thief("get", "/metrics") == 403
        async with tab(thief.root, thief.token) as page:
            await page.says(subscribe="overview", id="o")
            ((_, kind, said),) = await page.take(1)
            assert (kind, said["status"]) == ("error", 403)


def filled(path: str) -> str:
    """Name the backend for which the token does not claim, wherever a name is wanted."""
    return re.sub(r"\{[^}]*\}", "c", path)


async def test_a_token_claims_for_its_backends(stage: Stage) -> None:
    """A list is taken for a backend that it was made for, with the token's name, and never beyond its patterns."""
    narrow = B | {"claims": {"stations": ["CP*"]}}
    async with api_of(stage, {"a": A, "b": narrow, "c": C}, routes={"main": None}) as (api, _):
        ci = await made(api, name="ci", backends=["a", "b"])
        assert await ci("put", "/api/v1/backends/a/stations", {"stations": ["CP1"]}) == 200
        assert await ci("patch", "/api/v1/backends/b/stations", {"add": ["CP2"]}) == 200
        assert await ci("put", "/api/v1/backends/b/stations", {"stations": ["CP2", "X1"]}) == 403
        assert await ci("put", "/api/v1/backends/b/stations", {"stations": [], "ip": "10.0.0.1"}) == 403
        for method, body in (("put", {"stations": ["CP1"]}), ("patch", {"remove": ["CP1"]}), ("get", None)):
            assert await ci(method, "/api/v1/backends/c/stations", body) == 403
        assert [(each["station"], each["backend"], each["by"]) for each in (await api.get("/claims"))["items"]] == [
            ("CP1", "a", "ci"),
            ("CP2", "b", "ci"),
        ]
        assert await ci("get", "/api/v1/backends/a/stations") == 200
        (await api.ask("DELETE", "/tokens/ci")).gives(204)
        assert await ci("put", "/api/v1/backends/a/stations", {"stations": ["CP1"]}) == 401


async def test_nobody_makes_a_token_that_claims_for_more(stage: Stage) -> None:
    """Whoever claims for a backend, or has a role in a network, makes no token; the trail has who tried."""
    async with api_of(stage, {"a": A}, routes={"main": None}) as (api, _):
        others = [
            await made(api, name="claims", backends=["a"]),
            await made(api, name="north", networks={"north": "admin"}),
            await made(api, name="ops", role="operator"),
        ]
        for each in others:
            for scope in ({"backends": ["a"]}, {"role": "viewer"}, {"networks": {"north": "viewer"}}):
                assert await each("post", "/api/v1/tokens", {"name": "mine"} | scope) == 403
            assert await each("post", "/api/v1/tokens/claims/rotation", {}) == 403
        (await api.ask("POST", "/tokens", {"name": "mine", "backends": ["nobody"]})).gives(422)
        wanted = {(f"api:{name}", "refused") for name in ("claims", "north", "ops", "admin")} | {
            ("api:admin", "passed")
        }

        async def lines() -> list[dict[str, str]]:
            found: list[dict[str, str]] = (await api.get("/audit", action="POST /tokens", limit="100"))["items"]
            return found if {(line["backend"], line["outcome"]) for line in found} >= wanted else []

        found = await until(lines, "the trail has who made a token and who tried")
        assert "/tokens: claims, claims for a" in [line["detail"] for line in found]
