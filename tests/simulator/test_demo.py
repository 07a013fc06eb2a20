"""The demonstration's end: what went wrong is said, and not only how often."""

from __future__ import annotations

import asyncio
import io
from types import SimpleNamespace
from typing import Any

from rich.console import Console

from voltgate.simulator import demo
from voltgate.simulator.tally import Fault, Tally


async def test_faults_are_explained() -> None:
    """Each fault that was counted, of the stations or of the backend, has its line after the last status."""
    tally, stop, shown = Tally(), asyncio.Event(), io.StringIO()
    tally.fault(Fault.MALFORMED, "DEMO-1", "no JSON", b"[2,")
    backend: Any = SimpleNamespace(tally=tally)
    stop.set()
    plan = demo._plan(demo._Ports(9, 9, 9), 1, 0.1)
    await demo._play(plan, stop, Console(file=shown, width=200), backend)
    status, *said = shown.getvalue().splitlines()[-2:]
    assert "1 faults" in status
    assert said == [f"  {Fault.MALFORMED.value}: {tally.examples[Fault.MALFORMED][0]}"]
    assert "DEMO-1" in said[0]
