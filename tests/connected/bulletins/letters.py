"""Bulletins that stand as they were sent, written straight into the service's database, for the tests of reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from services.bulletins import tables as t
from services.bulletins.domain.bulletins import BulletinState
from shared.events.notify import MailingKind, ReadBy
from shared.events.scheduling import TalkKind, TalkState
from tests.bulletins_stage import MENTOR_OF, SCHOOL_OF, Stage

WORDS = {"learning": "We read **together** every day.", "activities": "- Swimming on Friday\n- A walk"}


async def sent(
    stage: Stage,
    *classes: str,
    titles: Mapping[str, str] | None = None,
    parts: Mapping[str, Mapping[str, str]] | None = None,
    files: Sequence[Mapping[str, Any]] = (),
    at: datetime | None = None,
    **columns: Any,
) -> UUID:
    """A bulletin of these classes (none: of the whole of Björkskolan) that left `at`, or now. Its id.

    `titles` and `parts` by language; `files` are columns of attachments; `columns` those of the bulletin.
    """
    bulletin_id, now = uuid4(), at or stage.now
    titles = titles or {"en": "News from the class"}
    usual = {
        "bulletin_id": bulletin_id,
        "version": 1,
        "tenant_id": stage.tenant,
        "school_id": stage.school[SCHOOL_OF[classes[0]] if classes else "north"],
        "author_id": stage.who[MENTOR_OF[classes[0]] if classes else "rut"],
        "kind": MailingKind.BULLETIN,
        "state": BulletinState.SENT,
        "sent_at": now,
        "written_at": now,
        "changed_at": now,
    }
    async with stage.machine() as session:
        session.add(t.Bulletin(**{**usual, **columns}))
        await session.flush()
        for name in classes:
            session.add(t.BulletinGroup(bulletin_id=bulletin_id, group_id=stage.group[name]))
        for place, (language, subject) in enumerate(titles.items()):
            words = (parts or {}).get(language, WORDS)
            text = t.BulletinText(bulletin_id=bulletin_id, language=language, subject=subject, parts=dict(words))
            text.place = place
            session.add(text)
        for file in files:
            size = len(file["content"])
            session.add(t.Attachment(**{"bulletin_id": bulletin_id, "size": size, "added_at": now, **file}))
    return bulletin_id


async def reached(stage: Stage, bulletin_id: UUID, who: str, pupils: Sequence[str], status: str = "delivered") -> None:
    """Write how the mailing ended for somebody."""
    about = [str(stage.who[one]) for one in pupils]
    row = t.Reach(bulletin_id=bulletin_id, person_id=stage.who[who], pupil_ids=about, status=status, at=stage.now)
    async with stage.machine() as session:
        session.add(row)


async def has_read(stage: Stage, bulletin_id: UUID, *people: str) -> None:
    """Write that these have read it."""
    async with stage.machine() as session:
        for one in people:
            row = {"bulletin_id": bulletin_id, "person_id": stage.who[one]}
            session.add(t.Reading(**row, at=stage.now, how=ReadBy.PORTAL))


async def talk(stage: Stage, round_id: UUID, pupil: str, state: TalkState = TalkState.HELD, **columns: Any) -> None:
    """Write that a pupil has such a talk in a round."""
    usual = {
        "talk_id": uuid4(),
        "version": 1,
        "school_id": stage.school["north"],
        "round_id": round_id,
        "pupil_id": stage.who[pupil],
        "kind": TalkKind.DEVELOPMENT,
        "state": state,
        "starts_at": stage.now,
    }
    async with stage.machine() as session:
        session.add(t.KnownTalk(**{**usual, **columns}))
