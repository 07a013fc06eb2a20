"""Handshakes: a stranger spends his own share of them, and never that of stations that come back."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import pytest

from tests.harness import Gateway, Stage, free_port, until, within
from tests.keypair import write_pair
from voltgate.carriers.websocket import handshakes
from voltgate.carriers.websocket.handshakes import Handshakes

HEAD = (
    "GET /{} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n{}\r\n"
)
CROWD = [f"127.0.{n // 100}.{n % 100 + 2}" for n in range(200)]


async def knock(
    port: int, source: str, more: str = "", identity: str = "CP1", tls: ssl.SSLContext | None = None
) -> int:
    """Make a handshake from an address; returns the status, 0 where nothing was answered."""
    try:
        opened = asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0), ssl=tls)
        reader, writer = await within(opened, "a connection")
    except (ConnectionError, ssl.SSLError):
        return 0
    try:
        writer.write(HEAD.format(identity, more).encode())
        line = await within(reader.readline(), "an answer")
        return int(line.split()[1]) if line else 0
    except ConnectionError:
        return 0
    finally:
        writer.transport.abort()


async def crowd_comes(gateway: Gateway, more: str = "") -> list[int]:
    """Have many addresses knock, twice each."""
    return [await knock(gateway.stations_port, source, more, "CP-X") for source in CROWD for _ in range(2)]


async def test_strangers_leave_room_for_stations_that_return(stage: Stage) -> None:
    """200 addresses ask for handshakes; a station that was here before returns, the strangers are answered 429."""
    await stage.backend("main")
    gateway = await stage.gateway(limits={"handshakes_per_second": 4})
    assert await knock(gateway.stations_port, "127.9.9.9") == 101
    assert 429 in await crowd_comes(gateway, "Authorization: none\r\n")
    assert await knock(gateway.stations_port, "127.9.9.9") == 101
    assert await gateway.metric("voltgate_refusals_total", reason="handshakes") > 0


async def test_one_stranger_leaves_room_for_another(stage: Stage) -> None:
    """One address has its share of one, and another that is as strange gets in."""
    await stage.backend("main")
    gateway = await stage.gateway(limits={"handshakes_per_second": 10}, stations=[{"match": "CP1", "route": "main"}])
    statuses = [await knock(gateway.stations_port, "127.0.0.2", identity="nobody") for _ in range(30)]
    assert {404, 429} == set(statuses)
    assert await knock(gateway.stations_port, "127.0.0.3") == 101


async def test_a_proxy_is_no_stranger(stage: Stage) -> None:
    """Behind a trusted proxy the shares are of those that it names; a /64 of IPv6 is one of them."""
    await stage.backend("main")
    port = free_port()
    listen = {"stations": [{"url": f"ws://127.0.0.1:{port}", "trusted_proxies": ["127.0.0.1"]}]}
    stations = [{"match": "CP1", "route": "main"}]
    await stage.gateway(listen=listen, limits={"handshakes_per_second": 10}, stations=stations)

    async def by_proxy(address: str, identity: str) -> int:
        return await knock(port, "127.0.0.1", f"X-Forwarded-For: {address}\r\n", identity)

    assert 429 in [await by_proxy(f"2001:db8:0:1::{n:x}", "nobody") for n in range(30)]
    assert await by_proxy("2001:db8:0:2::1", "CP1") == 101


async def test_strangers_are_refused_before_tls(stage: Stage, tmp_path: Path) -> None:
    """Beyond his share a stranger is not even greeted: no byte of TLS is answered, and a known station gets in."""
    certificate, key = tmp_path / "own.pem", tmp_path / "own.key"
    write_pair(certificate, key)
    await stage.backend("main")
    port = free_port()
    listen = {"stations": [{"url": f"wss://127.0.0.1:{port}", "certificate": str(certificate), "key": str(key)}]}
    await stage.gateway(listen=listen, limits={"handshakes_per_second": 4})
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    assert await knock(port, "127.9.9.9", tls=trusting) == 101
    statuses = [await knock(port, source, "Authorization: x\r\n", "CP-X", trusting) for source in CROWD[:60]]
    assert 0 in statuses
    assert await knock(port, "127.9.9.9", tls=trusting) == 101

    async def is_closed_unheard() -> bool:
        with contextlib.closing(socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0))) as made:
            made.setblocking(False)
            with contextlib.suppress(ConnectionError, TimeoutError):
                return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(made, 1), 0.2) == b""
        return False

    await until(is_closed_unheard, "one that says nothing is closed at once")


# The shares themselves.


def test_shares() -> None:
    """An address has a tenth, a known one half; strangers leave the reserve, and it refills for all of them."""
    shares = Handshakes(100.0, 100, 0.0)
    assert [shares.take("192.0.2.1", 0.0) for _ in range(11)] == [0.0] * 10 + [0.1]
    assert shares.take("192.0.2.1", 0.1) == 0.0
    shares.let_in("198.51.100.1", 0.1)
    for n in range(10):
        for _ in range(10):
            shares.take(f"192.0.2.{n + 2}", 0.1)
    assert shares.take("192.0.2.99", 0.1) > 0  # only what is reserved is left
    assert [shares.take("198.51.100.1", 0.1) for _ in range(51)].count(0.0) == 50


def test_one_network_of_ipv6_has_one_share() -> None:
    """A /64 is one address; one of IPv4 inside of IPv6 is that of IPv4; what is none of them counts as it stands."""
    shares = Handshakes(20.0, 20, 0.0)
    assert [shares.take(f"2001:db8::{n:x}", 0.0) == 0.0 for n in range(1, 4)] == [True, True, False]
    assert shares.take("2001:db8:0:1::1", 0.0) == 0.0
    assert [shares.take(name, 0.0) == 0.0 for name in ("::ffff:1.2.3.4", "1.2.3.4", "1.2.3.4")] == [True, True, False]
    assert [shares.take("a:name", 0.0) == 0.0 for _ in range(3)] == [True, True, False]


def test_another_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """A change of the rate keeps who is known; without a rate nothing is counted; what is remembered is bounded."""
    shares = Handshakes(0.0, 1, 0.0)
    shares.let_in("192.0.2.1", 0.0)
    assert shares.take("192.0.2.2", 0.0) == 0.0
    shares.change(10.0, 10, 0.0)
    shares.let_in("192.0.2.1", 0.0)
    shares.change(20.0, 20, 0.0)
    shares.change(20.0, 20, 0.0)
    assert [shares.take("192.0.2.1", 0.0) for _ in range(11)].count(0.0) == 10
    monkeypatch.setattr(handshakes, "REMEMBERED", 2)
    for n in range(5):
        shares.take(f"192.0.2.{n + 2}", 0.0)
    assert len(shares._strangers) == 2
