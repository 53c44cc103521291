"""The account of the half-year: what the classes owed, against what lies in the mailboxes. It asks no service.

It knows which bulletins the mentors sent, and who was to be told in that moment; from outside it is told only which
played addresses were served.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from services.demo.bulletins.facts import Facts, Sent
from services.demo.bulletins.mails import Letter, letter_of, text_of
from services.demo.bulletins.plan import Bulletins
from services.demo.catcher import Mail
from services.demo.people import UNMARKED, Adult

CLASS_PAGE, PLAN_PAGE, ON_DESK = "/bulletins/classes/", "/bulletins/plan", ("/preview", "/edit")


@dataclass(frozen=True)
class BulletinFigures:
    """The half-year in figures.

    `families_owed`: pupils times bulletins, where somebody with the right has an address that works;
    `families_reached`: those of them where it came to at least one. `bulletins_lost`: somebody with the right and such
    an address whom one never reached. `bulletins_late`: sent after their day. `bulletin_mails`: mails that bring one to
    somebody.
    `bulletins_twice`: the same bulletin to the same person again. `bulletins_misdirected`: mails of the half-year to
    somebody without the right, or that name school or class to a protected home.
    """

    bulletins_owed: int = 0
    bulletins_sent: int = 0
    bulletins_late: int = 0
    families_owed: int = 0
    families_reached: int = 0
    bulletins_lost: int = 0
    bulletin_mails: int = 0
    bulletins_twice: int = 0
    bulletins_misdirected: int = 0
    undone: int = 0

    @property
    def ok(self) -> bool:
        """True when every class has sent what it owed, and every home has it once."""
        whole = self.bulletins_sent == self.bulletins_owed and self.families_reached == self.families_owed
        return whole and not (self.bulletins_lost or self.bulletins_twice or self.bulletins_misdirected or self.undone)


@dataclass(frozen=True)
class BulletinAccount:
    """One half-year's account. `mails` are those of it; `served`: (person, bulletin) pairs of played addresses.

    `alone`: nobody but the demo's own people is there, so that a mail about an unknown bulletin is a fault, too.
    """

    plan: Bulletins
    facts: Facts
    failed: Sequence[str]
    mails: Sequence[Mail]
    served: frozenset[tuple[UUID, UUID]]
    alone: bool = True

    def figures(self) -> BulletinFigures:
        """Count everything."""
        left = [self.facts.sent[one] for one in self.facts.left]
        return BulletinFigures(
            bulletins_owed=self.plan.owed,
            bulletins_sent=len({(one.school_class.id, one.number) for one in left}),
            bulletins_late=sum(one.late for one in left),
            families_owed=len(self._owed),
            families_reached=sum(any(self.has(adult, one) for adult in adults) for one, adults in self._owed),
            bulletins_lost=len(self.lost()),
            bulletin_mails=sum(letter.bulletin_id is not None for _, letter in self.letters),
            bulletins_twice=len(self.twice()),
            bulletins_misdirected=len(self.misdirected()),
            undone=len(self.failed) + (not self.facts.over),
        )

    @cached_property
    def letters(self) -> list[tuple[Mail, Letter]]:
        """The mails of the half-year, with what they are about."""
        return [(mail, letter) for mail in self.mails if (letter := letter_of(mail))]

    @cached_property
    def owner(self) -> Mapping[str, Adult]:
        """Whose mailbox an address is."""
        return {email: adult for adult in self.plan.whole.adults.values() for email in adult.emails}

    @cached_property
    def _brought(self) -> Counter[tuple[UUID, UUID]]:
        """How many mails have brought a bulletin to a person, by (person, bulletin)."""
        found = Counter[tuple[UUID, UUID]]()
        for mail, letter in self.letters:
            if letter.bulletin_id and (adult := self.owner.get(mail.recipient)):
                found[adult.id, letter.bulletin_id] += 1
        return found

    @cached_property
    def _gathered(self) -> Mapping[UUID, frozenset[str]]:
        """The titles of bulletins in what somebody gets once a day, by person."""
        found: dict[UUID, frozenset[str]] = defaultdict(frozenset)
        for mail, letter in self.letters:
            if not letter.path and (adult := self.owner.get(mail.recipient)):
                found[adult.id] |= letter.titles
        return found

    @cached_property
    def _owed(self) -> list[tuple[Sent, list[Adult]]]:
        """For every bulletin and pupil with somebody who can be told: who that is."""
        adults = self.plan.whole.adults
        every = (
            (one, [adults[adult_id] for adult_id in mine if adults[adult_id].reachable])
            for one in self.facts.sent.values()
            for mine in one.homes.values()
        )
        return [(one, mine) for one, mine in every if mine]

    def has(self, adult: Adult, one: Sent) -> bool:
        """True when the bulletin has come to this person, by itself or among what is gathered for the day."""
        if adult.simulated:
            return (adult.id, one.bulletin_id) in self.served
        gathered = self._gathered.get(adult.id, frozenset())
        return (adult.id, one.bulletin_id) in self._brought or bool(one.titles & gathered)

    def lost(self) -> list[tuple[Sent, Adult]]:
        """Who never got a bulletin that was theirs to get."""
        told = {(one.bulletin_id, adult.id): (one, adult) for one, mine in self._owed for adult in mine}
        return [(one, adult) for one, adult in told.values() if not self.has(adult, one)]

    def twice(self) -> list[tuple[UUID, UUID]]:
        """(person, bulletin) for every time after the first; also when it was gathered and came by itself, too."""
        again = [pair for pair, count in self._brought.items() for _ in range(count - 1)]
        both = [
            (person, one.bulletin_id)
            for person, titles in self._gathered.items()
            for one in self.facts.sent.values()
            if one.titles & titles and (person, one.bulletin_id) in self._brought and one.pupils_of(person)
        ]
        return again + both

    def misdirected(self) -> list[Mail]:
        """Every mail of the half-year that must not have come there, or must not have said what it says."""
        return [mail for mail, letter in self.letters if not self._rightful(mail, letter)]

    def faults(self) -> list[str]:
        """What went wrong, one line a fault."""
        left = {(one.school_class.id, one.number) for one in map(self.facts.sent.__getitem__, self.facts.left)}
        owed = [
            (one, number)
            for one in self.plan.classes
            for number in range(1, 1 + self.plan.owed // len(self.plan.classes))
        ]
        return [
            *[f"bulletin {number} of {one.name} was not sent" for one, number in owed if (one.id, number) not in left],
            *[f"bulletin {one.bulletin_id} never came to {adult.id}" for one, adult in self.lost()],
            *[f"bulletin {bulletin_id} came twice to {person}" for person, bulletin_id in self.twice()],
            *[
                f"misdirected: {mail.recipient} at {mail.at:%d.%m %H:%M} UTC: {letter_of(mail)}"
                for mail in self.misdirected()
            ],
            *[f"undone: {what}" for what in self.failed],
        ]

    def _rightful(self, mail: Mail, letter: Letter) -> bool:
        """True when a mail may have come to this address, and says no more than it may."""
        adult = self.owner.get(mail.recipient)
        if letter.bulletin_id is not None:
            return self._for_home(mail, adult, letter.bulletin_id)
        if not letter.path:
            return adult is not None and (adult.id == self.facts.gathers or not self.alone)
        if letter.path.startswith("/dialogue"):
            return mail.recipient in self._talkers or not self.alone
        return self._for_staff(mail.recipient, letter.path)

    def _for_home(self, mail: Mail, adult: Adult | None, bulletin_id: UUID) -> bool:
        one = self.facts.sent.get(bulletin_id)
        if one is None:
            return not self.alone
        pupils = one.pupils_of(adult.id) if adult else []
        if not pupils:
            return False
        hidden = any(self.plan.whole.pupils[pupil_id].marking != UNMARKED for pupil_id in pupils)
        return not (hidden and self._tells(mail, one))

    def _tells(self, mail: Mail, one: Sent) -> bool:
        """True when a mail names the school or the class, or what the bulletin is called."""
        names = {one.school_class.school.name, one.school_class.name, *one.titles}
        head = " ".join(str(value) for name, value in mail.parsed().items() if name.lower() in ("from", "subject"))
        said = f"{head} {text_of(mail)}"
        return any(name in said for name in names)

    def _for_staff(self, recipient: str, path: str) -> bool:
        """True for the mentor of the class a mail is about, and for the principal of its school."""
        if path.startswith(CLASS_PAGE):
            return any(
                path == f"{CLASS_PAGE}{self.plan.group(one)}" and recipient == self._mentor(one.mentor_id)
                for one in self.plan.classes
            )
        if path == PLAN_PAGE:
            return any(recipient == one.email for one in self.plan.principals)
        mine = [one for one in self.facts.sent.values() if path.startswith(f"/bulletins/{one.bulletin_id}/")]
        mine_too = {self._mentor(one.school_class.mentor_id) for one in mine}
        mine_too |= {self.plan.principal_of(one.school_class.school).email for one in mine}
        return path.endswith(ON_DESK) and (recipient in mine_too or not self.alone)

    def _mentor(self, person_id: UUID) -> str:
        return self._staff[person_id]

    @cached_property
    def _staff(self) -> Mapping[UUID, str]:
        return {one.id: one.email for one in self.plan.whole.employees}

    @cached_property
    def _talkers(self) -> frozenset[str]:
        """The addresses of those who take part in the conversation."""
        mine = [
            email for one in self.facts.talkers if (adult := self.plan.whole.adults.get(one)) for email in adult.emails
        ]
        return frozenset([*mine, *(self._staff[one] for one in self.facts.talkers if one in self._staff)])
