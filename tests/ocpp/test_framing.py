"""Framing: the JSON array on the wire, to a message and back."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voltgate.ocpp.framing import (
    DEEPEST,
    MOST_VALUES,
    Complaint,
    Malformed,
    Message,
    Noise,
    UnknownType,
    decode,
    encode_call,
    encode_error,
    encode_result,
    with_id,
)
from voltgate.ocpp.messages import CALL, RESULT_ERROR, SEND, Call, Error, Reason, Result, Unanswered, unheard

UUID = "6f1a0c2e-0001-4000-8000-000000000001"

# What a message is made of, for the properties.
text = st.text(st.characters(exclude_categories=["Cs"]))
ids = st.one_of(text, st.uuids().map(str))
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(scalars | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=10)
payloads = st.dictionaries(text, values, max_size=5)
styles = st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 2}, {"ensure_ascii": False}])


def call(message: Message) -> Call:
    assert isinstance(message, Call)
    return message


def result(message: Message) -> Result:
    assert isinstance(message, Result)
    return message


def error(message: Message) -> Error:
    assert isinstance(message, Error)
    return message


# Golden frames (FR-02 to FR-04).


def test_a_call() -> None:
    """A CALL is read with its id, action and payload, and keeps its bytes."""
    frame = b'[2,"19223201","BootNotification",{"chargePointVendor":"VendorX","chargePointModel":"SingleSocket"}]'
    read = call(decode(frame))
    assert (read.id, read.action, read.kind) == ("19223201", "BootNotification", CALL)
    assert bytes(read.payload) == frame[len('[2,"19223201","BootNotification",') : -1]
    assert read.fields == {"chargePointVendor": "VendorX", "chargePointModel": "SingleSocket"}
    assert read.text is frame


def test_a_result() -> None:
    """A CALLRESULT is read with its id and payload, and keeps its bytes."""
    frame = b'[3,"19223201",{"status":"Accepted","currentTime":"2013-02-01T20:53:32.486Z","heartbeatInterval":300}]'
    read = result(decode(frame))
    assert read.id == "19223201"
    assert read.fields["heartbeatInterval"] == 300
    assert read.text is frame


def test_an_error() -> None:
    """A CALLERROR is read with its code, description and details, and keeps its bytes."""
    frame = b'[4,"162376037","NotSupported","SetDisplayMessage is not implemented",{"a":1}]'
    read = error(decode(frame))
    assert (read.id, read.code, read.description) == (
        "162376037",
        "NotSupported",
        "SetDisplayMessage is not implemented",
    )
    assert bytes(read.details) == b'{"a":1}'
    assert read.text is frame


def test_a_complaint() -> None:
    """A CALLRESULTERROR is read with the id of the result it is about."""
    frame = b'[5,"162376037","PropertyConstraintViolation","No such tariff",{}]'
    assert decode(frame) == Complaint("162376037", frame)


def test_a_send() -> None:
    """A SEND is a call that says so."""
    frame = b'[6,"162376038","NotifyPeriodicEventStream",{"id":123,"pending":0,"data":[]}]'
    read = call(decode(frame))
    assert (read.id, read.action, read.kind) == ("162376038", "NotifyPeriodicEventStream", SEND)
    assert read.text is frame


def test_an_empty_payload_may_be_null() -> None:
    """Null counts as an empty payload and leaves as it came (FR-07)."""
    for frame in (b'[2,"1","Heartbeat",null]', b'[6,"1","NotifyPeriodicEventStream",null]'):
        read = call(decode(frame))
        assert (bytes(read.payload), read.fields, read.text) == (b"null", {}, frame)
    assert result(decode(b'[3,"1",null]')).fields == {}


@pytest.mark.parametrize(
    "frame",
    [
        b'[2,"7","BootNotification-Signed",{"protected":"x"},"BootNotification-Signed",{"payload":"y"}]',
        b'[2,"7",{"a":1},"BootNotification-Signed",{"payload":"y"},{}]',
        b'[2,"7","X","BootNotification-Signed",{"payload":"y"}]',
    ],
)
def test_a_signed_call_is_not_just_anything_with_more_elements(frame: bytes) -> None:
    """Only the five-element form that Part 4 prints is taken for a signed call."""
    assert decode(frame) == Malformed(2, "7", "FormatViolation", "A CALL is [2, id, action, payload]")


@pytest.mark.parametrize("extension", [b"", b'{"ocppsec":1},', b"null,"])
def test_a_signed_call_comes_in_two_shapes(extension: bytes) -> None:
    """A signed call with four or with five elements routes alike and keeps its bytes (FR-36)."""
    frame = b'[2,"7",%b"BootNotification-Signed",{"payload":"eyJ9","signature":"s"}]' % extension
    read = call(decode(frame))
    assert (read.action, bytes(read.payload)) == ("BootNotification-Signed", b'{"payload":"eyJ9","signature":"s"}')
    assert read.text is frame


# Tolerances (FR-26, FR-27, FR-29).


@pytest.mark.parametrize(
    ("frame", "code", "description", "details"),
    [
        (b'[4,"1","GenericError","x","y"]', "GenericError", "x", b'"y"'),
        (b'[4,"1","GenericError","x"]', "GenericError", "x", b"{}"),
        (b'[4,"1","GenericError"]', "GenericError", "", b"{}"),
        (b'[4,"1"]', "GenericError", "", b"{}"),
        (b'[4,"1","",null,{}]', "GenericError", "", b"{}"),
        (b'[4,"1",17,18,{}]', "GenericError", "", b"{}"),
        (b'[4,"1","Fancy","x",{},"more"]', "Fancy", "x", b"{}"),
    ],
)
def test_errors_are_read_tolerantly(frame: bytes, code: str, description: str, details: bytes) -> None:
    """A CALLERROR fails its call whatever its details are, and though elements are missing (FR-26)."""
    read = error(decode(frame))
    assert (read.id, read.code, read.description, bytes(read.details)) == ("1", code, description, details)


def test_an_error_with_too_few_elements_is_written_anew() -> None:
    """Only a CALLERROR of five elements leaves with its bytes: it always has five (FR-21)."""
    assert error(decode(b'[4,"1","GenericError","x"]')).text is None
    assert error(decode(b'[4,"1","GenericError","x","y"]')).text == b'[4,"1","GenericError","x","y"]'


@pytest.mark.parametrize(
    ("frame", "healed"),
    [
        (b'[3,17,{"a":21.40}]', b'[3,"17",{"a":21.40}]'),
        (b"[3,-5,{}]", b'[3,"-5",{}]'),
        (b'[4, 17 ,"GenericError","",{}]', b'[4, "17" ,"GenericError","",{}]'),
        (b'[5,17,"GenericError","",{}]', b'[5,"17","GenericError","",{}]'),
        (b'[6,17,"NotifyPeriodicEventStream",{}]', b'[6,"17","NotifyPeriodicEventStream",{}]'),
        (b"[3,%b,{}]" % (b"9" * 4000), b'[3,"%b",{}]' % (b"9" * 4000)),
        (b"[3,%b,{}]" % (b"9" * 9000), b'[3,"%b",{}]' % (b"9" * 9000)),
    ],
)
def test_a_numeric_id_becomes_the_string_it_stands_for(frame: bytes, healed: bytes) -> None:
    """An answer under a number instead of a string finds its call, and reaches the asker under the string (FR-26)."""
    read = decode(frame)
    assert isinstance(read, Result | Error | Complaint | Call)
    assert read.id == json.loads(healed)[1]
    assert read.text == healed


def test_the_id_of_a_call_is_a_string() -> None:
    """A CALL under a number is refused: nobody could tell what id the answer should bear."""
    assert decode(b'[2,1,"Heartbeat",{}]') == Malformed(2, None, "RpcFrameworkError", "The message id is not a string")


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("before", [b"", b" \r\n\t", b"\x00\x00", b"\x00 \n"])
@pytest.mark.parametrize("after", [b"", b"\n", b"\x00", b" \x00\x00\r\n"])
def test_padding_around_a_message(bom: bytes, before: bytes, after: bytes) -> None:
    """White space, a BOM and NUL bytes around a message are taken off, and nothing else (FR-27)."""
    frame = b'[2,"1","Heartbeat",{"a": 1}]'
    assert call(decode(before + bom + frame + after)).text == frame
    assert call(decode(bom + before + frame + after)).text == frame


def test_pretty_printed_messages() -> None:
    """White space inside a message is legal and stays (FR-27)."""
    for frame in (
        b'[\n  2,\n  "1",\n  "Heartbeat",\n  {}\n]',
        b'[2, "1", "Heartbeat", {}]',
        b'[ 2,"1","Heartbeat",{} ]',
    ):
        assert call(decode(frame)).text is frame


@pytest.mark.parametrize("frame", [b"", b" ", b"\x00", b"\xef\xbb\xbf", b"ping", b"pong", b"PONG", b" Ping\r\n"])
def test_noise(frame: bytes) -> None:
    """Empty frames, and "ping" and "pong" as text, mean nothing (FR-29)."""
    assert decode(frame) == Noise()


# What is no message.


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (b"{oops", Malformed(None, None, "RpcFrameworkError", "The frame is not a JSON array")),
        (b"null", Malformed(None, None, "RpcFrameworkError", "The frame is not a JSON array")),
        (b"17", Malformed(None, None, "RpcFrameworkError", "The frame is not a JSON array")),
        (b'{"a":[2]}', Malformed(None, None, "RpcFrameworkError", "The frame is not a JSON array")),
        (b"[]", Malformed(None, None, "RpcFrameworkError", "The message type is not a number")),
        (b'["2","1","X",{}]', Malformed(None, None, "RpcFrameworkError", "The message type is not a number")),
        (b'[true,"1","X",{}]', Malformed(None, None, "RpcFrameworkError", "The message type is not a number")),
        (b'[2.0,"1","X",{}]', Malformed(None, None, "RpcFrameworkError", "The message type is not a number")),
        (b'[1e999,"1",{}]', Malformed(None, None, "RpcFrameworkError", "The message type is not a number")),
        (b"[2]", Malformed(2, None, "RpcFrameworkError", "The message id is not a string")),
        (b'[2,null,"X",{}]', Malformed(2, None, "RpcFrameworkError", "The message id is not a string")),
        (b"[3,true,{}]", Malformed(3, None, "RpcFrameworkError", "The message id is not a string")),
        (b"[3,1.5,{}]", Malformed(3, None, "RpcFrameworkError", "The message id is not a string")),
        (b"[3,1e999,{}]", Malformed(3, None, "RpcFrameworkError", "The message id is not a string")),
        (b'[2,"7"]', Malformed(2, "7", "FormatViolation", "A CALL is [2, id, action, payload]")),
        (b'[2,"7","X"]', Malformed(2, "7", "FormatViolation", "A CALL is [2, id, action, payload]")),
        (b'[2,"7",17,{}]', Malformed(2, "7", "FormatViolation", "The action is not a string")),
        (b'[2,"7",1e999,{}]', Malformed(2, "7", "FormatViolation", "The action is not a string")),
        (b'[2,"7","X",[]]', Malformed(2, "7", "FormatViolation", "The payload is not an object")),
        (b'[2,"7","X","{}"]', Malformed(2, "7", "FormatViolation", "The payload is not an object")),
        (b'[3,"7"]', Malformed(3, "7", "FormatViolation", "A CALLRESULT is [3, id, payload]")),
        (b'[3,"7",[]]', Malformed(3, "7", "FormatViolation", "A CALLRESULT is [3, id, payload]")),
        (b'[3,"7",{},{}]', Malformed(3, "7", "FormatViolation", "A CALLRESULT is [3, id, payload]")),
        (b'[2,"7","X",{"a":1', Malformed(2, "7", "FormatViolation", "The frame is not valid JSON")),
        (b'[2,"7","X",{"a":NaN}]', Malformed(2, "7", "FormatViolation", "The frame is not valid JSON")),
        (b'[2,"7","X",{}]]', Malformed(2, "7", "FormatViolation", "The frame is not valid JSON")),
        (b'[2,"7","X",{}}]', Malformed(2, "7", "FormatViolation", "The frame is not valid JSON")),
        (b'[3,"7",{"status":"Acc', Malformed(3, "7", "FormatViolation", "The frame is not valid JSON")),
        (b'[3,"\\u0041b",{', Malformed(3, "Ab", "FormatViolation", "The frame is not valid JSON")),
        (b"[3,7,{", Malformed(3, "7", "FormatViolation", "The frame is not valid JSON")),
        (b'[2,"\\ud800","X",{}]', Malformed(2, None, "RpcFrameworkError", "The frame is not valid JSON")),
        (b'[9,"7",', Malformed(9, "7", "FormatViolation", "The frame is not valid JSON")),
        (b'[2,"7', Malformed(None, None, "RpcFrameworkError", "The frame is not a JSON array")),
    ],
)
def test_a_malformed_frame_tells_what_it_still_can(frame: bytes, complaint: Malformed) -> None:
    """Of a broken frame the type and the id are saved, so that its call can be answered or failed at once."""
    assert decode(frame) == complaint


@pytest.mark.parametrize(
    ("said", "read"),
    [
        (rb"\ud83d", "\ufffd"),
        (rb"cut\uD83D", "cut\ufffd"),
        (rb"\ude00\ud83d", "\ufffd\ufffd"),
        (rb"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (rb"\ud83d\u0041", "\ufffdA"),
        (rb"\\ud83d\\\ud83d\n", "\\ud83d\\\ufffd\n"),
        (rb"\u00e9\ud83d\u0000", "é\ufffd\0"),
    ],
)
def test_half_a_surrogate_pair(said: bytes, read: str) -> None:
    """It is JSON, and no text: U+FFFD is read in its place. What a transaction message has said goes on as it came."""
    frame = b'[2,"7","StopTransaction",{"transactionId":5,"idTag":"%b"}]' % said
    stop = call(decode(frame))
    assert (stop.id, stop.fields) == ("7", {"transactionId": 5, "idTag": read})
    assert stop.text == frame
    assert json.loads(bytes(stop.payload)) == stop.fields
    command = call(decode(b'[2,"7","ChangeConfiguration",{"key":"%b","value":""}]' % said))
    assert command.fields["key"] == read
    assert json.loads(command.text or b"")[3] == command.fields
    result = decode(b'[3,"7",{"status":"%b"}]' % said)
    assert isinstance(result, Result)
    assert result.fields == {"status": read}


@pytest.mark.timeout(20)
def test_many_halves_cost_nothing() -> None:
    """A frame of a million halves is read as fast as any, and one that never ends is refused as fast."""
    for text in (rb"\ud800", rb"\\", rb"\n", rb"\ud83d\ude00", rb"\u", b"\\"):
        decode(b'[2,"7","StopTransaction",{"a":"\\ud800%b"}]' % (text * 1_000_000))


@pytest.mark.parametrize(
    ("frame", "unknown"),
    [
        (b'[9,"1","X",{}]', UnknownType(9, "1")),
        (b'[-2,"1","X",{}]', UnknownType(-2, "1")),
        (b"[0]", UnknownType(0, None)),
        (b'[99999999999999999999,"1"]', UnknownType(99999999999999999999, "1")),
        (b'[1,{},"X",{}]', UnknownType(1, None)),
    ],
)
def test_message_types_that_no_version_has(frame: bytes, unknown: UnknownType) -> None:
    """A message type that no version has is told from a broken frame (FR-20)."""
    assert decode(frame) == unknown


@pytest.mark.timeout(20)
@pytest.mark.parametrize("length", [40, 1_000_000])
@pytest.mark.parametrize("inside", [b"a", b"\\\\", b"\xc3\xa9"])
def test_a_truncated_id_costs_nothing(inside: bytes, length: int) -> None:
    """A frame that is cut off inside its id is refused at once, however long it is."""
    assert isinstance(decode(b'[2,"' + inside * length), Malformed)
    assert isinstance(decode(b'[3,"' + inside * length + b"\n"), Malformed)
    assert isinstance(decode(b"[3," + b"1" * length), Malformed)


def test_huge_ids() -> None:
    """An id of any length is read and can be changed: it is ours to answer under the very same id (FR-09)."""
    huge = "é" * 500_000
    frame = encode_call(huge, "Heartbeat", b"{}")
    assert call(decode(frame)).id == huge
    assert with_id(frame, "1") == b'[2,"1","Heartbeat",{}]'
    assert isinstance(decode(frame[:-1]), Malformed)


@pytest.mark.parametrize("depth", [100, 900, 1_000, 5_000, 100_000])
@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_deep_nesting_is_survived(depth: int, opening: bytes) -> None:
    """However deeply a payload is nested, nothing breaks: it passes, or it is refused (FR-32)."""
    closing = b"]" if opening == b"[" else b"}"
    inner = opening * depth + b"1" + closing * depth
    for frame in (b'[2,"1","X",{"a":%b}]' % inner, b'[2,"1","X",{"a":%b}' % inner, b"[3,%b,{}]" % inner, inner):
        read = decode(frame)
        assert isinstance(read, Call | Malformed)
        if isinstance(read, Call):
            assert isinstance(_from_below(200, read), dict)


def _from_below(frames: int, read: Call) -> dict[str, Any]:
    """Parse the payload with so many more calls on the stack than when the frame was read."""
    return _from_below(frames - 1, read) if frames else read.fields


@pytest.mark.parametrize("number", [b"1e999", b"-1e999", b"9" * 5000])
def test_numbers_beyond_all_bounds(number: bytes) -> None:
    """A payload with a number that cannot be held passes untouched; rules see no fields of it."""
    assert call(decode(b'[2,"1","X",{"a":%b}]' % number)).fields == {}
    assert result(decode(b'[3,"1",{"a":%b}]' % number)).fields == {}


def test_what_is_not_an_object_has_no_fields() -> None:
    """Fields are looked for in objects only."""
    assert Call("1", "X", b"[1]").fields == {}
    assert Result("1", b"[1]").fields == {}


def test_fields_are_parsed_once() -> None:
    """A call's payload is parsed once, however many rules look into it."""
    asked = Call("1", "X", b'{"a":[]}')
    assert asked.fields is asked.fields


# Writing (FR-08, FR-21, FR-28).


def test_what_is_written_is_compact() -> None:
    """Frames of our own have no spaces and always all their elements."""
    assert encode_call("1", "Heartbeat", b"{}") == b'[2,"1","Heartbeat",{}]'
    assert encode_call("1", "X", msgspec.Raw(b"{}"), SEND) == b'[6,"1","X",{}]'
    assert encode_result("1", msgspec.Raw(b'{"a":1}')) == b'[3,"1",{"a":1}]'
    assert encode_error("1", "GenericError") == b'[4,"1","GenericError","",{}]'
    assert encode_error("1", "X", "y", b'{"a":1}', RESULT_ERROR) == b'[5,"1","X","y",{"a":1}]'


def test_an_error_description_is_cut() -> None:
    """A description has at most 255 characters, whatever went wrong."""
    assert error(decode(encode_error("1", "GenericError", "é" * 300))).description == "é" * 255


def test_the_id_of_a_frame_that_has_none_cannot_be_changed() -> None:
    """To change the id of what is no message is a fault of ours."""
    with pytest.raises(ValueError, match="only a decoded message"):
        with_id(b"pong", "1")


def test_messages_show_themselves_without_their_payload() -> None:
    """What is logged of a message holds no payload: there may be secrets in it."""
    assert repr(decode(b'[2,"1","X",{"key":"s3cret"}]')) == "Call('1', 'X', 16 bytes)"
    assert repr(decode(b'[3,"1",{"key":"s3cret"}]')) == "Result('1', 16 bytes)"
    assert repr(decode(b'[4,"1","X","why",{"key":"s3cret"}]')) == "Error('1', X, 'why')"
    assert repr(Unanswered(Reason.GONE, "away")) == "Error('', InternalError, 'away')"


def test_a_send_is_answered_into_the_void() -> None:
    """Whoever answers a SEND is not heard, and does no harm."""
    assert unheard(Result("1", b"{}")) is None  # type: ignore[func-returns-value]


# Properties.


@given(kind=st.sampled_from([CALL, SEND]), message_id=ids, action=text, payload=payloads, style=styles)
def test_any_call_is_read_as_it_was_written(
    kind: int, message_id: str, action: str, payload: dict[str, Any], style: dict[str, Any]
) -> None:
    """Whatever JSON a far end writes, a call is read with the same id, action and payload, and keeps its bytes."""
    frame = json.dumps([kind, message_id, action, payload], **style).encode()
    read = call(decode(frame))
    assert (read.kind, read.id, read.action, read.text) == (kind, message_id, action, frame)
    assert json.loads(bytes(read.payload)) == payload
    assert read.fields == payload


@given(message_id=ids, payload=payloads, style=styles)
def test_any_result_is_read_as_it_was_written(message_id: str, payload: dict[str, Any], style: dict[str, Any]) -> None:
    """Whatever JSON a far end writes, a result is read with the same id and payload, and keeps its bytes."""
    frame = json.dumps([3, message_id, payload], **style).encode()
    read = result(decode(frame))
    assert (read.id, read.text, read.fields) == (message_id, frame, payload)


@given(message_id=ids, code=text.filter(bool), description=text, details=values, style=styles)
def test_any_error_is_read_as_it_was_written(
    message_id: str, code: str, description: str, details: object, style: dict[str, Any]
) -> None:
    """Whatever JSON a far end writes, an error is read with the same code and description, and keeps its bytes."""
    frame = json.dumps([4, message_id, code, description, details], **style).encode()
    read = error(decode(frame))
    assert (read.id, read.code, read.description, read.text) == (message_id, code, description, frame)
    assert json.loads(bytes(read.details)) == details


@given(message_id=ids, action=text, payload=payloads)
def test_our_calls_are_read_back(message_id: str, action: str, payload: dict[str, Any]) -> None:
    """What we write is read as we meant it."""
    read = call(decode(encode_call(message_id, action, json.dumps(payload).encode())))
    assert (read.id, read.action, read.fields) == (message_id, action, payload)


@given(old=ids, new=ids, rest=st.lists(values, max_size=4), style=styles, kind=st.integers(2, 6))
@example(old='a"b\\', new="\\1\\g<0>", rest=[], style={}, kind=2)
def test_with_id_changes_nothing_else(old: str, new: str, rest: list[object], style: dict[str, Any], kind: int) -> None:
    """Another id leaves every byte before and after it alone."""
    frame = json.dumps([kind, old, *rest], **style).encode()
    changed = with_id(frame, new)
    assert json.loads(changed) == [kind, new, *rest]
    before, after = frame.index(b","), len(frame) - frame.index(json.dumps(old, **style).encode(), 1)
    assert changed[:before] == frame[:before]
    assert changed.endswith(frame[len(frame) - after + len(json.dumps(old, **style).encode()) :])


@given(st.binary(max_size=60) | text.map(str.encode))
def test_no_bytes_break_it(noise: bytes) -> None:
    """Whatever a far end sends, reading it gives a value and never an exception."""
    decode(noise)


@given(
    message=st.sampled_from([b'[2,"1","Heartbeat",{"a":[1,"x"]}]', b'[3,"1",{}]', b'[4,"1","X","y",{}]']),
    data=st.data(),
)
def test_no_damage_breaks_it(message: bytes, data: st.DataObject) -> None:
    """A message with bytes cut out, doubled or replaced is read as some message or other, never as an exception."""
    start = data.draw(st.integers(0, len(message)))
    end = data.draw(st.integers(start, len(message)))
    decode(message[:start] + data.draw(st.binary(max_size=4)) + message[end:])


# What is bounded before anything is built from it.


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    """A call whose payload is so deep, its own object and the message's list counted."""
    deep = opening * (depth - 2) + "1" + closing * (depth - 2)
    return f'[2,"1","DataTransfer",{{"vendorId":"{"x" * 600}","data":{deep}}}]'.encode()


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_message_is_nested_so_deep_at_most(opening: str, closing: str) -> None:
    """A call that is nested deeper is no message, whatever nests in it; its id is known."""
    assert call(decode(nested(DEEPEST, opening, closing))).action == "DataTransfer"
    refused = decode(nested(DEEPEST + 1, opening, closing))
    assert refused == Malformed(CALL, "1", "FormatViolation", f"The frame is nested more than {DEEPEST} deep")


def test_brackets_in_texts_nest_nothing() -> None:
    """What stands in a text does not count as nested, escaped quotes and all; nor does what is side by side."""
    text = json.dumps('["' * 5000 + "\\")
    assert call(decode(f'[2,"1","DataTransfer",{{"data":{text}}}]'.encode())).fields["data"] == '["' * 5000 + "\\"
    beside = "[1]," * 5000 + "1"
    assert len(call(decode(f'[2,"1","DataTransfer",{{"data":[{beside}]}}]'.encode())).fields["data"]) == 5001


@pytest.mark.parametrize("each", ["1,", "{},", '"",', "[],"])
def test_a_message_holds_so_many_values_at_most(each: str) -> None:
    """A list of more values is refused unread; the answer to a call of ours that has so many ends it at once."""
    many = each * (MOST_VALUES + 1) + "1"
    refused = decode(f'[2,"1","DataTransfer",{{"data":[{many}]}}]'.encode())
    assert refused == Malformed(CALL, "1", "FormatViolation", f"The frame holds more than {MOST_VALUES} values")
    few = each * 20_000 + "1"
    assert len(call(decode(f'[2,"1","DataTransfer",{{"data":[{few}]}}]'.encode())).fields["data"]) == 20_001
    assert isinstance(answer := decode(f'[3,"1",{{"data":[{many}]}}]'.encode()), Malformed)
    assert (answer.kind, answer.id) == (3, "1")


def test_what_is_too_much_and_has_no_head_is_malformed_all_the_same() -> None:
    """Nothing but brackets, closed or not, has no id."""
    for frame in (b"[" * 60_000, b"[" * 30_000 + b"]" * 30_000, b"]" * 600 + b"[" * 600):
        refused = decode(frame)
        assert isinstance(refused, Malformed)
        assert (refused.kind, refused.id) == (None, None)
