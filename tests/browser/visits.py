"""Every page there is, by who opens it and how they come there."""

from __future__ import annotations

from dataclasses import dataclass

from tests.browser.bulletin_scene import bulletin_scene
from tests.browser.scene import PERSON, Scene, scene
from tests.browser.town import Cast
from tests.browser.visitor import Visitor

NOBODY = "nobody"
STRONGER = "Confirm that it is me"


@dataclass(frozen=True)
class Visit:
    """A page: its name, who opens it (a part of the cast), the address, then links or buttons to follow from there.

    A link is the beginning of its address in the page's content. A page with a scene has ids of it in its address, and
    is opened by a part of the scene.
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
        return self.service == "scheduling" or "{round}" in self.path


def _talks(name: str, who: str, path: str, press: str = "") -> Visit:
    return Visit(name, who, path, press=press, service="scheduling")


def _letters(name: str, who: str, path: str, press: str = "", status: int = 200) -> Visit:
    return Visit(name, who, path, press=press, service="bulletins", status=status)


def _sending(name: str, who: str, path: str, press: str = "", status: int = 200) -> Visit:
    return Visit(name, who, path, press=press, service="sending", status=status)


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
    _talks("meeting-edit", "first_mentor", "/meetings/{meeting}/edit"),
    _talks("minutes", "first_home", "/meetings/{meeting}/minutes"),
    _talks("offers", "first_mentor", "/offers"),
    _talks("offers-of-a-guardian", "first_home", "/offers"),
    _talks("offer", "first_mentor", "/offers/{offer}"),
    _talks("offer-of-a-guardian", "first_home", "/offers/{offer}"),
    _letters("bulletins", "guardian", "/bulletins"),
    _letters("bulletins-none-fits", "guardian", "/bulletins?half=2000-01-01"),
    _letters("bulletins-at-school", "mentor", "/bulletins"),
    _letters("bulletin", "guardian", "/bulletins/{sent}"),
    _letters("bulletin-answered", "guardian", "/bulletins/{sent}?language=en&answered=1"),
    _letters("bulletin-of-a-pupil", "young_pupil", "/bulletins/{sent}"),
    _letters("bulletin-at-school", "mentor", "/bulletins/{sent}"),
    _letters("bulletin-gone", "guardian", "/bulletins/{withdrawn}", status=410),
    _letters("bulletin-homes", "mentor", "/bulletins/{sent}/homes"),
    _letters("bulletin-new", "mentor", "/bulletins/new"),
    _letters("bulletin-draft", "mentor", "/bulletins/{draft}/edit"),
    _letters("bulletin-write", "mentor", "/bulletins/{found}/edit"),
    _letters("bulletin-returned", "mentor", "/bulletins/{returned}/edit"),
    _letters("bulletin-lacking", "mentor", "/bulletins/{draft}/preview"),
    _letters("bulletin-check", "mentor", "/bulletins/{found}/preview"),
    _letters("bulletin-ready", "mentor", "/bulletins/{returned}/preview"),
    _letters("bulletin-approve", "principal", "/bulletins/{to_approve}/preview"),
    _letters("bulletin-scheduled", "mentor", "/bulletins/{scheduled}/preview"),
    _letters("bulletin-sent", "mentor", "/bulletins/{sent}/preview"),
    _letters("bulletin-withdrawn", "mentor", "/bulletins/{withdrawn}/preview"),
    _letters("class-plan", "mentor", "/bulletins/classes/{group}"),
    _letters("school-plan", "principal", "/bulletins/plan"),
    _letters("school-plans", "officer", "/bulletins/plan"),
    _letters("participation", "principal", "/bulletins/participation"),
    _letters("information", "guardian", "/information"),
    _letters("information-at-school", "principal", "/information"),
    _letters("information-new", "principal", "/bulletins/new?kind=information"),
    _letters("information-write", "principal", "/bulletins/{information}/edit"),
    _letters("editions", "guardian", "/information/{edition}"),
    _letters("editions-at-school", "principal", "/information/{edition}"),
    _letters("feedback", "guardian", "/feedback"),
    _letters("feedback-none", "other_guardian", "/feedback"),
    _letters("feedback-at-school", "mentor", "/feedback"),
    _letters("feedback-talks", "talk_guardian", "/feedback/rounds/{round}"),
    _letters("conversations", "guardian", "/dialogue"),
    _letters("conversations-none", "other_guardian", "/dialogue"),
    _letters("conversation", "guardian", "/dialogue/{thread}"),
    _letters("conversation-at-school", "mentor", "/dialogue/{thread}"),
    _letters("conversation-pupils", "mentor", "/dialogue/new"),
    _letters("conversation-new", "guardian", "/dialogue/new?pupil={child}"),
    _letters("conversation-ask-in", "mentor", "/dialogue/{thread}/ask-in"),
    _letters("read-link", NOBODY, "/bulletins/read/{reading}"),
    _letters("read-link-done", NOBODY, "/bulletins/read/{reading}?done=1"),
    _letters("read-link-over", NOBODY, "/bulletins/read/nothing", status=410),
    _sending("sending", "officer", "/sending"),
    _sending("sending-words", "officer", "/sending/words"),
    _sending("sending-wording", "officer", "/sending/words/bulletin_due", STRONGER),
    _sending("sending-trial", "officer", "/sending/trial", STRONGER),
    _sending("sending-letters", "principal", "/sending/letters"),
    Visit("leaving", NOBODY, "/unsubscribe/{leaving}", service="portal"),
)


async def go(visitor: Visitor, visit: Visit, cast: Cast) -> None:
    """Come to the page as the person it is for."""
    base, (people, path) = getattr(visitor.town, visit.service), await _parts(visitor, visit, cast)
    if visit.status != 200:
        visitor.watch.expected.add(base + path)
    if visit.who != NOBODY:
        await visitor.step_in_as(people[visit.who])
    await visitor.open(base + path)
    for start in visit.links:
        await visitor.follow_to(start)
    if visit.press:
        await visitor.through(visitor.page.get_by_role("button", name=visit.press))


async def _parts(visitor: Visitor, visit: Visit, cast: Cast) -> tuple[dict[str, PERSON], str]:
    """Who plays in it, and its address."""
    bulletins = await bulletin_scene(visitor.town)  # of the portal's pages some show what comes of it
    scenes: list[Scene] = [bulletins, *([await scene(visitor.town)] if visit.talks else [])]
    ids = {name: value for one in scenes for name, value in one.ids.items()}
    people = {name: person for one in scenes for name, person in one.people.items()}
    return {**vars(cast), **people}, visit.path.format(**ids)
