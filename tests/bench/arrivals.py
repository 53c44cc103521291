"""First come, first served, on the same instances: families book in the order in which they happen to arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

from services.scheduling.proposal.answers import answer_of
from services.scheduling.proposal.board import Board
from services.scheduling.proposal.columns import Choices, Visit, choices
from services.scheduling.proposal.greedy import serve
from services.scheduling.proposal.ground import Ground, Option
from services.scheduling.proposal.model import Answer, Instance

Booking = Callable[[Board, Choices], None]


def naive(board: Board, one: Choices) -> None:
    """Each child on its own, at the free time nearest to the middle of what the family would like best."""
    _book(board, one, lambda option, _: abs(2 * option.stay.starts - _favourite(one)))


def near(board: Board, one: Choices) -> None:
    """The first child so; each later child at the free time nearest to the first one's."""
    _book(board, one, lambda option, at: abs(2 * option.stay.starts - (_favourite(one) if at is None else 2 * at)))


def bundle(board: Board, one: Choices) -> None:
    """The pages offer times for all children at once, the best for the family first."""
    serve(board, one)


def first_come(instance: Instance, booking: Booking, orders: int) -> Iterator[Answer]:
    """What comes out when everybody books for themselves, for so many random orders of arrival."""
    ground = Ground(instance)
    families = choices(ground)
    for seed in range(orders):
        board = Board(ground)
        for one in Random(seed).sample(families, len(families)):
            booking(board, one)
        yield answer_of(ground, families, board.chosen)


def _book(board: Board, one: Choices, distance: Callable[[Option, int | None], float]) -> None:
    first: int | None = None
    for place in range(len(one.open_talks)):
        options = sorted(_alone(one, place), key=lambda option: (distance(option, first), option.stay.starts))
        visit = next((v for v in _visits(one, place, options) if board.fits(one, v)), None)
        if visit is not None:
            board.take(one, visit)
            first = visit.stops[0][1].stay.starts if first is None else first


def _alone(one: Choices, place: int) -> list[Option]:
    """The times of one talk, whatever the others get."""
    return [visit.stops[0][1] for visit in one.visits if len(visit.stops) == 1 and visit.stops[0][0] == place]


def _visits(one: Choices, place: int, options: Sequence[Option]) -> list[Visit]:
    return [Visit(one.number, ((place, option),), option.cost) for option in options]


def _favourite(one: Choices) -> int:
    """Twice the middle of the first time they would like best."""
    return one.family.glad[0].starts + one.family.glad[0].ends if one.family.glad else 0
