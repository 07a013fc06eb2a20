"""Events through the API: what happens, while it happens, and what happened while nobody looked."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.harness import Stage, toml
from tests.web.client import TOKEN, api_of, asking
from voltgate.relay.events import BackendMoved, StationMoved
from voltgate.web.bearer import digest_of, fresh, written
from voltgate.web.event_log import EventLog
from voltgate.web.stream import ENDED


async def test_events_come_as_they_happen(stage: Stage) -> None:
    """Who watches is told of each coming and going with its fields, in order, under growing numbers."""
    await stage.backend("main")
    async with api_of(stage) as (api, _), api.stream("/events") as stream:
        station, _link = await stage.meet("CP1")
        up, came = await stream.take(2)
        assert (up.kind, came.kind) == ("LegUp", "StationCame")
        assert up.data | {"at": "", "id": 0} == {
            "id": 0,
            "at": "",
            "kind": "LegUp",
            "station": "CP1",
            "backend": "main",
            "first": True,
        }
        assert came.data["version"] == "ocpp1.6"
        assert came.data["at"].endswith("Z")
        assert int(came.id) == came.data["id"] > int(up.id)
        await station.close()
        assert [event.kind for event in await stream.take(2)] == ["LegClosed", "StationWent"]


async def test_events_are_filtered(stage: Stage) -> None:
    """Who watches one station, or some kinds of events, is told of nothing else."""
    await stage.backend("main")
    async with (
        api_of(stage) as (api, _),
        api.stream("/events", station="cp2") as of_one,
        api.stream("/events", kind=["StationWent", "StationMoved"]) as of_kind,
    ):
        for name in ("CP1", "CP2"):
            await (await stage.station(name)).close()
        kinds = [(event.kind, event.data["station"]) for event in await of_one.take(4)]
        assert kinds == [(kind, "CP2") for kind in ("LegUp", "StationCame", "LegClosed", "StationWent")]
        assert [(e.kind, e.data["station"]) for e in await of_kind.take(2)] == [
            ("StationWent", "CP1"),
            ("StationWent", "CP2"),
        ]
        problem = (await api.get("/events", kind="Tea")).gives(422)
        assert "StationCame" in problem["errors"][0]["problem"]


async def test_who_comes_back_gets_what_was_missed(stage: Stage) -> None:
    """With the number of the last event that was seen a stream goes on after it: nothing twice, nothing left out."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        async with api.stream("/events", kind="StationCame") as stream:
            await stage.station("CP0")
            (first,) = await stream.take(1)
        for number in range(1, 6):
            await stage.station(f"CP{number}")
        async with api.stream("/events", first.id, kind="StationCame") as stream:
            assert [e.data["station"] for e in await stream.take(5)] == [f"CP{n}" for n in range(1, 6)]
        async with api.stream("/events", "1", kind="StationCame") as stream:
            lost, *rest = await stream.take(7)
            assert (lost.kind, lost.data) == ("lost", {"lost": None})
            assert [e.data["station"] for e in rest] == [f"CP{n}" for n in range(6)]
        async with api.stream("/events", "tea", kind="StationCame") as stream:
            await stage.station("CP9")
            assert (await stream.take(1))[0].data["station"] == "CP9"


async def test_streams_end_with_the_gateway(stage: Stage) -> None:
    """A gateway that goes ends its streams after their last events, and is not held up by them."""
    await stage.backend("main")
    async with (
        api_of(stage) as (api, gateway),
        api.stream("/events") as events,
        api.stream("/messages") as messages,
    ):
        await stage.station("CP1")
        ended = asyncio.gather(events.ended(), messages.ended())
        await gateway.stop()
        seen, _ = await ended
        assert [event.kind for event in seen] == ["LegUp", "StationCame", "LegClosed", "StationWent"]


@pytest.mark.parametrize("kept", ["database", "configuration"])
async def test_a_stream_ends_with_its_token(stage: Stage, kept: str) -> None:
    """Who is not let in any more, or not for this, hears so and nothing else at once; other readers go on."""
    await stage.backend("main")
    ours, theirs = fresh(), fresh()

    def people(role: str, *, known: bool) -> dict[str, Any]:
        texts = {"us": ours, **({"them": theirs} if known else {})}
        return {"tokens": [{"name": n, "role": role, "hash": written(digest_of(t))} for n, t in texts.items()]}

    store = {"url": "sqlite:///x.db"}
    async with api_of(stage, store=store, api=people("operator", known=True)) as (admin, gateway):
        issued = {name: (await admin.post("/tokens", {"name": name, "role": "operator"})).gives(201) for name in "ab"}
        leaving, staying = (issued["a"]["token"], issued["b"]["token"]) if kept == "database" else (theirs, TOKEN)
        async with (
            asking(gateway.http_port, leaving) as gone,
            asking(gateway.http_port, staying) as stays,
            gone.stream("/events") as events,
            gone.stream("/messages") as messages,
            stays.stream("/events") as others,
        ):
            assert (await messages.next(comments=True)) is not None
            if kept == "database":
                (await admin.delete("/tokens/a")).gives(204)
            else:
                gateway.reload(toml(stage.configuration_of(gateway, api=people("viewer", known=False))))
            for stream in (events, messages):
                assert [(event.kind, event.data) for event in await stream.ended()] == [("ended", {"reason": ENDED})]
            (await gone.get("/me")).gives(401)
            await stage.station("CP1")
            assert [event.kind for event in await others.take(2)] == ["LegUp", "StationCame"]


async def test_a_reader_who_goes_leaves_nothing_behind(stage: Stage) -> None:
    """Streams whose readers have gone count no longer: there is room for as many again."""
    await stage.backend("main")
    async with api_of(stage) as (api, _):
        for _ in range(130):
            async with api.stream("/events"):
                pass
        async with api.stream("/events") as stream:
            await stage.station("CP1")
            assert len(await stream.take(2)) == 2


# The log itself.


def _moved(number: int) -> StationMoved:
    return StationMoved(f"CP{number}", "r")


def test_a_ring_forgets_the_oldest() -> None:
    """Of more events than are remembered the oldest are forgotten, and whoever was not told of them knows how many."""
    log = EventLog(most=10, wall=lambda: 1000.0)
    start = log.last
    for number in range(25):
        log.note(_moved(number))
    look = log.after(start)
    assert look.lost == 15
    assert [noted.event for noted in look.events] == [_moved(n) for n in range(15, 25)]
    assert log.after(look.last).events == []
    assert log.after(look.last + 1000).last == look.last
    assert log.after(0).lost is None


def test_a_look_is_short() -> None:
    """One look gives some events and says where to look on; together the looks give all of them."""
    log = EventLog(wall=lambda: 1000.0)
    at, seen = log.last, []
    for number in range(250):
        log.note(_moved(number))
    while (look := log.after(at)).events:
        assert len(look.events) <= 100
        assert look.lost == 0
        seen += [noted.event for noted in look.events]
        at = look.last
    assert seen == [_moved(n) for n in range(250)]


def test_numbers_grow_over_restarts() -> None:
    """A gateway that was started again numbers its events above those of the one before."""
    before, after = EventLog(wall=lambda: 1000.0), EventLog(wall=lambda: 1000.5)
    for number in range(1000):
        before.note(_moved(number))
    assert after.last > before.last - 1


def test_addresses_in_events_show_no_secrets() -> None:
    """The address of a backend that moved shows no user name and no password."""
    log = EventLog(wall=lambda: 1000.0)
    start = log.last
    log.note(BackendMoved("a", "wss://user:pw@host/x/{station}", "", "b"))
    (noted,) = log.after(start).events
    assert noted.document["url"] == "wss://host/x/{station}"
    assert noted.document["soap_url"] is None


async def test_news_wake_every_reader() -> None:
    """Everybody who waits for news wakes with the next event, or when the log is closed, or after the time given."""
    log = EventLog()
    await log.news(0.01)
    readers = [asyncio.ensure_future(log.news(60)) for _ in range(3)]
    await asyncio.sleep(0)
    log.note(_moved(1))
    await asyncio.wait_for(asyncio.gather(*readers), 10)
    waiting = asyncio.ensure_future(log.news(60))
    await asyncio.sleep(0)
    log.close()
    await asyncio.wait_for(waiting, 10)
    await asyncio.wait_for(log.news(60), 10)
