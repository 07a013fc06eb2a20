"""`voltgate explain`: each kind of fate of a message, as it happened on the wires and as it is told."""

from __future__ import annotations

import json
import re

from tests.client.test_real import Terminal, terminal
from tests.harness import Stage, until
from tests.harness.link import Link

TIMES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}|\d+\.\d m?s\b|~[0-9a-f]{10}")
START = {"connectorId": 1, "idTag": "04A2", "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
ACCEPTED = {"idTagInfo": {"status": "Accepted"}}


async def told(ask: Terminal, message_id: str, records: int) -> list[str]:
    """Give the sentences on a message, once so many records of it are written; times and tokens are left out."""

    async def enough() -> list[str]:
        ended = await ask("explain", "CP1", message_id, "--json")
        said = json.loads(ended.out or '{"records": []}')
        return said["sentences"] if len(said["records"]) >= records else []

    sentences: list[str] = await until(enough, f"{records} records of {message_id}")
    shown = await ask("explain", "CP1", message_id)
    assert (shown.code, shown.out.splitlines()) == (0, sentences)
    return [TIMES.sub("…", sentence) for sentence in sentences]


async def start(station: Link, main: Link) -> int:
    """Start a transaction that main calls 7; give its number as the station has it."""
    asked = await station.ask("StartTransaction", START, "s1")
    await main.answer(await main.expect("StartTransaction"), {"transactionId": 7} | ACCEPTED)
    number: int = (await station.expect_result(asked)).payload["transactionId"]
    return number


async def test_what_became_of_messages(stage: Stage) -> None:
    """Who sent it, what decided, who was asked and told, with what, what they said, and what the sender got."""
    await stage.backend("main")
    billing = await stage.backend("billing")
    ask = await terminal(
        stage,
        messages={"stations": ["*"]},
        store={"url": "sqlite:///var/voltgate.db"},
        backends={"billing": {"deliver": "always", "permit": "observe"}},
    )
    station, main, second = await stage.meet("CP1")
    number = await start(station, main)
    await second.answer(await second.expect("StartTransaction"), {"transactionId": 70} | ACCEPTED)
    said = '{"connectorId":1,"idTag":"…","timestamp":"2026-01-01T10:00:00Z","meterStart":0}'
    gave = f'{{"transactionId":{number},"idTagInfo":{{"status":"Accepted"}}}}'
    assert await told(ask, "s1", 3) == [
        f"… CP1 sent StartTransaction (s1): {said}",
        'Rule 1 of the route "main" decided where it goes.',
        "main was asked, unchanged: it answered after ….",
        "It was owed to billing, which was told … later, unchanged: it answered after …; what it said went no further.",
        f"CP1 got the answer of main after …, with transactionId 7 → {number} (number): {gave}",
    ]

    refused = await second.ask("Reset", {"type": "Hard"}, "r1")
    await second.expect_answer(refused)
    assert await told(ask, "r1", 1) == [
        '… billing asked CP1 for Reset (r1): {"type":"Hard"}',
        "It never came to CP1: Voltgate answered in its place, for billing's permit or its state.",
        'billing got the answer after …: {"status":"Rejected"}',
    ]

    await main.ask("RemoteStopTransaction", {"transactionId": 7}, "r2")
    command = await station.expect("RemoteStopTransaction")
    await station.answer(command, {"status": "Accepted"})
    await main.expect_result("r2")
    assert await told(ask, "r2", 2) == [
        '… main asked CP1 for RemoteStopTransaction (r2): {"transactionId":7}',
        f"It went to CP1, with transactionId 7 → {number} (number): it answered after ….",
        'main got the answer after …: {"status":"Accepted"}',
    ]

    await billing.stop()
    stop = {"transactionId": number, "meterStop": 9, "timestamp": "2026-01-01T11:00:00Z"}
    await station.ask("StopTransaction", stop, "e1")
    await main.answer(await main.expect("StopTransaction"), {})
    await station.expect_result("e1")
    assert (await told(ask, "e1", 2))[3] == "It is still owed to billing, which has not taken it yet."
    await billing.start()
    second = await billing.station("CP1")
    await second.answer(await second.expect("StopTransaction"), {})
    said = f'{{"transactionId":{number},"meterStop":9,"timestamp":"2026-01-01T11:00:00Z"}}'
    assert await told(ask, "e1", 3) == [
        f"… CP1 sent StopTransaction (e1): {said}",
        "It names a transaction, or another number, that is main's: so main is who answers, whatever the rules say.",
        f"main was asked, with transactionId {number} → 7 (number): it answered after ….",
        f"It was owed to billing, which was told … later, with transactionId {number} → 70 (number): "
        "it answered after …; what it said went no further.",
        "CP1 got the answer of main after …: {}",
    ]

    station.send('[2,"x1","Heartbeat",{"torn"')
    assert await told(ask, "x1", 1) == [
        '… CP1 sent what is no message: [2,"x1","Heartbeat",{"torn"',
        "It was not passed on: The frame is not valid JSON.",
    ]

    await station.ask("Heartbeat", {}, "h1")
    await main.fail(await main.expect("Heartbeat"), "InternalError", "out of order")
    await station.expect_error("h1")
    await second.answer(await second.expect("Heartbeat"), {"currentTime": "x"})
    assert await told(ask, "h1", 3) == [
        "… CP1 sent Heartbeat (h1): {}",
        'Rule 1 of the route "main" decided where it goes.',
        "main was asked, unchanged: it answered after … with the error InternalError (out of order).",
        "billing was told besides, unchanged: it answered after …; what it said went no further.",
        "CP1 got the answer of main after …: the error InternalError (out of order)",
    ]

    await station.ask("Heartbeat", {}, "h2")
    await main.expect("Heartbeat")
    await second.expect("Heartbeat")
    await station.close()
    assert await told(ask, "h2", 3) == [
        "… CP1 sent Heartbeat (h2): {}",
        'Rule 1 of the route "main" decided where it goes.',
        "It went to billing, unchanged: it did not answer in …: the station has gone.",
        "It went to main, unchanged: it did not answer in …: the station has gone.",
        "CP1 got no answer in …: the station has gone.",
    ]
    nothing = await ask("explain", "CP1", "h3")
    assert nothing.code == 1
    assert "no message h3 of CP1 is in the log" in nothing.err
