"""A municipality's own words for messages: written, tried on people who do not exist, versioned, and taken back."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from services.notifications.domain.samples import PEOPLE, Sample, addressed_to, letter_to
from services.notifications.domain.wordings import NAMES, WORDED, Wording, names_for, problem
from services.notifications.messages import Composer
from services.notifications.settings import NotificationsSettings
from services.notifications.store import wordings as store
from services.notifications.store.guests import Trial, trial_of
from services.notifications.store.wordings import Version
from services.notifications.tables import roster
from services.notifications.web.kinds import GROUPS, KINDS, SAMPLES
from services.notifications.web.shown import officer
from shared.events.notify import NotificationKind
from shared.languages import LANGUAGES
from shared.web.face import Face, Me, StronglyMe, act
from shared.web.viewing import View, viewing

# A mail has its style in it, as mail programs want it; nothing else runs, loads or leads anywhere.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; sandbox"
Subject = Annotated[str, Form(max_length=1000)]
Body = Annotated[str, Form(max_length=20_000)]
Tag = Annotated[str, Form(max_length=10)]


class Done(StrEnum):
    """What the page says was done."""

    SAVED = "saved"
    RETIRED = "retired"


class Act(StrEnum):
    """What a button of the form asks for."""

    SAVE = "save"
    TRY = "try"


@dataclass(frozen=True)
class Typed:
    """What is in the form, in which language, and for whom it is tried."""

    language: str
    subject: str = ""
    body: str = ""
    sample: Sample = Sample.PLAIN

    @property
    def wording(self) -> Wording | None:
        """The words; None when the form is empty, which means the built-in ones."""
        return Wording(self.subject, self.body) if self.subject.strip() or self.body.strip() else None


@dataclass(frozen=True)
class Room:
    """What the routes of this room share."""

    face: Face
    composer: Composer


def add_wordings(router: APIRouter, face: Face, settings: NotificationsSettings) -> None:
    """`/sending/words` and the page of each kind, for officers; changing needs a strong login."""
    secret = settings.secret(face.kit.settings.demo)
    room = Room(face, Composer(settings, secret, face.kit.settings.portal_url))

    @router.get("/sending/words")
    async def listed(request: Request, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            tenant = officer(view)
            own = {(kind, tag) for (whose, kind, tag) in await store.in_force(view.db) if whose == tenant}
            trial = await trial_of(view.db, tenant)
        context: dict[str, Any] = {"groups": GROUPS, "kinds": KINDS, "own": own, "trial": trial}
        return face.show(request, view, "wordings.html", tags=LANGUAGES.values(), **context)

    for add in (add_page, add_saving, add_trying):
        add(router, room)


def add_page(router: APIRouter, room: Room) -> None:
    """The page of one kind of message."""

    @router.get("/sending/words/{kind}")
    async def page(
        request: Request,
        session: StronglyMe,
        kind: NotificationKind,
        language: Annotated[str, Query(max_length=10)] = "sv",
        done: Annotated[Done | None, Query()] = None,
    ) -> Response:
        async with viewing(room.face.kit, roster, session) as view:
            known = await _known(view, kind, language)
        present = next((one for one in known.versions if one.language == language and one.retired_at is None), None)
        typed = Typed(language, present.subject, present.body) if present else Typed(language)
        return _page(room, request, view, known, typed, done=done)


def add_saving(router: APIRouter, room: Room) -> None:
    """Words are saved or tried."""

    @router.post("/sending/words/{kind}")
    async def save(
        request: Request,
        session: StronglyMe,
        kind: NotificationKind,
        language: Tag = "",
        subject: Subject = "",
        body: Body = "",
        sample: Annotated[Sample, Form()] = Sample.PLAIN,
        todo: Annotated[Act, Form()] = Act.SAVE,
    ) -> Response:
        typed = Typed(language, subject.strip(), body.strip(), sample)
        error = problem(kind, typed.subject, typed.body)
        async with viewing(room.face.kit, roster, session) as view:
            known = await _known(view, kind, language)
            if todo is Act.SAVE and error is None:
                await act(view)
                place, words = (known.tenant_id, kind, language), Wording(typed.subject, typed.body)
                await store.save(view.db, place, words, session.person_id, view.now)
        if todo is Act.SAVE and error is None:
            return _back(kind, language, Done.SAVED)
        empty = todo is Act.TRY and typed.wording is None
        tried = todo is Act.TRY and (empty or error is None)
        said = None if empty else error
        return _page(room, request, view, known, typed, 400 if said else 200, error=said, tried=tried)

    add_versions(router, room)


def add_versions(router: APIRouter, room: Room) -> None:
    """An earlier version is taken again, or the built-in words."""

    @router.post("/sending/words/{kind}/again")
    async def again(
        session: StronglyMe, kind: NotificationKind, version: Annotated[int, Form(ge=1)], language: Tag = ""
    ) -> Response:
        async with viewing(room.face.kit, roster, session) as view:
            known = await _known(view, kind, language)
            found = [one for one in known.versions if (one.language, one.version) == (language, version)]
            if not found or problem(kind, found[0].subject, found[0].body):
                raise HTTPException(404)
            await act(view)
            words = Wording(found[0].subject, found[0].body)
            await store.save(view.db, (known.tenant_id, kind, language), words, session.person_id, view.now)
        return _back(kind, language, Done.SAVED)

    @router.post("/sending/words/{kind}/retire")
    async def retire(session: StronglyMe, kind: NotificationKind, language: Tag = "") -> Response:
        async with viewing(room.face.kit, roster, session) as view:
            known = await _known(view, kind, language)
            await act(view)
            await store.retire(view.db, (known.tenant_id, kind, language), view.now)
        return _back(kind, language, Done.RETIRED)


def add_trying(router: APIRouter, room: Room) -> None:
    """The HTML part of a mail, as a page of its own that can do nothing."""

    @router.post("/sending/words/{kind}/mail")
    async def mail(
        session: StronglyMe,
        kind: NotificationKind,
        language: Tag = "",
        subject: Subject = "",
        body: Body = "",
        sample: Annotated[Sample, Form()] = Sample.PLAIN,
    ) -> Response:
        typed = Typed(language, subject.strip(), body.strip(), sample)
        async with viewing(room.face.kit, roster, session) as view:
            officer(view)
        if kind not in WORDED or language not in LANGUAGES:
            raise HTTPException(404)
        wording = typed.wording if problem(kind, typed.subject, typed.body) is None else None
        letter = letter_to(sample, kind, LANGUAGES[language], view.now, view.standing.zone)
        shown = room.composer.preview(letter, addressed_to(sample, view.now), wording)
        return HTMLResponse(shown.html, headers={"Content-Security-Policy": MAIL_POLICY})


@dataclass(frozen=True)
class Known:
    """What is kept about the words of a kind in a municipality."""

    tenant_id: UUID
    kind: NotificationKind
    versions: list[Version]
    trial: Trial


async def _known(view: View, kind: NotificationKind, language: str) -> Known:
    """Raises 404 for everybody but officers, and for what has no words of its own."""
    tenant = officer(view)
    if kind not in WORDED or language not in LANGUAGES:
        raise HTTPException(404)
    return Known(tenant, kind, list(await store.versions_of(view.db, tenant, kind)), await trial_of(view.db, tenant))


def _back(kind: NotificationKind, language: str, done: Done) -> Response:
    return RedirectResponse(f"/sending/words/{kind}?language={language}&done={done}", 303)


def _page(
    room: Room,
    request: Request,
    view: View,
    known: Known,
    typed: Typed,
    status: int = 200,
    *,
    done: Done | None = None,
    error: str | None = None,
    tried: bool = False,
) -> Response:
    kind, tag = known.kind, typed.language
    plain = letter_to(Sample.PLAIN, kind, LANGUAGES[tag], view.now, view.standing.zone)
    return room.face.show(
        request,
        view,
        "wording.html",
        status,
        kind=kind,
        name=KINDS[kind],
        typed=typed,
        names=[(one, NAMES[one]) for one in names_for(kind)],
        built_in=room.composer.words(plain),
        versions=[one for one in known.versions if one.language == tag],
        tags=list(LANGUAGES.values()),
        samples=[(one, PEOPLE[one].name, SAMPLES[one]) for one in Sample],
        previews=_previews(room, view, known, typed) if tried else [],
        trial=known.trial,
        done=done,
        error=error,
    )


def _previews(room: Room, view: View, known: Known, typed: Typed) -> list[tuple[str, Any, bool]]:
    """In every language: the one in the form with its words, the others with those in force."""
    in_force = {one.language: Wording(one.subject, one.body) for one in known.versions if one.retired_at is None}
    wordings = {**in_force, typed.language: typed.wording}
    first = sorted(LANGUAGES.values(), key=lambda one: one.tag != typed.language)
    to = addressed_to(typed.sample, view.now)
    zone = view.standing.zone
    return [
        (
            one.name,
            room.composer.preview(letter_to(typed.sample, known.kind, one, view.now, zone), to, wordings.get(one.tag)),
            one.tag == typed.language,
        )
        for one in first
    ]
