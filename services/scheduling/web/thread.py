"""The red thread of a pupil, over the years and schools."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.scheduling.domain.agendas import AGENDAS
from services.scheduling.domain.commitments import ANSWERS, STATUSES
from services.scheduling.settings import SchedulingSettings
from services.scheduling.tables import roster
from services.scheduling.web.adaptations import may_read
from services.scheduling.web.desk import story
from shared.web.face import Face, Me, done
from shared.web.viewing import viewing


def add_thread(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/talks/pupil/{pupil_id}`."""

    @router.get("/talks/pupil/{pupil_id}")
    async def thread_page(request: Request, session: Me, pupil_id: UUID) -> Response:
        async with viewing(face.kit, roster, session) as view:
            tale = await story(view, pupil_id)
            await done(face, view, what="red thread", pupils=[pupil_id])
        open_to = may_read(view.standing, tale.pupil, tale.today)
        words: dict[str, Any] = {"statuses": STATUSES, "answers": ANSWERS, "agendas": AGENDAS}
        return face.show(request, view, "thread.html", tale=tale, folk=tale.folk, adaptations=open_to, **words)
