"""What the resources of alerts work with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Protocol

from fastapi import Depends, Request

from voltgate.alerts.records import Delivery, Policy
from voltgate.alerts.rules import Rules
from voltgate.store.alerts import AlertStore
from voltgate.web.problems import Problem


class AlertParts(Protocol):
    """The alerts of this process, and what they go by."""

    @property
    def stores(self) -> tuple[AlertStore, ...]:
        """Where alerts are kept: the first is that of all nodes, the last that of this process alone."""

    @property
    def policies(self) -> Mapping[str, Policy]:
        """What bounds the channels, by name."""

    @property
    def kinds(self) -> Mapping[str, str]:
        """What kind of channel each is, by name."""

    @property
    def rules(self) -> Rules:
        """The rules in force."""

    @property
    def wall(self) -> Callable[[], float]:
        """Returns the time, in seconds since 1970."""

    async def test(self, channel: str, by: str) -> Delivery:
        """Have a message sent that only shows that a channel works. Raise StoreAway."""


async def _parts(request: Request) -> AlertParts:
    parts: AlertParts | None = getattr(request.app.state, "alerting", None)
    if parts is None:
        raise Problem(503, "Service Unavailable", "No alerts are kept here.")
    return parts


Alerting = Annotated[AlertParts, Depends(_parts)]
