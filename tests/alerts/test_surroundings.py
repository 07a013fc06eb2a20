"""What a gateway cannot do without: told when it goes, or runs short, and when it is there again; each once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from voltgate.alerts.catalogue import ALERTS
from voltgate.alerts.lengths import Lengths
from voltgate.alerts.surroundings import CertificateWatch, DatabaseWatch, DiskWatch, JournalWatch, NodeWatch
from voltgate.relay.certificate_events import CertificateExpiring, CertificateRenewed
from voltgate.relay.events import (
    DatabaseAway,
    DatabaseBack,
    DiskFilling,
    DiskFreed,
    JournalGrowing,
    JournalShrunk,
    NodeBack,
    NodeLost,
    TransactionLong,
)
from voltgate.relay.transaction import Transaction

GB = 1 << 30
NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)


def test_the_database() -> None:
    """It goes with a reason, and comes back after a time."""
    watch = DatabaseWatch()
    told = [list(watch.look(reason, now)) for now, reason in ((0, None), (1, "refused"), (5, "refused"), (9, None))]
    assert told == [[], [DatabaseAway("refused")], [], [DatabaseBack(8.0)]]


@pytest.mark.parametrize(
    ("total", "fine", "full"),
    [(20 * GB, 3 * GB, 1 * GB), (4000 * GB, 20 * GB, 4 * GB), (2 * GB, GB, 200 << 20), (GB, GB // 2, 200 << 20)],
)
def test_a_disk(total: int, fine: int, full: int) -> None:
    """A tenth of a small one, 5 GB of a large one, 256 MB of any; a little to and fro at the bound says nothing."""
    watch = DiskWatch()
    assert list(watch.look("/var", fine, total)) == []
    assert list(watch.look("/var", full, total)) == [DiskFilling("/var", full, total)]
    assert list(watch.look("/var", full + 1, total)) == []
    assert list(watch.look("/var", fine, total)) == [DiskFreed("/var", fine, total)]


def test_a_journal() -> None:
    """Many messages, or old ones; until there are few, and they are young."""
    watch = JournalWatch()
    assert list(watch.look({"a": (999, 10.0), "b": (1, 4000.0)})) == [JournalGrowing("b", 1, 4000.0)]
    assert list(watch.look({"a": (1000, 10.0), "b": (1, 3000.0)})) == [JournalGrowing("a", 1000, 10.0)]
    assert list(watch.look({"a": (500, 10.0)})) == [JournalShrunk("b", 0)]
    assert list(watch.look({"a": (499, 10.0)})) == [JournalShrunk("a", 499)]


def test_a_certificate() -> None:
    """It is told of some time before it ends, and again as that comes nearer, until there is another one."""
    watch, kind = CertificateWatch(), ALERTS["certificateExpiring"]
    end = NOW + timedelta(days=31)
    told = [event for day in range(35) for event in watch.look("cert.pem", end, NOW + timedelta(days=day))]
    assert [round(event.days) for event in told if isinstance(event, CertificateExpiring)] == [30, 14, 7, 3, 1, 0]
    assert len({kind.state(event) for event in told}) == 6, "each of them is news"
    anew = NOW + timedelta(days=400)
    assert list(watch.look("cert.pem", anew, NOW)) == [CertificateRenewed("cert.pem", anew.isoformat())]
    assert list(watch.look("cert.pem", anew, NOW)) == []


def test_nodes() -> None:
    """One that is silent is lost until it is heard of again; one that said farewell is gone from the list."""
    watch = NodeWatch()
    silence = {"a": 1.0, "b": 11.0}
    assert list(watch.look({"a": True, "b": True}, silence)) == []
    assert list(watch.look({"a": True, "b": False}, silence)) == [NodeLost("b", 11.0)]
    assert list(watch.look({"a": True, "b": False}, silence)) == []
    assert list(watch.look({"a": True, "b": True}, silence)) == [NodeBack("b")]
    assert list(watch.look({"a": True}, silence)) == []
    assert list(watch.look({"a": False}, silence)) == [NodeLost("a", 1.0)]
    assert list(watch.look({}, {})) == []
    assert list(watch.look({"a": True}, silence)) == [], "it is another one of that name"


def test_a_long_transaction() -> None:
    """It is told once for as long as it runs."""
    lengths, tx = Lengths(), Transaction("cp-1", "ref", "main", (), 1000.0)
    tx.id, tx.connector = "7", 2
    told = []
    for wall in (80_000.0, 87_500.0, 91_000.0):
        told += lengths.look("CP1", [tx], wall)
        lengths.end_round()
    assert told == [TransactionLong("CP1", "7", "main", 2, 86_500.0)]
    lengths.end_round()
    assert list(lengths.look("CP1", [tx], 91_000.0)), "nothing is remembered of what has ended"
