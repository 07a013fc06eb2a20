"""Framing: what a message is, what becomes of one that is none, and that what needs no change is not changed."""

from __future__ import annotations

import base64
import json

import pytest
from websockets.frames import Opcode

from tests.conformance.words import HEARTBEAT, MODERN, VERSIONS, authorize, authorized, command, status
from tests.harness import CALL, ERROR, Stage, boot_accepted, boot_payload


async def test_fr_01_fragments_of_one_message_are_joined(stage: Stage) -> None:
    """A message in two frames reaches the backend as one; bytes that are no UTF-8 end the connection with 1007."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet()
    station.send_frame(Opcode.TEXT, b'[2,"1","Heart', fin=False)
    station.send_frame(Opcode.CONT, b'beat",{}]')
    await main.expect_text('[2,"1","Heartbeat",{}]')
    station.send_frame(Opcode.TEXT, b'[2,"2","\xff\xfe",{}]')
    assert (await station.closed()).code == 1007


async def test_fr_01_utf8_is_checked_inside_payloads(stage: Stage) -> None:
    """Broken UTF-8 deep in a payload, which no JSON reader looks at, does not reach the backend."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet()
    station.send_frame(Opcode.TEXT, b'[2,"1","DataTransfer",{"vendorId":"\xc3\x28"}]')
    assert (await station.closed()).code == 1007
    assert main.unread == []


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_02_calls_results_and_errors_pass_both_ways(stage: Stage, version: str) -> None:
    """Each of the three kinds of message passes in each direction."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    for asker, giver in ((station, main), (main, station)):
        asked = await asker.ask("DataTransfer", {"vendorId": "Finch"})
        await giver.answer(await giver.expect("DataTransfer", id=asked), {"status": "Accepted"})
        assert (await asker.expect_result(asked)).text == f'[3,"{asked}",{{"status":"Accepted"}}]'
        asked = await asker.ask("DataTransfer", {"vendorId": "Finch"})
        await giver.fail(await giver.expect("DataTransfer", id=asked), "GenericError", "no", {"why": 1})
        assert (await asker.expect_error(asked)).text == f'[4,"{asked}","GenericError","no",{{"why":1}}]'


async def test_fr_03_a_complaint_about_a_result_reaches_whoever_gave_it(stage: Stage) -> None:
    """2.1: a CALLRESULTERROR goes to the giver of the result, under the giver's own id, and is not answered."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.gateway()
    station, main, copy = await stage.meet("CP1", "ocpp2.1")
    asked = await station.ask("Authorize", authorize("ocpp2.1"), id="a1")
    await copy.expect("Authorize")
    await main.answer(await main.expect("Authorize"), authorized("ocpp2.1"))
    await station.expect_result(asked)
    station.send('[5,"a1","TypeConstraintViolation","tariff is wrong",{}]')
    await main.expect_text('[5,"a1","TypeConstraintViolation","tariff is wrong",{}]')
    await stage.quiet(station, main, copy)
    asked = await main.ask("ClearCache", id="m1")
    await station.answer(await station.expect("ClearCache"), {"status": 7})
    await main.expect_result(asked)
    main.send('[5,"m1","TypeConstraintViolation","no",{}]')
    await station.expect_text('[5,"m1","TypeConstraintViolation","no",{}]')
    await stage.quiet(station, main, copy)


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_fr_03_there_are_no_complaints_before_2_1(stage: Stage, version: str) -> None:
    """In 1.6 and 2.0.1 a bad result is met with silence: type 5 is no message there."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    asked = await station.ask("Heartbeat", id="h1")
    await main.answer(await main.expect("Heartbeat"), {"currentTime": 7})
    await station.expect_result(asked)
    station.send('[5,"h1","TypeConstraintViolation","no",{}]')
    await stage.quiet(station, main)


async def test_fr_04_a_send_is_never_answered_and_disturbs_no_call(stage: Stage) -> None:
    """2.1: a SEND passes while a call is open, to the answering backend and the copies; nothing comes back."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.gateway()
    station, main, copy = await stage.meet("CP1", "ocpp2.1")
    beat = await station.ask("Heartbeat")
    call = await main.expect("Heartbeat")
    await copy.expect("Heartbeat")
    text = '[6,"s1","NotifyPeriodicEventStream",{"id":1,"pending":0,"basetime":"2026-01-01T00:00:00Z","data":[]}]'
    station.send(text)
    await main.expect_text(text)
    await copy.expect_text(text)
    station.send('[6,"s2",7,{}]')
    await main.answer(call, HEARTBEAT)
    await station.expect_result(beat)
    await stage.quiet(station, main, copy)


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_fr_04_a_send_before_2_1_is_an_unknown_type(stage: Stage, version: str) -> None:
    """1.6 and 2.0.1 have no SEND: it goes nowhere."""
    await stage.backend("main")
    gateway = await stage.gateway()
    station, main = await stage.meet("CP1", version)
    station.send('[6,"s1","NotifyPeriodicEventStream",{}]')
    await stage.quiet(station, main)
    assert await gateway.metric("voltgate_mishaps_total", side="station", kind="unknown_types") == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_05_bad_answers_are_not_answered(stage: Stage, version: str) -> None:
    """An answer to nothing is dropped and counted, on either side."""
    await stage.backend("main")
    gateway = await stage.gateway()
    station, main = await stage.meet("CP1", version)
    for end in (station, main):
        end.send('[3,"unknown",{}]')
        end.send('[4,"unknown","GenericError","",{}]')
        end.send('[3,"unknown",7]')
    await stage.quiet(station, main)
    for side in ("station", "main"):
        assert await gateway.metric("voltgate_mishaps_total", side=side, kind="unknown") == 3


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_06_actions_are_case_sensitive(stage: Stage, version: str) -> None:
    """`heartbeat` is not `Heartbeat`: whoever answers does not know it."""
    await stage.stand_in()
    await stage.gateway()
    station = await stage.station("CP1", version)
    assert (await station.call("heartbeat")).code == "NotImplemented"
    assert (await station.call("HeartbeatRequest")).code == "NotImplemented"


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_07_null_is_an_empty_payload(stage: Stage, version: str) -> None:
    """A payload of null is taken for {} and answered."""
    await stage.stand_in()
    await stage.gateway()
    station = await stage.station("CP1", version)
    station.send('[2,"1","Heartbeat",null]')
    await station.expect_result("1")


async def test_fr_08_what_the_gateway_writes_has_no_empty_fields(stage: Stage) -> None:
    """A BootNotification that is replayed is the station's own, without anything added."""
    main = await stage.backend("main")
    await stage.backend("other")
    main.answers("BootNotification", boot_accepted())
    await stage.gateway(backends={"other": {"retry": {"first": 0.1, "jitter": 0}}})
    station, _, other = await stage.meet("CP1", "ocpp2.0.1")
    await station.boot()
    said = await other.expect("BootNotification")
    other.kill()
    again = await (await stage.backends["other"].station("CP1")).expect("BootNotification")
    assert again.payload == said.payload


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_09_ids_of_36_characters_pass_and_longer_ones_are_mended(stage: Stage, version: str) -> None:
    """An id of 36 characters passes untouched; a longer one is shortened for the backend and answered as it came."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    for length in (36, 37, 300):
        asked = await station.ask("Heartbeat", id="i" * length)
        call = await main.expect("Heartbeat")
        assert len(call.id) == 36
        assert (call.id == asked) is (length == 36)
        await main.answer(call, HEARTBEAT)
        await station.expect_result(asked)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_10_a_call_may_be_sent_again_with_the_same_id(stage: Stage, version: str) -> None:
    """A retry after its answer is a call like any other."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    for _ in range(3):
        asked = await station.ask("Heartbeat", id="same")
        await main.answer(await main.expect("Heartbeat", id="same"), HEARTBEAT)
        await station.expect_result(asked)


async def test_fr_11_counters_may_restart_with_each_connection(stage: Stage) -> None:
    """Two stations, and one station twice, may all count their messages from 1."""
    main = await stage.backend("main")
    main.answers("Heartbeat", HEARTBEAT)
    await stage.gateway()
    for identity in ("CP1", "CP2", "CP1"):
        station = await stage.station(identity)
        await station.expect_result(await station.ask("Heartbeat", id="1"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_12_two_open_calls_with_one_id_are_both_answered(stage: Stage, version: str) -> None:
    """Ids are not policed: even while the first is open the same id is served, without confusing the two."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    await station.ask("Heartbeat", id="1")
    first = await main.expect("Heartbeat", id="1")
    await station.ask("Authorize", authorize(version), id="1")
    second = await main.expect("Authorize")
    assert second.id != "1"
    await main.answer(second, authorized(version))
    await main.answer(first, HEARTBEAT)
    answers = [await station.expect_result("1"), await station.expect_result("1")]
    assert [answer.payload for answer in answers] == [authorized(version), HEARTBEAT]


async def test_fr_13_calls_of_the_gateway_itself_are_answered_to_nobody(stage: Stage) -> None:
    """The replayed boot has an id of its own, and its answer goes to nobody; the station's own calls are unharmed."""
    main = await stage.backend("main")
    await stage.gateway(backends={"main": {"retry": {"first": 0.1, "jitter": 0}}})
    station, first = await stage.meet()
    asked = await station.ask("BootNotification", boot_payload("ocpp1.6"))
    await first.answer(await first.expect("BootNotification", id=asked), boot_accepted())
    await station.expect_result(asked)
    first.kill()
    link = await main.station("CP1")
    replayed = await link.expect("BootNotification")
    assert replayed.id != asked
    await link.answer(replayed, boot_accepted())
    beat = await station.ask("Heartbeat")
    await link.answer(await link.expect("Heartbeat", id=beat), HEARTBEAT)
    await station.expect_result(beat)
    await stage.quiet(station, link)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_14_a_station_gets_one_call_at_a_time(stage: Stage, version: str) -> None:
    """Two backends call at once: the station gets the second call after it has answered the first."""
    await stage.backend("main")
    await stage.backend("other")
    await stage.gateway(backends={"other": {"permit": "full"}})
    station, main, other = await stage.heard("CP1", version)
    action, payload = command(version)
    asked = [await main.ask(action, payload, id="m"), await other.ask(action, payload, id="o")]
    first = await station.next()
    await stage.quiet(station, main, other)
    await station.answer(first, {"status": "Accepted"})
    second = await station.next()
    await station.answer(second, {"status": "Rejected"})
    assert {first.id, second.id} == set(asked)
    answers = {"m": await main.expect_result("m"), "o": await other.expect_result("o")}
    assert answers[first.id].payload == {"status": "Accepted"}
    assert answers[second.id].payload == {"status": "Rejected"}


async def test_fr_14_the_window_towards_a_station_is_a_setting(stage: Stage) -> None:
    """Where it is set, a station gets two calls at a time."""
    await stage.backend("main")
    await stage.gateway(calls={"station_window": 2})
    station, main = await stage.meet()
    for number in "abc":
        await main.ask("ClearCache", id=number)
    assert [(await station.next()).id, (await station.next()).id] == ["a", "b"]
    await stage.quiet(station, main)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_15_calls_may_cross(stage: Stage, version: str) -> None:
    """A station that is asked something may ask something itself before it answers."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    action, payload = command(version)
    asked = await main.ask(action, payload)
    call = await station.expect(action)
    mine = await station.ask("Authorize", authorize(version))
    await main.answer(await main.expect("Authorize"), authorized(version))
    await station.expect_result(mine)
    await station.answer(call, {"status": "Accepted"})
    await main.expect_result(asked)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_16_a_late_answer_is_dropped_and_the_queue_moves_on(stage: Stage, version: str) -> None:
    """After the time-out the asker hears an error, the next call goes out, and the late answer is nobody's."""
    await stage.backend("main")
    gateway = await stage.gateway(calls={"station": 0.5, "backend": 0.5})
    station, main = await stage.meet("CP1", version)
    action, payload = command(version)
    slow = await main.ask(action, payload, id="slow")
    call = await station.expect(action)
    assert (await main.expect_error(slow)).code == "InternalError"
    after = await main.ask(action, payload, id="after")
    next_call = await station.expect(action, id="after")
    await station.answer(call, {"status": "Rejected"})
    await station.answer(next_call, {"status": "Accepted"})
    assert (await main.expect_result(after)).payload == {"status": "Accepted"}
    beat = await station.ask("Heartbeat", id="beat")
    late = await main.expect("Heartbeat")
    await station.expect_error(beat, "InternalError")
    await main.answer(late, HEARTBEAT)
    await stage.quiet(station, main)
    assert await gateway.metric("voltgate_mishaps_total", side="station", kind="late") == 1
    assert await gateway.metric("voltgate_mishaps_total", side="main", kind="late") == 1


@pytest.mark.parametrize("version", MODERN)
async def test_fr_17_an_unreadable_frame_is_answered_under_minus_one(stage: Stage, version: str) -> None:
    """2.x: what cannot be read is answered with RpcFrameworkError, the bad text is not repeated, the socket stays."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    station.send('{"oops')
    error = await station.expect_error("-1", "RpcFrameworkError")
    assert "oops" not in error.text
    await stage.quiet(station, main)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("setting", ["answer", "ignore"])
async def test_fr_17_answering_unreadable_frames_is_a_setting(stage: Stage, version: str, setting: str) -> None:
    """By setting every version answers, or none does."""
    await stage.backend("main")
    await stage.gateway(protocol={"bad_frame": setting})
    station, main = await stage.meet("CP1", version)
    station.send('{"oops')
    if setting == "answer":
        await station.expect_error("-1", "GenericError" if version == "ocpp1.6" else "RpcFrameworkError")
    await stage.quiet(station, main)


async def test_fr_18_an_unreadable_frame_of_1_6_is_not_answered(stage: Stage) -> None:
    """1.6 has no "-1": the frame is counted, nothing comes back."""
    await stage.backend("main")
    gateway = await stage.gateway()
    station, main = await stage.meet()
    station.send('{"oops')
    main.send("[oops")
    await stage.quiet(station, main)
    assert await gateway.metric("voltgate_mishaps_total", side="station", kind="malformed") == 1
    assert await gateway.metric("voltgate_mishaps_total", side="main", kind="malformed") == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_19_a_call_with_a_readable_id_is_answered_under_it(stage: Stage, version: str) -> None:
    """Truncated, or without a payload that is an object: the error carries the call's own id."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    code = "FormationViolation" if version == "ocpp1.6" else "FormatViolation"
    for text in ('[2,"7","Authorize",{"idTag":', '[2,"7","Authorize"]', '[2,"7",9,{}]', '[2,"7","Authorize",[]]'):
        station.send(text)
        await station.expect_error("7", code)
    await stage.quiet(station, main)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_19_whoever_answers_names_what_is_missing(stage: Stage, version: str) -> None:
    """An Authorize without a token is answered by the backend with the constraint that it breaks."""
    await stage.stand_in()
    await stage.gateway()
    station = await stage.station("CP1", version)
    answer = await station.call("Authorize", {}, id="7")
    assert answer.kind == ERROR
    assert "ccur" in answer.code


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("setting", ["ignore", "answer"])
async def test_fr_20_an_unknown_message_type_is_ignored_or_answered(stage: Stage, version: str, setting: str) -> None:
    """A type number that OCPP has not is ignored, or by setting answered."""
    await stage.backend("main")
    await stage.gateway(protocol={"unknown_message_type": setting})
    station, main = await stage.meet("CP1", version)
    station.send('[9,"1","X",{}]')
    if setting == "answer":
        await station.expect_error("1", "GenericError" if version == "ocpp1.6" else "MessageTypeNotSupported")
    await stage.quiet(station, main)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_21_errors_of_the_gateway_have_five_elements(stage: Stage, version: str) -> None:
    """Each CALLERROR that the gateway makes has a code, a description of at most 255 characters and an object."""
    await stage.backend("main")
    await stage.gateway(calls={"backend": 0.3}, protocol={"bad_frame": "answer", "unknown_message_type": "answer"})
    station, _ = await stage.meet("CP1", version)
    station.send("nonsense")
    station.send('[9,"9","X",{}]')
    station.send('[2,"2","Authorize"]')
    await station.ask("Heartbeat", id="4")
    for message_id in ("-1", "9", "2", "4"):
        kind, _, code, description, details = (await station.expect_error(message_id)).parts
        assert kind == ERROR
        assert code.isalpha()
        assert len(description) <= 255
        assert details == {}


async def test_fr_21_a_short_error_is_completed(stage: Stage) -> None:
    """A CALLERROR without details reaches the asker with all five elements."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet()
    await station.ask("Heartbeat", id="1")
    await main.expect("Heartbeat")
    main.send('[4,"1","GenericError","short"]')
    await station.expect_text('[4,"1","GenericError","short",{}]')


async def test_fr_22_errors_are_spelt_as_1_6_does(stage: Stage) -> None:
    """A 1.6 station is answered in the spelling of 1.6, mistakes included, also by strict validation."""
    await stage.backend("main")
    await stage.gateway(protocol={"validation": "strict"})
    station, main = await stage.meet()
    assert (await station.call("Authorize", {})).code == "OccurenceConstraintViolation"
    assert (await station.call("Authorize", {"idTag": 7})).code == "TypeConstraintViolation"
    await stage.quiet(station, main)


@pytest.mark.parametrize("version", MODERN)
async def test_fr_23_errors_are_spelt_as_2_x_does(stage: Stage, version: str) -> None:
    """A 2.x station is answered in the spelling of 2.x."""
    await stage.backend("main")
    await stage.gateway(protocol={"validation": "strict"})
    station, main = await stage.meet("CP1", version)
    assert (await station.call("Authorize", {})).code == "OccurrenceConstraintViolation"
    station.send('[2,"7","Authorize",[]]')
    await station.expect_error("7", "FormatViolation")
    await stage.quiet(station, main)


@pytest.mark.parametrize(("setting", "got"), [("untouched", "FormatViolation"), ("translate", "FormationViolation")])
async def test_fr_24_spellings_of_others_pass_or_are_translated(stage: Stage, setting: str, got: str) -> None:
    """A backend that answers a 1.6 station in the spelling of 2.x is passed on as it is, or by setting translated."""
    await stage.backend("main")
    await stage.gateway(protocol={"error_codes": setting})
    station, main = await stage.meet()
    asked = await station.ask("Heartbeat")
    await main.fail(await main.expect("Heartbeat"), "FormatViolation", "no")
    await station.expect_error(asked, got)
    asked = await station.ask("Heartbeat")
    await main.fail(await main.expect("Heartbeat"), "CodeOfOurOwn", "no")
    await station.expect_error(asked, "CodeOfOurOwn")


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_25_unknown_and_unsupported_are_two_things(stage: Stage, version: str) -> None:
    """An action that OCPP has not is NotImplemented; one that it has and nobody serves is NotSupported."""
    await stage.stand_in()
    await stage.gateway()
    station = await stage.station("CP1", version)
    assert (await station.call("Nope")).code == "NotImplemented"
    assert (await station.call("Reset", {"type": "Hard"})).code == "NotSupported"


async def test_fr_26_odd_errors_are_accepted(stage: Stage) -> None:
    """Details as a string, and an id that is a number, are taken for what they mean."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet()
    asked = await main.ask("ClearCache", id="17")
    await station.expect("ClearCache")
    station.send('[4,17,"GenericError","x","y"]')
    assert (await main.expect_error(asked)).text == '[4,"17","GenericError","x","y"]'
    asked = await main.ask("ClearCache", id="18")
    await station.expect("ClearCache")
    station.send('[4,"18","GenericError","x","y"]')
    await main.expect_text('[4,"18","GenericError","x","y"]')


@pytest.mark.parametrize(
    "text",
    [
        ' [2,"1","Heartbeat",{}] ',
        '\n[2,\n"1",\n"Heartbeat",\n{}\n]\n',
        '[ 2 , "1" , "Heartbeat" , { } ]',
        '\ufeff[2,"1","Heartbeat",{}]',
        '[2,"1","Heartbeat",{}]\x00',
        '\x00[2,"1","Heartbeat",{}]\x00\x00',
    ],
)
async def test_fr_27_padding_around_the_array_is_tolerated(stage: Stage, text: str) -> None:
    """White space, a BOM and NUL bytes around a message do not keep it from being served."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet()
    station.send(text)
    call = await main.expect("Heartbeat", id="1")
    assert not call.text.startswith("\ufeff")
    await main.answer(call, HEARTBEAT)
    await station.expect_result("1")


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_28_what_the_gateway_writes_is_compact(stage: Stage, version: str) -> None:
    """No message of the gateway's own making has spaces between tokens: some chargers stumble over them."""
    await stage.backend("main")
    await stage.gateway(calls={"backend": 0.3}, protocol={"bad_frame": "answer"})
    station, main = await stage.meet("CP1", version)
    station.send("nonsense")
    await station.ask("Heartbeat", id="x" * 40)
    mended = await main.expect("Heartbeat")
    for message in (mended, await station.expect_error("-1"), await station.expect_error("x" * 40)):
        assert message.text == json.dumps(message.parts, separators=(",", ":"))


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_29_empty_frames_and_spoken_pings_are_ignored(stage: Stage, version: str) -> None:
    """An empty text frame, and "ping" or "pong" as text, are neither answered nor passed on."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    for text in ("", "ping", "pong", "PONG", " "):
        station.send(text)
    await stage.quiet(station, main)


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_30_unknown_fields_pass_untouched(stage: Stage, version: str) -> None:
    """A field that no schema has reaches the backend byte for byte; strict validation refuses it."""
    await stage.backend("main")
    strictly = {"match": "STRICT*", "route": "main", "validation": "strict"}
    await stage.gateway(stations=[strictly, {"match": "*", "route": "main"}])
    payload = status(version) | {"foo": 1}
    station, main = await stage.meet("CP1", version)
    asked = await station.ask("StatusNotification", payload)
    await main.expect_text(stage.transcript.sent("CP1")[-1])
    main.send(f'[3,"{asked}",{{}}]')
    await station.expect_result(asked)
    strict, _ = await stage.meet("STRICT1", version)
    assert (await strict.call("StatusNotification", payload)).kind == ERROR


async def test_fr_31_long_strings_and_odd_values_pass(stage: Stage) -> None:
    """A serial number of 40 characters keeps no station from booting."""
    main = await stage.backend("main")
    main.answers("BootNotification", boot_accepted())
    await stage.gateway()
    station, _ = await stage.meet()
    assert (await station.boot(chargePointSerialNumber="9" * 40)).payload["status"] == "Accepted"


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_32_depth_size_and_numbers_are_bounded(stage: Stage, version: str) -> None:
    """A thousand levels, NaN, or ten megabytes: refused, and everybody else is served on."""
    main = await stage.backend("main")
    main.answers("Heartbeat", HEARTBEAT)
    await stage.gateway()
    station, _ = await stage.meet("CP1", version)
    deep = ("[" * 1000 + "]" * 1000, "[" * 100_000 + "]" * 100_000, '{"a":' * 5000 + "1" + "}" * 5000)
    for payload in (*deep, '{"a":NaN}'):
        station.send(f'[2,"7","DataTransfer",{payload}]')
        assert (await station.expect_error("7")).code.startswith("Format" if version != "ocpp1.6" else "Formation")
    station.send("[" * 500_000)
    await station.call("Heartbeat") if version == "ocpp1.6" else await station.expect_error("-1")
    station.send('[2,"7","DataTransfer",{"data":"' + "x" * 10_000_000 + '"}]')
    assert (await station.closed()).code == 1009
    await (await stage.station("CP2", version)).call("Heartbeat")


@pytest.mark.parametrize("version", MODERN)
async def test_fr_33_signed_messages_pass_untouched(stage: Stage, version: str) -> None:
    """A signed message, custom data and a signed answer pass byte for byte."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    text = '[2,"s1","BootNotification-Signed",{"payload":"eyJ4IjoxfQ","signatures":[{"signature":"q"}]}]'
    station.send(text)
    await main.expect_text(text)
    main.send('[3,"s1",{"payload":"e30","customData":{"vendorId":"v","n":1.50}}]')
    await station.expect_text('[3,"s1",{"payload":"e30","customData":{"vendorId":"v","n":1.50}}]')


@pytest.mark.parametrize("version", VERSIONS)
async def test_fr_34_what_needs_no_change_is_not_changed(stage: Stage, version: str) -> None:
    """Numbers such as 21.40, key order, escapes, unicode and a payload of a megabyte pass byte for byte, both ways."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.gateway()
    station, main, copy = await stage.meet("CP1", version)
    payloads = [
        '{"v":21.40,"a":1.0,"b":1e3,"c":-0.0,"d":12345678901234567890}',
        '{"z":1,"a":2,"z2":{"y":[],"x":{}}}',
        r'{"e":"\u00e9\/\"\\\n","u":"é漢🚗"}',
        '{ "spaces" : [ 1 ,2 ] }',
        '{"big":"' + "0123456789abcdef" * 65_000 + '"}',
    ]
    for number, payload in enumerate(payloads):
        call, result = f'[2,"{number}","DataTransfer",{payload}]', f'[3,"{number}",{payload}]'
        for asker, giver in ((station, main), (main, station)):
            asker.send(call)
            await giver.expect_text(call)
            giver.send(result)
            await asker.expect_text(result)
        await copy.expect_text(call)


async def test_fr_34_a_new_id_changes_nothing_else(stage: Stage) -> None:
    """Where two backends use one id, the second gets another towards the station; every other byte stays."""
    await stage.backend("main")
    await stage.backend("other")
    await stage.gateway(calls={"station_window": 2}, backends={"other": {"permit": "full"}})
    station, main, other = await stage.heard()
    main.send('[2, "1",  "DataTransfer", {"v":21.40}]')
    await station.expect_text('[2, "1",  "DataTransfer", {"v":21.40}]')
    other.send('[2, "1",  "DataTransfer", {"v":21.50}]')
    second = await station.next()
    assert second.id != "1"
    assert second.text == f'[2, "{second.id}",  "DataTransfer", {{"v":21.50}}]'
    station.send(f'[3,"{second.id}",{{ "k":2.0}}]')
    await other.expect_text('[3,"1",{ "k":2.0}]')


async def test_fr_35_both_forms_of_a_stream_pass(stage: Stage) -> None:
    """2.1: the sample of Part 4, with times as strings, passes like the form of the schema."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", "ocpp2.1")
    for data in ('[{"t":"2026-01-01T00:00:00Z","v":"1"}]', '[{"t":0.5,"v":"1"}]'):
        text = f'[6,"s","NotifyPeriodicEventStream",{{"id":1,"pending":0,"data":{data}}}]'
        station.send(text)
        await main.expect_text(text)


@pytest.mark.parametrize("version", MODERN)
async def test_fr_36_a_signed_call_may_have_five_elements(stage: Stage, version: str) -> None:
    """Both printed forms of a signed call reach the backend as they came, and both are answered."""
    await stage.stand_in()
    await stage.gateway()
    station = await stage.station("CP1", version)
    jws = {"payload": base64.urlsafe_b64encode(b"{}").decode(), "signatures": []}
    for number, parts in enumerate(([jws], [{"x": 1}, jws])):
        rest = [*parts[:-1], "Heartbeat-Signed", parts[-1]]
        station.send(json.dumps([CALL, str(number), *rest], separators=(",", ":")))
        answer = await station.expect_result(str(number))
        assert answer.payload["currentTime"]
