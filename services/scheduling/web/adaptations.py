"""Support measures, apart from the plan: behind a stronger login, for few, and every look leaves a trace.

Who may, and why: staff who teach the pupil and their principal read and write, because they carry the measures out.
Guardians who answer for the pupil read, as long as reasons that may be about health are theirs to know (in Norway
until the pupil is 16: `Fact.REASON`). The pupil reads from 16 on. Nobody who is let in by a consent, no officer and
no other school: a measure stays where it was noted and is told to the next school by people, with the home's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling.domain.talks import Part
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import adaptations as store
from services.scheduling.store.talks import around
from services.scheduling.tables import Adaptation, roster
from services.scheduling.web.desk import Folk, part_about
from shared.clock import age_on, local_date
from shared.events.roster import PersonStated
from shared.ids import new_id
from shared.languages import N_
from shared.roster.standing import OWN_SECRETS_FROM, Fact, Standing, members_on
from shared.web.face import Face, StronglyMe, act, done
from shared.web.viewing import View, viewing

LONGEST = 2000  # characters
EMPTY = N_("Describe the measure, at most 2000 characters. Nothing is kept yet.")
GONE = N_("This measure has ended already. Nothing was changed.")


@dataclass(frozen=True)
class Files:
    """The measures of a pupil as this reader sees them."""

    pupil: PersonStated
    folk: Folk
    school_id: UUID | None
    rows: list[Adaptation]

    @property
    def writes(self) -> bool:
        """May the reader add and end measures?"""
        return self.school_id is not None


def add_adaptations(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/talks/pupil/{pupil_id}/adaptations`."""

    @router.get("/talks/pupil/{pupil_id}/adaptations")
    async def page(request: Request, session: StronglyMe, pupil_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            files = await _files(view, pupil_id)
            await done(face, view, what="adaptations", pupils=[pupil_id])
        return _show(request, face, view, files)

    @router.post("/talks/pupil/{pupil_id}/adaptations")
    async def note(
        request: Request, session: StronglyMe, pupil_id: UUID, words: Annotated[str, Form()] = ""
    ) -> Response:
        words = words.replace("\x00", "").replace("\r\n", "\n").strip()
        fits = 0 < len(words) <= LONGEST
        async with viewing(face.kit, roster, session) as view:
            files, school_id = await _written(view, pupil_id)
            if fits:
                await store.add(view.db, _row(view, files, school_id, words))
            await done(face, view, what="adaptation noted" if fits else "adaptations", pupils=[pupil_id])
        if not fits:
            return _show(request, face, view, files, 400, trouble=EMPTY, typed=words)
        return RedirectResponse(f"/talks/pupil/{pupil_id}/adaptations", 303)

    @router.post("/talks/pupil/{pupil_id}/adaptations/end")
    async def end(
        request: Request, session: StronglyMe, pupil_id: UUID, adaptation_id: Annotated[UUID, Form()]
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            files, _school = await _written(view, pupil_id)
            if not any(one.adaptation_id == adaptation_id for one in files.rows):
                raise HTTPException(404)
            ended = await store.end(view.db, adaptation_id, pupil_id, view.now)
            await done(face, view, what="adaptation ended", pupils=[pupil_id])
        if not ended:
            return _show(request, face, view, files, 409, trouble=GONE)
        return RedirectResponse(f"/talks/pupil/{pupil_id}/adaptations", 303)


def may_read(standing: Standing, pupil: PersonStated, on: date) -> bool:
    """May this person read a pupil's support measures?"""
    part = part_about(standing, pupil)
    if part is Part.PUPIL:
        return pupil.born is not None and age_on(pupil.born, on) >= OWN_SECRETS_FROM
    return part is Part.SCHOOL or (part is Part.HOME and standing.may_see(pupil, Fact.REASON))


def school_of(standing: Standing, pupil: PersonStated) -> UUID | None:
    """At which of the pupil's schools this person notes measures; None for who does not."""
    if part_about(standing, pupil) is not Part.SCHOOL:
        return None
    at = [one for one in pupil.school_ids if one in standing.principal_of]
    for group in standing.mentor_groups.values():
        at += [group.school_id] if pupil.person_id in members_on(group, standing.today) else []
    return next(iter(at), None)


async def _files(view: View, pupil_id: UUID) -> Files:
    rows = await store.of_pupil(view.db, pupil_id)
    me = view.standing.person.person_id
    found = await around(view.db, pupil_id, me, [one.author_id for one in rows])
    pupil = found.persons.get(pupil_id)
    if pupil is None or not may_read(view.standing, pupil, local_date(view.now, view.standing.zone)):
        raise HTTPException(404)
    part = part_about(view.standing, pupil) or Part.READER
    return Files(pupil, Folk(found, me, part, pupil_id), school_of(view.standing, pupil), rows)


async def _written(view: View, pupil_id: UUID) -> tuple[Files, UUID]:
    """As `_files`, to be changed, and at which school. Raises 404 for those who only read."""
    files = await _files(view, pupil_id)
    if files.school_id is None:
        raise HTTPException(404)
    await act(view)
    return files, files.school_id


def _row(view: View, files: Files, school_id: UUID, words: str) -> Adaptation:
    return Adaptation(
        adaptation_id=new_id(),
        tenant_id=view.standing.tenant_id,
        school_id=school_id,
        pupil_id=files.pupil.person_id,
        words=words,
        author_id=view.standing.person.person_id,
        noted_at=view.now,
    )


def _show(request: Request, face: Face, view: View, files: Files, status: int = 200, **more: Any) -> Response:
    usual = {"trouble": None, "typed": "", "folk": files.folk}
    return face.show(request, view, "adaptations.html", status, files=files, **{**usual, **more})
