"""The mentor's class, and one pupil as their mentor and principal see them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse

from services.portal.domain.duties import (
    LETTERS,
    REPEATED,
    REPEATED_DAYS,
    TALKS,
    UNREAD_HOURS,
    Outcome,
    Seen,
    is_to_call,
    is_unread,
    time_left,
)
from services.portal.domain.talks import Talk, shown_first
from services.portal.store.classes import Pupils, pupils
from services.portal.store.schools import Known
from services.portal.tables import roster
from services.portal.web.shown import portal_face, trace
from services.portal.web.staff import Context, Shown, knows, name_of, same_day, shown, workplaces, zones
from services.portal.web.staff_words import WORDS
from shared.clock import local_date, school_year
from shared.events.duties import DutyKind, DutyStatus
from shared.events.roster import GroupStated
from shared.kit import Kit
from shared.roster.access import Verdict, is_protected
from shared.roster.standing import Standing, members_on
from shared.web.face import Me
from shared.web.pages import Pages
from shared.web.viewing import View, viewing

CALL_DAYS = 7


@dataclass(frozen=True)
class Letter:
    """A bulletin, or the school's information, that is owed to a pupil's home this half-year: the first of three."""

    duty: Known
    number: int
    of: int


@dataclass
class Line:
    """A pupil of the class, with what there is about them."""

    pupil: Shown
    duties: list[Known] = field(default_factory=list)
    unread: int = 0
    repeated: int = 0
    to_call: Known | None = None
    homes: list[tuple[Shown, Verdict]] = field(default_factory=list)
    talk: Talk | None = None
    lacking: list[Known] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)

    @property
    def needs_a_word(self) -> bool:
        """True when there is something to talk about."""
        return bool(self.unread or self.repeated or self.to_call)

    def order(self) -> tuple[int, bool, int, str]:
        """Whom to phone first, then who was missing most often."""
        late = -self.to_call.day.toordinal() if self.to_call else 0
        return late, not self.unread, -self.repeated, self.pupil.name or "~"


def class_routes(kit: Kit, pages: Pages) -> APIRouter:
    """`/class/{group_id}` and `/pupil/{pupil_id}`."""
    router, face = APIRouter(include_in_schema=False), portal_face(kit, pages)

    @router.get("/class/{group_id}")
    async def school_class(request: Request, group_id: UUID, session: Me) -> HTMLResponse:
        async with viewing(kit, roster, session) as view:
            group = view.standing.mentor_groups.get(group_id)
            if group is None or group.school_id not in view.standing.schools:
                raise HTTPException(404)
            page = await _class(view, group)
        return face.show(request, view, "class.html", **WORDS, **page)

    @router.get("/pupil/{pupil_id}")
    async def pupil(request: Request, pupil_id: UUID, session: Me) -> HTMLResponse:
        async with viewing(kit, roster, session) as view:
            page = await _pupil(view, pupil_id)
        return face.show(request, view, "pupil.html", **WORDS, **page)

    return router


async def _class(view: View, group: GroupStated) -> Context:
    school = view.standing.schools[group.school_id]
    today = local_date(view.now, school.zone)
    members = members_on(group, today)
    since = today - timedelta(days=REPEATED_DAYS)
    found = await pupils(view.db, zones([school]), members, since, today, view.now)
    await trace(view, "class", members)
    lines = sorted((_line(view, found, one, today) for one in members), key=Line.order)
    todays = [(line.pupil, duty) for line in lines for duty in line.duties if duty.day == today]
    return {
        "group": group,
        "today": today,
        "school": school,
        "lines": sorted(lines, key=lambda line: (line.pupil.name is None, line.pupil.name)),
        "needs": [line for line in lines if line.needs_a_word],
        "calls": [line for line in lines if line.to_call],
        "todays": todays,
        "due": [(pupil, duty) for pupil, duty in todays if duty.stands is Outcome.WAITING],
        "left": _hours(time_left(view.now, school.zone)),
        "read": sum(bool(duty.first(DutyStatus.UNDERSTOOD)) for _, duty in todays),
        "lacking": [(line.pupil, duty) for line in lines for duty in line.lacking],
        "letters": _by_letter(lines),
        "limits": {"hours": UNREAD_HOURS, "times": REPEATED, "days": REPEATED_DAYS},
    }


def _line(view: View, found: Pupils, pupil_id: UUID, today: date) -> Line:
    line = Line(shown(view.standing, pupil_id, found.registry))
    line.talk, line.lacking = _talk(found, pupil_id, view.now), _lacking(found, pupil_id)
    line.letters = _letters(found, pupil_id)
    line.duties = [duty for duty in found.duties if duty.pupil_id == pupil_id]
    line.unread = sum(is_unread(duty.seen, duty.first(DutyStatus.DELIVERED), view.now) for duty in line.duties)
    standing = [duty for duty in line.duties if duty.stands is not Outcome.RETRACTED]
    line.repeated = len(standing) if len(standing) >= REPEATED else 0
    line.to_call = next((duty for duty in _lately(line.duties, today) if is_to_call(duty.seen)), None)
    if line.to_call:
        line.homes = [(one, verdict) for one, verdict in _homes(found, pupil_id, today) if verdict.allowed]
    return line


def _by_letter(lines: Iterable[Line]) -> list[tuple[Letter, int, int, list[Shown]]]:
    """Each bulletin of the half-year, or the information: how many homes have it, of how many, and whom to hand it."""
    found: dict[tuple[DutyKind, date], list[tuple[Letter, Shown]]] = {}
    for line in lines:
        for letter in line.letters:
            found.setdefault((letter.duty.kind, letter.duty.day), []).append((letter, line.pupil))
    return [_of_class(found[place]) for place in sorted(found, key=lambda one: (one[0], one[1]))]


def _of_class(some: Sequence[tuple[Letter, Shown]]) -> tuple[Letter, int, int, list[Shown]]:
    by_hand = [pupil for letter, pupil in some if letter.duty.stands is Outcome.UNREACHABLE]
    most = max((letter for letter, _ in some), key=lambda letter: letter.of)  # a pupil who came late is owed fewer
    return most, sum(letter.duty.stands is Outcome.MET for letter, _ in some), len(some), by_hand


def _talk(found: Pupils, pupil_id: UUID, now: datetime) -> Talk | None:
    return shown_first([talk for talk in found.talks if talk.pupil_id == pupil_id], now)


def _lacking(found: Pupils, pupil_id: UUID) -> list[Known]:
    """The talks that are owed to the pupil this term and have neither taken place nor a time."""
    mine = [duty for duty in _talks_owed(found, pupil_id) if Seen.SENT not in duty.seen]
    return [duty for duty in mine if duty.stands in (Outcome.WAITING, Outcome.MISSED)]


def _talks_owed(found: Pupils, pupil_id: UUID) -> list[Known]:
    return [duty for duty in found.owed if duty.pupil_id == pupil_id and duty.kind in TALKS]


def _letters(found: Pupils, pupil_id: UUID) -> list[Letter]:
    """What the classes and the school owe the pupil's home this half-year, in the order of the days it is owed on."""
    mine = [duty for duty in found.owed if duty.pupil_id == pupil_id and duty.stands is not Outcome.RETRACTED]
    letters: list[Letter] = []
    for kind in LETTERS:
        same = sorted((duty for duty in mine if duty.kind is kind), key=lambda duty: (duty.day, duty.duty_id))
        letters += [Letter(duty, place + 1, len(same)) for place, duty in enumerate(same)]
    return letters


def _homes(found: Pupils, pupil_id: UUID, today: date, even_protected: bool = False) -> list[tuple[Shown, Verdict]]:
    """Everyone with a tie to the pupil and whether they may be told now; nobody by name where it would be in a list."""
    homes, persons = [], found.registry.persons
    for verdict in found.verdicts(pupil_id, today):
        person, contact = persons.get(verdict.guardian_id), found.registry.contacts.get(verdict.guardian_id)
        protected = is_protected(person)
        hidden = not even_protected and is_protected(person, persons.get(pupil_id))
        phones = contact.phones if contact and not hidden else ()
        name = None if hidden else name_of(contact)
        homes.append((Shown(verdict.guardian_id, name, protected, None, phones), verdict))
    return homes


async def _pupil(view: View, pupil_id: UUID) -> Context:
    """What the page shows. Raises 404 for everybody but the pupil's mentor and principal."""
    since = school_year(view.standing.today)
    found = await pupils(
        view.db, workplaces(view.standing), [pupil_id], since, view.standing.today, view.now, all_homes=True
    )
    pupil = found.registry.persons.get(pupil_id)
    if pupil is None or not knows(view.standing, pupil):
        raise HTTPException(404)
    await trace(view, "pupil", [pupil_id])
    counts = Counter(duty.stands for duty in found.duties)
    told = [duty for duty in found.duties if duty.first(DutyStatus.DELIVERED, DutyStatus.UNDERSTOOD)]
    return {
        "pupil": Shown(pupil_id, name_of(found.registry.contacts.get(pupil_id)), is_protected(pupil)),
        "schools": [view.standing.schools[one] for one in pupil.school_ids if one in view.standing.schools],
        "groups": _groups(view.standing, pupil_id),
        "homes": _homes(found, pupil_id, view.standing.today, even_protected=True),
        "duties": found.duties,
        "counts": counts,
        "told": len(told),
        "read": sum(bool(duty.first(DutyStatus.UNDERSTOOD)) for duty in told),
        "since": since,
        "on_day": same_day(view.standing.zone),
        "duty_zone": view.standing.zone,
        "talk": _talk(found, pupil_id, view.now),
        "owed": _talks_owed(found, pupil_id),
        "letters": _letters(found, pupil_id),
        "lacking": _lacking(found, pupil_id),
        "to_call": [duty for duty in _lately(found.duties, view.standing.today) if is_to_call(duty.seen)],
    }


def _lately(duties: Sequence[Known], today: date) -> Iterable[Known]:
    """Those of the last week: a call that nobody made for longer is a missed one, not one to make now."""
    return (duty for duty in duties if (today - duty.day).days < CALL_DAYS)


def _groups(standing: Standing, pupil_id: UUID) -> Sequence[GroupStated]:
    """The reader's own groups that the pupil is in."""
    mine: Iterable[GroupStated] = standing.mentor_groups.values()
    return [group for group in mine if pupil_id in members_on(group, standing.today)]


def _hours(left: timedelta) -> tuple[int, int]:
    """Whole hours and minutes."""
    minutes = int(left.total_seconds()) // 60
    return minutes // 60, minutes % 60
