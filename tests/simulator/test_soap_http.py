"""The HTTP of simulated SOAP stations, where the daily life of a fleet does not reach."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.harness import until
from tests.keypair import write_pair
from tests.simulator.central import STATION, Central, central, plan, playing
from tests.simulator.test_cli import run as command
from tests.simulator.world import DEADLINE, running
from voltgate.ocpp.soap import writing
from voltgate.ocpp.soap.names import VERSIONS, Version, namespace
from voltgate.ocpp.wheel import Wheel
from voltgate.simulator.event_loop import TICK
from voltgate.simulator.soap_callback import PATIENCE, Callback, HttpReply
from voltgate.simulator.soap_client import KEPT_ALIVE, Endpoint, SoapClient
from voltgate.simulator.soap_http import MalformedHttp, Message, Reader, answer, post
from voltgate.simulator.tally import Fault


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_messages_are_read_in_any_pieces(size: int) -> None:
    """Two messages on one connection are read one after the other, in whatever pieces they come."""
    data = post("/CP1?a", [("Host", "x")], b"one") + post("/CP2", [("Connection", "close")], b"two")
    reader, got = Reader("request"), []
    for place in range(0, len(data), size):
        got += reader.feed(data[place : place + size])
    assert [(one.method, one.target, one.body, one.keep_alive) for one in got] == [
        ("POST", "/CP1?a", b"one", True),
        ("POST", "/CP2", b"two", False),
    ]


def test_an_interim_answer_is_no_answer() -> None:
    """A 100 or 103 before the answer is passed over."""
    reader = Reader("response")
    got = list(reader.feed(b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(200, "text/plain", b"x", keep_alive=True)))
    assert [(one.status, one.body, one.keep_alive) for one in got] == [(200, b"x", True)]


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        post("/", [("Content-Encoding", "zstd")], b"x"),
        post("/", [("Content-Encoding", "gzip")], b"x"),
        post("/", [("Content-Encoding", "gzip")], gzip.compress(b"x" * (1 << 20) + b"x")),
        post("/", [("Content-Encoding", "deflate")], b""),
        post("/", [("X", "x" * 40_000)], b""),
        post("/" + "x" * 40_000, [], b""),
        post("/", [(f"X{n}", "x") for n in range(150)], b""),
        post("/", [], b"x" * (2 << 20)),
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_what_is_too_much_or_no_http_is_refused(data: bytes) -> None:
    """Heads and bodies are bounded, packed and unpacked."""
    with pytest.raises(MalformedHttp):
        list(Reader("request").feed(data))


def test_the_site_of_a_url() -> None:
    """A URL names host, port and path; the identity stands in it only where it is asked for."""
    endpoint = Endpoint.of("https://[::1]/a/{station}?b=c", "CP 1/2", None)
    assert (endpoint.host, endpoint.port, endpoint.authority, endpoint.target) == (
        "::1",
        443,
        "[::1]",
        "/a/CP%201%2F2?b=c",
    )
    assert endpoint.url == "https://[::1]/a/CP%201%2F2?b=c"
    plain = Endpoint.of("http://x:8080", "CP1", None)
    assert (plain.port, plain.authority, plain.target, plain.url) == (8080, "x:8080", "/", "http://x:8080")
    for url in ("ws://x", "http://"):
        with pytest.raises(ValueError, match="https://"):
            Endpoint.of(url, "CP1", None)


class Hearer:
    """Listens to a caller."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

    def answered(self, message: Message) -> None:
        self.told.put_nowait(("answered", message.body))

    def failed(self, why: str) -> None:
        self.told.put_nowait(("failed", why))

    def late(self, message: Message) -> None:
        self.told.put_nowait(("late", message.body))

    def unsolicited(self, message: Message) -> None:
        self.told.put_nowait(("unasked", message.body))

    def malformed(self, why: str) -> None:
        self.told.put_nowait(("garbled", why))

    async def next(self) -> tuple[str, Any]:
        async with asyncio.timeout(DEADLINE):
            return await self.told.get()


@contextlib.asynccontextmanager
async def calling(there: Central) -> AsyncIterator[tuple[SoapClient, Hearer, list[float]]]:
    """Give a caller whose clock is told what time it is."""
    clock, faults = [100.0], list[BaseException]()
    client, hearer = SoapClient(Endpoint.of(there.url, "CP1", None), lambda: clock[0], faults.append), Hearer()
    client.handler = hearer
    yield client, hearer, clock
    client.close()
    assert faults == []


async def test_an_idle_connection_is_used_again_only_for_a_while() -> None:
    """A connection that was idle for some seconds is not trusted: its server may be about to close it."""
    async with central("1.6") as there, calling(there) as (client, hearer, clock):
        for seconds, connections in ((0, 1), (KEPT_ALIVE - 0.1, 1), (KEPT_ALIVE + 0.1, 2)):
            clock[0] += seconds
            client.post("Heartbeat", b"x")
            assert (await hearer.next())[0] == "answered"
            assert len(there.connections) == connections


async def test_a_listener_that_fails_is_reported() -> None:
    """A fault of the simulator itself is reported, and costs the connection."""
    faults = list[BaseException]()

    class Failing(Hearer):
        def answered(self, message: Message) -> None:
            super().answered(message)
            raise RuntimeError("a fault of ours")

    async with central("1.6") as there:
        client, hearer = SoapClient(Endpoint.of(there.url, "CP1", None), lambda: 0.0, faults.append), Failing()
        client.handler = hearer
        client.post("Heartbeat", b"x")
        await hearer.next()
        assert [str(fault) for fault in faults] == ["a fault of ours"]
        client.close()


async def test_what_comes_unasked_on_an_idle_connection_is_heard() -> None:
    """Answers to nothing and garbage on an idle connection are told as what they are, and that it closes is nothing."""
    said = [answer(200, "text/plain", b"unasked", keep_alive=True), b"garbage\r\n\r\n", b""]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\nx")
        writer.write(answer(200, "text/plain", b"good", keep_alive=True) + (said.pop(0) if said else b""))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client, hearer = SoapClient(Endpoint.of(f"http://127.0.0.1:{port}/", "CP1", None), lambda: 0.0, print), Hearer()
        client.handler = hearer
        for wanted in ("unasked", "garbled", None):
            client.post("Heartbeat", b"x")
            assert await hearer.next() == ("answered", b"good")
            if wanted is not None:
                assert (await hearer.next())[0] == wanted
            await until(lambda: client._connection is None or not client._connection.usable, "the end")
        client.post("Heartbeat", b"x")
        assert await hearer.next() == ("answered", b"good")
        assert hearer.told.empty()
        client.close()


async def test_a_connection_that_the_server_gives_up_is_not_used_again() -> None:
    """After "Connection: close" the next post goes by another connection, even while the old one stands."""
    entered = list[asyncio.StreamWriter]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        entered.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\nx")
                writer.write(answer(200, "text/plain", b"good", keep_alive=False))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client, hearer = SoapClient(Endpoint.of(f"http://127.0.0.1:{port}/", "CP1", None), lambda: 0.0, print), Hearer()
        client.handler = hearer
        for _ in range(2):
            client.post("Heartbeat", b"x")
            assert await hearer.next() == ("answered", b"good")
        assert len(entered) == 2
        client.close()
        await until(lambda: all(writer.is_closing() for writer in entered), "the end")


async def test_what_cannot_be_reached_fails() -> None:
    """A post to where nobody listens fails; one that is given up while it connects is heard no more."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    client, hearer = SoapClient(Endpoint.of(f"http://127.0.0.1:{port}/", "CP1", None), lambda: 0.0, print), Hearer()
    client.handler = hearer
    client.post("Heartbeat", b"x")
    assert (await hearer.next())[0] == "failed"
    client.post("Heartbeat", b"x")
    client.abandon()
    await asyncio.sleep(0.1)
    assert hearer.told.empty()
    with pytest.raises(OSError, match=r"[Cc]onnect"):
        await client.open()


# The callback


@contextlib.asynccontextmanager
async def called(most: int = 1000) -> AsyncIterator[tuple[Callback, list[float], list[str], list[HttpReply]]]:
    """Run a callback that answers when it is told to; its clock is told what time it is."""
    clock, noise, replies = [1000.0], list[str](), list[HttpReply]()
    wheel = Wheel(clock[0], TICK)

    def take(identity: str, message: Message, reply: HttpReply) -> None:
        replies.append(reply)
        if message.body == b"fail":
            raise RuntimeError("a fault of ours")
        if message.body != b"wait":
            reply.send(200, identity.encode() + b":" + message.body)

    def report(fault: BaseException) -> None:
        noise.append(f"reported: {fault}")

    callback = Callback(take, noise.append, wheel, lambda: clock[0], report, most=most)
    await callback.open("127.0.0.1", 0)
    try:
        yield callback, clock, noise, replies
    finally:
        await callback.close()


async def said(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read one answer."""
    async with asyncio.timeout(DEADLINE):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().partition("content-length:")[2].split()[0])
        return int(head.split()[1]), await reader.readexactly(length)


async def over(reader: asyncio.StreamReader) -> bool:
    """Wait for the connection to end without another byte."""
    try:
        async with asyncio.timeout(DEADLINE):
            return await reader.read() == b""
    except ConnectionResetError:
        return True


async def test_requests_ahead_of_their_answers_are_answered_in_order() -> None:
    """Several requests on one connection are served one after the other; too many cost the connection."""
    async with called() as (callback, _, noise, replies):
        reader, writer = await asyncio.open_connection("127.0.0.1", callback.port)
        writer.write(post("/CP%201", [], b"wait") + post("/CP2", [], b"b"))
        await until(lambda: replies, "a request")
        await asyncio.sleep(0.05)
        assert len(replies) == 1
        replies[0].send(200, b"a")
        replies[0].send(200, b"never said")
        assert [await said(reader), await said(reader)] == [(200, b"a"), (200, b"CP2:b")]
        writer.write(post("/CP1", [], b"wait") + 17 * post("/CP1", [], b"x"))
        assert await over(reader)
        assert noise == ["more than 16 requests ahead of their answers"]
        writer.close()


async def test_what_cannot_be_read_is_answered_with_400_unless_an_answer_is_due() -> None:
    """Garbage ends the connection; the answer to an earlier request is never mistaken for it."""
    async with called() as (callback, _, noise, replies):
        reader, writer = await asyncio.open_connection("127.0.0.1", callback.port)
        writer.write(b"garbage\r\n\r\n")
        assert (await said(reader))[0] == 400
        assert await over(reader)
        writer.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", callback.port)
        writer.write(post("/CP1", [], b"wait"))
        await until(lambda: replies, "a request")
        writer.write(b"garbage\r\n\r\n")
        assert await over(reader)
        assert len(noise) == 2
        writer.close()


async def test_a_backend_that_waits_for_leave_to_go_on_gets_it() -> None:
    """A request with "Expect: 100-continue" is asked for its body."""
    async with called() as (callback, _, __, ___):
        reader, writer = await asyncio.open_connection("127.0.0.1", callback.port)
        head, body = post("/CP1", [("Expect", "100-continue")], b"body").split(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        async with asyncio.timeout(DEADLINE):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert await said(reader) == (200, b"CP1:body")
        writer.close()


async def test_silent_connections_and_commands_without_an_answer_end() -> None:
    """Nothing is held for ever: not a connection that says nothing, nor a command that nobody answers."""
    async with called() as (callback, clock, _, replies):
        reader, writer = await asyncio.open_connection("127.0.0.1", callback.port)
        writer.write(post("/CP1", [], b"x"))
        await said(reader)
        clock[0] += PATIENCE - 1
        writer.write(post("/CP1", [], b"wait"))
        await until(lambda: len(replies) == 2, "a request")
        clock[0] += 2
        callback.wheel.tick(clock[0])
        await asyncio.sleep(0.05)
        assert not reader.at_eof()
        clock[0] += PATIENCE
        callback.wheel.tick(clock[0])
        assert await over(reader)
        writer.close()


async def test_connections_to_the_callback_are_bounded() -> None:
    """More connections than there may be are cut, and told of."""
    async with called(most=1) as (callback, _, noise, __):
        first, one = await asyncio.open_connection("127.0.0.1", callback.port)
        one.write(post("/CP1", [], b"x"))
        await said(first)
        second, two = await asyncio.open_connection("127.0.0.1", callback.port)
        assert await over(second)
        assert noise == ["more than 1 connections to the callback at a time"]
        for writer in (one, two):
            writer.close()


async def test_a_callback_that_fails_is_reported() -> None:
    """A fault of the simulator itself is answered with 500 and reported."""
    async with called() as (callback, _, noise, __):
        reader, writer = await asyncio.open_connection("127.0.0.1", callback.port)
        writer.write(post("/CP1", [], b"fail"))
        assert (await said(reader))[0] == 500
        assert noise == ["reported: a fault of ours"]
        writer.close()


# TLS and the command line


async def test_stations_call_by_https(tmp_path: Path) -> None:
    """A central system behind https is called with the authorities that are given, and no others."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    write_pair(certificate, key)
    there = Central("1.5")
    there.ssl = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.ssl.load_cert_chain(certificate, key)
    await there.open()
    try:
        async with running(plan(there, ca=str(certificate))) as run:
            await run.until(lambda: run.fleet.chargers[0].online)
            assert (await run.over()).failures == 0
        async with running(plan(there)) as run:
            await run.until(lambda: run.tally.faults[Fault.REJECTED] > 0)
            assert "certificate" in run.tally.examples[Fault.REJECTED][0].lower()
    finally:
        await there.close()


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_command_simulates_soap(version: Version) -> None:
    """`voltgate simulate --soap` runs a fleet, and takes commands where it is told to."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with central(version) as there:
        words = ("simulate", there.url, "--soap", version, "-n", "3", "--callback", f"localhost:{port}", "--json")
        quickly = ("--profile", "busy", "--impatient", "--echo", "--duration", "2")
        code, out, err = await command(*words, *quickly)
        told = json.loads(out)
        assert (code, told["failures"], there.wrong) == (0, 0, []), (told["examples"], err)
        assert told["transactions"]["begun"] == told["transactions"]["confirmed"] > 0
        assert there.address(STATION) == f"http://localhost:{port}/{STATION}"


async def test_the_command_finds_fault_with_a_bad_central_system() -> None:
    """A central system that answers wrongly ends the command with exit code 1."""
    async with central("1.6") as there:
        there.trick = lambda asked, answer: answer.replace(b"</wsa:RelatesTo>", b"x</wsa:RelatesTo>")
        code, out, _ = await command("simulate", there.url, "--soap", "1.6", "-n", "1", "--duration", "1", "--json")
    assert code == 1
    assert json.loads(out)["faults"]["stray"] > 0


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (("ws://x", "--soap", "1.6"), "http://"),
        (("http://x", "--soap", "2.0.1"), "1.2, 1.5, 1.6"),
        (("http://x", "--soap", "1.6", "--versions", "1.6"), "--soap"),
        (("http://x", "--soap", "1.6", "--open-calls", "2"), "one call"),
        (("http://x", "--soap", "1.6", "--callback", "9300"), "HOST:PORT"),
        (("http://x", "--soap", "1.6", "--callback", "x:99999"), "HOST:PORT"),
        (("http://x", "--soap", "1.6", "--callback", "0.0.0.0:9300"), "reaches"),
        (("ws://x", "--callback", "127.0.0.1:9300"), "--soap"),
    ],
)
async def test_a_mistake_in_the_options_is_explained(words: tuple[str, ...], about: str) -> None:
    """A wrong option ends with exit code 2 and a sentence that helps."""
    code, _, err = await command("simulate", *words)
    assert code == 2
    assert about in err
    assert "Traceback" not in err


async def test_a_taken_callback_is_explained() -> None:
    """A callback whose port is taken ends the command with a sentence."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        callback = f"127.0.0.1:{taken.getsockname()[1]}"
        code, _, err = await command("simulate", "http://127.0.0.1:1/", "--soap", "1.6", "--callback", callback)
    assert code == 2
    assert "in use" in err
    assert "Traceback" not in err


async def test_packed_answers_of_a_server_are_asked_for() -> None:
    """A server that packs what may be packed is understood: stations say that they take gzip and deflate."""

    async def packing(asked: Any, answer: bytes) -> web.Response:
        response = web.Response(body=answer, headers={"Content-Type": writing.CONTENT_TYPE})
        response.enable_compression()
        return response

    async with playing("1.6") as (there, run, charger):
        there.trick = packing
        charger.send_heartbeat(run.fleet.clock.now())
        await run.until(lambda: bool(there.heard("Heartbeat")) and charger.idle)
        assert (await run.over()).failures == 0
        assert namespace("1.6", "Cs").encode() in there.heard("Heartbeat")[0].raw
