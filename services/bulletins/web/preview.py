"""What a home will see, before it leaves: the words, whom they reach and when, and what the leak check found."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.bulletins import leaks, writing
from services.bulletins.domain.bulletins import OPEN
from services.bulletins.domain.editions import Edition, Lack, Lacking, direction
from services.bulletins.domain.leaks import Finding, Reason, unanswered, waived_reasons, waiver
from services.bulletins.sending import STOPPED
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import bulletins as store
from services.bulletins.store.bulletins import Full
from services.bulletins.store.circle import Circle
from services.bulletins.tables import roster
from services.bulletins.web.compose import Typed
from services.bulletins.web.composing import (
    LACKS,
    LEAKS,
    REASONS,
    Desk,
    around,
    beneath,
    common,
    on_desk,
    plain,
    shown,
    writes,
)
from shared.languages import N_
from shared.web.face import Face, Me, act
from shared.web.viewing import View, viewing

MEANWHILE = N_("Somebody has changed it meanwhile, so nothing was done. Please look at it as it is now.")


class Done(StrEnum):
    """What the page says was done."""

    ANSWERED = "answered"
    ASKED = "asked"  # the principal reads it first
    SCHEDULED = "scheduled"
    APPROVED = "approved"
    RETURNED = "returned"
    BACK = "back"
    WITHDRAWN = "withdrawn"


def add_preview(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """`/bulletins/{id}/preview` and `/bulletins/{id}/check`."""

    @router.get("/bulletins/{bulletin_id}/preview")
    async def page(
        request: Request,
        bulletin_id: UUID,
        session: Me,
        language: str = "",
        done: Annotated[Done | None, Query()] = None,
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await on_desk(view, bulletin_id)
            return await preview_page(face, request, view, desk, settings, language=language, done=done)

    @router.post("/bulletins/{bulletin_id}/preview")
    async def fragment(request: Request, bulletin_id: UUID, session: Me) -> Response:
        """The words as they are being typed, shown as a home will see them. Nothing is kept."""
        form = await request.form()
        async with viewing(face.kit, roster, session) as view:
            desk = await writes(view, bulletin_id)
        typed = Typed.read(form, desk.full)
        editions = [(one, shown(desk.full.bulletin.kind, one, desk.full)) for one in typed.editions]
        return HTMLResponse(face.pages.text(request, "preview_words.html", editions=editions, direction=direction))

    _add_check(router, face, settings)


def _add_check(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    @router.post("/bulletins/{bulletin_id}/check")
    async def check(request: Request, bulletin_id: UUID, session: Me) -> Response:
        """Keep what the author answers for. What has changed since is asked again."""
        form = await request.form()
        async with viewing(face.kit, roster, session) as view:
            desk = await writes(view, bulletin_id)
            circle = await around(view, desk.full, settings, look=True)
            await act(view)
            full = await store.load(view.db, bulletin_id, hold=True)
            if full is None:
                raise HTTPException(404)
            if full.state in OPEN:
                found = leaks.findings(full, circle.known)
                given = {one.mark: plain(form.get(f"reason-{one.mark}"), 20) for one in found}
                await _waive(view, full, found, given)
        return RedirectResponse(f"/bulletins/{bulletin_id}/preview?done={Done.ANSWERED}#check", 303)


async def _waive(view: View, full: Full, found: Sequence[Finding], given: dict[str, str]) -> None:
    before = waived_reasons(full.bulletin.waived)
    reasons = {mark: Reason(said) for mark, said in given.items() if said in list(Reason)}
    answered = {**before, **reasons}
    kept = [waiver(one, answered[one.mark]) for one in found if one.mark in answered and not one.stops]
    if kept != full.bulletin.waived:
        await store.change(view.db, full.bulletin.bulletin_id, view.now, waived=kept)


async def preview_page(
    face: Face,
    request: Request,
    view: View,
    desk: Desk,
    settings: BulletinsSettings,
    status: int = 200,
    *,
    language: str = "",
    done: Done | None = None,
    trouble: str | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    """The page, for those who write it and those who approve it. One statement more."""
    full, circle = desk.full, await around(view, desk.full, settings, look=True)
    found = leaks.findings(full, circle.known)
    mine = _chosen(full, language)
    context: dict[str, Any] = {
        **common(request, view, desk, circle, settings),
        "edition": mine,
        "words": shown(full.bulletin.kind, mine, full) if mine else [],
        "pictures": beneath(full),
        "documents": [one for one in full.attachments if not one.is_picture],
        "lacks": lacks_of(full, circle),
        "lack_words": LACKS,
        "findings": found,
        "open_findings": unanswered(found, full.bulletin.waived),
        "answered": waived_reasons(full.bulletin.waived),
        "leak_words": LEAKS,
        "reasons": list(REASONS.items()),
        "needs_approval": needs_approval(desk, circle),
        "stopped": full.bulletin.returned == STOPPED,
        "done": done,
        "trouble": trouble,
        "typed": typed or {},
    }
    return face.show(request, view, "preview.html", status, **context)


def _chosen(full: Full, language: str) -> Edition | None:
    return next((one for one in full.editions if one.language == language), next(iter(full.editions), None))


def lacks_of(full: Full, circle: Circle) -> list[Lacking]:
    """Everything that keeps it from leaving, but for what the leak check finds."""
    return [*writing.lacks(full), *([] if circle.homes else [Lacking(Lack.NO_HOMES)])]


def needs_approval(desk: Desk, circle: Circle) -> bool:
    """True when the principal reads first. A principal's own has been read by a principal."""
    return circle.approval and not desk.approves
