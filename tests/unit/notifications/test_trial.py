"""In a municipality on trial only its guests are written to."""

from __future__ import annotations

from uuid import uuid4

import pytest

from services.notifications.channels.protocol import Way
from services.notifications.domain.trial import road_of, ways_in_trial
from shared.events.people import Channel

TOWN, OTHER = uuid4(), uuid4()
GUEST, STRANGER = Way(Channel.EMAIL, "Guest@town.example"), Way(Channel.EMAIL, "anna@home.example")
PUSH, SMS = Way(Channel.PUSH, '{"endpoint": "https://push.example/1"}'), Way(Channel.SMS, "+46701234567")
TRIALS = {TOWN: frozenset({"guest@town.example"})}


def test_a_guest_is_written_to_and_nobody_else() -> None:
    assert road_of(GUEST, TOWN, TRIALS) is Channel.EMAIL
    for way in (STRANGER, PUSH, SMS):
        assert road_of(way, TOWN, TRIALS) is Channel.SIMULATED


@pytest.mark.parametrize("tenant", [OTHER, None])
@pytest.mark.parametrize("way", [GUEST, STRANGER, PUSH, SMS])
def test_where_there_is_no_trial_everybody_is_written_to(tenant: object, way: Way) -> None:
    assert road_of(way, tenant, TRIALS) is way.channel  # type: ignore[arg-type]


@pytest.mark.parametrize("tenant", [TOWN, OTHER, None])
def test_a_rehearsal_never_leaves_the_house(tenant: object) -> None:
    assert road_of(Way(Channel.EMAIL, "simulate:bounce@x.se"), tenant, TRIALS) is Channel.SIMULATED  # type: ignore[arg-type]


def test_a_trial_without_guests_writes_to_nobody() -> None:
    assert road_of(GUEST, TOWN, {TOWN: frozenset()}) is Channel.SIMULATED


def test_a_guest_gets_it_where_they_wait_for_it_and_not_a_rehearsal_of_a_way_they_like_better() -> None:
    assert ways_in_trial([PUSH, STRANGER, GUEST], TOWN, TRIALS) == (GUEST,)
    assert ways_in_trial([PUSH, STRANGER], TOWN, TRIALS) == (
        Way(Channel.SIMULATED, PUSH.address),
        Way(Channel.SIMULATED, STRANGER.address),
    )
    assert ways_in_trial([PUSH, STRANGER, GUEST], OTHER, TRIALS) == (PUSH, STRANGER, GUEST)
