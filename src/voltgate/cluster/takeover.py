"""Takeover: the node that a station is connected to lets it go before another one lets it in.

The database refuses what the former writes from then on. Before that it has time for its last words; and commands for
the station, and what a broker brings for it, never find two connections.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from voltgate.cluster.ports import Body, Declined, NodeAway, Post
from voltgate.relay.records import Page

_KIND = "let go"
_PATIENCE = 2.0
"""Seconds that a station waits at most for the node that it is connected to."""

LetGo = Callable[[str], Awaitable[None]]
"""Ends the session of a station, by its key, and has all that is known of it on disk."""

log = structlog.get_logger("voltgate")


class Takeover:
    """Has other nodes let the stations go that come to this one, and lets go those that come to others."""

    def __init__(self, post: Post, let_go: LetGo) -> None:
        self._post = post
        self._let_go = let_go
        post.serve(_KIND, self._answer)

    async def release(self, page: Page) -> None:
        """Have the node that a station is connected to let it go, if that node is there."""
        try:
            await self._post.ask(page.former, _KIND, {"station": page.station}, _PATIENCE)
        except (NodeAway, Declined) as error:
            log.info("a station comes whose former gateway has not let it go", station=page.station, reason=str(error))

    async def _answer(self, body: Body) -> Body:
        await self._let_go(str(body["station"]))
        return {}
