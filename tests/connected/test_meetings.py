"""Parent meetings and days to visit: made, invited to, registered for without a race, moved, held and written up."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from deploy.embedded.postgres import Postgres
from services.scheduling.web.meetings import add_meetings
from shared.clock import ManualClock
from shared.events.notify import NotificationKind, NotificationRequested
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.privacy import PupilLookedAt
from shared.events.roster import Guardianship, Marking, Relation
from shared.events.scheduling import TalkState
from shared.roster.access import consent_id
from tests.portal_stage import answers, ties
from tests.talks_stage import HERE, Stage, at, statements, talks_stage

pytestmark = pytest.mark.connected
EVENING = date(2026, 11, 17)


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with talks_stage(postgres, clock, add_meetings) as here:
        yield here


def typed(stage: Stage, *classes: str, **more: Any) -> dict[str, Any]:
    """A form as a principal fills it in."""
    fields = {
        "kind": "parent_meeting",
        "title": "Autumn meeting",
        "place": "The hall",
        "programme": "Coffee\nThe year to come",
        "day": EVENING.isoformat(),
        "starts": "18:00",
        "ends": "20:30",
        "group": [stage.group[one] for one in classes],
    }
    return {**fields, **more}


async def drafted(stage: Stage, *classes: str, by: str = "rut", **more: Any) -> UUID:
    answer = await stage.post(by, "/meetings/new", typed(stage, *classes, **more))
    assert answer.status_code == 303, answer.text
    return UUID(answer.headers["location"].split("/")[2].split("?")[0])


async def opened(stage: Stage, *classes: str, by: str = "rut", **more: Any) -> UUID:
    """A meeting to which the homes of these classes are invited."""
    meeting = await drafted(stage, *classes, by=by, **more)
    assert (await stage.post(by, f"/meetings/{meeting}/invite")).status_code == 303
    return meeting


async def told(stage: Stage, kind: NotificationKind) -> list[NotificationRequested]:
    return [one for one in await stage.said(NotificationRequested) if one.kind is kind]


async def names(stage: Stage, kind: NotificationKind) -> list[str]:
    """Who is told, by the stage's short names."""
    people = {person: name for name, person in stage.who.items()}
    return sorted(people[one.to_id] for one in await told(stage, kind) if one.to_id)


def plain(page: httpx.Response) -> str:
    """The words of a page, on one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


async def register(stage: Stage, who: str, meeting: UUID, seats: object = 1) -> int:
    return (await stage.post(who, f"/meetings/{meeting}/register", seats=seats)).status_code


async def test_each_guardian_is_invited_once_however_many_children_they_have_there(stage: Stage) -> None:
    meeting = await drafted(stage, "6A", "4B")
    assert not await told(stage, NotificationKind.MEETING_INVITED)
    await stage.post("rut", f"/meetings/{meeting}/invite")
    expected = ["anna", "bo", "frida", "greta", "hanna", "ida", "nadia", "nils", "petra", "sven"]
    assert await names(stage, NotificationKind.MEETING_INVITED) == expected
    asked = await told(stage, NotificationKind.MEETING_INVITED)
    assert {(one.path, one.appointment) for one in asked} == {(f"/meetings/{meeting}", None)}
    await stage.post("rut", f"/meetings/{meeting}/invite")
    assert len(await told(stage, NotificationKind.MEETING_INVITED)) == len(expected)


async def test_a_pupil_of_age_is_invited_alone_and_the_former_guardian_is_not(stage: Stage) -> None:
    meeting = await opened(stage, "9C", by="rolf")
    invited = await names(stage, NotificationKind.MEETING_INVITED)
    assert "alva" in invited
    assert "gun" not in invited
    assert (await stage.get("alva", f"/meetings/{meeting}")).status_code == 200
    assert (await stage.get("gun", f"/meetings/{meeting}")).status_code == 404
    assert await register(stage, "alva", meeting) == 303


@pytest.mark.parametrize("who", ["olle", "ebba", "karin", "stina", "ulla", "oskar", "mats", "rolf", "tora"])
async def test_to_everybody_else_the_meeting_does_not_exist(stage: Stage, who: str) -> None:
    meeting = await opened(stage, "6A")
    unknown = await stage.get(who, f"/meetings/{UUID(int=1)}")
    page = await stage.get(who, f"/meetings/{meeting}")
    assert page.status_code == unknown.status_code == 404
    assert "Autumn meeting" not in (await stage.get(who, "/meetings")).text
    for act in ("register", "withdraw", "invite", "cancel", "came", "minutes", "edit"):
        fields = typed(stage, "6A", seats=1) if act == "edit" else {"seats": 1, "words": "x"}
        assert (await stage.post(who, f"/meetings/{meeting}/{act}", fields)).status_code == 404, act
    assert not await stage.rows("select * from registration")


@pytest.mark.parametrize("who", ["anna", "malte", "petra"])
async def test_who_does_not_run_it_cannot_change_it(stage: Stage, who: str) -> None:
    meeting = await opened(stage, "6A")
    for act in ("invite", "cancel", "minutes", "edit"):
        fields = typed(stage, "6A") if act == "edit" else {"words": "x"}
        assert (await stage.post(who, f"/meetings/{meeting}/{act}", fields)).status_code == 404, act
    assert (await stage.get(who, f"/meetings/{meeting}/edit")).status_code == 404


async def test_a_draft_is_seen_by_nobody_but_those_who_run_it(stage: Stage) -> None:
    meeting = await drafted(stage, "6A", by="maja")
    for who, status in (("anna", 404), ("malte", 404), ("maja", 200), ("rut", 200)):
        assert (await stage.get(who, f"/meetings/{meeting}")).status_code == status, who
    assert "Autumn meeting" not in (await stage.get("anna", "/meetings")).text
    assert await register(stage, "anna", meeting) == 404


@pytest.mark.parametrize(
    ("who", "group"), [("maja", "4B"), ("rut", "9C"), ("anna", "6A"), ("tora", "6A"), ("oskar", "6A")]
)
async def test_nobody_invites_a_class_that_is_not_theirs(stage: Stage, who: str, group: str) -> None:
    answer = await stage.post(who, "/meetings/new", typed(stage, group))
    assert answer.status_code in (400, 404)
    assert not await stage.rows("select * from meeting")


async def test_a_welcome_has_a_calendar_entry_and_follows_when_the_meeting_moves(stage: Stage) -> None:
    meeting = await opened(stage, "6A")
    assert await register(stage, "anna", meeting, 2) == 303
    [welcome] = await told(stage, NotificationKind.MEETING_BOOKED)
    assert welcome.to_id == stage.who["anna"]
    entry = welcome.appointment
    assert entry is not None
    assert (entry.uid_of, entry.sequence, entry.place) == (meeting, 0, "The hall")
    assert (entry.starts_at, entry.zone) == (at("18:00", EVENING), "Europe/Stockholm")
    await stage.post("rut", f"/meetings/{meeting}/edit", typed(stage, "6A", starts="18:30", title="Meeting"))
    moved = (await told(stage, NotificationKind.MEETING_BOOKED))[-1]
    assert moved.notification_id != welcome.notification_id
    assert moved.appointment is not None
    assert (moved.appointment.sequence, moved.appointment.starts_at) == (1, at("18:30", EVENING))
    await stage.post("rut", f"/meetings/{meeting}/edit", typed(stage, "6A", starts="18:30", title="Another title"))
    assert len(await told(stage, NotificationKind.MEETING_BOOKED)) == 2
    await stage.post("rut", f"/meetings/{meeting}/cancel")
    gone = {one.to_id: one.appointment for one in await told(stage, NotificationKind.MEETING_CANCELLED)}
    cancelled = gone.pop(stage.who["anna"])
    assert cancelled is not None
    assert (cancelled.cancelled, cancelled.sequence, cancelled.uid_of) == (True, 2, meeting)
    assert set(gone.values()) == {None}
    assert len(gone) == 6
    assert "does not take place" in (await stage.get("anna", f"/meetings/{meeting}")).text


async def test_a_message_to_a_protected_home_names_no_place(stage: Stage) -> None:
    meeting = await opened(stage, "6A")
    await register(stage, "petra", meeting)
    [welcome] = await told(stage, NotificationKind.MEETING_BOOKED)
    assert welcome.appointment is not None
    assert welcome.appointment.place is None


async def test_classes_added_later_are_invited_and_none_is_taken_away(stage: Stage) -> None:
    meeting = await opened(stage, "6A")
    before = set(await names(stage, NotificationKind.MEETING_INVITED))
    await stage.post("rut", f"/meetings/{meeting}/edit", typed(stage, "4B"))
    after = await names(stage, NotificationKind.MEETING_INVITED)
    assert Counter(after).most_common(1)[0][1] == 1
    assert set(after) - before == {"sven", "hanna", "ida"}
    assert len(await stage.rows("select * from meeting_class")) == 2


async def test_a_party_gets_all_its_seats_or_none_and_can_change_them(stage: Stage) -> None:
    meeting = await opened(stage, "6A", seats=3)
    assert await register(stage, "anna", meeting, 2) == 303
    answer = await stage.post("bo", f"/meetings/{meeting}/register", seats=2)
    assert answer.status_code == 409
    assert "Only 1 seat is left" in answer.text
    assert await register(stage, "anna", meeting, 3) == 303
    answer = await stage.post("bo", f"/meetings/{meeting}/register", seats=1)
    assert (answer.status_code, "All seats are taken" in answer.text) == (409, True)
    assert len(await told(stage, NotificationKind.MEETING_BOOKED)) == 1
    assert (await stage.post("anna", f"/meetings/{meeting}/withdraw")).status_code == 303
    assert await register(stage, "bo", meeting, 3) == 303
    answer = await stage.post("rut", f"/meetings/{meeting}/edit", typed(stage, "6A", seats=2))
    assert (answer.status_code, "There cannot be fewer seats" in answer.text) == (409, True)


@pytest.mark.parametrize("seats", ["0", "-1", "11", "many", "", "1e9", "9" * 50])
async def test_a_number_that_is_none_is_said_in_a_sentence(stage: Stage, seats: str) -> None:
    meeting = await opened(stage, "6A")
    answer = await stage.post("anna", f"/meetings/{meeting}/register", seats=seats)
    assert answer.status_code == 400
    assert "a number from 1 to 10" in plain(answer)


async def test_after_the_last_day_nobody_registers_but_can_still_withdraw(stage: Stage) -> None:
    meeting = await opened(stage, "6A", register_by="2026-11-10")
    assert await register(stage, "anna", meeting) == 303
    stage.clock.instant = at("23:59", date(2026, 11, 10))
    assert await register(stage, "bo", meeting) == 303
    stage.clock.instant = at("00:00", date(2026, 11, 11))
    assert await register(stage, "nadia", meeting) == 409
    assert (await stage.post("anna", f"/meetings/{meeting}/withdraw")).status_code == 303
    stage.clock.instant = at("18:00", EVENING)
    assert (await stage.post("bo", f"/meetings/{meeting}/withdraw")).status_code == 409


@pytest.mark.parametrize("party", [1, 2])
async def test_however_many_register_at_once_there_are_never_more_than_seats(stage: Stage, party: int) -> None:
    meeting = await opened(stage, "6A", "4B", seats=5)
    guests = ["anna", "bo", "frida", "greta", "hanna", "ida", "nadia", "nils", "petra", "sven"]
    answers = await asyncio.gather(*(register(stage, one, meeting, party) for one in guests * 2))
    [[taken, parties]] = await stage.rows("select sum(seats), count(*) from registration")
    assert (taken, parties) == (5 // party * party, 5 // party)
    assert set(answers) == {303, 409}
    assert len(await told(stage, NotificationKind.MEETING_BOOKED)) == parties


async def test_seats_that_come_and_go_at_once_add_up(stage: Stage) -> None:
    meeting = await opened(stage, "6A", "4B", seats=4)
    guests = ["anna", "bo", "frida", "greta", "hanna", "ida"]

    async def wavering(who: str) -> None:
        for _ in range(3):
            await register(stage, who, meeting, 2)
            await stage.post(who, f"/meetings/{meeting}/withdraw")
        await register(stage, who, meeting, 2)

    await asyncio.gather(*map(wavering, guests))
    assert await stage.rows("select sum(seats) from registration") == [(4,)]


async def test_siblings_classes_gather_in_different_hours(stage: Stage) -> None:
    fields: dict[str, Any] = {
        "gather_minutes": 40,
        "gather_hours": 2,
        "gather_first": "18:30",
        "rooms": "Room 1\nRoom 2",
    }
    meeting = await opened(stage, "6A", "4B", **fields)
    rows = await stage.rows("select group_id, starts_at, ends_at, host_id from gathering order by starts_at")
    assert [row.starts_at for row in rows] == [at("18:30", EVENING), at("19:15", EVENING)]
    assert {row.group_id: row.host_id for row in rows} == {
        stage.group["6A"]: stage.who["maja"],
        stage.group["4B"]: stage.who["malte"],
    }
    page = plain(await stage.get("anna", f"/meetings/{meeting}"))
    assert "Ebba Ek 6A 19:15–19:55 · Room 1 · Maja Mentor" in page
    assert "Emil Ek 4B 18:30–19:10 · Room 1 · Malte Mentor" in page
    assert "4B 18:30" not in plain(await stage.get("nadia", f"/meetings/{meeting}"))


async def test_hours_that_do_not_suffice_are_said_before_anything_is_saved(stage: Stage) -> None:
    fields = typed(stage, "6A", "4B", gather_minutes=40, gather_hours=1)
    answer = await stage.post("rut", "/meetings/new", fields)
    words = plain(answer)
    assert answer.status_code == 409
    assert "With 2 hours nobody would have to choose" in words
    assert "4B and 6A at the same time" in words
    assert "2 guardians have children in both" in words
    assert 'value="Autumn meeting"' in answer.text
    assert not await stage.rows("select * from meeting")
    assert (await stage.post("rut", "/meetings/new", {**fields, "anyway": "on"})).status_code == 303


async def test_without_enough_rooms_the_page_says_who_has_none(stage: Stage) -> None:
    answer = await stage.post("rut", "/meetings/new", typed(stage, "6A", "4B", gather_minutes=40, rooms="Room 1"))
    assert answer.status_code == 409
    assert "There is no room left for:" in plain(answer)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"day": "2027-03-28", "starts": "02:30", "ends": "04:00"}, "There is no such time on that day"),
        ({"starts": "20:30", "ends": "18:00"}, "It must end after it begins"),
        ({"day": "2026-10-01"}, "This is over already"),
        ({"day": "the 30th of February"}, "Choose a day."),
        ({"starts": "half past"}, "Say a time, such as 18:00."),
        ({"title": ""}, "This is needed"),
        ({"title": "x" * 121}, "This is too long."),
        ({"seats": "-3"}, "This must be a number"),
        ({"seats": "0"}, "This must be a number"),
        ({"register_by": "2026-11-18"}, "The last day to register"),
        ({"gather_minutes": "100", "gather_hours": "2"}, "The gatherings would not be over"),
        ({"gather_minutes": "30", "gather_first": "17:00"}, "The first gathering cannot begin before"),
        ({"more_day": "2026-11-18"}, "Further days are for visits."),
        ({"kind": "party"}, "Choose what it is."),
        ({"group": "nothing"}, "Choose at least one class."),
    ],
)
async def test_what_cannot_be_is_said_beside_the_field_and_the_rest_stays(
    stage: Stage, fields: dict[str, str], sentence: str
) -> None:
    answer = await stage.post("rut", "/meetings/new", {**typed(stage, "6A"), **fields})
    assert answer.status_code == 400
    assert sentence in plain(answer)
    assert "The year to come" in answer.text
    assert not await stage.rows("select * from meeting")


async def test_a_meeting_on_the_day_the_clocks_change_is_at_the_time_on_the_wall(stage: Stage) -> None:
    meeting = await opened(stage, "6A", day="2027-03-28", starts="18:00", ends="19:00")
    [row] = await stage.rows("select starts_at from meeting where meeting_id = :id", id=meeting)
    assert row.starts_at == at("18:00", date(2027, 3, 28)) == at("17:00", date(2027, 3, 28), "Europe/London")
    assert "18:00" in plain(await stage.get("anna", f"/meetings/{meeting}"))


async def test_days_to_visit_are_told_of_once_and_have_seats_of_their_own(stage: Stage) -> None:
    days = ["2026-11-18", "2026-11-19"]
    meeting = await opened(stage, "6A", kind="visit_day", seats=1, more_day=days)
    rows = await stage.rows("select meeting_id, state from meeting order by starts_at")
    assert [row.state for row in rows] == ["invited"] * 3
    asked = await told(stage, NotificationKind.MEETING_INVITED)
    assert {one.path for one in asked} == {"/meetings"}
    assert len(asked) == 7
    for row, who in zip(rows, ["anna", "bo", "nadia"], strict=True):
        assert await register(stage, who, row.meeting_id) == 303
    assert await register(stage, "frida", meeting) == 409
    page = plain(await stage.get("anna", f"/meetings/{meeting}"))
    assert "You are always welcome to visit the school" in page
    assert "north@skola.example" in page


async def test_days_for_other_classes_stay_drafts_when_some_are_told_of(stage: Stage) -> None:
    other = await drafted(stage, "4B", kind="visit_day")
    await opened(stage, "6A", kind="visit_day", more_day=["2026-11-18"])
    assert (await stage.get("hanna", f"/meetings/{other}")).status_code == 404
    assert "hanna" not in await names(stage, NotificationKind.MEETING_INVITED)


async def test_days_that_are_invited_to_at_once_wait_for_each_other(stage: Stage) -> None:
    await drafted(stage, "6A", kind="visit_day", more_day=["2026-11-18", "2026-11-19"])
    days = [row.meeting_id for row in await stage.rows("select meeting_id from meeting order by starts_at")]
    done = await asyncio.gather(*(stage.post("rut", f"/meetings/{one}/invite") for one in days * 3))
    assert {one.status_code for one in done} == {303}
    assert len(await told(stage, NotificationKind.MEETING_INVITED)) == 7


async def test_a_draft_that_is_cancelled_is_gone_and_nobody_hears_of_it(stage: Stage) -> None:
    meeting = await drafted(stage, "6A", "4B", gather_minutes=30, gather_hours=2)
    answer = await stage.post("rut", f"/meetings/{meeting}/cancel")
    assert answer.headers["location"] == "/meetings?done=cancelled"
    assert not await stage.rows("select * from meeting")
    assert not await stage.said(NotificationRequested)
    assert "Autumn meeting" not in (await stage.get("anna", "/meetings")).text


async def test_staff_see_who_comes_of_those_they_teach_and_the_protected_without_a_name(stage: Stage) -> None:
    meeting = await opened(stage, "6A", "4B")
    for who in ("anna", "petra", "sven"):
        await register(stage, who, meeting)
    principal = plain(await stage.get("rut", f"/meetings/{meeting}"))
    assert "Ebba Ek 6A , Emil Ek 4B · Anna Ek · 1 person" in principal
    assert "Siri Strand 4B , Stig Strand 4B · Sven Strand" in principal
    assert "A pupil Protected 6A · 1 person" in principal
    assert "Dold" not in principal
    mentor = plain(await stage.get("maja", f"/meetings/{meeting}"))
    assert "Ebba Ek 6A · Anna Ek" in mentor
    assert "Strand" not in mentor
    assert "3 persons come" in mentor
    home = plain(await stage.get("bo", f"/meetings/{meeting}"))
    assert "Anna" not in home
    looked = {(one.viewer_id, one.pupil_id) for one in await stage.said(PupilLookedAt) if one.what == "meeting"}
    assert (stage.who["maja"], stage.who["ebba"]) in looked
    assert (stage.who["maja"], stage.who["stig"]) not in looked


async def test_who_loses_custody_is_marked_told_nothing_more_and_sees_nothing(stage: Stage) -> None:
    meeting = await opened(stage, "6A")
    await register(stage, "bo", meeting)
    await stage.hear(
        ties(
            HERE, stage.who["ebba"], answers(stage.who["anna"]), answers(stage.who["bo"], date(2026, 11, 1)), version=2
        )
    )
    assert "has lost the right to come" in plain(await stage.get("maja", f"/meetings/{meeting}"))
    assert (await stage.get("bo", f"/meetings/{meeting}")).status_code == 404
    before = len(await told(stage, NotificationKind.MEETING_BOOKED))
    await stage.post("rut", f"/meetings/{meeting}/edit", typed(stage, "6A", place="Another hall"))
    await stage.post("rut", f"/meetings/{meeting}/cancel")
    assert len(await told(stage, NotificationKind.MEETING_BOOKED)) == before
    assert "bo" not in await names(stage, NotificationKind.MEETING_CANCELLED)


async def test_a_mentor_ticks_who_came_of_their_own_class_alone(stage: Stage) -> None:
    meeting = await opened(stage, "6A", "4B")
    for who in ("anna", "nadia", "sven"):
        await register(stage, who, meeting)
    early = await stage.post("maja", f"/meetings/{meeting}/came", came=[stage.who["anna"]])
    assert early.status_code == 409
    stage.clock.instant = at("20:00", EVENING)
    await stage.post("maja", f"/meetings/{meeting}/came", came=[stage.who["anna"], stage.who["sven"]])
    came = {row.person_id: row.came for row in await stage.rows("select person_id, came from registration")}
    assert came == {stage.who["anna"]: True, stage.who["nadia"]: False, stage.who["sven"]: None}
    assert await stage.rows("select state from meeting") == [("held",)]
    assert await register(stage, "bo", meeting) == 409


async def test_minutes_are_read_by_the_invited_once_they_are_published(stage: Stage) -> None:
    meeting = await opened(stage, "6A")
    assert (await stage.post("rut", f"/meetings/{meeting}/minutes", words="Too early")).status_code == 400
    stage.clock.instant = at("21:00", EVENING)
    assert (await stage.get("anna", f"/meetings/{meeting}/minutes")).status_code == 404
    await stage.post("rut", f"/meetings/{meeting}/minutes", words="We agreed\n<b>on much</b>")
    page = await stage.get("nadia", f"/meetings/{meeting}/minutes")
    assert "We agreed\n&lt;b&gt;on much&lt;/b&gt;" in page.text
    assert "textarea" not in page.text
    assert "Minutes" in plain(await stage.get("anna", "/meetings"))
    assert (await stage.get("hanna", f"/meetings/{meeting}/minutes")).status_code == 404
    assert (await stage.get("karin", f"/meetings/{meeting}/minutes")).status_code == 404


async def test_a_consent_lets_see_a_meeting_and_not_register(stage: Stage) -> None:
    alva, gun = stage.who["alva"], stage.who["gun"]
    await stage.hear(
        ConsentStated(
            consent_id=consent_id(alva, gun),
            version=1,
            tenant_id=HERE,
            pupil_id=alva,
            person_id=gun,
            basis=ConsentBasis.PUPIL,
            given_by=(alva,),
            starts=date(2026, 10, 1),
        )
    )
    meeting = await opened(stage, "9C", by="rolf")
    page = await stage.get("gun", f"/meetings/{meeting}")
    assert page.status_code == 200
    assert "/register" not in page.text
    assert await register(stage, "gun", meeting) == 404
    assert "gun" not in await names(stage, NotificationKind.MEETING_INVITED)


async def test_a_talk_or_another_meeting_at_the_same_time_is_pointed_out(stage: Stage) -> None:
    round_id = await stage.round()
    await stage.give(round_id, "ebba", 0, TalkState.BOOKED)
    meeting = await opened(stage, "6A", starts="14:30", ends="16:00")
    assert "You have a talk at 15:00." in plain(await stage.get("anna", f"/meetings/{meeting}"))
    await opened(stage, "9C", by="rolf", starts="15:30", ends="17:00")
    assert plain(await stage.get("anna", "/meetings")).count("Another meeting of yours is at this time.") == 2
    assert "Another meeting of yours" not in plain(await stage.get("bo", "/meetings"))


async def test_who_joins_the_class_later_sees_the_meeting_and_who_left_does_not(stage: Stage) -> None:
    meeting = await opened(stage, "6A")
    members = ["noor", "filip", "gustav", "pia", "emil"]
    await stage.hear(
        *stage.group_stated("6A", "ebba", *members, version=2, ends={"ebba": date(2026, 11, 1)}),
    )
    assert (await stage.get("sven", f"/meetings/{meeting}")).status_code == 404
    assert "Emil" in plain(await stage.get("bo", "/meetings"))
    assert "Ebba" not in plain(await stage.get("bo", "/meetings"))


@pytest.mark.parametrize("who", ["anna", "rut", "maja", "alva", "stina", "oskar", "tora"])
async def test_a_page_asks_the_database_at_most_six_times(stage: Stage, who: str) -> None:
    meeting = await opened(stage, "6A", "4B", gather_minutes=30, gather_hours=2)
    await register(stage, "anna", meeting)
    asked = statements(stage.kit)
    paths = ["/meetings", "/meetings/new", f"/meetings/{meeting}", f"/meetings/{meeting}/edit"]
    for path in [*paths, f"/meetings/{meeting}/minutes"]:
        asked.clear()
        status = (await stage.get(who, path)).status_code
        mine = [one for one in asked if "outbox" not in one]
        assert len(mine) - any("outbox" in one for one in asked) <= 6, (path, status, mine)


async def test_a_guardian_in_another_municipality_reaches_nothing_here(stage: Stage) -> None:
    there = await opened(stage, "7X", by="unni")
    assert (await stage.get("ulla", f"/meetings/{there}")).status_code == 200
    assert (await stage.get("anna", f"/meetings/{there}")).status_code == 404
    assert (await stage.get("rut", f"/meetings/{there}")).status_code == 404


async def test_a_mentor_whose_name_is_protected_is_not_named_to_homes(stage: Stage) -> None:
    await stage.hear(*stage.person_stated("maja", version=2, marking=Marking.MARKED))
    meeting = await opened(stage, "6A", gather_minutes=30)
    page = plain(await stage.get("anna", f"/meetings/{meeting}"))
    assert "6A 18:00–18:30" in page
    assert "Maja" not in page


async def test_somebody_tied_without_a_right_is_never_invited(stage: Stage) -> None:
    appointed = Guardianship(guardian_id=stage.who["karin"], relation=Relation.PARENT)
    await stage.hear(ties(HERE, stage.who["ebba"], answers(stage.who["anna"]), appointed, version=2))
    await opened(stage, "6A")
    invited = await names(stage, NotificationKind.MEETING_INVITED)
    assert "karin" not in invited
    assert "bo" not in invited


async def test_what_comes_is_listed_before_what_was(stage: Stage) -> None:
    meeting = await opened(stage, "6A")
    assert "What is to come" in plain(await stage.get("anna", "/meetings"))
    stage.clock.advance(timedelta(days=30))
    page = plain(await stage.get("anna", "/meetings"))
    assert page.index("No meeting is planned") < page.index("Earlier") < page.index("Autumn meeting")
    assert (await stage.get("anna", f"/meetings/{meeting}")).status_code == 200
