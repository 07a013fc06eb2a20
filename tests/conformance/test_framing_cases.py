"""Area framing, case by case: the many forms that one rule takes, through one gateway each."""

from __future__ import annotations

import json
from typing import Any

import pytest
from websockets.frames import Opcode

from tests.conformance.words import HEARTBEAT, MODERN, VERSIONS, authorize, command, status
from tests.harness import ERROR, Link, Message, ScriptedStation, Stage, boot_payload, until

CODES_16 = frozenset(
    """
    NotImplemented NotSupported InternalError ProtocolError SecurityError FormationViolation
    PropertyConstraintViolation OccurenceConstraintViolation TypeConstraintViolation GenericError
    """.split()
)
CODES_2 = frozenset(
    """
    FormatViolation GenericError InternalError MessageTypeNotSupported NotImplemented NotSupported
    OccurrenceConstraintViolation PropertyConstraintViolation ProtocolError RpcFrameworkError SecurityError
    TypeConstraintViolation
    """.split()
)


async def _pair(stage: Stage, version: str = "ocpp1.6", **changes: Any) -> tuple[ScriptedStation, Link]:
    await stage.backend("main")
    await stage.gateway(**changes)
    station, link = await stage.meet("CP1", version)
    return station, link


async def _heartbeat(station: Link, link: Link) -> None:
    """The two still talk, and nothing else has come to either."""
    beat = await station.ask("Heartbeat")
    await link.answer(await link.expect("Heartbeat", id=beat), HEARTBEAT)
    assert (await station.next()).parts == [3, beat, HEARTBEAT]
    for end in (station, link):
        await end.silence()


async def test_fr_01_a_backend_that_sends_no_utf_8_costs_the_station_nothing(stage: Stage) -> None:
    """Text of a backend that is no UTF-8 ends that backend's link with 1007; the station is served by the next one."""
    station, link = await _pair(stage, backends={"main": {"retry": {"first": 0.1}, "wait": 60}})
    link.send_frame(Opcode.TEXT, b'[2,"1","Reset",{"type":"\xc3\x28"}]')
    assert (await link.closed()).code == 1007
    await _heartbeat(station, await stage.backends["main"].station("CP1"))


async def test_fr_01_a_character_may_be_split_between_fragments(stage: Stage) -> None:
    """A fragment may end inside a character, with a ping before the next."""
    station, link = await _pair(stage)
    text = '[2,"1","DataTransfer",{"vendorId":"Zürich €"}]'
    data = text.encode()
    cut = data.index("€".encode()) + 1
    station.send_frame(Opcode.TEXT, data[:cut], fin=False)
    station.send_frame(Opcode.PING, b"between")
    station.send_frame(Opcode.CONT, data[cut:])
    await link.expect_text(text)


async def test_fr_04_no_bad_send_is_answered(stage: Stage) -> None:
    """Whatever is wrong with a SEND, a strict gateway too says nothing of it, and the open call goes on.

    One that breaks its schema passes: there is nobody to tell, and its backend may still read it.
    """
    station, link = await _pair(stage, "ocpp2.1", protocol={"validation": "strict", "bad_frame": "answer"})
    beat = await station.ask("Heartbeat")
    call = await link.expect("Heartbeat")
    tails = ('"NotifyPeriodicEventStream"]', "7,{}]", '"NotifyPeriodicEventStream",{"id":"one"}]', '"X",[]]')
    for tail in tails:
        station.send(f'[6,"s",{tail}')
    await station.silence()
    await link.expect_text('[6,"s","NotifyPeriodicEventStream",{"id":"one"}]')
    await link.answer(call, HEARTBEAT)
    await station.expect_result(beat)
    await stage.quiet(station, link)


async def _said_by_ourselves(stage: Stage, version: str) -> list[Message]:
    """Provoke what a strict gateway and the stand-in backend say of their own accord, and give all of it."""
    await stage.stand_in()
    await stage.gateway(protocol={"validation": "strict", "unknown_message_type": "answer", "bad_frame": "answer"})
    station = await stage.station("CP1", version)
    calls: list[tuple[str, Any]] = [
        ("BootNotification", boot_payload(version)),
        ("Heartbeat", {}),
        ("Authorize", authorize(version)),
        ("Authorize", {}),
        ("StatusNotification", status(version)),
        ("DataTransfer", {"vendorId": "Finch"}),
        ("DataTransfer", {"vendorId": 7}),
        ("Nope", {}),
        ("Reset", {"type": "Hard" if version == "ocpp1.6" else "Immediate"}),
    ]
    said = [await station.call(action, payload) for action, payload in calls]
    broken = ("{oops", '[9,"9","X",{}]', '[2,"10"]', '[2,"11","Heartbeat"', '[2,7,"Heartbeat",{}]')
    for text in broken:
        station.send(text)
    await station.ping()
    assert len(station.unread) == len(broken)
    return said + station.unread


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_08_fr_21_fr_28_what_is_written_here_is_whole_and_compact(stage: Stage, version: str) -> None:
    """No empty optional fields, no spaces, and errors of five elements with the version's own codes."""
    for message in await _said_by_ourselves(stage, version):
        assert message.text == json.dumps(message.parts, separators=(",", ":"), ensure_ascii=False)
        if message.kind == ERROR:
            _check_error(message, version)
        else:
            assert not _empties(message.payload), message.text


def _check_error(error: Message, version: str) -> None:
    _, message_id, code, description, details = error.parts
    assert isinstance(message_id, str)
    assert code in (CODES_16 if version == "ocpp1.6" else CODES_2), error.text
    assert isinstance(description, str)
    assert len(description) <= 255
    assert isinstance(details, dict)


def _empties(value: Any) -> list[Any]:
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [one for one in inner if one is None or one in ({}, [])] + [x for one in inner for x in _empties(one)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_21_errors_for_the_absent_are_whole(stage: Stage, version: str) -> None:
    """What the gateway says for a backend or a station that is away, silent or swamped is a proper CALLERROR."""
    main, away = await stage.backend("main"), await stage.backend("away")
    await away.deny()
    await stage.gateway(
        routes={"main": {"admit": "gateway", "rules": [{"actions": ["Heart*"], "answer": "away"}, {"answer": "main"}]}},
        backends={"away": {"when_down": "refuse"}, "main": {"permit": "full"}},
        calls={"station": 0.5, "backend": 0.5},
        limits={"waiting_calls": 1},
    )
    station = await stage.station("CP1", version)
    link = await main.station("CP1")
    heard = [await station.call("Heartbeat"), await station.call("Authorize", authorize(version))]
    asked = [await link.ask(*command(version)) for _ in range(4)]  # one open, one waits, the others are too many
    heard += [await link.expect_answer(message_id) for message_id in asked]
    for message in heard:
        assert message.kind == ERROR
        _check_error(message, version)


UNREADABLE = ["{oops", "[", "7", '"text"', "{}", "[]", "null", '["2","1","X",{}]', '[2,{},"X",{}]', "[2]", "[2.5]"]


@pytest.mark.parametrize("version", MODERN)
async def test_fr_17_every_unreadable_frame_is_answered_under_minus_one(stage: Stage, version: str) -> None:
    """Each way of being no message is answered, and the connection stays."""
    station, link = await _pair(stage, version)
    for text in UNREADABLE:
        station.send(text)
        await station.expect_error("-1", "RpcFrameworkError")
        link.send(text)
    await link.ping()
    while link.unread:
        assert (await link.next()).parts[:2] == [4, "-1"]
    await _heartbeat(station, link)


async def test_fr_18_no_unreadable_frame_of_1_6_is_answered(stage: Stage) -> None:
    """Each way of being no message is counted, and neither side hears anything."""
    station, link = await _pair(stage)
    for text in UNREADABLE:
        station.send(text)
        link.send(text)
    await stage.quiet(station, link)
    malformed = await stage.gateways[-1].metric("voltgate_mishaps_total", side="station", kind="malformed")
    assert malformed == len(UNREADABLE)
    await _heartbeat(station, link)


BROKEN_16 = [
    ("Authorize", {}, "OccurenceConstraintViolation"),
    ("Authorize", {"idTag": 7}, "TypeConstraintViolation"),
    ("Authorize", {"idTag": "x" * 21}, "PropertyConstraintViolation"),
    ("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Odd"}, "PropertyConstraintViolation"),
]
BROKEN_2 = [
    ("Authorize", {}, "OccurrenceConstraintViolation"),
    ("Authorize", {"idToken": 7}, "TypeConstraintViolation"),
    ("Authorize", {"idToken": {"idToken": "x" * 300, "type": "ISO14443"}}, "PropertyConstraintViolation"),
    ("BootNotification", {**boot_payload("ocpp2.0.1"), "reason": "Whim"}, "PropertyConstraintViolation"),
]


async def test_fr_22_fr_23_each_fault_has_its_code_in_the_versions_spelling(stage: Stage) -> None:
    """A strict gateway names what is wrong with a payload in the words of its version."""
    await stage.backend("main")
    await stage.gateway(protocol={"validation": "strict"})
    for version in VERSIONS:
        station, link = await stage.meet(f"CP-{version}", version)
        for action, payload, code in BROKEN_16 if version == "ocpp1.6" else BROKEN_2:
            if version != "ocpp2.1" or "reason" not in payload:
                await station.expect_error(await station.ask(action, payload), code)
        await _heartbeat(station, link)


FOREIGN = [
    ("ocpp1.6", "FormatViolation", "FormationViolation"),
    ("ocpp1.6", "OccurrenceConstraintViolation", "OccurenceConstraintViolation"),
    ("ocpp1.6", "RpcFrameworkError", "GenericError"),
    ("ocpp1.6", "MessageTypeNotSupported", "GenericError"),
    ("ocpp1.6", "HouseError", "HouseError"),
    ("ocpp2.0.1", "FormationViolation", "FormatViolation"),
    ("ocpp2.0.1", "OccurenceConstraintViolation", "OccurrenceConstraintViolation"),
    ("ocpp2.1", "HouseError", "HouseError"),
]


@pytest.mark.parametrize("setting", ["untouched", "translate"])
async def test_fr_24_every_spelling_in_both_directions(stage: Stage, setting: str) -> None:
    """Codes of another version pass as they are, or by setting in the receiver's spelling, with the rest untouched."""
    await stage.backend("main")
    await stage.gateway(protocol={"error_codes": setting})
    ends = {version: await stage.meet(f"CP-{version}", version) for version in VERSIONS}
    for version, code, translated in FOREIGN:
        station, link = ends[version]
        expected = translated if setting == "translate" else code
        for asker, other in ((station, link), (link, station)):
            asked = await asker.ask("DataTransfer", {"vendorId": "Finch"})
            await other.fail(await other.expect("DataTransfer"), code, "so", {"a": 1})
            assert (await asker.expect_error(asked)).parts == [4, asked, expected, "so", {"a": 1}]


UNTIDY = [
    ('"GenericError","x","y"]', ["GenericError", "x", "y"]),
    ('"GenericError","x"]', ["GenericError", "x"]),
    ('"GenericError"]', ["GenericError"]),
    ('"GenericError","x",null]', ["GenericError", "x"]),
    ('"GenericError",7,{}]', ["GenericError"]),
    ("7]", ["GenericError"]),
]


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_26_every_untidy_error_ends_its_call(stage: Stage, version: str) -> None:
    """An error with odd, missing or surplus parts is the answer to its call and keeps nobody waiting."""
    station, link = await _pair(stage, version)
    for tail, expected in UNTIDY:
        asked = await link.ask(*command(version))
        await station.expect("ChangeAvailability")
        station.send(f'[4,"{asked}",{tail}')
        assert (await link.expect_error(asked)).parts[2 : 2 + len(expected)] == expected
    await stage.quiet(station, link)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_32_what_json_lacks_is_not_passed_on(stage: Stage, version: str) -> None:
    """Numbers and strings that are no JSON are refused, however common; a key given twice is the backend's to judge."""
    station, link = await _pair(stage, version)
    for value in ("NaN", "Infinity", "-Infinity", "01", "1.", "+1", "0x1", "'x'", '"\t"', "tru"):
        station.send(f'[2,"1","DataTransfer",{{"vendorId":"x","data":{value}}}]')
        await station.expect_error("1")
    twice = '[2,"1","DataTransfer",{"vendorId":"a","vendorId":"b"}]'
    station.send(twice)
    await link.expect_text(twice)
    await link.silence()


@pytest.mark.parametrize("validation", ["lenient", "strict"])
async def test_fr_36_a_signed_call_goes_where_the_plain_one_would(stage: Stage, validation: str) -> None:
    """Rules and strict validation see a signed call as what it signs; both printed shapes pass unchanged."""
    await stage.backend("main")
    boots = await stage.backend("boots")
    rules = [{"actions": ["BootNotification"], "answer": "boots"}, {"answer": "main"}]
    await stage.gateway(routes={"main": {"rules": rules}}, protocol={"validation": validation})
    jws = '{"payload":"eyJhIjoxfQ","protected":"eyJhbGciOiJFUzI1NiJ9","signature":"c2ln"}'
    for version in MODERN:
        station = await stage.station(f"CP-{version}", version)
        link = await boots.station(f"CP-{version}")
        for number, extension in enumerate(("", "{},")):
            text = f'[2,"{number}",{extension}"BootNotification-Signed",{jws}]'
            station.send(text)
            await link.expect_text(text)
            link.send(f'[3,"{number}",{jws}]')
            await station.expect_text(f'[3,"{number}",{jws}]')
        await stage.quiet(station, link)


async def test_fr_16_an_open_call_ends_when_the_station_goes(stage: Stage) -> None:
    """A backend whose call was open when the station went is not left waiting; its link ends."""
    station, link = await _pair(stage)
    asked = await link.ask("ClearCache")
    await station.expect("ClearCache")
    station.kill()
    await link.closed()
    assert [message.parts[1] for message in link.unread] in ([], [asked])
    gateway = stage.gateways[-1]
    await until(lambda: _none_open(stage), "no call is open any more")
    assert gateway.running


async def _none_open(stage: Stage) -> bool:
    return await stage.gateways[-1].metric("voltgate_calls_open") == 0
