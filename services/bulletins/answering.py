"""What a home says about a bulletin or a round of talks: kept once for a person, changed, taken back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins.domain.feedback import About, Answer, Gathered, gathered
from services.bulletins.store import feedback as store
from services.bulletins.store.feedback import Page, Thing
from services.bulletins.tables import Feedback
from shared.ids import derived_id


@dataclass(frozen=True)
class Said:
    """What homes have said about one thing, as far as the school is shown it."""

    about: About
    thing: Thing
    gathered: Gathered


async def give(
    session: AsyncSession,
    about: About,
    about_id: UUID,
    place: tuple[UUID, UUID | None],
    person_id: UUID,
    score: int | None,
    words: str,
    now: datetime,
) -> None:
    """Keep an answer, or change it. `place`: the school and the class as whose it counts."""
    school_id, group_id = place
    row = Feedback(
        feedback_id=derived_id("feedback", about_id, person_id),
        school_id=school_id,
        group_id=group_id,
        about=about.value,
        about_id=about_id,
        person_id=person_id,
        score=score,
        words=words,
        at=now,
    )
    await store.give(session, row)


def said_by_homes(page: Page) -> list[Said]:
    """Thing by thing, the latest first, what the school is shown."""
    things: dict[UUID, list[Answer]] = {}
    for one in page.answers:
        things.setdefault(one.about_id, []).append(one)
    found = [Said(some[0].about, page.things[one], gathered(some)) for one, some in things.items()]
    return sorted(found, key=_latest)


def plain(typed: str) -> str:
    """What somebody typed, without what no text holds."""
    return typed.replace("\x00", "").replace("\r\n", "\n").strip()


def unanswered(page: Page) -> Sequence[store.RoundHeld]:
    """The rounds about which the reader has said nothing yet."""
    known: Iterable[UUID] = {one.about_id for one in page.own}
    return [one for one in page.rounds if one.round_id not in known]


def _latest(one: Said) -> tuple[float, str]:
    return -(one.thing.at.timestamp() if one.thing.at else 0.0), str(one.thing.about_id)
