"""Checks of the tokens of the API: what would let nobody in, or somebody else, and what ends soon."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from voltgate.config.claims import SHORTEST_TOKEN
from voltgate.config.draft import Draft, Finding
from voltgate.config.lines import Path
from voltgate.config.model import Config

ADMIN = "admin"
"""The name of the caller with `admin_token`."""
SOON = timedelta(days=14)
"""How long before its end a token is warned of."""


def check_api(draft: Draft) -> Iterator[Finding]:
    """Yield what is wrong, or doubtful, with the tokens."""
    config, names = draft.config, set[str]()
    for number, token in enumerate(config.api.tokens):
        if token.name in names or (token.name == ADMIN and config.admin_token is not None):
            yield Finding(("api", "tokens", number, "name"), f'there is a token "{token.name}" already')
        names.add(token.name)
        if token.expires is not None:
            yield from _end(("api", "tokens", number, "expires"), token.expires)
    seen = set[bytes]()
    for path, digest in _digests(config):
        if digest in seen:
            yield Finding(path, "is another caller's token already: each is for one")
        seen.add(digest)
    if config.admin_token is not None:
        yield from _admin_token(config.admin_token.get_secret_value())


def _end(path: Path, expires: datetime) -> Iterator[Finding]:
    """Warn of a token that has ended, or soon will."""
    left = expires - datetime.now(UTC)
    instead = "put another one in its place (`voltgate token` makes it)"
    if left <= timedelta():
        yield Finding(path, f"has passed: this token lets nobody in; take it out, or {instead}", warning=True)
    elif left <= SOON:
        yield Finding(path, f"this token ends in {_days(left)}: {instead}", warning=True)


def _days(left: timedelta) -> str:
    return f"{left.days} days" if left.days > 1 else f"{left.total_seconds() / 3600:.0f} hours"


def _digests(config: Config) -> Iterator[tuple[Path, bytes]]:
    if config.admin_token is not None:
        yield ("admin_token",), _digest(config.admin_token)
    for number, token in enumerate(config.api.tokens):
        yield ("api", "tokens", number, "hash"), token.digest
    for name, backend in config.backends.items():
        if backend.claims.token is not None:
            yield ("backends", name, "claims", "token"), _digest(backend.claims.token)


def _digest(token: SecretStr) -> bytes:
    return hashlib.sha256(token.get_secret_value().encode()).digest()


def _admin_token(token: str) -> Iterator[Finding]:
    if len(token) < SHORTEST_TOKEN:
        message = (
            f"must have at least {SHORTEST_TOKEN} characters: `voltgate token admin --role admin` makes a good one"
        )
        yield Finding(("admin_token",), message)
    elif any(not "!" <= character <= "~" for character in token):
        yield Finding(("admin_token",), "must be one word of ASCII characters: it is sent in an HTTP header")
