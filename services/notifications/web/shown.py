"""What the pages of this service have in common: the links in the head, who may open them, and how an act is done."""

from __future__ import annotations

from uuid import UUID

from fastapi import HTTPException

from shared.kit import Kit
from shared.languages import N_
from shared.roster.standing import Standing
from shared.web.face import Face
from shared.web.pages import Pages
from shared.web.viewing import View

STATUS, WORDS, TRIAL, LETTERS = "/sending", "/sending/words", "/sending/trial", "/sending/letters"


def notifications_face(kit: Kit, pages: Pages) -> Face:
    """How the pages of this service are shown."""
    portal = kit.settings.portal_url.rstrip("/")
    return Face(kit, pages, lambda standing: [(f"{portal}/", N_("To the first page")), *links(standing)], is_here=_here)


def links(standing: Standing) -> list[tuple[str, str]]:
    """Where this person may want to go: officers to everything, principals to the letters of their schools."""
    letters = [(LETTERS, N_("Letters to print"))] if standing.municipality or standing.principal_of else []
    if not standing.municipality:
        return letters
    return [(STATUS, N_("How messages leave")), (WORDS, N_("Words of messages")), *letters, (TRIAL, N_("Trial"))]


def officer(view: View) -> UUID:
    """The municipality whose officer the reader is. Raises 404 for everybody else."""
    if not view.standing.municipality:
        raise HTTPException(404)
    return view.standing.tenant_id


def _here(href: str, path: str) -> bool:
    """True for the page itself and those under it; `/sending` is only itself."""
    return path == href or (href != STATUS and path.startswith(f"{href}/"))
