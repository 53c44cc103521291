"""What stands on the paper of a bulletin, in the bulletin's own language where we write in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from services.bulletins.bulletin_pdf import BulletinPaper, Picture
from services.bulletins.domain.bulletins import parts_of
from services.bulletins.domain.editions import Edition, picture_word, titles
from services.bulletins.reading import LOCALES
from services.bulletins.store.bulletins import Full
from shared.clock import local_date
from shared.events.roster import SchoolStated
from shared.languages import N_, choose, translations, written_day
from shared.web.pages import DOMAIN

PAGE_OF = N_("Page %(page)s of %(pages)s")
UNPRINTABLE = N_("Where […] stands, there are signs that cannot be printed here. Its page in the portal has them all.")


def paper_of(
    full: Full,
    edition: Edition,
    school: SchoolStated,
    classes: Sequence[str],
    bytes_of: Mapping[UUID, bytes],
    page_language: str,
) -> BulletinPaper:
    """The paper of one language's words. `bytes_of`: its pictures. It names classes and the school, and no child."""
    of, language = full.bulletin, choose(edition.language, page_language)
    say = translations(LOCALES, language.tag, DOMAIN).ugettext
    sent_at = of.sent_at or of.changed_at
    day = local_date(sent_at, school.zone)
    facts = [(say(N_("Sent")), f"{written_day(day, language)} {day.year}")]
    if of.number and of.of:
        facts += [(say(N_("Number")), say(N_("%(number)s of %(of)s")) % {"number": of.number, "of": of.of})]
    heads = titles(edition.language)
    pictures = [one for one in full.attachments if one.is_picture and one.attachment_id in bytes_of]
    return BulletinPaper(
        language=edition.language,
        title=edition.subject,
        lead=" · ".join((school.name, *classes)),
        facts=facts,
        parts=[(heads.get(part, ""), edition.parts.get(part, "")) for part in parts_of(of.kind)],
        page_of=say(PAGE_OF),
        unprintable=say(UNPRINTABLE),
        at=sent_at,
        pictures={one.attachment_id: Picture(bytes_of[one.attachment_id], one.alt) for one in pictures},
        picture_word=picture_word(edition.language),
    )
