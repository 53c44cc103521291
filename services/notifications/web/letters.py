"""Letters to print: how many wait at each school, one PDF of them, and again what went wrong at the printer.

For whoever is in charge of a school: its principal, and the municipality's officers. Whether the right is still there,
and where the letter goes, is looked up when the file is made, every time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import RedirectResponse, Response

from services.notifications import printing
from services.notifications.domain.paper import Fate
from services.notifications.letter_pdf import letters_pdf
from services.notifications.messages import Composer
from services.notifications.printing import Judged
from services.notifications.settings import NotificationsSettings
from services.notifications.store import letters as store
from services.notifications.store.letters import Heap
from services.notifications.store.wordings import Wordings
from services.notifications.tables import roster
from shared.clock import local_date
from shared.events.roster import SchoolStated
from shared.languages import Language
from shared.roster.standing import Standing
from shared.web.face import Face, Me, act, done
from shared.web.viewing import View, viewing

MOST = 500  # letters in one file
SHOWN_FOR = timedelta(days=30)  # what was printed can be printed again for so long
NOT_NOW = (Fate.PROTECTED, Fate.NO_ADDRESS, Fate.LATER)  # taken out, and not to be printed after all
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 253_402_300_799_000_000  # the end of the year 9999, in microseconds since 1970


class Done(StrEnum):
    """What the page says was done."""

    PRINTED = "printed"
    NOTHING = "nothing"
    AGAIN = "again"


@dataclass
class Tray:
    """One school's letters, as the page shows them."""

    school: SchoolStated
    ready: int = 0
    protected: int = 0
    since: datetime | None = None
    homeless: list[Heap] = field(default_factory=list)
    batches: list[Heap] = field(default_factory=list)


def add_letters(router: APIRouter, face: Face, settings: NotificationsSettings) -> None:
    """`/sending/letters`, and what is done there."""
    secret = settings.secret(face.kit.settings.demo)
    overrides = Wordings(face.kit)
    composer = Composer(settings, secret, face.kit.settings.portal_url, overrides=overrides)

    @router.get("/sending/letters")
    async def listed(request: Request, session: Me, done: Annotated[Done | None, Query()] = None) -> Response:
        async with viewing(face.kit, roster, session) as view:
            mine = _in_charge(view.standing)
            if not mine:
                raise HTTPException(404)
            heaps = await store.overview(view.db, mine, view.now - SHOWN_FOR)
        return face.show(request, view, "letters.html", trays=trays(mine.values(), heaps), done=done, micros=micros)

    add_printing(router, face, composer)


def add_printing(router: APIRouter, face: Face, composer: Composer) -> None:
    """Letters are taken out to be printed, fetched as one file, and put back."""

    @router.post("/sending/letters/print")
    async def begin(session: Me, school: Annotated[UUID, Form()]) -> Response:
        async with viewing(face.kit, roster, session) as view:
            place = _one(view, school)
            found = await _judged(view, place, None)
            ready = [one.kept.letter_id for one in found if one.fate is Fate.READY]
            await act(view)
            await store.forget(view.db, [one.kept.letter_id for one in found if one.fate is Fate.NOT_ENTITLED])
            count = await store.printed(view.db, ready, session.person_id, view.now)
        return RedirectResponse(f"/sending/letters?done={Done.PRINTED if count else Done.NOTHING}", 303)

    @router.post("/sending/letters/pdf")
    async def file(session: Me, school: Annotated[UUID, Form()], at: Annotated[int, Form(ge=0, le=LATEST)]) -> Response:
        await composer.ready()
        async with viewing(face.kit, roster, session) as view:
            place = _one(view, school)
            found = await _judged(view, place, moment(at))
            ready = [one for one in found if one.fate is Fate.READY]
            pupils = {pupil for one in ready for pupil in one.kept.pupil_ids}
            await act(view)
            await store.wait_again(view.db, [one.kept.letter_id for one in found if one.fate in NOT_NOW])
            await done(face, view, what="letters", pupils=sorted(pupils))
        if not ready:
            raise HTTPException(404)
        return await _pdf(face, composer, ready, place, view.now)

    @router.post("/sending/letters/again")
    async def again(
        session: Me, school: Annotated[UUID, Form()], at: Annotated[int, Form(ge=0, le=LATEST)]
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            place = _one(view, school)
            await act(view)
            count = await store.not_printed(view.db, place.school_id, moment(at))
        return RedirectResponse(f"/sending/letters?done={Done.AGAIN if count else Done.NOTHING}", 303)


def trays(schools: Iterable[SchoolStated], heaps: Sequence[Heap]) -> list[Tray]:
    """One tray for each school that has letters, by the school's name."""
    found: dict[UUID, Tray] = {one.school_id: Tray(one) for one in schools}
    for heap in heaps:
        tray = found[heap.school_id]
        match heap.fate:
            case Fate.READY:
                tray.ready, tray.since = heap.letters, heap.since
            case Fate.PROTECTED:
                tray.protected = heap.letters
            case Fate.NO_ADDRESS:
                tray.homeless.append(heap)
            case _:
                tray.batches.append(heap)
    used = [one for one in found.values() if one.ready or one.protected or one.homeless or one.batches]
    return sorted(used, key=lambda one: one.school.name)


def micros(at: datetime) -> int:
    """The moment of a batch as it travels in a form: microseconds since 1970, because it must be met exactly."""
    return (at - EPOCH) // timedelta(microseconds=1)


def moment(at: int) -> datetime:
    """And back."""
    return EPOCH + timedelta(microseconds=at)


def _in_charge(standing: Standing) -> Mapping[UUID, SchoolStated]:
    """The schools whose letters this person may print."""
    return {one: school for one, school in standing.schools.items() if standing.in_charge_of(one)}


def _one(view: View, school_id: UUID) -> SchoolStated:
    """The school, when this person is in charge of it. Raises 404 for every other, whether it exists or not."""
    school = _in_charge(view.standing).get(school_id)
    if school is None:
        raise HTTPException(404)
    return school


async def _judged(view: View, school: SchoolStated, at: datetime | None) -> list[Judged]:
    """The school's letters of that batch (None: those that wait), each with its fate at this moment."""
    found = await store.kept(view.db, school.school_id, at, MOST)
    return await printing.judged(view.db, found, school, view.now)


async def _pdf(
    face: Face, composer: Composer, found: Sequence[Judged], school: SchoolStated, now: datetime
) -> Response:
    def say(language: Language, words: str) -> str:
        return face.pages.words[language.tag].ugettext(words)

    papers = [printing.paper_of(one, school, composer, say, now) for one in found]
    name = f"letters-{local_date(now, school.zone)}.pdf"  # nobody's name in a folder of downloads
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    drawn = await asyncio.to_thread(letters_pdf, papers, now)  # 500 letters take two seconds
    return Response(drawn, media_type="application/pdf", headers=headers)
