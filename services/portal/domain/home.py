"""The first page of a home: each child's day, what was noticed, what waits for an answer. Facts in, a page out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.portal.domain.family import Facts, Hours, Membership, Message, Pupil, Told
from services.portal.domain.letters import FromClass, from_classes
from services.portal.domain.talks import Agreed, Asked, Talk, agreed, asked, next_talk
from shared.events.duties import DutyStatus

CHECKED_FOR = timedelta(hours=1)  # for so long the school may still correct what nobody has been told about
CLASSES = frozenset({"klass", "class", "basisgruppe"})  # SS 12000 groupType, and its sisters, in small letters


class Stand(StrEnum):
    """How a notice stands, in the reader's eyes."""

    CHECKING = "checking"  # seen, but the school may still correct it
    WRITING = "writing"
    WROTE = "wrote"  # the reader has been told
    WROTE_OTHERS = "wrote_others"  # somebody else with the right has been told
    UNREACHED = "unreached"  # nobody could be reached: the school calls
    READ = "read"  # the reader has said so
    ANSWERED = "answered"  # somebody has read it, or said why
    RETRACTED = "retracted"
    MISSED = "missed"  # nobody was told on the day


STANDS = {
    DutyStatus.UNREACHABLE: Stand.UNREACHED,
    DutyStatus.UNDERSTOOD: Stand.ANSWERED,
    DutyStatus.MET: Stand.ANSWERED,
    DutyStatus.MISSED: Stand.MISSED,
}
WAITS = frozenset({Stand.WROTE, Stand.WROTE_OTHERS, Stand.UNREACHED})


@dataclass(frozen=True)
class Noticed:
    """One thing that was noticed about a pupil, and how it stands. `stood_at` is when it came to stand so."""

    stand: Stand
    day: date
    noticed_at: datetime | None
    stood_at: datetime | None
    notification_id: UUID | None


@dataclass(frozen=True)
class ChildDay:
    """A pupil on the page."""

    pupil: Pupil
    name: str
    class_name: str | None
    hours: Hours | None
    noticed: tuple[Noticed, ...]
    waiting: tuple[Noticed, ...]
    comes: Hours | None
    talk: Talk | None = None
    agreed: Agreed | None = None

    @property
    def where(self) -> tuple[str, ...]:
        """The class and the schools; nothing of somebody with a protected identity."""
        return (*((self.class_name,) if self.class_name else ()), *self.pupil.schools)


@dataclass(frozen=True)
class Home:
    """The whole page."""

    days: tuple[ChildDay, ...]
    messages: tuple[Message, ...]
    names: Mapping[UUID, str]
    rights_asked: bool
    to_sign: tuple[UUID, ...]  # the pupils about whom a consent waits for the reader's signature
    asked: tuple[Asked, ...] = ()  # what talks wait for
    letters: tuple[FromClass, ...] = ()  # from the classes, each once for the family

    @property
    def waits(self) -> bool:
        """True when something waits for the reader."""
        return self.rights_asked or bool(self.to_sign or self.asked) or any(day.waiting for day in self.days)

    @property
    def has_agreed(self) -> bool:
        """True when something was agreed about anybody here."""
        return any(day.agreed for day in self.days)

    def day_of(self, pupil_id: UUID) -> ChildDay:
        """The pupil on the page."""
        return next(day for day in self.days if day.pupil.pupil_id == pupil_id)


def home(pupils: Iterable[Pupil], facts: Facts, reader: UUID, now: datetime) -> Home:
    """The page of this reader: oneself first, then the children from the oldest to the youngest."""
    shown = sorted(pupils, key=lambda one: (not one.oneself, one.born or date.max, one.pupil_id))
    days = tuple(_day(one, facts, reader, now) for one in shown)
    answers = {one.pupil.pupil_id: one.pupil for one in days if one.pupil.answers}
    to_sign = {pupil_id for pupil_id, one in answers.items() if _unsigned(one, facts, reader)}
    return Home(
        days=days,
        messages=facts.messages,
        names={one: name for one, name in facts.names.items() if one != reader},  # oneself is not named to oneself
        rights_asked="rights" in facts.questions,
        to_sign=tuple(one.pupil.pupil_id for one in days if one.pupil.pupil_id in to_sign),
        asked=asked((talk for talk in facts.talks if talk.pupil_id in answers), now),
        letters=from_classes(shown, facts.groups, facts.letters),
    )


def noticed(told: Told, reader: UUID, now: datetime) -> Noticed | None:
    """How a notice stands; None when there is nothing (any more) to say about it."""
    stand = _stand(told, reader, now)
    if stand is None:
        return None
    return Noticed(stand, told.day, told.noticed_at, _since(told, stand), told.notification_id)


def school_hours(groups: Iterable[Membership], lessons: Iterable[tuple[UUID, Hours]], day: date) -> Hours | None:
    """From the first lesson to the last of the groups the pupil is in on that day."""
    mine = {group.group_id for group in groups if group.holds(day)}
    held = [hours for group_id, hours in lessons if group_id in mine and hours.day == day]
    if not held:
        return None
    return Hours(day, min(one.starts_at for one in held), max(one.ends_at for one in held))


def next_school_day(groups: Iterable[Membership], lessons: Iterable[tuple[UUID, Hours]], today: date) -> Hours | None:
    """The first day after today on which the pupil has lessons, as far as it is planned."""
    groups, lessons = tuple(groups), tuple(lessons)
    days = sorted({hours.day for _, hours in lessons if hours.day > today})
    return next((found for day in days if (found := school_hours(groups, lessons, day))), None)


def _day(pupil: Pupil, facts: Facts, reader: UUID, now: datetime) -> ChildDay:
    groups, lessons = facts.groups.get(pupil.pupil_id, ()), facts.lessons.get(pupil.pupil_id, ())
    mine = [one for one in facts.told if one.pupil_id == pupil.pupil_id]
    stands = [one for told in sorted(mine, key=_newest) if (one := noticed(told, reader, now))]
    names = [one.name for one in groups if one.kind.casefold() in CLASSES and one.holds(pupil.today)]
    return ChildDay(
        pupil=pupil,
        name=facts.names.get(pupil.pupil_id, ""),
        class_name=names[0] if names and not pupil.protected else None,
        hours=school_hours(groups, lessons, pupil.today),
        noticed=tuple(one for one in stands if one.day == pupil.today),
        waiting=tuple(one for one in stands if pupil.answers and one.notification_id and one.stand in WAITS),
        comes=next_school_day(groups, lessons, pupil.today),
        talk=next_talk((talk for talk in facts.talks if talk.pupil_id == pupil.pupil_id), now),
        agreed=agreed(facts.agreed.get(pupil.pupil_id, ())),
    )


def _newest(told: Told) -> tuple[timedelta, UUID]:
    return date.max - told.day, told.duty_id


def _stand(told: Told, reader: UUID, now: datetime) -> Stand | None:
    if told.status is None:
        fresh = told.noticed_at is not None and now - told.noticed_at < CHECKED_FOR
        return Stand.CHECKING if fresh else None
    if told.status is DutyStatus.RETRACTED:
        return Stand.RETRACTED
    if told.read_by:  # known here at once; the duty itself moves a moment later
        return Stand.READ if reader in told.read_by else Stand.ANSWERED
    if told.status is DutyStatus.DELIVERED:
        return Stand.WROTE if told.told_me_at else Stand.WROTE_OTHERS
    return STANDS.get(told.status, Stand.WRITING)


def _since(told: Told, stand: Stand) -> datetime | None:
    if stand is Stand.WROTE:
        return told.told_me_at
    return told.moments.get(told.status) if told.status else None


def _unsigned(pupil: Pupil, facts: Facts, reader: UUID) -> bool:
    """True when others have signed a consent about the pupil and the reader has not."""
    signers: dict[UUID, set[UUID]] = {}
    for one in facts.signatures:
        if one.pupil_id == pupil.pupil_id:
            signers.setdefault(one.person_id, set()).add(one.signed_by)
    return any(reader not in signed for signed in signers.values())
