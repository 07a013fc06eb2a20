"""Permits: what a backend may ask of a station."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from voltgate.ocpp.messages import Call, Error, Result
from voltgate.relay.permit import (
    CHARGE,
    EVERYTHING,
    FULL,
    OBSERVE,
    PRESETS,
    Absorb,
    Limit,
    Part,
    Pass,
    Permit,
    Refuse,
    concerns_limit,
    overlay,
    profile_fault,
    variable_name,
)

V1, V2 = "ocpp1.6", "ocpp2.0.1"


def call(action: str, **fields: Any) -> Call:
    """Make a backend's call."""
    return Call("1", action, json.dumps(fields).encode())


def variables(*names: str) -> Call:
    """Make a SetVariables of some variables, each set to its place in the list."""
    items = [
        {
            "component": {"name": name.partition(".")[0]},
            "variable": {"name": name.partition(".")[2]},
            "attributeValue": str(n),
        }
        for n, name in enumerate(names)
    ]
    return call("SetVariables", setVariableData=items)


@pytest.mark.parametrize(
    ("action", "fields", "allowed"),
    [
        ("GetConfiguration", {}, "observe charge full"),
        ("GetVariables", {}, "observe charge full"),
        ("GetCompositeSchedule", {}, "observe charge full"),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}, "observe charge full"),
        ("TriggerMessage", {"requestedMessage": "BootNotification"}, "full"),
        ("TriggerMessage", {"requestedMessage": "SignChargingStationCertificate"}, ""),
        ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}, ""),
        ("RemoteStartTransaction", {}, "charge full"),
        ("RequestStopTransaction", {}, "charge full"),
        ("UnlockConnector", {}, "charge full"),
        ("ReserveNow", {}, "charge full"),
        ("SetChargingProfile", {}, "charge full"),
        ("Reset", {}, "full"),
        ("ChangeAvailability", {}, "full"),
        ("UpdateFirmware", {}, "full"),
        ("DataTransfer", {}, "full"),
        ("SendLocalList", {}, "full"),
        ("GetLog", {}, "full"),
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "5"}, "full"),
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "secret"}, ""),
        ("ChangeConfiguration", {"key": "authorizationkey", "value": "secret"}, ""),
        ("ChangeConfiguration", {"key": "SecurityProfile", "value": "0"}, ""),
        ("ChangeConfiguration", {}, ""),
        ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate"}, ""),
        ("InstallCertificate", {"certificateType": "ManufacturerRootCertificate"}, "full"),
        ("InstallCertificate", {}, ""),
        ("CertificateSigned", {}, ""),
        ("GetInstalledCertificateIds", {"certificateType": ["CSMSRootCertificate"]}, "observe charge full"),
        ("TriggerMessage", {"requestedMessage": "SignV2GCertificate"}, "full"),
        ("TriggerMessage", {"requestedMessage": "SignV2G20Certificate"}, "full"),
        ("TriggerMessage", {"requestedMessage": "SignCombinedCertificate"}, ""),
        ("DeleteCertificate", {}, ""),
        ("SetNetworkProfile", {}, ""),
        ("VendorsOwn", {}, "full"),
    ],
)
def test_the_presets(action: str, fields: dict[str, Any], allowed: str) -> None:
    """What each preset lets pass."""
    for name, permit in PRESETS.items():
        verdict = permit.judge(V1, call(action, **fields))
        assert isinstance(verdict, Pass if name in allowed.split() else Refuse), name


ROOTS_201 = "ManufacturerRootCertificate MORootCertificate V2GRootCertificate"
OF_OTHERS = {
    ("ocpp1.5", "InstallCertificate"): "",
    ("ocpp1.5", "CertificateSigned"): "",
    ("ocpp1.6", "InstallCertificate"): "ManufacturerRootCertificate",
    ("ocpp1.6", "CertificateSigned"): "",
    ("ocpp2.0.1", "InstallCertificate"): ROOTS_201,
    ("ocpp2.0.1", "CertificateSigned"): "V2GCertificate",
    ("ocpp2.1", "InstallCertificate"): f"{ROOTS_201} OEMRootCertificate",
    ("ocpp2.1", "CertificateSigned"): "V2GCertificate V2G20Certificate",
}
TYPES = f"""
{ROOTS_201} OEMRootCertificate V2GCertificate V2G20Certificate CSMSRootCertificate CentralSystemRootCertificate
ChargingStationCertificate v2grootcertificate V2GCertificate2 x
""".split()


@pytest.mark.parametrize(("version", "action"), OF_OTHERS)
def test_certificates_of_others(version: str, action: str) -> None:
    """A word that a version does not know for an action may stand for the link's own certificate at the station."""
    passing = [kind for kind in TYPES if isinstance(FULL.judge(version, call(action, certificateType=kind)), Pass)]
    assert sorted(passing) == sorted(OF_OTHERS[version, action].split())
    for none in ({}, {"certificateType": None}, {"certificateType": ["V2GCertificate"]}):
        assert isinstance(FULL.judge(version, call(action, **none)), Refuse)


@pytest.mark.parametrize(("vendor", "passes"), [("org.openchargealliance.iso15118pnc", True), ("v", False), (5, False)])
def test_certificates_of_cars_at_a_station_of_1_6(vendor: object, passes: bool) -> None:
    """Plug & Charge with 1.6 has the words of 2.0.1 inside a DataTransfer; what other vendors mean nobody knows."""
    for action, kind in (("InstallCertificate", "MORootCertificate"), ("CertificateSigned", "V2GCertificate")):
        asked = call("DataTransfer", vendorId=vendor, messageId=action, data={"certificateType": kind})
        assert isinstance(FULL.judge(V1, asked), Pass) is passes
        asked = call("DataTransfer", vendorId=vendor, messageId=action, data={})
        assert isinstance(FULL.judge(V1, asked), Refuse)


OF_THE_LINK = {
    V1: """AuthorizationKey BasicAuthPassword SecurityProfile CpoName AdditionalRootCertificateCheck
    CertificateSignedMaxChainSize CertificateStoreMaxLength""",
    V2: """SecurityCtrlr.BasicAuthPassword SecurityCtrlr.Identity NetworkConfiguration.OcppCsmsUrl
    OCPPCommCtrlr.NetworkConfigurationPriority OCPPCommCtrlr.NetworkProfileConnectionAttempts
    OCPPCommCtrlr.ActiveNetworkProfile""",
}


@pytest.mark.parametrize(
    ("version", "key"), [(version, key) for version, keys in OF_THE_LINK.items() for key in keys.split()]
)
def test_each_key_of_the_link(version: str, key: str) -> None:
    """None of the keys by which a station proves itself, or finds the gateway, is set without `credentials`."""
    asked = call("ChangeConfiguration", key=key, value="1") if version == V1 else variables(key)
    assert isinstance(FULL.judge(version, asked), Refuse)
    assert isinstance(EVERYTHING.judge(version, asked), Pass)


def test_a_permit_that_keeps_a_single_thing_is_read() -> None:
    """Whoever may do everything but one thing does not do that."""
    keys = call("ChangeConfiguration", key="MeterValueSampleInterval", value="1")
    for kept, asked, verdict in (
        ({"refuse": ("Reset",)}, call("Reset"), Refuse),
        ({"not_supported": ("Reset",)}, call("Reset"), Refuse),
        ({"keys_refuse": ("Meter*",)}, keys, Refuse),
        ({"keys_absorb": ("Meter*",)}, keys, Absorb),
    ):
        assert isinstance(Permit("p", ("*",), credentials=True, **kept).judge(V1, asked), verdict)


def test_what_is_signed_is_not_accepted_in_the_place_of_the_station() -> None:
    """Nobody but the station can say that it took what is signed: it is refused where it would be kept private."""
    inside = base64.urlsafe_b64encode(b'{"key":"MeterValueSampleInterval","value":"1"}').decode()
    asked = call("ChangeConfiguration-Signed", payload=inside, protected="e30", signature="x")
    assert isinstance(Permit("p", ("*",), keys_absorb=("Meter*",)).judge(V1, asked), Refuse)


def test_what_a_lenient_reader_makes_of_a_command() -> None:
    """Spaces around a key, a trigger of nothing, two profiles, and `true` for a transaction open no way around."""
    keeping = Permit("p", ("*",), credentials=True, keys_refuse=("Meter*",))
    assert isinstance(keeping.judge(V1, call("ChangeConfiguration", key=" MeterX ", value="1")), Refuse)
    for named in ({}, {"requestedMessage": 5}, {"requestedMessage": " "}):
        assert isinstance(FULL.judge(V1, call("TriggerMessage", **named)), Refuse)
    profile = {"chargingProfilePurpose": "TxProfile", "transactionId": True}
    assert concerns_limit(V1, call("SetChargingProfile", connectorId=1, csChargingProfiles=profile)) == Limit(
        "TxProfile", 1, None
    )
    both = call("SetChargingProfile", connectorId=1, csChargingProfiles=profile, chargingProfile=profile)
    assert profile_fault(both) == "it holds two charging profiles"


def test_variables_without_a_name() -> None:
    """Where one of several variables has no name, none of them is set: nobody knows what a station makes of it."""
    named = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}, "attributeValue": "1"}
    for odd in ({}, {"component": {"name": "x"}}, {"component": {"name": 1}, "variable": {"name": "x"}}, 7):
        assert isinstance(FULL.judge(V2, call("SetVariables", setVariableData=[named, odd])), Refuse)
    assert isinstance(FULL.judge(V2, call("SetVariables", setVariableData=[named])), Pass)


@pytest.mark.parametrize(
    "key", ["Authorization.Key", "AuthorizationKey.", ".AuthorizationKey", "Security.Profile", "Cpo.Name..", "."]
)
def test_a_dot_hides_no_key_of_1_6(key: str) -> None:
    """A station that heeds no punctuation heeds no dot; what is nothing but that is no key of the link."""
    verdict = FULL.judge(V1, call("ChangeConfiguration", key=key, value="x"))
    assert isinstance(verdict, Pass if key == "." else Refuse)
    assert isinstance(FULL.judge(V1, call("ChangeConfiguration", key="Vendor.Key", value="x")), Pass)


@pytest.mark.parametrize(
    ("component", "variable", "passes"),
    [
        ("OCPPCommCtrlr", "NetworkConfigurationPriority.", False),
        ("OCPPCommCtrlr", "Network.ConfigurationPriority", False),
        ("OCPPCommCtrlr.", "ActiveNetworkProfile", False),
        ("OCPP.CommCtrlr", ".NetworkProfileConnectionAttempts", False),
        ("SecurityCtrlr.", "X", False),
        ("Security.Ctrlr", "X", False),
        ("Network.Configuration", "X", False),
        ("OCPPCommCtrlr", "Heartbeat.Interval", True),
        ("Vendor", "SecurityCtrlr.X", True),
    ],
)
def test_a_dot_hides_no_variable_of_2_x(component: str, variable: str, passes: bool) -> None:
    """Dots in the name of a component or a variable are punctuation like any other."""
    item = {"component": {"name": component}, "variable": {"name": variable}, "attributeValue": "x"}
    for asked in (call("SetVariables", setVariableData=[item]), signed("SetVariables", setVariableData=[item])):
        assert isinstance(FULL.judge(V2, asked), Pass) is passes


def test_a_permit_of_ones_own() -> None:
    """A permit may add to a preset, take from it, and keep keys private."""
    permit = Permit(
        "installer",
        allow=("*",),
        refuse=("UpdateFirmware",),
        not_supported=("GetDiagnostics", "ReserveNow"),
        keys_refuse=("Vendor*",),
        keys_absorb=("MeterValueSampleInterval", "SampledDataCtrlr.*"),
        credentials=True,
    )
    assert isinstance(permit.judge(V1, call("UpdateFirmware")), Refuse)
    for action in ("GetDiagnostics", "ReserveNow"):
        verdict = permit.judge(V1, call(action))
        assert isinstance(verdict, Refuse)
        assert "not supported" in verdict.why
    assert isinstance(permit.judge(V1, call("CertificateSigned")), Pass)
    assert isinstance(permit.judge(V1, call("ChangeConfiguration", key="AuthorizationKey", value="x")), Pass)
    verdict = permit.judge(V1, call("ChangeConfiguration", key="VendorX", value="x"))
    assert isinstance(verdict, Refuse)
    absorbed = permit.judge(V1, call("ChangeConfiguration", key="MeterValueSampleInterval", value="10"))
    assert isinstance(absorbed, Absorb)
    assert (absorbed.reply.fields, absorbed.keys) == ({"status": "Accepted"}, {"MeterValueSampleInterval": "10"})  # type: ignore[union-attr]


def test_keys_of_a_permit_that_allows_nothing_else() -> None:
    """Single keys may be allowed where changes of configuration are not."""
    permit = Permit("meter", OBSERVE.allow, keys_pass=("MeterValue*", "SampledDataCtrlr.TxUpdatedInterval"))
    assert isinstance(permit.judge(V1, call("ChangeConfiguration", key="MeterValueSampleInterval", value="1")), Pass)
    assert isinstance(permit.judge(V1, call("ChangeConfiguration", key="HeartbeatInterval", value="1")), Refuse)
    assert isinstance(permit.judge(V1, call("ChangeConfiguration", key=5)), Refuse)
    assert isinstance(permit.judge(V2, variables("SampledDataCtrlr.TxUpdatedInterval")), Pass)
    assert isinstance(permit.judge(V2, variables()), Refuse)
    assert isinstance(permit.judge(V2, call("SetVariables", setVariableData=5)), Refuse)


def test_several_variables_at_once() -> None:
    """Of several variables those that may pass do, the others are answered here, in the order that they were asked."""
    permit = Permit("x", ("*",), keys_refuse=("A.refused",), keys_absorb=("A.kept",))
    asked = variables("A.refused", "A.set", "A.kept", "SecurityCtrlr.BasicAuthPassword")
    verdict = permit.judge(V2, asked)
    assert isinstance(verdict, Part)
    assert [variable_name(item) for item in verdict.call.fields["setVariableData"]] == ["A.set"]
    assert verdict.keys == {"A.kept": "2"}
    theirs = {"attributeStatus": "RebootRequired", "component": {"name": "A"}, "variable": {"name": "set"}}
    merged = verdict.merge(Result("1", json.dumps({"setVariableResult": [theirs]}).encode()))
    assert isinstance(merged, Result)
    statuses = [item["attributeStatus"] for item in merged.fields["setVariableResult"]]
    assert statuses == ["Rejected", "RebootRequired", "Accepted", "Rejected"]
    for odd in (Error("1", "InternalError"), Result("1", b"{}"), Result("1", b'{"setVariableResult":[]}')):
        assert verdict.merge(odd) is odd
    kept = permit.judge(V2, variables("A.kept"))
    assert isinstance(kept, Absorb)
    assert kept.keys == {"A.kept": "0"}
    assert isinstance(permit.judge(V2, variables("A.kept", "A.refused")), Refuse)
    assert isinstance(permit.judge(V2, variables("A.set")), Pass)
    assert isinstance(permit.judge(V2, variables("OCPPCommCtrlr.NetworkConfigurationPriority")), Refuse)
    assert variable_name(5) == "?"
    assert variable_name({"component": 5}) == "None.None"


def signed(action: str, **fields: Any) -> Call:
    """Make a backend's call that is signed."""
    inside = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()
    return call(f"{action}-Signed", payload=inside, protected="e30", signature="x")


def test_a_signature_opens_no_door() -> None:
    """What is signed is judged by what is inside; variables that cannot be taken apart pass all or not at all."""
    good = variables("A.set").fields
    bad = variables("A.set", "SecurityCtrlr.BasicAuthPassword").fields
    assert isinstance(FULL.judge(V2, signed("SetVariables", **good)), Pass)
    for refused in (
        signed("SetVariables", **bad),
        signed("SetVariables"),
        signed("SetNetworkProfile"),
        signed("InstallCertificate", certificateType="CSMSRootCertificate"),
        signed("ChangeConfiguration", key="AuthorizationKey", value="x"),
        call("SetVariables-Signed", payload="§"),
    ):
        assert isinstance(FULL.judge(V2, refused), Refuse), refused
    assert isinstance(FULL.judge(V2, signed("InstallCertificate", certificateType="V2GRootCertificate")), Pass)
    assert isinstance(CHARGE.judge(V2, signed("Reset", type="Immediate")), Refuse)


def test_a_name_that_stands_twice_opens_no_door() -> None:
    """A call that two readers may understand differently does not pass where it may change credentials."""
    twice = b'{"key":"AuthorizationKey","key":"HeartbeatInterval","value":"x"}'
    assert isinstance(FULL.judge(V1, Call("1", "ChangeConfiguration", twice)), Refuse)


def test_nothing_but_keys_is_ever_absorbed() -> None:
    """However a permit is written, nothing but configuration keys is accepted in a station's place."""
    greedy = Permit("greedy", ("*",), keys_absorb=("*",), credentials=True)
    for action in ("RemoteStartTransaction", "SetChargingProfile", "Reset", "UnlockConnector", "UpdateFirmware"):
        assert isinstance(greedy.judge(V1, call(action, key="x", value="y")), Pass)


def test_a_backend_sees_its_own_values() -> None:
    """What was kept private is shown to its backend as if the station had it; everything else stays."""
    private = {"MeterValueSampleInterval": "10", "A.kept": "5"}
    stock = {"configurationKey": [{"key": "metervaluesampleinterval", "value": "60"}, {"key": "x", "value": "1"}, 5]}
    shown = overlay(call("GetConfiguration"), Result("1", json.dumps(stock).encode()), private)
    assert isinstance(shown, Result)
    assert [item["value"] for item in shown.fields["configurationKey"][:2]] == ["10", "1"]
    got = {"getVariableResult": [{"component": {"name": "A"}, "variable": {"name": "kept"}, "attributeValue": "1"}]}
    shown = overlay(call("GetVariables"), Result("1", json.dumps(got).encode()), private)
    assert isinstance(shown, Result)
    assert shown.fields["getVariableResult"][0]["attributeValue"] == "5"
    for reply in (Error("1", "X"), Result("1", b'{"configurationKey":5}'), Result("1", b'{"configurationKey":[]}')):
        assert overlay(call("GetConfiguration"), reply, private) is reply
    other = Result("1", b"{}")
    assert overlay(call("Reset"), other, private) is other


@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        (
            call(
                "SetChargingProfile",
                connectorId=1,
                csChargingProfiles={"chargingProfilePurpose": "TxProfile", "transactionId": 5},
            ),
            Limit("TxProfile", 1, 5),
        ),
        (
            call(
                "SetChargingProfile",
                connectorId=0,
                csChargingProfiles={"chargingProfilePurpose": "ChargePointMaxProfile"},
            ),
            Limit("ChargePointMaxProfile", 0, None),
        ),
        (call("SetChargingProfile", connectorId=0, csChargingProfiles=5), Limit("?", 0, None)),
        (call("ClearChargingProfile", id=5), None),
        (call("ClearChargingProfile", connectorId=2), Limit("", 2, None)),
        (call("Reset"), None),
    ],
)
def test_limits(asked: Call, limit: Limit | None) -> None:
    """Which limit a call sets or clears."""
    assert concerns_limit(V1, asked) == limit


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({}, None),
        ({"chargingProfile": {"chargingProfilePurpose": "TxProfile"}}, None),
        ({"chargingProfile": {"chargingProfilePurpose": "TxDefaultProfile"}}, "must be a TxProfile"),
        ({"chargingProfile": {"chargingProfilePurpose": "TxProfile", "transactionId": 1}}, "must not name"),
    ],
)
def test_the_profile_of_a_remote_start(fields: dict[str, Any], fault: str | None) -> None:
    """A charging profile inside a remote start is for the transaction to come (conformance RT-24)."""
    found = profile_fault(call("RemoteStartTransaction", **fields))
    assert (found is None) is (fault is None)
    assert (fault or "") in (found or "")
    assert profile_fault(call("SetChargingProfile", **fields)) is None


def test_presets_are_what_they_are_called() -> None:
    """The presets grow from one to the next."""
    assert set(OBSERVE.allow) < set(CHARGE.allow)
    assert FULL.allow == ("*",)
    assert (FULL.stop, CHARGE.stop, CHARGE.limit, FULL.limit, FULL.credentials) == ("any", "own", False, True, False)
