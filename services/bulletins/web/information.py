"""`/information`: what the school informs its homes about, what holds now, and the editions before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import Response

from services.bulletins.domain.feedback import FEWEST
from services.bulletins.domain.readers import as_staff, mentored
from services.bulletins.informing import ABOUT, TOPICS, Topic, chain, edited, holding, known_topic
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store.archive import Entry, Shelf, counts, shelf
from services.bulletins.store.information import editions
from services.bulletins.tables import roster
from services.bulletins.web.archive import Line, languages_of, line_of, with_count
from shared.events.notify import MailingKind
from shared.events.roster import SchoolStated
from shared.roster.standing import Standing
from shared.web.face import Face, Me
from shared.web.viewing import viewing


def add_information(router: APIRouter, face: Face, _: BulletinsSettings) -> None:
    """`/information`, and the editions of one piece of it."""

    @router.get("/information")
    async def listed(request: Request, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await shelf(view.db, view.standing, MailingKind.INFORMATION)
            now = _lines(request, view.standing, found, holding(found.entries))
            mine = [one.entry for one in now if as_staff(view.standing, one.entry.sent)]
            counted = await counts(view.db, view.standing, mine)
        now = [with_count(line, counted.get(line.entry.bulletin_id)) for line in now]
        return face.show(
            request,
            view,
            "information.html",
            schools=_by_school(view.standing, now),
            topics=TOPICS,
            about=ABOUT,
            principal_of=view.standing.principal_of,
        )

    @router.get("/information/{bulletin_id}")
    async def history(request: Request, bulletin_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await shelf(view.db, view.standing, MailingKind.INFORMATION)
            mine = {line.entry.bulletin_id: line for line in _lines(request, view.standing, found, found.entries)}
            if bulletin_id not in mine:
                raise HTTPException(404)
            all_of_it = chain([line.entry for line in mine.values()], bulletin_id)
            this = mine[bulletin_id].entry
            groups = _counted(view.standing, this)
            known = await editions(view.db, [one.bulletin_id for one in all_of_it], bulletin_id, groups, this.sent.day)
        return face.show(
            request,
            view,
            "edition.html",
            line=mine[bulletin_id],
            topic=known_topic(this.topic),
            topics=TOPICS,
            editions=edited(all_of_it, known.texts, *languages_of(request, view.standing)),
            seen=known.seen,
            staff=as_staff(view.standing, this.sent),
            fewest=FEWEST,
        )


def _lines(request: Request, standing: Standing, found: Shelf, entries: Sequence[Entry]) -> list[Line]:
    return [line for one in entries if (line := line_of(request, standing, found, one))]


def _counted(standing: Standing, entry: Entry) -> list[UUID] | None:
    """Of which of its classes this person is shown figures: a mentor of their own, those in charge of all (None)."""
    return None if standing.in_charge_of(entry.sent.school_id) else list(mentored(standing, entry.sent))


def _by_school(standing: Standing, lines: Sequence[Line]) -> list[tuple[SchoolStated, Mapping[Topic, Sequence[Line]]]]:
    """School by school and topic by topic, in the order of the vocabulary; principals see also what is not said yet."""
    schools = {line.school.school_id: line.school for line in lines}
    schools |= {one: standing.schools[one] for one in standing.principal_of if one in standing.schools}
    ordered = sorted(schools.values(), key=lambda one: one.name)
    return [(school, _by_topic([line for line in lines if line.school is school])) for school in ordered]


def _by_topic(lines: Sequence[Line]) -> dict[Topic, Sequence[Line]]:
    return {topic: [line for line in lines if line.entry.topic == topic] for topic in Topic}
