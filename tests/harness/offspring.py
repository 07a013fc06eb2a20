"""Gateways begun quickly: each is a process of its own, forked from one that has imported everything and runs nothing.

What a process imports takes most of a second of its own; a scenario that starts a gateway is not about that.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn, Protocol

_FORKING = multiprocessing.get_context("forkserver")
_FORKING.set_forkserver_preload(["voltgate.app", "voltgate.cli", "tests.harness.offspring", "tests.harness.preloaded"])


class Child(Protocol):
    """What is asked of a process that was started."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def returncode(self) -> int | None:
        """The exit code once it is known that the process has ended; minus the signal that ended it."""

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal."""


class Offspring:
    """`voltgate` with some arguments, as a forked process whose output is added to a file."""

    def __init__(self, arguments: Sequence[str], folder: Path, output: Path, environment: Mapping[str, str]) -> None:
        given = (list(arguments), str(folder), str(output), dict(environment))
        self._process = _FORKING.Process(target=_be_voltgate, args=given, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or None while the process runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def _be_voltgate(arguments: list[str], folder: str, output: str, environment: dict[str, str]) -> NoReturn:
    """Become what the command would be."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path, mode in ((0, os.devnull, os.O_RDONLY), (1, output, os.O_WRONLY | os.O_APPEND | os.O_CREAT)):
        opened = os.open(path, mode, 0o644)
        os.dup2(opened, descriptor)
        os.close(opened)
    os.dup2(1, 2)
    sys.argv = ["voltgate", *arguments]
    from voltgate.cli import main

    try:
        main()
        sys.exit(0)
    finally:
        atexit._run_exitfuncs()  # a forked process ends without them; the last lines of the log are theirs
