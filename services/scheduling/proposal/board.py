"""A plan in the making: what is taken, and whether one more visit fits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain

from services.scheduling.proposal.columns import Choices, Visit
from services.scheduling.proposal.ground import Ground, Option
from services.scheduling.proposal.model import HostTime, Slot, TalkWanted, Window
from services.scheduling.proposal.rules import Stay


class Board:
    """Takes visits as long as they fit with the pinned talks and with each other."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.chosen: list[Visit] = []
        self.hosts: dict[str, list[Window]] = defaultdict(list)
        self.rooms: dict[str, list[Window]] = defaultdict(list)
        self.teams: dict[int, list[Window]] = defaultdict(list)
        self.people: dict[str, list[Stay]] = defaultdict(list)
        self.hosting: dict[str, list[Stay]] = defaultdict(list)
        for host, busy in ground.hosting.items():
            self.hosts[host] = [Window(one.stay.starts, one.stay.ends) for one in busy]
        limits: dict[str, list[HostTime]] = defaultdict(list)
        for time in ground.instance.hosts:
            limits[time.host_id].append(time)
        self.limits = {host: run_limit(times) for host, times in limits.items()}

    def fits(self, choices: Choices, visit: Visit) -> bool:
        """True when nobody and nothing is asked for twice. What is pinned was looked at when the visit was made."""
        return all(
            self.fits_alone(choices.open_talks[place], option) for place, option in visit.stops
        ) and self._runs_end(choices, visit)

    def fits_alone(self, talk: TalkWanted, option: Option) -> bool:
        """True when this time is free for the talk and somebody interprets; breaks aside."""
        if not self._is_free(talk, option.stay):
            return False
        return option.team < 0 or self._somebody_interprets(option)

    def is_open(self, talk: TalkWanted, stay: Stay, slots: Sequence[Slot]) -> bool:
        """True when the host, the room and those who come are free then, and the host still gets the breaks."""
        new = [Window(slot.starts, slot.ends) for slot in slots]
        return self._is_free(talk, stay) and self._has_breaks(talk.host_id, new)

    def _is_free(self, talk: TalkWanted, stay: Stay) -> bool:
        at = Window(stay.starts, stay.ends)
        if _overlaps(at, self.hosts[talk.host_id]) or _overlaps(at, self.rooms.get(self.ground.shared_room(talk), ())):
            return False
        busy = chain.from_iterable(self.people.get(one, ()) for one in (*talk.people, talk.host_id))
        hosts = chain.from_iterable(self.hosting.get(one, ()) for one in talk.people)
        return not any(self.ground.rules.clash(stay, other) for other in chain(busy, hosts))

    def _has_breaks(self, host: str, new: Sequence[Window]) -> bool:
        longest, rest = self.limits.get(host, (0, 0))
        return not longest or run_through(new, [*self.hosts[host], *new], rest) <= longest

    def take(self, choices: Choices, visit: Visit) -> None:
        """Note the visit as chosen."""
        self.chosen.append(visit)
        for place, option in visit.stops:
            talk, at = choices.open_talks[place], Window(option.stay.starts, option.stay.ends)
            self.hosts[talk.host_id] += [Window(slot.starts, slot.ends) for slot in option.slots]
            self.hosting[talk.host_id].append(option.stay)
            if room := self.ground.shared_room(talk):
                self.rooms[room].append(at)
            if option.team >= 0:
                self.teams[option.team].append(at)
            for person in talk.people:
                self.people[person].append(option.stay)

    def _somebody_interprets(self, option: Option) -> bool:
        at = Window(option.stay.starts, option.stay.ends)
        taken = [one for one in self.teams[option.team] if one.starts < at.ends and at.starts < one.ends]
        most = max((sum(b.starts <= a.starts < b.ends for b in taken) for a in (*taken, at)), default=0)
        return most < len(self.ground.teams[option.team].members)

    def _runs_end(self, choices: Choices, visit: Visit) -> bool:
        """True when every host still gets the breaks."""
        hosts: dict[str, list[Window]] = defaultdict(list)
        for place, option in visit.stops:
            hosts[choices.open_talks[place].host_id] += [Window(slot.starts, slot.ends) for slot in option.slots]
        return all(self._has_breaks(host, new) for host, new in hosts.items())


def run_limit(times: Iterable[HostTime]) -> tuple[int, int]:
    """Most talks in a row (0: no limit) and minutes of a break, the strictest of a host's rounds."""
    limited = [time for time in times if time.longest_run > 0]
    return (min(time.longest_run for time in limited), max(time.rest for time in limited)) if limited else (0, 0)


def run_through(new: Sequence[Window], all_of_them: Sequence[Window], rest: int) -> int:
    """The most talks in a row, of those rows that a new one is in."""
    longest, run, with_new, until = 0, 0, False, -rest
    for window in sorted(all_of_them):
        if window.starts >= until + rest:
            run, with_new = 0, False
        run, with_new, until = run + 1, with_new or window in new, window.ends
        longest = max(longest, run) if with_new else longest
    return longest


def _overlaps(at: Window, taken: Iterable[Window]) -> bool:
    return any(one.starts < at.ends and at.starts < one.ends for one in taken)
