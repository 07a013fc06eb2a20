"""`/sign-in/oidc`: where a browser begins a sign-in at the provider, and where it comes back."""

from __future__ import annotations

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from voltgate.relay.records import StoreAway
from voltgate.web import cookies
from voltgate.web.access import Access, address_of
from voltgate.web.audited import line
from voltgate.web.single_sign_on.attempt import SECONDS
from voltgate.web.single_sign_on.page import refusal_page
from voltgate.web.single_sign_on.settings import Refusal, Settings
from voltgate.web.single_sign_on.sign_on import SingleSignOn

router = APIRouter(include_in_schema=False)
"""Pages for people, no resources: what a provider adds to its answers is not refused (RFC 6749 section 4.1.2)."""
_COOKIE = "voltgate-sign-in"
_HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
_OFF = Refusal("off", "there is no [api.oidc], or no database")

log = structlog.get_logger("voltgate.web")


@router.get("/sign-in/oidc")
async def begin(request: Request) -> Response:
    """Send the browser to the provider, with a cookie of this attempt alone."""
    signing = _single_sign_on(request)
    settings = None if signing is None else signing.settings
    if signing is None or settings is None:
        return _refused(request, _OFF, settings)
    try:
        attempt, location = await signing.begin()
    except Refusal as refusal:
        return _refused(request, refusal, settings)
    response = RedirectResponse(location, 303, _HEADERS)
    _keep(response, settings, attempt.cookie, SECONDS)
    return response


@router.get("/sign-in/oidc/callback")
async def callback(request: Request) -> Response:
    """Log in whom the provider sends back, and go on to the dashboard: there, whatever the answer says."""
    signing = _single_sign_on(request)
    settings = None if signing is None else signing.settings
    if signing is None or settings is None:
        return _refused(request, _OFF, settings)
    try:
        asked = request.query_params
        answer = {name: asked[name] for name in asked if len(asked.getlist(name)) == 1}
        ticket = await signing.finish(cookies.only(request, _cookie(settings)), answer, address_of(request))
    except Refusal as refusal:
        response = _refused(request, refusal, settings)
    except StoreAway as away:
        response = _refused(request, Refusal("busy", f"the database: {away}"), settings)
    else:
        access: Access = request.app.state.access
        token = ticket.token.encode()
        left = access.left(access.admit(token, request))
        response = RedirectResponse(f"{settings.public_url}/", 303, _HEADERS)
        cookies.sign_in(response, request, token, left, secure=settings.is_secure)
    _keep(response, settings, "", 0)
    return response


def _single_sign_on(request: Request) -> SingleSignOn | None:
    found: SingleSignOn | None = request.app.state.single_sign_on
    return found


def _cookie(settings: Settings) -> str:
    """Return the name of the cookie of an attempt: by HTTPS one that no other host can set (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{_COOKIE}" if settings.is_secure else _COOKIE


def _keep(response: Response, settings: Settings, value: str, seconds: int) -> None:
    """Have a browser keep an attempt; "lax", as it is to be sent when the provider sends people back."""
    name, secure = _cookie(settings), settings.is_secure
    response.set_cookie(name, value, seconds, path="/", secure=secure, httponly=True, samesite="lax")


def _refused(request: Request, refusal: Refusal, settings: Settings | None) -> Response:
    log.warning("nobody is signed in by OpenID Connect", kind=refusal.kind, reason=refusal.reason)
    said = line(
        "", "Login", "refused", refusal.kind, f"by OpenID Connect: {refusal.reason}", address=address_of(request)
    )
    request.app.state.audit.refusals.add(said)
    return refusal_page(refusal.kind, request.headers.get("accept-language", ""), settings)
