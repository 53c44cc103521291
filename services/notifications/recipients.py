"""Who is to be told, as the roster stands at this moment. Asks `shared.roster.access`; decides nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications import store
from services.notifications.domain.addresses import fingerprint, usable
from services.notifications.domain.models import ABOUT_A_PUPIL, Because, CallReason, Delivery, Request
from services.notifications.domain.planning import Candidate, Situation, delivery_id, last_call
from services.notifications.tables import roster
from shared.clock import local_date
from shared.events.notify import NotificationKind
from shared.events.roster import ContactStated, SchoolStated
from shared.observe.logging import get_logger
from shared.roster.access import Family, Verdict, Why, families
from shared.roster.projection import known

DEFAULT_ZONE = "Europe/Stockholm"
WHY_NOBODY = {
    Why.PUPIL_ADULT: CallReason.PUPIL_ADULT,
    Why.AGE_UNKNOWN: CallReason.AGE_UNKNOWN,
    Why.PUPIL_GONE: CallReason.PUPIL_GONE,
}
log = get_logger()


@dataclass(frozen=True)
class Known:
    """What the database says about a batch of requests, fetched in a few statements for all of them."""

    schools: Mapping[UUID, SchoolStated]
    families: Mapping[UUID, Family]
    contacts: Mapping[UUID, ContactStated]
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
            candidates = self._guardians(request, family, school, found)
            complete = _is_complete(family, school, candidates, found)
        else:
            candidates = self._school(request, school, found)
            complete = school is not None
        return Situation(
            request=request,
            candidates=candidates,
            deliveries=found.deliveries.get(request.notification_id, ()),
            last_call=last_call(request.requested_at, zone_of(school)),
            complete=complete or (request.kind is NotificationKind.ABSENCE_RETRACTION and not noticed),
            noticed=noticed,
            nobody=_nobody(family),
        )

    def _guardians(
        self, request: Request, family: Family | None, school: SchoolStated | None, found: Known
    ) -> list[Candidate]:
        """Everyone with a tie, told or not, each with the verdict's reason."""
        if family is None:
            return []
        return [self._guardian(request, family, verdict, school, found) for verdict in family.verdicts]

    def _guardian(
        self, request: Request, family: Family, verdict: Verdict, school: SchoolStated | None, found: Known
    ) -> Candidate:
        contact = found.contacts.get(verdict.guardian_id)
        mine = delivery_id(request.notification_id, verdict.guardian_id)
        return Candidate(
            delivery_id=mine,
            person_id=verdict.guardian_id,
            allowed=verdict.allowed,
            why=verdict.why,
            addresses=self._addresses(mine, contact.emails if contact else (), found),
            language=contact.language if contact else None,
            neutral=school is None or family.protected(verdict.guardian_id),
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
    allowed = {guardian for family in found.values() for guardian in family.to_tell()}
    mine = {request.notification_id for request in requests}
    about = {request.about_id for request in requests if request.about_id}
    return Known(
        schools=schools,
        families=found,
        contacts=await known(session, roster, ContactStated, allowed),
        deliveries=await store.deliveries_of(session, mine | about),
        refused=frozenset(await store.refused(session, mine)),
    )


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
