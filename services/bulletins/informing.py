"""School information: which edition holds, which it replaced, and what each changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.bulletins.domain.information import ABOUT, TOPICS, Changes, Topic, changes, known_topic
from services.bulletins.domain.readers import language_for
from services.bulletins.store.archive import Entry

__all__ = ["ABOUT", "TOPICS", "Edited", "Topic", "chain", "edited", "holding", "known_topic"]

Texts = Mapping[UUID, Mapping[str, Mapping[str, str]]]  # bulletin → language → part → Markdown


@dataclass(frozen=True)
class Edited:
    """An edition, and what it changed in the one before; None for the first."""

    entry: Entry
    changes: Changes | None


def holding(entries: Iterable[Entry]) -> list[Entry]:
    """Those that nothing newer replaces: what a school says now."""
    every = list(entries)
    replaced = {one.replaces_id for one in every}
    return [one for one in every if one.bulletin_id not in replaced]


def chain(entries: Iterable[Entry], bulletin_id: UUID) -> list[Entry]:
    """All editions of what this is one of, the newest first, as far as they are among these."""
    by_id = {one.bulletin_id: one for one in entries}
    after = {one.replaces_id: one for one in by_id.values() if one.replaces_id}
    newest, seen = by_id[bulletin_id], {bulletin_id}
    while (later := after.get(newest.bulletin_id)) and later.bulletin_id not in seen:
        newest = later
        seen.add(later.bulletin_id)
    found = [newest]
    while (before := by_id.get(found[-1].replaces_id or UUID(int=0))) and before not in found:
        found.append(before)
    return found


def edited(entries: Sequence[Entry], texts: Texts, *wanted: str | None) -> list[Edited]:
    """Each edition (newest first) with what it changed, compared in the language both have that the reader likes."""
    pairs = zip(entries, [*entries[1:], None], strict=True)
    return [Edited(one, _changed(texts, before, one, wanted) if before else None) for one, before in pairs]


def _changed(texts: Texts, before: Entry, after: Entry, wanted: Sequence[str | None]) -> Changes | None:
    old, new = texts.get(before.bulletin_id, {}), texts.get(after.bulletin_id, {})
    both = [language for language in new if language in old]
    if not both:
        return None
    language = language_for(both, *wanted)
    return changes(old[language], new[language])
