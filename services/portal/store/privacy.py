"""Requests to see or erase a person: asking, keeping the answers, handing them out; and the portal's own part."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Text, cast, delete, null, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.store.audit import Look, note
from services.portal.tables import (
    Acknowledgement,
    Approval,
    Preference,
    kit,
    privacy_answer,
    privacy_request,
    roster,
)
from shared.db.bulk import insert_rows
from shared.db.engine import table_of
from shared.events.envelope import Outgoing
from shared.events.people import ConsentStated, PreferencesStated
from shared.events.privacy import PrivacyAnswered, PrivacyRequested, PrivacyWish
from shared.ids import derived_id, new_id
from shared.messaging.outbox import say
from shared.rights.about import Rows
from shared.rights.privacy import unpacked
from shared.topics import EVERYONE, PRIVACY

KEEPS = ("privacy_request",)  # that somebody asked is kept, as ids, until its time is over (shared/retention.py)
COMMAND_LINE = derived_id("operator", "command line")
# A duty stays as a count. Its own id is made from the pupil's, so both are replaced, and what proves it is let go.
NAMELESS = text(
    "with nameless as (update duty set duty_id = gen_random_uuid(), pupil_id = gen_random_uuid() "
    "where pupil_id = any(cast(:ids as uuid[])) returning old.duty_id as before, new.duty_id as after), "
    "moments as (update duty_moment set duty_id = nameless.after, evidence_id = null "
    "from nameless where duty_moment.duty_id = nameless.before) select before from nameless"
)
# How somebody else wants to hear about a child that is gone: what they chose for it is nobody's any more.
NOT_FOR = text(
    "update preference set version = greatest(version + 1, :version), choices = (select "
    "coalesce(jsonb_agg(one), '[]') from jsonb_array_elements(choices) one "
    "where coalesce(one ->> 'pupil_id', '') <> all(cast(:ids as text[]))) "
    "where exists (select from jsonb_array_elements(choices) one where one ->> 'pupil_id' = any(cast(:ids as text[]))) "
    "and person_id <> all(cast(:own as uuid[])) returning *"
)


@dataclass
class Standing:
    """How far one request has come: rows found by each service that has answered."""

    request_id: UUID
    person_id: UUID
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def open(self) -> list[str]:
        """The services that have not answered yet."""
        return [service for service in EVERYONE if service not in self.rows]


async def ask(
    session: AsyncSession, wish: PrivacyWish, person_ids: Sequence[UUID], now: datetime, reason: str | None = None
) -> list[UUID]:
    """Ask every service about these persons; the requests' ids. What is asked is in the audit trail too."""
    asked = [
        PrivacyRequested(request_id=new_id(), wish=wish, person_id=person_id, requested_at=now)
        for person_id in person_ids
    ]
    rows = [(one.request_id, one.wish.value, one.person_id, one.requested_at) for one in asked]
    await insert_rows(session, privacy_request, ("request_id", "wish", "person_id", "requested_at"), rows)
    tenants = await _tenants(session, person_ids)
    looks = [Look(tenant, COMMAND_LINE, person, f"person {wish.value}", reason) for person, tenant in tenants.items()]
    await note(session, looks, now)
    await say(session, kit, [Outgoing(one) for one in asked], now)
    return [one.request_id for one in asked]


async def keep_answers(session: AsyncSession, answers: Sequence[PrivacyAnswered]) -> None:
    """Keep the answers to requests that are still open; one that comes twice takes the place of the first."""
    asked = set(await session.scalars(select(privacy_request.c.request_id)))
    same = tuple_(privacy_answer.c.request_id, privacy_answer.c.service)
    await session.execute(delete(privacy_answer).where(same.in_([(one.request_id, one.service) for one in answers])))
    rows = [
        (
            answer.request_id,
            answer.service,
            answer.rows,
            json.dumps(unpacked(answer.content)) if answer.content else None,
            answer.answered_at,
        )
        for answer in {(one.request_id, one.service): one for one in answers}.values()
        if answer.request_id in asked
    ]
    names = ("request_id", "service", "rows", "content", "answered_at")
    await insert_rows(session, privacy_answer, names, rows)


async def standings(session: AsyncSession, request_ids: Sequence[UUID]) -> list[Standing]:
    """How far these requests have come, in the order asked for."""
    asked = await session.execute(select(privacy_request).where(privacy_request.c.request_id.in_(request_ids)))
    found = {row.request_id: Standing(row.request_id, row.person_id) for row in asked}
    answers = select(privacy_answer.c.request_id, privacy_answer.c.service, privacy_answer.c.rows)
    for row in await session.execute(answers.where(privacy_answer.c.request_id.in_(request_ids))):
        found[row.request_id].rows[row.service] = row.rows
    return [found[request_id] for request_id in request_ids if request_id in found]


async def contents(session: AsyncSession, request_id: UUID) -> Mapping[str, Rows]:
    """What the services have handed out for an export, by service."""
    mine = select(privacy_answer).where(privacy_answer.c.request_id == request_id)
    rows = await session.execute(mine.order_by(privacy_answer.c.service))
    return {row.service: row.content or {} for row in rows}


async def finish(session: AsyncSession, requests: Sequence[Standing], now: datetime) -> None:
    """Let go of what was handed out: here, on the answers' topic, and in the outbox of every service."""
    ids = [one.request_id for one in requests]
    await session.execute(update(privacy_answer).where(privacy_answer.c.request_id.in_(ids)).values(content=null()))
    said = [gone for one in requests for gone in _answers_gone(one.request_id, now)]
    for one in requests:
        if not await _others_open(session, one):
            over = PrivacyRequested(
                request_id=one.request_id, wish=PrivacyWish.EXPORT, person_id=one.person_id, requested_at=now
            )
            said.append(Outgoing(over, tombstone=True))
    await say(session, kit, said, now)


class PortalPart:
    """The portal's part: consents, preferences and duties, which others know of."""

    async def export(self, session: AsyncSession, person_id: UUID) -> Rows:
        """Everything the portal has is found by naming."""
        del session, person_id
        return {}

    async def erase(self, session: AsyncSession, ids: Sequence[UUID], now: datetime) -> tuple[int, list[Outgoing]]:
        """End consents that rest on the persons, forget their wishes, leave their duties as counts."""
        nameless = list(await session.scalars(NAMELESS, {"ids": list(ids)}))
        read = table_of(Acknowledgement)
        await session.execute(delete(read).where(read.c.duty_id.in_(nameless)))
        said = await _consents_gone(session, [str(one) for one in ids])
        said += await _preferences_gone(session, ids)
        said += await _choices_gone(session, ids, now)
        said += await _exports_gone(session, ids, now)
        return len(nameless), said


async def _consents_gone(session: AsyncSession, keys: Sequence[str]) -> list[Outgoing]:
    """A consent about, for or signed by one of them ends: without all its signatures it is none."""
    state, signed = roster.c.state, table_of(Approval)
    signers = state["given_by"].has_any(cast(list(keys), ARRAY(Text)))
    named = or_(state["pupil_id"].astext.in_(keys), state["person_id"].astext.in_(keys), signers)
    mine = (roster.c.event_type == ConsentStated.event_type) & named
    stated = [ConsentStated.model_validate(one) for one in await session.scalars(select(state).where(mine))]
    ids = [one.consent_id for one in stated]
    await session.execute(delete(signed).where(signed.c.consent_id.in_(ids)))
    of_theirs = (roster.c.event_type == ConsentStated.event_type) & roster.c.id.in_(ids)
    await session.execute(delete(roster).where(of_theirs))
    return [Outgoing(one, tombstone=True) for one in stated]


async def _preferences_gone(session: AsyncSession, ids: Sequence[UUID]) -> list[Outgoing]:
    table = table_of(Preference)
    said = await session.scalars(select(table.c.person_id).where(table.c.person_id.in_(ids)))
    return [Outgoing(PreferencesStated(person_id=one, version=0), tombstone=True) for one in said]


async def _choices_gone(session: AsyncSession, ids: Sequence[UUID], now: datetime) -> list[Outgoing]:
    asked = {"ids": [str(one) for one in ids], "own": list(ids), "version": int(now.timestamp() * 1000)}
    rows = (await session.execute(NOT_FOR, asked)).mappings()
    return [Outgoing(PreferencesStated.model_validate(dict(row))) for row in rows]


async def _exports_gone(session: AsyncSession, ids: Sequence[UUID], now: datetime) -> list[Outgoing]:
    """What was handed out earlier goes too, also when nobody came for it."""
    earlier = select(privacy_request.c.request_id).where(
        privacy_request.c.person_id.in_(ids), privacy_request.c.wish == PrivacyWish.EXPORT.value
    )
    requests = list(await session.scalars(earlier))
    await session.execute(delete(privacy_answer).where(privacy_answer.c.request_id.in_(requests)))
    return [gone for request_id in requests for gone in _answers_gone(request_id, now)]


def _answers_gone(request_id: UUID, now: datetime) -> list[Outgoing]:
    answers = [PrivacyAnswered(request_id=request_id, service=service, rows=0, answered_at=now) for service in EVERYONE]
    return [Outgoing(answer, tombstone=True) for answer in answers]


async def _others_open(session: AsyncSession, done: Standing) -> bool:
    """True while another request about the same person waits: it must not be taken back with this one."""
    others = select(privacy_request.c.request_id).where(
        privacy_request.c.person_id == done.person_id, privacy_request.c.request_id != done.request_id
    )
    return any(one.open for one in await standings(session, list(await session.scalars(others))))


async def _tenants(session: AsyncSession, person_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    known = select(roster.c.id, roster.c.tenant_id).where(
        roster.c.id.in_(list(person_ids)), roster.c.tenant_id.is_not(None)
    )
    return {row.id: row.tenant_id for row in await session.execute(known)}


async def export_under_way(session: AsyncSession, person_id: UUID, since: datetime) -> UUID | None:
    """An export of this person that was asked for since then and that nobody has come for."""
    mine = select(privacy_request.c.request_id).where(
        privacy_request.c.person_id == person_id,
        privacy_request.c.wish == PrivacyWish.EXPORT.value,
        privacy_request.c.requested_at >= since,
    )
    asked: Sequence[UUID] = (await session.scalars(mine.order_by(privacy_request.c.requested_at.desc()))).all()
    for request_id in asked:
        answers = select(privacy_answer.c.content).where(privacy_answer.c.request_id == request_id)
        given = (await session.scalars(answers)).all()
        if not given or any(content is not None for content in given):
            return request_id
    return None


async def is_published(session: AsyncSession, request_ids: Sequence[UUID]) -> bool:
    """True when none of these requests lies in the outbox any more: then the portal runs and has a broker."""
    keys = select(privacy_request.c.person_id).where(privacy_request.c.request_id.in_(request_ids))
    people = [str(one) for one in await session.scalars(keys)]
    waits = select(kit.outbox.c.id).where(
        kit.outbox.c.topic == PRIVACY.name, kit.outbox.c.key.in_(people), kit.outbox.c.sent_at.is_(None)
    )
    return await session.scalar(waits.limit(1)) is None
