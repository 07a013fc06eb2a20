"""Tokens issued through the API: kept in the database, and passed to Access."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast, get_args

import structlog

from voltgate.relay.records import StoreAway
from voltgate.store.api_tokens import TokenRecord
from voltgate.web.access import Access, AccessToken, PersonRole
from voltgate.web.bearer import digest_of, fresh

MOST = 10_000
"""Tokens at most."""

log = structlog.get_logger("voltgate.web")


class Table(Protocol):
    """The storage of issued tokens; every method raises StoreAway. `store.api_tokens` implements it."""

    async def read(self) -> list[TokenRecord]:
        """Return all."""

    async def add(self, record: TokenRecord) -> bool:
        """Add one; return whether there was none of its name."""

    async def remove(self, name: str) -> bool:
        """Remove one; return whether there was one."""


class IssuedTokens:
    """The issued tokens. Changes made here apply at once; those of another gateway once they are read."""

    def __init__(self, access: Access, table: Table, wall: Callable[[], float] = time.time) -> None:
        self._access = access
        self._table = table
        self._wall = wall
        self._records: dict[str, TokenRecord] = {}
        self._changing = asyncio.Lock()
        self._away = False
        self._unknown: set[str] = set()

    @property
    def records(self) -> tuple[TokenRecord, ...]:
        """The tokens as last read, with the changes made here."""
        return tuple(self._records.values())

    async def read(self) -> None:
        """Read them again. Raises StoreAway; then the former ones stay valid."""
        async with self._changing:
            self._replace({record.name: record for record in await self._table.read() if self._is_known(record)})

    def _is_known(self, record: TokenRecord) -> bool:
        """Return whether a row is one of this version; another stays as it is, lets nobody in, and is logged once."""
        known = record.role in get_args(PersonRole) and isinstance(record.digest, bytes)
        if not known and record.name not in self._unknown:
            self._unknown.add(record.name)
            log.error("a token of the API cannot be read, and lets nobody in: delete it", token=record.name)
        return known

    async def make(self, name: str, role: PersonRole, by: str) -> str | None:
        """Issue a token and return it, this once; None if there is one of this name. Raises StoreAway."""
        token = fresh()
        record = TokenRecord(name, role, digest_of(token), self._wall(), by)
        async with self._changing:
            if not await self._table.add(record):
                return None
            self._replace({**self._records, name: record})
        return token

    async def remove(self, name: str) -> bool:
        """Delete a token; return whether there was one. Raises StoreAway."""
        async with self._changing:
            found = await self._table.remove(name)
            self._replace({key: record for key, record in self._records.items() if key != name})
        return found

    def _replace(self, records: dict[str, TokenRecord]) -> None:
        self._records = records
        self._access.replace_issued(
            AccessToken(record.name, cast("PersonRole", record.role), record.digest) for record in records.values()
        )

    async def heard(self, told: Sequence[Any]) -> None:
        """Read them again, because another gateway has issued or deleted some. Raises StoreAway."""
        await self.read()

    async def missed(self) -> None:
        """Read them again, because another gateway may have. Raises StoreAway."""
        await self.read()

    async def follow(self, every: float = 10.0) -> None:
        """Read them, and wait `every` seconds: again and again, so that one deleted elsewhere is invalid here too."""
        try:
            await self.read()
            self._away = False
        except StoreAway as error:
            if not self._away:
                log.warning("the tokens of the API cannot be read", reason=str(error))
            self._away = True
        await asyncio.sleep(every)
