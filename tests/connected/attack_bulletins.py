"""What can be asked of the routes of the bulletins service about bulletins and information. Completes RECIPES."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from uuid import UUID, uuid4

from services.portal.domain.browsers import name_of
from shared.events.people import PushAddress, Subject
from shared.ids import derived_id
from shared.links import Leaving, Links, Reading
from tests.connected.attack_browser import Form
from tests.connected.attack_letters import PIXEL
from tests.connected.attack_recipes import BULLETINS, Ask, Recipe, inside, recipe, some
from tests.connected.attack_rounds import RECIPES
from tests.connected.attack_stage import World, marks
from tests.connected.attack_town import DAY, Thing
from tests.portal_stage import TODAY

__all__ = ["RECIPES"]
Where = Callable[[Thing], bool]
AGAIN = frozenset({400, 409})


def on(path: str, method: str = "GET") -> Callable[[Recipe], Recipe]:
    """A recipe of this service."""
    return recipe(method, path, BULLETINS)


def few(
    world: World, viewer: UUID, kind: str, right: str, most: int = 2, where: Where = bool
) -> Iterator[tuple[Thing, bool]]:
    """Some things that are theirs by this right, and of the others one and all that are near: (thing, theirs)."""
    every = [one for one in world.letters.things[kind] if where(one)]
    mine = [one for one in every if viewer in one.may[right]]
    others = {one.id: one for one in every if viewer not in one.may[right]}
    yield from ((one, True) for one in mine[:most])
    asked = {one.id for one in others.values() if viewer in one.more.get("near", ())}
    asked |= set(some(others, world, viewer, 1)) if others else set()
    yield from ((others[one], False) for one in sorted(asked))


def page(path: str, kind: str, right: str, *, most: int = 2, where: Where = bool, shown: bool = True) -> None:
    """A page about a thing: shows all of its words that this person may read."""

    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        for one, theirs in few(world, viewer, kind, right, most, where):
            shows = world.letters.read_by(viewer, one.tokens) if theirs and shown else ()
            yield Ask(path.format(one.id), theirs, target=str(one.id), shows=shows)

    RECIPES[BULLETINS, "GET", path.replace("{}", "{" + _names[kind] + "}")] = made


def form(path: str, kind: str, right: str, act: str, fields: Form, *, where: Where = bool) -> None:
    """A form about a thing; those whose it is send it where the stage says (`Thing.acts`)."""

    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        for one in world.letters.things[kind]:
            if viewer in one.acts.get(act, ()):
                yield Ask(path.format(one.id), theirs=True, form=fields, target=str(one.id))
        for one, theirs in few(world, viewer, kind, right, 0, where):
            if not theirs:
                yield Ask(path.format(one.id), theirs=False, form=fields, target=str(one.id))

    RECIPES[BULLETINS, "POST", path.replace("{}", "{" + _names[kind] + "}")] = made


_names = {"bulletin": "bulletin_id", "thread": "thread_id", "held round": "round_id", "feedback": "feedback_id"}
_names |= {"class": "group_id"}


def out(one: Thing) -> bool:
    """It has left."""
    return bool(one.more["out"])


def still_sent(one: Thing) -> bool:
    """It has left and was not taken back."""
    return out(one) and one.more["mark"] not in ("gone", "withdraw")


def is_open(one: Thing) -> bool:
    """Its words can be changed."""
    return bool(one.more["open"])


# The archive, and what was sent --------------------------------------------------------------------------------------


def holds(world: World, viewer: UUID) -> tuple[str, ...]:
    """The titles that stand in this person's archive: of what was sent, and of information the edition that holds."""
    sent = [one for one in world.letters.things["bulletin"] if still_sent(one) and one.more["mark"] != "goals 1"]
    return tuple(one.tokens[0] for one in sent if viewer in one.may["read"])


@on("/bulletins")
def archive(world: World, viewer: UUID) -> Iterator[Ask]:
    shows = holds(world, viewer)[:15]
    yield Ask("/bulletins", inside(world, viewer), shows=(*marks(viewer)[:1], *shows) if inside(world, viewer) else ())
    for child in some(world.duties, world, viewer, 1):  # a filter by somebody else's child finds nothing of theirs
        if child not in world.sees[viewer] and inside(world, viewer):
            yield Ask(f"/bulletins?child={child}", theirs=True)


@on("/information")
def information(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/information", inside(world, viewer), shows=marks(viewer)[:1])


@on("/information/{bulletin_id}")
def editions(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "bulletin", "read", 1, lambda it: bool(it.more["information"])):
        yield Ask(f"/information/{one.id}", theirs, target=str(one.id), shows=one.tokens[:1] if theirs else ())
    for one, _ in few(world, viewer, "bulletin", "read", 1, lambda it: still_sent(it) and not it.more["information"]):
        yield Ask(f"/information/{one.id}", theirs=False, target=str(one.id))  # a bulletin is no information


page("/bulletins/{}", "bulletin", "read", most=4, where=still_sent)


@on("/bulletins/{bulletin_id}/pdf")
def paper(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "bulletin", "read", 1, still_sent):
        yield Ask(f"/bulletins/{one.id}/pdf", theirs, target=str(one.id), shows=("Planterat",) if theirs else ())


@on("/bulletins/{bulletin_id}/files/{attachment_id}")
def files(world: World, viewer: UUID) -> Iterator[Ask]:
    """Another's file, and another's file under the address of one's own bulletin."""
    mine = None
    for one, theirs in few(world, viewer, "bulletin", "read", 1, still_sent):
        mine = one if theirs else mine
        picture, document = one.more["files"]
        yield Ask(f"/bulletins/{one.id}/files/{picture}", theirs, target=str(one.id))
        if theirs:
            yield Ask(f"/bulletins/{one.id}/files/{document}", theirs, target=str(one.id))
        elif mine:
            yield Ask(f"/bulletins/{mine.id}/files/{document}", theirs=False, target=str(document))
    for one, theirs in few(world, viewer, "bulletin", "desk", 1, is_open):
        yield Ask(f"/bulletins/{one.id}/files/{one.more['files'][0]}", theirs, target=str(one.id))


page("/bulletins/{}/homes", "bulletin", "work", where=still_sent, shown=False)
form("/bulletins/{}/remind", "bulletin", "work", "remind", {}, where=still_sent)


# Writing ------------------------------------------------------------------------------------------------------------


def writes(world: World, viewer: UUID) -> bool:
    """Mentors and principals."""
    return any(viewer in one.may["see"] for one in world.letters.things["class"])


@on("/bulletins/new")
def new(world: World, viewer: UUID) -> Iterator[Ask]:
    theirs = writes(world, viewer)
    yield Ask("/bulletins/new", theirs, shows=marks(viewer)[:1] if theirs else ())


@on("/bulletins/new", "POST")
def begin(world: World, viewer: UUID) -> Iterator[Ask]:
    """A bulletin for another's class, alone and beside one's own; information for another's school."""
    classes = world.letters.things["class"]
    mine = [one for one in classes if viewer in one.acts.get("write", ())]
    for one in mine[:1]:
        yield Ask("/bulletins/new", theirs=True, form={"kind": "bulletin", "class": [str(one.id)]})
    for one in some([one for one in classes if viewer not in one.acts.get("write", ())], world, viewer, 2):
        groups = [str(one.id), *[str(own.id) for own in mine[:1]]]
        yield Ask("/bulletins/new", theirs=False, form={"kind": "bulletin", "class": groups}, target=str(one.id))
    for half, theirs in few(world, viewer, "half", "see", 1):
        school = str(half.more["place"].school)
        asked: Form = {"kind": "information", "topic": "goals", "school": school}
        yield Ask("/bulletins/new", theirs, form=asked, target=school, also=frozenset() if theirs else AGAIN)


TYPED: Form = {
    "version": "1", "language": "sv", "subject-sv": "Hej", "learning-sv": "Vi läser.", "activities-sv": "Vi leker.",
    "act": "save", "when": "", "words": "Skriv mer.",
}  # fmt: skip
page("/bulletins/{}/edit", "bulletin", "write", where=is_open)
page("/bulletins/{}/preview", "bulletin", "desk")
for act in ("edit", "preview", "check", "discard"):
    form(f"/bulletins/{{}}/{act}", "bulletin", "write", act, TYPED)
for act in ("send", "take-back", "withdraw"):
    form(f"/bulletins/{{}}/{act}", "bulletin", "desk" if act == "withdraw" else "write", act, TYPED)
for act in ("approve", "return"):
    form(f"/bulletins/{{}}/{act}", "bulletin", "approve", act, TYPED)


@on("/bulletins/{bulletin_id}/files", "POST")
def add_file(world: World, viewer: UUID) -> Iterator[Ask]:
    """A file on another's bulletin; and one's own bulletin takes no file of another's out."""
    asked = {**TYPED, "act": "file", "file_alt": "En bild"}
    for one in world.letters.things["bulletin"]:
        if viewer in one.acts.get("files", ()):
            yield Ask(f"/bulletins/{one.id}/files", theirs=True, form=asked, picture=("file", PIXEL))
    for one, theirs in few(world, viewer, "bulletin", "write", 0):
        if not theirs:
            path = f"/bulletins/{one.id}/files"
            yield Ask(path, theirs=False, form=asked, target=str(one.id), picture=("file", PIXEL))


# The plan -----------------------------------------------------------------------------------------------------------


@on("/bulletins/plan")
def plan(world: World, viewer: UUID) -> Iterator[Ask]:
    schools = {one.more["place"].school: one.more["place"] for one in world.letters.things["half"]}
    for school, place in schools.items():
        theirs = viewer in (world.who[place.principal], world.who[place.officer])
        if theirs or school in some(schools, world, viewer, 1):
            yield Ask(f"/bulletins/plan?school={school}", theirs, target=str(school))
    yield Ask("/bulletins/plan", theirs=any(viewer in (world.who[one.principal], world.who[one.officer])
                                            for one in schools.values()))  # fmt: skip


HALF: Form = {"starts": "2026-08-15", "ends": "2026-12-20", "quota": "3", "approval": ""}


@on("/bulletins/plan", "POST")
def set_half(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "half", "see"):
        yield Ask("/bulletins/plan", theirs, form={**HALF, "half_year_id": str(one.id)}, target=str(one.id))


@on("/bulletins/participation")
def participation(world: World, viewer: UUID) -> Iterator[Ask]:
    for ask in plan(world, viewer):
        yield Ask(ask.path.replace("plan", "participation"), ask.theirs, target=ask.target)


@on("/bulletins/classes")
def classes(world: World, viewer: UUID) -> Iterator[Ask]:
    """Whoever has one class is led to it; of those who have none it does not exist."""
    if not any(viewer in one.acts.get("write", ()) for one in world.letters.things["class"]):
        yield Ask("/bulletins/classes", theirs=False)


page("/bulletins/classes/{}", "class", "see")


def of_class(path: str, fields: Callable[[Thing], Form]) -> None:
    """A form on a class's page: another's class, and another's thing under the address of one's own class."""

    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        mine = [one for one in world.letters.things["class"] if viewer in one.acts.get("write", ())]
        for one in mine[:1]:
            yield Ask(path.format(one.id), theirs=True, form=fields(one), target=str(one.id))
        for one, theirs in few(world, viewer, "class", "see", 0):
            if not theirs:
                yield Ask(path.format(one.id), theirs=False, form=fields(one), target=str(one.id))
                for own in mine[:1] if path.rsplit("/", 1)[1] != "diary" else ():
                    swapped = fields(one)
                    target = str(swapped.get("activity_id") or swapped.get("place_id"))
                    yield Ask(path.format(own.id), theirs=False, form=swapped, target=target)

    RECIPES[BULLETINS, "POST", path.replace("{}", "{group_id}")] = made


of_class("/bulletins/classes/{}/move", lambda one: {"place_id": str(one.more["spot"]), "due_on": "2026-12-10"})
of_class("/bulletins/classes/{}/diary", lambda _: {"on": str(TODAY - DAY), "words": "We were in the wood."})
of_class("/bulletins/classes/{}/diary/remove", lambda one: {"activity_id": str(one.more["activity"])})


# Links that work without logging in -----------------------------------------------------------------------------------


def reading(world: World, person: UUID, bulletin: UUID) -> str:
    """The link of a mail."""
    return f"/bulletins/read/{Links(world.here.kit.settings).reading(Reading(bulletin, person))}"


def leaving(world: World, person: UUID) -> str:
    """The link by which somebody leaves bulletins."""
    return f"/unsubscribe/{Links(world.here.kit.settings).leaving(Leaving(person, Subject.BULLETINS))}"


def crooked(path: str, other: str) -> Iterator[str]:
    """The same link cut short, changed in a letter, with another's tail, and sealed for another purpose."""
    head, token = path.rsplit("/", 1)
    said, _, seal = token.partition(".")
    yield f"{head}/{token[:-3]}"
    yield f"{head}/{token[:-9]}{'A' if token[-9] != 'A' else 'B'}{token[-8:]}"
    yield f"{head}/{other.rsplit('/', 1)[1].partition('.')[0]}.{seal}"
    yield f"{head}/{other.rsplit('/', 1)[1]}"
    yield f"{head}/{said}"


@on("/bulletins/read/{token}")
def ask_read(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "bulletin", "answer", 1):
        path = reading(world, viewer, one.id)
        if theirs:
            yield Ask(path, theirs=True)
            for twisted in crooked(path, leaving(world, viewer)):
                yield Ask(twisted, theirs=False)


@on("/bulletins/read/{token}", "POST")
def say_read(world: World, viewer: UUID) -> Iterator[Ask]:
    """A link of something one may not know of (any more) does nothing; nor does one to what has not left."""
    for one, theirs in few(world, viewer, "bulletin", "answer", 1):
        path = reading(world, viewer, one.id)
        yield Ask(path, theirs, form={})
        if theirs:
            for twisted in crooked(path, leaving(world, viewer)):
                yield Ask(twisted, theirs=False, form={})
    yield Ask(reading(world, viewer, uuid4()), theirs=False, form={})


@recipe("GET", "/unsubscribe/{token}")
def ask_leave(world: World, viewer: UUID) -> Iterator[Ask]:
    path = leaving(world, viewer)
    yield Ask(path, theirs=True)
    for twisted in crooked(path, reading(world, viewer, uuid4())):
        yield Ask(twisted, theirs=False)


@recipe("POST", "/unsubscribe/{token}")
def leave(world: World, viewer: UUID) -> Iterator[Ask]:
    for ask in ask_leave(world, viewer):
        yield Ask(ask.path, ask.theirs, form={"List-Unsubscribe": "One-Click"})


# Browsers that show messages -----------------------------------------------------------------------------------------

POINT = "BNcRdreALRFXTkOOUHK1EtK2wtaz5Ry4YfYCA_0QTpQtUbVlUls0VJXg7A8u-Ts1XbjhazAkj7I99e8QcYP7DkM"


def browser_of(person: UUID) -> PushAddress:
    """A browser of this person's."""
    its = {"endpoint": f"https://push.example/{derived_id('browser', person)}", "p256dh": POINT}
    return PushAddress(**its, auth="BTBZMqHH6r4Tts7J_aSIgg")


@recipe("POST", "/preferences/push")
def add_browser(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/preferences/push", inside(world, viewer), form=browser_of(viewer).model_dump())


@recipe("POST", "/preferences/push/remove")
def remove_browser(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/preferences/push/remove", inside(world, viewer), form={"browser": name_of(browser_of(viewer))})
