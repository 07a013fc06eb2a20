"""Users of single networks: what belongs to others is not there for them."""

from __future__ import annotations

from tests.harness import Stage
from tests.web.client import asking
from tests.web.csms import charge_16, management


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

        async def token(login: str, roles: dict[str, str]) -> str:
            made = (await api.post("/users", {"login": login, "roles": roles})).gives(201)
            chosen = {"invitation": made["invitation"], "password": "correct horse battery"}
            (await api.post("/password", chosen)).gives(204)
            return str((await api.post("/login", {"login": login, "password": chosen["password"]})).gives(200)["token"])

        async with asking(gateway.http_port, await token("nora", {"north": "operator"})) as nora:
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
            for path in ("/stations", "/id-tokens", "/waiting", "/backends", "/tokens", "/users"):
                (await nora.get(path)).gives(403)
        async with asking(gateway.http_port, await token("sue", {"south": "viewer", "north": "viewer"})) as sue:
            (await sue.get("/transactions")).gives(422)
            items = (await sue.get("/transactions", network="south")).gives(200)["items"]
            assert [each["ref"] for each in items] == [ref]
            (await sue.get(f"/transactions/CP-south/{ref}")).gives(200)
            (await sue.ask("PATCH", "/csms/stations/CP-south", {"name": "Mine"})).gives(403)
