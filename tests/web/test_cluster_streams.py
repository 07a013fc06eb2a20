"""Live streams of a cluster: what happens and what is said at every node, in one stream from any of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.harness import until
from tests.relay.stage import Line
from tests.web.client import Stream, Streamed
from tests.web.cluster import Cluster, asked, cluster
from voltgate.ocpp.messages import Call, Result
from voltgate.relay.events import StationMoved
from voltgate.relay.tap import Overheard
from voltgate.web.wide import streams, subscriptions


@pytest.fixture
async def two() -> AsyncIterator[Cluster]:
    """Two gateways."""
    async with cluster("n1", "n2") as made:
        yield made


async def opened(stream: Stream) -> Stream:
    """Wait until a stream hears every node: a comment says so."""
    first = await stream.next(comments=True)
    assert first is not None
    assert first.kind == ":"
    return stream


async def beats(line: Line, number: int) -> None:
    """Let a station say something, which its backend answers: it is heard on both legs."""
    line.sends(2, f"m{number}", "Heartbeat", {"number": number})
    await asked(line)
    line.take()


def says(of: Cluster, name: str, number: int, more: bytes = b"") -> None:
    """Let something be overheard at a node."""
    call = Call(f"m{number}", "Heartbeat", b'{"number":%d,"more":"%b"}' % (number, more))
    overheard = Overheard("CP2", "from_station", 0.0, call, Result("", b"{}"), 0.001, None)
    of[name].queries.taps.pass_on("cp2", overheard)


async def heard(stream: Stream, number: int) -> list[Any]:
    """Give so many messages: who said them, and what."""
    return [(event.data["station"], event.data["payload"]["number"]) for event in await stream.take(number)]


def goes_on(of: Cluster, name: str, number: int) -> None:
    """Let something happen at a node."""
    of[name].events.note(StationMoved(f"CP{number}", "r"))


def told(events: list[Streamed]) -> set[tuple[str, str]]:
    """Give which station every event is of, and at which node it happened."""
    return {(event.data["station"], event.data["node"]) for event in events}


# Messages.


async def test_messages_of_every_node_are_one_stream(two: Cluster) -> None:
    """Whoever listens at one node hears the stations of all nodes; one that is asked for is heard wherever it goes."""
    here, there = await two["n1"].comes("CP1"), await two["n2"].comes("CP2")
    async with (
        two["n1"].api.stream("/messages") as everything,
        two["n1"].api.stream("/messages", station="cp2") as one,
    ):
        await opened(everything)
        await opened(one)
        await beats(here, 1)
        await beats(there, 2)
        shown = await everything.take(4)
        assert {event.data["station"] for event in shown} == {"CP1", "CP2"}
        others = await one.take(2)
        assert [event.data for event in others] == [event.data for event in shown if event.data["station"] == "CP2"]
        there.hangs_up()
        again = await two["n1"].comes("CP2")
        await beats(again, 3)
        assert await heard(one, 2) == [("CP2", 3)] * 2
    await until(lambda: not two["n1"].queries.taps.concern("cp1"), "n1 listens no more")


async def test_a_tail_that_nobody_asks_for_ends(two: Cluster) -> None:
    """When a reader has gone, the other node notices: after a while it listens no more."""
    await two["n2"].comes("CP2")
    async with two["n1"].api.stream("/messages") as stream:
        await opened(stream)
        assert two["n2"].queries.taps.concern("cp2")
    two["n2"].now += subscriptions.FORGOTTEN + 1
    await until(lambda: not two["n2"].queries.taps.concern("cp2"), "n2 listens no more")
    assert two["n2"].queries.subscriptions is not None
    assert len(two["n2"].queries.subscriptions) == 0


async def test_what_is_lost_elsewhere_is_counted(two: Cluster) -> None:
    """What another node cannot keep for the reader is counted there, and the stream says how much it was."""
    post = two["n2"].post
    assert post is not None
    async with two["n1"].api.stream("/messages") as stream:
        await opened(stream)
        post.silent = True
        away = await stream.next()
        assert away is not None
        assert (away.kind, away.data) == ("missing", {"missing": ["n2"]})
        for number in range(2010):
            says(two, "n2", number)
        post.silent = False
        back = await stream.next()
        assert back is not None
        assert (back.kind, back.data) == ("missing", {"missing": []})
        seen = await stream.take(2001)
        assert [event.data["payload"]["number"] for event in seen[:-1]] == list(range(2000))
        assert (seen[-1].kind, seen[-1].data) == ("lost", {"lost": 10})


async def test_a_node_that_was_away_for_long_has_forgotten(two: Cluster) -> None:
    """A node that could not be asked for so long that it has given up says that something is missing."""
    post = two["n2"].post
    assert post is not None
    async with two["n1"].api.stream("/messages") as stream:
        await opened(stream)
        post.silent = True
        await stream.take(1)
        two["n2"].now += subscriptions.FORGOTTEN + 1
        assert two["n2"].queries.subscriptions is not None
        await until(lambda: not len(two["n2"].queries.subscriptions), "n2 has given up")  # type: ignore[arg-type]
        post.silent = False
        found = await stream.take(2)
        assert [(event.kind, event.data) for event in found] == [
            ("missing", {"missing": []}),
            ("lost", {"lost": None, "node": "n2"}),
        ]
        says(two, "n2", 1)
        assert await heard(stream, 1) == [("CP2", 1)]


async def test_an_answer_that_was_not_heard_is_given_again(two: Cluster) -> None:
    """An answer that got lost on its way is given again: no message is missed or shown twice."""
    post = two["n2"].post
    assert post is not None
    answered = post.answers["messages"]
    lost: list[Any] = []

    async def unheard(body: Any) -> Any:
        answer = await answered(body)
        if "m1" in answer["text"] and not lost:
            lost.append(answer)
            raise two.exchange.nobody("n2")
        return answer

    post.answers["messages"] = unheard
    async with two["n1"].api.stream("/messages") as stream:
        await opened(stream)
        for number in (1, 2):
            says(two, "n2", number)
        assert [event.kind for event in await stream.take(2)] == ["missing", "missing"]
        assert await heard(stream, 2) == [("CP2", 1), ("CP2", 2)]
        assert len(lost) == 1
        says(two, "n2", 3)
        assert await heard(stream, 1) == [("CP2", 3)]


async def test_a_question_that_is_asked_twice_has_one_answer(two: Cluster) -> None:
    """A reader who has given up waiting and asks again gets what is new, although the first question took it."""
    subscribed = two["n2"].queries.subscriptions
    assert subscribed is not None
    began = await subscribed.ask("reader", None, 0, 0.0)
    asked_twice = [asyncio.ensure_future(subscribed.ask("reader", None, began["number"], 20.0)) for _ in range(2)]
    await asyncio.sleep(0)
    says(two, "n2", 1)
    first, second = await asyncio.gather(*asked_twice)
    assert first == second
    assert '"number":1' in second["text"]
    await subscribed.end("reader")


async def test_a_message_that_is_too_large_for_another_node(two: Cluster) -> None:
    """A message that no answer between nodes can hold is counted as lost; those around it are shown."""
    async with two["n1"].api.stream("/messages") as stream:
        await opened(stream)
        says(two, "n2", 1, b"x" * (1 << 20))
        assert [(event.kind, event.data) for event in await stream.take(1)] == [("lost", {"lost": 1})]
        says(two, "n2", 2)
        assert await heard(stream, 1) == [("CP2", 2)]


async def test_too_many_readers_of_other_nodes(two: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that listens for as many as it can refuses one more: the stream names it, and has what is said here."""
    monkeypatch.setattr(subscriptions, "MOST", 0)
    async with two["n1"].api.stream("/messages") as stream:
        (refused,) = await stream.take(1)
        assert (refused.kind, refused.data) == ("missing", {"missing": ["n2"]})
        says(two, "n1", 1)
        assert await heard(stream, 1) == [("CP2", 1)]


# Events.


async def test_events_of_every_node_are_one_stream(two: Cluster) -> None:
    """What happens anywhere is in the stream of any node, with the node where it happened; filters hold everywhere."""
    async with (
        two["n1"].api.stream("/events") as everything,
        two["n2"].api.stream("/events", station="cp2", kind="StationMoved") as one,
    ):
        await opened(everything)
        await opened(one)
        goes_on(two, "n1", 1)
        goes_on(two, "n1", 2)
        goes_on(two, "n2", 3)
        shown = await everything.take(3)
        assert told(shown) == {("CP1", "n1"), ("CP2", "n1"), ("CP3", "n2")}
        assert all(event.id == event.data["id"] for event in shown)
        assert told(await one.take(1)) == {("CP2", "n1")}


async def test_a_stream_goes_on_at_another_node(two: Cluster) -> None:
    """Whoever comes back, to the same node or another, gets what happened meanwhile anywhere: nothing twice."""
    async with two["n1"].api.stream("/events") as stream:
        await opened(stream)
        goes_on(two, "n1", 1)
        await stream.take(1)
        goes_on(two, "n2", 2)
        (last,) = await stream.take(1)
    goes_on(two, "n1", 3)
    goes_on(two, "n2", 4)
    for name in ("n1", "n2"):
        async with two[name].api.stream("/events", last.id) as stream:
            assert told(await stream.take(2)) == {("CP3", "n1"), ("CP4", "n2")}
    async with two["n2"].api.stream("/events", "tea") as stream:
        await opened(stream)
        goes_on(two, "n1", 5)
        assert told(await stream.take(1)) == {("CP5", "n1")}


async def test_a_node_that_comes_is_followed_from_its_first_event(two: Cluster) -> None:
    """A node that joins while somebody watches is heard from its beginning; the ids know of it from then on."""
    async with two["n1"].api.stream("/events") as stream:
        await opened(stream)
        third = two.adds("n3")
        third.events.note(StationMoved("CP9", "r"))
        two.pass_over()
        (first,) = await stream.take(1)
        assert told([first]) == {("CP9", "n3")}
        two.exchange.posts.pop("id-n3")
        two.pass_over()
        await until(lambda: "n3" not in str(two["n1"].queries.others.ids), "n3 is forgotten")  # type: ignore[union-attr]
        goes_on(two, "n1", 1)
        (later,) = await stream.take(1)
        assert "n3" in first.id
        assert "n3" not in later.id


async def test_events_that_were_forgotten_elsewhere(two: Cluster) -> None:
    """Events that another node has forgotten before they were asked for are counted, with its name."""
    post = two["n2"].post
    assert post is not None
    async with two["n1"].api.stream("/events") as stream:
        await opened(stream)
        goes_on(two, "n2", 0)
        (last,) = await stream.take(1)
    for number in range(10_003):
        goes_on(two, "n2", number)
    async with two["n1"].api.stream("/events", last.id) as stream:
        lost, *rest = await stream.take(10_001)
        assert (lost.kind, lost.data) == ("lost", {"lost": 3, "node": "n2"})
        assert rest[-1].data["station"] == "CP10002"


async def test_events_at_a_node_that_is_away(two: Cluster) -> None:
    """A node that does not answer is named in the stream, and again when it answers; then nothing of it is missed."""
    post = two["n2"].post
    assert post is not None
    async with two["n1"].api.stream("/events") as stream:
        await opened(stream)
        post.silent = True
        goes_on(two, "n1", 1)
        found = await stream.take(2)
        assert {event.kind for event in found} == {"missing", "StationMoved"}
        goes_on(two, "n2", 2)
        post.silent = False
        found = await stream.take(2)
        assert [event.kind for event in found] == ["missing", "StationMoved"]
        assert found[0].data == {"missing": []}
    post.silent = True
    async with two["n1"].api.stream("/events") as stream:
        (away,) = await stream.take(1)
        assert (away.kind, away.data) == ("missing", {"missing": ["n2"]})
        goes_on(two, "n2", 3)
        post.silent = False
        found = await stream.take(2)
        assert [event.kind for event in found] == ["missing", "lost"]
        assert found[1].data == {"lost": None, "node": "n2"}


@pytest.mark.parametrize("path", ["/events", "/messages"])
async def test_streams_end_with_their_gateway(two: Cluster, path: str) -> None:
    """A gateway that goes ends its streams after their last word; those of others go on without it."""
    async with two["n1"].api.stream(path) as ending, two["n2"].api.stream(path) as going_on:
        await opened(ending)
        await opened(going_on)
        two["n1"].queries.close()
        assert await ending.ended() == []
        await beats(await two["n2"].comes("CP1"), 1)
        assert await going_on.next() is not None


@pytest.mark.parametrize("path", ["/events", "/messages"])
async def test_a_stream_without_news_is_kept_open(two: Cluster, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """While nothing happens a comment comes now and then, although all nodes answer all the time."""
    monkeypatch.setattr(streams, "HOLD", 0.1)
    monkeypatch.setattr(streams, "QUIET", 1.0)
    async with two["n1"].api.stream(path) as stream:
        await opened(stream)
        await opened(stream)
