"""The tables of the bulletins service's own database, a file for each part of the work."""

from __future__ import annotations

from services.bulletins.tables.base import kit, metadata, roster
from services.bulletins.tables.bulletins import (
    Attachment,
    Bulletin,
    BulletinGroup,
    BulletinText,
    Feedback,
    Reach,
    Reading,
)
from services.bulletins.tables.dialogue import Message, MessageFile, Party, Thread
from services.bulletins.tables.plans import (
    AbsenceMonth,
    Activity,
    HalfYear,
    KnownMeeting,
    KnownTalk,
    Owed,
    Place,
)

__all__ = [
    "AbsenceMonth",
    "Activity",
    "Attachment",
    "Bulletin",
    "BulletinGroup",
    "BulletinText",
    "Feedback",
    "HalfYear",
    "KnownMeeting",
    "KnownTalk",
    "Message",
    "MessageFile",
    "Owed",
    "Party",
    "Place",
    "Reach",
    "Reading",
    "Thread",
    "kit",
    "metadata",
    "roster",
]
