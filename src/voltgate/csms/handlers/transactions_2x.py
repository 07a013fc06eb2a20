"""Transactions of 2.x: TransactionEvent, in whatever order its events come.

Each event has a number; one that has come before changes nothing. What an event says counts from its own time, so that
one that comes late does not overwrite what is newer (2.0.1 Part 2, E01 to E15; 2.1 E01 to E17).
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.admission import hold_to_form
from voltgate.csms.ends import displaced, end_as_said, energy_of, goes_on, is_over
from voltgate.csms.handlers.authorize import info_2x, token_of_2x, verdict
from voltgate.csms.handlers.events import is_told_before, named, needs_named, transaction_id
from voltgate.csms.handlers.finding import the_running
from voltgate.csms.handlers.metering import first_register, keep, last_register, readings
from voltgate.csms.handlers.notes import keep_note, set_aside
from voltgate.csms.handlers.transactions_1x import use_reservation
from voltgate.csms.handling import Handling
from voltgate.csms.meters import Reading
from voltgate.csms.model import Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said, text_of, whole_of
from voltgate.csms.sequences import Heard
from voltgate.csms.times import is_older, read_time

DETAILS = "TransactionDetails"
"""The kind of notes that hold what 2.1 adds to events: costs, limits and states that the station computes itself."""
_DETAILS = ("costDetails", "preconditioningStatus", "evseSleep")
_DETAILS_OF_INFO = ("tariffId", "transactionLimit", "operationMode")
_ENDS = frozenset({"StopAuthorized", "Deauthorized", "RemoteStop"})
"""Triggers of events whose token is that of somebody who ends the transaction."""


def needs(said: Said, needs: Needs) -> None:
    """Read the transactions of its id, what runs, the token and the reservation; the profiles that end with it."""
    needs_named(said, needs)
    if said.text("eventType") == "Ended":
        needs.profiles.add(said.station)
    needs.running.add(said.station)
    needs.token(token_of_2x(said)[0], used=True)
    needs.reservation(said.station, said.whole("reservationId"))


def event(handling: Handling) -> dict[str, Any]:
    """Answer a TransactionEvent."""
    said = handling.said
    name, at = transaction_id(said), read_time(said.fields.get("timestamp"))
    when = said.now if at is None else at
    tx = handling.about = (
        named(handling, name) if name else the_running(handling, whole_of(said.part("evse").get("id")))
    )
    if tx is None:
        handling.put(set_aside(said))
        hold_to_form(handling)
        return {}
    text, kind = token_of_2x(said)
    if _is_new(handling, tx, said.whole("seqNo"), at):
        _take(handling, tx, when, text, kind)
        handling.put(tx)
    if not text and not kind:
        return {}
    begins = tx if tx.state == "running" and said.text("triggerReason") not in _ENDS else None
    return {"idTokenInfo": info_2x(handling, text, verdict(handling, text, kind, begins=begins))}


def _is_new(handling: Handling, tx: Transaction, seq: int | None, at: float | None) -> bool:
    """Note that an event has come; return whether it had not come before.

    A number that has come counts again at a later time: stations begin to count anew when they boot in a transaction.
    """
    is_later = at is not None and (tx.heard is None or at > tx.heard)
    is_later = is_later and not is_told_before(handling, tx)
    heard = Heard(tx.seq, tx.missing)
    if seq is None or seq < 0:
        is_new = is_later or at is None or handling.said.text("eventType") != "Ended" or not is_over(tx)
    elif heard.has(seq):
        is_new = is_later
        tx.seq, tx.missing = (seq, "") if is_later else (tx.seq, tx.missing)
    else:
        is_new, heard = True, heard.plus(seq)
        tx.seq, tx.missing = heard.highest, heard.missing
    return is_new


def _take(handling: Handling, tx: Transaction, at: float, text: str, kind: str) -> None:
    """Take what a new event says."""
    said, info = handling.said, handling.said.part("transactionInfo")
    is_start, is_end = said.text("eventType") == "Started", said.text("eventType") == "Ended"
    is_of_end = is_end or said.text("triggerReason") in _ENDS
    is_latest = not is_older(at, tx.heard, said.now)
    tx.heard = at if is_latest else tx.heard
    _place(tx, said.part("evse"))
    _bind(handling, tx, text, kind, is_of_end=is_of_end)
    tx.offline = tx.offline or said.fields.get("offline") is True
    tx.remote_start = whole_of(info.get("remoteStartId")) if tx.remote_start is None else tx.remote_start
    if tx.reservation is None and said.whole("reservationId") is not None:
        tx.reservation = said.whole("reservationId")
        use_reservation(handling, tx)
    read = readings(said, "meterValue")
    keep(handling, tx.evse or 0, tx.ref, tx, read)
    if is_start:
        _start(handling, tx, at, read)
    if not is_end:
        goes_on(handling, tx, at)
    if is_latest and tx.state == "running":
        tx.charging_state = text_of(info.get("chargingState")) or tx.charging_state
    register = last_register(read) if is_end else None
    if is_end and (register is not None or not is_over(tx)):  # said again with less, it was that end
        end_as_said(handling, tx, at, register, text_of(info.get("stoppedReason")))
    if tx.state == "ended":
        tx.energy = energy_of(tx)
    _keep_details(handling, tx, info)


def _start(handling: Handling, tx: Transaction, at: float, read: list[Reading]) -> None:
    if tx.began != at:
        tx.cost_data = b""  # an end that came before its beginning was priced by another day's tariff
    tx.began, tx.trigger, tx.begun_by = at, handling.said.text("triggerReason"), handling.said.id
    register = first_register(read)
    if register is not None:
        tx.meter_start = register
    displaced(handling, tx)


def _keep_details(handling: Handling, tx: Transaction, info: dict[str, Any]) -> None:
    """Keep what 2.1 has besides, as it came."""
    fields = handling.said.fields
    details = {name: fields[name] for name in _DETAILS if name in fields}
    details |= {name: info[name] for name in _DETAILS_OF_INFO if name in info}
    if details:
        keep_note(handling, tx.ref, handling.said.at("timestamp"), DETAILS, details)


def _place(tx: Transaction, evse: dict[str, Any]) -> None:
    number, connector = whole_of(evse.get("id")), whole_of(evse.get("connectorId"))
    if number is not None:
        tx.evse = number
        tx.connector = tx.connector if connector is None else connector


def _bind(handling: Handling, tx: Transaction, text: str, kind: str, *, is_of_end: bool) -> None:
    """Note whose transaction it is: the first token is its, that of its end may be another.

    The token of the end stands for it only until another one comes, as the events before the end may come after it.
    """
    if not text and not kind:
        return
    is_free = not tx.token or (tx.token == tx.stop_token != text and not is_of_end)
    if is_of_end:
        tx.stop_token = text
    if is_free and not (is_of_end and tx.token_kind):
        known = handling.token(text)
        handling.used(tx.token).discard((tx.station, tx.ref))
        tx.token, tx.token_kind, tx.group = text, kind, "" if known is None else known.group
        tx.cost_data = b""  # the tariff is that of its group
    if tx.state == "running" and text == tx.token:
        handling.used(text).add((tx.station, tx.ref))
