"""The contenders: how each proxy is configured and started, on one core, between free ports."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.installs import LOCKED, node_modules, program
from bench.machine import ROOT, Failure, descriptors, tree

STARTING = 120.0
"""Seconds that a proxy may take until it listens."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a proxy works: a folder for its files, its port, its backend's ports, and its certificate for wss."""

    folder: Path
    port: int
    http: int
    backend: int
    copy: int
    certificate: Path | None
    connections: int

    @property
    def secure(self) -> bool:
        """Tell whether stations come by TLS."""
        return self.certificate is not None


@dataclass(frozen=True, slots=True)
class Contender:
    """One proxy: its name, what it is, what it needs installed, and its command line for a place."""

    name: str
    title: str
    needs: tuple[str, ...]
    command: Callable[[Place], list[str]]
    version: Callable[[], str]
    copies: int = 0
    """How many times the backend must hear each call besides the one that it answers."""


def nginx(place: Place) -> list[str]:
    """Run one worker of nginx as websocket proxy, as its manual says, without an access log.

    It closes stations that have just come when a sixteenth of its connections is left, so it is given more than it
    has descriptors for.
    """
    tls = (
        f"ssl_certificate {place.certificate}; ssl_certificate_key {place.folder / 'key.pem'};" if place.secure else ""
    )
    config = f"""
daemon off;
user root;
pid {place.folder}/nginx.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile {place.connections};
events {{ worker_connections {2 * place.connections}; }}
http {{
  access_log off;
  client_body_temp_path {place.folder}/body;
  proxy_temp_path {place.folder}/proxy;
  fastcgi_temp_path {place.folder}/fastcgi;
  uwsgi_temp_path {place.folder}/uwsgi;
  scgi_temp_path {place.folder}/scgi;
  server {{
    listen 127.0.0.1:{place.port} {"ssl" if place.secure else ""} backlog=4096;
    {tls}
    location / {{
      proxy_pass http://127.0.0.1:{place.backend};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_set_header Host $host;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
    }}
  }}
}}
"""
    path = place.folder / "nginx.conf"
    path.write_text(config if os.geteuid() == 0 else config.replace("user root;\n", ""), encoding="utf-8")
    return [program("nginx"), "-p", str(place.folder), "-c", str(path), "-e", "stderr"]


def haproxy(place: Place) -> list[str]:
    """Run one thread of HAProxy as websocket proxy, without a log."""
    config = f"""
global
  nbthread 1
  maxconn {place.connections // 2 - 50}
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend stations
  bind 127.0.0.1:{place.port} backlog 4096 {f"ssl crt {place.folder}/both.pem" if place.secure else ""}
  default_backend csms
backend csms
  server one 127.0.0.1:{place.backend}
"""
    path = place.folder / "haproxy.cfg"
    path.write_text(config, encoding="utf-8")
    return [program("haproxy"), "-db", "-q", "-f", str(path)]


def naive(place: Place) -> list[str]:
    """Run the proxy that people write with `websockets`."""
    url = f"ws://127.0.0.1:{place.backend}"
    return [sys.executable, "-m", "bench.proxies.naive", str(place.port), url, *_key_pair(place)]


def node(place: Place) -> list[str]:
    """Run the proxy that people write with Node's `ws`."""
    url = f"ws://127.0.0.1:{place.backend}"
    return [program("node"), str(LOCKED / "forward.js"), str(place.port), url, *_key_pair(place)]


def _key_pair(place: Place) -> list[str]:
    return [str(place.certificate), str(place.folder / "key.pem")] if place.secure else ["", ""]


@dataclass(frozen=True, slots=True)
class Manner:
    """What Voltgate is asked to do besides passing calls on.

    `copy` tells a second backend, `strict` reads and checks each payload; `ledger` splits the two by token and keeps
    transactions in a database (without, a copy has none); `journal` brings copies of MeterValues to disk first.
    """

    copy: bool = False
    strict: bool = False
    ledger: bool = False
    journal: bool = False


def voltgate(manner: Manner = Manner()) -> Callable[[Place], list[str]]:
    """Run Voltgate as its users start it."""
    return voltgate_command(lambda place: settings(place, manner))


def voltgate_command(configuration: Callable[[Place], str]) -> Callable[[Place], list[str]]:
    """Run Voltgate with a configuration that is written for its place."""

    def command(place: Place) -> list[str]:
        path = place.folder / "voltgate.toml"
        path.write_text(configuration(place), encoding="utf-8")
        return [str(Path(sys.executable).parent / "voltgate"), "run", "-c", str(path)]

    return command


def settings(place: Place, manner: Manner, database: str = "") -> str:
    """Write Voltgate's configuration; its limits stay on, above what a bench reaches. `database` replaces SQLite."""
    station = f'"ws://127.0.0.1:{place.port}"'
    if place.secure:
        files = f'certificate = "{place.certificate}", key = "{place.folder}/key.pem"'
        station = f'{{ url = "wss://127.0.0.1:{place.port}", {files} }}'
    deliver = 'deliver = "always"\n' if manner.journal else ""
    second = f'\n[backends.second]\nurl = "ws://127.0.0.1:{place.copy}/{{station}}"\n{deliver}'
    url = database or ("off" if manner.copy and not (manner.ledger or manner.journal) else "")
    store = f'[store]\nurl = "{url}"\n' if url else ""
    return f"""
[listen]
stations = [{station}]
http = "127.0.0.1:{place.http}"

[limits]
handshakes_per_second = 1000000
messages_per_second = 100000
commands_per_second = 100000
commands_burst = 1000000
command_bytes_per_second = 1073741824

[protocol]
validation = "{"strict" if manner.strict else "lenient"}"

{store}
[backends.first]
url = "ws://127.0.0.1:{place.backend}/{{station}}"
{second if manner.copy else ""}
[routes.bench]
rules = [{_rules(manner)}]

[[stations]]
match = "*"
route = "bench"
"""


def _rules(manner: Manner) -> str:
    both = '{ answer = "first", copy = ["second"] }'
    if manner.ledger:
        return '{ tokens = ["04EM*"], answer = "second", copy = ["first"] }, ' + both
    return both if manner.copy else '{ answer = "first" }'


def said(command: list[str], pattern: str) -> str:
    """Run a program that tells its version, and find it there."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(pattern, done.stdout + done.stderr)
    return found.group(1) if found else "?"


def python_with(package: str) -> str:
    """Name a library's version and the Python under it."""
    return f"{package} {importlib.metadata.version(package)}, Python {sys.version.split()[0]}"


def _voltgate_version() -> str:
    libraries = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("uvloop", "msgspec"))
    commit = said(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], r"(\w+)")
    return f"{importlib.metadata.version('voltgate')} ({commit}), {libraries}, Python {sys.version.split()[0]}"


def _node_version() -> str:
    library = json.loads((node_modules() / "ws" / "package.json").read_text(encoding="utf-8"))["version"]
    return f"ws {library}, Node {said([program('node'), '--version'], r'v(.+)')}"


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("none", "no proxy", (), lambda _: [], lambda: "the bench's own generator and backend"),
        Contender("nginx", "nginx", ("nginx",), nginx, lambda: said([program("nginx"), "-v"], r"nginx/(\S+)")),
        Contender(
            "haproxy", "HAProxy", ("haproxy",), haproxy, lambda: said([program("haproxy"), "-v"], r"version (\S+)")
        ),
        Contender("naive", "naive, on `websockets`", (), naive, lambda: python_with("websockets")),
        Contender("node", "Node's `ws`", ("node", "npm"), node, _node_version),
        Contender("voltgate", "Voltgate (a) one backend", (), voltgate(), _voltgate_version),
        Contender("copy", "Voltgate (b) and one copy", (), voltgate(Manner(copy=True)), _voltgate_version, copies=1),
        Contender("payload", "Voltgate (c) payloads checked", (), voltgate(Manner(strict=True)), _voltgate_version),
        Contender(
            "ledger",
            "Voltgate (d) (b), split by token",
            (),
            voltgate(Manner(copy=True, ledger=True)),
            _voltgate_version,
            copies=1,
        ),
        Contender(
            "journal",
            "Voltgate (e) (b), journalled",
            (),
            voltgate(Manner(copy=True, journal=True)),
            _voltgate_version,
            copies=1,
        ),
    )
}


class Running:
    """A proxy that runs, in a folder of its own that goes with it."""

    def __init__(self, contender: Contender, core: int, ports: Mapping[str, int], secure: bool) -> None:
        self._folder = TemporaryDirectory(prefix=f"bench-{contender.name}-")
        folder = Path(self._folder.name)
        port, http = free_ports(2)
        certificate = certify(folder) if secure else None
        place = Place(folder, port, http, ports["answer"], ports["copy"], certificate, descriptors())
        self.port = port
        self.http = http
        self.folder = folder
        self._log = folder / "log"
        command = ["taskset", "-c", str(core), *contender.command(place)]
        environment = os.environ | {"NODE_PATH": str(node_modules()) if contender.name == "node" else ""}
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)

    def __enter__(self) -> Running:
        until = time.monotonic() + STARTING
        while not listening(self.port):
            if self._process.poll() is not None or time.monotonic() > until:
                tail = self.log()
                self.close()
                raise Failure(f"{self._process.args!r} does not listen:\n{tail}")
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    @property
    def worker(self) -> int:
        """The process that does the work: nginx has a master over it."""
        return tree(self.pid)[-1]

    def log(self) -> str:
        """Give the end of what it has said."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def close(self) -> None:
        """End it, at once: what it would do on the way out is not measured here."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(0.5)
                break
        self._process.wait(10)
        self._folder.cleanup()


def listening(port: int) -> bool:
    """Tell whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Find ports that nobody uses, below those that the kernel gives to clients."""
    with contextlib.ExitStack() as stack:
        return [_free_port(stack) for _ in range(count)]


def _free_port(stack: contextlib.ExitStack) -> int:
    for port in random.sample(range(20000, 32000), 1000):
        probe = stack.enter_context(socket.socket())
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise Failure("no free port between 20000 and 32000")


def certify(folder: Path) -> Path:
    """Make a self-signed P-256 certificate for localhost: cert.pem, key.pem and both.pem; give the first."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(
        now + datetime.timedelta(days=1)
    )
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for file, content in {"cert.pem": certificate, "key.pem": private, "both.pem": certificate + private}.items():
        (folder / file).write_bytes(content)
    return folder / "cert.pem"
