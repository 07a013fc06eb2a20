"""Sessions through the API: the legs as they are, what waits, what runs."""

from __future__ import annotations

from tests.harness import Stage, boot_accepted, until
from tests.web.client import api_of


async def test_a_session_is_shown_as_it_is(stage: Stage) -> None:
    """A session shows its legs with their states, the calls that are open, and the transactions that run."""
    main = await stage.backend("main")
    watcher = await stage.backend("watcher")
    async with api_of(stage) as (api, _):
        station, link, _ = await stage.meet("CP1")
        link.answers("BootNotification", boot_accepted())
        link.answers("StartTransaction", {"transactionId": 7, "idTagInfo": {"status": "Accepted"}})
        await station.boot()
        start = {"connectorId": 2, "idTag": "04E1", "meterStart": 1, "timestamp": "2026-01-01T00:00:00Z"}
        number = (await station.call("StartTransaction", start)).payload["transactionId"]
        await station.ask("Heartbeat")
        await link.expect("Heartbeat")
        await watcher.stop()

        async def settled() -> bool:
            legs = (await api.get("/sessions/CP1")).gives(200)["legs"]
            return legs[1]["state"] != "up"

        await until(settled, "the watcher is away")
        shown = (await api.get("/sessions/cp1")).gives(200)
        assert (shown["station"], shown["carrier"], shown["version"]) == ("CP1", "websocket", "ocpp1.6")
        assert (shown["route"], shown["address"], shown["busy"]) == ("main", "127.0.0.1", True)
        first, second = shown["legs"]
        assert (first["backend"], first["state"], first["answers"], first["open_calls"]) == ("main", "up", True, 1)
        assert (second["backend"], second["answers"]) == ("watcher", False)
        assert second["state"] in ("away", "dialling")
        assert second["away_seconds"] > 0
        (transaction,) = shown["transactions"]
        assert (transaction["id"], transaction["owner"], transaction["connector"]) == (str(number), "main", 2)
        await link.ask("Reset", {"type": "Soft"}, "r1")
        await link.ask("ClearCache", {}, "r2")
        await station.expect("Reset")

        async def asked() -> bool:
            body = (await api.get("/sessions/CP1")).gives(200)
            return (body["open_calls"], body["waiting_calls"]) == (1, 1)

        await until(asked, "one call is open, and one waits")
        assert main.name == "main"


async def test_sessions_are_listed(stage: Stage) -> None:
    """Sessions are filtered by route, backend and version, sorted, and given in parts."""
    await stage.backend("a")
    await stage.backend("b")
    routes = {"main": {"rules": [{"answer": "a"}]}, "side": {"rules": [{"answer": "b"}]}}
    stations = [{"match": "S*", "route": "side"}, {"match": "*", "route": "main"}]
    async with api_of(stage, routes=routes, stations=stations) as (api, _):
        await stage.station("S2")
        await stage.station("m1", "ocpp2.0.1")
        await stage.station("S1", "ocpp2.1")

        async def names(**query: object) -> list[str]:
            return [each["station"] for each in (await api.get("/sessions", **query)).gives(200)["items"]]

        assert await names() == ["m1", "S1", "S2"]
        assert await names(sort="-identity") == ["S2", "S1", "m1"]
        assert await names(sort="since") == ["S2", "m1", "S1"]
        assert await names(sort="-since") == ["S1", "m1", "S2"]
        assert await names(sort="route") == ["m1", "S1", "S2"]
        assert await names(route="side") == ["S1", "S2"]
        assert await names(backend="a") == ["m1"]
        assert await names(version="ocpp2.1") == ["S1"]
        page = (await api.get("/sessions", offset=2, limit=2)).gives(200)
        assert ([each["station"] for each in page["items"]], page["total"]) == (["S2"], 3)
        (await api.get("/sessions/m2")).gives(404)
        (await api.get("/sessions", sort="nothing")).gives(422)


async def test_a_backend_that_has_no_part_in_a_session(stage: Stage) -> None:
    """Who does not take a station's version is shown with the session, counted, and in no answer about its rules."""
    for name in ("main", "old"):
        await stage.backend(name)
    async with api_of(stage, backends={"old": {"versions": ["ocpp1.6"]}}) as (api, _):
        asked = {"station": "CP1", "action": "Heartbeat"}
        matched = (await api.get("/routes/match", **asked)).gives(200)
        assert (matched["answer"], matched["copy"], matched["left_out"]) == (["main"], ["old"], [])
        await stage.station("CP1", "ocpp2.0.1")
        shown = (await api.get("/sessions/CP1")).gives(200)
        assert ([leg["backend"] for leg in shown["legs"]], shown["left_out"]) == (["main"], ["old"])
        found = {each["name"]: each["left_out"] for each in (await api.get("/backends")).gives(200)["items"]}
        assert found == {"main": 0, "old": 1}
        matched = (await api.get("/routes/match", **asked)).gives(200)
        assert (matched["answer"], matched["copy"], matched["left_out"]) == (["main"], [], ["old"])
        matched = (await api.get("/routes/match", **asked, version="ocpp1.6")).gives(200)
        assert (matched["copy"], matched["left_out"]) == (["old"], [])
