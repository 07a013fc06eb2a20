"""Real software that nobody here wrote, on both sides of Voltgate, with its own strict validation on."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from ocpp.exceptions import NotSupportedError, OCPPError

from tests.harness import Stage, until, within
from tests.interop.far_ends import NodeBackend, PythonBackend, node, python_charger

VERSIONS = ["ocpp1.6", "ocpp2.0.1"]
SESSION = {
    "ocpp1.6": [
        "BootNotification",
        "StatusNotification",
        "Authorize",
        "StartTransaction",
        "MeterValues",
        "StopTransaction",
    ],
    "ocpp2.0.1": ["BootNotification", "StatusNotification", "Authorize", *["TransactionEvent"] * 3],
}


async def between(stage: Stage, port: int) -> str:
    """Put Voltgate in front of a backend, and give the URL that chargers dial."""
    document = stage.configuration(
        backends={"main": {"url": f"ws://127.0.0.1:{port}/{{station}}"}},
        routes={"main": {"rules": [{"answer": "main"}]}},
    )
    gateway = await stage.gateway(document)
    return f"ws://127.0.0.1:{gateway.stations_port}"


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_python_package_on_both_sides(stage: Stage, version: str) -> None:
    """Boot, status, a card, a whole transaction, a command, and an error each way."""
    backend = PythonBackend(version)
    await backend.start()
    try:
        url = await between(stage, backend.port)
        async with python_charger(f"{url}/CP1", version) as charger:
            answers = await within(charger.live(), "the charger's session")
            assert len(answers) == 6
            assert answers[0].status == "Accepted"
            with pytest.raises(OCPPError):
                await charger.transfer()
            await until(lambda: backend.commanded, "the commands")
        assert backend.heard == SESSION[version]
        assert backend.commanded[0].status == "Accepted"
        assert backend.commanded[1] == "NotSupported"
    finally:
        await backend.drop()


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_javascript_package_on_both_sides(stage: Stage, version: str) -> None:
    """The same with another language's package."""
    backend = NodeBackend(version)
    await backend.start()
    try:
        url = await between(stage, backend.port)
        await _javascript_charger(url, version)
        _check(await backend.events("refused"), version)
    finally:
        await backend.drop()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_javascript_charger_at_a_python_system(stage: Stage, version: str) -> None:
    """The two packages meet through Voltgate."""
    backend = PythonBackend(version)
    await backend.start()
    try:
        url = await between(stage, backend.port)
        await _javascript_charger(url, version, code="NotImplemented")
        assert backend.heard == SESSION[version]
        await until(lambda: backend.commanded, "the commands")
    finally:
        await backend.drop()


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_python_charger_at_a_javascript_system(stage: Stage, version: str) -> None:
    """And the other way round."""
    backend = NodeBackend(version)
    await backend.start()
    try:
        url = await between(stage, backend.port)
        async with python_charger(f"{url}/CP1", version) as charger:
            assert len(await within(charger.live(), "the charger's session")) == 6
            with pytest.raises(NotSupportedError):
                await charger.transfer()
            _check(await backend.events("refused"), version)
    finally:
        await backend.drop()


async def _javascript_charger(url: str, version: str, code: str = "NotSupported") -> None:
    process = await asyncio.to_thread(node, "client", url, "CP1", version)
    try:
        told, _ = await within(asyncio.to_thread(process.communicate), "the charger on Node.js")
    finally:
        process.kill()
    events: list[dict[str, Any]] = [json.loads(line) for line in told.splitlines()]
    assert process.returncode == 0, events
    assert events[0] == {"what": "connected", "protocol": version}
    assert [event["action"] for event in events if event["what"] == "answered"] == SESSION[version]
    assert {"what": "refused", "code": code} in events
    assert not [event for event in events if event["what"] == "invalid"]


def _check(events: list[dict[str, Any]], version: str) -> None:
    """Look whether the CSMS heard everything, and got the answers to its commands."""
    called = [event["action"] for event in events if event["what"] == "called"]
    assert called == SESSION[version][: len(called)]
    assert {"what": "commanded", "answer": {"status": "Accepted"}} in events
    assert events[-1] == {"what": "refused", "code": "NotSupported"}
    assert not [event for event in events if event["what"] == "invalid"]
