"""No table is forgotten: each is under a rule of age, and where it names a person an erasure finds it."""

from __future__ import annotations

from importlib import import_module
from uuid import uuid4

import pytest
from sqlalchemy import DateTime, MetaData, Table, Uuid

from services.handout import WORDS
from services.operations import SERVICES
from shared.events.roster import ContactStated
from shared.rights.about import PERSON_COLUMNS, about, children_first, parents
from shared.rights.retention import EVERY_SERVICE, RULES, Rule, rules_of
from shared.rights.traces import marks_of

# Columns with ids that are nobody's, or somebody's whose looking and deciding must stay answerable.
NOT_PERSONS = {
    "viewer_id": "the audit trail",
    "source_id": "what states a link",
    "from_id": "a link's end, searched by itself",
    "to_id": "a link's end, searched by itself",
    "resource_id": "a person, room or interpreter that is taken; goes with the talk",
    "host_id": "who held a talk: the school's own record, a bare id (decision 19)",
    "author_id": "who wrote it for the school: the same",
    "moved_by": "a teacher who chose a day for the school",
    "unread_of": "a mailing",
    "printed_by": "who printed a letter for the school",
    "approver_id": "a principal who read a bulletin for the school",
    "promised_by": "the adult behind a commitment about the pupil, with whom it goes",
}
THINGS = ("school", "lesson", "duty", "notification", "delivery", "attempt", "notice", "report", "consent", "event")
OF_TALKS = (
    *("talk", "round", "slot", "term", "break", "room", "presence", "interpreter", "block", "group", "wish", "hold"),
    *("offered_slot", "proposal", "commitment", "check_in", "adaptation", "meeting", "offer", "asked"),
)
OF_MAIL = (
    *("mailing", "item", "digest", "wording", "letter", "half_year", "place", "activity", "bulletin", "replaces"),
    *("attachment", "feedback", "thread", "message", "file"),
)
OTHER_THINGS = ("session", "entry", "tenant", "request", "subject", "evidence", "about")
HANDED_OUT_OTHERWISE = {"record", "outbox", "inbox", "read_position", "due"}


def metadata_of(service: str) -> MetaData:
    found = import_module(f"services.{service}.tables").metadata
    assert isinstance(found, MetaData)
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_every_table_is_under_a_rule_of_age(service: str) -> None:
    under = {table.name for _, table in rules_of(service, metadata_of(service))}
    assert under == set(metadata_of(service).tables)


@pytest.mark.parametrize("rule", RULES, ids=[f"{rule.service}.{rule.table}.{rule.kind}" for rule in RULES])
def test_a_rule_is_about_a_table_that_is_there_and_its_age_is_a_column_of_it(rule: Rule) -> None:
    assert rule.service == EVERY_SERVICE or rule.service in SERVICES
    for service in SERVICES if rule.service == EVERY_SERVICE else (rule.service,):
        table = metadata_of(service).tables.get(rule.table)
        if table is None:
            assert rule.service == EVERY_SERVICE
            continue
        column = rule.age.removeprefix("upper(").removesuffix(")").strip('"')  # of a range, its end
        assert not rule.age or column in table.c or "->>" in rule.age
        assert rule.days is None or rule.age or rule.only, "a rule without age or condition would delete everything"
        assert rule.days is not None or not rule.age, "no row goes by age"


@pytest.mark.parametrize("service", SERVICES)
def test_a_row_that_hangs_on_one_that_goes_is_deleted_before_it(service: str) -> None:
    order = [table.name for table in children_first(metadata_of(service))]
    for table in metadata_of(service).sorted_tables:
        for _, above in parents(table):
            assert order.index(table.name) < order.index(above.table.name)


@pytest.mark.parametrize("service", SERVICES)
def test_a_column_that_may_name_a_person_is_known_to_be_one_or_not_to_be(service: str) -> None:
    allowed = {
        *PERSON_COLUMNS,
        *NOT_PERSONS,
        *(f"{thing}_id" for thing in (*THINGS, *OTHER_THINGS, *OF_TALKS, *OF_MAIL)),
        "id",
        "ref",
    }
    for table in metadata_of(service).sorted_tables:
        unknown = {column.name for column in table.c if isinstance(column.type, Uuid)} - allowed
        assert not unknown, f"{table.name}: is this a person? Name it as PERSON_COLUMNS do, or list it here."


def test_what_hangs_on_a_row_about_a_person_is_about_them_too() -> None:
    tables = metadata_of("notifications").tables
    condition = str(about(tables["attempt"], [uuid4()]))
    assert "pupil_id" in condition
    assert "person_id" in condition
    assert about(metadata_of("portal").tables["lesson_mark"], [uuid4()]) is None


def test_every_kind_of_data_that_is_handed_out_has_words_a_person_understands() -> None:
    tables = {table for service in SERVICES for table in metadata_of(service).sorted_tables}
    personal = {table.name for table in tables if about(table, [uuid4()]) is not None} - HANDED_OUT_OTHERWISE
    assert personal - {name.strip() for name in WORDS} - {"privacy_request"} == set()


def test_somebody_is_recognised_by_addresses_alone_and_by_both_names_together_however_written() -> None:
    contact = ContactStated(
        person_id=uuid4(), version=1, given_name="Åsa", family_name="Öst", emails=("a@x.example",), phones=("+4670",)
    )
    marks = marks_of(contact)
    assert (b"a@x.example", b"") in marks
    assert (b"+4670", b"") in marks
    assert ("Åsa".encode(), "Öst".encode()) in marks
    assert (b"\\u00c5sa", b"\\u00d6st") in marks
    assert not any(first == b"" for first, _ in marks), "an empty mark would be found everywhere"


def test_dates_of_rules_are_instants_or_days() -> None:
    for rule in RULES:
        for service in SERVICES:
            table: Table | None = metadata_of(service).tables.get(rule.table)
            if table is not None and rule.age in table.c and rule.service in (service, EVERY_SERVICE):
                column = table.c[rule.age].type
                assert not isinstance(column, DateTime) or column.timezone
