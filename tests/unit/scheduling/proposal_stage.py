"""Tiny instances for the tests of the proposal: times are minutes after 16:00 in Stockholm on 10 November 2026."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

from services.scheduling.proposal.model import (
    Family,
    Fixed,
    HostTime,
    Instance,
    InterpreterTime,
    Slot,
    TalkWanted,
    Window,
    minute,
)

FOUR = minute(datetime(2026, 11, 10, 15, 0, tzinfo=UTC))
NEXT_DAY = 24 * 60
TALK, PITCH = 25, 30


def at(*starts: int, of: str = "h", length: int = TALK) -> tuple[Slot, ...]:
    """Slots that begin so many minutes after four."""
    return tuple(Slot(f"{of}@{start}", FOUR + start, FOUR + start + length) for start in starts)


def row(count: int, of: str = "h", first: int = 0) -> tuple[Slot, ...]:
    """So many slots, one right behind the other."""
    return at(*range(first, first + count * PITCH, PITCH), of=of)


def between(starts: int, ends: int) -> Window:
    """A window, in minutes after four."""
    return Window(FOUR + starts, FOUR + ends)


def talk(name: str, host: str = "h", guardian: str = "", **more: object) -> TalkWanted:
    """A talk of the pupil of that name, with a guardian."""
    return TalkWanted(name, host, (f"pupil {name}", guardian or f"guardian {name}"), **more)  # type: ignore[arg-type]


def family(*talks: TalkWanted, **more: object) -> Family:
    """Those talks' family, called as the first."""
    return Family(f"family {talks[0].talk_id}", talks, **more)  # type: ignore[arg-type]


def instance(
    hosts: Iterable[HostTime], families: Iterable[Family], interpreters: Sequence[InterpreterTime] = (), **more: int
) -> Instance:
    """An instance in Stockholm."""
    return Instance("Europe/Stockholm", tuple(hosts), tuple(families), tuple(interpreters), **more)  # type: ignore[arg-type]


def host(name: str = "h", slots: Sequence[Slot] = (), school: str = "school", **more: object) -> HostTime:
    """A host with these slots."""
    return HostTime(name, school, tuple(slots), **more)  # type: ignore[arg-type]


def anything(dice: Random, families: int = 6, slots: int = 8) -> Instance:
    """A small instance with some of everything that a municipality has."""
    times = [_host(dice, number, slots) for number in range(dice.randint(1, 3))]
    if dice.random() < 0.3:  # one of them is in a second round, at times that may overlap
        second = HostTime(times[0].host_id, times[0].school_id, _slots(dice, "again", 3), round_id="again")
        times.append(second)
    interpreters = [
        InterpreterTime(f"i{number}", ("ar",), (between(dice.choice((0, 60)), 240),))
        for number in range(dice.randint(0, 2))
    ]
    made = [_family(dice, number, times, interpreters) for number in range(dice.randint(1, families))]
    return instance(times, _without_impossible_pins(made), interpreters)


def _without_impossible_pins(families: Sequence[Family]) -> Iterator[Family]:
    """No host has two pinned talks at once: the database refuses that."""
    taken: dict[str, list[Slot]] = defaultdict(list)
    for one in families:
        talks = []
        for wanted in one.talks:
            slot, theirs = wanted.pinned, taken[wanted.host_id]
            if slot and any(slot.starts < other.ends and other.starts < slot.ends for other in theirs):
                slot = None
            theirs += [slot] if slot else []
            talks.append(replace(wanted, pinned=slot, pinned_interpreter=wanted.pinned_interpreter if slot else None))
        yield replace(one, talks=tuple(talks))


def _host(dice: Random, number: int, slots: int) -> HostTime:
    name = f"h{number}"
    longest = dice.choice((0, 0, 1, 2, 3))
    room = "the room" if dice.random() < 0.3 else None
    return HostTime(name, f"school {dice.randint(0, 1)}", _slots(dice, name, slots), longest_run=longest, room_id=room)


def _slots(dice: Random, name: str, most: int) -> tuple[Slot, ...]:
    pitch = dice.choice((20, 30, 30))
    starts = [pitch * place for place in range(most)] if dice.random() < 0.7 else [15 * p for p in range(0, most, 2)]
    chosen = sorted(dice.sample(starts, dice.randint(1, len(starts))))
    days = dice.choice((0, 0, NEXT_DAY))
    return tuple(
        Slot(f"{name}@{s}", FOUR + s + (days if s > 90 else 0), FOUR + s + 15 + (days if s > 90 else 0)) for s in chosen
    )


def _family(dice: Random, number: int, times: Sequence[HostTime], interpreters: Sequence[InterpreterTime]) -> Family:
    language = "ar" if dice.random() < 0.25 else None
    talks = tuple(
        _talk(dice, number, child, times, language, interpreters) for child in range(dice.choice((1, 1, 2, 3)))
    )
    free = None if dice.random() < 0.4 else tuple(_window(dice) for _ in range(dice.randint(0, 3)))
    glad = tuple(_window(dice) for _ in range(dice.randint(0, 2)))
    fixed = (Fixed(FOUR + 60, FOUR + 80, "school 0", (f"g{number}",)),) if dice.random() < 0.2 else ()
    return Family(f"f{number}", talks, free, glad, fixed, vulnerable=dice.random() < 0.1)


def _talk(
    dice: Random,
    number: int,
    child: int,
    times: Sequence[HostTime],
    language: str | None,
    interpreters: Sequence[InterpreterTime],
) -> TalkWanted:
    time = dice.choice(times)
    pupil = "shared pupil" if dice.random() < 0.2 else f"p{number}-{child}"
    guardian = "h0" if dice.random() < 0.1 else f"g{number}"  # a mentor is a guardian too
    pinned = dice.choice(time.slots) if dice.random() < 0.15 else None
    interpreter = dice.choice(interpreters).interpreter_id if pinned and language and interpreters else None
    return TalkWanted(
        f"t{number}-{child}",
        time.host_id,
        (pupil, guardian, f"g{number}"),
        time.round_id,
        language,
        video=dice.random() < 0.2,
        more_time=pinned is None and dice.random() < 0.15,
        pinned=pinned,
        pinned_interpreter=interpreter,
        was=dice.choice(time.slots).slot_id if dice.random() < 0.2 else None,
    )


def _window(dice: Random) -> Window:
    starts = 15 * dice.randint(0, 12)
    return between(starts, starts + 15 * dice.randint(1, 8))
