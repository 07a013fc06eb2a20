"""Hands a mail to a program of the machine, as sendmail, postfix and others bring it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from collections.abc import Sequence
from typing import IO

from voltgate.alerts.channels.channel import ChannelFault, quoted

_LASTING = {
    64: "it was called wrongly",
    65: "it does not take such a message",
    67: "the recipient is not known",
    68: "the host of the recipient is not known",
    77: "we may not",
    78: "it is configured wrongly",
}
"""Exit codes after which the same mail is refused again (sysexits.h): all others may pass."""
_KEPT = ("HOME", "LANG", "LOGNAME", "PATH", "TZ", "USER")
"""The variables that it gets: ours may hold secrets."""
_SAID = 200
"""Bytes at the end of what it says that are read."""


async def sendmail(program: str, sender: str, recipients: Sequence[str], mail: bytes) -> None:
    """Hand a mail over. Raise ChannelFault. Whoever cancels this kills the program with all that it started.

    The mail is a file, as a program that ends without having read it is no fault. What it says goes to a file, too: it
    may leave a process behind that delivers, and that would hold a pipe open.
    """
    with tempfile.TemporaryFile() as letter, tempfile.TemporaryFile() as said:
        letter.write(mail)
        letter.seek(0)
        code = await _run(_command(program, sender, recipients), letter, said)
        if code == 0:
            return
        size = said.seek(0, os.SEEK_END)
        said.seek(max(0, size - _SAID))
        words = quoted(said.read().decode(errors="replace"), ())
    reason = ": ".join(filter(None, (_LASTING.get(code, ""), words))) or "no reason was given"
    raise ChannelFault(f"{program} ended with {code}: {reason}", lasting=code in _LASTING)


def _command(program: str, sender: str, recipients: Sequence[str]) -> list[str]:
    """Return what is called; `-i`: a line with one dot is no end of the mail."""
    return [program, "-i", "-f", sender, "--", *recipients]


async def _run(command: Sequence[str], letter: IO[bytes], said: IO[bytes]) -> int:
    environment = {name: value for name, value in os.environ.items() if name in _KEPT}
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=letter,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=said,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise ChannelFault(f"{command[0]} cannot be run: {error.strerror or error}") from None
    try:
        return await process.wait()
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
