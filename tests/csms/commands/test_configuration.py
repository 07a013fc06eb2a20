"""Settings: the same view of the keys of 1.x and the variables of 2.x, in as many messages as a station needs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.csms.commands.stations import Station, sent
from voltgate.csms.commands.configuration import facts_of
from voltgate.csms.commands.names import (
    KEYS,
    VARIABLES,
    Item,
    Variable,
    item_of_key,
    key_of,
    parsed,
    variable_of,
)
from voltgate.csms.commands.target import Facts
from voltgate.ocpp.messages import Error
from voltgate.ocpp.silence import gone

HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}


def keys(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer a GetConfiguration: every key is 5."""
    found = [{"key": each, "readonly": False, "value": "5"} for each in payload["key"]]
    return {"configurationKey": found}


def variables(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer a GetVariables: every variable is 5."""
    asked = payload["getVariableData"]
    return {"getVariableResult": [{**each, "attributeStatus": "Accepted", "attributeValue": "5"} for each in asked]}


def set_all(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer a SetVariables: every variable is taken."""
    asked = payload["setVariableData"]
    return {"setVariableResult": [{**each, "attributeStatus": "Accepted"} for each in asked]}


def test_one_view_of_both() -> None:
    """HeartbeatInterval is asked of 1.6 and of 2.0.1, by either name, and looks the same but for its name."""
    key, variable = "HeartbeatInterval", "OCPPCommCtrlr.HeartbeatInterval"
    seen = []
    for name in (key, variable):
        old = Station("ocpp1.6", {"GetConfiguration": keys})
        new = Station("ocpp2.0.1", {"GetVariables": variables})
        seen += [old.told("configuration-get", settings=[name]), new.told("configuration-get", settings=[name])]
        assert old.heard == [("GetConfiguration", {"key": [key]})]
        assert new.heard == [("GetVariables", {"getVariableData": [HEARTBEAT]})]
    items = [outcome.result["items"] for outcome in seen]
    assert {(item["key"], item["value"], item["status"]) for (item,) in items} == {(key, "5", "Accepted")}
    assert {item["name"] for (item,) in items} == {key, variable}
    assert len({str(item["variable"]) for (item,) in items}) == 1
    assert all(outcome.accepted and outcome.status == "Accepted" for outcome in seen)


def test_every_well_known_name_maps_both_ways() -> None:
    """No two keys share a variable, and each name of either side finds the other."""
    assert len(KEYS) == len(VARIABLES) == 55
    for key, variable in VARIABLES.items():
        assert key_of(variable.text) == key_of(variable) == key_of(key) == key
        assert variable_of(key) == variable_of(variable.text) == variable_of(variable) == variable


@pytest.mark.parametrize(
    ("text", "variable"),
    [
        ("EVSE@1.Power", Variable(component="EVSE", variable="Power", evse=1)),
        ("Connector@1:2.Type", Variable(component="Connector", variable="Type", evse=1, connector=2)),
        ("A[b]@3.C[d]", Variable(component="A", component_instance="b", evse=3, variable="C", variable_instance="d")),
        ("A.C[org.example.x]", Variable(component="A", variable="C", variable_instance="org.example.x")),
        ("HeartbeatInterval", None),
        ("A[b.C", None),
        ("A@x.C", None),
        ("", None),
    ],
)
def test_variables_in_text(text: str, variable: Variable | None) -> None:
    """A variable is written as one word, and read back from it."""
    assert parsed(text) == variable
    assert variable is None or variable.text == text


def test_keys_without_a_variable_are_tried_in_the_component_for_them() -> None:
    """A maker's key is asked of a 2.x station as a variable of the component that old keys live in."""
    station = Station("ocpp2.0.1", {"GetVariables": variables})
    (item,) = station.told("configuration-get", settings=["BlinkRepeat"]).result["items"]
    assert station.heard[0][1]["getVariableData"][0]["component"] == {"name": "OCPP16LegacyCtrlr"}
    assert (item["key"], item["name"]) == ("BlinkRepeat", "OCPP16LegacyCtrlr.BlinkRepeat")


def test_variables_without_a_key_are_refused_for_1_6() -> None:
    """In its parts a variable is not taken for a key; text may be the key of a maker."""
    parts = {"component": "EVSE", "variable": "Power", "evse": 1}
    said = sent("ocpp1.6", "configuration-get", settings=[parts])
    assert said == "OCPP 1.6 has no key for EVSE@1.Power; nearest: the maker's own key, if there is one"
    assert sent("ocpp1.6", "configuration-get", settings=["Maker.Key"]) == ("GetConfiguration", {"key": ["Maker.Key"]})
    assert sent("ocpp1.6", "configuration-get", settings=["A"], attribute="Target").startswith(
        "OCPP 1.6 has no attribute"
    )


def test_what_a_1_6_station_does_not_know_is_shown_beside_what_it_knows() -> None:
    """Known, unknown, and passed over in silence: each key has its item."""
    answer = {"configurationKey": [{"key": "A", "readonly": True}], "unknownKey": ["B"]}
    outcome = Station("ocpp1.6", {"GetConfiguration": answer}).told("configuration-get", settings=["A", "B", "C"])
    items = [(each["name"], each["status"], each["readonly"], each["value"]) for each in outcome.result["items"]]
    assert items == [("A", "Accepted", True, None), ("B", "UnknownVariable", None, None), ("C", "", None, None)]
    assert (outcome.accepted, outcome.status, outcome.info) == (False, "UnknownVariable", "Not B, C")


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
@pytest.mark.parametrize("command", ["configuration-get", "configuration-set"])
def test_names_that_are_too_long_are_refused_before_anything_is_sent(version: str, command: str) -> None:
    """Also if many settings before it would have been told in messages of their own."""
    names = [*"ABCDEFGHIJKLMNOP", "x" * 51]
    values = [{"setting": name, "value": "1"} for name in names]
    said = sent(version, command, **({"values": values} if command.endswith("set") else {"settings": names}))
    assert "50 characters" in said
    assert "x" * 51 in said


def test_all_settings() -> None:
    """1.x tells all keys at once; 2.x reports them afterwards, under the number of the request."""
    old = Station("ocpp1.6", {"GetConfiguration": {"configurationKey": [{"key": "A", "readonly": True, "value": "1"}]}})
    assert old.told("configuration-get").result["items"][0]["value"] == "1"
    assert old.heard == [("GetConfiguration", {})]
    new = Station("ocpp2.0.1")
    follow = new.told("configuration-get").follow
    assert new.heard == [("GetBaseReport", {"requestId": 77, "reportBase": "ConfigurationInventory"})]
    assert follow is not None
    assert (follow.actions, follow.request) == (("NotifyReport",), 77)


@pytest.mark.parametrize(
    ("version", "action", "answer"), [("ocpp1.6", "GetConfiguration", keys), ("ocpp2.0.1", "GetVariables", variables)]
)
def test_many_settings_are_asked_in_parts(version: str, action: str, answer: Any) -> None:
    """The station is asked first how many it takes: 5. What is known of it already is not asked again."""
    names = [f"A.B{number}" for number in range(12)]
    station = Station(version, {action: answer})
    outcome = station.told("configuration-get", settings=names)
    sizes = [len(payload.get("key") or payload["getVariableData"]) for _, payload in station.heard]
    assert sizes == [1, 5, 5, 2]
    assert [each["name"] for each in outcome.result["items"]] == names
    known = Station(version, {action: answer}, facts=Facts(get_items=100))
    known.told("configuration-get", settings=names)
    assert len(known.heard) == 1


def test_a_station_that_does_not_tell_how_many_it_takes_is_given_few() -> None:
    """Ten at a time, where the station says nothing of its limit."""

    def unknowing(payload: dict[str, Any]) -> dict[str, Any]:
        return {"unknownKey": payload["key"]} if payload["key"] == ["GetConfigurationMaxKeys"] else keys(payload)

    station = Station("ocpp1.5", {"GetConfiguration": unknowing})
    assert station.told("configuration-get", settings=[f"A{number}" for number in range(25)]).accepted
    assert [len(payload["key"]) for _, payload in station.heard] == [1, 10, 10, 5]


def test_keys_are_changed_one_by_one() -> None:
    """Each key has its own status; that one of them waits for a reset, or is refused, is told."""
    words = {"A": "Accepted", "B": "RebootRequired", "C": "NotSupported"}
    station = Station("ocpp1.6", {"ChangeConfiguration": lambda payload: {"status": words[payload["key"]]}})
    values = [{"setting": name, "value": "1"} for name in words]
    outcome = station.told("configuration-set", values=values)
    assert [payload for _, payload in station.heard] == [{"key": name, "value": "1"} for name in words]
    assert [each["status"] for each in outcome.result["items"]] == list(words.values())
    assert (outcome.accepted, outcome.status, outcome.info) == (False, "NotSupported", "Not C")
    outcome = station.told("configuration-set", values=values[:2])
    assert (outcome.accepted, outcome.status) == (True, "RebootRequired")


def test_a_key_of_two_variables_sets_both() -> None:
    """The one interval of 1.6 is that of running values and of the last ones in 2.x."""
    station = Station("ocpp2.1", {"SetVariables": set_all})
    outcome = station.told("configuration-set", values=[{"setting": "MeterValueSampleInterval", "value": "60"}])
    assert [each["name"] for each in outcome.result["items"]] == [
        "SampledDataCtrlr.TxUpdatedInterval",
        "SampledDataCtrlr.TxEndedInterval",
    ]
    assert [each["attributeValue"] for each in station.heard[0][1]["setVariableData"]] == ["60", "60"]


def test_long_values_are_refused_before_anything_is_sent() -> None:
    """1.6 takes 500 characters, 2.0.1 at least 1,000."""
    said = sent("ocpp1.6", "configuration-set", values=[{"setting": "A", "value": "x" * 501}])
    assert said == "OCPP 1.6 takes 500 characters as the value of A, and these are 501"


@pytest.mark.parametrize(
    ("reply", "status", "accepted"),
    [
        (Error("1", "InternalError", "Ouch"), "InternalError", False),
        (gone("Ouch", "7"), "Unanswered", None),
    ],
)
def test_a_silence_in_the_middle_keeps_what_was_told_before(reply: Any, status: str, accepted: bool | None) -> None:
    """After an error or a silence no more is sent, and what the station said before is not lost."""
    station = Station("ocpp1.6", {"ChangeConfiguration": lambda _: answers.pop(0)})
    answers: list[Any] = [{"status": "Accepted"}, reply, {"status": "Accepted"}]

    async def ask(action: str, payload: dict[str, Any]) -> Any:
        station.heard.append((action, payload))
        found = answers.pop(0)
        return await Station("ocpp1.6", {action: found}).ask(action, payload)

    station.ask = ask  # type: ignore[method-assign]
    outcome = station.told("configuration-set", values=[{"setting": name, "value": "1"} for name in "ABC"])
    assert [payload["key"] for _, payload in station.heard] == ["A", "B"]
    assert (outcome.accepted, outcome.status, outcome.sent) == (accepted, status, True)
    assert outcome.info == "Ouch (1 of 3 settings were answered before)"
    assert [each["name"] for each in outcome.result["items"]] == ["A"]


def test_facts_of_a_station() -> None:
    """What planning needs to know of a station is read from either side's settings."""
    values = {
        "GetConfigurationMaxKeys": "20",
        "SendLocalListMaxLength": " 30 ",
        "ChargeProfileMaxStackLevel": "0",
        "ChargingScheduleAllowedChargingRateUnit": "Current, Power",
    }
    items = [item_of_key(key, value=value, status="Accepted") for key, value in values.items()]
    assert facts_of(items) == Facts(20, None, 30, 0, frozenset({"A", "W"}))
    odd = Item(name="DeviceDataCtrlr.ItemsPerMessage[SetVariables]", value="many")
    assert facts_of([odd, Item(name="x", key="SendLocalListMaxLength", value="7", attribute="Target")]) == Facts()
