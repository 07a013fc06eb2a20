"""How often one call goes from file to file: the flow of the product must stay readable from top to bottom."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import voltgate
from tests.relay.stage import Stage, one
from voltgate.relay.rule import Rule
from voltgate.relay.tokens import listed

SOURCE = Path(voltgate.__file__).parent
FLOW = frozenset({SOURCE / "ocpp/turns.py", *(SOURCE / "relay").rglob("*.py")})
"""The files that a call goes through; what only reads a message (`ocpp/ids.py` and the like) is not counted."""
VALUES = frozenset(
    SOURCE / "relay" / f"{name}.py" for name in "backend events numbers plan route rule tokens transaction".split()
)
START = {"connectorId": 1, "idTag": "04EM17", "meterStart": 0, "timestamp": "t"}


class Trace:
    """Counts, while it is entered, how often the flow goes from one of its files to another."""

    def __init__(self) -> None:
        self.crossings = 0
        self.entered: Counter[str] = Counter()

    def __enter__(self) -> Trace:
        sys.setprofile(self._look)
        return self

    def __exit__(self, *problem: object) -> None:
        sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, argument: Any) -> None:
        caller = frame.f_back
        if event != "call" or caller is None:
            return
        here, before = Path(frame.f_code.co_filename), Path(caller.f_code.co_filename)
        if here != before and {here, before} <= FLOW - VALUES:
            self.crossings += 1
            self.entered[here.stem] += 1


def one_backend() -> Stage:
    """Make a station with one backend."""
    return Stage(one("b"))


def split_with_a_copy() -> Stage:
    """Make a station with two owners, each of whom hears of the other's sessions."""
    employer = Rule(tokens=listed(["04EM*"]), answer=("b",), copy=("a",))
    return Stage(employer, one("a", copy=("b",)), backends={"a": {"deliver": "always"}})


@pytest.mark.parametrize(("made", "most"), [(one_backend, 44), (split_with_a_copy, 85)])
def test_a_start_does_not_go_to_and_fro(made: Any, most: int) -> None:
    """One StartTransaction and its answer cross between files no more often than this."""
    stage = made()
    for far in stage.far.values():
        far.accepts()
    stage.session.ledger.journal.lease(stage.ports.clock, lambda: None)  # asked for once a minute
    with Trace() as trace:
        stage.station.sends(2, "s", "StartTransaction", START)
        stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}})
    ((kind, _, reply),) = stage.station.take()
    assert (kind, reply["idTagInfo"]) == (3, {"status": "Accepted"})
    assert trace.crossings <= most, trace.entered.most_common()
    assert trace.crossings > most * 0.8, "state the lower number"
