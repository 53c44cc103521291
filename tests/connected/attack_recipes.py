"""What can be asked of every route: by whom it is theirs to ask, and by whom it is an attack.

A route that is not here fails `test_no_way_round`: whoever adds one says here whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from json import dumps, loads
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

from shared.ids import derived_id
from tests.connected.attack_browser import Form
from tests.connected.attack_stage import World, marks

Thing = TypeVar("Thing")
Route = tuple[str, str, str]  # service, method, path


@dataclass(frozen=True)
class Ask:
    """One request. `target` is the id in it that may be another's; `shows` must be in an answer that is theirs.

    `also` are statuses with which an attack is refused besides the usual ones: the same page once more, unchanged.
    """

    path: str
    theirs: bool
    form: Form | None = None
    target: str = ""
    shows: tuple[str, ...] = ()
    stream: bool = False
    json: dict[str, Any] | None = None
    file: str = ""
    also: frozenset[int] = frozenset()
    picture: tuple[str, bytes] | None = None  # the field's name, and what is in the file

    @property
    def more(self) -> dict[str, Any]:
        """What a request has besides a form."""
        found: dict[str, Any] = {"json": self.json} if self.json is not None else {}
        found |= {"files": {"file": ("year.csv", self.file)}} if self.file else {}
        return found | ({"files": {self.picture[0]: ("bild.png", self.picture[1])}} if self.picture else {})

    def instead(self, nowhere: str) -> Ask:
        """The same with an id that does not exist in the place of the target."""
        form = {
            name: value.replace(self.target, nowhere)
            if isinstance(value, str)
            else [one.replace(self.target, nowhere) for one in value]
            for name, value in (self.form or {}).items()
        }
        path = self.path.replace(self.target, nowhere).replace(self.target.replace("/", "%2F"), nowhere)
        said = loads(dumps(self.json).replace(self.target, nowhere))
        return replace(self, path=path, form=None if self.form is None else form, json=said)


Recipe = Callable[[World, UUID], Iterable[Ask]]
RECIPES: dict[Route, Recipe] = {}
PORTAL, REGISTRY, SCHEDULING = "portal", "registry", "scheduling"
BULLETINS, NOTIFICATIONS = "bulletins", "notifications"
EVERY = (PORTAL, REGISTRY, SCHEDULING, BULLETINS, NOTIFICATIONS)
# Open to everybody: these say nothing about anybody, which is checked all the same.
OPEN: dict[Route, str] = {
    ("portal", "GET", "/"): "the way in; leads on who is logged in",
    ("portal", "GET", "/login"): "the way in",
    ("portal", "GET", "/login/{provider}"): "the way to a provider",
    ("portal", "GET", "/login/callback/{provider}"): "the way back, worth nothing without the attempt's own cookie",
    ("portal", "GET", "/logged-out"): "says goodbye",
    ("portal", "GET", "/step-up"): "leads to a stronger login, and on where there is one",
    ("portal", "POST", "/language"): "sets a cookie of its own",
    ("portal", "GET", "/sw.js"): "a file of ours",
    **{(name, "POST", "/language"): "sets a cookie of its own" for name in EVERY if name != PORTAL},
    **{(name, "MOUNT", "/static/skolbro"): "files of ours" for name in EVERY},
    **{(name, "MOUNT", "/static"): "files of ours" for name in EVERY if name != REGISTRY},
    **{
        (name, "GET", path): "for operators; counts and names of parts only"
        for name in EVERY
        for path in ("/health/live", "/health/ready", "/metrics", "/openapi.json")
    },
}
# Programs with a token of their own, see test_a_registry_reaches_no_other_municipality and test_no_way_round_open.
MACHINES: dict[Route, str] = {
    ("registry", "POST", "/attendances"): "bearer token of a source",
    ("registry", "POST", "/absences"): "bearer token of a source",
    ("registry", "DELETE", "/attendances/{row_id}"): "bearer token of a source",
    ("registry", "POST", "/webhook/{source}"): "key in the address; rings a bell",
    ("notifications", "POST", "/callbacks/sms/{provider}/{delivery_id}"): "signed by the provider",
}


def recipe(method: str, path: str, service: str = PORTAL) -> Callable[[Recipe], Recipe]:
    def keep(made: Recipe) -> Recipe:
        RECIPES[service, method, path] = made
        return made

    return keep


def some(things: Iterable[Thing], world: World, viewer: UUID, most: int) -> list[Thing]:
    """A few of many, other ones for each viewer, so that all together ask for everything."""
    listed, start = sorted(things, key=str), list(world.who.values()).index(viewer)
    return [listed[(start + step) % len(listed)] for step in range(most)]


def inside(world: World, viewer: UUID) -> bool:
    """Everybody but who has left."""
    return world.name_of(viewer) != "left"


def is_hidden(world: World, pupil: UUID) -> bool:
    return world.name_of(pupil) == "protected_child"


def about_oneself(path: str) -> Recipe:
    return lambda world, viewer: [Ask(path, inside(world, viewer), shows=(marks(viewer)[0],))]


for own_page in ("/home", "/messages", "/preferences", "/consents", "/calendar"):
    RECIPES[PORTAL, "GET", own_page] = about_oneself(own_page)


@recipe("GET", "/who-looked")
def who_looked(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/who-looked?own=true", inside(world, viewer), shows=(marks(viewer)[0],))
    for pupil in {*world.answers_for[viewer], *some(world.duties, world, viewer, 4)}:
        theirs = pupil in world.answers_for[viewer]
        yield Ask(f"/who-looked?pupil={pupil}", theirs, target=str(pupil), shows=(marks(viewer)[0],))


@recipe("GET", "/draft")
def draft(world: World, viewer: UUID) -> Iterator[Ask]:
    for owner in {viewer, *some(world.drafts, world, viewer, 1)}:
        theirs, path = owner == viewer and inside(world, viewer), world.drafts[owner]
        yield Ask(f"/draft?path={quote(path, safe='')}", theirs, target=path, shows=(marks(viewer)[0],))


def draft_form(path: str) -> Recipe:
    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        for owner in {viewer, *some(world.drafts, world, viewer, 1)}:
            kept = world.drafts[owner]
            yield Ask(path, owner == viewer and inside(world, viewer), {"draft_path": kept}, target=kept)

    return made


RECIPES[PORTAL, "POST", "/draft/discard"] = draft_form("/draft/discard")


@recipe("POST", "/draft/send")
def draft_send(world: World, viewer: UUID) -> Iterator[Ask]:
    for ask in draft_form("/draft/send")(world, viewer):
        if not ask.theirs:  # discarding one's own shows that the form works; only one of the two can
            yield ask


@recipe("GET", "/n/{notification_id}")
def notice(world: World, viewer: UUID) -> Iterator[Ask]:
    mine = world.sees[viewer] | world.teaches[viewer]
    for pupil in {*mine, *some(world.duties, world, viewer, 6)}:
        told, theirs = str(derived_id("notice", world.duties[pupil])), pupil in mine
        yield Ask(f"/n/{told}", theirs, target=told, shows=() if is_hidden(world, pupil) else (marks(pupil)[0],))


@recipe("POST", "/n/{notification_id}/read")
def say_read(world: World, viewer: UUID) -> Iterator[Ask]:
    for pupil in {*world.answers_for[viewer], *some(world.duties, world, viewer, 2)}:
        told = str(derived_id("notice", world.duties[pupil]))
        yield Ask(f"/n/{told}/read", pupil in world.answers_for[viewer], {}, target=told)


@recipe("GET", "/class/{group_id}")
def school_class(world: World, viewer: UUID) -> Iterator[Ask]:
    s, who = world.here, world.who
    second = derived_id("class", s.other_school)
    mentors = {s.class_1: "mentor", s.class_2: "mentor_2", s.other_class: "other_mentor", s.class_1b: "", second: ""}
    for group, mentor in mentors.items():
        theirs = bool(mentor) and who[mentor] == viewer
        names = tuple(marks(one)[0] for one in world.teaches[viewer] if not is_hidden(world, one)) if theirs else ()
        yield Ask(f"/class/{group}", theirs, target=str(group), shows=names)


@recipe("GET", "/pupil/{pupil_id}")
def pupil_page(world: World, viewer: UUID) -> Iterator[Ask]:
    for person in {*world.teaches[viewer], *some(world.duties, world, viewer, 4), world.who["guardian_a"]}:
        theirs = person in world.teaches[viewer]
        yield Ask(f"/pupil/{person}", theirs, target=str(person), shows=marks(person)[:1])


def of_a_school(tail: str, named: bool) -> Recipe:
    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        every = set().union(*world.schools_of.values())
        for school in every if not tail else {*world.schools_of[viewer], *some(every, world, viewer, 2)}:
            theirs = school in world.schools_of[viewer]
            seen = [one for one in world.teaches[viewer] if not is_hidden(world, one)] if named and theirs else []
            yield Ask(f"/school/{school}{tail}", theirs, target=str(school), shows=tuple(marks(one)[0] for one in seen))

    return made


RECIPES[PORTAL, "GET", "/school/{school_id}"] = of_a_school("", named=False)
RECIPES[PORTAL, "GET", "/school/{school_id}/duties"] = of_a_school("/duties", named=True)
RECIPES[PORTAL, "GET", "/school/{school_id}/duties.csv"] = of_a_school("/duties.csv", named=True)


@recipe("GET", "/duty/{duty_id}")
def duty_page(world: World, viewer: UUID) -> Iterator[Ask]:
    for pupil in {*world.teaches[viewer], *some(world.duties, world, viewer, 6)}:
        duty = world.duties[pupil]
        taught = pupil in world.teaches[viewer]
        theirs = taught or world.is_officer(viewer, world.tenant_of(pupil))
        names = marks(pupil)[:1] if taught and not is_hidden(world, pupil) else ()
        yield Ask(f"/duty/{duty}", theirs, target=str(duty), shows=names)


def of_officers(path: str, service: str = PORTAL, stream: bool = False) -> None:
    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        shows = () if stream else (marks(viewer)[0],)
        yield Ask(path, world.is_officer(viewer, world.tenant_of(viewer)), shows=shows, stream=stream)

    RECIPES[service, "GET", path] = made


of_officers("/municipality")
of_officers("/municipality/wall")
of_officers("/municipality/wall/changes", stream=True)
of_officers("/registry/quarantine", REGISTRY)
of_officers("/registry/sources", REGISTRY)


@recipe("POST", "/registry/quarantine/{entry_id}", REGISTRY)
def decide(world: World, viewer: UUID) -> Iterator[Ask]:
    for tenant, entry in world.entries.items():
        form = {"decision": "release" if viewer.int % 2 else "refuse", "note": "let me in"}
        yield Ask(f"/registry/quarantine/{entry}", world.is_officer(viewer, tenant), form, target=str(entry))


@recipe("GET", "/calendar/{secret}.ics")
def feed(world: World, viewer: UUID) -> Iterator[Ask]:
    protected = {world.who["protected_child"], world.who["protected_guardian"]}
    shown = world.sees[viewer] - protected if viewer not in protected else set()
    yield Ask(f"/calendar/{world.feeds[viewer]}.ics", bool(shown), shows=("BEGIN:VCALENDAR",))
    for owner in some(world.feeds, world, viewer, 1):
        if owner != viewer:
            secret = world.feeds[owner]
            yield Ask(f"/calendar/{sha256(secret.encode()).hexdigest()[:60]}.ics", theirs=False)
            yield Ask(f"/calendar/{secret[:-1]}x.ics", theirs=False)


@recipe("POST", "/calendar")
def make_feed(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/calendar", inside(world, viewer), {"act": "remove"})


@recipe("POST", "/preferences")
def keep_wishes(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/preferences", inside(world, viewer), {"language": "en", "email": "yes"})


@recipe("POST", "/consents/answered")
def answered(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/consents/answered", inside(world, viewer), {})


@recipe("POST", "/consents")
def consent(world: World, viewer: UUID) -> Iterator[Ask]:
    """A parent of child_1 may sign for the step-parent; nobody lets themselves in, or in where they do not decide."""
    step = world.who["step_parent"]
    for pupil in {world.who["child_1"], *some(world.duties, world, viewer, 1)}:
        for person, act in ((viewer, "sign"), (step, "sign"), (step, "withdraw")):
            theirs = pupil == world.who["child_1"] and pupil in world.answers_for[viewer] and person == step
            form = {"pupil_id": str(pupil), "person_id": str(person), "act": act}
            if not theirs or act == "sign":
                yield Ask("/consents", theirs, form, target=str(pupil))


@recipe("POST", "/logout")
def logout(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/logout", theirs=True, form={})
