"""Letting stations go: spread in time, each at a moment at which nobody waits for an answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from voltgate.ocpp.close_codes import GOING_AWAY
from voltgate.relay.session import Session

LET_GO = "This gateway hands its stations over: come again"
"""What a station is told that is let go, or not let in."""
_LOOK = 0.02
"""Seconds between two looks at a session, and between two stations that are let go apart."""


async def let_all_go(sessions: Sequence[Session], spread: float, grace: float) -> None:
    """Let sessions go one after the other over `spread` seconds, each as `let_go` does."""
    began = time.monotonic()
    async with asyncio.TaskGroup() as leaving:
        for number, session in enumerate(sessions):
            wait = began + spread * number / len(sessions) - time.monotonic()
            if wait > _LOOK:
                await asyncio.sleep(wait)
            leaving.create_task(let_go(session, grace))


async def let_go(session: Session, grace: float) -> None:
    """Close a station's socket with 1001 when no call is open in either direction, at the latest after `grace` seconds.

    What is said from now on is not taken any more, so that a station in the middle of a burst gets the answer to the
    call that is open, and keeps those that follow: no command is sent, and when those that were are answered the
    station is not read. One that is not let go after all, because this is cancelled, goes on as before.
    """
    until, is_paused = time.monotonic() + grace, False
    session.turns.hold()
    try:
        while not session.ended and time.monotonic() < until:
            if not session.turns.open_calls and not is_paused:
                is_paused = True
                session.pause()
            if not session.busy and not session.station_full:
                break
            await asyncio.sleep(_LOOK)
    except asyncio.CancelledError:
        _go_on(session, is_paused=is_paused)
        raise
    session.end(GOING_AWAY, LET_GO)


def _go_on(session: Session, *, is_paused: bool) -> None:
    if not session.ended:
        session.registered()  # sends what waits, unless its registration holds that back as well
        if is_paused:
            session.resume()
