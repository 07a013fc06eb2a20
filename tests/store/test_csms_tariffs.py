"""Tariffs in the database: versions that never change, which every round sees at once."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import text

from tests.store.conftest import Open
from tests.store.test_csms_rounds import write
from voltgate.csms.ports import Needs
from voltgate.csms.tariffs import Tariff
from voltgate.store.csms import tariffs
from voltgate.store.csms.store import CsmsStore
from voltgate.store.csms.tariffs import TariffStore, TooMany

DAY = Tariff(name="day", currency="EUR", per_kwh=Decimal("0.405"))
RUNNING = Needs(stations={"cp-1": "CP-1"}, running={"cp-1"})


async def test_rounds_have_them_at_once(opened: Open) -> None:
    """What was put or deleted, counts from the next round on."""
    database = await opened()
    rounds, store = CsmsStore(database), TariffStore(database)
    assert (await write(rounds, needs=RUNNING)).tariffs == ()
    first, second = await store.put(DAY), await store.put(DAY)
    assert (first.version, second.version) == (1, 2)
    assert (await write(rounds, needs=RUNNING)).tariffs == (first, second)
    assert await store.list() == [first, second]
    assert await store.delete("day", 1)
    assert (await write(rounds, needs=RUNNING)).tariffs == (second,)
    assert await store.delete("day")
    assert not await store.delete("day")
    assert (await write(rounds, needs=RUNNING)).tariffs == ()


async def test_each_has_versions_of_its_own(opened: Open) -> None:
    """One is not counted on since there is another one."""
    store = TariffStore(await opened())
    night = Tariff(name="night", currency="EUR")
    made = [await store.put(each) for each in (night, night, DAY, night, DAY)]
    assert [each.version for each in made] == [1, 2, 1, 3, 2]


async def test_rounds_read_them_when_one_has_changed(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """There may be a thousand of them, and rounds that bill are many."""
    database = await opened()
    rounds, store = CsmsStore(database), TariffStore(database)
    await store.put(DAY)
    read: list[bytes] = []
    monkeypatch.setattr(tariffs, "tariff_of", lambda data: read.append(data) or DAY)
    for _ in range(3):
        assert (await write(rounds, needs=RUNNING)).tariffs == (DAY,)
    assert len(read) == 1
    await store.put(DAY)
    assert (await write(rounds, needs=RUNNING)).tariffs == (DAY, DAY)
    assert len(read) == 3


async def test_there_are_not_too_many(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds have all of them at hand."""
    monkeypatch.setattr(tariffs, "MOST", 2)
    store = TariffStore(await opened())
    await store.put(DAY)
    await store.put(DAY)
    with pytest.raises(TooMany, match="delete some"):
        await store.put(DAY)


async def test_one_that_cannot_be_read_is_left_out(opened: Open) -> None:
    """A row that a hand has spoilt keeps nobody from the others."""
    database = await opened()
    store = TariffStore(database)
    kept = await store.put(DAY)
    async with database.there().begin() as connection:  # type: ignore[union-attr]
        await connection.execute(text("INSERT INTO csms_tariffs (name, version, data) VALUES ('a', 1, '')"))
    await store.put(Tariff(name="b", currency="EUR"))
    assert kept in (await write(CsmsStore(database), needs=RUNNING)).tariffs
    assert [tariff.name for tariff in await store.list()] == ["b", "day"]
