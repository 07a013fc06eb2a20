"""Who may charge: Authorize, and the tokens of the messages that begin a transaction.

Source: 1.6 sections 4.1 and 7.4; 2.0.1 Part 2, C01 to C07, AuthorizationStatusEnumType.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.desk import Desk
from voltgate.csms.model import Token
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said
from voltgate.csms.times import written

NO_AUTHORIZATION = "NoAuthorization"
"""The type of a token of 2.x that stands for none: a station that lets anybody charge (C02)."""


def verdict(desk: Desk, text: str, kind: str, *, running: tuple[str, str] | None = None) -> str:
    """Return what a token is answered: Accepted, Blocked, Expired, Invalid, ConcurrentTx.

    `running` is the transaction that it is asked for, which does not count against it.
    """
    if kind == NO_AUTHORIZATION and not text:
        return "Accepted"
    token = desk.token(text)
    if token is None:
        return "Accepted" if desk.settings.tokens == "any" and text else "Invalid"
    if token.status != "Accepted":
        return token.status
    if token.kind and kind and token.kind != kind:
        return "Invalid"
    if token.expires is not None and token.expires <= desk.said.now:
        return "Expired"
    if token.network and token.network != desk.station.network:
        return "NotAtThisLocation" if desk.said.modern else "Invalid"
    others = desk.used(text) - {running}
    return "ConcurrentTx" if token.concurrent and len(others) >= token.concurrent else "Accepted"


def info_1x(desk: Desk, text: str, status: str) -> dict[str, Any]:
    """Return an idTagInfo."""
    info: dict[str, Any] = {"status": status}
    token = desk.token(text)
    if token is not None:
        info |= _expiry(token, "expiryDate")
        if token.group:
            info["parentIdTag"] = token.group
    return info


def info_2x(desk: Desk, text: str, status: str) -> dict[str, Any]:
    """Return an idTokenInfo."""
    info: dict[str, Any] = {"status": status}
    token = desk.token(text)
    if token is None:
        return info
    info |= _expiry(token, "cacheExpiryDateTime")
    if token.group:
        info["groupIdToken"] = {"idToken": token.group, "type": "Central"}
    if token.language:
        info["language1"] = token.language
    if token.message:
        info["personalMessage"] = {"format": "UTF8", "language": token.language or "en", "content": token.message}
    return info


def _expiry(token: Token, name: str) -> dict[str, str]:
    return {} if token.expires is None else {name: written(token.expires)}


def authorize_1x(desk: Desk) -> dict[str, Any]:
    """Answer an Authorize of 1.x."""
    text = desk.said.text("idTag")
    return {"idTagInfo": info_1x(desk, text, verdict(desk, text, ""))}


def authorize_2x(desk: Desk) -> dict[str, Any]:
    """Answer an Authorize of 2.x."""
    text, kind = token_of_2x(desk.said)
    return {"idTokenInfo": info_2x(desk, text, verdict(desk, text, kind))}


def token_of_2x(said: Said) -> tuple[str, str]:
    """Return the token of a call of 2.x, and its type; ("", "") if it has none."""
    token = said.part("idToken")
    text, kind = token.get("idToken"), token.get("type")
    return (text if isinstance(text, str) else ""), (kind if isinstance(kind, str) else "")


def needs_1x(said: Said, needs: Needs) -> None:
    """Read the token."""
    _needs(said.text("idTag"), needs)


def needs_2x(said: Said, needs: Needs) -> None:
    """Read the token."""
    _needs(token_of_2x(said)[0], needs)


def _needs(text: str, needs: Needs) -> None:
    if text:
        needs.tokens.add(text.casefold())
        needs.used.add(text.casefold())
