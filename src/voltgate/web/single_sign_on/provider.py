"""The provider: what it says of itself, its keys, and the exchange of a code for an ID token.

Each exchange has a deadline, given by the caller, and an answer of bounded length; redirects are not followed.
"""

from __future__ import annotations

import asyncio
import json
import math
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx2

from voltgate.web.single_sign_on.settings import Settings

LARGEST = 256 * 1024
"""Bytes of an answer that are read."""
MOST_KEYS = 100
"""Keys of a provider that are looked at."""
_LASTS = 3600.0
"""Seconds for which it holds what a provider says of itself, and its keys."""
_AGAIN = 30.0
"""Seconds at least between two looks for a key that is not known."""
_CONFIGURATION = "/.well-known/openid-configuration"
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
"""The kind of key that an algorithm takes (RFC 7518 section 3.1), by how it begins."""


class Away(Exception):  # noqa: N818 - what somebody else did
    """The provider cannot be used. The text says why, and holds no secret."""


class NotRedeemed(Exception):  # noqa: N818
    """The provider gives nothing for a code: it was used, has ended, or was another's."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the provider is asked for what. `posts_secret`: it takes the client's secret in the body only."""

    authorization: str
    token: str
    keys: str
    posts_secret: bool
    names_itself: bool
    """Whether it says in its answers who it is (RFC 9207)."""


class Provider:
    """A provider of OpenID Connect, with what is known of it."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self.settings = settings
        self._clock = clock
        self._trust: ssl.SSLContext | None = None
        self._endpoints: Endpoints | None = None
        self._keys: list[dict[str, Any]] = []
        self._endpoints_at = self._keys_at = self._looked_at = -math.inf
        self._asking = asyncio.Lock()

    async def endpoints(self) -> Endpoints:
        """Return where it is asked for what (OpenID Connect Discovery 1.0). Raises Away."""
        async with self._asking:
            if self._endpoints is None or self._clock() - self._endpoints_at >= _LASTS:
                address = self.settings.issuer.removesuffix("/") + _CONFIGURATION
                self._endpoints = _endpoints(await self._ask("GET", address), self.settings.issuer)
                self._endpoints_at = self._clock()
            return self._endpoints

    async def key(self, alg: str, kid: str) -> dict[str, Any] | None:
        """Return the key (a JWK) of an id, or the only one that fits if there is none; None if there is no such key.

        Keys that are not known are looked for again, now and then. Raises Away.
        """
        where = (await self.endpoints()).keys
        async with self._asking:
            now = self._clock()
            if now - self._keys_at < _LASTS:
                found = _fitting(self._keys, alg, kid)
                if found is not None or now - self._looked_at < _AGAIN:
                    return found
                self._looked_at = now
            self._keys = _keys(await self._ask("GET", where))
            self._keys_at = self._clock()
            return _fitting(self._keys, alg, kid)

    async def redeem(self, code: str, verifier: str) -> str:
        """Return the ID token for a code (OpenID Connect Core 3.1.3). Raises Away, NotRedeemed."""
        settings, endpoints = self.settings, await self.endpoints()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": settings.redirect_uri,
            "code_verifier": verifier,
        }
        auth = None
        if settings.client_secret is None:
            form["client_id"] = settings.client_id
        elif endpoints.posts_secret:
            form |= {"client_id": settings.client_id, "client_secret": settings.client_secret}
        else:  # as a form has them (RFC 6749 section 2.3.1)
            auth = httpx2.BasicAuth(quote_plus(settings.client_id), quote_plus(settings.client_secret))
        answer = await self._ask("POST", endpoints.token, form, auth)
        token = answer.get("id_token")
        if not isinstance(token, str):
            raise Away("its answer to a code has no ID token")
        return token

    async def _ask(
        self, method: str, url: str, form: Mapping[str, str] | None = None, auth: httpx2.BasicAuth | None = None
    ) -> dict[str, Any]:
        """Return the JSON object of an answer."""
        host = urlsplit(url).netloc
        try:
            trust = await self._context()
            async with (
                httpx2.AsyncClient(verify=trust, timeout=self.settings.timeout, follow_redirects=False) as client,
                client.stream(method, url, data=form, auth=auth, headers={"Accept": "application/json"}) as response,
            ):
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > LARGEST:
                        raise Away(f"{host} answered with more than {LARGEST // 1024} KiB")
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:  # the last: proxies of the machine
            raise Away(f"{host} cannot be reached: {str(error) or type(error).__name__}"[:300]) from None
        if response.status_code == 400 and form is not None and _error(body) == "invalid_grant":
            raise NotRedeemed
        if response.status_code != 200:
            raise Away(f"{host} answered {response.status_code} {_error(body)}".rstrip())
        return _object(body, host)

    async def _context(self) -> ssl.SSLContext:
        """Return what is trusted. Reading the system's authorities takes long enough to be done in a thread."""
        if self._trust is None:
            self._trust = await asyncio.to_thread(ssl.create_default_context, cafile=self.settings.ca)
        return self._trust


def _object(body: bytes, host: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise Away(f"{host} did not answer with JSON") from None
    if not isinstance(found, dict):
        raise Away(f"{host} did not answer with a JSON object")
    return found


def _error(body: bytes) -> str:
    """Return the code of an error (RFC 6749 section 5.2); "" for something else."""
    try:
        code = _object(body, "").get("error")
    except Away:
        return ""
    return code[:60] if isinstance(code, str) and code.isascii() and code.replace("_", "").isalnum() else ""


def _endpoints(said: Mapping[str, Any], issuer: str) -> Endpoints:
    if said.get("issuer") != issuer:
        raise Away("it names itself otherwise than api.oidc.issuer does: write it as its configuration has it")
    found = [said.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")]
    scheme = urlsplit(issuer).scheme
    if not all(isinstance(url, str) and _is_address(url, scheme) for url in found):
        raise Away("its configuration lacks an address, or has one without TLS")
    ways = said.get("token_endpoint_auth_methods_supported")
    if not isinstance(ways, list):
        ways = ["client_secret_basic"]
    posts = "client_secret_post" in ways and "client_secret_basic" not in ways
    named = said.get("authorization_response_iss_parameter_supported") is True
    return Endpoints(str(found[0]), str(found[1]), str(found[2]), posts, named)


def _is_address(url: str, scheme: str) -> bool:
    """Return whether this is an address by TLS, or by the issuer's own scheme, as it is written (RFC 3986)."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return url.isascii() and url.isprintable() and parts.scheme in ("https", scheme) and bool(parts.netloc)


def _keys(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    keys = said.get("keys")
    if not isinstance(keys, list):
        raise Away("its keys cannot be read")
    return [key for key in keys[:MOST_KEYS] if isinstance(key, dict)]


def _fitting(keys: list[dict[str, Any]], alg: str, kid: str) -> dict[str, Any] | None:
    """Return the key of a signature; without an id only one that is the only one of its kind."""
    kind = _KINDS[alg[:2]]
    fit = [key for key in keys if key.get("kty") == kind and key.get("use", "sig") == "sig"]
    fit = [key for key in fit if key.get("alg", alg) == alg and (not kid or key.get("kid") == kid)]
    return fit[0] if len(fit) == 1 or (kid and fit) else None
