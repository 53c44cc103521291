"""How a service's pages are shown to a person who is logged in, and how what they decided is said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from shared.db.reach import MACHINE, reach_as
from shared.events.envelope import Outgoing
from shared.events.privacy import PupilLookedAt
from shared.ids import new_id
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe.tracing import new_traceparent
from shared.roster.standing import Standing
from shared.web.pages import NavLink, Pages
from shared.web.session import STEP_UP, Session, a_session, needs_acr
from shared.web.viewing import View

Me = Annotated[Session, Depends(a_session)]
StronglyMe = Annotated[Session, Depends(needs_acr(STEP_UP))]
Links = Callable[[Standing], Sequence[tuple[str, str]]]


@dataclass(frozen=True)
class Face:
    """How one service's pages are shown. `links` says where somebody may want to go: (address, English words)."""

    kit: Kit
    pages: Pages
    links: Links
    common: dict[str, Any] = field(default_factory=dict)
    is_here: Callable[[str, str], bool] = lambda href, path: path == href or path.startswith(f"{href}/")

    def show(self, request: Request, view: View, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """The page for this reader: their name, their links, the time and the zone of their school."""
        contact = view.standing.contact
        request.state.viewer_name = contact.full_name if contact else None
        request.state.nav = self._nav(request, view.standing)
        common = {"now": view.now, "zone": view.standing.zone, **self.common}
        return self.pages.html(request, template, status, **common, **context)

    def _nav(self, request: Request, standing: Standing) -> Sequence[NavLink]:
        here = request.scope["path"]
        return [
            NavLink(href, self.pages.gettext(request, text), self.is_here(href, here))
            for href, text in self.links(standing)
        ]


async def tell(kit: Kit, view: View, said: Sequence[Outgoing]) -> None:
    """Say what this person decided, in their own transaction and as its last act.

    The outbox is not for people, so from here on the transaction is the machine's; whoever calls has finished.
    """
    await reach_as(view.db, MACHINE)
    await say(view.db, kit.tables, said, view.now)


async def act(view: View) -> None:
    """From here on the transaction is the machine's: all that this person may do has been asked and checked.

    What they decided is written with it, because much of it stands where people do not reach (what falls due, others'
    rows). Whoever calls reads nothing more for the page.
    """
    await reach_as(view.db, MACHINE)


async def done(
    face: Face, view: View, said: Sequence[Outgoing] = (), what: str = "", pupils: Iterable[UUID] = ()
) -> None:
    """Say what was decided, and whose data was looked at (`what`: the page), as the last act of the transaction.

    From here on the transaction is the machine's (`tell`).
    """
    looks = _looked(view, what, pupils)
    if said or looks:
        await tell(face.kit, view, [*said, *looks])
        face.kit.outbox_written.set()


def _looked(view: View, what: str, pupils: Iterable[UUID]) -> list[Outgoing]:
    """Somebody has looked at what is kept about each of these pupils."""
    viewer, tenant = view.standing.person.person_id, view.standing.tenant_id
    looks = [
        PupilLookedAt(look_id=new_id(), tenant_id=tenant, viewer_id=viewer, pupil_id=one, what=what, at=view.now)
        for one in dict.fromkeys(pupils)
    ]
    return [Outgoing(look, new_traceparent()) for look in looks]
