"""Those who wait, through the API: seen, accepted onto a route, struck out."""

from __future__ import annotations

from typing import Any

from tests.harness import Stage
from tests.web.client import api_of

QUARANTINE: dict[str, Any] = {"stations": [{"identity": "CP1"}], "unknown": {"policy": "quarantine"}, "store": None}


async def test_a_waiting_station_is_accepted_and_forgotten(stage: Stage) -> None:
    """A station that knocked in vain is listed; once accepted it comes in, also after a restart, until forgotten."""
    await stage.backend("a")
    async with api_of(stage, **QUARANTINE) as (api, gateway):
        await stage.refused("X1", "ocpp1.6", "ocpp2.0.1")
        await stage.refused("X2")
        await stage.refused("X1", "ocpp2.0.1")
        page = (await api.get("/waiting")).gives(200)
        assert page["total"] == 2
        first = page["items"][0]
        assert (first["identity"], first["tries"], first["address"]) == ("X1", 2, "127.0.0.1")
        assert (first["offered"], first["reason"]) == (["ocpp2.0.1"], "unknown station")
        assert first["first"] <= first["last"]
        assert [each["identity"] for each in (await api.get("/waiting", offset=1)).gives(200)["items"]] == ["X2"]
        accepted = (await api.post("/waiting/X1/accept", {"route": "main"})).gives(201)
        assert (accepted["identity"], accepted["source"], accepted["route"]) == ("X1", "accepted", "main")
        assert [each["identity"] for each in (await api.get("/waiting")).gives(200)["items"]] == ["X2"]
        await stage.station("X1")
        listed = (await api.get("/stations")).gives(200)["items"]
        assert [each["identity"] for each in listed] == ["CP1", "X1"]
        await gateway.stop()
        await gateway.start()
        station = await stage.station("X1")
        (await api.delete("/stations/X1")).gives(204)
        assert (await station.closed()).code == 1008
        (await api.delete("/stations/X1")).gives(404)
        (await api.get("/stations/X1")).gives(404)
        await stage.refused("X1")


async def test_a_waiting_station_is_struck_out(stage: Stage) -> None:
    """A station that is not wanted on the list is taken off it, and is listed again when it comes again."""
    await stage.backend("a")
    async with api_of(stage, **QUARANTINE) as (api, _):
        await stage.refused("X1")
        (await api.delete("/waiting/X1")).gives(204)
        (await api.delete("/waiting/X1")).gives(404)
        await stage.refused("X1")
        assert (await api.get("/waiting")).gives(200)["items"][0]["tries"] == 1


async def test_what_cannot_be_accepted(stage: Stage) -> None:
    """A station that does not wait, a route that is none and a body that is wrong are refused."""
    await stage.backend("a")
    async with api_of(stage, **QUARANTINE) as (api, _):
        await stage.refused("X1")
        (await api.post("/waiting/X2/accept", {"route": "main"})).gives(404)
        problem = (await api.post("/waiting/X1/accept", {"route": "nowhere"})).gives(422)
        assert problem["errors"] == [{"where": "body.route", "problem": "there is no such route"}]
        for body in (None, {}, {"route": 1}, {"route": "main", "more": 1}, []):
            (await api.post("/waiting/X1/accept", body)).gives(422)
