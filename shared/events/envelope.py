"""What every event has in common: CloudEvents 1.0 attributes as Kafka headers, a JSON value, a key.

An event is a fact in the past tense. Its type carries its version; a version only ever gains optional fields.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Generic, NamedTuple, TypeVar
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

SPEC_VERSION = "1.0"

# PostgreSQL's text cannot hold NUL, and nothing a school writes on one line is longer than this.
Line = Annotated[str, StringConstraints(max_length=300, pattern=r"^[^\x00]*$")]
Instant = Annotated[AwareDatetime, Field(ge=datetime(1900, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC))]
Minutes = Annotated[int, Field(ge=0, le=24 * 60)]
Version = Annotated[int, Field(ge=0, le=2**62)]


class Event(BaseModel):
    """Base of all events. Unknown fields are ignored, so that a newer writer does not break an older reader."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_type: ClassVar[str]
    topic: ClassVar[str]

    def key(self) -> str:
        """What must stay in order: events with the same key are read in the order they were written."""
        raise NotImplementedError

    def to_json(self) -> bytes:
        """The event's value as it travels."""
        return self.model_dump_json(exclude_none=True).encode()


class Erased(Event):
    """A tombstone as a reader sees it: everything known under this key of this event type is to be forgotten."""

    event_type: ClassVar[str] = "erased"
    topic: ClassVar[str] = ""

    erased_type: str
    erased_key: str

    def key(self) -> str:
        """The key that was erased."""
        return self.erased_key


E = TypeVar("E", bound=Event, covariant=True)


class Received(NamedTuple, Generic[E]):
    """An event as it came: what it says, and where it was read from. A tuple, because very many are made."""

    event: E
    ce_id: bytes
    traceparent: str | None
    topic: str
    partition: int
    offset: int

    @property
    def event_id(self) -> UUID:
        """The event's id, worked out only where it is needed."""
        return UUID(self.ce_id.decode())


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event to be said, with the trace it belongs to. `tombstone` erases the key from a compacted topic."""

    event: Event
    traceparent: str | None = None
    tombstone: bool = False
