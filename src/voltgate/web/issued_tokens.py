"""Tokens issued through the API: kept in the database, and passed to Access."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, cast, get_args

import structlog

from voltgate.relay.records import StoreAway
from voltgate.store.api_tokens import TokenRecord
from voltgate.web.access import Access, AccessToken, PersonRole, Role
from voltgate.web.bearer import digest_of, fresh

MOST = 10_000
"""Tokens at most."""
_APART = 60.0
"""Seconds between two times of use of one token that are written down."""

log = structlog.get_logger("voltgate.web")


class Table(Protocol):
    """The storage of issued tokens; every method raises StoreAway. `store.api_tokens` implements it."""

    async def read(self) -> list[TokenRecord]:
        """Return all."""

    async def add(self, record: TokenRecord) -> bool:
        """Add one; return whether there was none of its name."""

    async def change(self, name: str, known: bytes, **values: Any) -> bool:
        """Change these values of one; return whether there is one, and its digest is the one that is known."""

    async def note_use(self, used: Mapping[str, float]) -> None:
        """Write down when these were used last, by name."""

    async def remove(self, name: str) -> bool:
        """Remove one; return whether there was one."""


class Ended(Exception):  # noqa: N818 - what a token has done
    """A token has ended: another one in its place would have, too."""


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
            await self._read()

    async def _read(self) -> None:
        self._replace({record.name: record for record in await self._table.read() if self._is_known(record)})

    def _is_known(self, record: TokenRecord) -> bool:
        """Return whether a row is one of this version; another stays as it is, lets nobody in, and is logged once."""
        roles = (*record.networks.values(),) if record.role == "member" else (record.role,)
        is_scope = bool(roles) and set(roles) <= set(get_args(PersonRole))
        known = (is_scope or (record.role == "backend" and bool(record.backends))) and isinstance(record.digest, bytes)
        if not known and record.name not in self._unknown:
            self._unknown.add(record.name)
            log.error("a token of the API cannot be read, and lets nobody in: delete it", token=record.name)
        return known

    async def make(
        self,
        name: str,
        role: Role,
        by: str,
        lasts: float | None = None,
        networks: Mapping[str, PersonRole] | None = None,
        backends: tuple[str, ...] = (),
    ) -> str | None:
        """Issue a token and return it, this once; None if there is one of this name. Raises StoreAway.

        It ends after so many seconds; None: never. One of the role "member" has roles in `networks` only, one
        of the role "backend" claims for `backends`.
        """
        token, now = fresh(), self._wall()
        until = None if lasts is None else now + lasts
        record = TokenRecord(
            name, role, digest_of(token), now, by, until, networks=dict(networks or {}), backends=backends
        )
        async with self._changing:
            if not await self._table.add(record):
                return None
            self._replace({**self._records, name: record})
        return token

    async def rotate(self, name: str, overlap: float, lasts: float | None = None) -> str | None:
        """Issue another token in the place of one, which is valid for `overlap` seconds yet; None if there is none.

        The new one ends after so many seconds; None: when the former one would have. Raises Ended, StoreAway.
        """
        async with self._changing:
            while (former := self._records.get(name)) is not None:
                token, now = fresh(), self._wall()
                if lasts is None and former.until is not None and former.until <= now:
                    raise Ended
                changed: dict[str, Any] = {
                    "digest": digest_of(token),
                    "until": former.until if lasts is None else now + lasts,
                    "former": former.digest,
                    "former_until": min(now + overlap, former.until or math.inf),
                }
                if await self._table.change(name, former.digest, **changed):
                    self._replace({**self._records, name: replace(former, **changed)})
                    return token
                await self._read()  # another gateway has rotated or deleted it
        return None

    def used(self, name: str) -> float | None:
        """Return when a token was used last, in seconds since 1970; None: never."""
        record = self._records.get(name)
        here = self._access.used.get(name, 0.0)
        return max(here, (record.used if record is not None else None) or 0.0) or None

    async def _note_use(self) -> None:
        """Write down which were used since; not each time, but once a minute."""
        used = {
            name: at
            for name, at in self._access.used.items()
            if (record := self._records.get(name)) is not None and at - (record.used or 0.0) >= _APART
        }
        if used:
            await self._table.note_use(used)

    async def remove(self, name: str) -> bool:
        """Delete a token; return whether there was one. Raises StoreAway."""
        async with self._changing:
            found = await self._table.remove(name)
            self._replace({key: record for key, record in self._records.items() if key != name})
        return found

    def _replace(self, records: dict[str, TokenRecord]) -> None:
        self._records = records
        self._access.replace_issued([token for record in records.values() for token in _tokens(record)])

    async def heard(self, told: Sequence[Any]) -> None:
        """Read them again, because another gateway has issued or deleted some. Raises StoreAway."""
        await self.read()

    async def missed(self) -> None:
        """Read them again, because another gateway may have. Raises StoreAway."""
        await self.read()

    async def follow(self, every: float = 10.0) -> None:
        """Read them, and wait `every` seconds: again and again, so that one deleted elsewhere is invalid here too."""
        try:
            await self._note_use()
            await self.read()
            self._away = False
        except StoreAway as error:
            if not self._away:
                log.warning("the tokens of the API cannot be read", reason=str(error))
            self._away = True
        await asyncio.sleep(every)


def _tokens(record: TokenRecord) -> Iterator[AccessToken]:
    """Yield what is let in for a record: the token itself, and the one before."""
    networks = tuple(sorted((name, cast("PersonRole", role)) for name, role in record.networks.items()))
    until = math.inf if record.until is None else record.until
    role = cast("Role", record.role)
    token = AccessToken(record.name, role, record.digest, record.backends, networks=networks, until=until)
    if record.former is not None and record.former_until is not None:
        yield replace(token, digest=record.former, until=record.former_until)
    yield token
