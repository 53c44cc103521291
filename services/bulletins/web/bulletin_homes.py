"""How a bulletin came to the homes, for those who answer for its classes: whom it has not reached, how many have read.

Whose home it has not reached is the school's duty to know. Who has read is nobody's business: there is only a number.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import RedirectResponse, Response

from services.bulletins.domain.feedback import FEWEST
from services.bulletins.domain.readers import answers_for, mentored
from services.bulletins.reading import remind
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store.archive import Entry, found
from services.bulletins.store.readings import homes
from services.bulletins.tables import roster
from services.bulletins.web.archive import Line, line_of
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

DAY = timedelta(days=1)  # so long it has to arrive before a home of which nothing is known counts as not reached


def add_bulletin_homes(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """`/bulletins/{bulletin_id}/homes`, and the button that reminds those who have not read."""

    @router.get("/bulletins/{bulletin_id}/homes")
    async def page(request: Request, bulletin_id: UUID, session: Me, reminded: str = "") -> Response:
        async with viewing(face.kit, roster, session) as view:
            line = await _mine(request, view, bulletin_id)
            entry = line.entry
            over = view.now >= entry.sent.sent_at + DAY
            known = await homes(view.db, bulletin_id, _groups(view, entry), entry.sent.day, over)
            await done(face, view, what="bulletin homes", pupils=[one.pupil_id for one in known.unreached])
        return face.show(
            request,
            view,
            "bulletin_homes.html",
            line=line,
            entry=entry,
            homes=known,
            fewest=FEWEST,
            over=over,
            may_remind=_may_remind(entry) and known.readers < known.number,
            was_reminded=bool(reminded),
        )

    @router.post("/bulletins/{bulletin_id}/remind")
    async def remind_them(request: Request, bulletin_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            line = await _mine(request, view, bulletin_id)
            if not _may_remind(line.entry):
                raise HTTPException(404)
            await act(view)
            await done(face, view, await remind(view.db, bulletin_id, view.now, settings))
        return RedirectResponse(f"/bulletins/{bulletin_id}/homes?reminded=1", 303)


async def _mine(request: Request, view: View, bulletin_id: UUID) -> Line:
    """What was sent, to one who answers for its classes. Raises 404 for everybody else."""
    shelf = await found(view.db, view.standing, bulletin_id)
    line = line_of(request, view.standing, shelf, shelf.entries[0]) if shelf.entries else None
    if line is None or not answers_for(view.standing, line.entry.sent):
        raise HTTPException(404)
    return line


def _groups(view: View, entry: Entry) -> list[UUID] | None:
    """Of which of its classes: a mentor of their own, the principal of all (None)."""
    if entry.sent.school_id in view.standing.principal_of:
        return None
    return list(mentored(view.standing, entry.sent))


def _may_remind(entry: Entry) -> bool:
    return entry.withdrawn_at is None and entry.reminded_at is None
