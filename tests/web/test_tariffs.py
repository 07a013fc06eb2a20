"""Tariffs through the API."""

from __future__ import annotations

from tests.harness import Stage
from tests.web.client import api_of
from tests.web.csms import management


async def test_a_tariff_is_put_anew(stage: Stage) -> None:
    """Each time is a version of its own; prices are texts, so that none loses a digit."""
    async with management(stage, csms={"currency": "CHF"}) as (api, _):
        assert (await api.get("/tariffs")).gives(200) == {"items": [], "total": 0, "offset": 0, "limit": 100}
        wanted = {"per_kwh": "0.405", "vat": 8.1, "since": "2026-01-01T00:00:00+01:00"}
        made = (await api.ask("PUT", "/tariffs/day", wanted)).gives(200)
        assert made == {
            "name": "day",
            "version": 1,
            "currency": "CHF",
            "since": "2025-12-31T23:00:00.000Z",
            "network": "",
            "group": "",
            "per_kwh": "0.405",
            "per_minute": "0",
            "per_session": "0",
            "per_idle_minute": "0",
            "free_minutes": "0",
            "vat": "8.1",
        }
        again = (await api.ask("PUT", "/tariffs/day", {"currency": "EUR", "per_session": 1})).gives(200)
        assert (again["version"], again["currency"]) == (2, "EUR")
        assert (await api.get("/tariffs", limit=1)).gives(200)["items"] == [made]
        (await api.ask("DELETE", "/tariffs/day?version=1")).gives(204)
        assert (await api.get("/tariffs")).gives(200)["items"] == [again]
        (await api.ask("DELETE", "/tariffs/day")).gives(204)
        (await api.ask("DELETE", "/tariffs/day")).gives(404)


async def test_an_example_is_priced(stage: Stage) -> None:
    """What prices come to is told before they are put, with each line, as transactions are priced; nothing is kept."""
    prices = {"per_kwh": "0.405", "per_minute": "0.02", "free_minutes": 60, "per_idle_minute": "0.1", "vat": "19"}
    async with management(stage, csms={"currency": "CHF"}) as (api, _):
        found = (await api.get("/tariffs/example", energy=20_000, seconds=7200, idle=600, **prices)).gives(200)
        assert found["cost"] == {"amount": "12.26", "currency": "CHF"}
        told = [(line["kind"], line["quantity"], line["per"], line["price"], line["amount"]) for line in found["lines"]]
        assert told == [
            ("energy", "20000", 1000, "0.405", "8.1"),
            ("time", "3600", 60, "0.02", "1.2"),
            ("idle", "600", 60, "0.1", "1"),
            ("vat", "10.3", 100, "19", "1.957"),
        ]
        yen = {"currency": "JPY", "per_idle_minute": 60, "seconds": 90, "idle": 9000}
        found = (await api.get("/tariffs/example", **yen)).gives(200)
        assert found["cost"] == {"amount": "90", "currency": "JPY"}
        problem = (await api.get("/tariffs/example", per_kwh="tea")).gives(422)
        assert problem["errors"][0]["where"] == "query.per_kwh"
        assert (await api.get("/tariffs")).gives(200)["total"] == 0


async def test_what_is_no_tariff(stage: Stage) -> None:
    """A mistake is named; without a database there is nowhere to keep a tariff."""
    async with management(stage) as (api, _):
        for wrong in ({"per_kwh": -1}, {"currency": "euro"}, {"vat": "1e9"}, {"per_minute": "0.0000001"}, {"tea": 1}):
            problem = (await api.ask("PUT", "/tariffs/day", wrong)).gives(422)
            assert problem["errors"][0]["where"] == f"body.{next(iter(wrong))}"
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        (await api.get("/tariffs")).gives(409)
