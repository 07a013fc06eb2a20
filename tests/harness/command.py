"""The command under test."""

from __future__ import annotations

import sys
from pathlib import Path


def _voltgate() -> list[str]:
    beside = Path(sys.executable).parent / "voltgate"
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "voltgate"]


VOLTGATE = _voltgate()
"""The command under test."""
