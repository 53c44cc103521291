"""Reading: that somebody has read what was sent, once; and reminding those homes in which nobody has."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from html import escape
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.bulletins import leaves_at
from services.bulletins.filling import understood
from services.bulletins.outgoing import message_read
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import bulletins, readings
from services.bulletins.store.people import class_groups, schools_of
from services.bulletins.store.readings import Remindable
from services.bulletins.tables import kit as tables
from services.bulletins.writing import mailing_texts
from shared.clock import DEFAULT_ZONE, local_date
from shared.due.plan import plan
from shared.events.envelope import Outgoing
from shared.events.notify import MailingKind, MailingRequested, MailingText, ReadBy
from shared.events.roster import SchoolStated
from shared.ids import derived_id
from shared.languages import N_, choose, translations
from shared.observe.tracing import new_traceparent
from shared.web.pages import DOMAIN

UNREAD = "bulletin_unread"  # what falls due
LOCALES = Path(__file__).parent / "locales"
REMINDER = N_("Reminder: %(subject)s")
STILL_THERE = N_("You have got this once before. Nobody at home has told us that it was read, so here it is again.")


async def note(session: AsyncSession, bulletin_id: UUID, person_id: UUID, how: ReadBy, now: datetime) -> list[Outgoing]:
    """Somebody has read it: kept once, and said once. Whether they may is the caller's question."""
    if not await readings.note_once(session, bulletin_id, person_id, how, now):
        return []
    return [message_read(bulletin_id, person_id, now, how), *await understood(session, bulletin_id, person_id, now)]


async def plan_reminder(
    session: AsyncSession, bulletin_id: UUID, sent_at: datetime, settings: BulletinsSettings
) -> None:
    """Let homes be reminded of what must be read, `unread_days` after it left; planned when it is sent."""
    due_at = sent_at + timedelta(days=settings.unread_days)
    await plan(session, tables, UNREAD, [(bulletin_id, due_at, None)])


async def remind(
    session: AsyncSession, bulletin_id: UUID, now: datetime, settings: BulletinsSettings
) -> list[Outgoing]:
    """Remind the homes that have not read it, because somebody asks for it. Nothing when it was done, or all have."""
    return [said for one in await readings.remindable(session, [bulletin_id])
            for said in await _remind(session, one, now, settings)]  # fmt: skip


async def remind_of_all(
    session: AsyncSession, bulletin_ids: list[UUID], now: datetime, settings: BulletinsSettings
) -> list[Outgoing]:
    """Remind of those that must be read and have waited long enough; those whose school is quiet now, later."""
    said: list[Outgoing] = []
    for one in await readings.remindable(session, bulletin_ids):
        if not one.must_read:
            continue
        when = await _allowed(session, one, now, settings)
        if when > now:
            await plan(session, tables, UNREAD, [(one.bulletin_id, when, None)])
        else:
            said += await _remind(session, one, now, settings)
    return said


async def _remind(session: AsyncSession, one: Remindable, now: datetime, settings: BulletinsSettings) -> list[Outgoing]:
    school = await _school(session, one.school_id)
    if not await readings.unread_homes(session, one.bulletin_id, local_date(one.sent_at, _zone(school))):
        return []
    full = await bulletins.load(session, one.bulletin_id)
    if full is None:
        return []
    await readings.reminded(session, one.bulletin_id, now)
    send_at = leaves_at(now, None, _zone(school), settings.send_from, settings.send_until)
    groups = full.group_ids or await _all_of(session, one.school_id, local_date(now, _zone(school)))
    return [Outgoing(_mailing(full, groups, school, now, send_at), new_traceparent())]


async def _all_of(session: AsyncSession, school_id: UUID, today: date) -> tuple[UUID, ...]:
    """The classes of a school: what went to none in particular went to all."""
    return tuple(one.group_id for one in await class_groups(session, [school_id], today))


def _mailing(
    full: bulletins.Full, groups: tuple[UUID, ...], school: SchoolStated | None, now: datetime, send_at: datetime
) -> MailingRequested:
    """The same once more, under a line that says so, to those of the first mailing who have not read it."""
    of, language = full.bulletin, school.language if school else None
    return MailingRequested(
        mailing_id=derived_id("reminder", of.bulletin_id),
        kind=MailingKind(of.kind),
        tenant_id=of.tenant_id,
        school_id=of.school_id,
        about_id=of.bulletin_id,
        author_id=of.author_id,
        group_ids=groups,
        day=local_date(send_at, _zone(school)),
        path=f"/bulletins/{of.bulletin_id}",
        requested_at=now,
        send_at=send_at,
        must_read=of.must_read,
        unread_of=of.bulletin_id,  # a bulletin's first mailing has the bulletin's id
        texts=tuple(_again(one, language) for one in mailing_texts(full)),
    )


def _again(first: MailingText, language: str | None) -> MailingText:
    """One language's words, the reminder in the same language where we write in it, else in the school's."""
    tag = choose(first.language, language).tag
    words = translations(LOCALES, tag, DOMAIN)
    line = words.ugettext(STILL_THERE)
    return MailingText(
        language=first.language,
        subject=words.ugettext(REMINDER) % {"subject": first.subject},
        text=f"{line}\n\n{first.text}",
        html=f'<p lang="{tag}"><em>{escape(line)}</em></p>\n{first.html}',
    )


async def _allowed(session: AsyncSession, one: Remindable, now: datetime, settings: BulletinsSettings) -> datetime:
    zone = _zone(await _school(session, one.school_id))
    return leaves_at(now, None, zone, settings.send_from, settings.send_until)


async def _school(session: AsyncSession, school_id: UUID) -> SchoolStated | None:
    return (await schools_of(session, [school_id])).get(school_id)


def _zone(school: SchoolStated | None) -> str:
    return school.zone if school else DEFAULT_ZONE
