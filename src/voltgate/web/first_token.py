"""The first token: if none is configured, one is kept in a file that only the gateway's own user can read."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from voltgate.web.bearer import fresh

NAME = "admin-token"
SHORTEST = 16
"""Characters that a token made by a person has at least."""
_LONGEST = 4096


def first_token(folder: Path) -> str:
    """Return the token of `folder`/admin-token, or make it, atomically.

    Two processes that start at once agree on one. Raises OSError: it cannot be made, or others can read it.
    """
    file = folder / NAME
    if not os.path.lexists(file):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(file)
    return _read(file)


def _make(file: Path) -> None:
    draft = file.with_name(f".{NAME}.{secrets.token_hex(8)}")
    try:
        _write(draft, f"{fresh()}\n")
        os.link(draft, file)
    except FileExistsError:
        return  # another process was first: its token counts
    finally:
        draft.unlink(missing_ok=True)


def _write(file: Path, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(descriptor)


def _read(file: Path) -> str:
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        objection = _objection(os.fstat(descriptor))
        token = opened.read(_LONGEST).strip() if objection is None else b""
    if objection is None and (len(token) < SHORTEST or any(not 0x21 <= byte <= 0x7E for byte in token)):
        objection = "holds no token: remove it, and the next start makes a new one"
    if objection is not None:
        raise OSError(f"{file} {objection}")
    return token.decode("ascii")


def _objection(status: os.stat_result) -> str | None:
    """Return why a file may be readable by others than its owner; None if it is not."""
    if not stat.S_ISREG(status.st_mode):
        return "is not a file"
    if status.st_uid not in (os.geteuid(), 0):
        return "belongs to somebody else"
    if status.st_mode & 0o077:
        return "can be read by others: chmod 600"
    return None
