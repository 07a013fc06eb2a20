"""`python -m chaos`: a fault run of minutes, and what came of it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from chaos.run import Outcome, Plan, run


def main() -> int:
    """Run, print the counts, and give the exit code: 1 when anything was lost, doubled or somebody else's."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--stations", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--keep", type=Path, help="a folder for the books and logs, which is kept")
    chosen = parser.parse_args()
    plan = Plan(chosen.stations, chosen.seconds, chosen.seed, chosen.database)
    print(f"{plan.stations} chargers, {plan.seconds:g} s of faults, {plan.database}, seed {plan.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="voltgate-chaos-") as name:
        folder = chosen.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        outcome = asyncio.run(run(plan, folder))
    show(outcome)
    return 0 if outcome.good else 1


def show(outcome: Outcome) -> None:
    """Print what was done, what was broken, and what came of it."""
    deeds, verdict = outcome.deeds, outcome.verdict
    messages = sum(charge.messages for charge in deeds.charges)
    print(f"transactions      {len(deeds.charges)}, of them ended {sum(charge.ended for charge in deeds.charges)}")
    print(f"messages          {messages}, said again by chargers {deeds.repeated}, connections {deeds.connects}")
    for fault, number in sorted(outcome.faults.items()):
        print(f"{fault:17} {number}")
    print(f"entries in books  {verdict.entries}, repetitions that backends dismissed {verdict.repeated}")
    for what, found in (
        ("lost", verdict.lost),
        ("doubled", verdict.doubled),
        ("wrong", verdict.wrong),
        ("errors", deeds.errors),
    ):
        print(f"{what:17} {len(found)}")
        for each in found[:10]:
            print(f"    {each}")
    if "Traceback" in outcome.log:
        print("    the log of Voltgate shows a fault of its own:")
    if not outcome.good:
        print("\n".join(outcome.log.splitlines()[-30:]))


if __name__ == "__main__":
    sys.exit(main())
