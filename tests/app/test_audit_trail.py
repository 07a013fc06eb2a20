"""`voltgate audit`: what it prints of a whole trail, of one that is not, and of a copy."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import text
from typer.testing import CliRunner

from tests.store.conftest import NOW
from tests.store.test_chain import _line
from voltgate.app.database import upgrade
from voltgate.cli import app
from voltgate.store.address import open_engine, read_address
from voltgate.store.chain import append


def voltgate(*arguments: str) -> Result:
    """Run a command on the database of a test."""
    return CliRunner().invoke(app, ["audit", *arguments, "-c", "voltgate.toml"])


async def make(folder: Path) -> None:
    """Make a database whose audit trail has five lines."""
    address = read_address("sqlite:///x.db", folder)
    await upgrade(address)
    engine = open_engine(address, 5.0)
    async with engine.begin() as connection:
        await append(connection, [_line(number, NOW + number) for number in range(1, 6)])
    await engine.dispose()


async def spoil(folder: Path) -> None:
    """Change who asked for something."""
    engine = open_engine(read_address("sqlite:///x.db", folder), 5.0)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE audit SET backend = 'b' WHERE number = 2"))
    await engine.dispose()


def test_a_trail_is_verified_and_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole trail is said to be whole, as is a copy of a part; a changed one is not, with the line, and status 1."""
    monkeypatch.chdir(tmp_path)
    Path("voltgate.toml").write_text('[store]\nurl = "sqlite:///x.db"\n')
    asyncio.run(make(tmp_path))
    good = voltgate("verify", "--json")
    assert good.exit_code == 0, good.output
    found = json.loads(good.stdout)
    assert (found["whole"], found["lines"]) == (True, 5)
    assert "trail is whole" in voltgate("verify", "--against", "{}:{}".format(*found["head"])).stdout
    assert voltgate("verify", "--against", "5:" + "f" * 64).exit_code == 1
    assert "NUMBER:HASH" in voltgate("verify", "--against", "tea").output

    exported = voltgate("export", "copy.jsonl", "--since", "2027-01-15T08:00:02Z")
    assert exported.stdout == "copy.jsonl: 4 lines\n", exported.output
    assert stat.S_IMODE(Path("copy.jsonl").stat().st_mode) == 0o600
    assert voltgate("export", "copy.jsonl").exit_code != 0, "nothing is written over"
    copy = Path("copy.jsonl").read_text()
    assert json.loads(copy.splitlines()[0])["identity"] == "CP-1"
    assert voltgate("verify", "--file", "copy.jsonl").exit_code == 0
    Path("copy.jsonl").write_text(copy.replace("u00003", "u00009"))
    assert "lines 3 to 4" in voltgate("verify", "--file", "copy.jsonl").output
    forged = json.dumps(json.loads(copy.splitlines()[0]) | {"number": 0}) + "\n"
    Path("copy.jsonl").write_text(forged + copy)
    assert "1 lines are from before the chain: nothing" in voltgate("verify", "--file", "copy.jsonl").stdout
    Path("copy.jsonl").write_text(copy + forged)
    assert voltgate("verify", "--file", "copy.jsonl").exit_code == 1, "a line that was put in, of no chain"
    Path("copy.jsonl").write_text("tea\n")
    assert "line 1 is no line" in voltgate("verify", "--file", "copy.jsonl").output

    asyncio.run(spoil(tmp_path))
    bad = voltgate("verify")
    assert (bad.exit_code, bad.stdout.startswith("The audit trail is NOT whole")) == (1, True)
    assert "lines 2 to 3: not as written: the second does not carry its hash\n" in bad.output


def test_there_is_nothing_to_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a database there is no trail: a sentence says so, and the status is not that of a whole one."""
    monkeypatch.chdir(tmp_path)
    Path("voltgate.toml").write_text('[store]\nurl = "off"\n')
    assert voltgate("verify").exit_code == 1
    Path("voltgate.toml").write_text('[store]\nurl = "sqlite:///x.db"\n')
    none = voltgate("verify")
    assert (none.exit_code, "there is no database yet" in none.output) == (2, True)
    assert not Path("x.db").exists()
