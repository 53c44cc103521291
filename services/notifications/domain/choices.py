"""What somebody has chosen: how they hear of a subject, when their digest comes, and by which ways they are reached."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from services.notifications.channels.protocol import Way
from services.notifications.domain.addresses import usable
from services.notifications.domain.phones import mobile
from shared.events.people import Channel, How, PreferencesStated, Subject
from shared.events.roster import ContactStated
from shared.quiet import next_allowed

DIGEST_AT = time(7, 30)  # local; for whoever has said no other time
DEFAULT_ORDER = (Channel.EMAIL, Channel.PUSH, Channel.SMS)
SOONEST = (How.INSTANT, How.DIGEST, How.OFF)
ASSUMED_REGION = "SE"


def how_of(preferences: PreferencesStated | None, subject: Subject | None, pupil_ids: Iterable[UUID]) -> How:
    """How this person wants to hear of a subject that is about these pupils (none: about nobody by name).

    A choice for a pupil wins over the general one. Of several pupils the one with the most immediate choice decides:
    what is wanted at once about one child is not to wait for another. No subject always comes at once.
    """
    if subject is None or preferences is None:
        return How.INSTANT
    chosen = {choice.pupil_id: choice.how for choice in preferences.choices if choice.subject is subject}
    general = chosen.get(None, How.INSTANT)
    wanted = {chosen.get(pupil_id, general) for pupil_id in pupil_ids} or {general}
    return min(wanted, key=SOONEST.index)


def next_digest(now: datetime, zone: str, digest_at: time | None) -> datetime:
    """When the next digest of somebody leaves (UTC, later than `now`): at that local time, by a clock in this zone.

    A time that comes twice (the clocks go back) means the first, one that is jumped over the moment of the jump: one
    digest a day, on the days of 23 and 25 hours as well.
    """
    local = (digest_at or DIGEST_AT).replace(tzinfo=None, fold=0)
    today = now.astimezone(ZoneInfo(zone)).date()
    moments = (_moment(today + timedelta(days=days), local, zone) for days in (0, 1))
    return next(moment for moment in moments if moment > now)


def digest_day(at: datetime, zone: str) -> date:
    """Which local day's digest one is that leaves at this instant."""
    return at.astimezone(ZoneInfo(zone)).date()


def ways_of(
    contact: ContactStated | None,
    preferences: PreferencesStated | None,
    simulate: bool,
    *,
    waits: bool = False,
    owed: bool = False,
    region: str = ASSUMED_REGION,
) -> tuple[Way, ...]:
    """The ways to somebody, best first: the channels they have chosen in that order, then what else there is.

    What may wait (`waits`) keeps to their wishes: no e-mail to whoever wants none, and no text message unless it was
    chosen or there is no mail address. What may not wait uses every way there is. What is owed ends with a letter. The
    numbers of telephones are read as people in that `region` write them.
    """
    ways: list[Way] = []
    for channel in _order(contact, preferences, simulate, waits):
        ways += [Way(channel, address) for address in _addresses(channel, contact, preferences, simulate, region)]
    if owed and contact is not None:
        ways.append(Way(Channel.LETTER, str(contact.person_id)))
    return tuple(dict.fromkeys(ways))


def _order(
    contact: ContactStated | None, preferences: PreferencesStated | None, simulate: bool, waits: bool
) -> Sequence[Channel]:
    chosen = [one for one in (preferences.channels if preferences else ()) if one in DEFAULT_ORDER]
    order = [*chosen, *(one for one in DEFAULT_ORDER if one not in chosen)]
    if not waits:
        return order
    no_mail = preferences is not None and not preferences.email
    if no_mail or _mails(contact, simulate):
        order = [one for one in order if one is not Channel.SMS or one in chosen]
    return [one for one in order if one is not Channel.EMAIL] if no_mail else order


def _addresses(
    channel: Channel,
    contact: ContactStated | None,
    preferences: PreferencesStated | None,
    simulate: bool,
    region: str,
) -> Sequence[str]:
    if channel is Channel.EMAIL:
        return _mails(contact, simulate)
    if channel is Channel.PUSH:
        return [one.model_dump_json() for one in (preferences.push if preferences else ())]
    numbers = (mobile(phone, region, simulate) for phone in (contact.phones if contact else ()))
    return [number for number in numbers if number]


def _mails(contact: ContactStated | None, simulate: bool) -> list[str]:
    ready = (usable(email, simulate) for email in (contact.emails if contact else ()))
    return [address for address in ready if address]


def _moment(day: date, local: time, zone: str) -> datetime:
    """The first instant at which a clock in the zone shows this time on this day, or the jump over it."""
    plain = datetime.combine(day, local, ZoneInfo(zone))
    first = min(plain.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    shown = first.astimezone(ZoneInfo(zone)).time()
    return first if shown == local else next_allowed(first, zone, shown, local)
