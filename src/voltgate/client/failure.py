"""The exceptions that end a command: a sentence for a person, and an exit code for a script."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFUSED, OUT_OF_REACH = 1, 2


class Failure(Exception):  # noqa: N818 - it is how a command ends, not an error of the program
    """A command that failed; its text says why and what to do."""

    code = REFUSED


class Refused(Failure):
    """The API refused, or what was asked for does not exist.

    `status` is the HTTP status, 0 if no request was made; `members` are those of the problem document.
    """

    def __init__(self, sentence: str, status: int = 0, members: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.members = members or {}


class OutOfReach(Failure):
    """The API could not be reached, or did not answer."""

    code = OUT_OF_REACH
