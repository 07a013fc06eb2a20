"""A backend that takes connections and answers none: newcomers get past it, a few dial it until it answers."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from tests.harness import Stage, toml, until


async def test_newcomers_get_past_a_backend_that_hangs(stage: Stage) -> None:
    """The next of the failover takes them, and who has no other hears so at once; then the first is the first again."""
    first, second = await stage.backend("first"), await stage.backend("second")
    first.hold()
    changes: dict[str, Any] = {
        "backends": {
            "first": {"connect": 1.2, "retry": {"first": 0.1}}
        },  # seconds, a little more than what counts as long
        "routes": {
            "main": {"rules": [{"answer": ["first", "second"]}]},
            "alone": {"rules": [{"answer": "first"}]},
        },
        "stations": [{"match": "ALONE*", "route": "alone"}, {"match": "*", "route": "main"}],
    }
    document = stage.configuration(**changes)
    gateway = await stage.gateway(document)
    await asyncio.gather(*(stage.station(name) for name in ("CP0", "CP1", "CP2")))
    await gateway.logged("a backend hangs", '"backend":"first"')
    assert await gateway.metric("voltgate_dials_unanswered", backend="first") >= 3

    document["backends"]["first"]["connect"] = 25
    gateway.reload(toml(document))
    await gateway.logged("configuration")
    names = {"P1", "P2", "P3", "P4"}
    probes = [asyncio.create_task(stage.station(name)) for name in names]
    await until(lambda: names <= {each.station for each in first.handshakes}, "four newcomers try the first")
    for number in range(3, 20):
        await stage.station(f"CP{number}")
        await second.station(f"CP{number}")
    response = await stage.refused("ALONE")
    assert (response.status_code, response.headers["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "10")
    await gateway.logged('"station":"ALONE"', "first hangs: ")
    assert await gateway.metric("voltgate_dials", backend="first", of="newcomers", state="open") == 4
    assert await gateway.metric("voltgate_dials_put_off_total", backend="first", of="newcomers") == 18

    first.release()
    await asyncio.gather(*probes)
    await gateway.logged("a backend that hung answers again", '"backend":"first"')
    await stage.station("CP20")
    for number in range(21):
        await first.station(f"CP{number}")
    assert await gateway.metric("voltgate_dials_unanswered", backend="first") == 0


async def test_a_backend_that_hangs_gets_another_address(stage: Stage) -> None:
    """Who dials the old address still keeps nobody from the new one."""
    first, healthy = await stage.backend("first"), await stage.backend("healthy")
    first.hold()
    changes: dict[str, Any] = {"backends": {"first": {"connect": 1.2}}, "routes": {"main": {}}}
    changes["routes"]["main"]["rules"] = [{"answer": "first"}]
    document = stage.configuration(**changes)
    gateway = await stage.gateway(document)
    await asyncio.gather(*(stage.refused(f"CP{number}") for number in range(3)))
    await gateway.logged("a backend hangs", '"backend":"first"')
    document["backends"]["first"]["connect"] = 25
    gateway.reload(toml(document))
    await gateway.logged("configuration changed")
    probes = [asyncio.create_task(stage.station(name)) for name in ("P1", "P2", "P3", "P4")]
    await until(lambda: len(first.handshakes) >= 7, "four newcomers try the old address")
    document["backends"]["first"]["url"] = healthy.url
    gateway.reload(toml(document))
    await until(lambda: gateway.log.count("configuration changed") == 2, "the address is another one")
    for number in range(3):
        await stage.station(f"CP{number}")
        await healthy.station(f"CP{number}")
    assert await gateway.metric("voltgate_dials_unanswered", backend="first") == 0
    first.release()
    await asyncio.gather(*probes)
