"""Conversations between a home and its school: the list, one conversation, and what its parties do in it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, HTTPException, Query, Request, UploadFile
from starlette.responses import RedirectResponse, Response

from services.bulletins import talking
from services.bulletins.domain.dialogue import (
    LONGEST,
    MOST_URGENT,
    SUBJECTS,
    Conversation,
    Part,
    PartyOf,
    takes_part,
    told_at,
    wrong,
)
from services.bulletins.pictures import NotTaken, taken
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import dialogue as store
from services.bulletins.tables import MessageFile, roster
from services.bulletins.talking import Typed
from shared.events.roster import PersonStated
from shared.ids import new_id
from shared.languages import N_
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

TOO_URGENT = N_("You have marked messages as urgent today already. Call the school if it cannot wait.")
MANY_FILES = N_("Attach at most three files.")
MOST_FILES = 3

Words = Annotated[str, Form()]
Files = Annotated[list[UploadFile] | None, File()]


class Done(StrEnum):
    """What the page says was done."""

    SENT = "sent"
    HELD = "held"
    TAKEN_BACK = "taken_back"
    TOO_LATE = "too_late"
    LEFT = "left"
    CLOSED = "closed"
    ASKED_IN = "asked_in"


def add_dialogue(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """`/dialogue`, and every conversation under it."""

    @router.get("/dialogue")
    async def listed(request: Request, session: Me, done: Annotated[Done | None, Query()] = None) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found = await store.listed(view.db, view.standing.person.person_id)
            mine = [one for one, pupil in found if takes_part(view.standing, one, pupil)]
            await looked(face, view, "conversation", [one.pupil_id for one in mine if one.pupil_name])
        me = view.standing.person.person_id
        lines = [(one, one.unread_by(me), _others(one, me)) for one in mine]
        return face.show(request, view, "dialogue.html", lines=lines, subjects=SUBJECTS, done=done)

    @router.get("/dialogue/{thread_id}")
    async def one(
        request: Request, thread_id: UUID, session: Me, done: Annotated[Done | None, Query()] = None
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found, _, mine = await conversation_of(view, thread_id)
            if found.unread_by(mine.person_id):
                await act(view)
                await store.note_read(view.db, thread_id, mine.person_id, view.now)
            await looked_at(face, view, found)
        return _page(face, request, view, found, settings, done=done)

    add_writing(router, face, settings)
    add_parting(router, face)
    add_files(router, face)


def add_writing(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """A party writes."""

    @router.post("/dialogue/{thread_id}")
    async def reply(
        request: Request,
        thread_id: UUID,
        session: Me,
        words: Words = "",
        urgent: Annotated[bool, Form()] = False,
        files: Files = None,
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found, _, mine = await conversation_of(view, thread_id)
            typed, error = await typed_by(words, urgent, files, settings)
            error = error or refused(wrong(typed.words, _others(found, mine.person_id), mine.person_id))
            error = error or refused(await too_urgent(view, mine, typed))
            if error is None:
                school = view.standing.schools[found.school_id]
                await act(view)
                said = await talking.write(view.db, thread_id, mine, typed, school, settings, view.now)
                await said_and_planned(face, view, said)
        if error:
            return _page(face, request, view, found, settings, 400, error=error, typed=typed)
        return RedirectResponse(f"/dialogue/{thread_id}?done={Done.SENT if said else Done.HELD}", 303)


def add_parting(router: APIRouter, face: Face) -> None:
    """Taking back what nobody has read, leaving, ending."""

    @router.post("/dialogue/{thread_id}/messages/{message_id}/take-back")
    async def take_back(thread_id: UUID, message_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            found, _, mine = await conversation_of(view, thread_id)
            if message_id not in [one.message_id for one in found.messages if one.by == mine.person_id]:
                raise HTTPException(404)
            await act(view)
            taken = await store.take_back(view.db, message_id, mine.person_id)
        return RedirectResponse(f"/dialogue/{thread_id}?done={Done.TAKEN_BACK if taken else Done.TOO_LATE}", 303)

    @router.post("/dialogue/{thread_id}/leave")
    async def leave(thread_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            _, _, mine = await conversation_of(view, thread_id)
            await act(view)
            await store.leave(view.db, thread_id, mine.person_id, view.now)
        return RedirectResponse(f"/dialogue?done={Done.LEFT}", 303)

    @router.post("/dialogue/{thread_id}/close")
    async def close(thread_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await conversation_of(view, thread_id)
            await act(view)
            await store.close(view.db, thread_id, view.now)
        return RedirectResponse(f"/dialogue/{thread_id}?done={Done.CLOSED}", 303)


def add_files(router: APIRouter, face: Face) -> None:
    """What is attached, for whoever reads the message it hangs on."""

    @router.get("/dialogue/files/{file_id}")
    async def file(file_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            kept_file = await store.of_file(view.db, file_id)
            if kept_file is None:
                raise HTTPException(404)
            one, message = kept_file
            found, _, mine = await conversation_of(view, message.thread_id)
            if message.message_id not in [seen.message_id for seen in found.seen_by(mine.person_id)]:
                raise HTTPException(404)
        headers = {
            "Content-Disposition": f'attachment; filename="file-{one.file_id.hex[:8]}{_ending(one.content_type)}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        }
        return Response(one.content, media_type=one.content_type, headers=headers)


async def looked_at(face: Face, view: View, found: Conversation) -> None:
    """Leave a trace of the look at what was written about the pupil, as the last act of the transaction."""
    await looked(face, view, "conversation", [found.pupil_id])


async def looked(face: Face, view: View, what: str, pupils: Iterable[UUID]) -> None:
    """Leave a trace of the look at these pupils' names or more, as the last act of the transaction."""
    await done(face, view, what=what, pupils=pupils)


async def said_and_planned(face: Face, view: View, said: Any) -> None:
    """The last act of the transaction: say it, and wake what waits for something planned."""
    await done(face, view, said)
    face.kit.due_planned.set()


async def conversation_of(view: View, thread_id: UUID) -> tuple[Conversation, PersonStated, PartyOf]:
    """A conversation the reader takes part in. Raises 404 for everybody else."""
    found = await store.load(view.db, thread_id, view.standing.person.person_id)
    mine = takes_part(view.standing, *found) if found else None
    if found is None or mine is None:
        raise HTTPException(404)
    return *found, mine


async def typed_by(
    words: str, urgent: bool, files: list[UploadFile] | None, settings: BulletinsSettings
) -> tuple[Typed, NotTaken | None]:
    """What was typed, with its files made safe; and why a file was refused."""
    plain = words.replace("\x00", "").replace("\r\n", "\n").strip()
    given = [one for one in files or () if one.filename]
    if len(given) > MOST_FILES:
        return Typed(plain, urgent), NotTaken(MANY_FILES)
    made = []
    for one in given:
        try:
            safe = await taken(one.filename or "", await one.read(settings.file_bytes + 1), settings)
        except NotTaken as refusal:
            return Typed(plain, urgent), refusal
        made.append(MessageFile(file_id=new_id(), message_id=new_id(), size=len(safe.content), **vars(safe)))
    return Typed(plain, urgent, made), None


def refused(words: str | None) -> NotTaken | None:
    """Why it is not sent, as pages show it."""
    return NotTaken(words) if words else None


async def too_urgent(view: View, mine: PartyOf, typed: Typed) -> str | None:
    """A home may wake somebody at night a few times a day, not more."""
    if not typed.urgent or mine.part is Part.STAFF:
        return None
    marked = await store.urgent_since(view.db, mine.person_id, view.now - store.DAY)
    return TOO_URGENT if marked >= MOST_URGENT else None


def _page(
    face: Face,
    request: Request,
    view: View,
    found: Conversation,
    settings: BulletinsSettings,
    status: int = 200,
    *,
    done: Done | None = None,
    error: NotTaken | None = None,
    typed: Typed | None = None,
) -> Response:
    me, school = view.standing.person.person_id, view.standing.schools[found.school_id]
    goes_at = told_at(view.now, school.zone, False, settings.send_from, settings.send_until)
    more: dict[str, Any] = {"done": done, "error": error, "typed": typed or Typed("")}
    return face.show(
        request,
        view,
        "conversation.html",
        status,
        one=found,
        me=me,
        messages=found.seen_by(me),
        names={party.person_id: party.name for party in found.parties},
        parties=[party for party in found.parties if party.left_at is None],
        subject=SUBJECTS[found.subject],
        goes_at=goes_at if goes_at > view.now else None,
        school=school,
        staff=any(party.person_id == me and party.part is Part.STAFF for party in found.parties),
        longest=LONGEST,
        **more,
    )


def _others(found: Conversation, me: UUID) -> dict[UUID, str | None]:
    """The other parties who are still in it, by id, with their names where they may be shown."""
    return {one.person_id: one.name for one in found.parties if one.left_at is None and one.person_id != me}


def _ending(content_type: str) -> str:
    return {"application/pdf": ".pdf", "image/jpeg": ".jpg", "image/png": ".png"}.get(content_type, "")
