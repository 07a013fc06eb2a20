"""2.x: names of transactions that stations give a second time, or do not write as texts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.policies.test_commands import BOTH, asks
from tests.relay.policies.test_transactions_2x import EMPLOYEE, GUEST, event, happens, split
from voltgate.relay.records import OwedRecord

MORNING, EVENING = {"timestamp": "2026-01-01T08:00:00Z"}, {"timestamp": "2026-01-01T18:00:00Z"}


@pytest.mark.parametrize("ended", [True, False])
def test_a_name_that_is_given_a_second_time(ended: bool) -> None:
    """A station that counts from 1 again after a restart has begun another session: it belongs to its own card."""
    stage = split()
    happens(stage, "1", event("Started", 0, "1", idToken=EMPLOYEE, **MORNING), "b", "c")
    if ended:
        happens(stage, "2", event("Ended", 1, "1", **MORNING), "b", "c")
    happens(stage, "3", event("Started", 0, "1", idToken=GUEST, **EVENING), "a", "c")
    happens(stage, "4", event("Updated", 1, "1", **EVENING), "a", "c")
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "c", "a")
    happens(stage, "5", event("Ended", 2, "1", **EVENING), "a", "c")
    assert not stage.session.ledger.running


def test_a_started_that_is_repeated() -> None:
    """A Started that comes again is the same session, while it runs and after its end."""
    stage = split()
    started = event("Started", 0, idToken=EMPLOYEE, **MORNING)
    happens(stage, "1", started, "b", "c")
    stage.station.sends(2, "2", "TransactionEvent", started)
    stage["b"].gets()
    stage.station.gets([3, "2", {}])
    stage.station.sends(2, "3", "TransactionEvent", event("Ended", 1, **EVENING))
    stage["b"].line.take()
    stage["b"].sends(3, "3", {})
    stage.station.take()
    stage.station.sends(2, "4", "TransactionEvent", started)
    stage["b"].gets()
    stage.station.gets([3, "4", {}])
    assert len(list(stage.session.ledger)) == 1


def test_an_event_that_comes_before_the_started() -> None:
    """A Started that comes late, after another event of its session, begins nothing anew."""
    stage = split()
    happens(stage, "1", event("Updated", 1, idToken=EMPLOYEE, **EVENING), "b", "c")
    happens(stage, "2", event("Started", 0, **MORNING), "b", "c")
    assert len(list(stage.session.ledger)) == 1


def test_a_name_that_is_a_number() -> None:
    """A station that names its transactions by numbers has them kept with their owners all the same."""
    stage = split(backends=BOTH)
    name: Any = 7
    happens(stage, "1", event("Started", 0, name, idToken=EMPLOYEE), "b", "c")
    happens(stage, "2", event("Updated", 1, name), "b", "c")
    for spelt in (7, "7"):
        stop = {"transactionId": spelt}
        assert asks(stage, "b", "RequestStopTransaction", stop) == ["RequestStopTransaction", stop]
        assert asks(stage, "a", "RequestStopTransaction", stop) == {"status": "Rejected"}
    happens(stage, "3", event("Ended", 2, name), "b", "c")
    assert not stage.session.ledger.running


def test_what_was_kept_of_the_session_before() -> None:
    """Events of a session that never had an owner are not those of the next one with its name."""
    stage = split()
    happens(stage, "1", event("Started", 0, "1", **MORNING), "a", "c")
    assert len(stage.store.of(OwedRecord)) == 1
    happens(stage, "2", event("Started", 0, "1", idToken=EMPLOYEE, **EVENING), "b", "c")
    assert stage.store.of(OwedRecord) == []
