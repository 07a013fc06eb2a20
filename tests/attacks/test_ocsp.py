"""Certificates of stations that their authority has revoked, by OCSP: real OpenSSL clients and responders."""

from __future__ import annotations

import asyncio
import base64
import datetime
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.ocsp import OCSPCertStatus

from tests.harness import Gateway, Refused, Stage
from tests.harness.ports import free_port
from tests.ocsp_responder import answer, canned, certificate, http, responding
from tests.openssl_authority import OpenSSLAuthority, Pair, s_client

OURS = "Example"
UNASKED = "certificate of a station not asked about"


@dataclass(slots=True)
class Scene:
    """A gateway with a listener that asks, the authority that it trusts, and a port for the responder."""

    gateway: Gateway
    root: OpenSSLAuthority
    port: int
    responder: int

    def issue(self, identity: str, kind: str = "ec", by: OpenSSLAuthority | None = None, **more: Any) -> Pair:
        """Make a certificate that names the responder."""
        return (by or self.root).issue(identity, OURS, kind, responder=f"http://127.0.0.1:{self.responder}", **more)

    async def comes(self, pair: Pair, identity: str, *more: str) -> int:
        """Return the status that a station gets."""
        return (await s_client(self.port, identity, pair, *more)).code

    async def unasked(self) -> int:
        """Return how many were let in without an answer."""
        return int(await self.gateway.metric("voltgate_events_total", event="CertificateUnasked") or 0)


async def begun(stage: Stage, ocsp: str, kind: str = "ec", **listener: Any) -> Scene:
    """Start a gateway that takes stations of security profile 3 only, and asks about their certificates."""
    root = OpenSSLAuthority(stage.folder / "root", "root", kind=kind)
    pair = root.issue("localhost", "")
    await stage.backend("main")
    port = free_port()
    document = stage.configuration(routes={"main": {"admit": "gateway"}})
    document["listen"]["stations"].append(
        {
            "url": f"wss://127.0.0.1:{port}",
            "certificate": str(pair.certificate),
            "key": str(pair.key),
            "client_authority": str(root.certificate),
            "security_profiles": [3],
            "ocsp": ocsp,
        }
        | listener
    )
    return Scene(await stage.gateway(document), root, port, free_port())


def forget(authority: OpenSSLAuthority, pair: Pair) -> None:
    """Have an authority know nothing of a certificate that it has signed."""
    index, serial = authority.folder / "index.txt", f"{certificate(pair.certificate).serial_number:X}"
    index.write_text("".join(line for line in index.read_text().splitlines(True) if serial not in line))


@pytest.mark.parametrize("kind", ["ec", "rsa"])
@pytest.mark.parametrize("ocsp", ["soft", "hard"])
async def test_the_authority_is_asked(stage: Stage, ocsp: str, kind: str) -> None:
    """Who is good comes in; who was revoked, or is unknown to the authority, gets 403: RSA and ECDSA."""
    scene = await begun(stage, ocsp, kind)
    good, rsa = scene.issue("CP1"), scene.issue("CP2", "rsa")
    revoked, unknown = scene.issue("CP3"), scene.issue("CP4")
    scene.root.revoke(revoked.certificate)
    forget(scene.root, unknown)
    async with responding(scene.root, scene.responder):
        assert await scene.comes(good, "CP1") == 101
        assert await scene.comes(rsa, "CP2") == 101
        assert await scene.comes(revoked, "CP3") == 403
        assert await scene.comes(unknown, "CP4") == 403
    await scene.gateway.logged("station refused", "CP3", "The certificate of the station was revoked")
    await scene.gateway.logged("station refused", "CP4", "The authority does not know the certificate")
    assert await scene.unasked() == 0


@pytest.mark.parametrize("kind", ["ec", "rsa"])
async def test_the_authority_lets_another_answer(stage: Stage, kind: str) -> None:
    """A certificate for OCSPSigning, signed by the authority, answers in its place; one of another's does not."""
    scene = await begun(stage, "hard")
    good, revoked = scene.issue("CP1"), scene.issue("CP2")
    scene.root.revoke(revoked.certificate)
    delegated = scene.root.issue("responder", "", kind, extensions="responder")
    another = OpenSSLAuthority(stage.folder / "another", "root").issue("responder", "", kind, extensions="responder")
    async with responding(scene.root, scene.responder, another):
        assert await scene.comes(good, "CP1") == 503
    await scene.gateway.logged("station refused", "CP1", "signed by a stranger")
    async with responding(scene.root, scene.responder, delegated):
        assert await scene.comes(good, "CP1") == 101
        assert await scene.comes(revoked, "CP2") == 403


async def test_a_responder_that_is_away(stage: Stage) -> None:
    """Softly the station is let in, counted and logged; hard it gets 503, and comes in when the responder is back."""
    soft = await begun(stage, "soft")
    assert await soft.comes(soft.issue("CP1"), "CP1") == 101
    assert await soft.unasked() == 1
    await soft.gateway.logged(UNASKED, "CP1", f"127.0.0.1:{soft.responder}")
    silent = soft.root.issue("CP2", OURS)
    assert await soft.comes(silent, "CP2") == 101
    await soft.gateway.logged(UNASKED, "CP2", "names no responder, and the listener has no ocsp_url")
    assert await soft.unasked() == 2


async def test_a_responder_that_is_missed(stage: Stage) -> None:
    """Where an answer is required, a station gets 503 without one, and comes in when the responder is back."""
    scene = await begun(stage, "hard")
    pair, silent = scene.issue("CP1"), scene.root.issue("CP2", OURS)
    assert await scene.comes(pair, "CP1") == 503
    assert await scene.comes(silent, "CP2") == 503
    await scene.gateway.logged("station refused", "CP1", "Nobody can say whether", f"127.0.0.1:{scene.responder}")
    assert await scene.unasked() == 0
    async with responding(scene.root, scene.responder):
        assert await scene.comes(pair, "CP1") == 101


@pytest.mark.parametrize(("ocsp", "status"), [("soft", 101), ("hard", 503)])
async def test_answers_that_do_not_count(stage: Stage, ocsp: str, status: int) -> None:
    """About another certificate, of yesterday, by a stranger, too long, a redirection or none: as if there was none."""
    async with canned() as there:
        scene = await begun(stage, ocsp, ocsp_url=there.url)
        pair, other = scene.issue("CP1"), scene.issue("CP2")
        leaf, root = pair.certificate, scene.root
        same_name = OpenSSLAuthority(stage.folder / "same", "root")
        ended, long_ago = datetime.timedelta(hours=-1), datetime.timedelta(days=1)
        for wrong, reason in (
            (http(answer(other.certificate, root)), "about another certificate"),
            (http(answer(leaf, root, since=long_ago, ends=ended)), "does not hold now"),
            (http(answer(leaf, same_name, by_name=True)), "signature is not right"),
            (http(answer(leaf, root, other)), "not for that (OCSPSigning)"),
            (http(b"<html>", "200 OK"), "cannot be read"),
            (http(answer(leaf, root), "500 Oops"), "answered 500"),
            (http(b"", "302 Found", f"Location: {there.url}/there"), "answered 302"),
            (http(bytes(20_000)), "more than 16384 bytes"),
            (http(bytes(70_000)), "more than 65536 bytes"),
            (b"SSH-2.0-\r\n", "did not answer in HTTP"),
            (b"", "bytes read"),
            (None, "did not answer within 5 s"),
        ):
            there.answer = wrong
            assert await scene.comes(pair, "CP1") == status, reason
            if ocsp == "soft":  # what is refused for one reason is one line of the log, and the first
                await scene.gateway.logged(UNASKED, "CP1", reason)
        assert all(request.startswith(b"POST /ocsp HTTP/1.0\r\n") for request in there.requests)
        for said in (OCSPCertStatus.REVOKED, OCSPCertStatus.UNKNOWN):
            there.answer = http(answer(leaf, root, status=said))
            assert await scene.comes(pair, "CP1") == 403
        there.answer = http(answer(leaf, root))
        assert await scene.comes(pair, "CP1") == 101
        there.answer = b""
        assert await scene.comes(pair, "CP1") == 101, "a good answer is remembered"


async def test_it_is_asked_once(stage: Stage) -> None:
    """Several who come by one certificate at once, and again, are one question; so are sessions of TLS resumed."""
    scene = await begun(stage, "hard")
    between = OpenSSLAuthority(stage.folder / "between", "between", scene.root)
    pair, ticket = scene.issue("CP1", by=between), str(stage.folder / "session.pem")
    async with responding(between, scene.responder) as responder:
        assert await asyncio.gather(*(scene.comes(pair, "CP1") for _ in range(5))) == [101] * 5
        assert await scene.comes(pair, "CP1", "-tls1_2", "-sess_out", ticket) == 101
        assert await scene.comes(pair, "CP1", "-tls1_2", "-sess_in", ticket) == 101
        assert responder.asked == 1


async def test_a_session_resumed_is_asked_about(stage: Stage) -> None:
    """A resumed session of TLS has no chain: the authority between, which only the station sends, is remembered."""
    scene = await begun(stage, "hard")
    between = OpenSSLAuthority(stage.folder / "between", "between", scene.root)
    ticket = str(stage.folder / "session.pem")
    pair = scene.issue("CP1", by=between)
    assert await scene.comes(pair, "CP1", "-tls1_2", "-sess_out", ticket) == 503
    async with responding(between, scene.responder) as responder:
        assert await scene.comes(pair, "CP1", "-tls1_2", "-sess_in", ticket) == 101
        assert responder.asked == 1


async def test_the_certificate_of_another_is_not_asked_about(stage: Stage) -> None:
    """Who shows a certificate that is not its own is refused without a question."""
    async with canned() as there:
        scene = await begun(stage, "soft", ocsp_url=there.url)
        assert await scene.comes(scene.issue("CP2"), "CP1") == 403
        assert there.requests == []


async def test_a_certificate_that_a_proxy_hands_on(stage: Stage) -> None:
    """Behind a proxy that ends TLS the certificate in the header is asked about, by the authorities of the listener."""
    root = OpenSSLAuthority(stage.folder / "root", "root")
    responder, port = free_port(), free_port()
    good, revoked = (root.issue(each, OURS, responder=f"http://127.0.0.1:{responder}") for each in ("CP1", "CP2"))
    stranger = OpenSSLAuthority(stage.folder / "another", "root").issue("CP3", OURS)
    root.revoke(revoked.certificate)
    await stage.backend("main")
    document = stage.configuration(routes={"main": {"admit": "gateway"}})
    document["listen"]["stations"].append(
        {
            "url": f"ws://127.0.0.1:{port}",
            "trusted_proxies": ["127.0.0.1"],
            "client_authority": str(root.certificate),
            "security_profiles": [3],
            "ocsp": "hard",
        }
    )
    await stage.gateway(document)

    async def comes(pair: Pair, identity: str) -> int:
        leaf = base64.b64encode(certificate(pair.certificate).public_bytes(Encoding.DER)).decode()
        headers = {
            "X-Forwarded-For": "192.0.2.1",
            "X-Forwarded-Proto": "https",
            "X-Client-Cert-Present": "true",
            "X-Client-Cert-Chain-Verified": "true",
            "X-Client-Cert-Leaf": leaf,
        }
        try:
            station = await stage.station(identity, url=f"ws://127.0.0.1:{port}/{identity}", headers=headers)
        except Refused as refused:
            return int(refused.response.status_code)
        await station.close()
        return 101

    async with responding(root, responder):
        assert await comes(good, "CP1") == 101
        assert await comes(revoked, "CP2") == 403
        assert await comes(stranger, "CP3") == 503, "nobody is asked where a stranger's certificate says"
