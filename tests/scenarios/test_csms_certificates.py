"""Certificates that stations ask for, from the request to the connection that is made with what was signed."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.csms.test_signing import csr
from tests.harness import Json, ScriptedStation, Stage, free_port, toml
from tests.keypair import Authority, write_pair
from tests.scenarios.test_management import configuration
from tests.web.client import Api, asking

KIND = {"certificateType": "ChargingStationCertificate"}


async def asks(station: ScriptedStation, request: str) -> None:
    """Have a station ask for a certificate; it is answered that this is seen to."""
    answer = await station.call("SignCertificate", {"csr": request} | KIND)
    assert answer.payload == {"status": "Accepted"}


async def given(station: ScriptedStation) -> str:
    """Have a station take a certificate; return it, with those above it."""
    asked = await station.expect("CertificateSigned")
    await station.answer(asked, {"status": "Accepted"})
    chain: str = asked.payload["certificateChain"]
    assert asked.payload == {"certificateChain": chain} | KIND
    return chain


async def waiting(api: Api) -> list[str]:
    """Return the requests of the station that wait for somebody."""
    asked = (await api.get("/csms/stations/CP-1/certificates")).gives(200)["items"]
    return [each["csr"] for each in asked if each["status"] == "waiting"]


async def test_a_station_asks_for_its_certificate(stage: Stage, tmp_path: Path) -> None:
    """The authority signs for the station that asks, and lets it in by that; all else, and all without it, waits."""
    authority = Authority(tmp_path)
    write_pair(tmp_path / "gateway.pem", tmp_path / "gateway-key.pem")
    port = free_port()
    listener: Json = {
        "url": f"wss://127.0.0.1:{port}",
        "certificate": str(tmp_path / "gateway.pem"),
        "key": str(tmp_path / "gateway-key.pem"),
        "client_authority": str(authority.certificate),
    }
    signing = {"certificate": str(authority.certificate), "key": str(tmp_path / "authority-key.pem")}
    document = configuration(csms={"authority": signing}, stations=[{"match": "*", "route": "main"}])
    document["listen"]["stations"].append(listener)
    gateway = await stage.gateway(document)

    async def comes(identity: str, *pair: Path) -> ScriptedStation:
        tls = ssl.create_default_context(cafile=str(tmp_path / "gateway.pem"))
        tls.check_hostname = False
        if pair:
            tls.load_cert_chain(*pair)
        return await stage.station(identity, "ocpp2.0.1", url=f"wss://127.0.0.1:{port}/{identity}", tls=tls)

    station = await comes("CP-1")
    await station.boot()
    key = ec.generate_private_key(ec.SECP256R1())
    await asks(station, csr("CP-1", key=key))
    own, secret = tmp_path / "CP-1.pem", tmp_path / "CP-1-key.pem"
    own.write_text(await given(station))
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    secret.write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    await station.close()
    station = await comes("CP-1", own, secret)
    with pytest.raises(OSError, match=r"(?i)ended|reset|ssl"):
        await comes("CP-1", *Authority(tmp_path / "another").issue("CP-1", ""))

    async with asking(gateway.http_port) as api:
        assert await waiting(api) == []
        weak: Any = rsa.generate_private_key(65537, 1024)
        for request, why in (
            (csr("CP-2"), "its common name is not the identity of the station"),
            (csr("localhost"), "its common name is not the identity of the station"),
            (csr("CP-1", key=weak), "its key is not RSA of 2048 bits"),
        ):
            await asks(station, request)
            await gateway.logged("a certificate waits for an operator", '"station":"CP-1"', why)
            assert await waiting(api) == [request]

        del document["csms"]["authority"]
        gateway.reload(toml(document))
        await gateway.logged("configuration changed")
        await asks(station, csr("CP-1"))
        (left,) = await waiting(api)
        assert left != request
        await stage.quiet(station)
        telling = asyncio.create_task(
            api.post("/csms/stations/CP-1/commands/certificate-signed", {"chain": own.read_text()})
        )
        assert await given(station) == own.read_text()
        (await telling).gives(200)
        assert await waiting(api) == []
