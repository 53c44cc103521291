"""From chosen visits to an answer: who interprets, what it costs, why a talk is left over and what would help."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date

from services.scheduling.proposal.board import Board
from services.scheduling.proposal.columns import Choices, Stop, Visit
from services.scheduling.proposal.ground import Ground, windows_of
from services.scheduling.proposal.model import (
    Answer,
    Family,
    Fix,
    Instance,
    Left,
    Placed,
    Shortage,
    Slot,
    TalkWanted,
    Why,
    pins,
)
from services.scheduling.proposal.rules import (
    MOVED,
    ONCE_MORE,
    WAIT_MINUTES,
    Rules,
    Stay,
    dislike,
    inside,
    left_out,
)

SHOWN = 3  # free times named with a talk that is left over


def answer_of(ground: Ground, families: Sequence[Choices], chosen: Sequence[Visit]) -> Answer:
    """The answer these visits make, its cost, and the reasons of the rest."""
    by_number = {one.number: one for one in families}
    stops = [(by_number[visit.family], stop) for visit in chosen for stop in visit.stops]
    placed = [*pins(ground.instance), *_placed(ground, stops)]
    board = Board(ground)
    for visit in chosen:
        board.take(by_number[visit.family], visit)
    done = {one.talk_id for one in placed}
    left = [
        _left(ground, board, one.family, talk)
        for one in families
        for talk in one.open_talks
        if talk.talk_id not in done
    ]
    answer = Answer(tuple(sorted(placed, key=lambda one: one.talk_id)), tuple(left))
    return Answer(answer.placed, answer.left, cost=cost_of(ground.instance, answer))


def _placed(ground: Ground, stops: Sequence[tuple[Choices, Stop]]) -> Iterator[Placed]:
    """Each talk with its slot. Interpreters of a team are given out in order of time, the same to a family if free."""
    until: dict[str, int] = {}
    last: dict[int, str] = {}
    for one, (place, option) in sorted(stops, key=lambda stop: (stop[1][1].stay.starts, stop[0].number)):
        interpreter = None
        if option.team >= 0:
            members = ground.teams[option.team].members
            free = [member for member in members if until.get(member, option.stay.starts) <= option.stay.starts]
            interpreter = last[one.number] if last.get(one.number) in free else free[0]
            until[interpreter], last[one.number] = option.stay.ends, interpreter
        also = tuple(slot.slot_id for slot in option.slots[1:])
        yield Placed(one.open_talks[place].talk_id, option.slots[0].slot_id, interpreter, also)


def cost_of(instance: Instance, answer: Answer) -> float:
    """What the answer costs by the weights in `rules`; pinned talks' own times cost nothing."""
    rules, slots = Rules(instance), _slots(instance)
    chosen = {one.talk_id: slots[one.slot_id] for one in answer.placed if one.slot_id in slots}
    more = {one.talk_id: slots[one.also[-1]].ends for one in answer.placed if one.also}
    schools = {(time.round_id, time.host_id): time.school_id for time in instance.hosts}
    return round(sum(_cost_of_family(rules, family, chosen, more, schools) for family in instance.families), 6)


def _cost_of_family(
    rules: Rules, family: Family, chosen: dict[str, Slot], more: dict[str, int], schools: dict[tuple[str, str], str]
) -> float:
    days: dict[date, list[Stay]] = defaultdict(list)
    before: dict[date, list[Stay]] = defaultdict(list)
    for one in family.fixed:
        before[rules.day(one.starts)].append(Stay(one.starts, one.ends, one.school_id, one.video))
    cost = 0.0
    for talk in family.talks:
        school, slot = schools.get((talk.round_id, talk.host_id), ""), talk.pinned or chosen.get(talk.talk_id)
        if slot is None:
            cost += left_out(family)
            continue
        stay = Stay(slot.starts, more.get(talk.talk_id, slot.ends), school, talk.video)
        (before if talk.pinned else days)[rules.day(slot.starts)].append(stay)
        if talk.pinned is None:
            cost += dislike(rules, stay.starts, stay.ends, windows_of(family, talk)[1])
            cost += MOVED if talk.was not in {None, slot.slot_id} else 0.0
    first_is_free = not before and (len(family.talks) > 1 or bool(days))
    return cost + _cost_of_days(rules, days, before) - (ONCE_MORE if first_is_free else 0.0)


def _cost_of_days(rules: Rules, days: dict[date, list[Stay]], before: dict[date, list[Stay]]) -> float:
    """Waits and visits, beyond those that are pinned or elsewhere."""
    cost = 0.0
    for day, stays in days.items():
        without, waited_without = rules.visits(before.get(day, []))
        times, waited = rules.visits([*before.get(day, []), *stays])
        cost += ONCE_MORE * (times - without) + (waited - waited_without) / WAIT_MINUTES
    return cost


def _slots(instance: Instance) -> dict[str, Slot]:
    return {slot.slot_id: slot for time in instance.hosts for slot in time.slots}


def _left(ground: Ground, board: Board, family: Family, talk: TalkWanted) -> Left:
    """Why it has no time, and what would give it one."""
    time = ground.time_of(talk)
    if time is None or not time.slots:
        return Left(talk.talk_id, Why.NO_SLOT, Fix.MORE_SLOTS)
    free, _ = windows_of(family, talk)
    still = [slots for slots in ground.open_times(talk) if _is_free(ground, board, talk, slots)]
    times = [slots for slots in still if free is None or inside(slots[0].starts, slots[-1].ends, free)]
    if times and talk.language:
        return Left(talk.talk_id, Why.NO_INTERPRETER, Fix.INTERPRETER, _ids(times))
    fix = Fix.OTHER_TIME if still else Fix.MORE_SLOTS
    common = any(free is None or inside(slot.starts, slot.ends, free) for slot in time.slots)
    why = Why.HOST_FULL if common else Why.NO_COMMON_TIME
    return Left(talk.talk_id, why, fix, _ids(still))


def _is_free(ground: Ground, board: Board, talk: TalkWanted, slots: tuple[Slot, ...]) -> bool:
    return board.is_open(talk, ground.stay(talk, slots[0].starts, slots[-1].ends), slots)


def _ids(times: Sequence[tuple[Slot, ...]]) -> tuple[str, ...]:
    return tuple(slots[0].slot_id for slots in times[:SHOWN])


def shortages(instance: Instance, answer: Answer) -> list[Shortage]:
    """The hosts with talks left over: how many, how many times are still free, and how many more would be needed."""
    used = {slot for one in answer.placed for slot in (one.slot_id, *one.also)}
    waiting = {one.talk_id for one in answer.left}
    left: dict[tuple[str, str], int] = defaultdict(int)
    for family in instance.families:
        for talk in family.talks:
            left[talk.round_id, talk.host_id] += talk.talk_id in waiting
    free = {
        (time.round_id, time.host_id): sum(slot.slot_id not in used for slot in time.slots) for time in instance.hosts
    }
    return [
        Shortage(host, round_id, count, free.get((round_id, host), 0), max(0, count - free.get((round_id, host), 0)))
        for (round_id, host), count in sorted(left.items())
        if count
    ]
