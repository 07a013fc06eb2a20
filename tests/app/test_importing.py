"""`voltgate import everythingcharge`: what stands in that system's database is taken over, as a whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from typer.testing import CliRunner

from tests.harness import Refused, Stage, free_port, within
from tests.servers import PostgreSQL, postgresql
from tests.web.client import TOKEN, asking
from voltgate.app.database import upgrade
from voltgate.cli import app
from voltgate.store.address import read_address

SCHEMA = """
CREATE TABLE networks (id varchar PRIMARY KEY, name varchar UNIQUE NOT NULL, location varchar,
  is_active boolean DEFAULT true, created_at timestamptz DEFAULT now(), updated_at timestamptz);
CREATE TABLE charge_points (id varchar(20) PRIMARY KEY, description varchar, status varchar NOT NULL, vendor varchar,
  serial_number varchar, location varchar, model varchar, ocpp_version varchar NOT NULL, error_code varchar,
  evse_id integer, network_id varchar NOT NULL REFERENCES networks (id),
  is_active boolean DEFAULT true, created_at timestamptz DEFAULT now(), updated_at timestamptz);
CREATE TABLE connectors (id integer, charge_point_id varchar REFERENCES charge_points (id), status varchar NOT NULL,
  error_code varchar, is_active boolean DEFAULT true, created_at timestamptz DEFAULT now(), updated_at timestamptz,
  PRIMARY KEY (id, charge_point_id));
CREATE TABLE users (id varchar PRIMARY KEY, email varchar UNIQUE NOT NULL, password varchar NOT NULL,
  first_name varchar, last_name varchar,
  is_active boolean DEFAULT true, created_at timestamptz DEFAULT now(), updated_at timestamptz);
"""
ROWS = """
INSERT INTO networks (id, name, location) VALUES ('0a1b2c3d4e5f60718293', 'Main', 'Office'),
  ('ffffffffffffffffffff', 'North', 'Depot');
INSERT INTO charge_points (id, description, status, vendor, serial_number, location, model, ocpp_version, error_code,
  network_id) VALUES
  ('CP0001', 'At the gate', 'Faulted', 'Finch', 'S-1', 'Yard', 'Sparrow', '1.6', 'GroundFailure',
   'ffffffffffffffffffff'),
  ('cp0001', NULL, 'Available', NULL, NULL, NULL, NULL, '1.6', NULL, 'ffffffffffffffffffff'),
  ('CP/2', NULL, 'Available', NULL, NULL, NULL, NULL, '1.6', NULL, 'ffffffffffffffffffff'),
  ('CP0201', NULL, 'Unavailable', NULL, NULL, NULL, NULL, '2.0.1', NULL, '0a1b2c3d4e5f60718293');
INSERT INTO connectors (id, charge_point_id, status, error_code) VALUES (1, 'CP0001', 'Charging', 'NoError'),
  (2, 'CP0001', 'Available', 'NoError'), (1, 'CP0201', 'Available', 'NoError');
INSERT INTO users (id, email, password, first_name, last_name, is_active) VALUES
  ('1', 'Ada@csms.example', '$2b$12$TOP-SECRET-HASH', 'Ada', 'Lovelace', true),
  ('2', 'gone@csms.example', '$2b$12$TOP-SECRET-HASH', 'Who', 'Left', false);
"""
LEFT = [
    "not taken: station CP/2: The identity contains a slash",
    "not taken: station cp0001: only case tells it from CP0001: directory.case_sensitive = true keeps them apart",
    "not taken: connector 1 of CP0201: nobody wrote down which EVSE it is on",
    "not taken: user gone@csms.example: it is not active",
]


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """One PostgreSQL for these tests."""
    with postgresql() as running:
        yield running


def database(server: PostgreSQL, name: str) -> str:
    """Return the URL of a database of a server."""
    return f"{server.url.rpartition('/')[0]}/{name}"


@dataclass
class Done:
    """What became of a command."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Old:
    """A database of EVerythingcharge, and ours beside it."""

    server: PostgreSQL
    folder: Path
    ours: str

    @property
    def url(self) -> str:
        """The address of the old one, with a password in it."""
        return database(self.server, "old").replace("postgres@", "postgres:TOP-SECRET@")

    async def taken(self, *more: str, url: str | None = None) -> Done:
        """Import; nothing of it shows the password."""
        command = CliRunner().invoke
        words = ["import", "everythingcharge", url or self.url, "-c", str(self.folder / "voltgate.toml"), *more]
        done = await asyncio.to_thread(command, app, words)
        assert "TOP-SECRET" not in done.output
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Done(done.exit_code, done.stdout, done.stderr)


async def _made(server: PostgreSQL) -> None:
    connection = await asyncpg.connect(server.url)
    for name in ("old", "ours"):
        await connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    old = await asyncpg.connect(database(server, "old"))
    await old.execute(SCHEMA + ROWS)
    await old.close()


def configuration(ours: str) -> dict[str, Any]:
    """Return a configuration of the management system on a database of ours."""
    return {
        "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
        "admin_token": TOKEN,
        "store": {"url": ours},
        "backends": {"csms": {"url": "local:"}},
        "routes": {"main": {"rules": [{"answer": "csms"}]}},
        "unknown": {"policy": "quarantine"},
        "shutdown": {"ahead": 0, "grace": 2, "spread": 0},
    }


@pytest.fixture(params=["sqlite", "postgresql"])
async def old(request: pytest.FixtureRequest, server: PostgreSQL, stage: Stage, tmp_path: Path) -> Old:
    """The old system's database, as it made it, and an empty one of ours."""
    await _made(server)
    ours = "sqlite:///var/x.db" if request.param == "sqlite" else database(server, "ours")
    gateway = stage.prepare(configuration(ours))
    made = Old(server, gateway.folder, ours)
    if request.param == "postgresql":
        await upgrade(read_address(ours))
    return made


async def test_all_is_taken_once(old: Old, stage: Stage) -> None:
    """Networks, stations, connectors and users are there, the stations are let in, and the same again changes nothing.

    Users choose another password with what is printed for them; what cannot be taken is told with the reason.
    """
    planned = await old.taken("--dry-run")
    assert planned.returncode == 1, planned.stderr
    assert planned.stdout.splitlines() == [
        "networks: 2 to be taken, 0 there already",
        "stations: 2 to be taken, 0 there already",
        "users: 1 to be taken, 0 there already",
        "to be invited to choose a password: Ada@csms.example",
    ]
    done = await old.taken()
    assert done.returncode == 1
    assert done.stderr.splitlines() == LEFT
    assert done.stdout.splitlines()[:3] == [
        "networks: 2 taken, 0 there already",
        "stations: 2 taken, 0 there already",
        "users: 1 taken, 0 there already",
    ]
    login, invitation = done.stdout.splitlines()[-1].split()
    assert login == "Ada@csms.example"
    again = await old.taken()
    assert again.stdout.splitlines() == [
        "networks: 0 taken, 2 there already",
        "stations: 0 taken, 3 there already",
        "users: 0 taken, 1 there already",
    ]
    (gateway,) = stage.gateways
    await gateway.start()
    async with asking(gateway.http_port) as api:
        networks = (await api.get("/networks")).gives(200)["items"]
        assert {(each["id"], each["name"], each["location"]) for each in networks} >= {
            ("0a1b2c3d4e5f60718293", "Main", "Office"),
            ("ffffffffffffffffffff", "North", "Depot"),
        }
        station = (await api.get("/csms/stations/CP0001")).gives(200)
        assert (station["name"], station["location"], station["network"]) == (
            "At the gate",
            "Yard",
            "ffffffffffffffffffff",
        )
        assert (station["vendor"], station["model"], station["serial"]) == ("Finch", "Sparrow", "S-1")
        shown = {(each["evse"], each["connector"]): each["status"] for each in station["connectors"]}
        assert shown == {(0, 0): "Unavailable", (1, 1): "Unavailable", (2, 1): "Unavailable"}
        chosen = {"invitation": invitation, "password": "correct horse battery"}
        (await api.post("/password", chosen)).gives(204)
        logged_in = (await api.post("/login", {"login": login, "password": chosen["password"]})).gives(200)
        assert logged_in["user"]["roles"] == {"*": "operator"}
        assert logged_in["user"]["person"] == "Ada Lovelace"
        await stage.refused("CP/2")
        charger = await stage.station("CP0001")
        assert (await charger.boot()).payload["status"] == "Accepted"

        async def statuses() -> dict[tuple[int, int], str]:
            there = (await api.get("/csms/stations/CP0001")).gives(200)["connectors"]
            return {(each["evse"], each["connector"]): each["status"] for each in there}

        assert await statuses() == {(0, 0): "Faulted", (1, 1): "Charging", (2, 1): "Available"}


@pytest.mark.parametrize("old", ["postgresql"], indirect=True)
async def test_a_gateway_that_runs_hears_of_it(old: Old, stage: Stage) -> None:
    """On PostgreSQL nothing need be stopped: a station that was refused is let in once it was imported."""
    (gateway,) = stage.gateways
    await gateway.start()
    assert (await stage.refused("CP0001")).status_code == 404
    await old.taken()

    async def let_in() -> None:
        while True:
            with suppress(Refused):
                await stage.station("CP0001")
                return
            await asyncio.sleep(0.05)

    await within(let_in(), "the station is let in")


@pytest.mark.parametrize("old", ["sqlite"], indirect=True)
async def test_nothing_is_half_done(old: Old, stage: Stage) -> None:
    """What is in the way of one part is in the way of all: nothing was imported, and that is said."""
    (gateway,) = stage.gateways
    await gateway.start()
    held = await old.taken()
    assert held.returncode == 2
    assert "another Voltgate has" in held.stderr
    assert held.stderr.rstrip().endswith("nothing was imported")
    await gateway.stop()
    text = gateway.file.read_text()
    gateway.file.write_text(text + "\n[claims]\nmost = 1\n")
    many = await old.taken()
    assert (many.returncode, "claims.most" in many.stderr) == (2, True), many.stderr
    gateway.file.write_text(text)
    planned = await old.taken("--dry-run")
    assert "stations: 2 to be taken, 0 there already" in planned.stdout


@pytest.mark.parametrize("old", ["sqlite"], indirect=True)
async def test_what_is_no_such_database(old: Old) -> None:
    """A database of something else, one that is away, and a URL that is none are refused with a sentence."""
    wrong = {
        old.server.url: "it has no table charge_points, connectors, networks, users",
        "postgresql://u:TOP-SECRET@127.0.0.1:1/x": "postgresql://u:***@127.0.0.1:1/x",
        "sqlite:///TOP-SECRET.db": "must start with postgresql://",
        "TOP-SECRET": "the URL is",
    }
    for url, told in wrong.items():
        done = await old.taken(url=url)
        assert done.returncode == 2, done.stderr
        assert told in done.stderr
    assert not (old.folder / "var").exists()
