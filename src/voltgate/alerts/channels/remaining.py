"""To whom a message has yet to go, after it got through to some."""

from __future__ import annotations

from collections import OrderedDict

MOST = 1000
"""Messages that are remembered. One that is forgotten goes to everybody again, as after a restart."""


class Remaining:
    """The recipients that a message has still to reach, by the id of the message."""

    def __init__(self) -> None:
        self._recipients: OrderedDict[str, tuple[str, ...]] = OrderedDict()

    def of(self, id: str, everybody: tuple[str, ...]) -> tuple[str, ...]:  # noqa: A002 - as in Message
        """Return whom a message has still to reach: everybody, unless some have it."""
        return self._recipients.get(id, everybody)

    def keep(self, id: str, recipients: tuple[str, ...]) -> None:  # noqa: A002
        """Remember that a message has reached all but these."""
        self._recipients[id] = recipients
        if len(self._recipients) > MOST:
            self._recipients.popitem(last=False)

    def forget(self, id: str) -> None:  # noqa: A002
        """Forget a message that is done with."""
        self._recipients.pop(id, None)
