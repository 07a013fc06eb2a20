"""The store of the management system: what a round has decided is on disk when it is over, or nothing of it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import pytest

from tests.store.conftest import NOW, Open
from voltgate.csms.model import (
    Connector,
    MeterValue,
    Network,
    Note,
    Profile,
    Report,
    Reservation,
    Row,
    SigningRequest,
    Station,
    StatusChange,
    Token,
    Transaction,
    Variable,
)
from voltgate.csms.ports import Found, Needs, StoreAway, Unfit
from voltgate.store.csms.store import CsmsStore

ODD = "a\0b\ud800\ufdd0é" + "x" * 20
"""A text that no database takes as it is."""
TX = Transaction("cp-1", "7", number=7, evse=1, connector=1, token="TaG", began=NOW - 10, offline=True, reason=ODD)
ENDED = Transaction("cp-1", "6", number=6, evse=1, ended=NOW - 20, state="ended", cost_data=b"{}")
ALL: tuple[Row, ...] = (
    Network("main", ODD, interval=60),
    Station("cp-1", "CP-1", connected=True, name=ODD, seen=NOW),
    Connector("cp-1", 1, 1, "Available", at=NOW),
    Token("tag", "TaG", concurrent=1, expires=NOW),
    TX,
    ENDED,
    Reservation("cp-1", 3, 1, "TaG", "", "", NOW, NOW, "Accepted"),
    Report("cp-1", "NotifyReport", 9, NOW, NOW, seq=2, missing="1"),
    SigningRequest("cp-1", 2, "V2GCertificate", "-----BEGIN", NOW, "waiting"),
)
OTHERS: tuple[Row, ...] = (
    StatusChange("cp-1", 1, 1, NOW, NOW, ODD),
    MeterValue("cp-1", 1, "7", NOW, NOW, 12.5, float("nan"), b"[]"),
    Note("cp-1", "SecurityEventNotification", NOW, NOW, ODD, b"{}"),
    Variable("cp-1", "Connector@1.1", "Available", "Actual", "true", "ReadOnly", b"{}", NOW),
    Profile("cp-1", 1, 5, "operator", "TxProfile", 0, NOW, b"{}"),
    Report("cp-1", "NotifyMonitoringReport", 9, NOW, NOW, last=0, complete=True),
    SigningRequest("cp-1", 1, "", "-----BEGIN", NOW, "signed"),
)
NEEDS = Needs(
    stations={"cp-1": "CP-1"},
    tokens={"tag", "other"},
    used={"tag", "nobody"},
    running={"cp-1"},
    transactions={("cp-1", "7"), ("cp-1", "none")},
    last={("cp-1", 1), ("cp-1", 2)},
    reservations={("cp-1", 3), ("cp-1", 4)},
    reports={("cp-1", "NotifyReport", 9), ("cp-1", "NotifyReport", 8)},
    signing={"cp-1"},
    numbers=2,
)

OpenCsms = Callable[..., Awaitable[CsmsStore]]


@pytest.fixture
def csms(opened: Open) -> OpenCsms:
    """Open stores of the management system on one database."""

    async def opening(**settings: float) -> CsmsStore:
        return CsmsStore(await opened(**settings))

    return opening


async def write(store: CsmsStore, *rows: Row, needs: Needs | None = None) -> Found:
    """Write rows in a round; return what it had found."""
    seen: list[Found] = []

    def decide(found: Found) -> Iterable[Row]:
        seen.append(found)
        return rows

    await store.round(needs or Needs(stations={"cp-1": "CP-1"}), decide)
    return seen[-1]


async def test_what_was_written_is_found(csms: OpenCsms) -> None:
    """Every kind of row comes back as it was, whatever its texts hold; each need finds its own, and no more."""
    store = await csms()
    await write(store, *ALL, *OTHERS)
    found = await write(store, needs=NEEDS)
    numbers = found.numbers
    assert found == Found(
        stations={"cp-1": ALL[1]},
        networks={"main": ALL[0]},
        connectors={("cp-1", 1, 1): ALL[2]},
        tokens={"tag": ALL[3]},
        used={"tag": {("cp-1", "7")}, "nobody": set()},
        transactions={("cp-1", "7"): TX, ("cp-1", "6"): ENDED},
        reservations={("cp-1", 3): ALL[6]},
        reports={("cp-1", "NotifyReport", 9): ALL[7]},
        signing={("cp-1", 2): ALL[8]},
        numbers=numbers,
    )
    assert len(set(numbers)) == 2
    assert min(numbers) > 0


async def test_an_unknown_station_is_made(csms: OpenCsms) -> None:
    """Whoever calls has a row from then on."""
    store = await csms()
    found = await write(store, needs=Needs(stations={"b": "B", "a": "A"}))
    assert found.stations == {"a": Station("a", "A"), "b": Station("b", "B")}
    again = await write(store, needs=Needs(stations={"b": "other"}))
    assert again.stations == {"b": Station("b", "B")}


async def test_unfit_rows_leave_nothing(csms: OpenCsms) -> None:
    """Of a round with a row that no database takes nothing is written, and the store goes on."""
    store = await csms()
    for unfit in (Connector("cp-1", 2**70, 1), Connector("x" * 2000, 1, 1), Connector("cp-1", "a", 1)):  # type: ignore[arg-type]
        with pytest.raises(Unfit):
            await write(store, TX, unfit)
    found = await write(store, needs=NEEDS)
    assert found.transactions == {}


async def test_seen(csms: OpenCsms) -> None:
    """It is written down for those that are there, and never goes back."""
    store = await csms()
    await write(store, needs=Needs(stations={"a": "A", "b": "B"}))
    await store.seen({"a": NOW, "none": NOW})
    await store.seen({"a": NOW - 5, "b": NOW - 5})
    found = await write(store, needs=Needs(stations={"a": "A", "b": "B"}))
    assert [found.stations[key].seen for key in "ab"] == [NOW, NOW - 5]


async def test_before_it_is_there(opened: Open) -> None:
    """A database that was not opened is away."""
    database = await opened()
    await database.close()
    database._reason = "gone"
    with pytest.raises(StoreAway, match="gone"):
        await write(CsmsStore(database))
