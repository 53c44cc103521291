"""What the pages of bulletins and conversations have in common: the links in the head, and how an act is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from services.bulletins.outgoing import looked
from shared.db.reach import MACHINE, reach_as
from shared.events.envelope import Outgoing
from shared.kit import Kit
from shared.languages import N_
from shared.roster.standing import Standing
from shared.web.face import Face, tell
from shared.web.pages import Pages
from shared.web.viewing import View

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


async def act(view: View) -> None:
    """From here on the transaction is the machine's: all that this person may do has been asked and checked."""
    await reach_as(view.db, MACHINE)


async def done(
    face: Face, view: View, said: Sequence[Outgoing] = (), what: str = "", pupils: Iterable[UUID] = ()
) -> None:
    """Say what was decided, and whose data was looked at (`what`: the page), as the last act of the transaction."""
    viewer, tenant = view.standing.person.person_id, view.standing.tenant_id
    looks = looked(tenant, viewer, pupils, what, view.now)
    if said or looks:
        await tell(face.kit, view, [*said, *looks])
        face.kit.outbox_written.set()


def _here(href: str, path: str) -> bool:
    """True for the page itself and those under it; what has a link of its own is not under the bulletins."""
    if href == "/bulletins":
        return path == href or (path.startswith("/bulletins/") and not path.startswith(OWN_LINKS))
    return path == href or path.startswith(f"{href}/")
