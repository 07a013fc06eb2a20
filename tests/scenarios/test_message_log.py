"""The message log of a real process: what was said is there later, masked; the log never keeps a station waiting."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests import soap_ends
from tests.amqp_ends import Consumer as AmqpConsumer
from tests.harness import Gateway, Stage, until
from tests.harness.frames import frame
from tests.mqtt_ends import Consumer as MqttConsumer
from tests.scenarios.test_soap_envelopes import from_station, named
from tests.servers import RabbitMQ, mosquitto
from tests.soap_ends import SoapStation
from tests.web.client import TOKEN, Api, api_of, asking

START = {"connectorId": 1, "idTag": "04A2B3C4D5", "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
ACCEPTED = {"status": "Accepted"}
BEAT = {"currentTime": "2026-01-01T00:00:00Z"}
TEXT, BINARY = 1, 2
ALL = {"messages": {"stations": ["*"]}}


async def found(api: Api, number: int, **query: Any) -> list[dict[str, Any]]:
    """Wait until the log has at least so many records of this kind; give them, the oldest first."""

    async def enough() -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await api.log(**query))["items"]
        return items if len(items) >= number else []

    items: list[dict[str, Any]] = await until(enough, f"{number} records of {query}")
    return items[::-1]


def writer_of(gateway: Gateway) -> int:
    """Give the process that writes the log of a gateway."""
    children = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text().split()
    writers = [child for child in children if b"messages.writer" in Path(f"/proc/{child}/cmdline").read_bytes()]
    assert len(writers) == 1, children
    return int(writers[0])


def segments(gateway: Gateway) -> list[Path]:
    """Give the files of the log of a gateway."""
    return sorted((gateway.folder / "var" / "messages").glob("*.sqlite"))


def rows(paths: Iterable[Path]) -> list[tuple[Any, ...]]:
    """Read everything that is in some segments."""
    read = []
    for path in paths:
        with closing(sqlite3.connect(path)) as segment:
            assert segment.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            read += segment.execute("SELECT action, direction FROM messages ORDER BY id").fetchall()
    return read


async def beats(stage: Stage, station: Any, link: Any) -> None:
    """Have a station say that it is there, and be answered."""
    asked = await station.ask("Heartbeat")
    await link.answer(await link.expect("Heartbeat"), BEAT)
    await station.expect_result(asked)


async def test_what_was_said_is_there_later(stage: Stage) -> None:
    """A transaction at two backends: both legs, both numbers, who decided, and nobody's card."""
    await stage.backend("main")
    await stage.backend("billing")
    async with api_of(stage, **ALL) as (api, gateway):
        station, main, billing = await stage.meet("CP1")
        start = await station.ask("StartTransaction", START, "s1")
        await main.answer(await main.expect("StartTransaction"), {"transactionId": 7, "idTagInfo": ACCEPTED})
        number = (await station.expect_result(start)).payload["transactionId"]
        await billing.answer(await billing.expect("StartTransaction"), {"transactionId": 70, "idTagInfo": ACCEPTED})
        stop = {"transactionId": number, "meterStop": 10, "timestamp": "2026-01-01T11:00:00Z", "idTag": "04a2b3c4d5"}
        stopped = await station.ask("StopTransaction", stop, "e1")
        await main.answer(await main.expect("StopTransaction"), {"idTagInfo": ACCEPTED})
        await station.expect_result(stopped)
        await billing.answer(await billing.expect("StopTransaction"), {"idTagInfo": ACCEPTED})

        started = {each["leg"]: each for each in await found(api, 3, station="cp1", action="StartTransaction")}
        assert started.keys() == {"station", "main", "billing"}
        said = started["station"]
        assert (said["direction"], said["outcome"], said["message_id"]) == ("from_station", "result", "s1")
        assert (said["backend"], said["route"], said["rule"], said["decided"]) == ("main", "main", 0, "rule")
        assert said["reply"]["transactionId"] == number
        assert said["changed"] == f"answer: transactionId 7 → {number} (number)"
        assert {each["call"] for each in started.values()} == {said["call"]}
        assert {each["latency_ms"] > 0 for each in started.values()} == {True}
        ended = {each["leg"]: each for each in await found(api, 3, action="StopTransaction")}
        assert (ended["station"]["rule"], ended["station"]["decided"]) == (None, "owner")
        assert ended["main"]["changed"] == f"transactionId {number} → 7 (number)"
        assert ended["billing"]["payload"]["transactionId"] == 70
        cards = {each["payload"]["idTag"] for each in (*started.values(), *ended.values())}
        assert len(cards) == 1, "one card is one pseudonym, however it is written"
        assert b"04A2B3C4D5" not in b"".join(path.read_bytes() for path in segments(gateway)).upper()

        assert [each["leg"] for each in await found(api, 1, backend="billing", action="StopTransaction")] == ["billing"]
        assert len((await api.log(text="meterstop"))["items"]) == 3
        assert (await api.log(outcome="error"))["items"] == (await api.log(station="CP2"))["items"] == []
        both = [await api.log(limit=2)]
        while both[-1]["next"] is not None:
            both.append(await api.log(limit=2, cursor=both[-1]["next"]))
        pages = [each["id"] for page in both for each in page["items"]]
        whole = (await api.log())["items"]
        assert pages == [each["id"] for each in whole]
        assert [each["at"] for each in whole] == sorted((each["at"] for each in whole), reverse=True)
        later = whole[0]["at"]
        assert (await api.log(since=later))["items"][0]["at"] == later
        assert later not in [each["at"] for each in (await api.log(until=later))["items"]]


async def test_what_is_no_message(stage: Stage) -> None:
    """Frames that cannot be read, and handshakes that are refused, are there as well, as far as they are short."""
    await stage.backend("main")
    known = {"stations": [{"match": "CP*", "route": "main"}]}
    async with api_of(stage, **ALL, **known) as (api, gateway):
        station, link = await stage.meet("CP1")
        station.send('[2,"x","Authorize",{"idTag":"04FACE99"')
        station.send('{"idTag":"04FACE99", "more": "' + "y" * 3000 + '"}')
        await beats(stage, station, link)
        await stage.refused("nobody", url=gateway.url("nobody") + "?token=04FACE99")
        torn, other = await found(api, 2, kind="malformed")
        assert (torn["station"], torn["leg"], torn["direction"]) == ("CP1", "station", "from_station")
        assert torn["payload"].startswith('[2,"x","Authorize"')
        assert len(other["payload"]) <= 1100
        assert "bytes" in other["description"]
        (refused,) = await found(api, 1, kind="refused")
        assert refused["description"].startswith("404: ")
        assert "04FACE99" not in str((torn, other, refused))


async def test_what_ends_a_connection(stage: Stage) -> None:
    """What breaks the websocket is there with the reason, as far as it can be read, of stations and of backends."""
    await stage.backend("main")
    async with api_of(stage, **ALL) as (api, _):
        broken = {
            "CP-UTF8": frame(TEXT, b'[2,"1","Boot\xff'),
            "CP-BITS": b"\xb1" + frame(TEXT, b"[2,")[1:],
            "CP-SIZE": frame(TEXT, b'[2,"2","X",{"idTag":"04FACE99","a":"' + b"x" * (6 << 20))[:90],
            "CP-UTF16": frame(BINARY, '[2,"3","Authorize",{"idTag":"04FACE99"}]'.encode("utf-16")),
        }
        for identity, data in broken.items():
            station = await stage.station(identity)
            station.write(data)
            await station.closed()
        records = {each["station"]: each for each in await found(api, 4, kind="malformed")}
        assert records.keys() == broken.keys()
        assert {each["leg"] for each in records.values()} == {"station"}
        assert (records["CP-UTF8"]["payload"], records["CP-BITS"]["payload"]) == ('[2,"1","Boot\\xff', "[2,")
        assert records["CP-UTF8"]["description"] == "a text that is not UTF-8"
        assert records["CP-BITS"]["description"] == "a reserved bit is set"
        assert records["CP-SIZE"]["description"].startswith("a message of more than ")
        assert "04FACE99" not in str(records)
        _, link = await stage.meet("CP1")
        link.write(frame(TEXT, b'[3,"\xff', mask=False))
        (record,) = await found(api, 1, station="CP1", kind="malformed")
        assert (record["leg"], record["direction"], record["payload"]) == ("main", "from_backend", '[3,"\\xff')


async def test_recording_begins_and_ends_at_run_time(stage: Stage) -> None:
    """Nothing is recorded until somebody asks for it; a restart goes on with it; asking for nothing ends it."""
    await stage.backend("main")
    async with api_of(stage) as (api, gateway):
        station, link = await stage.meet("CP1")
        await beats(stage, station, link)
        assert (await api.log())["items"] == []
        assert not segments(gateway)
        wanted = {"stations": ["cp*"], "hours": 1}
        shown = (await api.ask("PUT", "/messages/recording", wanted)).gives(200)
        assert (shown["asked"]["stations"], shown["configured"]["stations"]) == (["cp*"], [])
        await beats(stage, station, link)
        await found(api, 2, station="CP1")
        (await api.ask("PUT", "/messages/recording", {"routes": ["nowhere"]})).gives(422)
        gateway.signal(signal.SIGTERM)
        await until(lambda: not gateway.running, "the gateway has ended")
        await gateway.start()
        assert (await api.get("/messages/recording")).gives(200)["asked"]["stations"] == ["cp*"]
        station, link = await stage.meet("CP1")
        await beats(stage, station, link)
        await found(api, 4, station="CP1")
        (await api.ask("PUT", "/messages/recording", {})).gives(200)
        await beats(stage, station, link)
        assert len((await api.log(action="Heartbeat"))["items"]) == 4


async def test_a_writer_that_hangs_delays_nobody(stage: Stage) -> None:
    """While the writer stands still stations are served; when it goes on, what was said meanwhile is there."""
    await stage.backend("main")
    async with api_of(stage, **ALL) as (api, gateway):
        station, link = await stage.meet("CP1")
        await beats(stage, station, link)
        await found(api, 2)
        writer = writer_of(gateway)
        os.kill(writer, signal.SIGSTOP)
        for _ in range(50):
            await beats(stage, station, link)
        assert len((await api.log())["items"]) == 2
        os.kill(writer, signal.SIGCONT)
        await found(api, 102, limit=1000)
        os.kill(writer, signal.SIGSTOP)
        await beats(stage, station, link)
        gateway.signal(signal.SIGTERM)
        await until(lambda: not gateway.running, "the gateway ends all the same")


async def test_a_writer_that_dies(stage: Stage) -> None:
    """Another takes its place; the log says that something may be missing, and what was written stays."""
    await stage.backend("main")
    async with api_of(stage, **ALL) as (api, gateway):
        station, link = await stage.meet("CP1")
        await beats(stage, station, link)
        await found(api, 2)
        os.kill(writer_of(gateway), signal.SIGKILL)
        await gateway.logged("the writer of the message log has ended")
        await beats(stage, station, link)
        await found(api, 4, station="CP1")
        assert await gateway.metric("voltgate_messages_written_total") == 4


async def test_a_gateway_that_is_killed(stage: Stage) -> None:
    """What was handed over is there, and can be read, after kill -9 of the gateway and of its writer."""
    await stage.backend("main")
    async with api_of(stage, **ALL) as (api, gateway):
        station, link = await stage.meet("CP1")
        for _ in range(20):
            await beats(stage, station, link)
        await found(api, 40, limit=1000)
        writer = writer_of(gateway)
        gateway.signal(signal.SIGKILL)
        os.kill(writer, signal.SIGKILL)
        await until(lambda: not gateway.running, "the gateway is dead")
        assert len(rows(segments(gateway))) == 40
        await gateway.start()
        station, link = await stage.meet("CP1")
        await beats(stage, station, link)
        await found(api, 42, limit=1000)


async def test_a_folder_that_cannot_be_written_to(stage: Stage) -> None:
    """Stations are served, what is lost is counted, and the reason is logged."""
    await stage.backend("main")
    async with api_of(stage, messages={"stations": ["*"], "folder": "/proc/none"}) as (api, gateway):
        station, link = await stage.meet("CP1")
        await beats(stage, station, link)
        await gateway.logged("messages cannot be written to the log", "/proc/none")
        await until(lambda: gateway.metric("voltgate_messages_dropped_total"), "the loss is counted")
        await beats(stage, station, link)
        assert (await api.log())["items"] == []


async def test_stations_and_backends_of_every_kind(stage: Stage, rabbit: RabbitMQ, prefix: str) -> None:
    """A SOAP station, and backends behind MQTT and RabbitMQ, are recorded as all others are."""
    await stage.backend("main")
    with mosquitto() as broker:
        routes = {name: {"rules": [{"answer": name}]} for name in ("main", "mqtt", "amqp")}
        backends = {"mqtt": {"url": f"{broker.url}/{prefix}"}, "amqp": {"url": rabbit.url, "prefix": prefix}}
        stations = [
            {"match": "M-*", "route": "mqtt"},
            {"match": "A-*", "route": "amqp"},
            {"match": "*", "route": "main"},
        ]
        changes = {"routes": routes, "backends": backends, "stations": stations, "admin_token": TOKEN, **ALL}
        by_mqtt = await MqttConsumer.connect(broker, prefix)
        by_amqp = await AmqpConsumer.connect(rabbit.url, prefix)
        gateway = await soap_ends.gateway(stage, **changes)
        for identity, consumer in (("M-1", by_mqtt), ("A-1", by_amqp)):
            station = await stage.station(identity)
            asked = await station.ask("Heartbeat")
            call: Any = await consumer.next()
            await consumer.answer(call, BEAT)
            await station.expect_result(asked)
            await consumer.drop()
        old = await SoapStation.start(stage, "CP-0001")
        posting = await old.ask(from_station(named("1.6", 3), old))
        link = await stage.backends["main"].station("CP-0001")
        await link.answer(await link.expect("StartTransaction"), {"transactionId": 5, "idTagInfo": ACCEPTED})
        await posting.reply()
        async with asking(gateway.http_port) as api:
            for identity, backend in (("M-1", "mqtt"), ("A-1", "amqp")):
                items = await found(api, 2, station=identity, action="Heartbeat")
                assert {(each["leg"], each["outcome"]) for each in items} == {
                    (backend, "result"),
                    ("station", "result"),
                }
                assert {each["reply"]["currentTime"] for each in items} == {BEAT["currentTime"]}
            started = await found(api, 2, station="CP-0001", action="StartTransaction")
            assert {each["leg"] for each in started} == {"main", "station"}
            assert {each["payload"]["meterStart"] for each in started} == {12345}
            assert {each["payload"]["idTag"][0] for each in started} == {"~"}
            assert {each["reply"]["transactionId"] for each in started} == {5}
