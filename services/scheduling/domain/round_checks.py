"""What may be wrong with a round before it is opened, in clear sentences, and what would mend it. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from services.scheduling.domain.rounds import ClassOf, RoundPlan, Stretch, instant
from services.scheduling.domain.school_year import SchoolYear
from shared.languages import N_

SHORTEST, LONGEST = 5, 120  # minutes of a talk
LONGEST_PAUSE = 60
MOST_DAYS = 30
LONGEST_TITLE = 120
AHEAD = timedelta(days=400)
Values = Mapping[str, object]


@dataclass(frozen=True)
class Problem:
    """Something that is wrong. `stops`: it must be mended before the round is opened. `words` are English, to be
    translated with `values`; so are those of each of the `fixes`.
    """

    words: str
    values: Values = field(default_factory=dict)
    stops: bool = True
    fixes: tuple[tuple[str, Values], ...] = ()
    day: date | None = None


@dataclass(frozen=True)
class Load:
    """How much one host has to do: talks, and times for them. `left` have none."""

    host_id: UUID | None
    name: str
    classes: str
    talks: int
    times: int

    @property
    def left(self) -> int:
        """Talks for which there is no time."""
        return max(self.talks - self.times, 0)


def problems(
    plan: RoundPlan, classes: Sequence[ClassOf], year: SchoolYear, zone: str, now: datetime
) -> Iterator[Problem]:
    """Everything that is wrong with the plan, what must be mended first. `classes` are the chosen ones."""
    yield from _classes(plan, classes)
    if not SHORTEST <= plan.talk_minutes <= LONGEST or not 0 <= plan.pause_minutes <= LONGEST_PAUSE:
        yield Problem(
            N_("A talk takes 5 to 120 minutes, and the pause after it at most 60."),
        )
        return
    stretches = list(_stretches(plan, year, zone, now))
    yield from stretches
    if plan.days and not any(one.stops for one in stretches):
        yield from _times(plan, zone, now)
        yield from too_many(plan, classes, zone)


def loads(plan: RoundPlan, classes: Sequence[ClassOf], zone: str) -> list[Load]:
    """What each host has to do; a class with several mentors is shared out evenly."""
    names: dict[UUID | None, str] = {None: ""}
    talks: defaultdict[UUID | None, int] = defaultdict(int)
    of: defaultdict[UUID | None, list[str]] = defaultdict(list)
    for one in classes:
        hosts: list[UUID | None] = [*sorted(one.mentors, key=str)]
        names.update(one.mentors.items())
        wanted = one.pupils + (one.homes_apart if plan.separate_talks else 0)
        for place, host in enumerate(hosts or [None]):
            talks[host] += wanted // max(len(hosts), 1) + (place < wanted % max(len(hosts), 1))
            of[host].append(one.name)
    times = len(plan.slots(zone))
    found = [Load(host, names[host], ", ".join(of[host]), talks[host], times if host else 0) for host in talks]
    return sorted(found, key=lambda load: (load.classes, load.name))


def too_many(plan: RoundPlan, classes: Sequence[ClassOf], zone: str) -> Iterator[Problem]:
    """A sentence for each host with more talks than times: how many are left over, and what would fix it."""
    for load in loads(plan, classes, zone):
        if load.left and load.host_id:
            values = {"left": load.left, "talks": load.talks, "times": load.times, "host": load.name}
            words = N_("%(host)s has %(talks)s talks and %(times)s times: %(left)s are left over.")
            yield Problem(words, values, stops=False, fixes=tuple(_fixes(plan, load, zone)))


def _fixes(plan: RoundPlan, load: Load, zone: str) -> Iterator[tuple[str, Values]]:
    evening = max(_of_one(plan, day, zone) for day in plan.days)
    if evening:
        count = -(-load.left // evening)
        words = N_("Add evenings of the same length: %(count)s.")
        yield words, {"count": count}
    for pause in range(plan.pause_minutes - 1, -1, -1):
        if len(plan.slots(zone, pause)) >= load.talks:
            yield N_("Shorten the pause between two talks to %(minutes)s minutes."), {"minutes": pause}
            break
    if load.times:
        more = -(-load.talks // load.times) - 1
        yield (
            N_("Let others hold talks beside %(host)s: %(count)s more."),
            {
                "count": more,
                "host": load.name,
            },
        )


def _of_one(plan: RoundPlan, day: Stretch, zone: str) -> int:
    alone = RoundPlan(**{**plan.__dict__, "days": (day,)})
    return len(alone.slots(zone))


def _classes(plan: RoundPlan, classes: Sequence[ClassOf]) -> Iterator[Problem]:
    if not classes:
        yield Problem(N_("Choose at least one class."))
    if len({one.school_id for one in classes}) > 1:
        yield Problem(N_("The classes are at different schools. Open a round for each school."))
    if not plan.title.strip() or len(plan.title) > LONGEST_TITLE:
        yield Problem(N_("Give the round a name of at most 120 characters."))
    for one in classes:
        if not one.mentors:
            yield Problem(
                N_("Nobody is the mentor of %(name)s in the registry, so nobody would hold its talks."),
                {"name": one.name},
                stops=False,
                fixes=((N_("Open the round and add a host to it, or let the registry be corrected first."), {}),),
            )
        if not one.pupils:
            yield Problem(N_("There is nobody in %(name)s today."), {"name": one.name}, stops=False)


def _stretches(plan: RoundPlan, year: SchoolYear, zone: str, now: datetime) -> Iterator[Problem]:
    if not plan.days:
        yield Problem(N_("Choose at least one day."))
    if len(plan.days) > MOST_DAYS:
        yield Problem(N_("A round has at most 30 stretches of time."))
    for one in plan.days:
        values = {"from": f"{one.starts:%H:%M}", "to": f"{one.ends:%H:%M}"}
        if one.ends <= one.starts:
            yield Problem(N_("From %(from)s to %(to)s is no stretch of time."), values, day=one.day)
        elif instant(one.day, one.starts, zone) < now:
            yield Problem(N_("This day has been already."), day=one.day)
        elif instant(one.day, one.starts, zone) > now + AHEAD:
            yield Problem(N_("This day is more than a year away."), day=one.day)
        elif not _of_one(plan, one, zone):
            yield Problem(N_("From %(from)s to %(to)s is too short for one talk."), values, day=one.day)
        elif not plan.even_so and (off := year.no_talks(one.day, one.starts, one.ends)):
            yield Problem(off.why, {"name": off.name}, day=one.day)
    if clash := _overlapping(plan.days):
        yield Problem(N_("Two of the stretches overlap. They count once."), stops=False, day=clash)


def _overlapping(days: Sequence[Stretch]) -> date | None:
    inside = sorted(days)
    return next(
        (late.day for early, late in pairwise(inside) if early.day == late.day and late.starts < early.ends), None
    )


def _times(plan: RoundPlan, zone: str, now: datetime) -> Iterator[Problem]:
    first = min(instant(one.day, one.starts, zone) for one in plan.days)
    if plan.answer_by <= now:
        yield Problem(N_("Homes can only say when they can come until a time that is still ahead."))
    elif plan.answer_by >= first:
        yield Problem(N_("The first talks begin before homes have said when they can come."))
    if plan.books_from and plan.books_from < plan.answer_by:
        yield Problem(N_("Booking opens before the wishes end. Let it open afterwards."))
    if plan.books_from and plan.books_from >= plan.books_until:
        yield Problem(N_("Booking ends before it opens."))
    elif plan.books_until <= plan.answer_by:
        yield Problem(N_("Homes can change their time until before the wishes end. Choose a later time."))
    if plan.books_until > first:
        yield Problem(N_("Homes can still change their time when the talks have begun."), stops=False)
