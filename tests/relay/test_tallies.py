"""What is counted of calls."""

from __future__ import annotations

import pytest

from voltgate.ocpp.messages import Call, Error, Reason, Result, Unanswered
from voltgate.relay.tallies import BUCKETS, OTHER, Tallies


def ended(action: str, at: float = 0.0) -> Call:
    call = Call("1", action, b"{}")
    call.at = at
    return call


def test_how_calls_end() -> None:
    """Results, errors, and calls without answer by reason are counted for each action."""
    tallies = Tallies()
    tallies.observe(ended("Heartbeat"), Result("1", b"{}"), 0.5)
    tallies.observe(ended("Heartbeat"), Error("1", "GenericError"), 1.0)
    for reason in (Reason.GONE, Reason.GONE, Reason.TIMED_OUT):
        tallies.observe(ended("Heartbeat"), Unanswered(reason, ""), 30.0)
    tallies.observe(ended("Authorize"), Result("1", b"{}"), 0.0)
    tally = tallies.by_label["Heartbeat"]
    assert (tally.results, tally.errors, tally.unanswered) == (1, 1, {"gone": 2, "timed out": 1})
    assert (tally.count, tally.seconds) == (5, 91.5)
    assert tallies.by_label["Authorize"].count == 1


@pytest.mark.parametrize(("took", "bucket"), [(0.0, 0), (0.002, 0), (0.0021, 1), (60.0, 13), (61.0, 14)])
def test_latencies(took: float, bucket: int) -> None:
    """A latency falls into the first bucket whose bound it does not exceed, or behind the last."""
    tallies = Tallies()
    tallies.observe(ended("Heartbeat"), Result("1", b"{}"), took)
    assert tallies.by_label["Heartbeat"].buckets.index(1) == bucket <= len(BUCKETS)


def test_labels_are_not_made_by_the_wire() -> None:
    """Signed messages count with the plain ones, and what no version of OCPP knows counts as one."""
    tallies = Tallies()
    for action in ("Heartbeat", "Heartbeat-Signed", "Heartbeat-Signed-Signed", *map(str, range(100))):
        tallies.observe(ended(action), Result("1", b"{}"), 0.0)
    assert {label: tally.count for label, tally in tallies.by_label.items()} == {"Heartbeat": 2, OTHER: 101}
    assert len(tallies._by_action) == 2
