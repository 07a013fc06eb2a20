"""Numbers of transactions of 1.x: a process takes many at a time, so that nobody waits for another's commit."""

from __future__ import annotations

from sqlalchemy import case, literal
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from voltgate.store.address import SQLITE
from voltgate.store.csms.tables import numbers

BLOCK = 1000
"""How many are taken at least."""
LARGEST = 2**31 - 1
"""1.6 section 7.36 has an integer, and stations keep it in 32 bits. It begins at 1 again, after years."""

_TRANSACTIONS = "transactions"


async def take_numbers(engine: AsyncEngine, many: int) -> list[int]:
    """Take numbers that no other process takes, the last one first. Raise SQLAlchemyError."""
    many = max(many, BLOCK)
    insert = (sqlite if engine.dialect.name == SQLITE else postgresql).insert(numbers)
    after = case((numbers.c.next > LARGEST - many, literal(1 + many)), else_=numbers.c.next + many)
    taking = insert.values(name=_TRANSACTIONS, next=1 + many).on_conflict_do_update(
        index_elements=[numbers.c.name], set_={"next": after}
    )
    async with engine.begin() as connection:
        end = (await connection.execute(taking.returning(numbers.c.next))).scalar_one()
    return list(range(end - 1, end - many - 1, -1))
