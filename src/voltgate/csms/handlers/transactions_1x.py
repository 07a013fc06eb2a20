"""Transactions of 1.x: StartTransaction and StopTransaction.

Neither is ever refused: what it says has happened (1.6 sections 4.8 and 4.10). A station that got no answer says it
again, and gets the answer of the first time.
"""

from __future__ import annotations

from typing import Any

from voltgate.csms.admission import hold_to_form
from voltgate.csms.ends import crowded, displaced, end_as_said, is_over
from voltgate.csms.handlers.authorize import info_1x, verdict
from voltgate.csms.handlers.finding import is_number, the_running
from voltgate.csms.handlers.metering import keep, last_register, readings
from voltgate.csms.handlers.notes import set_aside
from voltgate.csms.handling import Handling
from voltgate.csms.meters import Reading
from voltgate.csms.model import Transaction
from voltgate.csms.ports import Needs
from voltgate.csms.said import Said
from voltgate.csms.times import read_time

LATE = 60.0
"""Seconds after its time from which on a message counts as one that was kept while the station was offline."""


def start_needs(said: Said, needs: Needs) -> None:
    """Read the token, what runs, what ended last there, the reservation; have a number."""
    needs.running.add(said.station)
    needs.last.add((said.station, said.whole("connectorId") or 0))
    needs.numbers += 1
    needs.token(said.text("idTag"), used=True)
    needs.reservation(said.station, said.whole("reservationId"))


def start(handling: Handling) -> dict[str, Any]:
    """Answer a StartTransaction."""
    said = handling.said
    token = said.text("idTag")
    if not any(name in said.fields for name in ("connectorId", "idTag", "meterStart")):
        handling.put(set_aside(said))
        hold_to_form(handling)
    tx = _begun_before(handling) or _begin(handling, token)
    status = verdict(handling, token, "", begins=tx)
    if tx.state == "running":
        handling.used(token).add((tx.station, tx.ref))
    return {"idTagInfo": info_1x(handling, token, status), "transactionId": tx.number}


def _begun_before(handling: Handling) -> Transaction | None:
    """Return the transaction of which this is a repetition.

    A repetition says all the same. Of one that has ended it must also be the same message: there are stations whose
    clock stands still and whose register does. Those that have no clock at all may count their messages anew each day:
    what they have ended is over.
    """
    said = handling.said
    evse, token = said.whole("connectorId"), said.text("idTag")
    meter, at = said.number("meterStart"), read_time(said.fields.get("timestamp"))
    for tx in handling.of_station():
        same = (tx.evse, tx.token, tx.meter_start) == (evse, token, meter) and (at is None or tx.began == at)
        is_repeated = tx.begun_by == said.id and (at is not None or not is_over(tx))
        if same and tx.number is not None and (is_repeated or (tx.state == "running" and at is not None)):
            return tx
    return None


def _begin(handling: Handling, token: str) -> Transaction:
    said, number = handling.said, handling.number()
    at = read_time(said.fields.get("timestamp"))
    began, evse = said.now if at is None else at, said.whole("connectorId")
    known = handling.token(token)
    tx = Transaction(
        said.station,
        str(number),
        number,
        handling.station.network,
        said.version,
        evse,
        1 if evse else None,
        token,
        group="" if known is None else known.group,
        began=began,
        began_received=said.now,
        meter_start=said.number("meterStart"),
        offline=said.now - began > LATE,
        reservation=said.whole("reservationId"),
        begun_by=said.id,
    )
    handling.begin(tx)
    displaced(handling, tx)
    crowded(handling, tx)
    use_reservation(handling, tx)
    return tx


def use_reservation(handling: Handling, tx: Transaction) -> None:
    """Note that a reservation was used."""
    reservation = None if tx.reservation is None else handling.reservation(tx.reservation)
    if reservation is not None:
        reservation.status, reservation.ref = "Used", tx.ref
        handling.put(reservation)


def stop_needs(said: Said, needs: Needs) -> None:
    """Read the transaction, what runs, the profiles that end with it, and the token that ended it; have a number."""
    needs.running.add(said.station)
    needs.profiles.add(said.station)
    number, at = said.whole("transactionId"), read_time(said.fields.get("timestamp"))
    if is_number(number):
        needs.transactions.add((said.station, str(number)))
    elif at is not None:
        needs.ended.add((said.station, at))
    needs.numbers += 1
    needs.token(said.text("idTag"))


def stop(handling: Handling) -> dict[str, Any]:
    """Answer a StopTransaction, never with an error: there are stations that boot again and again then (Metron)."""
    said = handling.said
    token = said.text("idTag")
    tx = _ended(handling, token)
    if tx is None:
        handling.put(set_aside(said))
    else:
        _end(handling, tx, token)
    return {"idTagInfo": info_1x(handling, token, verdict(handling, token, ""))} if token else {}


def _ended(handling: Handling, token: str) -> Transaction | None:
    """Return the transaction that is said to have ended; None if it is none that can be told from others.

    A station that never got a number, since it began offline, says 0 or -1: then it is the one that runs, if there is
    only one that it can be.
    """
    said, number = handling.said, handling.said.whole("transactionId")
    if is_number(number):
        known = handling.transaction(str(number))
    else:
        known = _ended_before(handling, token) or the_running(handling, token=token)
    if known is not None:
        return known
    if not is_number(number) and "meterStop" not in said.fields:
        return None
    return _unheard_of(handling, number if number is not None and is_number(number) else handling.number(), token)


def _ended_before(handling: Handling, token: str) -> Transaction | None:
    """Return the transaction of whose end, told without a number, this is a repetition."""
    at, meter = (
        read_time(handling.said.fields.get("timestamp")),
        _meter_stop(handling, readings(handling.said, "transactionData")),
    )
    for tx in handling.of_station() if at is not None else ():
        if is_over(tx) and (tx.ended, tx.stop_token) == (at, token) and meter in (None, tx.meter_stop):
            return tx
    return None


def _end(handling: Handling, tx: Transaction, token: str) -> None:
    said = handling.said
    read = readings(said, "transactionData")
    keep(handling, tx.evse or 0, tx.ref, tx, read)
    meter = _meter_stop(handling, read)
    if not is_over(tx) or (tx.estimated and meter is not None):
        tx.stop_token = token
        end_as_said(handling, tx, said.at("timestamp"), meter, said.text("reason"))


def _meter_stop(handling: Handling, read: list[Reading]) -> float | None:
    meter = handling.said.number("meterStop")
    return last_register(read) if meter is None else meter


def _unheard_of(handling: Handling, number: int, token: str) -> Transaction:
    """Return a transaction of which only the end is known: begun at another system, or before this one was there."""
    said = handling.said
    handling.withhold(number)
    tx = Transaction(said.station, str(number), number, handling.station.network, said.version, token=token)
    tx.began_received = said.now
    handling.begin(tx)
    return tx
