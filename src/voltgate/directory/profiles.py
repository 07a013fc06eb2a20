"""Security profiles: with which one a station comes, and whether it may.

Source: 1.6 security whitepaper, edition 3, section 2; 2.1 Part 2, A00. A station has one profile at a time, and comes
with no other; which it has is checked before its handshake is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from voltgate.directory.lookup import Shown
from voltgate.directory.stations import Station

NOTHING, BASIC, BASIC_BY_TLS, CERTIFICATE = range(4)
"""The profiles: a station proves itself by nothing, HTTP Basic, HTTP Basic over TLS, a certificate of its own."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """With which profile a station comes. `proven`: it has shown here who it is, and not to a backend alone.

    `until` is when its certificate ends, in seconds since 1970, if it came by one. `by_registry`: the registry of its
    entry says with which profile it may come.
    """

    profile: int
    proven: bool = False
    until: float | None = None
    by_registry: bool = False


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a station may not come as it does. `is_missing`: a password would do."""

    reason: str
    is_missing: bool = False


class Wants(Protocol):
    """What says how stations come: an entry, or a listener."""

    @property
    def profiles(self) -> frozenset[int] | None:
        """One of these; None: whatever it comes with."""

    @property
    def organizations(self) -> frozenset[str]:
        """One of these, if there are any."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of a station: one of `profiles`, and in its certificate one of `organizations`, if there are any.

    `profiles` None: whatever it comes with.
    """

    profiles: frozenset[int] | None = None
    organizations: frozenset[str] = frozenset()

    @classmethod
    def of(cls, entry: Wants, listener: Wants) -> Wanted:
        """Return what its entry and its listener ask for: of profiles both, of organizations the entry, if it says."""
        profiles = listener.profiles if entry.profiles is None else entry.profiles
        if entry.profiles is not None and listener.profiles is not None:
            profiles = entry.profiles & listener.profiles
        return cls(profiles, entry.organizations or listener.organizations)


def arrival(
    station: Station, shown: Shown, has_password: bool, wanted: Wanted, now: float, fold: Callable[[str], str]
) -> Arrival | Unfit:
    """Return with which profile a station comes, or why it may not. Whether a password is right is not looked at."""
    profiles = wanted.profiles
    by_registry = station.credentials is not None and station.credentials.lookup is not None
    if by_registry and (profiles is None or (CERTIFICATE in profiles and (shown.name or shown.fingerprint))):
        return Arrival(CERTIFICATE, by_registry=True)
    if profiles is not None and CERTIFICATE in profiles and shown.name:
        objection = _objection(station.identity, shown, wanted, now, fold)
        return Unfit(objection) if objection else Arrival(CERTIFICATE, proven=True, until=shown.until)
    if profiles is not None and CERTIFICATE in profiles and shown.is_bad:
        return Unfit("The certificate of the station was not verified, or cannot be read")
    by_password = BASIC_BY_TLS if shown.secure else BASIC
    profile = by_password if has_password else NOTHING
    if profiles is None or (profile in profiles and (profile != NOTHING or not shown.secure)):
        return Arrival(profile, by_registry=by_registry)
    if by_password in profiles:
        return Unfit("The station's password is missing", is_missing=True)
    if profiles == {CERTIFICATE}:
        return Unfit("This station must show a certificate of its own (security profile 3)")
    how = f"{'with' if shown.secure else 'without'} TLS and {'with' if has_password else 'without'} a password"
    return Unfit(f"This station must come with security profile {_either(profiles)}, and comes {how}")


def _objection(identity: str, shown: Shown, wanted: Wanted, now: float, fold: Callable[[str], str]) -> str:
    """Return what is wrong with a certificate that an authority has signed; "" if it is that of the station."""
    if fold(shown.name) != fold(identity):
        return "The certificate of the station names another one (CN)"
    if wanted.organizations and wanted.organizations.isdisjoint(shown.organizations):
        return "The certificate of the station names another operator (O)"
    if shown.until is not None and shown.until <= now:
        return "The certificate of the station has expired"
    return ""


def _either(profiles: Iterable[int]) -> str:
    """Return the profiles in words; no set of them is empty that can be met."""
    return " or ".join(map(str, sorted(profiles))) or "none: its entry and its listener ask for different ones"
