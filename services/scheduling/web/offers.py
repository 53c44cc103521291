"""Offers of guardians' experience: made and answered by guardians, found and asked for by the teachers of a school."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.scheduling import offers
from services.scheduling.domain.gatherings import Answer, is_found
from services.scheduling.domain.guests import workplaces, works_at
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import offers as store
from services.scheduling.tables import roster
from shared.events.roster import ContactStated, SchoolStated
from shared.languages import N_
from shared.roster.access import Why
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

TITLE, WORDS, QUESTION = 120, 3000, 1000  # characters
MOST_SHOWN, MOST_MADE = 50, 20
NEEDED = N_("Please write a title and a few words.")
LONG = N_("This is too long. Please shorten it.")
NO_SCHOOL = N_("Choose at least one school.")
MANY = N_("You have many offers already. Withdraw one first.")
QUESTION_NEEDED = N_("Please write what you ask for, in a sentence or two.")
ANSWERS = {
    Answer.YES_MAIL: N_("Yes. The teacher may see my name and e-mail address"),
    Answer.YES_PHONE: N_("Yes. The teacher may see my name and phone number"),
    Answer.YES: N_("Yes. The teacher may see my name"),
    Answer.NO: N_("No, not this time. The teacher sees nothing of me"),
}
HIDDEN = {
    Answer.YES: N_("Yes. My name is not shown; the school's principal finds a way for us to meet"),
    Answer.NO: ANSWERS[Answer.NO],
}


class Done(StrEnum):
    """What the page says was done."""

    MADE = "made"
    SAVED = "saved"
    WITHDRAWN = "withdrawn"
    ASKED = "asked"
    ANSWERED = "answered"


def add_offers(router: APIRouter, face: Face, _: SchedulingSettings) -> None:
    """`/offers`, and an offer's own page."""

    @router.get("/offers")
    async def listed(
        request: Request,
        session: Me,
        q: Annotated[str, Query()] = "",
        done: Annotated[Done | None, Query()] = None,
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await store.listed(view.db, view.standing.person.person_id, workplaces(view.standing))
        return _list(face, request, view, found, q=_plain(q), done=done)

    @router.post("/offers")
    async def make(
        request: Request,
        session: Me,
        title: Annotated[str, Form()] = "",
        words: Annotated[str, Form()] = "",
        school: Annotated[list[UUID] | None, Form()] = None,
    ) -> Response:
        title, words = _plain(title), _plain(words)
        async with viewing(face.kit, roster, session) as view:
            mine = _schools_of(view)
            if not mine:
                raise HTTPException(404)
            found = await store.listed(view.db, view.standing.person.person_id, workplaces(view.standing))
            chosen = [one for one in mine if one.school_id in (school or ())]
            error = _wrong(title, words) or (None if chosen else NO_SCHOOL)
            error = error or (MANY if len(_own(view, found)) + len(chosen) > MOST_MADE else None)
            if error is None:
                await act(view)
                tenant, me = view.standing.tenant_id, view.standing.person.person_id
                await offers.make(view.db, tenant, me, chosen, title, words, view.now)
        if error:
            typed = {"title": title, "words": words, "schools": school or []}
            return _list(face, request, view, found, 400, error=error, typed=typed)
        return RedirectResponse(f"/offers?done={Done.MADE}", 303)

    for add in (add_page, add_changing, add_asking):
        add(router, face)


def add_page(router: APIRouter, face: Face) -> None:
    """One offer's own page."""

    @router.get("/offers/{offer_id}")
    async def one(
        request: Request, offer_id: UUID, session: Me, done: Annotated[Done | None, Query()] = None
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await _seen(view, offer_id)
        return _page(face, request, view, found, done=done)


def add_changing(router: APIRouter, face: Face) -> None:
    """The owner changes an offer, withdraws it, and makes it again."""

    @router.post("/offers/{offer_id}/edit")
    async def edit(
        request: Request,
        offer_id: UUID,
        session: Me,
        title: Annotated[str, Form()] = "",
        words: Annotated[str, Form()] = "",
    ) -> Response:
        typed = {"title": _plain(title), "words": _plain(words)}
        async with viewing(face.kit, roster, session) as view:
            found = await _mine(view, offer_id)
            error = _wrong(typed["title"], typed["words"])
            if error is None:
                await act(view)
                await store.change(view.db, offer_id, **typed)
        if error:
            return _page(face, request, view, found, 400, error=error, typed=typed)
        return RedirectResponse(f"/offers/{offer_id}?done={Done.SAVED}", 303)

    @router.post("/offers/{offer_id}/withdraw")
    async def withdraw(offer_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await _mine(view, offer_id)
            await act(view)
            await store.change(view.db, offer_id, withdrawn_at=view.now)
        return RedirectResponse(f"/offers?done={Done.WITHDRAWN}", 303)

    @router.post("/offers/{offer_id}/again")
    async def again(offer_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await _mine(view, offer_id)
            if found.offer.school_id not in [one.school_id for one in _schools_of(view)]:
                raise HTTPException(404)
            await act(view)
            await store.change(view.db, offer_id, withdrawn_at=None)
        return RedirectResponse(f"/offers/{offer_id}?done={Done.SAVED}", 303)


def add_asking(router: APIRouter, face: Face) -> None:
    """A teacher asks, and the guardian answers."""

    @router.post("/offers/{offer_id}/ask")
    async def ask(request: Request, offer_id: UUID, session: Me, words: Annotated[str, Form()] = "") -> Response:
        question = _plain(words)
        async with viewing(face.kit, roster, session) as view:
            found = await _seen(view, offer_id)
            if _is_mine(view, found) or not found.offer.is_open:
                raise HTTPException(404)
            error = None if question and len(question) <= QUESTION else (LONG if question else QUESTION_NEEDED)
            if error is None:
                school, me = view.standing.schools[found.offer.school_id], view.standing.person.person_id
                await act(view)
                await done(face, view, await offers.ask(view.db, school, offer_id, me, question, view.now))
        if error:
            return _page(face, request, view, found, 400, error=error, typed={"question": question})
        return RedirectResponse(f"/offers/{offer_id}?done={Done.ASKED}", 303)

    @router.post("/offers/{offer_id}/answer")
    async def answer(
        offer_id: UUID, session: Me, asked_id: Annotated[UUID, Form()], given: Annotated[Answer, Form()]
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await _mine(view, offer_id)
            await act(view)
            if not await store.answer(view.db, offer_id, asked_id, given, view.now):
                raise HTTPException(404)
        return RedirectResponse(f"/offers/{offer_id}?done={Done.ANSWERED}", 303)


def _list(
    face: Face,
    request: Request,
    view: View,
    found: list[store.Offered],
    status: int = 200,
    *,
    q: str = "",
    done: Done | None = None,
    error: str | None = None,
    typed: dict[str, Any] | None = None,
) -> Response:
    mine = _own(view, found)
    others = [one for one in found if one.person_id != view.standing.person.person_id]
    hits = [one for one in others if is_found(q, one.title, one.words)]
    hits.sort(key=lambda one: not is_found(q, one.title, ""))
    more: dict[str, Any] = {"q": q, "done": done, "error": error}
    return face.show(
        request,
        view,
        "offers.html",
        status,
        mine=mine,
        hits=hits[:MOST_SHOWN],
        hidden_hits=len(hits[MOST_SHOWN:]),
        asked=[one for one in others if one.asks],
        schools=_schools_of(view),
        searches=bool(workplaces(view.standing)),
        places=view.standing.schools,
        typed=typed or {"title": "", "words": "", "schools": []},
        **more,
    )


def _page(
    face: Face,
    request: Request,
    view: View,
    found: store.Found,
    status: int = 200,
    *,
    done: Done | None = None,
    error: str | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    me = view.standing.person.person_id
    own = _is_mine(view, found)
    mine = [one for one in found.offer.asks if one.author_id == me]
    said = {"title": found.offer.title, "words": found.offer.words, "question": "", **(typed or {})}
    return face.show(
        request,
        view,
        "offer.html",
        status,
        offer=found.offer,
        own=own,
        authors=found.authors if own else {},
        asks=found.offer.asks if own else mine,
        seen={one.asked_id: offers.shown(found, one.answer) for one in mine},
        answers=_answers(found, view.standing.contact) if own else {},
        school=view.standing.schools[found.offer.school_id],
        may_ask=not own and found.offer.is_open and all(one.answer for one in mine),
        done=done,
        error=error,
        typed=said,
    )


def _answers(found: store.Found, contact: ContactStated | None) -> dict[Answer, str]:
    """What the owner can answer: only what there is to show."""
    if found.offer.hidden:
        return HIDDEN
    lacking = {
        Answer.YES_MAIL: contact is None or not contact.emails,
        Answer.YES_PHONE: contact is None or not contact.phones,
    }
    return {given: words for given, words in ANSWERS.items() if not lacking.get(given)}


async def _seen(view: View, offer_id: UUID) -> store.Found:
    """An offer, for who made it and for the teachers of its school. Raises 404 for everybody else."""
    found = await store.page(view.db, offer_id)
    if found is None or found.offer.school_id not in view.standing.schools:
        raise HTTPException(404)
    if _is_mine(view, found):
        return found
    asked = any(one.author_id == view.standing.person.person_id for one in found.offer.asks)
    if not works_at(view.standing, found.offer.school_id) or not (found.offer.is_open or asked):
        raise HTTPException(404)
    return found


async def _mine(view: View, offer_id: UUID) -> store.Found:
    """The reader's own offer. Raises 404 for everybody else."""
    found = await _seen(view, offer_id)
    if not _is_mine(view, found):
        raise HTTPException(404)
    return found


def _is_mine(view: View, found: store.Found) -> bool:
    return found.offer.person_id == view.standing.person.person_id


def _own(view: View, found: list[store.Offered]) -> list[store.Offered]:
    me, places = view.standing.person.person_id, view.standing.schools
    return [one for one in found if one.person_id == me and one.school_id in places]


def _schools_of(view: View) -> list[SchoolStated]:
    """The schools of the children for whom the reader answers."""
    standing = view.standing
    children = [child.pupil for child in standing.children.values() if child.why is Why.ANSWERS_FOR]
    found = dict.fromkeys(school for pupil in children for school in pupil.school_ids)
    return [standing.schools[one] for one in found if one in standing.schools]


def _wrong(title: str, words: str) -> str | None:
    if not title or not words:
        return NEEDED
    return LONG if len(title) > TITLE or len(words) > WORDS else None


def _plain(typed: str) -> str:
    return typed.replace("\x00", "").replace("\r\n", "\n").strip()
