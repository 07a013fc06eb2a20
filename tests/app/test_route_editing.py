"""Routes changed in the file of a process: what happens when the file, or what stands in it, cannot be had."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from tests.app.running import Running, running
from tests.app.test_reload import document
from tests.harness.ports import free_port
from voltgate.app import replacing
from voltgate.app.route_editing import RouteEditing
from voltgate.web.api.configuration import tag_of
from voltgate.web.problems import Problem

OTHER = '[[routes.main.rules]]\nactions = ["Heartbeat"]\nanswer = "main"\n\n[[routes.main.rules]]\nanswer = "main"\n'


def editing(gateway: Running) -> RouteEditing:
    """What changes the routes of a process."""
    return RouteEditing(gateway.active, gateway.process._reload.change, lambda _: None, shared=False)


def opened() -> dict[str, Any]:
    """A configuration whose routes may be changed."""
    return document(f"ws://127.0.0.1:{free_port()}", api={"edit_routes": True})


async def refused(editor: RouteEditing, text: str) -> str:
    """Ask for other routes, which are refused; return why."""
    written = await editor.show()
    assert written.text is not None
    with pytest.raises(Problem) as raised:
        await editor.put(text, tag_of(written.text), "otto")
    assert raised.value.status == 409
    return raised.value.detail


async def test_what_cannot_be_taken_is_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Routes that are right, and cannot be taken, leave the file and the process as they were."""
    async with running(tmp_path, opened()) as gateway:
        editor, before, config = editing(gateway), gateway.file.read_text(), gateway.active.config

        def fails(*_: object) -> None:
            raise OSError("it cannot be had")

        with monkeypatch.context() as broken:
            broken.setattr("voltgate.app.reload.build", fails)
            assert "it cannot be had" in await refused(editor, OTHER)
        assert gateway.file.read_text() == before
        assert gateway.active.config is config
        assert await gateway.change_again() == ()
        written = await editor.show()
        assert written.text is not None
        assert (await editor.put(OTHER, tag_of(written.text), "otto")).text == OTHER
        assert len(gateway.active.config.routes["main"].rules) == 2


async def test_a_fault_puts_back_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours while the routes are taken leaves the file as it was."""
    async with running(tmp_path, opened()) as gateway:
        editor, before = editing(gateway), gateway.file.read_text()
        written = await editor.show()
        assert written.text is not None

        def fails(*_: object) -> None:
            raise RuntimeError("a fault")

        with monkeypatch.context() as broken:
            broken.setattr("voltgate.app.reload.build", fails)
            with pytest.raises(RuntimeError, match="a fault"):
                await editor.put(OTHER, tag_of(written.text), "otto")
        assert gateway.file.read_text() == before


async def test_a_file_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks is told why: the system's own words, before it is tried where that can be seen."""
    async with running(tmp_path, opened()) as gateway:
        editor, before = editing(gateway), gateway.file.read_text()
        with monkeypatch.context() as broken:
            broken.setattr("os.access", lambda *_: False)
            written = await editor.show()
            assert (written.editable, written.text is None) == (False, False)
            assert "is not writable" in str(written.why)
            assert "is not writable" in await refused(editor, OTHER)
        with monkeypatch.context() as broken:
            broken.setattr("os.path.ismount", lambda *_: True)
            assert "mount its folder instead" in str((await editor.show()).why)

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as broken:
            broken.setattr(replacing.os, "fsync", full)
            assert "No space left on device" in await refused(editor, OTHER)
        assert gateway.file.read_text() == before
        assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


async def test_a_link_stays_one(tmp_path: Path) -> None:
    """Where the file is a link, what it leads to is changed."""
    real = tmp_path / "real"
    real.mkdir()
    async with running(tmp_path, opened()) as gateway:
        target = gateway.file.rename(real / "ours.toml")
        gateway.file.symlink_to(target)
        editor = editing(gateway)
        written = await editor.show()
        assert written.text is not None
        await editor.put(OTHER, tag_of(written.text), "otto")
        assert gateway.file.is_symlink()
        assert OTHER in target.read_text()


async def test_routes_that_cannot_be_edited(tmp_path: Path) -> None:
    """A file that is gone, and routes that are no tables, are not edited: it says so."""
    async with running(tmp_path, opened()) as gateway:
        editor = editing(gateway)
        text = gateway.file.read_text()
        gateway.file.write_text('routes = { main = { rules = [{ answer = "main" }] } }\n')
        written = await editor.show()
        assert (written.editable, written.text) == (False, None)
        assert "is not written as tables" in str(written.why)
        gateway.file.unlink()
        assert "No such file" in str((await editor.show()).why)
        gateway.file.write_text(text)
