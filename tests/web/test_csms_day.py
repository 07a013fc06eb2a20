"""A day through the API of the management system: from an empty database to a bill."""

from __future__ import annotations

import csv
import io
from xml.etree import ElementTree

from tests.harness import Stage
from tests.web.csms import charge_16, management, seen


async def test_a_day(stage: Stage) -> None:
    """A network, a station and a token are made; somebody charges; list, picture, CSV and totals agree to the Wh.

    The station is deleted while it is connected: it has to go, and what was charged there is kept.
    """
    async with management(stage) as (api, _):
        await stage.refused("CP-1")
        made = (await api.post("/networks", {"id": "north", "name": "North", "currency": "EUR"})).gives(201)
        assert (made["stations"], made["connected"]) == (0, 0)
        station = (await api.post("/networks/north/stations", {"identity": "CP-1", "name": "Gate"})).gives(201)
        assert (station["identity"], station["network"], station["connected"]) == ("CP-1", "north", False)
        assert (await api.get("/waiting")).gives(200)["total"] == 0
        (await api.post("/id-tokens", {"token": "04A2B3", "holder": "Ada"})).gives(201)
        prices = {"currency": "EUR", "per_kwh": "0.40", "since": "2026-11-01T00:00:00Z"}
        (await api.ask("PUT", "/tariffs/day", prices)).gives(200)

        charger = await stage.station("CP-1")
        assert (await charger.boot()).payload["status"] == "Accepted"
        ref = await charge_16(charger, "04a2b3", 1000, 12_345)

        shown = (await api.get(f"/transactions/CP-1/{ref}")).gives(200)
        assert (shown["energy"], shown["seconds"], shown["reason"]) == (11_345, 3600, "Local")
        assert (shown["began"], shown["network"], shown["token"]) == ("2026-11-21T10:00:00.000Z", "north", "04a2b3")
        cost = {"amount": "4.54", "currency": "EUR"}
        assert shown["cost"] == cost
        assert shown["computed_from"]["tariff"]["name"] == "day"
        listed = (await api.get("/transactions", network="north", token="04A2B3")).gives(200)
        assert listed["items"] == [{name: shown[name] for name in listed["items"][0]}]
        assert (listed["next"], listed["total"], listed["more"]) == (None, 1, False)
        totals = (await api.get("/transactions/totals", station="cp-1")).gives(200)["items"]
        assert totals == [{"currency": "EUR", "transactions": 1, "energy": 11_345, "seconds": 3600, "cost": cost}]

        kind, text = await api.text("/transactions", format="csv")
        assert kind == "text/csv"
        (line,) = csv.DictReader(io.StringIO(text))
        assert (line["station"], line["ref"], float(line["energy"])) == ("CP-1", ref, 11_345)
        assert (line["cost_amount"], line["cost_currency"]) == ("4.54", "EUR")
        readings = (await api.get(f"/transactions/CP-1/{ref}/readings")).gives(200)["items"]
        assert [each["energy"] for each in readings] == [3836, 6672, 9508]
        assert readings[0]["samples"][1] == {
            "measurand": "Power.Active.Import",
            "phase": "",
            "location": "Outlet",
            "context": "Sample.Periodic",
            "value": 7400,
            "unit": "W",
            "raw": "7.4",
            "signed": None,
        }
        kind, text = await api.text(f"/transactions/CP-1/{ref}/readings", accept="text/csv")
        assert (kind, len(text.splitlines())) == ("text/csv", 1 + 6)
        kind, text = await api.text(f"/transactions/CP-1/{ref}/plot.svg")
        assert kind == "image/svg+xml"
        assert "CP-1, transaction" in "".join(ElementTree.fromstring(text).itertext())

        whole = await seen(api, "/csms/stations/CP-1", connected=True)
        assert (whole["vendor"], whole["model"], whole["version"]) == ("Finch", "Sparrow", "ocpp1.6")
        assert (await api.get("/networks/north")).gives(200)["connected"] == 1

        (await api.delete("/csms/stations/CP-1")).gives(204)
        await charger.closed()
        await stage.refused("CP-1")
        (await api.get("/csms/stations/CP-1")).gives(404)
        assert (await api.get(f"/transactions/CP-1/{ref}")).gives(200)["energy"] == 11_345
