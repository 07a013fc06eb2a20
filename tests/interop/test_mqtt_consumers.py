"""The consumers that docs/mqtt.md shows, as they stand there: in Python and in Node.js, behind a real Mosquitto."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness import ScriptedStation, Stage, until
from tests.interop.far_ends import node
from tests.mqtt_ends import Consumer
from tests.servers import mosquitto

DOCUMENT = Path(__file__).parents[2] / "docs" / "mqtt.md"


def shown(language: str, port: int) -> str:
    """Return the program of the document, for a broker at another port."""
    (program,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert "1883" in program
    return str(program).replace("1883", str(port))


@pytest.mark.parametrize("language", ["python", "js"])
async def test_the_consumer_that_is_shown(stage: Stage, tmp_path: Path, language: str) -> None:
    """It answers a station, and again after the broker was killed; a command reaches the station beside it."""
    with mosquitto() as broker:
        text = shown(language, broker.port)
        if language == "python":
            command = [sys.executable, "-c", text]
            consumer = await asyncio.to_thread(subprocess.Popen, command, stdin=subprocess.DEVNULL)
        else:
            consumer = await asyncio.to_thread(node, "--input-type=module", "-e", text, program="")
        try:
            assert len(list(filter(None, text.splitlines()))) <= 20
            bus = {"url": f"{broker.url}/cs", "retry": {"first": 0.1, "max": 0.1}, "when_down": "refuse"}
            document = stage.configuration() | {"backends": {"bus": bus}}
            await stage.gateway(document | {"routes": {"main": {"rules": [{"answer": "bus"}]}}})
            station = await stage.station("CP-1")
            await until(lambda: _is_answered(station), "the consumer is there")
            assert (await station.boot()).payload["status"] == "Accepted"
            asking = await Consumer.connect(broker, topic="")
            asked = await asking.ask("CP-1", "Reset", {"type": "Soft"})
            await station.answer(await station.expect("Reset", id=asked), {"status": "Accepted"})
            broker.kill()
            await stage.gateways[-1].logged("carrier down")
            broker.start()
            await until(lambda: _is_answered(station), "the consumer is there again")
            assert consumer.poll() is None
            await asking.drop()
        finally:
            consumer.kill()
            await asyncio.to_thread(consumer.communicate)


async def _is_answered(station: ScriptedStation) -> bool:
    return (await station.call("Heartbeat")).kind == 3
