"""The lock of a SQLite file, which belongs to one gateway: several on one database have no epochs but on PostgreSQL."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from sqlalchemy import URL

from voltgate.relay.records import StoreAway
from voltgate.store.address import SQLITE


class FileLock:
    """The right to work with a SQLite file. The system takes it back when the process ends, however it does.

    It is the lock of a file of its own beside the database: SQLite's are lost when anybody in the process closes that.
    """

    def __init__(self, database: Path) -> None:
        self._database = database
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take it, unless it is held already; the folder is made, for its owner alone: what people do stands in it.

        Raises StoreAway while another process has it, and OSError.
        """
        if self._descriptor is not None:
            return
        file = Path(f"{os.path.realpath(self._database)}-lock")  # whatever name it goes by
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = self._opened(file)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreAway(
                f"another Voltgate has {self._database}: stop it, or give this one a store.url of its own; "
                "several gateways on one database need PostgreSQL"
            ) from None
        except OSError as error:
            os.close(descriptor)
            raise StoreAway(f"{file} cannot be locked on this file system: {error.strerror}") from None
        self._descriptor = descriptor
        self._keep_to_owner(file)

    def _keep_to_owner(self, lock: Path) -> None:
        """Take from others what an older version, or somebody's umask, has let them read: keys and cards stand there.

        The files are made where they are not there yet: SQLite would let everybody read them.
        """
        beside = (Path(f"{os.path.realpath(self._database)}{suffix}") for suffix in ("-wal", "-shm", "-journal"))
        os.close(os.open(self._database, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        for each in (self._database, lock, *beside):
            if each.exists() and each.stat().st_mode & 0o077 and os.geteuid() in (0, each.stat().st_uid):
                each.chmod(each.stat().st_mode & 0o700)

    def _opened(self, file: Path) -> int:
        """Open the file, for its owner alone; one that is new is whose the database is."""
        like = self._database.stat() if self._database.exists() else None
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if like is not None and os.geteuid() == 0:  # whoever runs the gateway as root once locks nobody out
            os.fchown(descriptor, like.st_uid, like.st_gid)
        return descriptor

    def release(self) -> None:
        """Give it back, if it is held. The file stays: somebody else may be about to lock it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def lock_of(url: URL) -> FileLock | None:
    """Return the lock of a database; None if it is no file."""
    is_file = url.drivername == SQLITE and url.database != ":memory:"
    return FileLock(Path(str(url.database))) if is_file else None
