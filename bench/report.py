"""The report of a run: tables, aims and whether each is met, for the terminal and for docs/benchmarks.md."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench import alerts, amqp, commands, csms, many, messages, mqtt, outage, pages, pair, records
from bench.claims import BACKENDS, CLAIMED, RATE
from bench.claims import STATIONS as WATCHED
from bench.contenders import CONTENDERS
from bench.envelopes import KINDS, SIZES
from bench.frames import PATTERN
from bench.phases import STATIONS
from bench.results import Results
from bench.soap import SOAP
from bench.soap import STATIONS as SOAP_STATIONS
from bench.tables import NOTHING, number, table

Shares = Sequence[tuple[str, float]]


@dataclass(frozen=True, slots=True)
class Run:
    """What a run was: when, where, with which versions, how long."""

    date: str
    machine: dict[str, str]
    versions: dict[str, str]
    contenders: tuple[str, ...]
    options: str
    cores: str
    rounds: int
    idle: int


@dataclass(frozen=True, slots=True)
class Aim:
    """Something to reach: what, how much, what was measured, and whether that is enough."""

    what: str
    wanted: str
    found: str
    met: bool | None
    """None: not measured."""


def capacity(results: Results, names: Sequence[str]) -> str:
    """Write the table of throughput and CPU time."""
    rows = [
        [CONTENDERS[name].title, *(number(results.median("load", name, figure), digits) for figure, digits in COSTS)]
        + [number(results.ratio("load", name, other, "capacity"), 2) for other in ("nginx", "naive")]
        for name in names
    ]
    for row, name in zip(rows, names, strict=True):
        if name == "none":
            row[1] = number(results.median("load", name, "rate"))
    head = ["proxy", "calls/s", "µs a message", "user", "system", "its core used", "÷ nginx", "÷ naive"]
    return table(head, rows)


COSTS = (("capacity", 0), ("micros", 2), ("user", 2), ("system", 2), ("share", 2))


def latency(results: Results, names: Sequence[str]) -> str:
    """Write the table of latencies."""
    rows = []
    for name in names:
        if results.of("pace", name, "p50"):
            rows.append([CONTENDERS[name].title, *_percentiles(results, name)])
    return table(["proxy", "p50 µs", "p99 µs", "p99.9 µs", "p99 ÷ nginx", "its core used"], rows)


def _percentiles(results: Results, name: str) -> list[str]:
    share = number(results.median("pace", name, "share"), 2)
    if not results.carried(name):
        return ["too slow", "for", "this rate", NOTHING, share]
    figures = [number(results.median("pace", name, figure)) for figure in ("p50", "p99", "p999")]
    return [*figures, number(results.ratio("pace", name, "nginx", "p99"), 2), share]


def idle(results: Results, names: Sequence[str]) -> str:
    """Write the table of memory a station and of connections accepted."""
    rows = [
        [CONTENDERS[name].title]
        + [number(results.median(listener, name, "kilobytes"), 1) for listener in ("ws", "wss")]
        + [number(results.median(listener, name, "accepted")) for listener in ("ws", "wss")]
        for name in names
        if results.of("ws", name, "kilobytes") or results.of("wss", name, "kilobytes")
    ]
    return table(["proxy", "kB ws", "kB wss", "accepted/s ws", "accepted/s wss"], rows)


def aims(results: Results) -> list[Aim]:
    """Hold what was found against what is wanted of Voltgate with one backend."""
    at_least = (
        ("capacity ÷ nginx", 0.6, results.ratio("load", "voltgate", "nginx", "capacity"), 2),
        ("capacity ÷ naive", 3.0, results.ratio("load", "voltgate", "naive", "capacity"), 2),
        (
            "capacity with split and ledger ÷ with the copy alone",
            0.8,
            results.ratio("load", "ledger", "copy", "capacity"),
            2,
        ),
        ("transaction messages journalled a second a core", 2000, _journalled(results), 0),
        ("SOAP calls ÷ nginx, which passes the bytes", 0.25, results.ratio("soap", "voltgate", "nginx", "capacity"), 2),
        ("stations accepted a second a core, ws", 3000, results.median("ws", "voltgate", "accepted"), 0),
        ("stations accepted a second a core, wss", 1000, results.median("wss", "voltgate", "accepted"), 0),
        ("station messages a second of a node, SQLite", 5000, results.median("csms", "voltgate", "sqlite rate"), 0),
        ("the same on PostgreSQL", 5000, results.median("csms", "voltgate", "postgresql rate"), 0),
        ("calls of two gateways ÷ of one", 1.8, _times(results, "plain"), 2),
        ("the same with a journalled copy", 1.8, _times(results, "journal"), 2),
    )
    at_most = (
        ("kB a station with its backend link, ws", 12, results.median("ws", "voltgate", "kilobytes"), 1),
        ("kB a station with its backend link, wss", 50, results.median("wss", "voltgate", "kilobytes"), 1),
        ("p99 ÷ nginx at a third of nginx's capacity", 1.5, _tail(results), 2),
        ("µs a message through Mosquitto", 20, results.median("mqtt", "voltgate", "micros"), 1),
        ("µs a message through RabbitMQ", 20, results.median("amqp", "voltgate", "micros"), 1),
        ("statements of a command from 4 gateways ÷ from 2", 1.1, _command(results, "statements"), 2),
        ("CPU time of a command from 4 gateways ÷ from 2", 1.1, _command(results, "milliseconds"), 2),
        ("seconds to claim 100,000 stations", 10, results.median("claims", "voltgate", "seconds"), 2),
        ("ms that a call waits meanwhile, at most", 50, results.median("claims", "voltgate", "max"), 1),
        ("ms of CPU between looks at the sockets meanwhile", 50, results.median("claims", "voltgate", "held"), 1),
        ("ms that a page waits while others write, p99", 100, results.median("pages", "voltgate", "p99"), 1),
        (
            "kB of memory a ledger whose backend is owed 1,000 messages",
            50,
            results.median("outage", "voltgate", "kilobytes"),
            1,
        ),
        ("MB for 1,000,000 claims", 500, results.median("claims", "voltgate", "megabytes"), 0),
        ("MB of `voltgate run` with nothing configured", 150, results.median("csms", "voltgate", "megabytes"), 0),
        ("ms of CPU for which a message of 1 MiB keeps the loop from all others", 50, csms.longest(results, "held"), 0),
        ("p95 of a list of 1,000,000 transactions, ms", 100, csms.longest(results, *csms.PARTS), 0),
        ("p95 of their totals, ms", 100, csms.longest(results, *csms.SUMS), 0),
    )
    found = [_aim(what, wanted, value, digits, above=True) for what, wanted, value, digits in at_least]
    found += [_aim(what, wanted, value, digits, above=False) for what, wanted, value, digits in at_most]
    return [*found, _unharmed(results), _unhindered(results)]


def _journalled(results: Results) -> float:
    """Give the MeterValues that go through the journal in a second of a full core."""
    share = sum(kind.action == "MeterValues" for kind in PATTERN) / len(PATTERN)
    return results.median("load", "journal", "capacity") * share


def _times(results: Results, name: str) -> float:
    """Give how much more two gateways carry; NaN where both share a core, which tells a lower bound only."""
    return (
        results.median("pair", "voltgate", f"{name} times") if results.median("pair", "voltgate", "apart") else math.nan
    )


def _command(results: Results, figure: str) -> float:
    """Give how much dearer a command is for gateways that are twice as many."""
    two, four = (results.median("commands", "voltgate", f"{figure}{gateways}") for gateways in (2, 4))
    return four / two


def _tail(results: Results) -> float:
    measured = bool(results.of("pace", "voltgate", "p99"))
    if measured and not results.carried("voltgate"):
        return math.inf
    return results.ratio("pace", "voltgate", "nginx", "p99")


def _aim(what: str, wanted: float, value: float, digits: int, above: bool) -> Aim:
    met = None if math.isnan(value) else (value >= wanted if above else value <= wanted)
    return Aim(what, f"{'≥' if above else '≤'} {wanted:,g}", number(value, digits), met)


def _unharmed(results: Results) -> Aim:
    names = [
        name
        for name in ("voltgate", "copy", "payload", "ledger", "journal")
        if results.of("load", name, "rate") or results.of("soap", name, "rate")
    ]
    faults = {name: results.faults()[name] for name in names if name in results.faults()}
    text = "; ".join(f"{name}: {count}" for found in faults.values() for name, count in found.items())
    return Aim(
        "answers and copies lost, doubled, changed",
        "0",
        text or ("0" if names else NOTHING),
        not faults if names else None,
    )


def _unhindered(results: Results) -> Aim:
    spare = results.ratio("load", "none", "nginx", "rate")
    return _aim("the bench itself: calls/s without a proxy ÷ with nginx", 1.3, spare, 2, above=True)


def verdict(met: bool | None) -> str:
    """Say whether an aim is met."""
    return {True: "met", False: "**not met**", None: "not measured"}[met]


def tables(results: Results, run: Run) -> str:
    """Write all that was measured, as Markdown."""
    rows = [[aim.what, aim.wanted, aim.found, verdict(aim.met)] for aim in aims(results)]
    proxies = [name for name in run.contenders if name != "none"]
    parts = [
        "## Aims",
        table(["Voltgate (a) one backend", "aim", "found", ""], rows),
        "## Calls forwarded, on one core",
        f"{STATIONS} stations in a closed loop, calls of 57, 394 and 1,940 bytes 4:3:3. A call and its answer are two "
        "messages. Calls a second are those of a full core: forwarded calls ÷ CPU seconds of the proxy.",
        capacity(results, run.contenders),
        "## Latency at a fixed rate",
        f"{number(results.rate)} calls a second over {STATIONS} stations, at random moments: a third of nginx's "
        "capacity. From the station's call to its answer; without a proxy it is the bench's own share.",
        latency(results, run.contenders),
        "## Idle stations, and stations that arrive",
        f"Memory (resident) a station with its backend link, {run.idle:,} stations that have booted; stations accepted "
        "for each CPU second of the proxy, the dial of their backend included. The wss certificate is P-256.",
        idle(results, proxies),
        *_soap(results),
        *itertools.chain(*_of_voltgate_alone(results)),
        *_claims(results),
        *_pages(results),
        *_outage(results),
        *_collection(results),
        *_profile(results),
        *_remarks(results),
    ]
    return "\n\n".join(parts) + "\n"


def _of_voltgate_alone(results: Results) -> list[list[str]]:
    """Write the sections of what nobody else does; those that were not measured are empty."""
    return [module.section(results) for module in (mqtt, amqp, many, commands, pair, records, csms, alerts, messages)]


def renewed(page: str, results: Results, run: Run) -> str:
    """Write docs/benchmarks.md anew where a run has measured what nobody else does; all else stays as it is.

    A section ends with when and where it was measured, as the rest of the page is of other runs.
    """
    where = ", ".join(run.machine.values())
    for head, *rest in filter(None, _of_voltgate_alone(results)):
        told = f"Measured by `python -m bench{run.options}` on {run.date} with {run.versions['voltgate']}: {where}."
        section = "\n\n".join([head, *rest, told])
        before, found, behind = page.partition(f"{head}\n")
        if not found:
            before, found, behind = page.partition("## Method\n")
            behind = f"\n{found}{behind}"
        _, following, after = behind.partition("\n## ")
        page = f"{before}{section}\n{following}{after}"
    return page


def _soap(results: Results) -> list[str]:
    names = [name for name in SOAP if results.of("soap", name, "rate")]
    if not names:
        return []
    rows = [_soap_row(results, name) for name in names]
    sizes = ", ".join(f"{kind.operation} of {number(size)} bytes" for kind, size in zip(KINDS, SIZES, strict=True))
    return [
        "## SOAP calls, on one core",
        f"{SOAP_STATIONS} stations in a closed loop over kept connections, OCPP-S 1.6 on both sides: {sizes}, 4:3:3. "
        "Calls a second are those of a full core; a call is its request and its answer, on both sides of the proxy.",
        table(["proxy", "calls/s", "µs a call", "user", "system", "its core used", "÷ nginx"], rows),
    ]


def _soap_row(results: Results, name: str) -> list[str]:
    rate = "rate" if name == "none" else "capacity"
    figures = (("micros", 1), ("user", 1), ("system", 1), ("share", 2))
    found = [number(results.median("soap", name, figure), digits) for figure, digits in figures]
    share = number(results.ratio("soap", name, "nginx", "capacity"), 2)
    return [SOAP[name].title, number(results.median("soap", name, rate)), *found, share]


def _claims(results: Results) -> list[str]:
    if not results.of("claims", "voltgate", "seconds"):
        return []
    found = {name: results.median("claims", "voltgate", name) for name in WATCHED_FOR}
    memory = number(results.median("claims", "voltgate", "megabytes"))
    return [
        "## Claims",
        f"{BACKENDS} backends say through the API, one after another, that {CLAIMED:,} stations are their own; "
        f"meanwhile {WATCHED} stations call {RATE:,.0f} times a second in all. The slowest of these requests took "
        f"{number(found['seconds'], 2)} s. The longest that a call took to be answered was "
        f"{number(found['max'], 1)} ms (99 of 100 took at most {number(found['p99'], 2)} ms), against "
        f"{number(found['quiet'], 1)} ms while nobody claimed; between two looks at its sockets Voltgate worked for "
        f"{number(found['held'], 1)} ms of CPU time at most. The million claims hold {memory} MB.",
    ]


def _pages(results: Results) -> list[str]:
    if not results.of("pages", "voltgate", "p50"):
        return []
    found = {name: number(results.median("pages", "voltgate", name), 1) for name in ("p50", "p99", "max")}
    return [
        "## Pages",
        f"What is on record of a station is read when it comes. While {pages.RATE:,.0f} records a second are "
        f"written, and a commit takes {pages.COMMIT * 1000:.0f} ms at least (SQLite), {pages.COMING:.0f} stations a "
        f"second come; a backend is owed {pages.EACH} messages or more of each, and one in two has put a record just "
        f"before. Half of them wait for at most {found['p50']} ms, 99 of 100 for {found['p99']} ms, the last for "
        f"{found['max']} ms.",
    ]


def _outage(results: Results) -> list[str]:
    if not results.of("outage", "voltgate", "disk"):
        return []
    names = ("entered", "kilobytes", "disk")
    found = {
        name: number(results.median("outage", "voltgate", name), 1 if name == "kilobytes" else 0) for name in names
    }
    return [
        "## A day's outage",
        f"A backend is away for a day: {outage.STATIONS} stations have {outage.EACH:,} messages of about 400 bytes "
        f"each for it, on SQLite. {found['entered']} messages a second are entered and on disk, each takes "
        f"{found['disk']} bytes there; the ledger of a connected station takes {found['kilobytes']} kB, however many "
        "there are.",
    ]


WATCHED_FOR = ("seconds", "max", "p99", "held", "quiet")


def _collection(results: Results) -> list[str]:
    if math.isnan(results.collection):
        return []
    pause = number(results.collection * 1000, 1)
    return [f"A full collection of garbage in Voltgate with {results.collected:,} idle stations takes {pause} ms."]


def _profile(results: Results) -> list[str]:
    if not results.functions:
        return []
    found = [
        "## Where Voltgate's time goes",
        "Under the load of the first table, by function: own time, by Python's profiler, which leaves reading and "
        "waiting out, counts writing to the socket for `send`, and makes calls dearer than they are.",
        *_shares(results.functions, results.libraries),
    ]
    if results.soap_functions:
        found += ["Under SOAP calls:", *_shares(results.soap_functions, results.soap_libraries)]
    return found


def _shares(functions: Shares, by_library: Shares) -> list[str]:
    found = [table(["function", "share"], [[name, f"{share:.1%}"] for name, share in functions])]
    if by_library:
        rows = [[name, f"{share:.1%}"] for name, share in by_library]
        found += ["By library, by `perf`, without a profiler in the way.", table(["library", "share"], rows)]
    return found


def _remarks(results: Results) -> list[str]:
    found = [f"- {failure}" for failure in results.failures]
    found += [f"- {CONTENDERS[name].title}: {counts}" for name, counts in results.faults().items()]
    text = f"{results.rejected} windows were measured again because somebody else used the cores"
    text += f"; {results.disturbed} were kept although somebody did"
    found.append(f"- {text}, and {results.dropped} windows of latency were dropped for it.")
    return ["## Remarks", "\n".join(found)]


def document(results: Results, run: Run) -> str:
    """Write docs/benchmarks.md."""
    versions = [[CONTENDERS[name].title, run.versions[name]] for name in run.contenders]
    where = "\n".join(f"- {name}: {value}" for name, value in run.machine.items())
    return f"""# Benchmarks

Written by `make bench` on {run.date} (`python -m bench{run.options}`). Everything here is measured in one
interleaved run; read ratios before absolutes: they hold elsewhere, the absolutes do not.

{where}
- cores: {run.cores}

{table(["proxy", "version"], versions)}

{tables(results, run)}
{METHOD}"""


METHOD = """## Method

- Each proxy runs alone on one core, as a child process that is started for each measurement, with one worker, between
  the bench's own stations and backend (Python, uvloop, frames made beforehand) on the other cores.
- In each of the rounds every proxy has its turn. Figures are medians over rounds; a ratio is the median of the ratios
  within each round.
- CPU time is the kernel's for the process with its children (`/proc/PID/task/*/schedstat`, split into user and system
  by `/proc/PID/stat`). A window in which somebody else had more than 5 % of the core (`/proc/stat`) is measured again,
  twice at most; for latencies, one in which the proxy wanted its core in vain for more than 0.5 % of the time, or the
  bench itself for 0.2 %, and what stays spoilt is not used.
- Each station checks each answer byte by byte; the backend checks that the calls of a station come complete and in
  order, and every 64th byte by byte. Nothing may be lost, doubled, changed or overtaken, copies included.
- With four cores or more the stations and the backend are one process each, on a core of its own, and never sleep, so
  that no proxy pays for waking them (only stations that arrive come from two processes, which sleep). With fewer they
  share what is left and sleep; then they, not the proxy, may be the limit ("its core used" below 1), calls a second are
  extrapolated from CPU time, and latencies have the grain of a timer, 1 ms.
- The naive proxy and the one on `ws` are in `bench/proxies`. nginx and HAProxy are Debian's, configured as their
  manuals say, without logs; Voltgate runs with its defaults but for limits on rates, which are raised, not removed.
- SOAP goes over HTTP/1.1 with kept connections on both sides (nginx: `proxy_pass` to an `upstream` with `keepalive`).
  nginx passes bytes; Voltgate finds station, operation and ids of each envelope, routes it, and changes the addresses
  in its header. The header of a station's calls of one kind differs in its MessageID only, as it does in life, and
  bodies of one kind are the same. Each station checks the id and, byte by byte, the body of each answer; the central
  system checks identity, order and completeness of each call, and every 64th body byte by byte.
- Claims are said through the API with an administrator's token, to a gateway with a database (SQLite). Memory is the
  growth of what is resident. Round trips are told only where neither Voltgate nor the bench waited for a core for more
  than 0.5 % of the time.
- (b) has no database; (d) is the same route with a rule by token before it, and a database; in (e) each MeterValues is
  on disk (SQLite, with fsync) before its station is answered, and is taken off when the copy has answered.
"""
