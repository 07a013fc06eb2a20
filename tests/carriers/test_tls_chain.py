"""The chain of a certificate that was shown by TLS, by whichever transport: real OpenSSL clients."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.harness import within
from tests.ocsp_responder import certificate
from tests.openssl_authority import OpenSSLAuthority
from voltgate.carriers.websocket import tls
from voltgate.carriers.websocket.tls import Certificate


class _Greeted(asyncio.Protocol):
    """Notes the chain of the certificate that was shown, and hangs up."""

    def __init__(self) -> None:
        self.chain: tuple[bytes, ...] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note it."""
        self.chain = tls.chain(transport)
        cast("asyncio.Transport", transport).write(b"bye\n")
        transport.close()


async def shown(context: ssl.SSLContext, *args: str) -> list[str]:
    """Have a client come; return whom the certificates name that led from its own to an authority."""
    loop, protocol = asyncio.get_running_loop(), _Greeted()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        client = await asyncio.create_subprocess_exec(
            *("openssl", "s_client", "-quiet", "-connect", f"127.0.0.1:{listening.getsockname()[1]}", *args),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        sock, _ = await within(loop.sock_accept(listening), "the client connects")
        await tls.greet(sock, protocol, context, 30)
        await within(client.wait(), "the client has gone")
    assert protocol.chain is not None
    return [ssl.DER_cert_to_PEM_cert(each) for each in protocol.chain]


@pytest.mark.parametrize("lean", [True, False])
async def test_a_chain_leads_to_an_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lean: bool) -> None:
    """The certificate, the one between, and the root; of a session that is resumed the first; without one nothing."""
    if not lean:
        monkeypatch.setattr(tls, "_lean", None)
    root = OpenSSLAuthority(tmp_path / "root", "root")
    between = OpenSSLAuthority(tmp_path / "between", "between", root)
    server, station = root.issue("localhost", ""), between.issue("CP1")
    context = tls.server_context((Certificate(str(server.certificate), str(server.key)),), str(root.certificate))
    files = station.certificate, between.certificate, root.certificate
    chain = [certificate(file).public_bytes(Encoding.PEM).decode() for file in files]
    own = ["-cert", str(station.certificate), "-cert_chain", str(station.certificate), "-key", str(station.key)]
    ticket = str(tmp_path / "session.pem")
    for version in ("-tls1_2", "-tls1_3"):
        assert await shown(context, version, *own, "-sess_out", ticket) == chain
        assert await shown(context, version, *own, "-sess_in", ticket) == chain[:1]
        assert await shown(context, version) == []
    assert tls.chain(None) == ()
    assert [ssl.DER_cert_to_PEM_cert(each) for each in tls.authorities(str(root.certificate))] == chain[2:]
