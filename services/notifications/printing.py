"""Letters at the moment when they are printed: is the right still there, where do they go, and what do they say.

Nothing of this was decided when the letter was asked for: addresses, custody and marking change meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications.domain.letters import Letter
from services.notifications.domain.mailings import text_for
from services.notifications.domain.paper import Fate, address_lines, is_usable, window_for
from services.notifications.letter_pdf import Paper, paragraphs_of
from services.notifications.messages import Composer
from services.notifications.store.letters import Kept
from services.notifications.tables import roster
from shared.clock import local_date
from shared.events.notify import Appointment, MailingText, NotificationKind
from shared.events.people import PreferencesStated
from shared.events.roster import ContactStated, PersonStated, PostalAddress, SchoolStated
from shared.languages import N_, Language, choose, written_day
from shared.roster.access import Family, Why, families, oneself
from shared.roster.projection import known

PAGE = N_("Page %(page)s")
UNPRINTABLE = N_("Where […] stands, there are signs that cannot be printed here. The portal shows them in full.")
BY_CONSENT = frozenset({Why.PUPIL_AGREED, Why.GUARDIANS_AGREED})
Say = Callable[[Language, str], str]  # our own words in a language


@dataclass(frozen=True)
class Judged:
    """A letter with what can be done with it now. `why` is the verdict it goes out on, None for one to a person."""

    kept: Kept
    fate: Fate
    contact: ContactStated | None = None
    preferences: PreferencesStated | None = None
    why: Why | None = None


@dataclass(frozen=True)
class _Known:
    today: date
    families: Mapping[UUID, Family]
    persons: Mapping[UUID, PersonStated]
    contacts: Mapping[UUID, ContactStated]
    preferences: Mapping[UUID, PreferencesStated]


async def judged(session: AsyncSession, letters: Sequence[Kept], school: SchoolStated, now: datetime) -> list[Judged]:
    """Every letter with its fate at this moment, in the same order. A few statements for all of them."""
    today = local_date(now, school.zone)
    pupils = {pupil for one in letters for pupil in one.pupil_ids}
    people = {one.person_id for one in letters}
    found = _Known(
        today,
        await families(session, roster, pupils, dict.fromkeys(pupils, today)),
        await known(session, roster, PersonStated, people),
        await known(session, roster, ContactStated, people),
        await known(session, roster, PreferencesStated, people),
    )
    return [_judge(one, found) for one in letters]


def paper_of(one: Judged, school: SchoolStated, composer: Composer, say: Say, now: datetime) -> Paper:
    """The letter as it is set. Raises ValueError for one that is not READY."""
    if one.contact is None or one.contact.address is None:
        raise ValueError("A letter without an address cannot be set.")
    tags = _tags(one)
    if one.kept.is_mailing:
        texts = [MailingText.model_validate(text) for text in one.kept.about["texts"]]
        text = texts[text_for(texts, tags)]
        language, subject, paragraphs = choose(text.language, *tags), text.subject, tuple(paragraphs_of(text.text))
        tag = text.language
    else:
        words = composer.letter_words(_letter(one, school), school.tenant_id)
        language, subject, paragraphs = choose(*tags, school.language), words.subject, words.paragraphs
        tag = language.tag
    today = local_date(now, school.zone)
    return Paper(
        language=tag,
        sender=school.name,
        date=f"{written_day(today, language)} {today.year}",
        address=address_lines(one.contact.full_name, _inland(one.contact.address, school)),
        window=window_for(school.zone),
        subject=subject,
        paragraphs=paragraphs,
        page=say(language, PAGE),
        unprintable=say(language, UNPRINTABLE),
    )


def _judge(one: Kept, found: _Known) -> Judged:
    person, contact = found.persons.get(one.person_id), found.contacts.get(one.person_id)
    if one.taken_back:
        return Judged(one, Fate.NOT_ENTITLED)
    if one.hidden:
        return Judged(one, Fate.PROTECTED)
    if person is None or contact is None or any(pupil not in found.families for pupil in one.pupil_ids):
        return Judged(one, Fate.LATER)
    why = _right(one, found)
    if (one.pupil_ids and why is None) or not person.active:
        return Judged(one, Fate.NOT_ENTITLED)
    fate = Fate.READY if is_usable(contact.address) else Fate.NO_ADDRESS
    return Judged(one, fate, contact, found.preferences.get(one.person_id), why)


def _right(one: Kept, found: _Known) -> Why | None:
    """The verdict by which this person may be told about one of the pupils now; None when there is none."""
    for pupil_id in one.pupil_ids:
        family = found.families[pupil_id]
        for verdict in (oneself(family.pupil, found.today), *family.verdicts):
            if verdict.guardian_id == one.person_id and verdict.allowed:
                return verdict.why
    return None


def _letter(one: Judged, school: SchoolStated) -> Letter:
    """What decides the words, as it does for a mail (`claims.letter_for`); a neutral letter is never printed here."""
    about = one.kept.about
    return Letter(
        kind=NotificationKind(about["kind"]),
        language=choose(*_tags(one), school.language),
        school=school.name,
        neutral=False,
        day=about["day"],
        count=about["lesson_count"],
        consented=one.why in BY_CONSENT,
        oneself=one.why is Why.ONESELF,
        named=one.why is None,
        appointment=Appointment.model_validate(about["appointment"]) if about["appointment"] else None,
        rung=about["rung"],
    )


def _tags(one: Judged) -> list[str]:
    """The languages this person wants: first the one they chose, then the one the registry gives."""
    said = (one.preferences.language if one.preferences else None, one.contact.language if one.contact else None)
    return [tag for tag in said if tag]


def _inland(address: PostalAddress, school: SchoolStated) -> PostalAddress:
    """Without a country that is the school's own, however it is written: letters within a country name none."""
    own = {"sv": ("se", "sverige", "sweden"), "nb": ("no", "norge", "norway"), "nn": ("no", "noreg", "norge")}
    at_home = address.country.strip().casefold() in own.get(school.language, ())
    return address.model_copy(update={"country": ""}) if at_home else address
