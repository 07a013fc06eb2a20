"""A SQLite file belongs to one gateway: another one is told so, touches nothing, and goes on when it is free."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.harness.waiting import until
from tests.store.conftest import still, written
from tests.store.test_database import OWED, RUNNING
from voltgate.app.database import revision, upgrade
from voltgate.relay.records import Page, StoreAway
from voltgate.store import Database, DatabaseSettings
from voltgate.store.address import read_address
from voltgate.store.schema import wanted

Open = Callable[..., Awaitable[Database]]


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Open]:
    """Open stores on a SQLite file; they are closed at the end."""
    stores: list[Database] = []

    async def opening(url: str = "sqlite:///var/x.db") -> Database:
        stores.append(Database(read_address(url, tmp_path), DatabaseSettings(patience=0.5), still()))
        await stores[-1].open()
        return stores[-1]

    yield opening
    for store in stores:
        await store.close()


async def test_the_folder_is_its_owners(opened: Open, tmp_path: Path) -> None:
    """Cards, people and what stations were told stand in the database: nobody else on the machine reads them."""
    await upgrade(read_address("sqlite:///var/x.db", tmp_path))
    await opened()
    assert (tmp_path / "var").stat().st_mode & 0o777 == 0o700


async def test_another_gateway_on_the_file(opened: Open, tmp_path: Path) -> None:
    """It is told what to do, writes and reads nothing, and has lost nothing when the file is its own."""
    one, other = await opened(), await opened()
    one.put(RUNNING)
    assert await written(one)
    other.put(OWED)
    assert not await written(other)
    with pytest.raises(StoreAway):
        await other.pages.load("cp-1")
    assert other.state.reason == (
        f"another Voltgate has {tmp_path}/var/x.db: stop it, or give this one a store.url of its own; "
        "several gateways on one database need PostgreSQL"
    )
    assert (await one.pages.load("cp-1")).owed == ()
    await one.close()
    await until(lambda: other.state.reason is None and other.state.pending == 0, "the other has it")

    async def loaded() -> Page | None:
        with suppress(StoreAway):  # half a second may be too short for a busy machine
            return await other.pages.load("cp-1")
        return None

    page = await until(loaded, "the page is read")
    assert (page.transactions, page.owed) == ((RUNNING,), (OWED,))


async def test_one_that_is_killed(opened: Open, tmp_path: Path) -> None:
    """However a process ends, what it had is free."""
    program = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from voltgate.store import Database\n"
        "from voltgate.store.address import read_address\n"
        "async def main():\n"
        "    await Database(read_address('sqlite:///var/x.db', Path(sys.argv[1]))).open()\n"
        "    print('open', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as former:  # noqa: ASYNC220
        assert former.stdout is not None
        assert b"open\n" in former.stdout
        store = await opened()
        assert "another Voltgate has" in str(store.state.reason)
        former.send_signal(signal.SIGKILL)
    await until(lambda: store.state.reason is None, "it is this one's")


async def test_a_file_of_two_names(opened: Open, tmp_path: Path) -> None:
    """A link is the file that it leads to."""
    (tmp_path / "link.db").symlink_to(tmp_path / "var" / "x.db")
    one, other = await opened(), await opened("sqlite:///link.db")
    assert one.state.reason is None
    assert "another Voltgate has" in str(other.state.reason)


async def test_a_database_that_is_no_file(opened: Open, tmp_path: Path) -> None:
    """What is in memory is nobody else's."""
    stores = [await opened("sqlite:///:memory:") for _ in range(2)]
    await until(lambda: [store.state.reason for store in stores] == [None, None], "both are there")
    assert list(tmp_path.iterdir()) == []


async def test_those_who_look_at_it(opened: Open, tmp_path: Path) -> None:
    """A backup, and the commands that maintain it, work while a gateway has it."""
    store = await opened()
    store.put(RUNNING)
    assert await written(store)
    file = tmp_path / "var" / "x.db"
    with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(tmp_path / "copy.db")) as copy:
        source.backup(copy)
        assert copy.execute("SELECT ref FROM transactions").fetchall() == [("t1",)]
    address = read_address("sqlite:///var/x.db", tmp_path)
    assert await upgrade(address) == await revision(address) == wanted()
    store.put(OWED)
    assert await written(store)


async def test_who_may_open_the_lock(opened: Open, tmp_path: Path) -> None:
    """Whoever may open the database, and nobody else: others could keep the gateway from it."""
    address = read_address("sqlite:///var/x.db", tmp_path)
    await upgrade(address)
    os.chmod(str(address.database), 0o600)
    await opened()
    assert (tmp_path / "var" / "x.db-lock").stat().st_mode & 0o777 == 0o600


async def test_a_file_system_without_locks(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said, and nothing is written where somebody else might."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    with monkeypatch.context() as patched:
        patched.setattr(fcntl, "flock", refuse)
        store = await opened()
        assert "var/x.db-lock cannot be locked on this file system: No locks available" in str(store.state.reason)
    await until(lambda: store.state.reason is None, "it can be locked")
