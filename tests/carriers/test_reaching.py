"""Servers with several addresses: one that swallows packets, or says nothing, keeps nobody from the next."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import uvloop

from tests.carriers.echo import house
from tests.harness import Transcript, free_port, within
from tests.keypair import write_pair
from tests.soap_ends import SoapServer
from voltgate.carriers.soap.client import Client, Outcome, Response
from voltgate.carriers.soap.target import target
from voltgate.carriers.websocket import reaching
from voltgate.carriers.websocket.dial import dial
from voltgate.carriers.websocket.link import Link, LinkSettings
from voltgate.carriers.websocket.listener import ListenerSettings
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.carriers.websocket.tls import Certificate
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.carrier import Verdict

SILENT, HEALTHY = "127.0.0.2", "127.0.0.3"
LONG = 20.0

Run: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.new_event_loop], ids=["uvloop", "asyncio"])
def run(request: pytest.FixtureRequest) -> Iterator[Run]:
    """Runs a test in the product's event loop, and in Python's own."""
    with asyncio.Runner(loop_factory=request.param) as runner:
        yield runner.run


@pytest.fixture
def swallowing() -> Iterator[int]:
    """A port at which the first address swallows every packet: its queue is full."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind((SILENT, port))
        full.listen(0)
        for _ in range(3):
            filling = stack.enter_context(socket.socket())
            filling.setblocking(False)
            filling.connect_ex((SILENT, port))
        yield port


@pytest.fixture
def accepting(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port at which the first address accepts connections, however long that takes, and says nothing on them."""
    monkeypatch.setattr(reaching, "_DELAY", 600.0)
    port = free_port()
    with socket.socket() as listening:
        listening.bind((SILENT, port))
        listening.listen(16)
        yield port


def names(*addresses: str) -> Resolver:
    """A resolver that gives these addresses for every name."""
    return Resolver(look_up=lambda host, port: list(addresses or (SILENT, HEALTHY)))


async def dialled(url: str, names: Resolver, timeout: float = LONG, ssl: ssl.SSLContext | None = None) -> str:  # noqa: ASYNC109
    """Dial; return the sub-protocol, or why there is none."""

    def report(fault: Exception, link: Link) -> None:
        raise AssertionError(fault)

    result = await dial(
        url,
        offer=("ocpp1.6",),
        headers=(),
        ssl=ssl,
        settings=LinkSettings(ping=0),
        wheel=Wheel(time.monotonic()),
        clock=time.monotonic,
        timeout=timeout,
        report=report,
        names=names,
    )
    if isinstance(result, Verdict):
        return result.reason
    result.abort("the test is over")
    return str(result.subprotocol)


def at(port: int, host: str = HEALTHY, *certificates: Certificate) -> ListenerSettings:
    """A server at one address."""
    return ListenerSettings("test", host, port, link=LinkSettings(ping=0), certificates=certificates)


def test_a_first_address_that_swallows_packets(run: Run, swallowing: int) -> None:
    """The next one is tried beside it; then it is the first for a while, and nothing waits."""

    async def dials() -> None:
        known = names()
        async with house(at(swallowing)):
            assert await dialled(f"ws://b.test:{swallowing}/CP1", known) == "ocpp1.6"
            assert await known.addresses("b.test", swallowing) == [HEALTHY, SILENT]
            assert await dialled(f"ws://b.test:{swallowing}/CP1", known) == "ocpp1.6"

    run(within(dials(), "both dials", LONG / 2))


def test_addresses_that_refuse(run: Run) -> None:
    """A refusal starts the next attempt at once; where all refuse, that is the reason, and not the time."""
    port = free_port()

    async def dials() -> None:
        known = names("127.0.0.4", "127.0.0.5", HEALTHY)
        async with house(at(port)):
            assert await dialled(f"ws://b.test:{port}/CP1", known) == "ocpp1.6"
        reason = await dialled(f"ws://b.test:{port}/CP1", known)
        assert reason.count("Connect call failed") == 3

    run(dials())


def test_all_addresses_swallow_packets(run: Run, swallowing: int) -> None:
    """The deadline is that of the whole dial, and no socket is left."""

    async def dials() -> None:
        reason = await dialled(f"ws://b.test:{swallowing}/CP1", names(SILENT, SILENT), timeout=0.6)
        assert reason == "no answer within 0.6 s"

    run(dials())


def test_an_address_that_accepts_and_is_silent(run: Run, tmp_path: Path, accepting: int) -> None:
    """The dial that met it fails in time, in TLS or after it; the next one is made to the other address."""
    chain, key, port = tmp_path / "chain.pem", tmp_path / "key.pem", accepting
    write_pair(chain, key)
    trust = ssl.create_default_context(cafile=str(chain))
    certificate = Certificate(str(chain), str(key))

    async def dials() -> None:
        for scheme, certificates, context in (("wss", (certificate,), trust), ("ws", (), None)):
            known = names()
            async with house(at(port, HEALTHY, *certificates)):
                url = f"{scheme}://localhost:{port}/CP1"
                assert await dialled(url, known, 0.5, context) == "no answer within 0.5 s"
                assert await dialled(url, known, LONG, context) == "ocpp1.6"

    run(dials())


@pytest.mark.parametrize(("after", "then"), [(1.2, "ocpp1.6"), (0.2, "no answer within 0.5 s")])
def test_a_dial_that_is_cut_short(run: Run, accepting: int, after: float, then: str) -> None:
    """A newcomer's share of the time may end before the dial does: that tells of a silent address as well.

    A station that hangs up at once tells of nothing.
    """

    async def dials() -> None:
        known, url = names(), f"ws://b.test:{accepting}/CP1"
        async with house(at(accepting)):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(dialled(url, known), after)
            assert await dialled(url, known, 0.5) == then

    run(dials())


def test_a_connection_of_which_nothing_comes(run: Run, accepting: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was connected to before it failed leaves no socket behind."""
    made: list[socket.socket] = []

    async def connect(factory: object, to: socket.socket, *_: object) -> None:
        made.append(to)
        raise OSError("no TLS")

    async def dials() -> None:
        assert await dialled(f"ws://b.test:{accepting}/CP1", names()) == "cannot connect: no TLS"
        assert [sock.fileno() for sock in made] == [-1]

    monkeypatch.setattr(reaching.tls, "connect", connect)
    run(dials())


def test_soap_posts_to_the_address_that_answers(run: Run, swallowing: int) -> None:
    """The client of SOAP reaches a server in the same way, for a first dial and for a post."""

    async def posts() -> None:
        server = SoapServer("server", Transcript(), HEALTHY)
        server.port = swallowing
        await server.listen()
        client = Client(1 << 20, "voltgate/test", names=names())
        to = target(f"http://b.test:{swallowing}/soap")
        try:
            await client.reach(to, LONG)
            outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            client.post(to, b"ask", "/Heartbeat", (), LONG, LONG, outcome.set_result)
            await (await server.next()).answer(b"told")
            assert isinstance(await outcome, Response)
        finally:
            client.close()
            await server.drop()
            await asyncio.sleep(0.05)

    run(within(posts(), "the answer", LONG / 2))


def test_soap_goes_on_where_an_address_is_silent(run: Run, accepting: int) -> None:
    """A post that is not answered in time has the next connection made to the other address."""

    async def posts() -> None:
        known = names()
        client = Client(1 << 20, "voltgate/test", names=known)
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        to = target(f"http://b.test:{accepting}/soap")
        client.post(to, b"ask", "/Heartbeat", (), LONG, 0.3, outcome.set_result)
        assert isinstance(await outcome, TimeoutError)
        assert await known.addresses("b.test", accepting) == [HEALTHY, SILENT]
        client.close()

    run(posts())


def test_backends_at_one_server_have_connections_of_their_own(run: Run, accepting: int) -> None:
    """One that hangs with all that it may have leaves the other one beside it what that needs."""

    async def posts() -> None:
        client = Client(1 << 20, "voltgate/test", names=names(SILENT))
        for backend, number in (("hangs", 300), ("well", 1)):
            to = target(f"http://b.test:{accepting}/{backend}", backend=backend)
            for _ in range(number):
                client.post(to, b"ask", "/Heartbeat", (), LONG, LONG, lambda outcome: None)
        servers = {key[0]: server for key, server in client._servers.items()}
        assert {name: (server.opening, server.is_full) for name, server in servers.items()} == {
            "hangs": (256, True),
            "well": (1, False),
        }
        client.close()
        await asyncio.sleep(0.05)

    run(posts())
