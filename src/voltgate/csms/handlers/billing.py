"""The cost of what has ended: computed behind every handler, and told to stations that can show it.

Source: 2.0.1 Part 2, I02 and I03 (CostUpdated, totalCost of TransactionEventResponse); the California Pricing white
paper of the Open Charge Alliance for 1.6 (DataTransfer, FinalCost).
"""

from __future__ import annotations

from typing import Any

import msgspec

from voltgate.csms.costs import major, settle, so_far
from voltgate.csms.handling import Command, Handling
from voltgate.csms.model import Transaction
from voltgate.csms.ports import Found
from voltgate.ocpp.dialect import is_modern


def bill(handling: Handling, answer: dict[str, Any]) -> dict[str, Any]:
    """Have all transactions that a call has changed know their cost; return its answer, which may tell one."""
    for tx in handling.transactions:
        settle(tx, handling.tariffs)
    if handling.said.action == "TransactionEvent":
        return answer | _total(handling)
    if handling.said.action == "StopTransaction" and handling.said.version == "ocpp1.6":
        _tell_16(handling)
    return answer


def _total(handling: Handling) -> dict[str, Any]:
    """Return the cost for the answer to the event that ends a transaction, also when it comes again."""
    tx = handling.about if handling.said.text("eventType") == "Ended" else None
    return {} if tx is None or tx.cost is None else {"totalCost": major(tx.cost, tx.currency)}


def _tell_16(handling: Handling) -> None:
    vendor, message = handling.settings.tell_cost_16
    for tx in handling.transactions if vendor else ():
        if tx.cost is None or tx.state != "ended" or tx.number is None:
            continue
        amount = major(tx.cost, tx.currency)
        text = {"transactionId": tx.number, "cost": amount, "priceText": f"{amount} {tx.currency}"}
        told: dict[str, Any] = {"vendorId": vendor, "data": msgspec.json.encode(text).decode()}
        handling.tell("DataTransfer", told | ({"messageId": message} if message else {}))


def costs_so_far(found: Found, now: float) -> list[tuple[str, Command]]:
    """Return what stations of 2.x are told of their running transactions, with the keys of the stations."""
    running = [tx for tx in found.transactions.values() if tx.state == "running" and is_modern(tx.version)]
    return [(tx.station, command) for tx in running if (command := _so_far(tx, found, now)) is not None]


def _so_far(tx: Transaction, found: Found, now: float) -> Command | None:
    cost = so_far(tx, found.tariffs, now)
    if cost is None:
        return None
    return Command("CostUpdated", {"totalCost": major(cost.total, cost.currency), "transactionId": tx.transaction_id})
