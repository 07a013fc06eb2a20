"""The calendar: a clock that jumps makes nothing older than it is."""

from __future__ import annotations

import pytest

from tests.relay.stage import Stage
from voltgate.ocpp.ids import Token
from voltgate.relay.calendar import STEADY, Calendar
from voltgate.relay.records import InvitationRecord, OwedRecord, Page
from voltgate.relay.rule import Rule

NOW = 1_800_000_000.0
A_MONTH = 30 * 86400.0


class Machine:
    """A machine whose calendar jumps when the test says so."""

    def __init__(self, at: float = NOW) -> None:
        self.clock = 100.0
        self.ahead = at - 100.0
        self.calendar = Calendar(lambda: self.clock + self.ahead, lambda: self.clock)
        self.jumps: list[float] = []
        self.calendar.jumped = self.jumps.append

    def passes(self, seconds: float) -> None:
        """Let time pass."""
        self.clock += seconds
        self.calendar()

    def jumps_by(self, seconds: float) -> None:
        """Set the calendar."""
        self.ahead += seconds
        self.calendar()


def test_time_passes() -> None:
    """What was written down since the start is as old as it is; what is older is so after an hour only."""
    machine = Machine()
    machine.passes(10)
    assert machine.calendar.is_over(NOW, 10)
    assert not machine.calendar.is_over(NOW, 11)
    assert not machine.calendar.is_over(NOW - A_MONTH, 60)
    machine.passes(STEADY - 11)
    assert not machine.calendar.is_over(NOW - A_MONTH, 60)
    machine.passes(1)
    assert machine.calendar.is_over(NOW - A_MONTH, 60)
    assert not machine.calendar.is_over(NOW - A_MONTH, A_MONTH + 2 * STEADY)
    assert machine.jumps == []


@pytest.mark.parametrize("by", [A_MONTH, -A_MONTH])
def test_a_jump_and_back(by: float) -> None:
    """By a month, and back after an hour: nothing is older than it is, at any time between; each jump is told."""
    machine = Machine()
    machine.passes(2 * STEADY)
    assert machine.calendar.is_steady
    written = machine.calendar()
    machine.jumps_by(by)
    assert not machine.calendar.is_steady
    meanwhile = machine.calendar()
    for _ in range(2):
        for _ in range(3):
            machine.passes(STEADY)
            assert not machine.calendar.is_over(written, 6 * STEADY + 1)
            assert not machine.calendar.is_over(meanwhile, 6 * STEADY + 1)
        machine.jumps_by(-by)
        by = 0.0
    assert machine.calendar.is_over(written, 6 * STEADY)
    assert machine.calendar.is_over(meanwhile, 6 * STEADY)
    assert (machine.calendar.jumps, [abs(each) for each in machine.jumps]) == (2, [A_MONTH, A_MONTH])


def test_an_empty_battery() -> None:
    """What was written down in 1970 is of no known age, not even for another process that finds it."""
    machine = Machine(at=60.0)
    written = machine.calendar()
    machine.jumps_by(NOW)
    machine.passes(2 * STEADY)
    assert not machine.calendar.is_over(written, 2 * STEADY + 1)
    assert machine.calendar.is_over(written, 2 * STEADY)
    other = Machine()
    other.passes(2 * STEADY)
    assert not other.calendar.is_over(written, 60)


def test_a_clock_that_goes_wrong_slowly() -> None:
    """A clock that is slewed does not jump."""
    machine = Machine()
    for _ in range(1000):
        machine.ahead += 1
        machine.passes(10)
    assert machine.calendar.jumps == 0


@pytest.mark.parametrize("by", [A_MONTH, -A_MONTH])
def test_a_clock_that_never_rests(by: float) -> None:
    """Of jumps without end something is remembered: nothing is taken for older than it is."""
    machine = Machine()
    written = []
    for _ in range(50):
        written.append(machine.calendar())
        machine.passes(60)
        machine.jumps_by(by)
    assert len(machine.calendar.former) == 16
    for ago, each in enumerate(reversed(written), 1):
        assert not machine.calendar.is_over(each, ago * 60 + 1)
    assert machine.calendar.is_over(written[0], 50 * 60) == (by > 0)
    assert machine.calendar.is_over(written[-1], 60)


def test_an_hour_that_comes_twice() -> None:
    """What was written down in an hour that was put back may be of either time: it is the younger one."""
    machine = Machine()
    machine.passes(1800)
    machine.jumps_by(-3600)
    machine.passes(3600)
    assert not machine.calendar.is_over(NOW + 60, 1800)
    assert machine.calendar.is_over(NOW + 60, 1700)


def test_a_jump_that_nobody_has_seen_yet() -> None:
    """Who asks whether the calendar is believed looks at it."""
    machine = Machine()
    machine.passes(2 * STEADY)
    machine.ahead += A_MONTH
    assert not machine.calendar.is_steady


def test_the_clock_of_the_database() -> None:
    """While it shows something else, nobody knows which of the two is right."""
    machine = Machine()
    machine.passes(STEADY)
    machine.calendar.agrees = False
    assert not machine.calendar.is_over(NOW - A_MONTH, 60)
    assert machine.calendar.is_over(NOW, 60)


@pytest.mark.parametrize("by", [A_MONTH, -A_MONTH])
def test_what_is_owed_is_not_given_up(by: float) -> None:
    """A message that was written down before the clock jumped is delivered after it."""
    stage = Stage(Rule(answer=("a",), copy=("b",)), backends={"b": {"deliver": "always"}})
    stage.up("a")
    begin = {"connectorId": 1, "idTag": "04E1", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    stage.station.sends(2, "s", "StartTransaction", begin)
    stage["a"].sends(3, "s", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}})
    (entered,) = stage.store.of(OwedRecord)
    stage.ahead = by
    stage.wait(1)
    far = stage["b"]
    far.dials = far.dials[-1:]
    stage.up("b")
    stage.wait(60)
    assert [message[2] for message in far.line.take()] == ["StartTransaction"]
    assert entered in stage.store.of(OwedRecord)
    assert far.backend.given_up == 0


@pytest.mark.parametrize("by", [A_MONTH, -A_MONTH])
def test_an_invitation_lasts_as_long_as_it_lasts(by: float) -> None:
    """A session that is expected is expected for ten minutes, whatever the calendar does, and struck out then."""
    stage = Stage(Rule(answer=("a",)))
    ledger = stage.session.ledger
    ledger.invite("a", Token("77", ""), 1)
    stage.ahead = by
    stage.wait(1)
    ledger.read(stage.store.page("cp-1"))
    assert ledger.invited(Token("77", ""), 1) is not None
    stage.wait(600)
    assert ledger.invited(Token("77", ""), 1) is None
    assert stage.store.of(InvitationRecord) == []


def test_what_is_still_spoken_of_is_noted_after_a_jump_back() -> None:
    """The next note that a station speaks of a transaction does not wait until the calendar is there again."""
    stage = Stage(Rule(answer=("a",)))
    stage.up("a")
    begin = {"connectorId": 1, "idTag": "04E1", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    stage.station.sends(2, "s", "StartTransaction", begin)
    stage["a"].sends(3, "s", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}})
    assert not stage.session.ledger.listens
    stage.ahead = -A_MONTH
    assert stage.session.ledger.listens


def test_an_invitation_that_was_on_record() -> None:
    """One that expired while the process was down is not met; it is struck out once the clock is believed."""
    stage = Stage(Rule(answer=("a",)))
    now = stage.ports.wall()
    ledger = stage.ports.ledger("cp-1", Page("cp-1"))
    made = ledger.invite("a", Token("77", ""), 1)
    record = InvitationRecord("cp-1", "old", "a", now - 1000, made.record("cp-1").data)
    stage.store.records.clear()
    stage.store.put(record)
    ledger = stage.ports.ledger("cp-1", stage.store.page("cp-1"))
    assert ledger.invited(Token("77", ""), 1) is None
    assert stage.store.of(InvitationRecord) == [record]
    stage.now += STEADY
    assert ledger.invited(Token("77", ""), 1) is None
    assert stage.store.of(InvitationRecord) == []
