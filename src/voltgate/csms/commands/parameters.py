"""The parameters of commands: the base of their shapes, and the bounds that hold for every version."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec

_GREATEST = 2_147_483_647

Id: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_GREATEST, description="A number; 0: a fresh one is taken.")]
Evse: TypeAlias = Annotated[
    int, msgspec.Meta(ge=0, le=9999, description="The EVSE, in 1.x the connector; 0: the whole station.")
]
Connector: TypeAlias = Annotated[
    int, msgspec.Meta(ge=0, le=9999, description="The connector of the EVSE; 0: all of it. Always 1 in 1.x.")
]
Seconds: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_GREATEST)]
Retries: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Level: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Time: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with its zone.")]
IdToken: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
Word: TypeAlias = Annotated[str, msgspec.Meta(max_length=50)]
Name: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=65536)]
Address: TypeAlias = Annotated[
    str, msgspec.Meta(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*://[!-~]+$", max_length=2000, description="A whole URL.")
]
Transaction: TypeAlias = Annotated[
    str, msgspec.Meta(min_length=1, max_length=36, description="As the station knows it; a number in 1.x.")
]
Certificate: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=10000, description="PEM.")]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of one command. Bounds are checked when they are read from JSON."""


def given(**fields: Any) -> dict[str, Any]:
    """Return a payload without what nobody gave: None, "" and empty lists. 0 and False are values."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", [], {}, ())}
