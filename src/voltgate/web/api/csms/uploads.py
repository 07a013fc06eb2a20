"""`/csms/stations/{identity}/uploads`: files that a station was asked for: logs and diagnostics."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Response
from fastapi.responses import FileResponse
from pydantic import BaseModel

from voltgate.csms.uploads import Folder, Upload
from voltgate.web.api.csms.stations import found
from voltgate.web.api.dependencies import Identity
from voltgate.web.csms.operating import Operating, OperatingParts, UploadShown, upload_shown
from voltgate.web.csms.parts import Csms
from voltgate.web.networks import OperatorReach
from voltgate.web.problems import Problem, declared

router = APIRouter(tags=["management system: commands"])

_ROOT = "/csms/stations/{identity}/uploads"

Id = Annotated[str, Path(max_length=64, description="The upload's id.")]


class Uploads(BaseModel):
    """The uploads of a station, the last one first."""

    items: list[UploadShown]


@router.get(_ROOT, summary="List a station's uploads", responses=declared(404, 409, 503))
async def uploads(csms: Csms, operating: Operating, reach: OperatorReach, identity: Identity) -> Uploads:
    """List the files that a station was asked for, and those that have come: logs and diagnostics."""
    folder, row = _folder(operating), await found(replace(csms, reach=reach), identity)
    those = await asyncio.to_thread(_of, folder, row.key)
    return Uploads(items=[upload_shown(each) for each in sorted(those, key=lambda each: each.asked, reverse=True)])


@router.get(
    f"{_ROOT}/{{upload}}",
    summary="Download an upload",
    response_class=FileResponse,
    responses=declared(404, 409, 503) | {200: {"content": {"application/octet-stream": {}}}},
)
async def download(csms: Csms, operating: Operating, reach: OperatorReach, identity: Identity, upload: Id) -> Response:
    """Download a file as it came. What it holds is the station's: it is never shown by a browser."""
    folder, row = _folder(operating), await found(replace(csms, reach=reach), identity)
    known = next((each for each in await asyncio.to_thread(_of, folder, row.key) if each.id == upload), None)
    path = None if known is None else folder.whole(known.id)
    if known is None or path is None:
        raise Problem(404, "Not Found", "There is no such upload, or it has not come.")
    headers = {"X-Content-Type-Options": "nosniff"}
    name = f"{known.about}-{known.id[:12]}"
    return FileResponse(path, media_type="application/octet-stream", filename=name, headers=headers)


@router.delete(f"{_ROOT}/{{upload}}", summary="Delete an upload", status_code=204, responses=declared(404, 409, 503))
async def remove(csms: Csms, operating: Operating, reach: OperatorReach, identity: Identity, upload: Id) -> None:
    """Delete a file; one that has not come is not taken any more."""
    folder, row = _folder(operating), await found(replace(csms, reach=reach), identity)
    known = [each for each in await asyncio.to_thread(_of, folder, row.key) if each.id == upload]
    if not known or not await asyncio.to_thread(folder.remove, upload):
        raise Problem(404, "Not Found", "There is no such upload.")


def _folder(operating: OperatingParts) -> Folder:
    if operating.folder is None:
        raise Problem(409, "Conflict", "No uploads are taken: csms.uploads says where stations bring them.")
    return operating.folder


def _of(folder: Folder, station: str) -> list[Upload]:
    return [each for each in folder.uploads() if each.station == station]
