"""`/bulletins`: everything that was sent, newest first; once for a family, however many children it is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.bulletins.domain.feedback import FEWEST
from services.bulletins.domain.readers import Mark, as_staff, concerns, in_order, language_for, mark, pupils_of
from services.bulletins.informing import holding
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store.archive import Count, Entry, Shelf, counts, shelf
from services.bulletins.tables import roster
from shared.clock import AUTUMN
from shared.events.notify import MailingKind
from shared.events.roster import SchoolStated
from shared.languages import LANGUAGES, N_
from shared.roster.standing import Role, Standing
from shared.web.face import Face, Me
from shared.web.pages import language_of
from shared.web.viewing import View, viewing

ON_A_PAGE = 20
LAST_PAGE = 500
KINDS = {MailingKind.BULLETIN: N_("Class bulletins"), MailingKind.INFORMATION: N_("School information")}
Short = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True)
class Line:
    """Something that was sent, as a list shows it. `names`: the children it is about, empty text for oneself."""

    entry: Entry
    title: str
    language: str
    school: SchoolStated
    pupils: tuple[UUID, ...]
    names: tuple[str, ...]
    classes: tuple[str, ...]
    mark: Mark | None = None
    count: Count | None = None  # for staff alone

    @property
    def counted(self) -> bool:
        """False where a number would say what single homes do."""
        return self.count is not None and self.count.homes >= FEWEST


@dataclass(frozen=True)
class Wanted:
    """What the reader chose: a child, a kind, a half-year (its first day); empty means all."""

    child: str = ""
    kind: str = ""
    half: str = ""

    def fits(self, line: Line) -> bool:
        """Is this among what they chose?"""
        child = not self.child or self.child in [str(one) for one in line.pupils]
        kind = not self.kind or self.kind == line.entry.kind
        return child and kind and (not self.half or self.half == str(half_of(line.entry.sent.day)))


def add_archive(router: APIRouter, face: Face, _: BulletinsSettings) -> None:
    """`/bulletins`."""

    @router.get("/bulletins")
    async def archive(
        request: Request,
        session: Me,
        child: Short = "",
        kind: Short = "",
        half: Short = "",
        page: Annotated[int, Query(ge=1, le=LAST_PAGE)] = 1,
    ) -> Response:
        wanted = Wanted(child, kind, half)
        async with viewing(face.kit, roster, session) as view:
            found = await shelf(view.db, view.standing)
            now = holding(found.entries)  # earlier editions stand with the one that replaced them
            lines = [line for one in now if (line := line_of(request, view.standing, found, one))]
            fitting = [line for line in lines if wanted.fits(line)]
            shown = fitting[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
            mine = [one.entry for one in shown if as_staff(view.standing, one.entry.sent)]
            counted = await counts(view.db, view.standing, mine)
        context = _choices(view, found, lines)
        return face.show(
            request,
            view,
            "archive.html",
            lines=[with_count(line, counted.get(line.entry.bulletin_id)) for line in shown],
            unread=sum(line.mark is Mark.UNREAD for line in lines),
            wanted=wanted,
            any=bool(lines),
            page_number=page,
            older=len(fitting) > page * ON_A_PAGE,
            **context,
        )


def line_of(request: Request, standing: Standing, found: Shelf, entry: Entry) -> Line | None:
    """It as a list shows it to this reader; None when they may not read it."""
    about = concerns(standing, entry.sent, found.belongs)
    if (not about and not as_staff(standing, entry.sent)) or entry.sent.school_id not in standing.schools:
        return None
    language = language_for([*entry.titles] or ["sv"], *languages_of(request, standing))
    pupils = tuple(in_order(about, pupils_of(standing), found.names))
    me = standing.person.person_id
    return Line(
        entry=entry,
        title=entry.titles.get(language, ""),
        language=language,
        school=standing.schools[entry.sent.school_id],
        pupils=pupils,
        names=tuple("" if one == me else found.names.get(one, "") for one in pupils),
        classes=classes_of(entry, found, about, standing),
        mark=mark(entry.sent, about, found.belongs, entry.read_at) if about else None,
    )


def classes_of(entry: Entry, found: Shelf, about: Sequence[UUID], standing: Standing) -> tuple[str, ...]:
    """The classes to name: to staff all of them, to a home those its own children are or were in."""
    groups = entry.sent.group_ids
    if about and not as_staff(standing, entry.sent):
        groups = frozenset(one.group_id for one in found.belongs if one.pupil_id in about) & groups
    return tuple(sorted(found.groups[one].name for one in groups if one in found.groups))


def languages_of(request: Request, standing: Standing) -> tuple[str | None, ...]:
    """In which languages this person reads, best first.

    What the pages are shown in was chosen by them; but a language in which we have no pages can only be known from the
    registry, and a text in it is then the better one.
    """
    page, own = language_of(request).tag, standing.contact.language if standing.contact else None
    foreign = own is not None and language_for([*LANGUAGES, own], own) not in LANGUAGES
    return (own, page) if foreign else (page, own)


def half_of(day: date) -> date:
    """The first day of the half of the school year that this day is in."""
    return date(day.year, AUTUMN if day.month >= AUTUMN else 1, 1)


def with_count(line: Line, count: Count | None) -> Line:
    """The line with how many have read it."""
    return Line(**{**vars(line), "count": count})


def _choices(view: View, found: Shelf, lines: Sequence[Line]) -> dict[str, Any]:
    """What there is to choose from, and where staff go on."""
    standing, me = view.standing, view.standing.person.person_id
    persons = pupils_of(standing)
    pupils = in_order(persons, persons, found.names)
    roles = set(standing.roles)
    return {
        "children": [(str(one), "" if one == me else found.names.get(one, "")) for one in pupils],
        "kinds": KINDS,
        "halves": sorted({half_of(line.entry.sent.day) for line in lines}, reverse=True),
        "at_home": bool(persons),
        "writes": bool(roles & {Role.MENTOR, Role.PRINCIPAL}),
        "leads": Role.PRINCIPAL in roles or standing.municipality,
        "mentor_groups": sorted(standing.mentor_groups.values(), key=lambda one: one.name),
        "many_schools": len({line.school.school_id for line in lines}) > 1,
    }
