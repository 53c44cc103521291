"""What in a statement would let more people know about a pupil than before: that waits for a person.

For every person and every pupil's list of ties we remember bounds: the narrowest of all that was ever stated, and
what a person has released since. A statement is followed within its bounds at once; the rest waits. Because the
narrowest does not depend on the order, the same statements in any order and number end in the same state
(docs/decisions/0014).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.registry.domain.kinds import Kind
from services.registry.domain.spans import Spans, common, from_day, joined, lacking, span_of
from shared.clock import is_of_age
from shared.events.envelope import Event
from shared.events.roster import Guardianship, GuardianshipsStated, Marking, PersonStated, Relation
from shared.ids import derived_id

SETTLING = timedelta(hours=24)  # how long a new pupil's list may be delivered in pieces
WITH_RIGHT = (Relation.GUARDIAN, Relation.APPOINTED)
STRICTNESS = {marking: rank for rank, marking in enumerate(Marking)}
RELATIONS = {relation: rank for rank, relation in enumerate(Relation)}
E = TypeVar("E", bound=Event)


class What(StrEnum):
    """What would be widened."""

    NEW_TIE = "new_tie"  # somebody without a tie would answer for the pupil
    RIGHT_GIVEN = "right_given"  # somebody with a tie but without a right would answer for the pupil
    LONGER_TIE = "longer_tie"  # the right would begin earlier, end later or not at all
    LATER_BIRTH = "later_birth"  # by the later birth date guardians' rights would last longer, or begin again
    ACTIVE_AGAIN = "active_again"  # somebody who was not active would be
    MILDER_MARKING = "milder_marking"  # the protected identity would be taken away or made weaker


class _Bounds(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class PersonBounds(_Bounds):
    """How much may be true of a person without anyone's decision; `born` date.max: no bound, None: no age at all."""

    marking: Marking = Marking.NONE
    active: bool = True
    born: date | None = date.max


class TieBounds(_Bounds):
    """On which days which grown-up may have a right. `bare`: their relation when they had none.

    Keyed by `tie_key`, so that what is left of an erased pupil names nobody. While `open`, a grown-up who is not
    named yet may be stated with any right.
    """

    open: bool = True
    rights: dict[UUID, Spans] = {}
    bare: dict[UUID, Relation] = {}


Bounds = PersonBounds | TieBounds
Bounded = PersonStated | GuardianshipsStated


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing that waits: of whom (`subject_id`: whose record it is), for whom, and how it would change.

    `before` and `after` have no names. The id is that of what is stated: another statement is another thing.
    """

    kind: Kind
    subject_id: UUID
    person_id: UUID
    what: What
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def id(self) -> UUID:
        """The same for the same statement, until something else is stated."""
        after = json.dumps(self.after, sort_keys=True)
        field = self.what if self.kind is Kind.PERSON else "tie"
        return derived_id("quarantine", self.kind, self.subject_id, self.person_id, field, after)


def tie_key(pupil_id: UUID, grown_up_id: UUID) -> UUID:
    """Stands for a grown-up's tie to a pupil, and tells neither."""
    return derived_id("tie", pupil_id, grown_up_id)


def unbounded(event: Event | None) -> Bounds | None:
    """The bounds of what nothing is known about yet; None for what nobody's access depends on."""
    match event:
        case PersonStated():
            return PersonBounds()
        case GuardianshipsStated():
            return TieBounds()
    return None


def bounds_given(event: Event | None) -> Bounds | None:
    """The bounds that a state gives which is followed as it is."""
    match event:
        case PersonStated():
            return PersonBounds(marking=event.marking, active=event.active, born=event.born)
        case GuardianshipsStated():
            return TieBounds(open=False, rights=_rights(event), bare=_bare(event))
    return None


def met(bounds: Bounds, event: Event, *, pieced: bool = False, settling: bool = False) -> Bounds:
    """The narrower of the bounds and the statement.

    `settling`: the pupil has been known for less than a day; then the first list, or each grown-up's first word in
    a list that is `pieced` together from their rows, counts as it comes.
    """
    match bounds, event:
        case PersonBounds(), PersonStated():
            return PersonBounds(
                marking=stricter(bounds.marking, event.marking),
                active=bounds.active and event.active,
                born=None if bounds.born is None or event.born is None else min(bounds.born, event.born),
            )
        case TieBounds(), GuardianshipsStated():
            return _met_ties(bounds, event, settling and (pieced or not event.ties), settling)
    return bounds


def marked(bounds: Bounds, marking: Marking) -> Bounds:
    """The bounds with a marking that is at least so strict."""
    if not isinstance(bounds, PersonBounds):
        return bounds
    return bounds.model_copy(update={"marking": stricter(bounds.marking, marking)})


def narrowed(event: E, bounds: Bounds | None, today: date) -> E:
    """What of a statement is followed at once. `today` is the local date where the source is."""
    changes: dict[str, Any] = {}
    match event, bounds:
        case PersonStated(), PersonBounds():
            changes = _person_within(event, bounds, today)
        case GuardianshipsStated(), TieBounds():
            parts = (part for tie in event.ties for part in _tie_within(event.pupil_id, tie, bounds, today))
            ties = tuple(dict.fromkeys(parts))
            changes = {"ties": ties} if ties != event.ties else {}
    return event.model_copy(update=changes) if changes else event


def waits(claim: Event, bounds: Bounds | None, today: date) -> list[Waiting]:
    """What of a statement waits for a person."""
    match claim, bounds:
        case PersonStated(), PersonBounds():
            return _person_waits(claim, bounds, today)
        case GuardianshipsStated(), TieBounds():
            grown_ups = dict.fromkeys(tie.guardian_id for tie in claim.ties)
            found = [_tie_waits(claim, grown_up, bounds, today) for grown_up in grown_ups]
            return [one for one in found if one]
    return []


def widened(bounds: Bounds, claim: Event, waiting: Waiting) -> Bounds:
    """The bounds once a person has released what waits: exactly as it is stated now."""
    match bounds, claim:
        case PersonBounds(), PersonStated():
            return bounds.model_copy(update=_person_widened(claim, waiting.what))
        case TieBounds(), GuardianshipsStated():
            key = tie_key(claim.pupil_id, waiting.person_id)
            rights = joined(*bounds.rights.get(key, ()), *_rights(claim).get(key, ()))
            return bounds.model_copy(update={"rights": {**bounds.rights, key: rights}})
    return bounds


def left_behind(bounds: Bounds | None, today: date) -> Bounds | None:
    """The bounds that stay when the row is gone at the source: no birth date, only whether there was one of age."""
    match bounds:
        case PersonBounds(born=born):
            of_age = born is None or is_of_age(born, today)
            return bounds.model_copy(update={"born": None if of_age else date.max})
        case TieBounds():
            return bounds.model_copy(update={"open": False})
    return None


def stricter(one: Marking, other: Marking) -> Marking:
    """The stricter of two markings."""
    return max(one, other, key=STRICTNESS.__getitem__)


def _person_within(event: PersonStated, bounds: PersonBounds, today: date) -> dict[str, Any]:
    allowed = {
        "marking": stricter(event.marking, bounds.marking),
        "active": event.active and bounds.active,
        "born": bounds.born if _lasts_longer(event.born, bounds.born, today) else event.born,
    }
    return {name: value for name, value in allowed.items() if value != getattr(event, name)}


def _lasts_longer(stated: date | None, kept: date | None, today: date) -> bool:
    """True when by this birth date somebody is under age, and longer than by the one before."""
    return stated is not None and not is_of_age(stated, today) and (kept is None or stated > kept)


def _person_waits(claim: PersonStated, bounds: PersonBounds, today: date) -> list[Waiting]:
    fields = {"marking": What.MILDER_MARKING, "active": What.ACTIVE_AGAIN, "born": What.LATER_BIRTH}
    said = claim.model_dump(mode="json")
    kept = claim.model_copy(update=(within := _person_within(claim, bounds, today))).model_dump(mode="json")
    person = claim.person_id
    return [
        Waiting(Kind.PERSON, person, person, what, {name: kept[name]}, {name: said[name]})
        for name, what in fields.items()
        if name in within
    ]


def _person_widened(claim: PersonStated, what: What) -> dict[str, Any]:
    match what:
        case What.MILDER_MARKING:
            return {"marking": claim.marking}
        case What.ACTIVE_AGAIN:
            return {"active": claim.active}
    return {"born": claim.born}


def _met_ties(bounds: TieBounds, event: GuardianshipsStated, stays_open: bool, settling: bool) -> TieBounds:
    said = _rights(event)
    rights = {key: common(spans, said.get(key, ())) for key, spans in bounds.rights.items()}
    if bounds.open and settling:
        rights |= {key: spans for key, spans in said.items() if key not in bounds.rights}
    is_open = bounds.open and stays_open
    kept = {key: spans for key, spans in rights.items() if spans or is_open}
    return TieBounds(open=is_open, rights=kept, bare=_plainest(bounds.bare, _bare(event)))


def _tie_within(pupil_id: UUID, tie: Guardianship, bounds: TieBounds, today: date) -> Iterable[Guardianship]:
    """The tie as far as it is within the bounds; nothing that lies behind us is worth cutting."""
    key = tie_key(pupil_id, tie.guardian_id)
    wanted = span_of(tie.starts, tie.ends) if tie.relation in WITH_RIGHT else ()
    allowed = _allowed(bounds, key, wanted)
    if not lacking(from_day(wanted, today), allowed):
        return [tie]
    parts = from_day(common(wanted, allowed), today)
    if not parts and key in bounds.bare:
        return [Guardianship(guardian_id=tie.guardian_id, relation=bounds.bare[key])]
    return [_tie_on(tie, part) for part in common(wanted, allowed) if part[1] > today]


def _tie_on(tie: Guardianship, span: tuple[date, date]) -> Guardianship:
    starts, ends = span
    return tie.model_copy(
        update={"starts": None if starts == date.min else starts, "ends": None if ends == date.max else ends}
    )


def _tie_waits(claim: GuardianshipsStated, grown_up: UUID, bounds: TieBounds, today: date) -> Waiting | None:
    key = tie_key(claim.pupil_id, grown_up)
    wanted = from_day(_rights(claim).get(key, ()), today)
    allowed = _allowed(bounds, key, wanted)
    if not lacking(wanted, allowed):
        return None
    mine = [tie for tie in claim.ties if tie.guardian_id == grown_up]
    now = [part for tie in mine for part in _tie_within(claim.pupil_id, tie, bounds, today)]
    what = What.LONGER_TIE if common(wanted, allowed) else What.RIGHT_GIVEN if now else What.NEW_TIE
    return Waiting(Kind.GUARDIANSHIPS, claim.pupil_id, grown_up, what, _as_json(now), _as_json(mine))


def _allowed(bounds: TieBounds, key: UUID, wanted: Spans) -> Spans:
    return bounds.rights.get(key, wanted if bounds.open else ())


def _rights(event: GuardianshipsStated) -> dict[UUID, Spans]:
    """Each grown-up's days with a right."""
    found: dict[UUID, Spans] = {}
    for tie in event.ties:
        if tie.relation in WITH_RIGHT and (span := span_of(tie.starts, tie.ends)):
            key = tie_key(event.pupil_id, tie.guardian_id)
            found[key] = joined(*found.get(key, ()), *span)
    return found


def _bare(event: GuardianshipsStated) -> dict[UUID, Relation]:
    """The relation of each grown-up who is stated without a right."""
    found: dict[UUID, Relation] = {}
    for tie in event.ties:
        if tie.relation not in WITH_RIGHT:
            found = _plainest(found, {tie_key(event.pupil_id, tie.guardian_id): tie.relation})
    return found


def _plainest(one: dict[UUID, Relation], other: dict[UUID, Relation]) -> dict[UUID, Relation]:
    both = {**one, **other}
    return {key: min(one.get(key, r), other.get(key, r), key=RELATIONS.__getitem__) for key, r in both.items()}


def _as_json(ties: Iterable[Guardianship]) -> dict[str, Any]:
    return {"ties": [tie.model_dump(mode="json", exclude={"guardian_id"}, exclude_none=True) for tie in ties]}
