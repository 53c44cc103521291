"""What every channel can do: lend a line, and carry one message over it."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from services.notifications.domain.replies import Reply


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message ready to go: where to, its bytes, and how many tries were answered before."""

    to: str
    message: bytes
    tries: int


class Line(Protocol):
    """One conversation at a time."""

    async def send(self, parcel: Parcel) -> Reply:
        """Carry the message and say where the conversation ended. Raises nothing but cancellation."""
        ...


class Channel(Protocol):
    """A pool of lines. The borrower writes its result down before it gives the line back.

    So never more messages than there are lines have been taken by a server without our knowing it on disk.
    """

    name: str

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
