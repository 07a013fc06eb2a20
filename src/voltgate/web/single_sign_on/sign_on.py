"""Single sign-on: somebody is sent to the provider, comes back with a code, and is logged in as a user."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

from voltgate.web.single_sign_on.attempt import Attempt
from voltgate.web.single_sign_on.grants import check_domain, login_of, person_of, roles_of
from voltgate.web.single_sign_on.provider import Away, NotRedeemed, Provider
from voltgate.web.single_sign_on.settings import Refusal, Settings
from voltgate.web.user_access import VOUCHED, Full, Taken, Ticket, UserAccess, Wrong

_AT_ONCE = 4
"""Sign-ins that ask the provider at a time."""
_WAITING = 32
"""Sign-ins that may wait for it besides."""
_REMEMBERED = 10_000
"""Attempts that are known to be over; beyond, the oldest is forgotten, whose code the provider takes no more either."""


class SingleSignOn:
    """Sends people to a provider, and takes them back. Everything that comes to nothing raises Refusal."""

    def __init__(
        self,
        users: UserAccess,
        settings: Settings | None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._users = users
        self._clock = clock
        self._wall = wall
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._inside = 0
        self._over: OrderedDict[str, None] = OrderedDict()
        self._provider: Provider | None = None
        self.change(settings)

    def change(self, settings: Settings | None) -> None:
        """Go by other settings from now on; None: nobody signs in so."""
        if settings != self.settings:
            self._provider = None if settings is None else Provider(settings, self._clock)

    @property
    def settings(self) -> Settings | None:
        """What it goes by; None: there is no provider."""
        return None if self._provider is None else self._provider.settings

    async def begin(self) -> tuple[Attempt, str]:
        """Begin an attempt; return it, and where at the provider its browser goes."""
        provider = self._configured()
        settings = provider.settings
        async with self._asking(settings.timeout):
            address = (await provider.endpoints()).authorization
        attempt = Attempt.begin(self._wall())
        asked = {
            "response_type": "code",
            "client_id": settings.client_id,
            "redirect_uri": settings.redirect_uri,
            "scope": " ".join(settings.scopes),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": attempt.challenge,
            "code_challenge_method": "S256",
        }
        return attempt, f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    async def finish(self, cookie: str | None, answer: Mapping[str, str], address: str) -> Ticket:
        """Log in whom the provider sends back with an answer, to the browser that has the attempt's cookie."""
        provider = self._configured()
        attempt = self._answered(cookie, answer)
        if error := answer.get("error"):
            raise Refusal("denied" if error == "access_denied" else "away", f"the provider said {error[:60]!r}")
        async with self._asking(provider.settings.timeout):
            claims = await self._claims(provider, attempt, answer)
        return await self._let_in(claims, provider.settings, address)

    def _answered(self, cookie: str | None, answer: Mapping[str, str]) -> Attempt:
        """Return the attempt of this browser that an answer is to: the first one, and in time."""
        attempt = Attempt.read(cookie or "", self._wall())
        if attempt is None:
            raise Refusal("again", "the browser has begun nothing here, or too long ago")
        state = answer.get("state", "")
        if not attempt.is_answered_by(state):
            raise Refusal("again", "the answer is to something else than this browser has begun")
        if state in self._over:
            raise Refusal("again", "the answer came a second time")
        self._over[state] = None
        if len(self._over) > _REMEMBERED:
            self._over.popitem(last=False)
        return attempt

    async def _claims(self, provider: Provider, attempt: Attempt, answer: Mapping[str, str]) -> dict[str, Any]:
        """Return what the ID token says."""
        settings, names_itself = provider.settings, (await provider.endpoints()).names_itself
        if answer.get("iss", None if names_itself else settings.issuer) != settings.issuer:
            raise Refusal("again", "the answer is of another provider (RFC 9207)")
        if not answer.get("code"):
            raise Refusal("again", "the answer has no code")
        try:
            token = await provider.redeem(answer["code"], attempt.verifier)
        except NotRedeemed:
            raise Refusal("again", "the provider does not take the code: it was used, or has ended") from None
        # it takes half a second to be imported, which stations are not to wait for
        verifying = await asyncio.to_thread(_verifying)
        try:
            alg, kid = verifying.header_of(token)
            key = await provider.key(alg, kid)
            if key is None:
                raise Refusal("away", f"the ID token is signed by a key that the provider does not show, for {alg}")
            return verifying.verified(  # type: ignore[no-any-return]
                token,
                key,
                issuer=settings.issuer,
                client_id=settings.client_id,
                nonce=attempt.nonce,
                now=self._wall(),
            )
        except verifying.Untrusted as error:
            raise Refusal("away", f"the ID token is not to be believed: {error}") from None

    async def _let_in(self, claims: Mapping[str, Any], settings: Settings, address: str) -> Ticket:
        by = f"{VOUCHED}{settings.issuer}#{claims['sub']}"
        try:
            check_domain(claims, settings)
            roles = roles_of(claims, settings)
        except Refusal:
            await self._users.shut_out(by)
            raise
        login = login_of(claims, settings)
        try:
            return await self._users.let_in(login, person_of(claims), roles, by, address)
        except Taken:
            raise Refusal("taken", f'there is a user "{login}" for whom this provider does not vouch') from None
        except Full:
            raise Refusal("full", "there are as many users as there can be") from None
        except Wrong:
            raise Refusal("again", "the user was deleted meanwhile") from None

    def _configured(self) -> Provider:
        if self._provider is None:
            raise Refusal("off", "there is no [api.oidc]")
        return self._provider

    @asynccontextmanager
    async def _asking(self, seconds: float) -> AsyncIterator[None]:
        """Ask the provider, in so many seconds, together with a few others."""
        if self._inside >= _AT_ONCE + _WAITING:
            raise Refusal("busy", "too many sign in at once")
        self._inside += 1
        try:
            async with asyncio.timeout(seconds), self._gate:
                yield
        except TimeoutError:
            raise Refusal("away", f"the provider did not answer within {seconds:g} s") from None
        except Away as away:
            raise Refusal("away", f"the provider: {away}") from None
        finally:
            self._inside -= 1


def _verifying() -> Any:
    """Return the module that verifies ID tokens."""
    from voltgate.web.single_sign_on import id_token  # noqa: PLC0415

    return id_token
