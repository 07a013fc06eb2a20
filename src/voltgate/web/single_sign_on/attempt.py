"""One attempt to sign in: what the browser keeps of it, from which all that the provider is shown is derived.

Nothing is kept here, so that the answer may come to any worker and any gateway. State, nonce and code verifier are made
of a secret and of the end of the attempt by a keyed hash: who has not the browser's cookie can make none of them, and
who moves the end has another state than the one that comes back.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

SECONDS = 600
"""How long somebody may take to sign in at the provider."""
_BYTES = 32
_LONGEST = 100
"""Characters of a cookie that are looked at."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to sign in, until a time in seconds since 1970."""

    secret: bytes = field(repr=False)
    until: int

    @classmethod
    def begin(cls, now: float) -> Attempt:
        """Begin one."""
        return cls(secrets.token_bytes(_BYTES), int(now) + SECONDS)

    @classmethod
    def read(cls, cookie: str, now: float) -> Attempt | None:
        """Return the attempt that a cookie is of; None for what is none, or has ended."""
        until, _, secret = cookie[:_LONGEST].partition(".")
        try:
            key = base64.b64decode(secret + "=", altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if not (until.isascii() and until.isdecimal()) or len(key) != _BYTES:
            return None
        return cls(key, int(until)) if now < int(until) <= now + SECONDS else None

    @property
    def cookie(self) -> str:
        """What the browser keeps."""
        return f"{self.until}.{_text(self.secret)}"

    @property
    def state(self) -> str:
        """What comes back with the code (RFC 6749 section 10.12)."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What stands in the ID token (OpenID Connect Core section 3.1.2.1)."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What proves that whoever began redeems the code (RFC 7636)."""
        return self._derived("verifier")

    @property
    def challenge(self) -> str:
        """What the provider is shown of the verifier beforehand, by S256."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())

    def is_answered_by(self, state: str) -> bool:
        """Return whether an answer is to this attempt."""
        return hmac.compare_digest(self.state.encode(), state.encode())

    def _derived(self, what: str) -> str:
        return _text(hmac.new(self.secret, f"voltgate {what} {self.until}".encode(), hashlib.sha256).digest())


def _text(digest: bytes) -> str:
    """Return bytes as a text that needs no quotes, neither in a cookie nor in an address."""
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
