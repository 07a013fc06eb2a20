"""What a simulated station was told and remembers: configuration, reservations, availability, profiles."""

from __future__ import annotations


class Memory:
    """What one station was told, for as long as it runs."""

    __slots__ = ("configuration", "list_version", "profiles", "reserved", "unavailable")

    def __init__(self) -> None:
        self.configuration: dict[str, str] = {}
        self.reserved: dict[int, int] = {}
        self.unavailable: set[int] = set()
        self.profiles: set[int] = set()
        self.list_version = 0
