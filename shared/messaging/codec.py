"""Between a Kafka record and an event: CloudEvents attributes as headers, the event as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from pydantic import ValidationError

from shared.errors import Permanent
from shared.events.catalogue import CATALOGUE
from shared.events.envelope import SPEC_VERSION, Erased, Event, Received

UUID_SHAPE = re.compile(rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """What is used of a Kafka record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


def headers_for(
    event_id: UUID, event_type: str, source: str, at: datetime, subject: str, traceparent: str | None
) -> list[tuple[str, bytes]]:
    """CloudEvents 1.0 Kafka binding, binary mode: each attribute a header with the prefix `ce_`."""
    headers = [
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_id", str(event_id).encode()),
        ("ce_type", event_type.encode()),
        ("ce_source", f"/skolbro/{source}".encode()),
        ("ce_time", at.isoformat().encode()),
        ("ce_subject", subject.encode()),
        ("content-type", b"application/json"),
    ]
    return [*headers, ("traceparent", traceparent.encode())] if traceparent else headers


def read_record(record: Record, wanted: Mapping[str, type[Event]]) -> Received[Event] | None:
    """The event in a record; None when it is of a kind this reader does not need.

    Raises Permanent with a reason a person understands when the record cannot be read.
    """
    headers = dict(record.headers)
    event_type = _text(headers, "ce_type")
    model = wanted.get(event_type)
    if model is None:
        if event_type in CATALOGUE:
            return None
        raise Permanent(unknown_type(event_type))
    return Received(
        event=_erased(event_type, record.key) if record.value is None else _parse(model, record.value),
        ce_id=_id(headers),
        traceparent=(headers.get("traceparent") or b"").decode("ascii", "ignore") or None,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
    )


def unknown_type(event_type: str) -> str:
    """Why an event of that type cannot be read here, naming the versions that can."""
    stem = event_type.rpartition(".v")[0]
    known = [name for name in CATALOGUE if stem and name.startswith(f"{stem}.v")]
    hint = f"this version of Skolbro reads {', '.join(known)}" if known else "no service here knows it"
    return f"The event type “{event_type[:80]}” is unknown: {hint}."


def _erased(event_type: str, key: bytes | None) -> Erased:
    return Erased(erased_type=event_type, erased_key=(key or b"").decode("utf-8", "replace"))


def _parse(model: type[Event], value: bytes) -> Event:
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        raise Permanent(describe(error, model.event_type)) from None


def describe(error: ValidationError, what: str) -> str:
    """The first fault of a pydantic error as a sentence, without the offending value (it may be personal)."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the whole value"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"Not a readable {what}: {where}: {first['msg']}{more}."


def _text(headers: Mapping[str, bytes], name: str) -> str:
    raw = headers.get(name)
    if raw is None:
        raise Permanent(f"The header {name} is missing, so nobody can tell what the record is.")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Permanent(f"The header {name} is not UTF-8.") from None


def _id(headers: Mapping[str, bytes]) -> bytes:
    raw = headers.get("ce_id") or b""
    if UUID_SHAPE.fullmatch(raw) is None:
        raise Permanent("The header ce_id is missing or not a UUID.")
    return raw
