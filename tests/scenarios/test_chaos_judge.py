"""What the judge of fault runs finds in books that are wrong, and what it lets be."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chaos.judge import Verdict, judge
from chaos.records import Books, Charge, Command, Delivery, Entry, Heard, Look, Owners, Saying, Spell

# The judge. One charge of a guest in the books of billing, who owns it, and of employer, who must be told.


class Story:
    """Books that are right, to be made wrong."""

    def __init__(self, version: str = "ocpp1.6") -> None:
        self.books = Books()
        self.modern = version != "ocpp1.6"
        self.charge = self.begin("GUEST1", 1, 100, version)

    def begin(self, tag: str, mark: int, number: int, version: str = "ocpp1.6", at: float = 10.0) -> Charge:
        """Add a whole charge, said and answered second by second, and delivered at once to both."""
        charge = Charge("CP-1", version, tag, mark, number=f"T{mark}" if self.modern else number)
        charge.answered_by, charge.bound, charge.ended = "billing", at, True
        self.books.charges.append(charge)
        for index, kind in enumerate(("start", "meter", "stop") if not self.modern else ("event",) * 3):
            entry = self.say(charge, kind, index, at + index)
            for backend in ("billing", "employer"):
                self.deliver(backend, entry)
        return charge

    def say(self, charge: Charge, kind: str, index: int, at: float) -> Entry:
        """Add one message of a charge."""
        fields: dict[str, Any] = {"index": index}
        if self.modern:
            info = {"transactionId": charge.number}
            fields |= {"transactionInfo": info, "seqNo": index} | ({} if index else {"idToken": {}})
        elif kind != "start":
            fields["transactionId"] = charge.number
        entry = Entry("CP-1", len(self.books.entries) + 1, kind, f"{charge.mark}.{index}", kind, fields, charge)
        entry.sayings.append(Saying(f"m{charge.mark}-{index}", at))
        entry.answered = at + 0.2
        charge.entries.append(entry)
        self.books.entries.append(entry)
        return entry

    def deliver(self, backend: str, entry: Entry, at: float = 0.0, **more: Any) -> Delivery:
        """Add a delivery, by default right after it was said, answered and its answer read."""
        at = at or entry.sayings[0].at + 0.1
        fields = dict(entry.fields)
        if "transactionId" in fields:
            fields["transactionId"] = 1
        given = 1 if entry.kind == "start" else None
        usual = {"gateway": 0, "link": 1, "opened": 1.0, "message_id": entry.sayings[-1].message_id}
        known = {"answer": "result", "answered": at + 0.01, "known": at + 0.02, "number": given}
        said = {"action": entry.action, "fields": fields, "kind": entry.kind, "mark": entry.mark}
        delivery = Delivery(backend=backend, station="CP-1", at=at, **{**usual, **known, **said, **more})
        self.books.deliveries.append(delivery)
        return delivery

    def of(self, backend: str, index: int, charge: Charge | None = None) -> Delivery:
        """Return the first delivery of a message of a charge."""
        message_id = (charge or self.charge).entries[index].sayings[0].message_id
        return next(d for d in self.books.deliveries if d.backend == backend and d.message_id == message_id)

    def drop(self, backend: str, *indices: int) -> None:
        """Remove deliveries."""
        for index in indices:
            self.books.deliveries.remove(self.of(backend, index))

    def again(self, backend: str, index: int, at: float, said: float = 0.0, **more: Any) -> Delivery:
        """Deliver a message once more; said again by its charger if `said` is given."""
        entry = self.charge.entries[index]
        if said:
            entry.sayings.append(Saying(f"again-{index}", said, more.get("gateway", 0)))
        return self.deliver(backend, entry, at, **more)

    def judged(self) -> Verdict:
        """Judge the books."""
        return judge(self.books, self, attempts=3)

    # What the configuration says.

    may_stop = False
    waits_for_disk = True

    def owners(self, station: str, tag: str, begun: float, over: float) -> Owners:
        """Guests are billing's, the employer is always told; some are billing's only, some may be either's."""
        if tag in ("EITHER", "MOVED"):
            return Owners(frozenset({"billing", "employer"}))
        if tag == "UNBOUND":
            return Owners(frozenset({"employer"}), before=frozenset({"billing"}))
        told = frozenset() if "ALONE" in tag else frozenset({"employer"})
        return Owners(frozenset({"billing"}), told, told, frozenset({"billing"}))

    def anybody_may_stop(self, begun: float, over: float) -> bool:
        """Say what the test wants."""
        return self.may_stop


def unanswered(delivery: Delivery) -> None:
    """Let a delivery have no answer, and its link be lost."""
    delivery.answer, delivery.answered, delivery.known, delivery.lost = "", None, None, delivery.at + 0.5


def errs(story: Story, backend: str, index: int, answer: str, times: int = 1) -> None:
    """Let a backend answer errors only."""
    first = story.of(backend, index)
    first.answer, first.number = answer, None
    for time in range(1, times):
        story.again(backend, index, first.at + time * 0.2, answer=answer, number=None)


def never_answered(story: Story, backend: str, index: int) -> None:
    """Let a message have come and never been answered."""
    unanswered(story.of(backend, index))


def doubled(story: Story, backend: str, index: int, *, said: float = 0.0, after: float = 5.0, **more: Any) -> None:
    """Deliver something again that was answered."""
    story.again(backend, index, story.of(backend, index).at + after, said=said, **more)


def refused_and_said_again(story: Story) -> None:
    """Let the owner refuse a stop for its content, and its charger say it again since it has not heard that."""
    errs(story, "billing", 2, "content")
    story.again("billing", 2, 17.0, said=16.9)


def refused_and_delivered_again(story: Story) -> None:
    """Let the owner refuse a stop for its content, and get it again all the same."""
    errs(story, "billing", 2, "content")
    story.again("billing", 2, 17.0)


def repeated_on_a_new_link(story: Story, opened: float) -> None:
    """Deliver a stop again at once, on a link that was opened at that time after the first."""
    first = story.of("billing", 2)
    story.again("billing", 2, first.at + 0.3, link=2, opened=first.at + opened)


def repeated_by_another_gateway(story: Story, after: float) -> None:
    """Deliver a stop again from another gateway."""
    first = story.of("billing", 2)
    story.again("billing", 2, first.at + after, said=first.at + after - 0.1, gateway=1)


def waiting_for_its_number(story: Story, *, open_until: float) -> None:
    """Let a copy's meter and stop wait for the answer to its start, and the backend's own next start go before."""
    later = story.begin("EMP2", 2, 101, at=20.0)
    later.tag, later.answered_by = "MOVED", "employer"
    for index in range(3):
        for backend in ("billing", "employer"):
            delivery = story.of(backend, index, later)
            delivery.number = 2 if index == 0 else None
            delivery.fields |= {"transactionId": 2} if index else {}
    story.of("employer", 0).answered = story.of("employer", 0).known = open_until
    for index in (1, 2):
        story.of("employer", index).at = 20.5 + index / 10


def start_answered_late(story: Story, *, late: bool) -> None:
    """Let a backend that is only told give its number after the patience, and hear of the meter without one."""
    start = story.of("employer", 0)
    start.answered = start.known = start.at + (3.5 if late else 0.5)
    another_number(story, "employer", 1, None)


def owed_elsewhere(story: Story, *, said: float) -> None:
    """Lock the database after an answer; say the stop again so long after to another gateway, which owes it then."""
    first = story.of("employer", 2)
    story.books.database.append(Spell("database locked", first.at, first.at + 8))
    story.again("employer", 2, first.at + 20, said=first.at + said, gateway=1)


def late_status(story: Story, *, late: bool) -> None:
    """Let a status be answered after the patience, come again, and the transaction go before it and the next one."""
    later = story.begin("GUEST2", 2, 101, at=20.0)
    for backend in ("employer", "billing"):
        story.of(backend, 0, later).number = 2
        for index in (1, 2):
            story.of(backend, index, later).fields |= {"transactionId": 2}
    charge = story.charge.entries
    first = Entry("CP-1", charge[2].place + 1, "status", "one", "status", {}, sayings=[Saying("one", 13.0)])
    second = Entry("CP-1", charge[2].place + 1, "status", "two", "status", {}, sayings=[Saying("two", 13.1)])
    for entry in later.entries:
        entry.place += 10
    story.books.entries += [first, second]
    tried = story.deliver("employer", first, 13.2)
    tried.answered = 13.2 + (4 if late else 0.1)
    story.deliver("employer", first, 40.0)
    story.deliver("employer", second, 40.1)


def sent_on_two_links(story: Story, lost: float) -> None:
    """Send a stop on a second link while it is open on the first, which is lost so long after."""
    first = story.of("employer", 2)
    unanswered(first)
    first.lost = first.at + 0.5 + lost
    story.again("employer", 2, first.at + 0.5, link=2)


def killed(story: Story, after: float) -> None:
    """Kill the gateway so long after it has read an answer, and have the next one deliver the message again."""
    first = story.of("billing", 2)
    story.books.deaths.append((0, first.at + after))
    story.again("billing", 2, first.at + 20)


def killed_while_the_database_was_locked(story: Story) -> None:
    """Lock the database, then kill the gateway: what it had read was never on disk."""
    story.books.database.append(Spell("database locked", story.of("billing", 2).at, story.of("billing", 2).at + 8))
    killed(story, after=6)


def forgotten(story: Story, *, waits: bool = False) -> None:
    """Kill the gateway while the start that it has answered could not be written: the next one knows nothing of it."""
    story.waits_for_disk = waits
    story.books.database.append(Spell("database full", 9.0, 30.0))
    story.books.deaths.append((0, 12.5))
    story.charge.tag = "GUESTALONE"
    story.drop("employer", 0, 1)
    story.drop("billing", 2)


def end_forgotten(story: Story, *, killed: bool) -> None:
    """Kill the gateway while an end could not be written: the same words begin the same transaction again."""
    story.waits_for_disk = False
    story.charge.tag = "GUESTALONE"
    story.books.database.append(Spell("database full", 12.0, 19.0))
    if killed:
        story.books.deaths.append((0, 14.5))
    later = story.begin("GUESTALONE", 2, 100, at=20.0)
    later.entries[0].fields = story.charge.entries[0].fields
    later.entries[0].mark = story.charge.entries[0].mark
    story.drop("employer", 0, 1, 2)
    for backend, index in (("billing", 0), ("employer", 0), ("employer", 1), ("employer", 2)):
        story.books.deliveries.remove(story.of(backend, index, later))


def start_refused_and_stopped(story: Story, number: int) -> None:
    """Let a backend that has refused the start for its content be told of the end under that number."""
    errs(story, "employer", 0, "content")
    for index in (1, 2):
        story.of("employer", index).fields["transactionId"] = number


def another_number(story: Story, backend: str, index: int, number: int | None) -> None:
    """Deliver something under a number that the backend did not give."""
    story.of(backend, index).fields["transactionId"] = number


def other_content(story: Story) -> None:
    """Deliver something else than was said."""
    story.of("employer", 1).fields["index"] = 7


def answered_by(story: Story, whom: str) -> None:
    """Let somebody else answer the start."""
    story.charge.answered_by = whom


def for_one_alone(story: Story) -> None:
    """Let the transaction be nobody else's business."""
    story.charge.tag = "GUESTALONE"


def swapped(story: Story, backend: str, one: int, other: int) -> None:
    """Let two messages come in the other order."""
    first, second = story.of(backend, one), story.of(backend, other)
    first.at, second.at = second.at, first.at


def overtaken(story: Story) -> None:
    """Let a stop go before meter values that were sent, lost with their link, and come again only then."""
    never_answered(story, "employer", 1)
    story.again("employer", 1, story.of("employer", 2).at + 1)


def status_before_the_stop(story: Story) -> None:
    """Let "Available" be delivered before the stop that was said before it."""
    status = Entry("CP-1", 4, "status", "available", "status", {}, sayings=[Saying("s", 13.0)])
    story.books.entries.append(status)
    story.deliver("billing", status)
    story.of("billing", 2).at = 14.0


def next_before_the_stop(story: Story, *, stuck: bool) -> None:
    """Let the next transaction begin at a backend before the former has ended there; or after its meter was refused."""
    later = story.begin("GUEST2", 2, 101, at=20.0)
    for index in range(3):
        story.of("employer", index, later).fields |= {"transactionId": 2} if index else {}
        story.of("billing", index, later).fields |= {"transactionId": 2} if index else {}
    for backend in ("employer", "billing"):
        story.of(backend, 0, later).number = 2
    story.of("employer", 2).at = 40.0
    if stuck:
        errs(story, "employer", 1, "internal", times=1)
        story.again("employer", 1, 39.0)


def number_given_twice(story: Story) -> None:
    """Let the station have been given one number for two transactions."""
    later = story.begin("GUEST2", 2, 100, at=20.0)
    for backend in ("employer", "billing"):
        story.of(backend, 0, later).number = 1


def strange(story: Story) -> None:
    """Deliver what nobody said."""
    delivery = story.of("employer", 1)
    delivery.message_id = delivery.mark = "?"
    story.deliver("employer", story.charge.entries[1])


def never_ended(story: Story) -> None:
    """Let the charger wait for ever for its stop to be answered."""
    story.charge.ended, story.charge.entries[2].answered = False, None


def commanded(story: Story, by: str, station: str = "CP-1", number: int = 100, asked: bool = True) -> None:
    """Let a backend stop the transaction that it has as its number 1."""
    action, meant = "RemoteStopTransaction", story.of(by, 0)
    if asked:
        story.books.commands.append(Command(by, station, "c", action, {"transactionId": 1}, 11.0, meant))
    story.books.heard.append(Heard("CP-1", "c", action, {"transactionId": number}, 11.1, story.charge))


def start_refused(story: Story, backend: str) -> None:
    """Let a backend refuse the start for its content, and hear nothing more of the transaction."""
    errs(story, backend, 0, "content")
    story.drop(backend, 1, 2)


def refused_by_its_owner(story: Story) -> None:
    """Let the owner refuse the start to its charger, which drops the transaction and never learns a number."""
    errs(story, "billing", 0, "content")
    story.drop("billing", 1, 2)
    story.drop("employer", 1, 2)
    del story.charge.entries[1:]
    story.charge.entries[0].given_up, story.charge.entries[0].answered = True, None
    story.charge.refused, story.charge.bound, story.charge.number, story.charge.answered_by = True, None, "", ""
    commanded(story, by="employer")


def number_of_another_backend(story: Story) -> None:
    """Let a station that has moved be given the same number by its next backend."""
    later = story.begin("MOVED", 2, 100, at=20.0)
    later.answered_by = "employer"
    for backend in ("employer", "billing"):
        story.of(backend, 0, later).number = 1


def answered_in_somebodys_place(story: Story, whose: str) -> None:
    """Let a stand-in answer around a reload, when the transaction may be either's, and only one get it."""
    story.charge.tag, story.charge.answered_by = "EITHER", "stand-in"
    story.drop("employer" if whose == "billing" else "billing", 0, 1, 2)


def silent_and_then_the_next(story: Story) -> None:
    """Let a backend be silent to meter values beyond the patience, and get the next transaction before the stop."""
    next_before_the_stop(story, stuck=False)
    unanswered(story.of("employer", 1))
    story.of("employer", 1).lost = 39.0
    story.again("employer", 1, 39.5)


def errors_are_overtaken(story: Story, *, given_up: bool = False) -> None:
    """Let a stop go before meter values that were answered InternalError and come again only then."""
    errs(story, "employer", 1, "internal")
    story.again("employer", 1, story.of("employer", 2).at + 1)
    story.charge.entries[1].given_up = given_up


def answered_late(story: Story) -> None:
    """Let a backend answer a stop only after the patience, and get it again."""
    story.of("billing", 2).answered = story.of("billing", 2).known = story.of("billing", 2).at + 4
    story.again("billing", 2, story.of("billing", 2).at + 6)


def meter_values_under_one_id(story: Story, *, said: bool) -> None:
    """Let meter values come twice under one id, since the charger said them twice or not."""
    if said:
        story.charge.entries[1].sayings.append(Saying("m1-1", 13.9))
    story.again("employer", 1, 14.0)


def gateway_died_on_two_links(story: Story, number: int) -> None:
    """Let a stop come on a second link since a gateway was killed; the first link is only later seen to be lost."""
    sent_on_two_links(story, lost=2.0)
    story.books.deaths.append((number, story.of("employer", 2).at + 0.2))


def looked(
    story: Story, *, left: int = 0, explained: int = 0, grown: int = 0, life: float = 1.0, worked: float = 5.0
) -> None:
    """Let a gateway hold 20 descriptors before, and so many more in the end; grow by MiB in its life or another.

    `worked` is how much it had worked before it grew.
    """
    end = 120 + grown << 20
    story.books.looks.append(Look(0, 1.0, "before", 2.0, worked=1.0, open=20, memory=90 << 20))
    story.books.looks.append(Look(0, 1.0, "down", 10.0, worked=worked, open=80, memory=120 << 20))
    story.books.looks.append(Look(0, life, "after", 20.0, worked=9.0, open=20 + left, memory=end, explained=explained))


Make = Callable[[Story], None]
RIGHT: list[Make] = [
    lambda _: None,
    partial(doubled, backend="employer", index=1, said=13.0),
    partial(repeated_on_a_new_link, opened=-5.0),
    partial(repeated_by_another_gateway, after=0.9),
    partial(sent_on_two_links, lost=-0.1),
    partial(sent_on_two_links, lost=0.3),
    partial(killed, after=0.5),
    killed_while_the_database_was_locked,
    partial(another_number, backend="billing", index=1, number=1),
    partial(start_refused_and_stopped, number=-1),
    forgotten,
    partial(end_forgotten, killed=True),
    partial(start_answered_late, late=True),
    partial(waiting_for_its_number, open_until=20.4),
    partial(owed_elsewhere, said=5.0),
    partial(late_status, late=True),
    partial(errs, backend="employer", index=1, answer="content"),
    partial(errs, backend="employer", index=1, answer="internal", times=3),
    refused_and_said_again,
    partial(answered_by, whom="stand-in"),
    partial(next_before_the_stop, stuck=True),
    partial(commanded, by="billing"),
    partial(start_refused, backend="employer"),
    refused_by_its_owner,
    number_of_another_backend,
    partial(answered_in_somebodys_place, whose="employer"),
    partial(answered_in_somebodys_place, whose="billing"),
    silent_and_then_the_next,
    partial(errors_are_overtaken, given_up=True),
    answered_late,
    partial(meter_values_under_one_id, said=True),
    partial(gateway_died_on_two_links, number=0),
    partial(looked, left=7, grown=16),
    partial(looked, left=11, explained=4),
    partial(looked, grown=17, life=12.0),
    partial(looked, grown=17, worked=3.5),
]
WRONG: list[tuple[str, Make]] = [
    ("lost", lambda story: story.drop("employer", 2)),
    ("lost", lambda story: story.drop("billing", 0, 1, 2)),
    ("lost", partial(never_answered, backend="employer", index=2)),
    ("lost", partial(errs, backend="employer", index=1, answer="internal", times=2)),
    ("lost", partial(errs, backend="employer", index=2, answer="internal", times=9)),
    ("doubled", partial(doubled, backend="employer", index=0)),
    ("doubled", partial(doubled, backend="employer", index=1)),
    ("doubled", partial(doubled, backend="billing", index=2, said=13.0)),
    ("doubled", refused_and_delivered_again),
    ("doubled", partial(repeated_on_a_new_link, opened=0.1)),
    ("doubled", partial(sent_on_two_links, lost=2.0)),
    ("doubled", partial(repeated_by_another_gateway, after=2.0)),
    ("doubled", partial(killed, after=4.0)),
    ("number", partial(another_number, backend="billing", index=1, number=2)),
    ("number", partial(another_number, backend="billing", index=2, number=None)),
    ("number", partial(another_number, backend="billing", index=2, number=-1)),
    ("number", partial(start_refused_and_stopped, number=7)),
    ("number", partial(start_answered_late, late=False)),
    ("order", partial(waiting_for_its_number, open_until=12.0)),
    ("lost", partial(forgotten, waits=True)),
    ("lost", partial(end_forgotten, killed=False)),
    ("doubled", partial(owed_elsewhere, said=15.0)),
    ("order", partial(late_status, late=False)),
    ("number", other_content),
    ("number", number_given_twice),
    ("number", partial(errs, backend="employer", index=0, answer="content")),
    ("owner", partial(answered_by, whom="employer")),
    ("owner", for_one_alone),
    ("owner", strange),
    ("order", partial(swapped, backend="employer", one=1, other=2)),
    ("order", overtaken),
    ("order", errors_are_overtaken),
    ("doubled", partial(meter_values_under_one_id, said=False)),
    ("doubled", partial(gateway_died_on_two_links, number=1)),
    ("lost", partial(errs, backend="employer", index=0, answer="internal")),
    ("order", status_before_the_stop),
    ("order", partial(next_before_the_stop, stuck=False)),
    ("unfinished", never_ended),
    ("command", partial(commanded, by="billing", station="CP-2")),
    ("command", partial(commanded, by="billing", number=7)),
    ("command", partial(commanded, by="billing", asked=False)),
    ("command", partial(commanded, by="employer")),
    ("mute", lambda story: story.books.mute.append("nothing was answered")),
    ("error", lambda story: story.books.errors.append("an error of the gateway")),
    ("left open", partial(looked, left=8)),
    ("left open", partial(looked, left=12, explained=4, life=12.0)),
    ("grown", partial(looked, grown=17)),
]


def _name(value: object) -> str:
    made = getattr(value, "func", value)
    return f"{getattr(made, '__name__', made)} {getattr(value, 'keywords', '')}"


@pytest.mark.parametrize("make", RIGHT, ids=_name)
def test_what_is_right_or_cannot_be_helped_is_let_be(make: Make) -> None:
    """Books that are right, and repeats that an at-least-once delivery cannot do without, are no failure."""
    story = Story()
    make(story)
    assert story.judged().found == {}


@pytest.mark.parametrize(("kind", "make"), WRONG, ids=_name)
def test_what_is_wrong_is_found(kind: str, make: Make) -> None:
    """Books that are wrong in one way are found to be wrong in that way."""
    story = Story()
    make(story)
    assert kind in story.judged().found


def test_a_repeat_that_is_let_be_is_counted_with_its_reason() -> None:
    """Every delivery counts: a repeat is shown with what excuses it."""
    story = Story()
    never_answered(story, "billing", 2)
    story.again("billing", 2, 14.0)
    verdict = story.judged()
    assert verdict.found == {}
    assert verdict.again == {"it was not answered": 1}


def test_whoever_may_stop_anything_is_let_be() -> None:
    """A backend stops another's transaction only while its permit says so."""
    story = Story()
    story.may_stop = True
    commanded(story, by="employer")
    assert story.judged().found == {}


def test_events_are_told_apart_by_their_place() -> None:
    """A 2.x event that comes twice is found by transaction and seqNo, whatever its id."""
    story = Story("ocpp2.0.1")
    assert story.judged().found == {}
    story.again("billing", 1, 14.0, message_id="minted")
    assert list(story.judged().found) == ["doubled"]


def test_whoever_answers_before_the_card_comes_may_hear_of_it() -> None:
    """A 2.x transaction that begins without a card is told whom the rules name for that; one with a card is not."""
    story = Story("ocpp2.0.1")
    story.charge.tag, story.charge.answered_by = "UNBOUND", "employer"
    assert set(story.judged().found) == {"owner"}
    for entry in story.charge.entries:
        entry.fields.pop("idToken", None)
    for delivery in story.books.deliveries:
        delivery.fields.pop("idToken", None)
    assert story.judged().found == {}


@pytest.mark.parametrize(("died", "found"), [(10.5, set()), (11.5, {"lost"})])
def test_an_event_before_the_card_may_be_forgotten(died: float, found: set[str]) -> None:
    """A gateway is killed before what it has answered is on disk: whose card comes then gets the rest; else all."""
    story = Story("ocpp2.0.1")
    story.waits_for_disk = False
    story.charge.tag, story.charge.answered_by, story.charge.bound = "EITHER", "employer", 14.0
    story.drop("employer", 0)
    story.drop("billing", 1, 2)
    story.books.deaths.append((0, died))
    assert set(story.judged().found) == found


def test_same_starts_are_told_apart_by_their_ids() -> None:
    """Two transactions of a charger whose clock stands have the same content; each must be delivered."""
    story = Story()
    later = story.begin("GUEST1", 2, 101, at=20.0)
    for entry, former in zip(later.entries, story.charge.entries, strict=True):
        entry.mark = former.mark
    for delivery in story.books.deliveries[6:]:
        delivery.fields |= {"transactionId": 2} if delivery.kind != "start" else {}
        delivery.number = 2 if delivery.kind == "start" else None
    assert story.judged().found == {}
    story.books.deliveries.remove(story.of("billing", 0, later))
    assert set(story.judged().found) == {"lost", "number"}
