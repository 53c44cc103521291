"""Every page there is, by who opens it and how they come there."""

from __future__ import annotations

from dataclasses import dataclass

from tests.browser.scene import scene
from tests.browser.town import Cast
from tests.browser.visitor import Visitor

NOBODY = "nobody"
STRONGER = "Confirm that it is me"


@dataclass(frozen=True)
class Visit:
    """A page: its name, who opens it (a part of the cast), the address, then links or buttons to follow from there.

    A link is the beginning of its address in the page's content. A page of `talks` has ids of the scene in its address,
    and is opened by a part of the scene.
    """

    name: str
    who: str
    path: str
    links: tuple[str, ...] = ()
    press: str = ""
    service: str = "portal"
    status: int = 200

    @property
    def talks(self) -> bool:
        """True when it needs the scene of the talks."""
        return self.service == "scheduling"


def _talks(name: str, who: str, path: str, press: str = "") -> Visit:
    return Visit(name, who, path, press=press, service="scheduling")


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
    _talks("talks", "talk_guardian", "/talks"),
    _talks("talks-coming", "ahead_guardian", "/talks"),
    _talks("talks-of-a-pupil", "talk_pupil", "/talks"),
    _talks("talks-one-holds", "first_mentor", "/talks"),
    _talks("wishes", "asked_guardian", "/talks/wishes"),
    _talks("book", "booking_guardian", "/talks/book"),
    _talks("hold", "booking_guardian", "/talks/book", "Keep this time for me"),
    _talks("swap", "ahead_guardian", "/talks/{ahead}/swap"),
    _talks("talk", "talk_guardian", "/talks/{talk}"),
    _talks("talk-at-school", "talk_mentor", "/talks/{talk}"),
    _talks("prepare", "ahead_guardian", "/talks/{ahead}/prepare"),
    _talks("record", "talk_mentor", "/talks/{talk}/record"),
    _talks("red-thread", "talk_guardian", "/talks/pupil/{pupil}"),
    _talks("adaptations", "talk_mentor", "/talks/pupil/{pupil}/adaptations", STRONGER),
    _talks("commitment", "talk_mentor", "/talks/commitments/{commitment}"),
    _talks("check-in", NOBODY, "/talks/check/{check}"),
    _talks("rounds", "talk_principal", "/talks/rounds"),
    _talks("round-new", "talk_principal", "/talks/rounds/new"),
    _talks("round", "talk_principal", "/talks/rounds/{round}"),
    _talks("proposals", "talk_principal", "/talks/rounds/{round}/proposals"),
    _talks("proposal", "talk_principal", "/talks/proposals/{proposal}"),
    _talks("away", "talk_principal", "/talks/rounds/{round}/away"),
    _talks("interpreters", "talk_principal", "/talks/interpreters"),
    _talks("school-year", "talk_principal", "/talks/school-year"),
    _talks("meetings", "first_home", "/meetings"),
    _talks("meeting", "first_home", "/meetings/{meeting}"),
    _talks("meeting-at-school", "first_mentor", "/meetings/{meeting}"),
    _talks("meeting-new", "first_mentor", "/meetings/new"),
    _talks("minutes", "first_home", "/meetings/{meeting}/minutes"),
    _talks("offers", "first_mentor", "/offers"),
    _talks("offers-of-a-guardian", "first_home", "/offers"),
    _talks("offer", "first_mentor", "/offers/{offer}"),
    _talks("offer-of-a-guardian", "first_home", "/offers/{offer}"),
)


async def go(visitor: Visitor, visit: Visit, cast: Cast) -> None:
    """Come to the page as the person it is for."""
    base, path, people = getattr(visitor.town, visit.service), visit.path, vars(cast)
    if visit.talks:
        talks = await scene(visitor.town)
        path, people = path.format(**talks.ids), talks.people
    if visit.status != 200:
        visitor.watch.expected.add(base + path)
    if visit.who != NOBODY:
        await visitor.step_in_as(people[visit.who])
    await visitor.open(base + path)
    for start in visit.links:
        await visitor.follow_to(start)
    if visit.press:
        await visitor.through(visitor.page.get_by_role("button", name=visit.press))
