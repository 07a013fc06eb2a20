"""Whether gateways are back to where they were: the descriptors and the memory that they hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from chaos.records import Look

_KEPT = 7
"""Connections that a gateway keeps open without any charger: five to its database for the next who needs one, one on
which it hears from the other gateways, and one to the broker."""
_GROWTH = 16 << 20
"""Bytes by which a process may grow over one fault."""
_AT_WORK = 4.0
"""Seconds of a processor after which a process has what it takes to be at work at all: that is no growth."""


def left_open(looks: Sequence[Look]) -> Iterator[str]:
    """Say which gateways have more descriptors open in the end, when no charger is there, than before the first came.

    What is explained is let be: links that their backends have too, and what is kept open.
    """
    for number, of_one in _by_gateway(looks):
        before = next((look for look in of_one if look.what == "before"), None)
        after = of_one[-1]
        if before is not None and after.what == "after" and after.open - after.explained > before.open + _KEPT:
            yield (
                f"gateway {number} has {after.open} descriptors open in the end, {after.explained} of them explained; "
                f"before there were {before.open}"
            )


def grown(looks: Sequence[Look]) -> Iterator[str]:
    """Say which processes have grown from one fault to the next."""
    for number, of_one in _by_gateway(looks):
        at_work = [look for look in of_one if look.worked > _AT_WORK]
        for former, look in pairwise(at_work):
            if former.life == look.life and look.memory > former.memory + _GROWTH:
                sizes = f"{former.memory >> 20} to {look.memory >> 20} MiB"
                yield f"gateway {number} has grown from {sizes} between {former.what} and {look.what}"


def _by_gateway(looks: Sequence[Look]) -> Iterator[tuple[int, list[Look]]]:
    ordered = sorted(looks, key=lambda look: (look.gateway, look.at))
    for number, group in groupby(ordered, key=lambda look: look.gateway):
        yield number, list(group)
