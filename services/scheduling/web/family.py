"""`/talks`: one page for all children at all schools, for oneself, and for the talks that one holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.scheduling.domain.may_book import Booking
from services.scheduling.domain.todo import Facts, Todo, todo
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.family import Shown, shown_to
from services.scheduling.tables import roster
from shared.clock import is_of_age, local_date
from shared.events.scheduling import TalkState
from shared.roster.access import Why
from shared.roster.standing import Role, Standing
from shared.web.face import Face, Me, done
from shared.web.viewing import View, viewing

COMING = (TalkState.PROPOSED, TalkState.BOOKED)
EARLIER = (TalkState.HELD, TalkState.SIGNED)
STAFF = {Role.MENTOR, Role.PRINCIPAL}


class Done(StrEnum):
    """What the page says was done."""

    BOOKED = "booked"
    ACCEPTED = "accepted"
    CANCELLED = "cancelled"
    WAITING = "waiting"
    LEFT = "left"
    LET_GO = "let_go"
    CHANGED = "changed"  # it was not as the page had shown it any more


@dataclass(frozen=True)
class Step:
    """A talk and its next step. `decides`: the reader may act; `opens_at`: when booking opens for them."""

    talk: Shown
    todo: Todo
    decides: bool
    opens_at: datetime | None


@dataclass(frozen=True)
class ChildShown:
    """A child (or oneself) with its talks: the next steps, what is coming, the last one held, and those before."""

    pupil_id: UUID
    name: str
    steps: Sequence[Step]
    coming: Sequence[Step]
    last: Shown | None
    earlier: Sequence[Shown]


def add_family(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """The family's page, which is a host's programme for staff."""

    @router.get("/talks")
    async def talks_page(
        request: Request, session: Me, done_: Annotated[Done | None, Query(alias="done")] = None
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            talks = await shown_to(view.db, session.person_id, mine(view), view.now, hosts=is_staff(view.standing))
            family = children(view, talks)
            programme = hosted(talks, session.person_id, view.now)
            looked = [one.pupil_id for one in family if one.pupil_id != session.person_id]
            looked += [one.pupil_id for some in programme.values() for one in some]
            await done(face, view, what="talks", pupils=looked)
        return face.show(
            request,
            view,
            "talks.html",
            family=family,
            programme=programme,
            staff=is_staff(view.standing),
            me=session.person_id,
            done=done_,
            several=sum(step.todo is Todo.BOOK for one in family for step in one.steps) > 1,
        )


def is_staff(standing: Standing) -> bool:
    """True for who may hold talks."""
    return bool(STAFF.intersection(standing.roles))


def mine(view: View) -> list[UUID]:
    """The pupils whose talks the reader may see here: their children, and themselves."""
    standing = view.standing
    own = [standing.person.person_id] if standing.is_pupil else []
    return [*standing.children, *own]


def decides(view: View, pupil_id: UUID, guardian_ids: Sequence[UUID], zone: str) -> bool:
    """True when the reader may book and sign for this pupil now: answers for them, or is of age and the pupil."""
    person = view.standing.person
    if pupil_id == person.person_id:
        return person.born is not None and is_of_age(person.born, local_date(view.now, zone))
    child = view.standing.children.get(pupil_id)
    return child is not None and child.why is Why.ANSWERS_FOR and person.person_id in guardian_ids


def children(view: View, talks: Sequence[Shown]) -> list[ChildShown]:
    """The reader's children in the order of their names, with what is theirs to see. Oneself comes first."""
    me, found = view.standing.person.person_id, []
    schools = {talk.school_id for talk in talks if talk.pupil_id in view.standing.children}
    for pupil_id in mine(view):
        own = [talk for talk in talks if talk.pupil_id == pupil_id and _is_for(talk, me)]
        steps = [_step(view, talk, early=talk.speaks or len(schools) > 1) for talk in own]
        found.append(_child(pupil_id, own, steps, view.now))
    shown = [one for one in found if one.steps or one.coming or one.last]
    return sorted(shown, key=lambda one: (one.pupil_id != me, one.name))


def _is_for(talk: Shown, me: UUID) -> bool:
    """A talk apart is for those whose it is, and the pupil."""
    return talk.household == 0 or me in talk.guardian_ids or me == talk.pupil_id


def _child(pupil_id: UUID, own: Sequence[Shown], steps: Sequence[Step], now: datetime) -> ChildShown:
    held = sorted((one for one in own if one.state in EARLIER), key=_when, reverse=True)
    coming = [s for s in steps if s.talk.state in COMING and s.talk.ends_at and s.talk.ends_at > now]
    waiting = [s for s in steps if s.todo is not Todo.NOTHING or _is_lacking(s.talk)]
    name = own[0].given_name if own else ""
    return ChildShown(pupil_id, name, waiting, coming, held[0] if held else None, held[1:])


def _is_lacking(talk: Shown) -> bool:
    """True for a talk of a round under way that has no time."""
    return talk.state in (TalkState.WANTED, TalkState.MISSED) and talk.round_state not in ("", "draft", "closed")


def _when(talk: Shown) -> datetime:
    return talk.held_at or talk.starts_at or datetime.min.replace(tzinfo=ZoneInfo("UTC"))


def _step(view: View, talk: Shown, *, early: bool) -> Step:
    acts = decides(view, talk.pupil_id, talk.guardian_ids, talk.zone)
    if talk.books_until is None:  # a round of a school the child has left
        return Step(talk, Todo.NOTHING, acts, None)
    booking = Booking(talk.state, talk.round_state, talk.books_from, talk.books_until, talk.early_minutes, early)
    facts = Facts(booking, acts, talk.hold_id, talk.hold_until, talk.answer_by, talk.signed)
    return Step(talk, todo(facts, view.now), acts, booking.opens_at)


def hosted(talks: Sequence[Shown], me: UUID, now: datetime) -> dict[date, list[Shown]]:
    """The talks that the reader holds, day by day from today."""
    days: dict[date, list[Shown]] = {}
    for one in talks:
        here = ZoneInfo(one.zone)
        if one.host_id == me and one.starts_at and one.starts_at.astimezone(here).date() >= now.astimezone(here).date():
            days.setdefault(one.starts_at.astimezone(here).date(), []).append(one)
    return days
