"""Security profiles 2 and 3 behind the proxies that docs/security-profiles.md shows, as they stand there."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.harness import Gateway, Stage, basic
from tests.interop.proxies import Proxy, shown
from tests.openssl_authority import OpenSSLAuthority, Pair, handshake, openssl, s_client

DOCUMENT = "security-profiles.md"
STATION = "127.0.0.2"
"""Where stations come from; the proxies come from 127.0.0.1."""
FROM = "-bind", f"{STATION}:0"
OURS = "Example Charging"
SECRET = "a long enough secret"
TLS_ENDS, BY_NGINX = 0, 400
"""What becomes of a certificate that a proxy does not accept."""


@dataclass(slots=True)
class Scene:
    """A gateway without TLS behind a proxy of the document, and the authority that signs stations' certificates."""

    folder: Path
    gateway: Gateway
    program: str
    root: OpenSSLAuthority
    between: OpenSSLAuthority
    server: Pair
    proxies: list[Proxy] = field(default_factory=list)

    async def proxy(self, **otherwise: str) -> None:
        """Start the proxy, in place of the one before, with other words than the document's where they are given."""
        self.drop()
        text = shown(DOCUMENT, self.program)
        files = {
            f"/etc/{self.program}/gateway.pem": self.server.certificate,
            f"/etc/{self.program}/gateway.key": self.server.key,
            f"/etc/{self.program}/stations-ca.pem": self.root.certificate,
            f"/etc/{self.program}/revoked.pem": self.folder / "revoked.pem",
            "10.0.0.11:9000": f"127.0.0.1:{self.gateway.stations_port}",
            **otherwise,
        }
        for written, here in files.items():
            assert text.count(written) == 1 or (self.program, written[-4:]) == ("haproxy", ".key"), written
            text = text.replace(written, str(here))
        proxy = Proxy(self.program, text, self.folder)
        self.proxies.append(proxy)
        await proxy.start()

    def publish(self, *more: str) -> None:
        """Write the lists of what is revoked, of both authorities."""
        lists = [self.root.list_revoked(*more), self.between.list_revoked(*more)]
        (self.folder / "revoked.pem").write_text("".join(each.read_text() for each in lists))

    async def comes(self, pair: Pair | None, identity: str, *more: str, **headers: str) -> int:
        """Return the status that a station gets from the proxy: 0 is that TLS did not come about."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        return (await s_client(self.proxies[-1].port, identity, pair, *FROM, *more, headers=lines)).code

    def drop(self) -> None:
        """End the proxy."""
        for proxy in self.proxies:
            proxy.drop()


@pytest.fixture(params=["nginx", "haproxy"])
async def scene(request: pytest.FixtureRequest, stage: Stage, tmp_path: Path) -> AsyncIterator[Scene]:
    """A gateway behind the proxy as the document shows it: `CP…` by certificate, `PW…` by password, `EI…` by either."""
    root = OpenSSLAuthority(tmp_path / "root", "root")
    between = OpenSSLAuthority(tmp_path / "between", "between", root)
    server = root.issue("localhost", "")
    if request.param == "haproxy":  # which wants both in one file
        server.certificate.write_text(server.certificate.read_text() + server.key.read_text())
    await stage.backend("main")
    document = stage.configuration(routes={"main": {"admit": "gateway"}})
    document["listen"]["stations"] = [
        {
            "url": document["listen"]["stations"][0],
            "trusted_proxies": ["127.0.0.1"],
            "security_profiles": [2, 3],
            "organizations": [OURS],
        }
    ]
    document["stations"] = [
        {"match": "CP*", "route": "main", "security_profiles": [3]},
        {"match": "PW*", "route": "main", "security_profiles": [2], "password": SECRET},
        {"match": "EI*", "route": "main", "security_profiles": [2, 3], "password": SECRET},
    ]
    scene = Scene(tmp_path, await stage.gateway(document), request.param, root, between, server)
    scene.publish()
    await scene.proxy()
    yield scene
    scene.drop()


def spellings(pair: Pair) -> list[str]:
    """Return a certificate as proxies write it into a header."""
    der = pair.certificate.with_suffix(".der")
    openssl("x509", "-in", pair.certificate, "-outform", "DER", "-out", der)
    coded = base64.b64encode(der.read_bytes()).decode()
    return [f":{coded}:", coded, quote(pair.certificate.read_text())]


async def test_its_own_certificate_lets_a_station_in(scene: Scene) -> None:
    """RSA or ECDSA, of the authority or of one below it, by TLS 1.2 and 1.3; that of another station or operator not.

    Without any it gets 403 here where a certificate is wanted; a password does where that is wanted.
    """
    root = scene.root
    for kind in ("ec", "rsa"):
        for version in ("-tls1_2", "-tls1_3"):
            assert await scene.comes(root.issue("CP1", OURS, kind), "CP1", version) == 101
    assert await scene.comes(scene.between.issue("CP1", OURS), "CP1") == 101
    await scene.gateway.logged("station came", "CP1", STATION)

    assert await scene.comes(root.issue("CP2", OURS), "CP1") == 403
    assert await scene.comes(root.issue("CP1", "Another", file="another"), "CP1") == 403
    assert await scene.comes(None, "CP1") == 403
    await scene.gateway.logged("station refused", "CP1", STATION, "names another one (CN)")
    await scene.gateway.logged("station refused", "CP1", STATION, "names another operator (O)")
    await scene.gateway.logged("station refused", "CP1", STATION, "must show a certificate of its own")

    assert await scene.comes(None, "PW1", Authorization=basic("PW1", SECRET)) == 101
    assert await scene.comes(None, "PW1", Authorization=basic("PW1", "another")) == 401
    assert await scene.comes(None, "PW1") == 401
    assert await scene.comes(None, "CP1", Authorization=basic("CP1", SECRET)) == 403, "it must come by certificate"


async def test_the_proxy_refuses_what_is_not_valid(scene: Scene) -> None:
    """Expired, revoked, of another authority: nginx says 400, HAProxy ends TLS, and the gateway does not hear of it.

    What is revoked counts from the proxy's next start, for a session that is resumed too; a list that has ended lets
    nobody in.
    """
    refused = {"nginx": BY_NGINX, "haproxy": TLS_ENDS}[scene.program]
    stays, lost = scene.root.issue("CP1", OURS), scene.root.issue("CP2", OURS)
    ended = scene.root.issue("CP1", OURS, file="ended", ended=True)
    foreign = OpenSSLAuthority(scene.folder / "foreign", "foreign").issue("CP1", OURS)
    same_name = OpenSSLAuthority(scene.folder / "same", "root").issue("CP1", OURS)
    for pair in (ended, foreign, same_name):
        for version in ("-tls1_2", "-tls1_3"):
            assert await scene.comes(pair, "CP1", version) == refused
    ticket = str(scene.folder / "session.pem")
    assert await scene.comes(lost, "CP2", "-tls1_2", "-sess_out", ticket) == 101
    assert await scene.comes(lost, "CP2", "-tls1_2", "-sess_in", ticket) == 101, "a session is resumed"

    scene.root.revoke(lost.certificate)
    scene.publish()
    await scene.proxy()
    assert await scene.comes(lost, "CP2") == refused
    assert await scene.comes(lost, "CP2", "-tls1_2", "-sess_in", ticket) == refused
    assert await scene.comes(stays, "CP1") == 101

    scene.publish("-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z")
    await scene.proxy()
    assert await scene.comes(stays, "CP1") == refused
    assert "refused" not in scene.gateway.log


async def test_a_proxy_that_demands_a_certificate(scene: Scene) -> None:
    """Without one nobody gets as far as the gateway; with one it is as before."""
    demands = {"ssl_verify_client optional": "ssl_verify_client on"}
    if scene.program == "haproxy":
        demands = {"verify optional": "verify required"}
    await scene.proxy(**demands)
    refused = {"nginx": BY_NGINX, "haproxy": TLS_ENDS}[scene.program]
    assert await scene.comes(None, "CP1") == refused
    assert await scene.comes(None, "PW1", Authorization=basic("PW1", SECRET)) == refused
    assert await scene.comes(scene.root.issue("CP1", OURS, ended=True), "CP1") == refused
    assert "refused" not in scene.gateway.log
    assert await scene.comes(scene.root.issue("CP1", OURS), "CP1") == 101
    assert await scene.comes(scene.root.issue("CP2", OURS), "CP1") == 403


async def test_a_proxy_that_lets_everything_pass(scene: Scene) -> None:
    """One that does not mind what is wrong with a certificate says so, and the gateway refuses; resumed or not."""
    lenient = {"ssl_verify_client optional": "ssl_verify_client optional_no_ca"}
    if scene.program == "haproxy":
        lenient = {"verify optional": "verify optional crt-ignore-err all ca-ignore-err all"}
    await scene.proxy(**lenient)
    revoked = scene.root.issue("CP1", OURS, file="lost")
    scene.root.revoke(revoked.certificate)
    scene.publish()
    await scene.proxy(**lenient)
    wrong = {
        "ended": scene.root.issue("CP1", OURS, file="ended", ended=True),
        "foreign": OpenSSLAuthority(scene.folder / "foreign", "foreign").issue("CP1", OURS),
        "revoked": revoked,
    }
    outcomes = {}
    for name, pair in wrong.items():
        ticket = str(scene.folder / f"{name}.session")
        for how in ("-sess_out", "-sess_in"):
            outcomes[name, how] = await scene.comes(pair, "CP1", "-tls1_2", how, ticket)
    minds = BY_NGINX if scene.program == "nginx" else 403  # optional_no_ca does not mind other authorities only
    expected = {"ended": minds, "foreign": 403, "revoked": minds}
    assert outcomes == {(name, how): expected[name] for name, how in outcomes}
    assert await scene.comes(scene.root.issue("CP1", OURS), "CP1") == 101


async def test_nobody_forges_what_the_proxy_says(scene: Scene) -> None:
    """Headers that a station sends itself, in any spelling, do not get through the proxy, and change nothing."""
    own, other = scene.root.issue("CP1", OURS), scene.root.issue("CP2", OURS)
    for leaf in spellings(own):
        forged = {
            "X_Forwarded_For": "127.0.0.1, 192.0.2.1",
            "X_Forwarded_Proto": "https",
            "X_Client_Cert_Present": "true",
            "X_Client_Cert_Chain_Verified": "true",
            "X_Client_Cert_Leaf": leaf,
        }
        variants: list[dict[str, Any]] = [
            forged,
            {name.lower(): value for name, value in forged.items()},
            forged | {name.upper(): value for name, value in forged.items()},
            forged | {"Connection": ", ".join(["Upgrade", *forged]).replace("_", "-")},
        ]
        for headers in variants:
            assert await scene.comes(None, "CP1", **headers) == 403
            assert await scene.comes(other, "CP1", **headers) == 403
        assert await scene.comes(None, "CP1", **forged) == 403
        assert await scene.comes(other, "CP2", **forged) == 101, "the proxy's own word stands in their place"
        lines = "".join(f"{name}: {value}\r\n" for name, value in forged.items())
        assert (await s_client(scene.proxies[-1].port, "CP1", None, *FROM, headers=lines)).code == 403, "underscores"


async def test_nobody_else_is_believed(scene: Scene) -> None:
    """Who comes past the proxy, from an address that is not trusted, has come without TLS, whatever it says."""
    said = {
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Proto": "https",
        "X-Client-Cert-Present": "true",
        "X-Client-Cert-Chain-Verified": "true",
    }
    for leaf in spellings(scene.root.issue("CP1", OURS)):
        assert await directly(scene.gateway, "CP1", said | {"X-Client-Cert-Leaf": leaf}, "127.0.0.1") == 101
        assert await directly(scene.gateway, "CP1", said | {"X-Client-Cert-Leaf": leaf}) == 403
    password = {"Authorization": basic("PW1", SECRET)}
    assert await directly(scene.gateway, "PW1", said | password, "127.0.0.1") == 101
    assert await directly(scene.gateway, "PW1", said | password) == 403
    either = said | {"Authorization": basic("EI1", SECRET)}
    assert await directly(scene.gateway, "EI1", either, "127.0.0.1") == 101
    for bad in (
        {"X-Client-Cert-Chain-Verified": "false"},
        {"X-Client-Cert-Leaf": ":AAAA:"},
        {"X-Client-Cert-Leaf": "?"},
    ):
        assert await directly(scene.gateway, "EI1", either | bad, "127.0.0.1") == 403, "a password does not mend that"


async def directly(gateway: Gateway, identity: str, headers: dict[str, str], address: str = STATION) -> int:
    """Return what the gateway itself says to a station that comes from an address."""
    reader, writer = await asyncio.open_connection(*gateway.address, local_addr=(address, 0))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(handshake(identity, lines).encode())
    async with asyncio.timeout(30):
        status = await reader.readline()
    writer.close()
    return int(status.split()[1])
