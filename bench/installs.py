"""What the bench needs from outside: nginx, HAProxy, Node and npm's `ws`, installed or named when missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from bench.machine import ROOT, Failure

PACKAGES = {
    **{name: name for name in ("nginx", "haproxy", "npm", "mosquitto", "rabbitmq-server")},
    "node": "nodejs",
    "pg_ctlcluster": "postgresql",
    "callgrind_control": "valgrind",
}
"""Programs and the Debian packages that bring them."""
LOCKED = ROOT / "bench" / "proxies"
SEARCHED = os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin"


def program(name: str) -> str:
    """Give the path of a program; as an ordinary user sees it, and in sbin."""
    found = shutil.which(name, path=SEARCHED)
    if found is None:
        raise Failure(f"{name} is not installed; as root: apt-get install {PACKAGES.get(name, name)}")
    return found


def prepare(programs: Iterable[str]) -> None:
    """Install what is missing, as root; raise Failure with the command to type as anybody else."""
    missing = sorted({PACKAGES[name] for name in programs if shutil.which(name, path=SEARCHED) is None})
    if not missing:
        return
    if os.geteuid() != 0:
        raise Failure(f"the bench needs {', '.join(missing)}; as root: apt-get install {' '.join(missing)}")
    _run(["apt-get", "update", "-qq"])
    _run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing])
    _silence(set(missing) - {"npm", "nodejs"})


def _silence(services: set[str]) -> None:
    """Stop the services that Debian has started by installing them: the bench starts its own."""
    if Path("/run/systemd/system").exists():
        for name in services:
            _run(["systemctl", "disable", "--now", name])


def _run(command: list[str], folder: Path = ROOT) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"`{' '.join(command)}` failed:\n{(done.stdout + done.stderr)[-2000:]}")


def node_modules() -> Path:
    """Install npm's `ws` in the version of our lock file into the user's cache, once; give its folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voltgate-bench"
    lock = (LOCKED / "package-lock.json").read_bytes()
    modules = cache / "node_modules"
    installed = cache / "package-lock.json"
    if modules.is_dir() and installed.is_file() and installed.read_bytes() == lock:
        return modules
    cache.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCKED / name, cache / name)
    _run([program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cache)
    return modules
