"""The tokens that were made through the API, in the database: their digests, and who made them when."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate.relay.records import StoreAway
from voltgate.store.address import POSTGRESQL, reading
from voltgate.store.failures import FAILURES
from voltgate.store.notices import TOKENS, announce
from voltgate.store.tables import api_tokens


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """A token of the API. `by` names the token that made it. Times are in seconds since 1970.

    It ends at `until` (None: never), and was `used` last then, a minute more or less. `former` is the digest of the
    token whose place it has taken, which is let in as well until `former_until`.
    """

    name: str
    role: str
    digest: bytes = field(repr=False)
    at: float
    by: str
    until: float | None = None
    used: float | None = None
    former: bytes | None = field(default=None, repr=False)
    former_until: float | None = None
    networks: Mapping[str, str] = field(default_factory=dict)
    """The roles in single networks, of a token whose own role is "member"."""
    backends: tuple[str, ...] = ()
    """The backends that a token of the role "backend" claims for."""


class ApiTokens:
    """The table of tokens. Everything raises StoreAway when the database does not do it within `patience` seconds.

    On PostgreSQL other nodes than `node` are told of what has changed.
    """

    def __init__(self, engine: AsyncEngine, patience: float = 5.0, node: str = "") -> None:
        self._engine = engine
        self._patience = patience
        self._node = node if engine.dialect.name == POSTGRESQL else ""

    async def read(self) -> list[TokenRecord]:
        """Read all, by name."""
        async with self._in_time(), reading(self._engine).connect() as connection:
            rows = await connection.execute(select(api_tokens).order_by(api_tokens.c.name))
            return [_read(row) for row in rows]

    async def add(self, record: TokenRecord) -> bool:
        """Keep a token; tell whether there was none of its name."""
        row = asdict(record)
        scope = row.pop("backends") or row["networks"]
        row["networks"] = msgspec.json.encode(scope) if scope else None
        async with self._in_time():
            try:
                async with self._engine.begin() as connection:
                    await connection.execute(insert(api_tokens), row)
                    await self._announce(connection, record.name)
            except IntegrityError:
                return False
        return True

    async def remove(self, name: str) -> bool:
        """Forget a token; tell whether there was one."""
        async with self._in_time(), self._engine.begin() as connection:
            gone = await connection.execute(delete(api_tokens).where(api_tokens.c.name == name))
            await self._announce(connection, name)
            return bool(gone.rowcount)

    async def change(self, name: str, known: bytes, **values: Any) -> bool:
        """Change these values of a token; tell whether there is one, and its digest is the one that is known."""
        which = (api_tokens.c.name == name, api_tokens.c.digest == known)
        async with self._in_time(), self._engine.begin() as connection:
            found = await connection.execute(update(api_tokens).where(*which).values(**values))
            await self._announce(connection, name)
            return bool(found.rowcount)

    async def note_use(self, used: Mapping[str, float]) -> None:
        """Write down when tokens, by name, were used last. Nobody is told: it is read again now and then."""
        statement = update(api_tokens).where(api_tokens.c.name == bindparam("whose")).values(used=bindparam("then"))
        async with self._in_time(), self._engine.begin() as connection:
            await connection.execute(statement, [{"whose": name, "then": at} for name, at in used.items()])

    async def _announce(self, connection: AsyncConnection, name: str) -> None:
        if self._node:
            await announce(connection, self._node, TOKENS, name)

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._patience):
                yield
        except FAILURES as error:
            raise StoreAway(f"the database does not answer: {type(error).__name__}") from None


def _read(row: Row[Any]) -> TokenRecord:
    """Return a row as a token; one whose scope cannot be read has none. The column has either networks or backends."""
    values, scope = row._asdict(), None
    with suppress(msgspec.MsgspecError, TypeError):
        scope = msgspec.json.decode(values["networks"] or b"{}", type=dict[str, str] | tuple[str, ...])
    values["networks"] = scope if isinstance(scope, dict) else {}
    values["backends"] = scope if isinstance(scope, tuple) else ()
    return TokenRecord(**values)
