"""`/feedback`: what homes say of bulletins and rounds of talks; to the school in sums, never with a name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.bulletins import answering
from services.bulletins.answering import plain, said_by_homes, unanswered
from services.bulletins.domain.feedback import FEWEST, SCORES, TOO_LATE, About, may_change, wrong
from services.bulletins.domain.readers import language_for, pupils_of
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import feedback as store
from services.bulletins.tables import roster
from services.bulletins.web.archive import languages_of
from services.bulletins.web.bulletin import opened, page_of
from shared.clock import local_date
from shared.events.scheduling import TalkKind
from shared.languages import N_
from shared.web.face import Face, Me, act
from shared.web.viewing import View, viewing

ROUND_KINDS = {
    TalkKind.DEVELOPMENT: N_("Development talks"),
    TalkKind.RECEPTION: N_("Reception talks"),
    TalkKind.START_UP: N_("Start-up talks"),
}
Score = Annotated[str, Form(max_length=4)]
Words = Annotated[str, Form()]


class Done(StrEnum):
    """What the page says was done."""

    TAKEN_BACK = "taken_back"


@dataclass(frozen=True)
class Held:
    """A round of talks as its page shows it."""

    held: store.RoundHeld
    names: tuple[str, ...]
    own: store.Given | None


def add_feedback(router: APIRouter, face: Face, _: BulletinsSettings) -> None:
    """`/feedback`, a round's page, and the answers themselves."""

    @router.get("/feedback")
    async def page(request: Request, session: Me, done: Annotated[Done | None, Query()] = None) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await store.page(view.db, view.standing, view.now)
        wanted = languages_of(request, view.standing)
        return face.show(
            request,
            view,
            "feedback.html",
            own=found.own,
            rounds=unanswered(found),
            said=said_by_homes(found),
            groups=found.groups,
            names=found.names,
            me=view.standing.person.person_id,
            scores=SCORES,
            kinds=ROUND_KINDS,
            fewest=FEWEST,
            gathers=bool(view.standing.mentor_groups or view.standing.principal_of),
            at_home=bool(pupils_of(view.standing)),
            now_may_change=lambda at: may_change(at, view.now),
            title_of=lambda titles: titles[language_for([*titles], *wanted)] if titles else "",
            done=done,
        )

    for add in (_add_rounds, _add_bulletins, _add_taking_back):
        add(router, face)


def _add_rounds(router: APIRouter, face: Face) -> None:
    @router.get("/feedback/rounds/{round_id}")
    async def one_round(request: Request, round_id: UUID, session: Me, answered: str = "") -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await _round(view, round_id)
        return _round_page(face, request, view, found, answered=bool(answered))

    @router.post("/feedback/rounds/{round_id}")
    async def answer(request: Request, round_id: UUID, session: Me, score: Score = "", words: Words = "") -> Response:
        given, said = _score(score), plain(words)
        async with viewing(face.kit, roster, session) as view:
            found = await _round(view, round_id)
            error = wrong(given, said) or (None if _open(view, found.own) else TOO_LATE)
            if error is None:
                page = await store.of_round(view.db, view.standing, round_id)
                day = local_date(found.held.held_at, view.standing.schools[found.held.school_id].zone)
                place = found.held.school_id, store.group_on(page.belongs, found.held.pupils, day)
                await act(view)
                await answering.give(view.db, About.ROUND, round_id, place, session.person_id, given, said, view.now)
        if error:
            return _round_page(face, request, view, found, 400, error=error, typed=(given, said))
        return RedirectResponse(f"/feedback/rounds/{round_id}?answered=1", 303)


def _add_bulletins(router: APIRouter, face: Face) -> None:
    @router.post("/feedback/bulletins/{bulletin_id}")
    async def about_bulletin(
        request: Request, bulletin_id: UUID, session: Me, score: Score = "", words: Words = ""
    ) -> Response:
        given, said = _score(score), plain(words)
        async with viewing(face.kit, roster, session) as view:
            one = await opened(view, request, bulletin_id)
            if not one.at_home or one.withdrawn:
                raise HTTPException(404)
            error = wrong(given, said) or (None if _open(view, one.shelf.answer) else TOO_LATE)
            if error is None:
                sent, belongs = one.line.entry.sent, one.shelf.belongs
                mine = [part for part in belongs if part.group_id in sent.group_ids]
                group = store.group_on(mine, one.line.pupils, sent.day)
                place = sent.school_id, group or store.group_on(mine, one.line.pupils, view.standing.today)
                await act(view)
                about = About.BULLETIN, bulletin_id
                await answering.give(view.db, *about, place, session.person_id, given, said, view.now)
        if error:
            shown = page_of(request, view, one, "")
            typed = {"typed": (given, said), "error": error}
            return face.show(request, view, "bulletin.html", 400, **shown, **typed, answered=False)
        return RedirectResponse(f"/bulletins/{bulletin_id}?answered=1#answer", 303)


def _add_taking_back(router: APIRouter, face: Face) -> None:
    @router.post("/feedback/{feedback_id}/take-back")
    async def take_back(feedback_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await act(view)
            if not await store.take_back(view.db, feedback_id, session.person_id):
                raise HTTPException(404)
        return RedirectResponse(f"/feedback?done={Done.TAKEN_BACK}", 303)


async def _round(view: View, round_id: UUID) -> Held:
    """A round in which a talk about a pupil of the reader's has taken place. Raises 404 for everybody else."""
    page = await store.of_round(view.db, view.standing, round_id)
    if not page.rounds or page.rounds[0].school_id not in view.standing.schools:
        raise HTTPException(404)
    held, me = page.rounds[0], view.standing.person.person_id
    names = tuple(sorted("" if one == me else page.names.get(one, "") for one in held.pupils))
    return Held(held, names, page.own[0] if page.own else None)


def _round_page(
    face: Face,
    request: Request,
    view: View,
    found: Held,
    status: int = 200,
    *,
    answered: bool = False,
    error: str | None = None,
    typed: tuple[int | None, str] | None = None,
) -> Response:
    context: dict[str, Any] = {
        "one": found,
        "kind": _kind(found.held.kind),
        "school": view.standing.schools[found.held.school_id],
        "scores": SCORES,
        "answer": found.own,
        "may_answer": _open(view, found.own),
        "answered": answered,
        "error": error,
        "typed": typed,
    }
    return face.show(request, view, "feedback_round.html", status, **context)


def _kind(kind: str) -> str:
    return ROUND_KINDS[TalkKind(kind)] if kind in set(TalkKind) else N_("Talks")


def _open(view: View, own: Any) -> bool:
    """True for a first answer, and for one that can still be changed."""
    return own is None or may_change(own.at, view.now)


def _score(typed: str) -> int | None:
    return int(typed) if typed in {str(one) for one in SCORES} else None
