"""What the management system keeps for some time only, and the days of its meter values."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import text

from tests.store.conftest import NOW, SHARED, Open, still
from tests.store.test_csms_rounds import write
from voltgate.csms.model import MeterValue, Note, StatusChange
from voltgate.relay.calendar import Calendar
from voltgate.store import Database
from voltgate.store.csms.aging import Aging, Keep
from voltgate.store.csms.store import CsmsStore

DAY = 86400.0
KEEP = Keep(meter_values=10 * DAY, history=5 * DAY)


def said(at: float, received: float) -> tuple[MeterValue, StatusChange, Note]:
    """Return one of each of what is kept for some time, of one moment."""
    return (
        MeterValue("cp-1", 1, "7", at, received, 1.0, None, b"[]"),
        StatusChange("cp-1", 1, 1, at, received, "Charging"),
        Note("cp-1", "SecurityEventNotification", at, received, "", b"{}"),
    )


async def left(database: Database, table: str) -> list[float]:
    """Return when what is in a table came, in days from now."""
    async with database.there().connect() as connection:
        rows = await connection.execute(text(f"SELECT received FROM {table} ORDER BY received"))
        return [round((received - NOW) / DAY) for (received,) in rows]


async def test_what_is_too_old(opened: Open) -> None:
    """It goes when it is older than it may be; what came while the clock of this machine was wrong stays."""
    database = await opened()
    aging = Aging(database, still())
    await aging.tend(KEEP)
    for days in (20, 12, 10, 7, 5, 3, 0):
        came = NOW - days * DAY
        await write(CsmsStore(database), *said(came, came))
    await write(CsmsStore(database), *(row for n in range(2500) for row in said(n, NOW - 30 * DAY)))
    await write(CsmsStore(database), *said(NOW + 1, 5.0))
    await aging.tend(KEEP)
    since = -round(NOW / DAY)
    assert await left(database, "csms_meter_values") == [since, -10, -7, -5, -3, 0]
    assert await left(database, "csms_status_changes") == [since, -5, -3, 0]
    assert await left(database, "csms_notes") == [since, -5, -3, 0]


async def test_a_clock_that_is_not_believed(opened: Open) -> None:
    """Nothing is deleted by a calendar that has just jumped."""
    database = await opened()
    await write(CsmsStore(database), *said(NOW, NOW - 30 * DAY))
    await Aging(database, Calendar(lambda: NOW, lambda: 0.0)).tend(KEEP)
    assert await left(database, "csms_meter_values") == [-30]


async def days(database: Database) -> list[str]:
    """Return the partitions that there are, with how many rows each has."""
    async with database.there().connect() as connection:
        names = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'csms_meter_values'::regclass"
        found = sorted((await connection.execute(text(names))).scalars())
        counts = [(await connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar() for name in found]
    return [f"{name.removeprefix('csms_meter_values_')}: {rows}" for name, rows in zip(found, counts, strict=True)]


@SHARED
async def test_a_partition_a_day(opened: Open) -> None:
    """Days come before they are there, with what was said of them before; old ones go whole."""
    database = await opened()
    store = CsmsStore(database)
    await write(store, *said(NOW, NOW), *said(NOW + DAY, NOW), *said(5.0, NOW), *said(NOW + 4000 * DAY, NOW))
    assert await days(database) == ["rest: 4"]
    await Aging(database, still()).tend(KEEP)
    assert await days(database) == [
        "20270114: 0",
        "20270115: 1",
        "20270116: 1",
        "20270117: 0",
        "20270118: 0",
        "rest: 2",
    ]
    await write(store, *said(NOW, NOW + 9))
    await Aging(database, Calendar(lambda: NOW + 11 * DAY, lambda: 0.0)).tend(KEEP)
    assert (await days(database))[0] == "20270114: 0", "a calendar that is not believed has nothing dropped"
    later = Calendar(lambda: NOW + 11 * DAY, lambda: 0.0, steady=0.0)
    await Aging(database, later).tend(KEEP)
    assert (await days(database))[:3] == ["20270116: 1", "20270117: 0", "20270118: 0"]
    assert "rest: 0" in await days(database)


@SHARED
async def test_a_partition_that_somebody_uses(opened: Open) -> None:
    """Nobody who writes meter values waits long for one that is made: it is left for the next time."""
    database = await opened()
    store = CsmsStore(database)
    async with database.there().connect() as other:
        await other.execute(text("LOCK TABLE csms_meter_values_rest IN ROW EXCLUSIVE MODE"))
        await Aging(database, still()).tend(KEEP)
        assert await days(database) == ["rest: 0"]
        await write(store, *said(NOW, NOW))
    await Aging(database, still()).tend(KEEP)
    assert len(await days(database)) == 6


async def test_the_same_again_adds_nothing(opened: Open) -> None:
    """A repetition that comes later is known by what it says; what says something else of the moment is kept."""
    database = await opened()
    store = CsmsStore(database)
    value, change, note = said(NOW, NOW)
    await write(store, value, change, note, *said(NOW, NOW))
    await write(store, *said(NOW, NOW + DAY))
    value, change, note = said(NOW, NOW + 2 * DAY)
    await write(store, replace(value, evse=2), replace(change, connector=2), replace(note, about="2"))
    for table in ("meter_values", "status_changes", "notes"):
        assert await left(database, f"csms_{table}") == [0, 2]
