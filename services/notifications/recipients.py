"""Who is to be told, as the roster stands at this moment. Asks `shared.roster.access`; decides nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.channels.protocol import Way
from services.notifications.digesting import Digest, digests
from services.notifications.domain.addresses import fingerprint, rehearsal, usable
from services.notifications.domain.choices import ASSUMED_REGION, how_of, next_digest, ways_of
from services.notifications.domain.ladder import Used, notice_of, used_by, ways_left
from services.notifications.domain.letters import leavable
from services.notifications.domain.models import TO_THE_HOME, UNHURRIED, Because, CallReason, Delivery, Request
from services.notifications.domain.planning import Candidate, Situation, delivery_id, last_call
from services.notifications.domain.timing import Sibling, is_short_notice, not_held_beyond, pointless
from services.notifications.domain.trial import Trials, ways_in_trial
from services.notifications.store import requests as store
from services.notifications.store.ladder import chains_of
from services.notifications.store.returns import suppressed
from services.notifications.store.trial import TrialsKept
from services.notifications.tables import roster
from shared.clock import DEFAULT_ZONE, local_date
from shared.events.notify import NotificationKind, subject_of
from shared.events.people import Channel, How, PreferencesStated
from shared.events.roster import ContactStated, GuardianshipsStated, PersonStated, SchoolStated
from shared.observe.logging import get_logger
from shared.quiet import next_allowed
from shared.roster.access import Family, Verdict, Why, families, is_protected, oneself
from shared.roster.projection import Link, known, linked

DIGEST = NotificationKind.DIGEST
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
    """What the database says about a batch of requests, fetched in a few statements for all of them.

    `named` are the persons that requests are to by their id; `hidden` those of them to whom mail must be neutral.
    `used` says by which channels each person has already had the notice that a request asks after.
    """

    now: datetime
    schools: Mapping[UUID, SchoolStated]
    families: Mapping[UUID, Family]
    judged: Mapping[UUID, Sequence[Verdict]]
    contacts: Mapping[UUID, ContactStated]
    preferences: Mapping[UUID, PreferencesStated]
    deliveries: Mapping[UUID, Sequence[Delivery]]
    refused: frozenset[tuple[UUID, str]]
    named: Mapping[UUID, PersonStated]
    hidden: frozenset[UUID]
    siblings: Mapping[UUID, Sequence[Sibling]]
    used: Mapping[UUID, Used]
    trials: Trials
    digests: Mapping[UUID, Digest]
    suppressed: frozenset[str] = frozenset()
    complained: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Found:
    """The situations of some requests, in their order; the schools by id, and what each digest says by its id."""

    situations: Sequence[Situation]
    schools: Mapping[UUID, SchoolStated]
    digests: Mapping[UUID, Digest]


@dataclass(frozen=True)
class Recipients:
    """Works out the situations of requests. `channels` are those this installation has.

    `simulate`: rehearsal addresses may be used. `region`: where a telephone number without a country code belongs.
    """

    secret: bytes
    simulate: bool
    channels: frozenset[Channel] = frozenset({Channel.EMAIL})
    region: str = ASSUMED_REGION
    trials: TrialsKept = field(default_factory=TrialsKept)

    async def situations(self, session: AsyncSession, requests: Sequence[Request], now: datetime) -> Found:
        """Everything that counts for these requests now, their schools, and what the digests among them say."""
        found = await _look_up(session, requests, now, await self.trials.now(session))
        optional = any(leavable(request.kind) for request in requests)
        found = await self._without_suppressed(session, found, optional)
        situations = [self._situation(request, found) for request in requests]
        return Found(situations, found.schools, found.digests)

    async def _without_suppressed(self, session: AsyncSession, found: Known, optional: bool) -> Known:
        """With the addresses that nothing is to be sent to, among those of everybody who counts here.

        `optional`: something may be left with one click, so complaints count for that as well.
        """
        everybody = found.contacts.keys() | found.preferences.keys()
        ways = [way for one in everybody for way in self._all_ways(one, found, waits=False)]
        ways += [Way(Channel.EMAIL, school.email) for school in found.schools.values() if school.email]
        seen = {fingerprint(self.secret, way.address) for way in ways}
        bad = await suppressed(session, seen, found.now)
        chosen = self._chosen(found) if optional else {}
        complained = await suppressed(session, seen, found.now, optional=True, stated=chosen) if optional else bad
        return replace(found, suppressed=frozenset(bad), complained=frozenset(complained))

    def _chosen(self, found: Known) -> dict[str, int]:
        """When whoever has said how they want to be told last said it, by the digests of their addresses."""
        ways = {one: self._all_ways(one, found, waits=False) for one in found.preferences}
        return {
            fingerprint(self.secret, way.address): found.preferences[one].version
            for one, theirs in ways.items()
            for way in theirs
        }

    def _all_ways(self, person_id: UUID, found: Known, waits: bool) -> tuple[Way, ...]:
        """The person's ways as far as this installation has them, best first."""
        contact, preferences = found.contacts.get(person_id), found.preferences.get(person_id)
        ways = ways_of(contact, preferences, self.simulate, waits=waits, region=self.region)
        return tuple(way for way in ways if way.channel in self.channels)

    def _situation(self, request: Request, found: Known) -> Situation:
        school = found.schools.get(request.school_id)
        family = found.families.get(request.pupil_id) if request.pupil_id else None
        noticed = frozenset(_noticed(request, found))
        if request.by_pupil:
            candidates = self._people(request, family, school, found)
            complete = _is_complete(family, school, candidates, found)
        elif request.to_id:
            candidates = [self._named(request, request.to_id, school, found)]
            complete = school is not None and request.to_id in found.named and request.to_id in found.contacts
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
            pointless=_pointless(request, found),
        )

    def _people(
        self, request: Request, family: Family | None, school: SchoolStated | None, found: Known
    ) -> list[Candidate]:
        """Everyone who was judged, told or not, each with the verdict's reason."""
        if family is None:
            return []
        judged = found.judged[request.notification_id]
        plain = [
            Candidate(
                delivery_id=delivery_id(request.notification_id, one.guardian_id),
                person_id=one.guardian_id,
                allowed=one.allowed,
                why=one.why,
                neutral=school is None or family.protected(one.guardian_id),
                consented=one.why in BY_CONSENT,
            )
            for one in judged
        ]
        return [self._reached(one, request, school, found) for one in plain]

    def _named(self, request: Request, person_id: UUID, school: SchoolStated | None, found: Known) -> Candidate:
        """The one person a request is to, told as long as the registry has them as active."""
        person = found.named.get(person_id)
        inactive = Because.GONE if person else Because.UNKNOWN
        plain = Candidate(
            delivery_id=delivery_id(request.notification_id, person_id),
            person_id=person_id,
            allowed=person is not None and person.active,
            why=Because.NAMED if person and person.active else inactive,
            neutral=school is None or person_id in found.hidden,
        )
        return self._reached(plain, request, school, found)

    def _reached(self, one: Candidate, request: Request, school: SchoolStated | None, found: Known) -> Candidate:
        """With the ways, the languages, and what the person wants of what may wait."""
        if one.person_id is None:
            return one
        contact, preferences = found.contacts.get(one.person_id), found.preferences.get(one.person_id)
        told = found.siblings.get(request.notification_id, ())
        waits = request.kind in UNHURRIED and not is_short_notice(request, told, found.now)
        have = self._all_ways(one.person_id, found, waits)
        ways = self._open_ways(one.delivery_id, one.person_id, have, request, school, found)
        how = _how(request, preferences, unreached=contact is not None and not have)
        until = _not_before(preferences, school, found.now)
        reached = replace(
            one,
            ways=ways,
            languages=_languages(preferences, contact),
            how=how if waits else How.INSTANT,
            # a digest's time is the person's own choice
            not_before=not_held_beyond(request, until) if waits and request.kind is not DIGEST else None,
            digest_at=next_digest(found.now, zone_of(school), preferences.digest_at if preferences else None),
            zone=zone_of(school),
            breaks=not waits and preferences is not None and _breaks(ways, how, preferences, until > found.now),
        )
        return _in_trial(reached, school, found)

    def _school(self, request: Request, school: SchoolStated | None, found: Known) -> list[Candidate]:
        if school is None:
            return []
        mine = delivery_id(request.notification_id, None)
        address = usable(school.email, self.simulate) if school.email else None
        have = (Way(Channel.EMAIL, address),) if address else ()
        ways = self._open_ways(mine, None, have, request, school, found)
        return [_in_trial(Candidate(mine, None, True, Because.SCHOOL, ways), school, found)]

    def _open_ways(
        self,
        delivery: UUID,
        person_id: UUID | None,
        have: Sequence[Way],
        request: Request,
        school: SchoolStated | None,
        found: Known,
    ) -> tuple[Way, ...]:
        """Those of the ways that this request may take: not refused for good, not suppressed, not used before."""
        shut = found.complained if leavable(request.kind) else found.suppressed
        used = found.used.get(request.notification_id, {})
        mine = ways_left(have, request.ways, used.get(person_id, frozenset()) if person_id else frozenset())
        seen = [(way, fingerprint(self.secret, way.address)) for way in mine]
        ways = [way for way, seal in seen if seal not in shut and (delivery, seal) not in found.refused]
        return ways_in_trial(ways, school.tenant_id if school else None, found.trials)


def zone_of(school: SchoolStated | None) -> str:
    """The school's time zone; where the registry names one that does not exist, Sweden's."""
    if school is None:
        return DEFAULT_ZONE
    try:
        return ZoneInfo(school.zone).key
    except (ZoneInfoNotFoundError, ValueError):
        log.warning("unknown time zone", school=str(school.school_id))
        return DEFAULT_ZONE


async def _look_up(session: AsyncSession, requests: Sequence[Request], now: datetime, trials: Trials) -> Known:
    schools = await known(session, roster, SchoolStated, {request.school_id for request in requests})
    days = {r.pupil_id: local_date(now, zone_of(schools.get(r.school_id))) for r in requests if r.pupil_id}
    found = await families(session, roster, days, days)
    judged = {r.notification_id: _judged(r, found.get(r.pupil_id), days) for r in requests if r.pupil_id}
    named = await known(session, roster, PersonStated, {r.to_id for r in requests if r.to_id and not r.by_pupil})
    allowed = {one.guardian_id for everyone in judged.values() for one in everyone if one.allowed} | named.keys()
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
        named=named,
        hidden=await _hidden(session, named),
        siblings=await store.siblings_of(session, requests),
        used=await _used(session, requests),
        trials=trials,
        digests=await digests(session, [r.notification_id for r in requests if r.kind is DIGEST], now),
    )


async def _used(session: AsyncSession, requests: Sequence[Request]) -> dict[UUID, Used]:
    """By which channels everybody has had the notices that some of these requests ask after."""
    asking = [request for request in requests if request.kind is NotificationKind.STILL_UNREAD]
    chains = await chains_of(session, (notice_of(request) for request in asking))
    return {request.notification_id: used_by(chains.get(notice_of(request), ())) for request in asking}


async def _hidden(session: AsyncSession, named: Mapping[UUID, PersonStated]) -> frozenset[UUID]:
    """Those of them whose identity is protected, or the identity of a pupil they have a tie to.

    A message to a guardian by their own id is about no pupil we know of; the school it names may be the hidden one's.
    """
    if not named:
        return frozenset()
    ties = await linked(session, roster, GuardianshipsStated, Link.TIE, into=named)
    pupils = await known(session, roster, PersonStated, {stated.pupil_id for stated in ties})
    guarded = {tie.guardian_id for stated in ties if is_protected(pupils.get(stated.pupil_id)) for tie in stated.ties}
    return frozenset(one for one, person in named.items() if one in guarded or is_protected(person))


def _judged(request: Request, family: Family | None, days: Mapping[UUID, date]) -> Sequence[Verdict]:
    """The verdicts that count for this request: the pupil's own, or those of everyone who may know about the pupil.

    What is about a talk or the like goes to a pupil of age as well. `only` and `to_id` leave out all others; they
    never bring in anybody.
    """
    if family is None:
        return []
    own = oneself(family.pupil, days[family.pupil.person_id])
    if request.kind is NotificationKind.RIGHTS_ASKED:
        return [own]
    told = family.verdicts if request.kind in TO_THE_HOME or not own.allowed else [own, *family.verdicts]
    return [one for one in told if _is_meant(one.guardian_id, request)]


def _is_meant(person_id: UUID, request: Request) -> bool:
    return (request.only is None or person_id in request.only) and request.to_id in (None, person_id)


def _pointless(request: Request, found: Known) -> Because | None:
    """Why this is not to be sent to anybody (any more)."""
    if request.kind is DIGEST and not found.digests[request.notification_id].lines:
        return Because.EMPTY
    return pointless(request, found.siblings.get(request.notification_id, ()), found.now)


def _how(request: Request, preferences: PreferencesStated | None, unreached: bool) -> How:
    """How the person wants to hear of this, were it to wait. One who wants no mail and has no other way: not at all."""
    if unreached and preferences is not None and not preferences.email:
        return How.OFF
    return how_of(preferences, subject_of(request.kind), [request.pupil_id] if request.pupil_id else [])


def _breaks(ways: Sequence[Way], how: How, preferences: PreferencesStated, quiet: bool) -> bool:
    """True when something that cannot wait comes in spite of what the person has asked for."""
    by_mail = bool(ways) and ways[0].channel is Channel.EMAIL
    return quiet or how is not How.INSTANT or (by_mail and not preferences.email)


def _in_trial(one: Candidate, school: SchoolStated | None, found: Known) -> Candidate:
    """Where nothing leaves the house because of a municipality's trial, the delivery says so."""
    trying = school is not None and school.tenant_id in found.trials
    unreal = bool(one.ways) and one.ways[0].channel is Channel.SIMULATED and not rehearsal(one.ways[0].address)
    return replace(one, why=Because.TRIAL) if one.allowed and trying and unreal else one


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
