"""`python -m chaos.launcher run -c FILE` is `voltgate run -c FILE` in surroundings that break.

Which of them are broken says standard input, in lines: the names of the faults, as a list in JSON. The first line is
awaited before Voltgate begins. Voltgate knows nothing of this.
"""

from __future__ import annotations

import io
import json
import os
import socket
import sqlite3
import threading
import time
from functools import partial
from typing import Any, ClassVar

NAMES = ".chaos.test"
"""The end of the names that only this resolver knows. Each of them is this machine."""
GOOD, DEAD = "127.0.0.1", "127.0.0.2"
"""The address behind every name, and one that swallows what is sent to it."""
_KEPT = 1.0
"""Seconds for which Voltgate keeps what it has looked up: within its usual 30 a run would be over."""
_HANGS = 5.0
"""Seconds that the libraries of most systems wait for an answer."""
_JUMP = 60 * 86400.0
"""Seconds by which a clock is wrong: more than anything is kept by default."""
_ERRORS = 2
"""The descriptor of standard error, which is the log."""


def main() -> None:
    """Run what stands on the command line."""
    orders, surroundings = os.fdopen(0, closefd=False), Surroundings()
    surroundings.heed(orders.readline())
    threading.Thread(target=_obey, args=(orders, surroundings), daemon=True).start()
    _Connection.surroundings = surroundings
    socket.getaddrinfo = surroundings.look_up
    time.time = surroundings.wall
    sqlite3.connect = partial(sqlite3.connect, factory=_Connection)  # type: ignore[assignment]
    from voltgate.carriers.websocket import resolver  # noqa: PLC0415 - what they take at their import is replaced by now

    _, *others = resolver.Resolver.__init__.__defaults__ or ()
    resolver.Resolver.__init__.__defaults__ = (_KEPT, *others)  # before there is one
    from voltgate.cli import main as voltgate  # noqa: PLC0415

    voltgate()


def _obey(orders: io.TextIOWrapper, surroundings: Surroundings) -> None:
    for line in orders:
        surroundings.heed(line)


class _Connection(sqlite3.Connection):
    """A connection to SQLite, whose disk may be read-only."""

    surroundings: ClassVar[Surroundings]
    _read_only = False

    def cursor(self, *more: Any) -> Any:
        """See sqlite3. Every statement begins with this."""
        cursor = super().cursor(*more)
        if self._read_only != ("database read-only" in self.surroundings.broken):
            self._read_only = not self._read_only
            cursor.execute(f"PRAGMA query_only = {self._read_only:d}")
        return cursor


class Surroundings:
    """What a process finds around itself. `broken` are the faults at the moment, by the names of the plan."""

    def __init__(self) -> None:
        self.broken: frozenset[str] = frozenset()
        self._changed = threading.Condition()
        self._good_log = os.dup(_ERRORS)
        self._full = os.open("/dev/full", os.O_WRONLY)
        self._looked_up: set[str] = set()
        self._time = time.time
        self._ask = socket.getaddrinfo
        self._stood = self._time()

    def heed(self, line: str) -> None:
        """Be as a line says."""
        with self._changed:
            was, self.broken = self.broken, frozenset(json.loads(line))
            if "clock stands" not in was:
                self._stood = self._time()
            self._changed.notify_all()
        os.dup2(self._full if "log full" in self.broken else self._good_log, _ERRORS)

    def wall(self) -> float:
        """Stand in for `time.time`. What a log says is right all the same: that is read off another clock."""
        now = self._stood if "clock stands" in self.broken else self._time()
        return now + _JUMP * ("clock ahead" in self.broken) - _JUMP * ("clock back" in self.broken)

    def look_up(self, host: Any, port: Any, *rest: Any, **more: Any) -> list[Any]:
        """Stand in for `socket.getaddrinfo`. One that is away was there when a process asked for a name first."""
        if not str(host).endswith(NAMES):
            return self._ask(host, port, *rest, **more)
        hung = "resolver hangs" in self.broken and not self._is_heard_again()
        if hung or ("resolver away" in self.broken and host in self._looked_up):
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        self._looked_up.add(host)
        addresses = (DEAD, GOOD) if "first address dead" in self.broken else (GOOD,)
        return [found for each in addresses for found in self._ask(each, port, *rest, **more)]

    def _is_heard_again(self) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: "resolver hangs" not in self.broken, _HANGS)


if __name__ == "__main__":
    main()
