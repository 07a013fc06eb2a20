"""What only shows when the whole configuration is seen: names that lead nowhere, contradictions."""

from __future__ import annotations

from collections.abc import Iterator

from voltgate.config.draft import Draft, Finding


def check(draft: Draft) -> Iterator[Finding]:
    """Find what is wrong (and, marked as warnings, what is doubtful) across `draft`, in the file's own positions."""
    yield from ()
