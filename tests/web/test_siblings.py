"""Several gateways on one address: what one says of the others, of which one hangs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from voltgate.web.siblings import Siblings


async def test_a_balancer_does_not_wait_for_who_hangs(tmp_path: Path) -> None:
    """/readyz is answered before a balancer takes all workers for gone; /healthz, which ends them, is patient."""
    asked = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        while await reader.read(1000):
            pass
        writer.close()

    hanging = await asyncio.start_unix_server(hang, tmp_path / "2")
    siblings = Siblings(1, (1, 2), lambda number: tmp_path / str(number))
    health = asyncio.ensure_future(siblings.health({}))
    await asked.wait()
    ready = await siblings.readiness({"state": "serving"})
    assert (ready["ready"], ready["workers"]) == (True, {"1": "serving", "2": "no answer"})
    assert not health.done()
    assert (await health)[0] == 503
    hanging.close()
