"""What the portal's pages have in common: who is greeted, the links in the head, and how a page leaves a trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from services.portal.store.audit import Look, note
from services.portal.web import sentences
from shared.db.reach import MACHINE, reach_as
from shared.events.envelope import Outgoing
from shared.kit import Kit
from shared.languages import N_
from shared.messaging.outbox import say
from shared.roster.standing import Role, Standing
from shared.web.pages import NavLink, Pages
from shared.web.session import STEP_UP, Session, a_session, needs_acr
from shared.web.viewing import View

Me = Annotated[Session, Depends(a_session)]
StronglyMe = Annotated[Session, Depends(needs_acr(STEP_UP))]
HOME_LINKS = (("/home", N_("Today")), ("/messages", N_("Messages")), ("/preferences", N_("Settings")))
SETTINGS = ("/preferences", "/calendar", "/consents", "/who-looked")


@dataclass(frozen=True)
class Face:
    """How one service's pages are shown to a person who is logged in."""

    kit: Kit
    pages: Pages

    def show(self, request: Request, view: View, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """The page for this reader: their name, their links, the time and the zone of their school."""
        contact = view.standing.contact
        request.state.viewer_name = contact.full_name if contact else None
        request.state.nav = self._nav(request, view.standing)
        common = {"now": view.now, "zone": view.standing.zone, "say": sentences}
        return self.pages.html(request, template, status, **common, **context)

    def _nav(self, request: Request, standing: Standing) -> Sequence[NavLink]:
        here = request.scope["path"]
        return [
            NavLink(href, self.pages.gettext(request, text), _is_here(href, here)) for href, text in links(standing)
        ]


def links(standing: Standing) -> list[tuple[str, str]]:
    """Where this person may want to go, best first: (address, English words or a name)."""
    found = list(HOME_LINKS) if {Role.GUARDIAN, Role.PUPIL}.intersection(standing.roles) else []
    found += [(f"/class/{group_id}", group.name) for group_id, group in standing.mentor_groups.items()]
    schools = [standing.schools[one] for one in standing.principal_of if one in standing.schools]
    found += [(f"/school/{school.school_id}", school.name) for school in schools]
    return found + ([("/municipality", N_("Municipality"))] if standing.municipality else [])


async def trace(view: View, what: str, pupils: Iterable[UUID], about: str | None = None) -> None:
    """Leave a trace of a look at each of these pupils, in the page's own transaction."""
    viewer, tenant = view.standing.person.person_id, view.standing.tenant_id
    await note(view.db, [Look(tenant, viewer, pupil_id, what, about) for pupil_id in pupils], view.now)


async def tell(kit: Kit, view: View, said: Sequence[Outgoing]) -> None:
    """Say what this person decided, in their own transaction and as its last act.

    The outbox is not for people, so from here on the transaction is the machine's; whoever calls has finished.
    """
    await reach_as(view.db, MACHINE)
    await say(view.db, kit.tables, said, view.now)


def _is_here(href: str, path: str) -> bool:
    return path in SETTINGS if href == "/preferences" else path == href or path.startswith(f"{href}/")
