"""Where the API and metrics are: by TLS, whose certificate is renewed while the gateway runs; at an address apart."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import ssl
import stat
from pathlib import Path

from tests.client.counterpart import environment
from tests.harness import Gateway, Stage, free_port, until, within
from tests.harness.http_client import asked, get, listens_at
from tests.harness.offspring import ended
from tests.keypair import write_pair
from tests.web.client import TOKEN, api_of
from tests.web.test_audit import lines


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


async def test_metrics_apart_behind_a_token(stage: Stage) -> None:
    """The setting holds at their own address, too; who guesses there is in the audit trail."""
    await stage.backend("main")
    port = free_port()
    listen = {"metrics": f"127.0.0.1:{port}"}
    async with api_of(stage, store=None, listen=listen, api={"metrics": "token"}) as (api, _):
        for token, status in (("", 401), ("guessed", 401), ("guessed", 401), (TOKEN, 200)):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            assert (await get(port, "/metrics", headers=headers)).status == status
        assert [(await get(port, path)).status for path in ("/healthz", "/readyz")] == [200, 200]
        (line,) = await lines(api, 1)
        assert (line["backend"], line["action"], line["answer"]) == ("", "GET /metrics", "401 Unauthorized")


async def test_the_api_at_a_socket_alone(stage: Stage) -> None:
    """Without an address it is at the socket, for its group; commands find it there; a socket left behind is taken."""
    await stage.backend("main")
    gateway = stage.prepare(stage.configuration(listen={"http_socket": "api.sock"}, admin_token=TOKEN))
    at, port = gateway.folder / "api.sock", gateway.http_port
    gateway.file.write_text(gateway.file.read_text().replace(f'"127.0.0.1:{port}"', '"off"'))
    await gateway.launch()
    await until(lambda: listens_at(at), "the API at the socket")
    assert stat.S_IMODE(at.stat().st_mode) == 0o660
    assert f"API, health and metrics on unix:{at}" in gateway.log
    assert (await asked(at, "/api/v1/me"))[0] == 401
    with socket.socket() as nobody:
        assert nobody.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
    await stage.station("CP1")
    for words in (("-c", gateway.file.name), ("--url", f"unix:{at}"), ("--url", "unix://api.sock")):
        given = environment(gateway.folder, VOLTGATE_TOKEN=TOKEN)
        code, out, err = await asyncio.to_thread(ended, ("stations", *words), gateway.folder, given, b"", 60.0)
        assert (code, b"CP1" in out) == (0, True), err
    gateway.signal(signal.SIGKILL)
    await gateway.exited()
    assert at.is_socket()
    await gateway.launch()
    await until(lambda: listens_at(at), "the API at the socket again")


async def test_who_asks_at_a_socket(stage: Stage) -> None:
    """He counts as one of this machine, and as the proxy that runs there if that is trusted."""
    await stage.backend("main")
    listen = {"http_socket": "api.sock"}
    for trusted, address in (([], "127.0.0.1"), (["127.0.0.1"], "203.0.113.9")):
        gateway = await stage.gateway(listen=listen, admin_token=TOKEN, api={"trusted_proxies": trusted})
        at = gateway.folder / "api.sock"
        assert (await gateway.get("/healthz")).status == 200  # where the address is, too
        said = (f"Authorization: Bearer {TOKEN}", "X-Forwarded-For: 203.0.113.9")
        assert (await asked(at, "/api/v1/me", *said))[0] == 200
        assert (await asked(at, "/api/v1/me", "Authorization: Bearer wrong-one", said[1]))[0] == 401

        async def refused(at: Path = at, said: tuple[str, ...] = said) -> set[str]:
            items = (await asked(at, "/api/v1/audit", *said))[1]["items"]
            return {each["address"] for each in items if each["outcome"] == "refused"}

        assert await until(refused, "who was refused is in the audit trail") == {address}
        await gateway.stop()


async def test_a_socket_that_cannot_be_had(stage: Stage) -> None:
    """Where another gateway listens, or there is a file, one does not begin, and says why; both stay as they are."""
    await stage.backend("main")
    first = await stage.gateway(listen={"http_socket": "api.sock"})
    taken, file = first.folder / "api.sock", stage.folder / "file"
    file.write_text("mine")
    for there in (taken, file):
        second = stage.prepare(stage.configuration(listen={"http_socket": str(there)}))
        await second.launch()
        assert await second.exited() != 0
        assert f"cannot listen at {there} (listen.http_socket): Address already in use" in second.log
    assert file.read_text() == "mine"
    assert await listens_at(taken)
