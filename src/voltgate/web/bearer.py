"""A bearer token: what a caller of the API carries, and the digest that is all we keep of it."""

from __future__ import annotations

import hashlib
import secrets

PREFIX = "vg_"
"""What every token begins with that Voltgate makes, so that a leaked one is recognised."""
SCHEME = "sha256:"
"""What a digest begins with where it is written down."""


def fresh() -> str:
    """Make a token of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(32)


def digest_of(token: str | bytes) -> bytes:
    """Give what is kept of a token. It is random, so a plain SHA-256 is as good as a slow hash."""
    return hashlib.sha256(token.encode() if isinstance(token, str) else token).digest()


def written(digest: bytes) -> str:
    """Write a digest as the configuration has it: `sha256:` and 64 hexadecimal digits."""
    return SCHEME + digest.hex()
