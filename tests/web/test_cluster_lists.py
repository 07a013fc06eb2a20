"""Lists of a cluster: every node shows all of it, each station once, in the order asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.harness.exchange import NOW
from tests.web.cluster import Cluster, Member, cluster, named
from voltgate.cluster.ports import Location
from voltgate.web.wide import lists, others, rows, sums


@pytest.fixture
async def three() -> AsyncIterator[Cluster]:
    """Three gateways. CP1 is at n1; CP2 and EX-7 are at n2; CP3 and EX-8 at n3, with another version; CP4 is away."""
    async with cluster("n1", "n2", "n3") as made:
        made["n2"].now += 100  # the clocks of sessions begin anywhere
        made["n3"].now += 10
        await made["n1"].comes("CP1")  # 5001
        await made["n2"].comes("CP2")  # 5101
        await made["n2"].comes("EX-7")  # 5102
        await made["n3"].comes("CP3", "ocpp2.0.1")  # 5011
        await made["n3"].comes("EX-8")  # 5012
        yield made


async def stations(member: Member, **query: Any) -> tuple[list[str], int]:
    """Ask for a list of stations; give their identities, and how many there are."""
    page = await member.api.get("/stations", **query)
    assert page.gives(200)["missing"] == []
    return named(page), page.body["total"]


EVERY = [
    ({}, ["CP1", "CP2", "CP3", "CP4", "EX-7", "EX-8"]),
    ({"sort": "-identity"}, ["EX-8", "EX-7", "CP4", "CP3", "CP2", "CP1"]),
    ({"sort": "route"}, ["CP1", "CP2", "EX-7", "EX-8", "CP3", "CP4"]),
    ({"sort": "since"}, ["CP1", "CP3", "EX-8", "CP2", "EX-7", "CP4"]),
    ({"sort": "-since"}, ["EX-7", "CP2", "EX-8", "CP3", "CP1", "CP4"]),
    ({"connected": True}, ["CP1", "CP2", "CP3", "EX-7", "EX-8"]),
    ({"connected": True, "sort": "-since"}, ["EX-7", "CP2", "EX-8", "CP3", "CP1"]),
    ({"connected": False}, ["CP4"]),
    ({"version": "ocpp1.6"}, ["CP1", "CP2", "EX-7", "EX-8"]),
    ({"version": "ocpp1.6", "connected": False}, []),
    ({"q": "NORTH"}, ["CP1", "CP3"]),
    ({"q": "x-"}, ["EX-7", "EX-8"]),
    ({"tag": "yard"}, ["CP1"]),
    ({"route": "side"}, ["CP3", "CP4"]),
    ({"backend": "side-csms"}, ["CP3", "CP4"]),
    ({"backend": "main-csms", "connected": True}, ["CP1", "CP2", "EX-7", "EX-8"]),
]


async def test_every_node_lists_the_same_stations(three: Cluster) -> None:
    """Filters and orders hold over the cluster, whichever node is asked; every page is a part of the one list."""
    for query, expected in EVERY:
        for member in three.members.values():
            assert await stations(member, **query) == (expected, len(expected)), query
        for size in (1, 4):
            parts = [await stations(member, **query, offset=at, limit=size) for at in range(0, len(expected), size)]
            assert [name for part, _ in parts for name in part] == expected, query
            assert {total for _, total in parts} <= {len(expected)}, query
        assert await stations(member, **query, offset=len(expected)) == ([], len(expected)), query


async def test_a_station_that_is_elsewhere_is_shown_as_connected(three: Cluster) -> None:
    """A station of the configuration that is connected elsewhere is shown as its node shows it, with that node."""
    (there,) = (await three["n1"].api.get("/stations", q="CP3")).gives(200)["items"]
    (own,) = (await three["n3"].api.get("/stations", q="CP3")).gives(200)["items"]
    assert there == own
    assert (there["connected"], there["node"], there["version"]) == (True, "n3", "ocpp2.0.1")
    assert (there["name"], there["address"]) == ("North yard 3", "192.0.2.1")
    (away,) = (await three["n1"].api.get("/stations", q="CP4")).gives(200)["items"]
    assert (away["connected"], away["node"]) == (False, None)


async def test_no_node_is_asked_for_more_than_the_page_needs(three: Cluster) -> None:
    """A node gives the sort keys of as many stations as the page reaches, and shows those of the page that it holds."""
    three.exchange.asked.clear()
    await stations(three["n1"], offset=4, limit=1)
    assert three.exchange.asked == [
        ("n1", "n2", "stations"),
        ("n1", "n3", "stations"),
        ("n1", "n2", "show stations"),
    ]
    answer = three["n2"].post.answers["stations"]  # type: ignore[union-attr]
    body = {"filter": {}, "sort": "identity", "first": 1, "shadows": 1}
    assert await answer(body) == {"rows": [("cp2", "CP2")], "total": 2, "shadows": [("cp2", "CP2")], "shadowed": 1}


async def test_long_lists_go_in_portions(three: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one node has for another is asked for in portions, so that no answer is too large; the list is the same."""
    monkeypatch.setattr(rows, "PORTION", 1)
    monkeypatch.setattr(lists, "PORTION", 1)
    monkeypatch.setattr(lists, "_SHOWN_AT_ONCE", 1)
    monkeypatch.setattr(sums, "STRANGERS_AT_ONCE", 1)
    for query, expected in EVERY:
        assert await stations(three["n1"], **query) == (expected, len(expected)), query
    assert named(await three["n1"].api.get("/sessions"), "station") == ["CP1", "CP2", "CP3", "EX-7", "EX-8"]
    for identity in ("XX1", "XX2", "XX3"):
        await three["n2"].refuses(identity)
    assert named(await three["n1"].api.get("/waiting")) == ["XX3", "XX2", "XX1"]


async def test_many_stations_elsewhere_do_not_hide_one_that_is_away() -> None:
    """However many stations of the configuration are connected elsewhere, the one that is away is found."""
    async with cluster("n1", "n2") as two:
        for identity in ("CP1", "CP2", "CP3"):
            await two["n2"].comes(identity)
        assert await stations(two["n1"], connected=False, limit=1) == (["CP4"], 1)
        assert await stations(two["n1"], sort="since", limit=1, offset=3) == (["CP4"], 4)


async def test_sessions_of_every_node(three: Cluster) -> None:
    """The sessions of all nodes are one list, each with its node."""
    for member in three.members.values():
        page = await member.api.get("/sessions")
        assert named(page, "station") == ["CP1", "CP2", "CP3", "EX-7", "EX-8"]
        assert named(page, "node") == ["n1", "n2", "n3", "n2", "n3"]
        assert (page.body["total"], page.body["missing"]) == (5, [])
        for query, expected in (
            ({"sort": "-since", "limit": "2"}, ["EX-7", "CP2"]),
            ({"sort": "-route", "limit": "2", "offset": "1"}, ["EX-8", "EX-7"]),
            ({"version": "ocpp2.0.1"}, ["CP3"]),
            ({"backend": "side-csms"}, ["CP3"]),
            ({"route": "main", "offset": "2"}, ["EX-7", "EX-8"]),
        ):
            assert named(await member.api.get("/sessions", **query), "station") == expected


async def test_a_node_that_does_not_answer_is_named(three: Cluster) -> None:
    """What a node holds that does not answer is not shown, and the answer says so."""
    assert three["n2"].post is not None
    three["n2"].post.silent = True
    page = (await three["n1"].api.get("/stations", connected=True)).gives(200)
    assert ([item["identity"] for item in page["items"]], page["total"]) == (["CP1", "CP3", "EX-8"], 3)
    for path in ("/stations", "/sessions", "/backends", "/waiting", "/backends/main-csms"):
        assert (await three["n1"].api.get(path)).gives(200)["missing"] == ["n2"], path


async def test_a_node_that_is_not_heard_of_is_named_until_its_stations_are_elsewhere(three: Cluster) -> None:
    """A node that is gone is named for some minutes, and not asked; one that has stopped is not missed."""
    post, api = three["n2"].post, three["n1"].api
    assert post is not None

    async def missing(**changes: Any) -> list[str]:
        post.is_now(**changes)
        three.pass_over()
        three.exchange.asked.clear()
        found = (await api.get("/sessions")).gives(200)["missing"]
        assert ("n1", "n2", "sessions") not in three.exchange.asked
        return list(found)

    assert await missing(alive=False, seen=NOW - 60) == ["n2"]
    assert await missing(state="stopping") == []
    assert await missing(state="serving", seen=NOW - others.REMEMBERED - 1) == []


async def test_a_node_that_was_started_again_is_not_missed(three: Cluster) -> None:
    """A node that was killed is named until one of its name has begun; two of one name at a time are two."""
    killed, api = three["n2"].post, three["n1"].api
    assert killed is not None

    async def missing() -> list[str]:
        three.pass_over()
        return list((await api.get("/sessions")).gives(200)["missing"])

    killed.is_now(alive=False, seen=NOW - 60)
    three.exchange.locations["CP2"] = Location("CP2", killed.here, 1, NOW - 90, gone=False)
    (await api.get("/sessions/CP2")).gives(503)
    three.adds("n4").post.is_now(name="n2", began=NOW - 70)  # type: ignore[union-attr]  # it has joined
    assert await missing() == ["n2"], "the other one of its name was there before"
    three["n4"].post.is_now(began=NOW - 50, alive=False)  # type: ignore[union-attr]
    assert await missing() == ["n2"]
    three["n4"].post.is_now(alive=True)  # type: ignore[union-attr]
    assert await missing() == []
    (await api.get("/sessions/CP2")).gives(404)


async def test_without_the_database_a_node_shows_its_own(three: Cluster) -> None:
    """While the database is away a node shows what it holds, and names the others that it knew of."""
    three.exchange.away = True
    page = (await three["n1"].api.get("/sessions")).gives(200)
    assert ([item["station"] for item in page["items"]], page["missing"]) == (["CP1"], [others.UNKNOWN])
    three.exchange.away = False
    (await three["n1"].api.get("/sessions")).gives(200)
    three.exchange.away = True
    assert (await three["n1"].api.get("/sessions")).gives(200)["missing"] == ["n2", "n3"]


async def test_a_node_that_goes_between_two_questions(three: Cluster) -> None:
    """A node that stops answering before it has shown its stations is named, and they are not shown as away."""
    post = three["n2"].post
    assert post is not None
    rows = post.answers["stations"]

    async def last_words(body: Any) -> Any:
        post.silent = True
        return await rows(body)

    post.answers["stations"] = last_words
    page = (await three["n1"].api.get("/stations")).gives(200)
    assert page["missing"] == ["n2"]
    assert [item["identity"] for item in page["items"]] == ["CP1", "CP3", "CP4", "EX-8"]


async def test_a_station_that_goes_between_two_questions(three: Cluster) -> None:
    """A station that has gone before its node has shown it is shown as away if it is known, and else not at all."""
    post, gateway = three["n2"].post, three["n2"].gateway
    assert post is not None
    rows = post.answers["stations"]

    async def then_they_go(body: Any) -> Any:
        answer = await rows(body)
        for session in list(gateway.sessions.values()):
            session.end(1001, "")
        return answer

    post.answers["stations"] = then_they_go
    page = (await three["n1"].api.get("/stations")).gives(200)
    assert page["missing"] == []
    shown = {item["identity"]: item["node"] for item in page["items"]}
    assert shown["CP2"] is None
    assert shown["CP3"] == "n3"
    assert "EX-7" not in shown or shown["EX-7"] is None


async def test_a_station_that_moves_is_shown_once(three: Cluster) -> None:
    """While a station moves from one node to another, both may have it: it is shown once."""
    await three["n1"].comes("EX-7")
    for member in three.members.values():
        assert named(await member.api.get("/stations", q="EX-7")) == ["EX-7"]
        assert named(await member.api.get("/sessions", sort="since"), "station").count("EX-7") == 1


async def test_a_node_of_another_version_is_named(three: Cluster) -> None:
    """What a node answers that does not fit, as it is of another version, is left out by name and breaks nothing."""
    post = three["n2"].post
    assert post is not None

    async def strange(body: Any) -> Any:
        return {"rows": [["x"]], "backends": [{"name": 1}], "waiting": [{"identity": 1}], "items": {"CP2": {}}}

    for kind in ("stations", "sessions", "backends", "waiting"):
        post.answers[kind] = strange
        path = f"/{kind}"
        assert (await three["n1"].api.get(path)).gives(200)["missing"] == ["n2"], kind


async def test_backends_are_added_up(three: Cluster) -> None:
    """A backend's counters are those of all nodes together; it is up when it is up anywhere."""
    for member, number in (("n1", 1), ("n2", 2), ("n3", 4)):
        backend = three[member].gateway.snapshot.backends["main-csms"]
        backend.left_out = number
        backend.copies_dropped["full"] = number
    for member in three.members.values():
        (main, side) = (await member.api.get("/backends")).gives(200)["items"]
        assert (main["name"], main["left_out"], main["copies_dropped"]) == ("main-csms", 7, {"full": 7})
        assert (main["legs"], main["legs_up"], main["state"]) == (4, 4, "up")
        assert (side["legs"], side["left_out"]) == (1, 0)
        assert (await member.api.get("/backends/main-csms")).gives(200)["left_out"] == 7
        (await member.api.get("/backends/nobody")).gives(404)


async def test_one_waiting_room(three: Cluster) -> None:
    """A stranger is listed once, with all of its tries; it is struck out everywhere, and accepted from anywhere."""
    for name in ("n1", "n3", "n3", "n2"):
        await three[name].refuses("XX1")
    await three["n3"].refuses("XX2")
    for member in three.members.values():
        page = (await member.api.get("/waiting")).gives(200)
        assert {item["identity"]: item["tries"] for item in page["items"]} == {"XX1": 4, "XX2": 1}
        assert page["total"] == 2
    (first,) = [item for item in page["items"] if item["identity"] == "XX1"]
    assert (first["address"], first["first"] < first["last"]) == ("192.0.2.2", True)  # whose clock is ahead
    (await three["n1"].api.post("/waiting/XX2/accept", {"route": "nowhere"})).gives(422)
    (await three["n1"].api.post("/waiting/XX3/accept", {"route": "main"})).gives(404)
    (await three["n2"].api.delete("/waiting/XX1")).gives(204)
    (await three["n2"].api.delete("/waiting/XX1")).gives(404)
    assert named(await three["n1"].api.get("/waiting")) == ["XX2"]
    (await three["n1"].api.delete("/waiting/XX2")).gives(204)
    assert not list(three["n3"].gateway.waiting_room)


async def test_a_stranger_at_a_node_that_does_not_answer(three: Cluster) -> None:
    """Whether a stranger waits at a node that does not answer is not known: that is said."""
    await three["n2"].refuses("XX1")
    assert three["n2"].post is not None
    three["n2"].post.silent = True
    for answer in (
        await three["n1"].api.delete("/waiting/XX1"),
        await three["n1"].api.post("/waiting/XX1/accept", {"route": "main"}),
    ):
        assert "n2" in answer.gives(503)["detail"]
    await three["n1"].refuses("XX1")
    (await three["n1"].api.delete("/waiting/XX1")).gives(204)


async def test_a_gateway_that_is_alone_says_nothing_of_nodes() -> None:
    """Without a cluster no answer has a word of it, and nobody is asked."""
    async with cluster("n1") as alone:
        await alone["n1"].comes("CP1")
        await alone["n1"].refuses("XX1")
        for path in ("/stations", "/sessions", "/backends", "/waiting"):
            page = (await alone["n1"].api.get(path)).gives(200)
            assert set(page) == {"items", "total", "offset", "limit"}
            assert all("node" not in item and "missing" not in item for item in page["items"])
        for path in ("/stations/CP1", "/sessions/CP1", "/backends/main-csms"):
            assert not {"node", "missing"} & set((await alone["n1"].api.get(path)).gives(200))
