"""What the pages of talks need to have something to show: the demo's round when it is far enough, and two more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from services.demo.people import Adult, Employee, Pupil, SchoolClass
from services.demo.schooldays import school_day_from
from services.demo.visitor import NotThere, Visitor
from tests.browser.town import PATIENCE, Town

NEW = "/talks/rounds/new"
PERSON = Adult | Employee | Pupil
SIGNED = """
    select t.talk_id, t.round_id, t.pupil_id, t.guardian_ids, t.host_id, c.commitment_id
    from talk t join commitment c using (talk_id)
    where t.state = 'signed' and c.owner = 'school' and t.host_id = any(%s)
    order by t.starts_at limit 1
"""
AHEAD = """
    select talk_id, pupil_id, guardian_ids from talk
    where round_id = %s and state = 'booked' and cardinality(guardian_ids) > 0 and household = 0
    order by starts_at desc, talk_id limit 1
"""
PROPOSAL = "select proposal_id from proposal where round_id = %s and why = 'away' and state = 'adopted' limit 1"
MEETING = "select meeting_id from meeting where state = 'invited' order by meeting_id limit 1"
OFFER = "select offer_id from offer join offer_asked using (offer_id) where answer is not null limit 1"
MINUTES = "update meeting set minutes = %s, minutes_at = now() where meeting_id = %s"
QUESTION = (
    "insert into check_in (check_in_id, commitment_id, person_id, asked_at, expires_at) values (%s, %s, %s, %s, %s)"
)


@dataclass(frozen=True)
class Scene:
    """Who opens which page (by a part's name), and the ids in the addresses."""

    people: dict[str, PERSON]
    ids: Mapping[str, UUID | str]


async def scene(town: Town) -> Scene:
    """The scene, as soon as the demo's round has come to a signed plan and new times; made once."""
    found = next((one for one in town.made if type(one) is Scene), None)
    if found is None:
        await _open_more(town)
        found = await _found(town)
        town.made.append(found)
    return found


async def _found(town: Town) -> Scene:
    whole, cast = town.cast.whole, town.cast
    hosts = [one.id for one in cast.round.mentors]
    talk, round_id, pupil, guardians, host, commitment = (await _until(town, SIGNED, hosts))[0]
    ahead, _, others = (await _until(town, AHEAD, round_id))[0]
    ids: dict[str, UUID | str] = {
        "talk": talk,
        "round": round_id,
        "pupil": pupil,
        "commitment": commitment,
        "ahead": ahead,
    }
    for name, query, values in (("proposal", PROPOSAL, (round_id,)), ("meeting", MEETING, ()), ("offer", OFFER, ())):
        ids[name] = (await _until(town, query, *values))[0][0]
    ids["check"] = _asked(town, commitment, host)
    _do(town, MINUTES, "Vi gick igenom skolåret.\nNästa möte är i mars.", ids["meeting"])
    people: dict[str, PERSON] = {
        "talk_guardian": whole.adults[guardians[0]],
        "talk_mentor": cast.employee(host),
        "talk_pupil": whole.pupils[pupil],
        "talk_principal": cast.round.principal,
        "ahead_guardian": whole.adults[others[0]],
        "first_mentor": cast.round.mentors[0],
        "first_home": cast.round.homes[0].adult,
        "asked_guardian": _guardian(town, cast.other_classes[0]),
        "booking_guardian": _guardian(town, cast.other_classes[1]),
    }
    return Scene(people, ids)


def _guardian(town: Town, school_class: SchoolClass) -> Adult:
    """Somebody at home in that class."""
    return town.cast.home(town.cast.whole.of_class(school_class.id)[0])[0]


def _asked(town: Town, commitment: UUID, person: UUID) -> UUID:
    """A question between talks: the demo's day is too short for one."""
    check, [(now,)] = uuid4(), town.ask("scheduling", "select max(changed_at) from talk")
    _do(town, QUESTION, check, commitment, person, now, now + timedelta(days=14))
    return check


def _do(town: Town, statement: str, *values: Any) -> None:
    with psycopg.connect(town.owner_url("scheduling")) as db:
        db.execute(statement.encode(), values)


async def _until(town: Town, query: str, *values: Any) -> list[tuple[Any, ...]]:
    return await town.until(lambda: town.ask("scheduling", query, *values))


async def _open_more(town: Town) -> None:
    """Mentors of two other classes open a round: in one the homes are asked, in the other they book."""
    for place, one in enumerate(town.cast.other_classes):
        await _patiently(town, one, books=place == 1)


async def _patiently(town: Town, one: SchoolClass, *, books: bool) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            async with Visitor(town.portal, town.scheduling, one.mentor_id) as mentor:
                return await _open(mentor, town, books=books)
        except NotThere:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.5)


async def _open(mentor: Visitor, town: Town, *, books: bool) -> None:
    press, page = ("act", "check"), await mentor.open(NEW)
    form = {"even_so": "on"} | {f"{what}_{line}": "" for what in ("day", "from", "to") for line in range(6)}
    answer_by, books_until = (f"{town.cast.day + timedelta(days=ahead)}T20:00" for ahead in (2, 5))
    form |= {"answer_by": answer_by, "books_until": books_until}
    day = school_day_from(town.cast.day + timedelta(days=7))
    for line in range(3):
        form |= {f"day_{line}": f"{day}", f"from_{line}": "14:00", f"to_{line}": "19:00"}
        day = school_day_from(day + timedelta(days=1))
    checked = await mentor.look(page.form(NEW, press), form, press)
    where = await mentor.send(checked.form(NEW, ("act", "open")), press=("act", "open"))
    here = where.partition("?")[0]
    if books:
        await mentor.send((await mentor.open(here)).form(f"{here}/book"))
