"""What can be asked of every route of the scheduling service about talks; the rest is in attack_rounds.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from uuid import UUID, uuid5

from tests.connected.attack_browser import Form
from tests.connected.attack_recipes import RECIPES, SCHEDULING, Ask, Recipe, inside, recipe, some
from tests.connected.attack_stage import World, marks
from tests.connected.attack_town import Thing
from tests.portal_stage import TODAY

FormOf = Callable[[World, UUID, Thing], Form]
AGAIN = frozenset({400, 409})  # their own page once more, with a sentence; nothing was changed


def on(path: str, method: str = "GET") -> Callable[[Recipe], Recipe]:
    """A recipe of this service."""
    return recipe(method, path, SCHEDULING)


def few(world: World, viewer: UUID, kind: str, right: str, most: int = 2) -> Iterator[tuple[Thing, bool]]:
    """Some things that are theirs by this right, and of the others one and all that are near: (thing, theirs)."""
    every = world.town.things[kind]
    mine = [one for one in every if viewer in one.may[right]]
    others = {one.id: one for one in every if viewer not in one.may[right]}
    yield from ((one, True) for one in mine[:most])
    asked = {one.id for one in others.values() if viewer in one.more.get("near", ())}
    asked |= set(some(others, world, viewer, 1)) if others else set()
    yield from ((others[one], False) for one in sorted(asked))


def page(path: str, kind: str, right: str = "see", *, most: int = 2, shown: bool = True) -> None:
    """A page about a thing: shows all of its words that this person may read."""

    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        for one, theirs in few(world, viewer, kind, right, most):
            shows = world.town.read_by(viewer, one.tokens) if theirs and shown else ()
            yield Ask(path.format(one.id), theirs, target=str(one.id), shows=shows)

    RECIPES[SCHEDULING, "GET", path.replace("{}", "{" + _names[kind] + "}")] = made


def form(path: str, kind: str, right: str, act: str, fields: FormOf, name: str = "", *, most: int = 2) -> None:
    """A form about a thing. Those whose it is send it where the stage says, so that it can work (`Thing.acts`)."""

    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        for one in world.town.things[kind]:
            if viewer in one.acts.get(act, ()):
                yield Ask(path.format(one.id), theirs=True, form=fields(world, viewer, one), target=str(one.id))
        for one, theirs in few(world, viewer, kind, right, most):
            if not theirs:
                yield Ask(path.format(one.id), theirs=False, form=fields(world, viewer, one), target=str(one.id))

    RECIPES[SCHEDULING, "POST", path.replace("{}", "{" + (name or _names[kind]) + "}")] = made


_names = {
    "coming": "talk_id",
    "held": "talk_id",
    "commitment": "commitment_id",
    "adaptation": "pupil_id",
    "hold": "hold_id",
    "round": "round_id",
    "proposal": "proposal_id",
    "meeting": "meeting_id",
    "offer": "offer_id",
    "interpreter": "interpreter_id",
    "block": "block_id",
}


# The family's pages ------------------------------------------------------------------------------------------------

for own_page in ("/talks", "/talks/book", "/talks/wishes", "/meetings", "/offers"):

    def about_oneself(world: World, viewer: UUID, path: str = own_page) -> Iterator[Ask]:
        """Everybody has this page; whatever is on it is theirs."""
        yield Ask(path, inside(world, viewer), shows=marks(viewer)[:1])

    RECIPES[SCHEDULING, "GET", own_page] = about_oneself


@on("/talks/wishes", "POST")
def wishes(world: World, viewer: UUID) -> Iterator[Ask]:
    """Who is asked in a round that still collects answers; nobody answers for another, whatever id is typed."""
    asked = world.who["other_guardian_2"]
    form = {"all": "yes", "person_id": str(asked), "pupil_id": str(world.who["other_child_2"])}
    yield Ask("/talks/wishes", viewer == asked, form)


def both(things: Iterable[Thing], viewer: UUID) -> tuple[list[Thing], list[Thing]]:
    """Talks that this person decides about, and others."""
    every = list(things)
    return [one for one in every if viewer in one.may["decide"]], [
        one for one in every if viewer not in one.may["decide"]
    ]


def chosen(talk: Thing, slot: Thing) -> tuple[str, str]:
    """A talk's id, and the id of a time that is free for another (or this) one."""
    return str(talk.id), str(slot.more["free"])


@on("/talks/hold", "POST")
def hold(world: World, viewer: UUID) -> Iterator[Ask]:
    """Another's talk; one's own talk at another host's time; and one's own with another's beside it."""
    mine, others = both(world.town.things["coming"], viewer)
    for one in [one for one in mine if viewer in one.acts["book"]][:1]:
        yield Ask("/talks/hold", theirs=True, form={"choice": ":".join(chosen(one, one))})
    for one in some(others, world, viewer, 1):
        talk, slot = chosen(one, one)
        yield Ask("/talks/hold", theirs=False, form={"choice": f"{talk}:{slot}"}, target=talk)
        for own in [own for own in mine if own.more["place"] is not one.more["place"]][:1]:
            own_talk, own_slot = chosen(own, own)
            yield Ask("/talks/hold", theirs=False, form={"choice": f"{own_talk}:{slot}"}, target=slot, also=AGAIN)
            both_talks = f"{own_talk}:{own_slot},{talk}:{slot}"
            yield Ask("/talks/hold", theirs=False, form={"choice": both_talks}, target=talk)


@on("/talks/api/bookings", "POST")
def bookings(world: World, viewer: UUID) -> Iterator[Ask]:
    """As `hold`, for programs."""
    mine, others = both(world.town.things["coming"], viewer)

    def ask(*pairs: tuple[str, str], theirs: bool = False, target: str = "") -> Ask:
        wanted = {"choices": [{"talk_id": talk, "slot_id": slot} for talk, slot in pairs]}
        return Ask("/talks/api/bookings", theirs, json=wanted, target=target, also=AGAIN if not theirs else frozenset())

    for one in [one for one in mine if viewer in one.acts["book"]][:1]:
        yield ask(chosen(one, one), theirs=True)
    for one in some(others, world, viewer, 1):
        yield ask(chosen(one, one), target=str(one.id))
        for own in [own for own in mine if own.more["place"] is not one.more["place"]][:1]:
            yield ask(chosen(own, one), target=str(one.more["free"]))
            yield ask(chosen(own, own), chosen(one, one), target=str(one.id))


@on("/talks/api/free")
def free(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "coming", "decide"):
        yield Ask(f"/talks/api/free?talk_id={one.id}", theirs, target=str(one.id))


page("/talks/hold/{}", "hold")
form("/talks/hold/{}", "hold", "see", "decide", lambda _w, _v, _o: {"act": "extend"})
page("/talks/{}/swap", "coming", "decide", shown=False)
for act in ("accept", "cancel", "wait"):
    form(f"/talks/{{}}/{act}", "coming", "decide", "book", lambda _w, _v, _o: {})


# The talk itself ---------------------------------------------------------------------------------------------------


@on("/talks/{talk_id}")
def talk_page(world: World, viewer: UUID) -> Iterator[Ask]:
    for kind, most in (("coming", 2), ("held", 4)):
        for one, theirs in few(world, viewer, kind, "see", most):
            shows = world.town.read_by(viewer, one.tokens) if theirs else ()
            yield Ask(f"/talks/{one.id}", theirs, target=str(one.id), shows=shows)


@on("/talks/{talk_id}/plan.pdf")
def plan(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "held", "see"):
        yield Ask(f"/talks/{one.id}/plan.pdf", theirs, target=str(one.id), shows=("Planterat",) if theirs else ())


@on("/talks/{talk_id}/prepare")
def prepare_page(world: World, viewer: UUID) -> Iterator[Ask]:
    """One's own side's words, and those of no other side."""
    for one, theirs in few(world, viewer, "coming", "prepare"):
        yield Ask(f"/talks/{one.id}/prepare", theirs, target=str(one.id), shows=marks(viewer)[:1] if theirs else ())


page("/talks/{}/share", "coming", "prepare", shown=False)
page("/talks/{}/record", "held", "record", shown=False)


def words(_: World, viewer: UUID, one: Thing) -> Form:
    """Something typed over the version that is there."""
    return {"seen": "1", "act": "save", "prerequisites.home.1": f"from {viewer.hex[:6]}", "summary": "what we said"}


form("/talks/{}/prepare", "coming", "prepare", "prepare", words)
form("/talks/{}/share", "coming", "prepare", "share", words)
form("/talks/{}/held", "coming", "school", "hold", lambda _w, _v, _o: {"summary": "it was held"})
form("/talks/{}/record", "held", "record", "record", words)
form("/talks/{}/sign", "held", "sign", "sign", words)
form(
    "/talks/{}/commitments",
    "held",
    "agree",
    "agree",
    lambda _w, _v, _o: {"who": "pupil", "what": "to read", "how": "together", "due": str(TODAY)},
)


@on("/talks/check/{check_in_id}")
def question(world: World, viewer: UUID) -> Iterator[Ask]:
    """The link is the secret: whoever was sent it may open it, and no other can be guessed from an id they know."""
    for one in world.town.things["check_in"]:
        if viewer in one.may["see"]:
            yield Ask(f"/talks/check/{one.id}", theirs=True, target=str(one.id))
    for one in some(world.town.things["commitment"], world, viewer, 1):
        yield Ask(f"/talks/check/{one.id}", theirs=False, target=str(one.id))
        yield Ask(f"/talks/check/{uuid5(one.id, 'check')}", theirs=False)


@on("/talks/check/{check_in_id}", "POST")
def reply(world: World, viewer: UUID) -> Iterator[Ask]:
    for ask in question(world, viewer):
        yield Ask(ask.path, ask.theirs, form={"said": "well"}, target=ask.target)


# What was agreed, and what is kept apart -----------------------------------------------------------------------------

page("/talks/commitments/{}", "commitment", most=4)
form("/talks/commitments/{}", "commitment", "done", "done", lambda _w, _v, _o: {"what": "done", "seen": "1"}, most=3)
form(
    "/talks/commitments/{}/words",
    "commitment",
    "words",
    "words",
    lambda _w, _v, _o: {"what": "otherwise", "how": "", "due": "", "seen": "1"},
)


@on("/talks/pupil/{pupil_id}")
def thread(world: World, viewer: UUID) -> Iterator[Ask]:
    """What was agreed in all talks, at this school and at the last one."""
    things = [one for one in world.town.things["commitment"] if one.more["agreed"]]
    readers = {pupil: [one for one in things if one.more["pupil"] == pupil] for pupil in world.duties}
    for pupil, agreed in readers.items():
        theirs = any(viewer in one.may["see"] for one in agreed)
        if theirs or pupil in some(world.duties, world, viewer, 2):
            tokens = tuple(token for one in agreed for token in one.tokens)
            shows = world.town.read_by(viewer, tokens) if theirs else ()
            yield Ask(f"/talks/pupil/{pupil}", theirs, target=str(pupil), shows=shows)


page("/talks/pupil/{}/adaptations", "adaptation", most=4)
form("/talks/pupil/{}/adaptations", "adaptation", "write", "write", lambda _w, _v, _o: {"words": "more light"})


@on("/talks/pupil/{pupil_id}/adaptations/end", "POST")
def end_measure(world: World, viewer: UUID) -> Iterator[Ask]:
    """Another pupil's measure under the address of one's own pupil ends nothing."""
    mine = [one for one in world.town.things["adaptation"] if viewer in one.may["write"]]
    for one, theirs in few(world, viewer, "adaptation", "write"):
        measure = {"adaptation_id": str(one.more["measure"])}
        if not theirs:
            yield Ask(f"/talks/pupil/{one.id}/adaptations/end", theirs=False, form=measure, target=str(one.id))
            for own in mine[:1]:
                path = f"/talks/pupil/{own.id}/adaptations/end"
                yield Ask(path, theirs=False, form=measure, target=measure["adaptation_id"])
        elif viewer in one.acts["write"]:
            yield Ask(f"/talks/pupil/{one.id}/adaptations/end", theirs=True, form=measure, target=str(one.id))
