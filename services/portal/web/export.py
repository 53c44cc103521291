"""Duties as a file for a spreadsheet, as Nordic Excel opens it: semicolons, and UTF-8 with its mark."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from services.portal.domain.duties import LETTERS, NOTICE, TALKS, Outcome
from services.portal.store.schools import Known
from services.portal.web.staff import Shown
from services.portal.web.staff_words import LETTER_OUTCOMES, OUTCOMES, REASONS, TALK_OUTCOMES
from shared.events.duties import DutyKind, DutyStatus
from shared.languages import N_

DANGEROUS = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would take what follows for a formula
HEADS = (N_("Day"), N_("Class"), N_("Pupil"), N_("How it stands"))
STEPS = (
    (DutyStatus.OWED, OUTCOMES[Outcome.OWED]),
    (DutyStatus.SENT, OUTCOMES[Outcome.SENT]),
    (DutyStatus.DELIVERED, OUTCOMES[Outcome.DELIVERED]),
    (DutyStatus.UNDERSTOOD, OUTCOMES[Outcome.UNDERSTOOD]),
    (DutyStatus.UNREACHABLE, OUTCOMES[Outcome.UNREACHABLE]),
    (DutyStatus.RETRACTED, OUTCOMES[Outcome.RETRACTED]),
)
LAST = (N_("Why by telephone"), N_("Reference"))
TALK_STEPS = (
    (DutyStatus.OWED, TALK_OUTCOMES[Outcome.OWED]),
    (DutyStatus.SENT, TALK_OUTCOMES[Outcome.SENT]),
    (DutyStatus.MET, TALK_OUTCOMES[Outcome.MET]),
    (DutyStatus.RETRACTED, TALK_OUTCOMES[Outcome.RETRACTED]),
)
LETTER_STEPS = (
    (DutyStatus.OWED, LETTER_OUTCOMES[Outcome.OWED]),
    (DutyStatus.SENT, LETTER_OUTCOMES[Outcome.SENT]),
    (DutyStatus.DELIVERED, LETTER_OUTCOMES[Outcome.DELIVERED]),
    (DutyStatus.UNREACHABLE, LETTER_OUTCOMES[Outcome.UNREACHABLE]),
    (DutyStatus.RETRACTED, LETTER_OUTCOMES[Outcome.RETRACTED]),
)
Say = Callable[[str], str]


def duties_as_csv(duties: Iterable[tuple[Shown, Known]], kind: DutyKind, zone: str, say: Say) -> bytes:
    """A line for each duty of one kind, times on the school's clock. Only a pupil may have a name, if not protected."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\r\n")
    steps, last = _steps(kind), LAST if kind is NOTICE else LAST[1:]
    writer.writerow([say(head) for head in (*HEADS, *(head for _, head in steps), *last)])
    for pupil, duty in duties:
        writer.writerow([harmless(cell) for cell in _cells(pupil, duty, ZoneInfo(zone), say)])
    return text.getvalue().encode("utf-8-sig")


def harmless(cell: str) -> str:
    """The cell, with a quote before what a spreadsheet would run (OWASP, CSV injection)."""
    return f"'{cell}" if cell.startswith(DANGEROUS) else cell


def _cells(pupil: Shown, duty: Known, zone: ZoneInfo, say: Say) -> list[str]:
    def clock(at: datetime | None) -> str:
        return f"{at.astimezone(zone):%Y-%m-%d %H:%M}" if at else ""

    who = say(N_("protected identity")) if pupil.protected else pupil.name or ""
    about = [duty.day.isoformat(), duty.class_name or "", who]
    steps = [clock(duty.first(status)) for status, _ in _steps(duty.kind)]
    if duty.kind is not NOTICE:
        words = TALK_OUTCOMES if duty.kind in TALKS else LETTER_OUTCOMES
        return [*about, say(words[duty.stands]), *steps, str(duty.duty_id)]
    reason = say(REASONS.get(duty.reason, duty.reason)) if duty.reason else ""
    return [*about, say(OUTCOMES[duty.stands]), *steps, reason, str(duty.duty_id)]


def _steps(kind: DutyKind) -> tuple[tuple[DutyStatus, str], ...]:
    if kind in TALKS:
        return TALK_STEPS
    return LETTER_STEPS if kind in LETTERS else STEPS
