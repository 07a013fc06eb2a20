"""The message log: which stations are recorded, where, for how long, and what is masked."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from voltgate.config.values import RESTART, Section, Size, Text


class Messages(Section):
    """The message log."""

    stations: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(),
        description='Globs of the stations that are recorded: `["*"]` for all of them, and for handshakes of unknown '
        "ones that are refused. Without these and `routes` nothing is, unless the API is asked to.",
    )
    routes: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Routes whose stations are recorded."
    )
    folder: Text = Field(
        default="var/messages",
        description="The folder of the log, which is one gateway's alone; a worker has one of its own within it.",
        json_schema_extra=RESTART,
    )
    bytes: Size = Field(
        default=1 << 30,
        ge=16 << 20,
        le=1 << 44,
        description="Bytes that the log of one gateway, or worker, may take: then its oldest part is removed.",
    )
    days: float = Field(default=30, ge=0.01, le=3650, description="Days that messages are kept.")
    mask: Literal["secrets", "none"] = Field(
        default="secrets",
        description='`"secrets"`: tokens become pseudonyms, and passwords and keys stars, before they are written. '
        '`"none"`: everything is written as it was said.',
    )
