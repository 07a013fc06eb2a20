"""The model as a map: which field, and which names, belong at a path."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from voltgate.config.lines import Path
from voltgate.config.model import Config


def written_name(name: str, field: FieldInfo) -> str:
    """Give the key a field has in the file."""
    return field.alias or name


def fields_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """Give the fields of a section by the key they have in the file."""
    return {written_name(name, field): field for name, field in section.model_fields.items()}


def arms(annotation: Any) -> Iterator[Any]:
    """Give the types that an annotation allows, without None and without what only decorates them."""
    if get_origin(annotation) is Annotated:
        yield from arms(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for arm in get_args(annotation):
            yield from arms(arm)
    elif annotation is not type(None):
        yield annotation


def section_in(annotation: Any) -> type[BaseModel] | None:
    """Give the section that an annotation holds, itself or in a list or table of them."""
    for arm in arms(annotation):
        if isinstance(arm, type) and issubclass(arm, BaseModel):
            return arm
        if get_origin(arm) in (tuple, dict) and (
            inner := section_in(get_args(arm)[-1 if get_origin(arm) is dict else 0])
        ):
            return inner
    return None


def _element(container: Any) -> Any:
    return get_args(container)[1 if get_origin(container) is dict else 0]


def is_container(annotation: Any) -> bool:
    """Tell whether an annotation is a list or table of things, so that a position or name follows in a path."""
    return any(get_origin(arm) in (tuple, dict) for arm in arms(annotation))


def field_at(path: Path) -> FieldInfo | None:
    """Give the field that the last key of `path` names; None when there is none."""
    section: type[BaseModel] | None = Config
    field: FieldInfo | None = None
    steps = iter(path)
    for step in steps:
        if section is None:
            return field
        field = fields_of(section).get(str(step))
        if field is None:
            return None
        section = section_in(field.annotation)
        if is_container(field.annotation):
            next(steps, None)
    return field


def section_at(path: Path) -> type[BaseModel] | None:
    """Give the section whose keys belong right below `path`."""
    if not path:
        return Config
    field = field_at(path)
    return section_in(field.annotation) if field is not None else None


def homes_of(key: str) -> list[str]:
    """List the top-level sections that have a key of this name."""
    homes = []
    for name, field in fields_of(Config).items():
        section = section_in(field.annotation)
        if section is not None and not is_container(field.annotation) and key in fields_of(section):
            homes.append(name)
    return homes
