"""Builds the dashboard into the wheel and the sdist: hatchling's custom build hook.

Nothing is done where the built files are those of the sources, as in an sdist: Node.js is asked for only when it is
needed. `VOLTGATE_NO_UI=1` leaves the dashboard out.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).parent / "scripts"))

import dashboard


class Dashboard(BuildHookInterface[Any]):
    """The build of `web/ui/` into `src/voltgate/web/dashboard/`."""

    def dependencies(self) -> list[str]:
        """Return what the build needs: Node.js, where there is something to build."""
        return [] if _left_out() or dashboard.is_built() else [dashboard.NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the dashboard, or leave it out."""
        if _left_out():
            dashboard.remove()
        else:
            dashboard.build()


def _left_out() -> bool:
    return os.environ.get("VOLTGATE_NO_UI", "") not in ("", "0")
