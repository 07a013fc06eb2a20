"""What every channel is, and how one says that a message did not get through."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Protocol
from urllib.parse import unquote

from voltgate.alerts.message import Message
from voltgate.alerts.plain import one_line

LONGEST_REASON = 300
"""Characters of a reason that are kept: the other side writes them."""
_SHORTEST_PART = 4
"""Characters of a part of an address that may be a secret."""


class Channel(Protocol):
    """One way to people. It has a deadline of its own, and is used by one task at a time or by several."""

    @property
    def settings(self) -> object:
        """What it goes by: equal settings make equal channels."""
        raise NotImplementedError

    async def send(self, message: Message) -> str:
        """Send a message, and return what is to be noted of it ("" for nothing). Raise ChannelFault if it failed."""
        raise NotImplementedError


class ChannelFault(Exception):  # noqa: N818 - "fault" is the word of the product
    """A message did not get through.

    `reason` is one line for people, without secrets. `lasting`: the other side has said for good that it takes no such
    message, as configured; to try again would only be refused again. All else may pass: a network, a server that is
    busy or away, a certificate that ended. `after` is how many seconds the other side asks to wait, None if it does
    not say.
    """

    def __init__(self, reason: str, *, lasting: bool = False, after: float | None = None) -> None:
        self.reason = one_line(reason, LONGEST_REASON)
        super().__init__(self.reason)
        self.lasting = lasting
        self.after = after


def parts_of(address: str) -> Iterator[str]:
    """Yield every part of an address, as written and as meant: each service keeps its secrets in another place."""
    for part in re.split(r"[/:@?&=,]+", address):
        if len(part) >= _SHORTEST_PART:
            yield from {part, unquote(part)}


def quoted(text: str, secrets: Iterable[str]) -> str:
    """Return what another side has said with secrets taken out of it, as one line of bounded length."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return one_line(text, LONGEST_REASON)
