"""The machine: what the gateway writes, its owner reads and nobody else, whatever the umask."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.harness import Stage
from tests.harness.command import VOLTGATE
from voltgate.web.server import listening_at


def modes(folder: Path) -> dict[str, str]:
    """Return the modes of all that a folder holds, and of itself."""
    return {str(each.relative_to(folder.parent)): stat.filemode(each.stat().st_mode) for each in folder.rglob("*")} | {
        folder.name: stat.filemode(folder.stat().st_mode)
    }


@contextmanager
def open_to_all() -> Iterator[None]:
    """Let a new file be read and written by everybody, as far as the umask goes."""
    before = os.umask(0)
    try:
        yield
    finally:
        os.umask(before)


async def test_all_that_a_gateway_writes(stage: Stage) -> None:
    """Database, its journal, lock, first token, message log: files are 0600, folders 0700, with the umask 0."""
    backend = await stage.backend("main")
    backend.answers("Heartbeat", {"currentTime": "2026-01-01T00:00:00Z"})
    document = stage.configuration(store={"url": "sqlite:///var/deep/voltgate.db"}, messages={"stations": ["*"]})
    gateway = stage.prepare(document)
    gateway.command = ("sh", "-c", 'umask 0; exec "$@"', "sh", *VOLTGATE)
    await gateway.start()
    station = await stage.station("CP1")
    await station.call("Heartbeat", {})
    await gateway.stop()
    found = modes(gateway.folder / "var")
    assert {"var/deep/voltgate.db", "var/deep/voltgate.db-lock", "var/deep/admin-token"} <= found.keys()
    assert any("messages" in name for name in found), found
    assert {mode for mode in found.values() if mode.startswith("d")} == {"drwx------"}, found
    assert {mode for mode in found.values() if mode.startswith("-")} == {"-rw-------"}, found


async def test_a_database_that_everybody_could_read(stage: Stage) -> None:
    """A file of an older version, and what SQLite has left beside it, are taken from others when the gateway starts."""
    await stage.backend("main")
    gateway = stage.prepare(stage.configuration(store={"url": "sqlite:///voltgate.db"}))
    with open_to_all(), closing(sqlite3.connect(gateway.folder / "voltgate.db")) as old:
        old.execute("PRAGMA journal_mode = WAL")
        old.execute("CREATE TABLE t (x)")
        old.commit()
        assert stat.filemode((gateway.folder / "voltgate.db-wal").stat().st_mode) == "-rw-r--r--"
        await gateway.start()
        found = {name: mode for name, mode in modes(gateway.folder).items() if "voltgate.db" in name}
        assert len(found) == 4
        assert set(found.values()) == {"-rw-------"}, found


async def test_the_socket_of_a_worker() -> None:
    """Only its owner may ask a worker."""
    with TemporaryDirectory() as folder, open_to_all():
        path = Path(folder, "1.sock")
        with closing(listening_at(path)):
            assert stat.filemode(path.stat().st_mode) == "srw-------"


def test_what_commands_write(tmp_path: Path) -> None:
    """A configuration that `voltgate convert` writes holds passwords: it is its owner's, too."""
    old = tmp_path / "ocpp-2w-proxy.ini"
    old.write_text("[host]\naddr = 0.0.0.0\nport = 8080\n[ext-server]\nserver = ws://127.0.0.1:9/secret\n")
    out = tmp_path / "voltgate.toml"
    with open_to_all():
        pid = os.spawnvp(os.P_NOWAIT, VOLTGATE[0], [*VOLTGATE, "convert", str(old), "-o", str(out)])
        assert os.waitpid(pid, 0)[1] == 0
    assert stat.filemode(out.stat().st_mode) == "-rw-------"
