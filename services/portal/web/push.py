"""This browser shows messages, or does so no more: said on the page of preferences, by a click and never unasked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException
from starlette.responses import RedirectResponse, Response

from services.portal.domain.browsers import read, with_one, without
from services.portal.store.push import Change, keep_push
from services.portal.tables import roster
from shared.events.envelope import Outgoing
from shared.observe.tracing import new_traceparent
from shared.web.face import Face, Me, tell
from shared.web.viewing import viewing

WORKER = Path(__file__).parent / "static" / "sw.js"
HERE = "/preferences?saved=true#browsers"
Typed = Annotated[str, Form(max_length=1000)]


def add_push(router: APIRouter, face: Face) -> None:
    """`/preferences/push`: the two buttons of `push.html`."""

    @router.post("/preferences/push")
    async def begin(session: Me, endpoint: Typed = "", p256dh: Typed = "", auth: Typed = "") -> Response:
        address = read(endpoint, p256dh, auth)
        if address is None:
            raise HTTPException(400)
        return await _change(face, session, lambda kept: with_one(kept, address))

    @router.post("/preferences/push/remove")
    async def end(session: Me, browser: Typed = "") -> Response:
        return await _change(face, session, lambda kept: without(kept, browser))


def worker_routes() -> APIRouter:
    """`/sw.js`, for everybody: a service worker sees no further than the folder its own address is in."""
    router = APIRouter(include_in_schema=False)
    worker = WORKER.read_bytes()

    @router.get("/sw.js")
    async def script() -> Response:
        headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
        return Response(worker, media_type="text/javascript", headers=headers)

    return router


async def _change(face: Face, session: Me, change: Change) -> Response:
    async with viewing(face.kit, roster, session) as view:
        standing = view.standing
        stated = await keep_push(view.db, standing.person.person_id, standing.tenant_id, change, view.now)
        if stated:
            await tell(face.kit, view, [Outgoing(stated, new_traceparent())])
    if stated:
        face.kit.outbox_written.set()
    return RedirectResponse(HERE, 303)
