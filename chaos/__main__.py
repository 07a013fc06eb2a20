"""`python -m chaos`: fault runs, one seed after the other, and what came of them."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from chaos.plan import BACKENDS, BROKERS, LAYOUTS, Plan, draw
from chaos.run import Outcome, run
from chaos.shrink import Budget, shrink
from chaos.story import story
from tests.harness.ports import release_ports
from tests.servers import PostgreSQL, RabbitMQ, postgresql, rabbitmq


class Session:
    """What several runs share: the folder, the servers of PostgreSQL and RabbitMQ once needed, and the counts."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.counts: Counter[str] = Counter()
        self._folder = folder
        self._stack = stack
        self._server: PostgreSQL | None = None
        self._rabbitmq: RabbitMQ | None = None
        self._runs = 0

    def play(self, plan: Plan) -> Outcome:
        """Run a plan in a folder of its own."""
        if plan.variant.database == "postgresql" and self._server is None:
            self._server = self._stack.enter_context(postgresql())
        if plan.variant.behind and plan.variant.broker == "rabbitmq" and self._rabbitmq is None:
            self._rabbitmq = self._stack.enter_context(rabbitmq())
        self._runs += 1
        folder = self._folder / f"{self._runs:03}-seed-{plan.seed}"
        folder.mkdir(parents=True)
        outcome = asyncio.run(run(plan, folder, self._server, self._rabbitmq))
        (folder / "story.txt").write_text(story(outcome.books))
        release_ports()
        return outcome

    def count(self, outcome: Outcome) -> None:
        """Add what came of a run to the counts."""
        books, verdict = outcome.books, outcome.verdict
        self.counts += Counter(
            {
                "runs": 1,
                "runs that failed": not outcome.good,
                "transactions": len(books.charges),
                "messages of chargers": len(books.entries),
                "sayings of them": sum(len(entry.sayings) for entry in books.entries),
                "connections": books.connects,
                "deliveries at backends": verdict.judged,
                "commands that chargers got": len(books.heard),
                "faults": outcome.faults.total(),
            }
        )
        self.counts += Counter({f"came again: {why}": number for why, number in verdict.again.items()})
        self.counts += Counter({f"FOUND {kind}": len(found) for kind, found in verdict.found.items()})


def main() -> int:
    """Run what was asked for; the exit code is 1 when anything was wrong."""
    chosen = _arguments()
    with _folder(chosen.keep) as folder, ExitStack() as stack:
        session = Session(folder, stack)
        failed = [plan for plan in _plans(chosen) if not _play(session, plan)]
        print("\nin all")
        for what, number in sorted(session.counts.items()):
            print(f"  {what:55} {number}")
        for plan in failed:
            print(f"failed: {plan.command()}")
        if failed and chosen.shrink > 0:
            _shrink(session, failed[0], Budget(chosen.shrink, chosen.shrink_seconds))
    return 1 if failed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="one run of this seed; without it, many seeds in a row")
    parser.add_argument("--first", type=int, default=int(time.time()), help="the first of many seeds")
    parser.add_argument("--minutes", type=float, default=10, help="how long many seeds are run")
    parser.add_argument("--stations", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=12, help="how long the faults of one run last")
    parser.add_argument("--database", choices=("sqlite", "postgresql"))
    parser.add_argument("--layout", choices=LAYOUTS)
    parser.add_argument("--behind", choices=(*BACKENDS, "nobody"), help="the backend that is behind a broker")
    parser.add_argument("--broker", choices=BROKERS, help="which broker that is")
    parser.add_argument("--gateways", type=int, choices=(1, 2), help="how many share the database, if it is PostgreSQL")
    parser.add_argument("--only", help="the faults of the seed that are done, as numbers with commas, or none")
    parser.add_argument("--plain", action="store_true", help="chargers without habits")
    parser.add_argument("--shrink", type=int, default=12, help="runs that shrinking a failure may take; 0: none")
    parser.add_argument("--shrink-seconds", type=float, default=600)
    parser.add_argument("--keep", type=Path, help="a folder for configurations, logs and stories, which is kept")
    return parser.parse_args()


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="voltgate-chaos-") as name:
        yield kept or Path(name)


def _plans(chosen: argparse.Namespace) -> Iterator[Plan]:
    """Give the plan of one seed, or of one seed after the other until the time is over."""
    behind = "" if chosen.behind == "nobody" else chosen.behind

    def drawn(seed: int) -> Plan:
        given = {"database": chosen.database, "layout": chosen.layout, "gateways": chosen.gateways}
        plan = draw(seed, chosen.stations, chosen.seconds, **given, behind=behind, broker=chosen.broker)
        plan = replace(plan, plain=chosen.plain)
        if chosen.only is None:
            return plan
        numbers = frozenset(int(each) for each in chosen.only.split(",") if each != "none")
        return plan.keeping(numbers)

    if chosen.seed is not None:
        yield drawn(chosen.seed)
        return
    until = time.monotonic() + chosen.minutes * 60
    seed = chosen.first
    while time.monotonic() < until:
        yield drawn(seed)
        seed += 1


def _play(session: Session, plan: Plan) -> bool:
    """Run a plan, say what came of it, and tell whether it was good."""
    began = time.monotonic()
    print(f"\nseed {plan.seed}: {plan.stations} chargers, {plan.variant}", flush=True)
    for number, fault in plan.faults:
        print(f"  {number:3} {fault}")
    outcome = session.play(plan)
    session.count(outcome)
    print(f"  {len(outcome.books.charges)} transactions, {outcome.verdict.judged} deliveries, ", end="")
    print(f"{time.monotonic() - began:.0f} s: {'good' if outcome.good else 'FAILED'}")
    for kind, found in outcome.verdict.found.items():
        print(f"  {kind} {len(found)}")
        for each in found[:8]:
            print(f"      {each}")
    sys.stdout.flush()
    return outcome.good


def _shrink(session: Session, plan: Plan, budget: Budget) -> None:
    """Print the fewest faults and chargers with which a plan still fails in the same way."""
    kinds = set(session.play(plan).verdict.found)
    if not kinds:
        print("\nthe failure did not come again: it hangs on timing; run the seed a few times")
        return

    async def fails(candidate: Plan) -> bool:
        outcome = await asyncio.to_thread(session.play, candidate)
        size = f"{len(candidate.faults)} faults, {candidate.stations} {'plain ' * candidate.plain}chargers"
        print(f"  {size}: {sorted(outcome.verdict.found)}", flush=True)
        return bool(kinds & outcome.verdict.found.keys())

    print("\nshrinking", flush=True)
    smallest = asyncio.run(shrink(plan, fails, budget))
    for number, fault in smallest.faults:
        print(f"  {number:3} {fault}")
    print(f"the fewest that still fail: {smallest.command()}")


if __name__ == "__main__":
    sys.exit(main())
