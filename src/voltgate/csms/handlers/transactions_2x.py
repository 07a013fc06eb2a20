"""Transactions of 2.x: TransactionEvent, in whatever order its events come.

Each event has a number; one that has come before changes nothing. What an event says counts from its own time, so that
one that comes late does not overwrite what is newer (2.0.1 Part 2, E01 to E15; 2.1 E01 to E17).
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.admission import hold_to_form
from voltgate.csms.desk import Desk
from voltgate.csms.ends import crowded, displaced, end_as_said, energy_of, goes_on, is_over
from voltgate.csms.handlers.authorize import info_2x, token_of_2x, verdict
from voltgate.csms.handlers.finding import the_running
from voltgate.csms.handlers.metering import first_register, keep, last_register, readings
from voltgate.csms.handlers.notes import keep_note, set_aside
from voltgate.csms.handlers.transactions_1x import use_reservation
from voltgate.csms.meters import Reading
from voltgate.csms.model import Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said, name_of, text_of, whole_of
from voltgate.csms.sequences import Heard
from voltgate.csms.times import is_older, read_time

DETAILS = "TransactionDetails"
"""The kind of notes that hold what 2.1 adds to events: costs, limits and states that the station computes itself."""
_DETAILS = ("costDetails", "preconditioningStatus", "evseSleep")
_DETAILS_OF_INFO = ("tariffId", "transactionLimit", "operationMode")
_ENDS = frozenset({"StopAuthorized", "Deauthorized", "RemoteStop"})
"""Triggers of events whose token is that of somebody who ends the transaction."""


def needs(said: Said, needs: Needs) -> None:
    """Read the transaction, what runs, the token and the reservation."""
    needs.transactions.add((said.station, ref_of(said)))
    needs.running.add(said.station)
    needs.token(token_of_2x(said)[0], used=True)
    needs.reservation(said.station, said.whole("reservationId"))


def ref_of(said: Said) -> str:
    """Return the transactionId."""
    return name_of(said.part("transactionInfo").get("transactionId"))


def event(desk: Desk) -> dict[str, Any]:
    """Answer a TransactionEvent."""
    said = desk.said
    ref, at = ref_of(said), read_time(said.fields.get("timestamp"))
    when = said.now if at is None else at
    tx = _heard_of(desk, ref) if ref else the_running(desk, whole_of(said.part("evse").get("id")))
    if tx is None:
        desk.put(set_aside(said))
        hold_to_form(desk)
        return {}
    text, kind = token_of_2x(said)
    if _is_new(desk, tx, said.whole("seqNo"), at):
        _take(desk, tx, when, text, kind)
        desk.put(tx)
    if not text and not kind:
        return {}
    begins = tx if tx.state == "running" and said.text("triggerReason") not in _ENDS else None
    return {"idTokenInfo": info_2x(desk, text, verdict(desk, text, kind, begins=begins))}


def _heard_of(desk: Desk, ref: str) -> Transaction:
    """Return the transaction of a name. When it began is not known before its station says so."""
    said, known = desk.said, desk.transaction(ref)
    if known is not None:
        return known
    tx = Transaction(said.station, ref, network=desk.station.network, version=said.version)
    tx.began_received = said.now
    desk.begin(tx)
    crowded(desk, tx)
    return tx


def _is_new(desk: Desk, tx: Transaction, seq: int | None, at: float | None) -> bool:
    """Note that an event has come; return whether it had not come before.

    A number that has come counts again at a later time: stations begin to count anew when they boot in a transaction.
    """
    is_later = at is not None and (tx.heard is None or at > tx.heard)
    heard = Heard(tx.seq, tx.missing)
    if seq is None or seq < 0:
        is_new = is_later or at is None or desk.said.text("eventType") != "Ended" or not is_over(tx)
    elif heard.has(seq):
        is_new = is_later
        tx.seq, tx.missing = (seq, "") if is_later else (tx.seq, tx.missing)
    else:
        is_new, heard = True, heard.plus(seq)
        tx.seq, tx.missing = heard.highest, heard.missing
    return is_new


def _take(desk: Desk, tx: Transaction, at: float, text: str, kind: str) -> None:
    """Take what a new event says."""
    said, info = desk.said, desk.said.part("transactionInfo")
    is_start, is_end = said.text("eventType") == "Started", said.text("eventType") == "Ended"
    is_of_end = is_end or said.text("triggerReason") in _ENDS
    is_latest = not is_older(at, tx.heard, said.now)
    tx.heard = at if is_latest else tx.heard
    _place(tx, said.part("evse"))
    _bind(desk, tx, text, kind, is_of_end=is_of_end)
    tx.offline = tx.offline or said.fields.get("offline") is True
    tx.remote_start = whole_of(info.get("remoteStartId")) if tx.remote_start is None else tx.remote_start
    if tx.reservation is None and said.whole("reservationId") is not None:
        tx.reservation = said.whole("reservationId")
        use_reservation(desk, tx)
    read = readings(said, "meterValue")
    keep(desk, tx.evse or 0, tx.ref, tx, read)
    if is_start:
        _start(desk, tx, at, read)
    if not is_end:
        goes_on(desk, tx, at)
    if is_latest and tx.state == "running":
        tx.charging_state = text_of(info.get("chargingState")) or tx.charging_state
    register = last_register(read) if is_end else None
    if is_end and (register is not None or not is_over(tx)):  # said again with less, it was that end
        end_as_said(desk, tx, at, register, text_of(info.get("stoppedReason")))
    if tx.state == "ended":
        tx.energy = energy_of(tx)
    _keep_details(desk, tx, info)


def _start(desk: Desk, tx: Transaction, at: float, read: list[Reading]) -> None:
    if tx.began != at:
        tx.cost_data = b""  # an end that came before its beginning was priced by another day's tariff
    tx.began, tx.trigger = at, desk.said.text("triggerReason")
    register = first_register(read)
    if register is not None:
        tx.meter_start = register
    displaced(desk, tx)


def _keep_details(desk: Desk, tx: Transaction, info: dict[str, Any]) -> None:
    """Keep what 2.1 has besides, as it came."""
    fields = desk.said.fields
    details = {name: fields[name] for name in _DETAILS if name in fields}
    details |= {name: info[name] for name in _DETAILS_OF_INFO if name in info}
    if details:
        keep_note(desk, tx.ref, desk.said.at("timestamp"), DETAILS, details)


def _place(tx: Transaction, evse: dict[str, Any]) -> None:
    number, connector = whole_of(evse.get("id")), whole_of(evse.get("connectorId"))
    if number is not None:
        tx.evse = number
        tx.connector = tx.connector if connector is None else connector


def _bind(desk: Desk, tx: Transaction, text: str, kind: str, *, is_of_end: bool) -> None:
    """Note whose transaction it is: the first token is its, that of its end may be another.

    The token of the end stands for it only until another one comes, as the events before the end may come after it.
    """
    if not text and not kind:
        return
    is_free = not tx.token or (tx.token == tx.stop_token != text and not is_of_end)
    if is_of_end:
        tx.stop_token = text
    if is_free and not (is_of_end and tx.token_kind):
        known = desk.token(text)
        desk.used(tx.token).discard((tx.station, tx.ref))
        tx.token, tx.token_kind, tx.group = text, kind, "" if known is None else known.group
        tx.cost_data = b""  # the tariff is that of its group
    if tx.state == "running" and text == tx.token:
        desk.used(text).add((tx.station, tx.ref))
