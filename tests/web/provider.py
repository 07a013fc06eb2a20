"""A provider of OpenID Connect for tests: it keeps the rules of the code flow, or breaks the one that a test names."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "volt gate", "a:secret/of+the client"
"""With what a form writes otherwise (RFC 6749 section 2.3.1)."""
NOW = 1_800_001_000
"""When it signs, in seconds since 1970: what the clock of `world` begins at."""


class Provider:
    """What the provider is, knows and is asked."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "first", "use": "sig", "alg": "RS256"})
        self.shown: list[dict[str, Any]] = [self.key.as_dict(private=False)]
        self.claims: dict[str, Any] = {
            "sub": "248289761001",
            "email": "Ada@x.example",
            "email_verified": True,
            "name": "Ada L.",
            "groups": ["ops"],
        }
        self.says: dict[str, Any] = {}
        """More, or other things than it should say of itself."""
        self.public = False
        """Whether the client has no secret."""
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.asked: list[str] = []
        self.moved = False
        """Whether it sends on, to another address of its own, who asks for its keys."""
        self.silent: asyncio.Event | None = None
        """When it is set, requests wait for it."""
        self.issuer = ""
        self._codes: dict[str, dict[str, str]] = {}
        self._used = 0

    def signed(self, claims: dict[str, Any]) -> str:
        """Sign an ID token, as it should be."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def rotate(self) -> None:
        """Sign by another key from now on, and show that."""
        self.key = RSAKey.generate_key(2048, {"kid": f"key-{len(self.asked)}", "use": "sig", "alg": "RS256"})
        self.shown = [self.key.as_dict(private=False)]

    def consent(self, location: str) -> dict[str, str]:
        """Have somebody sign in and agree; give what the browser brings back."""
        assert location.startswith(f"{self.issuer}/authorize?"), location
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert "openid" in asked["scope"].split(" ")
        assert asked["code_challenge_method"] == "S256"
        self._used += 1
        code = f"code-{self._used}"
        self._codes[code] = asked
        return {"code": code, "state": asked["state"], "session_state": "what Keycloak adds"}

    def application(self) -> web.Application:
        """Return the server."""
        app = web.Application(middlewares=[self._noting])
        app.router.add_get("/.well-known/openid-configuration", self._configuration)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/moved", self._keys)
        app.router.add_post("/token", self._token)
        return app

    @web.middleware
    async def _noting(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(request.path)
        if self.silent is not None:
            await self.silent.wait()
        answer: web.StreamResponse = await handler(request)
        return answer

    async def _configuration(self, _: web.Request) -> web.Response:
        own = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
        }
        return web.json_response(own | self.says)

    async def _keys(self, request: web.Request) -> web.Response:
        if self.moved and request.path == "/keys":
            raise web.HTTPTemporaryRedirect("/moved")
        return web.json_response({"keys": self.shown})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        if not self._is_client(request, form):
            return web.json_response({"error": "invalid_client"}, status=401)
        asked = self._codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        proven = asked is not None and challenge == asked["code_challenge"]
        if asked is None or not proven or form["redirect_uri"] != asked["redirect_uri"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        times = {"iat": NOW, "exp": NOW + 300}
        own = {"iss": self.issuer, "aud": CLIENT, "nonce": asked["nonce"], **times}
        claims = {name: value for name, value in (own | self.claims).items() if value is not None}
        return web.json_response({"access_token": "x", "token_type": "Bearer", "id_token": self.sign(claims)})

    def _is_client(self, request: web.Request, form: dict[str, str]) -> bool:
        if self.public or "token_endpoint_auth_methods_supported" in self.says:
            assert "Authorization" not in request.headers
            return form["client_id"] == CLIENT and form.get("client_secret") == (None if self.public else SECRET)
        shown = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        return tuple(map(unquote_plus, shown.split(":"))) == (CLIENT, SECRET)


@asynccontextmanager
async def provider_running() -> AsyncIterator[Provider]:
    """Run a provider."""
    provider = Provider()
    runner = web.AppRunner(provider.application(), access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    provider.issuer = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield provider
    finally:
        if provider.silent is not None:
            provider.silent.set()
        await runner.cleanup()
