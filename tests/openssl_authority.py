"""An authority by the `openssl` command: it signs certificates of stations and of gateways, revokes, and lists it."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path
from typing import NamedTuple

_CONFIGURATION = """
[ca]
default_ca = here
[here]
dir = {folder}
database = $dir/index.txt
new_certs_dir = $dir
certificate = $dir/ca.pem
private_key = $dir/ca.key
rand_serial = yes
default_md = sha256
default_days = 30
default_crl_days = 30
policy = anything
unique_subject = no
[anything]
organizationName = optional
commonName = supplied
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[gateway]
subjectAltName = DNS:localhost, IP:127.0.0.1
[station]
basicConstraints = critical, CA:FALSE
extendedKeyUsage = clientAuth
[responder]
extendedKeyUsage = OCSPSigning
[req]
distinguished_name = nobody
[nobody]
"""
_KEYS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"], "rsa": ["rsa:2048"], "ed25519": ["ed25519"]}


class Pair(NamedTuple):
    """The files of a certificate, with those between it and the root, and of its key."""

    certificate: Path
    key: Path


def openssl(*args: str | Path) -> None:
    """Run the command; what it complains of is in the exception."""
    done = subprocess.run(["openssl", *map(str, args)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class OpenSSLAuthority:
    """An authority in a folder of its own; without a `signer` it signs itself."""

    def __init__(self, folder: Path, name: str, signer: OpenSSLAuthority | None = None, kind: str = "ec") -> None:
        folder.mkdir(parents=True)
        self.folder, self.certificate, self._signer = folder, folder / "ca.pem", signer
        self._configuration = folder / "openssl.cnf"
        self._configuration.write_text(_CONFIGURATION.format(folder=folder))
        (folder / "index.txt").touch()
        request, key = self._request(f"/CN={name}", kind, folder / "ca.key")
        if signer is None:
            args = ["-x509", "-key", key, "-days", "30", "-subj", f"/CN={name}", "-extensions", "authority"]
            openssl("req", "-config", self._configuration, *args, "-out", self.certificate)
        else:
            signer.sign(request, self.certificate, "authority")

    def _request(self, subject: str, kind: str, key: Path) -> tuple[Path, Path]:
        request = key.with_suffix(".csr")
        new = ["-new", "-newkey", *_KEYS[kind], "-nodes", "-keyout", key, "-subj", subject, "-out", request]
        openssl("req", "-config", self._configuration, *new)
        return request, key

    def sign(self, request: Path, certificate: Path, extensions: str, *more: str) -> None:
        """Sign a request."""
        args = ["-batch", "-notext", "-in", request, "-out", certificate, "-extensions", extensions, *more]
        openssl("ca", "-config", self._configuration, *args)

    def issue(
        self,
        identity: str,
        organization: str = "Example",
        kind: str = "ec",
        *,
        file: str = "",
        ended: bool = False,
        responder: str = "",
        extensions: str = "",
    ) -> Pair:
        """Make a key ("ec" or "rsa") and its certificate, which goes with that of an authority between.

        `responder` is the URL at which it says that OCSP is spoken.
        """
        key = self.folder / f"{file or identity}.key"
        subject = f"/O={organization}/CN={identity}" if organization else f"/CN={identity}"
        request, _ = self._request(subject, kind, key)
        times = ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"] if ended else []
        certificate = key.with_suffix(".pem")
        if responder:
            more = key.with_suffix(".ext")
            more.write_text(f"[station]\nextendedKeyUsage = clientAuth\nauthorityInfoAccess = OCSP;URI:{responder}\n")
            times += ["-extfile", str(more)]
        section = extensions or ("gateway" if identity == "localhost" else "station")
        self.sign(request, certificate, section, *times)
        if self._signer is not None:
            certificate.write_text(certificate.read_text() + self.certificate.read_text())
        return Pair(certificate, key)

    def revoke(self, certificate: Path) -> None:
        """Revoke a certificate."""
        openssl("ca", "-config", self._configuration, "-revoke", certificate)

    def list_revoked(self, *more: str) -> Path:
        """Write the list of what is revoked."""
        file = self.folder / "revoked.pem"
        openssl("ca", "-config", self._configuration, "-gencrl", "-out", file, *more)
        return file


class Answer(NamedTuple):
    """What an OpenSSL client got: the status line of the gateway ("": none), and all that it said of TLS."""

    status: str
    said: str

    @property
    def code(self) -> int:
        """The status; 0: TLS did not come about."""
        return int(self.status.split()[1]) if self.status else 0


def handshake(identity: str, headers: str = "") -> str:
    """Return the request of a station that asks to be let in; `headers` are more lines of it."""
    return (
        f"GET /{identity} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Protocol: ocpp1.6\r\n{headers}\r\n"
    )


async def s_client(port: int, identity: str, pair: Pair | None = None, *more: str, headers: str = "") -> Answer:
    """Ask a gateway to let a station in, with `openssl s_client`."""
    args = ["s_client", "-connect", f"127.0.0.1:{port}", "-servername", "localhost", "-quiet", *more]
    if pair is not None:
        args += ["-cert", str(pair.certificate), "-cert_chain", str(pair.certificate), "-key", str(pair.key)]
    process = await asyncio.create_subprocess_exec(
        "openssl",
        *args,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(handshake(identity, headers).encode())
    said, status = b"", b""
    async with asyncio.timeout(30):
        async for line in process.stdout:
            said += line
            if b"HTTP/1.1 " in line:
                status = line[line.index(b"HTTP/1.1 ") :].strip()
                break
    if process.returncode is None:
        process.kill()
    await process.communicate()
    return Answer(status.decode(), said.decode(errors="replace"))
