"""What is typed when something is promised, and what it becomes."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from pydantic import BaseModel

from services.scheduling.domain.thread import Agreed
from services.scheduling.talking import Promise
from services.scheduling.web.desk import Desk
from shared.events.scheduling import Owner
from shared.languages import N_

LONGEST = 500  # characters of what is promised
EMPTY = N_("Say in a few words what is promised, at most 500 characters. Nothing is kept yet.")
WHO = N_("Choose who promises it. Nothing is kept yet.")
WHEN = N_("This is no date, or one that has passed. Choose a later one, or none. Nothing is kept yet.")


class Typed(BaseModel):
    """The fields of the form, as they came. `who` is one of `who_may_promise`."""

    who: str = ""
    what: str = ""
    how: str = ""
    due: str = ""


def who_may_promise(desk: Desk) -> list[tuple[str, Owner, str | None]]:
    """Everybody who can promise something in this talk: (what the form says, owner, name)."""
    talk, folk = desk.facts.talk, desk.folk
    staff = dict.fromkeys(one for one in (talk.host_id, desk.me) if one is not None)
    found = [(f"{Owner.PUPIL}", Owner.PUPIL, folk.name(talk.pupil_id))]
    found += [(f"{Owner.GUARDIAN}:{one}", Owner.GUARDIAN, folk.name(one)) for one in desk.parties.homes]
    return [*found, *[(f"{Owner.SCHOOL}:{one}", Owner.SCHOOL, folk.name(one)) for one in staff]]


def promise_of(desk: Desk, typed: Typed, keep: Agreed | None = None) -> tuple[Promise | None, str | None]:
    """What was typed as a promise, or the sentence that says what to mend. `keep`: what is reworded.

    Who promised it is never changed afterwards: that is another promise.
    """
    what, how = _plain(typed.what), _plain(typed.how)
    if not what or len(what) > LONGEST or len(how) > LONGEST:
        return None, EMPTY
    try:
        due = date.fromisoformat(typed.due) if typed.due.strip() else None
    except ValueError:
        return None, WHEN
    if due is not None and due < desk.today and due != (keep.due if keep else None):
        return None, WHEN
    if keep is not None:
        return Promise(keep.owner, keep.promised_by, what, how, due), None
    chosen = next((one for one in who_may_promise(desk) if one[0] == typed.who), None)
    if chosen is None:
        return None, WHO
    person = typed.who.partition(":")[2]
    return Promise(chosen[1], _id(person), what, how, due), None


def _id(text: str) -> UUID | None:
    return UUID(text) if text else None


def _plain(text: str) -> str:
    return " ".join(text.replace("\x00", "").split())
