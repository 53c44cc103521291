"""The answer that is there at once: family by family, the whole bundle first, each the best visit that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from services.scheduling.proposal.answers import answer_of
from services.scheduling.proposal.board import Board
from services.scheduling.proposal.columns import Choices, Visit, choices
from services.scheduling.proposal.ground import Ground
from services.scheduling.proposal.model import Answer, Instance

Order = Callable[[Choices], object]


def solve_greedy(instance: Instance) -> Answer:
    """A feasible proposal in well under a second; pinned talks stay. Nothing in it is proven."""
    began = time.perf_counter()
    ground = Ground(instance)
    answer = best_greedy(ground, choices(ground))
    return replace(answer, seconds=time.perf_counter() - began)


def best_greedy(ground: Ground, families: Sequence[Choices]) -> Answer:
    """The better of a few orders in which the families could choose."""
    answers = [answer_of(ground, families, in_turn(ground, families, order).chosen) for order in ORDERS]
    return min(answers, key=lambda answer: answer.cost)


def in_turn(ground: Ground, families: Iterable[Choices], order: Order) -> Board:
    """Each family, in this order, takes the best that is left."""
    board = Board(ground)
    for one in sorted(families, key=order):  # type: ignore[arg-type]
        serve(board, one)
    return board


def repaired(ground: Ground, families: Sequence[Choices], visits: Iterable[Visit]) -> Board:
    """These visits without those that do not fit with the others; who loses theirs takes the best that is left."""
    board, by_number = Board(ground), {one.number: one for one in families}
    for visit in sorted(visits, key=lambda one: (-len(one.stops), one.cost)):
        if board.fits(by_number[visit.family], visit):
            board.take(by_number[visit.family], visit)
    for one in families:
        serve(board, one)
    return board


def chosen_by(answer: Answer, families: Iterable[Choices]) -> list[Visit]:
    """The visits an answer consists of; where it has none like ours, none."""
    slot_of, found = answer.slot_of, []
    for one in families:
        missing = {place for place, talk in enumerate(one.open_talks) if talk.talk_id in slot_of}
        for visit in sorted(one.visits, key=lambda visit: -len(visit.stops)):
            if visit.talks <= missing and all(
                slot_of[one.open_talks[place].talk_id] == option.slots[0].slot_id for place, option in visit.stops
            ):
                found.append(visit)
                missing -= visit.talks
    return found


def serve(board: Board, one: Choices) -> None:
    """The cheapest visit for all talks that fits; else what covers most of them, then the rest."""
    missing = set(range(len(one.open_talks))) - {
        place for visit in board.chosen if visit.family == one.number for place in visit.talks
    }
    ranked = sorted(one.visits, key=lambda visit: (-len(visit.stops), visit.cost))
    for visit in ranked:
        if not missing:
            return
        if visit.talks <= missing and board.fits(one, visit):
            board.take(one, visit)
            missing -= visit.talks


def seldom_first(one: Choices) -> tuple[object, ...]:
    """Vulnerable families, then those with more talks, then those with fewer possibilities."""
    return (not one.family.weighs_more, -len(one.open_talks), len(one.visits), one.number)


def hardest_first(one: Choices) -> tuple[object, ...]:
    """Those with more talks, then those with fewer possibilities for each."""
    return (-len(one.open_talks), len(one.visits), one.number)


def fewest_first(one: Choices) -> tuple[object, ...]:
    """Those with fewer possibilities for each of their talks."""
    return (len(one.visits) / len(one.open_talks) ** 2, one.number)


ORDERS: tuple[Order, ...] = (seldom_first, hardest_first, fewest_first)
