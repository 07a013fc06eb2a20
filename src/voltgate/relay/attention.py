"""Which calls of a station the dispatcher must look at; all others are plain."""

from __future__ import annotations

from functools import lru_cache

from voltgate.ocpp.actions import SIGNED
from voltgate.relay.policy import Policies


@lru_cache(maxsize=256)
def looked_at(
    policies: Policies, depends: frozenset[str], owed: frozenset[frozenset[str]]
) -> tuple[frozenset[str], frozenset[str]]:
    """Put sets of actions together, signed ones too; stations of one route share the result."""
    always = depends.union(*owed)
    now_and_then = policies.frequent - always
    always = always.union(policies.by_action) - now_and_then
    return (
        always | {action + SIGNED for action in always},
        now_and_then | {action + SIGNED for action in now_and_then},
    )
