"""Both ends of the pipe between the bench and its processes: one JSON object a line asks, one answers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import resource
import select
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import uvloop

from bench.machine import ROOT, Failure

Message = dict[str, Any]


def job() -> Message:
    """Give what this process was started with."""
    found: Message = json.loads(sys.argv[1])
    return found


def run(main: Callable[[], Awaitable[None]]) -> int:
    """Run a process of the bench: as many descriptors as allowed, no pauses for collections of garbage."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.freeze()
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, contextlib.suppress(KeyboardInterrupt):
        runner.run(_awaited(main))
    return 0


async def _awaited(main: Callable[[], Awaitable[None]]) -> None:
    await main()


def spin() -> None:
    """Keep the loop from sleeping: whoever writes to this process then never pays for waking it."""
    asyncio.get_running_loop().call_soon(spin)


async def serve(answer: Callable[[Message], Awaitable[Message]]) -> None:
    """Say that this process is ready, then answer each line until the bench closes the pipe."""
    loop = asyncio.get_running_loop()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    if job()["spin"]:
        spin()
    print(json.dumps({"ready": True}), flush=True)
    while line := await lines.readline():
        print(json.dumps(await answer(json.loads(line))), flush=True)


class Worker:
    """A process of the bench, seen from the bench."""

    def __init__(self, module: str, task: Message, cores: Sequence[int]) -> None:
        command = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m", module, json.dumps(task)]
        self._module = module
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._rest = b""

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def ready(self, seconds: float = 20.0) -> None:
        """Wait until it is."""
        self.hear(seconds)

    def ask(self, message: Message, seconds: float = 30.0) -> Message:
        """Say something and hear the answer."""
        self.say(message)
        return self.hear(seconds)

    def say(self, message: Message) -> None:
        """Say something whose answer is heard later."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def hear(self, seconds: float) -> Message:
        """Wait for one answer, `seconds` at most."""
        assert self._process.stdout is not None
        until = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, until - time.monotonic()))
            data = os.read(self._process.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise Failure(f"{self._module} said nothing for {seconds:.0f} s, or has ended")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        found: Message = json.loads(line)
        return found

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        if self._process.stdout is not None:
            self._process.stdout.close()
