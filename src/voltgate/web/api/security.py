"""`/stations/{identity}/security`, `/password`, and `/certificates`: how stations prove who they are."""

from __future__ import annotations

from fastapi import APIRouter, Request

from voltgate.web import certificates, models, station_security
from voltgate.web.access import Operator, Viewer, address_of
from voltgate.web.api.dependencies import Identity, QueriesDependency
from voltgate.web.audited import say, told
from voltgate.web.calling import Asker
from voltgate.web.problems import declared

router = APIRouter(tags=["security"])


@router.get("/stations/{identity}/security", summary="Show a station's security", responses=declared(404, 503))
async def security(queries: QueriesDependency, _: Viewer, identity: Identity) -> models.StationSecurity:
    """Show with which security profile a station came, when its certificate ends, and whose its password is."""
    return station_security.show(queries, identity)


@router.put(
    "/stations/{identity}/security/profile",
    summary="Let a station come with a lower security profile",
    responses=declared(404, 409, 422, 503),
)
async def lower(
    request: Request, queries: QueriesDependency, caller: Operator, identity: Identity, asked: models.ProfileAsked
) -> models.StationSecurity:
    """Let a station come with a lower security profile than it has; when it comes with a higher one, that counts."""
    say(request, told(asked))
    return await station_security.lower(queries, identity, asked.profile, caller.name)


@router.put(
    "/stations/{identity}/password",
    summary="Change a station's password",
    responses=declared(404, 409, 413, 422, 503, 504),
)
async def change_password(
    request: Request, queries: QueriesDependency, caller: Operator, identity: Identity, asked: models.PasswordAsked
) -> models.PasswordChanged:
    """Give a connected station a new password. Until it has taken it the former one counts; in doubt both do."""
    by = Asker(caller.name, address_of(request))
    how = "made by Voltgate" if asked.password is None else "as it was given"
    say(request, how)
    changed = await station_security.change_password(queries, identity, by, asked)
    say(request, f"{how}: {changed.outcome}")
    return changed


@router.delete(
    "/stations/{identity}/password",
    summary="Go back to the configured password",
    status_code=204,
    responses=declared(404, 503),
)
async def forget_password(queries: QueriesDependency, caller: Operator, identity: Identity) -> None:
    """Have the password of the station's entry count again, and no other. The station is told nothing."""
    await station_security.forget_password(queries, identity, caller.name)


@router.get("/certificates", summary="List certificates and when they end", responses=declared(503))
async def all_certificates(queries: QueriesDependency, _: Viewer) -> models.Certificates:
    """List the certificates of the configuration, and those of stations that end soon, the first to end first."""
    return certificates.show(queries)
