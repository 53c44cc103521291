"""Talks and what was agreed in them, as the portal shows them: ids and times. What was said is not known here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.events.scheduling import CommitmentStatus, Owner, TalkKind, TalkState

TO_COME = frozenset({TalkState.PROPOSED, TalkState.BOOKED})
KEPT = frozenset({CommitmentStatus.DONE, CommitmentStatus.FULFILLED})


class Talk(BaseModel):
    """A talk as it was last stated. `was_from` and `was_to` are the last time it had, also when it has none now.

    `signed`: the reader at home has signed the plan as it stands; said to no one else.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    talk_id: UUID
    pupil_id: UUID
    kind: TalkKind
    state: TalkState
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    place: str | None = None
    video: bool = False
    sequence: int = 0
    answer_by: datetime | None = None
    books_from: datetime | None = None
    books_until: datetime | None = None
    was_from: datetime | None = None
    was_to: datetime | None = None
    heard_at: datetime | None = None
    signed: bool = False

    def comes(self, now: datetime) -> bool:
        """True when it has a time that is not over."""
        return self.state in TO_COME and self.ends_at is not None and self.ends_at > now


class Ask(StrEnum):
    """What a talk waits for the home to do."""

    WISHES = "wishes"  # say when you can come
    ANSWER = "answer"  # accept the proposed time, or take another
    BOOK = "book"
    SIGN = "sign"


PATHS = {Ask.WISHES: "/talks/wishes", Ask.ANSWER: "/talks", Ask.BOOK: "/talks/book"}  # to sign: the talk's own page
TOGETHER = (Ask.WISHES, Ask.BOOK)  # done for all children at once, so that the family comes once


@dataclass(frozen=True)
class Asked:
    """Something that waits for the home: about one talk, or about those of several children. `until`: by then."""

    ask: Ask
    talks: tuple[Talk, ...]
    until: datetime | None = None

    @property
    def path(self) -> str:
        """Where it is done."""
        return PATHS.get(self.ask, f"/talks/{self.talks[0].talk_id}")

    @property
    def pupils(self) -> tuple[UUID, ...]:
        """Whose talks they are, each once."""
        return tuple(dict.fromkeys(talk.pupil_id for talk in self.talks))


@dataclass(frozen=True)
class Share:
    """How much of what was agreed is one side's: under way, of that late, and done."""

    owner: Owner
    ongoing: int = 0
    late: int = 0
    done: int = 0


@dataclass(frozen=True)
class Agreed:
    """What was agreed about a pupil, as counts. `next_due` is the first day on which something under way is due."""

    shares: tuple[Share, ...]
    next_due: date | None = None

    @property
    def ongoing(self) -> int:
        """How much is under way."""
        return sum(share.ongoing for share in self.shares)

    @property
    def late(self) -> int:
        """How much of it is late."""
        return sum(share.late for share in self.shares)

    @property
    def done(self) -> int:
        """How much is done."""
        return sum(share.done for share in self.shares)


@dataclass(frozen=True)
class Counted:
    """Equal commitments, counted: `late` of them are past their day; `due` is the first day of those to come."""

    owner: Owner
    status: CommitmentStatus
    number: int
    late: int
    due: date | None


def asks(talk: Talk, now: datetime) -> Ask | None:
    """What this talk waits for the reader at home to do now; None when it does not wait for them."""
    match talk.state:
        case TalkState.WANTED if _books(talk, now):
            return Ask.BOOK
        case TalkState.WANTED if talk.answer_by is not None and now < talk.answer_by:
            return Ask.WISHES
        case TalkState.PROPOSED if talk.starts_at is not None and now < talk.starts_at:
            return Ask.ANSWER
        case TalkState.HELD if not talk.signed:
            return Ask.SIGN
    return None


def asked(talks: Iterable[Talk], now: datetime) -> tuple[Asked, ...]:
    """Everything that these talks wait for, what is soonest over first; all children in one where it is done at once.

    What has no end comes last.
    """
    found: list[Asked] = []
    together: dict[tuple[Ask, datetime | None], list[Talk]] = {}
    for talk in talks:
        ask = asks(talk, now)
        if ask in TOGETHER:
            together.setdefault((ask, _until(talk, ask, now)), []).append(talk)
        elif ask is not None:
            found.append(Asked(ask, (talk,), _until(talk, ask, now)))
    found += [Asked(ask, tuple(theirs), until) for (ask, until), theirs in together.items()]
    return tuple(sorted(found, key=lambda one: (one.until is None, one.until or now, one.talks[0].talk_id)))


def next_talk(talks: Iterable[Talk], now: datetime) -> Talk | None:
    """The first talk that has a time and is not over."""
    coming = [talk for talk in talks if talk.comes(now)]
    return min(coming, key=lambda talk: (talk.starts_at or now, talk.talk_id), default=None)


def shown_first(talks: Sequence[Talk], now: datetime) -> Talk | None:
    """The talk that staff look for: the next one, else one to be signed, else one that has no time yet."""
    later = [talk for state in (TalkState.HELD, TalkState.WANTED) for talk in talks if talk.state is state]
    return next_talk(talks, now) or next(iter(later), None)


def agreed(counted: Iterable[Counted]) -> Agreed | None:
    """What was agreed, by whose it is: the school first, then the pupil and the guardians. None: nothing."""
    lines = [one for one in counted if one.number]
    shares = tuple(share for owner in Owner if (share := _share(owner, lines)))
    dues = [one.due for one in lines if one.status is CommitmentStatus.ONGOING and one.due]
    return Agreed(shares, min(dues, default=None)) if shares else None


def _share(owner: Owner, lines: Sequence[Counted]) -> Share | None:
    mine = [one for one in lines if one.owner is owner]
    ongoing = [one for one in mine if one.status is CommitmentStatus.ONGOING]
    done = sum(one.number for one in mine if one.status in KEPT)
    share = Share(owner, sum(one.number for one in ongoing), sum(one.late for one in ongoing), done)
    return share if share.ongoing or share.done else None


def _books(talk: Talk, now: datetime) -> bool:
    """True while families book by themselves."""
    begun = talk.books_from is not None and talk.books_from <= now
    return begun and (talk.books_until is None or now < talk.books_until)


def _until(talk: Talk, ask: Ask, now: datetime) -> datetime | None:
    """By when it is to be done; None when nothing says so, or when that time has passed."""
    until = {Ask.BOOK: talk.books_until, Ask.WISHES: talk.answer_by, Ask.ANSWER: talk.answer_by}.get(ask)
    return until if until is not None and now < until else None
