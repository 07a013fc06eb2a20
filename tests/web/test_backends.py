"""Backends through the API: how they are, and what was counted for them."""

from __future__ import annotations

from typing import Any

from tests.harness import Stage, until
from tests.web.client import Api, api_of
from voltgate.ocpp.dialect import SUBPROTOCOLS


async def shown(api: Api, name: str) -> Any:
    """Ask for one backend."""
    return (await api.get(f"/backends/{name}")).gives(200)


async def test_the_state_of_backends(stage: Stage) -> None:
    """A backend is up while some leg is, idle while none is needed, and down when legs that should be are not."""
    await stage.backend("main")
    spare = await stage.backend("spare")
    lost = await stage.backend("lost")
    await stage.backend("unused")
    await lost.stop()
    rules = [{"answer": ["main", "spare"], "copy": ["lost"]}]
    async with api_of(stage, routes={"main": {"rules": rules}}) as (api, _):
        assert {each["state"] for each in (await api.get("/backends")).gives(200)["items"]} == {"idle"}
        await stage.station("CP1")

        async def states() -> dict[str, str] | None:
            found = {each["name"]: each["state"] for each in (await api.get("/backends")).gives(200)["items"]}
            return found if found["lost"] == "down" else None

        assert await until(states, "the lost backend is down") == {
            "main": "up",
            "spare": "idle",
            "lost": "down",
            "unused": "idle",
        }
        main = await shown(api, "main")
        assert (main["legs"], main["legs_up"], main["deliver"], main["permit"]) == (1, 1, "once", None)
        assert (main["away_seconds"], main["versions"]) == (None, list(SUBPROTOCOLS))
        assert (await shown(api, "lost"))["away_seconds"] > 0
        assert ((await shown(api, "spare"))["legs"], (await shown(api, "spare"))["away_seconds"]) == (1, None)
        assert spare.handshakes == []


async def test_what_is_counted_for_a_backend(stage: Stage) -> None:
    """A backend shows how the calls to it and its own commands ended, and what it was refused."""
    await stage.backend("main")
    await stage.backend("watcher")
    backends = {"watcher": {"permit": "observe"}}
    async with api_of(stage, backends=backends) as (api, _):
        station, link, other = await stage.meet("CP1")
        beat = await station.ask("Heartbeat")
        await link.answer(await link.expect("Heartbeat"), {"currentTime": "2026-01-01T00:00:00Z"})
        await station.expect_result(beat)
        beat = await station.ask("Heartbeat")
        await link.fail(await link.expect("Heartbeat"), "InternalError")
        await station.expect_error(beat)
        reset = await link.ask("Reset", {"type": "Soft"})
        await station.answer(await station.expect("Reset"), {"status": "Accepted"})
        await link.expect_result(reset)
        refused = await other.ask("Reset", {"type": "Soft"})
        await other.expect_answer(refused)
        main, watcher = await shown(api, "main"), await shown(api, "watcher")
        assert main["calls"].pop("seconds") > 0
        assert main["commands"].pop("seconds") > 0
        assert main["calls"] == {"results": 1, "errors": 1, "unanswered": 0}
        assert main["commands"] == {"results": 1, "errors": 0, "unanswered": 0}
        assert watcher["commands_refused"] == {"Reset": 1}
        assert watcher["permit"] == "observe"


async def test_urls_show_no_secrets(stage: Stage) -> None:
    """The URL of a backend shows what its query is called for, and nothing that may be secret."""
    backends = {"main": {"url": "ws://127.0.0.1:9/ocpp/{station}?key=s3cret"}}
    async with api_of(stage, backends=backends, routes={"main": {"rules": [{"answer": "main"}]}}) as (api, _):
        (backend,) = (await api.get("/backends")).gives(200)["items"]
        assert backend["url"] == "ws://127.0.0.1:9/ocpp/{station}?…"
        assert backend["soap_url"] is None


async def test_backends_are_given_in_parts(stage: Stage) -> None:
    """Backends come in the order of the configuration; one that there is not is refused."""
    for name in ("c", "a", "b"):
        await stage.backend(name)
    async with api_of(stage) as (api, _):
        page = (await api.get("/backends", offset=1, limit=1)).gives(200)
        assert ([each["name"] for each in page["items"]], page["total"]) == (["a"], 3)
        (await api.get("/backends/d")).gives(404)


async def test_what_each_backend_is_owed(stage: Stage) -> None:
    """Of each backend that is owed something it is said how much, and for how long it has waited."""
    main = await stage.backend("main")
    lost = await stage.backend("lost")
    await lost.stop()
    rules = [{"answer": ["main"], "copy": ["lost"]}]
    owing = {"lost": {"deliver": "always", "owed": ["Heartbeat"]}}
    async with api_of(stage, store=None, backends=owing, routes={"main": {"rules": rules}}) as (api, _):
        assert (await api.get("/owed")).gives(200) == {"items": []}
        station = await stage.station("CP1")
        link = await main.station("CP1")
        for _ in range(2):
            beat = await station.ask("Heartbeat")
            await link.answer(await link.expect("Heartbeat"), {"currentTime": "2026-01-01T00:00:00Z"})
            await station.expect_result(beat)
        (item,) = (await api.get("/owed")).gives(200)["items"]
        assert (item["backend"], item["messages"]) == ("lost", 2)
        assert item["oldest_seconds"] >= 0


async def test_what_is_owed_without_a_database(stage: Stage) -> None:
    """Without a database nobody can say what is owed."""
    await stage.backend("main")
    async with api_of(stage, store={"url": "off"}) as (api, _):
        (await api.get("/owed")).gives(503)
