"""The name of a process as the holder of leases."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PROCESSES = Path("/proc/self/ns/pid")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process. `place` is where its `pid` means something, "" if that cannot be told; `name` is random."""

    place: str
    pid: int
    name: str

    @property
    def text(self) -> str:
        """The whole, as it stands in the database."""
        return f"{self.place}/{self.pid}/{self.name}"

    def outlives(self, other: str) -> bool:
        """Return whether another holder is known to be dead: one of this place whose process is gone."""
        place, pid, name = other.rsplit("/", 2)
        if not self.place or place != self.place or not pid.isdecimal():
            return False
        return name != self.name if int(pid) == self.pid else not _is_alive(int(pid))


def this_process() -> Holder:
    """Name this process anew. Its place is the machine since its start, and the namespace that process ids count in."""
    place = ""
    with suppress(OSError):
        place = f"{socket.gethostname()}/{_BOOT.read_text().strip()}/{_PROCESSES.stat().st_ino}"
    return Holder(place, os.getpid(), uuid4().hex)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
