"""What rows of organisations, persons, groups, duties and activities mean."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import date
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest

from services.registry.domain.kinds import Kind, Resource
from services.registry.domain.ss12000 import row_of
from services.registry.domain.statements import Known, Manner, Stated, Ties, through_guardians
from services.registry.domain.values import born_by_civic_no, day_after
from shared.errors import Permanent
from shared.events.envelope import Event
from shared.events.roster import (
    ContactStated,
    GroupStated,
    Guardianship,
    GuardianshipsStated,
    Marking,
    PersonStated,
    Relation,
    SchoolStated,
    StaffStated,
    SubjectStated,
)
from tests.unit.registry.rows import (
    FATHER,
    MOTHER,
    ORIGIN,
    PUPIL,
    SCHOOL,
    TODAY,
    activity,
    grown_up,
    meta,
    organisation,
    pupil,
    read,
    responsible,
)

E = TypeVar("E", bound=Event)


def stated(model: type[E], resource: Resource, raw: Any, known: Known | None = None) -> E:
    found = [one.event for one in read(resource, raw, known).stated if isinstance(one.event, model)]
    assert len(found) == 1
    return found[0]


def ties_of(raw: Any, known: Known | None = None) -> GuardianshipsStated:
    return stated(GuardianshipsStated, Resource.PERSONS, raw, known)


def statements(raw: Any, kind: Kind, known: Known | None = None) -> list[Stated]:
    return [one for one in read(Resource.PERSONS, raw, known).stated if one.kind is kind]


def test_an_organisation_becomes_a_school_with_the_sources_zone_and_language() -> None:
    school = stated(SchoolStated, Resource.ORGANISATIONS, organisation(email=" skola@example.se "))
    assert (school.name, school.kind, school.email) == ("Ekskolan", "school_unit", "skola@example.se")
    assert (school.zone, school.language) == ("Europe/Stockholm", "sv")


def test_an_organisation_without_a_type_is_a_school() -> None:
    assert stated(SchoolStated, Resource.ORGANISATIONS, organisation(organisationType=None)).kind == "school"


def test_a_person_becomes_a_person_without_a_name_and_a_contact_with_one() -> None:
    person = stated(PersonStated, Resource.PERSONS, pupil())
    contact = stated(ContactStated, Resource.PERSONS, pupil())
    assert (person.born, person.marking, person.active) == (date(2014, 3, 1), Marking.NONE, True)
    assert person.school_ids == (SCHOOL,)
    assert (contact.given_name, contact.family_name, contact.language) == ("Alva", "Ek", None)
    assert contact.emails == ("alva@elev.example",)


@pytest.mark.parametrize("phone", [{"value": "070-1"}, {"number": "070-1"}, "070-1"])
def test_a_phone_number_is_read_under_either_of_the_names_the_standard_gives_it(phone: object) -> None:
    assert stated(ContactStated, Resource.PERSONS, grown_up(phoneNumbers=[phone])).phones == ("070-1",)


def test_an_address_is_kept_once_and_an_empty_one_not_at_all() -> None:
    emails = [{"value": "a@b.se"}, {"value": " a@b.se"}, {"value": ""}, {"value": None}]
    assert stated(ContactStated, Resource.PERSONS, grown_up(emails=emails)).emails == ("a@b.se",)


def test_null_is_read_as_an_empty_list() -> None:
    contact = stated(ContactStated, Resource.PERSONS, grown_up(emails=None, phoneNumbers=None, enrolments=None))
    assert contact.emails == ()


def test_an_enrolment_that_is_over_or_cancelled_is_no_school_but_its_last_day_still_counts() -> None:
    def enrolled(**more: object) -> dict[str, object]:
        return {"enroledAt": {"id": str(uuid4())}, "schoolType": "GR", "startDate": "2024-08-15", **more}

    last_day, coming = enrolled(endDate=TODAY.isoformat()), enrolled(startDate="2027-01-10")
    gone = [enrolled(endDate="2026-11-22"), enrolled(cancelled=True)]
    person = stated(PersonStated, Resource.PERSONS, pupil(enrolments=[last_day, coming, *gone]))
    assert {str(one) for one in person.school_ids} == {one["enroledAt"]["id"] for one in (last_day, coming)}  # type: ignore[index]


@pytest.mark.parametrize(
    ("civic_no", "born"),
    [
        ("201206185131", date(2012, 6, 18)),
        ("20120618-5131", date(2012, 6, 18)),
        ("120618-5131", date(2012, 6, 18)),
        ("1206185131", date(2012, 6, 18)),
        ("761124-1234", date(1976, 11, 24)),
        ("200112840123", date(2001, 12, 24)),
        ("20130101TF01", date(2013, 1, 1)),
        ("200402291234", date(2004, 2, 29)),
        ("040229-1234", date(2004, 2, 29)),
        ("161124+1234", date(1916, 11, 24)),
        ("200302291234", None),
        ("000000000000", None),
        ("not a number", None),
        (None, None),
        (12, None),
    ],
)
def test_a_birth_date_is_taken_from_a_civic_number_however_it_is_written(civic_no: object, born: date | None) -> None:
    assert born_by_civic_no({"value": civic_no}, TODAY) == born


def test_the_birth_date_that_is_given_counts_before_the_civic_number_and_the_number_is_not_kept() -> None:
    raw = pupil(birthDate=None, civicNo={"value": "20140302-1234"})
    person = stated(PersonStated, Resource.PERSONS, raw)
    assert person.born == date(2014, 3, 2)
    both = stated(PersonStated, Resource.PERSONS, {**raw, "birthDate": "2014-03-01"})
    assert both.born == date(2014, 3, 1)
    assert "1234" not in str(read(Resource.PERSONS, raw))


@pytest.mark.parametrize(
    ("word", "marking"),
    [
        (None, Marking.NONE),
        ("Ingen", Marking.NONE),
        (" sekretessmarkering", Marking.MARKED),
        (unicodedata.normalize("NFD", "Skyddad folkbokföring"), Marking.PROTECTED),
    ],
)
def test_a_marking_is_read_whatever_its_case_blanks_and_unicode_form(word: str | None, marking: Marking) -> None:
    assert stated(PersonStated, Resource.PERSONS, pupil(securityMarking=word)).marking is marking


def test_a_marking_that_is_not_in_the_standard_holds_the_row_instead_of_being_guessed() -> None:
    with pytest.raises(Permanent, match="securityMarking"):
        read(Resource.PERSONS, pupil(securityMarking="hemlig"))


@pytest.mark.parametrize(
    ("status", "active"), [(None, True), ("Aktiv", True), ("Utvandrad", False), ("Avliden", False)]
)
def test_who_has_moved_abroad_or_died_is_not_active(status: str | None, active: bool) -> None:
    assert stated(PersonStated, Resource.PERSONS, pupil(personStatus=status)).active is active


@pytest.mark.parametrize(
    ("word", "relation"),
    [
        ("Vårdnadshavare", Relation.GUARDIAN),
        ("God man", Relation.APPOINTED),
        ("Förälder", Relation.PARENT),
        ("Annan ansvarig", Relation.OTHER_RESPONSIBLE),
        ("Annan behörig", Relation.OTHER_ENTITLED),
        (unicodedata.normalize("NFD", "vårdnadshavare"), Relation.GUARDIAN),
    ],
)
def test_every_relation_of_the_standard_has_its_own_right(word: str, relation: Relation) -> None:
    assert ties_of(pupil(responsibles=[responsible(MOTHER, word)])).ties[0].relation is relation


def test_a_relation_that_is_not_in_the_standard_gives_no_right_and_a_note() -> None:
    reading = read(Resource.PERSONS, pupil(responsibles=[responsible(MOTHER, "Styvförälder")]))
    assert "without any right" in reading.notes[0]
    assert (
        ties_of(pupil(responsibles=[responsible(MOTHER, "Styvförälder")])).ties[0].relation is Relation.OTHER_ENTITLED
    )


def test_a_tie_ends_the_day_after_the_standards_inclusive_last_day() -> None:
    raw = pupil(responsibles=[responsible(MOTHER, startDate="2024-02-29", endDate="2026-12-31")])
    assert ties_of(raw).ties[0].starts == date(2024, 2, 29)
    assert ties_of(raw).ties[0].ends == date(2027, 1, 1)


def test_the_year_9999_means_no_end() -> None:
    assert day_after(date(9999, 12, 31)) is None


def test_a_date_may_have_a_time_behind_it() -> None:
    raw = pupil(responsibles=[responsible(MOTHER, startDate="2024-02-29T00:00:00+01:00")])
    assert ties_of(raw).ties[0].starts == date(2024, 2, 29)


def test_a_leap_day_that_never_was_holds_the_row() -> None:
    with pytest.raises(Permanent, match="birthDate"):
        read(Resource.PERSONS, pupil(birthDate="2015-02-29"))


def test_a_list_of_guardians_in_another_order_is_the_same_state() -> None:
    one, other = responsible(MOTHER), responsible(FATHER)
    assert ties_of(pupil(responsibles=[one, other])) == ties_of(pupil(responsibles=[other, one, other]))


def test_a_row_without_a_list_of_guardians_only_takes_back_what_the_row_itself_had_stated() -> None:
    raw = pupil()
    del raw["responsibles"]
    [tie] = statements(raw, Kind.GUARDIANSHIPS)
    assert tie.manner is Manner.EMPTIES_OWN
    [empty] = statements(pupil(responsibles=[]), Kind.GUARDIANSHIPS)
    assert empty.manner is Manner.WHOLE


def test_a_guardians_row_adds_the_guardian_to_the_pupils_others() -> None:
    father = Guardianship(guardian_id=FATHER, relation=Relation.GUARDIAN)
    known = Known(ties={PUPIL: Ties((father,))})
    raw = grown_up(_embedded={"responsibleFor": [responsible(PUPIL)]})
    [tie] = [one for one in statements(raw, Kind.GUARDIANSHIPS, known) if one.id == PUPIL]
    assert isinstance(tie.event, GuardianshipsStated)
    assert {one.guardian_id for one in tie.event.ties} == {MOTHER, FATHER}
    assert tie.ref == through_guardians(PUPIL)


def test_a_guardians_row_that_no_longer_names_the_pupil_removes_only_that_guardian() -> None:
    both = tuple(Guardianship(guardian_id=one, relation=Relation.GUARDIAN) for one in (MOTHER, FATHER))
    raw = grown_up(_embedded={"responsibleFor": []})
    [tie] = [o for o in statements(raw, Kind.GUARDIANSHIPS, Known(ties={PUPIL: Ties(both)})) if o.id == PUPIL]
    assert isinstance(tie.event, GuardianshipsStated)
    assert [one.guardian_id for one in tie.event.ties] == [FATHER]


def test_a_pupils_own_list_has_the_last_word_over_the_guardians_rows() -> None:
    known = Known(ties={PUPIL: Ties((), own=True)})
    raw = grown_up(_embedded={"responsibleFor": [{"id": str(PUPIL), "relationType": "Vårdnadshavare"}]})
    assert [one.id for one in statements(raw, Kind.GUARDIANSHIPS, known)] == [MOTHER]


def test_two_guardians_on_one_page_both_end_up_with_the_pupil() -> None:
    known = Known()
    read(Resource.PERSONS, grown_up(MOTHER, _embedded={"responsibleFor": [str(PUPIL)]}), known)
    read(Resource.PERSONS, grown_up(FATHER, _embedded={"responsibleFor": [str(PUPIL)]}), known)
    assert known.grown_ups_of(PUPIL) == {MOTHER, FATHER}


def test_nobody_answers_for_themselves() -> None:
    reading = read(Resource.PERSONS, pupil(responsibles=[responsible(PUPIL)]))
    assert [one.kind for one in reading.stated] == [Kind.PERSON, Kind.CONTACT]
    assert "left as it was" in reading.notes[0]


def test_two_persons_cannot_answer_for_each_other() -> None:
    known = Known(ties={MOTHER: Ties((Guardianship(guardian_id=PUPIL, relation=Relation.GUARDIAN),), own=True)})
    reading = read(Resource.PERSONS, pupil(), known)
    assert Kind.GUARDIANSHIPS not in {one.kind for one in reading.stated}
    assert reading.notes


def test_a_marking_in_a_reference_is_a_hint_about_that_person() -> None:
    marked = {"id": str(MOTHER), "displayName": "x", "securityMarking": "Sekretessmarkering"}
    reading = read(Resource.PERSONS, pupil(responsibles=[{"person": marked, "relationType": "Vårdnadshavare"}]))
    [hint] = [one for one in reading.stated if one.manner is Manner.MARKING_ONLY]
    assert hint.key == (Kind.PERSON, MOTHER)
    assert isinstance(hint.event, PersonStated)
    assert hint.event.marking is Marking.MARKED


def test_a_group_keeps_its_members_with_their_days_in_a_settled_order() -> None:
    members = [
        {"person": {"id": str(MOTHER)}, "startDate": "2026-08-15"},
        {"person": {"id": str(PUPIL)}, "startDate": "2026-08-15", "endDate": "2026-12-20"},
    ]
    raw = {"id": str(uuid4()), "displayName": "6A", "groupType": "Klass", "organisation": {"id": str(SCHOOL)}}
    group = stated(GroupStated, Resource.GROUPS, {**raw, "groupMemberships": members})
    assert [one.person_id for one in group.members] == [PUPIL, MOTHER]
    assert group.members[0].ends == date(2026, 12, 21)
    assert group == stated(GroupStated, Resource.GROUPS, {**raw, "groupMemberships": members[::-1]})


def test_a_post_keeps_what_its_holder_is_in_each_group() -> None:
    raw = {
        "id": str(uuid4()),
        "dutyAt": {"id": str(SCHOOL)},
        "dutyRole": "Lärare",
        "person": {"id": str(MOTHER)},
        "assignmentRole": [{"group": {"id": str(uuid4())}, "assignmentRoleType": "Mentor", "startDate": "2026-08-15"}],
    }
    post = stated(StaffStated, Resource.DUTIES, raw)
    assert (post.role, post.person_id, post.assignments[0].role) == ("Lärare", MOTHER, "Mentor")


def test_a_post_without_a_holder_is_a_post() -> None:
    raw = {"id": str(uuid4()), "dutyAt": {"id": str(SCHOOL)}, "dutyRole": "Rektor"}
    assert stated(StaffStated, Resource.DUTIES, raw).person_id is None


@pytest.mark.parametrize("teachers", [[{"person": {"id": str(MOTHER)}}], [{"duty": {"id": str(MOTHER)}}], None])
@pytest.mark.parametrize("kind", ["Undervisning", "Läraraktivitet", None])
def test_an_activity_is_a_subject_whatever_its_type_and_however_its_teachers_are_written(
    teachers: object, kind: str | None
) -> None:
    subject = stated(SubjectStated, Resource.ACTIVITIES, activity(teachers=teachers, activityType=kind))
    assert subject.name == "Matematik 6A"


def test_a_time_without_an_offset_is_local_where_the_source_is() -> None:
    [one] = read(Resource.ORGANISATIONS, organisation(meta=meta("2026-07-01T12:00:00"))).stated
    assert one.modified is not None
    assert one.modified.isoformat() == "2026-07-01T10:00:00+00:00"


def test_the_older_name_of_the_time_of_change_is_read_too() -> None:
    [one] = read(Resource.ORGANISATIONS, organisation(meta={"lastModified": "2026-07-01T12:00:00Z"})).stated
    assert one.modified is not None


@pytest.mark.parametrize(
    "broken",
    [
        {"givenName": "x" * 1_000_000},
        {"givenName": "a\x00b"},
        {"givenName": "Al\udce5va"},
        {"givenName": None},
        {"familyName": 7},
        {"id": "not-an-id"},
        {"birthDate": "yesterday"},
        {"emails": [{"value": "x" * 301}]},
        {"emails": "none"},
        {"meta": {"modified": "0001-01-01T00:00:00"}},
        {"meta": {"modified": "9999-12-31T23:59:59+00:00"}},
        {"enrolments": [{"enroledAt": {}}]},
        {"responsibles": [{"relationType": "Vårdnadshavare"}]},
    ],
)
def test_a_row_that_cannot_be_used_is_held_with_a_reason_that_names_no_person(broken: dict[str, object]) -> None:
    with pytest.raises(Permanent) as held:
        read(Resource.PERSONS, pupil(**broken))
    assert len(str(held.value)) < 300
    assert "Alva" not in str(held.value)


@pytest.mark.parametrize("raw", [None, 7, "text", [], [1], {}])
def test_what_is_not_a_row_at_all_is_held_too(raw: object) -> None:
    for resource in Resource:
        with pytest.raises(Permanent):
            read(resource, raw)


def test_the_pupils_school_ids_depend_on_the_local_date_it_is_read_on() -> None:
    raw = pupil(enrolments=[{"enroledAt": {"id": str(SCHOOL)}, "schoolType": "GR", "endDate": "2026-11-23"}])
    later = replace(ORIGIN, today=date(2026, 11, 24))
    [person] = [one.event for one in read(Resource.PERSONS, raw, origin=later).stated if one.kind is Kind.PERSON]
    assert isinstance(person, PersonStated)
    assert person.school_ids == ()


def test_ids_in_any_writing_are_the_same_id() -> None:
    shouted = str(PUPIL).upper()
    [person, *_] = read(Resource.PERSONS, pupil(id=shouted)).stated
    assert person.id == UUID(shouted)


HOME = {"type": "Folkbokföring", "streetAddress": "Solrosgatan 36", "postalCode": "112 34", "locality": "Stockholm"}


def test_where_letters_go_is_where_mail_is_to_go_before_where_somebody_is_registered() -> None:
    post = {"type": "Särskild postadress", "streetAddress": "Box 7", "postalCode": 11235, "locality": "Stockholm"}
    both = stated(ContactStated, Resource.PERSONS, grown_up(addresses=[HOME, post]))
    assert both.address
    assert (both.address.street, both.address.postal_code) == ("Box 7", "11235")
    one = stated(ContactStated, Resource.PERSONS, grown_up(addresses=[{**HOME, "careOf": "Berg"}]))
    assert one.address
    assert (one.address.street, one.address.care_of) == ("Solrosgatan 36", "Berg")


@pytest.mark.parametrize("marking", ["Sekretessmarkering", "Skyddad folkbokföring"])
def test_where_somebody_in_hiding_lives_is_neither_stated_nor_held_back(marking: str) -> None:
    row = grown_up(addresses=[HOME], securityMarking=marking)
    assert stated(ContactStated, Resource.PERSONS, row).address is None
    assert "Solrosgatan" not in str(row_of(Resource.PERSONS, row, TODAY).raw)
    assert "Solrosgatan" not in str(row_of(Resource.PERSONS, {**row, "securityMarking": "Hemlig"}, TODAY).raw)
    assert "Solrosgatan" in str(row_of(Resource.PERSONS, grown_up(addresses=[HOME]), TODAY).raw)


@pytest.mark.parametrize(
    "addresses",
    [None, [], "Solrosgatan 36", ["Solrosgatan 36"], [{"streetAddress": "x" * 400, "postalCode": "1", "locality": "y"}],
     [{**HOME, "locality": None}], [{**HOME, "postalCode": {"value": "112 34"}}]],
)  # fmt: skip
def test_an_address_that_cannot_be_read_costs_nobody_their_row(addresses: Any) -> None:
    contact = stated(ContactStated, Resource.PERSONS, grown_up(addresses=addresses))
    assert contact.address is None
    assert contact.emails
