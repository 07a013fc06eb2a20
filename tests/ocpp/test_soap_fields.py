"""The field table and the catalogue of operations, beside the field lists of the WSDLs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.ocpp.soap_bodies import ATTRIBUTES, LISTS, SAMPLES, SERVICES
from voltgate.ocpp.soap import tables
from voltgate.ocpp.soap.fields import SHAPES, Field
from voltgate.ocpp.soap.names import SERVICES as BOTH
from voltgate.ocpp.soap.names import VERSIONS, namespace
from voltgate.ocpp.soap.operations import has, means, operations, wsa_action

ROOT = Path(__file__).parents[2]


def as_listed(field: Field) -> dict[str, Any]:
    """Say of a field what the lists say of it, but its type."""
    return {"name": field.name, "min": int(field.required), "max": "unbounded" if field.many else "1"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("service", BOTH)
def test_the_table_is_the_wsdls(version: Any, service: Any) -> None:
    """Every type has the elements of its WSDL, in order, with cardinality and words; and the namespace is its own."""
    lists = LISTS[version][SERVICES[service]]
    assert namespace(version, service) == lists["namespace"]
    for name, listed in lists["types"].items():
        shape = SHAPES[version][name]
        elements = [one for one in listed if "name" in one]
        assert [as_listed(field) for field in shape.fields] == [
            {key: one[key] for key in ("name", "min", "max")} for one in elements
        ]
        for field, one in zip(shape.fields, elements, strict=True):
            words = lists["enums"].get(one["type"])
            assert (field.sort == "words") == isinstance(words, list)
            assert field.words == frozenset(words if isinstance(words, list) else ())
            assert (field.shape is SHAPES[version].get(one["type"])) or one["type"] == "inline"


def test_a_value_of_1_5_has_attributes() -> None:
    """The text of a meter value of 1.5 has the five attributes."""
    value = SHAPES["1.5"]["MeterValue"].by_name["value"].shape
    assert value is not None
    assert value.text is not None
    assert value.text.key == "value"
    assert [attribute.name for attribute in value.attributes] == list(ATTRIBUTES)
    assert not any(attribute.required for attribute in value.attributes)


def test_the_table_was_written_by_its_script() -> None:
    """The table is what its script makes of the field lists today."""
    script = [sys.executable, str(ROOT / "scripts/soap-tables"), str(SAMPLES / "fields.json")]
    written = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60).stdout
    assert Path(tables.__file__).read_text() == written


@pytest.mark.parametrize(
    ("version", "count", "up", "down"), [("1.2", 18, 9, 9), ("1.5", 24, 10, 15), ("1.6", 28, 10, 19)]
)
def test_the_operations(version: Any, count: int, up: int, down: int) -> None:
    """Each version has its operations, as its WSDLs do, DataTransfer in both directions since 1.5."""
    assert len(operations(version, "Cs") | operations(version, "Cp")) == count
    assert (len(operations(version, "Cs")), len(operations(version, "Cp"))) == (up, down)
    for service in BOTH:
        listed = LISTS[version][SERVICES[service]]["types"]
        requests = {name.removesuffix("Request") for name in listed if name.endswith("Request")}
        assert operations(version, service) == requests
        assert all(has(version, service, operation) for operation in requests)
    assert not has(version, "Cs", "SignCertificate")


def test_actions() -> None:
    """Actions are short, but those of the answers in 1.2, for which its WSDL has none."""
    assert wsa_action("1.2", "Cs", "Heartbeat", "request") == "/Heartbeat"
    assert wsa_action("1.6", "Cp", "Reset", "response") == "/ResetResponse"
    assert wsa_action("1.5", "Cs", "Heartbeat", "response") == "/HeartbeatResponse"
    assert wsa_action("1.2", "Cp", "Reset", "response") == "urn://Ocpp/Cp/2010/08/ChargePointService/ResetResponse"
    assert means('"urn://Ocpp/Cs/2010/08/CentralSystemService/HeartbeatResponse"', "Heartbeat")
    assert not means("/HeartbeatX", "Heartbeat")
    assert not means("/heartbeat", "Heartbeat")
