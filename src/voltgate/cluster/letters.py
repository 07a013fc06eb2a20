"""Letters: what one node writes to another, and the port to whatever carries them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

Kind: TypeAlias = Literal["question", "answer"]


@dataclass(frozen=True, slots=True)
class Letter:
    """What is sent to a node, by its `id`."""

    node: str
    kind: Kind
    data: bytes


@dataclass(frozen=True, slots=True)
class Received:
    """What has come, of a kind that may be of a later version. `age` is how many seconds ago it was written."""

    kind: str
    data: bytes
    age: float


class Letters(Protocol):
    """Carries letters. Both methods raise StoreAway."""

    async def write(self, letters: Sequence[Letter]) -> None:
        """Send some, all or none, in this order."""

    async def take(self) -> Sequence[Received]:
        """Take some of what has come for this node, the oldest first; none: that was all."""
