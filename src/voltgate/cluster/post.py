"""The post between nodes: questions and answers as letters, many of them written with one commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol

import msgspec

from voltgate.cluster.letters import Letters, Received
from voltgate.cluster.outgoing import Outgoing, Waiting
from voltgate.cluster.ports import Answer, Body, Declined, Location, Node, NodeAway
from voltgate.relay.records import StoreAway

LARGEST = 2 * 1024 * 1024
"""Bytes of a question or an answer."""
MOST = 1000
"""Questions that wait for an answer, and as many that are answered here."""
_AGAIN = 0.5
"""Seconds between two tries while the database is away."""


class _Question(msgspec.Struct, frozen=True):
    """A question as it is written. `patience` is how many seconds its asker still waits."""

    number: int
    asker: str
    kind: str
    patience: float
    body: msgspec.Raw


class _Answer(msgspec.Struct, frozen=True):
    """An answer as it is written. `status` is 0, or that of Declined, whose `detail` and problem (`body`) follow."""

    number: int
    status: int
    detail: str
    body: msgspec.Raw


_question = msgspec.json.Decoder(_Question).decode
_answer = msgspec.json.Decoder(_Answer).decode


class Registry(Protocol):
    """Knows nodes and stations. Its methods raise StoreAway."""

    async def read(self) -> list[Node]:
        """Return all nodes, this one first."""

    async def where(self, station: str) -> Location | None:
        """Return where a station is, by its key."""

    async def retire(self) -> bool:
        """Write down that this node drains, if another one serves; return whether one does."""


@dataclass(slots=True)
class Counts:
    """What the post has done with questions and answers."""

    taken: int = 0
    """Letters of others."""
    answered: int = 0
    """Questions of this node that were answered."""
    expired: int = 0
    """Questions of others to which the answer was not ready, or not written, in time."""
    unanswered: int = 0
    """Questions of this node to which no answer came."""
    late: int = 0
    """Answers that nobody waited for any more."""
    unreadable: int = 0
    """Letters that cannot be read."""


@dataclass(slots=True, eq=False)
class _Open:
    """A question that waits for its answer."""

    node: str
    answer: asyncio.Future[_Answer]

    def fail(self, why: str) -> None:
        """Say that no answer will come."""
        if not self.answer.done():
            self.answer.set_exception(NodeAway(why))


class LetterPost:
    """A `Post` whose questions go as letters; `here` is the `id` of this node.

    Two tasks do its work: `read_on`, and that of `outgoing`. `fault` is told what an answer raises besides Declined.
    """

    def __init__(self, here: str, registry: Registry, letters: Letters, fault: Callable[[Exception], None]) -> None:
        self._here = here
        self._registry = registry
        self._letters = letters
        self._fault = fault
        self._answers: dict[str, Answer] = {}
        self._numbers = count(1)
        self._open: dict[int, _Open] = {}
        self._alive: frozenset[str] = frozenset()
        self.outgoing = Outgoing(letters)
        self._answering: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self.counts = Counts()

    # The port.

    @property
    def here(self) -> str:
        """The `id` of this node."""
        return self._here

    async def nodes(self) -> list[Node]:
        """Return the nodes that there are, this one first. Raises NodeAway when the database is away."""
        try:
            found = await self._registry.read()
        except StoreAway as away:
            raise NodeAway(f"the nodes cannot be read: {away}") from None
        self.saw(found)
        return found

    async def where(self, station: str) -> Location | None:
        """Return where a station is, by its key; None if it never came. Raises NodeAway when the database is away."""
        try:
            return await self._registry.where(station)
        except StoreAway as away:
            raise NodeAway(f"where the station is cannot be read: {away}") from None

    async def retire(self) -> bool:
        """Have all know that this node drains, if another one serves; return whether one does. Raises NodeAway."""
        try:
            return await self._registry.retire()
        except StoreAway as away:
            raise NodeAway(f"whether another node serves cannot be read: {away}") from None

    def serve(self, kind: str, answer: Answer) -> None:
        """Answer the questions of this kind from now on."""
        self._answers[kind] = answer

    async def ask(self, node: str, kind: str, body: Body, patience: float) -> Body:
        """Ask a node, by its `id`; return its answer. Raises NodeAway after `patience` seconds at most, or Declined."""
        written = _written(body)
        try:
            async with asyncio.timeout(patience):
                return _decoded(await self._of(node, kind, written, _now() + patience))
        except TimeoutError:
            self.counts.unanswered += 1
            raise NodeAway(f"the node has not answered within {patience:g} seconds") from None

    # Asking.

    async def _of(self, node: str, kind: str, body: msgspec.Raw, until: float) -> msgspec.Raw:
        """Return the answer of a node. Raises NodeAway and Declined."""
        if node == self._here:
            return await self._of_this_node(kind, body)
        if node not in self._alive:
            await self.nodes()
        if node not in self._alive:
            raise NodeAway("the node is not there")
        if len(self._open) >= MOST:
            raise NodeAway(f"{MOST} questions to other nodes wait for an answer, and more may not")
        number = next(self._numbers)
        waiting = self._open[number] = _Open(node, asyncio.get_running_loop().create_future())

        def letter(left: float) -> bytes:
            return msgspec.json.encode(_Question(number, self._here, kind, left, body))

        try:
            self.outgoing.send(Waiting(node, "question", until, len(body), letter, waiting.fail))
            answer = await waiting.answer
        finally:
            del self._open[number]
        if answer.status:
            raise Declined(answer.status, answer.detail, _decoded(answer.body))
        return answer.body

    def saw(self, nodes: Iterable[Node]) -> None:
        """Know from now on which nodes are alive; what was asked of others is not waited for."""
        self._alive = frozenset(node.id for node in nodes if node.alive)
        for waiting in list(self._open.values()):
            if waiting.node not in self._alive:
                waiting.fail("the node has gone")

    # Answering.

    async def _of_this_node(self, kind: str, body: msgspec.Raw) -> msgspec.Raw:
        """Return the answer of this node. Raises Declined, and nothing else."""
        answer = self._answers.get(kind)
        if answer is None:
            raise Declined(501, f"That gateway does not know what {kind[:100]} is: it may be of an older version.")
        try:
            return _written(await answer(_decoded(body)))
        except Declined:
            raise
        except Exception as fault:  # its text may hold what not everybody should read
            self._fault(fault)
            raise Declined(500, "A fault of Voltgate: the log of the gateway that was asked says which.") from None

    def _begin_answer(self, question: _Question, until: float) -> None:
        if len(self._answering) >= MOST:
            full = Declined(503, "That gateway answers as many questions of others as it may: ask again.")
            self._reply(question, until, _declined(question.number, full))
            return
        task = asyncio.get_running_loop().create_task(self._give_answer(question, until), name="cluster answer")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _give_answer(self, question: _Question, until: float) -> None:
        try:
            async with asyncio.timeout(until - _now()):
                answer = _Answer(question.number, 0, "", await self._of_this_node(question.kind, question.body))
        except TimeoutError:
            self.counts.expired += 1
            return
        except Declined as declined:
            answer = _declined(question.number, declined)
        self._reply(question, until, answer)

    def _reply(self, question: _Question, until: float, answer: _Answer) -> None:
        def failed(why: str) -> None:
            self.counts.expired += 1

        written = msgspec.json.encode(answer)
        self.outgoing.send(Waiting(question.asker, "answer", until, len(written), lambda left: written, failed))

    # Reading.

    def wake(self) -> None:
        """Have it look: there may be letters."""
        self._wake.set()

    async def read_on(self) -> None:
        """Wait until it is woken, and take what has come."""
        await self._wake.wait()
        self._wake.clear()
        try:
            while letters := await self._letters.take():
                self.counts.taken += len(letters)
                for letter in letters:
                    self._take(letter)
        except StoreAway:
            await asyncio.sleep(_AGAIN)
            self._wake.set()

    def _take(self, letter: Received) -> None:
        try:
            if letter.kind == "question":
                self._was_asked(_question(letter.data), letter.age)
            elif letter.kind == "answer":
                self._was_answered(_answer(letter.data))
        except msgspec.MsgspecError:
            self.counts.unreadable += 1

    def _was_asked(self, question: _Question, age: float) -> None:
        left = question.patience - age
        if left > 0:
            self._begin_answer(question, _now() + left)
        else:
            self.counts.expired += 1

    def _was_answered(self, answer: _Answer) -> None:
        waiting = self._open.get(answer.number)
        if waiting is None or waiting.answer.done():
            self.counts.late += 1
        else:
            self.counts.answered += 1
            waiting.answer.set_result(answer)

    def close(self) -> None:
        """Answer nobody any more, and wait for no answer."""
        for task in self._answering:
            task.cancel()
        for waiting in self._open.values():
            waiting.fail("this gateway ends")


def _now() -> float:
    return asyncio.get_running_loop().time()


def _written(body: Body) -> msgspec.Raw:
    """Write what goes to another node. Raises Declined for what is too large."""
    written = msgspec.json.encode(body)
    if len(written) > LARGEST:
        raise Declined(413, f"What one gateway says to another may have {LARGEST} bytes, and this has {len(written)}.")
    return msgspec.Raw(written)


def _decoded(body: msgspec.Raw) -> dict[str, Any]:
    return msgspec.json.decode(body, type=dict[str, Any])


def _declined(number: int, why: Declined) -> _Answer:
    return _Answer(number, why.status, str(why), msgspec.Raw(msgspec.json.encode(why.problem)))
