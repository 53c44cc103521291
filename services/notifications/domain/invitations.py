"""Calendar entries in mails (iMIP, RFC 6047; iTIP, RFC 5546): one appointment, one attendee, no person named.

A calendar entry is copied to places that nobody here controls: shared calendars, employers' servers, watches. So it
says when and where, with which school, and nothing else; and somebody with a protected identity gets none at all.

What calendars need to take an update for one, and not silently drop it: the same UID for ever, a SEQUENCE that grows
with every change and with the cancelling, a newer DTSTAMP, and a VTIMEZONE that is the same to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from urllib.parse import quote

from shared.events.notify import Appointment, NotificationKind
from shared.timezones import INSTANT, KNOWN, timed, vtimezone

PRODUCT = "-//Skolbro//Appointments//EN"
OCTETS = 75  # of a content line, without its line break (RFC 5545 3.1)
AS_IT_IS = "@!$&'*+=/-._~"  # of an address in a mailto: address (RFC 6068)
TEXT = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n"})
PARAMETER = str.maketrans({'"': "'", "^": " "})  # cannot be in a quoted value; “^n” is a line break (RFC 6868)
INVITED = frozenset({NotificationKind.TALK_BOOKED, NotificationKind.TALK_MOVED, NotificationKind.MEETING_BOOKED})
ENDED = frozenset(
    {NotificationKind.TALK_CANCELLED, NotificationKind.TALK_NEW_EVENING, NotificationKind.MEETING_CANCELLED}
)


class Method(StrEnum):
    """What the calendar is asked to do (RFC 5546 1.4)."""

    REQUEST = "REQUEST"
    CANCEL = "CANCEL"


@dataclass(frozen=True, slots=True)
class Entry:
    """An appointment as a calendar shows it. All texts are single lines; `domain` makes the UID unique in the world."""

    method: Method
    appointment: Appointment
    summary: str
    description: str
    location: str
    organizer: str
    organizer_name: str
    domain: str


def method_of(kind: NotificationKind, appointment: Appointment | None) -> Method | None:
    """What a message of this kind does to calendars; None when it does nothing."""
    if appointment is None or kind not in INVITED | ENDED:
        return None
    return Method.CANCEL if kind in ENDED or appointment.cancelled else Method.REQUEST


def calendar(entry: Entry, attendee: str, stamp: datetime) -> bytes:
    """The iCalendar object for one attendee (a mail address), UTF-8, folded, its lines ended by CRLF.

    `stamp` is when the change was asked for: the same at every attempt, so that a repeated mail is the same mail.
    """
    return b"".join(folded(line) for line in _lines(entry, attendee, stamp))


def folded(line: str) -> bytes:
    """A content line, folded so that no line is longer than 75 octets and no character is cut."""
    return b"\r\n ".join(_pieces(line)) + b"\r\n"


def _lines(entry: Entry, attendee: str, stamp: datetime) -> Iterable[str]:
    appointment = entry.appointment
    yield from ("BEGIN:VCALENDAR", f"PRODID:{PRODUCT}", "VERSION:2.0", "CALSCALE:GREGORIAN", f"METHOD:{entry.method}")
    yield from vtimezone(appointment.zone).splitlines() if appointment.zone in KNOWN else ()
    yield "BEGIN:VEVENT"
    yield f"UID:{appointment.uid_of}@{entry.domain}"
    yield f"SEQUENCE:{appointment.sequence}"
    yield f"DTSTAMP:{stamp.astimezone(UTC).strftime(INSTANT)}"
    yield timed("DTSTART", appointment.starts_at, appointment.zone)
    yield timed("DTEND", appointment.ends_at, appointment.zone)
    yield f"SUMMARY:{entry.summary.translate(TEXT)}"
    if entry.location:
        yield f"LOCATION:{entry.location.translate(TEXT)}"
    yield f"DESCRIPTION:{entry.description.translate(TEXT)}"
    yield f'ORGANIZER;CN="{entry.organizer_name.translate(PARAMETER)}":mailto:{quote(entry.organizer, AS_IT_IS)}'
    yield (
        "ATTENDEE;CUTYPE=INDIVIDUAL;ROLE=REQ-PARTICIPANT;PARTSTAT=NEEDS-ACTION;RSVP=FALSE"
        f":mailto:{quote(attendee, AS_IT_IS)}"
    )
    yield f"STATUS:{'CANCELLED' if entry.method is Method.CANCEL else 'CONFIRMED'}"
    yield from ("CLASS:PRIVATE", "TRANSP:OPAQUE", "END:VEVENT", "END:VCALENDAR")


def _pieces(line: str) -> Iterator[bytes]:
    data = line.encode()
    room = OCTETS
    while len(data) > room:
        end = room
        while data[end] & 0xC0 == 0x80:  # in the middle of a character
            end -= 1
        yield data[:end]
        data, room = data[end:], OCTETS - 1  # the space that continues a line counts
    yield data
