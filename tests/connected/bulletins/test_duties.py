"""What is owed to the homes of each class, from the first night of a half-year to its end."""

from __future__ import annotations

import time as clock_of_the_wall
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins.domain.plans import Country, half_year_id, spread
from services.bulletins.filling import emptied, filled, informed
from services.bulletins.jobs.plans import plan_handlers
from services.bulletins.planning import edit, night
from services.bulletins.tables import Bulletin, BulletinGroup, HalfYear
from shared.clock import ManualClock
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.notify import MailingKind, NotificationKind, UnhurriedRequested
from shared.events.roster import GroupStated, Membership, PersonStated, SchoolStated
from tests.bulletins_stage import Stage, bulletins_stage

pytestmark = pytest.mark.connected

DATES = spread(Country.SE, date(2026, 8, 15), date(2026, 12, 20), 3)
SECOND, THIRD = DATES[1], DATES[2]


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock) as here:
        yield here


def handlers(stage: Stage) -> Any:
    return plan_handlers(stage.settings)


async def moved(stage: Stage, kind: DutyKind = DutyKind.CLASS_BULLETIN) -> list[DutyMoved]:
    return [one for one in await stage.said(DutyMoved) if one.kind is kind]


async def asked(stage: Stage, kind: NotificationKind) -> list[UnhurriedRequested]:
    return [one for one in await stage.said(UnhurriedRequested) if one.kind is kind]


async def write(stage: Stage, *classes: str, kind: MailingKind = MailingKind.BULLETIN, **more: Any) -> UUID:
    """A bulletin of these classes, written as it stands."""
    now, bulletin_id = stage.now, uuid4()
    usual = {"state": "sent", "sent_at": now, "author_id": stage.who["maja"], "school_id": stage.school["north"]}
    async with stage.machine() as session:
        session.add(
            Bulletin(
                **{
                    "bulletin_id": bulletin_id,
                    "version": 1,
                    "tenant_id": stage.tenant,
                    "kind": kind,
                    "written_at": now,
                    "changed_at": now,
                    **usual,
                    **more,
                }
            )
        )
        await session.flush()
        session.add_all([BulletinGroup(bulletin_id=bulletin_id, group_id=stage.group[one]) for one in classes])
    return bulletin_id


async def send(stage: Stage, *classes: str) -> UUID:
    """A bulletin of these classes that is sent now."""
    bulletin_id = await write(stage, *classes)
    async with stage.machine() as session:
        await stage.say(session, await filled(session, bulletin_id, [stage.group[one] for one in classes], stage.now))
    return bulletin_id


async def statuses(stage: Stage, pupil: str) -> list[str]:
    """What is owed to a pupil's home, by day."""
    query = "select status from owed where pupil_id = :id and kind = 'class_bulletin' order by last_day, status"
    return [row.status for row in await stage.rows(query, id=stage.who[pupil])]


async def begin(stage: Stage) -> None:
    """The first night: on the first day of school in August."""
    stage.at("00:00", date(2026, 8, 17))
    await stage.night()


async def test_the_first_night_makes_a_half_year_and_places_and_says_what_is_owed_to_each_pupil(stage: Stage) -> None:
    await begin(stage)
    halves = await stage.rows("select * from half_year where starts <= '2026-08-17' order by school_id")
    assert {(row.starts, row.ends) for row in halves if row.school_id == stage.school["north"]} == {
        (date(2026, 8, 15), date(2026, 12, 20))
    }
    assert {row.ends for row in halves if row.school_id == stage.school["far"]} == {date(2027, 1, 15)}
    assert stage.school["office"] not in {row.school_id for row in halves}
    places = await stage.rows("select * from place where group_id = :id order by number", id=stage.group["6A"])
    assert [(row.number, row.due_on) for row in places] == list(enumerate(DATES, 1))
    owed = await moved(stage)
    assert Counter(one.pupil_id for one in owed)[stage.who["ebba"]] == 3
    assert len({one.duty_id for one in owed}) == len(owed) == 16 * 3
    assert {one.status for one in owed} == {DutyStatus.OWED}
    assert {one.day for one in owed if one.pupil_id == stage.who["ebba"]} == set(DATES)


async def test_a_night_that_is_done_twice_says_nothing_twice(stage: Stage) -> None:
    await begin(stage)
    await stage.forget_said()
    await stage.night()
    assert await moved(stage) == []
    assert await moved(stage, DutyKind.SCHOOL_INFORMATION) == []


async def test_the_next_half_year_is_there_a_month_ahead_and_owes_nothing_before_it_begins(stage: Stage) -> None:
    stage.at("00:00", date(2026, 12, 10))
    await stage.night()
    rows = await stage.rows("select starts from half_year where school_id = :id order by 1", id=stage.school["north"])
    assert [row.starts for row in rows] == [date(2026, 8, 15), date(2027, 1, 7)]
    assert (await stage.rows("select max(due_on) as last from place where school_id = :id", id=stage.school["north"]))[
        0
    ].last == THIRD


async def test_pupils_come_and_go(stage: Stage) -> None:
    await begin(stage)
    stage.at("00:00", date(2026, 11, 2))
    came, left = {"filip": date(2026, 11, 2)}, {"gustav": date(2026, 11, 2)}
    inside = ("ebba", "noor", "pia", "filip", "gustav")
    await stage.hear(*stage.group_stated("6A", *inside, version=2, starts=came, ends=left))
    await stage.forget_said()
    await stage.night()
    assert await statuses(stage, "gustav") == ["owed", "retracted", "retracted"]  # the first was due when he was there
    assert {one.pupil_id for one in await moved(stage)} == {stage.who["gustav"]}
    assert await statuses(stage, "filip") == ["owed", "owed", "owed"]
    back = {"gustav": date(2026, 11, 3)}
    await stage.hear(*stage.group_stated("6A", *inside, version=3, starts=back))
    stage.at("00:00", date(2026, 11, 3))
    await stage.night()
    assert sorted(await statuses(stage, "gustav")) == ["owed", "owed", "owed", "retracted", "retracted"]


async def test_who_comes_after_a_day_is_not_owed_that_bulletin(stage: Stage) -> None:
    stage.at("00:00", date(2026, 11, 2))
    newcomer = stage.person_stated("nova", "north")
    came = {"nova": date(2026, 11, 1)}
    await stage.hear(*newcomer, *stage.group_stated("6A", "ebba", "nova", version=2, starts=came))
    await stage.night()
    assert await statuses(stage, "nova") == ["owed", "owed"]
    assert await statuses(stage, "ebba") == ["owed", "owed", "owed"]


async def test_a_class_that_begins_mid_half_year_owes_only_what_falls_due_afterwards(stage: Stage) -> None:
    await begin(stage)
    start = DATES[0] + timedelta(days=1)
    stage.at("00:00", start)
    new = stage.group["5Ö"] = uuid4()
    inside = (Membership(person_id=stage.who["hugo"], starts=start),)
    place = {"tenant_id": stage.tenant, "school_id": stage.school["north"]}
    await stage.hear(GroupStated(group_id=new, version=1, name="5Ö", kind="Klass", members=inside, **place))
    await stage.hear(stage.post_stated("malte", "north", "5Ö", post_id=uuid4()))
    await stage.night()
    rows = await stage.rows("select number, due_on from place where group_id = :id order by 1", id=new)
    assert [(row.number, row.due_on) for row in rows] == [(1, SECOND), (2, THIRD)]


async def test_a_class_without_mentor_or_members_still_owes_and_the_principal_hears_of_it(stage: Stage) -> None:
    await begin(stage)
    post = await stage.post_of("maja")
    stage.at("00:00", SECOND - timedelta(days=20))
    await stage.hear(
        stage.post_stated(None, "north", "6A", post_id=post, version=2), *stage.group_stated("6A", version=2)
    )
    stage.at("00:00", SECOND - timedelta(days=7))
    await stage.forget_said()
    await stage.night()
    due = [one for one in await asked(stage, NotificationKind.BULLETIN_DUE) if one.school_id == stage.school["north"]]
    assert {one.to_id for one in due} == {stage.who["malte"], stage.who["rut"]}
    assert next(one.path for one in due if one.to_id == stage.who["rut"]) == "/bulletins/plan"
    assert len(await stage.rows("select * from place where group_id = :id", id=stage.group["6A"])) == 3


async def test_a_teacher_is_reminded_once_and_whoever_takes_over_is_reminded_too(stage: Stage) -> None:
    await begin(stage)
    await stage.forget_said()
    stage.at("00:00", SECOND - timedelta(days=8))
    await stage.night()
    assert await asked(stage, NotificationKind.BULLETIN_DUE) == []
    stage.at("00:00", SECOND - timedelta(days=7))
    await stage.night()
    due = [one for one in await asked(stage, NotificationKind.BULLETIN_DUE) if one.to_id == stage.who["maja"]]
    assert [one.path for one in due] == [f"/bulletins/classes/{stage.group['6A']}"]
    post = await stage.post_of("maja")
    away = stage.post_stated("maja", "north", "6A", post_id=post, version=2, ends=SECOND - timedelta(days=5))
    starts = {"starts": SECOND - timedelta(days=5)}
    await stage.hear(
        away, stage.post_stated("tora", "north", "6A", post_id=await stage.post_of("tora"), version=2, **starts)
    )
    await stage.forget_said()
    for days in (6, 5, 4, 0):
        stage.at("00:00", SECOND - timedelta(days=days))
        await stage.night()
    assert [one.to_id for one in await asked(stage, NotificationKind.BULLETIN_DUE)] == [stage.who["tora"]]
    await stage.forget_said()
    stage.at("00:00", SECOND + timedelta(days=1))
    await stage.night()
    late = [one.to_id for one in await asked(stage, NotificationKind.BULLETIN_LATE) if "classes" in str(one.path)]
    assert stage.who["tora"] in late
    assert stage.who["maja"] not in late


async def test_a_late_bulletin_is_told_of_once_to_its_mentor_and_the_principal(stage: Stage) -> None:
    await begin(stage)
    stage.at("00:00", DATES[0] + timedelta(days=1))
    await stage.night()
    late = [o for o in await asked(stage, NotificationKind.BULLETIN_LATE) if o.school_id == stage.school["north"]]
    told = Counter(one.to_id for one in late)
    assert told == {stage.who["maja"]: 1, stage.who["malte"]: 1, stage.who["rut"]: 2}  # a word for each of two classes
    await stage.forget_said()
    stage.at("00:00", DATES[0] + timedelta(days=2))
    await stage.night()
    assert await asked(stage, NotificationKind.BULLETIN_LATE) == []


async def test_nobody_is_chased_for_what_was_due_before_the_plan_was_made(stage: Stage) -> None:
    await stage.night()  # in November: the first one was due in September
    assert await asked(stage, NotificationKind.BULLETIN_LATE) == []
    rows = await stage.rows("select count(*) as n from place where due_on < '2026-11-02' and bulletin_id is null")
    assert rows[0].n == 4


async def test_sending_fills_the_earliest_place_and_says_so_for_each_pupil(stage: Stage) -> None:
    await begin(stage)
    await stage.forget_said()
    first = await send(stage, "6A")
    said = await moved(stage)
    assert {one.pupil_id for one in said} == {stage.who[one] for one in ("ebba", "noor", "pia", "filip", "gustav")}
    assert {(one.status, one.day, one.evidence_id) for one in said} == {(DutyStatus.SENT, DATES[0], first)}
    bulletin = (await stage.rows("select * from bulletin where bulletin_id = :id", id=first))[0]
    assert (bulletin.number, bulletin.of) == (1, 3)
    assert [row.number for row in await stage.rows("select number from place where bulletin_id = :id", id=first)] == [1]
    numbers = []
    for _ in range(3):
        one = await send(stage, "6A")
        numbers += [(await stage.rows("select number from bulletin where bulletin_id = :id", id=one))[0].number]
    assert numbers == [2, 3, 0]  # the fourth is beyond the plan


async def test_one_bulletin_for_two_classes_fills_a_place_of_each(stage: Stage) -> None:
    await begin(stage)
    one = await send(stage, "4B", "6A")
    rows = await stage.rows("select group_id from place where bulletin_id = :id", id=one)
    assert {row.group_id for row in rows} == {stage.group["4B"], stage.group["6A"]}
    assert await statuses(stage, "siri") == await statuses(stage, "ebba") == ["sent", "owed", "owed"]


async def test_sending_before_any_night_makes_the_plan_first(stage: Stage) -> None:
    one = await send(stage, "6A")
    assert (await stage.rows("select number, of from bulletin where bulletin_id = :id", id=one))[0] == (1, 3)
    assert await statuses(stage, "ebba") == ["sent", "owed", "owed"]


async def test_withdrawing_opens_the_place_again_and_a_new_duty_takes_the_place_of_the_old(stage: Stage) -> None:
    await begin(stage)
    one = await send(stage, "6A")
    await stage.forget_said()
    async with stage.machine() as session:
        await stage.say(session, await emptied(session, one, stage.now))
    said = [each for each in await moved(stage) if each.pupil_id == stage.who["ebba"]]
    assert [each.status for each in said] == [DutyStatus.RETRACTED, DutyStatus.OWED]
    assert said[0].duty_id != said[1].duty_id
    assert await stage.rows("select * from place where bulletin_id = :id", id=one) == []
    again = await send(stage, "6A")
    assert (await stage.rows("select number from bulletin where bulletin_id = :id", id=again))[0].number == 1


async def test_what_was_not_sent_is_missed_when_the_half_year_is_over_and_not_before(stage: Stage) -> None:
    await begin(stage)
    await send(stage, "6A")
    stage.at("00:00", date(2026, 12, 20))
    await stage.night()
    assert await statuses(stage, "ebba") == ["sent", "owed", "owed"]
    stage.at("00:00", date(2026, 12, 21))
    await stage.forget_said()
    await stage.night()
    assert await statuses(stage, "ebba") == ["sent", "missed", "missed"]
    assert {one.status for one in await moved(stage)} == {DutyStatus.MISSED}
    assert await statuses(stage, "uno") == ["owed", "owed", "owed"]  # the Norwegian half-year runs into January


async def test_nights_strike_at_local_midnight_also_when_the_clocks_go_back(stage: Stage) -> None:
    stage.at("12:00", date(2026, 10, 24))  # the Saturday before
    await stage.night()
    zone = "select due_at from due where kind = 'bulletins_night' order by due_at"
    assert {row.due_at for row in await stage.rows(zone)} == {datetime.fromisoformat("2026-10-24T22:00:00+00:00")}
    await stage.forward(2, handlers(stage))
    assert {row.due_at for row in await stage.rows(zone)} == {datetime.fromisoformat("2026-10-26T23:00:00+00:00")}


async def test_a_half_year_that_the_principal_changes_moves_what_is_owed(stage: Stage) -> None:
    await begin(stage)
    await send(stage, "6A")
    await stage.forget_said()
    async with stage.machine() as session:
        half = await session.get_one(HalfYear, half_year_id(stage.school["north"], "2026 autumn"))
        school = await _school(stage, "north")
        wanted = (date(2026, 8, 15), date(2026, 12, 11), 2, True)
        said = await edit(session, school, half, wanted, stage.now)
        assert not isinstance(said, str)
        await stage.say(session, said)
    assert await statuses(stage, "ebba") == ["sent", "owed", "retracted"]
    fresh = spread(Country.SE, date(2026, 8, 15), date(2026, 12, 11), 2)
    mine = [one for one in await moved(stage) if one.pupil_id == stage.who["ebba"]]
    assert {(one.status, one.day) for one in mine} == {(DutyStatus.OWED, fresh[1]), (DutyStatus.RETRACTED, THIRD)}
    await stage.night()
    assert (await stage.rows("select count(*) as n from place where group_id = :id", id=stage.group["6A"]))[0].n == 2


async def test_the_schools_information_is_owed_once_a_year_and_met_when_all_of_it_was_sent(stage: Stage) -> None:
    await begin(stage)
    owed = await moved(stage, DutyKind.SCHOOL_INFORMATION)
    assert Counter(one.pupil_id for one in owed)[stage.who["ebba"]] == 1
    assert {one.day for one in owed if one.school_id == stage.school["north"]} == {date(2026, 12, 20)}
    await stage.forget_said()
    for topic, groups in (("goals", ()), ("expectations", ()), ("support", ()), ("work_plan", ("6A",))):
        assert await moved(stage, DutyKind.SCHOOL_INFORMATION) == []
        bulletin_id = await write(stage, *groups, topic=topic, kind=MailingKind.INFORMATION, school_year="2026/2027")
        async with stage.machine() as session:
            await stage.say(session, await informed(session, bulletin_id, stage.now))
    said = await moved(stage, DutyKind.SCHOOL_INFORMATION)
    assert {one.status for one in said} == {DutyStatus.SENT}
    assert {one.pupil_id for one in said} == {stage.who[one] for one in ("ebba", "noor", "pia", "filip", "gustav")}


async def test_a_night_of_ten_thousand_pupils_takes_seconds(stage: Stage) -> None:
    schools = await many_pupils(stage, schools=20, classes=20, pupils=25)
    async with stage.machine() as session:
        began = clock_of_the_wall.perf_counter()
        said = await night(session, schools, stage.settings, stage.now)
        took = clock_of_the_wall.perf_counter() - began
        await stage.say(session, said)
    assert len(said) == 10_000 * 3 + 10_000  # bulletins and information
    async with stage.machine() as session:
        began = clock_of_the_wall.perf_counter()
        assert await night(session, schools, stage.settings, stage.now) == []
        again = clock_of_the_wall.perf_counter() - began
    print(f"first night {took:.1f} s, next night {again:.1f} s")
    assert took < 30
    assert again < 10


async def many_pupils(stage: Stage, schools: int, classes: int, pupils: int) -> list[SchoolStated]:
    made, events = list[SchoolStated](), list[Any]()
    for number in range(schools):
        school = SchoolStated(school_id=uuid4(), version=1, tenant_id=stage.tenant, name=f"School {number}")
        made.append(school)
        for name in range(classes):
            people = [uuid4() for _ in range(pupils)]
            place = {"tenant_id": stage.tenant, "version": 1}
            events += [PersonStated(person_id=one, school_ids=(school.school_id,), **place) for one in people]
            inside = tuple(Membership(person_id=one, starts=date(2026, 8, 15)) for one in people)
            group = {"school_id": school.school_id, "name": f"{name}A", "kind": "Klass", "members": inside}
            events.append(GroupStated(group_id=uuid4(), **group, **place))
    await stage.hear(*made, *events)
    return made


async def _school(stage: Stage, name: str) -> SchoolStated:
    query = "select state from roster where event_type = :kind and id = :id"
    rows = await stage.rows(query, kind=SchoolStated.event_type, id=stage.school[name])
    return SchoolStated.model_validate(rows[0].state)
