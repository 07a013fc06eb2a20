"""The state of a simulated station that commands change: configuration, reservations, availability, profiles."""

from __future__ import annotations

MOST_PROFILES = 10
"""Charging profiles that a station can have (MaxChargingProfilesInstalled)."""


class DeviceState:
    """The state of one station, for as long as it runs."""

    __slots__ = ("configuration", "list_version", "profiles", "reserved", "unavailable")

    def __init__(self) -> None:
        self.configuration: dict[str, str] = {}
        self.reserved: dict[int, int] = {}
        self.unavailable: set[int] = set()
        self.profiles: set[int] = set()
        self.list_version = 0

    def install(self, profile: int) -> bool:
        """Install a charging profile; False when there are MOST_PROFILES others."""
        if len(self.profiles | {profile}) > MOST_PROFILES:
            return False
        self.profiles.add(profile)
        return True

    def clear(self, wanted: int | None) -> bool:
        """Remove one charging profile, or all; False when there was none."""
        cleared = self.profiles & {wanted} if wanted is not None else set(self.profiles)
        self.profiles -= cleared
        return bool(cleared)

    def set_operative(self, connector: int, yes: bool) -> None:
        """Set whether a connector (0: the whole station) is in service."""
        (self.unavailable.discard if yes else self.unavailable.add)(connector)
