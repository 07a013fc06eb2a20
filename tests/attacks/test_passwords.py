"""Passwords that are hashes: what a stranger tries costs a quarter of a second, and must not keep a station out."""

from __future__ import annotations

import asyncio
import binascii
import time

from tests.harness import Stage, basic, free_port, within
from voltgate.directory.hashes import hashed
from voltgate.directory.throttle import Throttle

HEAD = (
    "GET /{} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n"
    "X-Forwarded-For: {}\r\nAuthorization: {}\r\n\r\n"
)


class Try:
    """A handshake that waits for its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def begin(cls, port: int, identity: str, password: str, address: str) -> Try:
        """Send a handshake of an identity from an address."""
        made = cls(*await within(asyncio.open_connection("127.0.0.1", port), "a connection"))
        made.writer.write(HEAD.format(identity, address, basic(identity, password)).encode())
        return made

    async def status(self) -> int:
        """Return what it is answered."""
        return int((await within(self.reader.readline(), "an answer", 120)).split()[1])


def wrong(number: int) -> str:
    """Return a wrong password that has three readings: 20 bytes, written as hex."""
    return binascii.hexlify(number.to_bytes(20, "big")).decode()


async def test_the_right_password_while_many_are_tried(stage: Stage) -> None:
    """300 networks try wrong passwords of three stations at once; another's right one is served among the first.

    Nothing is known yet of either: no password was ever right. What was measured is printed.
    """
    await stage.backend("main")
    port, password = free_port(), "right-password-of-cp9"
    stations = [{"identity": f"CP{n}", "route": "main", "password": hashed(f"other-{n}")} for n in range(1, 4)]
    stations.append({"identity": "CP9", "route": "main", "password": hashed(password)})
    listen = {"stations": [{"url": f"ws://127.0.0.1:{port}", "trusted_proxies": ["127.0.0.1"]}]}
    gateway = await stage.gateway(listen=listen, stations=stations, limits={"handshakes_per_second": 0})
    tried = [await Try.begin(port, f"CP{n % 3 + 1}", wrong(n), f"10.{n // 100}.{n % 100}.1") for n in range(300)]
    answers = [asyncio.ensure_future(each.status()) for each in tried]
    await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)  # the threads are at work on the others
    began = time.monotonic()
    right = await Try.begin(port, "CP9", password, "203.0.113.9")
    assert await right.status() == 101
    took, before = time.monotonic() - began, sum(each.done() and each.result() == 401 for each in answers)
    print(f"the right password was served after {took:.2f} s; {before} wrong ones were answered by then")
    assert before < 60
    assert (await within(gateway.get("/healthz"), "health")).status == 200
    again = await Try.begin(port, "CP9", password, "203.0.113.9")
    assert await again.status() == 101
    for each in (*tried, right, again):
        each.writer.transport.abort()
    for answer in answers:
        answer.cancel()
    await asyncio.gather(*answers, return_exceptions=True)


def test_who_is_trusted_more() -> None:
    """Who was right before comes first; then who belongs to nothing that has failed; then strange neighbourhoods."""
    throttle = Throttle(10)
    throttle.succeeded(throttle.begin("CP1", "192.0.2.1", 0.0), 0.0)
    for n in range(5):
        throttle.begin("CP1", f"10.0.0.{n}", 0.0)
    throttle.begin("CP2", "2001:db8::1", 0.0)
    order = [
        ("CP1", "192.0.2.1"),  # was right before
        ("CP3", "192.0.2.9"),  # nothing is known of it
        ("CP3", "10.0.9.9"),  # a neighbour of those who fail
        ("CP3", "2001:db8::9"),  # of a network of which one failed
        ("CP1", "198.51.100.1"),  # a name of which five failed
    ]
    ranks = [throttle.suspicion(*each, 0.0) for each in order]
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(ranks)
    assert throttle.suspicion("CP3", "2001:db8:0:1::1", 0.0) == (0.0, 1.0)
    assert throttle.suspicion("CP3", "no address", 0.0) == (0.0, 0.0)
