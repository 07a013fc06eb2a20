"""The list of tokens in a station: whole or by differences, in as many messages as it needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.csms.commands.stations import Station, sent
from voltgate.csms.commands.target import Facts
from voltgate.ocpp.silence import gone

TOKENS = [{"token": f"T{number}"} for number in range(5)]


def listed(payload: dict[str, Any]) -> tuple[int, str, int]:
    """Return a message's version, type and number of tokens."""
    version = payload.get("listVersion") or payload["versionNumber"]
    return version, payload["updateType"], len(payload.get("localAuthorizationList", []))


def test_entries_of_both() -> None:
    """A token with its status, its end and its group; one without status is taken off the list."""
    tokens = [{"token": "A", "expires": "2027-01-01T00:00:00Z", "group": "G"}, {"token": "B", "status": None}]
    fields = {"version": 3, "update": "differential", "tokens": tokens}
    station = Station("ocpp1.6", facts=Facts(list_items=10))
    station.told("local-list", **fields)
    assert station.heard == [
        ("SendLocalList", {"listVersion": 3, "updateType": "Differential", "localAuthorizationList": _entries_16()})
    ]
    station = Station("ocpp2.1", facts=Facts(list_items=10))
    station.told("local-list", **fields)
    ((_, payload),) = station.heard
    assert payload["localAuthorizationList"] == [
        {
            "idToken": {"idToken": "A", "type": "Central"},
            "idTokenInfo": {
                "status": "Accepted",
                "cacheExpiryDateTime": "2027-01-01T00:00:00.000Z",
                "groupIdToken": {"idToken": "G", "type": "Central"},
            },
        },
        {"idToken": {"idToken": "B", "type": "Central"}},
    ]


def _entries_16() -> list[dict[str, Any]]:
    info = {"status": "Accepted", "expiryDate": "2027-01-01T00:00:00.000Z", "parentIdTag": "G"}
    return [{"idTag": "A", "idTagInfo": info}, {"idTag": "B"}]


def two_at_once(payload: dict[str, Any]) -> dict[str, Any]:
    """Tell that a message may have two tokens, whichever version asks."""
    found = [
        {**each, "attributeStatus": "Accepted", "attributeValue": "2"} for each in payload.get("getVariableData", [])
    ]
    keys = [{"key": each, "readonly": True, "value": "2"} for each in payload.get("key", [])]
    return {"getVariableResult": found[:1]} if found else {"configurationKey": keys}


@pytest.mark.parametrize(
    ("version", "asked"),
    [("ocpp1.5", "GetConfiguration"), ("ocpp1.6", "GetConfiguration"), ("ocpp2.0.1", "GetVariables")],
)
def test_a_list_in_parts(version: str, asked: str) -> None:
    """The station takes two tokens at once: the first message replaces, the others add, and versions rise."""
    station = Station(version, {asked: two_at_once})
    outcome = station.told("local-list", version=10, tokens=TOKENS)
    assert [action for action, _ in station.heard] == [asked, *["SendLocalList"] * 3]
    assert [listed(payload) for _, payload in station.heard[1:]] == [
        (10, "Full", 2),
        (11, "Differential", 2),
        (12, "Differential", 1),
    ]
    assert (outcome.accepted, outcome.result) == (True, {"version": 12, "tokens": 5})


def test_a_part_that_is_refused() -> None:
    """No more is sent, and the operator reads which version the station has, and how far it came."""
    answers = [{"status": "Accepted"}, {"status": "VersionMismatch"}]
    station = Station("ocpp1.6", {"SendLocalList": lambda _: answers.pop(0)}, facts=Facts(list_items=2))
    outcome = station.told("local-list", version=10, tokens=TOKENS)
    assert (outcome.accepted, outcome.status) == (False, "VersionMismatch")
    assert outcome.info == "VersionMismatch (message 2 of 3)"
    assert outcome.result == {"version": 10, "tokens": 2}


def test_a_silence_at_the_first_part() -> None:
    """Nobody knows what the station has then."""
    station = Station("ocpp1.6", {"SendLocalList": gone("No answer", "7")}, facts=Facts(list_items=2))
    outcome = station.told("local-list", version=10, tokens=TOKENS)
    assert (outcome.accepted, outcome.info, outcome.result) == (None, "No answer (message 1 of 3)", {"tokens": 0})


def test_an_empty_list() -> None:
    """It empties the list in the station, in one message that asks for nothing before."""
    assert sent("ocpp1.6", "local-list", version=4) == ("SendLocalList", {"listVersion": 4, "updateType": "Full"})
    assert sent("ocpp2.1", "local-list", version=4) == ("SendLocalList", {"versionNumber": 4, "updateType": "Full"})


def test_the_bytes_of_a_message_are_bounded() -> None:
    """A station that tells how many bytes it takes gets no more, however few tokens these are."""

    def told(payload: dict[str, Any]) -> dict[str, Any]:
        limits = ["100", "200"]
        asked = payload["getVariableData"]
        found = zip(asked, limits, strict=True)
        return {
            "getVariableResult": [
                {**each, "attributeStatus": "Accepted", "attributeValue": limit} for each, limit in found
            ]
        }

    station = Station("ocpp2.1", {"GetVariables": told})
    assert station.told("local-list", version=1, tokens=TOKENS).result == {"version": 3, "tokens": 5}
    assert [listed(payload)[2] for _, payload in station.heard[1:]] == [2, 2, 1]


def test_a_full_list_takes_nothing_off() -> None:
    """A token without status means nothing in a list that replaces what was there."""
    said = sent("ocpp1.6", "local-list", version=1, tokens=[{"token": "A", "status": None}])
    assert said.startswith("A full list holds what stays")


def test_100_000_tokens() -> None:
    """The longest list that is taken goes out in parts of what the station takes."""
    station = Station("ocpp1.6", facts=Facts(list_items=1000))
    tokens = [{"token": f"{number:08X}"} for number in range(100_000)]
    assert station.told("local-list", version=1, tokens=tokens).result == {"version": 100, "tokens": 100_000}
