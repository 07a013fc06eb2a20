"""Where messages carry tokens, transactions, connectors and numbers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voltgate.ocpp.ids import (
    GONE,
    Token,
    compact,
    connector_of,
    integer,
    is_ambiguous,
    plain_fields,
    remote_start_of,
    request_of,
    reservation_of,
    token_of,
    transaction_of,
    with_fields,
)
from voltgate.ocpp.messages import Call

V1, V2 = "ocpp1.6", "ocpp2.0.1"


def call(action: str, fields: Any) -> Call:
    """Make a call."""
    return Call("1", action, json.dumps(fields).encode())


@pytest.mark.parametrize("value", [0, -1, 2**31, 2**63 - 1])
def test_a_whole_number(value: int) -> None:
    """A whole number is itself, up to what anybody counts to."""
    assert integer(value) == value


@pytest.mark.parametrize("value", [7.0, "7", "007", "+7", " 7 "])
def test_a_whole_number_that_is_written_otherwise(value: Any) -> None:
    """What a lenient reader takes for a number is that number."""
    assert integer(value) == 7


@pytest.mark.parametrize(
    "value", [True, False, None, 1.5, float("inf"), float("nan"), "", "x", "1.5", "1e1", "1_0", "٧", "1" * 21, [1], {}]
)
def test_what_is_no_whole_number(value: Any) -> None:
    """A boolean is no number, though Python takes it for one; nor are fractions, words, foreign digits."""
    assert integer(value) is None


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2**70, 1e30, "9" * 20])
def test_a_number_that_is_too_large(value: Any) -> None:
    """What does not fit into 64 bits is no number to anybody."""
    assert integer(value) is None


@pytest.mark.parametrize(
    ("version", "fields", "token"),
    [
        (V1, {"idTag": "04E1"}, Token("04E1")),
        (V1, {"idTag": ""}, None),
        (V1, {"idTag": 5}, None),
        (V1, {}, None),
        (V2, {"idToken": {"idToken": "04E1", "type": "ISO14443"}}, Token("04E1", "ISO14443")),
        (V2, {"idToken": {"idToken": "", "type": "NoAuthorization"}}, None),
        (V2, {"idToken": {"idToken": "x", "type": "NoAuthorization"}}, None),
        (V2, {"idToken": {"idToken": "x", "type": 5}}, Token("x", "")),
        (V2, {"idToken": "x"}, None),
        (V2, {"prioritizedEMAIDs": ["DE8AA1", "x"]}, Token("DE8AA1", "eMAID")),
        (V2, {"prioritizedEMAIDs": []}, None),
        (V2, {"idTag": "04E1"}, None),
        (V1, {"idTag": "x" * 256}, None),
    ],
)
def test_tokens(version: str, fields: dict[str, Any], token: Token | None) -> None:
    """A token is read where the version has it; what is none is none."""
    assert token_of(version, call("Authorize", fields)) == token


@pytest.mark.parametrize(
    ("version", "fields", "connector"),
    [
        (V1, {"connectorId": 2}, 2),
        (V1, {"connectorId": True}, None),
        (V2, {"evseId": 3}, 3),
        (V2, {"evse": {"id": 4}}, 4),
        (V2, {"chargingProfileCriteria": {"evseId": 5}}, 5),
        (V2, {"connectorId": 2}, None),
    ],
)
def test_connectors(version: str, fields: dict[str, Any], connector: int | None) -> None:
    """1.6 names connectors, 2.x EVSEs."""
    assert connector_of(version, call("X", fields)) == connector


def test_transactions_and_numbers() -> None:
    """Each number is read from its own place."""
    assert transaction_of(V1, call("X", {"transactionId": 5})) == 5
    assert transaction_of(V2, call("X", {"transactionId": "T"})) == "T"
    assert transaction_of(V2, call("X", {"transactionInfo": {"transactionId": "T"}})) == "T"
    assert transaction_of(V2, call("X", {"transactionId": 5})) == "5"
    assert transaction_of(V2, call("X", {"transactionId": "T" * 255})) == "T" * 255
    assert transaction_of(V2, call("X", {"transactionId": "T" * 256})) is None
    for odd in ("", True, 1.5, 2**70, ["T"]):
        assert transaction_of(V2, call("X", {"transactionId": odd})) is None
    assert remote_start_of(V2, call("X", {"remoteStartId": 5})) == 5
    assert remote_start_of(V2, call("X", {"transactionInfo": {"remoteStartId": 6}})) == 6
    assert remote_start_of(V1, call("X", {"remoteStartId": 5})) is None
    assert reservation_of(call("X", {"reservationId": 5})) == 5
    assert reservation_of(call("ReserveNow", {"id": 6})) == 6
    assert reservation_of(call("X", {"id": 6})) is None
    assert request_of(call("X", {"requestId": 7})) == 7


def test_signed_messages_are_read_inside() -> None:
    """Of a signed message that counts which was signed; what cannot be read says nothing."""
    inside = base64.urlsafe_b64encode(b'{"idToken":{"idToken":"04E1","type":"eMAID"}}').decode().rstrip("=")
    assert token_of(V2, call("Authorize-Signed", {"payload": inside})) == Token("04E1", "eMAID")
    for payload in (5, "not base64 §", base64.urlsafe_b64encode(b"[1]").decode(), "AAAA", "A"):
        assert plain_fields(call("Authorize-Signed", {"payload": payload})) == {}


@pytest.mark.parametrize(
    ("payload", "ambiguous"),
    [
        (b'{"a":1,"b":{"a":2}}', False),
        (b'{"a":1,"a":2}', True),
        (b'{"x":[{"a":1,"\\u0061":2}]}', True),
        (b"[" * 100_000, True),
    ],
)
def test_a_name_that_stands_twice(payload: bytes, ambiguous: bool) -> None:
    """An object with one name twice means two things to two readers, wherever it stands and however it is spelt."""
    assert is_ambiguous(Call("1", "X", payload)) is ambiguous
    inside = base64.urlsafe_b64encode(payload).decode()
    assert is_ambiguous(call("X-Signed", {"payload": inside})) is ambiguous


NAMES = st.sampled_from(
    "idTag idToken type connectorId evse id evseId transactionId transactionInfo remoteStartId reservationId "
    "requestId prioritizedEMAIDs payload chargingProfileCriteria x".split()
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@given(fields=JSON, version=st.sampled_from([V1, V2]), signed=st.booleans())
def test_nothing_from_the_wire_is_a_fault(fields: Any, version: str, signed: bool) -> None:
    """Whatever a payload holds, reading it gives a value or nothing."""
    made = call("ReserveNow" + ("-Signed" if signed else ""), fields)
    for read in (token_of, connector_of, transaction_of, remote_start_of):
        read(version, made)
    for read_any in (reservation_of, request_of):
        read_any(made)


def test_what_is_changed_changes_nothing_else() -> None:
    """Every other value keeps its bytes and its place."""
    payload = b'{"a": 1.50, "transactionId" : 5,"n":{"x":1e3 ,"y":2},"z":"\\u00e9"}'
    changed = with_fields(payload, {("transactionId",): 7, ("n", "y"): GONE, ("n", "new"): 3, ("b", "c"): 1})
    assert changed == b'{"a":1.50,"transactionId":7,"n":{"x":1e3,"new":3},"z":"\\u00e9","b":{"c":1}}'
    assert with_fields(payload, {("z",): GONE, ("none",): GONE}).endswith(b'"y":2}}')
    for other in (b"[1]", b"5", b"{"):
        assert with_fields(other, {("a",): 1}) == other
    assert with_fields(b'{"a":5}', {("a", "b"): 1}) == b'{"a":5}'
    assert repr(GONE) == "GONE"
    assert compact({"a": [1, 2]}) == b'{"a":[1,2]}'


def schema_objects(schema: Any = None) -> Iterator[list[str]]:
    """Yield the names of the fields of every object that the schemas know."""
    if schema is None:
        for folder in ("v16", "v201", "v21"):
            for file in files("ocpp").joinpath(folder, "schemas").iterdir():
                yield from schema_objects(json.loads(file.read_text("utf-8-sig")))
    elif isinstance(schema, list):
        for each in schema:
            yield from schema_objects(each if each is not None else [])
    elif isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield list(schema["properties"])
        for each in schema.values():
            yield from schema_objects(each if each is not None else [])


def test_no_name_of_ocpp_is_ambiguous() -> None:
    """No field of any schema is taken for another one that is spelt badly, and no two of one object for each other."""
    objects = list(schema_objects())
    assert len(objects) > 500
    for names in objects:
        call = Call("1", "Reset", json.dumps(dict.fromkeys(names, 1)).encode())
        assert not is_ambiguous(call), names
