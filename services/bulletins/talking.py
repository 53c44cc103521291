"""What somebody sets in motion in a conversation: they open it, write, ask somebody in; and how the others are told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.dialogue import Conversation, Part, PartyOf, Subject, told_at
from services.bulletins.outgoing import to_person
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store import dialogue as store
from services.bulletins.tables import Message, MessageFile, Thread, kit
from shared.due.plan import plan
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.roster import PersonStated, SchoolStated
from shared.ids import new_id

HELD = "dialogue_held"


@dataclass(frozen=True)
class Typed:
    """What somebody wrote: words, whether it is urgent, and files whose `message_id` is still to be set."""

    words: str
    urgent: bool = False
    files: Sequence[MessageFile] = ()


async def open_conversation(
    session: AsyncSession,
    pupil: PersonStated,
    school: SchoolStated,
    subject: Subject,
    parties: Sequence[tuple[UUID, Part]],
    now: datetime,
) -> Thread:
    """Begin a conversation about a pupil. Whoever begins it is one of the parties, and writes next."""
    thread = Thread(
        thread_id=new_id(),
        tenant_id=pupil.tenant_id or UUID(int=0),
        school_id=school.school_id,
        pupil_id=pupil.person_id,
        subject=subject,
        opened_at=now,
        last_at=now,
    )
    await store.open_thread(session, thread, parties)
    return thread


async def write(
    session: AsyncSession,
    thread_id: UUID,
    mine: PartyOf,
    typed: Typed,
    school: SchoolStated,
    settings: BulletinsSettings,
    now: datetime,
) -> list[Outgoing]:
    """Keep what a party wrote and tell the others: at once, or when the school's evening is over."""
    goes_at = told_at(now, school.zone, typed.urgent, settings.send_from, settings.send_until)
    message = Message(
        message_id=new_id(),
        thread_id=thread_id,
        person_id=None if mine.part is Part.STAFF else mine.person_id,
        author_id=mine.person_id if mine.part is Part.STAFF else None,
        words=typed.words,
        urgent=typed.urgent,
        written_at=now,
        held_until=goes_at if goes_at > now else None,
    )
    for one in typed.files:
        one.message_id = message.message_id
    await store.write(session, message, typed.files)
    if goes_at > now:
        await plan(session, kit, HELD, [(message.message_id, goes_at, None)])
        return []
    return await tell(session, [message.message_id], now)


async def tell(session: AsyncSession, message_ids: Sequence[UUID], now: datetime) -> list[Outgoing]:
    """Tell the other parties of these messages, those who still may take part being worked out when it is sent."""
    messages = await store.untold(session, message_ids)
    said: list[Outgoing] = []
    for one in messages:
        found = await store.load(session, one.thread_id, one.person_id or one.author_id or UUID(int=0))
        if found is not None:
            said += _requests(one, found[0], now)
    await store.mark_told(session, [one.message_id for one in messages], now)
    return said


def _requests(message: Message, conversation: Conversation, now: datetime) -> list[Outgoing]:
    """One request for each of the others. For a guardian it says about whom, so that the right is asked again."""
    kind = NotificationKind.DIALOGUE_URGENT if message.urgent else NotificationKind.DIALOGUE_MESSAGE
    writer = message.person_id or message.author_id
    return [
        to_person(
            kind,
            one.person_id,
            conversation.school_id,
            now,
            mark=message.message_id,
            path=f"/dialogue/{conversation.thread_id}",
            pupil_id=conversation.pupil_id if one.part is Part.GUARDIAN else None,
        )
        for one in conversation.parties
        if one.left_at is None and one.person_id != writer
    ]
