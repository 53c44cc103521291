"""When can you come? One page for everything a family is asked, for all its children at all their schools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any

from babel import Locale
from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling.domain.rounds import RoundState
from services.scheduling.domain.wishes import (
    LANGUAGES,
    Day,
    Form,
    Needs,
    Read,
    Window,
    answered,
    as_form,
    days,
    read,
    window,
)
from services.scheduling.outgoing import talk_stated
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store.wishes import (
    Answers,
    Asked,
    alone_with,
    answers_of,
    asked_of,
    keep_answers,
    settle_households,
)
from services.scheduling.tables import roster
from shared.clock import is_of_age
from shared.events.scheduling import TalkState
from shared.roster.access import Why
from shared.web.face import Face, Me, act, done
from shared.web.pages import language_of
from shared.web.viewing import View, viewing

SHOWN = (RoundState.WISHES, RoundState.PROPOSED, RoundState.BOOKING)
OVER = (TalkState.CANCELLED, TalkState.HELD, TalkState.SIGNED)


@dataclass(frozen=True)
class Sheet:
    """What one person is asked: their talks in rounds that still ask, those in rounds that do no more, the days."""

    open: Sequence[Asked]
    over: Sequence[Asked]
    answers: Answers
    several: bool  # a child of theirs has another guardian, and a round grants separate talks
    zones: Mapping[Any, str] = field(default_factory=dict)

    def windows(self, one: Asked) -> list[Window]:
        """When talks of this one's round are held."""
        return [window(*day, self.zones[one.round.round_id]) for day in one.days]

    def days(self, talks: Sequence[Asked]) -> tuple[Day, ...]:
        """The days of these talks' rounds."""
        return days([(span, self.zones[one.round.round_id]) for one in talks for span in self.windows(one)])

    def at(self, day: date) -> list[Asked]:
        """Whose talks can be on that day."""
        return [one for one in self.open if day in [its for its, _, _ in one.days]]


def add_wishes(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/talks/wishes`."""

    @router.get("/talks/wishes")
    async def wishes_page(request: Request, session: Me, saved: Annotated[bool, Query()] = False) -> Response:
        async with viewing(face.kit, roster, session) as view:
            sheet = await _sheet(view)
            its = [one.talk.pupil_id for one in (*sheet.open, *sheet.over)]
            await done(face, view, what="talk wishes", pupils=[one for one in its if one != session.person_id])
        form = as_form(sheet.answers.stretches, sheet.days(sheet.open))
        return _page(face, request, view, sheet, form, sheet.answers.needs, saved=saved)

    @router.post("/talks/wishes")
    async def keep(request: Request, session: Me) -> Response:
        typed = await request.form()
        form = {name: [one for one in typed.getlist(name) if isinstance(one, str)] for name in typed}
        async with viewing(face.kit, roster, session) as view:
            sheet = await _sheet(view)
            if not sheet.open:
                raise HTTPException(404)
            said, needs = _said(sheet, form), _needs(sheet, form)
            if not said.errors:
                await _keep(face, view, sheet, said, needs)
        if said.errors:
            return _page(face, request, view, sheet, form, needs, said, status=400)
        return RedirectResponse("/talks/wishes?saved=true", 303)


async def _sheet(view: View) -> Sheet:
    """What the reader is asked. Two statements."""
    me = view.standing.person
    mine = [pupil for pupil, child in view.standing.children.items() if child.why is Why.ANSWERS_FOR]
    of_age = me.born is not None and is_of_age(me.born, view.standing.today)
    every = await asked_of(view.db, [*mine, *([me.person_id] if of_age else [])], SHOWN)
    its = [
        one
        for one in every
        if one.talk.state not in OVER and (me.person_id in one.talk.guardian_ids or one.talk.pupil_id == me.person_id)
    ]
    asks = [one for one in its if one.round.state == RoundState.WISHES and view.now <= one.round.answer_by]
    zones = {one.round.round_id: view.standing.schools[one.round.school_id].zone for one in every}
    answers = await answers_of(view.db, me.person_id, view.standing.tenant_id)
    return Sheet(asks, [one for one in its if one not in asks], answers, _several(every, asks), zones)


def _several(every: Sequence[Asked], asks: Sequence[Asked]) -> bool:
    """True when a talk can be split: its round grants it, and the pupil has more than one guardian."""
    granted = {(one.round.round_id, one.talk.pupil_id) for one in asks if one.round.separate_talks}
    guardians: dict[Any, set[Any]] = {}
    for one in every:
        guardians.setdefault((one.round.round_id, one.talk.pupil_id), set()).update(one.talk.guardian_ids)
    return any(len(guardians[place]) > 1 for place in granted)


def _said(sheet: Sheet, form: Form) -> Read:
    asked = sheet.days(sheet.open)
    return Read(()) if form.get("all") else read(form, asked, [sheet.windows(one) for one in sheet.open])


def _needs(sheet: Sheet, form: Form) -> Needs:
    """What is needed; what was not asked about stays as it was."""
    before, language = sheet.answers.needs, "".join(form.get("interpreter", [""])[-1:])
    return Needs(
        language if language in {*LANGUAGES, *sheet.answers.languages, before.interpreter} else None,
        "video" in form if _by_video(sheet) else before.video,
        "more_time" in form,
        "apart" in form if sheet.several else before.apart,
    )


def _by_video(sheet: Sheet) -> bool:
    return any(one.round.video for one in sheet.open)


async def _keep(face: Face, view: View, sheet: Sheet, said: Read, needs: Needs) -> None:
    windows = [span for one in sheet.open for span in sheet.windows(one)]
    pupils = [one.talk.pupil_id for one in sheet.open]
    person, tenant = view.standing.person.person_id, view.standing.tenant_id
    await act(view)
    await alone_with(view.db, person, *pupils)
    await keep_answers(
        view.db, tenant, person, windows, answered(said.stretches, windows) if said.stretches else (), needs, view.now
    )
    changed = await settle_households(view.db, pupils, view.now) if sheet.several else []
    await done(face, view, [talk_stated(one.talk, one.round) for one in changed], "talk wishes answered", pupils)


def _page(
    face: Face,
    request: Request,
    view: View,
    sheet: Sheet,
    form: Form,
    needs: Needs,
    said: Read | None = None,
    *,
    status: int = 200,
    saved: bool = False,
) -> Response:
    since = sheet.answers.answered_at
    return face.show(
        request,
        view,
        "wishes.html",
        status,
        sheet=sheet,
        days=sheet.days(sheet.open),
        form=form,
        needs=needs,
        errors=said.errors if said else {},
        saved=saved,
        answered=any(since is not None and since >= one.round.created_at for one in sheet.open),
        by_video=_by_video(sheet),
        spoken=_languages(request, sheet.answers),
        schools=view.standing.schools,
        me=view.standing.person.person_id,
    )


def _languages(request: Request, answers: Answers) -> list[tuple[str, str]]:
    """The languages one can ask for, in the reader's own words and order."""
    names = Locale.parse(language_of(request).locale).languages
    tags = {*LANGUAGES, *answers.languages, *([answers.needs.interpreter] if answers.needs.interpreter else [])}
    return sorted(((tag, names.get(tag, tag)) for tag in tags), key=lambda one: one[1].casefold())
