"""The direction of imports: who may know of whom."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import voltgate

_STANDARD = frozenset(sys.stdlib_module_names)

SOURCE = Path(voltgate.__file__).parent

EDGES = ("carriers", "directory", "csms", "alerts", "telemetry")
LAYERS = (
    ("ocpp",),
    ("relay",),
    (*EDGES, "gates", "cluster"),
    ("store", "dialler", "snapshot", "departed", "leaving"),
    ("versions", "soap_station", "soap_verdict"),
    ("coming",),
    ("gateway",),
    ("claiming", "soap_gateway"),
    ("web",),
    ("app",),
    ("convert",),
    ("replay",),
    ("client",),
    ("cli",),
)
"""From the inside out. A part knows those of the layers before its own, and none of its own but itself."""

APART = {
    "config": frozenset({"ocpp.times"}),
    "simulator": frozenset({"ocpp", "carriers", "relay.wire"}),
    "simulator.cli": frozenset({"ocpp", "carriers", "relay.wire", "app", "config"}),
    "simulator.demo": frozenset({"ocpp", "carriers", "relay.wire", "app", "config", "telemetry"}),
}
"""Parts that stand outside the layers, with what they may know besides themselves."""

UNKNOWN_TO = {"carriers": frozenset({"dialler", "claiming", "web"})}
"""Parts that some of those that come after them must do without: carriers are found by the scheme of a URL."""

ONLY = {"gateway": {"carriers": frozenset({"carriers.handshake"})}}
"""Modules of a part that are all that another may know of it: the gateway works with any carrier."""

INSIDE = (
    ("certificate_events",),
    (
        "admission",
        "events",
        "learnt",
        "merging",
        "notifier",
        "rate",
        "records",
        "registration",
        "tallies",
        "tokens",
        "wire",
    ),
    ("audit", "calendar", "invitation", "journal", "numbers", "permit", "plan", "stand_in", "tracing", "transaction"),
    ("event_list", "ledger", "rule", "start"),
    ("context", "route"),
    ("asked", "numbering", "policy", "written"),
    ("attention",),
    ("backend", "default_permit"),
    ("carrier", "delivery", "tap"),
    ("ports",),
    ("held_back", "intake", "replay", "seams", "uplink", "waiting"),
    ("leg",),
    ("arrears", "failover"),
    ("choosing",),
    ("dispatcher",),
    ("moving",),
    ("roster",),
    ("session",),
)
"""The layers inside `relay/`, from the values up: a module knows those of the layers before its own, and no other."""

POLICIES = frozenset(
    {
        "events",
        "stand_in",
        "invitation",
        "numbers",
        "permit",
        "plan",
        "journal",
        "transaction",
        "ledger",
        "context",
        "numbering",
        "policy",
        "registration",
        "learnt",
        "start",
        "written",
    }
)
"""What policies may know of the relay, besides each other. They are known to the session only."""

KNOWN_TO = {
    "config": frozenset(
        {"app", "cli", "convert", "client.api_url", "client.token_file", "simulator.cli", "simulator.demo"}
    ),
    "simulator": frozenset({"app", "cli"}),
}
"""Parts that are known to few."""

OUTSIDE = {
    "ocpp": (frozenset({"msgspec"}), frozenset({"asyncio", "socket", "selectors", "ssl", "threading", "time"})),
    "relay": (frozenset[str](), frozenset({"asyncio", "socket", "selectors", "ssl", "threading", "time"})),
}
"""The third parties that the pure parts may know, and what they may not know of Python's own library."""

MORE_OUTSIDE = {
    "ocpp.schemas": frozenset({"jsonschema_rs"}),
    "ocpp.soap.envelope": frozenset({"lxml"}),
    "ocpp.soap.elements": frozenset({"lxml"}),
}
"""Third parties that one module may know besides. The package `ocpp` is read as data, and imported nowhere."""


@dataclass(frozen=True, slots=True)
class Import:
    """One module that imports another; both as dotted names, those of voltgate without its own."""

    who: str
    whom: str
    ours: bool


def imports(source: Path) -> Iterator[Import]:
    """Read every import of a tree of modules, those inside functions and behind TYPE_CHECKING included."""
    for path in sorted(source.rglob("*.py")):
        who = _name(path.relative_to(source))
        package = who if path.name == "__init__.py" else who.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text())):
            for name in _names(node, package):
                ours = name == "voltgate" or name.startswith("voltgate.")
                yield Import(who, name.removeprefix("voltgate").removeprefix(".") if ours else name, ours)


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def _names(node: ast.AST, package: str) -> list[str]:
    """Name what a statement may import: of `from a import b` both `a` and `a.b`, which may be a module."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        if node.level:
            parts = ["voltgate", *package.split(".")] if package else ["voltgate"]
            module = ".".join(part for part in (*parts[: len(parts) - node.level + 1], module) if part)
        return [f"{module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
        called = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        if called in {"import_module", "__import__"}:
            return [str(arg.value) if isinstance(arg, ast.Constant) else "?" for arg in node.args[:1]]
    return []


def wrong(source: Path) -> list[str]:
    """List the arrows that must not be, each as "who -> whom"."""
    return sorted({f"{arrow.who} -> {arrow.whom}" for arrow in imports(source) if not _allowed(arrow)})


def _allowed(arrow: Import) -> bool:
    return _allowed_inside(arrow.who, arrow.whom) if arrow.ours else _allowed_outside(arrow.who, arrow.whom)


def _allowed_outside(who: str, whom: str) -> bool:
    part, top = who.partition(".")[0], whom.partition(".")[0]
    if part not in OUTSIDE:
        return top != "?" and top != "ocpp"
    third_parties, forbidden = OUTSIDE[part]
    standard = top in _STANDARD
    return (standard and top not in forbidden) or top in third_parties | MORE_OUTSIDE.get(who, frozenset())


def _allowed_inside(who: str, whom: str) -> bool:
    part, other = who.partition(".")[0], whom.partition(".")[0]
    if part == other or not whom or whom == "__version__":
        return _is_whole(part)
    if other in KNOWN_TO:
        return bool({who, part} & KNOWN_TO[other])
    if part in UNKNOWN_TO.get(other, ()):
        return False
    apart = APART.get(who) or APART.get(part)
    if apart is None:
        apart = ONLY.get(part, {}).get(other)
    if apart is not None:
        return any(whom == known or whom.startswith(f"{known}.") for known in apart)
    return _layer(other) < _layer(part)


def _is_whole(part: str) -> bool:
    return part in APART or not part or part.startswith("__") or _layer(part) >= 0


def _layer(part: str) -> int:
    """Give the place of a part; the face of the package (`voltgate` itself) knows nobody."""
    for place, parts in enumerate(LAYERS):
        if part in parts:
            return place
    return len(LAYERS) if part == "__main__" else -1


def test_every_arrow_points_inwards() -> None:
    """No part of Voltgate knows of another that it should not know."""
    assert wrong(SOURCE) == []


def inside(source: Path) -> list[str]:
    """List the arrows inside `relay/` that must not be."""
    return sorted(
        {f"{arrow.who} -> {arrow.whom}" for arrow in imports(source) if arrow.ours and not _allowed_in_relay(arrow)}
    )


def _allowed_in_relay(arrow: Import) -> bool:
    who, whom = arrow.who.split("."), arrow.whom.split(".")
    if who[0] != "relay" or whom[0] != "relay" or len(who) == 1 or len(whom) == 1:
        return True
    if who[1] == "policies":
        return whom[1] in POLICIES | {"policies"}
    if whom[1] == "policies":
        return who[1] == "session" and (len(whom) == 2 or whom[2] == "table")
    return _inner_layer(whom[1]) < _inner_layer(who[1])


def _inner_layer(module: str) -> int:
    return next(number for number, modules in enumerate(INSIDE) if module in modules)


def circles(source: Path, part: str) -> list[str]:
    """List the modules of a part that can be reached from themselves by imports, typing imports counted."""
    modules = {_name(path.relative_to(source)) for path in (source / part).rglob("*.py")}
    known: dict[str, set[str]] = {module: set() for module in modules}
    for arrow in imports(source):
        whom = arrow.whom if arrow.whom in modules else arrow.whom.rpartition(".")[0]
        if arrow.who in modules and whom in modules and whom != part:
            known[arrow.who].add(whom)
    for middle in modules:
        for module in modules:
            if middle in known[module]:
                known[module] |= known[middle]
    return sorted(module for module in modules if module in known[module])


def test_imports_inside_the_relay_point_down() -> None:
    """session → dispatcher → leg → delivery → ledger; session → policies → context, numbering → ledger; no circle."""
    assert inside(SOURCE) == []
    assert circles(SOURCE, "relay") == []
    assert circles(SOURCE, "ocpp") == []


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("relay/leg.py", "if TYPE_CHECKING:\n    from voltgate.relay.session import Session"),
        ("relay/leg.py", "from voltgate.relay import dispatcher"),
        ("relay/delivery.py", "from voltgate.relay.leg import Leg"),
        ("relay/ledger.py", "from voltgate.relay.context import Context"),
        ("relay/dispatcher.py", "from voltgate.relay.policies import commands"),
        ("relay/session.py", "from voltgate.relay.policies.commands import command"),
        ("relay/policies/a.py", "from voltgate.relay.leg import Leg"),
        ("relay/policies/a.py", "def f():\n    from voltgate.relay import session"),
    ],
)
def test_a_wrong_arrow_inside_the_relay_is_found(tmp_path: Path, path: str, line: str) -> None:
    """A policy that looks at a leg, or a leg that knows its session, is found."""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(line)
    assert len(inside(tmp_path)) >= 1


def test_a_circle_is_found(tmp_path: Path) -> None:
    """Two modules that know each other are found, also where only the types are meant."""
    (tmp_path / "relay").mkdir()
    (tmp_path / "relay/a.py").write_text("from voltgate.relay import b")
    (tmp_path / "relay/b.py").write_text("if TYPE_CHECKING:\n    from voltgate.relay.a import A")
    (tmp_path / "relay/c.py").write_text("from voltgate.relay import a")
    assert circles(tmp_path, "relay") == ["relay.a", "relay.b"]


def test_every_part_has_its_place() -> None:
    """A new part is given a place among the others before it is written."""
    parts = {arrow.who.partition(".")[0] for arrow in imports(SOURCE)}
    placed = {part for parts in LAYERS for part in parts} | set(APART)
    assert parts - placed <= {"__main__"}
    assert {"ocpp", "relay", "carriers", "gateway", "app"} <= parts


@pytest.mark.parametrize(
    ("path", "line", "arrow"),
    [
        ("ocpp/a.py", "from voltgate.relay.session import Session", "ocpp.a -> relay.session.Session"),
        ("ocpp/a.py", "import voltgate.config", "ocpp.a -> config"),
        ("ocpp/a.py", "import asyncio", "ocpp.a -> asyncio"),
        ("ocpp/a.py", "import pydantic", "ocpp.a -> pydantic"),
        ("ocpp/a.py", "import jsonschema_rs", "ocpp.a -> jsonschema_rs"),
        ("ocpp/schemas.py", "import ocpp.v16", "ocpp.schemas -> ocpp.v16"),
        ("ocpp/a.py", "from importlib import import_module\nimport_module('asyncio')", "ocpp.a -> asyncio"),
        ("ocpp/a.py", "__import__(name)", "ocpp.a -> ?"),
        ("relay/a.py", "from voltgate.carriers.websocket.link import Link", "relay.a -> carriers.websocket.link.Link"),
        ("relay/a.py", "if TYPE_CHECKING:\n    from voltgate.gateway import Gateway", "relay.a -> gateway.Gateway"),
        ("relay/a.py", "def f():\n    import asyncio.events", "relay.a -> asyncio.events"),
        ("relay/a.py", "from socket import socket", "relay.a -> socket.socket"),
        ("relay/a.py", "import msgspec", "relay.a -> msgspec"),
        ("relay/a.py", "from ..config import model", "relay.a -> config.model"),
        ("relay/b/a.py", "from ...store import rows", "relay.b.a -> store.rows"),
        ("carriers/a.py", "from voltgate.directory import stations", "carriers.a -> directory.stations"),
        ("telemetry/a.py", "from voltgate import carriers", "telemetry.a -> carriers"),
        ("directory/a.py", "import voltgate.gateway", "directory.a -> gateway"),
        ("dialler.py", "from voltgate.gateway import Gateway", "dialler -> gateway.Gateway"),
        ("dialler.py", "import voltgate.carriers.soap", "dialler -> carriers.soap"),
        ("web/a.py", "from voltgate.carriers.soap.wire import SoapWire", "web.a -> carriers.soap.wire.SoapWire"),
        ("gateway.py", "from .config import model", "gateway -> config.model"),
        (
            "gateway.py",
            "from voltgate.carriers.websocket.listener import Listener",
            "gateway -> carriers.websocket.listener.Listener",
        ),
        ("store/a.py", "from voltgate.gateway import Gateway", "store.a -> gateway.Gateway"),
        ("web/a.py", "from voltgate.app import process", "web.a -> app.process"),
        ("app/a.py", "from voltgate import cli", "app.a -> cli"),
        ("config/a.py", "from voltgate.ocpp.dialect import Dialect", "config.a -> ocpp.dialect.Dialect"),
        ("simulator/a.py", "from voltgate.relay.session import Session", "simulator.a -> relay.session.Session"),
        ("simulator/a.py", "from voltgate.relay.wireless import Wire", "simulator.a -> relay.wireless.Wire"),
        ("simulator/a.py", "from voltgate.app import process", "simulator.a -> app.process"),
        ("simulator/a.py", "from voltgate.config import load", "simulator.a -> config.load"),
        ("relay/a.py", "from voltgate.simulator import charger", "relay.a -> simulator.charger"),
        ("novelty/a.py", "from voltgate.ocpp import framing", "novelty.a -> ocpp.framing"),
        ("__init__.py", "from voltgate.ocpp import framing", " -> ocpp.framing"),
    ],
)
def test_a_wrong_arrow_is_found(tmp_path: Path, path: str, line: str, arrow: str) -> None:
    """An arrow that must not be is found, wherever it is hidden."""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(line)
    assert wrong(tmp_path) == [arrow]


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("ocpp/a.py", "import re\nimport msgspec\nfrom voltgate.ocpp import messages\nfrom .framing import decode"),
        ("ocpp/schemas.py", "import jsonschema_rs\nfrom importlib.resources import files\nfiles('ocpp')"),
        ("relay/a.py", "from voltgate.ocpp.turns import Turns\nfrom voltgate.relay import wire"),
        ("carriers/a.py", "import asyncio, websockets\nfrom voltgate.relay.wire import Wire"),
        ("gateway.py", "from voltgate.carriers.handshake import Admitted\nfrom voltgate.directory import stations"),
        ("dialler.py", "from voltgate.telemetry import logs"),
        ("web/a.py", "from voltgate.gateway import Gateway\nfrom voltgate import __version__"),
        (
            "app/a.py",
            "from voltgate.config import load\nfrom voltgate.web import server\nfrom voltgate.simulator import x",
        ),
        ("cli.py", "from voltgate.app import process\nfrom voltgate.config import load\nimport typer"),
        ("__main__.py", "from voltgate.cli import main"),
        ("config/a.py", "import pydantic\nfrom voltgate.config import bounds"),
        ("simulator/a.py", "from voltgate.relay.wire import Wire\nfrom voltgate.ocpp import actions"),
        ("simulator/cli.py", "from voltgate.app import process\nfrom voltgate.config import load"),
        ("__init__.py", "__version__ = '1'"),
    ],
)
def test_a_right_arrow_is_let_be(tmp_path: Path, path: str, line: str) -> None:
    """What points inwards is allowed."""
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).write_text(line)
    assert wrong(tmp_path) == []


CORE = (
    "ocpp/messages",
    "ocpp/turns",
    *(f"relay/{name}" for name in "wire context session dispatcher leg route".split()),
)
"""What is read to understand the relay."""


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_what_must_be_read_is_short() -> None:
    """The reading core has 2,000 lines at most, each policy 200, and no file more than 450."""
    assert sum(_lines(SOURCE / f"{name}.py") for name in CORE) <= 2000
    assert [path.name for path in (SOURCE / "relay/policies").glob("*.py") if _lines(path) > 200] == []
    assert [path.name for path in SOURCE.rglob("*.py") if _lines(path) > 450] == []
