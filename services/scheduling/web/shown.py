"""What the pages of talks and meetings have in common: the links in the head, and how whoever acted is done."""

from __future__ import annotations

from shared.kit import Kit
from shared.languages import N_
from shared.roster.standing import Role, Standing
from shared.web.face import Face
from shared.web.pages import Pages

AROUND_ROUNDS = ("/talks/rounds", "/talks/proposals", "/talks/interpreters", "/talks/school-year")
STAFF = (Role.MENTOR, Role.PRINCIPAL)


def scheduling_face(kit: Kit, pages: Pages) -> Face:
    """How the pages of this service are shown."""
    portal = kit.settings.portal_url.rstrip("/")
    return Face(kit, pages, lambda standing: [(f"{portal}/", N_("To the first page")), *links(standing)], is_here=_here)


def links(standing: Standing) -> list[tuple[str, str]]:
    """Where this person may want to go, best first: (address, English words)."""
    found = [("/talks", N_("Talks"))] if standing.roles else []
    staff = bool(set(STAFF).intersection(standing.roles)) or standing.municipality
    found += [("/talks/rounds", N_("Rounds of talks"))] if staff else []
    found += [("/meetings", N_("Meetings and visits")), ("/offers", N_("Offers"))] if standing.roles else []
    return found


def _here(href: str, path: str) -> bool:
    """True for the page itself and those under it; what staff do around rounds belongs to the rounds."""
    if href == "/talks":
        return path == href or (path.startswith("/talks/") and not path.startswith(AROUND_ROUNDS))
    return path.startswith(AROUND_ROUNDS) if href == "/talks/rounds" else path == href or path.startswith(f"{href}/")
