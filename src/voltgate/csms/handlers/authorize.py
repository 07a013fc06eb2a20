"""Who may charge: Authorize, and the tokens of the messages that begin a transaction.

Source: 1.6 sections 4.1 and 7.2; 2.0.1 Part 2, C01 to C07, AuthorizationStatusEnumType.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.admission import is_accepted
from voltgate.csms.handling import Handling
from voltgate.csms.model import Token, Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said
from voltgate.ocpp.times import stamp

NO_AUTHORIZATION = "NoAuthorization"
"""The type of a token of 2.x that stands for none: a station that lets anybody charge (C02)."""


_LONGEST_GROUP_1X = 20
"""Characters of a token of 1.x."""
_LONGEST_LANGUAGE = 8
_LONGEST_GROUP = {"ocpp2.1": 255}
_LONGEST_TEXT = {"ocpp2.1": 1024}
"""Where 2.1 has room for more than 2.0.1."""


def verdict(handling: Handling, text: str, kind: str, *, begins: Transaction | None = None) -> str:
    """Return what a token is answered, as the version of the station has it.

    `begins` is the transaction that it is asked for. Only then other transactions count: somebody who ends one, or a
    station that asks what it may remember, is not told of them (1.6 section 7.2; 2.x AuthorizationStatusEnumType).
    """
    modern = handling.said.modern
    if not is_accepted(handling):
        return "Invalid"
    if kind == NO_AUTHORIZATION and not text:
        return "Accepted"
    token = handling.token(text)
    if token is None and handling.settings.tokens == "any" and text:
        return "Accepted"
    if token is None:
        return "Unknown" if modern else "Invalid"
    if token.status != "Accepted":
        return token.status
    if token.kind and kind and token.kind.casefold() != kind.casefold():
        return "Invalid"
    if token.expires is not None and token.expires <= handling.said.now:
        return "Expired"
    if token.network and token.network != handling.station.network:
        return "NotAtThisLocation" if modern else "Invalid"
    if begins is None or not token.concurrent:
        return "Accepted"
    others = handling.used(text) - {(begins.station, begins.ref)}
    return "ConcurrentTx" if len(others) >= token.concurrent else "Accepted"


def info_1x(handling: Handling, text: str, status: str) -> dict[str, Any]:
    """Return an idTagInfo."""
    info: dict[str, Any] = {"status": status}
    token = handling.token(text)
    if token is not None:
        info |= _expiry(token, "expiryDate")
        if 0 < len(token.group) <= _LONGEST_GROUP_1X:  # one that is cut would be another
            info["parentIdTag"] = token.group
    return info


def info_2x(handling: Handling, text: str, status: str) -> dict[str, Any]:
    """Return an idTokenInfo."""
    info: dict[str, Any] = {"status": status}
    token = handling.token(text)
    if token is None:
        return info
    info |= _expiry(token, "cacheExpiryDateTime")
    version, language = handling.said.version, token.language[:_LONGEST_LANGUAGE]
    if 0 < len(token.group) <= _LONGEST_GROUP.get(version, 36):
        info["groupIdToken"] = {"idToken": token.group, "type": "Central"}
    if language:
        info["language1"] = language
    if token.message:
        content = token.message[: _LONGEST_TEXT.get(version, 512)]
        info["personalMessage"] = {"format": "UTF8", "language": language or "en", "content": content}
    return info


def _expiry(token: Token, name: str) -> dict[str, str]:
    return {} if token.expires is None else {name: stamp(token.expires)}


def authorize_1x(handling: Handling) -> dict[str, Any]:
    """Answer an Authorize of 1.x."""
    text = handling.said.text("idTag")
    return {"idTagInfo": info_1x(handling, text, verdict(handling, text, ""))}


def authorize_2x(handling: Handling) -> dict[str, Any]:
    """Answer an Authorize of 2.x.

    A contract certificate (C07) can be judged by nobody here: it is not accepted, and neither is who shows it.
    """
    text, kind = token_of_2x(handling.said)
    status = verdict(handling, text, kind)
    if not any(handling.said.fields.get(name) for name in ("certificate", "iso15118CertificateHashData")):
        return {"idTokenInfo": info_2x(handling, text, status)}
    info = info_2x(handling, text, "Invalid" if status == "Accepted" else status)
    return {"idTokenInfo": info, "certificateStatus": "NoCertificateAvailable"}


def token_of_2x(said: Said) -> tuple[str, str]:
    """Return the token of a call of 2.x, and its type; ("", "") if it has none."""
    token = said.part("idToken")
    text, kind = token.get("idToken"), token.get("type")
    return (text if isinstance(text, str) else ""), (kind if isinstance(kind, str) else "")


def needs_1x(said: Said, needs: Needs) -> None:
    """Read the token."""
    needs.token(said.text("idTag"))


def needs_2x(said: Said, needs: Needs) -> None:
    """Read the token."""
    needs.token(token_of_2x(said)[0])
