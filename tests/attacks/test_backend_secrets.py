"""The secrets in the URL of a backend: what Voltgate says of itself holds none of them."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import urlsplit

from tests.harness import Stage, free_port
from tests.harness.offspring import ended
from tests.web.client import api_of

KEY = "k7Qp2vX9bN4mT1cRzL8w"
SECRETS = ("hunter2", "q-secret", KEY)
PAGES = (
    "/backends",
    "/backends/up",
    "/backends/away",
    "/backends/refusing",
    "/backends/soap",
    "/backends/bus",
    "/backends/queue",
    "/routes",
    "/stations/CP1",
    "/sessions/CP1",
    "/sessions",
    "/overview",
    "/nodes",
    "/audit",
    "/configuration/routes",
    "/routes/match?station=CP1&action=Heartbeat",
)


async def test_secrets_of_urls(stage: Stage) -> None:
    """User names, passwords, values of queries and keys in paths are in no page, line of the log, metric or remark."""
    up, refusing = await stage.backend("up"), await stage.backend("refusing")
    refusing.refuse(503)

    def url(port: int, scheme: str = "ws", path: str = f"/ocpp/{KEY}/{{station}}?key=q-secret") -> str:
        return f"{scheme}://127.0.0.1:{port}{path}"

    backends = {
        "up": {"url": url(urlsplit(up.url).port or 0)},
        "refusing": {"url": url(urlsplit(refusing.url).port or 0)},
        "away": {"url": url(free_port()), "claims": {"token": "t" * 40, "stations": ["*"], "hosts": ["*"]}},
        "soap": {"url": url(free_port(), "http", f"/soap/{KEY}?key=q-secret")},
        "bus": {"url": url(free_port(), "mqtt", "/cs")},
        "queue": {"url": url(free_port(), "amqp", "/cs")},
    }
    for backend in backends.values():
        backend |= {"username": "ada", "password": "hunter2"}
    rules = [{"answer": "up", "copy": [name for name in backends if name != "up"]}]
    routes = {"main": {"admit": "gateway", "rules": rules}}
    async with api_of(stage, store=None, backends=backends, routes=routes) as (api, gateway):
        station = await stage.station("CP1")
        await stage.backends["up"].station("CP1")
        await station.ask("Heartbeat", {})
        moved = {"stations": ["CP9"], "url": url(free_port(), path=f"/moved/{KEY}?key=q-secret")}
        answer = await api.ask("PUT", "/backends/away/stations", moved)
        said = {"claim": str(answer.gives(200))}
        for name in ("away", "refusing"):
            await gateway.logged(f'"backend":"{name}"')
        for page in PAGES:
            said[page] = str((await api.get(page)).gives(200))
        said["metrics"] = (await gateway.get("/metrics")).body
        said["ready"] = (await gateway.get("/readyz")).body
        for more in ((), ("--security",)):
            code, out, err = await asyncio.to_thread(
                ended, ("check", "-c", str(gateway.file), *more), gateway.folder, os.environ, b"", 60.0
            )
            assert code in (0, 1), err
            said[f"check {more}"] = (out + err).decode()
    said["log"] = gateway.log
    assert "127.0.0.1" in said["/backends/away"]
    assert "/moved/" in said["log"]
    found = {(where, secret) for where, text in said.items() for secret in SECRETS if secret in text}
    assert not found, found
