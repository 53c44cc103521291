"""What the bulk lane says: how a mailing ended, for at most 500 persons at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.notifications.domain.mailings import Mailing
from shared.events.envelope import Outgoing
from shared.events.notify import Addressee, MailingSettled
from shared.ids import new_id
from shared.observe.tracing import continued

LARGEST = 500


def parts(mailing: Mailing, people: Sequence[Addressee], still_open: int, now: datetime) -> list[Outgoing]:
    """The events that say so. Nobody at all and none open: the one that says that the mailing is over."""
    slices = [people[at : at + LARGEST] for at in range(0, len(people), LARGEST)] or [()]
    return [Outgoing(_part(mailing, one, still_open, now), continued(mailing.traceparent)) for one in slices]


def _part(mailing: Mailing, people: Sequence[Addressee], still_open: int, now: datetime) -> MailingSettled:
    return MailingSettled(
        mailing_id=mailing.mailing_id,
        part_id=new_id(),
        about_id=mailing.about_id,
        kind=mailing.kind,
        school_id=mailing.school_id,
        path=mailing.path,
        at=now,
        people=tuple(people),
        open=still_open,
    )
