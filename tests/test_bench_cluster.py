"""The bench's measurements of brokers and clusters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bench import amqp, commands, many, mqtt, pair, records, report, scale
from bench.backend import Link, Tally
from bench.cluster import Counters
from bench.contenders import Place, free_ports, settings
from bench.direct import Direct
from bench.frames import ID_AT, ID_END, SMALL, Reader
from bench.generator import Fleet
from bench.machine import Cores, Spent
from bench.phases import Sample
from bench.results import Results
from tests.harness import until
from voltgate.config import load

URL = "postgresql://postgres@127.0.0.1:5432/postgres"


@pytest.mark.parametrize(
    "written",
    [
        mqtt.settings,
        amqp.settings,
        partial(commands.settings, url=URL),
        *(partial(settings, manner=manner, database=URL) for manner in pair.MANNERS.values()),
    ],
)
def test_what_voltgate_is_told_is_a_configuration(tmp_path: Path, written: Callable[[Place], str]) -> None:
    """Voltgate understands how the bench configures it for brokers and clusters."""
    path = tmp_path / "voltgate.toml"
    path.write_text(written(Place(tmp_path, 20001, 20002, 20003, 20004, None, 1000)), encoding="utf-8")
    found = load(path, {})
    assert found.backends
    assert (found.store.url == URL) is isinstance(written, partial)


class Asking(Link):
    """A backend that asks each station for something once it is there."""

    answers: list[bytes]

    def _handshake(self, data: bytes) -> None:
        super()._handshake(data)
        assert self._transport is not None
        text = b'[2,"0a1b","ClearCache",{}]'
        self._transport.write(bytes((0x81, len(text))) + text)

    def _slowly(self, data: bytes) -> None:
        self.answers += [payload for _, payload in self._reader.feed(data)]


@pytest.mark.parametrize("obliging", [True, False])
async def test_stations_do_what_they_are_asked_where_that_is_measured(obliging: bool) -> None:
    """A station answers a command under the command's id; where none is measured it counts as nobody's answer."""
    answers: list[bytes] = []
    kind = type("Asking", (Asking,), {"answers": answers})
    (port,) = free_ports(1)
    server = await asyncio.get_running_loop().create_server(lambda: kind(Tally()), "127.0.0.1", port)
    fleet = Fleet({"port": port, "tls": False, "first": 7, "spin": False, "obliging": obliging})
    try:
        assert await fleet.answer({"do": "open", "stations": 1, "together": 1}) == {"opened": 1}
        await until(lambda: answers if obliging else fleet.count.wrong, "the command is taken")
        assert [json.loads(answer) for answer in answers] == [[3, "0a1b", {"status": "Accepted"}]] * obliging
        assert fleet.count.wrong == (not obliging)
        await fleet.answer({"do": "leave"})
        assert fleet.stations == []
    finally:
        fleet.leave()
        server.close()
        await server.wait_closed()


async def test_a_station_without_a_socket_calls_and_is_answered() -> None:
    """It says the envelope of the call whose turn it is, takes its answer, and counts one that is not its own."""
    said: list[tuple[str, bytes, bytes]] = []
    fleet = Fleet({"port": 0, "tls": False, "first": 0, "spin": False})
    station = Direct(7, fleet, lambda *message: said.append(message))
    station.call()
    ((identity, message_id, envelope),) = said
    assert identity == "CP-00007"
    assert json.loads(envelope) == {"type": 2, "action": "Heartbeat", "id": message_id.decode(), "request": {}}
    assert station.connected
    assert station.busy
    station.take(b'{"type":3,"id":"another","response":{}}')
    assert (fleet.count.wrong, station.busy) == (1, True)
    station.take(b'{"type":3,"id":"%b","response":{}}' % message_id)
    assert (fleet.count.answered, station.busy) == (1, False)


def test_the_same_ids_are_sent_with_and_without_a_gateway() -> None:
    """The consumer finds in a direct station's call the number that a websocket station's has."""
    said: list[bytes] = []

    async def called() -> Fleet:
        fleet = Fleet({"port": 0, "tls": False, "first": 0, "spin": False})
        Direct(7, fleet, lambda _, message_id, __: said.append(message_id)).call()
        return fleet

    fleet = asyncio.run(called())
    frame, _ = fleet.mint.mint(SMALL, fleet.mint.openings(7), 0)
    ((_, text),) = Reader().feed(frame)
    assert said == [text[ID_AT:ID_END]]


def test_looking_at_a_database_is_no_work_of_its_own() -> None:
    """Two looks without anything between them find one commit, which is the second look's, and tell of none."""
    assert Counters(12, 6, 900, 1.5).since(Counters(10, 5, 400, 1.0)) == Counters(2, 0, 500, 0.5)


def test_work_is_that_of_each_without_what_is_done_anyway() -> None:
    """What an idle gateway and its database do is taken off before work is divided."""

    def work(seconds: float, statements: int) -> records.Work:
        return records.Work(Spent(10.0, seconds, seconds, seconds), Counters(statements, 8, 4000, seconds / 2))

    assert work(3.0, 500).each("x", 4, work(1.0, 100)) == {
        "x gateway": 500.0,
        "x database": 250.0,
        "x statements": 100.0,
        "x commits": 0.0,
        "x wal": 0.0,
    }


def test_cores_of_their_own_are_for_machines_that_have_them() -> None:
    """Two gateways have a core each only where those who load them have enough besides."""
    assert not pair.apart(Cores(1, (0,)))
    assert not pair.apart(Cores(3, (0, 1, 2)))
    assert pair.apart(Cores(5, (0, 1, 2, 3, 4)))


def found(times: float, four: float, apart: float = 0.0) -> Results:
    """Return results of all these measurements."""
    results = Results()
    brokers = dict.fromkeys(("rate", "capacity", "micros", "user", "share", "kilobytes", "accepted"), 10.0)
    brokers |= {
        "broker": 90.0,
        "paced": 60.0,
        "broker paced": 300.0,
        "p50": 900.0,
        "p99": 4000.0,
        "direct p50": 400.0,
        "direct p99": 2500.0,
    }
    of_commands = {f"{name}{n}": 5.0 for name, _ in commands._FIGURES for n in commands.GATEWAYS} | {"idle4": 3.0}
    of_commands["milliseconds4"] = four
    of_pair = {f"{name} {figure}": 20.0 for name in pair.TITLES for figure in ("micros1", "micros2", "rate1", "rate2")}
    of_records = {f"{name} {figure}": 2.0 for name in records.TITLES for figure, _ in records._FIGURES}
    of_many = {
        f"{name} {figure}": 8.0 for name in many.BROKERS for figure in ("kilobytes", "broker", "accepted", "ping")
    }
    for name, figures in {
        "mqtt": brokers,
        "amqp": brokers,
        "many": of_many | {"stations": 50_000.0, "gateways": 3.0, "descriptors": 20_000.0},
        "commands": of_commands,
        "pair": of_pair | {"plain times": times, "journal times": times, "apart": apart},
        "records": of_records | {"alone calls": 9.0, "copied calls": 9.0, "alone row": 500.0},
    }.items():
        results.add(name, Sample("voltgate", 0, figures))
    return results


def test_the_report_tells_of_brokers_and_clusters() -> None:
    """Each measurement has its section, which says what was not measured directly; without any there is none."""
    run = report.Run("2026-11-21", {}, {}, (), "", "two", 1, 100)
    text = report.tables(found(1.97, 5.0), run)
    assert "Voltgate adds 500 µs to the one and 1,500 µs to the other" in text
    assert "## 50,000 stations behind a broker" in text
    assert "3 gateways, as a process may have 20,000 descriptors" in text
    assert "this machine has fewer" in text
    assert "nan" not in text
    empty = report.tables(Results(), run)
    for title in ("stations behind a broker", "## Commands", "## Two gateways", "## The database"):
        assert title in text
        assert title not in empty


def test_two_gateways_and_dear_commands_are_judged() -> None:
    """Two gateways must carry 1.8 times what one does, and a command must not grow dearer with their number."""
    names = ("calls of two gateways ÷ of one", "CPU time of a command from 4 gateways ÷ from 2")

    def verdicts(results: Results) -> list[bool | None]:
        return [aim.met for aim in report.aims(results) if aim.what in names]

    assert verdicts(found(1.97, 5.0, apart=1.0)) == [True, True]
    assert verdicts(found(1.7, 6.0, apart=1.0)) == [False, False]
    assert verdicts(found(1.7, 5.0)) == [None, True]
    assert verdicts(Results()) == [None, None]


@pytest.mark.parametrize("written", [mqtt.settings, amqp.settings])
def test_pings_are_counted_that_are_sent(tmp_path: Path, written: Callable[[Place], str]) -> None:
    """Where the cost of a ping is measured stations are pinged often, so that each has some in a short time."""
    place = Place(tmp_path, 20001, 20002, 20003, 20004, None, 1000)
    path = tmp_path / "voltgate.toml"
    path.write_text(many.pinging(written(place), place), encoding="utf-8")
    assert [listener.ping for listener in load(path, {}).listen.stations] == [many.PING]


def test_what_many_stations_need_is_computed(tmp_path: Path) -> None:
    """The traffic is that of the model, figures are read from what runs have written down, and what lacks is a dash."""
    assert 10_000 * scale.AVERAGE.calls == pytest.approx(98.7, abs=0.05)
    assert 10_000 * scale.AVERAGE.payload == pytest.approx(56_700, rel=0.01)
    measured = found(1.97, 5.0)
    measured.samples["load"] = [Sample("voltgate", 0, {"micros": 15.0}), Sample("voltgate", 1, {"micros": 25.0})]
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"results": measured.as_json()}), encoding="utf-8")
    figures = scale.Figures(scale.read([path]))
    assert scale.message(figures, "ws") == 20.0
    assert "| websocket backends | 1,000,000 |     0.88 |" in scale.gateways(figures)
    assert "| 4        |                         200 |" in scale.commands(figures)
    empty = scale.Figures(Results())
    for part in scale.PARTS:
        assert "nan" not in part(figures) + part(empty)


async def test_commands_are_asked_for_at_one_gateway_and_meant_for_the_next() -> None:
    """A connection that the gateway has closed is not used again, and an answer that is none counts as failed."""
    said: list[str] = []
    answers = iter(("200 OK", "200 OK", "504 Gateway Timeout"))

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(commands.BODY))
        said.append(head.decode().split()[1])
        body = b'{"result":{"status":"Accepted"}}'
        writer.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (next(answers).encode(), len(body), body))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    caller = commands.Caller(1, [0, server.sockets[0].getsockname()[1]])
    for done in range(3):
        await caller.command(0.0)
        assert len(caller.latencies) == done + 1
        await until(caller._kept[-1][0].at_eof, "the gateway has closed it")
    assert said == [f"/api/v1/stations/CP-0000{number}/calls" for number in range(3)]
    assert (caller.failed, caller.problem.split("\r")[0]) == (1, "HTTP/1.1 504 Gateway Timeout")
    caller.close()
    server.close()
    await server.wait_closed()
