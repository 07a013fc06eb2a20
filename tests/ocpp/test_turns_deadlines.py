"""Turns: calls that are not answered, or not sent, in time."""

from __future__ import annotations

import pytest

from tests.ocpp.line import Line
from voltgate.ocpp.messages import Reason, Unanswered
from voltgate.ocpp.turn_ports import Bounds


def test_a_call_times_out() -> None:
    """A call that nobody answers ends at its deadline; the next goes on (FR-16)."""
    line = Line()
    wire = line.connect()
    first, second = line.ask("1", patience=5), line.ask("2", patience=30)
    line.wait(4.9)
    assert first == []
    line.wait(0.3)
    assert isinstance(first.only, Unanswered)
    assert (first.only.reason, first.only.description) == (Reason.TIMED_OUT, "No answer within 5 s")
    assert [sent[1] for sent in wire.take()] == ["1", "2"]
    line.wait(30)
    assert second.short == "timed out"


def test_a_waiting_call_expires_unsent() -> None:
    """A call whose deadline passes while it waits is answered, and never sent."""
    line = Line()
    wire = line.connect()
    line.ask("1", patience=30)
    heard = line.ask("2", patience=5)
    line.wait(6)
    assert isinstance(heard.only, Unanswered)
    assert (heard.only.reason, heard.only.description) == (Reason.TIMED_OUT, "Its turn never came")
    line.result("1")
    assert [sent[1] for sent in wire.take()] == ["1"]


@pytest.mark.parametrize("how", ["answer", "unchoke"])
def test_a_call_is_not_sent_after_its_deadline(how: str) -> None:
    """Though no tick has come since its deadline, an expired call is not sent when its turn comes."""
    line = Line()
    wire = line.connect()
    if how == "answer":
        line.ask("1", patience=30)
    else:
        line.choke(choked=True)
    heard, next_one = line.ask("2", patience=5), line.ask("3", patience=30)
    line.now += 5.05
    if how == "answer":
        line.result("1")
    else:
        line.choke(choked=False)
    assert heard.short == "timed out"
    assert [sent[1] for sent in wire.take()][-1] == "3"
    assert next_one == []
    line.wait(1)
    assert len(heard) == 1


def test_nobody_is_woken_more_often_than_needed() -> None:
    """However long a busy connection lasts, a bounded number of its wakes is in the wheel."""
    line = Line(bounds=Bounds(window=100, waiting=10_000))
    line.connect()
    for n in range(60):
        line.ask(f"long{n}", patience=60)
        line.wait(2)
        line.ask(f"short{n}", patience=1)
        line.wait(4)
        assert len(line.wheel) <= 15
