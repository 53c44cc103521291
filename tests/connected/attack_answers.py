"""What can be asked about conversations and what homes say, and of the pages of sending. Completes RECIPES."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from tests.connected.attack_bulletins import RECIPES, few, form, on, page, still_sent
from tests.connected.attack_letters import PIXEL
from tests.connected.attack_recipes import NOTIFICATIONS, PORTAL, Ask, inside, recipe, some
from tests.connected.attack_sending import WORDED
from tests.connected.attack_stage import World, marks
from tests.connected.attack_town import Thing

__all__ = ["RECIPES"]


# Conversations --------------------------------------------------------------------------------------------------------


@on("/dialogue")
def listed(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/dialogue", inside(world, viewer), shows=marks(viewer)[:1] if inside(world, viewer) else ())


page("/dialogue/{}", "thread", "see", most=4)
page("/dialogue/{}/ask-in", "thread", "ask", shown=False)
SAID = {"words": "I would like to know more."}
for act, path in (("reply", ""), ("leave", "/leave"), ("close", "/close")):
    form(f"/dialogue/{{}}{path}", "thread", "see", act, SAID)


@on("/dialogue/{thread_id}/messages/{message_id}/take-back", "POST")
def take_back(world: World, viewer: UUID) -> Iterator[Ask]:
    """Another's message in one's own conversation, and one's own under the address of another's."""
    for one in world.letters.things["thread"]:
        if viewer in one.acts.get("take-back", ()):
            yield Ask(f"/dialogue/{one.id}/messages/{one.more['message']}/take-back", theirs=True, form={})
    for one, theirs in few(world, viewer, "thread", "see", 1):
        message = str(one.more["message"])
        its = "/dialogue/{}/messages/{}/take-back"
        if not theirs:
            yield Ask(its.format(one.id, message), theirs=False, form={}, target=str(one.id))
        else:
            for other in some(world.letters.things["message"], world, viewer, 1):
                if other.more["thread"] != one.id:
                    yield Ask(its.format(one.id, other.id), theirs=False, form={}, target=str(other.id))


@on("/dialogue/{thread_id}/ask-in", "POST")
def ask_in(world: World, viewer: UUID) -> Iterator[Ask]:
    """Oneself into another's conversation. (A stranger asked into one's own is left out: test_no_way_round_open.)"""
    for one in world.letters.things["thread"]:
        if viewer in one.acts.get("ask-in", ()):
            yield Ask(f"/dialogue/{one.id}/ask-in", theirs=True, form={"party": [str(world.who["principal"])]})
    for one, theirs in few(world, viewer, "thread", "ask", 0):
        if not theirs:
            yield Ask(f"/dialogue/{one.id}/ask-in", theirs=False, form={"party": [str(viewer)]}, target=str(one.id))


@on("/dialogue/files/{file_id}")
def attached(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "message", "read", 1):
        yield Ask(f"/dialogue/files/{one.more['file']}", theirs, target=str(one.more["file"]))


def may_write(world: World, viewer: UUID) -> set[UUID]:
    """About whom this person may begin a conversation: oneself, their children, whom they teach."""
    pupils = {one for one in world.duties if world.name_of(one) != "left"}
    return (world.sees[viewer] | world.teaches[viewer] | ({viewer} & pupils)) & pupils


@on("/dialogue/new")
def choose(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/dialogue/new", inside(world, viewer))
    mine = may_write(world, viewer)
    for pupil in sorted({*list(mine)[:2], *some(world.duties, world, viewer, 2), world.who["child_1"]}):
        yield Ask(f"/dialogue/new?pupil={pupil}", pupil in mine, target=str(pupil))


@on("/dialogue", "POST")
def begin(world: World, viewer: UUID) -> Iterator[Ask]:
    mine, mentor = may_write(world, viewer), str(world.who["mentor"])
    asked: dict[str, str | list[str]] = {**SAID, "subject": "support", "party": [mentor]}
    if viewer == world.who["guardian_a"]:
        child = str(world.who["child_1"])
        yield Ask("/dialogue", theirs=True, form={**asked, "pupil_id": child}, picture=("files", PIXEL))
    for pupil in some([one for one in world.duties if one not in mine], world, viewer, 1):
        yield Ask("/dialogue", theirs=False, form={**asked, "pupil_id": str(pupil)}, target=str(pupil))


# What homes say -------------------------------------------------------------------------------------------------------


@on("/feedback")
def feedback(world: World, viewer: UUID) -> Iterator[Ask]:
    own = [token for one in world.letters.things["feedback"] if viewer in one.may["own"] for token in one.tokens]
    yield Ask("/feedback", inside(world, viewer), shows=(*marks(viewer)[:1], *own) if inside(world, viewer) else ())


page("/feedback/rounds/{}", "held round", "see", shown=False)
ANSWER = {"score": "4", "words": "It was good to hear."}


@on("/feedback/rounds/{round_id}", "POST")
def answer_round(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "held round", "see", 1):
        yield Ask(f"/feedback/rounds/{one.id}", theirs, form=ANSWER, target=str(one.id))


@on("/feedback/bulletins/{bulletin_id}", "POST")
def answer_bulletin(world: World, viewer: UUID) -> Iterator[Ask]:
    """Who reads it because of their work does not answer for a home."""

    def now(one: Thing) -> bool:
        return still_sent(one) and one.more["mark"] == "sent"

    for one, theirs in few(world, viewer, "bulletin", "answer", 1, now):
        yield Ask(f"/feedback/bulletins/{one.id}", theirs, form=ANSWER, target=str(one.id))


form("/feedback/{}/take-back", "feedback", "own", "own", {})


# How messages leave ---------------------------------------------------------------------------------------------------


def officers(path: str, method: str = "GET", fields: dict[str, str] | None = None, theirs: bool = True) -> None:
    """A page or a form of officers; whose municipality it is about is never asked for."""

    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        mine = world.is_officer(viewer, world.tenant_of(viewer))
        shows = marks(viewer)[:1] if mine and method == "GET" and not path.endswith("json") else ()
        if theirs or not mine:
            yield Ask(path.replace("{kind}", WORDED), mine, form=fields, shows=shows)

    RECIPES[NOTIFICATIONS, method, path] = made


for where in ("/sending", "/sending/status.json", "/sending/words", "/sending/words/{kind}", "/sending/trial"):
    officers(where)
WORDS = {"language": "sv", "subject": "Hej", "body": "Ett meddelande.", "sample": "plain"}
officers("/sending/words/{kind}", "POST", WORDS)
officers("/sending/words/{kind}/again", "POST", {**WORDS, "version": "1"})
officers("/sending/words/{kind}/retire", "POST", WORDS)
officers("/sending/words/{kind}/mail", "POST", WORDS)
officers("/sending/trial/begin", "POST", {})
officers("/sending/trial/end", "POST", {})
officers("/sending/trial/guests", "POST", {"address": "somebody@gast.example"})
officers("/sending/trial/guests/remove", "POST", {"address": "somebody@gast.example"})


@recipe("GET", "/sending/letters", NOTIFICATIONS)
def trays(world: World, viewer: UUID) -> Iterator[Ask]:
    theirs = any(viewer in one.may["see"] for one in world.letters.things["tray"])
    yield Ask("/sending/letters", theirs, shows=marks(viewer)[:1] if theirs else ())


def letters(act: str) -> None:
    """Another school's tray."""
    path = f"/sending/letters/{act}"

    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        for one, theirs in few(world, viewer, "tray", "see", 4):
            fields = {"school": str(one.id), "at": str(one.more["at"])}
            if not theirs or viewer in one.acts["see"]:
                yield Ask(path, theirs, form=fields, target=str(one.id))

    RECIPES[NOTIFICATIONS, "POST", path] = made


for act in ("pdf", "print", "again"):
    letters(act)

# Whoever logs out has nothing more to ask: this comes after everything else.
LAST = (PORTAL, "POST", "/logout")
RECIPES[LAST] = RECIPES.pop(LAST)
