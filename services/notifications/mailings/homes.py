"""Who may be told, how they want it and by which ways, for a batch of addressees at this moment: in few statements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, time
from functools import lru_cache
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.channels.protocol import Way
from services.notifications.domain.addresses import fingerprint
from services.notifications.domain.choices import how_of, ways_of
from services.notifications.domain.mailings import Home, Mailing, Row
from services.notifications.domain.models import Because
from services.notifications.domain.trial import Trials, ways_in_trial
from services.notifications.recipients import NIGHT, zone_of
from services.notifications.settings import NotificationsSettings
from services.notifications.store.mailings import classes_of
from services.notifications.store.returns import suppressed
from services.notifications.store.trial import TrialsKept
from services.notifications.tables import roster
from shared.clock import local_date
from shared.events.people import Channel, PreferencesStated
from shared.events.roster import ContactStated, PersonStated, SchoolStated
from shared.quiet import next_allowed
from shared.roster.access import Family, Verdict, Why, families, is_protected, oneself
from shared.roster.projection import known

Ways = Mapping[UUID, Sequence[tuple[Way, str]]]  # person → ways with the digests of their addresses


@dataclass(frozen=True)
class Found:
    """What the database says about a batch. `verdicts` by pupil and grown-up; `dead`: addresses left alone for now."""

    now: datetime
    school: SchoolStated | None
    zone: str
    families: Mapping[UUID, Family]
    verdicts: Mapping[tuple[UUID, UUID], Verdict]
    contacts: Mapping[UUID, ContactStated]
    preferences: Mapping[UUID, PreferencesStated]
    classes: Mapping[UUID, tuple[str, ...]]
    ways: Ways
    dead: Set[str]
    trials: Trials
    author: str

    def classes_for(self, pupils: Iterable[UUID]) -> tuple[str, ...]:
        """The classes it is from, to whoever may be told about these pupils."""
        return tuple(sorted({name for pupil in pupils for name in self.classes.get(pupil, ())}))

    def languages(self, person_id: UUID) -> tuple[str | None, ...]:
        """The languages somebody wants, in order: what they chose, what the registry says, the school's."""
        wish, contact = self.preferences.get(person_id), self.contacts.get(person_id)
        return (
            wish.language if wish else None,
            contact.language if contact else None,
            self.school.language if self.school else None,
        )


class Homes:
    """Looks it up. `channels` are those this installation has."""

    def __init__(self, settings: NotificationsSettings, secret: bytes, channels: Iterable[Channel]) -> None:
        self.secret = secret
        self.simulate = settings.simulate
        self.region = settings.sms_region
        self.channels = frozenset(channels)
        self.trials = TrialsKept()

    async def found(self, session: AsyncSession, mailing: Mailing, rows: Sequence[Row], now: datetime) -> Found:
        """Everything that counts for these addressees now."""
        school = (await known(session, roster, SchoolStated, [mailing.school_id])).get(mailing.school_id)
        zone = zone_of(school)
        today = local_date(now, zone)
        pupils = {pupil for row in rows for pupil in row.pupil_ids}
        homes = await families(session, roster, pupils, dict.fromkeys(pupils, today))
        judged = {(pupil, one.guardian_id): one for pupil, family in homes.items() for one in family.verdicts}
        judged |= {(pupil, pupil): oneself(family.pupil, today) for pupil, family in homes.items()}
        people = {row.person_id for row in rows}
        asked = people | ({mailing.author_id} if mailing.author_id else set())
        contacts = await known(session, roster, ContactStated, asked)
        preferences = await known(session, roster, PreferencesStated, people)
        ways = self._ways(people, contacts, preferences)
        stated = {
            mark: wish.version if (wish := preferences.get(person)) else 0
            for person, mine in ways.items()
            for _, mark in mine
        }
        return Found(
            now=now,
            school=school,
            zone=zone,
            families=homes,
            verdicts=judged,
            contacts=contacts,
            preferences=preferences,
            classes=await classes_of(session, mailing.group_ids, pupils, today),
            ways=ways,
            dead=await suppressed(session, stated, now, optional=not mailing.must_read, stated=stated),
            trials=await self.trials.now(session),
            author=await _author(session, mailing, contacts),
        )

    def _ways(
        self,
        people: Iterable[UUID],
        contacts: Mapping[UUID, ContactStated],
        preferences: Mapping[UUID, PreferencesStated],
    ) -> Ways:
        """Everyone's ways, best first: what may wait keeps to wishes."""
        found = {}
        for person in people:
            contact, wish = contacts.get(person), preferences.get(person)
            ways = ways_of(contact, wish, self.simulate, waits=True, region=self.region)
            found[person] = [(w, fingerprint(self.secret, w.address)) for w in ways if w.channel in self.channels]
        return found

    def home(self, mailing: Mailing, row: Row, found: Found) -> Home:
        """What counts for one addressee."""
        told, why, missing = _judged(row, found)
        if found.school is None:
            return Home((), Because.UNKNOWN, missing=True)
        if not told:
            return Home((), why, missing)
        preferences = found.preferences.get(row.person_id)
        night = (preferences.quiet_from, preferences.quiet_to) if preferences else NIGHT
        ways = self.ways_left(row, found)
        real = ways_in_trial(ways, mailing.tenant_id, found.trials)
        return Home(
            pupils=told,
            why=why,
            missing=row.person_id not in found.contacts,
            how=how_of(preferences, mailing.subject, told),
            not_before=_allowed(found.now, found.zone, *night),
            ways=real,
            neutral=any(found.families[pupil].protected(row.person_id) for pupil in told),
            trial=mailing.tenant_id in found.trials,
        )

    def ways_left(self, row: Row, found: Found) -> tuple[Way, ...]:
        """The ways that have not refused it for good, and are not left alone."""
        return tuple(
            way for way, mark in found.ways.get(row.person_id, ()) if mark not in row.refused and mark not in found.dead
        )


@lru_cache(maxsize=256)
def _allowed(now: datetime, zone: str, quiet_from: time | None, quiet_to: time | None) -> datetime:
    """The same for all of a batch who sleep at the same hours."""
    return next_allowed(now, zone, quiet_from, quiet_to)


def _judged(row: Row, found: Found) -> tuple[tuple[UUID, ...], str, bool]:
    """The pupils this person may be told about, the verdict that counts, and whether the roster may lack something."""
    told: list[UUID] = []
    why: str = Because.NO_TIE
    missing = False
    for pupil in row.pupil_ids:
        one = found.verdicts.get((pupil, row.person_id))
        missing |= pupil not in found.families or (one is not None and one.why is Why.GUARDIAN_UNKNOWN)
        if one is None:
            continue
        if one.allowed:
            why = why if told else one.why
            told.append(pupil)
        elif not told:
            why = one.why
    return tuple(told), why, missing


async def _author(session: AsyncSession, mailing: Mailing, contacts: Mapping[UUID, ContactStated]) -> str:
    """The author's name, unless their identity is protected or unknown."""
    if mailing.author_id is None or mailing.author_id not in contacts:
        return ""
    person = (await known(session, roster, PersonStated, [mailing.author_id])).get(mailing.author_id)
    return "" if person is None or is_protected(person) else contacts[mailing.author_id].full_name
