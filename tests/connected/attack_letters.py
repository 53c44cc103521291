"""What the bulletins service keeps on the stage of attacks: bulletins in every state, information, what homes said.

As in attack_town.py every free text is a planted string, and who may read it is written here from the words of the
law and of docs/bulletins.md. Conversations are in attack_threads.py.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.bulletins import tables as t
from services.bulletins.domain.bulletins import OPEN, OUT, BulletinState
from services.bulletins.domain.information import Topic
from shared.events.duties import DutyKind, DutyStatus
from shared.events.notify import DeliveryStatus, MailingKind, ReadBy
from shared.events.scheduling import TalkState
from shared.ids import derived_id
from tests.connected.attack_town import DAY, Place, Settling, Thing, put
from tests.portal_stage import TEN, TODAY

BEFORE, LATELY = datetime(2026, 9, 10, 9, tzinfo=UTC), TEN - 3 * DAY  # some have left their class between the two
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63606060600000000500010d0a2db4"
    "0000000049454e44ae426082"
)
LEFT = {"one": "stranger_child", "two": "child_1"}  # was in the first class of the place until October
STATES = {"draft": BulletinState.DRAFT, "asked": BulletinState.TO_APPROVE, "returned": BulletinState.RETURNED}
STATES |= {"waits": BulletinState.SCHEDULED, "sent": BulletinState.SENT, "old": BulletinState.SENT}
STATES |= {"gone": BulletinState.WITHDRAWN}
# Each of these is decided about in one way, to show that the forms work.
ACTS = {"edit": BulletinState.DRAFT, "files": BulletinState.DRAFT, "discard": BulletinState.DRAFT}
ACTS |= {"send": BulletinState.DRAFT, "take-back": BulletinState.SCHEDULED, "withdraw": BulletinState.SENT}
ACTS |= {"approve": BulletinState.TO_APPROVE, "return": BulletinState.TO_APPROVE, "remind": BulletinState.SENT}
ACTS |= {"preview": BulletinState.DRAFT, "check": BulletinState.DRAFT}
BY_PRINCIPAL = ("approve", "return")


@dataclass(frozen=True)
class Written:
    """How a bulletin on the stage stands."""

    mark: str
    state: BulletinState
    kind: MailingKind = MailingKind.BULLETIN
    edition: int = 1
    replaces_id: UUID | None = None

    @property
    def sent_at(self) -> datetime | None:
        """When it left, if it has."""
        if self.state not in OUT:
            return None
        return BEFORE if self.mark == "old" else LATELY + self.edition * DAY / 24


async def letters(here: Settling, db: AsyncSession) -> None:
    """Everything but conversations, school by school."""
    for place in here.places:
        group = next(iter(place.hosts))
        await _plan(here, db, place, group)
        for mark, state in STATES.items() if place.mentors else ():
            await _bulletin(here, db, place, (group,), Written(mark, state))
        for mark, state in ACTS.items() if place.name == "one" else ():
            await _bulletin(here, db, place, (group,), Written(mark, state))
        await _informs(here, db, place)
        await _talked(here, db, place)
    one = here.places[0]
    await _bulletin(here, db, one, ([*one.hosts][1],), Written("sister class", BulletinState.SENT))
    _meet(here)


def home(here: Settling, pupils: Iterable[UUID]) -> frozenset[UUID]:
    """These pupils, whoever answers for them today, and whoever they all let know."""
    mine = list(pupils)
    around = [one for pupil in mine for one in (*here.guardians(pupil), *here.readers(pupil))]
    return frozenset([*mine, *around])


def homes_of(here: Settling, place: Place, group: UUID, then: bool) -> frozenset[UUID]:
    """The homes of a class as it is; `then`: as it was in September, too."""
    left = [LEFT[place.name]] if then and place.name in LEFT and group == next(iter(place.hosts)) else []
    names = [*place.pupils[group], *left]
    return home(here, [here.who[one] for one in names])


def abroad(here: Settling, place: Place, mark: str) -> frozenset[UUID]:
    """Homes whose child has left the school since, and who have no other there: nothing of it is within their reach
    any more, but for the link in the mail they got."""
    if mark != "old" or place.name != "two":
        return frozenset()
    return home(here, [here.who["child_1"]]) - here.ids("guardian_a")


def mentors_of(here: Settling, place: Place, groups: Iterable[UUID]) -> frozenset[UUID]:
    """The mentors of these classes."""
    return here.ids(*[place.hosts[one] for one in groups if place.hosts[one] in place.mentors])


async def _plan(here: Settling, db: AsyncSession, place: Place, group: UUID) -> None:
    """A half-year with three places of the first class, what is owed, and a line in the diary."""
    half = t.HalfYear(
        half_year_id=uuid4(),
        tenant_id=place.tenant,
        school_id=place.school,
        starts=date(2026, 8, 15),
        ends=date(2026, 12, 20),
        approval=place.name == "two",
    )
    leads = here.ids(place.principal)
    await put(db, half)
    here.keep("half", Thing(half.half_year_id, {"see": leads}, {"see": leads}, (), {"place": place}))
    staff = mentors_of(here, place, [group]) | leads
    spots = []
    for number, due_on in enumerate((date(2026, 9, 15), date(2026, 11, 30), date(2026, 12, 8)), 1):
        spot = t.Place(
            place_id=uuid4(),
            half_year_id=half.half_year_id,
            school_id=place.school,
            group_id=group,
            number=number,
            due_on=due_on,
        )
        spots.append(spot.place_id)
        await put(db, spot)
        for name in place.pupils[group]:
            its: dict[str, Any] = {"place_id": spot.place_id, "school_id": place.school, "pupil_id": here.who[name]}
            its |= {"kind": DutyKind.CLASS_BULLETIN, "status": DutyStatus.OWED, "last_day": due_on}
            await put(db, t.Owed(duty_id=derived_id("owed", spot.place_id, here.who[name]), **its))
    words = here.town.plant(staff)
    line: dict[str, Any] = {"school_id": place.school, "group_id": group, "on": TODAY - 2 * DAY, "words": words}
    activity, author = uuid4(), here.who[place.hosts[group]]
    await put(db, t.Activity(activity_id=activity, **line, author_id=author, written_at=TEN - 2 * DAY))
    more = {"place": place, "spot": spots[2], "activity": activity}
    acts = {"write": here.ids(*place.mentors)}
    here.keep("class", Thing(group, {"see": staff}, acts, (words,), more))
    for other in [*place.hosts][1:]:
        here.keep("class", Thing(other, {"see": leads}, {}, (), {**more, "spot": uuid4(), "activity": uuid4()}))


async def _bulletin(
    here: Settling, db: AsyncSession, place: Place, groups: tuple[UUID, ...], one: Written
) -> t.Bulletin:
    """One, with its words, two files, who has read it, how it reached them, and what a home said of it."""
    principal, writers = here.ids(place.principal), mentors_of(here, place, groups)
    if one.kind is MailingKind.INFORMATION:
        writers = writers | principal
    classes = groups or tuple(place.hosts)
    homes = frozenset[UUID]().union(*[homes_of(here, place, group, one.mark == "old") for group in classes])
    staff = writers | principal | (mentors_of(here, place, classes) if one.state in OUT else frozenset())
    reads = (homes | staff | here.ids(place.officer)) if one.state in OUT else frozenset[UUID]()
    reads -= abroad(here, place, one.mark)
    knows, author = (
        (reads | homes if reads else staff),
        here.who[place.hosts[classes[0]] if groups else place.principal],
    )
    row = _row(place, one, author, here.town.plant(staff) if one.state is BulletinState.RETURNED else None)
    await put(db, row)
    await put(db, *[t.BulletinGroup(bulletin_id=row.bulletin_id, group_id=group) for group in groups])
    subject = here.town.plant(knows)
    parts = {name: here.town.plant(knows) for name in (("learning", "activities") if groups else ("body",))}
    of: dict[str, Any] = {"bulletin_id": row.bulletin_id}
    await put(db, t.BulletinText(**of, language="sv", subject=subject, parts=parts))
    alt, named = here.town.plant(knows), here.town.plant(knows)
    files: dict[str, Any] = {**of, "added_at": TEN - 4 * DAY}
    picture, paper = uuid4(), uuid4()
    bytes_of: dict[str, Any] = {"size": len(PIXEL), "content": PIXEL}
    await put(
        db,
        t.Attachment(**files, attachment_id=picture, name="bild.png", alt=alt, content_type="image/png", **bytes_of),
        t.Attachment(
            **files,
            attachment_id=paper,
            name=f"{named}.pdf",
            content_type="application/pdf",
            size=12,
            content=b"%PDF-1.4 " + named.encode(),
        ),
    )
    if one.state is BulletinState.SENT:
        await _reached(here, db, place, row, homes)
    may = {"desk": staff if one.state not in OUT else writers | principal, "write": writers, "approve": principal}
    may |= {"read": reads, "answer": homes if one.state is BulletinState.SENT else frozenset[UUID]()}
    may |= {"work": (mentors_of(here, place, classes) | principal) if one.state in OUT else frozenset[UUID]()}
    acting = principal if one.mark in BY_PRINCIPAL else here.ids(*place.mentors)
    more = {"mark": one.mark, "state": one.state, "files": (picture, paper), "homes": homes, "place": place}
    more |= {"open": one.state in OPEN, "out": one.state in OUT, "information": one.kind is MailingKind.INFORMATION}
    more |= {"near": _near(here, place, one), "alt": alt, "named": named}
    acts = {one.mark: acting} if one.mark in ACTS else {}
    here.keep("bulletin", Thing(row.bulletin_id, may, acts, (subject, *parts.values()), more))
    if reads:
        here.town.meet(reads, {author})
    return row


def _near(here: Settling, place: Place, one: Written) -> frozenset[UUID]:
    """Of whom everything about the latest one and the oldest one of a class is asked."""
    if one.mark not in ("sent", "old", "draft", "asked"):
        return frozenset()
    pupils = {here.who[name] for some in place.pupils.values() for name in some}
    return frozenset[UUID]().union(*[here.near(pupil) for pupil in pupils]) | here.ids(place.officer)


def _row(place: Place, one: Written, author: UUID, returned: str | None) -> t.Bulletin:
    information = one.kind is MailingKind.INFORMATION
    return t.Bulletin(
        bulletin_id=derived_id("bulletin", place.school, one.kind, one.mark),
        version=1,
        tenant_id=place.tenant,
        school_id=place.school,
        author_id=author,
        kind=one.kind,
        topic=Topic.GOALS if information else None,
        school_year="2026/2027" if information else None,
        edition=one.edition,
        replaces_id=one.replaces_id,
        state=one.state,
        must_read=True,
        send_at=TEN + 2 * DAY if one.state is BulletinState.SCHEDULED else None,
        returned=returned,
        sent_at=one.sent_at,
        withdrawn_at=TEN - DAY if one.state is BulletinState.WITHDRAWN else None,
        written_at=TEN - 90 * DAY if one.mark == "old" else TEN - 5 * DAY,
        changed_at=TEN - 4 * DAY,
    )


async def _reached(here: Settling, db: AsyncSession, place: Place, row: t.Bulletin, homes: frozenset[UUID]) -> None:
    """It reached one home, in which somebody has read it and answered."""
    group = next(iter(place.pupils))
    pupil = here.who[place.pupils[group][0]]
    reader = sorted(here.guardians(pupil), key=str)[0] if here.guardians(pupil) else pupil
    if reader not in homes or row.kind == MailingKind.INFORMATION:
        return
    its: dict[str, Any] = {"bulletin_id": row.bulletin_id, "person_id": reader, "at": TEN - DAY}
    await put(db, t.Reach(**its, pupil_ids=[str(pupil)], status=DeliveryStatus.DELIVERED, channel="email"))
    await put(db, t.Reading(**its, how=ReadBy.PORTAL))
    words = here.town.plant({reader})  # too few have answered for the school to be shown anything
    said: dict[str, Any] = {"school_id": row.school_id, "group_id": group, "person_id": reader, "words": words}
    feedback = uuid4()
    await put(
        db,
        t.Feedback(
            feedback_id=feedback, **said, about="bulletin", about_id=row.bulletin_id, score=4, at=row.sent_at or TEN
        ),
    )
    here.keep("feedback", Thing(feedback, {"own": frozenset({reader})}, {"own": frozenset({reader})}, (words,)))


async def _informs(here: Settling, db: AsyncSession, place: Place) -> None:
    """The school's goals, to everybody there: two editions, and a third that is being written."""
    kind = MailingKind.INFORMATION
    first = await _bulletin(here, db, place, (), Written("goals 1", BulletinState.SENT, kind))
    its = Written("goals 2", BulletinState.SENT, kind, edition=2, replaces_id=first.bulletin_id)
    second = await _bulletin(here, db, place, (), its)
    coming = Written("goals 3", BulletinState.DRAFT, kind, edition=3, replaces_id=second.bulletin_id)
    await _bulletin(here, db, place, (), coming)


async def _talked(here: Settling, db: AsyncSession, place: Place) -> None:
    """A round of talks that was held, each with one pupil of the school, so that their home may say how it was."""
    for some in place.pupils.values():
        for name in some:
            pupil, held = here.who[name], TEN - 20 * DAY
            round_id = derived_id("held round", place.school, pupil)
            its: dict[str, Any] = {"school_id": place.school, "round_id": round_id, "pupil_id": pupil, "version": 1}
            state: dict[str, Any] = {"kind": "development", "state": TalkState.HELD, "starts_at": held}
            await put(db, t.KnownTalk(talk_id=derived_id("known", round_id), **its, **state))
            mine = home(here, [pupil])
            more = {"near": here.near(pupil)}
            here.keep("held round", Thing(round_id, {"see": mine}, {"see": mine}, (), more))


def _meet(here: Settling) -> None:
    """Whose names somebody meets: a plan names mentors, and whoever writes about a pupil may choose who reads along."""
    hidden = here.ids("protected_guardian", "protected_child")
    for place in here.places:
        workers = here.ids(place.principal, *place.mentors, *place.hosts.values())
        here.town.meet(here.ids(place.officer, place.principal), workers)
        for some in place.pupils.values():
            for name in some:
                pupil = here.who[name]
                circle = home(here, [pupil]) | here.teachers(pupil) | here.ids(place.principal)
                here.town.meet(circle, circle - hidden)
