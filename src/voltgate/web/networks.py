"""Which networks a caller sees: users may have a role in some of them only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request, Security

from voltgate.web.access import Caller, PersonRole, bearer, caller_of, forbidden, rank_of
from voltgate.web.problems import Problem, invalid


@dataclass(frozen=True, slots=True)
class Reach:
    """What a caller may look at, or act on: the caller, and the networks (None: all, and what belongs to none)."""

    caller: Caller
    networks: frozenset[str] | None

    def has(self, network: str) -> bool:
        """Return whether a network is among them; "" is what belongs to none."""
        return self.networks is None or network in self.networks

    def only(self, network: str | None) -> str | None:
        """Return the network whose items a list is to have, None: of all. Raise Problem: 404, or 422 for no choice.

        Who sees one network gets its items; who sees several names one of them.
        """
        if self.networks is None:
            return network
        if network is None and len(self.networks) == 1:
            return next(iter(self.networks))
        if network is None:
            raise invalid([{"loc": ("query", "network"), "msg": f"is one of {', '.join(sorted(self.networks))}"}])
        if network not in self.networks:
            raise Problem(404, "Not Found", f'There is no network "{network}".')
        return network


def reach_of(caller: Caller, role: PersonRole) -> Reach:
    """Return the networks in which a caller has a role, or one above it."""
    if caller.rank >= rank_of(role):
        return Reach(caller, None)
    return Reach(caller, frozenset(name for name, own in caller.networks if rank_of(own) >= rank_of(role)))


def reach_in_some(caller: Caller, role: PersonRole) -> Reach:
    """Return the networks in which a caller has a role. Raise Problem 403 where there are none."""
    reach = reach_of(caller, role)
    if reach.networks is not None and not reach.networks:
        raise forbidden(caller, f'This takes the role "{role}", at least in a network.')
    return reach


def _in_some(role: PersonRole) -> Callable[[Request, object], Awaitable[Reach]]:
    shown = Security(bearer, scopes=[role])

    async def admitted(request: Request, _: object = shown) -> Reach:
        return reach_in_some(caller_of(request), role)

    return admitted


viewer_in_some = _in_some("viewer")
operator_in_some = _in_some("operator")

ViewerReach = Annotated[Reach, Depends(viewer_in_some)]
OperatorReach = Annotated[Reach, Depends(operator_in_some)]
