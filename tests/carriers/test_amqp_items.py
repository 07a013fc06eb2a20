"""What a message of AMQP holds: what is read of one that somebody else has written."""

from __future__ import annotations

import pytest

from voltgate.carriers.amqp.items import MOST_READ, join, split

CALL = b'{"station":"CP-1","message":[2,"1","Heartbeat",{}]}'


@pytest.mark.parametrize("odd", [b"1", b"{}", b'{"station":1}'])
def test_what_is_odd_keeps_nothing_else_from_being_read(odd: bytes) -> None:
    """It is counted."""
    found, unread = split(join([CALL, odd, CALL]))
    assert ([item.station for item in found], unread) == (["CP-1", "CP-1"], 1)


@pytest.mark.parametrize("last", [CALL, b"1"])
def test_a_message_with_too_many_items(last: bytes) -> None:
    """It is not read: each item costs a gateway more than it costs whoever writes it, and all its stations wait."""
    found, unread = split(join([CALL] * (MOST_READ - 1) + [last]))
    assert len(found) + unread == MOST_READ
    assert split(join([CALL] * MOST_READ + [last])) == ([], 1)
