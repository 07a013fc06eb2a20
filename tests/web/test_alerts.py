"""Alerts through the API, and by the command: what there is, what was sent, tests of channels, mutes."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

from tests.alerts.http_servers import receiver
from tests.harness import Gateway, Stage, until
from tests.harness.command import VOLTGATE
from tests.web.client import TOKEN, Api, api_of, asking
from tests.web.csms import management
from tests.web.test_csms_networks import login


def section(port: int, *events: str) -> dict[str, Any]:
    """Return the configuration of alerts."""
    return {
        "channels": {
            "hook": {"webhook": {"url": f"http://127.0.0.1:{port}/secret-path", "secret": "top-secret"}},
            "spare": {"webhook": {"url": "http://127.0.0.1:9/"}},
        },
        "rules": [{"name": "all", "events": list(events), "channels": ["hook"], "hold": 0, "group": 0}],
    }


async def voltgate(gateway: Gateway, *arguments: str) -> tuple[int, str]:
    """Run a command; return its exit code and what it printed."""
    where = {"VOLTGATE_URL": f"http://127.0.0.1:{gateway.http_port}", "VOLTGATE_TOKEN": TOKEN, "COLUMNS": "300"}
    process = await asyncio.create_subprocess_exec(
        *VOLTGATE,
        *arguments,
        env={**os.environ, **where},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def told(api: Api, number: int) -> list[Any]:
    """Wait until so many messages were sent; return them, the last one first."""

    async def sent() -> list[Any] | None:
        items = (await api.get("/alerts/deliveries", status=["sent"])).gives(200)["items"]
        return items if len(items) >= number else None

    found: list[Any] = await until(sent, f"{number} messages are sent")
    assert len(found) == number
    return found


async def test_what_was_told(stage: Stage) -> None:
    """Alerts, messages, channels and rules are listed without secrets; a test is sent; what is muted is not told."""
    await stage.backend("main")
    async with (
        receiver() as hook,
        api_of(stage, alerts=section(hook.port, "connectedToProxy", "disconnectedFromP*")) as (api, gateway),
    ):
        for identity in ("CP1", "CP2"):
            station = await stage.station(identity)
        first, second = (await told(api, 2))[::-1]
        assert (first["subject"], first["rule"], first["count"]) == ("Client connected: CP1", "all", 1)
        assert (second["status"], second["attempts"], second["error"]) == ("sent", 1, None)
        items = (await api.get("/alerts")).gives(200)["items"]
        assert [(each["title"], each["status"]) for each in items] == [
            ("Client connected: CP2", "open"),
            ("Client connected: CP1", "open"),
        ]
        page = (await api.get("/alerts", limit=1)).gives(200)
        older = (await api.get("/alerts", limit=1, cursor=page["next"])).gives(200)
        assert [*page["items"], *older["items"]] == items
        assert [each["station"] for each in (await api.get("/alerts", station="cp1")).gives(200)["items"]] == ["CP1"]
        (await api.get("/alerts", event="nothing")).gives(422)
        (await api.get("/alerts", cursor="nothing")).gives(422)
        (await api.get("/alerts/deliveries", since="never")).gives(422)
        listed = [(await api.get(f"/alerts/{name}")).gives(200) for name in ("channels", "rules")]
        assert [(each["name"], each["kind"], each["rules"]) for each in listed[0]["items"]] == [
            ("hook", "webhook", ["all"]),
            ("spare", "webhook", []),
        ]
        assert listed[1]["items"][0]["events"] == ["connectedToProxy", "disconnectedFromProxy"]
        assert "secret" not in json.dumps([listed, items, first])

        code, output = await voltgate(gateway, "alerts", "test", "hook")
        assert (code, output) == (0, "hook has taken the message\n")
        assert json.loads(hook.got[-1][2])["kind"] == "test"
        code, output = await voltgate(gateway, "alerts", "test", "spare")
        assert code == 1
        assert "the message did not get through" in output
        assert (await voltgate(gateway, "alerts", "test", "nobody"))[1].startswith("voltgate: There is no channel")

        code, made = await voltgate(gateway, "alerts", "mute", "--station", "CP*", "--for", "1h", "--reason", "works")
        assert code == 0
        await station.close()

        async def muted() -> Any:
            return (await api.get("/alerts", status=["muted"])).gives(200)["items"]

        assert [each["title"] for each in await until(muted, "it is muted")] == ["Client disconnected: CP2"]
        assert "Client disconnected: CP2" in (await voltgate(gateway, "alerts", "--status", "muted"))[1]
        assert "works" in (await voltgate(gateway, "alerts", "mutes"))[1]
        assert "CP2" in (await voltgate(gateway, "alerts", "--since", "1h", "--status", "muted"))[1]
        assert (await voltgate(gateway, "alerts", "deliveries", "--since", "1m", "--status", "due"))[0] == 0
        code, output = await voltgate(gateway, "alerts", "mute", "--event", "conStatusFoulted")
        assert (code, "There is no event" in output, "conStatusFoulted" in output) == (1, True, True)
        assert (await voltgate(gateway, "alerts", "unmute", made.split()[0]))[1] == "it is told again\n"
        assert (await api.get("/alerts/mutes")).gives(200)["items"] == []
        assert "[[alerts.mute]]" in (await voltgate(gateway, "alerts", "mutes"))[1]
        (await api.ask("DELETE", "/alerts/mutes/nothing")).gives(404)
        assert "Client connected: CP1" in (await voltgate(gateway, "alerts", "deliveries"))[1]
        for wrong in ("mute", "--station x --for never"):
            assert (await voltgate(gateway, "alerts", "mute", *wrong.split()[1:]))[0] == 2


async def test_of_one_network(stage: Stage) -> None:
    """Who sees one network sees the alerts of its stations, and no others."""
    async with receiver() as hook, management(stage, alerts=section(hook.port, "*")) as (api, gateway):
        for town in ("north", "south"):
            (await api.post("/networks", {"id": town})).gives(201)
            (await api.post(f"/networks/{town}/stations", {"identity": f"CP-{town}"})).gives(201)
            await stage.station(f"CP-{town}")

        async def both() -> bool:
            items = (await api.get("/alerts", event="connectedToProxy")).gives(200)["items"]
            return {each["station"] for each in items} == {"CP-north", "CP-south"}

        await until(both, "both are told of")
        async with asking(gateway.http_port, await login(api, "nora", {"north": "operator"})) as nora:
            items = (await nora.get("/alerts")).gives(200)["items"]
            assert {each["station"] for each in items} == {"CP-north"}
            assert (await nora.get("/alerts", station="CP-south")).gives(200)["items"] == []
            for closed in ("deliveries", "channels", "rules", "mutes"):
                (await nora.get(f"/alerts/{closed}")).gives(403)


async def test_without_a_database(stage: Stage) -> None:
    """Alerts are told all the same, and kept as long as the process lives."""
    await stage.backend("main")
    async with (
        receiver() as hook,
        api_of(stage, store={"url": "off"}, alerts=section(hook.port, "connectedToProxy")) as (api, _),
    ):
        await stage.station("CP1")
        assert [each["subject"] for each in await told(api, 1)] == ["Client connected: CP1"]
        assert [each["status"] for each in (await api.get("/alerts")).gives(200)["items"]] == ["open"]
