"""Listeners of the real process: who only looks at a port, and what a reload makes of them."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import struct

from tests.harness import Stage, toml, until
from tests.harness.ports import free_port
from tests.keypair import write_pair


def _hello() -> bytes:
    """The first flight of a TLS client."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake with nobody came to its end")


def _resets(sock: socket.socket) -> None:
    """Have the end of a connection be a reset."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


async def _probes(port: int) -> int:
    """Do with a TLS port what those do who do not come in; return how many that were."""
    hello, loop = _hello(), asyncio.get_running_loop()
    said = (b"", b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff" * 100, hello[:50], hello)
    for data in said:
        for reset in (False, True):
            sock = socket.create_connection(("127.0.0.1", port))
            sock.setblocking(False)
            if reset:
                _resets(sock)
            if data:
                await loop.sock_sendall(sock, data)
                await asyncio.sleep(0.02)  # the gateway reads it, or the reset comes first: both are fine
            sock.close()
    return 2 * len(said)


async def test_who_only_looks_at_a_tls_port_is_counted_and_makes_no_noise(stage: Stage) -> None:
    """A check that the port is open, plain HTTP, rubbish, half a handshake: not a line in the log."""
    await stage.backend("main")
    document = stage.configuration(limits={"connections_per_address": 500})
    ports = [free_port(), free_port()]
    pair = {"certificate": str(stage.folder / "cert.pem"), "key": str(stage.folder / "key.pem")}
    write_pair(stage.folder / "cert.pem", stage.folder / "key.pem")
    document["listen"]["stations"].append({"url": f"wss://127.0.0.1:{ports[0]}", **pair})
    document["listen"]["soap"] = [{"url": f"https://127.0.0.1:{ports[1]}", **pair}]
    gateway = await stage.gateway(document)
    # each is written by a thread of its own; the certificate of the test is valid for a day
    beginning = '"listening"', "listens for stations", "certificate is about to expire"
    await until(lambda: all(said in gateway.log for said in beginning), "all of the beginning is said")
    before = gateway.log
    probes = [await _probes(port) for port in ports]

    async def counted() -> bool:
        return await gateway.metric("voltgate_refusals_total", reason="tls") == sum(probes)

    await until(counted, "every one is counted")
    assert gateway.log == before
    trust = ssl.create_default_context(cafile=pair["certificate"])
    station = await stage.station("CP1", url=f"wss://localhost:{ports[0]}/CP1", tls=trust)
    await stage.quiet(station)


async def test_a_listener_moves_under_its_stations(stage: Stage) -> None:
    """Another host at the same port: who is in stays, who comes is let in; what is refused moves nothing."""
    await stage.backend("main")
    document = stage.configuration(shutdown={"grace": 600, "spread": 0})
    narrow = document["listen"]["stations"][0]
    port = narrow.rpartition(":")[2]
    wide = f"ws://0.0.0.0:{port}"

    async def change(url: str) -> str:
        """Listen there; return why not."""
        document["listen"]["stations"] = [url]
        gateway.reload(toml(document))
        host = url.removeprefix("ws://").rpartition(":")[0]

        async def done() -> tuple[str] | None:
            ready = json.loads((await gateway.get("/readyz")).body)
            problem = next((each for each in ready["configuration"]["problems"] if host in each), "")
            return (problem,) if problem or url in ready["stations"]["listeners"] else None

        return (await until(done, f"{url} is taken or refused"))[0]

    gateway = await stage.gateway(document)
    station, main = await stage.heard("CP1")
    assert await change(wide) == ""
    await stage.heard("CP2")
    assert "gateway..example" in await change(f"ws://gateway..example:{port}")
    assert "cannot listen on" in await change(f"ws://192.0.2.1:{port}")
    await stage.heard("CP3")
    document["shutdown"]["grace"] = 0
    assert await change(narrow) == ""
    await stage.heard("CP4")
    await station.ask("Heartbeat")
    await main.expect("Heartbeat")
    gateway.signal(signal.SIGTERM)  # and nobody waits for the answer: the grace is what it is by now
    assert await gateway.exited() == 0
    assert (await station.closed()).code == 1001
