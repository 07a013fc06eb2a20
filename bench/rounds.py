"""Statistics over rounds: medians, and ratios to a reference that was measured in the same round."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence


def percentile(ordered: Sequence[float], part: float) -> float:
    """Give the value that `part` (0 to 1) of the ordered values do not exceed (nearest rank); NaN without values."""
    if not ordered:
        return math.nan
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """Give the median; NaN without values."""
    return statistics.median(values) if values else math.nan


def ratio(values: Mapping[int, float], reference: Mapping[int, float]) -> float:
    """Give the median over rounds of value ÷ reference of the same round; NaN when no round has both."""
    return median([value / reference[number] for number, value in values.items() if reference.get(number)])
