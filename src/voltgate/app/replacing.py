"""Replaces a file that somebody may be reading: it is the old one or the new one, whole, also after a crash."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

PREVIOUS = ".previous"
"""What the name of a file ends with that keeps what stood in another one before."""


@contextlib.contextmanager
def alone(file: Path) -> Iterator[None]:
    """Wait until no other process replaces a file of this folder, and keep them off. Raise OSError."""
    folder = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def objection(file: Path) -> str:
    """Return why a file cannot be replaced, as far as that can be told without trying; "" if it may be."""
    if not os.access(file, os.W_OK):
        return f"{file} is not writable for the gateway"
    if not os.access(file.parent, os.W_OK):
        return f"no file can be made in {file.parent}, which takes that to change one as a whole"
    if os.path.ismount(file):
        return f"{file} is mounted by itself: mount its folder instead"
    return ""


def replace(file: Path, content: bytes, *, keep: bool = False) -> None:
    """Put other content into a file: its mode and owner stay. With `keep` the former one stays beside it.

    Raise OSError; then the file is as it was.
    """
    like = file.stat()
    if keep:
        _put(file.with_name(file.name + PREVIOUS), file.read_bytes(), like)
    _put(file, content, like)


def _put(file: Path, content: bytes, like: os.stat_result) -> None:
    new = file.with_name(f".{file.name}.{uuid4().hex}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as output:
            owner = os.fstat(descriptor)
            if (owner.st_uid, owner.st_gid) != (like.st_uid, like.st_gid):
                os.fchown(descriptor, like.st_uid, like.st_gid)
            os.fchmod(descriptor, stat.S_IMODE(like.st_mode))
            output.write(content)
            output.flush()
            os.fsync(descriptor)
        os.replace(new, file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
    _sync(file.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
