"""`voltgate convert` as a command: what is printed where, and what is never overwritten."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.harness import VOLTGATE

GOLDEN = Path(__file__).parent / "golden"


def run(*words: str | Path, cwd: Path, **environ: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command."""
    return subprocess.run(
        [*VOLTGATE, "convert", *map(str, words)],
        capture_output=True,
        timeout=60,
        cwd=cwd,
        env=os.environ | environ,
        check=False,
    )


def test_it_is_printed(tmp_path: Path) -> None:
    """The configuration goes to standard output, as UTF-8 whatever the terminal speaks, and nothing else does."""
    done = run(GOLDEN / "two.json", GOLDEN / "two.names.json", cwd=tmp_path, LC_ALL="C", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (GOLDEN / "two.toml").read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_it_is_written(tmp_path: Path) -> None:
    """With -o it goes to a new file; one that exists is left as it is."""
    first = run(GOLDEN / "split.ini", "-o", "voltgate.toml", cwd=tmp_path)
    assert (first.returncode, first.stdout, first.stderr) == (0, b"", b"")
    file = tmp_path / "voltgate.toml"
    assert file.read_bytes() == (GOLDEN / "split.toml").read_bytes()
    second = run(GOLDEN / "one.json", "-o", "voltgate.toml", cwd=tmp_path)
    assert second.returncode == 1
    assert b"voltgate.toml exists already" in second.stderr
    assert file.read_bytes() == (GOLDEN / "split.toml").read_bytes()


def test_a_mistake_leaves_nothing_behind(tmp_path: Path) -> None:
    """What cannot be converted is told on standard error; nothing is printed, and no file is begun."""
    (tmp_path / "bad.ini").write_text("[host]\nport = x\n")
    done = run("bad.ini", "-o", "voltgate.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines() == [
        "bad.ini: ext-server.server: is missing",
        "bad.ini:1: host.addr: is missing",
        "bad.ini:2: host.port: must be a port, a number from 1 to 65535",
    ]
    assert not (tmp_path / "voltgate.toml").exists()
    nowhere = run(GOLDEN / "split.ini", "-o", "none/voltgate.toml", cwd=tmp_path)
    assert nowhere.returncode == 2
    assert nowhere.stderr.startswith(b"voltgate: ")
    assert b"Traceback" not in nowhere.stderr
