"""The comparison: what chargers did against what each backend wrote down."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.charger import Charge


@dataclass(slots=True)
class Verdict:
    """What is wrong, and what was merely repeated."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    repeated: int = 0
    entries: int = 0

    @property
    def good(self) -> bool:
        """Tell whether every book is right."""
        return not (self.lost or self.doubled or self.wrong)


def read(path: Path) -> list[dict[str, Any]]:
    """Read a backend's book."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def compare(charges: list[Charge], books: dict[str, Path]) -> Verdict:
    """Compare all books with what the chargers did."""
    verdict = Verdict()
    for name, path in books.items():
        _compare_one(name, read(path), charges, verdict)
    for charge in charges:
        owner = "employer" if charge.tag.startswith("EMP") else "billing"
        stood_in = owner == "billing" and charge.answered_by == "stand-in"
        if charge.answered_by != owner and not stood_in:
            verdict.wrong.append(f"{charge} was answered by {charge.answered_by}")
    numbers = [(charge.station, charge.number) for charge in charges]
    for twice in {each for each in numbers if numbers.count(each) > 1}:
        verdict.wrong.append(f"the number {twice} was given twice")
    return verdict


def _compare_one(name: str, entries: list[dict[str, Any]], charges: list[Charge], verdict: Verdict) -> None:
    fresh = [entry for entry in entries if not entry["repeated"]]
    verdict.repeated += len(entries) - len(fresh)
    verdict.entries += len(fresh)
    by_transaction: dict[tuple[str, Any], list[dict[str, Any]]] = defaultdict(list)
    for entry in fresh:
        by_transaction[entry["station"], entry["number"]].append(entry)
    starts = {(entry["station"], entry["value"]): entry["number"] for entry in fresh if entry["kind"] == "start"}
    seen = set()
    for charge in charges:
        number = charge.number if charge.version != "ocpp1.6" else starts.get((charge.station, charge.mark))
        mine = by_transaction.get((charge.station, number), [])
        seen.add((charge.station, number))
        _check(f"{name}: {charge.station} {charge.tag} {charge.mark}", charge, mine, verdict)
    for other in by_transaction.keys() - seen:
        verdict.wrong.append(f"{name}: nobody did {other}: {[entry['kind'] for entry in by_transaction[other]]}")


def _check(where: str, charge: Charge, mine: list[dict[str, Any]], verdict: Verdict) -> None:
    """Check one transaction in one book: whole, once, in order, and not another's."""
    if len(mine) < charge.messages:
        verdict.lost.append(f"{where}: {[e['kind'] for e in mine]} of {charge.messages} messages")
    elif len(mine) > charge.messages:
        verdict.doubled.append(f"{where}: {[e['kind'] for e in mine]} of {charge.messages} messages")
    elif charge.version == "ocpp1.6":
        kinds = [entry["kind"] for entry in mine]
        if kinds != ["start", *["meter"] * (charge.messages - 2), "stop"] or mine[-1]["value"] != charge.mark:
            verdict.wrong.append(f"{where}: {kinds}, {mine[-1]}")
    elif [entry["value"] for entry in mine] != list(range(charge.messages)):
        verdict.wrong.append(f"{where}: {[entry['value'] for entry in mine]}")
