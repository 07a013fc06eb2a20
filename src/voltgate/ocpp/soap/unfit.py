"""Reasons for which a body or a payload cannot be converted."""

from __future__ import annotations

from dataclasses import dataclass


class Unfit(Exception):  # noqa: N818 - a fault of the far end; never leaves the codec
    """A body or payload does not have the shape of its type; the codec returns a Violation for it."""

    def __init__(self, code: str, description: str, path: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.path = path


class NoWord(Exception):  # noqa: N818 - as above
    """The version has no equivalent of a value; the codec returns a NoCounterpart for it."""


@dataclass(frozen=True, slots=True)
class NoCounterpart:
    """An operation or value that the version does not have: a request is answered NotSupported, or not sent."""

    version: str
    what: str
