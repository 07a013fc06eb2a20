"""Stations that a registry knows: each comes by its security profile, or not at all."""

from __future__ import annotations

import base64
import hashlib
import ssl
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from tests.directory.test_lookup import hashed
from tests.harness import Refused, Stage, basic, free_port
from tests.keypair import Authority, write_pair

REGISTERED = {
    "CP-0": {"securityProfile": 0, "base64SHA256Password": hashed("secret")},
    "CP-1": {"securityProfile": 1, "base64SHA256Password": hashed("secret")},
    "CP-2": {"securityProfile": 2},
    "CP-3": {"securityProfile": 2},
}


async def _look_up(request: web.Request) -> web.Response:
    found = REGISTERED.get(request.match_info["station"])
    return web.json_response(found, status=404 if found is None else 200)


async def _certificate(known: dict[str, str], request: web.Request) -> web.Response:
    return web.json_response({"certificate": known[request.match_info["hash"]]})


async def test_by_their_profiles(stage: Stage, tmp_path: Path) -> None:
    """Password without TLS, password with TLS, a certificate of one's own; what one may, another may not."""
    authority = Authority(tmp_path)
    write_pair(tmp_path / "gateway.pem", tmp_path / "gateway-key.pem")
    app = web.Application()
    app.router.add_get("/api/v0/cs/{station}/auth", _look_up)
    known: dict[str, str] = {}
    app.router.add_get("/api/v0/certificate/{hash}", partial(_certificate, known))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    await stage.backend("main")
    port = free_port()
    document = stage.configuration()
    document["listen"]["stations"].append(
        {
            "url": f"wss://127.0.0.1:{port}",
            "certificate": str(tmp_path / "gateway.pem"),
            "key": str(tmp_path / "gateway-key.pem"),
            "client_authority": str(authority.certificate),
        }
    )
    registry = f"http://127.0.0.1:{runner.addresses[0][1]}/api/v0"
    entry = {"auth_lookup": f"{registry}/cs/{{station}}/auth", "certificate_lookup": f"{registry}/certificate/{{hash}}"}
    document["stations"] = [{"match": "*", "route": "main", "organizations": ["Example"]} | entry]
    before = free_port()
    document["listen"]["stations"].append({"url": f"ws://127.0.0.1:{before}", "trusted_proxies": ["127.0.0.1"]})
    gateway = await stage.gateway(document)
    gateway_port = int(gateway.url("").rsplit(":", 1)[1].rstrip("/"))

    async def comes(identity: str, *, secure: bool, pair: tuple[Path, Path] | None = None, secret: str = "") -> int:
        tls: dict[str, Any] = {}
        if secure:
            context = ssl.create_default_context(cafile=str(tmp_path / "gateway.pem"))
            context.check_hostname = False
            if pair is not None:
                context.load_cert_chain(*pair)
            tls = {"tls": context}
        address = f"wss://127.0.0.1:{port}/{identity}" if secure else gateway.url(identity)
        headers = {"Authorization": basic(identity, secret)} if secret else {}
        try:
            station = await stage.station(identity, url=address, headers=headers, **tls)
        except OSError:  # TLS did not come about
            return 0
        except Refused as refused:
            return int(refused.response.status_code)
        assert station.is_open
        return 101

    assert await comes("CP-0", secure=False, secret="secret") == 101
    assert await comes("CP-0", secure=True, secret="secret") == 401
    assert await comes("CP-1", secure=True, secret="secret") == 101
    assert await comes("CP-1", secure=True, secret="wrong") == 401
    assert await comes("CP-1", secure=False, secret="secret") == 401
    own, another = authority.issue("CP-2", "Example"), authority.issue("CP-2", "Another")
    assert await comes("CP-2", secure=True, pair=own) == 101
    assert await comes("CP-2", secure=True, pair=another) == 401
    assert await comes("CP-2", secure=True) == 401
    assert await comes("CP-3", secure=True, pair=own) == 401, "one station's certificate is not another's"
    forged = Authority(tmp_path / "forged").issue("CP-2", "Example")
    assert await comes("CP-2", secure=True, pair=forged) == 0
    assert await comes("CP-9", secure=False, secret="secret") == 404

    third = authority.issue("CP-3", "Example")

    def der(pair: tuple[Path, Path]) -> bytes:
        return ssl.PEM_cert_to_DER_cert(pair[0].read_text())

    for each in (own, third):
        known[base64.urlsafe_b64encode(hashlib.sha256(der(each)).digest()).decode().rstrip("=")] = each[0].read_text()
    fingerprint = base64.b64encode(hashlib.sha256(der(own)).digest()).decode()
    said = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "X-Client-Cert-Present": "true",
        "X-Client-Cert-Chain-Verified": "true",
        "X-Client-Cert-Hash": fingerprint,
    }

    async def comes_by_a_proxy(identity: str, port: int = before, **otherwise: str) -> int:
        try:
            url = f"ws://127.0.0.1:{port}/{identity}"
            await stage.station(identity, url=url, headers=said | {f"X-{key}": text for key, text in otherwise.items()})
        except Refused as refused:
            return int(refused.response.status_code)
        return 101

    assert await comes_by_a_proxy("CP-2") == 101
    assert await comes_by_a_proxy("CP-3") == 401, "one station's certificate is not another's"
    assert await comes_by_a_proxy("CP-2", **{"Client-Cert-Chain-Verified": "false"}) == 401
    assert await comes_by_a_proxy("CP-2", **{"Forwarded-Proto": "http"}) == 401
    assert await comes_by_a_proxy("CP-2", **{"Client-Cert-Hash": "../cs/CP-1/auth"}) == 401
    assert await comes_by_a_proxy("CP-2", **{"client-cert-hash": fingerprint}) == 401, "said twice"
    assert await comes_by_a_proxy("CP-2", gateway_port) == 401, "this listener trusts nobody"

    shown = {"Client-Cert-Leaf": base64.b64encode(der(third)).decode()}
    assert await comes_by_a_proxy("CP-3", **shown) == 101
    assert await comes_by_a_proxy("CP-2", **shown) == 401, "the hash of one certificate with another one"
    assert await comes_by_a_proxy("CP-2", **{"Client-Cert-Leaf": "unreadable"}) == 401
    assert await comes_by_a_proxy("CP-2", **shown, **{"client-cert-leaf": "twice"}) == 401
    shown = {"Client-Cert-Leaf": base64.b64encode(der(own)).decode(), "Client-Cert-Hash": "A" * 43}
    assert await comes_by_a_proxy("CP-2", **shown) == 101, "the certificate itself says what its hash is"
    await runner.cleanup()
