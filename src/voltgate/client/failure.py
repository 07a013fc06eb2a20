"""What ends a command: a sentence for a person, and an exit code for a script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFUSED, OUT_OF_REACH = 1, 2


class Failure(Exception):  # noqa: N818 - it is how a command ends, and no fault of the program
    """A command that did not do what was asked; its text says why and what to do."""

    code = REFUSED


class Refused(Failure):
    """The API said no, or what was asked for is not there.

    `status` is the HTTP status, 0 when it was not even asked; `members` are what the problem document says.
    """

    def __init__(self, sentence: str, status: int = 0, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.members = members or {}


class OutOfReach(Failure):
    """The API could not be asked, or did not answer."""

    code = OUT_OF_REACH
