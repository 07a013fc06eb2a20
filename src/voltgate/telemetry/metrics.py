"""Metrics: plain integers, read at a scrape; aggregates only, never a label from the wire."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field

from prometheus_client import ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from voltgate import __version__
from voltgate.ocpp.counts import FAULTS, Counts
from voltgate.relay.backend import Backend
from voltgate.relay.tallies import BUCKETS, Tallies
from voltgate.telemetry.supervision import Supervision


@dataclass(frozen=True, slots=True)
class Gauges:
    """The current sizes."""

    stations: int
    handshakes: int
    waiting_calls: int
    open_calls: int
    wheel: int
    clock_steady: bool
    clock_jumps: int


@dataclass(frozen=True, slots=True)
class Dials:
    """The dials to one backend: those of newcomers and of sessions that are open, waiting, and were put off."""

    backend: str
    unanswered: int
    by_whom: Mapping[str, tuple[int, int, int]]


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of the numbers; callables are called at each scrape.

    `links` holds counters of the carrier, by side; `store`, `soap`, `cluster`, `csms`, `messages` and `traces` return
    the numbers of the database, of SOAP, of the cluster, of the management system, of the message log and of spans by
    name;
    `claims` the length of each backend's list; `tokens` when those of the API's configuration end;
    `lost_lines` the lines of the log that were lost, by reason; `listener_faults` how many times each listener failed;
    `alerts` returns the numbers of alerts, `alert_messages` those of each outcome by channel; `dials` are those to each
    backend; `names` returns how many hosts of backends cannot be looked up; `supervision` knows
    the tasks of the process.
    """

    backends: Callable[[], Iterable[Backend]]
    station_counts: Counts
    refusals: Callable[[], Mapping[tuple[int, str], int]]
    gauges: Callable[[], Gauges]
    links: Mapping[str, object]
    events: Mapping[str, int]
    store: Callable[[], Mapping[str, float]]
    claims: Callable[[], Mapping[str, int]]
    soap: Callable[[], Mapping[str, float]]
    lost_lines: Mapping[str, int]
    listener_faults: Mapping[str, int]
    dials: Callable[[], Iterable[Dials]]
    names: Callable[[], int]
    supervision: Supervision
    cluster: Callable[[], Mapping[str, float]] = dict
    csms: Callable[[], Mapping[str, float]] = dict
    messages: Callable[[], Mapping[str, float]] = dict
    traces: Callable[[], Mapping[str, float]] = dict
    failed_logins: Mapping[str, int] = field(default_factory=dict)
    alerts: Callable[[], Mapping[str, float]] = dict
    certificates: Callable[[], Mapping[str, float]] = dict
    station_certificates: Callable[[], int] = int
    tokens: Callable[[], Mapping[str, float]] = dict
    alert_messages: Callable[[], Mapping[str, Mapping[str, int]]] = dict


class VoltgateCollector(Collector):
    """The collector of all metrics for the Prometheus client library."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._process = ProcessCollector(registry=None)

    def collect(self) -> Iterator[Metric]:
        """Yield all metric families: those of Voltgate, and what every Prometheus knows of a process."""
        build = {"version": __version__, "python": platform.python_version()}
        yield InfoMetricFamily("voltgate_build", "What runs", build)
        yield from self._process.collect()
        backends = list(self._sources.backends())
        yield from self._sizes(backends)
        yield from _calls(backends)
        yield from self._mishaps(backends)
        yield from _trust(backends)
        yield from self._comings()
        yield _counter("voltgate_log_lines_lost", "Lines of the log that were lost", "reason", self._sources.lost_lines)
        refused = "Callers of the API who were not let in: for a wrong password, an unknown token, or too many of these"
        yield _counter("voltgate_logins_failed", refused, "reason", self._sources.failed_logins)
        faults = "Listeners to events and messages that failed: faults of Voltgate's own"
        yield _counter("voltgate_listener_faults", faults, "listener", self._sources.listener_faults)
        yield from _dials(self._sources.dials())
        away = self._sources.names()
        yield GaugeMetricFamily("voltgate_names_away", "Hosts of backends that cannot be looked up", away)
        sources = self._sources
        for prefix, what, numbers in (
            ("store", "The database", sources.store),
            ("soap", "SOAP", sources.soap),
            ("cluster", "The cluster", sources.cluster),
            ("csms", "The management system", sources.csms),
            ("traces", "Spans", sources.traces),
            ("messages", "The message log", sources.messages),
            ("alerts", "Alerts", sources.alerts),
        ):
            yield from _numbers(f"voltgate_{prefix}_", what, numbers())
        yield _messages(self._sources.alert_messages())
        yield from self._ends()
        claims = GaugeMetricFamily("voltgate_claims", "Stations that a backend claims", labels=["backend"])
        for backend, number in self._sources.claims().items():
            claims.add_metric([backend], number)
        yield claims
        yield from _tasks(self._sources.supervision)

    def _ends(self) -> Iterator[GaugeMetricFamily]:
        what = "When a certificate of the configuration, or a list of revoked ones, ends, in seconds since 1970"
        ends = GaugeMetricFamily("voltgate_certificate_end_seconds", what, labels=["file"])
        for file, end in self._sources.certificates().items():
            ends.add_metric([file], end)
        yield ends
        what = "When a token of the configuration ends, in seconds since 1970"
        tokens = GaugeMetricFamily("voltgate_token_end_seconds", what, labels=["token"])
        for name, end in self._sources.tokens().items():
            tokens.add_metric([name], end)
        yield tokens
        what = "Stations whose own certificate ends soon, or has ended"
        yield GaugeMetricFamily("voltgate_station_certificates_expiring", what, self._sources.station_certificates())

    def _sizes(self, backends: list[Backend]) -> Iterator[GaugeMetricFamily]:
        now = self._sources.gauges()
        for name, text, value in (
            ("stations", "Stations connected", now.stations),
            ("handshakes", "Handshakes under way", now.handshakes),
            ("calls_waiting", "Calls that wait for their turn or for a connection", now.waiting_calls),
            ("calls_open", "Calls that wait for an answer", now.open_calls),
            ("wheel_entries", "Deadlines that the process waits for", now.wheel),
            ("clock_steady", "Whether the calendar is believed: it has not jumped for an hour", now.clock_steady),
            ("clock_jumps", "Jumps of the calendar since the start", now.clock_jumps),
        ):
            yield GaugeMetricFamily(f"voltgate_{name}", text, value)
        legs = GaugeMetricFamily("voltgate_legs", "Legs by backend and state", labels=["backend", "state"])
        for backend in backends:
            legs.add_metric([backend.name, "up"], backend.up)
            legs.add_metric([backend.name, "down"], backend.legs - backend.up)
        yield legs

    def _mishaps(self, backends: list[Backend]) -> Iterator[CounterMetricFamily]:
        family = CounterMetricFamily(
            "voltgate_mishaps",
            "Frames and answers that were dropped or mended, by side and kind",
            labels=["side", "kind"],
        )
        for side, counts in [("station", self._sources.station_counts), *((b.name, b.counts) for b in backends)]:
            for kind in Counts.__slots__:
                family.add_metric([side, kind], getattr(counts, kind))
        for side, links in self._sources.links.items():
            for kind, number in asdict(links).items():  # type: ignore[call-overload]  # they are data of integers
                family.add_metric([side, f"link {kind}"], number)
        family.add_metric(["gateway", "faults"], FAULTS.faults)
        yield family
        dropped = CounterMetricFamily(
            "voltgate_copies_dropped", "Copies that a backend was not told of", labels=["backend", "reason"]
        )
        for backend in backends:
            for reason, number in backend.copies_dropped.items():
                dropped.add_metric([backend.name, reason], number)
        yield dropped

    def _comings(self) -> Iterator[CounterMetricFamily]:
        refusals = CounterMetricFamily(
            "voltgate_refusals", "Handshakes refused, by status and reason", labels=["status", "reason"]
        )
        for (status, reason), number in self._sources.refusals().items():
            refusals.add_metric([str(status), reason], number)
        yield refusals
        yield _counter("voltgate_events", "What happened to stations and legs", "event", self._sources.events)


def _numbers(prefix: str, what: str, numbers: Mapping[str, float]) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    """Yield numbers of one part: those are counters that say so by their name."""
    for name, value in numbers.items():
        family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        yield family(prefix + name, f"{what}: {name.removesuffix('_total').replace('_', ' ')}", value)


def _counter(name: str, text: str, label: str, numbers: Mapping[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, number in numbers.items():
        family.add_metric([value], number)
    return family


def _messages(by_outcome: Mapping[str, Mapping[str, int]]) -> CounterMetricFamily:
    family = CounterMetricFamily(
        "voltgate_alert_messages",
        "Messages to people: sent, tries that failed, given up",
        labels=["channel", "outcome"],
    )
    for outcome, by_channel in by_outcome.items():
        for channel, number in by_channel.items():
            family.add_metric([channel, outcome], number)
    return family


def _dials(dialled: Iterable[Dials]) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    dials = GaugeMetricFamily(
        "voltgate_dials", "Dials under way, and those that wait for a slot", labels=["backend", "of", "state"]
    )
    put_off = CounterMetricFamily(
        "voltgate_dials_put_off", "Dials that were not made because the backend hung", labels=["backend", "of"]
    )
    unanswered = GaugeMetricFamily(
        "voltgate_dials_unanswered", "Dials in a row without an answer: the backend hangs", labels=["backend"]
    )
    for each in dialled:
        unanswered.add_metric([each.backend], each.unanswered)
        for whose, (is_open, waiting, were_put_off) in each.by_whom.items():
            dials.add_metric([each.backend, whose, "open"], is_open)
            dials.add_metric([each.backend, whose, "waiting"], waiting)
            put_off.add_metric([each.backend, whose], were_put_off)
    yield dials
    yield put_off
    yield unanswered


def _tasks(supervision: Supervision) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
    faults = CounterMetricFamily("voltgate_task_faults", "Faults of the tasks of the process", labels=["task"])
    failing = GaugeMetricFamily("voltgate_task_failing", "Whether a task of the process fails now", labels=["task"])
    for name, task in supervision.tasks.items():
        faults.add_metric([name], task.faults)
        failing.add_metric([name], supervision.fails(name))
    yield faults
    yield failing


def _calls(backends: list[Backend]) -> Iterator[CounterMetricFamily | HistogramMetricFamily]:
    outcomes = CounterMetricFamily(
        "voltgate_calls", "Calls that ended", labels=["direction", "backend", "action", "outcome"]
    )
    seconds = HistogramMetricFamily(
        "voltgate_call_seconds", "From asked to answered, in seconds", labels=["direction", "backend", "action"]
    )
    for backend in backends:
        _add(outcomes, seconds, ["to_backend", backend.name], backend.calls)
        _add(outcomes, seconds, ["to_station", backend.name], backend.commands)
    yield outcomes
    yield seconds


def _add(outcomes: CounterMetricFamily, seconds: HistogramMetricFamily, labels: list[str], tallies: Tallies) -> None:
    for action, tally in tallies.by_label.items():
        outcomes.add_metric([*labels, action, "result"], tally.results)
        outcomes.add_metric([*labels, action, "error"], tally.errors)
        for reason, number in tally.unanswered.items():
            outcomes.add_metric([*labels, action, reason], number)
        cumulative, total = [], 0
        for bound, number in zip((*BUCKETS, "+Inf"), tally.buckets, strict=True):
            total += number
            cumulative.append((str(bound), total))
        seconds.add_metric([*labels, action], cumulative, sum_value=tally.seconds)


def _trust(backends: list[Backend]) -> Iterator[CounterMetricFamily]:
    """Yield the counters of refused commands, of messages given up, and of sessions without a backend."""
    refused = CounterMetricFamily(
        "voltgate_commands_refused",
        "Commands that a backend's permit or the ledger refused",
        labels=["backend", "action"],
    )
    given_up = CounterMetricFamily(
        "voltgate_journal_given_up", "Messages of the journal that a backend will never get", labels=["backend"]
    )
    left_out = CounterMetricFamily(
        "voltgate_left_out", "Sessions without a backend that does not take their version", labels=["backend"]
    )
    for backend in backends:
        given_up.add_metric([backend.name], backend.given_up)
        left_out.add_metric([backend.name], backend.left_out)
        for action, number in backend.commands_refused.items():
            refused.add_metric([backend.name, action], number)
    yield refused
    yield given_up
    yield left_out
