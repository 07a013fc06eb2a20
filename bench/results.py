"""What a run has found: samples by measurement, and the figures that tables are made of."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.phases import Sample
from bench.rounds import median, ratio


@dataclass(slots=True)
class Results:
    """All samples of a run. Measurements are `load`, `pace`, `ws` and `wss`."""

    samples: dict[str, list[Sample]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    rejected: int = 0
    """Windows that were measured again because the core was shared."""
    dropped: int = 0
    """Windows of latency that were spoilt each time they were measured, and are not used."""
    rate: float = math.nan
    """Calls a second at which latency was measured."""
    collection: float = math.nan
    """Seconds of a full collection of garbage in Voltgate, with `collected` idle stations."""
    collected: int = 0

    functions: list[tuple[str, float]] = field(default_factory=list)
    """Voltgate's functions with their own share of its time under load."""
    libraries: list[tuple[str, float]] = field(default_factory=list)
    """The kernel, the interpreter and libraries with theirs."""

    soap_functions: list[tuple[str, float]] = field(default_factory=list)
    soap_libraries: list[tuple[str, float]] = field(default_factory=list)
    """The same under SOAP calls."""

    def add(self, measurement: str, sample: Sample) -> None:
        """Keep a sample."""
        self.samples.setdefault(measurement, []).append(sample)

    def of(self, measurement: str, contender: str, figure: str) -> dict[int, float]:
        """Give a figure of a contender, by round."""
        found = [s for s in self.samples.get(measurement, []) if s.contender == contender and figure in s.figures]
        return {sample.round: sample.figures[figure] for sample in found}

    def median(self, measurement: str, contender: str, figure: str) -> float:
        """Give the median of a figure over the rounds; NaN when there is none."""
        return median(list(self.of(measurement, contender, figure).values()))

    def ratio(self, measurement: str, contender: str, reference: str, figure: str) -> float:
        """Give the median over rounds of a figure ÷ the reference's in the same round; NaN when there is none."""
        return ratio(self.of(measurement, contender, figure), self.of(measurement, reference, figure))

    def carried(self, contender: str) -> bool:
        """Tell whether the contender kept up with the fixed rate, in most rounds at least."""
        found = self.of("pace", contender, "carried").values()
        return median(list(found)) > 0.5

    def faults(self) -> dict[str, dict[str, int]]:
        """Give what was lost, doubled, wrong or broken, by contender."""
        found: dict[str, dict[str, int]] = {}
        for sample in (sample for samples in self.samples.values() for sample in samples):
            for name, count in sample.faults.items():
                of_contender = found.setdefault(sample.contender, {})
                of_contender[name] = of_contender.get(name, 0) + count
        return found

    @property
    def disturbed(self) -> int:
        """Count the samples that were kept although somebody else used the core: nothing better could be had."""
        return sum(s.disturbed for samples in self.samples.values() for s in samples)

    def as_json(self) -> dict[str, Any]:
        """Give everything, for a file."""
        return asdict(self)
