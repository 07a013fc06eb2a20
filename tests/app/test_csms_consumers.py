"""Which queues a CSMS node consumes, through changes of its configuration."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.harness import toml
from voltgate.app.csms_process import CsmsProcess
from voltgate.carriers.amqp.answering import NodeSettings
from voltgate.config import read


@dataclass
class Consumer:
    """What answers the stations of a backend, as far as it matters who does."""

    settings: NodeSettings
    log: list[str]
    name: str

    async def run(self) -> None:
        """Consume, and take some time to end."""
        self.log.append(f"{self.name} {self.settings.patience:g} begins")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.log.append(f"{self.name} {self.settings.patience:g} ends")


async def test_consumers_are_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has changed ends before it begins anew, what is gone ends, and what stayed as it was goes on."""
    file, broker = tmp_path / "voltgate.toml", "amqp://127.0.0.1:5672"
    document = {
        "store": {"url": "postgresql://x@127.0.0.1/x"},
        "backends": {"one": {"url": f"{broker}/one"}, "two": {"url": f"{broker}/two"}},
        "routes": {"main": {"rules": [{"answer": "one"}]}},
    }
    file.write_text(toml(document))
    process = CsmsProcess(read(file, {}))
    parts, log = process._parts, list[str]()

    def made(name: str) -> Consumer:
        parts.nodes[name] = consumer = Consumer(parts.wanted[name], log, name)  # type: ignore[assignment]
        return consumer

    monkeypatch.setattr(parts, "node", made)

    async def want(wanted: dict[str, NodeSettings]) -> list[str]:
        log.clear()
        parts.wanted = wanted
        await process.consume(wanted)
        await asyncio.sleep(0)
        assert parts.nodes.keys() == wanted.keys()
        return list(log)

    both = {name: replace(each, patience=30.0) for name, each in parts.wanted.items()}
    assert sorted(await want(both)) == ["one 30 begins", "two 30 begins"]
    two, changed = parts.nodes["two"], both | {"one": replace(both["one"], patience=5.0)}
    assert await want(changed) == ["one 30 ends", "one 5 begins"]
    assert parts.nodes["two"] is two
    assert await want({"one": changed["one"]}) == ["two 30 ends"]
    assert await want(both) == ["one 5 ends", "one 30 begins", "two 30 begins"]
    assert sorted(await want({})) == ["one 30 ends", "two 30 ends"]
