"""Access to the API: the tokens of the configuration, of the database and of the first start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import structlog

from voltgate.app.database import address_of
from voltgate.config import Config, Loaded
from voltgate.store import Database
from voltgate.store.address import SQLITE
from voltgate.store.api_tokens import ApiTokens
from voltgate.web.access import Access, AccessToken
from voltgate.web.bearer import digest_of
from voltgate.web.first_token import NAME, first_token
from voltgate.web.issued_tokens import IssuedTokens

ADMIN = "admin"
"""The name of the caller with `admin_token`, or with the first token."""

log = structlog.get_logger("voltgate")


class ApiAccess:
    """Keeps Access in step with the configuration and the database, which is open already."""

    def __init__(self, loaded: Loaded, database: Database | None) -> None:
        config = loaded.config
        self.access = Access(configured_tokens(loaded), config.api.failed_tokens)
        self.issued: IssuedTokens | None = None
        if database is not None and database.engine is not None:
            self.issued = IssuedTokens(self.access, ApiTokens(database.engine, config.store.patience, database.node))

    def change(self, tokens: list[AccessToken], failures: int) -> None:
        """Go by the tokens of another configuration, and by how often one that is not known may be tried a minute."""
        self.access.failures = failures
        self.access.replace(tokens)


def configured_tokens(loaded: Loaded) -> list[AccessToken]:
    """Return the tokens of a configuration; without a token of a person, also that of the first start."""
    persons = list(_of_persons(loaded.config))
    return [*(persons or _first(loaded)), *_of_backends(loaded.config)]


def _of_persons(config: Config) -> Iterator[AccessToken]:
    if config.admin_token is not None:
        yield AccessToken(ADMIN, "admin", digest_of(config.admin_token.get_secret_value()))
    for token in config.api.tokens:
        yield AccessToken(token.name, token.role, token.digest)


def _of_backends(config: Config) -> Iterator[AccessToken]:
    for name, backend in config.backends.items():
        if backend.claims.token is not None:
            yield AccessToken(name, "backend", digest_of(backend.claims.token.get_secret_value()), name)


def _first(loaded: Loaded) -> list[AccessToken]:
    """Return the token of the first start, kept beside the database; log a warning if there can be none."""
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
    return [AccessToken(ADMIN, "admin", digest_of(token))]


def folder_of(loaded: Loaded) -> Path | None:
    """Return the folder of the database's file; None without one."""
    address = address_of(loaded)
    return Path(str(address.database)).parent if address is not None and address.drivername == SQLITE else None
