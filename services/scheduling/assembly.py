"""From what the database knows to an instance, and what an answer to it is worth. Pure: CPU work, for a thread."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from services.scheduling.domain import proposals as rules
from services.scheduling.domain.placing import WALK
from services.scheduling.domain.proposals import FINAL_TALKS, TIMED, Occasion
from services.scheduling.domain.wishes import Window as Span
from services.scheduling.proposal import model
from services.scheduling.proposal.answers import shortages
from services.scheduling.proposal.greedy import solve_greedy
from services.scheduling.proposal.measures import measure
from services.scheduling.proposal.model import Answer, Instance, minute
from services.scheduling.store.facts import Facts, Taken
from services.scheduling.tables import Host, Slot, Talk
from shared.clock import DEFAULT_ZONE
from shared.events.scheduling import TalkState
from shared.roster.access import Why

REST = 15  # minutes without a talk that are a break


def assemble(facts: Facts) -> Instance:
    """The instance these facts make. Pure; a second of work for a municipality, so not in the event loop."""
    return _Assembly(facts).instance()


class _Assembly:
    """Facts, by what they are asked for while an instance is made."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.slots = {one.slot_id: one for one in facts.slots}
        self.hosts = {(one.round_id, one.host_id): one for one in facts.hosts}
        self.uses: dict[UUID, list[Taken]] = {}
        for one in facts.taken:
            self.uses.setdefault(one.resource_id, []).append(one)
        self.talks = [one for one in facts.talks if one.state not in FINAL_TALKS and self._asks(one)]
        self.over = {one.slot_id for one in facts.talks if one.state in FINAL_TALKS}

    def _asks(self, talk: Talk) -> bool:
        """False for a talk without a time when only those that lost theirs are to get one."""
        everything = self.facts.occasion is Occasion.ROUND
        return everything or talk.slot_id is not None or talk.talk_id in self.facts.lost

    def instance(self) -> Instance:
        """The whole."""
        zones = list(self.facts.zones.values())
        return Instance(
            zone=zones[0] if zones else DEFAULT_ZONE,
            hosts=tuple(self._host(one) for one in self.facts.hosts),
            families=tuple(self._families()),
            interpreters=tuple(self._interpreters()),
        )

    def _host(self, host: Host) -> model.HostTime:
        round_ = self.facts.rounds[host.round_id]
        used = [span for one in (host.host_id, host.room_id) if one for span in self._taken(one)]
        mine = [one for one in self.facts.slots if (one.round_id, one.host_id) == (host.round_id, host.host_id)]
        return model.HostTime(
            host_id=str(host.host_id),
            school_id=str(round_.school_id),
            slots=tuple(_slot(one) for one in sorted(mine, key=_begins) if self._is_open(one, used)),
            round_id=str(host.round_id),
            room_id=str(host.room_id) if host.room_id else None,
            longest_run=round_.longest_run,
            rest=max(REST, round_.pause_minutes + 1),
        )

    def _taken(self, resource: UUID) -> list[Span]:
        return [Span(one.starts_at, one.ends_at) for one in self.uses.get(resource, ())]

    def _is_open(self, slot: Slot, used: Iterable[Span]) -> bool:
        begun = slot.starts_at <= self.facts.now
        return not (slot.closed or begun or slot.slot_id in self.over) and not rules.overlaps(
            slot.starts_at, slot.ends_at, used
        )

    def _families(self) -> Iterator[model.Family]:
        by_id = {str(one.talk_id): one for one in self.talks if one.host_id}
        coming = {talk_id: [str(person) for person in self.asked(one)] for talk_id, one in by_id.items()}
        for talk_ids in model.bundles(coming):
            talks = [by_id[one] for one in talk_ids]
            yield model.Family(talk_ids[0], tuple(self._talk(one) for one in talks), fixed=tuple(self._fixed(talks)))

    def asked(self, talk: Talk) -> list[UUID]:
        """Whose word counts on when: the guardians of the talk who answer for the pupil now, else the pupil."""
        family = self.facts.families.get(talk.pupil_id)
        verdicts = family.verdicts if family else []
        answering = {one.guardian_id for one in verdicts if one.allowed and one.why is Why.ANSWERS_FOR}
        return [one for one in talk.guardian_ids if one in answering] or [talk.pupil_id]

    def _talk(self, talk: Talk) -> model.TalkWanted:
        asked, windows = self.asked(talk), self.facts.windows.get(talk.round_id, [])
        said = [self.facts.wishes.get(one, []) for one in asked]
        needs = [self.facts.needs[one] for one in asked if one in self.facts.needs]
        glad = [rules.glad_of(one, windows) for one in said]
        stays = self.stays(talk)
        return model.TalkWanted(
            talk_id=str(talk.talk_id),
            host_id=str(talk.host_id),
            people=tuple(str(one) for one in dict.fromkeys([talk.pupil_id, *talk.guardian_ids])),
            round_id=str(talk.round_id),
            language=next((one.interpreter for one in needs if one.interpreter), None),
            video=self._by_video(talk, any(one.video for one in needs)),
            more_time=any(one.more_time for one in needs),
            pinned=_pin(talk) if stays else None,
            pinned_interpreter=str(talk.interpreter_id) if stays and talk.interpreter_id else None,
            was=str(talk.slot_id) if talk.slot_id and not stays and self._stands(talk) else None,
            free=model.common([_spans(rules.free_of(one, windows)) for one in said]),
            glad=_shared([_spans(one) or () for one in glad if one]),
        )

    def _stands(self, talk: Talk) -> bool:
        slot = self.slots.get(talk.slot_id) if talk.slot_id else None
        return slot is not None and not slot.closed

    def stays(self, talk: Talk) -> bool:
        """True when the talk keeps the time it has."""
        return rules.stays(
            self.facts.occasion,
            TalkState(talk.state),
            pinned=talk.pinned,
            open_slot=self._stands(talk),
            begun=talk.starts_at is not None and talk.starts_at <= self.facts.now,
        )

    def _by_video(self, talk: Talk, wanted: bool) -> bool:
        host = self.hosts.get((talk.round_id, talk.host_id)) if talk.host_id else None
        if host is None:
            return False
        return host.room_id is None or (wanted and host.video and self.facts.rounds[talk.round_id].video)

    def _fixed(self, talks: Sequence[Talk]) -> Iterator[model.Fixed]:
        """What the family comes to besides: talks in other rounds, meetings."""
        people = {person for one in talks for person in (one.pupil_id, *one.guardian_ids)}
        theirs = [one for person in sorted(people) for one in self.uses.get(person, ())]
        for (starts, ends, school, video), rows in groupby(sorted(theirs, key=_where), _where):
            until = ends if video or ends - starts <= WALK else ends - WALK  # the way is added to it again
            come = tuple(str(one.resource_id) for one in rows)
            yield model.Fixed(minute(starts), minute(until), school, come, video)

    def _interpreters(self) -> Iterator[model.InterpreterTime]:
        for one in self.facts.interpreters:
            blocks = self.facts.blocks.get(one.interpreter_id, [])
            free = rules.without(blocks, self._taken(one.interpreter_id))
            yield model.InterpreterTime(str(one.interpreter_id), tuple(sorted(one.languages)), _spans(free) or ())


def as_it_stands(facts: Facts, instance: Instance) -> Answer:
    """The times that talks have now and can keep, as an answer."""
    talks = [one for family in instance.families for one in family.talks]
    pinned = {one.pinned.slot_id for one in talks if one.pinned}
    held = pinned | {slot.slot_id for host in instance.hosts for slot in host.slots}
    have = [one for one in facts.talks if one.state in TIMED and str(one.slot_id) in held]
    return Answer(tuple(model.Placed(str(one.talk_id), str(one.slot_id), _text(one.interpreter_id)) for one in have))


def _where(one: Taken) -> tuple[datetime, datetime, str, bool]:
    return (one.starts_at, one.ends_at, str(one.school_id), one.video)


def _text(one: UUID | None) -> str | None:
    return str(one) if one else None


def _begins(slot: Slot) -> datetime:
    return slot.starts_at


def _slot(slot: Slot) -> model.Slot:
    return model.Slot(str(slot.slot_id), minute(slot.starts_at), minute(slot.ends_at))


def _pin(talk: Talk) -> model.Slot | None:
    if talk.slot_id is None or talk.starts_at is None or talk.ends_at is None:
        return None
    return model.Slot(str(talk.slot_id), minute(talk.starts_at), minute(talk.ends_at))


def _spans(windows: Iterable[Span] | None) -> tuple[model.Window, ...] | None:
    if windows is None:
        return None
    return tuple(model.Window(minute(one.starts_at), minute(one.ends_at)) for one in windows)


def _shared(glad: Sequence[tuple[model.Window, ...]]) -> tuple[model.Window, ...]:
    """Times that all who have a favourite like best; where there is none, those of any of them."""
    return model.common(glad) or model.merged(span for one in glad for span in one)


@dataclass(frozen=True)
class Draft:
    """An instance, and how it stands now."""

    instance: Instance
    before: Answer


def draft_of(facts: Facts) -> Draft:
    """The instance these facts make, and how it stands. CPU work, for a thread."""
    instance = assemble(facts)
    return Draft(instance, as_it_stands(facts, instance))


def answered_at_once(facts: Facts) -> tuple[Answer, dict[str, Any]]:
    """The answer that needs no search, and what a page says about it. CPU work, for a thread."""
    draft = draft_of(facts)
    answer = solve_greedy(draft.instance)
    return answer, figures(draft, answer)


def figures(draft: Draft, answer: Answer) -> dict[str, Any]:
    """What a page says about an answer, as it is kept with the proposal. CPU work, for a thread."""
    instance, before = draft.instance, draft.before if draft.before.placed else None
    left = {one.talk_id for one in answer.left}
    return {
        "cost": answer.cost,
        "source": answer.source,
        "proven": answer.proven,
        "gap": answer.gap,
        "now": asdict(measure(instance, answer)),
        "before": asdict(measure(instance, before)) if before else None,
        "families_left": sum(any(talk.talk_id in left for talk in one.talks) for one in instance.families),
        "longer": [one.talk_id for one in answer.placed if one.also],
        "times": {one.talk_id: list(one.times) for one in answer.left if one.times},
        "shortages": [asdict(one) for one in shortages(instance, answer)],
    }
