"""The families that are there to be got right: each case is laid on a few families that had none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice, pairwise
from uuid import UUID

from services.demo.names import slug
from services.demo.people import Adult, Case, Municipality, Pupil, Relation, Tie, world_id

LAST_GRADE_OF_UPPER = 3
SIBLING_PAIRS = 3
MARKINGS = ("Skyddad folkbokföring", "Sekretessmarkering", "Sekretessmarkering")
ENDED_DAYS_AGO = (0, 30, 200)  # a custody that ends today is over today
BEGINS_IN_DAYS = (1, 30, 120)

Change = Callable[[Municipality, Pupil, int], None]


def assign(whole: Municipality) -> None:
    """Lay every case on its families. Each pupil belongs to one case at most."""
    only_children = _only_children(whole)
    for case, (count, change) in CHANGES.items():
        for number, pupil in enumerate(islice(only_children, count)):
            pupil.case = case
            change(whole, pupil, number)
    _birthday(whole)
    for pupil in whole.with_case(Case.PLAIN):
        if pupil.adult_on(whole.first_day):
            pupil.case = Case.ADULT
    _siblings(whole)
    tied = {tie.adult_id for pupil in whole.pupils.values() for tie in pupil.ties}
    whole.adults = {adult_id: adult for adult_id, adult in whole.adults.items() if adult_id in tied}


def _only_children(whole: Municipality) -> Iterator[Pupil]:
    """Pupils who share their guardians with nobody and stay under age for the whole school year."""
    seen: dict[UUID, int] = {}
    for pupil in whole.pupils.values():
        seen[pupil.ties[0].adult_id] = seen.get(pupil.ties[0].adult_id, 0) + 1
    in_a_year = whole.first_day + timedelta(days=365)
    return (p for p in whole.pupils.values() if seen[p.ties[0].adult_id] == 1 and not p.adult_on(in_a_year))


def _both(whole: Municipality, pupil: Pupil) -> tuple[Adult, Adult]:
    """Two grown-ups, both with an address; a second one joins a family that had one."""
    first = whole.adults[pupil.ties[0].adult_id]
    number = len(whole.adults)
    other = whole.adults[pupil.ties[1].adult_id] if len(pupil.ties) > 1 else _other(whole, first, number)
    pair = (_with_address(whole, first), _with_address(whole, other))
    pupil.ties = tuple(Tie(adult.id, Relation.CUSTODY) for adult in pair)
    return pair


def _other(whole: Municipality, first: Adult, number: int) -> Adult:
    return replace(first, id=world_id(whole.seed, "adult", number), given="Kim", emails=(), number=number)


def _with_address(whole: Municipality, adult: Adult) -> Adult:
    return _mail(whole, adult, *(adult.emails or (f"{slug(adult.given)}.{adult.id.hex[:6]}@hem.example",)))


def _mail(whole: Municipality, adult: Adult, *emails: str) -> Adult:
    whole.adults[adult.id] = replace(adult, emails=emails)
    return whole.adults[adult.id]


def _one(whole: Municipality, pupil: Pupil) -> Adult:
    """Only one grown-up."""
    pupil.ties = pupil.ties[:1]
    return whole.adults[pupil.ties[0].adult_id]


def _second_tie(whole: Municipality, pupil: Pupil, relation: Relation, starts: date | None, ends: date | None) -> None:
    _both(whole, pupil)
    pupil.ties = (pupil.ties[0], Tie(pupil.ties[1].adult_id, relation, starts, ends))


def _no_rights(whole: Municipality, pupil: Pupil, _: int) -> None:
    _second_tie(whole, pupil, Relation.PARENT, None, None)


def _ended(whole: Municipality, pupil: Pupil, number: int) -> None:
    ends = whole.first_day - timedelta(days=ENDED_DAYS_AGO[number])
    _second_tie(whole, pupil, Relation.CUSTODY, None, ends)


def _not_begun(whole: Municipality, pupil: Pupil, number: int) -> None:
    starts = whole.first_day + timedelta(days=BEGINS_IN_DAYS[number])
    _second_tie(whole, pupil, Relation.CUSTODY, starts, None)


def _appointed(whole: Municipality, pupil: Pupil, _: int) -> None:
    adult = _with_address(whole, _one(whole, pupil))
    pupil.ties = (Tie(adult.id, Relation.APPOINTED),)


def _protected(whole: Municipality, pupil: Pupil, number: int) -> None:
    _both(whole, pupil)
    pupil.marking = MARKINGS[number]


def _no_mail(whole: Municipality, pupil: Pupil, _: int) -> None:
    for tie in pupil.ties:
        _mail(whole, whole.adults[tie.adult_id])


def _one_mail(whole: Municipality, pupil: Pupil, _: int) -> None:
    _mail(whole, _both(whole, pupil)[1])


def _simulated(outcome: str) -> Change:
    def change(whole: Municipality, pupil: Pupil, _: int) -> None:
        adult = _one(whole, pupil)
        _mail(whole, adult, f"simulate:{outcome}")

    return change


def _bounce_one(whole: Municipality, pupil: Pupil, _: int) -> None:
    _mail(whole, _both(whole, pupil)[1], "simulate:bounce")


def _birthday(whole: Municipality) -> None:
    """One pupil in the last grade turns 18 on the first day. Nobody does on 29 February."""
    if (whole.first_day.month, whole.first_day.day) == (2, 29):
        return
    for pupil in whole.with_case(Case.PLAIN):
        seat = pupil.school_class
        if seat.school.kind == "upper" and seat.grade == LAST_GRADE_OF_UPPER:
            pupil.born = whole.first_day.replace(year=whole.first_day.year - 18)
            pupil.case = Case.BIRTHDAY
            return


def _siblings(whole: Municipality) -> None:
    pairs = pairwise(whole.pupils.values())
    apart = (pair for pair in pairs if _at_two_schools(*pair))
    for pair in islice(apart, SIBLING_PAIRS):
        for pupil in pair:
            pupil.case = Case.TWO_SCHOOLS


def _at_two_schools(one: Pupil, other: Pupil) -> bool:
    related = one.ties[0].adult_id == other.ties[0].adult_id
    plain = one.case is other.case is Case.PLAIN
    return related and plain and one.school_class.school.id != other.school_class.school.id


CHANGES: dict[Case, tuple[int, Change]] = {
    Case.NO_RIGHTS: (1, _no_rights),
    Case.ENDED: (3, _ended),
    Case.NOT_BEGUN: (3, _not_begun),
    Case.APPOINTED: (1, _appointed),
    Case.PROTECTED: (3, _protected),
    Case.NO_MAIL: (3, _no_mail),
    Case.ONE_MAIL: (4, _one_mail),
    Case.BOUNCE_ALL: (2, _simulated("bounce")),
    Case.BOUNCE_ONE: (2, _bounce_one),
    Case.DEFER: (2, _simulated("defer")),
    Case.SLOW: (2, _simulated("slow")),
}
