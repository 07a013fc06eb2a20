"""Unfit and NoCounterpart: what keeps a body from becoming a payload, or a payload a body."""

from __future__ import annotations

from dataclasses import dataclass


class Unfit(Exception):  # noqa: N818 - what the far end sent does not fit; inside the codec only
    """A body or payload is not of its shape; the codec answers with a Violation instead."""

    def __init__(self, code: str, description: str, path: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.path = path


class NoWord(Exception):  # noqa: N818 - as above
    """The version has no word for a value; the codec answers with a NoCounterpart instead."""


@dataclass(frozen=True, slots=True)
class NoCounterpart:
    """What was to be said does not exist in that version: to be answered NotSupported, or not to be sent."""

    version: str
    what: str
