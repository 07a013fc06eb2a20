"""The simulator's commands, as a user types them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import VOLTGATE
from tests.simulator.world import DEADLINE

QUICKLY = ("--profile", "busy", "--impatient", "--echo", "--duration", "2")


@contextlib.asynccontextmanager
async def command(*words: str) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(*VOLTGATE, *words, stdout=PIPE, stderr=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def run(*words: str) -> tuple[int, str, str]:
    """Run a command to its end; gives exit code, output and errors."""
    async with command(*words) as process, asyncio.timeout(DEADLINE):
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()


async def line_of(process: Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(DEADLINE):
        return (await process.stdout.readline()).decode()


@contextlib.asynccontextmanager
async def backend(*options: str) -> AsyncIterator[tuple[Process, str]]:
    """Run `voltgate backend` on a free port."""
    async with command("backend", "--listen", "ws://127.0.0.1:0", *options) as process:
        said = await line_of(process)
        assert said.startswith("the stand-in backend listens on ws://127.0.0.1:")
        yield process, said.split()[-1]


async def ended(process: Process, number: signal.Signals) -> tuple[int | None, bytes, bytes]:
    process.send_signal(number)
    async with asyncio.timeout(DEADLINE):
        out, err = await process.communicate()
    return process.returncode, out, err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_backend_says_one_line_and_stops_well(number: signal.Signals) -> None:
    """`voltgate backend` prints where it listens and nothing more; SIGTERM and SIGINT end it with exit code 0."""
    async with backend() as (process, _):
        assert await ended(process, number) == (0, b"", b"")


async def test_simulate_is_content_with_an_honest_backend(tmp_path: Path) -> None:
    """Nothing wrong: exit code 0, and the summary agrees with what the backend wrote down."""
    record = tmp_path / "book.json"
    async with backend("--book", str(record), "--commands", "0.3") as (process, url):
        code, out, err = await run("simulate", url, "-n", "6", *QUICKLY, "--json", "--transactions", "9")
        told = json.loads(out)
        assert (code, told["failures"]) == (0, 0), (told["examples"], err)
        assert (await ended(process, signal.SIGTERM))[0] == 0
    written = json.loads(record.read_text())
    counts = told["transactions"]
    entries = [entry for station in written["stations"].values() for entry in station["transactions"]]
    assert set(written["stations"]) == {f"CP-{number:05d}" for number in range(1, 7)}
    assert counts["begun"] == counts["confirmed"] == len(entries) > 0
    assert all(entry["ended"] for entry in entries)
    assert told["sent"] == told["answered"] == sum(written["tally"]["commands"].values())
    assert set(told["latency_ms"]["all"]) == {"count", "mean", "p50", "p90", "p99", "p99.9", "max"}
    assert told["latency_ms"]["all"]["count"] == told["answered"]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (("--lie", "wrong-id"), "stray"),
        (("--lie", "doubled"), "doubled"),
        (("--lie", "malformed"), "malformed"),
        (("--lie", "payload"), "wrong"),
        (("--lie", "another"), "wrong"),
        (("--silent", "*"), "missing"),
        (("--delay", "1.5"), "late"),
        (("--babble", "0.1"), "stray"),
        (("--refuse", "503"), "rejected"),
        (("--hang-up", "0.5"), "dropped"),
    ],
)
async def test_simulate_finds_fault_with_a_bad_backend(options: tuple[str, ...], fault: str) -> None:
    """Whatever the far end does wrong, `voltgate simulate` counts it and ends with exit code 1."""
    async with backend(*options) as (_, url):
        words = ("simulate", url, "-n", "3", *QUICKLY, "--timeout", "0.5", "--json")
        code, out, _ = await run(*words)
    told = json.loads(out)
    assert (code, told["failures"] > 0) == (1, True)
    assert told["faults"][fault] > 0, told["faults"]
    assert told["examples"][fault]


async def test_what_is_tolerated_does_not_fail_a_run() -> None:
    """A run that expects its connections to be cut tolerates that, and nothing else."""
    async with backend("--hang-up", "0.5") as (_, url):
        words = ("simulate", url, "-n", "3", *QUICKLY, "--json")
        code, out, _ = await run(*words, "--tolerate", "dropped,late,rejected")
    told = json.loads(out)
    assert (code, told["failures"]) == (0, 0), told["examples"]
    assert told["faults"]["dropped"] > 0


async def test_the_summary_is_for_reading() -> None:
    """Without --json there is a table of latencies, and a sentence for each kind of count."""
    async with backend() as (_, url):
        code, out, err = await run("simulate", url, "-n", "3", *QUICKLY)
    assert code == 0, err
    for words in ("p99.9", "BootNotification", "calls sent", "transactions begun", "0 wrong, 0 missing, 0 late"):
        assert words in out


async def test_simulate_runs_until_it_is_stopped() -> None:
    """Without an end a simulation runs until a signal, and then finishes its transactions before it goes."""
    async with backend() as (_, url), command("simulate", url, *QUICKLY[:-1], "0", "--json") as process:
        async with asyncio.timeout(DEADLINE):
            assert process.stderr is not None
            assert b"stations on line" in await process.stderr.readline()
        code, out, _ = await ended(process, signal.SIGINT)
    told: Any = json.loads(out)
    assert code == 0, told["examples"]
    assert told["transactions"]["begun"] == told["transactions"]["confirmed"]


@pytest.mark.parametrize(
    ("words", "about"),
    [
        (("simulate", "http://x"), "ws://"),
        (("simulate", "ws://x", "--versions", "1.5"), "1.6"),
        (("simulate", "ws://x", "--profile", "nope"), "lively"),
        (("simulate", "ws://x", "-n", "0"), "stations"),
        (("simulate", "ws://x", "--ca", "/does/not/exist"), "/does/not/exist"),
        (("simulate", "ws://x", "--tolerate", "everything"), "dropped"),
        (("backend", "--listen", "127.0.0.1:9100"), "ws://127.0.0.1:9100"),
        (("backend", "--listen", "mqtt://127.0.0.1"), "amqp://"),
        (("backend", "--listen", "amqp://127.0.0.1/?queues=many"), "a number from 1 to 64, not many"),
        (("backend", "--listen", "amqp://127.0.0.1/?queues=0"), "a number from 1 to 64, not 0"),
        (("backend", "--lie", "a-lot"), "wrong-id"),
    ],
)
async def test_a_mistake_in_the_command_is_explained(words: tuple[str, ...], about: str) -> None:
    """A wrong option ends with exit code 2 and a sentence that helps, not with a stack trace."""
    code, _, err = await run(*words)
    assert code == 2
    assert about in err
    assert "Traceback" not in err


async def test_a_taken_port_is_explained() -> None:
    """A backend whose port is taken says so."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = await run("backend", "--listen", f"ws://127.0.0.1:{taken.getsockname()[1]}")
    assert code == 2
    assert "in use" in err
    assert "Traceback" not in err


async def test_the_demonstration_lives_and_stops() -> None:
    """`voltgate demo` runs gateway, backend and stations, says what listens where, and Ctrl-C ends it with 0."""
    async with command("demo", "-n", "6") as process:
        assert "listens for stations on ws://127.0.0.1:" in await line_of(process)
        http, token = "", ""
        while "faults" not in (line := await line_of(process)):
            http = line.split()[-1] if "Health" in line else http
            token = line.split()[-1] if "sign in with the token" in line else token
        assert len(Path(token).read_text().strip()) > 16
        assert line.endswith(" 0 faults\n")
        assert not line.startswith("0 stations")
        port = int(http.rsplit(":", 1)[1])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.0\r\n\r\n")
        async with asyncio.timeout(DEADLINE):
            assert b"200" in (await reader.readline())
        writer.close()
        code, out, err = await ended(process, signal.SIGINT)
    assert (code, err) == (0, b"")
    assert b" 0 faults" in out


async def test_two_demonstrations_run_beside_each_other() -> None:
    """When the usual ports are taken the demonstration takes others."""
    async with (
        command("demo", "-n", "2", "--duration", "1") as one,
        command("demo", "-n", "2", "--duration", "1") as two,
    ):
        async with asyncio.timeout(DEADLINE):
            results = await asyncio.gather(one.communicate(), two.communicate())
        for process, (out, err) in zip((one, two), results, strict=True):
            assert (process.returncode, err) == (0, b""), out
            assert b" 0 faults" in out
