"""Writing a bulletin: begun from what the class has done, in several languages side by side, saved at every step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.datastructures import FormData
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.bulletins import writing
from services.bulletins.domain.bulletins import OPEN, may_begin, parts_of
from services.bulletins.domain.editions import MOST_LANGUAGES, PART_LONG, SUBJECT_LONG, Edition, addable, is_tag
from services.bulletins.domain.information import TOPICS, Topic
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import bulletins as store
from services.bulletins.store.bulletins import Full
from services.bulletins.store.people import classes_in, groups_of_schools, mentors_in, posts_of_schools
from services.bulletins.tables import roster
from services.bulletins.web import files
from services.bulletins.web.composing import STATES, Desk, around, common, judged, plain, writes
from shared.events.notify import MailingKind
from shared.events.roster import GroupStated, SchoolStated
from shared.languages import N_
from shared.roster.standing import Standing
from shared.web.errors import wants_json
from shared.web.face import Face, Me, act
from shared.web.viewing import View, viewing

TYPED_LONG = PART_LONG * 4  # so much is kept of what is too long, for its writer to shorten
CHANGED = N_("Somebody else has changed this meanwhile. Nothing is lost: look at both and save what is to stand.")
CLOSED = N_("It is on its way, so nothing was saved. Take it back to change it; what you wrote is still below.")
CHOOSE = N_("Choose at least one class.")
ONE_SCHOOL = N_("All classes of a bulletin are at one school: write one for each school.")
NO_TOPIC = N_("Choose what it is about.")


class Done(StrEnum):
    """What the page says was done."""

    BEGUN = "begun"
    SAVED = "saved"
    FILED = "filed"
    BACK = "back"  # taken back


def add_compose(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    """`/bulletins/new` and `/bulletins/{id}/edit`."""
    _add_new(router, face, settings)
    _add_edit(router, face, settings)


# Beginning ------------------------------------------------------------------------------------------------------------


def _add_new(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    @router.get("/bulletins/new")
    async def new(
        request: Request,
        session: Me,
        group: Annotated[list[UUID] | None, Query(alias="class")] = None,
        kind: MailingKind = MailingKind.BULLETIN,
        topic: Topic | None = None,
        school: UUID | None = None,
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            return await _new_page(face, request, view, _Begun(kind, topic, tuple(group or ()), school))

    @router.post("/bulletins/new")
    async def begin(
        request: Request,
        session: Me,
        kind: Annotated[MailingKind, Form()],
        group: Annotated[list[UUID] | None, Form(alias="class")] = None,
        topic: Annotated[Topic | None, Form()] = None,
        school: Annotated[UUID | None, Form()] = None,
    ) -> Response:
        begun = _Begun(kind, topic, tuple(dict.fromkeys(group or ())), school)
        async with viewing(face.kit, roster, session) as view:
            place, error = await _place(view, begun)
            if error or place is None:
                return await _new_page(face, request, view, begun, 400, error)
            me = view.standing.person.person_id
            await act(view)
            bulletin_id = await writing.begin(view.db, place, me, kind, topic, begun.groups, view.now, settings)
        return RedirectResponse(f"/bulletins/{bulletin_id}/edit?done={Done.BEGUN}", 303)


@dataclass(frozen=True)
class _Begun:
    kind: MailingKind
    topic: Topic | None = None
    groups: tuple[UUID, ...] = ()
    school: UUID | None = None


async def _place(view: View, begun: _Begun) -> tuple[SchoolStated | None, str | None]:
    """The school it is at; else what is wrong. Raises 404 for classes and schools that are not theirs to write for."""
    standing = view.standing
    classes = await _classes(view, begun.kind)
    mine = [one for one in classes if one.group_id in begun.groups]
    if len(mine) != len(begun.groups):
        raise HTTPException(404)
    schools = {one.school_id for one in mine} or ({begun.school} if begun.school in standing.principal_of else set())
    whole_school = begun.kind is MailingKind.INFORMATION and begun.school is not None and not mine
    if not mine and not whole_school:
        return None, CHOOSE
    if len(schools) > 1:
        return None, ONE_SCHOOL
    school = standing.schools.get(next(iter(schools), UUID(int=0)))
    allowed = school and may_begin(
        begun.kind, school.school_id, begun.groups, standing.mentor_groups, standing.principal_of
    )
    if school is None or not allowed:
        raise HTTPException(404)
    return school, NO_TOPIC if begun.kind is MailingKind.INFORMATION and begun.topic is None else None


async def _classes(view: View, kind: MailingKind) -> list[GroupStated]:
    """The classes somebody may begin one for, by name."""
    standing = view.standing
    mine = {one.group_id: one for one in standing.mentor_groups.values() if one.school_id in standing.schools}
    if kind is MailingKind.INFORMATION and standing.principal_of:
        posts = await posts_of_schools(view.db, standing.principal_of)
        groups = await groups_of_schools(view.db, standing.principal_of)
        mine |= {one.group_id: one for one in classes_in(groups, mentors_in(posts, standing.today))}
    return sorted(mine.values(), key=lambda one: (str(one.school_id), one.name))


async def _new_page(
    face: Face, request: Request, view: View, begun: _Begun, status: int = 200, error: str | None = None
) -> Response:
    standing = view.standing
    if not standing.mentor_groups and not standing.principal_of:
        raise HTTPException(404)
    if not standing.mentor_groups:
        begun = _Begun(MailingKind.INFORMATION, begun.topic, begun.groups, begun.school)
    classes = _own(standing)
    alone = (classes[0].group_id,) if len(classes) == 1 and begun.school is None else ()
    there = await store.open_ones(view.db, list(standing.mentor_groups), list(standing.principal_of))
    return face.show(
        request,
        view,
        "compose_new.html",
        status,
        kind=begun.kind,
        topic=begun.topic,
        chosen=begun.groups or alone,
        chosen_school=begun.school,
        classes=classes,
        schools=[standing.schools[one] for one in sorted(standing.principal_of, key=str) if one in standing.schools],
        names={one.group_id: one.name for one in classes},
        topics=TOPICS,
        there=there,
        states=STATES,
        error=error,
    )


def _own(standing: Standing) -> list[GroupStated]:
    mine = [one for one in standing.mentor_groups.values() if one.school_id in standing.schools]
    return sorted(mine, key=lambda one: one.name)


# Writing --------------------------------------------------------------------------------------------------------------


@dataclass
class Typed:
    """What was sent from the editor, as it was."""

    version: int = 0
    editions: list[Edition] = field(default_factory=list)
    must_read: bool = False
    alts: dict[UUID, str] = field(default_factory=dict)
    act: str = "save"
    add: str = ""

    @classmethod
    def read(cls, form: FormData, full: Full) -> Typed:
        """The words of the form, for the parts this bulletin has and the pictures it has."""
        languages = [one for one in form.getlist("language") if isinstance(one, str) and is_tag(one)]
        editions = [_edition(form, one, full.bulletin.kind) for one in dict.fromkeys(languages)]
        alts = {
            file.attachment_id: plain(form[f"alt-{file.attachment_id}"], 300).strip()
            for file in full.attachments
            if f"alt-{file.attachment_id}" in form
        }
        said = plain(form.get("version"), 20)
        return cls(
            int(said) if said.isdecimal() else 0,
            editions[:MOST_LANGUAGES] or full.editions,
            form.get("must_read") is not None if "has_must_read" in form else full.bulletin.must_read,
            alts,
            plain(form.get("act"), 100) or "save",
            plain(form.get("add"), 35),
        )


def _edition(form: FormData, language: str, kind: str) -> Edition:
    parts = {part: plain(form.get(f"{part}-{language}"), TYPED_LONG) for part in parts_of(kind)}
    return Edition(language, plain(form.get(f"subject-{language}"), SUBJECT_LONG * 2), parts)


def _add_edit(router: APIRouter, face: Face, settings: BulletinsSettings) -> None:
    @router.get("/bulletins/{bulletin_id}/edit")
    async def edit(
        request: Request, bulletin_id: UUID, session: Me, done: Annotated[Done | None, Query()] = None
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            desk = await writes(view, bulletin_id)
            if desk.full.state not in OPEN:
                return RedirectResponse(f"/bulletins/{bulletin_id}/preview", 303)
            circle = await around(view, desk.full, settings, look=False)
            shown = common(request, view, desk, circle, settings)
        return _page(face, request, view, shown, done=done)

    @router.post("/bulletins/{bulletin_id}/edit")
    async def save(request: Request, bulletin_id: UUID, session: Me) -> Response:
        return await saved(face, settings, request, bulletin_id, session)

    @router.post("/bulletins/{bulletin_id}/files")
    async def add_file(request: Request, bulletin_id: UUID, session: Me) -> Response:
        """The same form, sent by the button beside a file: what is typed is saved with it."""
        return await saved(face, settings, request, bulletin_id, session)

    @router.post("/bulletins/{bulletin_id}/discard")
    async def discard(bulletin_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            await writes(view, bulletin_id)
            await act(view)
            full = await store.load(view.db, bulletin_id, hold=True)
            if full is not None and full.state in OPEN:
                await store.discard(view.db, bulletin_id)
        return RedirectResponse("/bulletins/new", 303)


async def saved(face: Face, settings: BulletinsSettings, request: Request, bulletin_id: UUID, session: Me) -> Response:
    """Save what was typed, and do what the button says: show it, add a language or a file, take one out."""
    form = await request.form()
    async with viewing(face.kit, roster, session) as view:
        desk = await writes(view, bulletin_id)
        circle = await around(view, desk.full, settings, look=False)
        await act(view)
        full = await store.load(view.db, bulletin_id, hold=True)
        if full is None:
            raise HTTPException(404)
        desk = judged(view.standing, full)
        typed = Typed.read(form, full)
        trouble = _trouble(full, typed)
        file_trouble = None
        if trouble is None:
            await _keep(view, full, typed, circle.school)
            file_trouble = await files.changed(view, full, form, typed.act, settings)
        stands = await store.load(view.db, bulletin_id) or full
        shown = common(request, view, judged(view.standing, stands), circle, settings)
    if wants_json(request):
        said = {"version": stands.bulletin.version, "trouble": face.pages.gettext(request, trouble) if trouble else ""}
        return JSONResponse(said, 409 if trouble else 200)
    if trouble or file_trouble:
        return _page(
            face, request, view, shown, 409 if trouble else 400, typed=typed, trouble=trouble, file_trouble=file_trouble
        )
    return RedirectResponse(_next(bulletin_id, typed), 303)


def _trouble(full: Full, typed: Typed) -> str | None:
    if full.state not in OPEN:
        return CLOSED
    same = [writing.kept(full.bulletin.kind, one) for one in typed.editions] == full.editions
    return CHANGED if typed.version != full.bulletin.version and not same else None


async def _keep(view: View, full: Full, typed: Typed, school: SchoolStated) -> None:
    """Keep what was typed, with a language more or less when the button says so."""
    editions = {one.language: one for one in typed.editions}
    if typed.act == "add" and is_tag(typed.add) and len(editions) < MOST_LANGUAGES:
        editions.setdefault(typed.add, Edition(typed.add, "", dict.fromkeys(parts_of(full.bulletin.kind), "")))
    if typed.act.startswith("drop:") and len(editions) > 1:
        editions.pop(typed.act.removeprefix("drop:"), None)
    await writing.save(view.db, full, writing.ordered(editions.values(), school.language), typed.must_read, view.now)
    changed = {one.attachment_id: one.alt for one in full.attachments}
    alts = {one: alt for one, alt in typed.alts.items() if changed.get(one) != alt}
    if alts:
        await store.describe(view.db, full.bulletin.bulletin_id, alts)
        await store.change(view.db, full.bulletin.bulletin_id, view.now)


def _next(bulletin_id: UUID, typed: Typed) -> str:
    if typed.act in ("preview", "check"):
        return f"/bulletins/{bulletin_id}/preview" + ("#check" if typed.act == "check" else "")
    if typed.act == "add" and is_tag(typed.add):
        return f"/bulletins/{bulletin_id}/edit?done={Done.SAVED}#in-{typed.add}"
    filed = typed.act == "file" or typed.act.startswith("unfile:")
    return f"/bulletins/{bulletin_id}/edit?done={Done.FILED if filed else Done.SAVED}" + ("#files" if filed else "")


def _page(
    face: Face,
    request: Request,
    view: View,
    shown: dict[str, Any],
    status: int = 200,
    *,
    done: Done | None = None,
    typed: Typed | None = None,
    trouble: str | None = None,
    file_trouble: object = None,
) -> Response:
    desk: Desk = shown["desk"]
    full, of = desk.full, desk.full.bulletin
    editions = typed.editions if typed else full.editions
    theirs = {one.language: one for one in full.editions} if trouble else {}
    return face.show(
        request,
        view,
        "compose_edit.html",
        status,
        **shown,
        editions=editions,
        theirs=theirs,
        gone=[one for tag, one in theirs.items() if tag not in {mine.language for mine in editions}],
        parts=parts_of(of.kind),
        must_read=typed.must_read if typed else of.must_read,
        add_languages=_addable(shown["circle"].languages, editions),
        most_languages=MOST_LANGUAGES,
        longest=PART_LONG,
        subject_longest=SUBJECT_LONG,
        done=done,
        trouble=trouble,
        file_trouble=file_trouble,
    )


def _addable(read: Iterable[str], editions: Iterable[Edition]) -> list[str]:
    return addable(read, [one.language for one in editions])
