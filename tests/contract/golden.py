"""One frozen example of every event version: `python -m tests.contract.golden` writes those that are missing.

A file that exists is never written again: it is what somebody out there may still send.
"""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from polyfactory.factories.pydantic_factory import ModelFactory
from pydantic import AwareDatetime

from shared.events.catalogue import EVENTS
from shared.events.envelope import Event
from shared.ids import derived_id

FOLDER = Path(__file__).parent / "golden"
AN_INSTANT = datetime(2026, 11, 23, 7, 30, tzinfo=UTC)


def path_of(event: type[Event]) -> Path:
    """Where the example of an event lies."""
    return FOLDER / f"{event.event_type}.json"


class Examples(ModelFactory[Event]):
    """Fills in every field; texts say which field they are in, instants are one instant."""

    __is_base_factory__ = True
    __allow_none_optionals__ = False

    @classmethod
    def get_constrained_field_value(cls, annotation: Any, field_meta: Any, *rest: Any, **more: Any) -> Any:
        """As the library does, for the two kinds it cannot do or does badly."""
        if annotation is AwareDatetime:
            return AN_INSTANT
        if annotation is str:
            return field_meta.name
        return super().get_constrained_field_value(annotation, field_meta, *rest, **more)


def example(event: type[Event]) -> dict[str, Any]:
    """An example with every field filled in, the same on every machine."""
    seed = derived_id(event.event_type).int % 2**32
    random.seed(seed)
    factory = Examples.create_factory(event)
    factory.seed_random(seed)
    built = factory.build()
    return {
        "type": event.event_type,
        "topic": event.topic,
        "key": built.key(),
        "value": json.loads(built.to_json()),
    }


def main() -> None:
    """Write what is missing."""
    for event in EVENTS:
        if not path_of(event).exists():
            text = json.dumps(example(event), indent=2, ensure_ascii=False)
            path_of(event).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
