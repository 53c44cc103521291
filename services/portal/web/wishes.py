"""How somebody wants to be told: language, ways, quiet hours, and how to hear of each subject and child."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from services.portal import outgoing
from services.portal.domain.browsers import shown as browsers_of
from services.portal.domain.choices import (
    CHANNELS,
    HOWS,
    SUBJECTS,
    WAYS,
    Child,
    field_of,
    known_addresses,
    subjects_for,
)
from services.portal.domain.quiet import DIGEST_AT, UNSAID, Read, Wishes, as_typed, read
from services.portal.store.wishes import keep_wishes, wishes_of
from services.portal.tables import roster
from shared.events.people import Channel, How
from shared.events.roster import ContactStated
from shared.languages import LANGUAGES
from shared.roster.projection import known
from shared.web.face import Face, Me, tell
from shared.web.language import set_language
from shared.web.pages import language_of
from shared.web.viewing import View, viewing

LONGEST = 40  # characters of a field


def add_wishes(router: APIRouter, face: Face) -> None:
    """`/preferences`, for everybody who is logged in."""

    @router.get("/preferences")
    async def preferences_page(request: Request, session: Me, saved: bool = False) -> Response:
        async with viewing(face.kit, roster, session) as view:
            wishes = await wishes_of(view.db, session.person_id) or UNSAID
            children = await _children(view)
        if wishes.language not in LANGUAGES:
            wishes = replace(wishes, language=language_of(request).tag)
        return _page(face, request, view, Read(wishes, as_typed(wishes)), children, saved=saved)

    @router.post("/preferences")
    async def keep(request: Request, session: Me) -> Response:
        typed = {name: said[:LONGEST] for name, said in (await request.form()).items() if isinstance(said, str)}
        async with viewing(face.kit, roster, session) as view:
            form = read(typed, view.standing.children)
            if form.errors:
                kept, children = await wishes_of(view.db, session.person_id) or UNSAID, await _children(view)
                form = replace(form, wishes=replace(form.wishes, push=kept.push))
            else:
                await _keep(face, view, form.wishes)
        if form.errors:
            return _page(face, request, view, form, children, status=422)
        face.kit.outbox_written.set()
        answer = RedirectResponse("/preferences?saved=true", 303)
        set_language(answer, form.wishes.language or "", face.kit.settings)
        return answer


async def _keep(face: Face, view: View, wishes: Wishes) -> None:
    person, tenant = view.standing.person.person_id, view.standing.tenant_id
    version, whole = await keep_wishes(view.db, person, tenant, wishes, view.now)
    await tell(face.kit, view, [outgoing.preferences(person, tenant, version, whole)])


async def _children(view: View) -> list[Child]:
    """The children of whom this person hears, by their given names; the oldest first."""
    standing = view.standing
    if not standing.children:
        return []
    names = await known(view.db, roster, ContactStated, standing.children)
    ordered = sorted(standing.children.values(), key=lambda one: str(one.pupil.born))
    return [
        Child(one.pupil.person_id, names[one.pupil.person_id].given_name)
        for one in ordered
        if one.pupil.person_id in names
    ]


def _page(
    face: Face,
    request: Request,
    view: View,
    form: Read,
    children: Sequence[Child],
    status: int = 200,
    saved: bool = False,
) -> Response:
    chosen_apart = any(one.pupil_id for one in form.wishes.choices)
    return face.show(
        request,
        view,
        "preferences.html",
        status,
        typed=form.typed,
        wrong={name: face.pages.gettext(request, text) for name, text in form.errors.items()},
        tongues=[(one.tag, one.name) for one in LANGUAGES.values()],
        ways=WAYS,
        channels=_channels(view, form.wishes),
        subjects=[(one, SUBJECTS[one]) for one in subjects_for(view.standing)],
        hows=[(how, HOWS[how]) for how in How],
        children=children if len(children) > 1 or chosen_apart else [],
        field_of=field_of,
        digest_at=DIGEST_AT,
        at_home=bool(view.standing.children),
        vapid_public=getattr(face.kit.own, "vapid_public", None),
        browsers=browsers_of(form.wishes.push),
        saved=saved,
    )


def _channels(view: View, wishes: Wishes) -> list[tuple[Channel, str, list[str]]]:
    """The ways there are: their English names, and what is known to reach this person by each."""
    addresses = known_addresses(view.standing.contact, wishes.push)
    return [(channel, name, addresses[channel]) for channel, name in CHANNELS.items()]
