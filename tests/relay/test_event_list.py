"""The list of events: whoever tells of events goes by it, and the document is written from it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import get_args

import pytest

from voltgate.ocpp.close_codes import ELSEWHERE, REPLACED
from voltgate.relay import events
from voltgate.relay.event_list import EVENTS, NAMES, SEVERITIES, Severity, endangers, reference, severity_of
from voltgate.relay.events import Event, StationSteady, StationWent, StatusChanged, TransactionEnded

PAGE = Path(__file__).parents[2] / "docs" / "events.md"


def test_every_event_is_listed() -> None:
    """A new event is of the type of all events, and has its line, its severity and its meaning in the list."""
    classes = {each for each in vars(events).values() if dataclasses.is_dataclass(each)}
    assert classes == set(get_args(Event)) == set(EVENTS)
    for kind in EVENTS.values():
        assert kind.severity in SEVERITIES
        assert len(kind.meaning) > 15
    assert len({kind.line for kind in EVENTS.values()}) == len(set(NAMES.values())) == len(EVENTS)


def test_the_document_is_up_to_date() -> None:
    """docs/events.md says what the list says; `python -m voltgate.relay.event_list` writes it anew."""
    assert PAGE.read_text() == reference()


def _status(status: str, error: str = "NoError", code: str = "") -> Event:
    return StatusChanged("CP1", None, 1, status, error, "", code)


def _ended(reason: str) -> Event:
    return TransactionEnded("CP1", "7", "main", 1, reason, None, None)


@pytest.mark.parametrize(
    ("event", "severity"),
    [
        (_status("Charging"), "info"),
        (_status("Faulted"), "error"),
        (_status("Faulted", "GroundFailure"), "danger"),
        (_status("Charging", "HighTemperature"), "danger"),
        (_status("Faulted", "OtherError", "CX008 EmergencyStop"), "danger"),
        (_status("Faulted", "ReaderFailure", "17"), "error"),
        (_ended("Local"), "info"),
        (_ended("EmergencyStop"), "danger"),
        (_ended("GroundFault"), "danger"),
        (StationSteady("CP1"), "info"),
    ],
)
def test_an_event_is_as_severe_as_what_it_says(event: Event, severity: Severity) -> None:
    """A fault is worse than another status, and what may hurt people worse than anything."""
    assert severity_of(event) == severity
    assert endangers(event) is (severity == "danger")


@pytest.mark.parametrize(
    ("reason", "silent"),
    [
        ("no sign of life for 90 s", True),
        ("read nothing for 90 s", True),
        ("The station was silent", True),
        ("", False),
    ],
)
def test_a_station_that_was_silent(reason: str, silent: bool) -> None:
    """It went because nothing was heard of it, and not because it, or somebody else, wished so."""
    assert StationWent("CP1", 1006, reason, "station", 1.0).silent is silent


def test_a_newer_connection() -> None:
    """A station that was let go because it has a newer connection, here or at another node, has not gone."""
    for reason, goes_on in ((REPLACED, True), (ELSEWHERE, True), ("no sign of life for 60 s", False)):
        assert StationWent("CP1", 1001, reason, "gateway", 1.0).goes_on is goes_on
