"""Users of single networks: what belongs to others is not there for them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.harness import Gateway, ScriptedStation, Stage, free_port, until
from tests.web.client import Api, asking
from tests.web.csms import charge_16, management

TOWNS = ("north", "south")
TOKENS = {"north": "04A2B3", "south": "04C4D5"}
"""The id token that is for each of the networks alone."""


async def login(api: Api, name: str, roles: dict[str, str]) -> str:
    """Make a user who has logged in; return the token."""
    made = (await api.post("/users", {"login": name, "roles": roles})).gives(201)
    chosen = {"invitation": made["invitation"], "password": "correct horse battery"}
    (await api.post("/password", chosen)).gives(204)
    return str((await api.post("/login", {"login": name, "password": chosen["password"]})).gives(200)["token"])


@asynccontextmanager
async def towns(stage: Stage) -> AsyncIterator[tuple[Api, Gateway, dict[str, ScriptedStation]]]:
    """Run a management system of two networks, with a station and an id token in each; uploads are taken."""
    port = free_port()
    uploads = {"listen": {"uploads": f"127.0.0.1:{port}"}, "csms": {"uploads": f"http://127.0.0.1:{port}"}}
    async with management(stage, **uploads) as (api, gateway):
        stations = {}
        for town in TOWNS:
            (await api.post("/networks", {"id": town})).gives(201)
            (await api.post(f"/networks/{town}/stations", {"identity": f"CP-{town}"})).gives(201)
            (await api.post("/id-tokens", {"token": TOKENS[town], "network": town})).gives(201)
            stations[town] = await stage.station(f"CP-{town}")
            await stations[town].boot()
        (await api.post("/id-tokens", {"token": "05FFFF"})).gives(201)
        yield api, gateway, stations


async def order(api: Api, station: ScriptedStation, command: str, answer: dict[str, Any], **fields: Any) -> Any:
    """Have a station told something, which it answers; return what the API says of it."""
    path = f"/csms/stations/{station.name}/commands/{command}"
    telling = asyncio.ensure_future(api.post(path, fields))
    await station.answer(await station.next(), answer)
    return (await telling).gives(200)


OF_ALL = {
    "/healthz",
    "/readyz",
    "/metrics",
    "/login",
    "/logout",
    "/password",
    "/me",
    "/me/password",
    "/sign-in",
    "/sign-out",
}
"""What every caller may ask for, or needs no token."""
IN_SOUTH: dict[tuple[str, str], tuple[int, Any]] = {
    ("get", "/networks"): (200, None),
    ("get", "/networks/{network}"): (404, None),
    ("get", "/networks/{network}/stations"): (404, None),
    ("post", "/networks/{network}/stations"): (404, {"identity": "CP-x"}),
    ("get", "/csms/stations"): (200, None),
    ("post", "/csms/stations"): (422, {"identity": "CP-x", "network": "south"}),
    ("post", "/csms/stations/import"): (422, [{"identity": "CP-south", "network": "north"}]),
    ("get", "/csms/stations/{identity}"): (404, None),
    ("patch", "/csms/stations/{identity}"): (404, {"name": "Mine"}),
    ("delete", "/csms/stations/{identity}"): (404, None),
    ("get", "/csms/stations/{identity}/connectors"): (404, None),
    ("get", "/csms/stations/{identity}/history"): (404, None),
    ("get", "/csms/stations/{identity}/notes"): (404, None),
    ("get", "/csms/stations/{identity}/variables"): (404, None),
    ("get", "/csms/stations/{identity}/profiles"): (404, None),
    ("get", "/csms/stations/{identity}/certificates"): (404, None),
    ("get", "/csms/stations/{identity}/uploads"): (404, None),
    ("get", "/csms/stations/{identity}/uploads/{upload}"): (404, None),
    ("delete", "/csms/stations/{identity}/uploads/{upload}"): (404, None),
    ("get", "/commands"): (200, None),
    ("post", "/csms/stations/{identity}/commands/{command}"): (404, {}),
    ("get", "/id-tokens"): (200, None),
    ("post", "/id-tokens"): (422, {"token": "04E6", "network": "south"}),
    ("post", "/id-tokens/import"): (422, [{"token": TOKENS["south"].lower(), "network": "north"}]),
    ("get", "/id-tokens/{token}"): (404, None),
    ("patch", "/id-tokens/{token}"): (404, {"status": "Blocked"}),
    ("delete", "/id-tokens/{token}"): (404, None),
    ("get", "/transactions"): (200, None),
    ("get", "/transactions/totals"): (200, None),
    ("get", "/transactions/{station}/{ref}"): (404, None),
    ("get", "/transactions/{station}/{ref}/readings"): (404, None),
    ("get", "/transactions/{station}/{ref}/plot.svg"): (404, None),
    ("get", "/reservations"): (200, None),
    ("post", "/jobs"): (422, {"command": "reset", "stations": ["CP-south"]}),
    ("get", "/jobs"): (200, None),
    ("get", "/jobs/{job}"): (404, None),
    ("get", "/jobs/{job}/items"): (404, None),
    ("delete", "/jobs/{job}"): (404, None),
    ("get", "/messages"): (422, None),
    ("get", "/alerts"): (200, None),
}
"""What is open to users of single networks: what each answers one of the north who names something of the south.

All the rest answers 403. An operation that is new is closed to them until it stands here.
"""


async def test_nothing_of_another_network_is_there(stage: Stage) -> None:
    """Whatever a user of the north asks for that is of the south: it is not there, and nothing becomes of it."""
    async with towns(stage) as (api, gateway, stations):
        ref = await charge_16(stations["south"], TOKENS["south"], 0, 1000)
        told = await order(api, stations["south"], "logs", {"fileName": "diag.zip"})
        job = {"command": "reset", "stations": ["CP-north", "CP-south"], "rate": 0.01}
        of_south = {
            "network": "south",
            "identity": "CP-south",
            "station": "CP-south",
            "ref": ref,
            "token": TOKENS["south"],
            "upload": told["result"]["upload"],
            "command": "reset",
            "job": (await api.post("/jobs", job)).gives(201)["id"],
        }
        document = (await api.get("/openapi.json")).gives(200)
        there = {
            (method, path.removeprefix("/api/v1")): described.get("security", [{}])[0].get("token", [])
            for path, operations in document["paths"].items()
            for method, described in operations.items()
        }
        assert IN_SOUTH.keys() <= there.keys()
        roles = {"nora": {"north": "operator"}, "vera": {"north": "operator", "south": "viewer"}}
        for name, own in roles.items():
            async with asking(gateway.http_port, await login(api, name, own)) as user:
                for (method, path), scopes in there.items():
                    if path in OF_ALL or (name == "vera" and scopes == ["viewer"]):
                        continue
                    status, body = IN_SOUTH.get((method, path), (403, None))
                    answer = await user.ask(method, path.replace(":path", "").format_map(Anything(of_south)), body)
                    assert answer.status == status, (name, method, path, answer.body)
                    assert status != 200 or path == "/commands" or "south" not in str(answer.body), (path, answer.body)
        assert (await api.get("/csms/stations", network="south")).gives(200)["total"] == 1


class Anything(dict[str, str]):
    """Something for each name in a path."""

    def __missing__(self, name: str) -> str:
        return "a"


async def test_messages_of_the_own_network(stage: Stage) -> None:
    """An operator of a network looks up what its stations said; those of others are not there, and no list is."""
    async with towns(stage) as (api, gateway, _):
        wanted = (await api.ask("PUT", "/messages/recording", {"stations": ["*"]})).gives(200)
        assert wanted["asked"]["stations"] == ["*"]
        beating = await stage.station("CP-north")
        await beating.boot()
        async with asking(gateway.http_port, await login(api, "nora", {"north": "operator"})) as nora:
            await until(lambda: _said(nora), "what the station of the north said")
            (await nora.get("/messages", station="CP-south")).gives(404)
            (await nora.get("/messages", station="CP-nowhere")).gives(404)
            (await nora.get("/messages/recording")).gives(403)
        async with asking(gateway.http_port, await login(api, "vic", {"north": "viewer"})) as vic:
            (await vic.get("/messages", station="CP-north")).gives(403)


async def _said(user: Api) -> list[Any]:
    items: list[Any] = (await user.log(station="cp-north"))["items"]
    assert {each["station"] for each in items} <= {"CP-north"}
    return items


async def test_what_is_of_the_own_network(stage: Stage) -> None:
    """An operator of a network tells its stations, alone and by jobs, and has its id tokens and files."""
    async with towns(stage) as (api, gateway, stations):
        async with asking(gateway.http_port, await login(api, "nora", {"north": "operator"})) as nora:
            charger = stations["north"]
            assert (await order(nora, charger, "clear-cache", {"status": "Accepted"}))["accepted"]
            told = await order(nora, charger, "logs", {"fileName": "diag.zip"})
            (upload,) = (await nora.get("/csms/stations/CP-north/uploads")).gives(200)["items"]
            assert upload["id"] == told["result"]["upload"]
            (await nora.delete(f"/csms/stations/CP-north/uploads/{upload['id']}")).gives(204)

            found = (await nora.get("/id-tokens")).gives(200)["items"]
            assert [each["token"] for each in found] == [TOKENS["north"]]
            (await nora.get("/id-tokens/05FFFF")).gives(404)
            (await nora.post("/id-tokens", {"token": "0601", "network": "north"})).gives(201)
            refused = (await nora.post("/id-tokens", {"token": "0602"})).gives(422)["errors"][0]
            assert (refused["where"], refused["problem"].partition(":")[0]) == ("body.network", "is one of north")
            for network in ("", "south"):
                (await nora.ask("PATCH", "/id-tokens/0601", {"network": network})).gives(422)
            (await nora.ask("PATCH", "/id-tokens/0601", {"status": "Blocked"})).gives(200)
            (await nora.delete("/id-tokens/0601")).gives(204)
            own, anywhere = {"token": "0603", "network": "north"}, {"token": "0604"}
            (await nora.post("/id-tokens/import", [own])).gives(200)
            mistakes = (await nora.post("/id-tokens/import", [own, anywhere, {"token": "05ffff"}])).gives(422)["errors"]
            where = ["items[1].network", "items[2].token", "items[2].network"]
            assert [each["where"] for each in mistakes] == where
            (await api.get("/id-tokens/0604")).gives(404)
            (await nora.post("/csms/stations/import", [{"identity": "CP-n2", "network": "north"}])).gives(200)
            (await nora.post("/csms/stations/import", [{"identity": "CP-n3"}])).gives(422)

            job = (await nora.post("/jobs", {"command": "reset", "filter": {}, "rate": 0.01})).gives(201)
            assert (job["stations"], job["by"]) == (2, "api:user:nora")
            (await nora.post("/jobs", {"command": "reset", "filter": {"network": "south"}})).gives(422)
            assert [each["id"] for each in (await nora.get("/jobs")).gives(200)["items"]] == [job["id"]]
            items = (await nora.get(f"/jobs/{job['id']}/items")).gives(200)["items"]
            assert [each["station"] for each in items] == ["CP-n2", "CP-north"]
            assert (await nora.delete(f"/jobs/{job['id']}")).gives(200)["state"] in {"cancelling", "cancelled"}
        async with asking(gateway.http_port, await login(api, "vic", {"north": "viewer"})) as vic:
            for path in ("/jobs", "/reservations", "/id-tokens", "/commands"):
                (await vic.get(path)).gives(200)
            (await vic.get("/csms/stations/CP-north/uploads")).gives(403)
            (await vic.post("/csms/stations/CP-north/commands/reset", {})).gives(403)
            (await vic.delete(f"/jobs/{job['id']}")).gives(403)


async def test_a_user_of_one_network(stage: Stage) -> None:
    """Who has a role in some networks sees and changes stations and transactions of these; others are not there."""
    async with management(stage) as (api, gateway):
        for network in ("north", "south"):
            (await api.post("/networks", {"id": network})).gives(201)
            (await api.post(f"/networks/{network}/stations", {"identity": f"CP-{network}"})).gives(201)
        (await api.post("/id-tokens", {"token": "04A2B3"})).gives(201)
        charger = await stage.station("CP-south")
        await charger.boot()
        ref = await charge_16(charger, "04A2B3", 0, 1000)

        async with asking(gateway.http_port, await login(api, "nora", {"north": "operator"})) as nora:
            assert [each["id"] for each in (await nora.get("/networks")).gives(200)["items"]] == ["north"]
            found = (await nora.get("/csms/stations")).gives(200)["items"]
            assert [each["identity"] for each in found] == ["CP-north"]
            (await nora.get("/networks/south")).gives(404)
            (await nora.get("/networks/south/stations")).gives(404)
            (await nora.get("/csms/stations", network="south")).gives(404)
            for path in ("", "/connectors", "/history", "/notes", "/variables", "/profiles", "/certificates"):
                (await nora.get(f"/csms/stations/CP-south{path}")).gives(404)
                (await nora.get(f"/csms/stations/CP-north{path}")).gives(200)
            assert (await nora.get("/transactions")).gives(200)["items"] == []
            assert (await nora.get("/transactions/totals")).gives(200)["items"] == []
            for path in ("", "/readings", "/plot.svg"):
                (await nora.get(f"/transactions/CP-south/{ref}{path}")).gives(404)
            (await nora.post("/networks/north/stations", {"identity": "CP-new"})).gives(201)
            (await nora.post("/networks/south/stations", {"identity": "CP-x"})).gives(404)
            (await nora.post("/csms/stations", {"identity": "CP-x", "network": "south"})).gives(422)
            (await nora.ask("PATCH", "/csms/stations/CP-new", {"name": "Gate"})).gives(200)
            (await nora.ask("PATCH", "/csms/stations/CP-new", {"network": "south"})).gives(422)
            (await nora.ask("PATCH", "/csms/stations/CP-south", {"name": "Mine"})).gives(404)
            (await nora.delete("/csms/stations/CP-south")).gives(404)
            (await nora.delete("/csms/stations/CP-new")).gives(204)
            for path in ("/stations", "/waiting", "/backends", "/tokens", "/users"):
                (await nora.get(path)).gives(403)
        async with asking(gateway.http_port, await login(api, "sue", {"south": "viewer", "north": "viewer"})) as sue:
            (await sue.get("/transactions")).gives(422)
            items = (await sue.get("/transactions", network="south")).gives(200)["items"]
            assert [each["ref"] for each in items] == [ref]
            (await sue.get(f"/transactions/CP-south/{ref}")).gives(200)
            (await sue.ask("PATCH", "/csms/stations/CP-south", {"name": "Mine"})).gives(403)


ABOUT = ("connectors", "history", "notes", "variables", "profiles", "certificates", "uploads")
"""What there is of a station, beside its transactions."""


async def counts(api: Api, station: str) -> dict[str, int]:
    """Return how much of each kind a caller sees of a station."""
    found = {kind: (await api.get(f"/csms/stations/{station}/{kind}")).gives(200)["items"] for kind in ABOUT}
    found["jobs"] = (await api.get("/jobs")).gives(200)["items"]
    found["transactions"] = (await api.get("/transactions", station=station)).gives(200)["items"]
    return {kind: len(items) for kind, items in found.items() if items}


async def live(api: Api, station: ScriptedStation) -> str:
    """Have a station tell and be told one thing of each kind, and somebody charge; return the transaction's name."""
    free = {"connectorId": 1, "status": "Available", "errorCode": "NoError", "timestamp": "2026-11-21T08:00:00Z"}
    await station.call("StatusNotification", free)
    await station.call("DataTransfer", {"vendorId": "finch", "data": "secret"})
    await station.call("SignCertificate", {"csr": "-----BEGIN"})
    loose = {"timestamp": "2026-11-21T08:00:00Z", "sampledValue": [{"value": "1"}]}
    await station.call("MeterValues", {"connectorId": 1, "transactionId": 4711, "meterValue": [loose]})
    await order(api, station, "logs", {"fileName": "diag.zip"})
    keys = [{"key": "HeartbeatInterval", "readonly": False, "value": "60"}]
    await order(api, station, "configuration-get", {"configurationKey": keys, "unknownKey": []})
    job = {"command": "reset", "stations": [station.name], "rate": 0.01, "seconds": 60}
    telling = asyncio.ensure_future(api.post("/jobs", job))
    await station.answer(await station.next(), {"status": "Accepted"})
    (await telling).gives(201)
    return await charge_16(station, TOKENS["north"], 0, 1000)


ALL_OF_IT = {"connectors": 1, "history": 1, "notes": 1, "variables": 1, "certificates": 1, "uploads": 1, "jobs": 1}


async def test_a_station_that_is_made_anew_in_another_network(stage: Stage) -> None:
    """With a station goes all that it has told and was told; its transactions stay with their network."""
    async with towns(stage) as (api, gateway, stations):
        ref = await live(api, stations["north"])
        async with (
            asking(gateway.http_port, await login(api, "nora", {"north": "operator"})) as nora,
            asking(gateway.http_port, await login(api, "sue", {"south": "operator"})) as sue,
        ):
            assert await counts(nora, "CP-north") == ALL_OF_IT | {"transactions": 1}
            (await nora.delete("/csms/stations/CP-north")).gives(204)
            (await sue.post("/networks/south/stations", {"identity": "CP-north"})).gives(201)
            assert await counts(sue, "CP-north") == {}
            (await sue.get(f"/transactions/CP-north/{ref}")).gives(404)
            assert (await nora.get(f"/transactions/CP-north/{ref}")).gives(200)["energy"] == 1000
            assert len((await nora.get(f"/transactions/CP-north/{ref}/readings")).gives(200)["items"]) == 3
            station = await stage.station("CP-north")
            await station.call("StopTransaction", {"transactionId": 4711, "meterStop": 9, "timestamp": NINE})
            assert (await sue.get("/transactions/CP-north/4711/readings")).gives(200)["items"] == []


NINE = "2026-11-21T09:00:00Z"


async def test_a_station_that_is_moved_to_another_network(stage: Stage) -> None:
    """What it is and has told goes with it; what was charged before stays with the network that it was charged in."""
    async with towns(stage) as (api, gateway, stations):
        ref = await live(api, stations["north"])
        (await api.ask("PATCH", "/csms/stations/CP-north", {"network": "south"})).gives(200)
        later = await charge_16(stations["north"], TOKENS["south"], 1000, 3000, begin=50_000)
        async with (
            asking(gateway.http_port, await login(api, "nora", {"north": "operator"})) as nora,
            asking(gateway.http_port, await login(api, "sue", {"south": "operator"})) as sue,
        ):
            assert await counts(sue, "CP-north") == ALL_OF_IT | {"transactions": 1}
            for user, own, other in ((nora, ref, later), (sue, later, ref)):
                assert [each["ref"] for each in (await user.get("/transactions")).gives(200)["items"]] == [own]
                (await user.get(f"/transactions/CP-north/{own}/readings")).gives(200)
                (await user.get(f"/transactions/CP-north/{other}")).gives(404)
            (await nora.get("/csms/stations/CP-north/notes")).gives(404)
            totals = (await nora.get("/transactions/totals")).gives(200)["items"]
            assert [each["energy"] for each in totals] == [1000]


async def test_stations_that_may_not_be_claimed(stage: Stage) -> None:
    """What the configuration lets the management system claim bounds what stations are made, also by a list."""
    backends = {"csms": {"url": "local:", "claims": {"stations": ["CP-*"]}}}
    async with management(stage, backends=backends) as (api, _):
        (await api.post("/csms/stations", {"identity": "cp-1"})).gives(201)
        mistake = (await api.post("/csms/stations", {"identity": "XX-1"})).gives(422)["errors"][0]
        assert "backends.csms.claims.stations" in mistake["problem"]
        both = [{"identity": "CP-2"}, {"identity": "XX-1"}]
        (mistake,) = (await api.post("/csms/stations/import", both)).gives(422)["errors"]
        assert mistake["where"] == "items[1].identity"
        assert [each["identity"] for each in (await api.get("/csms/stations")).gives(200)["items"]] == ["cp-1"]
