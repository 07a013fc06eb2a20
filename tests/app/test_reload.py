"""Changes of the configuration: all of it or nothing, whatever fails on the way."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.app.running import running
from tests.harness.configuration import toml
from tests.harness.ports import free_port
from tests.harness.waiting import until, within
from tests.keypair import write_pair
from voltgate.app import reload, reloading
from voltgate.app.build import build
from voltgate.app.process import Process
from voltgate.config import read
from voltgate.telemetry.supervision import Supervision

TOKEN = "an-operator-s-token"


def document(*listeners: str, **more: Any) -> dict[str, Any]:
    """A configuration with these listeners for stations."""
    return {
        "listen": {"stations": list(listeners), "http": "off"},
        "store": {"url": "off"},
        "backends": {"main": {"url": "ws://127.0.0.1:1/"}},
        "routes": {"main": {"rules": [{"answer": "main"}]}},
        "stations": [{"match": "*"}],
        **more,
    }


async def listens(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody who connects there is answered."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    try:
        writer.write(b"rubbish\r\n\r\n")
        return b"HTTP/1.1 400" in await asyncio.wait_for(reader.read(100), 20)
    except OSError:
        return False
    finally:
        writer.close()


@pytest.mark.parametrize("what", ["the address", "a certificate", "the snapshot", "SOAP", "the tokens"])
async def test_a_change_that_fails_half_way_leaves_everything_as_it_was(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One listener goes, two come, and something cannot be had: the old one listens, the new ones do not."""
    old, first, second = free_port(), free_port(), free_port()

    def fails(*_: object) -> None:
        raise OSError("it cannot be had")

    with socket.socket() as taken:
        if what == "the address":
            taken.bind(("127.0.0.1", second))
            taken.listen()
        async with running(tmp_path, document(f"ws://127.0.0.1:{old}")) as gateway:
            snapshot, config = gateway.parts.gateway.snapshot, gateway.active.config
            target = {
                "a certificate": "listeners.context_of",
                "the snapshot": "reload.build",
                "SOAP": "reload.soap_settings",
                "the tokens": "reload.configured_tokens",
            }.get(what)
            if target is not None:
                monkeypatch.setattr(f"voltgate.app.{target}", fails)
            wanted = document(f"ws://127.0.0.1:{first}", f"ws://127.0.0.1:{second}", limits={"head_seconds": 1})
            (problem,) = await gateway.change(wanted)
            assert "Errno" not in problem  # a sentence, as at a start
            assert gateway.parts.gateway.snapshot is snapshot
            assert gateway.active.config is config
            assert gateway.parts.listeners.addresses()["websocket"] == (f"ws://127.0.0.1:{old}",)
            assert await listens(old)
            assert not await listens(first)
            monkeypatch.undo()
            taken.close()
            assert await gateway.change(wanted) == ()
            assert [await listens(port) for port in (old, first, second)] == [False, True, True]


@pytest.mark.parametrize("where", ["read", "build"])
async def test_a_fault_in_a_change_is_said_and_ends_nothing(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as one of the task, is not met again until a file changes, and the next change is taken."""
    first, second = free_port(), free_port()
    module = {"read": reloading, "build": reload}[where]
    monkeypatch.setattr(reloading, "_LOOK_AT_FILES", 0.01)
    async with running(tmp_path, document(f"ws://127.0.0.1:{first}")) as gateway:
        supervision = gateway.process._supervision = Supervision(shortest=0.0)
        asked, called = asyncio.Event(), list[int]()
        watching = gateway.process.begin_watching(asked)

        def fails(*_: object) -> None:
            called.append(1)
            raise UnicodeError("label empty or too long")

        monkeypatch.setattr(module, where, fails)
        gateway.file.write_text(gateway.file.read_text() + "\n")
        await until(lambda: supervision.tasks["configuration"].faults, "the fault is counted")
        assert gateway.active.problems == (
            "a fault of Voltgate: UnicodeError",
        )  # and no word of what it says: that may hold a secret
        looks = Looks(gateway.active.files_changed)
        monkeypatch.setattr(gateway.active, "files_changed", looks)
        await until(lambda: looks.taken > 2, "the files are looked at")
        assert called == [1]
        monkeypatch.setattr(module, where, {"read": read, "build": build}[where])
        gateway.file.write_text(gateway.file.read_text().replace(str(first), str(second)))
        await until(lambda: gateway.active.changes, "the next change is taken")
        assert gateway.active.problems == ()
        assert await listens(second)
        watching.cancel()


@dataclass
class Looks:
    """Counts the looks at the files."""

    look: Callable[[], bool]
    taken: int = 0

    def __call__(self) -> bool:
        """Look."""
        self.taken += 1
        return self.look()


async def test_a_listener_moves_on_its_port_without_a_gap(tmp_path: Path) -> None:
    """Another host, a name for an address, TLS, a PROXY header: the port is the same, and whoever is in stays."""
    port, held = free_port(), f"ws://0.0.0.0:{free_port()}"
    write_pair(tmp_path / "cert.pem", tmp_path / "key.pem")
    pair = {"certificate": "cert.pem", "key": "key.pem"}
    proxied = {"trusted_proxies": ["10.0.0.0/8"], "proxy_protocol": True}
    ways: list[Any] = [
        f"ws://127.0.0.1:{port}",
        f"ws://0.0.0.0:{port}",
        f"ws://localhost:{port}",
        {"url": f"ws://127.0.0.1:{port}", **proxied},
        {"url": f"wss://127.0.0.1:{port}", **pair},
        f"ws://0.0.0.0:{port}",
    ]
    async with running(tmp_path, document(f"ws://0.0.0.0:{port}", held)) as gateway:
        assert await gateway.change(document(f"ws://192.0.2.1:{port}", held))
        assert not may_be_shared(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for way in ways:
            assert await gateway.change(document(way, held)) == ()
            secure = isinstance(way, dict) and way["url"].startswith("wss")
            assert secure or await listens(port), way
            refused = await gateway.change(document(f"ws://192.0.2.1:{port}", held))
            assert "cannot listen on ws://192.0.2.1" in refused[0]
            assert secure or await listens(port), way
        writer.write(b"rubbish\r\n\r\n")
        assert b"HTTP/1.1 400" in await reader.read(100)
        writer.close()


def may_be_shared(port: int) -> bool:
    """Whether another process of this user that shares may listen on a port, too."""
    with socket.socket() as other:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            other.setsockopt(socket.SOL_SOCKET, option, 1)
        try:
            other.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


async def test_who_is_half_in_when_its_listener_goes(tmp_path: Path) -> None:
    """A handshake goes on, and counts, after its listener has gone; it is cut short when the process ends."""
    old, new = free_port(), free_port()
    async with running(tmp_path, document(f"ws://127.0.0.1:{old}")) as gateway:
        listeners = gateway.parts.listeners
        reader, writer = await asyncio.open_connection("127.0.0.1", old)
        await until(listeners.handshakes, "it is accepted")
        for port in (new, old, new):
            assert await gateway.change(document(f"ws://127.0.0.1:{port}")) == ()
            assert listeners.handshakes() == 1
    assert b"HTTP/1.1 503" in await reader.read(100)
    writer.close()


async def test_nothing_changes_before_there_is_anything_to_change(tmp_path: Path) -> None:
    """A signal that comes while the process begins is heeded when it listens."""
    file = tmp_path / "voltgate.toml"
    file.write_text(toml(document(f"ws://127.0.0.1:{free_port()}")))
    process, asked, done = Process(read(file, {})), asyncio.Event(), asyncio.Event()

    async def change() -> None:
        done.set()

    process._reload.change = change  # type: ignore[method-assign]
    asked.set()
    watching = process.begin_watching(asked)
    for _ in range(10):
        await asyncio.sleep(0)
    assert not done.is_set()
    process._reload.begun.set()
    await within(done.wait(), "the change")
    watching.cancel()


async def test_what_a_configuration_names_is_watched_whether_it_was_taken_or_not(tmp_path: Path) -> None:
    """A configuration that was refused for a missing file is taken when the file comes; a certificate when it does."""
    first, second = free_port(), free_port()
    async with running(tmp_path, document(f"ws://127.0.0.1:{first}")) as gateway:
        pair = {"certificate": "cert.pem", "key": "key.pem"}
        tls = {"url": f"wss://127.0.0.1:{second}", **pair}
        wanted = document(f"ws://127.0.0.1:{first}", tls, admin_token={"file": "token.txt"})
        problems = await gateway.change(wanted)
        assert len([each for each in problems if "cannot read" in each]) == 2
        assert not gateway.active.files_changed()
        write_pair(tmp_path / "cert.pem", tmp_path / "key.pem")
        assert gateway.active.files_changed()
        await gateway.change_again()
        assert not gateway.active.files_changed()
        (tmp_path / "token.txt").write_text(TOKEN)
        assert gateway.active.files_changed()
        assert await gateway.change_again() == ()
        assert not gateway.active.files_changed()
        write_pair(tmp_path / "cert.pem", tmp_path / "key.pem")
        assert gateway.active.files_changed()


async def test_what_a_configuration_names_anew_is_watched(tmp_path: Path) -> None:
    """A file that was named by none before is watched as soon as the configuration that names it is taken."""
    wanted = document(f"ws://127.0.0.1:{free_port()}")
    async with running(tmp_path, wanted) as gateway:
        (tmp_path / "token.txt").write_text(TOKEN)
        assert await gateway.change({**wanted, "admin_token": {"file": "token.txt"}}) == ()
        assert not gateway.active.files_changed()
        (tmp_path / "token.txt").write_text(TOKEN + "-of-tomorrow")
        assert gateway.active.files_changed()


async def test_a_change_after_the_drain_began_opens_nothing(tmp_path: Path) -> None:
    """A gateway that stops lets nobody in, whatever its file says by now."""
    first, second = free_port(), free_port()
    async with running(tmp_path, document(f"ws://127.0.0.1:{first}")) as gateway:
        gateway.parts.draining.announce()
        await gateway.change(document(f"ws://127.0.0.1:{first}", f"ws://127.0.0.1:{second}"))
        assert not await listens(second)


async def test_what_would_need_a_restart_counts_as_it_is(tmp_path: Path) -> None:
    """A database that the file names and the process has not got yet keeps no promises: the change is refused."""
    port = free_port()
    async with running(tmp_path, document(f"ws://127.0.0.1:{port}")) as gateway:
        backends = {"main": {"url": "ws://127.0.0.1:1/", "deliver": "always"}}
        wanted = document(f"ws://127.0.0.1:{port}", backends=backends, store={"url": "sqlite:///new.db"})
        problems = await gateway.change(wanted)
        assert any("needs a database" in each for each in problems)
        assert any("store.url: has changed: that takes a restart" in each for each in problems)


async def test_what_waits_for_a_restart_is_shown_until_there_is_one_or_it_is_taken_back(tmp_path: Path) -> None:
    """A key that was not taken is among the warnings of `/readyz`: the log that named it may be gone."""
    port = free_port()
    before = document(f"ws://127.0.0.1:{port}")
    async with running(tmp_path, before) as gateway:
        for store, waiting in (({"url": "sqlite:///new.db"}, ["store.url"]), ({"url": "off"}, [])):
            assert await gateway.change({**before, "store": store}) == ()
            warnings = gateway.process._readiness()["configuration"]["warnings"]
            assert [each.split(": ")[1] for each in warnings] == waiting


def test_a_hangup_during_the_start() -> None:
    """Who asks for a reload of what is being read anyway does not end the process."""
    begins = "import os, signal, sys, voltgate.app, voltgate.cli\n"
    hears = "voltgate.app.run = lambda *_: (os.kill(os.getpid(), signal.SIGHUP), 7)[1]\n"
    runs = "sys.argv = ['voltgate', 'run']\nvoltgate.cli.main()"
    assert subprocess.run([sys.executable, "-c", begins + hears + runs], check=False).returncode == 7


async def test_a_change_that_meets_a_lack_of_descriptors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be read is looked at again, until it can be."""
    document = {"listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": "off"}, "store": {"url": "off"}}
    async with running(tmp_path, document) as gateway:
        with monkeypatch.context() as short:
            short.setattr(Path, "read_bytes", lambda _: (_ for _ in ()).throw(OSError(24, "Too many open files")))
            assert await gateway.change(document | {"limits": {"connections": 7}}) == ("Too many open files",)
            assert gateway.active.files_changed()
        await gateway.change_again()
        assert gateway.active.config.limits.connections == 7
        assert not gateway.active.files_changed()


async def test_keys_from_the_environment_outlast_a_reload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a variable sets stands in place of what the file says, however often that is read again."""
    monkeypatch.setenv("VOLTGATE_CALLS__BACKEND", "7")
    port = free_port()
    async with running(tmp_path, document(f"ws://127.0.0.1:{port}")) as gateway:
        for written in (11, 12):
            assert await gateway.change(document(f"ws://127.0.0.1:{port}", calls={"backend": written})) == ()
            assert gateway.active.config.calls.backend == 7
        assert gateway.active.loaded.environment == {"calls.backend": "VOLTGATE_CALLS__BACKEND"}
