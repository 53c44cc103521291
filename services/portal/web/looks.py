"""Who looked at a pupil's data. Staff by name; others at home only as what they are to the pupil."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response

from services.portal.domain.family import Pupil
from services.portal.store.looks import Entry, Looked, looked
from services.portal.tables import roster
from services.portal.web import sentences
from services.portal.web.consents import deciding_on
from services.portal.web.notices import PageNumber
from services.portal.web.shown import trace
from shared.languages import N_
from shared.web.face import Face, Me
from shared.web.viewing import viewing

SYSTEM = UUID(int=0)


def add_looks(router: APIRouter, face: Face) -> None:
    """`/who-looked`."""

    @router.get("/who-looked")
    async def who_looked(
        request: Request,
        session: Me,
        pupil: Annotated[UUID | None, Query()] = None,
        page: PageNumber = 0,
        own: bool = False,
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            mine = deciding_on(view)
            shown = _chosen(mine, pupil)
            ids, reader = [one.pupil_id for one in mine], session.person_id
            found = await looked(view.db, shown.pupil_id, ids, page, reader, own) if shown else Looked([], {}, False)
            await trace(view, "who looked", ids)  # the others are named in the choice of pupils
        lines = [(one, who(one, reader, shown.pupil_id)) for one in found.entries] if shown else []
        context: dict[str, Any] = {"pupils": mine, "shown": shown, "names": found.names, "lines": lines, "own": own}
        return face.show(request, view, "who_looked.html", page_number=page, older=found.older, **context)


def _chosen(mine: list[Pupil], pupil_id: UUID | None) -> Pupil | None:
    """The pupil asked for, else the first. Raises 404 for one about whom the reader does not decide."""
    if pupil_id is None:
        return mine[0] if mine else None
    found = next((one for one in mine if one.pupil_id == pupil_id), None)
    if found is None:
        raise HTTPException(404)
    return found


def who(entry: Entry, reader: UUID, pupil_id: UUID) -> str:
    """Who it was, in words to translate; empty for staff, who are shown by name and role."""
    if entry.viewer_id == reader:
        return N_("You")
    if entry.viewer_id == SYSTEM:
        return N_("Skolbro, by itself")
    if entry.viewer_id == pupil_id:
        return N_("The pupil")
    if entry.what in sentences.AT_HOME:
        return N_("Another person at home")
    return "" if entry.name else N_("Somebody at the school")
