"""What every road can do: lend a line, and carry one message over it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from services.notifications.domain.replies import Reply
from shared.events.people import Channel


@dataclass(frozen=True, slots=True)
class Way:
    """One way to reach somebody: the channel, and what that channel calls an address.

    A mail address; a telephone number in E.164; a `PushAddress` as JSON; for a letter the person's id.
    """

    channel: Channel
    address: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message ready to go: where to, its bytes, and how many tries were answered before.

    `return_path`: where bounces of this one message go, when that is not the road's own; `delivery_id`: which it is.
    """

    to: str
    message: bytes
    tries: int
    return_path: str | None = None
    delivery_id: UUID | None = None


class Line(Protocol):
    """One conversation at a time."""

    async def send(self, parcel: Parcel) -> Reply:
        """Carry the message and say where the conversation ended. Raises nothing but cancellation."""
        ...


class Road(Protocol):
    """A pool of lines of one channel. The borrower writes its result down before it gives the line back.

    So never more messages than there are lines have been taken by a server without our knowing it on disk.
    """

    @property
    def name(self) -> str:
        """The channel's name, as attempts and metrics have it (`shared.events.people.Channel`)."""
        ...

    @property
    def is_down(self) -> bool:
        """True while no server could be talked to the last time."""
        ...

    def line(self) -> AbstractAsyncContextManager[Line]:
        """Borrow a line; waits until one is free."""
        ...

    def close(self) -> None:
        """Hang up everything."""
        ...
