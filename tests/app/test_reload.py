"""Changes of the configuration: all of it or nothing, whatever fails on the way."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.app.running import Running, running
from tests.harness.ports import free_port
from tests.keypair import write_pair

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
            assert len(await gateway.change(wanted)) == 1
            assert gateway.parts.gateway.snapshot is snapshot
            assert gateway.active.config is config
            assert gateway.parts.listeners.addresses()["websocket"] == (f"ws://127.0.0.1:{old}",)
            assert await listens(old)
            assert not await listens(first)
            monkeypatch.undo()
            taken.close()
            assert await gateway.change(wanted) == ()
            assert [await listens(port) for port in (old, first, second)] == [False, True, True]


async def test_a_fault_in_a_change_is_said_and_ends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher goes on after whatever went wrong, and takes the next change."""
    first, second = free_port(), free_port()
    async with running(tmp_path, document(f"ws://127.0.0.1:{first}")) as gateway:
        asked = asyncio.Event()
        watching = asyncio.ensure_future(gateway.process.watch(asked))

        def fails(*_: object) -> None:
            raise UnicodeError("label empty or too long")

        monkeypatch.setattr("voltgate.app.reload.build", fails)
        asked.set()
        await until(gateway, lambda: gateway.active.problems)
        assert "UnicodeError: label empty or too long" in gateway.active.problems[0]
        monkeypatch.undo()
        gateway.file.write_text(gateway.file.read_text().replace(str(first), str(second)))
        asked.set()
        await until(gateway, lambda: gateway.active.changes)
        assert await listens(second)
        watching.cancel()


async def until(gateway: Running, holds: Any) -> None:
    """Wait for something to hold."""
    async with asyncio.timeout(30):
        while not holds():
            assert gateway.file.exists()
            await asyncio.sleep(0.01)


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
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for way in ways:
            assert await gateway.change(document(way, held)) == ()
            secure = isinstance(way, dict) and way["url"].startswith("wss")
            assert secure or await listens(port), way
            refused = await gateway.change(document(f"ws://192.0.2.1:{port}", held))
            assert "cannot listen on ws://192.0.2.1" in refused[0]
            assert secure or await listens(port), way
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))
        writer.write(b"rubbish\r\n\r\n")
        assert b"HTTP/1.1 400" in await reader.read(100)
        writer.close()


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
        await gateway.process.change()
        assert not gateway.active.files_changed()
        (tmp_path / "token.txt").write_text(TOKEN)
        assert gateway.active.files_changed()
        await gateway.process.change()
        assert gateway.active.problems == ()
        assert not gateway.active.files_changed()
        write_pair(tmp_path / "cert.pem", tmp_path / "key.pem")
        assert gateway.active.files_changed()


async def test_a_change_after_the_drain_began_opens_nothing(tmp_path: Path) -> None:
    """A gateway that stops lets nobody in, whatever its file says by now."""
    first, second = free_port(), free_port()
    async with running(tmp_path, document(f"ws://127.0.0.1:{first}")) as gateway:
        gateway.parts.gateway.draining = True
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
