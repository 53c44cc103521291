"""One bulletin: its page, its pictures and documents, and the whole of it on paper.

Opening it as a home marks it as read. Whoever looks at it because of their work marks nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from babel import Locale, UnknownLocaleError
from fastapi import APIRouter, HTTPException, Query, Request
from markupsafe import Markup
from starlette.responses import Response

from services.bulletins.bulletin_pdf import bulletin_pdf
from services.bulletins.domain.bulletins import OUT, may_write, parts_of
from services.bulletins.domain.editions import Edition, direction, titles
from services.bulletins.domain.feedback import SCORES, may_change
from services.bulletins.domain.readers import answers_for, as_staff, language_for
from services.bulletins.informing import TOPICS, known_topic
from services.bulletins.paper import paper_of
from services.bulletins.reading import note
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store.archive import Shelf, contents, found
from services.bulletins.store.bulletins import AttachedFile, Full, load
from services.bulletins.tables import roster
from services.bulletins.texts import part_of, pictures_in
from services.bulletins.web.archive import Line, languages_of, line_of
from shared.events.notify import ReadBy
from shared.languages import LANGUAGES
from shared.web.face import Face, Me, act, done
from shared.web.pages import language_of
from shared.web.viewing import View, viewing

SHOWN_PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")  # all others are only downloaded
ALONE = "default-src 'none'; sandbox; frame-ancestors 'none'"
Chosen = Annotated[str, Query(max_length=35)]


@dataclass(frozen=True)
class Opened:
    """A bulletin that this person may read, and why."""

    shelf: Shelf
    line: Line
    full: Full
    staff: bool

    @property
    def withdrawn(self) -> bool:
        """True when the school has taken it back."""
        return self.line.entry.withdrawn_at is not None

    @property
    def at_home(self) -> bool:
        """True for somebody it was sent to, or could have been."""
        return bool(self.line.pupils)

    def edition(self, request: Request, view: View, chosen: str = "") -> Edition:
        """Its words in the language chosen, else in the one this person reads best."""
        by_tag = {one.language: one for one in self.full.editions}
        tag = chosen if chosen in by_tag else language_for([*by_tag], *languages_of(request, view.standing))
        return by_tag[tag]


def add_bulletin(router: APIRouter, face: Face, _: BulletinsSettings) -> None:
    """`/bulletins/{bulletin_id}`, and what belongs to it. Joined last: what has a name of its own comes first."""

    @router.get("/bulletins/{bulletin_id}")
    async def page(
        request: Request, bulletin_id: UUID, session: Me, language: Chosen = "", answered: str = ""
    ) -> Response:
        async with viewing(face.kit, roster, session) as view:
            one = await opened(view, request, bulletin_id)
            await noted(face, view, one)
        if one.withdrawn and not one.staff:
            return face.show(request, view, "bulletin_withdrawn.html", 410, line=one.line)
        context = page_of(request, view, one, language)
        return face.show(request, view, "bulletin.html", answered=bool(answered), **context)

    for add in (_add_paper, _add_files):
        add(router, face)


def _add_paper(router: APIRouter, face: Face) -> None:
    @router.get("/bulletins/{bulletin_id}/pdf")
    async def pdf(request: Request, bulletin_id: UUID, session: Me, language: Chosen = "") -> Response:
        async with viewing(face.kit, roster, session) as view:
            one = await opened(view, request, bulletin_id)
            if one.withdrawn and not one.staff:
                raise HTTPException(404)
            pictures = [file.attachment_id for file in one.full.attachments if file.is_picture]
            bytes_of = await contents(view.db, bulletin_id, pictures)
            await noted(face, view, one)
        edition = one.edition(request, view, language)
        paper = paper_of(one.full, edition, one.line.school, one.line.classes, bytes_of, language_of(request).tag)
        name = f"bulletin-{one.line.entry.sent.day}.pdf"  # nobody's name in a folder of downloads
        headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
        return Response(bulletin_pdf(paper), media_type="application/pdf", headers=headers)


def _add_files(router: APIRouter, face: Face) -> None:
    @router.get("/bulletins/{bulletin_id}/files/{attachment_id}")
    async def file(request: Request, bulletin_id: UUID, attachment_id: UUID, session: Me) -> Response:
        async with viewing(face.kit, roster, session) as view:
            full = await _with_files(view, request, bulletin_id)
            mine = next((one for one in full.attachments if one.attachment_id == attachment_id), None)
            content = (await contents(view.db, bulletin_id, [attachment_id])).get(attachment_id)
        if mine is None or content is None:
            raise HTTPException(404)
        return _file(mine, content)


async def opened(view: View, request: Request, bulletin_id: UUID) -> Opened:
    """What was sent, for those who may read it. Raises 404 for everybody else. Two statements."""
    shelf = await found(view.db, view.standing, bulletin_id)
    line = line_of(request, view.standing, shelf, shelf.entries[0]) if shelf.entries else None
    full = await load(view.db, bulletin_id) if line else None
    if line is None or full is None:
        raise HTTPException(404)
    return Opened(shelf, line, full, as_staff(view.standing, line.entry.sent))


async def noted(face: Face, view: View, one: Opened) -> None:
    """It is read now, by somebody it is for; the first time is kept and told. The last act of the transaction."""
    if not one.at_home or one.withdrawn or one.line.entry.read_at is not None:
        return
    await act(view)
    me = view.standing.person.person_id
    await done(face, view, await note(view.db, one.line.entry.bulletin_id, me, ReadBy.PORTAL, view.now))


def page_of(request: Request, view: View, one: Opened, chosen: str) -> dict[str, Any]:
    """What its page shows in one language."""
    edition, entry, files = one.edition(request, view, chosen), one.line.entry, one.full.attachments
    named = {found for part in edition.parts.values() for found, _ in pictures_in(part)}
    answer = one.shelf.answer
    topic = known_topic(entry.topic)
    return {
        "line": one.line,
        "entry": entry,
        "edition": edition,
        "direction": direction(edition.language),
        "parts": parts_shown(one.full, edition),
        "others": [(tag, language_name(tag)) for tag in entry.titles if tag != edition.language],
        "author": one.shelf.names.get(entry.author_id, ""),
        "topic": TOPICS[topic] if topic else None,
        "pictures": [file for file in files if file.is_picture and file.attachment_id not in named],
        "documents": [file for file in files if not file.is_picture],
        "staff": one.staff,
        "sees_homes": answers_for(view.standing, entry.sent),
        "at_home": one.at_home,
        "scores": SCORES,
        "answer": answer,
        "may_answer": one.at_home and not one.withdrawn and (answer is None or may_change(answer.at, view.now)),
    }


def parts_shown(full: Full, edition: Edition) -> list[tuple[str, Markup]]:
    """The parts in their order: what each is called in its language, and its words as clean HTML."""
    heads, alts = titles(edition.language), {file.attachment_id: file.alt for file in full.attachments}
    of = full.bulletin
    return [
        (heads.get(part, ""), Markup(_html(edition, part, of.bulletin_id, alts)))  # noqa: S704 - cleaned by texts.py
        for part in parts_of(of.kind)
        if edition.parts.get(part, "").strip()
    ]


def language_name(tag: str) -> str:
    """What a language is called by those who read it."""
    if tag in LANGUAGES:
        return LANGUAGES[tag].name
    try:
        name = Locale.parse(tag, sep="-").get_display_name()
    except (UnknownLocaleError, ValueError):
        name = None
    return name[0].upper() + name[1:] if name else tag


def _html(edition: Edition, part: str, bulletin_id: UUID, alts: dict[UUID, str]) -> str:
    return part_of(edition, part, bulletin_id, alts).html


async def _with_files(view: View, request: Request, bulletin_id: UUID) -> Full:
    """A bulletin whose files this person may see: it was sent to them, or they write or approve it. Raises 404."""
    full = await load(view.db, bulletin_id)
    if full is None:
        raise HTTPException(404)
    if full.state in OUT:
        shelf = await found(view.db, view.standing, bulletin_id)
        line = line_of(request, view.standing, shelf, shelf.entries[0]) if shelf.entries else None
        gone = line is None or (line.entry.withdrawn_at is not None and not as_staff(view.standing, line.entry.sent))
        if gone:
            raise HTTPException(404)
        return full
    mine, of, standing = full.group_ids, full.bulletin, view.standing
    writes = may_write(of.kind, of.school_id, mine, standing.mentor_groups, standing.principal_of)
    if of.school_id not in standing.schools or not (writes or of.school_id in standing.principal_of):
        raise HTTPException(404)
    return full


def _file(file: AttachedFile, content: bytes) -> Response:
    """The bytes, as what they were found to be when they came; nothing in them may run or fetch anything."""
    shown = file.content_type in SHOWN_PICTURES
    how = "inline" if shown else "attachment"
    kind = file.content_type if shown or file.content_type == "application/pdf" else "application/octet-stream"
    headers = {
        "Content-Disposition": f"{how}; filename*=UTF-8''{quote(file.name, safe='')}",
        "Content-Security-Policy": ALONE,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
    return Response(content, media_type=kind, headers=headers)
