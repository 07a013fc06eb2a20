"""Look-ups in the model: the field and the keys at a path."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from voltgate.config.lines import Path
from voltgate.config.model import Config


def written_name(name: str, field: FieldInfo) -> str:
    """Return the key that a field has in the file."""
    return field.alias or name


def fields_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a section by the key they have in the file."""
    return {written_name(name, field): field for name, field in section.model_fields.items()}


def arms(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation allows, without None and without their metadata."""
    if get_origin(annotation) is Annotated:
        yield from arms(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for arm in get_args(annotation):
            yield from arms(arm)
    elif annotation is not type(None):
        yield annotation


def section_in(annotation: Any) -> type[BaseModel] | None:
    """Return the section of an annotation, itself or as the element of a list or table."""
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
    """Return whether an annotation is a list or table, so that a position or name follows in a path."""
    return container_of(annotation) is not None


def container_of(annotation: Any) -> type[tuple[Any, ...]] | type[dict[str, Any]] | None:
    """Return `tuple` for the annotation of a list, `dict` for that of a table by name, None for any other."""
    return next((get_origin(arm) for arm in arms(annotation) if get_origin(arm) in (tuple, dict)), None)


def field_at(path: Path) -> FieldInfo | None:
    """Return the field of the last key of `path`; None if there is none."""
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
    """Return the section whose keys are right below `path`."""
    if not path:
        return Config
    field = field_at(path)
    return section_in(field.annotation) if field is not None else None


def sections_with(key: str) -> list[str]:
    """Return the top-level sections that have a key of this name."""
    sections = []
    for name, field in fields_of(Config).items():
        section = section_in(field.annotation)
        if section is not None and not is_container(field.annotation) and key in fields_of(section):
            sections.append(name)
    return sections


def lists_with(key: str, name: str) -> list[str]:
    """Return the lists in a top-level section whose entries have a key of this name: `listen.stations`."""
    section = section_at((name,))
    lists = []
    for inner, field in fields_of(section).items() if section is not None else ():
        entry = section_in(field.annotation)
        if entry is not None and is_container(field.annotation) and key in fields_of(entry):
            lists.append(f"{name}.{inner}")
    return lists
