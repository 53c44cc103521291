"""Opening a conversation, and asking somebody more into one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Form, HTTPException, Query, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from services.bulletins import talking
from services.bulletins.domain.dialogue import SUBJECTS, Around, Part, PartyOf, Subject, part_of, wrong
from services.bulletins.pictures import NotTaken
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import dialogue as store
from services.bulletins.tables import roster
from services.bulletins.talking import Typed
from services.bulletins.web.dialogue import Done, conversation_of, refused, said_and_planned, too_urgent, typed_by
from shared.clock import local_date
from shared.events.roster import ContactStated, PersonStated, SchoolStated
from shared.languages import N_
from shared.roster.access import is_protected
from shared.roster.projection import known
from shared.roster.standing import members_on
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

NO_SUBJECT = N_("Choose what it is about.")
Chosen = Annotated[list[UUID] | None, Form()]


@dataclass(frozen=True)
class Person:
    """Somebody who can be asked in, as the form shows them. `name` None: an identity is protected."""

    person_id: UUID
    part: Part
    name: str | None
    chosen: bool


def add_opening(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """`/dialogue/new`, and asking in."""

    @router.get("/dialogue/new")
    async def choose(request: Request, session: Me, pupil: Annotated[UUID | None, Query()] = None) -> Response:
        async with viewing(face.kit, roster, session) as view:
            if pupil is None:
                pupils = await _pupils(view)
                if len(pupils) != 1:
                    await done(face, view, what="conversation", pupils=pupils)
                    return face.show(request, view, "dialogue_pupils.html", pupils=pupils)
                pupil = next(iter(pupils))
            there, _ = await _around(view, pupil)
            await done(face, view, what="conversation", pupils=[pupil])
        return _form(face, request, view, there)

    add_beginning(router, face, settings)
    add_asking_in(router, face)


def add_beginning(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """Somebody writes the first message."""

    @router.post("/dialogue")
    async def begin(
        request: Request,
        session: Me,
        pupil_id: Annotated[UUID, Form()],
        subject: Annotated[str, Form()] = "",
        party: Chosen = None,
        words: Annotated[str, Form()] = "",
        urgent: Annotated[bool, Form()] = False,
        files: Annotated[list[UploadFile] | None, File()] = None,
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            there, mine = await _around(view, pupil_id)
            me, about = view.standing.person.person_id, Subject(subject) if subject in set(Subject) else None
            may = there.may_ask_in(me) | {me: mine}
            chosen = [(one, may[one]) for one in dict.fromkeys([me, *(party or ())]) if one in may]
            typed, error = await typed_by(words, urgent, files, settings)
            lacks = (None if about else NO_SUBJECT) or wrong(typed.words, [one for one, _ in chosen], me)
            own = PartyOf(person_id=me, part=mine, joined_at=view.now)
            error = error or refused(lacks or await too_urgent(view, own, typed))
            if error is None and about:
                school = _school(view, there.pupil)
                await act_and_begin(face, view, (there.pupil, school, about), chosen, (own, typed), settings)
        if error:
            return _form(face, request, view, there, 400, error, typed, subject, {one for one, _ in chosen})
        return RedirectResponse(f"/dialogue?done={Done.SENT}", 303)


def add_asking_in(router: APIRouter, face: Face) -> None:
    """A party asks somebody in who is around the pupil."""

    @router.get("/dialogue/{thread_id}/ask-in")
    async def who(request: Request, thread_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found, pupil, _ = await conversation_of(view, thread_id)
            there, _ = await _around(view, pupil.person_id)
            await done(face, view, what="conversation", pupils=[pupil.person_id])
        inside = {one.person_id for one in found.parties if one.left_at is None}
        others = [one for one in _people(there, view, set()) if one.person_id not in inside]
        return face.show(request, view, "dialogue_ask_in.html", one=found, people=others)

    @router.post("/dialogue/{thread_id}/ask-in")
    async def ask_in(thread_id: UUID, session: Me, party: Chosen = None) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found, pupil, _ = await conversation_of(view, thread_id)
            there, _ = await _around(view, pupil.person_id)
            may = there.may_ask_in(view.standing.person.person_id)
            inside = {one.person_id for one in found.parties if one.left_at is None}
            fresh = [(one, may[one]) for one in dict.fromkeys(party or ()) if one in may and one not in inside]
            await act(view)
            await store.add_parties(view.db, thread_id, fresh, view.now)
        return RedirectResponse(f"/dialogue/{thread_id}?done={Done.ASKED_IN}", 303)


async def act_and_begin(
    face: Face,
    view: View,
    what: tuple[PersonStated, SchoolStated, Subject],
    parties: list[tuple[UUID, Part]],
    written: tuple[PartyOf, Typed],
    settings: BulletinsSettings,
) -> None:
    """Open the conversation and write its first message, as one act."""
    await act(view)
    thread = await talking.open_conversation(view.db, *what, parties, view.now)
    said = await talking.write(view.db, thread.thread_id, *written, what[1], settings, view.now)
    await said_and_planned(face, view, said)


async def _around(view: View, pupil_id: UUID) -> tuple[Around, Part]:
    """Who is around a pupil, for somebody who may open a conversation about them. Raises 404 for everybody else."""
    there = await store.around(view.db, pupil_id, local_date(view.now, view.standing.zone))
    mine = part_of(view.standing, there.pupil) if there else None
    if there is None or mine is None or not there.pupil.active:
        raise HTTPException(404)
    _school(view, there.pupil)
    return there, mine


def _school(view: View, pupil: PersonStated) -> SchoolStated:
    """The pupil's school that the reader has to do with. Raises 404 when there is none."""
    found = [view.standing.schools[one] for one in pupil.school_ids if one in view.standing.schools]
    if not found:
        raise HTTPException(404)
    return found[0]


async def _pupils(view: View) -> dict[UUID, str | None]:
    """The pupils the reader may open a conversation about, by name: own children, oneself, those of one's class.

    None for one whose identity is protected: a list is no place for that name.
    """
    standing = view.standing
    ids = {*standing.children, *([standing.person.person_id] if standing.is_pupil else [])}
    ids |= {one for group in standing.mentor_groups.values() for one in members_on(group, standing.today)}
    contacts = await known(view.db, roster, ContactStated, ids)
    persons = await known(view.db, roster, PersonStated, ids)
    hidden = {one for one, person in persons.items() if is_protected(person) and one != standing.person.person_id}
    named = ((one, None if one in hidden else contact.full_name) for one, contact in contacts.items())
    return dict(sorted(named, key=lambda pair: (pair[1] is None, pair[1] or "", str(pair[0]))))


def _people(there: Around, view: View, chosen: Iterable[UUID] | None) -> list[Person]:
    """Who can be asked in, staff first. Nothing typed yet: the mentors, and for staff the home."""
    me = view.standing.person.person_id
    staff = there.may_join().get(me) is Part.STAFF
    wanted = set(there.mentors if not staff else there.family.to_tell()) if chosen is None else set(chosen)
    order = {Part.STAFF: 0, Part.GUARDIAN: 1, Part.PUPIL: 2}
    found = [
        Person(one, part, there.name(one, me), one in wanted) for one, part in there.may_ask_in(me).items() if one != me
    ]
    return sorted(found, key=lambda one: (order[one.part], one.name or ""))


def _form(
    face: Face,
    request: Request,
    view: View,
    there: Around,
    status: int = 200,
    error: NotTaken | None = None,
    typed: Typed | None = None,
    subject: str = "",
    chosen: Iterable[UUID] | None = None,
) -> Response:
    return face.show(
        request,
        view,
        "dialogue_new.html",
        status,
        pupil=there.pupil,
        name=there.name(there.pupil.person_id, view.standing.person.person_id),
        people=_people(there, view, chosen),
        subjects=SUBJECTS,
        error=error,
        typed=typed or Typed(""),
        chosen_subject=subject,
    )
