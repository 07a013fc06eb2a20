"""Where the API and metrics are: by TLS, whose certificate is renewed while the gateway runs; at an address apart."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

from tests.harness import Gateway, Stage, free_port, until, within
from tests.harness.http_client import get
from tests.keypair import write_pair


async def fetched(gateway: Gateway, trusted: Path) -> bytes | None:
    """Return what `/healthz` answers by TLS with this certificate; None while that is not what is shown."""
    context = ssl.create_default_context(cafile=str(trusted))
    try:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", gateway.http_port, ssl=context, server_hostname="localhost"
        )
    except (ssl.SSLError, ConnectionError):
        return None
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    answer = await within(reader.read(), "an answer")
    writer.close()
    return answer


async def test_the_api_by_tls(stage: Stage) -> None:
    """It is answered by TLS 1.2 and later, never in the clear; a certificate in the place of the old one counts."""
    first, second = stage.folder / "first.pem", stage.folder / "second.pem"
    for trusted in (first, second):
        write_pair(trusted, trusted.with_suffix(".key"))
    shown, key = stage.folder / "api.pem", stage.folder / "api.key"
    shown.write_bytes(first.read_bytes())
    key.write_bytes(first.with_suffix(".key").read_bytes())
    await stage.backend("main")
    tls = {"http_tls": {"certificate": str(shown), "key": str(key)}}
    gateway = await stage.gateway(listen=tls, ready=False)
    answer = await until(lambda: fetched(gateway, first), "the API by TLS")
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert await fetched(gateway, second) is None
    assert f"API, health and metrics on https://127.0.0.1:{gateway.http_port}" in gateway.log
    with socket.create_connection(("127.0.0.1", gateway.http_port)) as plain:
        plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        plain.settimeout(30)
        assert b"200 OK" not in plain.recv(4096)
    shown.write_bytes(second.read_bytes())
    key.write_bytes(second.with_suffix(".key").read_bytes())
    gateway.reload()
    await until(lambda: fetched(gateway, second), "the new certificate")
    assert await fetched(gateway, first) is None


async def test_metrics_apart(stage: Stage) -> None:
    """With an address of their own, metrics are there with health and readiness, without a token, and nowhere else."""
    await stage.backend("main")
    port = free_port()
    gateway = await stage.gateway(listen={"metrics": f"127.0.0.1:{port}"})
    assert (await gateway.get("/metrics")).status == 404
    assert (await gateway.get("/healthz")).status == 200
    for path, status in (("/metrics", 200), ("/healthz", 200), ("/readyz", 200), ("/api/v1/stations", 404)):
        assert (await get(port, path)).status == status
