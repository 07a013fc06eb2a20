"""Callback addresses: where SOAP stations are called, and the key of the addresses at which SOAP backends call us."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from voltgate.relay.records import StoreAway
from voltgate.web.access import Admin, Operator
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.problems import Problem, declared
from voltgate.web.wide import one_station

router = APIRouter(tags=["callbacks"])

log = structlog.get_logger("voltgate.web")


class Renewed(BaseModel):
    """The key of callback addresses is another one."""

    old_valid_for: float = Field(description="Seconds for which addresses that were told before are valid yet.")


@router.delete(
    "/stations/{identity}/callback",
    summary="Forget where a SOAP station is called",
    status_code=204,
    responses=declared(404, 409, 503, 504),
)
async def forget(queries: QueriesDependency, caller: Operator, identity: Identity) -> None:
    """Forget the callback address that a SOAP station has given; the next one that it gives takes its place."""
    await one_station.forget_callback(queries, identity, caller.name)


@router.post("/callback-key", summary="Renew the key of callback addresses", responses=declared(503))
async def renew(request: Request, caller: Admin) -> Renewed:
    """Have the callback addresses of SOAP backends made by a new key.

    Backends learn the new ones from what stations say next; those that they know are valid for `soap.old_callbacks`.
    """
    renew_key: Callable[[], Awaitable[float]] = request.app.state.renew_callbacks
    try:
        seconds = await renew_key()
    except StoreAway as away:
        raise Problem(503, "Service Unavailable", f"Nothing was changed: {away}.") from None
    log.info("the key of callback addresses is renewed", by=caller.name, old_valid_for=seconds)
    return Renewed(old_valid_for=seconds)
