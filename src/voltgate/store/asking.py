"""What is asked of the database besides writing: pages, pieces of the journal, leases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from voltgate.relay.records import Page, Piece
from voltgate.store.once import Once

PieceKey: TypeAlias = tuple[str, str, tuple[str, ...]]
"""A station, a backend, and the transactions whose messages are left out."""


@dataclass(slots=True)
class Asked:
    """Everything that waits for an answer; who asks for the same is answered together. `released` are stations."""

    pages: dict[str, list[Once[Page | None]]] = field(default_factory=dict)
    pieces: dict[PieceKey, list[Once[Piece | None]]] = field(default_factory=dict)
    leases: dict[str, list[Once[float | None]]] = field(default_factory=dict)
    released: dict[str, None] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.pages or self.pieces or self.leases or self.released)

    def refuse(self) -> None:
        """Answer all who wait with None. What was released is not forgotten."""
        pages, self.pages = self.pages, {}
        pieces, self.pieces = self.pieces, {}
        leases, self.leases = self.leases, {}
        for page in (each for those in pages.values() for each in those):
            page(None)
        for piece in (each for those in pieces.values() for each in those):
            piece(None)
        for lease in (each for those in leases.values() for each in those):
            lease(None)
