"""Free TCP ports, each of them reserved on this machine for one test process."""

from __future__ import annotations

import random
import socket

_locks: list[socket.socket] = []


def free_port() -> int:
    """Return a TCP port that is free, and that no other test process of this machine is given before `release_ports`.

    It is below the ephemeral range, so that no outgoing connection takes it in the meantime.
    """
    for _ in range(1000):
        port = random.randint(10240, 32000)
        lock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            lock.bind(f"\0voltgate-test-port-{port}")
        except OSError:
            lock.close()
            continue
        if _is_free(port):
            _locks.append(lock)
            return port
        lock.close()
    raise AssertionError("no free port on this machine")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def release_ports() -> None:
    """Release every port that this process has reserved; called between tests."""
    while _locks:
        _locks.pop().close()
