"""Questions between talks: how is it going? And a nudge, once, when nothing was answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling.domain.commitments import next_question
from services.scheduling.outgoing import to_person
from services.scheduling.settings import SchedulingSettings
from services.scheduling.store import commitments as store
from services.scheduling.store.people import mentors_in
from services.scheduling.tables import CheckIn, Commitment, roster
from services.scheduling.tables import kit as tables
from services.scheduling.talking import CHECK, SILENCE
from shared.clock import DEFAULT_ZONE, is_of_age, local_date
from shared.due.plan import plan
from shared.due.worker import Due, DueHandler
from shared.events.envelope import Outgoing
from shared.events.notify import NotificationKind
from shared.events.roster import ContactStated, GroupStated, SchoolStated, StaffStated
from shared.events.scheduling import CommitmentStatus, Owner
from shared.ids import new_id
from shared.roster.access import Family, Why, families, in_force
from shared.roster.projection import Link, known, linked
from shared.roster.standing import members_on


def commitment_handlers(settings: SchedulingSettings) -> Mapping[str, DueHandler]:
    """What to do when a promise is to be asked for, and when a question has not been answered for long."""

    async def ask(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        found = await store.to_ask(session, [one.ref for one in due])
        going_on = [(one, held_at) for one, held_at in found if one.status == CommitmentStatus.ONGOING]
        around = await _around(session, [one for one, _ in going_on], now)
        every, silence = timedelta(days=settings.check_in_days), timedelta(days=settings.nudge_days)
        questions = [_question(one, person, now, every) for one, _ in going_on if (person := around.asked(one))]
        await store.ask(session, questions)
        await plan(session, tables, SILENCE, [(one.check_in_id, now + silence, None) for one in questions])
        later = [(one, next_question(CommitmentStatus.ONGOING, at, one.due, now, every)) for one, at in going_on]
        await plan(session, tables, CHECK, [(one.commitment_id, when, None) for one, when in later if when])
        by_id = {one.commitment_id: one for one, _ in going_on}
        return [_told(NotificationKind.COMMITMENT_CHECK, one, by_id, around, now) for one in questions]

    async def nudge(session: AsyncSession, due: Sequence[Due], now: datetime) -> Sequence[Outgoing]:
        found = await store.silent(session, [one.ref for one in due], now)
        by_id = {one.commitment_id: one for _, one in found}
        around = await _around(session, by_id.values(), now)
        grown_up = [asked for asked, one in found if around.is_adult(one, asked.person_id)]
        return [_told(NotificationKind.COMMITMENT_NUDGE, one, by_id, around, now) for one in grown_up]

    return {CHECK: ask, SILENCE: nudge}


@dataclass(frozen=True)
class Around:
    """Who is around the pupils of some commitments at this moment: a question goes to nobody who lost the right."""

    families: Mapping[UUID, Family]
    mail: frozenset[UUID]  # pupils who have an address
    mentors: Mapping[UUID, Sequence[UUID]]  # of each pupil
    staff: Mapping[UUID, frozenset[UUID]]  # who has a post today: their schools
    zones: Mapping[UUID, str]
    days: Mapping[UUID, date]

    def asked(self, one: Commitment) -> UUID | None:
        """Who is asked: the one who promised, as long as it is theirs; the mentor of now for a colleague who left.

        Guardians are never asked for what a pupil promised: it is the pupil's own.
        """
        family = self.families.get(one.pupil_id)
        if family is None or not family.pupil.active:
            return None
        if one.owner == Owner.PUPIL:
            return one.pupil_id if self._of_age(one) or one.pupil_id in self.mail else None
        if one.owner == Owner.GUARDIAN:
            answers = {verdict.guardian_id for verdict in family.verdicts if verdict.why is Why.ANSWERS_FOR}
            return one.promised_by if one.promised_by in answers else None
        at = self.staff.get(one.promised_by, frozenset()) if one.promised_by else frozenset()
        if at.intersection(family.pupil.school_ids):
            return one.promised_by
        return next(iter(self.mentors.get(one.pupil_id, ())), None)

    def is_adult(self, one: Commitment, person_id: UUID) -> bool:
        """True when it is an adult who promised and may still be asked: a pupil under age is not nudged."""
        return self.asked(one) == person_id and (one.owner != Owner.PUPIL or self._of_age(one))

    def _of_age(self, one: Commitment) -> bool:
        born = self.families[one.pupil_id].pupil.born
        return born is not None and is_of_age(born, self.days[one.pupil_id])


async def _around(session: AsyncSession, some: Iterable[Commitment], now: datetime) -> Around:
    """Everybody around, in a fixed number of statements whatever the number of commitments."""
    these = list(some)
    pupils = {one.pupil_id for one in these}
    schools = await known(session, roster, SchoolStated, {one.school_id for one in these})
    zones = {school_id: school.zone for school_id, school in schools.items()}
    days = {one.pupil_id: local_date(now, zones.get(one.school_id, DEFAULT_ZONE)) for one in these}
    found = await families(session, roster, pupils, days)
    contacts = await known(session, roster, ContactStated, pupils)
    staff, mentors = await _school(session, found, days, now)
    mail = frozenset(person_id for person_id, contact in contacts.items() if contact.emails)
    return Around(found, mail, mentors, staff, zones, days)


async def _school(
    session: AsyncSession, found: Mapping[UUID, Family], days: Mapping[UUID, date], now: datetime
) -> tuple[dict[UUID, frozenset[UUID]], dict[UUID, list[UUID]]]:
    """Who works at these pupils' schools today, and each pupil's mentors."""
    today = max(days.values(), default=now.date())
    places = {school for family in found.values() for school in family.pupil.school_ids}
    posts = await store.posts(session, places)
    mentors = mentors_in(posts, today)
    groups = await linked(session, roster, GroupStated, Link.MEMBER, into=found)
    theirs: dict[UUID, list[UUID]] = {}
    for group in groups:
        for pupil in found.keys() & set(members_on(group, today)):
            theirs.setdefault(pupil, []).extend(mentors.get(group.group_id, ()))
    return works_at(posts, today), theirs


def works_at(posts: Iterable[StaffStated], today: date) -> dict[UUID, frozenset[UUID]]:
    """At which schools somebody has a post on that day."""
    found: dict[UUID, set[UUID]] = {}
    for post in posts:
        if post.person_id and in_force(post.starts, post.ends, today):
            found.setdefault(post.person_id, set()).add(post.school_id)
    return {person_id: frozenset(places) for person_id, places in found.items()}


def _question(one: Commitment, person_id: UUID, now: datetime, every: timedelta) -> CheckIn:
    """A question that can be answered until the next one is asked. Its id is a secret, so it is drawn, not derived."""
    return CheckIn(
        check_in_id=new_id(), commitment_id=one.commitment_id, person_id=person_id, asked_at=now, expires_at=now + every
    )


def _told(
    kind: NotificationKind, asked: CheckIn, by_id: Mapping[UUID, Commitment], around: Around, now: datetime
) -> Outgoing:
    one = by_id[asked.commitment_id]
    zone = around.zones.get(one.school_id, DEFAULT_ZONE)
    path = f"/talks/check/{asked.check_in_id}"
    return to_person(kind, asked.person_id, one.school_id, now, mark=asked.check_in_id, zone=zone, path=path)
