"""Tokens, as an operator makes, changes and imports them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from voltgate.csms.model import Token
from voltgate.store.csms.links import Link
from voltgate.store.csms.work import Work
from voltgate.store.csms.writing import write_rows

_AT_ONCE = 500
"""Tokens that are written with one commit."""


class Tokens:
    """Changes tokens. Everything raises StoreAway; Unfit for a token that is too long."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def create(self, token: Token) -> bool:
        """Make a token, unless there is one of that id; return whether there was none."""
        return await self._work.create(token)

    async def change(self, text: str, /, **values: Any) -> Token | None:
        """Change fields of a token; return it as it is then, None if there is none."""
        return await self._work.change(Token, {"id": text.casefold()}, values)

    async def delete(self, text: str) -> bool:
        """Delete a token; return whether it was there."""
        return await self._work.delete(Token, id=text.casefold())

    async def put(self, tokens: Iterable[Token]) -> int:
        """Write tokens in place of those with the same ids, many with one commit; return how many.

        What was written before an exception stays: the same again does no harm.
        """
        left, done = iter(sorted(tokens, key=lambda token: token.id)), 0
        while few := list(islice(left, _AT_ONCE)):

            async def write(link: Link, few: list[Token] = few) -> None:
                await write_rows(link, few)

            await self._work.transact(write)
            done += len(few)
        return done
