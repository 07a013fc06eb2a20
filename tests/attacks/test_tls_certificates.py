"""Certificates of stations that must not let anybody in, from real OpenSSL clients; and what is said of them."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from tests.harness import Gateway, Refused, Stage, until
from tests.harness.ports import free_port
from tests.openssl_authority import OpenSSLAuthority, Pair, handshake, s_client

OURS = "Example"


@dataclass(slots=True)
class Scene:
    """A gateway that takes stations of security profile 3 only, and the authorities whose certificates it trusts."""

    gateway: Gateway
    root: OpenSSLAuthority
    between: OpenSSLAuthority
    port: int

    async def comes(self, pair: Pair | None, identity: str = "CP1", *more: str) -> int:
        """Return the status that a station gets: 0 is that TLS did not come about."""
        return (await s_client(self.port, identity, pair, *more)).code


async def begun(stage: Stage, limits: dict[str, Any] | None = None, **listener: Any) -> Scene:
    """Start a gateway by the certificates of an authority, and of one that it has signed."""
    root = OpenSSLAuthority(stage.folder / "root", "root")
    between = OpenSSLAuthority(stage.folder / "between", "between", root)
    pair = root.issue("localhost", "")
    await stage.backend("main")
    port = free_port()
    document = stage.configuration(routes={"main": {"admit": "gateway"}}, limits=limits or {})
    document["listen"]["stations"].append(
        {
            "url": f"wss://127.0.0.1:{port}",
            "certificate": str(pair.certificate),
            "key": str(pair.key),
            "client_authority": str(root.certificate),
            "security_profiles": [3],
            "organizations": [OURS],
        }
        | listener
    )
    gateway = await stage.gateway(document)
    return Scene(gateway, root, between, port)


async def test_only_its_own_certificate_lets_a_station_in(stage: Stage) -> None:
    """A certificate of the authority, or of one below it, RSA or ECDSA, for this identity and operator; no other."""
    scene = await begun(stage)
    root, between = scene.root, scene.between
    for kind in ("ec", "rsa"):
        for version in ("-tls1_2", "-tls1_3"):
            assert await scene.comes(root.issue("CP1", OURS, kind), "CP1", version) == 101
    assert await scene.comes(between.issue("CP1", OURS)) == 101
    assert await scene.comes(root.issue("cp1", OURS)) == 101, "identities are compared without regard to case"

    assert await scene.comes(None) == 403
    assert await scene.comes(root.issue("CP2", OURS)) == 403
    assert await scene.comes(root.issue("CP1", "Another")) == 403
    assert await scene.comes(root.issue("CP1", "")) == 403
    await scene.gateway.logged("station refused", "CP1", "must show a certificate of its own")
    await scene.gateway.logged("station refused", "CP1", "names another one (CN)")
    await scene.gateway.logged("station refused", "CP1", "names another operator (O)")


async def test_a_certificate_that_nobody_trusts_ends_in_the_handshake(stage: Stage) -> None:
    """Expired, of another authority, or of one of the same name: there is no HTTP, and log and event say why."""
    scene = await begun(stage)
    another = OpenSSLAuthority(stage.folder / "another", "another")
    same_name = OpenSSLAuthority(stage.folder / "same", "root")
    server = scene.root.issue("localhost", OURS)  # no extendedKeyUsage: it may be used for anything
    assert await scene.comes(server, "CP1") == 403, "it names another"
    for pair in (
        scene.root.issue("CP1", OURS, ended=True),
        another.issue("CP1", OURS),
        same_name.issue("CP1", OURS),
    ):
        for version in ("-tls1_2", "-tls1_3"):
            assert await scene.comes(pair, "CP1", version) == 0
    await scene.gateway.logged("certificate of a station refused", "certificate has expired", "127.0.0.1")
    await scene.gateway.logged("certificate of a station refused", "unable to get local issuer certificate")
    assert await scene.gateway.metric("voltgate_events_total", event="CertificateRefused") == 6
    assert stage.backends["main"].handshakes == []


async def test_what_is_revoked_comes_no_more(stage: Stage) -> None:
    """A list of what is revoked counts when its file has changed: for those between, too, and for a session resumed.

    A list that has ended lets nobody in, and the log says so.
    """
    root = OpenSSLAuthority(stage.folder / "root0", "root")
    lists = [root.list_revoked()]
    scene = await begun(stage, client_authority=str(root.certificate), revocation_lists=[str(lists[0])])
    between = OpenSSLAuthority(stage.folder / "between0", "between", root)
    lists[0].write_text(lists[0].read_text() + between.list_revoked().read_text())
    below, stays, lost = between.issue("CP2", OURS), root.issue("CP3", OURS), root.issue("CP1", OURS)

    async def is_let_in(pair: Pair, identity: str, *, yes: bool) -> None:
        async def answered() -> bool:
            return (await scene.comes(pair, identity) == 101) is yes

        await until(answered, f"{identity} is let in: {yes}")

    ticket = stage.folder / "session.pem"
    await is_let_in(below, "CP2", yes=True)
    assert await scene.comes(stays, "CP3") == 101
    assert await scene.comes(lost, "CP1", "-tls1_2", "-sess_out", str(ticket)) == 101
    assert await scene.comes(lost, "CP1", "-tls1_2", "-sess_in", str(ticket)) == 101
    root.revoke(lost.certificate)
    lists[0].write_text(root.list_revoked().read_text() + between.list_revoked().read_text())
    await is_let_in(lost, "CP1", yes=False)
    await scene.gateway.logged("certificate of a station refused", "certificate revoked")
    assert await scene.comes(lost, "CP1", "-tls1_2", "-sess_in", str(ticket)) == 0
    assert await scene.comes(stays, "CP3") == 101
    assert await scene.comes(below, "CP2") == 101

    root.revoke(between.certificate)
    lists[0].write_text(root.list_revoked().read_text() + between.list_revoked().read_text())
    await is_let_in(below, "CP2", yes=False)
    assert await scene.comes(stays, "CP3") == 101

    ended = root.list_revoked("-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z")
    lists[0].write_text(ended.read_text())
    await is_let_in(stays, "CP3", yes=False)
    await scene.gateway.logged("certificate of a station refused", "CRL has expired", "needs a newer one")


async def test_a_stranger_does_not_fill_the_log(stage: Stage) -> None:
    """Who dials hundreds of times gets a few lines, for TLS that does not come about and for 403; all are counted."""
    scene = await begun(stage, {"handshakes_per_second": 0})
    another = OpenSSLAuthority(stage.folder / "another", "another")
    many = 300
    for pair, event in (
        (another.issue("CP1", OURS), "CertificateRefused"),
        (scene.root.issue("CP2", OURS), "StationRefused"),
    ):
        await dials(scene.port, pair, many)

        async def counted(event: str = event) -> bool:
            return await scene.gateway.metric("voltgate_events_total", event=event) == many

        await until(counted, f"{many} of {event}")
    await scene.gateway.stop()
    said = [json.loads(line) for line in scene.gateway.log.splitlines() if line.startswith("{")]
    for line in ("certificate of a station refused", "station refused"):
        lines = [each for each in said if each["event"] == line]
        assert len(lines) <= 10, f"{len(lines)} lines for {many} of a kind"
        assert sum(each.get("times", 1) for each in lines) == many
        assert f"({lines[-1]['times']} times within a minute)" in lines[-1]["reason"]


async def dials(port: int, pair: Pair, times: int) -> None:
    """Dial again and again as CP1, ten at a time."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(*pair)

    async def some() -> None:
        for _ in range(times // 10):
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
                writer.write(handshake("CP1").encode())
                await reader.read()
                writer.close()

    await asyncio.gather(*(some() for _ in range(10)))


HEADERS = {
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "https",
    "X-Client-Cert-Present": "true",
    "X-Client-Cert-Chain-Verified": "true",
}


@pytest.fixture
async def proxied(stage: Stage) -> tuple[OpenSSLAuthority, int, int]:
    """An authority, and the ports of a listener that trusts proxies of this machine, and of one that trusts another."""
    root = OpenSSLAuthority(stage.folder / "root", "root")
    await stage.backend("main")
    ports = free_port(), free_port()
    document = stage.configuration(routes={"main": {"admit": "gateway"}})
    common = {"security_profiles": [3], "organizations": [OURS]}
    document["listen"]["stations"] += [
        {"url": f"ws://127.0.0.1:{ports[0]}", "trusted_proxies": ["127.0.0.1"]} | common,
        {"url": f"ws://127.0.0.1:{ports[1]}", "trusted_proxies": ["192.0.2.77"]} | common,
    ]
    await stage.gateway(document)
    return root, *ports


def spellings(pair: Pair) -> list[str]:
    """Return a certificate as proxies write it into a header: RFC 9440, HAProxy, nginx."""
    der = subprocess.run(
        ["openssl", "x509", "-in", str(pair.certificate), "-outform", "DER"],
        capture_output=True,
        check=True,
    ).stdout
    coded = base64.b64encode(der).decode()
    return [f":{coded}:", coded, quote(pair.certificate.read_text())]


async def test_a_proxys_word_counts_if_it_is_trusted(stage: Stage, proxied: tuple[OpenSSLAuthority, int, int]) -> None:
    """Behind a proxy that ends TLS the certificate comes in a header, in three spellings; from a trusted peer alone."""
    root, trusting, wary = proxied

    async def comes(leaf: str, port: int = trusting, identity: str = "CP1", **otherwise: str | None) -> int:
        changes = {f"X-{name.replace('_', '-')}": value for name, value in otherwise.items()}
        said = {**HEADERS, "X-Client-Cert-Leaf": leaf, **changes}
        headers = {name: value for name, value in said.items() if value is not None}
        try:
            station = await stage.station(identity, url=f"ws://127.0.0.1:{port}/{identity}", headers=headers)
        except Refused as refused:
            return int(refused.response.status_code)
        await station.close()
        return 101

    own, foreign = root.issue("CP1", OURS), root.issue("CP1", "Another", file="foreign")
    ended = root.issue("CP1", OURS, file="ended", ended=True)
    for leaf in spellings(own):
        assert await comes(leaf) == 101
        assert await comes(leaf, wary) == 403, "this listener trusts another proxy"
        assert await comes(leaf, identity="CP2") == 403, "one station's certificate is not another's"
        assert await comes(leaf, Client_Cert_Chain_Verified="false") == 403
        assert await comes(leaf, Client_Cert_Chain_Verified=None) == 403
        assert await comes(leaf, Client_Cert_Present="false") == 403
        assert await comes(leaf, Forwarded_Proto="http") == 403
        assert await comes(leaf, Forwarded_Proto=None) == 403, "nobody says that it came by TLS"
        assert await comes(leaf, Forwarded_For=None) == 403, "it says for nobody that it is a proxy"
        assert await comes(leaf, client_cert_leaf=leaf) == 403, "said twice"
        assert await comes(leaf[: len(leaf) // 2]) == 403
    assert await comes(spellings(foreign)[0]) == 403
    assert await comes(spellings(ended)[0]) == 403
    assert await comes("") == 403
    assert await comes(base64.b64encode(b"\x30\x84\xff\xff\xff\xff").decode()) == 403
