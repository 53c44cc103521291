"""Conversations as they are kept, and who is around a pupil."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import insert, or_, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, func, select

from services.bulletins.domain.dialogue import Around, Conversation, Part
from services.bulletins.tables import Message, MessageFile, Party, Thread
from shared.events.people import ConsentStated
from shared.events.roster import ContactStated, GroupStated, GuardianshipsStated, PersonStated, StaffStated
from shared.roster.access import Family, in_force, is_protected, ties_of, verdicts
from shared.roster.standing import MENTORS, PRINCIPALS, members_on

DAY = timedelta(days=1)
AROUND = text(
    """
    with pupil as (
        select state from roster where event_type = :person and id = :pupil
    ), adult as (
        select to_id as id from roster_link where from_id = :pupil and kind in ('tie', 'consent')
    ), post as (
        select state from roster where event_type = :staff and state ->> 'school_id' in (
            select jsonb_array_elements_text(state -> 'school_ids') from pupil)
    )
    select event_type, id, state from roster where
        (event_type in (:person, :contact, :ties) and id = :pupil)
        or (event_type in (:person, :contact) and id in (select id from adult))
        or (event_type = :consent and id in (
            select source_id from roster_link where from_id = :pupil and kind = 'consent'))
        or (event_type = :group and id in (
            select from_id from roster_link where to_id = :pupil and kind = 'member'))
        or (event_type = :contact and id in (select (state ->> 'person_id')::uuid from post))
    union all select :staff, (state ->> 'post_id')::uuid, state from post
    """
)
ONE = """
    select jsonb_build_object(
        'thread_id', t.thread_id, 'tenant_id', t.tenant_id, 'school_id', t.school_id, 'pupil_id', t.pupil_id,
        'subject', t.subject, 'opened_at', t.opened_at, 'last_at', t.last_at, 'closed_at', t.closed_at,
        'pupil_name', c.state ->> 'given_name',
        'parties', (select coalesce(jsonb_agg(to_jsonb(p) || jsonb_build_object('name', case
                when coalesce(who.state ->> 'marking', 'none') = 'none' or p.person_id = :me
                then concat_ws(' ', told.state ->> 'given_name', told.state ->> 'family_name') end)
                order by p.joined_at), '[]') from party p
            left join roster told on told.event_type = :contact and told.id = p.person_id
            left join roster who on who.event_type = :person and who.id = p.person_id
            where p.thread_id = t.thread_id),
        'messages', (select coalesce(jsonb_agg(to_jsonb(m) || jsonb_build_object('files', (
                select coalesce(jsonb_agg(
                    jsonb_build_object('file_id', f.file_id, 'name', f.name, 'size', f.size)), '[]')
                from message_file f where f.message_id = m.message_id)) order by m.written_at, m.message_id), '[]')
            from message m where m.thread_id = t.thread_id)
    ) as conversation, pupil.state as pupil
    from thread t
    join roster pupil on pupil.event_type = :person and pupil.id = t.pupil_id
    left join roster c on c.event_type = :contact and c.id = t.pupil_id
"""
LISTED = text(
    ONE + "where t.thread_id in (select thread_id from party where person_id = :me and left_at is null) "
    "order by t.last_at desc limit 200"
)
LOADED = text(ONE + "where t.thread_id = :thread")
Found = tuple[Conversation, PersonStated]


async def listed(session: AsyncSession, person_id: UUID) -> list[Found]:
    """The conversations somebody is a party of, with their pupils, the latest first. One statement."""
    return _found((await session.execute(LISTED, {**_KINDS, "me": person_id})).all())


async def load(session: AsyncSession, thread_id: UUID, reader: UUID) -> Found | None:
    """One conversation with its pupil; names as this reader may see them. One statement."""
    asked = {**_KINDS, "me": reader, "thread": thread_id}
    return next(iter(_found((await session.execute(LOADED, asked)).all())), None)


async def around(session: AsyncSession, pupil_id: UUID, today: date) -> Around | None:
    """Everybody around a pupil on that day; None when the roster does not know the pupil. One statement."""
    kinds = {**_KINDS, "ties": GuardianshipsStated.event_type, "consent": ConsentStated.event_type}
    kinds |= {"group": GroupStated.event_type, "staff": StaffStated.event_type}
    rows = (await session.execute(AROUND, {**kinds, "pupil": pupil_id})).all()
    persons = {row.id: PersonStated.model_validate(row.state) for row in rows if row.event_type == kinds["person"]}
    if pupil_id not in persons:
        return None
    ties = next((GuardianshipsStated.model_validate(r.state) for r in rows if r.event_type == kinds["ties"]), None)
    consents = [ConsentStated.model_validate(row.state) for row in rows if row.event_type == kinds["consent"]]
    judged = verdicts(persons[pupil_id], ties_of(ties), persons, today, consents)
    groups = [GroupStated.model_validate(row.state) for row in rows if row.event_type == kinds["group"]]
    posts = [StaffStated.model_validate(row.state) for row in rows if row.event_type == kinds["staff"]]
    contacts = [ContactStated.model_validate(row.state) for row in rows if row.event_type == kinds["contact"]]
    mine = {group.group_id for group in groups if pupil_id in members_on(group, today)}
    return Around(
        pupil=persons[pupil_id],
        family=Family(persons[pupil_id], judged, persons),
        names={contact.person_id: contact.full_name for contact in contacts},
        mentors=_mentors(posts, mine, today),
        principals=_principals(posts, today),
    )


async def of_file(session: AsyncSession, file_id: UUID) -> tuple[MessageFile, Message] | None:
    """A file with the message it hangs on."""
    joined = select(MessageFile, Message).join(Message, col(Message.message_id) == col(MessageFile.message_id))
    row = (await session.execute(joined.where(col(MessageFile.file_id) == file_id))).first()
    return (row[0], row[1]) if row else None


async def open_thread(session: AsyncSession, thread: Thread, parties: Iterable[tuple[UUID, Part]]) -> None:
    """Begin a conversation between these."""
    await session.execute(insert(Thread).values(**thread.model_dump()))
    rows = [
        {"thread_id": thread.thread_id, "person_id": one, "part": part, "joined_at": thread.opened_at}
        for one, part in parties
    ]
    await session.execute(insert(Party), rows)


async def add_parties(
    session: AsyncSession, thread_id: UUID, parties: Iterable[tuple[UUID, Part]], at: datetime
) -> None:
    """Let these join; who had left comes back and reads what is written from now on."""
    for one, part in parties:
        if await session.get(Party, (thread_id, one)) is None:
            session.add(Party(thread_id=thread_id, person_id=one, part=part, joined_at=at))
        else:
            mine = (col(Party.thread_id) == thread_id) & (col(Party.person_id) == one)
            await session.execute(update(Party).where(mine).values(left_at=None, joined_at=at))


async def write(session: AsyncSession, message: Message, files: Sequence[MessageFile]) -> None:
    """Keep a message with its files; a conversation that was closed is open again."""
    await session.execute(insert(Message).values(**message.model_dump()))
    if files:
        await session.execute(insert(MessageFile), [one.model_dump() for one in files])
    mine = col(Thread.thread_id) == message.thread_id
    await session.execute(update(Thread).where(mine).values(last_at=message.written_at, closed_at=None))


async def take_back(session: AsyncSession, message_id: UUID, person_id: UUID) -> bool:
    """Forget a message that nobody has been told of yet. False when it is too late, or not theirs."""
    mine = or_(col(Message.person_id) == person_id, col(Message.author_id) == person_id)
    wanted = select(Message).where(col(Message.message_id) == message_id, mine, col(Message.told_at).is_(None))
    found = (await session.execute(wanted.with_for_update())).scalar_one_or_none()
    if found is None:
        return False
    files = (await session.execute(select(MessageFile).where(col(MessageFile.message_id) == message_id))).scalars()
    for one in files:
        await session.delete(one)
    await session.flush()
    await session.delete(found)
    return True


async def note_read(session: AsyncSession, thread_id: UUID, person_id: UUID, at: datetime) -> None:
    """This party has opened the conversation."""
    mine = (col(Party.thread_id) == thread_id) & (col(Party.person_id) == person_id)
    await session.execute(update(Party).where(mine).values(read_at=at))


async def leave(session: AsyncSession, thread_id: UUID, person_id: UUID, at: datetime) -> None:
    """This party takes part no more."""
    mine = (col(Party.thread_id) == thread_id) & (col(Party.person_id) == person_id)
    await session.execute(update(Party).where(mine).values(left_at=at))


async def close(session: AsyncSession, thread_id: UUID, at: datetime) -> None:
    """The conversation is over, until somebody writes again."""
    await session.execute(update(Thread).where(col(Thread.thread_id) == thread_id).values(closed_at=at))


async def urgent_since(session: AsyncSession, person_id: UUID, since: datetime) -> int:
    """How many messages this person has marked as urgent since then."""
    mine = (col(Message.person_id) == person_id) & col(Message.urgent) & (col(Message.written_at) > since)
    return (await session.execute(select(func.count()).select_from(Message).where(mine))).scalar_one()


async def untold(session: AsyncSession, message_ids: Iterable[UUID]) -> list[Message]:
    """Those of these messages the others have not been told of, locked."""
    wanted = select(Message).where(col(Message.message_id).in_(list(message_ids)), col(Message.told_at).is_(None))
    return list((await session.execute(wanted.with_for_update())).scalars())


async def mark_told(session: AsyncSession, message_ids: Sequence[UUID], at: datetime) -> None:
    """The others have been told of these now; the conversation comes to the top."""
    told = col(Message.message_id).in_(message_ids)
    await session.execute(update(Message).where(told).values(told_at=at))
    threads = select(col(Message.thread_id)).where(told)
    await session.execute(update(Thread).where(col(Thread.thread_id).in_(threads)).values(last_at=at))


_KINDS = {"person": PersonStated.event_type, "contact": ContactStated.event_type}


def _found(rows: Iterable[Any]) -> list[Found]:
    return [_one(row) for row in rows]


def _one(row: Any) -> Found:
    """A protected pupil has no name here, either."""
    pupil = PersonStated.model_validate(row.pupil)
    found = Conversation.model_validate(row.conversation)
    return (found.model_copy(update={"pupil_name": None}) if is_protected(pupil) else found), pupil


def _mentors(posts: Iterable[StaffStated], groups: set[UUID], today: date) -> tuple[UUID, ...]:
    held = [post for post in posts if post.person_id and in_force(post.starts, post.ends, today)]
    found = [
        post.person_id
        for post in held
        for part in post.assignments
        if part.group_id in groups and part.role.casefold() in MENTORS and in_force(part.starts, part.ends, today)
    ]
    return tuple(dict.fromkeys(one for one in found if one))


def _principals(posts: Iterable[StaffStated], today: date) -> tuple[UUID, ...]:
    found = [
        post.person_id
        for post in posts
        if post.person_id and post.role.casefold() in PRINCIPALS and in_force(post.starts, post.ends, today)
    ]
    return tuple(dict.fromkeys(found))
