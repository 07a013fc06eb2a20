"""Sizes: how many bytes rows take, as far as that is bounded."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func

from voltgate.relay.records import ROW
from voltgate.store.tables import owed


def owed_size() -> Any:
    """Select the bytes of what is owed."""
    return func.coalesce(func.sum(func.length(owed.c.payload)), 0) + ROW * func.count()
