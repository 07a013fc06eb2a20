"""The nodes of a cluster through the API: which there are, and draining one from any other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.harness.exchange import NOW
from tests.web.cluster import Cluster, cluster


@pytest.fixture
async def two() -> AsyncIterator[Cluster]:
    """Two gateways."""
    async with cluster("n1", "n2") as made:
        yield made


async def test_nodes_are_listed(two: Cluster) -> None:
    """Every node lists all of them, itself first, with what each has said of itself."""
    for name, other in (("n1", "n2"), ("n2", "n1")):
        page = (await two[name].api.get("/nodes")).gives(200)
        assert page["total"] == 2
        assert [(item["name"], item["here"]) for item in page["items"]] == [(name, True), (other, False)]
    assert page["items"][0] == {
        "id": "id-n2",
        "name": "n2",
        "version": "1.2.3",
        "state": "serving",
        "stations": 0,
        "load": 0.25,
        "since": "2027-01-15T07:59:00.000Z",
        "seen": "2027-01-15T08:00:00.000Z",
        "alive": True,
        "here": True,
    }
    two.exchange.away = True
    two.pass_over()
    assert "database" in (await two["n1"].api.get("/nodes")).gives(503)["detail"]


async def test_a_gateway_that_is_alone_is_the_only_node() -> None:
    """A gateway without a cluster lists itself; it is not drained, as its stations have nowhere to go."""
    async with cluster("n1") as alone:
        await alone["n1"].comes("CP1")
        (item,) = (await alone["n1"].api.get("/nodes")).gives(200)["items"]
        assert (item["id"], item["state"], item["stations"], item["here"]) == ("", "serving", 1, True)
        for path in ("/nodes/drain", f"/nodes/{item['name']}/drain"):
            for method in ("POST", "DELETE"):
                answer = await alone["n1"].api.ask(method, path, {} if method == "POST" else None)
                assert "never drained" in answer.gives(409)["detail"]
        alone["n1"].state = "stopping"  # as /readyz says it
        (item,) = (await alone["n1"].api.get("/nodes")).gives(200)["items"]
        assert item["state"] == "stopping"


async def test_a_node_is_drained_from_any_other(two: Cluster) -> None:
    """A node is drained by its name or its id, from any node, or the one that is asked."""
    api = two["n1"].api
    assert (await api.post("/nodes/n2/drain", {"spread": 20})).gives(202)["name"] == "n2"
    assert (await api.post("/nodes/id-n2/drain", {})).gives(202)["name"] == "n2"
    assert two["n2"].drained == [20, None]
    assert "No other node is serving" in (await api.post("/nodes/drain", {})).gives(409)["detail"]
    assert two["n1"].drained == []
    assert (await api.ask("DELETE", "/nodes/n2/drain")).gives(200)["name"] == "n2"
    assert two["n2"].post is not None
    two["n2"].post.is_now(state="serving")
    assert (await api.post("/nodes/drain", {"spread": 0})).gives(202)["name"] == "n1"
    assert two["n1"].drained == [0]
    assert (await api.ask("DELETE", "/nodes/drain")).gives(200)["name"] == "n1"
    assert (two["n1"].drained[-1], two["n2"].drained[-1]) == ("undrained", "undrained")
    for body in ({"spread": -1}, {"spread": "soon"}, {"more": 1}):
        (await api.post("/nodes/n2/drain", body)).gives(422)


async def test_a_node_that_cannot_be_meant(two: Cluster) -> None:
    """A name of no node is answered with the names that there are, and that of two nodes with their ids."""
    api = two["n1"].api
    assert (await api.post("/nodes/n3/drain", {})).gives(404)["detail"] == "There is no node n3. There are n1, n2."
    double = two.exchange.post("n3")
    double.is_now(name="n2")
    two.pass_over()
    assert "id-n2, id-n3" in (await api.post("/nodes/n2/drain", {})).gives(409)["detail"]
    double.is_now(alive=False)
    two.pass_over()
    (await api.post("/nodes/n2/drain", {})).gives(202)


async def test_a_node_that_cannot_be_drained(two: Cluster) -> None:
    """The last node that serves is not drained, and one that does not answer is said not to."""
    post = two["n2"].post
    assert post is not None
    post.silent = True
    assert "n2" in (await two["n1"].api.post("/nodes/n2/drain", {})).gives(503)["detail"]
    for changes in ({"state": "draining"}, {"state": "serving", "alive": False, "seen": NOW - 60}):
        post.is_now(**changes)
        two.pass_over()
        assert "No other node is serving" in (await two["n1"].api.post("/nodes/drain", {})).gives(409)["detail"]
    assert two["n1"].drained == []
