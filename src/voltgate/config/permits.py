"""Permits: what backends may ask of stations, by name, in addition to the presets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from voltgate.config.values import Section, Text

PRESETS = ("full", "charge", "observe")
"""The names of the predefined permits."""


class Keys(Section):
    """How a change of configuration keys is treated."""

    allow: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), alias="pass", description="Keys that may be changed although the action is not allowed otherwise."
    )
    refuse: Annotated[tuple[Text, ...], Field(strict=False)] = Field(default=(), description="Keys that are refused.")
    absorb: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Keys whose change is answered `Accepted` and kept for this backend alone."
    )


class Permit(Section):
    """One permit. Actions may hold `*`; keys are `HeartbeatInterval` (1.6) or `Component.Variable` (2.x)."""

    base: Text = Field(default="charge", description="The preset or permit that it begins with.")
    allow: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), alias="pass", description="Actions that pass as well."
    )
    refuse: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Actions that are refused in their own words: `Rejected`, or a CALLERROR."
    )
    not_supported: Annotated[tuple[Text, ...], Field(strict=False)] = Field(
        default=(), description="Actions that are answered `NotSupported`."
    )
    keys: Keys = Field(default=Keys(), description="Configuration keys.")
    stop: Literal["own", "any"] | None = Field(
        default=None,
        description="Whose transactions it may stop, also by a reset, an unlock or a change of availability.",
    )
    limit: bool | None = Field(
        default=None,
        description="Whether it may set the limits of the station and of connectors that charge for nobody.",
    )
    credentials: bool | None = Field(
        default=None,
        description="Whether it may change what the station proves itself by, and whom it calls: passwords, the "
        "certificates of its link, security and network profile. They concern the gateway's own link.",
    )
