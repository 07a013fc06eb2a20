"""Files that a configuration includes: added in order, with mistakes that name the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.app.running import running
from tests.app.test_reload import document
from tests.app.test_route_editing import OTHER, editing
from tests.config.test_check import GOOD
from tests.harness.ports import free_port
from voltgate.config import ConfigErrors, read
from voltgate.web.problems import Problem

FILES = '[include]\nfiles = "conf.d/*.toml"\n'


def write(folder: Path, main: str = FILES + GOOD, **included: str) -> Path:
    """Write a configuration, and the files that it includes by name; return its file."""
    (folder / "conf.d").mkdir(exist_ok=True)
    for name, text in included.items():
        (folder / "conf.d" / f"{name}.toml").write_text(text)
    (folder / "voltgate.toml").write_text(main)
    return folder / "voltgate.toml"


def wrong(file: Path) -> list[str]:
    """List what is wrong, with paths from the folder of the file."""
    with pytest.raises(ConfigErrors) as raised:
        read(file, {})
    return [str(problem).replace(f"{file.parent}/", "") for problem in raised.value.problems]


def test_tables_are_added_in_the_order_of_the_names(tmp_path: Path) -> None:
    """Backends and routes by name, sections by key, and stations behind those of the file; others stay out."""
    last = "[calls]\nbackend = 7\n[[stations]]\nidentity = 'B'\n[backends.late]\nurl = 'ws://127.0.0.1/'\n"
    main = (FILES + GOOD).replace('match = "*"', "identity = 'M'")
    file = write(tmp_path, main + "[calls]\nstation = 9\n", b=last, a="[[stations]]\nidentity = 'A'\n")
    (tmp_path / "conf.d" / ".a.toml.swp").write_text("not TOML")
    (tmp_path / "conf.d" / ".hidden.toml").write_text("not TOML")
    loaded = read(file, {"VOLTGATE_STATIONS__2__NAME": "the last"})
    assert [(each.identity, each.name) for each in loaded.config.stations] == [
        ("M", None),
        ("A", None),
        ("B", "the last"),
    ]
    assert (loaded.config.calls.backend, loaded.config.calls.station) == (7, 9)
    assert list(loaded.config.backends) == ["main", "late"]
    assert [path.name for path in loaded.included] == ["a.toml", "b.toml"]


def test_mistakes_name_their_file(tmp_path: Path) -> None:
    """Each with its own line: also of an entry of a list to which several files add, and of what is no TOML."""
    stations = "# nothing\n[[stations]]\nidentity = 'A'\n[[stations]]\nidentity = 'B'\nrout = 'home'\n"
    twice = "[backends.main]\nwait = 5\n[calls]\nbackend = 1\n[include]\nfiles = 'x'\n"
    file = write(tmp_path, FILES + GOOD + "[calls]\nbackend = 2\n", a=stations, b=twice, c="[", d=stations)
    found = wrong(file)
    assert "conf.d/b.toml:1: backends.main: stands in voltgate.toml:5, too" in found
    assert "conf.d/b.toml:4: calls.backend: stands in voltgate.toml:12, too" in found
    assert "conf.d/b.toml:5: include: a file that is included includes none" in found
    assert any(each.startswith("conf.d/c.toml:1: is not TOML") for each in found)
    assert any(each.startswith("conf.d/a.toml:6: stations[2].rout: ") for each in found)
    assert any(each.startswith("conf.d/d.toml:6: stations[4].rout: ") for each in found)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ("nowhere/*.toml", "voltgate.toml:2: include.files: nowhere cannot be read: No such file or directory"),
        ("conf.d/x.toml", "conf.d/x.toml: cannot be read: No such file or directory"),
        ("*/x.toml", "voltgate.toml:2: include.files: may have *, ? and [ in the name of the file only"),
    ],
)
def test_files_that_are_not_there(tmp_path: Path, files: str, words: str) -> None:
    """A folder or a file that is named and not there is a mistake; a pattern without files is a doubt."""
    assert words in wrong(write(tmp_path, FILES.replace("conf.d/*.toml", files) + GOOD))[0]
    (doubt,) = read(write(tmp_path), {}).warnings
    assert "include.files: there is no such file" in str(doubt)


async def test_files_come_and_go_while_it_runs(tmp_path: Path) -> None:
    """One that comes, changes or goes is seen, and the next reload goes by it; routes in one are not for the API."""
    (tmp_path / "conf.d").mkdir()
    included = tmp_path / "conf.d" / "a.toml"
    more: dict[str, Any] = {"include": {"files": "conf.d/*.toml"}, "api": {"edit_routes": True}}
    more["stations"] = [{"match": "*", "route": "main"}]
    async with running(tmp_path, document(f"ws://127.0.0.1:{free_port()}", **more)) as gateway:
        active = gateway.active
        for text, wanted in (("[calls]\nbackend = 7\n", 7), ("[calls]\nbackend = 11.5\n", 11.5)):
            included.write_text(text)
            assert active.files_changed()
            assert await gateway.change_again() == ()
            assert active.config.calls.backend == wanted
            assert not active.files_changed()
        assert (await editing(gateway).show()).editable
        included.write_text('[routes.more]\nrules = [{ answer = "main" }]\n')
        assert await gateway.change_again() == ()
        shown = await editing(gateway).show()
        assert not shown.editable
        assert str(included) in str(shown.why)
        with pytest.raises(Problem) as refused:
            await editing(gateway).put(OTHER, "", "otto")
        assert refused.value.status == 409
        assert str(included) in refused.value.detail
        included.unlink()
        assert active.files_changed()
        assert await gateway.change_again() == ()
        assert list(active.config.routes) == ["main"]
