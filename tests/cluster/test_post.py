"""Questions from node to node: each gets its answer, a refusal, or in time the word that there will be none."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.harness.waiting import until
from voltgate.cluster import outgoing, post
from voltgate.cluster.letters import Letter, Received
from voltgate.cluster.ports import Body, Declined, Location, Node, NodeAway
from voltgate.cluster.post import LetterPost
from voltgate.relay.records import StoreAway


class Database:
    """What several nodes share: their rows, and the letters to each. `age` is how old a letter is when it is taken."""

    def __init__(self) -> None:
        self.alive: dict[str, bool] = {}
        self.letters: dict[str, list[Letter]] = defaultdict(list)
        self.commits: list[int] = []
        self.age = 0.0
        self.away = False
        self.posts: dict[str, LetterPost] = {}
        self.faults: list[Exception] = []

    def there(self) -> None:
        """Raise StoreAway while it is away."""
        if self.away:
            raise StoreAway("it is away")

    async def nodes(self, here: str) -> list[Node]:
        """Return the rows of the nodes."""
        self.there()
        ids = sorted(self.alive, key=lambda each: each != here)
        return [Node(each, each, "1", "serving", 0.0, 0.0, 0, 0.0, self.alive[each]) for each in ids]

    @asynccontextmanager
    async def node(self, name: str) -> AsyncIterator[LetterPost]:
        """Run a node."""
        here = Here(self, name)
        self.alive[name] = True
        made = self.posts[name] = LetterPost(name, here, here, self.faults.append)
        tasks = [asyncio.ensure_future(_forever(work)) for work in (made.read_on, made.outgoing.write_on)]
        try:
            yield made
        finally:
            made.close()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)


async def _forever(work: Any) -> None:
    while True:
        await work()


class Here:
    """The database as one node reaches it."""

    def __init__(self, database: Database, node: str) -> None:
        self.database, self.node = database, node

    async def read(self) -> list[Node]:
        return await self.database.nodes(self.node)

    async def where(self, station: str) -> Location | None:
        self.database.there()
        return Location(station, "B", 1, 0.0, gone=False) if station == "cp1" else None

    async def write(self, letters: Sequence[Letter]) -> None:
        await asyncio.sleep(0)
        self.database.there()
        self.database.commits.append(len(letters))
        for letter in letters:
            self.database.letters[letter.node].append(letter)
            if letter.node in self.database.posts:
                self.database.posts[letter.node].wake()

    async def take(self) -> list[Received]:
        self.database.there()
        letters = self.database.letters.pop(self.node, [])
        return [Received(each.kind, each.data, self.database.age) for each in letters]


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (post, outgoing):
        monkeypatch.setattr(module, "_AGAIN", 0.01)


@pytest.fixture
async def database() -> Database:
    """What the nodes share."""
    return Database()


@pytest.fixture
async def a(database: Database) -> AsyncIterator[LetterPost]:
    """The node that asks."""
    async with database.node("A") as node:
        yield node


@pytest.fixture
async def b(database: Database) -> AsyncIterator[LetterPost]:
    """The node that is asked."""
    async with database.node("B") as node:
        yield node


async def echo(body: Body) -> Body:
    """Answer with what was asked."""
    return {"echo": body}


async def test_a_question_gets_its_answer(database: Database, a: LetterPost, b: LetterPost) -> None:
    """From another node as from this one, in the same shape."""
    for node in (a, b):
        node.serve("echo", echo)
    expected = {"echo": {"of": [1, None, "ä"]}}
    assert await a.ask("B", "echo", {"of": (1, None, "ä")}, 30) == expected
    assert await a.ask("A", "echo", {"of": (1, None, "ä")}, 30) == expected
    assert (a.here, [node.id for node in await a.nodes()]) == ("A", ["A", "B"])
    assert (await a.where("cp1"), await a.where("cp2")) == (Location("cp1", "B", 1, 0.0, gone=False), None)
    assert (a.counts.answered, b.counts.taken, database.faults) == (1, 1, [])


async def test_many_questions_share_commits(database: Database, a: LetterPost, b: LetterPost) -> None:
    """What has come together is written at once, and each asker gets its own answer."""
    b.serve("echo", echo)
    await a.nodes()
    answers = await asyncio.gather(*(a.ask("B", "echo", {"n": n}, 30) for n in range(300)))
    assert [answer["echo"]["n"] for answer in answers] == list(range(300))
    assert sum(database.commits) == 600
    assert len(database.commits) < 12


async def test_who_says_no_is_heard(database: Database, a: LetterPost, b: LetterPost) -> None:
    """With its status and its problem; so is a node that does not know the question, and one that fails."""

    async def no(body: Body) -> Body:
        raise Declined(409, "Not now", {"why": body})

    async def broken(body: Body) -> Body:
        raise RuntimeError("what nobody should read")

    async def endless(body: Body) -> Body:
        return {"all": "x" * post.LARGEST}

    async def strange(body: Body) -> Body:
        return {"no": object()}

    for node in (a, b):
        for name, answer in (("no", no), ("broken", broken), ("endless", endless), ("strange", strange)):
            node.serve(name, answer)
    for node in ("A", "B"):
        with pytest.raises(Declined, match="Not now") as declined:
            await a.ask(node, "no", {"x": 1}, 30)
        assert (declined.value.status, declined.value.problem) == (409, {"why": {"x": 1}})
        for kind, status in (("new", 501), ("broken", 500), ("endless", 413), ("strange", 500)):
            with pytest.raises(Declined) as declined:
                await a.ask(node, kind, {}, 30)
            assert declined.value.status == status
            assert "nobody should read" not in str(declined.value)
    with pytest.raises(Declined) as declined:
        await a.ask("B", "no", {"all": "x" * post.LARGEST}, 30)
    assert declined.value.status == 413
    assert [type(fault) for fault in database.faults] == [RuntimeError, TypeError] * 2


async def test_a_node_that_is_not_there(database: Database, a: LetterPost) -> None:
    """It is not waited for: neither if it is known to be dead, nor if it dies, or ends, before it has answered."""
    database.alive["dead"] = False
    for node in ("dead", "nobody"):
        with pytest.raises(NodeAway, match="not there"):
            await a.ask(node, "echo", {}, 3600)
    database.alive["B"] = True
    asking = asyncio.ensure_future(a.ask("B", "echo", {}, 3600))
    await until(lambda: database.letters["B"], "the question is written")
    del database.alive["B"]
    await a.nodes()
    with pytest.raises(NodeAway, match="has gone"):
        await asking
    database.alive["B"] = True
    asking = asyncio.ensure_future(a.ask("B", "echo", {}, 3600))
    await until(lambda: len(database.letters["B"]) == 2, "the question is written")
    a.close()
    with pytest.raises(NodeAway, match="ends"):
        await asking


async def test_a_node_that_does_not_answer(database: Database, a: LetterPost, b: LetterPost) -> None:
    """The asker's patience ends the question on both sides; what comes then is late, and no answer to another."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def slow(body: Body) -> Body:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    b.serve("slow", slow)
    b.serve("echo", echo)
    with pytest.raises(NodeAway, match=r"within 0\.2 seconds"):
        await a.ask("B", "slow", {}, 0.2)
    await asyncio.wait_for(ended.wait(), 30)
    assert begun.is_set()
    assert a.counts.unanswered == 1
    await until(lambda: b.counts.expired == 1, "B gives it up")
    database.letters["A"].append(Letter("A", "answer", b'{"number":1,"status":0,"detail":"","body":{}}'))
    a.wake()
    await until(lambda: a.counts.late == 1, "the late answer is counted")
    assert await a.ask("B", "echo", {}, 30) == {"echo": {}}


async def test_a_question_that_has_expired_is_not_answered(database: Database, a: LetterPost, b: LetterPost) -> None:
    """One that lay for longer than its asker waits is never begun: nobody would hear what came of it."""
    answered = []

    async def note(body: Body) -> Body:
        answered.append(body)
        return {}

    b.serve("note", note)
    database.age = 5.0
    with pytest.raises(NodeAway):
        await a.ask("B", "note", {}, 0.1)
    await until(lambda: b.counts.expired == 1, "B has seen it")
    assert await a.ask("B", "note", {"n": 2}, 30) == {}
    assert answered == [{"n": 2}]


async def test_a_database_that_is_away(database: Database, a: LetterPost, b: LetterPost) -> None:
    """A question is not kept for later: it might be answered twice. An answer is, while somebody waits for it."""
    go, answered = asyncio.Event(), []

    async def later(body: Body) -> Body:
        answered.append(body)
        await go.wait()
        return {"late": True}

    b.serve("later", later)
    asking = asyncio.ensure_future(a.ask("B", "later", {}, 30))
    await until(lambda: answered, "B has got it")
    database.away = True
    with pytest.raises(NodeAway, match="could not be written"):
        await a.ask("B", "later", {}, 30)
    for doing in (a.nodes(), a.where("cp1"), a.ask("unknown", "later", {}, 30)):
        with pytest.raises(NodeAway, match="it is away"):
            await doing
    go.set()
    b.wake()
    await asyncio.sleep(0.05)
    database.away = False
    assert await asking == {"late": True}
    assert answered == [{}]


async def test_nothing_is_without_bound(
    database: Database, a: LetterPost, b: LetterPost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Questions that are open, those that are answered, and letters that wait: what is too many is refused at once."""
    go = asyncio.Event()

    async def wait(body: Body) -> Body:
        await go.wait()
        return {}

    b.serve("wait", wait)
    monkeypatch.setattr(post, "MOST", 2)
    await a.nodes()
    asking = [asyncio.ensure_future(a.ask("B", "wait", {}, 30)) for _ in range(2)]
    await until(lambda: b.counts.taken == 2, "B answers two")
    with pytest.raises(NodeAway, match="2 questions"):
        await a.ask("B", "wait", {}, 30)
    async with database.node("C") as c:
        with pytest.raises(Declined) as declined:
            await c.ask("B", "wait", {}, 30)
        assert declined.value.status == 503
    go.set()
    assert await asyncio.gather(*asking) == [{}, {}]
    for bound in ("_MOST", "_MOST_BYTES"):
        monkeypatch.setattr(outgoing, bound, 0)
        with pytest.raises(NodeAway, match="the database is slow"):
            await a.ask("B", "wait", {}, 30)
        monkeypatch.undo()


async def test_letters_that_cannot_be_read(database: Database, a: LetterPost, b: LetterPost) -> None:
    """A letter that is damaged, or of a later version, is counted and keeps nobody from what came with it."""
    b.serve("echo", echo)
    for kind in ("question", "answer", "novelty"):
        for data in (b"{", json.dumps({"number": "x"}).encode()):
            database.letters["B"].append(Letter("B", kind, data))  # type: ignore[arg-type]
    assert await a.ask("B", "echo", {}, 30) == {"echo": {}}
    assert b.counts.unreadable == 4
