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
    written: dict[str, Any] = rule.model_dump(mode="json", by_alias=True, exclude_unset=True)
    names, weights = rule.answer.backends, rule.answer.weights
    if weights:
        return written | {"answer": dict(zip(names, weights, strict=True))}
    return written | {"answer": names[0] if len(names) == 1 else list(names)}
