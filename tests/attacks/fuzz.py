"""A fuzzer against a gateway: handshakes, websocket frames and JSON, mutated from what is right.

`python -m tests.attacks.fuzz --seconds 3600` runs it by hand; `tests/attacks/test_fuzz.py` for some seconds. Each round
is drawn from a seed, which is printed when something is wrong, and `--seed N --rounds 1` runs that one again. A
neighbour speaks beside it all the time: the gateway must neither fall over nor forget it, and log no fault of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from websockets.frames import Opcode

from tests.harness import Link, Stage, frame

VERSIONS = ("ocpp1.6", "ocpp2.0.1", "ocpp2.1")
ACTIONS = (
    "Authorize", "BootNotification", "DataTransfer", "Heartbeat", "MeterValues", "NotifyEvent", "NotifyReport",
    "SecurityEventNotification", "StartTransaction", "StatusNotification", "StopTransaction", "TransactionEvent",
)  # fmt: skip
FIELDS = (
    "chargingStation", "connectorId", "data", "errorCode", "evse", "evseId", "eventData", "eventType", "idTag",
    "idToken", "meterStart", "meterStop", "meterValue", "reason", "sampledValue", "seqNo", "status", "timestamp",
    "transactionData", "transactionId", "transactionInfo", "triggerReason", "value", "vendorId",
)  # fmt: skip
SCALARS: tuple[object, ...] = (
    None, True, 0, 1, -1, 2**31, 2**63, 10**30, 1.5, 1e308, "", "x", "Started", "Available", "2026-01-01T00:00:00Z",
    "\x00", "\u202e", "\ufeff", "\u212a", "x" * 300, [], {},
)  # fmt: skip
RAW = (
    b"1e999",
    b"-0",
    b"01",
    b"NaN",
    b'"\\ud800"',
    b'"\\u0000"',
    b"[[[[",
    b"}",
    b'{"a":1,"a":2}',
    b"\xff",
    b"\xef\xbb\xbf",
)


def value(draw: random.Random, depth: int = 0) -> object:
    """Draw a value of JSON."""
    kind = draw.random()
    if depth > 4 or kind < 0.5:
        return draw.choice(SCALARS)
    if kind < 0.8:
        return {draw.choice(FIELDS): value(draw, depth + 1) for _ in range(draw.randrange(5))}
    return [value(draw, depth + 1) for _ in range(draw.choice((0, 1, 2, 3, 50)))]


def message(draw: random.Random) -> bytes:
    """Draw what is nearly a message."""
    payload = {draw.choice(FIELDS): value(draw) for _ in range(draw.randrange(8))}
    kind = draw.choice((2, 2, 2, 2, 3, 4, 5, 6, 7, -1, "2"))
    parts: list[object] = [
        kind,
        draw.choice(("1", "", "x" * 40, 7, None)),
        draw.choice((*ACTIONS, "X", "", 1)),
        payload,
    ]
    if kind == 3:
        parts = [3, draw.choice(("1", "x")), payload]
    if draw.random() < 0.1:
        draw.shuffle(parts)
    return mutated(draw, json.dumps(parts, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass"))


def mutated(draw: random.Random, data: bytes) -> bytes:
    """Change some bytes of what is right, mostly none."""
    text = bytearray(data)
    for _ in range(draw.choice((0, 0, 0, 1, 2, 8))):
        at = draw.randrange(len(text) + 1)
        match draw.randrange(4):
            case 0:
                text[at : at + 1] = bytes((draw.randrange(256),))
            case 1:
                text[at:at] = draw.choice(RAW)
            case 2:
                del text[at : at + draw.randrange(1, 9)]
            case _:
                text[at:at] = text[at : at + draw.randrange(1, 200)]
    return bytes(text)


def frames(draw: random.Random) -> bytes:
    """Draw what is nearly a row of websocket frames."""
    said = message(draw)
    match draw.randrange(8):
        case 0:
            return frame(draw.choice((Opcode.PING, Opcode.PONG, Opcode.CLOSE)), said[: draw.randrange(140)])
        case 1:
            cut = draw.randrange(len(said) + 1)
            middle = frame(Opcode.PING, b"") if draw.random() < 0.5 else b""
            return frame(Opcode.TEXT, said[:cut], fin=False) + middle + frame(Opcode.CONT, said[cut:])
        case 2:
            return mutated(draw, frame(Opcode.TEXT, said))
        case 3:
            return draw.randbytes(draw.randrange(1, 60))
        case 4:
            return frame(Opcode.TEXT, said, rsv1=True)
        case _:
            return frame(Opcode.TEXT, said)


def head(draw: random.Random, identity: str, version: str) -> bytes:
    """Draw what is nearly the head of a handshake."""
    key = base64.b64encode(draw.randbytes(draw.choice((16, 16, 16, 15)))).decode()
    password = base64.b64encode(draw.randbytes(9)).decode()
    lines = [
        "Host: gateway", "Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Protocol: {version}", f"Authorization: Basic {password}",
        "Sec-WebSocket-Extensions: permessage-deflate", f"X-More: {'x' * draw.choice((1, 9000))}",
    ]  # fmt: skip
    kept = draw.sample(lines, draw.choice((len(lines), len(lines), draw.randrange(len(lines)))))
    first = f"{draw.choice(('GET', 'GET', 'GET', 'POST', 'get'))} /{identity} HTTP/1.1"
    return mutated(draw, ("\r\n".join((first, *kept)) + "\r\n\r\n").encode())


class Fuzzer:
    """Fuzzes one gateway. `rounds` counts what was tried, `opened` how many of them were let in."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.seed = seed
        self.rounds = self.opened = 0
        self._neighbour: Link | None = None

    async def open(self) -> None:
        """Start a gateway with two backends, and a neighbour."""
        for name in ("main", "other"):
            backend = await self.stage.backend(name)
            for action in ACTIONS:
                backend.answers(action, {"status": "Accepted", "idTagInfo": {"status": "Accepted"}, "transactionId": 1})
        await self.stage.gateway(
            backends={"other": {"deliver": "always"}},
            protocol={"compression": True},
            limits={"failed_logins": 0, "handshakes_per_second": 0},
        )
        self._neighbour = await self.stage.station("NEIGHBOUR")

    async def round(self) -> None:
        """Try one connection, drawn from the seed; raise AssertionError if the neighbour is not heard any more."""
        draw = random.Random(self.seed)
        gateway = self.stage.gateways[-1]
        version, identity = draw.choice(VERSIONS), f"FUZZ{draw.randrange(5)}"
        reader, writer = await asyncio.open_connection(*gateway.address)
        try:
            await self._attack(draw, (reader, writer), identity, version)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the gateway may hang up whenever it likes
        finally:
            writer.transport.abort()
        self.seed, self.rounds = self.seed + 1, self.rounds + 1
        assert gateway.running, f"the gateway has ended: --seed {self.seed - 1}"
        assert self._neighbour is not None
        asked = await self._neighbour.ask("Heartbeat")
        await self._neighbour.expect_answer(asked)

    async def _attack(
        self, draw: random.Random, ends: tuple[asyncio.StreamReader, asyncio.StreamWriter], identity: str, version: str
    ) -> None:
        reader, writer = ends
        if draw.random() < 0.8:
            key = base64.b64encode(bytes(16)).decode()
            writer.write(
                f"GET /{identity} HTTP/1.1\r\nHost: g\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: {version}\r\n"
                "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
            )
        else:
            writer.write(head(draw, identity, version))
            writer.write_eof()
        async with asyncio.timeout(10):
            answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 101"):
            return
        self.opened += 1
        for _ in range(draw.randrange(1, 30)):
            writer.write(frames(draw))
        writer.write_eof()
        async with asyncio.timeout(10):
            await reader.read()


async def fuzz(stage: Stage, seed: int, more: Callable[[int], bool]) -> Fuzzer:
    """Fuzz as long as `more` says, given the number of rounds; the stage judges the gateway's log at its end."""
    fuzzer = Fuzzer(stage, seed)
    await fuzzer.open()
    while more(fuzzer.rounds):
        try:
            await fuzzer.round()
        except BaseException:
            print(f"wrong with --seed {fuzzer.seed}", file=sys.stderr)
            raise
    return fuzzer


async def _by_hand(seconds: float, rounds: int, seed: int) -> None:
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        try:
            fuzzer = await fuzz(stage, seed, lambda done: time.monotonic() < end and (not rounds or done < rounds))
        except BaseException:
            print(stage.gateways[-1].log[-5000:], file=sys.stderr)
            await stage.drop()
            raise
        await stage.close()
    print(f"{fuzzer.rounds} connections, {fuzzer.opened} of them let in; the next seed is {fuzzer.seed}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=0, help="connections at most (0: as many as fit)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    asyncio.run(_by_hand(given.seconds, given.rounds, given.seed))
