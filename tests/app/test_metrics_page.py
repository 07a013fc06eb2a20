"""What an operator reads of the metrics is what there is."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from tests.app.running import running
from tests.harness.http_client import get
from tests.harness.ports import free_port
from tests.servers import postgresql
from voltgate.web.siblings import Labelled, Siblings

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


async def page_of_workers(folder: Path) -> str:
    """Return what is there with `--workers` only."""
    registry = CollectorRegistry()
    registry.register(Labelled(CollectorRegistry(), 1, 0))
    return (await Siblings(1, (1,), lambda number: folder / str(number)).metrics(generate_latest(registry))).decode()


async def test_the_page_names_the_metrics_that_there_are(tmp_path: Path) -> None:
    """Every metric of a running gateway is named on the page, in full, and none that there is not."""
    http = free_port()
    listen = {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{http}"}
    with postgresql() as server:
        document = {
            "listen": listen,
            "store": {"url": server.url},
            "shutdown": {"ahead": 0, "grace": 0, "spread": 0},
            "traces": {"endpoint": f"http://127.0.0.1:{free_port()}/v1/traces"},
        }
        async with running(tmp_path, document):
            body = (await get(http, "/metrics")).body + await page_of_workers(tmp_path)
    kinds = dict(re.findall(r"^# TYPE (\w+) (\w+)", body, re.MULTILINE))
    named = set(re.findall(r"\b(?:voltgate|process)_[a-z_]+", PAGE.read_text()))
    assert named == kinds.keys()
    assert {name for name, kind in kinds.items() if kind == "counter"} == {name for name in kinds if "_total" in name}
