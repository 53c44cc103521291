"""The demo's own account of the day: what was owed against what arrived. It asks no service whether it did well.

It knows the truth (the municipality and the day's plan), what lies in the mailboxes, and from the database of the
notifications service only which played addresses were served and whom the school has to call.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID

from services.demo.bulletins.account import BulletinAccount, BulletinFigures
from services.demo.bulletins.mails import letter_of
from services.demo.catcher import Mail
from services.demo.day import Plan
from services.demo.people import Adult, Municipality
from services.demo.schooldays import school_day_before
from services.demo.script import Owed
from services.demo.talks.account import TalkAccount, TalkFigures, link_of
from shared.ids import derived_id

NOTICE, RETRACTION = "notice", "retraction"
ROUNDS = (1, 2, 3)
LINK = re.compile(r"/n/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


@dataclass(frozen=True)
class Evidence:
    """What can be seen from outside. `served`: (person, notification) pairs of played addresses."""

    mails: Sequence[Mail]
    served: frozenset[tuple[UUID, UUID]]
    to_call: frozenset[UUID]
    repeats: int = 0


@dataclass(frozen=True)
class Figures:
    """The day in figures. A fault is a lost, doubled or misdirected message; `ok` means there was none.

    `mails` are those about absence and to schools; those of the round of talks are in `talks`, while `duplicates` and
    `misdirected` count both. Those of the half-year are in `bulletins`, with faults of their own. `undone` is of both.
    """

    pupils: int
    lessons: int
    marks: int
    notices_owed: int
    notices_delivered: int
    unreachable: int
    mails: int
    retractions: int
    lost: int
    duplicates: int
    misdirected: int
    repeats: int
    held: int
    talks: TalkFigures = field(default_factory=TalkFigures)
    bulletins: BulletinFigures = field(default_factory=BulletinFigures)

    @property
    def ok(self) -> bool:
        """True when every duty was met, once, and nobody was told who must not be."""
        met = self.notices_delivered + self.unreachable == self.notices_owed
        beside = self.talks.ok and self.bulletins.ok
        return met and beside and not (self.lost or self.duplicates or self.misdirected)

    def as_json(self, seconds: float) -> dict[str, Any]:
        """As the command prints it."""
        flat = asdict(self)
        talks, bulletins = flat.pop("talks"), flat.pop("bulletins")
        undone = talks.pop("undone") + bulletins.pop("undone")
        return {**flat, **talks, **bulletins, "undone": undone, "seconds": round(seconds, 1)}


@dataclass(frozen=True)
class About:
    """What a notification's id turns out to be about."""

    pupil_id: UUID
    day: date
    round: int
    kind: str


def notification_id(pupil_id: UUID, day: date, round_: int, kind: str) -> UUID:
    """The id of the message about one duty: known beforehand, so that a mail's link tells what it is about."""
    duty_id = derived_id("same_day_notice", pupil_id, day.isoformat(), round_)
    return derived_id(kind, duty_id)


class Ledger:
    """One day's account."""

    def __init__(
        self,
        whole: Municipality,
        plan: Plan,
        evidence: Evidence,
        talks: Callable[[Sequence[Mail]], TalkAccount | None] | None = None,
        bulletins: Callable[[Sequence[Mail]], BulletinAccount | None] | None = None,
    ) -> None:
        self.whole = whole
        self.plan = plan
        self.evidence = evidence
        of_bulletins = [mail for mail in evidence.mails if letter_of(mail)]
        others = [mail for mail in evidence.mails if not letter_of(mail)]
        self.mails = [mail for mail in others if link_of(mail) is None]
        self.talks = talks([mail for mail in others if link_of(mail)]) if talks else None
        self.bulletins = bulletins(of_bulletins) if bulletins else None
        self.owner = {email: adult for adult in whole.adults.values() for email in adult.emails}
        self.school_addresses = {school.email: school.id for school in whole.schools}

    def figures(self) -> Figures:
        """Count everything."""
        owed = self.plan.owed
        return Figures(
            pupils=len(self.whole.pupils),
            lessons=self.plan.held_lessons(),
            marks=self.plan.marks(),
            notices_owed=len(owed),
            notices_delivered=sum(any(self.has(adult, duty) for adult in self.to_tell(duty)) for duty in owed),
            unreachable=len(self._unreachable()),
            mails=len(self.mails),
            retractions=sum(about.kind == RETRACTION for _, about in self.told),
            lost=len(self.lost()) + len(self.wrong_calls()) + len(self.plan.alerted - self.alerted),
            duplicates=len(self.duplicates()),
            misdirected=len(self.misdirected()),
            repeats=self.evidence.repeats,
            held=self.plan.held,
            talks=self.talks.figures() if self.talks else TalkFigures(),
            bulletins=self.bulletins.figures() if self.bulletins else BulletinFigures(),
        )

    def to_tell(self, duty: Owed) -> list[Adult]:
        """Everyone with the right to this notice who can be reached."""
        return [adult for adult in self.whole.entitled(duty.pupil_id, self.plan.day) if adult.reachable]

    def has(self, adult: Adult, duty: Owed, kind: str = NOTICE) -> bool:
        """True when the message about the duty has come to this person."""
        about = notification_id(duty.pupil_id, duty.day, duty.round, kind)
        if adult.simulated:
            return (adult.id, about) in self.evidence.served
        return (adult.id, about) in self.mails_by_message

    @cached_property
    def known(self) -> Mapping[UUID, About]:
        """Every id a message about a pupil could have."""
        days = (self.plan.day, school_day_before(self.plan.day))
        every = (
            About(p, d, r, k) for p in self.whole.pupils for d in days for r in ROUNDS for k in (NOTICE, RETRACTION)
        )
        return {notification_id(one.pupil_id, one.day, one.round, one.kind): one for one in every}

    @cached_property
    def linked(self) -> list[tuple[Mail, UUID | None]]:
        """Every mail with the id its link names."""
        return [(mail, _linked_id(mail)) for mail in self.mails]

    @cached_property
    def mails_by_message(self) -> Mapping[tuple[UUID, UUID], list[Mail]]:
        """Mails by person and notification."""
        found: dict[tuple[UUID, UUID], list[Mail]] = defaultdict(list)
        for mail, about in self.linked:
            adult = self.owner.get(mail.recipient)
            if adult and about:
                found[adult.id, about].append(mail)
        return dict(found)

    @cached_property
    def told(self) -> list[tuple[Mail, About]]:
        """The mails that are about a pupil."""
        return [(mail, self.known[about]) for mail, about in self.linked if about is not None and about in self.known]

    @cached_property
    def alerted(self) -> set[UUID]:
        """The schools that had a mail which is not about a pupil."""
        mine = [mail.recipient for mail, about in self.linked if about is None or about not in self.known]
        return {self.school_addresses[address] for address in mine if address in self.school_addresses}

    def faults(self) -> list[str]:
        """What went wrong, one line a fault: ids and addresses of people who do not exist."""
        return [
            *[f"lost: {duty}" for duty in self.lost()],
            *[f"call list: {message}" for message in self.wrong_calls()],
            *[f"never alerted: school {school}" for school in self.plan.alerted - self.alerted],
            *[f"duplicate: {self._described(mail)}" for mail in self.duplicates()],
            *[f"misdirected: {self._described(mail)}" for mail in self.misdirected()],
            *(self.talks.faults() if self.talks else []),
            *(self.bulletins.faults() if self.bulletins else []),
        ]

    def lost(self) -> list[Owed]:
        """Duties where somebody with the right had no notice, or had one and never its retraction."""
        return [duty for duty in self.plan.owed if any(self._misses(adult, duty) for adult in self.to_tell(duty))]

    def wrong_calls(self) -> frozenset[UUID]:
        """Notices that must be on the schools' call lists and are not, or the other way round."""
        unreachable = self._unreachable()
        expected = {notification_id(duty.pupil_id, duty.day, duty.round, NOTICE) for duty in unreachable}
        return self.evidence.to_call ^ expected

    def duplicates(self) -> list[Mail]:
        """Every mail after the first about the same thing to the same person."""
        again = [mail for mails in self.mails_by_message.values() for mail in mails[1:]]
        return again + (self.talks.duplicates() if self.talks else [])

    def misdirected(self) -> list[Mail]:
        """Every mail to somebody without the right to it, or about something that was not owed."""
        wrong = [
            mail for mail, about in self.linked if not self._rightful(mail, self.known.get(about) if about else None)
        ]
        return wrong + (self.talks.misdirected() if self.talks else [])

    def _described(self, mail: Mail) -> str:
        about = _linked_id(mail)
        what = link_of(mail) or (self.known.get(about) if about else None)
        return f"{mail.recipient} at {mail.at:%H:%M} UTC about {what}"

    def _unreachable(self) -> list[Owed]:
        return [duty for duty in self.plan.owed if not self.to_tell(duty)]

    def _misses(self, adult: Adult, duty: Owed) -> bool:
        return not self.has(adult, duty) or (duty.retracted and not self.has(adult, duty, RETRACTION))

    def _rightful(self, mail: Mail, about: About | None) -> bool:
        """True when this mail may have come to this address: the right person, about a duty there really was."""
        if about is None:
            return mail.recipient in self.school_addresses
        duty = self._duty(about)
        entitled = duty is not None and self.owner.get(mail.recipient) in self.whole.entitled(
            about.pupil_id, self.plan.day
        )
        if not entitled or about.kind == NOTICE:
            return entitled
        return duty is not None and duty.retracted and self._had_notice(mail, about)

    def _duty(self, about: About) -> Owed | None:
        every = (*self.plan.owed, *self.plan.earlier)
        mine = (duty for duty in every if (duty.pupil_id, duty.day, duty.round) == _place(about))
        return next(mine, None)

    def _had_notice(self, retraction: Mail, about: About) -> bool:
        adult = self.owner[retraction.recipient]
        notice = notification_id(about.pupil_id, about.day, about.round, NOTICE)
        return any(mail.at <= retraction.at for mail in self.mails_by_message.get((adult.id, notice), []))


def _place(about: About) -> tuple[UUID, date, int]:
    return about.pupil_id, about.day, about.round


def _linked_id(mail: Mail) -> UUID | None:
    found = next(_links(mail), None)
    return UUID(found) if found else None


def _links(mail: Mail) -> Iterator[str]:
    for kind in ("plain", "html"):
        if match := LINK.search(mail.part(kind)):
            yield match.group(1)
