"""What the dashboard weighs."""

from __future__ import annotations

import re

from voltgate.web.ui import BUILT

MOST = 400_000
"""Bytes, compressed by gzip."""


def test_the_first_load_is_small() -> None:
    """What a browser loads before it shows anything, compressed by gzip, stays below 400 kB; pages come when opened."""
    page = (BUILT / "index.html").read_text()
    loaded = re.findall(r'(?:src|href)="\./(assets/[^"]+\.(?:js|css))"', page)
    assert len(loaded) >= 2
    sizes = {name: (BUILT / f"{name}.gz").stat().st_size for name in loaded}
    assert sum(sizes.values()) < MOST, sizes
    assert len(list((BUILT / "assets").glob("*.js"))) > len(loaded)
