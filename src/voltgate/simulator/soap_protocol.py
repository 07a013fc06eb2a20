"""OCPP-S for a simulated station of one version: it writes calls and answers, and checks what arrives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from voltgate.ocpp.schemas import Violation, check
from voltgate.ocpp.soap import codec, writing
from voltgate.ocpp.soap.codec import Assumed
from voltgate.ocpp.soap.envelope import BadEnvelope, Envelope, parse
from voltgate.ocpp.soap.faults import Fault as SoapFault
from voltgate.ocpp.soap.names import ANONYMOUS, FAULT_ACTION, Version
from voltgate.simulator.calls import CallError
from voltgate.simulator.soap_http import Message
from voltgate.simulator.soap_wsdl import flaw
from voltgate.simulator.tally import Fault

Payload = dict[str, Any]

URN = "urn:uuid:"
"""What a message id that is a UUID begins with (WS-Addressing 1.0 section 3.1)."""


def read(body: bytes) -> Envelope | BadEnvelope:
    """Return the envelope in a body, or what is wrong with it; OCPP-S is in SOAP 1.2 only."""
    found = parse(body)
    if isinstance(found, Envelope) and found.edition != "1.2":
        reason = "The message is in SOAP 1.1, not 1.2"
        return BadEnvelope("ProtocolError", reason, found.version, found.identity, found.message_id)
    return found


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong with a message: a kind of fault, and a sentence."""

    fault: Fault
    what: str


@dataclass(frozen=True, slots=True)
class SoapAnswer:
    """An answer of a central system, checked.

    `answer` is None when it is unusable, so that the call counts as unanswered; `relates_to` is the message id that it
    names, "" when it names none.
    """

    answer: Payload | CallError | None
    findings: tuple[Finding, ...] = ()
    relates_to: str = ""


@dataclass(frozen=True, slots=True)
class SoapCommand:
    """A command, checked. With a `refusal` it must not be executed."""

    action: str
    payload: Payload
    message_id: str
    refusal: SoapFault | None = None
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class SoapProtocol:
    """The protocol of one station: its version and identity, the central system's URL, and its own callback's."""

    version: Version
    identity: str
    to: str
    sender: str

    # Writing

    def call(self, action: str, payload: Payload, message_id: str) -> bytes | None:
        """Return a call; None for one that this version does not have."""
        body = codec.encode(self.version, "Cs", action, "request", payload)
        if isinstance(body, codec.NoCounterpart):
            return None
        return writing.request(
            self.version,
            "Cs",
            action,
            _written(body),
            identity=self.identity,
            message_id=message_id,
            to=self.to,
            sender=self.sender,
        )

    def result(self, command: SoapCommand, payload: Payload, message_id: str) -> bytes:
        """Return the answer to a command. Raise ValueError when the version cannot express it."""
        body = codec.encode(self.version, "Cp", command.action, "response", payload)
        if isinstance(body, codec.NoCounterpart):
            raise ValueError(f"OCPP-S {self.version} has no {body.what}")  # noqa: TRY004 - it is the words that are wrong
        return writing.response(
            self.version, "Cp", command.action, _written(body), message_id=message_id, relates_to=command.message_id
        )

    def fault(self, command: SoapCommand, soap_fault: SoapFault, message_id: str) -> bytes:
        """Return a fault in place of an answer."""
        return writing.fault(self.version, soap_fault, message_id=message_id, relates_to=command.message_id)

    # Answers of the central system

    def judge_answer(self, action: str, message: Message, now: str) -> SoapAnswer:
        """Check the answer to a call; `now` (RFC 3339) replaces a time that is optional in 1.2."""
        found = read(message.body)
        if isinstance(found, BadEnvelope):
            return _unreadable(action, message, found)
        findings = _of_http(message, found)
        if found.kind == "fault":
            return _refused(action, found, findings)
        if (found.kind, found.version, found.service, found.operation) != ("response", self.version, "Cs", action):
            what = f"{found.operation} {found.kind} of {found.version} {found.service} in answer to {action}"
            return SoapAnswer(None, (*findings, Finding(Fault.WRONG, what)), found.relates_to)
        findings += _of_headers(found)
        payload = self._payload(found, Assumed(now=now))
        if isinstance(payload, Violation):
            wrong = Finding(Fault.WRONG, f"answer to {action}: {payload.description}")
            return SoapAnswer(CallError(payload.code, payload.description), (*findings, wrong), found.relates_to)
        return SoapAnswer(payload, findings, found.relates_to)

    def _payload(self, found: Envelope, assumed: Assumed = codec.ASSUMED) -> Payload | Violation:
        """Return the payload of a body, or how it violates the WSDL or the schema of 1.6."""
        wrong = flaw(found)
        if wrong is not None:
            return Violation("FormationViolation", wrong)
        payload = codec.decode(found, assumed)
        if isinstance(payload, Violation):
            return payload
        return check("1.6", found.operation, "request" if found.kind == "request" else "response", payload) or payload

    # Commands of the central system

    def judge_command(self, message: Message) -> SoapCommand:
        """Check a command."""
        found = read(message.body)
        if isinstance(found, BadEnvelope):
            command = SoapCommand("", {}, found.message_id, found.fault)
            known = found.subcode == "NotSupported"
            return command if known else _with(command, Finding(Fault.MALFORMED, f"a command: {found.reason}"))
        command = SoapCommand(found.operation, {}, found.message_id, findings=_of_http(message, None))
        refusal = self._objection(found)
        if refusal is not None:
            return _refuse(command, refusal.subcode, refusal.reason, Fault.WRONG)
        for what in self._missing(found):
            command = _with(command, Finding(Fault.MALFORMED, f"{found.operation} {what}"))
        payload = self._payload(found)
        if isinstance(payload, Violation):
            return _refuse(command, "ProtocolError", payload.description, Fault.WRONG)
        return SoapCommand(command.action, payload, command.message_id, None, command.findings)

    def _objection(self, found: Envelope) -> SoapFault | None:
        """Return why a command is not for this station; None when it is."""
        if (found.kind, found.service) != ("request", "Cp"):
            return SoapFault("Sender", "ProtocolError", f"a {found.kind} of the service {found.service} is no command")
        if found.version != self.version:
            return SoapFault("Sender", "ProtocolError", f"a command of {found.version} to a station of {self.version}")
        if found.identity.lower() != self.identity.lower():
            return SoapFault("Sender", "IdentityMismatch", "chargeBoxIdentity is not that of this station")
        return None

    def _missing(self, found: Envelope) -> list[str]:
        """Return what is wrong with the headers of a command that is executed all the same."""
        wrong = []
        if not found.message_id:
            wrong.append("without a MessageID")
        if not found.action:
            wrong.append("without an Action")
        if found.to != self.sender:
            wrong.append(f"to {found.to[:100]!r}, which is not where this station listens")
        if found.reply_to not in {"", ANONYMOUS}:
            wrong.append("whose answer is to go elsewhere")
        return wrong


def _written(body: str | Violation) -> str:
    if isinstance(body, Violation):
        raise ValueError(body.description)  # noqa: TRY004 - a payload of ours is wrong
    return body


def _with(command: SoapCommand, finding: Finding) -> SoapCommand:
    return SoapCommand(
        command.action, command.payload, command.message_id, command.refusal, (*command.findings, finding)
    )


def _refuse(command: SoapCommand, subcode: str, reason: str, fault: Fault) -> SoapCommand:
    findings = (*command.findings, Finding(fault, f"a command against the rules: {reason}"))
    return SoapCommand(command.action, {}, command.message_id, SoapFault("Sender", subcode, reason), findings)


def _unreadable(action: str, message: Message, found: BadEnvelope) -> SoapAnswer:
    """Check a response without an envelope: an HTTP error is a refusal, anything else is malformed."""
    if message.status >= 400:
        return SoapAnswer(None, (Finding(Fault.REFUSED, f"{action} was answered with HTTP {message.status}"),))
    return SoapAnswer(None, (Finding(Fault.MALFORMED, f"answer to {action}: {found.reason}"),))


def _refused(action: str, found: Envelope, findings: tuple[Finding, ...]) -> SoapAnswer:
    soap_fault = found.fault or SoapFault("", "", "")
    refused = Finding(Fault.REFUSED, f"{action} was refused: {soap_fault.subcode} {soap_fault.reason[:100]}")
    if found.action not in {"", FAULT_ACTION}:
        findings += (Finding(Fault.MALFORMED, "the Action of a fault is not that of faults"),)
    return SoapAnswer(CallError(soap_fault.subcode, soap_fault.reason), (*findings, refused), found.relates_to)


def _of_http(message: Message, found: Envelope | None) -> tuple[Finding, ...]:
    """Check the HTTP of an envelope. A fault comes with an HTTP error (SOAP 1.2 part 2 section 7.5.1.2)."""
    findings = []
    flaw_of_message = message.flaw()
    if flaw_of_message is not None:
        findings.append(Finding(Fault.MALFORMED, flaw_of_message))
    if found is not None and message.status // 100 not in ({4, 5} if found.kind == "fault" else {2}):
        findings.append(Finding(Fault.MALFORMED, f"a {found.kind} with HTTP {message.status}"))
    return tuple(findings)


def _of_headers(found: Envelope) -> tuple[Finding, ...]:
    """Check the Action of an answer: it ends with "Response", in its short form or in that of WS-Addressing."""
    if found.action.rpartition("/")[1:] == ("/", f"{found.operation}Response"):
        return ()
    return (Finding(Fault.MALFORMED, f"the Action of the answer is {found.action[:60]!r}"),)
