"""Meetings, offers, interpreters, the school year of the attack stage; and `settle`, which writes all of the town."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling import tables as t
from services.scheduling.domain.gatherings import Answer, MeetingKind, MeetingState
from tests.connected.attack_homes import former_school, homes
from tests.connected.attack_town import DAY, Place, Settling, Thing, put, rounds
from tests.portal_stage import ELSEWHERE, HERE, TEN

OFFERED = {"one": "stranger", "two": "former_guardian", "other": "other_guardian", "second": "other_guardian_2"}


async def settle(here: Settling) -> None:
    """Everything, in the order in which rows hang on each other."""
    async with here.kit.sessions.begin() as db:
        for place in here.places:
            await rounds(here, db, place)
        for place in here.places:
            await homes(here, db, place)
        await former_school(here, db)
        for place in here.places:
            await _meetings(here, db, place)
            await _offers(here, db, place)
        await _years(here, db)
    _acquaintances(here)


def _acquaintances(here: Settling) -> None:
    """Whose names somebody meets in their talks, besides those of the portal's pages."""
    protected = here.ids("protected_guardian")
    for place in here.places:
        workers = here.ids(place.principal, *place.mentors, *place.hosts.values())
        workers |= here.ids("gone_host") if place.name == "one" else frozenset()
        here.town.meet(workers | here.ids(place.officer), workers)
        for group, pupils in place.pupils.items():
            host = here.ids(place.hosts[group])
            for pupil in (here.who[one] for one in pupils):
                around = here.guardians(pupil)
                here.town.meet(host, {pupil, *around})
                here.town.meet({pupil, *around, *here.readers(pupil)}, workers | {pupil} | (around - protected))
    old = here.ids("mentor_2")  # held a talk with child_1 when it was at the other school
    child = here.who["child_1"]
    here.town.meet({child, *here.guardians(child), *here.readers(child), *here.teachers(child)}, old)
    here.town.meet(here.ids("protected_guardian", "stranger_child"), here.ids("stranger"))


async def _meetings(here: Settling, db: AsyncSession, place: Place) -> None:
    """One that comes, one that goes on now, with minutes, a draft, and two to invite to and to cancel."""
    group, pupils = next(iter(place.pupils.items()))
    children = [here.who[one] for one in pupils]
    answering = frozenset(one for child in children for one in here.guardians(child))
    answering |= here.ids("adult_pupil") if "adult_pupil" in pupils else frozenset()
    readers = frozenset(one for child in children for one in here.readers(child))
    draft, invited = MeetingState.DRAFT, MeetingState.INVITED
    plans = {"comes": (invited, TEN + 10 * DAY), "now": (invited, TEN - timedelta(hours=1))}
    plans |= {"draft": (draft, TEN + 20 * DAY), "invite": (draft, TEN + 21 * DAY), "cancel": (draft, TEN + 22 * DAY)}
    for mark, (state, starts_at) in plans.items():
        staff, runs = here.staff(place), here.ids(place.principal) | (here.staff(place) if place.mentors else set())
        guests = answering | readers if state is invited else frozenset[UUID]()
        row = _meeting(here, place, mark, state, starts_at, guests | staff)
        await put(db, row)
        await put(db, t.MeetingClass(meeting_id=row.meeting_id, group_id=group))
        room = here.town.plant(guests | staff)
        its: dict[str, Any] = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=30), "place": room}
        host = here.who[place.hosts[group]]
        await put(db, t.Gathering(meeting_id=row.meeting_id, group_id=group, **its, host_id=host))
        coming = sorted(here.guardians(children[0]), key=str)[:1] if mark in ("comes", "now") else []
        registered: dict[str, Any] = {
            "meeting_id": row.meeting_id,
            "pupil_id": children[0],
            "seats": 2,
            "at": TEN - DAY,
        }
        await put(db, *[t.Registration(**registered, person_id=one) for one in coming])
        may = {"see": guests | staff, "run": frozenset(runs), "guest": answering if state is invited else frozenset()}
        may |= {"roll": staff if coming else frozenset()}
        doing = {"draft": "edit", "comes": "register", "now": "came"}.get(mark, mark)
        who = frozenset(coming) if doing == "register" else here.ids(place.principal)
        tokens = tuple(one for one in (row.title, row.programme, row.place, room) if one)
        acts = {doing: who} | ({"minutes": who} if mark == "now" else {})
        more = {"mark": mark, "group": group, "minutes": row.minutes or "", "place": place}
        here.keep("meeting", Thing(row.meeting_id, may, acts, tokens, more))


def _meeting(
    here: Settling, place: Place, mark: str, state: MeetingState, starts_at: object, circle: frozenset[UUID]
) -> t.Meeting:
    assert isinstance(starts_at, type(TEN))
    return t.Meeting(
        meeting_id=uuid4(),
        version=1,
        tenant_id=place.tenant,
        school_id=place.school,
        author_id=here.who[place.principal],
        kind=MeetingKind.PARENT_MEETING,
        title=here.town.plant(circle),
        programme=here.town.plant(circle),
        place=here.town.plant(circle),
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=2),
        seats=90,
        state=state,
        minutes=here.town.plant(circle) if mark == "now" else None,
        minutes_at=TEN if mark == "now" else None,
    )


async def _offers(here: Settling, db: AsyncSession, place: Place) -> None:
    """A guardian's offer, for which the principal asks and a mentor was told no; and that of a protected guardian."""
    owners = [OFFERED[place.name], *(["protected_guardian"] if place.name == "one" else [])]
    staff = here.staff(place)
    for name in owners:
        owner, told = here.ids(name), here.ids(place.principal)
        title, words = here.town.plant(owner | staff), here.town.plant(owner | staff)
        row = t.Offer(
            offer_id=uuid4(),
            tenant_id=place.tenant,
            school_id=place.school,
            person_id=here.who[name],
            title=title,
            words=words,
            made_at=TEN - DAY,
        )
        await put(db, row)
        asks = {place.principal: None, **dict.fromkeys(place.mentors, Answer.NO)}
        asked = {author: uuid4() for author in asks}
        for author, answer in asks.items():
            question = here.town.plant(owner | here.ids(author))
            its: dict[str, Any] = {
                "offer_id": row.offer_id,
                "author_id": here.who[author],
                "asked_at": TEN - DAY,
                "answer": answer,
            }
            await put(db, t.OfferAsked(asked_id=asked[author], words=question, **its))
        here.town.meet(owner, staff)
        may = {"see": owner | staff, "own": owner, "ask": staff}
        mine = owner if name != "protected_guardian" else frozenset[UUID]()
        acts = {"own": mine, "ask": here.ids(*place.mentors[:1]) if mine else frozenset()}
        more = {"asked": asked[place.principal], "told": told}
        here.keep("offer", Thing(row.offer_id, may, acts, (title, words), more))


async def _years(here: Settling, db: AsyncSession) -> None:
    """Interpreters, terms and breaks of both municipalities, and a planning day of each school."""
    for tenant, officer in ((HERE, "officer"), (ELSEWHERE, "other_officer")):
        mine = [place for place in here.places if place.tenant == tenant]
        staff = frozenset(one for place in mine for one in here.staff(place)) | here.ids(officer)
        deciding = here.ids(officer, *[place.principal for place in mine])
        name = here.town.plant(staff)
        row = t.Interpreter(interpreter_id=uuid4(), tenant_id=tenant, name=name, languages=["so"])
        await put(db, row)
        times: dict[str, Any] = {
            "interpreter_id": row.interpreter_id,
            "starts_at": TEN + DAY,
            "ends_at": TEN + 1.2 * DAY,
        }
        block = t.InterpreterBlock(block_id=uuid4(), **times)
        await put(db, block)
        may = {"see": staff, "decide": deciding}
        here.keep("interpreter", Thing(row.interpreter_id, may, {"decide": here.ids(officer)}, (name,)))
        here.keep("block", Thing(block.block_id, may, {"decide": here.ids(officer)}))
        await _spans(here, db, tenant, staff, mine, officer)


async def _spans(
    here: Settling, db: AsyncSession, tenant: UUID, staff: frozenset[UUID], mine: list[Place], officer: str
) -> None:
    """The whole municipality's, and those of each school."""
    days: dict[str, Any] = {"first_day": date(2026, 8, 17), "last_day": date(2026, 12, 18)}
    term = t.Term(term_id=uuid4(), tenant_id=tenant, name=here.town.plant(staff), **days)
    away: dict[str, Any] = {"first_day": date(2026, 12, 27), "last_day": date(2026, 12, 28), "tenant_id": tenant}
    whole = t.SchoolBreak(break_id=uuid4(), name=here.town.plant(staff), **away)
    await put(db, term, whole)
    may = {"see": staff, "decide": here.ids(officer)}
    here.keep("span", Thing(whole.break_id, may, {"decide": here.ids(officer)}, (whole.name,)))
    for place in mine:
        own = t.SchoolBreak(break_id=uuid4(), name=here.town.plant(staff), school_id=place.school, **away)
        await put(db, own)
        deciding = here.ids(place.principal, officer)
        may = {"see": here.staff(place) | here.ids(officer), "decide": deciding}
        its = {"decide": here.ids(place.principal)}
        here.keep("span", Thing(own.break_id, may, its, (own.name,), {"school": place.school}))
