"""Scenarios: what happens on the wires between a charger, Voltgate and its backends, told as it happens."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.frames import Opcode

from tests.harness import Gateway, Stage, boot_accepted, boot_payload, toml, until

BEAT = {"currentTime": "2026-01-01T00:00:00Z"}
QUICK = {"first": 0.1, "max": 0.3, "jitter": 0}
START = {"connectorId": 1, "idTag": "04E1", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
STARTED = {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}


async def test_one_backend(stage: Stage) -> None:
    """A charger boots, charges and stops; its one backend answers everything, and commands it in between."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1")
    steps = [
        ("BootNotification", boot_payload("ocpp1.6"), boot_accepted()),
        ("StartTransaction", START, STARTED),
        ("MeterValues", {"connectorId": 1, "transactionId": 7, "meterValue": []}, {}),
    ]
    for action, payload, answer in steps:
        asked = await station.ask(action, payload)
        await main.answer(await main.expect(action, id=asked), answer)
        assert (await station.expect_result(asked)).payload == answer
    asked = await main.ask("RemoteStopTransaction", {"transactionId": 7})
    await station.answer(await station.expect("RemoteStopTransaction", id=asked), {"status": "Accepted"})
    await main.expect_result(asked)
    asked = await station.ask(
        "StopTransaction", {"transactionId": 7, "meterStop": 9, "timestamp": "2026-01-01T01:00:00Z"}
    )
    await main.answer(await main.expect("StopTransaction", id=asked), {})
    await station.expect_result(asked)
    await stage.quiet(station, main)


async def test_a_copy_is_told_and_never_heard(stage: Stage) -> None:
    """A second backend hears every call of the charger, and its answers end at the gateway."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.gateway()
    station, main, copy = await stage.meet()
    for number in range(5):
        asked = await station.ask("DataTransfer", {"vendorId": "v", "data": str(number)})
        await copy.answer(await copy.expect("DataTransfer", id=asked), {"status": "Rejected"})
        await main.answer(await main.expect("DataTransfer", id=asked), {"status": "Accepted"})
        assert (await station.expect_result(asked)).payload == {"status": "Accepted"}
    await stage.quiet(station, main, copy)


async def test_two_backends_with_equal_message_ids(stage: Stage) -> None:
    """Both backends call with the id "1": each gets the answer to its own call."""
    await stage.backend("main")
    await stage.backend("other")
    await stage.gateway(calls={"station_window": 2})
    station, main, other = await stage.heard()
    await main.ask("ClearCache", id="1")
    first = await station.expect("ClearCache", id="1")
    await other.ask("GetLocalListVersion", id="1")
    second = await station.expect("GetLocalListVersion")
    assert second.id != "1"
    await station.answer(second, {"listVersion": 3})
    await station.answer(first, {"status": "Accepted"})
    assert (await other.expect_result("1")).payload == {"listVersion": 3}
    assert (await main.expect_result("1")).payload == {"status": "Accepted"}
    await stage.quiet(station, main, other)


@pytest.mark.parametrize("admit", ["backend", "gateway"])
async def test_failover_before_a_call_is_written(stage: Stage, admit: str) -> None:
    """The first backend is down, the second answers; when the first is back it answers again, boot replayed."""
    first, second = await stage.backend("first"), await stage.backend("second")
    await first.stop()
    await stage.gateway(
        routes={"main": {"admit": admit, "rules": [{"answer": ["first", "second"]}]}},
        backends={"first": {"retry": QUICK}, "second": {"retry": QUICK}},
    )
    station = await stage.station("CP1")
    asked = await station.ask("BootNotification", boot_payload("ocpp1.6"))
    stand_in = await second.station("CP1")
    await stand_in.answer(await stand_in.expect("BootNotification", id=asked), boot_accepted())
    await station.expect_result(asked)
    await first.start()
    main = await first.station("CP1")
    await main.answer(await main.expect("BootNotification"), boot_accepted())
    asked = await station.ask("Heartbeat")
    await main.answer(await main.expect("Heartbeat", id=asked), BEAT)
    await station.expect_result(asked)
    await stage.quiet(station, main, stand_in)


async def test_a_call_that_was_written_is_not_given_to_another_backend(stage: Stage) -> None:
    """The backend dies with a StartTransaction in its hands: the other never sees it, or it would be billed twice."""
    first = await stage.backend("first")
    await stage.backend("second")
    await stage.gateway(
        routes={"main": {"rules": [{"answer": ["first", "second"]}]}},
        backends={"first": {"retry": QUICK, "wait": 60}, "second": {"retry": QUICK}},
    )
    station = await stage.station("CP1")
    main = await first.station("CP1")
    asked = await station.ask("StartTransaction", START)
    await main.expect("StartTransaction", id=asked)
    await first.stop()
    second = await stage.backends["second"].station("CP1")
    beat = await station.ask("Heartbeat")
    await second.answer(await second.expect("Heartbeat", id=beat), BEAT)
    await station.expect_result(beat)
    await first.start()
    back = await first.station("CP1")
    await back.answer(await back.expect("StartTransaction", id=asked), STARTED)
    assert (await station.expect_result(asked)).payload["idTagInfo"] == STARTED["idTagInfo"]
    await stage.quiet(station, back, second)


async def test_a_silent_backend(stage: Stage) -> None:
    """A backend that never answers: Heartbeat gets an error in time; for a transaction the socket is closed instead."""
    await stage.backend("main")
    await stage.gateway(calls={"backend": 0.5})
    station, main = await stage.meet()
    beat = await station.ask("Heartbeat")
    await main.expect("Heartbeat")
    await station.expect_error(beat, "InternalError")
    await station.ask("StartTransaction", START)
    await main.expect("StartTransaction")
    ending = await station.closed()
    assert ending.code == 1001
    assert "StartTransaction" in ending.reason
    assert sum(line.startswith("[4,") for line in stage.transcript.got("CP1")) == 1, "the transaction got no error"


async def test_a_dead_backend_refuses_at_once_by_setting(stage: Stage) -> None:
    """With `when_down = "refuse"` a call meets an error at once, a transaction message a close."""
    main = await stage.backend("main")
    await stage.gateway(
        routes={"main": {"admit": "gateway", "rules": [{"answer": "main"}]}},
        backends={"main": {"when_down": "refuse", "retry": QUICK}},
    )
    station, _ = await stage.meet()
    await main.stop()
    await until(lambda: _refused(station), "the backend counts as away")
    await station.ask("StartTransaction", START)
    assert (await station.closed()).code == 1001


async def _refused(station: object) -> bool:
    answer = await station.call("Heartbeat")  # type: ignore[attr-defined]
    return bool(answer.parts[0] == 4)


async def test_a_dead_backend_closes_the_station_by_setting(stage: Stage) -> None:
    """With `when_down = "close"` the station is let go as soon as its backend is."""
    main = await stage.backend("main")
    await stage.gateway(backends={"main": {"when_down": "close"}})
    station, _ = await stage.meet()
    await main.stop()
    assert (await station.closed()).code == 1001


async def test_an_expired_call_is_not_delivered_late(stage: Stage) -> None:
    """A call that waited too long for its backend is answered with an error, and never sent."""
    main = await stage.backend("main")
    await stage.backend("steady")
    await stage.gateway(
        backends={"main": {"wait": 0.5, "then": "refuse", "retry": {"first": 2, "max": 2, "jitter": 0}}},
    )
    station, _, _ = await stage.meet()
    await main.stop()
    beat = await station.ask("Heartbeat")
    await station.expect_error(beat, "InternalError")
    await main.start()
    link = await main.station("CP1")
    await stage.quiet(station, link)


async def test_a_slow_backend_holds_up_nobody_else(stage: Stage) -> None:
    """While one station waits for its answer, others are served, and its own later calls too."""
    await stage.backend("main")
    await stage.gateway()
    slow, main = await stage.meet("SLOW")
    waiting = await slow.ask("Authorize", {"idTag": "1"})
    held = await main.expect("Authorize")
    stage.backends["main"].answers("Heartbeat", BEAT)
    for number in range(20):
        await (await stage.station(f"CP{number}")).call("Heartbeat")
    await slow.call("Heartbeat")
    await main.answer(held, {"idTagInfo": {"status": "Accepted"}})
    await slow.expect_result(waiting)


async def test_a_babbling_copy_costs_the_station_nothing(stage: Stage) -> None:
    """A copy that sends rubbish, answers to nothing and hundreds of calls: the station is served as ever."""
    await stage.backend("main")
    await stage.backend("babbler")
    gateway = await stage.gateway(limits={"waiting_calls": 5}, backends={"babbler": {"permit": "full"}})
    station, main, babbler = await stage.meet()
    stage.backends["main"].answers("Heartbeat", BEAT)
    for number in range(100):
        babbler.send("rubbish")
        babbler.send(f'[3,"x{number}",{{}}]')
        babbler.send(f'[2,"b{number}","ClearCache",{{}}]')
    for _ in range(20):
        await station.call("Heartbeat")
    asked = await main.ask("GetLocalListVersion")
    served = []
    while not served or served[-1] != "GetLocalListVersion":
        call = await station.next()
        served.append(call.action)
        await station.answer(call, {"listVersion": 1, "status": "Accepted"})
    await main.expect_result(asked)
    assert len(served) <= 3, "askers take turns"
    assert await gateway.metric("voltgate_mishaps_total", side="babbler", kind="malformed") == 100
    overloaded = await gateway.metric(
        "voltgate_calls_total", direction="to_station", backend="babbler", action="ClearCache", outcome="overloaded"
    )
    assert overloaded > 80, "what overflows is refused with an answer, and counted"


async def test_a_mute_station(stage: Stage) -> None:
    """A station that answers no call: each asker hears an error in time, and nothing is left behind."""
    await stage.backend("main")
    await stage.backend("other")
    await stage.gateway(calls={"station": 0.5}, backends={"other": {"permit": "full"}})
    station, main, other = await stage.heard()
    asked = [(end, await end.ask("ClearCache")) for end in (main, other, main)]
    for end, message_id in asked:
        await end.expect_error(message_id, "InternalError")
    assert len(stage.transcript.got("CP1")) >= 2
    await stage.quiet(main, other)
    assert station.is_open


async def test_a_station_that_comes_back_is_one_station(stage: Stage) -> None:
    """Under `admit = "gateway"` the backends' links survive the station's new connection; open calls are answered."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.gateway(routes={"main": {"admit": "gateway", "rules": [{"answer": "main", "copy": ["copy"]}]}})
    old, main, copy = await stage.heard(name="old")
    command = await main.ask("ClearCache")
    await old.expect("ClearCache")
    new = await stage.station("CP1", name="new")
    ending = await old.closed()
    assert (ending.code, ending.reason) == (1001, "Replaced by a new connection")
    await main.expect_error(command, "InternalError")
    beat = await new.ask("Heartbeat")
    await copy.expect("Heartbeat", id=beat)
    await main.answer(await main.expect("Heartbeat", id=beat), BEAT)
    await new.expect_result(beat)
    assert [len(backend.handshakes) for backend in stage.backends.values()] == [1, 1]
    await stage.quiet(new, main, copy)


async def test_a_backend_that_kicks_the_old_link_starts_no_ping_pong(stage: Stage) -> None:
    """Under `admit = "backend"` the backend drops the old link when the new one comes: nobody dials back."""
    main = await stage.backend("main")
    await stage.gateway(backends={"main": {"retry": QUICK}})
    _, first = await stage.meet(name="old")
    main.hold()
    coming = asyncio.ensure_future(stage.station("CP1", name="new"))
    await main.expect_handshakes(2)
    first.kill()
    main.release()
    new = await coming
    link = await main.station("CP1")
    beat = await new.ask("Heartbeat")
    await link.answer(await link.expect("Heartbeat"), BEAT)
    await new.expect_result(beat)
    await stage.quiet(new, link)
    assert len(main.handshakes) == 2


async def test_a_stormy_start_loses_no_first_call(stage: Stage) -> None:
    """500 stations at once, whichever backend connects first: every one gets the answer to its first call."""
    main, copy = await stage.backend("main"), await stage.backend("copy")
    for backend in (main, copy):
        backend.answers("BootNotification", boot_accepted())
    await stage.gateway(limits={"handshakes_per_second": 0})

    async def come(number: int) -> None:
        if number % 100 == 50:
            copy.hold()
        elif number % 100 == 99:
            copy.release()
        station = await stage.station(f"CP{number}")
        assert (await station.boot()).payload["status"] == "Accepted"

    for start in range(0, 500, 50):
        await asyncio.gather(*(come(number) for number in range(start, start + 50)))
    copy.release()
    said = [line.end for line in stage.transcript.lines if line.direction == "←" and "BootNotification" in line.text]
    assert len([end for end in said if end.startswith("main/")]) == 500
    await until(lambda: _heard(stage) == 500, "every copy is told, however late its link was")


def _heard(stage: Stage) -> int:
    lines = stage.transcript.lines
    return sum(line.end.startswith("copy/") and line.direction == "←" and "BootN" in line.text for line in lines)


async def test_a_gateway_that_admits_keeps_what_is_said_before_a_backend_is_there(stage: Stage) -> None:
    """Under `admit = "gateway"` a station is let in while its backend is away; its calls wait and are answered."""
    main = await stage.backend("main")
    await main.stop()
    await stage.gateway(
        routes={"main": {"admit": "gateway", "rules": [{"answer": "main"}]}},
        backends={"main": {"retry": QUICK, "wait": 60}},
    )
    station = await stage.station("CP1")
    asked = await station.ask("BootNotification", boot_payload("ocpp1.6"))
    beat = await station.ask("Heartbeat")
    await main.start()
    link = await main.station("CP1")
    await link.answer(await link.expect("BootNotification", id=asked), boot_accepted())
    await link.answer(await link.expect("Heartbeat", id=beat), BEAT)
    await station.expect_result(asked)
    await station.expect_result(beat)


@pytest.mark.parametrize("how", ["SIGHUP", "file"])
async def test_a_changed_route_moves_its_stations(stage: Stage, how: str) -> None:
    """A reload sends one station elsewhere: its open call is answered first, the other station notices nothing."""
    await stage.backend("old")
    await stage.backend("new")
    routes = {"a": {"rules": [{"answer": "old"}]}, "b": {"rules": [{"answer": "new"}]}}
    entries = [{"identity": "MOVES", "route": "a"}, {"identity": "STAYS", "route": "a"}]
    document = stage.configuration(routes=routes, stations=entries)
    del document["routes"]["main"]
    gateway = await stage.gateway(document)
    moves, stays = await stage.station("MOVES"), await stage.station("STAYS")
    old, rest = [await stage.backends["old"].station(name) for name in ("MOVES", "STAYS")]
    boot = await moves.ask("BootNotification", boot_payload("ocpp1.6"))
    await old.answer(await old.expect("BootNotification"), boot_accepted())
    await moves.expect_result(boot)
    held = await moves.ask("Authorize", {"idTag": "1"})
    call = await old.expect("Authorize")
    document["stations"][0]["route"] = "b"
    await _change(gateway, toml(document), how)
    new = await stage.backends["new"].station("MOVES")
    await new.answer(await new.expect("BootNotification"), boot_accepted())
    beat = await moves.ask("Heartbeat")
    await new.answer(await new.expect("Heartbeat", id=beat), BEAT)
    await moves.expect_result(beat)
    await old.answer(call, {"idTagInfo": {"status": "Accepted"}})
    await moves.expect_result(held)
    await old.closed()
    await stage.quiet(moves, new, stays, rest)
    assert len(stage.backends["old"].handshakes) == 2


async def _change(gateway: Gateway, text: str, how: str) -> None:
    if how == "SIGHUP":
        gateway.reload(text)
    else:
        gateway.file.write_text(text)


async def test_a_bad_configuration_changes_nothing(stage: Stage) -> None:
    """A mistake in the file is reported, and the gateway goes on as before."""
    await stage.backend("main")
    gateway = await stage.gateway()
    station, main = await stage.meet()
    gateway.reload("[listen]\nstations = 7\n")
    await gateway.logged("configuration not changed", "listen.stations")
    assert json.loads((await gateway.get("/readyz")).body)["configuration"]["problems"]
    beat = await station.ask("Heartbeat")
    await main.answer(await main.expect("Heartbeat"), BEAT)
    await station.expect_result(beat)


async def test_sigterm_lets_open_calls_finish(stage: Stage) -> None:
    """SIGTERM under load: nobody new comes in, open calls are answered, stations get 1001, the exit code is 0."""
    await stage.backend("main")
    gateway = await stage.gateway(shutdown={"grace": 20, "spread": 0.3})
    stations = [await stage.station(f"CP{number}") for number in range(20)]
    asked = [await station.ask("Heartbeat") for station in stations]
    links = [await stage.backends["main"].station(f"CP{number}") for number in range(20)]
    calls = [await link.expect("Heartbeat") for link in links]
    stopping = asyncio.ensure_future(gateway.stop())
    await gateway.logged("stopping")
    for link, call in zip(links, calls, strict=True):
        await link.answer(call, BEAT)
    for station, message_id in zip(stations, asked, strict=True):
        await station.expect_result(message_id)
        assert (await station.closed()).code == 1001
    await stopping
    with pytest.raises(OSError):  # noqa: PT011 - whatever the system calls it
        await stage.raw()


async def test_a_second_signal_exits_now(stage: Stage) -> None:
    """Who cannot wait sends the signal again."""
    import signal

    await stage.backend("main")
    gateway = await stage.gateway(shutdown={"grace": 60, "spread": 0})
    station, main = await stage.meet()
    await station.ask("Heartbeat")
    await main.expect("Heartbeat")
    gateway.signal(signal.SIGINT)
    await gateway.logged("stopping")
    gateway.signal(signal.SIGINT)
    assert await gateway.exited() == 130


async def test_malformed_frames_from_each_side_stay_where_they_are(stage: Stage) -> None:
    """Rubbish is neither passed on nor does it end anything; broken websocket frames end their own connection only."""
    await stage.backend("main")
    await stage.backend("copy")
    gateway = await stage.gateway(backends={"copy": {"retry": QUICK}})
    station, main, copy = await stage.meet()
    for end in (station, main, copy):
        for text in ("rubbish", "[]", "[2]", '{"a":1}', "[[[[", '[3,"nobody",{}]'):
            end.send(text)
    await stage.quiet(station, main, copy)
    copy.send_frame(Opcode.BINARY, b"\x00")
    assert (await copy.closed()).code == 1003
    again = await stage.backends["copy"].station("CP1")
    beat = await station.ask("Heartbeat")
    await again.expect("Heartbeat")
    await main.answer(await main.expect("Heartbeat"), BEAT)
    await station.expect_result(beat)
    station.send_frame(Opcode.BINARY, b"\x00")
    assert (await station.closed()).code == 1003
    assert await gateway.metric("voltgate_stations") == 0


async def test_a_flood_ends_in_a_clear_refusal(stage: Stage) -> None:
    """A station beyond its rate is let go with 1008 and told why; others are not touched."""
    main = await stage.backend("main")
    main.answers("Heartbeat", BEAT)
    await stage.gateway(limits={"messages_per_second": 10, "messages_burst": 20})
    station, other = await stage.station("FLOOD"), await stage.station("CP2")
    for number in range(200):
        station.send(f'[2,"{number}","Heartbeat",{{}}]')
    ending = await station.closed()
    assert ending.code == 1008
    assert "10 messages a second" in ending.reason
    await other.call("Heartbeat")


async def test_unknown_stations(stage: Stage) -> None:
    """A stranger is refused with 404, by setting led to a default route."""
    await stage.backend("main")
    await stage.gateway(stations=[{"match": "CP*", "route": "main"}])
    assert (await stage.refused("STRANGER")).status_code == 404
    await stage.gateway(stations=[{"match": "CP*", "route": "main"}], unknown={"policy": "route", "route": "main"})
    await stage.meet("STRANGER")


async def test_a_web_page_is_no_station_that_anybody_knows(stage: Stage) -> None:
    """A browser on the gateway's machine lets every page connect: where any station may come, pages from elsewhere not.

    What a proxy passes on, and a station that is known, may have the header.
    """
    await stage.backend("main")
    stranger = {"policy": "route", "route": "main"}
    await stage.gateway(stations=[{"match": "CP*", "route": "main"}], unknown=stranger)
    for origin in (
        "http://evil.example",
        "https://evil.example:9000",
        "null",
        "http://[",
        "http://127.0.0.1.evil.example",
    ):
        assert (await stage.refused("STRANGER", headers={"Origin": origin})).status_code == 403, origin
    for number, origin in enumerate(("http://localhost:3000", "http://127.0.0.1:9000", "http://[::1]")):
        await stage.station(f"STRANGER{number}", headers={"Origin": origin})
    await stage.station("STRANGER", headers={"Origin": "http://a.example", "X-Forwarded-For": "192.0.2.7"})
    await stage.station("CP1", headers={"Origin": "http://a.example"})


async def test_credentials_go_to_the_answering_backend_only(stage: Stage) -> None:
    """Authorization and User-Agent are the answering backend's to see, copies do not get them; all know the address."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.gateway()
    await stage.meet(headers={"Authorization": "Basic Q1AxOnNlY3JldA==", "User-Agent": "Finch/1.0"})
    main, copy = (backend.handshakes[0].headers for backend in stage.backends.values())
    assert (main["Authorization"], main["User-Agent"]) == ("Basic Q1AxOnNlY3JldA==", "Finch/1.0")
    assert "Authorization" not in copy
    assert copy.get("User-Agent") != "Finch/1.0"
    assert main["X-Forwarded-For"] == copy["X-Real-IP"] == "127.0.0.1"
    assert main["X-Forwarded-Proto"] == copy["X-Forwarded-Proto"] == "http"


async def test_nothing_secret_reaches_a_stranger_or_the_log(stage: Stage) -> None:
    """Where a backend is stays in the log; what stands in a query, and passwords, do not get there."""
    main = await stage.backend("main")
    await main.stop()
    gateway = await stage.gateway(log={"level": "debug"})
    refused = await (await stage.raw()).handshake("/CP1?token=s3cret-query", Authorization="Basic Q1AxOnMzY3JldC1wYXNz")
    assert refused.status_code == 503
    assert str(main.port) not in (refused.body or b"").decode()
    log = await gateway.logged("backend away", "cannot connect")
    assert "CP1" in log
    await gateway.logged("station refused", "/CP1")
    for secret in ("s3cret-query", "Q1AxOnMzY3JldC1wYXNz", "s3cret-pass"):
        assert secret not in gateway.log
