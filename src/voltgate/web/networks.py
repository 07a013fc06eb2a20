"""Which networks a caller sees: users may have a role in some of them only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security

from voltgate.web.access import Caller, PersonRole, bearer, caller_of, forbidden, rank_of
from voltgate.web.problems import Problem


@dataclass(frozen=True, slots=True)
class Reach:
    """What a caller may look at, or act on: the caller, and the networks (None: all, and what belongs to none)."""

    caller: Caller
    networks: frozenset[str] | None

    def has(self, network: str) -> bool:
        """Return whether a network is among them; "" is what belongs to none."""
        return self.networks is None or network in self.networks

    def need(self, network: str, what: str) -> None:
        """Raise Problem 404 unless a network is among them: what others have is not there for this caller."""
        if not self.has(network):
            raise Problem(404, "Not Found", f"There is no such {what}.")


def reach_of(caller: Caller, role: PersonRole) -> Reach:
    """Return the networks in which a caller has a role, or one above it."""
    if caller.rank >= rank_of(role):
        return Reach(caller, None)
    return Reach(caller, frozenset(name for name, own in caller.networks if rank_of(own) >= rank_of(role)))


def _in_some(role: PersonRole) -> Callable[[Request, object], Awaitable[Reach]]:
    shown = Security(bearer, scopes=[role])

    async def admitted(request: Request, _: object = shown) -> Reach:
        caller = caller_of(request)
        reach = reach_of(caller, role)
        if reach.networks is not None and not reach.networks:
            raise forbidden(caller, f'This takes the role "{role}", at least in a network.')
        return reach

    return admitted


viewer_in_some = _in_some("viewer")
operator_in_some = _in_some("operator")
admin_in_some = _in_some("admin")

ViewerReach = Annotated[Reach, Depends(viewer_in_some)]
OperatorReach = Annotated[Reach, Depends(operator_in_some)]
AdminReach = Annotated[Reach, Depends(admin_in_some)]
