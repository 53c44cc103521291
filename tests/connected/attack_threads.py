"""The conversations of the attack stage: who may read which message of them, and who once could."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins import tables as t
from services.bulletins.domain.dialogue import Part, Subject
from tests.connected.attack_letters import PIXEL, home
from tests.connected.attack_town import DAY, Place, Settling, Thing, put
from tests.portal_stage import TEN

G, P, S = Part.GUARDIAN, Part.PUPIL, Part.STAFF
HOUR = timedelta(hours=1)
# About whom, at which place, and who takes part; those in GONE have lost the right since and are still written down.
THREADS: tuple[tuple[str, str, int, Mapping[str, Part]], ...] = (
    ("one", "child_1", 0, {"guardian_a": G, "mentor": S, "step_parent": G, "mentor_2": S, "not_yet": G}),
    ("both homes", "child_1", 0, {"guardian_a": G, "guardian_b": G, "principal": S, "child_1": P}),
    ("old school", "child_1", 1, {"guardian_b": G, "mentor_2": S, "child_1": P}),
    ("brother", "child_2", 1, {"guardian_a": G, "guardian_b_ended": G, "mentor_2": S, "principal": S}),
    ("protected", "protected_child", 1, {"guardian_p": G, "mentor_2": S, "protected_child": P}),
    ("of age", "adult_pupil", 1, {"adult_pupil": P, "mentor_2": S, "former_guardian": G}),
    ("stranger", "stranger_child", 0, {"stranger": G, "principal": S, "mentor": S, "gone_host": S}),
    ("elsewhere", "other_child", 2, {"other_guardian": G, "other_mentor": S, "guardian_a": G}),
)
GONE = {
    "one": ("step_parent", "mentor_2", "not_yet"),
    "old school": ("mentor_2", "guardian_b", "child_1"),  # a school's conversations are within its own reach
    "brother": ("guardian_b_ended", "principal"),
    "of age": ("former_guardian",),
    "stranger": ("gone_host",),
    "elsewhere": ("guardian_a",),
}
ACTS = ("reply", "take-back", "leave", "close", "ask-in")  # a conversation for each


async def threads(here: Settling, db: AsyncSession) -> None:
    """All of them."""
    for mark, about, number, parts in THREADS:
        await _thread(here, db, here.places[number], mark, about, parts)
    for act in ACTS:
        await _thread(here, db, here.places[0], act, "child_1", {"guardian_b": G, "mentor": S})
    await _with_who_left(here, db)


async def _thread(
    here: Settling, db: AsyncSession, place: Place, mark: str, about: str, parts: Mapping[str, Part]
) -> None:
    """One, with a message that was told, one that waits for the morning, and one from before somebody joined."""
    row = t.Thread(
        thread_id=uuid4(),
        tenant_id=place.tenant,
        school_id=place.school,
        pupil_id=here.who[about],
        subject=Subject.SUPPORT,
        opened_at=TEN - 9 * DAY,
        last_at=TEN - HOUR,
    )
    await put(db, row)
    for name, part in parts.items():
        its: dict[str, Any] = {"thread_id": row.thread_id, "person_id": here.who[name], "part": part}
        await put(db, t.Party(**its, joined_at=TEN - 9 * DAY))
    reading = here.ids(*(set(parts) - set(GONE.get(mark, ()))))
    first, writes = next(iter(parts)), _writes(here, parts, mark)
    told = await _message(here, db, row, here.who[first], parts[first], reading)
    held = await _message(here, db, row, writes, Part.STAFF, frozenset({writes}), held=True) if writes else None
    hidden = here.ids("protected_guardian", "protected_child")
    here.town.meet(reading, here.ids(*parts) - hidden)
    here.town.meet(reading - hidden, {here.who[about]} - hidden)
    near = here.ids(*GONE.get(mark, ())) | here.near(here.who[about])
    more: dict[str, Any] = {"near": near, "message": held[0] if held else told[0], "file": told[1], "mark": mark}
    more["about"] = here.who[about]
    acting = frozenset({writes}) if mark == "take-back" and writes else here.ids("guardian_b")
    acts = {mark: acting} if mark in ACTS else {}
    words = [(told[0], reading), *([(held[0], frozenset({writes}))] if held and writes else [])]
    here.keep("message", Thing(told[0], {"read": reading}, {}, (told[2],), {**more, "thread": row.thread_id}))
    tokens = tuple(here.town_words[one] for one, _ in words)
    may = {"see": reading, "ask": reading & (here.teachers(here.who[about]) | home(here, [here.who[about]]))}
    here.keep("thread", Thing(row.thread_id, may, acts, tokens, more))


def _writes(here: Settling, parts: Mapping[str, Part], mark: str) -> UUID | None:
    """Who of the school still takes part: what they wrote last evening waits."""
    staff = [name for name, part in parts.items() if part is S and name not in GONE.get(mark, ())]
    return here.who[staff[0]] if staff else None


async def _message(
    here: Settling,
    db: AsyncSession,
    row: t.Thread,
    writer: UUID,
    part: Part,
    reading: frozenset[UUID],
    *,
    held: bool = False,
) -> tuple[UUID, UUID, str]:
    """What somebody wrote, with a picture that has a planted name."""
    words, named = here.town.plant(reading), here.town.plant(reading)
    message = t.Message(
        message_id=uuid4(),
        thread_id=row.thread_id,
        person_id=None if part is S else writer,
        author_id=writer if part is S else None,
        words=words,
        written_at=TEN - HOUR if held else TEN - 2 * DAY,
        held_until=TEN + 9 * HOUR if held else None,
        told_at=None if held else TEN - 2 * DAY,
    )
    await put(db, message)
    file = t.MessageFile(
        file_id=uuid4(),
        message_id=message.message_id,
        name=f"{named}.png",
        content_type="image/png",
        size=len(PIXEL),
        content=PIXEL,
    )
    await put(db, file)
    here.town_words[message.message_id] = words
    return message.message_id, file.file_id, words


async def _with_who_left(here: Settling, db: AsyncSession) -> None:
    """Somebody who has left a conversation, and one who came to it late: neither reads what is not theirs."""
    place, mark = here.places[0], "late"
    parts = {"guardian_a": G, "mentor": S}
    await _thread(here, db, place, mark, "child_1", parts)
    row = here.town.things["thread"][-1]
    late, left = here.who["friend"], here.who["guardian_b"]
    its: dict[str, Any] = {"thread_id": row.id, "part": G}
    await put(db, t.Party(**its, person_id=late, joined_at=TEN - HOUR))
    await put(db, t.Party(**its, person_id=left, joined_at=TEN - 9 * DAY, left_at=TEN - 3 * DAY))
    here.town.things["thread"][-1] = Thing(
        row.id,
        {"see": row.may["see"] | {late}, "ask": row.may["ask"] | {late}},
        {},
        row.tokens,
        {**row.more, "near": row.more["near"] | {left}},
    )
    both = {late, left, *here.ids(*parts)}
    here.town.meet(both, both)
