"""This gateway as a node among those on one PostgreSQL; on anything else a gateway is alone."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from voltgate import __version__
from voltgate.cluster.notices import Notices
from voltgate.cluster.ports import Node, NodeState, Orphan
from voltgate.cluster.post import LetterPost
from voltgate.cluster.takeover import LetGo, Takeover
from voltgate.config import Config
from voltgate.relay.records import StoreAway
from voltgate.store import Database
from voltgate.store.letters import LetterTable
from voltgate.store.listening import EVERYBODY, Listening, channel_of
from voltgate.store.nodes import ORPHANS, NodeTable, Status
from voltgate.store.notices import NoticeTable
from voltgate.store.reach import Reach
from voltgate.store.register import SharedRegister
from voltgate.telemetry.supervision import Supervision


class Cluster:
    """What this node says to the others and hears of them. `now` returns its state and how many stations it holds."""

    def __init__(
        self,
        database: Database,
        config: Config,
        now: Callable[[], tuple[NodeState, int]],
        let_go: LetGo,
        supervision: Supervision,
    ) -> None:
        self.name = config.cluster.node or f"{socket.gethostname()[:50]}-{os.getpid()}"
        self._now = now
        self._supervision = supervision

        def engine() -> AsyncEngine | None:
            return database.engine if database.state.reason is None else None

        node, reach = database.node, Reach(engine, config.store.patience)
        self._table = NodeTable(reach, node, self.name, __version__)
        self.notices = Notices(NoticeTable(reach, node).read, partial(supervision.failed, "cluster notices"))
        self.register = SharedRegister(reach, node, self.notices.catch_up, self.notices.forget)
        letters = LetterTable(reach, node)
        self.post = LetterPost(node, self._table, letters, partial(supervision.failed, "cluster letters"))
        self.takeover = Takeover(self.post, let_go)
        heard = {EVERYBODY: self.notices.wake, channel_of(node): self.post.wake}
        self._listening = Listening(engine, heard, self._beat)
        self._load = Load()
        self._emptied: set[str] = set()
        """The dead nodes of which no station is left that nobody was told of."""
        self.nodes: list[Node] = []
        """The nodes that were known at the last beat."""

    async def _beat(self, connection: AsyncConnection) -> None:
        """Say that this node lives, and look which others do."""
        state, stations = self._now()
        await self._table.beat(connection, Status(state, stations, self._load()))
        self.nodes = await self._table.read_with(connection)
        self.post.saw(self.nodes)

    async def orphans(self) -> AsyncIterator[list[Orphan]]:
        """Yield stations whose nodes have died, some at a time: each at one node only, once. Raises StoreAway."""
        dead = {node.id for node in self.nodes if not node.alive}
        self._emptied &= dead
        for node in dead - self._emptied:
            found = await self._table.orphans(node)
            if len(found) < ORPHANS:
                self._emptied.add(node)
            yield found

    # Life.

    async def join(self) -> None:
        """Remember from when on notices are new, if the database is there: what they tell of is read after this."""
        with suppress(StoreAway):
            await self.notices.begin()

    def begin(self) -> list[asyncio.Task[None]]:
        """Begin what lives as long as the process."""
        repeat = self._supervision.repeat
        return [
            repeat("cluster connection", self._listening.hold),
            repeat("cluster notices", self.notices.read_on),
            repeat("cluster letters", self.post.read_on),
            repeat("cluster writing", self.post.outgoing.write_on),
        ]

    async def leave(self) -> None:
        """Have the others know that this node ends. Its tasks have ended."""
        self.post.close()
        with suppress(StoreAway):
            await self._table.leave()

    # What is shown.

    @property
    def _alive(self) -> int:
        return sum(node.alive for node in self.nodes)

    @property
    def state(self) -> dict[str, Any]:
        """How this node stands with the others, for /readyz."""
        listening = self._listening
        shown = {"status": "ok" if listening.up else "away", "node": self.name, "id": self.post.here}
        return shown | {"nodes": self._alive, "heartbeat_seconds": round(listening.age, 1)}

    @property
    def numbers(self) -> Mapping[str, float]:
        """What is counted, for /metrics."""
        counts = self.post.counts
        return {
            "nodes": self._alive,
            "connection_up": float(self._listening.up),
            "connections_lost_total": self._listening.lost,
            "heartbeat_seconds": self._listening.age,
            "notices_read_total": self.notices.count,
            "notices_missed_total": self.notices.missed,
            "letters_sent_total": self.post.outgoing.sent,
            "letters_taken_total": counts.taken,
            "letters_unreadable_total": counts.unreadable,
            "questions_answered_total": counts.answered,
            "questions_unanswered_total": counts.unanswered,
            "questions_expired_total": counts.expired,
            "answers_late_total": counts.late,
        }


class Load:
    """The share of one core that this process has used since it was asked last."""

    def __init__(self) -> None:
        self._before = (time.process_time(), time.monotonic())

    def __call__(self) -> float:
        """Return it; 1.0 is all of one core."""
        used, now = time.process_time(), time.monotonic()
        before, then = self._before
        self._before = (used, now)
        return (used - before) / (now - then) if now > then else 0.0
