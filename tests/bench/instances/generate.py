"""Makes schools whose families want talks. The same plan and seed always give the same instance.

uv run python -m tests.bench.instances.generate            writes the committed files anew
uv run python -m tests.bench.instances.generate NAME       prints one instance of `PLANS` as JSON
"""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from services.scheduling.proposal.codec import to_json
from services.scheduling.proposal.model import (
    Family,
    HostTime,
    Instance,
    InterpreterTime,
    Slot,
    TalkWanted,
    Window,
    minute,
)

HERE = Path(__file__).parent
FIRST_EVENING = datetime(2026, 10, 13, 12, 30, tzinfo=UTC)  # 14:30 in Stockholm
EVENING = 330  # minutes: to 20:00
LANGUAGES = ("ar", "ar", "so", "fa", "uk")
BAND = 120  # minutes of the time a family would like best


@dataclass(frozen=True)
class Plan:
    """What an instance is made of. `siblings` and `needs_interpreter` are shares of families, `apart` of the rest."""

    pupils: int
    pitch: int
    schools: int = 1
    per_mentor: int = 20
    evenings: int = 2
    siblings: float = 0.25
    across: float = 0.3
    needs_interpreter: float = 0.08
    apart: float = 0.05
    seed: int = 1

    @property
    def mentors(self) -> int:
        """Mentors of each school."""
        return self.pupils // self.per_mentor // self.schools


PLANS = {
    "tiny": Plan(40, 30, per_mentor=10, evenings=1, seed=3),
    "class": Plan(100, 30),
    "school-046": Plan(600, 15),
    "school-092": Plan(600, 30),
    "three-schools-046": Plan(1800, 15, schools=3),
    "three-schools-092": Plan(1800, 30, schools=3),
}
COMMITTED = ("tiny", "class", "school-092")


def generate(plan: Plan) -> Instance:
    """The instance of this plan."""
    dice = Random(plan.seed)
    hosts = tuple(_host(plan, school, mentor) for school in range(plan.schools) for mentor in range(plan.mentors))
    families = tuple(_families(plan, dice))
    interpreters = tuple(
        InterpreterTime(f"i{number}-{language}", (language,), tuple(_evening(e) for e in range(plan.evenings)))
        for number, language in enumerate(LANGUAGES * plan.schools)
    )
    return Instance("Europe/Stockholm", hosts, families, interpreters)


def _evening(number: int) -> Window:
    starts = minute(FIRST_EVENING + timedelta(days=2 * number))
    return Window(starts, starts + EVENING)


def _host(plan: Plan, school: int, mentor: int) -> HostTime:
    """A mentor with slots of the pitch through every evening: 5 minutes of each are the pause."""
    host_id, talk = f"m{school}-{mentor}", plan.pitch - 5
    starts = [
        at for e in range(plan.evenings) for at in range(_evening(e).starts, _evening(e).ends - talk + 1, plan.pitch)
    ]
    slots = tuple(Slot(f"{host_id}-{number}", at, at + talk) for number, at in enumerate(starts))
    return HostTime(host_id, f"school{school}", slots, longest_run=5)


def _families(plan: Plan, dice: Random) -> Iterator[Family]:
    """Families until every place in every class is filled. Siblings are under different mentors."""
    places = [f"m{s}-{m}" for s in range(plan.schools) for m in range(plan.mentors) for _ in range(plan.per_mentor)]
    dice.shuffle(places)
    number = 0
    while places:
        first = places.pop()
        hosts = [first, *_siblings(plan, dice, places, first)] if number * plan.siblings % 1 == 0 else [first]
        yield from _household(plan, dice, number, hosts)
        number += 1


def _siblings(plan: Plan, dice: Random, places: list[str], first: str) -> Iterator[str]:
    """One or two more children, taken out of the places that are left."""
    known = {first}
    for _ in range(1 if dice.random() < 0.8 else 2):
        across = plan.schools > 1 and dice.random() < plan.across
        school = first.split("-", maxsplit=1)[0]
        fitting = (i for i, host in enumerate(places) if host not in known and (host.split("-")[0] != school) == across)
        found = next(fitting, None)
        if found is not None:
            known.add(places[found])
            yield places.pop(found)


def _household(plan: Plan, dice: Random, number: int, hosts: list[str]) -> Iterator[Family]:
    """A family, or both households of a child whose guardians want a talk each."""
    language = dice.choice(LANGUAGES) if dice.random() < plan.needs_interpreter else None
    talks = tuple(
        TalkWanted(f"t{number}-{child}", host, (f"p{number}-{child}", f"g{number}"), language=language)
        for child, host in enumerate(hosts)
    )
    yield _with_times(plan, dice, Family(f"f{number}", talks))
    if len(hosts) == 1 and dice.random() < plan.apart:
        other = replace(talks[0], talk_id=f"t{number}-b", people=(f"p{number}-0", f"g{number}-b"))
        yield _with_times(plan, dice, Family(f"f{number}-b", (other,)))


def _with_times(plan: Plan, dice: Random, family: Family) -> Family:
    """When they can come: a stretch of most evenings; and a band of two hours that they would like best."""
    evenings = [_evening(number) for number in range(plan.evenings) if dice.random() < 0.9]
    free = tuple(_stretch(dice, evening) for evening in evenings or [_evening(dice.randrange(plan.evenings))])
    best = dice.choice(free)
    starts = best.starts + 15 * dice.randrange(max(1, (best.ends - best.starts - BAND) // 15 + 1))
    return replace(family, free=free, glad=(Window(starts, min(best.ends, starts + BAND)),))


def _stretch(dice: Random, evening: Window) -> Window:
    length = 15 * dice.randint(8, EVENING // 15)
    starts = evening.starts + 15 * dice.randint(0, (EVENING - length) // 15)
    return Window(starts, starts + length)


def text_of(name: str) -> str:
    """An instance of `PLANS` as JSON."""
    return json.dumps(
        {"format": "school-talks/1", "name": name, **to_json(generate(PLANS[name]))}, separators=(",", ":")
    )


def write() -> None:
    """The committed files anew; byte for byte the same as long as the generator is."""
    for name in COMMITTED:
        packed = gzip.compress(text_of(name).encode(), 9, mtime=0)
        (HERE / f"{name}.json.gz").write_bytes(packed)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(text_of(sys.argv[1]))
    else:
        write()
