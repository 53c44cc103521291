"""What the pages of bulletins and conversations have in common: the links in the head, and how an act is done."""

from __future__ import annotations

from shared.kit import Kit
from shared.languages import N_
from shared.roster.standing import Standing
from shared.web.face import Face
from shared.web.pages import Pages

OWN_LINKS = ("/bulletins/classes", "/bulletins/plan")


def bulletins_face(kit: Kit, pages: Pages) -> Face:
    """How the pages of this service are shown."""
    portal = kit.settings.portal_url.rstrip("/")
    return Face(kit, pages, lambda standing: [(f"{portal}/", N_("To the first page")), *links(standing)], is_here=_here)


def links(standing: Standing) -> list[tuple[str, str]]:
    """Where this person may want to go, best first: (address, English words)."""
    if not standing.roles:
        return []
    found = [("/bulletins", N_("Bulletins"))]
    found += [("/bulletins/classes", N_("My classes"))] if standing.mentor_groups else []
    found += [("/bulletins/plan", N_("Plan"))] if standing.principal_of or standing.municipality else []
    return [
        *found,
        ("/information", N_("The school informs")),
        ("/dialogue", N_("Conversations")),
        ("/feedback", N_("Feedback")),
    ]


def _here(href: str, path: str) -> bool:
    """True for the page itself and those under it; what has a link of its own is not under the bulletins."""
    if href == "/bulletins":
        return path == href or (path.startswith("/bulletins/") and not path.startswith(OWN_LINKS))
    return path == href or path.startswith(f"{href}/")
