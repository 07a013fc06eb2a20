"""What happens many times, said once."""

from __future__ import annotations

from voltgate.ocpp.wheel import Wheel
from voltgate.relay.merging import Merging


class Play:
    """Something that is merged, of two kinds at a time, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.wheel = Wheel(0.0)
        self.told: list[tuple[str, int, str]] = []
        self.merging: Merging[str] = Merging(self.wheel, lambda: self.now, self._tell, 2)

    def _tell(self, what: str, times: int, more: str) -> None:
        self.told.append((what, times, more))

    def comes(self, *names: str) -> list[tuple[str, int, str]]:
        """Add each, its first letter for its kind; return what was told."""
        for name in names:
            self.merging.add(name[0], name)
        return self.taken()

    def waits(self) -> list[tuple[str, int, str]]:
        """Let a minute go by; return what was told."""
        self.now += 60.2
        self.wheel.tick(self.now)
        return self.taken()

    def taken(self) -> list[tuple[str, int, str]]:
        """Return what was told since."""
        told, self.told = self.told, []
        return told


def test_the_first_is_told_at_once_and_the_others_after_a_minute() -> None:
    """The last of a kind stands for those that were counted; a kind that is quiet for a minute is forgotten."""
    play = Play()
    assert play.comes("a1", "a2", "b1", "a3") == [("a1", 1, ""), ("b1", 1, "")]
    assert play.waits() == [("a3", 2, " (2 times within a minute)")]
    assert play.comes("b2", "a4") == [("b2", 1, "")]
    assert play.waits() == [("a4", 1, " (1 times within a minute)")]
    assert play.waits() == []
    assert len(play.wheel) == 0
    assert play.comes("a5") == [("a5", 1, "")]


def test_too_many_kinds_are_one() -> None:
    """The first of those beyond is told by itself."""
    play = Play()
    assert play.comes("a1", "b1", "c1", "d1", "e1", "a2") == [("a1", 1, ""), ("b1", 1, ""), ("c1", 1, "")]
    others = " (2 times within a minute; as others of several kinds)"
    assert play.waits() == [("a2", 1, " (1 times within a minute)"), ("e1", 2, others)]


def test_at_the_end_nothing_is_left_untold() -> None:
    """Nothing waits any more then; what comes afterwards is told as at the beginning."""
    play = Play()
    play.comes("a1", "a2")
    play.merging.end()
    assert play.taken() == [("a2", 1, " (1 times within a minute)")]
    assert len(play.wheel) == 0
    assert play.comes("a3", "a4") == [("a3", 1, "")]
    assert play.waits() == [("a4", 1, " (1 times within a minute)")]
