"""Duties: what the school owes a home by a time, and what became of it. Every service speaks here."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from shared.events.envelope import Event, Instant, Line
from shared.topics import DUTIES


class DutyKind(StrEnum):
    """What is owed."""

    SAME_DAY_NOTICE = "same_day_notice"  # SE skollagen 7 kap 17 §: a guardian is told the same day
    DEVELOPMENT_TALK = "development_talk"  # one a term, two a year; SE skollagen 10 kap 12 §, NO forskrift § 20-3 (old)
    CLASS_BULLETIN = "class_bulletin"  # three a half-year, as the school has promised
    SCHOOL_INFORMATION = "school_information"  # goals, plan of work, expectations: once a school year
    START_TALK = "start_talk"  # reception and start-up talks that a school has promised


class DutyStatus(StrEnum):
    """A duty's life. It moves forward only, in the order of `RANK`."""

    OWED = "owed"
    SENT = "sent"  # handed to a mail server, not yet taken
    UNREACHABLE = "unreachable"  # nobody with the right can be reached by mail: on the school's call list
    DELIVERED = "delivered"  # taken (SMTP 250) for at least one guardian with the right
    UNDERSTOOD = "understood"
    MET = "met"
    MISSED = "missed"
    RETRACTED = "retracted"  # the school corrected itself after the notice went out


RANK = {status: rank for rank, status in enumerate(DutyStatus)}


class DutyMoved(Event):
    """A duty has reached a status. `evidence_id` names the notification, talk or other record that proves it.

    `day` is the last day on which it is met in time, in the school's own calendar.

    `reason` says in a code word why nobody could be reached (`no_address`, `bounced` and so on); never a health reason.
    """

    event_type: ClassVar[str] = "duty.moved.v1"
    topic: ClassVar[str] = DUTIES.name

    duty_id: UUID
    kind: DutyKind
    status: DutyStatus
    pupil_id: UUID
    school_id: UUID
    day: date
    at: Instant
    evidence_id: UUID | None = None
    reason: Line | None = None

    def key(self) -> str:
        """The duty."""
        return str(self.duty_id)
