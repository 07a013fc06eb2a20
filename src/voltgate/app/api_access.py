"""Access to the API: the tokens of the configuration, of the database and of the first start."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import structlog

from voltgate.app.database import address_of
from voltgate.app.single_sign_on import sign_on_settings
from voltgate.cluster.notices import Notices
from voltgate.config import Config, Loaded
from voltgate.store import Database
from voltgate.store.address import SQLITE
from voltgate.store.api_tokens import ApiTokens
from voltgate.store.notices import TOKENS, USERS
from voltgate.store.reach import Reach
from voltgate.store.users import Users
from voltgate.web.access import Access, AccessToken
from voltgate.web.bearer import digest_of
from voltgate.web.first_token import NAME, first_token
from voltgate.web.issued_tokens import IssuedTokens
from voltgate.web.single_sign_on.sign_on import SingleSignOn
from voltgate.web.user_access import UserAccess, UserSettings

ADMIN = "admin"
"""The name of the caller with `admin_token`, or with the first token."""

log = structlog.get_logger("voltgate")


class ApiAccess:
    """Keeps Access in step with the configuration and the database, which is open already."""

    def __init__(self, loaded: Loaded, database: Database | None) -> None:
        config = loaded.config
        self.access = Access(configured_tokens(loaded), config.api.failed_tokens)
        self._bound(config)
        self.issued: IssuedTokens | None = None
        self.users: UserAccess | None = None
        self.single_sign_on: SingleSignOn | None = None
        if database is not None and database.engine is not None:
            self.issued = IssuedTokens(self.access, ApiTokens(database.engine, config.store.patience, database.node))
            reach = Reach(database.there, config.store.patience)
            self.users = UserAccess(self.access, Users(reach, database.node), user_settings(config))
            self.single_sign_on = SingleSignOn(self.users, sign_on_settings(config))

    def change(self, tokens: list[AccessToken], config: Config) -> None:
        """Go by another configuration, of which these are the tokens."""
        self.access.failures = config.api.failed_tokens
        self._bound(config)
        self.access.replace(tokens)
        if self.users is not None:
            self.users.change_settings(user_settings(config))
        if self.single_sign_on is not None:
            self.single_sign_on.change(sign_on_settings(config))

    def _bound(self, config: Config) -> None:
        self.access.rate = config.api.rate
        self.access.guards_metrics = config.api.metrics == "token"

    def ends(self) -> dict[str, float]:
        """Return when tokens end that do, by name, in seconds since 1970: of the configuration, and issued ones."""
        records = () if self.issued is None else self.issued.records
        return {each.name: each.until for each in records if each.until is not None} | self.access.ends()

    def follow(self, notices: Notices) -> None:
        """Hear what other gateways have changed."""
        if self.issued is not None:
            notices.follow(TOKENS, self.issued)
        if self.users is not None:
            notices.follow(USERS, self.users)

    def tasks(self) -> Iterator[tuple[str, Callable[[], Awaitable[None]]]]:
        """Yield what is to be done again and again, by name: read what others have changed."""
        if self.issued is not None:
            yield "api tokens", self.issued.follow
        if self.users is not None:
            yield "api users", self.users.follow

    def close(self) -> None:
        """Verify no more passwords."""
        if self.users is not None:
            self.users.close()


def user_settings(config: Config) -> UserSettings:
    """Return what users go by."""
    return UserSettings(config.api.login, config.api.invitation, config.api.failed_tokens)


def configured_tokens(loaded: Loaded) -> list[AccessToken]:
    """Return the tokens of a configuration; without a token of a person, also that of the first start."""
    persons = list(_of_persons(loaded.config))
    return [*(persons or _first(loaded)), *_of_backends(loaded.config)]


def _of_persons(config: Config) -> Iterator[AccessToken]:
    if config.admin_token is not None:
        yield AccessToken(ADMIN, "admin", digest_of(config.admin_token.get_secret_value()))
    for token in config.api.tokens:
        until = math.inf if token.expires is None else token.expires.timestamp()
        yield AccessToken(token.name, token.role, token.digest, until=until)


def _of_backends(config: Config) -> Iterator[AccessToken]:
    for name, backend in config.backends.items():
        if backend.claims.token is not None:
            yield AccessToken(name, "backend", digest_of(backend.claims.token.get_secret_value()), (name,))


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
