"""A talk, or a pupil's red thread, opened by somebody: what they are to it and what of it they may see.

Whatever a page shows comes through here. “Not yours” and “does not exist” are the same 404.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from fastapi import HTTPException

from services.scheduling.domain.risks import Absence, absence
from services.scheduling.domain.rounds import Side
from services.scheduling.domain.talks import OPEN, Missing, Part, Parties, may_read, missing
from services.scheduling.domain.thread import Agreed, Thread, thread
from services.scheduling.store.talks import Around, OtherTalk, Prepared, TalkFacts, a_talk, a_thread, alone, around
from shared.clock import DEFAULT_ZONE, local_date
from shared.events.roster import Marking, PersonStated, StaffStated
from shared.events.scheduling import TalkState
from shared.roster.access import Why, in_force, ties_of, verdicts
from shared.roster.standing import Fact, Standing
from shared.web.face import act
from shared.web.viewing import View


class ATalk(Protocol):
    """What of a talk decides whose it is."""

    school_id: UUID
    household: int
    host_id: UUID | None
    state: str

    @property
    def guardian_ids(self) -> Sequence[UUID]:
        """The guardians it is arranged for."""
        ...


def part_of(
    standing: Standing, pupil: PersonStated | None, talk: ATalk | OtherTalk, posts: Iterable[StaffStated]
) -> Part | None:
    """What this person is to the talk at this moment; None: nothing, it is not theirs.

    A guardian comes before a member of staff who is one: nobody reads the school's notes about their own child, nor
    the other household's talk. Staff of a school the pupil has left read what was agreed, but not the talk.
    """
    if pupil is None or not pupil.active or pupil.tenant_id != standing.tenant_id:
        return None
    me, child = standing.person.person_id, standing.children.get(pupil.person_id)
    if me == pupil.person_id:
        return Part.PUPIL
    if child is not None and child.why is Why.ANSWERS_FOR:
        return Part.HOME if me in talk.guardian_ids else None
    if talk.school_id in pupil.school_ids and (standing.teaches(pupil) or _hosts(standing, talk, posts)):
        return Part.SCHOOL
    return Part.READER if child is not None and talk.household == 0 else None


def part_about(standing: Standing, pupil: PersonStated | None) -> Part | None:
    """What this person is to the pupil, whatever talk it is: those who answer read all that was agreed."""
    if pupil is None or not pupil.active or pupil.tenant_id != standing.tenant_id:
        return None
    child = standing.children.get(pupil.person_id)
    if standing.person.person_id == pupil.person_id:
        return Part.PUPIL
    if child is not None and child.why is Why.ANSWERS_FOR:
        return Part.HOME
    if standing.teaches(pupil):
        return Part.SCHOOL
    return Part.READER if child is not None else None


def _hosts(standing: Standing, talk: ATalk | OtherTalk, posts: Iterable[StaffStated]) -> bool:
    """Whoever holds the talk, until its plan is signed, and as long as they work at the school."""
    works = any(post.school_id == talk.school_id and in_force(post.starts, post.ends, standing.today) for post in posts)
    still = TalkState(talk.state) in OPEN | {TalkState.HELD, TalkState.MISSED}
    return talk.host_id == standing.person.person_id and still and works


@dataclass(frozen=True)
class Folk:
    """Names as this reader may see them: a protected grown-up has none for anybody but staff and themselves."""

    around: Around
    reader: UUID
    part: Part
    pupil_id: UUID

    def name(self, person_id: UUID | None) -> str | None:
        """The person's full name, or None."""
        if person_id is None:
            return None
        contact, person = self.around.contacts.get(person_id), self.around.persons.get(person_id)
        hidden = person is not None and person.marking is not Marking.NONE and self.part is not Part.SCHOOL
        own = person_id in (self.reader, self.pupil_id)
        return contact.full_name if contact and (not hidden or own) else None

    def protected(self, person_id: UUID) -> bool:
        """True for staff who look at somebody with a protected identity: they see a mark."""
        person = self.around.persons.get(person_id)
        return self.part is Part.SCHOOL and person is not None and person.marking is not Marking.NONE

    def school(self, school_id: UUID) -> str | None:
        """The school's name."""
        school = self.around.schools.get(school_id)
        return school.name if school else None

    def subject(self, subject_id: UUID | None) -> str | None:
        """The subject's name."""
        subject = self.around.subjects.get(subject_id) if subject_id else None
        return subject.name if subject else None


@dataclass(frozen=True)
class Desk:
    """A talk as this reader sees it."""

    facts: TalkFacts
    part: Part
    parties: Parties
    folk: Folk
    standing: Standing
    now: datetime
    zone: str

    @property
    def me(self) -> UUID:
        """The reader."""
        return self.folk.reader

    @property
    def state(self) -> TalkState:
        """How far the talk has come."""
        return TalkState(self.facts.talk.state)

    @property
    def today(self) -> date:
        """The day it is at the school."""
        return local_date(self.now, self.zone)

    @property
    def shown(self) -> bool:
        """True when the school has shown what it prepared."""
        mine = self.facts.prepared.get(Side.SCHOOL)
        return mine is not None and mine.shown_at is not None

    def prepared(self, side: Side) -> Prepared | None:
        """What that side has written, when this reader may read it."""
        found = self.facts.prepared.get(side)
        readable = found is not None and may_read(self.part, side, found.shown_at is not None)
        return found if readable else None

    @property
    def brought(self) -> bool:
        """True when there is a preparation that the reader may read."""
        return any(self.prepared(side) for side in Side)

    def sees(self, one: Agreed) -> bool:
        """May the reader see this commitment? What the school only proposes is its preparation until it is shown."""
        if self.part is Part.SCHOOL or one.was_agreed:
            return self.part is not Part.READER or one.household == 0
        return self.shown and self.part is not Part.READER

    @property
    def agreed(self) -> list[Agreed]:
        """What is agreed in this talk, as far as the reader sees it."""
        return [one for one in self.facts.here if self.sees(one)]

    @property
    def thread(self) -> Thread:
        """What was agreed before."""
        mine = openable(self.standing, self.folk.around, self.facts.talk.pupil_id, self.facts.theirs)
        return thread([one for one in self.facts.agreed if self.sees(one)], mine, self.facts.talk.talk_id)

    @property
    def absence(self) -> Absence | None:
        """The absence sums; None when there are none or the reader may not see them."""
        pupil = self.folk.around.persons[self.facts.talk.pupil_id]
        sees = self.standing.may_see(pupil, Fact.TOTALS) or self.part is Part.SCHOOL
        if self.facts.absence is None or not sees or self.part is Part.READER:
            return None
        return absence(self.facts.absence, self.zone, self.facts.absence_before)

    @property
    def sees_reasons(self) -> bool:
        """May the reader know which absence had a reason? (In Norway not guardians of somebody of 16.)"""
        pupil = self.folk.around.persons[self.facts.talk.pupil_id]
        return self.part is Part.SCHOOL or self.standing.may_see(pupil, Fact.REASON)

    @property
    def lacking(self) -> Missing | None:
        """Who has yet to sign; None before there is anything to sign."""
        record = self.facts.record
        return missing(self.parties, self.facts.signatures, record.version) if record else None

    @property
    def have_signed(self) -> bool:
        """True when the reader has signed the plan as it stands."""
        record = self.facts.record
        return record is not None and any(
            one.person_id == self.me and one.version == record.version for one in self.facts.signatures
        )


async def opened(view: View, talk_id: UUID) -> Desk:
    """The talk for whoever looks, in two statements. Raises 404 when it is not theirs."""
    facts = await a_talk(view.db, talk_id)
    if facts is None or facts.talk.tenant_id != view.standing.tenant_id:
        raise HTTPException(404)
    talk, me = facts.talk, view.standing.person.person_id
    record = facts.record.present if facts.record else []
    people = [talk.host_id, *talk.guardian_ids, *record, *[one.person_id for one in facts.signatures]]
    people += [one.promised_by for one in facts.agreed]
    schools = {talk.school_id, *[one.school_id for one in facts.agreed]}
    subjects = [UUID(one["subject_id"]) for one in facts.absence or [] if one.get("subject_id")]
    found = await around(view.db, talk.pupil_id, me, people, schools, subjects)
    part = part_of(view.standing, found.persons.get(talk.pupil_id), talk, found.posts)
    if part is None:
        raise HTTPException(404)
    school = found.schools.get(talk.school_id)
    zone = school.zone if school else DEFAULT_ZONE
    parties = _parties(facts, found, local_date(view.now, zone))
    return Desk(facts, part, parties, Folk(found, me, part, talk.pupil_id), view.standing, view.now, zone)


async def claimed(view: View, talk_id: UUID) -> Desk:
    """As `opened`, to be changed: from here on the machine's transaction, and nobody else changes this talk."""
    await opened(view, talk_id)
    await act(view)
    await alone(view.db, talk_id)
    return await opened(view, talk_id)


@dataclass(frozen=True)
class Story:
    """A pupil's red thread as this reader sees it."""

    pupil: PersonStated
    part: Part
    folk: Folk
    agreed: tuple[Agreed, ...]
    thread: Thread
    mine: Sequence[UUID]  # the talks that the reader may open
    today: date

    @property
    def me(self) -> UUID:
        """The reader."""
        return self.folk.reader


async def story(view: View, pupil_id: UUID | None = None, commitment_id: UUID | None = None) -> Story:
    """The red thread of a pupil (or of a commitment's) for whoever looks, in two statements.

    Raises 404 when the pupil is not theirs. Whoever holds a talk that is not signed yet reads it as well.
    """
    facts = await a_thread(view.db, pupil_id, commitment_id)
    if facts is None:
        raise HTTPException(404)
    me, standing = view.standing.person.person_id, view.standing
    people = [one.promised_by for one in facts.agreed]
    found = await around(view.db, facts.pupil_id, me, people, {one.school_id for one in facts.agreed})
    pupil = found.persons.get(facts.pupil_id)
    part = part_about(standing, pupil)
    if part in (None, Part.READER) and any(_is_host(standing, pupil, one, found) for one in facts.theirs):
        part = Part.SCHOOL
    if part is None or pupil is None:
        raise HTTPException(404)
    seen = tuple(one for one in facts.agreed if _sees(part, one))
    mine = openable(standing, found, pupil.person_id, facts.theirs)
    today = local_date(view.now, standing.zone)
    return Story(pupil, part, Folk(found, me, part, pupil.person_id), seen, thread(seen, mine), mine, today)


def _is_host(standing: Standing, pupil: PersonStated | None, talk: OtherTalk, found: Around) -> bool:
    return part_of(standing, pupil, talk, found.posts) is Part.SCHOOL


def _sees(part: Part, one: Agreed) -> bool:
    if part is Part.SCHOOL:
        return True
    return one.was_agreed and (part is not Part.READER or one.household == 0)


def openable(standing: Standing, found: Around, pupil_id: UUID, talks: Iterable[OtherTalk]) -> list[UUID]:
    """The talks of a pupil that this person may open."""
    pupil = found.persons.get(pupil_id)
    return [one.talk_id for one in talks if part_of(standing, pupil, one, found.posts) is not None]


def _parties(facts: TalkFacts, found: Around, on: date) -> Parties:
    talk, pupil = facts.talk, found.persons.get(facts.talk.pupil_id)
    judged = verdicts(pupil, ties_of(found.ties), found.persons, on) if pupil else []
    answer = {one.guardian_id for one in judged if one.allowed}
    return Parties(
        pupil_id=talk.pupil_id,
        host_id=talk.host_id,
        guardian_ids=tuple(one for one in talk.guardian_ids if one in answer),
        all_guardian_ids=tuple(talk.guardian_ids),
        born=pupil.born if pupil else None,
        on=on,
    )
