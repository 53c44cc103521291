"""Rows into the database and out as events, on a real PostgreSQL."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from deploy.embedded.postgres import Postgres
from services.registry.commands import import_attendance, import_folder
from services.registry.domain.kinds import Resource
from services.registry.domain.ledger import Outcome
from services.registry.domain.report import Fate, Run, RunKind
from services.registry.importer import rows_of
from services.registry.settings import Source
from services.registry.tables import record
from shared.clock import ManualClock
from shared.events.attendance import AttendanceRecorded, LessonPlanned
from shared.events.roster import GuardianshipsStated, Marking, PersonStated
from tests.connected.registry_stage import Stage, a_stage
from tests.unit.registry.rows import (
    FATHER,
    LESSON,
    MOTHER,
    PUPIL,
    SCHOOL,
    activity,
    attendance,
    calendar_event,
    grown_up,
    meta,
    organisation,
    pupil,
    responsible,
)

pytestmark = pytest.mark.connected
SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "reference" / "ss12000-sample"


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with a_stage(postgres, clock, "kommunen", "friskolan") as stage:
        yield stage


async def take(stage: Stage, resource: Resource, *raw: Any, source: str = "kommunen") -> list[Fate]:
    origin = stage.importer.origin(Source(name=source, municipality="kommunen"))
    return await stage.importer.take(origin, rows_of(resource, raw, origin))


async def outcomes(stage: Stage, resource: Resource, *raw: Any) -> list[Outcome]:
    return [fate.outcome for fate in await take(stage, resource, *raw)]


async def a_school_day(stage: Stage) -> None:
    await take(stage, Resource.ORGANISATIONS, organisation())
    await take(stage, Resource.PERSONS, pupil(), grown_up())
    await take(stage, Resource.ACTIVITIES, activity())
    await take(stage, Resource.CALENDAR_EVENTS, calendar_event())
    await stage.news()


@pytest.mark.skipif(not SAMPLE.is_dir(), reason="the reference material is not on this machine")
async def test_a_real_registrys_output_comes_in_whole_and_a_second_time_is_no_news(stage: Stage) -> None:
    first = await import_folder(stage.importer, stage.source, SAMPLE, complete=True)
    assert {name: counts["new"] for name, counts in first.counts().items()} == {
        "organisations": 3,
        "persons": 136,
        "groups": 9,
        "duties": 8,
        "activities": 7,
    }
    assert await stage.held() == {}
    said = Counter(row.event_type for row in await stage.news())
    assert said["roster.person_stated.v1"] == said["roster.contact_stated.v1"] == 136
    assert said["roster.guardianships_stated.v1"] == 45
    second = await import_folder(stage.importer, stage.source, SAMPLE, complete=True)
    assert {name: counts["unchanged"] for name, counts in second.counts().items()} == {
        name: counts["new"] for name, counts in first.counts().items()
    }
    assert await stage.news() == []


async def test_every_event_begins_a_trace_and_its_version_is_the_time_it_became_news(stage: Stage) -> None:
    await take(stage, Resource.ORGANISATIONS, organisation())
    [row] = await stage.news()
    assert row.traceparent.startswith("00-")
    assert json.loads(row.value)["version"] == int(stage.importer.kit.clock.now().timestamp() * 1000)


async def test_a_changed_mail_address_is_said_without_repeating_the_person(stage: Stage) -> None:
    await take(stage, Resource.PERSONS, pupil())
    await stage.news()
    changed = pupil(emails=[{"value": "ny@elev.example", "type": "Privat"}], meta=meta("2026-11-22T10:00:00Z"))
    assert await outcomes(stage, Resource.PERSONS, changed) == [Outcome.CHANGED]
    assert [row.event_type for row in await stage.news()] == ["roster.contact_stated.v1"]


async def test_an_erased_person_leaves_tombstones_and_no_personal_data(stage: Stage) -> None:
    await take(stage, Resource.PERSONS, pupil(), grown_up())
    await stage.news()
    assert await stage.importer.erase("kommunen", Resource.PERSONS, [PUPIL]) == 1
    said = await stage.news()
    assert {(row.topic, row.key, row.value) for row in said} == {
        (f"roster.{topic}.v1", str(PUPIL), None) for topic in ("persons", "contacts", "guardianships")
    }
    async with stage.importer.kit.sessions() as session:
        left = (await session.execute(select(record).where(record.c.id == PUPIL))).all()
    assert {row.payload for row in left} == {None}
    assert await stage.importer.erase("kommunen", Resource.PERSONS, [PUPIL]) == 0


async def test_one_source_cannot_erase_what_another_states(stage: Stage) -> None:
    await take(stage, Resource.PERSONS, pupil())
    assert await stage.importer.erase("friskolan", Resource.PERSONS, [PUPIL]) == 0


async def test_one_source_cannot_overwrite_what_another_states(stage: Stage) -> None:
    await take(stage, Resource.PERSONS, pupil())
    await stage.news()
    [fate] = await take(stage, Resource.PERSONS, pupil(givenName="Alma"), source="friskolan")
    assert (fate.outcome, "answers for this row" in fate.reason) == (Outcome.HELD, True)
    assert await stage.news() == []


async def test_a_deleted_lesson_is_cancelled_and_a_deleted_result_withdrawn(stage: Stage) -> None:
    await a_school_day(stage)
    result = attendance()
    await take(stage, Resource.ATTENDANCES, result)
    await stage.news()
    await stage.importer.erase("kommunen", Resource.ATTENDANCES, [UUID(result["id"])])
    await stage.importer.erase("kommunen", Resource.CALENDAR_EVENTS, [LESSON])
    withdrawn, cancelled = await stage.events()
    assert isinstance(withdrawn, AttendanceRecorded)
    assert withdrawn.withdrawn
    assert isinstance(cancelled, LessonPlanned)
    assert cancelled.cancelled


async def test_a_result_deleted_after_it_was_entered_anew_stays(stage: Stage) -> None:
    await a_school_day(stage)
    first, second = attendance(), attendance(validAbsenceMinutes=60, invalidAbsenceMinutes=0)
    await take(stage, Resource.ATTENDANCES, first)
    await take(stage, Resource.ATTENDANCES, second)
    await stage.news()
    assert await stage.importer.erase("kommunen", Resource.ATTENDANCES, [UUID(first["id"])]) == 0
    assert await stage.importer.erase("kommunen", Resource.ATTENDANCES, [UUID(second["id"])]) == 1


async def test_a_result_of_an_unknown_pupil_waits_and_goes_through_when_the_pupil_comes(stage: Stage) -> None:
    await take(stage, Resource.ACTIVITIES, activity())
    await take(stage, Resource.CALENDAR_EVENTS, calendar_event())
    result = attendance()
    assert await outcomes(stage, Resource.ATTENDANCES, result) == [Outcome.HELD]
    await stage.news()
    await stage.importer.retry_held(stage.origin)
    assert (await stage.held())[result["id"]].tries == 2
    assert await stage.news() == []
    await take(stage, Resource.PERSONS, pupil())
    await stage.news()
    [fate] = await stage.importer.retry_held(stage.origin)
    assert fate.outcome is Outcome.NEW
    assert await stage.held() == {}
    [event] = await stage.events()
    assert isinstance(event, AttendanceRecorded)
    assert (event.pupil_id, event.invalid_minutes) == (PUPIL, 60)


async def test_the_chain_of_what_waits_resolves_by_itself(stage: Stage) -> None:
    await take(stage, Resource.ATTENDANCES, attendance())
    await take(stage, Resource.CALENDAR_EVENTS, calendar_event())
    await take(stage, Resource.PERSONS, pupil())
    await take(stage, Resource.ACTIVITIES, activity())
    for _ in range(2):
        await stage.importer.retry_held(stage.origin)
    assert await stage.held() == {}


async def test_bad_rows_are_held_with_their_reason_and_the_good_ones_go_on(stage: Stage) -> None:
    bad = [
        pupil(id=str(uuid4()), givenName="x" * 1_000_000),
        pupil(id=str(uuid4()), familyName="a\x00b"),
        pupil(id=str(uuid4()), givenName="Al\udce5va"),
        pupil(id=str(uuid4()), birthDate="2015-02-29"),
        pupil(id="no id"),
        "not a row",
        None,
    ]
    fates = await take(stage, Resource.PERSONS, *bad, pupil())
    assert [fate.outcome for fate in fates] == [Outcome.HELD] * len(bad) + [Outcome.NEW]
    waiting = await stage.held()
    assert len(waiting) == len(bad)
    assert "given_name: String should have at most 300 characters" in waiting[bad[0]["id"]].reason  # type: ignore[index]
    again = await stage.importer.retry_held(stage.origin)
    assert [fate.outcome for fate in again] == [Outcome.HELD] * len(bad)
    assert {row.ref for row in (await stage.held()).values()} == set(waiting)


async def test_a_row_that_was_mended_is_held_no_more(stage: Stage) -> None:
    await take(stage, Resource.PERSONS, pupil(birthDate="yesterday"))
    assert len(await stage.held()) == 1
    await take(stage, Resource.PERSONS, pupil())
    assert await stage.held() == {}


async def test_a_held_row_keeps_no_civic_number(stage: Stage) -> None:
    await take(stage, Resource.PERSONS, pupil(familyName=None, birthDate=None, civicNo={"value": "201403011234"}))
    async with stage.importer.kit.sessions() as session:
        kept = await session.scalar(text("select payload from held"))
    assert b"1234" not in kept
    assert b"2014-03-01" in kept


async def test_a_row_the_database_refuses_costs_nobody_elses(stage: Stage) -> None:
    """A group too large for Kafka is refused inside the transaction; the batch is halved down to it."""
    members = [{"person": {"id": str(uuid4())}} for _ in range(20_000)]

    def group(**more: Any) -> dict[str, Any]:
        named = {"id": str(uuid4()), "displayName": "6A", "groupType": "Klass", "organisation": {"id": str(SCHOOL)}}
        return {**named, **more}

    rows = [group(), group(groupMemberships=members), group(), group()]
    fates = await take(stage, Resource.GROUPS, *rows)
    assert [fate.outcome for fate in fates] == [Outcome.NEW, Outcome.HELD, Outcome.NEW, Outcome.NEW]
    assert "too large" in fates[1].reason
    assert len(await stage.news()) == 3


async def test_persons_who_would_answer_for_each_other_are_not_both_believed(stage: Stage) -> None:
    child = pupil(responsibles=[responsible(MOTHER)])
    mother = grown_up(responsibles=[responsible(PUPIL)])
    first, second = await take(stage, Resource.PERSONS, child, mother)
    assert (first.outcome, second.outcome) == (Outcome.NEW, Outcome.HELD)
    said = [event for event in await stage.events() if isinstance(event, GuardianshipsStated)]
    assert [event.pupil_id for event in said] == [PUPIL]
    await take(stage, Resource.PERSONS, pupil(responsibles=[], meta=meta("2026-11-21T10:00:00Z")))
    await stage.importer.retry_held(stage.origin)
    assert await stage.held() == {}


async def test_guardians_that_only_come_with_the_grown_ups_rows_are_pieced_together(stage: Stage) -> None:
    child = pupil()
    del child["responsibles"]
    both = [grown_up(one, _embedded={"responsibleFor": [responsible(PUPIL)]}) for one in (MOTHER, FATHER)]
    await take(stage, Resource.PERSONS, both[0])
    await take(stage, Resource.PERSONS, child, both[1])
    assert await outcomes(stage, Resource.PERSONS, *both, child) == [Outcome.UNCHANGED] * 3
    await stage.news()
    await take(stage, Resource.PERSONS, grown_up(MOTHER, _embedded={"responsibleFor": []}))
    [event] = await stage.events()
    assert isinstance(event, GuardianshipsStated)
    assert [tie.guardian_id for tie in event.ties] == [FATHER]


async def test_a_pupil_whose_row_lost_its_list_of_guardians_has_none_at_once(stage: Stage) -> None:
    await take(stage, Resource.PERSONS, pupil())
    await stage.news()
    without = pupil(meta=meta("2026-11-22T10:00:00Z"))
    del without["responsibles"]
    await take(stage, Resource.PERSONS, without)
    [event] = await stage.events()
    assert isinstance(event, GuardianshipsStated)
    assert event.ties == ()


async def test_a_milder_marking_waits_for_a_person_and_the_rest_of_the_row_goes_through(
    stage: Stage, clock: ManualClock
) -> None:
    await take(stage, Resource.PERSONS, pupil(securityMarking="Skyddad folkbokföring"))
    await stage.news()
    milder = pupil(securityMarking="Ingen", personStatus="Utvandrad", meta=meta("2026-11-22T10:00:00Z"))
    assert await outcomes(stage, Resource.PERSONS, milder) == [Outcome.CHANGED]
    [event] = await stage.events()
    assert isinstance(event, PersonStated)
    assert (event.marking, event.active) == (Marking.PROTECTED, False)
    clock.advance(timedelta(days=1))
    [entry] = await stage.waiting()
    await stage.decisions.release([entry.id], "the registrar")
    [decided] = await stage.events()
    assert isinstance(decided, PersonStated)
    assert (decided.marking, decided.version > event.version) == (Marking.NONE, True)
    assert await stage.waiting() == []


async def test_a_plain_file_of_results_is_imported_line_by_line_and_bad_lines_are_named(
    stage: Stage, tmp_path: Path
) -> None:
    await a_school_day(stage)
    stranger = uuid4()
    path = tmp_path / "monday.csv"
    path.write_text(
        "pupil_id;lesson_id;reported;attended_minutes;invalid_minutes\n"
        f"{PUPIL};{LESSON};ja;0;60\n"
        f"{PUPIL};{LESSON};perhaps;0;60\n"
        f"{stranger};{LESSON};ja;60;0\n"
    )
    sizes: list[int] = []
    run = await import_attendance(stage.importer, stage.source, path, sizes.append)
    assert run.counts()["attendanceLines"] == {
        "read": 3,
        "new": 1,
        "changed": 0,
        "unchanged": 0,
        "held": 2,
        "erased": 0,
    }
    assert sum(sizes) == path.stat().st_size
    waiting = await stage.held()
    assert "reported" in waiting["monday.csv:3"].reason
    assert str(stranger) in waiting["monday.csv:4"].reason
    [event] = await stage.events()
    assert isinstance(event, AttendanceRecorded)
    assert event.invalid_minutes == 60


async def test_a_folder_with_a_damaged_file_keeps_the_others_and_says_so(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "organisations.json").write_text(json.dumps({"organisations": [organisation()]}))
    (tmp_path / "persons.json").write_bytes(b'{"data": [{"id": "')
    run = await import_folder(stage.importer, stage.source, tmp_path, complete=False)
    assert run.counts()["organisations"]["new"] == 1
    assert "persons.json: The JSON breaks off" in run.errors[0]
    assert "persons.json" in await stage.held()
    (tmp_path / "persons.json").write_text(json.dumps({"data": [pupil()]}))
    await import_folder(stage.importer, stage.source, tmp_path, complete=False)
    assert await stage.held() == {}


async def test_a_complete_folder_erases_what_it_lacks_but_never_nearly_everything(stage: Stage, tmp_path: Path) -> None:
    def folder(*people: dict[str, Any]) -> Path:
        (tmp_path / "persons.json").write_text(json.dumps({"data": people}))
        return tmp_path

    people = [grown_up(uuid4()) for _ in range(12)]
    await import_folder(stage.importer, stage.source, folder(*people), complete=True)
    fewer = await import_folder(stage.importer, stage.source, folder(*people[1:]), complete=True)
    assert fewer.counts()["persons"]["erased"] == 1
    nobody = await import_folder(stage.importer, stage.source, folder(), complete=True)
    assert "Nothing was erased" in nobody.errors[0]
    partly = await import_folder(stage.importer, stage.source, folder(people[1], {"id": "?"}), complete=True)
    assert "without a readable id" in partly.errors[0]


async def test_many_persons_are_imported_many_at_a_time(stage: Stage) -> None:
    people = [grown_up(uuid4(), enrolments=[{"enroledAt": {"id": str(SCHOOL)}}]) for _ in range(5_000)]
    rows = rows_of(Resource.PERSONS, people, stage.origin)
    started = time.perf_counter()
    fates = await stage.importer.take(stage.origin, rows)
    assert all(fate.outcome is Outcome.NEW for fate in fates)
    assert time.perf_counter() - started < 20
    run = Run(stage.source.name, RunKind.FULL, stage.importer.kit.clock.now())
    run.count(fates)
    assert (run.tally(Resource.PERSONS).read, run.tally(Resource.PERSONS).new) == (5_000, 5_000)
