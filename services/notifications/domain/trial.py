"""A municipality on trial: everything is worked out as it would be, but only its guests are written to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from services.notifications.channels.protocol import Way
from services.notifications.domain.addresses import rehearsal
from shared.events.people import Channel

Trials = Mapping[UUID, frozenset[str]]  # municipality → addresses of its guests, in small letters


def road_of(way: Way, tenant: UUID | None, trials: Trials) -> Channel:
    """The channel this address is really gone to by: none leaves the house for a rehearsal, or for no guest."""
    if rehearsal(way.address) or not is_guest(way, tenant, trials):
        return Channel.SIMULATED
    return way.channel


def is_guest(way: Way, tenant: UUID | None, trials: Trials) -> bool:
    """True when this address may be written to: it is a guest's, or its municipality is not on trial."""
    return tenant is None or tenant not in trials or way.address.lower() in trials[tenant]


def ways_in_trial(ways: Iterable[Way], tenant: UUID | None, trials: Trials) -> tuple[Way, ...]:
    """One person's ways as they are really gone. A guest's are those that are on the list; nobody else has a real one.

    So a guest gets the message where they wait for it, and not a rehearsal of another of their ways.
    """
    real = tuple(ways)
    listed = tuple(way for way in real if is_guest(way, tenant, trials))
    return tuple(Way(road_of(way, tenant, trials), way.address) for way in listed or real)
