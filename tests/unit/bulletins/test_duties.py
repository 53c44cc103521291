"""What the parts of a mailing say together, in whatever order they come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from services.bulletins.domain.duties import (
    MAY_BE_DELIVERED,
    MAY_BE_UNDERSTOOD,
    bulletin_duty_id,
    information_duty_id,
    read_parts,
)
from shared.events.duties import RANK, DutyStatus
from shared.events.notify import Addressee, DeliveryStatus, MailingKind, MailingSettled

NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)
BULLETIN, HOMES, PUPILS = uuid4(), [uuid4() for _ in range(3)], [uuid4() for _ in range(3)]


def part(
    *people: tuple[int, DeliveryStatus], minute: int = 0, mailing: UUID = BULLETIN, still_open: int = 0
) -> MailingSettled:
    return MailingSettled(
        mailing_id=mailing,
        part_id=uuid4(),
        about_id=BULLETIN,
        kind=MailingKind.BULLETIN,
        school_id=uuid4(),
        path="/bulletins/x",
        at=NOW + timedelta(minutes=minute),
        people=tuple(Addressee(person_id=HOMES[p], pupil_ids=(PUPILS[p],), status=status) for p, status in people),
        open=still_open,
    )


people = st.tuples(st.integers(0, 2), st.sampled_from(DeliveryStatus))
parts = st.lists(
    st.builds(
        lambda told, minute, first, still_open: part(
            *told, minute=minute, mailing=BULLETIN if first else UUID(int=1), still_open=still_open
        ),
        st.lists(
            st.tuples(st.integers(0, 2), st.sampled_from(DeliveryStatus)), max_size=3, unique_by=lambda one: one[0]
        ),
        st.integers(0, 3),
        st.booleans(),
        st.integers(0, 1),
    ),
    max_size=6,
)


@given(parts, st.randoms(use_true_random=False))
def test_the_order_of_the_parts_does_not_matter(some: list[MailingSettled], chance: object) -> None:
    shuffled = sorted(some, key=lambda _: chance.random())  # type: ignore[attr-defined]
    one, other = read_parts(some), read_parts(shuffled)
    assert one.delivered == other.delivered
    assert one.over == other.over
    assert {k: (p.at, p.people[n].status) for k, (p, n) in one.outcomes.items()} == {
        k: (p.at, p.people[n].status) for k, (p, n) in other.outcomes.items()
    }


def test_a_later_bounce_stands_and_what_was_taken_once_stays_delivered() -> None:
    found = read_parts([part((0, DeliveryStatus.DELIVERED)), part((0, DeliveryStatus.BOUNCED), minute=5)])
    part_, place = found.outcomes[BULLETIN, HOMES[0]]
    assert part_.people[place].status is DeliveryStatus.BOUNCED
    assert found.delivered == {(BULLETIN, PUPILS[0])}


def test_a_reminder_that_bounces_takes_nothing_away_and_one_that_arrives_counts() -> None:
    reminder = uuid4()
    bounced = part((0, DeliveryStatus.BOUNCED), minute=9, mailing=reminder)
    assert read_parts([bounced]).outcomes == {}
    assert read_parts([bounced]).over == frozenset()
    arrived = part((0, DeliveryStatus.DELIVERED), minute=9, mailing=reminder)
    assert read_parts([part((0, DeliveryStatus.BOUNCED)), arrived]).delivered == {(BULLETIN, PUPILS[0])}


def test_a_mailing_is_over_when_nothing_is_open() -> None:
    assert read_parts([part((0, DeliveryStatus.DELIVERED), still_open=3)]).over == frozenset()
    assert read_parts([part((0, DeliveryStatus.DELIVERED))]).over == {BULLETIN}


def test_duties_move_forward_only() -> None:
    assert all(RANK[one] < RANK[DutyStatus.DELIVERED] for one in MAY_BE_DELIVERED)
    assert all(RANK[one] < RANK[DutyStatus.UNDERSTOOD] for one in MAY_BE_UNDERSTOOD)


def test_a_duty_is_known_by_its_place_and_pupil_and_one_who_comes_back_is_owed_anew() -> None:
    place, pupil = uuid4(), uuid4()
    assert bulletin_duty_id(place, pupil) == bulletin_duty_id(place, pupil)
    assert bulletin_duty_id(place, pupil, NOW) != bulletin_duty_id(place, pupil)
    assert information_duty_id(place, "2026/2027", pupil) != information_duty_id(place, "2027/2028", pupil)
