"""Rules as written in the configuration, for display."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from voltgate.config import Config
from voltgate.config.routes import Rule
from voltgate.relay.rule import CLAIMANT


def rules_of(config: Callable[[], Config]) -> Callable[[str], list[dict[str, Any]]]:
    """Return the function that returns the rules of a route of the configuration in force."""

    def rules(name: str) -> list[dict[str, Any]]:
        route = config().routes.get(name)
        return [{"answer": CLAIMANT}] if route is None else list(map(_written, route.rules))

    return rules


def _written(rule: Rule) -> dict[str, Any]:
    """Return a rule as configured, without the keys that were left out."""
    return rule.model_dump(mode="json", by_alias=True, exclude_unset=True)
