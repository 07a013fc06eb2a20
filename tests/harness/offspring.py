"""Gateways and commands begun quickly: each is a process of its own, forked from one that has imported everything.

What a process imports takes most of a second of its own; a test that starts a gateway or types a command is not about
that.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
import tempfile
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
        given = (list(arguments), str(folder), (os.devnull, str(output), str(output)), dict(environment))
        self._process = _FORKING.Process(target=_be_voltgate, args=given, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self._code: int | None = None

    @property
    def returncode(self) -> int | None:
        """The exit code, or None while the process runs."""
        if self._code is None and (code := self._process.exitcode) is not None:
            self._code = code
            self._process.close()  # its descriptor: collected as garbage they would become more than `select` takes
        return self._code

    def poll(self) -> int | None:
        """Return the exit code, or None while the process runs."""
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, if the process still runs."""
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)


def ended(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], stdin: bytes, seconds: float
) -> tuple[int, bytes, bytes]:
    """Run `voltgate` with some arguments to its end; return its exit code, what it wrote, and what it complained of."""
    with tempfile.TemporaryDirectory() as place:
        files = [Path(place, name) for name in ("stdin", "stdout", "stderr")]
        files[0].write_bytes(stdin)
        given = (list(arguments), str(folder), tuple(map(str, files)), dict(environment))
        process = _FORKING.Process(target=_be_voltgate, args=given, daemon=True)
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise AssertionError(f"voltgate {' '.join(arguments)} did not end within {seconds:.0f} s")
        code = process.exitcode
        process.close()
        return code, files[1].read_bytes(), files[2].read_bytes()


def _be_voltgate(
    arguments: list[str], folder: str, streams: tuple[str, str, str], environment: dict[str, str]
) -> NoReturn:
    """Become what the command would be, with files in the place of its standard streams."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for descriptor, path in enumerate(streams):
        mode = os.O_RDONLY if descriptor == 0 else os.O_WRONLY | os.O_APPEND | os.O_CREAT
        opened = os.open(path, mode, 0o644)
        if opened != descriptor:
            os.dup2(opened, descriptor)
            os.close(opened)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - it lasts as long as the process
    sys.argv = ["voltgate", *arguments]
    from voltgate.cli import main

    try:
        main()
        sys.exit(0)
    finally:
        atexit._run_exitfuncs()  # a forked process ends without them; the last lines of the log are theirs
