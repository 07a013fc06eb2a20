"""A recorded day, played again: against the same backend nothing differs, against another exactly what does."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

from tests.client.counterpart import Ended
from tests.client.test_real import Terminal, terminal
from tests.harness import Stage, until, within

RECORDED = {"messages": {"stations": ["*"]}}
LIFE = ("--profile", "busy", "--impatient", "--duration", "4", "--seed", "7")


async def day(stage: Stage, folder: Path) -> tuple[Terminal, Path]:
    """Have twenty simulated stations live a short day, and export what was recorded of it."""
    main = await stage.stand_in("--commands", "1")
    stage.backends["main"] = main
    ask = await terminal(stage, **RECORDED)
    url = ask.gateway.url("").rstrip("/")
    lived = await ask("simulate", url, "-n", "20", "--versions", "1.6,2.0.1", *LIFE, "--json")
    assert lived.code == 0, lived
    recorded = folder / "day.jsonl"
    written = 0

    async def is_written() -> bool:
        nonlocal written
        counts = json.loads((await ask("record", "--json")).out)["logs"][0]
        return bool(counts["recorded"] == counts["written"] > 0)

    await until(is_written, "all is written")
    exported = await ask("log", "--export", str(recorded))
    assert exported.code == 0, exported
    return ask, recorded


async def replayed(ask: Terminal, recorded: Path, url: str, *options: str) -> tuple[Ended, dict[str, Any]]:
    """Play a recording as fast as it goes; give what came of it."""
    ended = await ask("replay", str(recorded), "--to", url, "--speed", "max", "--json", *options)
    assert ended.out, ended.err
    return ended, json.loads(ended.out)


async def test_a_recorded_day(stage: Stage, tmp_path: Path) -> None:
    """Against the same backend nothing differs; against one with another heartbeat interval, that, and at each boot."""
    ask, recorded = await day(stage, tmp_path)
    same, other = await asyncio.gather(stage.stand_in(name="same"), stage.stand_in("--interval", "77", name="other"))
    ended, report = await replayed(ask, recorded, same.url, "--linger", "0")
    assert (ended.code, report["differences"], report["faults"]) == (0, [], []), ended
    assert report["same"] == report["calls"] > 100
    ended, report = await replayed(ask, recorded, other.url, "--linger", "0")
    assert ended.code == 1
    found = Counter((each["action"], each["field"], each["recorded"], each["given"]) for each in report["differences"])
    assert found == {("BootNotification", "interval", 300, 77): 20}

    async with ask.start(
        "replay", str(recorded), "--as-backend", "--listen", "ws://127.0.0.1:0", "--json"
    ) as backend:  # and both ends at once: each gets what the other said then
        assert backend.stdout is not None
        assert backend.stderr is not None
        waits = (await within(backend.stderr.readline(), "the backend waits", 60)).decode().split()
        assert waits[4:6] == ["20", "stations;"], waits
        ended, charger = await replayed(ask, recorded, waits[2])
        out, err = await within(backend.communicate(), "the backend has said all", 60)
        there = json.loads(out)
    assert (ended.code, charger["same"], charger["differences"]) == (0, report["calls"], []), ended
    assert (backend.returncode, there["differences"], there["unknown"]) == (0, [], 0), err
    assert there["asked"] == charger["calls"]
    assert there["calls"] == there["same"] == charger["asked"] > 0
