"""Keys whose change takes a restart: marked in the model by `RESTART`, kept as they were by a reload."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic.fields import FieldInfo

from voltgate.config.draft import Draft, Finding
from voltgate.config.model import Config
from voltgate.config.schema import is_container, section_in, written_name


def takes_restart(field: FieldInfo) -> bool:
    """Return whether a change of a key takes a restart."""
    extra = field.json_schema_extra
    return isinstance(extra, dict) and "restart" in extra


def as_begun(draft: Draft, begun: Config) -> tuple[Draft, list[Finding]]:
    """Return a configuration with what takes a restart as it was at the start, and a warning for each such change."""
    config, findings = draft.config, []
    for section, key, name in _restarting():
        old, new = getattr(begun, section), getattr(config, section)
        if getattr(old, name) != getattr(new, name):
            findings.append(Finding((section, key), "has changed: that takes a restart", warning=True))
            kept: dict[str, Any] = {section: new.model_copy(update={name: getattr(old, name)})}
            config = config.model_copy(update=kept)
    return replace(draft, config=config), findings


def _restarting() -> Iterator[tuple[str, str, str]]:
    """Yield section, key and field of what takes a restart; only sections that there is one of have such keys."""
    for section, field in Config.model_fields.items():
        model = section_in(field.annotation)
        if model is not None and not is_container(field.annotation):
            for name, inner in model.model_fields.items():
                if takes_restart(inner):
                    yield section, written_name(name, inner), name
