"""The account of the round: what the homes were told against what was agreed. It asks no service whether it did well.

It knows who may know about whom, which talks there can be, what the people saw on their pages, and the mails.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import NamedTuple
from uuid import UUID

from services.demo.catcher import Mail
from services.demo.people import UNMARKED, Adult, Municipality, Pupil
from services.demo.talks.facts import Facts, When
from services.demo.talks.plan import RoundOfTalks

PATH = re.compile(r"https?://[^/\s\"]+/(talks|meetings|offers)(/[^\s\"<>]*)?")
ID = re.compile(r"/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
FOLDED = re.compile(r"\r?\n[ \t]")
UID = re.compile(r"^UID:([0-9a-f-]{36})@", re.MULTILINE)
SEQUENCE = re.compile(r"^SEQUENCE:(\d+)", re.MULTILINE)
METHOD = re.compile(r"^METHOD:(\w+)", re.MULTILINE)
STARTS = re.compile(r"^DTSTART;[^:\n]*:(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)", re.MULTILINE)


@dataclass(frozen=True)
class TalkFigures:
    """The round in figures.

    `talks_wanted`: one for each pupil, two where guardians come apart. `talks_placed`: those with a time in the end.
    `families_several`: homes with two or more children in the round; `families_one_evening`: those of them whose talks
    are all on one day. `talks_lost`: talks a home has accepted or booked, of which somebody who is to come, and can be
    reached, has no calendar entry with the time at which the host expects them. `talk_mails`: all mails about it.
    `undone`: things people wanted to do and could not, however often they tried.
    """

    talks_wanted: int = 0
    talks_placed: int = 0
    families_several: int = 0
    families_one_evening: int = 0
    talks_held: int = 0
    plans_signed: int = 0
    talks_lost: int = 0
    talk_mails: int = 0
    undone: int = 0

    @property
    def ok(self) -> bool:
        """True when every talk has a time, every home knows it, and every plan is signed."""
        whole = self.talks_placed == self.talks_wanted and self.plans_signed == self.talks_held
        return whole and not self.talks_lost and not self.undone


class Entry(NamedTuple):
    """What a mail tells a calendar."""

    uid: UUID
    sequence: int
    method: str
    when: When


@lru_cache(maxsize=20_000)
def link_of(mail: Mail) -> str | None:
    """Where a mail about talks, meetings or offers leads to; None for any other mail."""
    found = PATH.search(mail.part("plain"))
    return f"/{found[1]}{found[2] or ''}" if found else None


@lru_cache(maxsize=20_000)
def entry_of(mail: Mail) -> Entry | None:
    """The calendar entry of a mail; None without one."""
    part = next((one for one in mail.parsed().walk() if one.get_content_type() == "text/calendar"), None)
    if part is None:
        return None
    text = FOLDED.sub("", str(part.get_content()))
    found = [one.search(text) for one in (UID, SEQUENCE, METHOD, STARTS)]
    uid, sequence, method, starts = found
    if uid is None or sequence is None or method is None or starts is None:
        return None
    year, month, day, hour, minute = starts.groups()
    when = (date(int(year), int(month), int(day)), f"{hour}:{minute}")
    return Entry(UUID(uid[1]), int(sequence[1]), method[1], when)


@dataclass(frozen=True)
class TalkAccount:
    """One round's account. `mails` are those about talks, meetings and offers.

    `alone`: nobody but the demo's own people is there, so that a mail about an unknown talk is a fault, too.
    """

    whole: Municipality
    plan: RoundOfTalks
    facts: Facts
    failed: Sequence[str]
    mails: Sequence[Mail]
    alone: bool = True

    def figures(self) -> TalkFigures:
        """Count everything."""
        several = [home for home in self.plan.homes if len(home.pupils) > 1]
        return TalkFigures(
            talks_wanted=self.plan.wanted,
            talks_placed=len(self.facts.standing.keys() & self.talks.keys()),
            families_several=len(several),
            families_one_evening=sum(len(self._days_of(home.pupils)) == 1 for home in several),
            talks_held=len(self.facts.held),
            plans_signed=len(self.facts.signed),
            talks_lost=len(self.lost()),
            talk_mails=len(self.mails),
            undone=len(self.failed) + (not self.facts.over),
        )

    @cached_property
    def talks(self) -> Mapping[UUID, tuple[Pupil, int]]:
        """Every talk there can be."""
        return self.plan.talks(self.facts.round_id) if self.facts.round_id else {}

    @cached_property
    def owner(self) -> Mapping[str, Adult]:
        """Whose mailbox an address is."""
        return {email: adult for adult in self.whole.adults.values() for email in adult.emails}

    @cached_property
    def entries(self) -> Mapping[tuple[UUID, UUID], list[Entry]]:
        """What somebody's calendar was told about a talk, in the order of the mails."""
        found: dict[tuple[UUID, UUID], list[Entry]] = defaultdict(list)
        for mail in sorted(self.mails, key=lambda one: one.number):
            entry, adult = entry_of(mail), self.owner.get(mail.recipient)
            if entry and adult:
                found[adult.id, entry.uid].append(entry)
        return found

    def lost(self) -> list[UUID]:
        """Talks that are agreed, and somebody who is to come does not know when."""
        return [talk_id for talk_id, who in self.facts.agreed.items() if any(self._misses(talk_id, one) for one in who)]

    def faults(self) -> list[str]:
        """What went wrong, one line a fault."""
        lines = [f"talk without an invitation: {self._described(talk_id)}" for talk_id in self.lost()]
        lines += [
            f"talk without a time: {talk_id}"
            for talk_id in self.talks.keys() & self.facts.agreed.keys() - self.facts.standing.keys()
        ]
        lines += [f"plan not signed: {talk_id}" for talk_id in self.facts.held - self.facts.signed]
        return lines + [f"undone: {what}" for what in self.failed]

    def _described(self, talk_id: UUID) -> str:
        """Which talk, when its host expects somebody, and who knows of which time."""
        known = {str(one): self.entries.get((one, talk_id), [])[-1:] for one in self.facts.agreed[talk_id]}
        return f"{talk_id} at {self.facts.standing.get(talk_id)}; told: {known}"

    def duplicates(self) -> list[Mail]:
        """Every mail after the first that tells a calendar the same again."""
        seen, again = set[tuple[object, ...]](), list[Mail]()
        for mail in self.mails:
            if entry := entry_of(mail):
                it = (mail.recipient, entry.uid, entry.sequence, entry.method)
                again += [mail] if it in seen else []
                seen.add(it)
        return again

    def misdirected(self) -> list[Mail]:
        """Every mail to somebody who has nothing to do with what it is about."""
        return [mail for mail in self.mails if not self._rightful(mail)]

    def _misses(self, talk_id: UUID, adult_id: UUID) -> bool:
        """True for somebody who can be reached and whose calendar does not say what the host's programme says."""
        pupil, _ = self.talks[talk_id]
        adult, told = self.whole.adults[adult_id], self.entries.get((adult_id, talk_id), [])
        if adult.simulated or not adult.reachable or pupil.marking != UNMARKED:
            return False  # no mailbox, or mail that names no time
        last = max(told, key=lambda one: one.sequence, default=None)
        return last is None or last.method != "REQUEST" or last.when != self.facts.standing.get(talk_id)

    def _rightful(self, mail: Mail) -> bool:
        """True when a mail may have come to this address."""
        link, adult = link_of(mail) or "", self.owner.get(mail.recipient)
        found = ID.search(link)
        about = UUID(found[1]) if found else None
        if link.startswith("/talks/rounds"):
            return mail.recipient in self._staff
        if adult is None:
            return False
        if link.startswith("/offers/"):
            return adult.id == self.facts.offered_by or not self.alone
        if about in self.talks:
            return self._is_theirs(about, adult, mail) if about else False
        known = about is None or link.startswith(("/meetings/", "/talks/hold/")) or not self.alone
        return known and (adult.id in self._homes or not self.alone)

    def _is_theirs(self, talk_id: UUID, adult: Adult, mail: Mail) -> bool:
        """True for who may be told about the pupil; of a talk apart, for one and the same person each time."""
        pupil, household = self.talks[talk_id]
        if adult not in self.whole.entitled(pupil.id, self.plan.days[0]):
            return False
        others = {one.recipient for one in self.mails if str(talk_id) in (link_of(one) or "")}
        return not household or others <= {*adult.emails, mail.recipient}

    @cached_property
    def _homes(self) -> frozenset[UUID]:
        """Everybody who answers for a pupil of the round."""
        return frozenset(adult.id for home in self.plan.homes for adult in home.guardians)

    @cached_property
    def _staff(self) -> frozenset[str]:
        """The addresses of everybody who works at a school."""
        return frozenset(one.email for one in self.whole.employees)

    def _days_of(self, pupils: Sequence[Pupil]) -> set[date]:
        mine = {pupil.id for pupil in pupils}
        return {
            day
            for talk_id, (day, _) in self.facts.standing.items()
            if talk_id in self.talks and self.talks[talk_id][0].id in mine
        }
