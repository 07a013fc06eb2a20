"""The schemas of OCPP and the error codes for what violates them."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from voltgate.ocpp import actions, schemas
from voltgate.ocpp.schemas import Violation, check, knows

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
SAMPLE = {"timestamp": "2026-11-21T10:00:00Z", "sampledValue": [{"value": "1"}]}


def metered(**sample: object) -> dict[str, object]:
    return {"connectorId": 1, "meterValue": [{**SAMPLE, "sampledValue": [{"value": "1", **sample}]}]}


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
def test_every_action_has_its_schemas(version: str) -> None:
    """Every action of a version can be checked, and every answer but that of a SEND."""
    for action in actions.from_stations(version) | actions.from_backends(version):
        assert knows(version, action)
        answer = check(version, action, "response", {})
        unanswered = answer is not None and answer.code == "NotImplemented"
        assert unanswered == (action == "NotifyPeriodicEventStream")


def test_a_payload_in_order_passes() -> None:
    """What follows its schema is not complained about, and null counts as an empty payload."""
    assert check("ocpp1.6", "StatusNotification", "request", STATUS) is None
    assert check("1.6", "Heartbeat", "request", None) is None
    assert check("ocpp2.1", "Heartbeat", "response", {"currentTime": "2026-11-21T10:00:00Z"}) is None


def test_the_schema_of_an_action_is_shown() -> None:
    """As the files of OCPP have it, by either spelling of the version; there is none of what there is not."""
    schema = schemas.schema_of("ocpp1.6", "Reset")
    assert schema == schemas.schema_of("1.6", "Reset")
    assert schema is not None
    assert schema["properties"]["type"]["enum"] == ["Hard", "Soft"]
    assert schemas.schema_of("2.0.1", "Nope") is None


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"])
@pytest.mark.parametrize(
    "action", ["heartbeat", "HeartbeatRequest", "HeartbeatResponse", "Nope", "", "../v16/schemas/Heartbeat"]
)
def test_an_unknown_action_is_not_implemented(version: str, action: str) -> None:
    """An action is known by its exact name, and by nothing that leads to a file of that name."""
    violation = check(version, action, "request", {})
    assert violation is not None
    assert violation.code == "NotImplemented"


@pytest.mark.parametrize(
    ("payload", "code_16", "code_2", "path"),
    [
        ({}, "OccurenceConstraintViolation", "OccurrenceConstraintViolation", ""),
        ({"data": 1, "vendorId": 7}, "TypeConstraintViolation", "TypeConstraintViolation", "/vendorId"),
        ({"vendorId": "x" * 256}, "PropertyConstraintViolation", "PropertyConstraintViolation", "/vendorId"),
        ({"vendorId": "x", "foo": 1}, "OccurenceConstraintViolation", "OccurrenceConstraintViolation", ""),
        ([], "FormationViolation", "FormatViolation", ""),
    ],
)
def test_each_version_spells_its_own_codes(payload: object, code_16: str, code_2: str, path: str) -> None:
    """A violation carries the error code of the broken rule, in the spelling of the version."""
    for version, code in (("ocpp1.6", code_16), ("ocpp2.0.1", code_2), ("ocpp2.1", code_2)):
        if isinstance(payload, dict) and version == "ocpp1.6":
            payload = {k: str(v) if k == "data" else v for k, v in payload.items()}
        violation = check(version, "DataTransfer", "request", payload)  # type: ignore[arg-type]
        assert isinstance(violation, Violation)
        assert (violation.code, violation.path) == (code, path)


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("status", "Sleeping", "PropertyConstraintViolation"),
        ("timestamp", "yesterday", "TypeConstraintViolation"),
        ("connectorId", "1", "TypeConstraintViolation"),
    ],
)
def test_values_are_checked(field: str, value: object, code: str) -> None:
    """A value that the version does not allow is found, and the sentence about it repeats nothing of the payload."""
    violation = check("ocpp1.6", "StatusNotification", "request", {**STATUS, field: value})
    assert violation is not None
    assert (violation.code, violation.path) == (code, f"/{field}")
    assert str(value) not in violation.description.removeprefix(f"/{field}")
    assert len(violation.description) <= 255


def test_a_long_sentence_is_cut() -> None:
    """An error description has at most 255 characters, however long the name of an unknown field is."""
    violation = check("ocpp1.6", "Heartbeat", "request", {"field" * 200: 1})
    assert violation is not None
    assert len(violation.description) == 255


@pytest.mark.parametrize(
    "timestamp",
    [
        "2026-11-21T10:00:00Z",
        "2026-11-21T10:00:00.123456Z",
        "2026-11-21T10:00:00+02",
        "2026-11-21T10:00:00+02:00",
        "2026-11-21T10:00:00",
        "1970-01-01T00:00:00Z",
    ],
)
def test_timestamps_come_in_many_forms(timestamp: str) -> None:
    """Timestamps pass in every form that stations are known to send (DT-01, DT-02)."""
    assert check("ocpp1.6", "StatusNotification", "request", {**STATUS, "timestamp": timestamp}) is None


@pytest.mark.parametrize(
    "payload",
    [
        metered(unit="Celsius"),
        metered(unit="Celcius"),
        metered(unit="Hz", measurand="Request.Energy"),
        metered(value=7.5),
        {"connectorId": 1, "meterValue": [{**SAMPLE, "sampledValue": []}]},
    ],
)
def test_meter_values_are_taken_as_the_field_sends_them(payload: dict[str, object]) -> None:
    """Both spellings of Celsius, unknown units, numbers as values and empty samples pass in 1.6 (DT-03, DT-04)."""
    assert check("ocpp1.6", "MeterValues", "request", payload) is None


def test_a_stop_needs_no_reason() -> None:
    """StopTransaction without a reason is in order (DT-03)."""
    stop = {"transactionId": 1, "timestamp": "2026-11-21T10:00:00Z", "meterStop": 5}
    assert check("ocpp1.6", "StopTransaction", "request", stop) is None


def test_only_the_data_of_the_ocpp_package_is_used() -> None:
    """Checking payloads loads no code of the package that ships the schemas."""
    script = "import sys, voltgate.ocpp.schemas as s; s.check('1.6', 'Heartbeat', 'request', {}); " + (
        "sys.exit(','.join(m for m in sys.modules if m.startswith('ocpp.')) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_a_payload_costs_no_more_for_its_many_errors() -> None:
    """A message of a megabyte has tens of thousands: only the first one is told, and looked for."""
    payload = {"evseId": 1, "meterValue": [{"sampledValue": [number]} for number in range(40_000)]}
    begun = time.process_time()
    violation = check("ocpp2.0.1", "MeterValues", "request", payload)
    assert time.process_time() - begun < 0.3
    assert violation is not None
    assert (violation.code, violation.path) == ("OccurrenceConstraintViolation", "/meterValue/0")


def test_a_payload_that_is_nested_too_deeply() -> None:
    """What the validator itself gives up is a violation like any other, and no exception."""
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    for version, code in (("ocpp1.6", "FormationViolation"), ("ocpp2.0.1", "FormatViolation")):
        violation = check(version, "GetLog", "request", {"log": deep})
        assert violation is not None
        assert (violation.code, violation.description) == (code, "The payload is nested too deeply")


def test_no_file_is_opened_once_they_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message whose schema nobody has looked at yet is judged although there are no descriptors left."""
    schemas.load()
    schemas._validator.cache_clear()
    monkeypatch.setattr(schemas, "files", lambda _: (_ for _ in ()).throw(OSError(24, "Too many open files")))
    assert check("ocpp1.6", "ClearCache", "request", {}) is None
    assert check("ocpp2.1", "GetTariffs", "request", {}) is not None
