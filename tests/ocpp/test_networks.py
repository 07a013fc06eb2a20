"""What counts as one address, and tables that forget what was put there longest ago."""

from collections import OrderedDict

import pytest

from voltgate.ocpp.networks import network_of, remember


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix:here", "unix:here"),
        ("", ""),
    ],
)
def test_what_counts_as_one_address(address: str, network: str) -> None:
    """An address of IPv4 is one; an IPv6 subscriber has 2⁶⁴ to guess from, which count as one."""
    assert network_of(address) == network


def test_a_table_forgets_what_was_put_there_longest_ago() -> None:
    """What is put there once more is put there last."""
    table: OrderedDict[str, int] = OrderedDict()
    for name in ("a", "b", "a", "c"):
        remember(table, name, 1, 2)
    assert list(table) == ["a", "c"]
