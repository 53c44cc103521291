"""Drafts from what other services have stated: in the school's own time, with nobody pointed at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event

from deploy.embedded.postgres import Postgres
from services.bulletins.domain.drafts import prompts
from services.bulletins.drafting import Draft, draft
from services.bulletins.store import plans as store
from services.bulletins.store.facts import forget
from services.bulletins.tables import Activity
from shared.clock import ManualClock
from shared.events.absence import AbsenceSummed, SubjectAbsence
from shared.events.envelope import Erased
from shared.events.roster import GroupStated, Membership, SubjectStated
from shared.events.scheduling import MeetingStated, TalkKind, TalkState, TalkStated
from tests.bulletins_stage import CLASS_OF, Stage, bulletins_stage
from tests.connected.bulletins.test_duties import begin, send

pytestmark = pytest.mark.connected
TODAY = date(2026, 11, 2)


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock) as here:
        yield here


async def drafted(stage: Stage, *classes: str, language: str = "en") -> Draft:
    groups = [stage.group[one] for one in classes]
    async with stage.machine() as session:
        return await draft(session, groups, stage.who["maja"], stage.settings, stage.now, language)


def meeting(stage: Stage, *classes: str, version: int = 1, **more: Any) -> MeetingStated:
    usual = {
        "meeting_id": uuid4(),
        "tenant_id": stage.tenant,
        "school_id": stage.school["north"],
        "group_ids": tuple(stage.group[one] for one in classes),
        "kind": "parent_meeting",
        "title": "Autumn meeting",
        "place": "The hall",
        "starts_at": datetime(2026, 11, 17, 17, 0, tzinfo=UTC),
        "ends_at": datetime(2026, 11, 17, 19, 30, tzinfo=UTC),
    }
    return MeetingStated(version=version, **{**usual, **more})


def talk(stage: Stage, pupil: str, day: int, **more: Any) -> TalkStated:
    usual = {
        "talk_id": uuid4(),
        "version": 1,
        "tenant_id": stage.tenant,
        "school_id": stage.school["north"],
        "round_id": stage.school["north"],
        "pupil_id": stage.who[pupil],
        "kind": TalkKind.DEVELOPMENT,
        "state": TalkState.BOOKED,
        "host_id": stage.who["maja"],
        "starts_at": datetime(2026, 11, day, 14, 0, tzinfo=UTC),
    }
    return TalkStated(**{**usual, **more})


async def note(stage: Stage, name: str, on: date, words: str) -> None:
    """A line in a class's diary."""
    common = {"school_id": stage.school["north"], "group_id": stage.group[name], "author_id": stage.who["maja"]}
    async with stage.machine() as session:
        line = Activity(activity_id=uuid4(), on=on, words=words, written_at=stage.now, **common)
        await store.add_activity(session, line)


async def test_of_a_class_of_which_nothing_is_known_only_subjects_and_questions_are_there(stage: Stage) -> None:
    found = await drafted(stage, "6A")
    assert "- Svenska: [" in found.learning
    lines = [line for line in (found.learning + found.activities).splitlines() if line.startswith("- ")]
    assert len(lines) == len(prompts(found.learning)) + len(prompts(found.activities))


async def test_what_is_to_come_for_this_class_is_told_in_the_time_on_its_walls(stage: Stage) -> None:
    mine, theirs, off = meeting(stage, "6A"), meeting(stage, "4B", title="Not ours"), meeting(stage, "6A", title="Off")
    await stage.hear(mine, theirs, off, off.model_copy(update={"version": 2, "cancelled": True}))
    talks = [talk(stage, pupil, day) for pupil, day in (("ebba", 17), ("noor", 19), ("pia", 26))]
    await stage.hear(*talks, talk(stage, "emil", 10), talk(stage, "filip", 5, state=TalkState.CANCELLED))
    activities = (await drafted(stage, "6A")).activities
    assert "- Tuesday 17 November, 18:00–20:30: Autumn meeting, The hall." in activities
    assert "Tuesday 17 November to Thursday 26 November: talks between home and school, spread over 2 w" in activities
    assert "Not ours" not in activities
    assert "Off" not in activities


async def test_a_meeting_on_the_day_the_clocks_change_is_at_the_time_on_the_wall(stage: Stage) -> None:
    stage.at("09:00", date(2026, 10, 19))
    before, after = (datetime(2026, 10, day, hour, 0, tzinfo=UTC) for day, hour in ((23, 16), (26, 17)))
    for starts, title in ((before, "Before"), (after, "After")):
        ends = starts + timedelta(hours=1)
        await stage.hear(meeting(stage, "6A", starts_at=starts, ends_at=ends, title=title, place=None))
    activities = (await drafted(stage, "6A")).activities
    assert "18:00–19:00: Before." in activities
    assert "18:00–19:00: After." in activities


async def test_a_public_holiday_and_the_end_of_the_half_year_are_told_of(stage: Stage) -> None:
    await begin(stage)
    stage.at("09:00", date(2026, 12, 1))
    await stage.night()
    activities = (await drafted(stage, "6A")).activities
    assert "Friday 25 December: no school (Juldagen)." in activities
    assert "Sunday 20 December: the last day of the half-year." in activities
    assert "Thursday 7 January: the half-year begins." in activities


async def test_the_diary_since_the_last_bulletin_is_in_it(stage: Stage) -> None:
    await begin(stage)
    stage.at("09:00", date(2026, 9, 24))
    await send(stage, "6A")
    stage.at("09:00", TODAY)
    await note(stage, "6A", date(2026, 9, 1), "Told already")
    await note(stage, "6A", date(2026, 10, 20), "The museum")
    await note(stage, "6A", date(2026, 11, 20), "Choir")
    await note(stage, "4B", date(2026, 10, 21), "Another class")
    activities = (await drafted(stage, "6A")).activities
    assert "Tuesday 20 October: The museum" in activities
    assert "Friday 20 November: Choir" in activities
    assert "Told already" not in activities
    assert "Another class" not in activities


async def test_a_talk_or_meeting_that_is_erased_or_older_is_not_told_of(stage: Stage) -> None:
    one, new = meeting(stage, "6A", title="Gone"), meeting(stage, "6A", title="New", version=3)
    await stage.hear(one, new, new.model_copy(update={"version": 2, "title": "Old"}))
    async with stage.machine() as session:
        await forget(session, [Erased(erased_type=MeetingStated.event_type, erased_key=str(one.meeting_id))])
    activities = (await drafted(stage, "6A")).activities
    assert "New" in activities
    assert "Old" not in activities
    assert "Gone" not in activities


def sums(stage: Stage, pupil: Any, missed: tuple[int, int]) -> list[AbsenceSummed]:
    """A pupil's sums at the end of August, September and October."""
    found, whole = [], 0
    for count, (until, more) in enumerate(
        zip((date(2026, 8, 31), date(2026, 9, 30), date(2026, 10, 30)), (0, *missed), strict=True), 1
    ):
        whole += more
        part = SubjectAbsence(lessons=90 * count, planned=6000 * count, valid=whole, invalid=0)
        common = {"school_id": stage.school["north"], "tenant_id": stage.tenant, "since": date(2026, 8, 1)}
        found.append(AbsenceSummed(pupil_id=pupil, version=count, until=until, subjects=(part,), **common))
    return found


async def large_class(stage: Stage, *missed: tuple[int, int]) -> None:
    """6A with as many pupils as there are pairs, and their absence in September and October."""
    pupils = [uuid4() for _ in missed]
    inside = tuple(Membership(person_id=one, starts=date(2026, 8, 15)) for one in pupils)
    place = {"tenant_id": stage.tenant, "school_id": stage.school["north"]}
    await stage.hear(
        GroupStated(group_id=stage.group["6A"], version=2, name="6A", kind="Klass", members=inside, **place)
    )
    for pupil, pair in zip(pupils, missed, strict=True):
        await stage.hear(*reversed(sums(stage, pupil, pair)))


async def test_the_trend_of_a_large_class_is_told_in_words_and_of_a_small_one_not_at_all(stage: Stage) -> None:
    await large_class(stage, *[(600, 300)] * 12)
    assert "away less in October than in the month before" in (await drafted(stage, "6A")).learning
    stage.settings = stage.settings.model_copy(update={"smallest_group": 13})
    assert "away less" not in (await drafted(stage, "6A")).learning


async def test_a_trend_that_is_two_pupils_is_not_told(stage: Stage) -> None:
    await large_class(stage, *[(100, 100)] * 12, (0, 3000), (0, 3000))
    assert "The class as a whole" not in (await drafted(stage, "6A")).learning


async def test_a_draft_names_no_pupil_and_says_no_figure_of_absence(stage: Stage) -> None:
    await large_class(stage, *[(600, 300)] * 12)
    await stage.hear(*[talk(stage, pupil, 17) for pupil, name in CLASS_OF.items() if name == "4B"])
    for found in (await drafted(stage, "6A"), await drafted(stage, "4B")):
        words = found.learning + found.activities
        assert not any(name in words for name in ("Ebba", "Pia", "Emil", "Stig", "Haddad"))
        assert "%" not in words
        assert "minutes" not in words


async def test_subjects_without_attendance_are_no_subjects_of_a_class(stage: Stage) -> None:
    own = {"tenant_id": stage.tenant, "school_id": stage.school["north"], "group_ids": (stage.group["6A"],)}
    await stage.hear(
        SubjectStated(subject_id=uuid4(), version=1, name="Planning", attendance_taken=False, **own),
        SubjectStated(subject_id=uuid4(), version=1, name="Musik", **own),
    )
    learning = (await drafted(stage, "6A")).learning
    assert "Musik" in learning
    assert "Planning" not in learning


async def test_a_draft_is_one_statement(stage: Stage) -> None:
    asked: list[str] = []
    engine = stage.kit.sessions.kw["bind"].sync_engine
    listen = lambda *given: asked.append(given[2])  # noqa: E731
    event.listen(engine, "before_cursor_execute", listen)
    await drafted(stage, "6A", "4B")
    event.remove(engine, "before_cursor_execute", listen)
    assert len([one for one in asked if "set_config" not in one]) == 1
