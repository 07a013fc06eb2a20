"""DataTransfer: what vendors add to OCPP, with a hook for each of them.

Source: 1.6 section 4.5; 2.x Part 2, P02.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from voltgate.csms.handlers.notes import keep_note
from voltgate.csms.handling import Handling
from voltgate.csms.said import name_of

Hook: TypeAlias = Callable[[Handling, str, Any], dict[str, Any] | None]
"""Answers what a vendor's stations say, by message id ("": none) and data, with the payload of a result.

`{"status": "Accepted", "data": …}`; None: the message id is not known.
"""

HOOKS: dict[str, Hook] = {}
"""The hook of each vendor, by its vendorId casefolded."""


def data_transfer(handling: Handling) -> dict[str, Any]:
    """Answer a DataTransfer, which is kept."""
    said = handling.said
    vendor = said.text("vendorId")
    keep_note(handling, name_of(vendor))
    hook = HOOKS.get(vendor.casefold())
    if hook is None:
        return {"status": "UnknownVendorId"}
    answer = hook(handling, said.text("messageId"), said.fields.get("data"))
    if answer is None:
        return {"status": "UnknownMessageId"}
    data = answer.get("data")
    if data is None or isinstance(data, str) or said.modern:
        return answer
    return answer | {"data": msgspec.json.encode(data).decode()}  # 1.x has text only
