"""What is said of two listeners is what the system does with them."""

from __future__ import annotations

import errno
import itertools
import socket

import pytest

from tests.harness.ports import free_port
from voltgate.carriers.websocket.sockets import KeepAlive, addresses, listening
from voltgate.config.hosts import overlap

HOSTS = ("0.0.0.0", "::", "127.0.0.1", "127.0.0.2", "::1", "localhost")


def _here(host: str) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        try:
            sock.bind((host, 0))
        except OSError:
            return False
        return True


@pytest.mark.parametrize(("first", "second"), list(itertools.product(HOSTS, HOSTS)))
async def test_hosts_overlap_where_binding_both_fails(first: str, second: str) -> None:
    """Wildcards, names and addresses of both families: the check says what binding them would."""
    if not (_here(first) and _here(second)):
        pytest.skip("this machine lacks one of them")
    port = free_port()
    taken = [listening(*each, port, False, KeepAlive()) for each in await addresses(first, port)]
    try:
        for sock in taken:
            sock.listen()
        clash = False
        for each in await addresses(second, port):
            try:
                with listening(*each, port, False, KeepAlive()) as sock:
                    sock.listen()
            except OSError as error:
                clash = error.errno == errno.EADDRINUSE
    finally:
        for sock in taken:
            sock.close()
    assert overlap(first, second) is clash


@pytest.mark.parametrize("host", HOSTS)
async def test_an_http_wildcard_of_ipv6_takes_ipv4_as_well(host: str) -> None:
    """The API's listener on `[::]` is there for both families, unlike one for stations."""
    if not (_here("::") and _here(host)):
        pytest.skip("this machine lacks one of them")
    port = free_port()
    with socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True):
        for each in await addresses(host, port):
            with pytest.raises(OSError, match="in use"):
                listening(*each, port, False, KeepAlive()).listen()
    assert overlap("::", host, mapped=True)
