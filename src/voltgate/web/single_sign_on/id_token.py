"""The ID token: signed by the provider, for us, for this attempt, and not over (OpenID Connect Core 3.1.3.7)."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures by a key that the provider alone has: neither "none" nor HMAC, whose key might be a public one."""
_LEEWAY = 60
"""Seconds by which the clocks of the provider and of this machine may differ."""
_LONGEST_SUBJECT = 255
"""Characters of "sub" (OpenID Connect Core section 2)."""


class Untrusted(Exception):  # noqa: N818 - what somebody else said
    """An ID token is not to be believed. The text says why, and repeats nothing of it."""


def header_of(token: str) -> tuple[str, str]:
    """Return the algorithm and the id of the key that a token says it is signed by ("": none). Raises Untrusted."""
    try:
        part = token.partition(".")[0]
        header = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        raise Untrusted("it cannot be read") from None
    if not isinstance(header, dict) or header.get("alg") not in ALGORITHMS:
        raise Untrusted("it is not signed by an algorithm that is taken")
    kid = header.get("kid", "")
    if not isinstance(kid, str):
        raise Untrusted("its key has no name that is a text")
    return str(header["alg"]), kid


def verified(
    token: str, key: Mapping[str, Any], *, issuer: str, client_id: str, nonce: str, now: float
) -> dict[str, Any]:
    """Return what a token says that was signed by a key (a JWK). Raises Untrusted; `now` is in seconds since 1970."""
    alg, _ = header_of(token)
    try:
        signed = jwt.decode(token, import_key(dict(key)), algorithms=[alg])
        told = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
        claims = CodeIDToken(signed.claims, signed.header, told, {"nonce": nonce, "client_id": client_id})
        claims.validate(int(now), _LEEWAY)
    except JoseError as error:
        raise Untrusted(f"{error.error}: {error.description or ''}"[:200]) from None
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise Untrusted(f"its key or what it says has another form: {type(error).__name__}") from None
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise Untrusted("it does not say of whom it is")
    return dict(claims)
