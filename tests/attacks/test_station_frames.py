"""Attacks of a station that was let in, by websocket frames: floods, compression, messages that are costly to build."""

from __future__ import annotations

import json
import zlib

import pytest
from websockets.frames import Opcode

from tests.harness import Link, Stage, frame


async def let_in(stage: Stage, **headers: str) -> Link:
    """Connect a station that may send any frame."""
    raw = await stage.raw()
    response = await raw.handshake("/CP1", **headers)
    assert response.status_code == 101
    return raw.upgraded()


def packed(text: bytes) -> bytes:
    """Return a compressed text frame."""
    deflate = zlib.compressobj(wbits=-15)
    return frame(Opcode.TEXT, (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4], rsv1=True)


async def test_compression_is_off_unless_somebody_wants_it(stage: Stage) -> None:
    """A station that offers compression gets none: 1 KB cannot become 1 MB."""
    await stage.backend("main")
    await stage.gateway()
    raw = await stage.raw()
    response = await raw.handshake("/CP1", Sec_WebSocket_Extensions="permessage-deflate")
    assert response.status_code == 101
    assert "Sec-WebSocket-Extensions" not in response.headers


async def test_what_is_inflated_counts_against_the_rate(stage: Stage) -> None:
    """Some KB of frames that are inflated to more than the station may say end its connection with 1008."""
    main = await stage.backend("main")
    await stage.gateway(protocol={"compression": True}, limits={"messages_burst": 50, "messages_per_second": 0.01})
    station = await let_in(stage, Sec_WebSocket_Extensions="permessage-deflate")
    link = await main.station("CP1")
    text = json.dumps([2, "1", "DataTransfer", {"vendorId": "x", "data": "y" * 100_000}]).encode()
    assert len(packed(text)) < 1000
    station.write(packed(text))  # counts as 25
    await link.expect("DataTransfer")
    for _ in range(2):
        station.write(packed(text))
    assert (await station.closed()).code == 1008


async def test_long_messages_count_for_several(stage: Stage) -> None:
    """A station that keeps its messages few and long says no more than one of many short ones."""
    await stage.backend("main")
    await stage.gateway(limits={"messages_burst": 50, "messages_per_second": 0.01})
    station = await let_in(stage)
    for number in range(9):
        await station.ask("DataTransfer", {"vendorId": "x", "data": "y" * 30_000}, id=str(number))
    assert (await station.closed()).code == 1008


@pytest.mark.parametrize(
    ("opcode", "fin"), [(Opcode.PING, True), (Opcode.PONG, True), (Opcode.TEXT, True), (Opcode.CONT, False)]
)
async def test_frames_without_a_message_are_metered(stage: Stage, opcode: Opcode, fin: bool) -> None:
    """Pings, pongs, empty texts and the parts of a message that never ends count as messages do: 1008 in the end."""
    await stage.backend("main")
    await stage.gateway(limits={"messages_burst": 50, "messages_per_second": 0.01})
    station = await let_in(stage)
    if opcode is Opcode.CONT:
        station.write(frame(Opcode.TEXT, b"[", fin=False))
    for _ in range(40):
        station.write(frame(opcode, b"", fin=fin))
    await station.ping() if opcode is not Opcode.CONT else None
    for _ in range(20):
        station.write(frame(opcode, b"", fin=fin))
    assert (await station.closed()).code == 1008


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("[" * 300 + "1" + "]" * 300, "nested"),
        ('{"a":' * 300 + "1" + "}" * 300, "nested"),
        ("[" + "1," * 100_001 + "1]", "values"),
        ("[" + "[]," * 70_000 + "1]", "values"),
    ],
)
@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_what_is_costly_to_build_is_not_built(stage: Stage, version: str, data: str, why: str) -> None:
    """A message that is nested too deep, or holds too many values, reaches no backend; the station goes on."""
    main = await stage.backend("main")
    await stage.gateway()
    station = await let_in(stage, Sec_WebSocket_Protocol=version)
    link = await main.station("CP1")
    station.send(f'[2,"bad","DataTransfer",{{"vendorId":"{"x" * 500}","data":{data}}}]')
    if version != "ocpp1.6":
        assert why in (await station.expect_error("bad", "FormatViolation")).text
    asked = await station.ask("Heartbeat")
    await link.answer(await link.expect("Heartbeat"), {"currentTime": "2026-01-01T00:00:00Z"})
    await station.expect_result(asked)


async def test_an_answer_that_is_costly_to_build_ends_its_call_at_once(stage: Stage) -> None:
    """The backend that asked hears an error, and not the time-out."""
    main = await stage.backend("main")
    await stage.gateway()
    station = await let_in(stage)
    link = await main.station("CP1")
    asked = await link.ask("GetConfiguration")
    call = await station.expect("GetConfiguration")
    station.send(f'[3,"{call.id}",{{"configurationKey":{"[" * 400}{"]" * 400}}}]')
    await link.expect_error(asked)
