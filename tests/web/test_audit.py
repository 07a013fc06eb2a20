"""The audit trail through the API: who asked which station for what."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.harness import Stage, until
from tests.web.client import Api, api_of


async def lines(api: Api, number: int, **query: Any) -> list[Any]:
    """Wait until so many lines are on disk, and give them."""

    async def found() -> list[Any] | None:
        items = [each for each in (await api.get("/audit", **query)).gives(200)["items"] if each["action"] != "Start"]
        return items if len(items) >= number else None

    there: list[Any] = await until(found, f"{number} lines of the audit trail")
    assert len(there) == number
    return there


async def test_who_called_what(stage: Stage) -> None:
    """Calls of backends and of callers of the API stand in the trail with what became of them."""
    await stage.backend("main")
    await stage.backend("watcher")
    async with api_of(stage, store=None, backends={"watcher": {"permit": "observe"}}) as (api, _):
        station, link, other = await stage.heard("CP1")
        await other.expect_answer(await other.ask("Reset", {"type": "Soft"}))
        asked = asyncio.ensure_future(api.post("/stations/CP1/calls", {"action": "ClearCache"}))
        call = await station.expect("ClearCache")
        await station.answer(call, {"status": "Rejected"})
        (await asked).gives(200)
        (await api.post("/stations/CP1/calls", {"action": "GetLocalListVersion", "timeout": 0.2})).gives(504)
        await station.expect("GetLocalListVersion")
        newest, middle, oldest = await lines(api, 3)
        assert (newest["backend"], newest["action"], newest["outcome"]) == (
            "api:admin",
            "GetLocalListVersion",
            "undelivered",
        )
        assert middle.pop("at").endswith("Z")
        assert middle.pop("message_id")
        assert middle.pop("before")
        assert middle.pop("number") == newest["number"] - 1 == oldest["number"] + 1
        assert middle == {
            "station": "CP1",
            "address": "127.0.0.1",
            "backend": "api:admin",
            "action": "ClearCache",
            "outcome": "passed",
            "answer": "Rejected",
            "detail": "over the API",
        }
        assert (oldest["backend"], oldest["outcome"]) == ("watcher", "refused")
        assert [each["action"] for each in await lines(api, 1, backend="watcher")] == ["Reset"]
        assert len(await lines(api, 2, backend="api:admin", station="CP1")) == 2
        assert [each["action"] for each in await lines(api, 1, outcome="undelivered")] == ["GetLocalListVersion"]
        assert [each["outcome"] for each in await lines(api, 1, action="ClearCache")] == ["passed"]
        at = newest["at"]
        assert [each["action"] for each in await lines(api, 1, since=at)] == ["GetLocalListVersion"]
        assert len(await lines(api, 2, until=at)) == 2
        problem = (await api.get("/audit", since="lately")).gives(422)
        assert problem["errors"][0]["where"] == "query.since"
        assert (await api.get("/audit", station="CP2")).gives(200) == {"items": [], "cursor": None}
        await stage.quiet(link)


async def test_the_trail_is_read_in_parts(stage: Stage) -> None:
    """A cursor leads from each part to the next; the last part has none."""
    await stage.backend("main")
    async with api_of(stage, store=None) as (api, _):
        station, _link = await stage.meet("CP1")
        station.answers("ClearCache", {"status": "Accepted"})
        for _ in range(5):
            (await api.post("/stations/CP1/calls", {"action": "ClearCache"})).gives(200)
        whole = await lines(api, 5)
        seen, cursor = [], None
        for _ in range(3):
            page = (await api.get("/audit", limit=2, cursor=cursor, backend="api:admin")).gives(200)
            seen += page["items"]
            cursor = page["cursor"]
        assert (seen, cursor) == (whole, None)


async def test_what_cannot_be_read(stage: Stage) -> None:
    """Without a database there is no trail; a cursor or an outcome that is none is refused."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        (await api.get("/audit")).gives(503)
    async with api_of(stage, store=None) as (api, _):
        for query in ({"cursor": "tea"}, {"cursor": "W10="}, {"cursor": "WzEsMl0="}, {"outcome": "tea"}, {"limit": 0}):
            problem = (await api.get("/audit", **query)).gives(422)
            assert problem["errors"][0]["where"] == f"query.{next(iter(query))}"
