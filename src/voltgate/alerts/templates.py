"""Subjects and bodies of messages, from templates such as `[{name}] Connector #{connector} is now Faulted`.

A template is text with names of fields in braces, and nothing else: no expression, no attribute, no format. Values come
from strangers: each becomes one line of bounded length, and is escaped where HTML is written.
"""

from __future__ import annotations

import datetime
import functools
import html as markup
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from string import Formatter

from voltgate.alerts.message import Fields, Kind, Message, Value
from voltgate.alerts.plain import cut, one_line
from voltgate.relay.event_list import Severity

LONGEST_SUBJECT = 250
"""Characters: what Pushover takes for a title, and more than any list of mails shows."""
LONGEST_VALUE = 300
"""Characters of the value of one field."""
_MOST = 1e12
"""Seconds or watt-hours: beyond stands nothing that anybody has measured."""
SEVERAL = "…"
"""Stands in the subject of a group for a field in which its occurrences differ."""

_FORM = re.compile(r"(\.[0-9]f)?")
_PREFIXES: Mapping[Kind, str] = {"recovery": "Recovered: ", "test": "Test: "}


class Template:
    """A text with fields in braces; `{{` is a brace. Raises ValueError, at once, if it is not that.

    A number may be rounded: `{seconds:.0f}`.
    """

    __slots__ = ("_parts",)

    def __init__(self, text: str) -> None:
        self._parts: list[tuple[str, str, str]] = []
        for literal, field, form, conversion in Formatter().parse(text):
            if field is not None and (conversion or not field.isidentifier() or not _FORM.fullmatch(form or "")):
                raise ValueError(f'"{{{field}}}" is no field: write its name alone, as in {{name}}')
            self._parts.append((literal, field or "", form or ""))

    def fill(self, values: Mapping[str, str]) -> str:
        """Return the text with the values in it; a field that is not among them is left out."""
        return "".join(literal + _formed(values.get(field, ""), form) for literal, field, form in self._parts)


def _formed(text: str, form: str) -> str:
    number = _number(text) if form else None
    return f"{number:{form}}" if number is not None else text


@functools.lru_cache(1024)
def _compiled(text: str) -> Template:
    return Template(text)


@dataclass(frozen=True, slots=True)
class Templates:
    """How messages of one event are written; without `html`, that is made from `text`.

    Besides the fields of the event they may use `title` and `body`, what the event says by itself; `details`, a line
    for each thing that is known besides; `time`; `event` and `severity`.
    """

    subject: str = "{title}"
    text: str = "{body}\n{details}"
    html: str | None = None


DEFAULT = Templates()


@dataclass(frozen=True, slots=True)
class Item:
    """One occurrence. `title` and `body` are the templates that its event has by itself; the body may be empty."""

    event: str
    title: str
    severity: Severity
    at: float
    fields: Fields
    body: str = ""
    templates: Templates = DEFAULT


def compose(
    id: str,  # noqa: A002 - as in Message
    kind: Kind,
    items: Sequence[Item],
    *,
    count: int | None = None,
    zone: datetime.tzinfo | None = None,
) -> Message:
    """Return the message about some occurrences (at least one), of one event or, in a digest, of several.

    `count` is how many there were, if those beyond `items` are only to be counted. Times are written in `zone`; without
    it in that of the machine.
    """
    count = max(count or 0, len(items))
    written = [_written(item, zone) for item in items]
    one_event = all((item.title, item.templates) == (items[0].title, items[0].templates) for item in items)
    subject = _subject(items[0], written, count) if one_event else f"{count} alerts"
    worst = max((item.severity for item in items), key=_SEVERITIES.index)
    text, html = _alone(items[0], written[0]) if count == 1 else _listed(items, written, count)
    return Message(
        id=id,
        kind=kind,
        severity=worst,
        event=items[0].event if one_event else "",
        subject=one_line(_PREFIXES.get(kind, "") + subject, LONGEST_SUBJECT),
        text=text,
        html=html,
        items=tuple(_for_machines(item, values) for item, values in zip(items, written, strict=True)),
        at=min(item.at for item in items),
    )


_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "error", "danger")


# Values.


def _written(item: Item, zone: datetime.tzinfo | None) -> dict[str, str]:
    """Return every field that the templates of an occurrence may use, as it is written."""
    values = {name: _value(value) for name, value in item.fields.items()}
    values.setdefault("name", values.get("station", ""))
    moment = datetime.datetime.fromtimestamp(item.at, zone or datetime.UTC)
    moment = moment if zone is not None else moment.astimezone()
    values |= {"event": item.event, "severity": item.severity, "time": f"{moment:%Y-%m-%d %H:%M:%S %Z}".rstrip()}
    values["title"] = one_line(_compiled(item.title).fill(values), LONGEST_SUBJECT)
    values["body"] = _without_empty_lines(_compiled(item.body).fill(values))
    values["details"] = _details(values)
    return values


def _without_empty_lines(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if line.strip())


def _value(value: Value) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.10g}"
        case list() | tuple():
            return one_line(", ".join(map(str, value)), LONGEST_VALUE)
        case _:
            return one_line(str(value), LONGEST_VALUE)


def _for_machines(item: Item, values: Mapping[str, str]) -> Fields:
    """Return an occurrence with its numbers as they are, and its texts as they are written."""
    own = {name: values[name] if isinstance(value, str) else value for name, value in item.fields.items()}
    return own | {"event": item.event, "severity": item.severity, "occurred": item.at, "title": values["title"]}


# Details: what is known, in the order in which it is read.

_Of = Callable[[Mapping[str, str]], str]


def _field(name: str) -> _Of:
    return lambda values: values.get(name, "")


def _who(values: Mapping[str, str]) -> str:
    station, name = values.get("station", ""), values["name"]
    return f"{name} ({station})" if station and name != station else station


def _place(values: Mapping[str, str]) -> str:
    place = values.get("place") or values.get("connector", "")
    return f"#{place}" if place not in ("", "0") else ""


def _error(values: Mapping[str, str]) -> str:
    code = values.get("error_code", "")
    return "" if code == "NoError" else code


def _energy(values: Mapping[str, str]) -> str:
    energy = _number(values.get("energy_wh", ""))
    return f"{energy / 1000:.3f} kWh" if energy is not None else ""


def _duration(values: Mapping[str, str]) -> str:
    return _span(values.get("seconds", "")) if "transaction" in values else ""


def _lasted(values: Mapping[str, str]) -> str:
    return _span(values.get("lasted", ""))


def _span(text: str) -> str:
    seconds = _number(text)
    return f"{datetime.timedelta(seconds=round(seconds))}" if seconds is not None else ""


def _number(text: str) -> float | None:
    """Return a number that a person can make something of; None for any other text."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if abs(number) < _MOST else None


_DETAILS: tuple[tuple[str, _Of], ...] = (
    ("Station", _who),
    ("Connector ID", _place),
    ("Error Code", _error),
    ("Vendor Error Code", _field("vendor_error_code")),
    ("Info", _field("info")),
    ("Backend", _field("backend")),
    ("Node", _field("node")),
    ("Transaction", _field("transaction")),
    ("Owner", _field("owner")),
    ("Energy", _energy),
    ("Duration", _duration),
    ("Action", _field("action")),
    ("Reason", _field("reason")),
    ("Address", _field("address")),
    ("Time", _field("time")),
    ("Lasted", _lasted),
)


_WORDS = frozenset({"Vendor Error Code", "Info", "Action", "Reason", "Address"})
"""What a body tells within a sentence of its own."""


def _details(values: Mapping[str, str]) -> str:
    """Return a line for each thing that is known, without what the body says already."""
    said = values["body"].splitlines()
    known = ((label, of(values)) for label, of in _DETAILS)
    told = ((label, text) for label, text in known if text and not (label in _WORDS and text in values["body"]))
    return "\n".join(line for line in (f"{label}: {text}" for label, text in told) if line not in said)


# Subjects.


def _subject(first: Item, written: Sequence[dict[str, str]], count: int) -> str:
    template = _compiled(first.templates.subject)
    if count == 1:
        return template.fill(written[0])
    shared = _shared(written)
    stations = len({values.get("station", "") for values in written})
    if stations > 1:
        shared["name"] = shared["station"] = f"{count if count > len(written) else stations} stations"
    shared["title"] = _compiled(first.title).fill(shared)
    subject = template.fill(shared)
    return subject if stations > 1 and shared["name"] in subject else f"{cut(subject, LONGEST_SUBJECT - 30)} ({count})"


def _shared(written: Sequence[dict[str, str]]) -> dict[str, str]:
    """Return the fields of a group: their value where all have the same, else what stands for several."""
    first, *rest = written
    return {
        name: value if all(values.get(name) == value for values in rest) else SEVERAL for name, value in first.items()
    }


# Bodies.


def _alone(item: Item, values: Mapping[str, str]) -> tuple[str, str]:
    return _text(item, values), _html(item, values)


def _text(item: Item, values: Mapping[str, str]) -> str:
    return _compiled(item.templates.text).fill(values).strip()


def _html(item: Item, values: Mapping[str, str]) -> str:
    """Return one occurrence in HTML: the values are escaped; of a template for text the rest is escaped as well."""
    if item.templates.html is None:
        return _escaped(_text(item, values))
    return _compiled(item.templates.html).fill({name: _escaped(value) for name, value in values.items()})


def _escaped(text: str) -> str:
    return markup.escape(text).replace("\n", "<br>\n")


def _listed(items: Sequence[Item], written: Sequence[Mapping[str, str]], count: int) -> tuple[str, str]:
    """Return a group in text and in HTML: a line for each, with its title and what its text says."""
    lines, rows = [], []
    for item, values in zip(items, written, strict=True):
        title = values["title"]
        lines.append(" · ".join([title, *filter(None, _text(item, values).splitlines())]))
        rows.append(f"<li><b>{markup.escape(title)}</b><br>{_html(item, values)}</li>")
    more = [f"and {count - len(items)} more"] if count > len(items) else []
    return "\n".join([*lines, *more]), "\n".join(["<ul>", *rows, *(f"<li>{each}</li>" for each in more), "</ul>"])
