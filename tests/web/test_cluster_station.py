"""One station of a cluster: the node that holds it answers, whichever node is asked, and nobody else is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.harness.exchange import NOW
from tests.web.client import Answer
from tests.web.cluster import Cluster, answers, asked, cluster
from voltgate.cluster.ports import Location
from voltgate.web.wide import others

RESET = {"action": "Reset", "payload": {"type": "Soft"}}


@pytest.fixture
async def two() -> AsyncIterator[Cluster]:
    """Two gateways, and no station yet."""
    async with cluster("n1", "n2") as made:
        yield made


def calling(of: Cluster, name: str, identity: str = "CP1", **body: Any) -> asyncio.Task[Answer]:
    """Begin a call at a node."""
    return asyncio.ensure_future(of[name].api.post(f"/stations/{identity}/calls", RESET | body))


async def test_a_call_goes_to_the_node_that_holds_the_station(two: Cluster) -> None:
    """A call is answered with the station's own answer; its node writes who asked for it, and no other is asked."""
    line = await two["n2"].comes("CP1")
    there, here = calling(two, "n1"), None
    await asked(line)
    assert answers(line, {"status": "Accepted"}) == ["Reset", {"type": "Soft"}]
    told = (await there).gives(200)
    here = calling(two, "n2")
    await asked(line)
    answers(line, {"status": "Accepted"})
    own = (await here).gives(200)
    assert told.keys() == own.keys()
    same = ("station", "action", "version", "result")
    assert (
        [told[key] for key in same] == [own[key] for key in same] == ["CP1", "Reset", "ocpp1.6", {"status": "Accepted"}]
    )
    assert two.exchange.asked == [("n1", "n2", "call")]
    assert two["n2"].audited() == [("api:the-operator", "Reset", "passed")] * 2
    assert two["n1"].audited() == []


async def test_what_a_station_refuses_is_told_as_it_is(two: Cluster) -> None:
    """A CALLERROR, strange characters and numbers come back from another node as from this one."""
    line = await two["n2"].comes("CP1")
    there = calling(two, "n1")
    await asked(line)
    ((_, number, *_),) = line.take()
    details = {"text": "\0 é \n", "number": 12345678901234567890, "none": None, "list": [1.5, True]}
    line.sends(4, number, "NotSupported", "No.", details)
    told = (await there).gives(200)
    assert told["error"] == {"code": "NotSupported", "description": "No.", "details": details}
    assert "result" not in told


async def test_a_problem_is_told_as_it_is(two: Cluster) -> None:
    """What the node that holds the station refuses is refused with its status, its words and its headers."""
    line = await two["n2"].comes("CP1")
    unfit = await calling(two, "n1", payload={"type": "Tea"})
    own = await calling(two, "n2", payload={"type": "Tea"})
    assert unfit.gives(422) == own.gives(422)
    assert unfit.body["where"] == "/type"
    waiting = [calling(two, "n1") for _ in range(4)]  # one is open, two wait
    refused = await next(asyncio.as_completed(waiting))
    assert (refused.status, refused.headers.get("Retry-After")) == (503, "5"), refused.body
    line.hangs_up()
    ended = [await task for task in waiting]
    assert sorted(answer.status for answer in ended) == [503, 504, 504, 504]
    sent = [answer.body["sent"] for answer in ended if answer.status == 504]
    assert sorted(sent) == [False, False, True]
    assert {(each.body["reason"], each.body["instance"]) for each in ended if each.status == 504} == {
        ("gone", "/api/v1/stations/CP1/calls")
    }


async def test_a_station_that_is_connected_nowhere(two: Cluster) -> None:
    """A station that is at no node is refused at once, and no node is asked; one that nobody knows is not found."""
    (await calling(two, "n1")).gives(409)
    (await calling(two, "n1", "XX1")).gives(404)
    (await calling(two, "n1", "..")).gives(404)
    two.exchange.locations["cp1"] = Location("cp1", "id-n2", 1, NOW, gone=True)
    (await calling(two, "n1")).gives(409)
    two.exchange.locations["cp1"] = Location("cp1", "id-of-a-node-that-was", 1, NOW, gone=False)
    (await calling(two, "n1")).gives(409)
    (await two["n1"].api.post("/stations/CP1/disconnect")).gives(409)
    (await two["n1"].api.get("/sessions/CP1")).gives(404)
    assert (await two["n1"].api.get("/stations/CP1")).gives(200)["session"] is None
    assert two.exchange.asked == []


async def test_a_location_that_is_out_of_date_is_looked_up_once_more(two: Cluster) -> None:
    """A node that does not hold the station any more leads to one more look: to where it is by now, or to 409."""
    two.exchange.locations["cp1"] = Location("cp1", "id-n2", 1, NOW, gone=False)
    (await calling(two, "n1")).gives(409)
    assert two.exchange.asked == [("n1", "n2", "call")] * 2
    looks = iter(["id-n2", "id-n1"])
    line = await two["n1"].comes("CP1")
    del two["n1"].gateway.sessions["cp1"]
    session = line.receiver

    def where(station: str) -> Location:
        node = next(looks)
        if node == "id-n1":
            two["n1"].gateway.sessions["cp1"] = session  # type: ignore[assignment]
        return Location(station, node, 2, NOW, gone=False)

    two.exchange.finds = where
    moved = calling(two, "n1")
    await asked(line)
    answers(line, {"status": "Accepted"})
    assert (await moved).gives(200)["result"] == {"status": "Accepted"}


async def test_a_station_at_a_node_that_has_just_joined(two: Cluster) -> None:
    """A node that is on no list yet is found by its station at once."""
    (await two["n1"].api.get("/nodes")).gives(200)
    line = await two.adds("n3").comes("CP1")
    called = calling(two, "n1")
    await asked(line)
    answers(line, {"status": "Accepted"})
    assert (await called).gives(200)["result"] == {"status": "Accepted"}


async def test_a_node_that_is_away(two: Cluster) -> None:
    """What is asked of a station at a node that does not answer ends with a problem that says which it is."""
    await two["n2"].comes("CP1")
    post = two["n2"].post
    assert post is not None
    post.silent = True
    requests = (("POST", "/stations/CP1/calls", RESET), ("POST", "/stations/CP1/disconnect", None))
    looks = (("GET", "/stations/CP1", None), ("GET", "/sessions/CP1", None))
    for method, path, body in (*requests, *looks):
        problem = (await two["n1"].api.ask(method, path, body)).gives(504)
        assert problem["node"] == "n2"
        assert "may have been done" in problem["detail"]
    post.is_now(alive=False, seen=NOW - 60)
    two.pass_over()
    for method, path, body in (*requests, *looks):
        problem = (await two["n1"].api.ask(method, path, body)).gives(503)
        assert problem["detail"] == "Node n2 holds the station, and is not heard of. Nothing was asked of it."
    post.is_now(seen=NOW - others.REMEMBERED - 1)
    two.pass_over()
    (await calling(two, "n1")).gives(409)


async def test_without_the_database_nobody_knows_where_a_station_is(two: Cluster) -> None:
    """While the database is away a station that is here is called as ever; for another there is a problem at once."""
    line = await two["n1"].comes("CP1")
    await two["n2"].comes("CP2")
    two.exchange.away = True
    here = calling(two, "n1")
    await asked(line)
    answers(line, {"status": "Accepted"})
    (await here).gives(200)
    problem = (await calling(two, "n1", "CP2")).gives(503)
    assert problem["detail"].startswith("The database is away")


async def test_a_station_is_shown_and_disconnected_from_any_node(two: Cluster) -> None:
    """A station, its session and its rules are shown as its node shows them; any node can let it go."""
    line = await two["n2"].comes("CP1", "ocpp2.0.1")
    asks = ("/stations/cp1", "/sessions/cp1", "/routes/match?station=cp1&action=TransactionEvent")
    for path in asks:
        there, own = await two["n1"].api.get(path), await two["n2"].api.get(path)
        assert there.gives(200) == own.gives(200)
    assert (await two["n1"].api.get("/stations/cp1")).body["session"]["node"] == "n2"
    (await two["n1"].api.get("/routes/match?station=cp1&action=StartTransaction")).gives(422)
    (await two["n1"].api.post("/stations/CP1/disconnect")).gives(202)
    assert line.closed == (1001, "Disconnected by an operator")


async def test_an_answer_of_another_version_is_said_to_be_one(two: Cluster) -> None:
    """What a node answers that cannot be read, as it is of another version, is a problem, and no fault."""
    await two["n2"].comes("CP1")

    async def strange(body: Any) -> Any:
        return {"identity": "CP1"}

    post = two["n2"].post
    assert post is not None
    post.answers["station"] = strange
    assert "another version" in (await two["n1"].api.get("/stations/CP1")).gives(503)["detail"]
    for kind, method, path, body in (
        ("call", "POST", "/stations/CP1/calls", RESET),
        ("session", "GET", "/sessions/CP1", None),
        ("drain", "POST", "/nodes/n2/drain", {}),
    ):
        del post.answers[kind]
        assert "older version" in (await two["n1"].api.ask(method, path, body)).gives(503)["detail"]
