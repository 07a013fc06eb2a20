"""The clients against two real APIs of one cluster: whichever is asked, it is the same to whoever types."""

from __future__ import annotations

import asyncio
import contextlib
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

from tests.client.counterpart import Ended, environment
from tests.harness import VOLTGATE, until, within
from tests.web.cluster import Member, answers, asked, cluster


@contextlib.asynccontextmanager
async def typing(folder: Path, member: Member, *words: str) -> AsyncIterator[Process]:
    """Type a command that asks one gateway."""
    env = environment(folder, VOLTGATE_URL=member.url, VOLTGATE_TOKEN=member.token)
    process = await asyncio.create_subprocess_exec(*VOLTGATE, *words, stdout=PIPE, stderr=PIPE, env=env, cwd=folder)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def typed(folder: Path, member: Member, *words: str) -> Ended:
    """Type a command, and wait for its end."""
    async with typing(folder, member, *words) as process:
        out, err = await within(process.communicate(), f"voltgate {' '.join(words)} ends", 60)
        assert process.returncode is not None
        return Ended(process.returncode, out.decode(), err.decode())


async def test_every_command_from_any_gateway(tmp_path: Path) -> None:
    """A station at one gateway is listed, called, heard and drained by commands that ask the other."""
    async with cluster("n1", "n2") as two:
        n1 = two["n1"]
        station = await two["n2"].comes("CP2")
        listed = await typed(tmp_path, n1, "stations", "--connected")
        assert [line.split()[-1] for line in listed.out.splitlines()] == ["node", "n2"]
        assert "n2" in (await typed(tmp_path, n1, "sessions", "CP2")).out
        async with typing(tmp_path, n1, "tail", "CP2") as tail:
            await until(lambda: two["n2"].queries.taps.concern("cp2"), "n2 is listened to")
            sent = asyncio.ensure_future(typed(tmp_path, n1, "send", "CP2", "ClearCache"))
            await asked(station)
            assert answers(station, {"status": "Accepted"}) == ["ClearCache", {}]
            assert "Accepted" in (await sent).out
            assert tail.stdout is not None
            line = (await within(tail.stdout.readline(), "a line of the tail", 60)).decode()
            assert "ClearCache" in line
            assert "Accepted" in line
        away = await typed(tmp_path, n1, "send", "CP1", "ClearCache")
        assert (away.code, away.err) == (1, "voltgate: The station is not connected\n")
        assert "n2" in (await typed(tmp_path, n1, "nodes")).out
        assert (await typed(tmp_path, n1, "drain", "n2", "--spread", "5")).code == 0
        await until(lambda: two["n2"].drained == [5], "n2 is drained")
        unknown = await typed(tmp_path, n1, "drain", "n3")
        assert (unknown.code, unknown.err) == (1, "voltgate: There is no node n3. There are n1, n2\n")
        assert two["n2"].post is not None
        two["n2"].post.silent = True
        assert "do not answer: n2" in (await typed(tmp_path, n1, "stations")).err
