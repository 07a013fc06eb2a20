"""Where the numbers of /metrics come from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from voltgate.app.alerting import Alerting
from voltgate.app.composition import Composition
from voltgate.csms.service import ManagementSystem
from voltgate.gates import Gates
from voltgate.relay.session import Session
from voltgate.store import Database
from voltgate.telemetry.lines import ERRORS
from voltgate.telemetry.metrics import Dials, Gauges, Sources


def sources_of(parts: Composition) -> Sources:
    """Return the sources of a process's metrics; they are read at each scrape."""
    gateway, listeners, soap = parts.gateway, parts.listeners, parts.soap
    register = parts.surroundings.register
    return Sources(
        lambda: list(gateway.snapshot.backends.values()),
        parts.counts,
        lambda: {**listeners.refusals(), **gateway.refusals},
        lambda: _gauges(parts),
        parts.carriers.counts,
        parts.event_counts,
        lambda: store_numbers(parts.database),
        lambda: {name: len(each) for name, each in register.claims.holdings.items()},
        lambda: {
            "stations": len(soap),
            "addresses_ignored_total": soap.addresses_ignored,
            "samples_left_out_total": parts.carriers.soap.samples_left_out,
        },
        ERRORS.lost,
        parts.notifier.faults,
        lambda: _all_dials(parts),
        lambda: parts.carriers.names.away,
        parts.supervision,
        lambda: {} if parts.cluster is None else parts.cluster.numbers,
        lambda: {} if parts.csms is None else csms_numbers(parts.csms),
        lambda: parts.messages.recorder.counts.numbers,
        traces=lambda: {} if parts.traces is None else parts.traces.numbers,
        alerts=lambda: alert_numbers(parts.alerting),
        certificates=lambda: parts.monitoring.ends,
        station_certificates=parts.monitoring.expiring,
        alert_messages=lambda: asdict(parts.alerting.counts),
    )


def alert_numbers(alerting: Alerting) -> Mapping[str, float]:
    """Return what is counted of alerts, for /metrics. What is kept was counted within the last minute."""
    engine, kept = alerting.engine, alerting.numbers
    return {
        "rules": len(engine.rules.all),
        "noted_total": engine.noted,
        "dropped_total": engine.dropped,
        "unwritten": len(engine),
        "held": kept.get("held", 0),
        "open": kept.get("open", 0),
        "muted": kept.get("muted", 0),
        "messages_waiting": kept.get("due", 0) + kept.get("digest", 0),
    }


def csms_numbers(csms: ManagementSystem) -> Mapping[str, float]:
    """Return what is counted of the management system, for /metrics."""
    counts = {**asdict(csms.rounds.counts), **asdict(csms.counts)}
    return {"up": float(not csms.away), **{f"{name}_total": number for name, number in counts.items()}}


def _gauges(parts: Composition) -> Gauges:
    sessions = parts.gateway.sessions.values()
    return Gauges(
        len(sessions),
        parts.listeners.handshakes(),
        *calls_of(sessions),
        len(parts.wheel),
        parts.calendar.is_steady,
        parts.calendar.jumps,
    )


def calls_of(sessions: Iterable[Session]) -> tuple[int, int]:
    """Return how many calls wait for their turn, or a connection, and how many for an answer, in both directions."""
    stations = [session.turns for session in sessions]
    legs = [leg for session in sessions for leg in session.roster.every]
    return (
        sum(each.waiting_calls for each in stations) + sum(each.waiting_calls for each in legs),
        sum(each.open_calls for each in stations) + sum(each.turns.open_calls for each in legs),
    )


def _all_dials(parts: Composition) -> Iterator[Dials]:
    """Return the dials to each backend of the configuration, at all its addresses together."""
    gates = parts.dialler.gates.items()
    for name, backend in parts.gateway.snapshot.backends.items():
        here = {url: each for (whose, url), each in gates if whose == name}
        if here:
            now = [here[endpoint.url].unanswered for endpoint in backend.settings.endpoints if endpoint.url in here]
            yield _dials(name, max(now, default=0), here.values())


def _dials(backend: str, unanswered: int, gates: Iterable[Gates]) -> Dials:
    kinds = {"newcomers": [each.newcomers for each in gates], "sessions": [each.sessions for each in gates]}
    numbers = {
        of: (sum(each.open for each in few), sum(each.waiting for each in few), sum(each.put_off for each in few))
        for of, few in kinds.items()
    }
    return Dials(backend, unanswered, numbers)


def store_numbers(database: Database | None) -> Mapping[str, float]:
    """Return what is counted of a database, for /metrics."""
    if database is None:
        return {}
    state = database.state
    return {
        "up": float(state.reason is None),
        "pending_records": state.pending,
        "commits_total": state.commits,
        "records_written_total": state.written,
        "failures_total": state.failures,
        "records_dropped_total": state.dropped,
        "records_unwritable_total": state.unwritable,
        "records_unreadable_total": state.unreadable,
        "records_overtaken_total": state.overtaken,
        "faults_total": state.faults,
        "slowest_commit_seconds": state.slowest,
        "owed_messages": state.owed,
        "owed_oldest_seconds": state.oldest_owed,
        "owed_bytes": state.owed_bytes,
    }
