"""Backends behind brokers, in a process: what its parts tell one another of them."""

from __future__ import annotations

from pathlib import Path

from tests.app.running import running
from tests.harness.ports import free_port
from voltgate.app.carriers import endpoints_of
from voltgate.config import Config
from voltgate.directory.rows import Address
from voltgate.gates import Gates, Slots
from voltgate.relay.backend import BackendSettings
from voltgate.relay.events import CarrierDown, CarrierUp


async def test_a_broker_that_is_back_is_dialled_again(tmp_path: Path) -> None:
    """Stations are put off while it hangs, and no longer than until the connection is there that they share."""
    listen = {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": "off"}
    document = {"listen": listen, "backends": {"bus": {"url": "mqtt://b.example"}}}
    async with running(tmp_path, document) as gateway:
        gates = gateway.parts.dialler.gates["bus", "mqtt://b.example"] = Gates("bus", Slots(), gateway.parts.clock)
        gates.newcomers.narrow(1)
        gateway.parts.happened(CarrierDown("bus", "no answer within 10 s", 1.0))
        assert gates.newcomers.hangs
        gateway.parts.happened(CarrierUp("bus", first=False))
        assert not gates.newcomers.hangs
        counted = {name: number for name, number in gateway.parts.event_counts.items() if number}
        assert counted == {"CarrierDown": 1, "CarrierUp": 1}


def test_a_broker_and_a_soap_url() -> None:
    """SOAP stations have the service in its own words, all others the broker; each of them by its own versions."""
    document = {
        "backends": {
            "bus": {"url": "mqtt://b.example", "soap_url": "http://b.example/", "versions": ["ocpp1.5", "ocpp2.1"]}
        }
    }
    config = Config.model_validate(document)
    endpoints = endpoints_of(config.backends["bus"], config, Address())
    assert [each.carrier for each in endpoints] == ["mqtt", "soap"]
    settings = BackendSettings("bus", versions=("ocpp1.5", "ocpp2.1"), endpoints=endpoints)
    assert settings.offers(("ocpp1.6", "ocpp2.1")) == ("ocpp2.1",)
    assert settings.offers(("ocpp1.6",), "soap") == ("ocpp1.6",)
