"""The worst inputs below 64 KB: how long each holds up the event loop of a gateway, and so every other station.

`python -m bench.worst` starts a gateway in this process, attacks it from threads, and prints for each input the CPU
time of the longest callback of the loop: that is what others wait, whatever else the machine does. It is the median of
some rounds, with one backend that answers at once, or with the management system (`--csms`).
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import socket
import statistics
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.frames import Reader
from bench.handshake import END, Offer, welcome
from voltgate.app.process import Process
from voltgate.carriers.websocket.frames import CONTINUATION, PING, PONG, RSV1, TEXT, build
from voltgate.config import read
from voltgate.telemetry import logs

SIZE = 64_000
BOUND = 20.0
"""Milliseconds that no input may take."""
_BEAT = b'[2,"last","Heartbeat",{}]'


class Longest:
    """The CPU time of the longest callback of a loop since it was asked last, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.thread = threading.get_ident()
        self._run: Callable[[asyncio.Handle], None] = asyncio.Handle._run

        def run(handle: asyncio.Handle) -> None:
            self._timed(handle)

        asyncio.Handle._run = run  # type: ignore[method-assign,assignment]

    def _timed(self, handle: asyncio.Handle) -> None:
        if threading.get_ident() != self.thread:
            return self._run(handle)
        began = time.thread_time()
        self._run(handle)
        self.seconds = max(self.seconds, time.thread_time() - began)
        return None


def call(action: str, fields: str, message_id: str = "1") -> bytes:
    """Write a call whose payload is given as JSON."""
    return f'[2,"{message_id}","{action}",{{{fields}}}]'.encode()


def filled(action: str, before: str, each: str, after: str, size: int = SIZE) -> bytes:
    """Write a frame with a call that repeats something until it has its size."""
    count = (size - len(before) - len(after) - 100) // (len(each) + 1)
    return build(TEXT, call(action, before + ",".join([each] * count) + after), masked=True)


def packed(text: bytes) -> bytes:
    """Write a compressed frame."""
    deflate = zlib.compressobj(wbits=-15)
    return build(TEXT, (deflate.compress(text) + deflate.flush(zlib.Z_SYNC_FLUSH))[:-4], True, 0x80 | RSV1)


def many(frame: Callable[[int], bytes]) -> bytes:
    """Repeat a frame until 64 KB are full."""
    whole = bytearray()
    while len(whole) < SIZE - 300:
        whole += frame(len(whole))
    return bytes(whole)


_SAMPLE, _AT = '{"value":"1"}', '"timestamp":"2026-01-01T00:00:00Z"'
_START = f'"connectorId":1,"idTag":"A","meterStart":0,{_AT}'


def afterwards() -> Iterator[tuple[str, bytes]]:
    """Yield what a station sends that was let in."""
    yield "numbers", filled("DataTransfer", '"data":[', "1", "]")
    yield "objects", filled("DataTransfer", '"data":[', "{}", "]")
    yield "lists", filled("DataTransfer", '"data":[', "[]", "]")
    yield "texts", filled("DataTransfer", '"data":[', '""', "]")
    yield "escapes", filled("DataTransfer", '"data":["', "\\u0041", '"]')
    yield "halves of pairs", filled("DataTransfer", '"data":["', "\\ud800", '"]')
    yield "one long number", filled("DataTransfer", '"data":', "1" * (SIZE - 200), "")
    yield (
        "keys",
        build(TEXT, call("DataTransfer", ",".join(f'"{number}":0' for number in range(SIZE // 9))), masked=True),
    )
    yield "nested, closed", build(TEXT, call("DataTransfer", '"data":' + "[" * 30_000 + "]" * 30_000), masked=True)
    yield "nested, open", build(TEXT, b"[" * SIZE, masked=True)
    yield "nested as deep as may be", filled("DataTransfer", '"data":[', "[" * 200 + "]" * 200, "]")
    yield "brackets in texts", filled("DataTransfer", '"data":[', '"[[[["', "]")
    for action in ("BootNotification", "StatusNotification", "Authorize", "StopTransaction", "SignedUpdate"):
        yield f"{action} of numbers", filled(action, '"data":[', "1", "]")
    yield (
        "MeterValues, samples",
        filled("MeterValues", f'"connectorId":1,"meterValue":[{{{_AT},"sampledValue":[', _SAMPLE, "]}]"),
    )
    yield (
        "MeterValues, values",
        filled("MeterValues", '"connectorId":1,"meterValue":[', f'{{{_AT},"sampledValue":[{_SAMPLE}]}}', "]"),
    )
    yield "StopTransaction, samples", filled(
        "StopTransaction", f'"transactionId":1,"meterStop":1,{_AT},"transactionData":[{{{_AT},"sampledValue":[',
        _SAMPLE, "]}]",
    )  # fmt: skip
    yield "pings", many(lambda _: build(PING, b"", masked=True))
    yield "pongs", many(lambda _: build(PONG, b"", masked=True))
    yield "empty texts", many(lambda _: build(TEXT, b"", masked=True))
    yield "texts that are no messages", many(lambda _: build(TEXT, b"x", masked=True))
    yield "parts of a message", build(TEXT, b"[", True, 0) + many(lambda _: build(CONTINUATION, b"", True, 0))
    yield "heartbeats", many(lambda at: build(TEXT, call("Heartbeat", "", str(at)), masked=True))
    yield "starts", many(lambda at: build(TEXT, call("StartTransaction", _START, str(at)), masked=True))
    yield (
        "statuses",
        many(
            lambda at: build(
                TEXT,
                call("StatusNotification", f'"connectorId":{at},"status":"Faulted","errorCode":"NoError"', str(at)),
                masked=True,
            )
        ),
    )
    yield "answers to nothing", many(lambda at: build(TEXT, b'[3,"%d",{}]' % at, masked=True))
    bomb = packed(call("DataTransfer", '"data":[' + "1," * 49_000 + "1]"))
    yield "compressed numbers (where it is on)", many(lambda _: bomb)


def before() -> Iterator[tuple[str, bytes]]:
    """Yield what anybody sends, in place of a handshake or right behind it."""
    get = b"GET /X HTTP/1.1\r\n"
    yield "head: short lines", get + b"a:b\r\n" * 12_000 + END
    yield "head: one long line", get + b"a:" + b"x" * SIZE
    yield "head: as large as may be", get + b"a:b\r\n" * 98 + b"b:" + b"x" * 7_000 + END
    yield "head: no end", b"\r\n" * (SIZE // 2)
    secret = base64.b64encode(b"X:" + b"x" * 5000)
    yield "head: a long password", Offer().request("/LOCKED", "g")[:-2] + b"Authorization: Basic " + secret + END
    yield (
        "frames before the answer",
        Offer().request("/EARLY", "g") + many(lambda at: build(TEXT, call("Heartbeat", "", str(at)), masked=True)),
    )


class Attacker:
    """Attacks a gateway from a thread of its own."""

    def __init__(self, port: int, longest: Longest) -> None:
        self._port = port
        self._longest = longest
        self._number = 0

    def measure(self, data: bytes, *, admitted: bool) -> float:
        """Send an input, wait until the gateway has done with it, and return the longest callback in milliseconds."""
        self._number += 1
        with socket.create_connection(("127.0.0.1", self._port), 10) as sock:
            sock.settimeout(10)
            if admitted:
                offer = Offer().request(f"/CP{self._number}", "g")
                offer = offer[:-2] + b"Sec-WebSocket-Extensions: permessage-deflate" + END
                sock.sendall(offer)
                answer = sock.recv(1 << 16)
                assert answer.startswith(b"HTTP/1.1 101"), answer
                time.sleep(0.05)  # what follows a handshake is not what is measured
            self._longest.seconds = 0.0
            with contextlib.suppress(OSError):
                sock.sendall(data)
                sock.sendall(build(TEXT, _BEAT, masked=True))
                sock.shutdown(socket.SHUT_WR)
                while sock.recv(1 << 16):
                    pass
        time.sleep(0.05)
        return self._longest.seconds * 1000


def answering(listening: socket.socket) -> None:
    """Answer as a backend whatever comes, at once: an empty result for each id."""

    def serve(sock: socket.socket) -> None:
        with sock, contextlib.suppress(OSError, ValueError):
            head = b""
            while END not in head:
                head += sock.recv(1 << 16)
            sock.sendall(welcome(head))
            reader = Reader()
            while data := sock.recv(1 << 16):
                for opcode, text in reader.feed(data):
                    if opcode == TEXT:
                        with contextlib.suppress(ValueError, IndexError):
                            sock.sendall(build(TEXT, json.dumps([3, json.loads(text)[1], {}]).encode(), masked=False))

    while True:
        try:
            sock, _ = listening.accept()
        except OSError:
            return
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


def configuration(folder: Path, port: int, backend: str) -> Path:
    """Write the configuration of the gateway that is attacked."""
    file = folder / "voltgate.toml"
    file.write_text(
        f'[listen]\nstations = ["ws://127.0.0.1:{port}"]\nhttp = "off"\n'
        f'[backends.main]\nurl = "{backend}"\n[routes.main]\nrules = [{{ answer = "main" }}]\n'
        '[[stations]]\nmatch = "*"\n[[stations]]\nidentity = "LOCKED"\npassword = "a-password-of-it"\n'
        '[protocol]\ncompression = true\n[limits]\nfailed_logins = 0\n[log]\nlevel = "error"\n'
    )
    return file


def _free() -> socket.socket:
    return socket.create_server(("127.0.0.1", 0), backlog=100)


async def _worst(rounds: int, *, csms: bool) -> list[tuple[str, str, int, float]]:
    longest, found = Longest(), []
    with tempfile.TemporaryDirectory() as name, _free() as backend:
        threading.Thread(target=answering, args=(backend,), daemon=True).start()
        with _free() as own:
            port = own.getsockname()[1]
        url = "local:" if csms else f"ws://127.0.0.1:{backend.getsockname()[1]}/{{station}}"
        logs.configure("critical", "json")
        process = Process(read(configuration(Path(name), port, url), dict(os.environ)))
        ready, stop = asyncio.Event(), asyncio.Event()
        living = asyncio.ensure_future(process.live(lambda _: ready.set(), stop))
        await asyncio.wait((living, asyncio.ensure_future(ready.wait())), return_when=asyncio.FIRST_COMPLETED)
        attacker = Attacker(port, longest)
        for when, inputs in (("before", before()), ("after", afterwards())):
            for what, data in inputs:
                times = [
                    await asyncio.to_thread(attacker.measure, data, admitted=when == "after") for _ in range(rounds)
                ]
                found.append((when, what, len(data), statistics.median(times)))
        stop.set()
        await living
    return found


def main() -> int:
    """Print the inputs, the worst first; return 1 if one of them takes longer than it may."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--csms", action="store_true", help="the management system answers")
    given = parser.parse_args()
    found = asyncio.run(_worst(given.rounds, csms=given.csms))
    for when, what, size, milliseconds in sorted(found, key=lambda row: -row[3]):
        print(f"{milliseconds:7.1f} ms  {size:6} bytes  {when:6}  {what}")
    return int(max(row[3] for row in found) > BOUND)


if __name__ == "__main__":
    raise SystemExit(main())
