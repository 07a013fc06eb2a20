"""What an operator is told of an answer, whatever the station says, or does not say."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.csms.commands.stations import Station
from tests.csms.commands.test_payloads import REACHED
from voltgate.csms.commands.outcome import Follow, Outcome
from voltgate.csms.commands.table import ALL, COMMANDS, WrongParameters, parameters, perform
from voltgate.ocpp.messages import Error, Reason, Reply, Result, Unanswered
from voltgate.ocpp.silence import gone

NAMES = (
    "status statusInfo reasonCode configurationKey unknownKey key value readonly getVariableResult setVariableResult "
    "component variable name attributeStatus certificateHashData certificateHashDataChain schedule chargingSchedule "
    "chargingSchedulePeriod limit startPeriod listVersion versionNumber fileName setMonitoringResult id evse data"
).split()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "Accepted", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=12,
)
HAS = [
    pytest.param(version, name, id=f"{version}-{name}")
    for version in ALL
    for name, spec in COMMANDS.items()
    if version in spec.versions
]


def answered(version: str, name: str, reply: Reply) -> Outcome:
    """Let a station give one answer to all that a command asks."""
    station = Station(version)

    async def ask(action: str, payload: dict[str, Any]) -> Reply:
        return reply

    return asyncio.run(perform(ask, station.target, parameters(name, REACHED[name])))


@pytest.mark.parametrize(("version", "name"), HAS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(fields=JSON)
def test_no_answer_is_too_odd(version: str, name: str, fields: Any) -> None:
    """A result of any form becomes an outcome that the API can write."""
    outcome = answered(version, name, Result("1", msgspec.json.encode(fields)))
    msgspec.json.encode(outcome)
    assert outcome.sent


@pytest.mark.parametrize(("version", "name"), HAS)
def test_an_error_of_the_station_is_a_no(version: str, name: str) -> None:
    """The operator reads the code and the description that the station gave."""
    outcome = answered(version, name, Error("1", "NotSupported", "No such thing here"))
    assert (outcome.accepted, outcome.status, outcome.sent) == (False, "NotSupported", True)
    assert outcome.info.startswith("No such thing here")


@pytest.mark.parametrize(("version", "name"), HAS)
def test_a_silence_is_neither_yes_nor_no(version: str, name: str) -> None:
    """Nobody knows whether the station did it."""
    outcome = answered(version, name, gone("No answer within 30 s", "7"))
    assert (outcome.accepted, outcome.status, outcome.sent) == (None, "Unanswered", True)
    assert outcome.info.startswith("No answer within 30 s")


@pytest.mark.parametrize(("version", "name"), HAS)
def test_what_was_never_sent_is_told_apart(version: str, name: str) -> None:
    """A command that certainly did not reach the station may be given again."""
    outcome = answered(version, name, Unanswered(Reason.OVERLOADED, "Too many calls wait"))
    assert (outcome.accepted, outcome.status, outcome.sent) == (False, "NotSent", False)


@pytest.mark.parametrize(
    ("version", "command", "fields", "answer", "outcome"),
    [
        (
            "ocpp1.6",
            "reset",
            {},
            {"status": "Accepted"},
            Outcome(True, "Accepted", follow=Follow(("BootNotification",))),
        ),
        ("ocpp1.6", "reset", {}, {"status": "Rejected"}, Outcome(False, "Rejected")),
        (
            "ocpp2.0.1",
            "reset",
            {"kind": "on-idle"},
            {"status": "Scheduled", "statusInfo": {"reasonCode": "Busy", "additionalInfo": "EVSE 1 charges"}},
            Outcome(True, "Scheduled", "Busy: EVSE 1 charges", follow=Follow(("BootNotification",))),
        ),
        ("ocpp1.6", "unlock", {"evse": 1}, {"status": "UnlockFailed"}, Outcome(False, "UnlockFailed")),
        ("ocpp1.6", "unlock", {"evse": 1}, {"status": "Unlocked"}, Outcome(True, "Unlocked")),
        ("ocpp1.6", "clear-cache", {}, {}, Outcome(None, "", "The station answered without a status")),
        (
            "ocpp2.1",
            "start",
            {"token": "04A1B2C3"},
            {"status": "Accepted", "transactionId": "T1"},
            Outcome(
                True,
                "Accepted",
                result={"remote_start": 77, "transaction": "T1"},
                follow=Follow(("TransactionEvent",), 77),
            ),
        ),
        (
            "ocpp1.5",
            "firmware",
            {"location": "http://a.example/f"},
            {},
            Outcome(True, follow=Follow(("FirmwareStatusNotification",))),
        ),
        (
            "ocpp2.0.1",
            "firmware",
            {"location": "http://a.example/f", "id": 5},
            {"status": "AcceptedCanceled"},
            Outcome(True, "AcceptedCanceled", follow=Follow(("FirmwareStatusNotification",), 5)),
        ),
        (
            "ocpp1.6",
            "logs",
            {"location": "http://a.example/l"},
            {},
            Outcome(False, info="The station has nothing to upload"),
        ),
        (
            "ocpp1.6",
            "logs",
            {"location": "http://a.example/l"},
            {"fileName": "a.zip"},
            Outcome(True, result={"file": "a.zip"}, follow=Follow(("DiagnosticsStatusNotification",))),
        ),
        ("ocpp2.1", "local-list-version", {}, {"versionNumber": 4}, Outcome(True, result={"version": 4})),
        ("ocpp1.5", "local-list-version", {}, {"listVersion": 0}, Outcome(True, result={"version": 0})),
        ("ocpp1.6", "local-list-version", {}, {"listVersion": "7"}, Outcome(True, result={"version": 7})),  # a text
        (
            "ocpp2.0.1",
            "transaction-status",
            {"transaction": "T1"},
            {"ongoingIndicator": True, "messagesInQueue": False},
            Outcome(True, result={"ongoing": True, "messages_waiting": False}),
        ),
        (
            "ocpp2.1",
            "data-transfer",
            {"vendor": "com.example"},
            {"status": "Accepted", "data": {"a": 1}},
            Outcome(True, "Accepted", result={"data": {"a": 1}}),
        ),
    ],
)
def test_answers(version: str, command: str, fields: dict[str, Any], answer: dict[str, Any], outcome: Outcome) -> None:
    """The station's word, whether it was a Yes, what it told, and what will follow."""
    reply = Result("1", msgspec.json.encode(answer))
    station = Station(version, dict.fromkeys(["GetDiagnostics", "GetLog"], reply))

    async def ask(action: str, payload: dict[str, Any]) -> Reply:
        return reply

    assert asyncio.run(perform(ask, station.target, parameters(command, fields))) == outcome


@pytest.mark.parametrize("command", ["configuration-get", "monitoring-set"])
def test_answers_about_nothing(command: str) -> None:
    """A station that answers about a variable without a name is heard all the same."""
    nameless = {"getVariableResult": [{}], "setMonitoringResult": [{"component": {"name": "x" * 99}}]}
    outcome = answered("ocpp2.0.1", command, Result("1", msgspec.json.encode(nameless)))
    assert (outcome.accepted, outcome.status) == (False, "")


@pytest.mark.parametrize(
    ("name", "fields", "sentence"),
    [
        ("rest", {}, "There is no command 'rest'; there are reset, unlock"),
        ("unlock", {}, "unlock: Object missing required field `evse`"),
        ("unlock", {"evse": 0}, "unlock: Expected `int` >= 1 - at `$.evse`"),
        ("reset", {"kind": "gentle"}, "reset: Invalid enum value 'gentle' - at `$.kind`"),
        ("reset", {"typ": "soft"}, "reset: Object contains unknown field `typ`"),
        ("limit", {"limit": -1}, "limit: Expected `float` >= 0.0 - at `$.limit`"),
        ("reserve", {"token": "A", "expires": "2026-11-21T08:00:00"}, "reserve: Expected `datetime` with a timezone"),
        ("reset", 5, "reset: Expected `object`, got `int`"),
        ("configuration-get", {"settings": ["A"] * 1001}, "configuration-get: Expected `array` of length <= 1000"),
    ],
)
def test_wrong_parameters_are_named(name: str, fields: Any, sentence: str) -> None:
    """What is wrong with the parameters of a command is said with its place."""
    with pytest.raises(WrongParameters) as caught:
        parameters(name, fields)
    assert str(caught.value).startswith(sentence)
