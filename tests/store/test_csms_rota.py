"""What any of several processes may do, and one of them does each time."""

from __future__ import annotations

from sqlalchemy import text

from tests.store.conftest import Open
from voltgate.store import Database
from voltgate.store.csms.rota import Rota

HOUR = 3600


async def passed(database: Database, seconds: float) -> None:
    """Have so many seconds gone by since anything was done."""
    async with database.there().begin() as connection:
        await connection.execute(text("UPDATE csms_numbers SET next = next - :seconds"), {"seconds": seconds})


async def test_one_of_them_does_it(opened: Open) -> None:
    """The first that comes does it, and whoever is there when it is due again: the one that did it may be gone."""
    database = await opened()
    one, other = Rota(database), Rota(database)
    assert await one.wait("costs", HOUR) == 0.0
    assert HOUR - 60 < await one.wait("costs", HOUR) <= HOUR
    assert HOUR - 60 < await other.wait("costs", HOUR) <= HOUR
    assert await other.wait("something else", HOUR) == 0.0
    await passed(database, HOUR - 600)
    assert 540 < await other.wait("costs", HOUR) <= 600
    await passed(database, 600)
    assert await other.wait("costs", HOUR) == 0.0
    assert await one.wait("costs", HOUR) > 0.0


async def test_it_may_be_due_more_often(opened: Open) -> None:
    """Another interval counts at once; and a database whose clock was set back is not waited for."""
    database = await opened()
    rota = Rota(database)
    assert await rota.wait("costs", HOUR) == 0.0
    await passed(database, 60)
    assert await rota.wait("costs", 60) == 0.0
    await passed(database, -HOUR)
    assert await rota.wait("costs", HOUR) == 0.0
