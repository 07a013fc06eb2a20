"""Live messages through the API: each call with its answer, on every leg."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from tests.harness import SEND, Stage
from tests.web.client import Stream, api_of
from voltgate.gateway import Gateway
from voltgate.ocpp.messages import Call, Error, Result
from voltgate.relay.notifier import Notifier
from voltgate.relay.tap import Overheard, Taps
from voltgate.web.tail import Tail, document


async def _listening(stream: Stream) -> Stream:
    """Wait until the stream hears: a comment says so."""
    first = await stream.next(comments=True)
    assert first is not None
    assert first.kind == ":"
    return stream


async def take(stream: Stream, number: int) -> list[Any]:
    """Give so many messages, without their times."""
    found = []
    for event in await stream.take(number):
        assert event.kind == "message"
        assert event.data.pop("at").endswith("Z")
        found.append(event.data)
    return found


async def test_a_call_is_shown_on_every_leg(stage: Stage) -> None:
    """A call of a station is shown as each backend answered it and as the station was answered, with latencies."""
    await stage.backend("main")
    await stage.backend("watcher")
    async with api_of(stage) as (api, _), api.stream("/messages", station="cp1") as stream:
        await _listening(stream)
        station, link, other = await stage.meet("CP1")
        beat = await station.ask("Heartbeat", {}, "m1")
        await link.answer(await link.expect("Heartbeat"), {"currentTime": "2026-01-01T00:00:00Z"})
        await station.expect_result(beat)
        to_main, from_station = await take(stream, 2)
        assert to_main.pop("latency_ms") > 0
        assert from_station.pop("latency_ms") > 0
        common = {
            "station": "CP1",
            "action": "Heartbeat",
            "message_id": "m1",
            "payload": {},
            "outcome": "result",
            "reply": {"currentTime": "2026-01-01T00:00:00Z"},
            "backend": "main",
        }
        assert to_main == common | {"leg": "main", "direction": "to_backend"}
        assert from_station == common | {"leg": "station", "direction": "from_station"}
        await other.fail(await other.expect("Heartbeat"), "NotSupported", "No.")
        (copy,) = await take(stream, 1)
        assert (copy["leg"], copy["outcome"]) == ("watcher", "error")
        assert copy["reply"] == {"code": "NotSupported", "description": "No.", "details": {}}


async def test_a_command_is_shown_on_both_legs(stage: Stage) -> None:
    """A backend's call is shown as the station answered it and as the backend was answered."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, link = await stage.meet("CP1")
        async with api.stream("/messages") as stream:
            await _listening(stream)
            await link.ask("Reset", {"type": "Soft"}, "r1")
            await station.answer(await station.expect("Reset"), {"status": "Accepted"})
            await link.expect_result("r1")
            found = await take(stream, 2)
            assert [(each["leg"], each["direction"], each["backend"]) for each in found] == [
                ("station", "to_station", "main"),
                ("main", "from_backend", "main"),
            ]
            assert {each["message_id"] for each in found} == {"r1"}


async def test_calls_of_the_api_are_shown(stage: Stage) -> None:
    """A call of the API is shown on the station's leg, and bears no backend; one without an answer says so."""
    await stage.backend("main")
    async with api_of(stage) as (api, _), api.stream("/messages") as stream:
        await _listening(stream)
        station, _link = await stage.meet("CP1")
        (await api.post("/stations/CP1/calls", {"action": "ClearCache", "timeout": 0.2})).gives(504)
        sent = await station.expect("ClearCache")
        (shown,) = await take(stream, 1)
        assert (shown["direction"], shown["leg"], shown["backend"]) == ("to_station", "station", None)
        assert (shown["outcome"], shown["message_id"]) == ("unanswered", sent.id)


async def test_other_stations_are_not_shown(stage: Stage) -> None:
    """Who listens to one station is shown nothing of another; sends are shown without an outcome."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        one, link_one = await stage.meet("CP1", "ocpp2.1")
        two, link_two = await stage.meet("CP2", "ocpp2.1")
        async with api.stream("/messages", station="CP2") as stream:
            await _listening(stream)
            for station, link in ((one, link_one), (two, link_two)):
                await station.ask("NotifyPeriodicEventStream", {"id": 1}, kind=SEND)
                await link.expect("NotifyPeriodicEventStream", kind=SEND)
            found = await take(stream, 2)
            assert {(each["station"], each["outcome"], each["reply"]) for each in found} == {("CP2", None, None)}
            assert [each["direction"] for each in found] == ["from_station", "to_backend"]


async def test_listening_leaves_nothing_behind(stage: Stage) -> None:
    """Bytes pass unchanged while somebody listens and after; a payload with line breaks is shown on one line."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        station, link = await stage.meet("CP1")
        text = '[2, "m1", "DataTransfer", {\n  "vendorId": "x",\r\n "data": "a\\nb", "n": 1.50e0}]'
        for _ in range(2):
            async with api.stream("/messages") as stream:
                await _listening(stream)
                station.send(text)
                await link.answer(await link.expect_text(text), {"status": "Accepted"})
                await station.expect_result("m1")
                shown, _again = await take(stream, 2)
                assert shown["payload"] == {"vendorId": "x", "data": "a\nb", "n": 1.5}
        station.send(text)
        await link.answer(await link.expect_text(text), {"status": "Accepted"})
        await station.expect_result("m1")


# The tail itself.


def _overheard(number: int, size: int = 10) -> Overheard:
    call = Call(f"m{number}", "Heartbeat", b'"%b"' % (b"x" * size))
    return Overheard("CP1", "from_station", 0.0, call, Result("", b"{}"), 0.001, None)


class _Empty:
    sessions: dict[str, Any] = {}  # noqa: RUF012 - a gateway without stations


async def test_a_slow_reader_loses_messages_and_is_told_how_many() -> None:
    """A reader that does not keep up loses the newest messages, never the gateway's memory."""
    gateway: Gateway = _Empty()  # type: ignore[assignment]
    taps = Taps(Notifier(time.monotonic, print))
    tail = Tail(gateway, taps, None, most=100)
    pieces = tail.pieces()
    assert await anext(pieces) == ()
    for number in range(130):
        taps.pass_on("cp1", _overheard(number))
    first, second = await anext(pieces), await anext(pieces)
    assert [each.kind for each in (*first, *second)] == ["message"] * 100 + ["lost"]
    assert second[-1].data == b'{"lost":30}'
    for number in range(20):
        taps.pass_on("cp1", _overheard(number, 1 << 20))
    tail.close()
    rest = [piece async for piece in pieces]
    assert [each.kind for piece in rest for each in piece] == ["message"] * 7 + ["lost"]
    assert rest[-1][-1].data == b'{"lost":13}'
    assert not taps.concern("cp1")


def test_what_a_message_looks_like() -> None:
    """A message that went out bears the id that it bore on the wire, and an error its three parts."""
    call = Call("asked", "Reset", b"{}")
    error = Error("sent", "GenericError", "why", b'{"a":1}')
    shown = document(Overheard("CP1", "to_station", 0.0, call, error, 0.0015, "main"))
    assert msgspec.json.decode(msgspec.json.encode(shown)) == {
        "at": "1970-01-01T00:00:00.000Z",
        "station": "CP1",
        "leg": "station",
        "direction": "to_station",
        "action": "Reset",
        "message_id": "sent",
        "payload": {},
        "outcome": "error",
        "reply": {"code": "GenericError", "description": "why", "details": {"a": 1}},
        "latency_ms": 1.5,
        "backend": "main",
    }
    left = document(Overheard("CP1", "from_station", 0.0, call, None, 2.0, None))
    assert (left["outcome"], left["reply"], left["message_id"]) == ("unanswered", None, "asked")
