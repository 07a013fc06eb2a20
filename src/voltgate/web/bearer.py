"""Bearer tokens of the API, and their digests, which are all that is stored."""

from __future__ import annotations

import hashlib
import secrets

PREFIX = "vg_"
"""The prefix of every token that Voltgate makes, so that a leaked one is recognised."""
SCHEME = "sha256:"
"""The prefix of a digest in text form."""


def fresh() -> str:
    """Return a new token of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str | bytes) -> bytes:
    """Return the digest that is stored of a token. A token is random, so a plain SHA-256 is as good as a slow hash."""
    return hashlib.sha256(token.encode() if isinstance(token, str) else token).digest()


def written(digest: bytes) -> str:
    """Return a digest as in the configuration: `sha256:` and 64 hexadecimal digits."""
    return SCHEME + digest.hex()
