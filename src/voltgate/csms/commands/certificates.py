"""Commands about certificates: install, list, delete, and hand over a signed one."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec

from voltgate.csms.commands.asking import Every, Plan, Step
from voltgate.csms.commands.outcome import Fields, Outcome, Read, by_status, objects, text
from voltgate.csms.commands.parameters import Certificate, Id, Parameters, given
from voltgate.csms.commands.target import Target

Root: TypeAlias = Literal["csms", "manufacturer", "v2g", "mobility-operator", "oem"]
"""Whose root a certificate is; 1.6 has the first two, 2.0.1 the first four."""

_OLD_ROOTS = {"csms": "CentralSystemRootCertificate", "manufacturer": "ManufacturerRootCertificate"}
_BOTH: tuple[Root, ...] = ("csms", "manufacturer")
_ROOTS = {
    "csms": "CSMSRootCertificate",
    "manufacturer": "ManufacturerRootCertificate",
    "v2g": "V2GRootCertificate",
    "mobility-operator": "MORootCertificate",
    "oem": "OEMRootCertificate",
    "v2g-chain": "V2GCertificateChain",
}
_NEUTRAL = {**{word: name for name, word in _ROOTS.items()}, "CentralSystemRootCertificate": "csms"}


def _root(target: Target, root: str) -> str:
    words = _ROOTS if target.modern else _OLD_ROOTS
    if root not in words or (root == "oem" and not target.since("ocpp2.1")):
        raise target.lacks(f"certificate of the kind {root}", "csms or manufacturer")
    return words[root]


def _must_be_extended(target: Target) -> None:
    if not target.modern and not target.extended:
        raise target.lacks("certificates")


class InstallCertificate(Parameters, frozen=True):
    """Install a root certificate."""

    root: Root
    certificate: Certificate


def install_certificate(target: Target, wanted: InstallCertificate) -> Plan:
    """Plan an InstallCertificate."""
    _must_be_extended(target)
    certificate = target.must_fit(wanted.certificate, 5500, 5500, 10000, "a certificate")
    return Step("InstallCertificate", {"certificateType": _root(target, wanted.root), "certificate": certificate})


class HashData(Parameters, frozen=True):
    """What names an installed certificate, as `certificate-list` tells it."""

    algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: Annotated[str, msgspec.Meta(max_length=128)]
    issuer_key_hash: Annotated[str, msgspec.Meta(max_length=128)]
    serial_number: Annotated[str, msgspec.Meta(max_length=40)]

    @property
    def fields(self) -> Fields:
        """The same as messages have it."""
        return {
            "hashAlgorithm": self.algorithm,
            "issuerNameHash": self.issuer_name_hash,
            "issuerKeyHash": self.issuer_key_hash,
            "serialNumber": self.serial_number,
        }


class DeleteCertificate(HashData, frozen=True):
    """Delete an installed certificate."""


def delete_certificate(target: Target, wanted: DeleteCertificate) -> Plan:
    """Plan a DeleteCertificate."""
    _must_be_extended(target)
    return Step("DeleteCertificate", {"certificateHashData": wanted.fields})


class ListCertificates(Parameters, frozen=True):
    """List the installed certificates, of some kinds or of all."""

    roots: Annotated[tuple[Root | Literal["v2g-chain"], ...], msgspec.Meta(max_length=6)] = ()


def list_certificates(target: Target, wanted: ListCertificates) -> Plan:
    """Plan a GetInstalledCertificateIds; 1.6 is asked for each kind on its own."""
    _must_be_extended(target)
    action = "GetInstalledCertificateIds"
    if target.modern:
        roots = [_root(target, each) for each in wanted.roots]
        return Step(action, given(certificateType=list(dict.fromkeys(roots))), _listed)
    kinds = dict.fromkeys(_root(target, each) for each in wanted.roots or _BOTH)
    steps = tuple(Step(action, {"certificateType": kind}, _reader_16(kind)) for kind in kinds)
    return Every(steps, _joined)


def _listed(fields: Fields) -> Outcome:
    found = objects(fields, "certificateHashDataChain")
    result = {
        "certificates": [_told(text(each, "certificateType"), each.get("certificateHashData"), each) for each in found]
    }
    return by_status(fields, result)


def _reader_16(kind: str) -> Read:
    def listed(fields: Fields) -> Outcome:
        found = objects(fields, "certificateHashData")
        return by_status(fields, {"certificates": [_told(kind, each) for each in found]})

    return listed


def _told(kind: str, fields: object, chain: Fields | None = None) -> Fields:
    children = [_hash(each) for each in objects(chain, "childCertificateHashData")]
    return {"root": _NEUTRAL.get(kind, kind), **_hash(fields), **given(children=children)}


def _hash(fields: object) -> Fields:
    return {
        "algorithm": text(fields, "hashAlgorithm"),
        "issuer_name_hash": text(fields, "issuerNameHash"),
        "issuer_key_hash": text(fields, "issuerKeyHash"),
        "serial_number": text(fields, "serialNumber"),
    }


def _joined(outcomes: list[Outcome]) -> Outcome:
    """Join the answers of 1.6: what it has of any kind; NotFound only if it has none of all."""
    found = [each for outcome in outcomes for each in outcome.result.get("certificates", ())]
    last = outcomes[-1]
    if last.status not in {"Accepted", "NotFound"}:
        return last
    return Outcome(bool(found), "Accepted" if found else "NotFound", result={"certificates": found})


class SignedCertificate(Parameters, frozen=True):
    """Hand a station the certificate that it asked to be signed, with the chain up to the root."""

    chain: Certificate
    kind: Literal["station", "v2g", "v2g-20"] = "station"
    id: Id | None = None


KINDS = {"station": "ChargingStationCertificate", "v2g": "V2GCertificate", "v2g-20": "V2G20Certificate"}


def signed_certificate(target: Target, wanted: SignedCertificate) -> Plan:
    """Plan a CertificateSigned. `id` is that of the station's SignCertificate, which only 2.1 has."""
    _must_be_extended(target)
    if not target.modern:
        if wanted.kind != "station":
            raise target.lacks(f"certificate of the kind {wanted.kind}", "station")
        return Step("CertificateSigned", {"certificateChain": wanted.chain})
    newest = target.since("ocpp2.1")
    if wanted.kind == "v2g-20" and not newest:
        raise target.lacks("certificate of the kind v2g-20", "v2g")
    payload = given(
        certificateChain=wanted.chain, certificateType=KINDS[wanted.kind], requestId=wanted.id if newest else None
    )
    return Step("CertificateSigned", payload)
