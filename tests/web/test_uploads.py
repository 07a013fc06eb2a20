"""Uploads of stations, on a real socket: what is kept, what is refused, and what is left behind."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from tests.harness import within
from voltgate.csms.uploads import Bounds, Folder, Full, Upload
from voltgate.web.server import WebServer, listening
from voltgate.web.uploads import Uploads


class Time:
    """A clock that tests move on."""

    def __init__(self) -> None:
        self.later = 0.0

    def __call__(self) -> float:
        return time.time() + self.later


class Site:
    """A folder, and the address that it is uploaded to."""

    def __init__(self, folder: Folder, path: Path, clock: Time, port: int, session: aiohttp.ClientSession) -> None:
        self.folder = folder
        self.path = path
        self.clock = clock
        self.port = port
        self._session = session

    def address(self, about: str = "diagnostics") -> tuple[str, Upload]:
        """Ask for an upload: return the path for the station, and the upload."""
        secret, upload = self.folder.ticket("CP-1", about)
        return f"/uploads/{secret}", upload

    async def send(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        """Upload a body; return the status and what was said."""
        url = URL(f"http://127.0.0.1:{self.port}{path}", encoded=True)
        async with self._session.request(method, url, data=body) as answer:  # type: ignore[arg-type]
            return answer.status, await answer.text()

    def names(self, suffix: str) -> list[str]:
        """Return the files with this suffix."""
        return sorted(each.name for each in self.path.glob(f"*{suffix}"))


@asynccontextmanager
async def site(tmp_path: Path, bounds: Bounds | None = None) -> AsyncIterator[Site]:
    """Serve a folder."""
    clock = Time()
    folder = Folder(tmp_path / "uploads", clock, bounds)
    server = WebServer(Uploads(None, folder), listening("127.0.0.1", 0))
    serving = asyncio.ensure_future(server.serve())
    try:
        async with aiohttp.ClientSession() as session:
            yield Site(folder, tmp_path / "uploads", clock, server.port, session)
    finally:
        await server.close()
        await serving


async def test_a_file_is_kept_as_it_came(tmp_path: Path) -> None:
    """By PUT or POST, with or without a name of the station's own; the folder has no name from the wire."""
    async with site(tmp_path) as here:
        body = os.urandom(3_000_000)
        for method, name in (("PUT", ""), ("POST", "/%2e%2e%2f%2e%2e%2fetc%2fCP-1.zip")):
            path, upload = here.address()
            assert (await here.send(method, f"{path}{name}", BytesIO(body))) == (201, "Thank you.\n")
            whole = here.folder.whole(upload.id)
            assert whole is not None
            assert whole.read_bytes() == body
            assert whole.parent == here.path
        kept = list(here.folder.uploads())
        assert [(each.station, each.about, each.size) for each in kept] == [("CP-1", "diagnostics", len(body))] * 2
        assert all(each.received is not None for each in kept)
        assert {each.partition(".")[0] for each in here.names("")} == {each.id for each in kept}
        assert (here.names(".part"), here.names(".new")) == ([], [])


async def test_an_address_is_used_once(tmp_path: Path) -> None:
    """The second file is refused, and the first one stays."""
    async with site(tmp_path) as here:
        path, upload = here.address()
        assert (await here.send("PUT", path, b"first"))[0] == 201
        assert (await here.send("PUT", path, b"second"))[0] == 404
        whole = here.folder.whole(upload.id)
        assert whole is not None
        assert whole.read_bytes() == b"first"


async def test_addresses_that_are_none(tmp_path: Path) -> None:
    """Never given, expired, or the name in the folder instead of the secret: nothing is written."""
    async with site(tmp_path) as here:
        path, upload = here.address()
        for wrong in (
            "/uploads/",
            "/uploads/nobody",
            f"/uploads/{upload.id}",
            "/uploads/" + "x" * 5000,
            "/uploads/%ff",
        ):
            assert (await here.send("PUT", wrong, b"x"))[0] == 404
        here.clock.later = 86401.0
        assert (await here.send("PUT", path, b"x"))[0] == 404
        assert (here.names(".part"), here.names(".file")) == ([], [])


async def test_what_is_there_cannot_be_read_here(tmp_path: Path) -> None:
    """The address takes files, and gives none."""
    async with site(tmp_path) as here:
        path, _ = here.address()
        await here.send("PUT", path, b"secret")
        assert await here.send("GET", path) == (405, "Files are uploaded here, by PUT or POST.\n")


async def test_the_bytes_of_a_file_are_bounded(tmp_path: Path) -> None:
    """With a length that says so before anything is read, and without one; the address may be used again then."""

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b"x" * 100

    async with site(tmp_path, Bounds(file=1000)) as here:
        path, _ = here.address()
        assert await here.send("PUT", path, b"x" * 1001) == (413, "An upload may have 1,000 bytes.\n")
        assert (await here.send("PUT", path, parts()))[0] == 413
        assert (here.names(".part"), here.names(".file")) == ([], [])
        assert (await here.send("PUT", path, b"x" * 1000))[0] == 201


async def test_all_files_together_are_bounded(tmp_path: Path) -> None:
    """What does not fit is refused until something is removed; what a refused one had is free again."""
    async with site(tmp_path, Bounds(total=1000)) as here:
        first, upload = here.address()
        second, _ = here.address()
        assert (await here.send("PUT", first, b"x" * 600))[0] == 201
        for _ in range(3):
            assert (await here.send("PUT", second, b"x" * 600))[0] == 507
        assert here.folder.remove(upload.id)
        assert not here.folder.remove(upload.id)
        assert (await here.send("PUT", second, b"x" * 600))[0] == 201
        assert len(here.names(".file")) == 1


async def test_the_number_of_uploads_is_bounded(tmp_path: Path) -> None:
    """Until some have expired."""
    async with site(tmp_path, Bounds(tickets=2)) as here:
        here.address()
        here.address()
        with pytest.raises(Full):
            here.address()
        here.clock.later = 86401.0
        here.address()
        assert len(here.names(".json")) == 1


async def test_a_file_that_breaks_off_leaves_nothing_and_may_come_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A station that loses its connection in the middle tries once more; what came before takes no room."""
    async with site(tmp_path, Bounds(total=3_000_000)) as here:
        path, _ = here.address()
        _, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n".encode() + b"x" * 2_000_000)
        await writer.drain()
        while not here.names(".part"):  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)
        assert (await here.send("PUT", path, b"x"))[0] == 409  # it arrives already
        writer.transport.abort()

        async def gone() -> None:
            while here.names(".part"):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

        await within(gone(), "the part to be removed")
        assert (await here.send("PUT", path, BytesIO(b"x" * 3_000_000)))[0] == 201
        assert caplog.records == []


async def test_a_file_that_is_said_to_be_too_large_is_not_waited_for(tmp_path: Path) -> None:
    """It is refused by its length, and the connection is closed, on which it would come."""
    async with site(tmp_path, Bounds(file=1000)) as here:
        path, _ = here.address()
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n".encode())
        assert (await within(reader.read(), "the answer and the end")).startswith(b"HTTP/1.1 413")
        writer.close()


async def test_a_file_that_comes_too_slowly(tmp_path: Path) -> None:
    """It is not waited for for ever."""
    async with site(tmp_path, Bounds(patience=0.2)) as here:
        path, _ = here.address()
        reader, writer = await asyncio.open_connection("127.0.0.1", here.port)
        writer.write(f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx".encode())
        head = await within(reader.readuntil(b"\r\n\r\n"), "an answer")
        assert head.startswith(b"HTTP/1.1 408")
        assert await within(reader.read(), "the end of the connection") == b"The file did not come in time.\n"
        writer.close()
        assert here.names(".part") == []


async def test_too_many_files_at_once_are_put_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are told to come again."""
    monkeypatch.setattr("voltgate.web.uploads.AT_ONCE", 0)
    async with site(tmp_path) as here:
        path, _ = here.address()
        assert (await here.send("PUT", path, b"x"))[0] == 503


async def test_what_a_dead_process_left_is_removed(tmp_path: Path) -> None:
    """A part that nobody writes any more does not shut its address for ever; old files go after their time."""
    async with site(tmp_path) as here:
        path, upload = here.address()
        part = here.path / f"{upload.id}.part"
        part.write_bytes(b"half")
        assert (await here.send("PUT", path, b"x"))[0] == 409
        os.utime(part, (time.time() - 2000, time.time() - 2000))
        assert (await here.send("PUT", path, b"x"))[0] == 201
        (here.path / f"{'0' * 64}.json").write_bytes(b"not ours")
        here.clock.later = 31 * 86400.0
        here.address()
        assert here.names(".file") == []
        assert here.folder.whole(upload.id) is None


def test_ids_from_the_wire_are_no_paths(tmp_path: Path) -> None:
    """Whoever asks for a file or removes one cannot leave the folder."""
    folder = Folder(tmp_path / "uploads", time.time)
    (tmp_path / "x.file").write_bytes(b"secret")
    (tmp_path / "x.json").write_bytes(b"secret")
    assert folder.whole("../x") is None
    assert not folder.remove("../x")
    assert (tmp_path / "x.json").exists()
