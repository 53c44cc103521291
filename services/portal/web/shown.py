"""What the portal's pages have in common: who is greeted, the links in the head, and how a page leaves a trace."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from services.portal.store.audit import Look, note
from services.portal.web import sentences
from shared.kit import Kit
from shared.languages import N_
from shared.roster.standing import Role, Standing
from shared.web.face import Face
from shared.web.pages import Pages
from shared.web.viewing import View

MEETINGS = ("/meetings", N_("Meetings and visits"))
MESSAGES = ("/messages", N_("Messages"))
BULLETINS = ("/bulletins", N_("Bulletins"))
DIALOGUE = ("/dialogue", N_("Conversations"))
HOW_TOLD = ("/preferences", N_("Settings"))
HOME_LINKS = (
    ("/home", N_("Today")),
    ("/talks", N_("Talks")),
    BULLETINS,
    DIALOGUE,
    MEETINGS,
    MESSAGES,
    HOW_TOLD,
)
SETTINGS = ("/preferences", "/calendar", "/consents", "/who-looked")


def portal_face(kit: Kit, pages: Pages) -> Face:
    """How the portal's pages are shown."""
    return Face(kit, pages, links, {"say": sentences}, _is_here)


def links(standing: Standing) -> list[tuple[str, str]]:
    """Where this person may want to go, best first: (address, English words or a name)."""
    found = list(HOME_LINKS) if {Role.GUARDIAN, Role.PUPIL}.intersection(standing.roles) else []
    found += [(f"/class/{group_id}", group.name) for group_id, group in standing.mentor_groups.items()]
    schools = [standing.schools[one] for one in standing.principal_of if one in standing.schools]
    found += [(f"/school/{school.school_id}", school.name) for school in schools]
    found += [("/municipality", N_("Municipality"))] if standing.municipality else []
    if {Role.MENTOR, Role.PRINCIPAL, Role.MUNICIPALITY}.intersection(standing.roles):
        found += [("/talks/rounds", N_("Rounds of talks")), *_plans(standing)]
        found += [one for one in (BULLETINS, DIALOGUE, MEETINGS, MESSAGES, HOW_TOLD) if one not in found]
    return found


def _plans(standing: Standing) -> list[tuple[str, str]]:
    """What principals and officers look after: bulletins that are owed, and how messages leave."""
    plans = [("/bulletins/plan", N_("Plan of bulletins"))] if standing.principal_of or standing.municipality else []
    return plans + ([("/sending", N_("How messages leave"))] if standing.municipality else [])


async def trace(view: View, what: str, pupils: Iterable[UUID], about: str | None = None) -> None:
    """Leave a trace of a look at each of these pupils, in the page's own transaction."""
    viewer, tenant = view.standing.person.person_id, view.standing.tenant_id
    await note(view.db, [Look(tenant, viewer, pupil_id, what, about) for pupil_id in pupils], view.now)


def _is_here(href: str, path: str) -> bool:
    return path in SETTINGS if href == "/preferences" else path == href or path.startswith(f"{href}/")
