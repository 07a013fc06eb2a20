"""The imports inside the simulator: each module can be read and tested without those that use it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import voltgate.simulator

PACKAGE = "voltgate.simulator"
FOLDER = Path(voltgate.simulator.__file__).parent


def cycle(folder: Path) -> list[str]:
    """Return the modules of one import cycle, the first and the last the same; nothing when there is no cycle."""
    modules = {path.stem: path for path in folder.glob("*.py")}
    graph = {name: set(_imported(path)) & modules.keys() - {name} for name, path in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as found:
        return [str(name) for name in reversed(found.args[1])]
    return []


def _imported(path: Path) -> Iterator[str]:
    """Name what a module imports of its package, in functions and behind TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Import(names=names):
                whole = [alias.name for alias in names]
            case ast.ImportFrom(module=module, names=names, level=0):
                whole = [f"{module}.{alias.name}" for alias in names]
            case ast.ImportFrom(module=module, names=names):
                whole = [f"{PACKAGE}.{module}" if module else f"{PACKAGE}.{alias.name}" for alias in names]
            case _:
                continue
        yield from (name.split(".")[2] for name in whole if name.startswith(f"{PACKAGE}."))


def test_no_module_of_the_simulator_imports_itself_by_way_of_others() -> None:
    """There is no import cycle in the simulator, typing imports counted."""
    assert cycle(FOLDER) == []


@pytest.mark.parametrize(
    "line",
    [
        "from voltgate.simulator.b import B",
        "from voltgate.simulator import b as other",
        "import voltgate.simulator.b",
        "from .b import B",
        "from . import b",
        "if TYPE_CHECKING:\n    from voltgate.simulator.b import B",
        "def f():\n    from voltgate.simulator.b import B",
    ],
)
def test_a_cycle_is_found(tmp_path: Path, line: str) -> None:
    """A cycle is found, however its imports are written."""
    (tmp_path / "a.py").write_text(line)
    (tmp_path / "b.py").write_text("from voltgate.simulator.c import C")
    (tmp_path / "c.py").write_text("import asyncio\nfrom voltgate.simulator import a")
    assert set(cycle(tmp_path)) == {"a", "b", "c"}


def test_a_chain_is_no_cycle(tmp_path: Path) -> None:
    """Modules may import those below them."""
    (tmp_path / "a.py").write_text("from voltgate.simulator.b import B\nfrom voltgate.simulator import c")
    (tmp_path / "b.py").write_text("from voltgate.simulator.c import C")
    (tmp_path / "c.py").write_text("from voltgate.ocpp import actions")
    assert cycle(tmp_path) == []
