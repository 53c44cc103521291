"""A class, or one pupil, as those who answer for them at school need it: notices, and who may be told now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.domain.duties import NOTICE, Span, period
from services.portal.domain.talks import Talk
from services.portal.store.finding import CLASSED, FACT, OF_PUPILS, Zones, asked, finding
from services.portal.store.schools import Known, Registry, registry_in
from shared.events.people import ConsentStated
from shared.events.roster import GuardianshipsStated
from shared.roster.access import Verdict, ties_of, verdicts

# Whose homes are needed: of all the pupils, or only where a notice is to be made by telephone.
PUPILS = text(
    finding(OF_PUPILS)
    + CLASSED
    + f""", homes as (
        select unnest(cast(:pupils as uuid[])) as pupil_id where :all_homes
        union select pupil_id from counted where status = 'unreachable' and kind = :kind
    ), ties as (
        select l.kind, l.source_id, l.to_id from homes join roster_link l on l.from_id = homes.pupil_id
        where l.kind in ('tie', 'consent')
    ), named as (
        select unnest(cast(:pupils as uuid[])) as id union select to_id from ties
    ), wanted(event_type, id) as (
        select kind, id from named cross join unnest(array[:person, :contact]) as kind
        union all select :guardianships, pupil_id from homes
        union all select distinct :consent, source_id from ties where kind = 'consent'
    )
    {FACT} classed p
    union all select 'talk', to_jsonb(t) from talk t where t.pupil_id = any(cast(:pupils as uuid[]))
        and t.state in ('wanted', 'proposed', 'booked', 'held')
    union all select r.event_type, r.state from wanted w join roster r on r.event_type = w.event_type and r.id = w.id"""
)


@dataclass
class Pupils:
    """Pupils with their notices, the latest first, and what decides who may be told about them.

    `owed` are the talks that the school owes them this term, `talks` those that are arranged or to be arranged.
    """

    duties: list[Known]
    owed: list[Known]
    talks: list[Talk]
    registry: Registry
    ties: dict[UUID, GuardianshipsStated]
    consents: list[ConsentStated]

    def verdicts(self, pupil_id: UUID, on: date) -> list[Verdict]:
        """Who may be told about this pupil on that day, and why (not): those who may come first."""
        pupil = self.registry.persons.get(pupil_id)
        if pupil is None:
            return []
        given = [consent for consent in self.consents if consent.pupil_id == pupil_id]
        found = verdicts(pupil, ties_of(self.ties.get(pupil_id)), self.registry.persons, on, given)
        return sorted(found, key=lambda verdict: not verdict.allowed)


async def pupils(
    db: AsyncSession,
    zones: Zones,
    ids: Iterable[UUID],
    since: date,
    until: date,
    now: datetime,
    all_homes: bool = False,
) -> Pupils:
    """These pupils with their notices at these schools in the period, and their talks in the term `until` is in.

    Their homes come along where a notice is on the call list, or for `all_homes`.
    """
    question = asked(zones, now, pupils=list(ids), since=since, until=until, all_homes=all_homes)
    term = period(Span.HALF_YEAR, until)
    question |= {"term_since": term.since, "term_until": term.until}
    question |= {"guardianships": GuardianshipsStated.event_type, "consent": ConsentStated.event_type}
    rows = (await db.execute(PUPILS, question)).all()
    found = [Known.model_validate(fact) for what, fact in rows if what == "duty"]
    found.sort(key=lambda duty: (duty.day, duty.duty_id), reverse=True)
    ties = [GuardianshipsStated.model_validate(fact) for what, fact in rows if what == GuardianshipsStated.event_type]
    return Pupils(
        [duty for duty in found if duty.kind is NOTICE],
        [duty for duty in found if duty.kind is not NOTICE],
        [Talk.model_validate(fact) for what, fact in rows if what == "talk"],
        registry_in(rows),
        {one.pupil_id: one for one in ties},
        [ConsentStated.model_validate(fact) for what, fact in rows if what == ConsentStated.event_type],
    )
