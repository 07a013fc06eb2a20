"""`/csms/stations/{identity}/…`: what a station has reported, and what it holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Query

from voltgate.store.csms.listing import Listed
from voltgate.store.csms.queries import ConnectorFilter, NoteFilter
from voltgate.web.api.csms.stations import found
from voltgate.web.api.dependencies import Identity
from voltgate.web.csms.forms import STREAMED, AskedList, CsmsPage, given, moment
from voltgate.web.csms.parts import Csms
from voltgate.web.csms.stations import (
    CertificateAsked,
    CsmsConnector,
    CsmsProfile,
    CsmsVariable,
    NoteTaken,
    StatusReported,
    certificate_of,
    connector_of,
    note_of,
    profile_of,
    status_of,
    variable_of,
)
from voltgate.web.networks import ViewerReach
from voltgate.web.problems import declared

router = APIRouter(tags=["management system: stations"])

_RESPONSES = declared(404, 409, 503) | STREAMED
_ROOT = "/csms/stations/{identity}"

Evse = Annotated[int | None, Query(ge=0, le=1_000_000)]
Since = Annotated[str | None, Query(max_length=40, description="Only what came then or later.")]
Until = Annotated[str | None, Query(max_length=40, description="Only what came before.")]


def _with(show: Callable[[Any], Any]) -> Callable[[Sequence[Any]], Awaitable[list[Any]]]:
    async def shown(rows: Sequence[Any]) -> list[Any]:
        return list(map(show, rows))

    return shown


@router.get(
    f"{_ROOT}/connectors",
    summary="List a station's connectors",
    response_model=CsmsPage[CsmsConnector],
    responses=_RESPONSES,
)
async def connectors(
    csms: Csms,
    _: ViewerReach,
    identity: Identity,
    asked: AskedList,
    status: Annotated[str | None, Query(max_length=100)] = None,
) -> object:
    """List the connectors and EVSEs of a station, and itself, with what they reported last."""
    wanted = ConnectorFilter((await found(csms, identity)).key, status)

    return await given(CsmsConnector, partial(csms.queries.list_connectors, wanted), _with(connector_of), asked)


@router.get(
    f"{_ROOT}/history",
    summary="List what a station's connectors have reported",
    response_model=CsmsPage[StatusReported],
    responses=_RESPONSES,
)
async def history(csms: Csms, _: ViewerReach, identity: Identity, asked: AskedList, evse: Evse = None) -> object:
    """List the status notifications of a station, the newest first."""
    key = (await found(csms, identity)).key

    def read(after: str | None, limit: int) -> Awaitable[Listed[Any]]:
        return csms.queries.list_status_changes(key, after, limit, evse=evse)

    return await given(StatusReported, read, _with(status_of), asked)


@router.get(
    f"{_ROOT}/notes", summary="List what a station has told", response_model=CsmsPage[NoteTaken], responses=_RESPONSES
)
async def notes(
    csms: Csms,
    _: ViewerReach,
    identity: Identity,
    asked: AskedList,
    kind: Annotated[str | None, Query(max_length=100, description="An action: SecurityEventNotification …")] = None,
    about: Annotated[
        str | None, Query(max_length=100, description="What it belongs to: the `request` of a command, for one.")
    ] = None,
    since: Since = None,
    until: Until = None,
) -> object:
    """List what a station has told that is kept as it came: security events, reports, what was set aside and so on."""
    key = (await found(csms, identity)).key
    wanted = NoteFilter(key, kind, moment(since, "since"), moment(until, "until"), about)

    return await given(NoteTaken, partial(csms.queries.list_notes, wanted), _with(note_of), asked)


@router.get(
    f"{_ROOT}/variables",
    summary="List a station's variables",
    response_model=CsmsPage[CsmsVariable],
    responses=_RESPONSES,
)
async def variables(csms: Csms, _: ViewerReach, identity: Identity, asked: AskedList) -> object:
    """List the variables of a station's device model (2.x), or its configuration keys (1.x), as it last told them."""
    key = (await found(csms, identity)).key

    return await given(CsmsVariable, partial(csms.queries.list_variables, key), _with(variable_of), asked)


@router.get(
    f"{_ROOT}/profiles",
    summary="List a station's charging profiles",
    response_model=CsmsPage[CsmsProfile],
    responses=_RESPONSES,
)
async def profiles(csms: Csms, _: ViewerReach, identity: Identity, asked: AskedList) -> object:
    """List the charging profiles that a station has, as far as that is known."""
    key = (await found(csms, identity)).key

    return await given(CsmsProfile, partial(csms.queries.list_profiles, key), _with(profile_of), asked)


@router.get(
    f"{_ROOT}/certificates",
    summary="List the certificates that a station asks for",
    response_model=CsmsPage[CertificateAsked],
    responses=_RESPONSES,
)
async def certificates(csms: Csms, _: ViewerReach, identity: Identity, asked: AskedList) -> object:
    """List the signing requests of a station, the newest first, with what became of each."""
    key = (await found(csms, identity)).key

    return await given(CertificateAsked, partial(csms.queries.list_signing_requests, key), _with(certificate_of), asked)
