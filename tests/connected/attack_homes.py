"""The talks of the attack stage: coming and held, together and apart, with everything that hangs on each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession

from services.scheduling import tables as t
from services.scheduling.domain.rounds import Side, agenda
from services.scheduling.domain.school_year import half_year_id
from shared.events.duties import DutyKind, DutyStatus
from shared.events.scheduling import CommitmentStatus, Owner, TalkKind, TalkState
from shared.ids import derived_id
from tests.connected.attack_town import DAY, SE_NO_REASONS, Place, Settling, Thing, choice, occupy, put
from tests.portal_stage import TEN, TODAY

# By whom, and on whose talk, each form is sent to show that it works: each talk is decided about in one way only.
PREPARED, SHOWN, HELD_NOW = ("child_2", "other_child"), ("child_1", "adult_pupil"), ("protected_child",)
CHANGED, SIGNED, AGREED_NOW = ("child_2",), ("other_child",), ("almost_adult",)


@dataclass(frozen=True)
class Rights:
    """Who is what to one talk, by law."""

    school: frozenset[UUID]
    home: frozenset[UUID]
    pupil: UUID
    readers: frozenset[UUID]
    of_age: bool

    @property
    def sees(self) -> frozenset[UUID]:
        return self.school | self.home | {self.pupil} | self.readers

    @property
    def decides(self) -> frozenset[UUID]:
        return frozenset({self.pupil}) if self.of_age else self.home

    @property
    def parties(self) -> frozenset[UUID]:
        return self.school | self.home | {self.pupil}

    def side(self, side: Side) -> frozenset[UUID]:
        return {Side.SCHOOL: self.school, Side.HOME: self.home, Side.PUPIL: frozenset({self.pupil})}[side]


async def homes(here: Settling, db: AsyncSession, place: Place) -> None:
    """For every pupil of a school: a talk that was held, one that is coming, and what is kept beside them."""
    for group, pupils in place.pupils.items():
        for name in pupils:
            await _held(here, db, place, group, name)
            await _coming(here, db, place, group, name)
            await _beside(here, db, place, name)
    if place.name == "one":
        await _held_apart(here, db, place)
        await _by_who_left(here, db, place)
    await _proposals(here, db, place)


def _guests(here: Settling, pupil: UUID) -> list[UUID]:
    """The guardians a talk is arranged for: nobody for a pupil of age."""
    return [] if pupil == here.who["adult_pupil"] else sorted(here.guardians(pupil), key=str)


def _rights(here: Settling, name: str, guardians: Iterable[UUID], hosts: frozenset[UUID], household: int = 0) -> Rights:
    pupil = here.who[name]
    home = here.guardians(pupil) & set(guardians)
    readers = here.readers(pupil) if not household else frozenset()
    return Rights(here.teachers(pupil) | hosts, home, pupil, readers, name == "adult_pupil")


def _row(
    here: Settling,
    place: Place,
    group: UUID,
    name: str,
    mark: str,
    state: TalkState,
    guardians: list[UUID],
    host: UUID,
    household: int = 0,
    kind: TalkKind = TalkKind.DEVELOPMENT,
) -> t.Talk:
    round_id = derived_id("round", place.school, mark)
    return t.Talk(
        talk_id=derived_id("talk", round_id, here.who[name], household, kind),
        version=1,
        tenant_id=place.tenant,
        school_id=place.school,
        round_id=round_id,
        group_id=group,
        pupil_id=here.who[name],
        household=household,
        guardian_ids=guardians,
        host_id=host,
        kind=kind,
        state=state,
        changed_at=TEN - DAY,
    )


async def _timed(db: AsyncSession, here: Settling, talk: t.Talk, *, over: bool) -> None:
    """Give the talk the next time of its host."""
    assert talk.host_id
    slot = here.slots[talk.round_id, talk.host_id].pop(0)
    talk.slot_id, talk.starts_at, talk.ends_at = slot.slot_id, slot.starts_at, slot.ends_at
    talk.invited, talk.sequence = True, 1
    await put(db, talk)
    if not over:
        await occupy(db, talk, slot)


async def _held(here: Settling, db: AsyncSession, place: Place, group: UUID, name: str) -> None:
    """Held in the earlier round. That of stranger_child, by the mentor of then, is signed: for them it is over."""
    earlier = name == "stranger_child"
    host = here.who["mentor" if earlier else place.hosts[group]]
    its_group = here.here.class_1 if earlier else group
    guardians = _guests(here, here.who[name])
    state = TalkState.SIGNED if earlier else TalkState.HELD
    talk = _row(here, place, its_group, name, "over", state, guardians, host)
    await _timed(db, here, talk, over=True)
    rights = _rights(here, name, guardians, frozenset() if earlier else frozenset({host}))
    await _writings(here, db, talk, rights, name)


async def _held_apart(here: Settling, db: AsyncSession, place: Place) -> None:
    """A talk of the other household alone: the first one has no business with it but what was agreed."""
    guardians = [here.who["guardian_b"]]
    talk = _row(here, place, here.here.class_1, "child_1", "over", TalkState.HELD, guardians, here.who["mentor"], 2)
    await _timed(db, here, talk, over=True)
    rights = _rights(here, "child_1", guardians, here.ids("mentor"), 2)
    await _writings(here, db, talk, rights, "child_1")


async def _by_who_left(here: Settling, db: AsyncSession, place: Place) -> None:
    """Held by somebody who has left the school since, and never signed."""
    guardians = _guests(here, here.who["child_1"])
    host, kind = here.who["gone_host"], TalkKind.RECEPTION
    talk = _row(here, place, here.here.class_1, "child_1", "over", TalkState.HELD, guardians, host, kind=kind)
    await put(db, talk)
    await _writings(here, db, talk, _rights(here, "child_1", guardians, frozenset()), "child_1")


async def former_school(here: Settling, db: AsyncSession) -> None:
    """What was agreed about child_1 at the school it has left: the new mentor reads that, and the old one nothing."""
    place, guardians = here.places[1], _guests(here, here.who["child_1"])
    talk = _row(here, place, here.here.class_2, "child_1", "over", TalkState.SIGNED, guardians, here.who["mentor_2"])
    await _timed(db, here, talk, over=True)
    rights = _rights(here, "child_1", guardians, frozenset())
    apart = Rights(frozenset(), rights.home, rights.pupil, rights.readers, of_age=False)
    await _writings(here, db, talk, apart, "child_1")


async def _writings(here: Settling, db: AsyncSession, talk: t.Talk, rights: Rights, name: str) -> None:
    """A record, what each side has written, and what was agreed, with a question about it."""
    said = here.town.plant(rights.sees)
    there = [one for one in (talk.host_id, talk.pupil_id, *talk.guardian_ids) if one]
    record = t.Record(
        talk_id=talk.talk_id,
        version=1,
        summary=said,
        present=there,
        author_id=talk.host_id or talk.pupil_id,
        held_at=TEN - 50 * DAY,
        changed_at=TEN - 50 * DAY,
    )
    await put(db, record)
    tokens = [said, *await _prepared(here, db, talk, rights, shown=True), *await _agreed(here, db, talk, rights, name)]
    may = {"see": rights.sees, "record": rights.school, "agree": rights.school, "sign": rights.parties}
    acts = {"record": name in CHANGED, "sign": name in SIGNED, "agree": name in AGREED_NOW}
    who = {"record": rights.school, "agree": rights.school, "sign": rights.parties}
    doing = {verb: _one(who[verb], talk) if verb != "sign" else who[verb] for verb, now in acts.items() if now}
    here.keep(
        "held",
        Thing(talk.talk_id, may, doing, tuple(tokens), {"pupil": talk.pupil_id, "near": here.near(talk.pupil_id)}),
    )


def _one(some: frozenset[UUID], talk: t.Talk) -> frozenset[UUID]:
    """One of them is enough to show it: the host, where it is one of them."""
    return frozenset({talk.host_id} if talk.host_id in some else sorted(some, key=str)[:1])


async def _prepared(here: Settling, db: AsyncSession, talk: t.Talk, rights: Rights, *, shown: bool) -> list[str]:
    """What each side has written. Only the school's has been shown, if that, and not to who is let in by a consent."""
    found = []
    for side in Side:
        readable = rights.parties if shown and side is Side.SCHOOL else rights.side(side)
        question = next(question for _, question in agenda(TalkKind(talk.kind)).questions(side))
        words = here.town.plant(readable)
        found.append(words)
        await put(
            db,
            t.Preparation(
                talk_id=talk.talk_id,
                side=side,
                version=1,
                answers={question.code: words},
                author_id=next(iter(rights.side(side)), talk.pupil_id),
                changed_at=TEN - DAY,
                shared_at=TEN - DAY if shown and side is Side.SCHOOL else None,
            ),
        )
    return found


async def _agreed(here: Settling, db: AsyncSession, talk: t.Talk, rights: Rights, name: str) -> list[str]:
    """A promise of the home's (or the pupil's), going on. All who answer for the pupil read it, and who teaches now."""
    pupil = talk.pupil_id
    reading = {pupil, *here.guardians(pupil), *here.teachers(pupil), *rights.school, *rights.readers}
    reading |= _hosts_of(here, pupil)
    what, how = here.town.plant(reading), here.town.plant(reading)
    guardian = next(iter(talk.guardian_ids), None)
    row = t.Commitment(
        commitment_id=uuid4(),
        version=1,
        tenant_id=talk.tenant_id,
        school_id=talk.school_id,
        pupil_id=pupil,
        talk_id=talk.talk_id,
        owner=Owner.GUARDIAN if guardian else Owner.PUPIL,
        promised_by=guardian,
        what=what,
        how=how,
        due=TODAY + 30 * DAY,
        status=CommitmentStatus.ONGOING,
        changed_at=TEN - 50 * DAY,
    )
    await put(db, row)
    school = (here.teachers(pupil) | _hosts_of(here, pupil)) - here.guardians(pupil)
    promised = frozenset({guardian or pupil})
    may = {"see": frozenset(reading), "done": school | promised, "fulfilled": school, "words": rights.school & school}
    acts = {"done": promised if name in ("child_2", "other_child_2") else frozenset[UUID]()}
    acts |= {"words": _one(rights.school, talk) if name == "adult_pupil" else frozenset()}
    here.keep(
        "commitment",
        Thing(row.commitment_id, may, acts, (what, how), {"pupil": pupil, "agreed": True, "near": here.near(pupil)}),
    )
    await _asked(here, db, row, guardian or pupil)
    return [what, how]


def _hosts_of(here: Settling, pupil: UUID) -> frozenset[UUID]:
    """Who holds a talk with the pupil that is not signed yet, and works at the school."""
    return here.ids("host") if pupil == here.who["stranger_child"] else frozenset()


async def _asked(here: Settling, db: AsyncSession, row: t.Commitment, person: UUID) -> None:
    """The id is the secret of the link: it is on no page, not even on that of whom it was sent to."""
    secret = uuid4()
    its: dict[str, Any] = {"asked_at": TEN - DAY, "expires_at": TEN + 9 * DAY}
    await put(db, t.CheckIn(check_in_id=secret, commitment_id=row.commitment_id, person_id=person, **its))
    here.town.planted[str(secret)] = {person}
    here.keep("check_in", Thing(secret, {"see": frozenset({person})}))


async def _coming(here: Settling, db: AsyncSession, place: Place, group: UUID, name: str) -> None:
    """In the round that runs; apart for each guardian of child_1."""
    guardians = _guests(here, here.who[name])
    homes = {1: [here.who["guardian_a"]], 2: [here.who["guardian_b"]]} if name == "child_1" else {0: guardians}
    for household, invited in homes.items():
        await _one_coming(here, db, place, group, name, household, invited)


async def _one_coming(
    here: Settling, db: AsyncSession, place: Place, group: UUID, name: str, household: int, invited: list[UUID]
) -> None:
    host = here.who[place.hosts[group]]
    state = dict.fromkeys(("protected_child", "other_child_2", "stranger_child"), TalkState.WANTED)
    state["child_2"] = TalkState.PROPOSED
    its = TalkState.WANTED if household == 2 else state.get(name, TalkState.BOOKED)
    talk = _row(here, place, group, name, "now", its, invited, host, household)
    if its is TalkState.WANTED:
        await put(db, talk)
    else:
        await _timed(db, here, talk, over=False)
    rights = _rights(here, name, invited, frozenset({host}), household)
    tokens = await _prepared(here, db, talk, rights, shown=False)
    tokens.append(await _meant(here, db, talk, rights))
    slots = here.slots[talk.round_id, host]
    free, kept = slots.pop(), slots.pop()
    for person in sorted(rights.decides, key=str)[:1]:
        await _hold(here, db, talk, kept, person, rights)
        await put(db, _waits(talk, person))
    its_things = {"pupil": talk.pupil_id, "free": free.slot_id, "place": place, "near": here.near(talk.pupil_id)}
    here.keep("coming", Thing(talk.talk_id, _may(rights), _doing(talk, rights, name, place), tuple(tokens), its_things))


def _may(rights: Rights) -> dict[str, frozenset[UUID]]:
    return {"see": rights.sees, "prepare": rights.parties, "school": rights.school, "decide": rights.decides}


def _doing(talk: t.Talk, rights: Rights, name: str, place: Place) -> dict[str, frozenset[UUID]]:
    """Whose doing what with this talk shows that it works."""
    doing: dict[str, frozenset[UUID]] = {}
    sides = [_one(rights.side(side), talk) for side in Side if rights.side(side)]
    if name in PREPARED:
        doing["prepare"] = frozenset().union(*sides)
    if name in SHOWN and talk.household != 2:
        doing["share"] = frozenset().union(*sides)
    if name in HELD_NOW:
        doing["hold"] = _one(rights.school, talk)
    open_for_booking = place.name != "second" and name not in HELD_NOW
    doing["book"] = frozenset(sorted(rights.decides, key=str)[:1]) if open_for_booking else frozenset()
    return doing


async def _meant(here: Settling, db: AsyncSession, talk: t.Talk, rights: Rights) -> str:
    """What the school means to propose: its own until its preparation is shown."""
    what = here.town.plant(rights.school)
    row = t.Commitment(
        commitment_id=uuid4(),
        version=1,
        tenant_id=talk.tenant_id,
        school_id=talk.school_id,
        pupil_id=talk.pupil_id,
        talk_id=talk.talk_id,
        owner=Owner.SCHOOL,
        promised_by=talk.host_id,
        what=what,
        how="",
        status=CommitmentStatus.PROPOSED,
        changed_at=TEN - DAY,
    )
    await put(db, row)
    may = dict.fromkeys(("see", "done", "fulfilled", "words"), rights.school)
    here.keep(
        "commitment",
        Thing(
            row.commitment_id,
            may,
            {},
            (what,),
            {"pupil": talk.pupil_id, "agreed": False, "near": here.near(talk.pupil_id)},
        ),
    )
    return what


async def _hold(here: Settling, db: AsyncSession, talk: t.Talk, slot: t.Slot, person: UUID, rights: Rights) -> None:
    kept = [choice(talk, slot)]
    hold = t.Hold(
        hold_id=uuid4(), tenant_id=talk.tenant_id, person_id=person, choices=kept, until=TEN + timedelta(minutes=5)
    )
    await put(db, hold)
    if talk.state == TalkState.WANTED:
        await occupy(db, talk, slot, hold)
    here.town.planted[str(hold.hold_id)] = set(rights.decides)
    here.keep("hold", Thing(hold.hold_id, {"see": rights.decides}, {"decide": frozenset({person})}))


def _waits(talk: t.Talk, person: UUID) -> t.Waiting:
    its: dict[str, Any] = {"talk_id": talk.talk_id, "round_id": talk.round_id, "school_id": talk.school_id}
    return t.Waiting(**its, person_id=person, since=TEN - DAY)


async def _beside(here: Settling, db: AsyncSession, place: Place, name: str) -> None:
    """A support measure, absence sums, a talk that is owed, and what the guardians said about their time."""
    pupil = here.who[name]
    reading = set(here.teachers(pupil)) | (here.guardians(pupil) if name != SE_NO_REASONS else set())
    reading |= {pupil} if name in ("adult_pupil", "almost_adult", SE_NO_REASONS) else set()
    words = here.town.plant(reading)
    measure: dict[str, Any] = {
        "adaptation_id": uuid4(),
        "tenant_id": place.tenant,
        "school_id": place.school,
        "pupil_id": pupil,
    }
    author = sorted(here.teachers(pupil), key=str)[0]
    await put(db, t.Adaptation(**measure, words=words, author_id=author, noted_at=TEN - DAY))
    may = {"see": frozenset(reading), "write": here.teachers(pupil)}
    more = {"measure": measure["adaptation_id"], "near": here.near(pupil)}
    here.keep("adaptation", Thing(pupil, may, {"write": frozenset({author})}, (words,), more))
    sums = [{"subject_id": None, "lessons": 10, "planned": 600, "valid": 60, "invalid": 30}]
    summed: dict[str, Any] = {
        "pupil_id": pupil,
        "version": 1,
        "tenant_id": place.tenant,
        "since": TODAY - 30 * DAY,
        "until": TODAY,
    }
    await put(db, t.AbsenceSum(**summed, subjects=sums))
    term = half_year_id(place.tenant, TODAY)
    duty = derived_id("talk duty", pupil, term, DutyKind.DEVELOPMENT_TALK)
    owed = {"duty_id": duty, "tenant_id": place.tenant, "school_id": place.school, "pupil_id": pupil, "term_id": term}
    kind, status = DutyKind.DEVELOPMENT_TALK, DutyStatus.OWED
    await put(db, t.Coverage(**owed, kind=kind, last_day=TODAY + 30 * DAY, status=status))
    for guardian in here.guardians(pupil):
        said: dict[str, Any] = {"tenant_id": place.tenant, "person_id": guardian}
        await put(db, t.Wish(wish_id=uuid4(), **said, starts_at=TEN, ends_at=TEN + 40 * DAY, gladly=True))
        await db.merge(t.Need(**said, interpreter=None, more_time=False, answered_at=TEN - DAY))
        await db.flush()


async def _proposals(here: Settling, db: AsyncSession, place: Place) -> None:
    """One for the round that runs, one to adopt and one to discard."""
    rounds = {one.more["mark"]: one for one in here.town.things["round"] if one.more["place"] is place}
    for mark, doing in (("now", ""), ("asked", "adopt"), ("asked", "discard")):
        its = rounds[mark]
        row = t.Proposal(
            proposal_id=uuid4(),
            tenant_id=place.tenant,
            school_id=place.school,
            round_id=its.id,
            round_ids=[its.id],
            author_id=here.who[place.author],
            state="ready",
            why="round",
            percent=100,
            measures={"now": _figures(), "times": {}, "longer": []},
            started_at=TEN - DAY,
        )
        await put(db, row)
        if mark == "now":
            await _lines(here, db, place, row)
        first = {doing: here.ids(place.principal)} if doing else {}
        here.keep(
            "proposal", Thing(row.proposal_id, {"see": its.may["run"]}, first, its.tokens, {"near": its.more["near"]})
        )


def _figures() -> dict[str, int]:
    names = ("placed", "talks", "one_evening", "several", "usable_gap", "mean_wait_min", "preferred")
    return dict.fromkeys(names, 1)


async def _lines(here: Settling, db: AsyncSession, place: Place, row: t.Proposal) -> None:
    talks = [one for one in here.town.things["coming"] if one.more["place"] is place]
    for number, one in enumerate(talks):
        why = "host_full/more_slots" if number % 2 else None
        slot = None if why else one.more["free"]
        await put(db, t.ProposalTalk(proposal_id=row.proposal_id, talk_id=one.id, slot_id=slot, why_not=why))
