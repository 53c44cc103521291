"""“Not this any more”, and back again: one choice changed, and nothing else of what somebody has said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.events.envelope import Outgoing
from shared.events.people import Channel, Choice, How, PreferencesStated, PushAddress, Subject
from shared.observe.tracing import new_traceparent

# Somebody who has said nothing sleeps at night (services.notifications); saying this one thing does not change it.
NIGHT = (time(21), time(7))
FIND = text("select choices from preference where person_id = :person for update")
KEEP = text(
    "insert into preference as kept (person_id, tenant_id, version, email, quiet_from, quiet_to, choices) "
    "values (:person, :tenant, :version, true, :quiet_from, :quiet_to, cast(:choices as jsonb)) "
    "on conflict (person_id) do update set version = greatest(kept.version + 1, excluded.version), "
    "choices = excluded.choices returning *"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """How somebody hears of a subject now, and what is to be said of it: nothing when it was so before."""

    how: How
    said: Sequence[Outgoing]


async def choose_all(
    session: AsyncSession, person_id: UUID, tenant_id: UUID, subject: Subject, how: How, now: datetime
) -> Chosen:
    """Let the person hear of this subject like this, about every child: a choice for one child would win over it.

    The same twice changes nothing the second time.
    """
    kept = await session.scalar(FIND, {"person": person_id})
    before = [Choice.model_validate(one) for one in kept or ()]
    mine = [] if how is How.INSTANT else [Choice(subject=subject, how=how)]
    after = [one for one in before if one.subject is not subject] + mine
    if set(after) == set(before):
        return Chosen(how, [])
    values = {
        "person": person_id,
        "tenant": tenant_id,
        "version": int(now.timestamp() * 1000),
        "quiet_from": NIGHT[0],
        "quiet_to": NIGHT[1],
        "choices": json.dumps([one.model_dump(mode="json", exclude_none=True) for one in after]),
    }
    row = (await session.execute(KEEP, values)).one()
    return Chosen(how, [Outgoing(_stated(row), new_traceparent())])


def _stated(row: Row[Any]) -> PreferencesStated:
    """Everything the person has said, as the readers want it: whole."""
    return PreferencesStated(
        person_id=row.person_id,
        version=row.version,
        tenant_id=row.tenant_id,
        language=row.language,
        email=row.email,
        quiet_from=row.quiet_from,
        quiet_to=row.quiet_to,
        channels=tuple(Channel(one) for one in row.channels),
        choices=tuple(Choice.model_validate(one) for one in row.choices),
        digest_at=row.digest_at,
        push=tuple(PushAddress.model_validate(one) for one in row.push),
    )
