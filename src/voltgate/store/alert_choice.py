"""Which alerts, and which messages, are asked for."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, select

from voltgate.store.alert_tables import alerts, deliveries
from voltgate.store.csms.tables import stations

_A, _D = alerts.c, deliveries.c


def alerts_chosen(
    *,
    status: Collection[str] | None = None,
    event: str | None = None,
    rule: str | None = None,
    key: str | None = None,
    backend: str | None = None,
    severity: str | None = None,
    since: float | None = None,
    until: float | None = None,
    networks: Collection[str] | None = None,
) -> list[ColumnElement[bool]]:
    """Return the conditions for alerts; None: any. `networks`: only of stations that are in these now."""
    wanted = {_A.event: event, _A.rule: rule, _A.key: key, _A.backend: backend, _A.severity: severity}
    which = [column == value for column, value in wanted.items() if value is not None]
    if status is not None:
        which.append(_A.status.in_(status))
    if since is not None:
        which.append(_A.at >= since)
    if until is not None:
        which.append(_A.at < until)
    if networks is not None:
        which.append(_A.key.in_(select(stations.c.key).where(stations.c.network.in_(networks))))
    return which


def deliveries_chosen(
    *,
    channel: str | None = None,
    status: Collection[str] | None = None,
    since: float | None = None,
    until: float | None = None,
) -> list[ColumnElement[bool]]:
    """Return the conditions for messages; None: any."""
    which = [] if channel is None else [_D.channel == channel]
    if status is not None:
        which.append(_D.status.in_(status))
    if since is not None:
        which.append(_D.created >= since)
    if until is not None:
        which.append(_D.created < until)
    return which
