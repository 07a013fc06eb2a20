"""The cluster: what this gateway is called among those on one PostgreSQL."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from voltgate.config.values import RESTART, Section, Text


class Cluster(Section):
    """What people know this gateway by, where several are on one PostgreSQL."""

    node: Annotated[Text, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.-]{0,63})?$")] = Field(
        default="",
        description="What this gateway is called in lists, logs and commands, where several are on one PostgreSQL. "
        'Without: the name of its host and the number of its process, such as "gw1-4711". '
        "With `--workers` the number of the worker follows, in place of that of the process: gw1-1, gw1-2.",
        json_schema_extra=RESTART,
    )
