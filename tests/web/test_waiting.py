"""Those who wait, through the API: seen, accepted onto a route, struck out."""

from __future__ import annotations

from typing import Any

from tests import soap_ends
from tests.harness import Stage
from tests.soap_ends import SoapStation
from tests.web.client import TOKEN, api_of, asking

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


async def test_waiting_stations_are_looked_for(stage: Stage) -> None:
    """The list has those with a text in identity or address, and says how many these are."""
    await stage.backend("a")
    async with api_of(stage, **QUARANTINE) as (api, _):
        for identity in ("DEPOT-1", "STREET-1", "DEPOT-2"):
            await stage.refused(identity)
        page = (await api.get("/waiting", q="depot", limit=1)).gives(200)
        assert ([each["identity"] for each in page["items"]], page["total"]) == (["DEPOT-2"], 2)
        assert (await api.get("/waiting", q="127.0.0")).gives(200)["total"] == 3
        assert (await api.get("/waiting", q="10.0.0")).gives(200)["items"] == []


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


async def test_a_station_that_is_claimed_waits_no_more(stage: Stage) -> None:
    """Whoever is claimed leaves the list at once, and is on it anew only when it is turned away again."""
    await stage.backend("a")
    async with api_of(stage, **QUARANTINE) as (api, _):
        await stage.refused("X1")
        await stage.refused("X2")
        (await api.ask("PUT", "/backends/a/stations", {"stations": ["x1"]})).gives(200)
        assert [each["identity"] for each in (await api.get("/waiting")).gives(200)["items"]] == ["X2"]
        station = await stage.station("X1")
        (await api.ask("PUT", "/backends/a/stations", {"stations": ["X3"]})).gives(200)
        await station.closed()
        assert [each["identity"] for each in (await api.get("/waiting")).gives(200)["items"]] == ["X2"]
        await stage.refused("X1")
        first = (await api.get("/waiting")).gives(200)["items"][0]
        assert (first["identity"], first["tries"]) == ("X1", 1)


async def test_nobody_is_accepted_on_the_route_of_claims(stage: Stage) -> None:
    """A station that nobody claims cannot be accepted where only a claim leads: nothing is changed, and it is said."""
    await stage.backend("a")
    async with api_of(stage, **QUARANTINE) as (api, _):
        await stage.refused("X1")
        problem = (await api.post("/waiting/X1/accept", {"route": "claimed"})).gives(409)
        assert "claim it for a backend" in problem["detail"]
        assert [each["identity"] for each in (await api.get("/waiting")).gives(200)["items"]] == ["X1"]


async def test_a_soap_station_waits_with_its_version(stage: Stage) -> None:
    """The list says which version of SOAP a charger knocked with."""
    await stage.backend("a")
    gateway = await soap_ends.gateway(stage, admin_token=TOKEN, **QUARANTINE)
    old = await SoapStation.start(stage, "OLD-1")
    await old.call(old.request("Heartbeat", version="1.5"))
    async with asking(gateway.http_port) as api:
        assert (await api.get("/waiting")).gives(200)["items"][0]["offered"] == ["soap1.5"]
