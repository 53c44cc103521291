"""What the pages on which bulletins are written have in common: whose they are, and how their words are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from fastapi import HTTPException, Request
from markupsafe import Markup

from services.bulletins.domain.bulletins import BulletinState, leaves_at, may_write, parts_of
from services.bulletins.domain.editions import Edition, Lack, direction, titles
from services.bulletins.domain.information import TOPICS, known_topic
from services.bulletins.domain.leaks import Leak, Reason
from services.bulletins.settings import BulletinsSettings
from services.bulletins.store.bulletins import Full, load
from services.bulletins.store.circle import Circle, circle_of
from services.bulletins.texts import part_of, pictures_in
from shared.events.notify import MailingKind
from shared.languages import N_
from shared.roster.standing import Standing
from shared.web.pages import language_of
from shared.web.viewing import View

FURTHEST = timedelta(days=366)
STATES = {
    BulletinState.DRAFT: ("quiet", N_("Draft")),
    BulletinState.TO_APPROVE: ("wait", N_("With the principal")),
    BulletinState.RETURNED: ("alarm", N_("To be changed")),
    BulletinState.SCHEDULED: ("wait", N_("On its way")),
    BulletinState.SENT: ("good", N_("Sent")),
    BulletinState.WITHDRAWN: ("alarm", N_("Withdrawn")),
}
PART_NAMES = {
    "learning": N_("Learning environment"),
    "activities": N_("Current activities"),
    "body": N_("Text"),
    "subject": N_("Subject"),
    "alt": N_("What a picture shows"),
    "file": N_("Name of a file"),
}
LACKS = {
    Lack.NO_TEXT: N_("Nothing is written yet."),
    Lack.NO_SUBJECT: N_("A subject is needed."),
    Lack.NO_PART: N_("This part is still empty."),
    Lack.UNFINISHED: N_(
        "A question of the draft is still there in [square brackets]. Answer it, or take the line out."
    ),
    Lack.TOO_LONG: N_("This is too long for a mail. Please shorten it."),
    Lack.NO_ALT: N_("Say in a few words what this picture shows, for those who do not see it."),
    Lack.NO_PICTURE: N_("The text names a picture that is not attached any more."),
    Lack.NO_HOMES: N_("There is nobody to send it to: no home of the class can be told."),
}
LEAKS = {
    Leak.PROTECTED_NAME: N_("A name that must not be in here. Please take it out; the bulletin cannot leave with it."),
    Leak.PERSONAL_NUMBER: N_("This looks like somebody's personal identity number."),
    Leak.NAMESAKE: N_("Is this a name? If it is a pupil's, please take it out. Somebody else may be called so too."),
    Leak.FULL_NAME: N_("A pupil's full name."),
    Leak.HEALTH: N_("Words about health."),
    Leak.ABSENCE: N_("This tells that a named pupil was away."),
    Leak.PHONE: N_("A private phone number."),
    Leak.MAIL: N_("A private mail address."),
    Leak.SMALL_GROUP: N_("So few that the others may know who is meant."),
}
REASONS = {
    Reason.AGREED: N_("The home has agreed"),
    Reason.GENERAL: N_("It is about nobody in particular"),
    Reason.PUBLIC: N_("It is known to all and harms nobody"),
    Reason.OTHER_PERSON: N_("It is about somebody else, such as staff or an author"),
}
NO_SUCH_TIME = N_("There is no such time on that day, because the clocks are put forward. Choose another time.")
OVER = N_("This time is over already. Choose a later one, or leave it empty.")
FAR = N_("This is more than a year away. Choose an earlier time.")
NO_TIME = N_("Say a day and a time, or leave it empty.")


@dataclass(frozen=True)
class Desk:
    """A bulletin and what somebody may do with it."""

    full: Full
    writes: bool
    approves: bool

    @property
    def is_open(self) -> bool:
        """True when its words may be changed."""
        return self.full.state in (BulletinState.DRAFT, BulletinState.RETURNED)


async def on_desk(view: View, bulletin_id: UUID) -> Desk:
    """A bulletin for those who write it or approve it. Raises 404 for everybody else. One statement."""
    full = await load(view.db, bulletin_id)
    if full is None:
        raise HTTPException(404)
    return judged(view.standing, full)


def judged(standing: Standing, full: Full) -> Desk:
    """What somebody may do with it. Raises 404 when nothing."""
    of = full.bulletin
    desk = Desk(full, _writes(standing, full), of.school_id in standing.principal_of)
    if of.tenant_id != standing.tenant_id or of.school_id not in standing.schools or not (desk.writes or desk.approves):
        raise HTTPException(404)
    return desk


def _writes(standing: Standing, full: Full) -> bool:
    of = full.bulletin
    return may_write(of.kind, of.school_id, full.group_ids, standing.mentor_groups, standing.principal_of)


async def writes(view: View, bulletin_id: UUID) -> Desk:
    """A bulletin for those who write it. Raises 404 for everybody else."""
    desk = await on_desk(view, bulletin_id)
    if not desk.writes:
        raise HTTPException(404)
    return desk


async def around(view: View, full: Full, settings: BulletinsSettings, *, look: bool) -> Circle:
    """Whom it is for, and with `look` the names it must not tell. Raises 404 without its school. One statement."""
    of, least = full.bulletin, settings.smallest_group
    circle = await circle_of(view.db, of.school_id, full.group_ids, view.now, look=look, least=least)
    if circle is None:
        raise HTTPException(404)
    return circle


# What the templates are given -----------------------------------------------------------------------------------------


def common(request: Request, view: View, desk: Desk, circle: Circle, settings: BulletinsSettings) -> dict[str, Any]:
    """What every page about one of them shows."""
    of, zone = desk.full.bulletin, circle.school.zone
    locale, topic = language_of(request).locale, known_topic(of.topic)
    place = circle.next_place if of.kind == MailingKind.BULLETIN else None
    return {
        "desk": desk,
        "of": of,
        "base": f"/bulletins/{of.bulletin_id}",
        "full": desk.full,
        "circle": circle,
        "school_zone": zone,
        "state_of": STATES[desk.full.state],
        "classes": ", ".join(sorted(one.name for one in circle.groups.values())) if desk.full.group_ids else "",
        "topic_of": TOPICS[topic] if topic else "",
        "part_names": PART_NAMES,
        "place": place,
        "reads": [(count, called(tag, locale), tag) for tag, count in circle.languages.items()],
        "unread_languages": [called(tag, locale) for tag in circle.languages if tag not in _written(desk.full)],
        "leaves": leaves_at(view.now, of.send_at, zone, settings.send_from, settings.send_until),
        "quiet": (settings.send_until, settings.send_from),
        "called": lambda tag: called(tag, locale),
        "direction": direction,
        "titles": titles,
        "settings": settings,
    }


def _written(full: Full) -> set[str]:
    return {one.language for one in full.texts}


def called(tag: str, locale: str) -> str:
    """What a language is called by whoever reads the page; its tag where nobody has a name for it."""
    try:
        name = Locale.parse(tag, sep="-").get_display_name(locale)
    except (UnknownLocaleError, ValueError):
        name = None
    return name or tag


def shown(kind: str, edition: Edition, full: Full) -> list[tuple[str, str, Markup]]:
    """The parts of an edition as a home sees them: (part, heading, clean HTML)."""
    alts = {file.attachment_id: file.alt for file in full.attachments if file.is_picture}
    heads, bulletin_id = titles(edition.language), full.bulletin.bulletin_id
    return [
        (part, heads.get(part, ""), Markup(part_of(edition, part, bulletin_id, alts).html))  # noqa: S704 - cleaned there
        for part in parts_of(kind)
    ]


def beneath(full: Full) -> list[Any]:
    """The pictures that no text places: they stand beneath it."""
    placed = {found for one in full.texts for part in one.parts.values() for found, _ in pictures_in(part)}
    return [file for file in full.attachments if file.is_picture and file.attachment_id not in placed]


def plain(value: object, longest: int) -> str:
    """What somebody typed, without what a database cannot keep; a file is nothing."""
    return value.replace("\x00", "").replace("\r\n", "\n")[:longest] if isinstance(value, str) else ""


def wanted_at(typed: str, zone: str, now: datetime) -> tuple[datetime | None, str | None]:
    """The instant somebody wants it to leave at, by the clock at the school; (None, None) for as soon as it may.

    The second is what is wrong with it. Where the clocks are put back and a time comes twice, the first is meant.
    """
    if not typed.strip():
        return None, None
    try:
        local = datetime.fromisoformat(typed.strip())
    except ValueError:
        return None, NO_TIME
    there = local.replace(tzinfo=ZoneInfo(zone), fold=0, second=0, microsecond=0)
    if not 2000 <= there.year < 2190:
        return None, NO_TIME
    instant = there.astimezone(now.tzinfo)
    if instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None) != there.replace(tzinfo=None):
        return None, NO_SUCH_TIME
    if instant < now - timedelta(minutes=1):
        return None, OVER
    return (None, FAR) if instant > now + FURTHEST else (instant, None)
