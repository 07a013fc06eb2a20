"""Backends that say where they are: within what the configuration allows now, and nowhere else."""

from __future__ import annotations

from typing import Any

from tests.harness import Stage, boot_accepted, free_port
from tests.scenarios.test_one_address import claims, token_of


async def elsewhere(stage: Stage, **claimed: Any) -> tuple[Any, Any]:
    """Start a gateway with the backend `main`, and a server that the configuration does not know."""
    main = await stage.backend("main")
    section = {"claims": {"token": token_of("main"), **claimed}}
    await stage.gateway(backends={"main": section}, stations=[], routes={})
    moved = await stage.backend("moved")
    moved.answers("BootNotification", boot_accepted())
    return main, moved


async def test_a_backend_moves_to_another_port_of_its_own_host(stage: Stage) -> None:
    """Without claims.hosts a backend may say that it is elsewhere on the host of its URL, and is called there."""
    _, moved = await elsewhere(stage)
    changed = await claims(stage, "main", "CP1", url=moved.url)
    assert changed["url"] == moved.url
    await stage.station("CP1")
    await moved.station("CP1")


async def test_what_a_backend_said_does_not_outlive_its_permission(stage: Stage) -> None:
    """A configuration that asks for TLS by now is not undone by an address without, which was allowed before."""
    main, moved = await elsewhere(stage, hosts=["127.0.0.0/8"])
    await claims(stage, "main", "CP1", url=moved.url)
    gateway = stage.gateways[-1]
    text = gateway.file.read_text()
    gateway.reload(text.replace(main.url, f"wss://127.0.0.1:{free_port()}/{{station}}"))
    await gateway.logged("configuration changed")
    before = len(moved.handshakes)
    refusal = await stage.refused("CP1")
    assert refusal.status_code == 503
    assert len(moved.handshakes) == before
