from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bench import claims, soap, soap_generator
from bench.contenders import Place, free_ports
from bench.envelopes import KINDS, PATTERN, Answers, Calls, Cut, Messages, number
from bench.soap_backend import Link, Tally
from bench.soap_generator import Fleet
from voltgate.config import load
from voltgate.ocpp.schemas import check
from voltgate.ocpp.soap import codec
from voltgate.ocpp.soap.envelope import Envelope, parse


def content(message: bytes) -> bytes:
    return message.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("sequence", range(len(PATTERN)))
def test_calls_and_answers_are_valid_ocpp(sequence: int) -> None:
    """What the bench's SOAP stations and their central system say is OCPP-S 1.6 and breaks no schema."""
    request, message_id, ending = Calls(7, "/soap").call(sequence)
    response = Answers().answer(message_id, sequence)
    for message, kind in ((request, "request"), (response, "response")):
        said = parse(content(message))
        assert isinstance(said, Envelope)
        assert (said.kind, said.operation) == (kind, PATTERN[sequence].operation)
        payload = codec.decode(said)
        assert isinstance(payload, dict)
        assert check("1.6", said.operation, kind, payload) is None
    said = parse(content(request))
    assert isinstance(said, Envelope)
    assert (said.identity, said.message_id) == ("CP-00007", message_id.decode())
    assert number(message_id) == (7, sequence)
    assert response.endswith(ending)


def test_ids_that_are_not_ours_are_known() -> None:
    """An id that no station of the bench has minted is told from those that one has."""
    _, message_id, _ = Calls(65535, "/soap").call(2**32 - 1)
    assert number(message_id) == (65535, 2**32 - 1)
    assert number(b"urn:uuid:answer") == number(message_id[:-1] + b"x") == (-1, -1)


@pytest.mark.parametrize("step", [1, 7, 300, 100_000])
def test_messages_are_read_however_they_are_cut(step: int) -> None:
    """A message that comes in pieces is whole in the end, and the next one begins where it ended."""
    messages = Messages()
    for sequence in range(4):
        request, *_ = Calls(1, "/soap").call(sequence)
        pieces = [messages.feed(request[at : at + step]) for at in range(0, len(request), step)]
        assert pieces[:-1] == [None] * (len(pieces) - 1)
        assert pieces[-1] == (request, len(request) - len(content(request)))


def test_what_cannot_be_measured_is_no_message() -> None:
    """A message without a length, and one with another behind it, are refused."""
    request, *_ = Calls(1, "/soap").call(0)
    with pytest.raises(Cut):
        Messages().feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(Cut):
        Messages().feed(request + request)


class Faulty(Link):
    """A central system that does something wrong with the 5th call of each station."""

    fault = "none"

    def _called(self, data: bytes, start: int) -> None:
        fault = self.fault if b"00000004<" in data else "none"
        if fault == "lose":
            return
        if fault == "change":
            data = data.replace(b"00000004<", b"0000000e<")
        super()._called(data, start)
        if fault == "cut":
            assert self._transport is not None
            self._transport.abort()


@asynccontextmanager
async def fleet_at(fault: str, stations: int = 3) -> AsyncIterator[tuple[Fleet, Tally]]:
    tally = Tally()
    kind = type("Faulty", (Faulty,), {"fault": fault})
    (port,) = free_ports(1)
    server = await asyncio.get_running_loop().create_server(lambda: kind(tally, Answers()), "127.0.0.1", port)
    fleet = Fleet({"port": port, "first": 0})
    try:
        assert await fleet.answer({"do": "open", "stations": stations}) == {"opened": stations}
        yield fleet, tally
    finally:
        fleet.leave()
        server.close()
        await server.wait_closed()


async def loaded(fleet: Fleet) -> dict[str, int]:
    now = asyncio.get_running_loop().time()
    found = await fleet.answer({"do": "load", "start": now, "from": now, "to": now + 1})
    return {name: found[name] for name in ("lost", "doubled", "wrong") if found[name]}


@pytest.mark.parametrize(("fault", "seen"), [("none", {}), ("lose", {"lost": 3}), ("change", {"wrong": 3})])
async def test_stations_notice_what_goes_wrong(
    fault: str, seen: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lost and a foreign answer are counted, and nothing is when nothing happened."""
    monkeypatch.setattr(soap_generator, "PATIENCE", 0.5)
    async with fleet_at(fault) as (fleet, tally):
        assert await loaded(fleet) == seen
        assert (tally.wrong > 0, tally.out_of_order > 0) == (False, fault == "change")


async def test_a_connection_that_is_cut_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that nobody here ended are counted."""
    monkeypatch.setattr(soap_generator, "PATIENCE", 0.5)
    async with fleet_at("cut") as (fleet, _):
        await loaded(fleet)
        assert fleet.count.broken == 3


async def test_the_central_system_notices_what_is_changed() -> None:
    """A body that is not the station's own, another's identity, and what is no call of ours are counted."""
    tally = Tally()
    (port,) = free_ports(1)
    server = await asyncio.get_running_loop().create_server(lambda: Link(tally, Answers()), "127.0.0.1", port)
    try:
        request, *_ = Calls(1, "/soap").call(0)
        assert (await said(port, request)).startswith(b"HTTP/1.1 200")
        assert tally.wrong == 0
        await said(port, request.replace(b"</heartbeatRequest>", b"<a></heartbeatRequest>")[: len(request)])
        assert tally.wrong == 1
        await said(port, request.replace(b"CP-00001", b"CP-00002"))
        assert tally.wrong == 2
        assert (await said(port, request.replace(b"-4000-8000-", b"-4000-9000-"))).startswith(b"HTTP/1.1 400")
        assert tally.wrong == 3
    finally:
        server.close()
        await server.wait_closed()


async def said(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


def test_every_kind_is_sent() -> None:
    """Heartbeats, meter values and status notifications come 4:3:3."""
    assert [PATTERN.count(kind) for kind in KINDS] == [4, 3, 3]


@pytest.mark.parametrize("written", [soap.settings, claims.settings])
def test_what_voltgate_is_told_is_a_configuration(tmp_path: Path, written: Callable[[Place], str]) -> None:
    """Voltgate understands how the bench configures it for SOAP and for claims."""
    path = tmp_path / "voltgate.toml"
    path.write_text(written(Place(tmp_path, 20001, 20002, 20003, 20004, None, 1000)), encoding="utf-8")
    assert load(path, {}).backends


def test_claimed_stations_are_many_and_different() -> None:
    """Each backend of the bench claims 100,000 stations, the connected ones among them, and none is another's."""
    lists = [claims.identities(backend) for backend in range(claims.BACKENDS)]
    assert len({identity for one in lists for identity in one}) == claims.BACKENDS * claims.CLAIMED == 1_000_000
    assert lists[0][: claims.STATIONS] == [f"CP-{number:05d}" for number in range(claims.STATIONS)]


def test_a_watch_tells_how_long_a_loop_looked_away(tmp_path: Path) -> None:
    """Work between two looks at the sockets is measured in CPU time, and forgotten when it was told."""
    watch = claims.Watch(tmp_path / "watch")

    def told() -> float:
        watch.tell()
        return float((tmp_path / "watch").read_text())

    def work() -> None:
        until = time.process_time() + 0.1
        while time.process_time() < until:
            pass

    async def worked() -> float:
        watch.begin(asyncio.get_running_loop())
        asyncio.get_running_loop().call_soon(work)
        await asyncio.sleep(0.01)
        return told()

    assert asyncio.run(worked()) >= 0.1
    assert told() == 0
