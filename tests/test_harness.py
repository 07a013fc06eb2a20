"""The harness itself: its stations and backends connected to each other, without a gateway."""

from __future__ import annotations

import tomllib

import pytest
from websockets.frames import Opcode

from tests.harness import Link, RawStation, Refused, ScriptedBackend, ScriptedStation, Stage, merged, toml


async def _meet(stage: Stage, backend: ScriptedBackend, *offers: str) -> tuple[ScriptedStation, Link]:
    url = backend.url.format(station="CP1")
    station = await stage.station("CP1", *(offers or ("ocpp1.6",)), url=url)
    return station, await backend.station("CP1")


async def test_a_call_is_answered(stage: Stage) -> None:
    """A scripted backend receives what a scripted station asks, and answers it."""
    station, link = await _meet(stage, await stage.backend("main"))
    beat = await station.ask("Heartbeat")
    call = await link.expect("Heartbeat", id=beat)
    await link.answer(call, {"currentTime": "2026-01-01T00:00:00Z"})
    assert (await station.expect_result(beat)).payload == {"currentTime": "2026-01-01T00:00:00Z"}
    await stage.quiet(station, link)


async def test_an_unexpected_message_is_noticed(stage: Stage) -> None:
    """`silence` fails while a message is unread."""
    station, link = await _meet(stage, await stage.backend("main"))
    await station.ask("Heartbeat")
    await station.ping()
    with pytest.raises(AssertionError, match="expected nothing"):
        await link.silence()


async def test_the_order_on_the_wires_is_written_down(stage: Stage) -> None:
    """The transcript holds what each end sent and received, in order."""
    station, link = await _meet(stage, await stage.backend("main"))
    link.answers("Heartbeat", {"n": 1})
    await station.call("Heartbeat", id="7")
    assert stage.transcript.got("main/CP1") == ['[2,"7","Heartbeat",{}]']
    assert stage.transcript.got("CP1")[-1] == '[3,"7",{"n":1}]'


async def test_fragments_and_control_frames_are_sent_as_told(stage: Stage) -> None:
    """A test can put any frames on the wire; the far end puts the message together."""
    station, link = await _meet(stage, await stage.backend("main"))
    station.send_frame(Opcode.TEXT, b'[2,"1",', fin=False)
    station.send_frame(Opcode.PING, b"x")
    station.send_frame(Opcode.CONT, b'"Heartbeat",{}]')
    await link.expect("Heartbeat", id="1")
    assert link.pings == 1


async def test_a_close_is_reported_with_code_and_reason(stage: Stage) -> None:
    """Either end can close, and the other reports the code and the reason."""
    station, link = await _meet(stage, await stage.backend("main"))
    await link.close(4001, "enough")
    assert (await station.closed()).code == 4001
    assert (await station.closed()).reason == "enough"


async def test_a_reset_is_no_close(stage: Stage) -> None:
    """A connection that is cut ends with 1006."""
    station, link = await _meet(stage, await stage.backend("main"))
    station.kill()
    assert (await link.closed()).code == 1006


async def test_a_backend_can_refuse_and_accept_again(stage: Stage) -> None:
    """A scripted backend rejects handshakes with the status that the test sets."""
    backend = await stage.backend("main")
    backend.refuse(404, "no such station")
    with pytest.raises(Refused) as refused:
        await _meet(stage, backend)
    assert refused.value.response.status_code == 404
    backend.accept()
    await _meet(stage, backend)
    assert [handshake.station for handshake in backend.handshakes] == ["CP1", "CP1"]


async def test_a_backend_can_go_and_come_back_on_its_port(stage: Stage) -> None:
    """A scripted backend that stops resets its links and takes new ones after it started again."""
    backend = await stage.backend("main")
    station, _ = await _meet(stage, backend)
    await backend.stop()
    await station.closed()
    with pytest.raises(OSError, match=r"refused|Connect call failed"):
        await stage.station("CP1", url=backend.url.format(station="CP1"))
    await backend.start()
    await _meet(stage, backend)


async def test_an_end_that_does_not_read(stage: Stage) -> None:
    """What is sent to an end that has stopped reading is received when it resumes."""
    station, link = await _meet(stage, await stage.backend("main"))
    link.deafen()
    await station.ask("Heartbeat")
    link.hear()
    await link.expect("Heartbeat")


async def test_a_raw_station_sends_any_head(stage: Stage) -> None:
    """A raw station sees HTTP answers, and goes on as a websocket after a 101."""
    backend = await stage.backend("main")
    raw = await RawStation.connect("127.0.0.1", backend.port, stage.transcript)
    response = await raw.handshake("/ocpp/CP1", Sec_WebSocket_Protocol="ocpp1.6, ocpp2.0.1")
    assert (response.status_code, response.headers["Sec-WebSocket-Protocol"]) == (101, "ocpp1.6")
    station = raw.upgraded()
    await station.ask("Heartbeat", id="1")
    await (await backend.station("CP1")).expect("Heartbeat", id="1")
    await raw.drop()


async def test_compression_is_agreed_when_both_want_it(stage: Stage) -> None:
    """Stations and backends of the harness can compress."""
    backend = await stage.backend("main", compression=True)
    station = await stage.station("CP1", url=backend.url.format(station="CP1"), compression=True)
    assert station.response is not None
    assert "permessage-deflate" in station.response.headers["Sec-WebSocket-Extensions"]
    await station.ask("Heartbeat", id="1")
    await (await backend.station("CP1")).expect("Heartbeat", id="1")


def test_configurations_are_written_as_toml() -> None:
    """What the harness writes is read back as the same document."""
    document = {
        "listen": {"stations": ["ws://[::1]:1", {"url": "wss://x:2", "key": 'a"b\\c'}], "http": "127.0.0.1:3"},
        "backends": {"a b": {"wait": 0.5, "flag": True, "retry": {"first": 1}}},
        "routes": {"main": {"rules": [{"actions": ["Boot*"], "answer": "é"}, {"answer": []}]}},
        "stations": [{"match": "*", "tags": ["x"]}, {"match": "CP1"}],
    }
    assert tomllib.loads(toml(document)) == document
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": None}, "d": 3}) == {"a": {"c": 2}, "d": 3}
