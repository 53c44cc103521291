"""What a statement changes in what is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.registry.domain.kinds import Kind
from services.registry.domain.ledger import Ledger, Outcome
from services.registry.domain.record import Record, erased, milliseconds, payload_of, released
from services.registry.domain.statements import Key, Manner, Stated
from services.registry.domain.widening import What
from shared.events.attendance import AbsenceReported, AttendanceRecorded, LessonPlanned
from shared.events.envelope import Event
from shared.events.roster import ContactStated, GuardianshipsStated, Marking, PersonStated, PostalAddress
from tests.unit.registry.rows import LESSON, NOW, ORIGIN, PUPIL, SCHOOL

EARLIER, LATER = NOW - timedelta(hours=2), NOW - timedelta(hours=1)
CONTACT = (Kind.CONTACT, PUPIL)
PERSON = (Kind.PERSON, PUPIL)


def contact(name: str = "Alva", modified: datetime | None = None) -> Stated:
    event = ContactStated(person_id=PUPIL, version=0, given_name=name, family_name="Ek")
    return Stated(Kind.CONTACT, PUPIL, PUPIL, event, modified)


def person(
    marking: Marking = Marking.NONE,
    modified: datetime | None = None,
    manner: Manner = Manner.WHOLE,
    active: bool = True,
    born: date | None = None,
) -> Stated:
    event = PersonStated(person_id=PUPIL, version=0, marking=marking, active=active, born=born)
    return Stated(Kind.PERSON, PUPIL, PUPIL, event, modified, manner)


def ledger(records: dict[Key, Record] | None = None, source: str = "a", **more: object) -> Ledger:
    origin = replace(ORIGIN, source=source)
    return Ledger(origin, NOW, dict(records or {}), frozenset({"a", "b"}) - {source}, **more)  # type: ignore[arg-type]


def after(*stated: Stated, records: dict[Key, Record] | None = None, **more: object) -> Ledger:
    book = ledger(records, **more)  # type: ignore[arg-type]
    for one in stated:
        book.take(one)
    return book


def test_the_first_statement_is_new_the_same_again_is_unchanged_and_another_is_a_change() -> None:
    book = ledger()
    assert [book.take(contact(name)) for name in ("Alva", "Alva", "Alma")] == [
        Outcome.NEW,
        Outcome.UNCHANGED,
        Outcome.CHANGED,
    ]


def test_versions_grow_even_when_the_clock_stands_still_and_only_the_last_state_is_said() -> None:
    book = after(contact("Alva"), contact("Alma"), contact("Alma"))
    [said] = book.news()
    assert said.version == milliseconds(NOW) + 1
    assert isinstance(said.event, ContactStated)
    assert (said.event.version, said.event.given_name) == (said.version, "Alma")


def test_an_older_statement_changes_nothing() -> None:
    book = after(contact("Alma", LATER), contact("Alva", EARLIER))
    assert book.records[CONTACT].modified == LATER
    event = book.records[CONTACT].event
    assert isinstance(event, ContactStated)
    assert event.given_name == "Alma"


def test_a_full_reading_overrules_what_was_written_before_it_whatever_time_it_claims() -> None:
    kept = after(contact("Alma", LATER)).records
    again = ledger(kept, full_since=NOW + timedelta(seconds=1))
    assert again.take(contact("Alva", EARLIER)) is Outcome.CHANGED


def test_a_full_reading_does_not_overrule_what_was_pushed_while_it_ran() -> None:
    kept = after(contact("Alma", LATER)).records
    assert ledger(kept, full_since=NOW).take(contact("Alva", EARLIER)) is Outcome.UNCHANGED


def test_a_later_time_of_change_is_remembered_without_being_news() -> None:
    kept = after(contact(modified=EARLIER)).records
    book = after(contact(modified=LATER), records=kept)
    assert book.news() == []
    assert book.touched[CONTACT].modified == LATER
    assert book.touched[CONTACT].version == kept[CONTACT].version


def test_a_milder_marking_is_not_followed_and_waits_for_a_person() -> None:
    book = after(person(Marking.PROTECTED, EARLIER), person(Marking.NONE, LATER, active=False))
    event = book.records[PERSON].event
    assert isinstance(event, PersonStated)
    assert (event.marking, event.active) == (Marking.PROTECTED, False)
    [(record, [waiting])] = book.waiting()
    assert (record.key, waiting.what, waiting.after) == (PERSON, What.MILDER_MARKING, {"marking": "none"})


def test_an_older_statement_may_still_make_the_marking_stricter_but_nothing_else() -> None:
    book = after(person(Marking.NONE, LATER, active=False), person(Marking.MARKED, EARLIER, active=True))
    event = book.records[PERSON].event
    assert isinstance(event, PersonStated)
    assert (event.marking, event.active) == (Marking.MARKED, False)


def test_a_hint_makes_a_known_person_stricter_and_is_nothing_about_a_stranger() -> None:
    hint = person(Marking.MARKED, manner=Manner.MARKING_ONLY)
    assert ledger().take(hint) is Outcome.UNCHANGED
    book = after(person(active=False), hint)
    event = book.records[PERSON].event
    assert isinstance(event, PersonStated)
    assert (event.marking, event.active) == (Marking.MARKED, False)
    assert book.take(person(Marking.NONE, manner=Manner.MARKING_ONLY)) is Outcome.UNCHANGED


def test_a_person_decides_and_the_milder_marking_then_waits_no_more() -> None:
    book = after(person(Marking.PROTECTED), person(Marking.NONE))
    [(record, [waiting])] = book.waiting()
    kept = released(record, waiting, NOW)
    assert isinstance(kept.event, PersonStated)
    assert kept.event.marking is Marking.NONE
    again = ledger({PERSON: kept})
    assert again.take(person(Marking.NONE)) is Outcome.UNCHANGED
    assert again.waiting() == []


def test_what_one_connected_source_states_another_does_not_overwrite() -> None:
    kept = after(contact("Alva")).records
    other = ledger(kept, source="b")
    assert "“a” answers for this row" in other.objections(contact("Alma"))[0]
    assert other.take(contact("Alma")) is Outcome.UNCHANGED
    assert other.objections(contact("Alva")) == []


def test_another_source_may_still_make_a_marking_stricter() -> None:
    kept = after(person()).records
    assert ledger(kept, source="b").take(person(Marking.PROTECTED)) is Outcome.CHANGED


def test_a_source_that_is_no_longer_connected_is_succeeded() -> None:
    kept = after(contact("Alva")).records
    book = Ledger(replace(ORIGIN, source="c"), NOW, kept, frozenset({"b"}))
    assert book.take(contact("Alva")) is Outcome.UNCHANGED
    assert book.touched[CONTACT].source == "c"
    assert book.news() == []


def test_an_absent_list_of_guardians_empties_only_what_the_same_row_had_stated() -> None:
    def ties(manner: Manner, ref: object = PUPIL) -> Stated:
        event = GuardianshipsStated(pupil_id=PUPIL, version=0)
        return Stated(Kind.GUARDIANSHIPS, PUPIL, ref, event, None, manner)  # type: ignore[arg-type]

    assert ledger().take(ties(Manner.EMPTIES_OWN)) is Outcome.UNCHANGED
    through = after(ties(Manner.WHOLE, ref=SCHOOL)).records
    assert (
        ledger({k: replace(r, digest=b"x") for k, r in through.items()}).take(ties(Manner.EMPTIES_OWN))
        is Outcome.UNCHANGED
    )
    own = after(ties(Manner.WHOLE)).records
    assert (
        ledger({k: replace(r, digest=b"x") for k, r in own.items()}).take(ties(Manner.EMPTIES_OWN)) is Outcome.CHANGED
    )


def record_of(kind: Kind, event: Event) -> Record:
    return Record(kind, PUPIL, PUPIL, 5, b"d", event, "a", None)


TIMES = {"starts_at": NOW, "ends_at": NOW + timedelta(hours=1)}


@pytest.mark.parametrize(
    ("kind", "event", "mark"),
    [
        (Kind.LESSON, LessonPlanned(lesson_id=LESSON, version=5, school_id=SCHOOL, **TIMES), "cancelled"),
        (
            Kind.ATTENDANCE,
            AttendanceRecorded(
                pupil_id=PUPIL, lesson_id=LESSON, version=5, school_id=SCHOOL, is_reported=True, **TIMES
            ),
            "withdrawn",
        ),
        (Kind.ABSENCE, AbsenceReported(report_id=LESSON, version=5, pupil_id=PUPIL, **TIMES), "withdrawn"),
    ],
)
def test_a_deleted_lesson_is_cancelled_and_a_deleted_result_or_report_withdrawn(
    kind: Kind, event: Event, mark: str
) -> None:
    gone = erased(record_of(kind, event), NOW)
    assert getattr(gone.event, mark) is True
    assert (gone.version, gone.erased_at) == (milliseconds(NOW), NOW)


def test_of_an_erased_person_nothing_is_left() -> None:
    assert erased(after(person()).records[PERSON], NOW).event is None
    assert erased(after(contact()).records[CONTACT], NOW).event is None


def test_of_an_erased_person_with_a_marking_the_marking_is_left_and_meets_them_when_they_return() -> None:
    gone = erased(after(person(Marking.PROTECTED)).records[PERSON], NOW)
    assert gone.event == PersonStated(person_id=PUPIL, version=gone.version, marking=Marking.PROTECTED, active=False)
    book = ledger({PERSON: gone})
    assert book.take(person()) is Outcome.NEW
    assert [one.what for _, waits in book.waiting() for one in waits] == [What.MILDER_MARKING]
    event = book.records[PERSON].event
    assert isinstance(event, PersonStated)
    assert (event.marking, event.active) == (Marking.PROTECTED, True)
    assert event.version > gone.version


def test_what_comes_back_after_a_deletion_is_new_with_a_higher_version() -> None:
    gone = erased(after(contact()).records[CONTACT], NOW)
    book = ledger({CONTACT: gone})
    assert book.take(contact()) is Outcome.NEW
    assert book.records[CONTACT].version > gone.version
    assert book.records[CONTACT].erased_at is None


BORN = [None, date(1980, 5, 1), date(1981, 5, 1), date(2012, 5, 1), date(2014, 5, 1)]
VERSIONS = st.lists(
    st.tuples(st.sampled_from(Marking), st.booleans(), st.sampled_from(BORN), st.sampled_from(["Alva", "Alma"])),
    min_size=1,
    max_size=5,
)


@given(versions=VERSIONS, data=st.data())
def test_importing_versions_in_any_order_and_any_number_of_times_ends_in_the_same_state(
    versions: list[tuple[Marking, bool, date | None, str]], data: st.DataObject
) -> None:
    stated = [
        pair
        for hour, (marking, active, born, name) in enumerate(versions)
        for moment in [datetime(2026, 1, 1, hour, tzinfo=UTC)]
        for pair in [(person(marking, moment, active=active, born=born), contact(name, moment))]
    ]
    again = data.draw(st.lists(st.sampled_from(stated), max_size=10))
    mixed = data.draw(st.permutations([*stated, *again]))
    cuts = data.draw(st.integers(1, 4))
    assert state(mixed, cuts) == state(stated, 1)


def state(pairs: list[tuple[Stated, Stated]], size: int) -> dict[Key, str]:
    """The content that is kept after importing in batches of that size; versions must only ever grow."""
    records: dict[Key, Record] = {}
    for start in range(0, len(pairs), size):
        book = after(*[one for pair in pairs[start : start + size] for one in pair], records=records)
        for key, record in book.records.items():
            assert key not in records or record.version >= records[key].version
        assert all(key not in records or one.version > records[key].version for key, one in said(book))
        records = book.records
    return {key: payload_of(record.event) for key, record in records.items() if record.event}


def said(book: Ledger) -> list[tuple[Key, Record]]:
    return [((one.kind, one.id), one) for one in book.news()]


def at_home() -> Stated:
    home = PostalAddress(street="Solrosgatan 36", postal_code="112 34", locality="Stockholm")
    return replace(contact(), event=contact().event.model_copy(update={"address": home}))


def address_in(book: Ledger) -> PostalAddress | None:
    event = book.records[CONTACT].event
    assert isinstance(event, ContactStated)
    return event.address


@pytest.mark.parametrize("hint", [Manner.WHOLE, Manner.MARKING_ONLY])
def test_a_marking_in_the_same_batch_takes_the_address_back_whichever_comes_first(hint: Manner) -> None:
    marked = person(Marking.MARKED, manner=hint)
    for order in ([person(), marked, at_home()], [person(), at_home(), marked]):
        book = after(*order)
        book.hide([])
        assert address_in(book) is None
        assert [one.event for one in book.news() if one.key == CONTACT] == [book.records[CONTACT].event]


def test_an_address_that_was_stated_before_is_taken_back_as_news_and_nobody_elses_is() -> None:
    before = after(person(), at_home())
    assert address_in(before) is not None
    kept = before.records
    book = after(person(Marking.PROTECTED, manner=Manner.MARKING_ONLY), records=kept)
    book.hide([kept[CONTACT]])
    assert address_in(book) is None
    assert book.records[CONTACT].version > kept[CONTACT].version
    assert {one.key for one in book.news()} == {PERSON, CONTACT}
    quiet = after(person(), records=kept)
    quiet.hide([kept[CONTACT]])
    assert not quiet.news()


def test_a_milder_marking_that_waits_for_a_person_states_no_address_meanwhile() -> None:
    hidden = after(person(Marking.MARKED), at_home())
    again = after(person(Marking.NONE), at_home(), records=hidden.records)
    assert address_in(again) is None
