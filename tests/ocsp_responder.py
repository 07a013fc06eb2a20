"""OCSP responders: the `openssl` command as one, and answers of our own making from a real HTTP server."""

from __future__ import annotations

import asyncio
import datetime
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.x509 import ocsp

from tests.harness import until
from tests.openssl_authority import OpenSSLAuthority, Pair, openssl

UNSAID = datetime.timedelta(0)
"""The end of an answer that has none."""


class Responder:
    """A process of `openssl ocsp` that answers for an authority; it signs as that, or as another that it names."""

    def __init__(self, authority: OpenSSLAuthority, port: int, signer: Pair | None = None) -> None:
        self._authority, self.port = authority, port
        self._signer = signer or Pair(authority.certificate, authority.folder / "ca.key")
        self._log = authority.folder / f"ocsp-{port}.log"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def asked(self) -> int:
        """How often it was asked."""
        return self._log.read_text().count("OCSP Request Data:")

    async def start(self) -> None:
        """Begin, with what is revoked by now."""
        args = ["-index", self._authority.folder / "index.txt", "-CA", self._authority.certificate, "-text"]
        args += ["-port", self.port, "-nmin", "60", "-rsigner", self._signer.certificate, "-rkey", self._signer.key]
        with self._log.open("w") as log:
            self._process = await asyncio.create_subprocess_exec(
                *("stdbuf", "-oL", "openssl", "ocsp", *map(str, args)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

        async def listens() -> bool:
            assert self._process is not None
            assert self._process.returncode is None, self._log.read_text()
            return "ACCEPT" in self._log.read_text()

        await until(listens, "the responder listens")

    async def stop(self) -> None:
        """End."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGKILL)
            await self._process.wait()


@asynccontextmanager
async def responding(authority: OpenSSLAuthority, port: int, signer: Pair | None = None) -> AsyncIterator[Responder]:
    """Run a responder until the end of the block."""
    responder = Responder(authority, port, signer)
    try:
        await responder.start()
        yield responder
    finally:
        await responder.stop()


@dataclass(slots=True)
class Canned:
    """An HTTP server that answers each request with the same bytes; `answer` None lets whoever asks wait for some."""

    answer: bytes | None = None
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    told: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}/ocsp"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-l"))
        self.requests.append(head + await reader.readexactly(length))
        if self.answer is None:
            either = [asyncio.ensure_future(each) for each in (reader.read(), self.told.wait())]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            for each in either:
                each.cancel()
        writer.write(self.answer or b"")
        writer.close()

    def tell(self, answer: bytes) -> None:
        """Answer those who wait."""
        self.answer = answer
        self.told.set()


@asynccontextmanager
async def canned(answer: bytes | None = None) -> AsyncIterator[Canned]:
    """Run such a server until the end of the block."""
    here = Canned(answer)
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    try:
        yield here
    finally:
        server.close()


def http(body: bytes, status: str = "200 OK", *more: str) -> bytes:
    """Return an answer of HTTP."""
    lines = f"HTTP/1.0 {status}", "Content-Type: application/ocsp-response", f"Content-Length: {len(body)}", *more
    return "\r\n".join((*lines, "", "")).encode() + body


def certificate(file: Path) -> x509.Certificate:
    """Read the first certificate of a file."""
    return x509.load_pem_x509_certificates(file.read_bytes())[0]


def key_of(file: Path) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey:
    """Read a private key."""
    key = load_pem_private_key(file.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey)
    return key


def answer(
    leaf: Path,
    issuer: OpenSSLAuthority,
    signer: Pair | None = None,
    *,
    status: ocsp.OCSPCertStatus = ocsp.OCSPCertStatus.GOOD,
    since: datetime.timedelta = datetime.timedelta(minutes=1),
    ends: datetime.timedelta = datetime.timedelta(hours=2),
    by_name: bool = False,
    digest: hashes.HashAlgorithm | None = None,
    named: bool = True,
    before: Sequence[Path] = (),
) -> bytes:
    """Return an answer (DER) about a certificate: from `since` ago, to `ends` ahead; UNSAID for no end.

    `named`: the certificate of a signer that is not the authority stands in it; `before` are others before it.
    """
    now = datetime.datetime.now(datetime.UTC)
    revoked = now - since if status is ocsp.OCSPCertStatus.REVOKED else None
    by = Pair(issuer.certificate, issuer.folder / "ca.key") if signer is None else signer
    made = ocsp.OCSPResponseBuilder().add_response(
        certificate(leaf),
        certificate(issuer.certificate),
        hashes.SHA1(),
        status,
        now - since,
        None if ends == UNSAID else now + ends,
        revoked,
        None,
    )
    encoding = ocsp.OCSPResponderEncoding.NAME if by_name else ocsp.OCSPResponderEncoding.HASH
    made = made.responder_id(encoding, certificate(by.certificate))
    if signer is not None and named:
        made = made.certificates([certificate(file) for file in (*before, signer.certificate)])
    key = key_of(by.key)
    of_its_own = isinstance(key, ed25519.Ed25519PrivateKey)
    return made.sign(key, None if of_its_own else digest or hashes.SHA256()).public_bytes(Encoding.DER)


def by_openssl(leaf: Path, issuer: OpenSSLAuthority, *more: str) -> bytes:
    """Return the answer that the command gives about a certificate; `more` are options of it."""
    ca, file = issuer.certificate, issuer.folder / "answer.der"
    args = ["-issuer", ca, "-cert", leaf, "-index", issuer.folder / "index.txt", "-CA", ca, "-nmin", "60"]
    openssl("ocsp", *args, "-rsigner", ca, "-rkey", issuer.folder / "ca.key", "-respout", file, *more)
    return file.read_bytes()
