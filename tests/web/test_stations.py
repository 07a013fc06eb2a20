"""Stations through the API: who they are, which are there, and letting them go."""

from __future__ import annotations

from typing import Any

from tests.harness import Stage, basic
from tests.web.client import Api, api_of

ENTRIES = [
    {"identity": "CP1", "name": "North yard 1", "tags": ["yard", "dc"], "route": "main"},
    {"identity": "CP2", "name": "North yard 2", "tags": ["yard"], "route": "side"},
    {"identity": "CP3", "route": "main"},
    {"match": "EX-*", "route": "main"},
]


async def names(api: Api, **query: Any) -> list[str]:
    """Ask for a list of stations, and give their identities."""
    body = (await api.get("/stations", **query)).gives(200)
    assert body["total"] >= len(body["items"])
    return [item["identity"] for item in body["items"]]


def _two_routes(stage: Stage) -> dict[str, Any]:
    return {
        "stations": ENTRIES,
        "routes": {"main": {"rules": [{"answer": "a", "copy": ["b"]}]}, "side": {"rules": [{"answer": "b"}]}},
    }


async def test_stations_are_listed_filtered_and_sorted(stage: Stage) -> None:
    """The list holds the stations that are known one by one and those that are there, as filtered and sorted."""
    await stage.backend("a")
    await stage.backend("b")
    async with api_of(stage, **_two_routes(stage)) as (api, _):
        await stage.station("CP3", "ocpp2.0.1")
        await stage.station("EX-9")
        await stage.station("cp2")
        assert await names(api) == ["CP1", "cp2", "CP3", "EX-9"]
        assert await names(api, sort="-identity") == ["EX-9", "CP3", "cp2", "CP1"]
        assert await names(api, sort="since") == ["CP3", "EX-9", "cp2", "CP1"]
        assert await names(api, sort="-since") == ["cp2", "EX-9", "CP3", "CP1"]
        assert await names(api, sort="route") == ["CP1", "CP3", "EX-9", "cp2"]
        assert await names(api, q="NORTH") == ["CP1", "cp2"]
        assert await names(api, q="x-9") == ["EX-9"]
        assert await names(api, route="side") == ["cp2"]
        assert await names(api, backend="a") == ["CP1", "CP3", "EX-9"]
        assert await names(api, backend="b") == ["CP1", "cp2", "CP3", "EX-9"]
        assert await names(api, tag="dc") == ["CP1"]
        assert await names(api, connected=True) == ["cp2", "CP3", "EX-9"]
        assert await names(api, connected=False) == ["CP1"]
        assert await names(api, version="ocpp1.6") == ["cp2", "EX-9"]
        assert await names(api, version="ocpp1.6", connected=False) == []
        assert await names(api, backend="a", connected=True, q="c") == ["CP3"]
        page = (await api.get("/stations", limit=2, offset=1)).gives(200)
        assert [item["identity"] for item in page["items"]] == ["cp2", "CP3"]
        assert (page["total"], page["offset"], page["limit"]) == (4, 1, 2)
        assert await names(api, offset=4) == []


async def test_a_station_is_shown(stage: Stage) -> None:
    """A station is shown with where it came from and its session; one that is away without."""
    await stage.backend("a")
    await stage.backend("b")
    async with api_of(stage, **_two_routes(stage)) as (api, _):
        away = (await api.get("/stations/cp1")).gives(200)
        assert away == {
            "identity": "cp1",
            "name": "North yard 1",
            "tags": ["dc", "yard"],
            "route": "main",
            "claimed_by": None,
            "source": "entry",
            "connected": False,
            "carrier": None,
            "version": None,
            "address": None,
            "since": None,
            "session": None,
        }
        await stage.station("EX-9", "ocpp2.1")
        there = (await api.get("/stations/EX-9")).gives(200)
        assert there["source"] == "pattern"
        assert (there["carrier"], there["version"], there["address"]) == ("websocket", "ocpp2.1", "127.0.0.1")
        assert there["since"].endswith("Z")
        assert [leg["backend"] for leg in there["session"]["legs"]] == ["a", "b"]
        assert there["session"]["since"] == there["since"]


async def test_strangers_are_shown(stage: Stage) -> None:
    """A station that nobody knows is shown as a stranger where strangers are let in."""
    await stage.backend("a")
    async with api_of(stage, stations=[], unknown={"policy": "route"}) as (api, _):
        await stage.station("X1")
        assert (await api.get("/stations/X1")).gives(200)["source"] == "stranger"
        assert await names(api) == ["X1"]


async def test_a_station_with_a_strange_identity_is_found(stage: Stage) -> None:
    """An identity with characters that URLs write otherwise is found by its encoded form."""
    await stage.backend("a")
    async with api_of(stage) as (api, _):
        await stage.station("CP 1:é?#&")
        found = (await api.get("/stations/CP%201%3A%C3%A9%3F%23%26")).gives(200)
        assert (found["identity"], found["connected"]) == ("CP 1:é?#&", True)


async def test_a_station_is_disconnected(stage: Stage) -> None:
    """An operator closes a station's connection; a second time there is nothing to close."""
    await stage.backend("a")
    async with api_of(stage) as (api, _):
        station = await stage.station("CP1")
        assert (await api.post("/stations/CP1/disconnect")).gives(202) is None
        closing = await station.closed()
        assert (closing.code, closing.reason) == (1001, "Disconnected by an operator")
        (await api.post("/stations/CP1/disconnect")).gives(409)


async def test_what_is_asked_wrongly_of_stations(stage: Stage) -> None:
    """Unknown stations, filters, sortings and numbers out of bounds are refused with what is wrong."""
    await stage.backend("a")
    async with api_of(stage, stations=ENTRIES, routes={"side": {"rules": [{"answer": "a"}]}}) as (api, _):
        for path in ("/stations/XX", "/stations/a%2Fb", "/stations/%00"):
            (await api.get(path)).gives(404)
        (await api.post("/stations/XX/disconnect")).gives(404)
        (await api.delete("/stations/CP1")).gives(404)
        for query in ({"limit": 0}, {"limit": 1001}, {"offset": -1}, {"sort": "name"}, {"connected": "x"}, {"qq": "1"}):
            problem = (await api.get("/stations", **query)).gives(422)
            assert problem["errors"][0]["where"] == f"query.{next(iter(query))}"


async def test_secrets_of_a_station_are_not_shown(stage: Stage) -> None:
    """Nothing that a station proves itself by appears in what is shown of it."""
    await stage.backend("a")
    entries = [{"identity": "CP1", "route": "main", "password": "correct horse battery"}]
    async with api_of(stage, stations=entries) as (api, _):
        await stage.station("CP1", headers={"Authorization": basic("CP1", "correct horse battery")})
        for path in ("/stations", "/stations/CP1", "/sessions", "/backends", "/routes"):
            assert "correct" not in str((await api.get(path)).gives(200))
