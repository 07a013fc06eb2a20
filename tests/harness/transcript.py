"""The transcript of a scenario: what every scripted end sent and received."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that an end sent (`→`) or received (`←`)."""

    at: float
    end: str
    direction: str
    text: str

    def __str__(self) -> str:
        shown = self.text if len(self.text) <= 300 else f"{self.text[:280]}… ({len(self.text)} characters)"
        return f"{self.at:9.3f}  {self.end:<24} {self.direction} {shown}"


class Transcript:
    """What all ends of one scenario sent and received, in order."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._start = time.monotonic()

    def note(self, end: str, direction: str, text: str) -> None:
        """Add a line."""
        self.lines.append(Line(time.monotonic() - self._start, end, direction, text))

    def got(self, end: str) -> list[str]:
        """Return what an end received, in order."""
        return [line.text for line in self.lines if line.end == end and line.direction == "←"]

    def sent(self, end: str) -> list[str]:
        """Return what an end sent, in order."""
        return [line.text for line in self.lines if line.end == end and line.direction == "→"]

    def __str__(self) -> str:
        shown = self.lines[-60:]
        skipped = [f"({len(self.lines) - len(shown)} earlier lines)"] if len(shown) < len(self.lines) else []
        return "\n".join([*skipped, *map(str, shown)]) or "(nothing was sent)"
