"""The story of a run, to be read by whoever looks for the cause of a failure: all that was written down, by time."""

from __future__ import annotations

from collections.abc import Iterator

from chaos.records import Books, Charge, Delivery


def story(books: Books) -> str:
    """Return one line for each thing that happened; the seconds are those of the judge's findings."""
    return "".join(f"{at:10.2f} {line}\n" for at, line in sorted(_lines(books)))


def _lines(books: Books) -> Iterator[tuple[float, str]]:
    for charge in books.charges:
        yield from _charge(charge)
    for entry in books.entries:
        for saying in entry.sayings:
            yield saying.at, f"{entry} said to {saying.gateway} as {saying.message_id}: {entry.fields}"
        if entry.answered is not None:
            yield entry.answered, f"{entry} was answered"
    for delivery in books.deliveries:
        yield from _delivery(delivery)
    for command in books.commands:
        asked = f"{command.backend} asked {command.station} {command.action} {command.fields} {command.message_id}"
        yield command.at, f"{asked}, got {command.reply}"
    for heard in books.heard:
        yield heard.at, f"{heard.station} heard {heard.action} {heard.message_id} while {heard.charge}"
    for number, at in books.deaths:
        yield at, f"gateway {number} was killed"
    for spell in books.database:
        yield spell.begun, f"{spell.what}"
        yield spell.over, f"{spell.what} is surely over"


def _charge(charge: Charge) -> Iterator[tuple[float, str]]:
    if charge.bound is not None:
        yield charge.bound, f"{charge} belongs to {charge.answered_by}, as {charge.number}"


def _delivery(delivery: Delivery) -> Iterator[tuple[float, str]]:
    yield delivery.at, f"{delivery} came: {delivery.fields}"
    if delivery.answered is not None:
        yield delivery.answered, f"{delivery} was answered {delivery.answer} {delivery.number or ''}"
    if delivery.known is not None:
        yield delivery.known, f"{delivery}: the answer was read"
    if delivery.lost is not None:
        yield delivery.lost, f"{delivery}: the link was lost"
