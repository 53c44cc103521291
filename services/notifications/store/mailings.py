"""Every query and bulk write of the bulk lane. Nothing here commits."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row as DbRow
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.mailings import Mailing, MailingStatus, Row, delivery_of
from services.notifications.tables import addressee, letter, mailing
from shared.db.bulk import ONCE, insert_rows, rows_as_arrays
from shared.events.envelope import Received
from shared.events.notify import (
    Addressee,
    DeliveryStatus,
    MailingKind,
    MailingRequested,
    MailingText,
    MailingWithdrawn,
    MessageRead,
)
from shared.events.people import Channel
from shared.events.roster import GroupStated, PersonStated
from shared.roster.projection import Link

SPREAD_AT_ONCE = 2000  # rows in one statement
Meant = tuple[UUID, str]  # somebody, and the pupils it would be about to them, as JSON
PENDING = DeliveryStatus.PENDING
COUNTED = 1000  # more open addressees than this are not counted: a count must not grow with the mailing
MAILING = (
    "mailing_id", "tenant_id", "school_id", "kind", "about_id", "author_id", "group_ids", "unread_of", "day", "path",
    "must_read", "texts", "requested_at", "send_at", "status", "traceparent",
)  # fmt: skip
ADDRESSEE = ("mailing_id", "person_id", "delivery_id", "pupil_ids", "status", "why", "retry_at", "moved_at")
LETTER = ("letter_id", "school_id", "person_id", "pupil_id", "mailing_id", "wanted_at")
WITHDRAW = text(
    "update mailing set withdrawn_at = :now, "
    "status = case when status = 'waiting' then 'withdrawn' else status end "
    "where mailing_id = any(cast(:ids as uuid[])) and withdrawn_at is null returning mailing_id"
)
HURRY = text("update addressee set retry_at = :now where mailing_id = any(cast(:ids as uuid[])) and retry_at > :now")
NEXT_TO_SPREAD = text(
    "select * from mailing where status = 'waiting' and send_at <= :now order by send_at limit 1 "
    "for no key update skip locked"
)
# Everyone a member of the classes has to do with. Who of them may be told is decided when it is sent, and only then.
# Ordered by class, so that a batch is about few classes.
MEANT = text(
    "with placed as ("
    " select wanted.place, (member ->> 'person_id')::uuid as pupil_id"
    " from unnest(cast(:groups as uuid[])) with ordinality as wanted(id, place)"
    f" join roster on roster.event_type = '{GroupStated.event_type}' and roster.id = wanted.id"
    " cross join lateral jsonb_array_elements(roster.state -> 'members') as member"
    " where coalesce((member ->> 'starts')::date, '-infinity') <= :today"
    " and :today < coalesce((member ->> 'ends')::date, 'infinity')"
    "), meant as ("
    " select placed.place, placed.pupil_id, tied.to_id as person_id from placed join roster_link as tied"
    f" on tied.from_id = placed.pupil_id and tied.kind in ('{Link.TIE}', '{Link.CONSENT}')"
    " union all"
    " select placed.place, placed.pupil_id, placed.pupil_id from placed join roster"
    f" on roster.event_type = '{PersonStated.event_type}' and roster.id = placed.pupil_id"
    " where (roster.state ->> 'born')::date <= :born_by"
    ") select person_id, jsonb_agg(distinct pupil_id)::text as pupils from meant"
    " group by person_id order by min(place), person_id"
)
MEANT_UNREAD = text(
    "select person_id, pupil_ids::text as pupils from addressee where mailing_id = :earlier and read_at is null"
)
SPREAD_DONE = text("update mailing set status = 'sending', spread_at = :now where mailing_id = :mailing")
DUE = text(
    "select mailing_id, withdrawn_at is not null as withdrawn from mailing "
    "where status in ('sending', 'waiting') and exists ("
    " select from addressee where addressee.mailing_id = mailing.mailing_id and retry_at <= :now"
    ") order by mailing_id"
)
CLAIM = text(
    "select person_id, delivery_id, pupil_ids, status, tries, may_have_arrived, retry_at, refused from addressee "
    "where mailing_id = :mailing and retry_at <= :now order by retry_at limit :limit for update skip locked"
)
MOVED = ("ids", "statuses", "whys", "agains", "owners", "channels", "prints", "tries")
MOVE = text(
    "update addressee set status = moved.status, why = moved.why, retry_at = moved.again, owner = moved.owner, "
    "channel = coalesce(moved.channel, addressee.channel), tries = moved.tries, "
    "fingerprint = coalesce(moved.print, addressee.fingerprint), moved_at = :now from unnest("
    "cast(:ids as uuid[]), cast(:statuses as text[]), cast(:whys as text[]), cast(:agains as timestamptz[]), "
    "cast(:owners as bigint[]), cast(:channels as text[]), cast(:prints as text[]), cast(:tries as int[])"
    ") as moved(id, status, why, again, owner, channel, print, tries) "
    "where addressee.mailing_id = :mailing and addressee.person_id = moved.id"
)
ANSWERED = ("mailings", "ids", "statuses", "agains", "tries", "arrived", "codes", "refused", "keeps")
# What is over stays its owner's until it has been said (`release`): so nothing that is over stays unsaid.
ANSWER_SQL = (
    "update addressee set status = done.status, retry_at = done.again, tries = done.tries, "
    "may_have_arrived = done.arrived, reply_code = done.code, moved_at = :now, "
    "owner = case when done.keeps then addressee.owner end, refused = case when done.refused "
    "then coalesce(addressee.refused, '[]') || to_jsonb(addressee.fingerprint) else addressee.refused end "
    "from unnest(cast(:mailings as uuid[]), cast(:ids as uuid[]), cast(:statuses as text[]), "
    "cast(:agains as timestamptz[]), cast(:tries as int[]), cast(:arrived as boolean[]), cast(:codes as int[]), "
    "cast(:refused as boolean[]), cast(:keeps as boolean[])"
    ") as done(mailing, id, status, again, tries, arrived, code, refused, keeps) "
    "where addressee.mailing_id = done.mailing and addressee.person_id = done.id and addressee.owner = :owner"
)
ANSWER_NOW = re.sub(r":(\w+)", r"%(\1)s", ANSWER_SQL)  # as the driver itself wants it
RELEASE = text(
    "update addressee set owner = null where mailing_id = :mailing and person_id = any(cast(:ids as uuid[])) "
    "and owner = :owner and status <> 'sending' returning person_id, pupil_ids, status, channel"
)
# What has no answer is due again, and will be marked as a possible repeat; its Message-ID is the same.
ORPHANED = text(
    "update addressee set status = 'uncertain', may_have_arrived = true, retry_at = :now, owner = null, "
    "moved_at = :now where owner = :owner and status = 'sending' returning mailing_id"
)
HELD = text("select mailing_id, person_id from addressee where owner = :owner")
OWNERS = text("select distinct owner from addressee where owner is not null")
STILL_OPEN = text(
    "select count(*) from (select from addressee where mailing_id = :mailing and retry_at is not null "
    f"limit {COUNTED}) as waiting"
)
# Two statements: one that waited for a mailing's row would judge its addressees by what it saw before it waited, and a
# home whose mail came back in that moment would never be tried again (a bounce writes the mailing's row as well).
LOCK_SENDING = text("select mailing_id from mailing where status = 'sending' for no key update skip locked")
FINISH = text(
    "update mailing set status = 'done' where mailing_id = any(cast(:ids as uuid[])) and not exists ("
    " select from addressee where addressee.mailing_id = mailing.mailing_id and retry_at is not null"
    ") and not exists ("
    " select from addressee where addressee.mailing_id = mailing.mailing_id and owner is not null"
    ") and not exists ("
    " select from addressee where addressee.mailing_id = mailing.mailing_id and status = 'digested'"
    ") returning *"
)
READ = text(
    "update addressee set read_at = said.at from unnest(cast(:abouts as uuid[]), cast(:ids as uuid[]), "
    "cast(:ats as timestamptz[])) as said(about_id, person_id, at) join mailing on mailing.about_id = said.about_id "
    "where addressee.mailing_id = mailing.mailing_id and addressee.person_id = said.person_id "
    "and addressee.read_at is null"
)
CLASSES = text(
    "select roster.id, roster.state ->> 'name' as name, (member ->> 'person_id')::uuid as pupil_id"
    " from roster cross join lateral jsonb_array_elements(roster.state -> 'members') as member"
    f" where roster.event_type = '{GroupStated.event_type}' and roster.id in ("
    f"  select from_id from roster_link where kind = '{Link.MEMBER}'"
    "  and to_id = any(cast(:pupils as uuid[])) and from_id = any(cast(:groups as uuid[]))"
    " ) and (member ->> 'person_id')::uuid = any(cast(:pupils as uuid[]))"
    " and coalesce((member ->> 'starts')::date, '-infinity') <= :today"
    " and :today < coalesce((member ->> 'ends')::date, 'infinity') order by name"
)
UNDIGEST = text(
    "update addressee set status = :status, moved_at = :now from unnest(cast(:mailings as uuid[]), "
    "cast(:ids as uuid[])) as item(mailing_id, person_id) where addressee.mailing_id = item.mailing_id "
    "and addressee.person_id = item.person_id and addressee.status = 'digested' "
    "returning addressee.mailing_id, addressee.person_id, addressee.pupil_ids, addressee.status, addressee.channel"
)


@dataclass(frozen=True, slots=True)
class Move:
    """How one addressee moves when it is claimed."""

    person_id: UUID
    status: DeliveryStatus
    why: str
    tries: int
    retry_at: datetime | None = None
    owner: int | None = None
    channel: Channel | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How one addressee stands after an attempt; `refused`: the address it was tried at refused it for good."""

    mailing_id: UUID
    person_id: UUID
    status: DeliveryStatus
    tries: int
    may_have_arrived: bool
    retry_at: datetime | None = None
    code: int | None = None
    refused: bool = False


async def keep_mailings(session: AsyncSession, asked: Sequence[Received[MailingRequested]]) -> None:
    """Keep what is new, to be spread at its time."""
    await insert_rows(session, mailing, MAILING, [_as_row(received) for received in asked], ONCE)


async def withdraw(session: AsyncSession, said: Sequence[MailingWithdrawn], now: datetime) -> set[UUID]:
    """End what has not left; returns the mailings that are known. What waits for an hour is taken at once, to end."""
    ids = [one.mailing_id for one in said]
    await session.execute(WITHDRAW, {"ids": ids, "now": now})
    await session.execute(HURRY, {"ids": ids, "now": now})
    known = text("select mailing_id from mailing where mailing_id = any(cast(:ids as uuid[]))")
    return set(await session.scalars(known, {"ids": ids}))


async def next_to_spread(session: AsyncSession, now: datetime) -> Mailing | None:
    """Lock a mailing whose time has come; None when there is none that nobody else has in hand.

    Its addressees can be written, claimed and sent to by others meanwhile (their foreign key asks for less).
    """
    row = (await session.execute(NEXT_TO_SPREAD, {"now": now})).first()
    return _mailing(row) if row else None


async def meant(session: AsyncSession, one: Mailing, today: date, born_by: date) -> AsyncIterator[Sequence[Meant]]:
    """Everyone it may be for with the pupils it would be about, some at a time.

    `today` is the school's; those born by `born_by` are of age.
    """
    given: dict[str, Any]
    if one.unread_of:
        statement, given = MEANT_UNREAD, {"earlier": one.unread_of}
    else:
        statement, given = MEANT, {"groups": list(one.group_ids), "today": today, "born_by": born_by}
    found = await session.stream(statement, given, execution_options={"yield_per": SPREAD_AT_ONCE})
    async for rows in found.partitions():
        yield [(row.person_id, row.pupils) for row in rows]


async def write_down(session: AsyncSession, mailing_id: UUID, people: Sequence[Meant], now: datetime) -> None:
    """Let these be its addressees, due now; who is one already stays as they are."""
    rows = [
        (mailing_id, person, delivery_of(mailing_id, person), pupils, PENDING, "", now, now)
        for person, pupils in people
    ]
    await insert_rows(session, addressee, ADDRESSEE, rows, ONCE)


async def spread_over(session: AsyncSession, mailing_id: UUID, now: datetime) -> None:
    """Everyone is written down."""
    await session.execute(SPREAD_DONE, {"mailing": mailing_id, "now": now})


async def due(session: AsyncSession, now: datetime) -> list[tuple[UUID, bool]]:
    """The mailings somebody is due of, each with whether it is withdrawn."""
    return [(row.mailing_id, row.withdrawn) for row in await session.execute(DUE, {"now": now})]


async def load(session: AsyncSession, mailing_id: UUID) -> Mailing:
    """One mailing that is known."""
    found = await session.execute(text("select * from mailing where mailing_id = :id"), {"id": mailing_id})
    return _mailing(found.one())


async def claim(session: AsyncSession, mailing_id: UUID, now: datetime, limit: int) -> list[Row]:
    """Lock addressees that are due, passing over what another process has in hand."""
    rows = await session.execute(CLAIM, {"mailing": mailing_id, "now": now, "limit": limit})
    return [
        Row(
            row.person_id,
            row.delivery_id,
            tuple(UUID(one) for one in row.pupil_ids),
            DeliveryStatus(row.status),
            row.tries,
            row.may_have_arrived,
            row.retry_at,
            frozenset(row.refused or ()),
        )
        for row in rows
    ]


async def move(session: AsyncSession, mailing_id: UUID, moves: Sequence[Move], now: datetime) -> None:
    """Write what was decided about addressees."""
    rows = [(m.person_id, m.status, m.why, m.retry_at, m.owner, m.channel, m.fingerprint, m.tries) for m in moves]
    if rows:
        await session.execute(MOVE, {"mailing": mailing_id, "now": now, **rows_as_arrays(MOVED, rows)})


async def classes_of(
    session: AsyncSession, group_ids: Iterable[UUID], pupil_ids: Iterable[UUID], today: date
) -> dict[UUID, tuple[str, ...]]:
    """The names of those of these groups that each pupil is in on that day."""
    given = {"groups": list(group_ids), "pupils": list(pupil_ids), "today": today}
    found: dict[UUID, tuple[str, ...]] = {}
    for row in await session.execute(CLASSES, given):
        found[row.pupil_id] = (*found.get(row.pupil_id, ()), row.name)
    return found


async def keep_letters(
    session: AsyncSession, one: Mailing, people: Sequence[tuple[UUID, UUID, UUID | None]], now: datetime
) -> None:
    """Letters to be printed: their ids, to whom, and about which pupil."""
    rows = [(key, one.school_id, person, pupil, one.mailing_id, now) for key, person, pupil in people]
    await insert_rows(session, letter, LETTER, rows, ONCE)


def answer_values(answers: Sequence[Answer], owner: int, now: datetime) -> dict[str, Any]:
    """What `ANSWER_NOW` writes: what attempts came to, of those that are still this owner's."""
    rows = [
        (
            a.mailing_id, a.person_id, a.status, a.retry_at, a.tries, a.may_have_arrived, a.code, a.refused,
            a.retry_at is None,
        )
        for a in answers
    ]  # fmt: skip
    return {"owner": owner, "now": now, **rows_as_arrays(ANSWERED, rows)}


async def release(session: AsyncSession, mailing_id: UUID, people: Sequence[UUID], owner: int) -> list[Addressee]:
    """Let go of those who are over, to be said by the caller in the same transaction; returns whom nobody has said."""
    rows = await session.execute(RELEASE, {"mailing": mailing_id, "ids": list(people), "owner": owner})
    return [ended(row) for row in rows]


async def left_by(session: AsyncSession, owner: int, now: datetime) -> tuple[int, dict[UUID, list[UUID]]]:
    """What a process that is gone has left: how many were without an answer, who are due again now; and, by mailing,
    whose end was not said (they stay its own until `release`)."""
    begun = (await session.execute(ORPHANED, {"owner": owner, "now": now})).all()
    found: dict[UUID, list[UUID]] = {}
    for row in await session.execute(HELD, {"owner": owner}):
        found.setdefault(row.mailing_id, []).append(row.person_id)
    return len(begun), found


async def unfinished_owners(session: AsyncSession) -> list[int]:
    """The processes that have something in hand."""
    return list(await session.scalars(OWNERS))


async def still_open(session: AsyncSession, mailing_id: UUID) -> int:
    """How many wait for another look, counted up to `COUNTED`."""
    return await session.scalar(STILL_OPEN, {"mailing": mailing_id}) or 0


async def finish(session: AsyncSession) -> list[Mailing]:
    """End the mailings of which nothing is open for anybody; each is returned once, to one caller."""
    ids = list(await session.scalars(LOCK_SENDING))
    return [_mailing(row) for row in await session.execute(FINISH, {"ids": ids})] if ids else []


async def note_read(session: AsyncSession, reads: Sequence[MessageRead]) -> None:
    """Keep that mailings about these things have been read, by whom and first when."""
    rows = [(read.about_id, read.person_id, read.at) for read in sorted(reads, key=lambda one: one.at)]
    first = {(about, person): (about, person, at) for about, person, at in reversed(rows)}
    if first:
        await session.execute(READ, rows_as_arrays(("abouts", "ids", "ats"), list(first.values())))


async def undigest(
    session: AsyncSession, items: Iterable[tuple[UUID, UUID]], status: DeliveryStatus, now: datetime
) -> Mapping[UUID, list[Addressee]]:
    """Those (mailing, person) whose digest is over: settled with this status; returns them by mailing."""
    given = rows_as_arrays(("mailings", "ids"), list(items))
    found: dict[UUID, list[Addressee]] = {}
    for row in await session.execute(UNDIGEST, {**given, "status": status, "now": now}):
        found.setdefault(row.mailing_id, []).append(ended(row))
    return found


def ended(row: DbRow[Any]) -> Addressee:
    """How it ended for one person."""
    return Addressee(
        person_id=row.person_id,
        pupil_ids=tuple(UUID(one) for one in row.pupil_ids),
        status=DeliveryStatus(row.status),
        channel=_channel(row.channel),
    )


def _channel(name: str | None) -> Channel | None:
    return Channel(name) if name else None


def _as_row(received: Received[MailingRequested]) -> tuple[Any, ...]:
    said = received.event
    return (
        said.mailing_id,
        said.tenant_id,
        said.school_id,
        said.kind,
        said.about_id,
        said.author_id,
        json.dumps([str(one) for one in said.group_ids]),
        said.unread_of,
        said.day,
        said.path,
        said.must_read,
        json.dumps([one.model_dump() for one in said.texts]),
        said.requested_at,
        said.send_at,
        MailingStatus.WAITING,
        received.traceparent,
    )


def _mailing(row: DbRow[Any]) -> Mailing:
    return Mailing(
        mailing_id=row.mailing_id,
        tenant_id=row.tenant_id,
        school_id=row.school_id,
        kind=MailingKind(row.kind),
        about_id=row.about_id,
        author_id=row.author_id,
        group_ids=tuple(UUID(one) for one in row.group_ids),
        day=row.day,
        path=row.path,
        must_read=row.must_read,
        texts=tuple(MailingText.model_validate(one) for one in row.texts),
        send_at=row.send_at,
        unread_of=row.unread_of,
        traceparent=row.traceparent,
    )
