"""Who may use the API of a gateway, as its configuration, its database and its first start say."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import structlog

from voltgate.app.database import address_of
from voltgate.config import Config, Loaded
from voltgate.store import Database
from voltgate.store.address import SQLITE
from voltgate.store.api_tokens import ApiTokens
from voltgate.web.access import Access, KnownToken
from voltgate.web.bearer import digest_of
from voltgate.web.first_token import NAME, first_token
from voltgate.web.issued_tokens import IssuedTokens

ADMIN = "admin"
"""Whose token `admin_token` is, and the first token."""

log = structlog.get_logger("voltgate")


class ApiAccess:
    """Keeps what Access knows in step with the configuration and the database, which is open already."""

    def __init__(self, loaded: Loaded, database: Database | None) -> None:
        config = loaded.config
        self.access = Access(known_tokens(loaded), config.api.failed_tokens)
        self.made: IssuedTokens | None = None
        if database is not None and database.engine is not None:
            self.made = IssuedTokens(self.access, ApiTokens(database.engine, config.store.patience))

    def change(self, loaded: Loaded) -> None:
        """Go by another configuration."""
        self.access.replace(known_tokens(loaded))

    async def follow(self) -> None:
        """Read the tokens of the database, now and again and again, until cancelled."""
        if self.made is not None:
            await self.made.follow()
        await asyncio.Event().wait()


def known_tokens(loaded: Loaded) -> list[KnownToken]:
    """Give the tokens that a configuration names; where it names no person's, that of the first start."""
    persons = list(_of_persons(loaded.config))
    return [*(persons or _first(loaded)), *_of_backends(loaded.config)]


def _of_persons(config: Config) -> Iterator[KnownToken]:
    if config.admin_token is not None:
        yield KnownToken(ADMIN, "admin", digest_of(config.admin_token.get_secret_value()))
    for token in config.api.tokens:
        yield KnownToken(token.name, token.role, token.digest)


def _of_backends(config: Config) -> Iterator[KnownToken]:
    for name, backend in config.backends.items():
        if backend.claims.token is not None:
            yield KnownToken(name, "backend", digest_of(backend.claims.token.get_secret_value()), name)


def _first(loaded: Loaded) -> list[KnownToken]:
    """Read or make the token of the first start, beside the database; without it nobody gets in, and that is said."""
    folder = folder_of(loaded)
    if folder is None:
        log.warning("nobody can use the API: set VOLTGATE_ADMIN_TOKEN, or write [[api.tokens]]")
        return []
    try:
        token = first_token(folder)
    except OSError as error:
        log.warning("nobody can use the API: its first token cannot be had", reason=str(error))
        return []
    log.info("the token of the API's first administrator is in a file", file=str(folder / NAME))
    return [KnownToken(ADMIN, "admin", digest_of(token))]


def folder_of(loaded: Loaded) -> Path | None:
    """Give the folder of the database's file; None without one."""
    address = address_of(loaded)
    return Path(str(address.database)).parent if address is not None and address.drivername == SQLITE else None
