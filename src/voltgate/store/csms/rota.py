"""Who does what is to be done every so often, where any of several processes may: one of them does, each time.

The database says when it was done last, by its own clock. Nobody is appointed: when the process that did it last is
gone, another one does it the next time.
"""

from __future__ import annotations

import math

from sqlalchemy import func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from voltgate.store import Database
from voltgate.store.address import SQLITE
from voltgate.store.csms.tables import numbers
from voltgate.store.leases import clock_of
from voltgate.store.reach import Reach

__all__ = ["Rota"]


class Rota:
    """Works by way of a `database` that was opened."""

    def __init__(self, database: Database) -> None:
        self._reach = Reach(database.there, database.patience)

    async def wait(self, duty: str, every: float) -> float:
        """Return in how many seconds a duty is due again, if it is done `every` so many seconds.

        0.0: it is due now, it is this process that does it, and the others are told that it was done. Whole seconds
        count. Raise StoreAway.
        """
        async with self._reach.write() as connection:
            driver = connection.dialect.name
            now = func.floor(clock_of(driver))
            insert = (sqlite if driver == SQLITE else postgresql).insert(numbers)
            is_due = or_(numbers.c.next <= now - math.ceil(every), numbers.c.next > now)  # the clock was set back
            doing = insert.values(name=duty, next=now).on_conflict_do_update(
                index_elements=[numbers.c.name], set_={"next": now}, where=is_due
            )
            if (await connection.execute(doing.returning(numbers.c.next))).one_or_none() is not None:
                return 0.0
            left = numbers.c.next + math.ceil(every) - clock_of(driver)
            found = (await connection.execute(select(left).where(numbers.c.name == duty))).scalar_one()
            return max(float(found), 0.001)
