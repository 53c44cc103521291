"""Every page there is, by who opens it and how they come there."""

from __future__ import annotations

from dataclasses import dataclass

from tests.browser.town import Cast
from tests.browser.visitor import Visitor

NOBODY = "nobody"
STRONGER = "Confirm that it is me"


@dataclass(frozen=True)
class Visit:
    """A page: its name, who opens it (a part of the cast), the address, then links or buttons to follow from there.

    A link is the beginning of its address in the page's content. `js` pages keep a connection open.
    """

    name: str
    who: str
    path: str
    links: tuple[str, ...] = ()
    press: str = ""
    service: str = "portal"
    status: int = 200


VISITS = (
    Visit("welcome", NOBODY, "/"),
    Visit("step-in", NOBODY, "/demo/people?name=Anna"),
    Visit("login", NOBODY, "/login?next=/home"),
    Visit("logged-out", NOBODY, "/logged-out"),
    Visit("login-refused", NOBODY, "/login/callback/e-id?error=access_denied", status=403),
    Visit("not-there", NOBODY, "/nothing-here", status=404),
    Visit("live", NOBODY, "/live"),
    Visit("mailboxes", NOBODY, "/", service="mails"),
    Visit("mail", NOBODY, "/", ("/mail/",), service="mails"),
    Visit("home", "guardian", "/home"),
    Visit("notice", "guardian", "/home", ("/n/",)),
    Visit("messages", "guardian", "/messages"),
    Visit("preferences", "guardian", "/preferences"),
    Visit("consents", "guardian", "/consents", press=STRONGER),
    Visit("calendar", "guardian", "/calendar"),
    Visit("calendar-made", "guardian", "/calendar", press="Make a"),
    Visit("who-looked", "guardian", "/who-looked?own=true"),
    Visit("home-of-a-pupil", "young_pupil", "/home"),
    Visit("home-at-18", "grown_up_pupil", "/home"),
    Visit("consents-at-18", "grown_up_pupil", "/consents", press=STRONGER),
    Visit("without-custody", "without_custody", "/"),
    Visit("nothing-yet", "clerk", "/"),
    Visit("class", "mentor", "/"),
    Visit("pupil", "mentor", "/", ("/pupil/",)),
    Visit("ledger", "principal", "/"),
    Visit("duties", "principal", "/", ("/school/",)),
    Visit("duty", "principal", "/", ("/school/", "/duty/")),
    Visit("municipality", "officer", "/municipality"),
    Visit("wall", "officer", "/municipality/wall"),
    Visit("step-up", "officer", "/step-up?next=/registry/quarantine"),
    Visit("registries", "officer", "/registry/sources", service="registry"),
    Visit("quarantine", "officer", "/registry/quarantine", press=STRONGER, service="registry"),
)


async def go(visitor: Visitor, visit: Visit, cast: Cast) -> None:
    """Come to the page as the person it is for."""
    base = getattr(visitor.town, visit.service)
    if visit.status != 200:
        visitor.watch.expected.add(base + visit.path)
    if visit.who != NOBODY:
        await visitor.step_in_as(getattr(cast, visit.who))
    await visitor.open(base + visit.path)
    for start in visit.links:
        await visitor.follow_to(start)
    if visit.press:
        await visitor.through(visitor.page.get_by_role("button", name=visit.press))
