"""Who is to be told, as the roster stands at this moment. Asks `shared.roster.access`; decides nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications import store
from services.notifications.domain.addresses import fingerprint, usable
from services.notifications.domain.models import ABOUT_A_PUPIL, UNHURRIED, Because, CallReason, Delivery, Request
from services.notifications.domain.planning import Candidate, Situation, delivery_id, last_call
from services.notifications.domain.quiet import next_allowed
from services.notifications.tables import roster
from shared.clock import DEFAULT_ZONE, local_date
from shared.events.notify import NotificationKind
from shared.events.people import PreferencesStated
from shared.events.roster import ContactStated, SchoolStated
from shared.observe.logging import get_logger
from shared.roster.access import Family, Verdict, Why, families, oneself
from shared.roster.projection import known

NIGHT = (time(21), time(7))  # local; what is not urgent is not sent then to those who have not said otherwise
WHY_NOBODY = {
    Why.PUPIL_ADULT: CallReason.PUPIL_ADULT,
    Why.AGE_UNKNOWN: CallReason.AGE_UNKNOWN,
    Why.PUPIL_GONE: CallReason.PUPIL_GONE,
}
BY_CONSENT = frozenset({Why.PUPIL_AGREED, Why.GUARDIANS_AGREED})
log = get_logger()


@dataclass(frozen=True)
class Known:
    """What the database says about a batch of requests, fetched in a few statements for all of them."""

    now: datetime
    schools: Mapping[UUID, SchoolStated]
    families: Mapping[UUID, Family]
    judged: Mapping[UUID, Sequence[Verdict]]
    contacts: Mapping[UUID, ContactStated]
    preferences: Mapping[UUID, PreferencesStated]
    deliveries: Mapping[UUID, Sequence[Delivery]]
    refused: frozenset[tuple[UUID, str]]


@dataclass(frozen=True)
class Recipients:
    """Works out the situations of requests. `simulate`: rehearsal addresses may be used."""

    secret: bytes
    simulate: bool

    async def situations(
        self, session: AsyncSession, requests: Sequence[Request], now: datetime
    ) -> tuple[list[Situation], Mapping[UUID, SchoolStated]]:
        """Everything that counts for these requests now, and their schools by id."""
        found = await _look_up(session, requests, now)
        return [self._situation(request, found) for request in requests], found.schools

    def _situation(self, request: Request, found: Known) -> Situation:
        school = found.schools.get(request.school_id)
        family = found.families.get(request.pupil_id) if request.pupil_id else None
        noticed = frozenset(_noticed(request, found))
        if request.kind in ABOUT_A_PUPIL:
            candidates = self._people(request, family, school, found)
            complete = _is_complete(family, school, candidates, found)
        else:
            candidates = self._school(request, school, found)
            complete = school is not None
        return Situation(
            request=request,
            candidates=candidates,
            deliveries=found.deliveries.get(request.notification_id, ()),
            last_call=last_call(request.requested_at, zone_of(school), request.kind in UNHURRIED),
            complete=complete or (request.kind is NotificationKind.ABSENCE_RETRACTION and not noticed),
            noticed=noticed,
            nobody=_nobody(family),
        )

    def _people(
        self, request: Request, family: Family | None, school: SchoolStated | None, found: Known
    ) -> list[Candidate]:
        """Everyone who was judged, told or not, each with the verdict's reason."""
        if family is None:
            return []
        judged = found.judged[request.notification_id]
        return [self._person(request, family, one, school, found) for one in judged]

    def _person(
        self, request: Request, family: Family, one: Verdict, school: SchoolStated | None, found: Known
    ) -> Candidate:
        contact, preferences = found.contacts.get(one.guardian_id), found.preferences.get(one.guardian_id)
        mine = delivery_id(request.notification_id, one.guardian_id)
        unhurried = preferences if request.kind in UNHURRIED else None
        return Candidate(
            delivery_id=mine,
            person_id=one.guardian_id,
            allowed=one.allowed,
            why=one.why,
            addresses=self._addresses(mine, contact.emails if contact else (), found),
            languages=_languages(preferences, contact),
            neutral=school is None or family.protected(one.guardian_id),
            consented=one.why in BY_CONSENT,
            wants_mail=unhurried is None or unhurried.email,
            not_before=_not_before(preferences, school, found.now) if request.kind in UNHURRIED else None,
        )

    def _school(self, request: Request, school: SchoolStated | None, found: Known) -> list[Candidate]:
        if school is None:
            return []
        mine = delivery_id(request.notification_id, None)
        addresses = self._addresses(mine, (school.email,) if school.email else (), found)
        return [Candidate(mine, None, True, Because.SCHOOL, addresses)]

    def _addresses(self, delivery: UUID, emails: Sequence[str], found: Known) -> tuple[str, ...]:
        """The usable addresses in the order the registry gave them, without those that were refused for good."""
        ready = (usable(email, self.simulate) for email in emails)
        return tuple(
            address
            for address in ready
            if address and (delivery, fingerprint(self.secret, address)) not in found.refused
        )


def zone_of(school: SchoolStated | None) -> str:
    """The school's time zone; where the registry names one that does not exist, Sweden's."""
    if school is None:
        return DEFAULT_ZONE
    try:
        return ZoneInfo(school.zone).key
    except (ZoneInfoNotFoundError, ValueError):
        log.warning("unknown time zone", school=str(school.school_id))
        return DEFAULT_ZONE


async def _look_up(session: AsyncSession, requests: Sequence[Request], now: datetime) -> Known:
    schools = await known(session, roster, SchoolStated, {request.school_id for request in requests})
    days = {r.pupil_id: local_date(now, zone_of(schools.get(r.school_id))) for r in requests if r.pupil_id}
    found = await families(session, roster, days, days)
    judged = {r.notification_id: _judged(r, found.get(r.pupil_id), days) for r in requests if r.pupil_id}
    allowed = {one.guardian_id for everyone in judged.values() for one in everyone if one.allowed}
    mine = {request.notification_id for request in requests}
    about = {request.about_id for request in requests if request.about_id}
    return Known(
        now=now,
        schools=schools,
        families=found,
        judged=judged,
        contacts=await known(session, roster, ContactStated, allowed),
        preferences=await known(session, roster, PreferencesStated, allowed),
        deliveries=await store.deliveries_of(session, mine | about),
        refused=frozenset(await store.refused(session, mine)),
    )


def _judged(request: Request, family: Family | None, days: Mapping[UUID, date]) -> Sequence[Verdict]:
    """The verdicts that count for this request: the pupil's own, or those of everyone who may know about the pupil."""
    if family is None:
        return []
    if request.kind is NotificationKind.RIGHTS_ASKED:
        return [oneself(family.pupil, days[family.pupil.person_id])]
    return family.verdicts


def _languages(preferences: PreferencesStated | None, contact: ContactStated | None) -> tuple[str, ...]:
    """The languages somebody wants: first the one they chose, then the one the registry gives."""
    chosen = preferences.language if preferences else None
    return tuple(tag for tag in (chosen, contact.language if contact else None) if tag)


def _not_before(preferences: PreferencesStated | None, school: SchoolStated | None, now: datetime) -> datetime:
    """When somebody's quiet hours are over, by the clock where the school is. Who has said nothing sleeps at night."""
    night = (preferences.quiet_from, preferences.quiet_to) if preferences else NIGHT
    return next_allowed(now, zone_of(school), *night)


def _noticed(request: Request, found: Known) -> set[UUID]:
    """Who was, or may have been, sent the notice that this request takes back."""
    notice = found.deliveries.get(request.about_id, ()) if request.about_id else ()
    return {delivery.person_id for delivery in notice if delivery.may_have_arrived and delivery.person_id}


def _is_complete(
    family: Family | None, school: SchoolStated | None, candidates: Sequence[Candidate], found: Known
) -> bool:
    """False while a part of the roster may still be on its way to us."""
    if family is None or school is None or not candidates:
        return False
    if any(candidate.why == Why.GUARDIAN_UNKNOWN for candidate in candidates):
        return False
    return all(candidate.person_id in found.contacts for candidate in candidates if candidate.allowed)


def _nobody(family: Family | None) -> CallReason:
    """Why there is nobody to write to, when there is nobody."""
    if family is None:
        return CallReason.PUPIL_UNKNOWN
    if family.to_tell():
        return CallReason.NO_ADDRESS
    reasons = (WHY_NOBODY.get(verdict.why) for verdict in family.verdicts)
    return next((reason for reason in reasons if reason), CallReason.NO_GUARDIAN)
