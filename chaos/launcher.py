"""`python -m chaos.launcher run -c FILE` is `voltgate run -c FILE` in surroundings that break.

Which of them are broken says standard input, in lines: the names of the moods, as a list in JSON. The first line is
awaited before Voltgate begins. Voltgate knows nothing of this.
"""

from __future__ import annotations

import io
import json
import os
import threading

_moods: frozenset[str] = frozenset()
_ERRORS = 2
"""The descriptor of standard error, which is the log."""


def main() -> None:
    """Run what stands on the command line."""
    orders = os.fdopen(0, closefd=False)
    log = _Log()
    _heed(orders.readline(), log)
    threading.Thread(target=_obey, args=(orders, log), daemon=True).start()
    from voltgate.cli import main as voltgate  # noqa: PLC0415 - what it reads at its import is replaced by now

    voltgate()


def _obey(orders: io.TextIOWrapper, log: _Log) -> None:
    for line in orders:
        _heed(line, log)


def _heed(line: str, log: _Log) -> None:
    global _moods  # noqa: PLW0603 - the surroundings of a process are global
    _moods = frozenset(json.loads(line))
    log.be_full("log full" in _moods)


class _Log:
    """Standard error, which may be a device that is full."""

    def __init__(self) -> None:
        self._good = os.dup(_ERRORS)
        self._full = os.open("/dev/full", os.O_WRONLY)

    def be_full(self, full: bool) -> None:
        os.dup2(self._full if full else self._good, _ERRORS)


if __name__ == "__main__":
    main()
