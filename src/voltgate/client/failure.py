"""What ends a command: a sentence for a person, and an exit code for a script."""

from __future__ import annotations

REFUSED, OUT_OF_REACH = 1, 2


class Failure(Exception):  # noqa: N818 - it is how a command ends, and no fault of the program
    """A command that did not do what was asked; its text says why and what to do."""

    code = REFUSED


class Refused(Failure):
    """The API said no, or what was asked for is not there. `status` is the HTTP status; 0: it was not even asked."""

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


class OutOfReach(Failure):
    """The API could not be asked, or did not answer."""

    code = OUT_OF_REACH
