"""Takeover: the node that a station was connected to lets it go before the one that it comes to lets it in.

The database refuses what the former writes in any case. But commands for the station, and what a broker brings for it,
must not reach two connections either.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from voltgate.cluster.ports import Body, Declined, NodeAway, Post
from voltgate.relay.records import Page

_KIND = "taken"
_PATIENCE = 2.0
"""Seconds that a station waits at most for the node that it was connected to."""

log = structlog.get_logger("voltgate")


class Takeover:
    """Tells other nodes of the stations that were taken from them, and hears of those that were taken from this one."""

    def __init__(self, post: Post, overtaken: Callable[[str, int], None]) -> None:
        self._post = post
        self._overtaken = overtaken
        post.serve(_KIND, self._let_go)

    async def tell(self, page: Page) -> None:
        """Have the node that a station was taken from let it go, if that node is there."""
        try:
            await self._post.ask(page.former, _KIND, {"station": page.station, "epoch": page.epoch}, _PATIENCE)
        except (NodeAway, Declined) as error:
            log.info("the former gateway of a station has not let it go", station=page.station, reason=str(error))

    async def _let_go(self, body: Body) -> Body:
        self._overtaken(str(body["station"]), int(body["epoch"]))
        return {}
