"""What is asked of the database besides writing: pages, pieces of the journal, leases."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Generic, TypeAlias, TypeVar

from voltgate.relay.records import Lease, Page, Piece
from voltgate.store.once import Once

K = TypeVar("K")
T = TypeVar("T")

PieceKey: TypeAlias = tuple[str, str, tuple[str, ...]]
"""A station, a backend, and the transactions whose messages are left out."""


@dataclass(slots=True)
class Question(Generic[T]):
    """Something that callers want to know, all that was entered up to number `serial` included."""

    serial: int = 0
    callers: list[Once[T | None]] = field(default_factory=list)

    def ask(self, then: Callable[[T | None], None], serial: int, patience: float) -> None:
        """Add a caller, who is told None after `patience` seconds."""
        self.serial = serial
        self.callers.append(Once[T | None](then, None, patience))

    def wait(self, serial: int, patience: float) -> asyncio.Future[T | None]:
        """Add a caller who awaits the answer: None after `patience` seconds."""
        heard: asyncio.Future[T | None] = asyncio.get_running_loop().create_future()

        def settle(answer: T | None) -> None:
            if not heard.done():  # whoever waited may have gone
                heard.set_result(answer)

        self.ask(settle, serial, patience)
        return heard

    def join(self, other: Question[T]) -> None:
        """Have those who ask `other` answered together with these."""
        self.serial = max(self.serial, other.serial)
        self.callers += other.callers

    def answer(self, answer: T | None) -> None:
        """Tell everybody who asked."""
        for caller in self.callers:
            caller(answer)


class Asked:
    """Everything that waits for an answer; who asks for the same is answered together.

    `released` has the stations whose leases are given back, each with the number of the last word before.
    """

    def __init__(self) -> None:
        self.takes: dict[str, Question[Page]] = {}
        """The pages that are to be taken before they are read."""
        self.regardless: dict[str, int] = {}
        """Those of them that are taken also from others, each with the epoch that it has there."""
        self.pages: dict[str, Question[Page]] = {}
        self.pieces: dict[PieceKey, Question[Piece]] = {}
        self.leases: dict[str, Question[Lease]] = {}
        self.released: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self.takes or self.pages or self.pieces or self.leases or self.released)

    def stations(self) -> Iterator[str]:
        """Give the stations of which something must be on disk before the next answers can be given."""
        yield from self.pages
        yield from (key[0] for key in self.pieces)
        yield from self.released

    def refuse(self) -> None:
        """Answer all who wait with None. What was released is not forgotten."""
        refuse(self.takes)
        self.regardless.clear()
        refuse(self.pages)
        refuse(self.pieces)
        refuse(self.leases)


def taken(
    questions: dict[K, Question[T]], most: int, ready: Callable[[K, int], bool] = lambda key, serial: True
) -> dict[K, Question[T]]:
    """Take out those of the first questions that can be answered now; who asks the same later is answered later."""
    first = islice(questions.items(), most)
    found = {key: question for key, question in first if ready(key, question.serial)}
    for key in found:
        del questions[key]
    return found


def refuse(questions: dict[K, Question[T]]) -> None:
    """Answer all with None, and forget them."""
    waiting = list(questions.values())
    questions.clear()
    for question in waiting:
        question.answer(None)
