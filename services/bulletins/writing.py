"""Writing a bulletin: begun from what has happened, changed by the mentors of its classes, checked for lacks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins import drafting
from services.bulletins.domain.bulletins import ACTIVITIES, BODY, LEARNING, BulletinState, parts_of
from services.bulletins.domain.editions import Edition, Lack, Lacking, in_order, lacking
from services.bulletins.domain.information import year_of
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import bulletins as store
from services.bulletins.store.bulletins import Full
from services.bulletins.tables import Bulletin
from services.bulletins.texts import pictures_in, whole
from shared.clock import local_date
from shared.events.notify import MailingKind, MailingText
from shared.events.roster import SchoolStated
from shared.ids import new_id

MAIL_LONG, EVENT_LONG = 60_000, 800_000  # characters of one text in a mailing, bytes of all texts together


async def begin(
    session: AsyncSession,
    school: SchoolStated,
    author_id: UUID,
    kind: MailingKind,
    topic: str | None,
    group_ids: Sequence[UUID],
    now: datetime,
    settings: BulletinsSettings,
) -> UUID:
    """Begin one for these classes (none: all of the school). Its id.

    A class bulletin begins with what its class has done and will do; information with its latest edition.
    """
    information = kind is MailingKind.INFORMATION
    before = await store.latest_edition(session, school.school_id, topic, group_ids) if information else None
    editions = before.editions if before else [await _first(session, school, author_id, kind, group_ids, now, settings)]
    one = Bulletin(
        bulletin_id=new_id(),
        version=1,
        tenant_id=school.tenant_id or UUID(int=0),
        school_id=school.school_id,
        author_id=author_id,
        kind=kind,
        topic=topic if information else None,
        school_year=year_of(local_date(now, school.zone)) if information else None,
        state=BulletinState.DRAFT,
        must_read=information,
        written_at=now,
        changed_at=now,
    )
    await store.begin(session, one, group_ids, editions)
    return one.bulletin_id


async def _first(
    session: AsyncSession,
    school: SchoolStated,
    author_id: UUID,
    kind: MailingKind,
    group_ids: Sequence[UUID],
    now: datetime,
    settings: BulletinsSettings,
) -> Edition:
    if kind is MailingKind.INFORMATION:
        return Edition(school.language, "", {BODY: ""})
    made = await drafting.draft(session, list(group_ids), author_id, settings, now, school.language)
    return Edition(school.language, "", {LEARNING: made.learning, ACTIVITIES: made.activities})


async def save(session: AsyncSession, full: Full, editions: Sequence[Edition], must_read: bool, now: datetime) -> bool:
    """Let the words of a bulletin, held by the caller, be these; False when they are already. Its version grows."""
    wanted = [kept(full.bulletin.kind, one) for one in editions]
    if wanted == full.editions and must_read == full.bulletin.must_read:
        return False
    await store.write(session, full.bulletin.bulletin_id, wanted)
    await store.change(session, full.bulletin.bulletin_id, now, must_read=must_read)
    return True


def ordered(editions: Iterable[Edition], first: str) -> list[Edition]:
    """The editions in the order in which they stand in for each other."""
    by_language = {one.language: one for one in editions}
    return [by_language[language] for language in in_order(by_language, first)]


def kept(kind: str, edition: Edition) -> Edition:
    """An edition as it is kept: a subject on one line, and the parts its kind has."""
    parts = {part: edition.parts.get(part, "") for part in parts_of(kind)}
    return Edition(edition.language, " ".join(edition.subject.split()), parts)


def lacks(full: Full) -> list[Lacking]:
    """Everything that must be mended before it can leave, but for who is to get it."""
    of, editions = full.bulletin, full.editions
    found = lacking(of.kind, editions)
    pictures = {file.attachment_id: file for file in full.attachments if file.is_picture}
    for edition in editions:
        named = [one for part in edition.parts.values() for one in pictures_in(part)]
        if any(attachment not in pictures for attachment, _ in named):
            found.append(Lacking(Lack.NO_PICTURE, edition.language))
    found += [Lacking(Lack.NO_ALT, part=file.name) for file in pictures.values() if not file.alt.strip()]
    return found if found else _too_long(full)


def _too_long(full: Full) -> list[Lacking]:
    made = [(one.language, whole(full.bulletin.kind, one)) for one in full.editions]
    long = [language for language, words in made if max(len(words.html), len(words.text)) > MAIL_LONG]
    if not long and sum(len((words.html + words.text).encode()) for _, words in made) > EVENT_LONG:
        long = [language for language, _ in made[-1:]]
    return [Lacking(Lack.TOO_LONG, language) for language in long]


def mailing_texts(full: Full) -> tuple[MailingText, ...]:
    """Its words as a mailing carries them, without pictures."""
    alts = {file.attachment_id: file.alt for file in full.attachments if file.is_picture}
    made = [(one, whole(full.bulletin.kind, one, alts=alts)) for one in full.editions]
    return tuple(
        MailingText(language=one.language, subject=one.subject, text=words.text, html=words.html) for one, words in made
    )
