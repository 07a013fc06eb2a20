"""What is dropped or mended on connections, counted."""

from __future__ import annotations


class Counts:
    """What turns drop or mend, counted. One object may serve many connections."""

    __slots__ = (
        "complaints_dropped", "faults", "late", "malformed", "minted", "noise", "overloaded", "undeliverable",
        "unknown", "unknown_types",
    )  # fmt: skip

    def __init__(self) -> None:
        for kind in self.__slots__:
            setattr(self, kind, 0)

    late: int
    unknown: int
    malformed: int
    noise: int
    unknown_types: int
    undeliverable: int
    overloaded: int
    minted: int
    complaints_dropped: int
    faults: int


FAULTS = Counts()
"""Second answers to one call, process-wide: a fault of ours wherever it happens."""
