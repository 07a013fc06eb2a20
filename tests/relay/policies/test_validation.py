"""Strict validation: what breaks its schema is answered before anybody is asked."""

from __future__ import annotations

import pytest

from tests.relay.stage import Stage, playing
from voltgate.relay.policies.validation import strictly


def strict(version: str) -> Stage:
    return playing("a", version=version, from_station=(strictly,))


@pytest.mark.parametrize(
    ("version", "action", "payload", "code"),
    [
        ("ocpp1.6", "Authorize", {}, "OccurenceConstraintViolation"),
        ("ocpp2.0.1", "Authorize", {}, "OccurrenceConstraintViolation"),
        ("ocpp1.6", "Authorize", {"idTag": 17}, "TypeConstraintViolation"),
        ("ocpp1.6", "Authorise", {}, "NotImplemented"),
        ("ocpp2.1", "heartbeat", {}, "NotImplemented"),
    ],
)
def test_what_breaks_its_schema(version: str, action: str, payload: dict[str, object], code: str) -> None:
    """A payload that breaks its schema is answered with the error that the specification names, and goes nowhere."""
    stage = strict(version)
    stage.station.sends(2, "1", action, payload)
    ((kind, message_id, sent, description, _),) = stage.station.take()
    assert (kind, message_id, sent) == (4, "1", code)
    assert description
    stage["a"].gets()


@pytest.mark.parametrize(
    "message",
    [
        (2, "1", "Heartbeat", {}),
        (2, "1", "Heartbeat", None),
        (2, "1", "StartTransaction", {"surely": "wrong"}),
        (2, "1", "MeterValues-Signed", {"payload": "eyJ9"}),
        (2, "1", "Authorize-Signed", {"payload": "eyJ9"}),
    ],
)
def test_what_passes(message: tuple[object, ...]) -> None:
    """What is right passes, and so does what is signed, and what somebody is paid by."""
    stage = strict("ocpp1.6")
    stage.station.sends(*message)
    stage["a"].gets([*message])
    stage.station.gets()


def test_a_send_passes() -> None:
    """A SEND is never answered, and so never screened."""
    stage = strict("ocpp2.1")
    stage.station.sends(6, "1", "NotifyPeriodicEventStream", {})
    stage["a"].gets([6, "1", "NotifyPeriodicEventStream", {}])
    stage.station.gets()


def test_what_cannot_be_parsed_is_screened_all_the_same() -> None:
    """A payload that is valid JSON, but more than can be held, is answered like any that breaks its schema."""
    stage = strict("ocpp1.6")
    stage.station.sends(b'[2,"1","Authorize",{"idTag":1e999}]')
    ((_, message_id, code, _, _),) = stage.station.take()
    assert (message_id, code) == ("1", "OccurenceConstraintViolation")
