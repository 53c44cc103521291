"""The digest: what could wait, put aside and told once a day in one message. Rules on what is in it, without I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import UUID

from shared.ids import derived_id
from shared.languages import LANGUAGES


@dataclass(frozen=True, slots=True)
class DigestItem:
    """Something one person is to hear of in their digest, which leaves at `at` (UTC), a time by the clock in `zone`.

    `source_id` is the notification or the mailing, `kind` which of their kinds; `titles` (by language) what a mailing
    is called. `pupil_id` is about whom it is, when that is one pupil.
    """

    person_id: UUID
    school_id: UUID
    source_id: UUID
    kind: str
    path: str
    at: datetime
    zone: str
    pupil_id: UUID | None = None
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def item_id(self) -> UUID:
        """The same for a source and a person, so that nothing is put aside twice."""
        return derived_id("digest item", self.source_id, self.person_id)


@dataclass(frozen=True, slots=True)
class DigestLine:
    """One line of a digest: from which school, what kind, of which day, what it opens. It names no pupil."""

    school: str
    kind: str
    day: date
    path: str
    titles: tuple[tuple[str, str], ...] = ()

    def title(self, tag: str) -> str | None:
        """What it is called in this language, else in the first language it was written in; None: by its kind."""
        titles = dict(self.titles)
        return titles.get(tag) or next((titles[one] for one in (*LANGUAGES, *titles) if one in titles), None)


def digest_id(person_id: UUID, day: date) -> UUID:
    """The notification that carries somebody's digest of that local day: one for each person and day."""
    return derived_id("digest", person_id, day.isoformat())


def grouped(lines: Iterable[DigestLine]) -> Sequence[tuple[str, Sequence[DigestLine]]]:
    """The lines under their schools, both in the order in which they first came."""
    schools: dict[str, list[DigestLine]] = {}
    for line in lines:
        schools.setdefault(line.school, []).append(line)
    return list(schools.items())
