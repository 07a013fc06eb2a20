"""Bodies of OCPP-S as payloads of OCPP-J 1.6, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.ocpp.soap_bodies import BODIES, Chance, Plain, body, enveloped, sample, schema
from voltgate.ocpp import actions, schemas
from voltgate.ocpp.soap.codec import Assumed, NoCounterpart, decode, encode, encode_json
from voltgate.ocpp.soap.elements import write
from voltgate.ocpp.soap.envelope import Envelope, parse
from voltgate.ocpp.soap.fields import SHAPES
from voltgate.ocpp.soap.operations import operations
from voltgate.ocpp.soap.unfit import Unfit

NOW = Assumed(now="2026-11-21T10:00:00Z")
SOME = [pytest.param(*names, id="-".join(names)) for names in BODIES]
TIME = "2026-11-21T10:00:00Z"


def read(content: str, assumed: Assumed = NOW) -> Any:
    """Decode a body in an envelope of its own."""
    envelope = parse(enveloped(content))
    assert isinstance(envelope, Envelope), envelope
    return decode(envelope, assumed)


def is_valid(content: str, version: str, service: str) -> None:
    """Hold a body against the schema of its service."""
    schema(version, service).assertValid(etree.fromstring(content))


def there_and_back(version: str, service: str, operation: str, kind: str, draw: Any) -> None:
    """Decode a body, check the payload, encode it, check the body, and decode it once more."""
    original = body(version, service, operation, kind, draw)
    is_valid(original, version, service)
    payload = read(original)
    violation = schemas.check("1.6", operation, kind, payload)
    empty = operation == "MeterValues" and kind == "request" and payload["meterValue"] == []
    assert violation is None or empty, (violation, payload)
    again = encode(version, service, operation, kind, payload)
    assert isinstance(again, str), again
    is_valid(again, version, service)
    assert read(again) == payload


@pytest.mark.parametrize(("version", "service", "operation", "kind"), SOME)
@pytest.mark.parametrize("many", [0, 1, 3])
def test_every_body_goes_there_and_back(version: str, service: str, operation: str, kind: str, many: int) -> None:
    """Every operation of every version becomes a payload that the schema of 1.6 takes, and a valid body again."""
    there_and_back(version, service, operation, kind, Plain(many))


@pytest.mark.parametrize(("version", "service", "operation", "kind"), SOME)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_whatever_a_body_holds_goes_there_and_back(
    version: str, service: str, operation: str, kind: str, data: st.DataObject
) -> None:
    """No value that a body may hold is lost or changed on its way, whatever it is."""
    there_and_back(version, service, operation, kind, Chance(data.draw))


@pytest.mark.parametrize(("version", "service", "operation", "kind"), [one for one in BODIES if one[0] == "1.6"])
@pytest.mark.parametrize("older", ["1.2", "1.5"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_what_1_6_says_is_said_in_older_words(
    older: Any, version: Any, service: Any, operation: str, kind: Any, data: st.DataObject
) -> None:
    """Whatever 1.6 says becomes a valid body of an older version, or is said to have no counterpart there."""
    payload = read(body(version, service, operation, kind, Chance(data.draw)))
    said = encode(older, service, operation, kind, payload)
    if isinstance(said, NoCounterpart):
        lacks = operation not in operations(older, service)
        assert lacks or operation in {"FirmwareStatusNotification", "DiagnosticsStatusNotification"}, said
    else:
        assert isinstance(said, str)
        is_valid(said, older, service)
        heard = read(said)
        violation = schemas.check("1.6", operation, kind, heard)
        assert violation is None or operation == "MeterValues", violation


@pytest.mark.parametrize("action", sorted(actions.from_stations("ocpp1.6") | actions.from_backends("ocpp1.6")))
def test_what_has_no_counterpart_is_named(action: str) -> None:
    """An action without an operation in a service is a NoCounterpart, those of the security extension in all."""
    for version in ("1.2", "1.5", "1.6"):
        for service in ("Cs", "Cp"):
            said = encode(version, service, action, "request", {})
            assert isinstance(said, NoCounterpart) == (action not in operations(version, service))


def envelope_of(name: str) -> Envelope:
    """Read one of the sample envelopes."""
    found = parse(sample(name))
    assert isinstance(found, Envelope)
    return found


def test_the_samples_say_the_same() -> None:
    """A station that boots says the same in all three versions, and so does the answer to it."""
    for version in ("1.2", "1.5", "1.6"):
        assert decode(envelope_of(f"{version}_1_BootNotification_request_CP-CS.xml")) == {
            "chargePointVendor": "Acme",
            "chargePointModel": "AC-22",
            "chargePointSerialNumber": "SN0001",
            "firmwareVersion": "3.1.7",
        }
        assert decode(envelope_of(f"{version}_2_BootNotification_response_CP-CS.xml")) == {
            "status": "Accepted",
            "currentTime": "2026-01-15T08:00:00Z",
            "interval": 300,
        }


def test_meter_values_of_every_version_are_samples() -> None:
    """The number of 1.2, the attributes of 1.5 and the elements of 1.6 become the same sampled values."""
    values = [decode(envelope_of(f"{version}_7_MeterValues_request_CP-CS.xml")) for version in ("1.2", "1.5", "1.6")]
    samples = [value["meterValue"][0]["sampledValue"] for value in values if isinstance(value, dict)]
    wide = {"value": "12900", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    assert samples == [[{"value": "12900"}], [wide], [{**wide, "context": "Sample.Periodic"}]]


def up(version: str, operation: str, kind: str, content: str, **assumed: Any) -> Any:
    """Decode a body of either service from its content."""
    service = "Cs" if operation in operations(version, "Cs") else "Cp"  # type: ignore[arg-type]
    date = {"1.2": "2010/08", "1.5": "2012/06", "1.6": "2015/10"}[version]
    tag = f"{operation[0].lower()}{operation[1:]}{kind}"
    return read(f'<{tag} xmlns="urn://Ocpp/{service}/{date}/">{content}</{tag}>', Assumed(**assumed))


def down(version: Any, operation: str, kind: Any, payload: dict[str, Any]) -> str:
    """Encode a payload and give the content of its body."""
    service: Any = "Cs" if operation in operations(version, "Cs") else "Cp"
    said = encode(version, service, operation, kind, payload)
    assert isinstance(said, str), said
    return said.partition(">")[2].rpartition("</")[0]


def status(version: str, word: str, error: str = "NoError", **assumed: Any) -> Any:
    """Decode a StatusNotification and give status and error code."""
    content = f"<connectorId>1</connectorId><status>{word}</status><errorCode>{error}</errorCode>"
    payload = up(version, "StatusNotification", "Request", content, **assumed)
    return payload["status"], payload["errorCode"]


@pytest.mark.parametrize("version", ["1.2", "1.5"])
def test_occupied_is_what_the_asker_knows_of_it(version: str) -> None:
    """Occupied becomes Charging unless whoever knows of the transaction says otherwise; other words stay."""
    assert status(version, "Occupied") == ("Charging", "NoError")
    assert status(version, "Occupied", occupied={1: "Preparing"}.__getitem__) == ("Preparing", "NoError")
    assert status(version, "Available") == ("Available", "NoError")
    assert status(version, "Faulted", "Mode3Error") == ("Faulted", "EVCommunicationError")


@pytest.mark.parametrize(
    ("word", "word_12", "word_15"),
    [
        ("Available", "Available", "Available"),
        ("Preparing", "Occupied", "Occupied"),
        ("Charging", "Occupied", "Occupied"),
        ("SuspendedEV", "Occupied", "Occupied"),
        ("SuspendedEVSE", "Occupied", "Occupied"),
        ("Finishing", "Occupied", "Occupied"),
        ("Reserved", "Occupied", "Reserved"),
        ("Unavailable", "Unavailable", "Unavailable"),
        ("Faulted", "Faulted", "Faulted"),
    ],
)
def test_a_connector_in_use_is_occupied(word: str, word_12: str, word_15: str) -> None:
    """The ways to be in use that 1.6 tells apart are all Occupied before it."""
    for version, older in (("1.2", word_12), ("1.5", word_15)):
        said = down(
            version, "StatusNotification", "request", {"connectorId": 1, "status": word, "errorCode": "NoError"}
        )
        assert f"<status>{older}</status>" in said


@pytest.mark.parametrize(
    ("code", "code_12", "code_15"),
    [
        ("EVCommunicationError", "Mode3Error", "Mode3Error"),
        ("InternalError", "NoError", "OtherError"),
        ("LocalListConflict", "NoError", "OtherError"),
        ("OverVoltage", "NoError", "OtherError"),
        ("GroundFailure", "NoError", "GroundFailure"),
        ("HighTemperature", "HighTemperature", "HighTemperature"),
    ],
)
def test_error_codes_of_1_6_are_other_errors(code: str, code_12: str, code_15: str) -> None:
    """An error code that 1.5 has not is its OtherError; 1.2 has not even that. One had another name."""
    for version, older in (("1.2", code_12), ("1.5", code_15)):
        said = down(
            version, "StatusNotification", "request", {"connectorId": 1, "status": "Faulted", "errorCode": code}
        )
        assert f"<errorCode>{older}</errorCode>" in said


def test_a_boot_that_is_pending_is_rejected_in_older_words() -> None:
    """A station of 1.5 hears Rejected for Pending and the interval under its old name."""
    answer = {"status": "Pending", "currentTime": TIME, "interval": 60}
    assert down("1.5", "BootNotification", "response", answer) == (
        f"<status>Rejected</status><currentTime>{TIME}</currentTime><heartbeatInterval>60</heartbeatInterval>"
    )


def test_a_short_answer_to_a_boot_is_completed() -> None:
    """What 1.2 may leave out of its answer to a BootNotification is put in, the time only if it was handed in."""
    short = "<status>Accepted</status>"
    assert up("1.2", "BootNotification", "Response", short) == {"status": "Accepted", "interval": 300}
    assert up("1.2", "BootNotification", "Response", short, now=TIME, interval=60) == {
        "status": "Accepted",
        "currentTime": TIME,
        "interval": 60,
    }


@pytest.mark.parametrize("version", ["1.2", "1.5"])
def test_unlocking_has_other_words(version: str) -> None:
    """Accepted and Rejected of an UnlockConnector are Unlocked and UnlockFailed in 1.6."""
    for older, newer in (("Accepted", "Unlocked"), ("Rejected", "UnlockFailed")):
        assert up(version, "UnlockConnector", "Response", f"<status>{older}</status>") == {"status": newer}
        assert down(version, "UnlockConnector", "response", {"status": newer}) == f"<status>{older}</status>"
    assert down(version, "UnlockConnector", "response", {"status": "NotSupported"}) == "<status>Rejected</status>"
    assert down(version, "ChangeConfiguration", "response", {"status": "RebootRequired"}) == "<status>Accepted</status>"


def test_a_local_list_is_spelt_otherwise() -> None:
    """The list is spelt with an s in 1.5, in another place, and its hash is dropped; a HashError is a failure."""
    newer = {"listVersion": 3, "updateType": "Full", "localAuthorizationList": [{"idTag": "A"}]}
    content = (
        "<updateType>Full</updateType><listVersion>3</listVersion>"
        "<localAuthorisationList><idTag>A</idTag></localAuthorisationList>"
    )
    assert up("1.5", "SendLocalList", "Request", f"{content}<hash>ab</hash>") == newer
    assert down("1.5", "SendLocalList", "request", {**newer, "hash": "no"}) == content
    assert down("1.6", "SendLocalList", "request", newer) == (
        "<listVersion>3</listVersion><localAuthorizationList><idTag>A</idTag></localAuthorizationList>"
        "<updateType>Full</updateType>"
    )
    assert up("1.5", "SendLocalList", "Response", "<status>HashError</status><hash>x</hash>") == {"status": "Failed"}


def test_a_remote_start_has_its_order() -> None:
    """The order of a RemoteStartTransaction differs between versions; before 1.6 it has no charging profile."""
    start = {"connectorId": 1, "idTag": "A", "chargingProfile": {"chargingProfileId": 1}}
    older = "<idTag>A</idTag><connectorId>1</connectorId>"
    assert down("1.2", "RemoteStartTransaction", "request", start) == older
    assert down("1.5", "RemoteStartTransaction", "request", start) == older
    assert down("1.6", "RemoteStartTransaction", "request", start) == (
        "<connectorId>1</connectorId><idTag>A</idTag>"
        "<chargingProfile><chargingProfileId>1</chargingProfileId></chargingProfile>"
    )


def metered(*samples: Any, **more: Any) -> dict[str, Any]:
    """Make a MeterValues of one reading."""
    return {
        "connectorId": 1,
        "transactionId": 7,
        "meterValue": [{"timestamp": TIME, "sampledValue": list(samples)}],
        **more,
    }


@pytest.mark.parametrize(
    ("sample", "written"),
    [
        ({"value": "1"}, "<value>1</value>"),
        ({"value": 7.5}, "<value>7.5</value>"),
        (
            {"value": "8", "measurand": "Current.Import", "unit": "A"},
            '<value measurand="Current.Import" unit="Amp">8</value>',
        ),
        ({"value": "230", "measurand": "Voltage", "unit": "V"}, '<value measurand="Voltage" unit="Volt">230</value>'),
        ({"value": "8", "measurand": "Current.Import", "phase": "L1"}, ""),
        ({"value": "8", "measurand": "Power.Active.Import", "unit": "kW", "phase": "L2"}, ""),
        ({"value": "230", "measurand": "Voltage", "unit": "V", "phase": "L1-N"}, ""),
        ({"value": "400", "measurand": "Voltage", "unit": "V", "phase": "L1-L2"}, ""),
        ({"value": "1", "measurand": "Current.Import", "phase": "N"}, ""),
        ({"value": "8", "phase": None, "measurand": None, "unit": None}, "<value>8</value>"),
        ({"value": "9f", "format": "SignedData"}, '<value format="SignedData">9f</value>'),
        (
            {"value": "2", "measurand": "Temperature", "unit": "Celcius"},
            '<value measurand="Temperature" unit="Celsius">2</value>',
        ),
        ({"value": "1", "context": "Trigger"}, "<value>1</value>"),
        ({"value": "1", "context": "Other", "location": "Inlet"}, '<value location="Inlet">1</value>'),
        ({"value": "1", "location": "EV"}, ""),
        ({"value": "1", "location": "Cable"}, ""),
        ({"value": "1", "location": ["EV"]}, ""),
        ({"value": "1", "measurand": "Power.Active.Import", "unit": "VA"}, ""),
        ({"value": "1", "context": "Sample.Clock", "location": None}, '<value context="Sample.Clock">1</value>'),
        ({"value": "1", "phase": "L1", "measurand": "Energy.Active.Import.Register"}, ""),
        ({"value": "1", "phase": "L1"}, ""),
        ({"value": "1", "measurand": "SoC", "unit": "Percent"}, ""),
        ({"value": "1", "measurand": "Temperature", "unit": "K"}, ""),
        ({"value": "1", "measurand": 5}, ""),
        ({"value": "1", "unit": 5}, ""),
    ],
)
def test_samples_in_the_words_of_1_5(sample: dict[str, Any], written: str) -> None:
    """A sample keeps what 1.5 can say of it; one that it would have to say wrongly is left out."""
    reading = f"<values><timestamp>{TIME}</timestamp>{written}</values>" if written else ""
    head = "<connectorId>1</connectorId><transactionId>7</transactionId>"
    assert down("1.5", "MeterValues", "request", metered(sample)) == head + reading


@pytest.mark.parametrize(
    ("sample", "number"),
    [
        ({"value": "12900"}, 12900),
        ({"value": "12.9", "unit": "kWh"}, 12900),
        ({"value": 7, "unit": "Wh", "measurand": "Energy.Active.Import.Register", "format": "Raw"}, 7),
        ({"value": "8", "measurand": "Current.Import"}, None),
        ({"value": "8", "format": "SignedData"}, None),
        ({"value": "8", "location": "Outlet", "format": None}, 8),
        ({"value": "8", "location": "Inlet"}, None),
        ({"value": "8", "location": "EV"}, None),
        ({"value": "8", "phase": "L1"}, None),
        ({"value": "8", "unit": "varh"}, None),
        ({"value": "8", "unit": ["Wh"]}, None),
        ({"value": "eight"}, None),
        ({"value": "inf"}, None),
        ({"value": None}, None),
        ({}, None),
    ],
)
def test_samples_in_the_words_of_1_2(sample: dict[str, Any], number: int | None) -> None:
    """1.2 knows one whole number of watt-hours a reading; readings without one are left out."""
    reading = "" if number is None else f"<values><timestamp>{TIME}</timestamp><value>{number}</value></values>"
    said = down("1.2", "MeterValues", "request", metered({"value": "1", "measurand": "SoC"}, sample))
    assert said == f"<connectorId>1</connectorId>{reading}"


@pytest.mark.parametrize(("version", "number"), [("1.2", 4), ("1.5", 2), ("1.6", 0)])
def test_what_is_left_out_is_counted(version: Any, number: int) -> None:
    """Each sample that is not said in an older version is counted: in 1.2 all but one number."""
    lost: list[None] = []
    samples = [{"value": "1"}, {"value": "2", "phase": "L1"}, {"value": "3", "measurand": "SoC"}]
    more = [{"value": "230", "measurand": "Voltage"}, {"value": "9"}]
    encode(version, "Cs", "MeterValues", "request", metered(*samples, *more), lambda: lost.append(None))
    assert len(lost) == number


def test_the_data_of_a_transaction() -> None:
    """Transaction data of 1.5 becomes one list of readings and goes back as one; 1.2 has none, and no reason."""
    reading = f'<values><timestamp>{TIME}</timestamp><value unit="Wh">5</value></values>'
    head = f"<transactionId>1</transactionId><timestamp>{TIME}</timestamp><meterStop>9</meterStop>"
    content = f"{head}<transactionData>{reading}{reading}</transactionData><transactionData>{reading}</transactionData>"
    payload = up("1.5", "StopTransaction", "Request", content)
    value = {"timestamp": TIME, "sampledValue": [{"value": "5", "unit": "Wh"}]}
    assert payload["transactionData"] == [value] * 3
    payload["reason"] = "Local"
    assert (
        down("1.5", "StopTransaction", "request", payload) == f"{head}<transactionData>{reading * 3}</transactionData>"
    )
    assert down("1.2", "StopTransaction", "request", payload) == head
    assert up("1.5", "StopTransaction", "Request", f"{head}<transactionData/>") == up(
        "1.5", "StopTransaction", "Request", head
    )


def test_a_word_that_a_version_has_not() -> None:
    """A word that an older version has no counterpart for is named; 1.6 passes unknown words on."""
    said = encode("1.5", "Cs", "FirmwareStatusNotification", "request", {"status": "Downloading"})
    assert said == NoCounterpart("1.5", "FirmwareStatusNotification with status Downloading")
    odd = metered({"value": "1", "measurand": "Request.Energy", "unit": "Hertz"})
    said = down("1.6", "MeterValues", "request", odd)
    assert "<measurand>Request.Energy</measurand>" in said
    assert "Hertz" not in said


@pytest.mark.parametrize(
    ("version", "operation", "kind", "payload", "path"),
    [
        ("1.6", "Authorize", "request", {"idTag": {"a": 1}}, "/idTag"),
        ("1.6", "Authorize", "response", {"idTagInfo": "Accepted"}, "/idTagInfo"),
        ("1.6", "MeterValues", "request", {"connectorId": 1, "meterValue": "x"}, "/meterValue"),
        ("1.6", "MeterValues", "request", {"connectorId": 1, "meterValue": [7]}, "/meterValue"),
        ("1.5", "MeterValues", "request", {"connectorId": 1, "meterValue": [7]}, "/meterValue"),
        ("1.5", "MeterValues", "request", {"connectorId": 1, "meterValue": {}}, "/meterValue"),
        ("1.2", "MeterValues", "request", metered("x"), "/meterValue/sampledValue"),
        ("1.5", "MeterValues", "request", metered({"value": None}), "/meterValue/sampledValue/value"),
    ],
)
def test_a_payload_that_is_not_of_its_shape(
    version: Any, operation: str, kind: Any, payload: dict[str, Any], path: str
) -> None:
    """A payload whose shape is not the schema's is a violation with its place, and never an exception."""
    service: Any = "Cs"
    said = encode(version, service, operation, kind, payload)
    assert isinstance(said, schemas.Violation)
    assert (said.code, said.path) == ("TypeConstraintViolation", path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        (" 007\n", 7),
        ("+5", 5),
        ("-5", -5),
        ("12345.0", 12345),
        ("12345.7", 12345.7),
        ("five", "five"),
        ("1_000", "1_000"),
        ("٥", "٥"),
        ("9" * 30, "9" * 30),
    ],
)
def test_numbers_as_stations_write_them(text: str, value: object) -> None:
    """A number is read in every form that stations write; what is none is left to whoever answers."""
    content = f"<transactionId>{text}</transactionId>"
    assert up("1.6", "RemoteStopTransaction", "Request", content) == {"transactionId": value}


def test_truths_and_decimals() -> None:
    """Booleans and decimals get their types and are written as XML has them."""
    keys = "".join(
        f"<configurationKey><key>a</key><readonly>{word}</readonly></configurationKey>"
        for word in ("true", "False", "1", "0", "maybe")
    )
    payload = up("1.6", "GetConfiguration", "Response", keys)
    assert [key["readonly"] for key in payload["configurationKey"]] == [True, False, True, False, "maybe"]
    payload = {"status": "Accepted", "chargingSchedule": {"chargingRateUnit": "A", "minChargingRate": 0.00001}}
    said = down("1.6", "GetCompositeSchedule", "response", payload)
    assert "<minChargingRate>0.00001</minChargingRate>" in said
    keys = down("1.6", "GetConfiguration", "response", {"configurationKey": [{"key": "a", "readonly": False}]})
    assert "<readonly>false</readonly>" in keys


INTEGERS = [
    pytest.param(version, name, key, id=f"{version}-{name}-{key}")
    for version, types in SHAPES.items()
    for name, shape in types.items()
    for key in [field.key for field in shape.fields if field.sort == "int"]
]
"""Every element of every version that is an integer."""


@pytest.mark.parametrize(("version", "name", "key"), INTEGERS)
def test_integers_are_written_as_integers(version: str, name: str, key: str) -> None:
    """Whatever way JSON writes an integer, XML gets an integer; what is none is named, and nothing is written."""
    shape = SHAPES[version][name]
    (field,) = (field for field in shape.fields if field.key == key)
    for said, text in (
        ("300", "300"), ("300.0", "300"), ("3e2", "300"), ("3E2", "300"), ("-0", "0"), ("-0.0", "0"), ("-7.0", "-7"),
        ("4294967296", "4294967296"), ("1" * 30, "1" * 30), ('"300"', "300"), ('" 300.0 "', "300"), ('""', None),
    ):  # fmt: skip
        written = "" if text is None else f"<{field.name}>{text}</{field.name}>"
        assert write({key: json.loads(said)}, shape, True) == written, said
    for said in (
        "300.5",
        "1e16",
        "1e300",
        "true",
        "false",
        '"300.5"',
        '"five"',
        '"3e2"',
        "NaN",
        "Infinity",
        "{}",
        "[]",
    ):
        with pytest.raises(Unfit, match="not an integer") as unfit:
            write({key: json.loads(said)}, shape, True)
        assert unfit.value.path == f"/{key}", said


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("16", "16"), ("16.0", "16.0"), ("1e-5", "0.00001"), ("1e20", "1" + "0" * 20), ('"16.5"', "16.5"),
        ("0.1", "0.1"),
        ("true", None), ('"much"', None), ("Infinity", None), ("NaN", None), ("{}", None),
    ],
)  # fmt: skip
def test_decimals_are_written_as_decimals(said: str, text: str | None) -> None:
    """A limit is a number without exponent, or named."""
    shape = SHAPES["1.6"]["ChargingSchedulePeriod"]
    if text is None:
        with pytest.raises(Unfit, match="not a decimal number"):
            write({"limit": json.loads(said)}, shape, False)
    else:
        assert write({"limit": json.loads(said)}, shape, False) == f"<limit>{text}</limit>"


def test_truths_and_times_are_what_they_are_called() -> None:
    """A truth is written as one however it is said; a number is no time and no word, and an empty time is none."""
    key = SHAPES["1.6"]["KeyValue"]
    for said, text in ((True, "true"), (0, "false"), ("1", "true"), (" False ", "false")):
        assert write({"readonly": said}, key, False) == f"<readonly>{text}</readonly>"
    info = SHAPES["1.6"]["IdTagInfo"]
    assert (
        write({"expiryDate": TIME, "status": "Odd"}, info, False)
        == f"<status>Odd</status><expiryDate>{TIME}</expiryDate>"
    )
    assert write({"expiryDate": "", "status": " ", "parentIdTag": ""}, info, True) == "<parentIdTag></parentIdTag>"
    for shape, payload, what in (
        (key, {"readonly": "maybe"}, "true or false"),
        (key, {"readonly": 2}, "true or false"),
        (info, {"expiryDate": 1763776800}, "a time"),
        (info, {"status": True}, "a word"),
        (info, {"parentIdTag": {}}, "a text or number"),
    ):
        with pytest.raises(Unfit, match=f"not {what}"):
            write(payload, shape, False)


def test_a_payload_that_cannot_be_read_is_no_empty_one() -> None:
    """A number beyond all numbers is named; the answer does not go on without its fields."""
    said = encode_json("1.6", "Cs", "BootNotification", "response", b'{"interval":1e400}')
    assert isinstance(said, schemas.Violation)
    assert said.code == "FormationViolation"
    assert encode_json("1.6", "Cs", "Heartbeat", "request", b"null") == encode("1.6", "Cs", "Heartbeat", "request", {})


def test_what_says_nothing_is_absent() -> None:
    """Nil, and a number, date or word that is empty, are as if they were not there; an empty text is a text."""
    nil = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'
    content = (
        f"<connectorId>1</connectorId><status>Available</status><errorCode/><info/><timestamp> </timestamp>"
        f"<vendorId {nil}/><vendorErrorCode>x</vendorErrorCode>"
    )
    assert up("1.6", "StatusNotification", "Request", content) == {
        "connectorId": 1,
        "status": "Available",
        "info": "",
        "vendorErrorCode": "x",
    }
    assert up("1.6", "StopTransaction", "Response", f"<idTagInfo {nil}/>") == {}
    assert up("1.6", "StopTransaction", "Response", "<idTagInfo/>") == {"idTagInfo": {}}
    assert down("1.6", "StopTransaction", "response", {"idTagInfo": None}) == ""
    value = '<values><timestamp>t</timestamp><value unit="">5</value></values>'
    assert up("1.5", "MeterValues", "Request", value) == {
        "meterValue": [{"timestamp": "t", "sampledValue": [{"value": "5"}]}]
    }
    assert up("1.5", "MeterValues", "Request", "<values/>") == {"meterValue": [{"sampledValue": []}]}
    assert up("1.2", "MeterValues", "Request", "<values/>") == {"meterValue": [{"sampledValue": []}]}
    assert up("1.6", "MeterValues", "Request", "") == {"meterValue": []}


def test_order_namespace_and_strangers() -> None:
    """Elements are taken in any order and in no namespace or another; those that nobody knows are left out."""
    content = (
        '<meterStart>5</meterStart><idTag xmlns="">A</idTag><x:connectorId xmlns:x="u">1</x:connectorId><odd>1</odd>'
    )
    assert up("1.6", "StartTransaction", "Request", content) == {"meterStart": 5, "idTag": "A", "connectorId": 1}


@pytest.mark.parametrize(
    ("content", "code", "path"),
    [
        ("<idTag>A</idTag><idTag>B</idTag>", "OccurenceConstraintViolation", "/idTag"),
        ('<idTag>A</idTag><idTag xmlns="u">B</idTag>', "OccurenceConstraintViolation", "/idTag"),
        ("<idTag>A<b/>B</idTag>", "FormationViolation", "/idTag"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(content: str, code: str, path: str) -> None:
    """A token that stands twice, or in pieces, is refused: a backend that gets the bytes might read another."""
    said = up("1.6", "Authorize", "Request", content)
    assert isinstance(said, schemas.Violation)
    assert (said.code, said.path) == (code, path)


def test_a_value_in_pieces_is_refused_in_1_5() -> None:
    """A meter value that holds elements is refused."""
    said = up("1.5", "MeterValues", "Request", "<values><value>1<b/></value></values>")
    assert isinstance(said, schemas.Violation)
    assert said.path == "/meterValue/sampledValue/value"


@given(st.text())
def test_any_text_can_be_written(text: str) -> None:
    """Any text of a payload is written as well-formed XML and read again, but for what XML cannot hold."""
    text = "".join(character for character in text if not "\ud800" <= character <= "\udfff")
    heard = up("1.6", "DataTransfer", "Request", down("1.6", "DataTransfer", "request", {"data": text}))
    held = "".join(c if c in "\t\n\r" or (c >= " " and c not in "\ufffe\uffff") else "\ufffd" for c in text)
    assert heard == {"data": held}


def test_attributes_are_quoted() -> None:
    """A word of a sample that a station made up cannot leave its attribute."""
    content = "<values><value measurand='a\"b&lt;&#9;c'>1</value></values>"
    payload = up("1.5", "MeterValues", "Request", content)
    assert payload["meterValue"][0]["sampledValue"][0]["measurand"] == 'a"b<\tc'


KEYS = st.sampled_from(["value", "unit", "measurand", "phase", "context", "timestamp"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from(["1", "Wh", "A", "Raw"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["value", "unit", "measurand", "phase", "context", "timestamp"]), inner, max_size=4
        )
    ),
    max_leaves=6,
)
SAMPLED = st.lists(st.dictionaries(st.just("sampledValue"), JSON | st.lists(JSON, max_size=2)), max_size=2)


@given(
    st.sampled_from(BODIES),
    st.dictionaries(
        st.sampled_from(["meterValue", "transactionData", "idTag", "idTagInfo", "status", "configurationKey"]),
        JSON | SAMPLED,
    ),
)
def test_no_payload_raises(names: Any, payload: dict[str, Any]) -> None:
    """Whatever a far end puts into a payload, encoding gives a body that can be read, or a value that says why not."""
    said = encode(*names, payload)
    if isinstance(said, str):
        assert isinstance(parse(enveloped(said)), Envelope)
    else:
        assert isinstance(said, NoCounterpart | schemas.Violation)
