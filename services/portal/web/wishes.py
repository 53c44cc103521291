"""How somebody wants to be told: language, e-mail for what is not urgent, quiet hours."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from services.portal import outgoing
from services.portal.domain.quiet import Read, Wishes, as_typed, read
from services.portal.store.wishes import keep_wishes, wishes_of
from services.portal.tables import roster
from shared.languages import LANGUAGES
from shared.web.face import Face, Me, tell
from shared.web.language import set_language
from shared.web.pages import language_of
from shared.web.viewing import View, viewing

Typed = Annotated[str, Form(max_length=40)]


def add_wishes(router: APIRouter, face: Face) -> None:
    """`/preferences`."""

    @router.get("/preferences")
    async def preferences_page(request: Request, session: Me, saved: bool = False) -> Response:
        async with viewing(face.kit, roster, session) as view:
            wishes = await wishes_of(view.db, session.person_id) or Wishes()
        if wishes.language not in LANGUAGES:
            wishes = Wishes(language_of(request).tag, wishes.email, wishes.quiet_from, wishes.quiet_to)
        return _page(face, request, view, Read(wishes, as_typed(wishes)), saved=saved)

    @router.post("/preferences")
    async def keep(
        request: Request,
        session: Me,
        language: Typed = "",
        email: Typed = "",
        quiet_from: Typed = "",
        quiet_to: Typed = "",
    ) -> Response:
        typed = {"language": language, "email": email, "quiet_from": quiet_from, "quiet_to": quiet_to}
        form = read(typed)
        async with viewing(face.kit, roster, session) as view:
            if not form.errors:
                await _keep(face, view, form.wishes)
        if form.errors:
            return _page(face, request, view, form, status=422)
        face.kit.outbox_written.set()
        answer = RedirectResponse("/preferences?saved=true", 303)
        set_language(answer, language, face.kit.settings)
        return answer


async def _keep(face: Face, view: View, wishes: Wishes) -> None:
    person, tenant = view.standing.person.person_id, view.standing.tenant_id
    version = await keep_wishes(view.db, person, tenant, wishes, view.now)
    await tell(face.kit, view, [outgoing.preferences(person, tenant, version, wishes)])


def _page(face: Face, request: Request, view: View, form: Read, status: int = 200, saved: bool = False) -> Response:
    languages = [(one.tag, one.name) for one in LANGUAGES.values()]
    return face.show(request, view, "preferences.html", status, read=form, choices=languages, saved=saved)
