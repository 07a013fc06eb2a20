"""Thresholds: what the configuration says of them is what is gone by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from voltgate.alerts.catalogue import ALERTS, kinds
from voltgate.alerts.lengths import Lengths
from voltgate.alerts.reach import ErrorRates
from voltgate.alerts.restarts import Restarts
from voltgate.alerts.surroundings import CertificateWatch, DiskWatch, JournalWatch
from voltgate.alerts.thresholds import DEFAULT, Thresholds
from voltgate.app.alert_rules import thresholds_of
from voltgate.config.alerts import Alerts
from voltgate.ocpp.messages import Call, Error, Result
from voltgate.relay.backend import Backend, BackendSettings
from voltgate.relay.events import Event, StationBooted, TransactionEnded
from voltgate.relay.transaction import Transaction

GB = 1 << 30
NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)


def test_those_of_the_configuration() -> None:
    """Both have the same names and the same values unless they are written."""
    assert thresholds_of(Alerts()) == DEFAULT


def test_backends_that_fail() -> None:
    """By so many calls, and that share of them; half of it is sound again."""
    backend, rates = Backend(BackendSettings("main")), ErrorRates()
    bounds = Thresholds(backend_errors=0.9, backend_calls=4)

    def look(good: int, bad: int) -> list[str]:
        for reply in [Result("1", b"{}")] * good + [Error("1", "InternalError", "")] * bad:
            backend.calls.observe(Call("1", "Heartbeat", b"{}"), reply, 0.0)
        return [type(event).__name__ for event in rates.look([backend], bounds)]

    assert look(0, 0) == []
    assert look(0, 3) == []
    assert look(0, 1) == ["BackendFailing"]
    assert look(4, 0) == []
    assert look(1, 0) == ["BackendSound"]


def test_boots() -> None:
    """So many within so long; a bound that is set while they are counted holds at once."""
    restarts, boot = Restarts(), StationBooted("CP1", "", "", "", "")
    few = Thresholds(boots=3, boots_within=60.0)
    told: list[Event] = []
    for now in (0.0, 40.0, 80.0):
        told += restarts.note(boot, now, few)
    assert told == [], "the first is too long ago"
    assert [type(event).__name__ for event in restarts.note(boot, 90.0, few)] == ["StationRestarting"]
    assert list(restarts.look(150.0, few)) == []
    assert [type(event).__name__ for event in restarts.look(151.0, few)] == ["StationSteady"]


@pytest.mark.parametrize(("bounds", "told"), [(DEFAULT, 0), (Thresholds(transaction_length=60.0), 1)])
def test_long_transactions(bounds: Thresholds, told: int) -> None:
    """A transaction of two minutes is long where one is."""
    tx = Transaction("cp-1", "ref", "main", (), 1000.0)
    assert len(list(Lengths().look("CP1", [tx], 1120.0, bounds))) == told


@pytest.mark.parametrize(("bounds", "told"), [(DEFAULT, True), (Thresholds(transaction_energy_wh=6.0), False)])
def test_transactions_without_energy(bounds: Thresholds, told: bool) -> None:
    """7 Wh are nothing, or something."""
    kind = kinds(bounds)["transactionWithoutEnergy"]
    assert kind.when(TransactionEnded("CP1", "1", "main", 1, "Local", 7.0, 60.0)) is told
    assert kinds(bounds).keys() == ALERTS.keys()


def test_disks_journals_and_certificates() -> None:
    """Each goes by its own: a share and bytes, messages and an age, days before an end."""
    bounds = Thresholds(disk_share=0.5, disk_free=30 * GB, journal_entries=2, journal_age=9.0, certificate_days=(9, 2))
    disk, journal, certificate = DiskWatch(), JournalWatch(), CertificateWatch()
    assert [len(list(disk.look("/a", free * GB, 100 * GB, bounds))) for free in (30, 29, 33, 34)] == [0, 1, 0, 1]
    owed = [(1, 8.0), (2, 0.0), (1, 0.0), (0, 0.0), (0, 9.0), (0, 4.5), (0, 4.4)]
    assert [len(list(journal.look({"a": each}, bounds))) for each in owed] == [0, 1, 0, 1, 1, 0, 1]
    end = NOW + timedelta(days=10)
    days = [len(list(certificate.look("c", end, NOW + timedelta(days=day), bounds))) for day in range(10)]
    assert days == [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
