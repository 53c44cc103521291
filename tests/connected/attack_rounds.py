"""What can be asked of the scheduling service about rounds, the school year, meetings, offers. Completes RECIPES."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from tests.connected.attack_browser import Form
from tests.connected.attack_recipes import RECIPES, SCHEDULING, Ask, some
from tests.connected.attack_stage import World, marks
from tests.connected.attack_talks import AGAIN, few, form, on, page
from tests.connected.attack_town import DAY, Thing
from tests.portal_stage import TODAY

__all__ = ["RECIPES"]
LATER = str(TODAY + 24 * DAY)  # an ordinary Thursday
CSV = "name,first_day,last_day,kind\nPlaneringsdag,2027-02-01,2027-02-01,break\n"


def is_staff(world: World, viewer: UUID) -> bool:
    """The mentors, principals and officers."""
    return any(viewer in one.may["see"] for one in world.town.things["interpreter"])


def makes(world: World, viewer: UUID) -> bool:
    """Who may open a round or make a meeting: principals and mentors."""
    return is_staff(world, viewer) and not world.name_of(viewer).endswith("officer")


# Rounds -------------------------------------------------------------------------------------------------------------


def for_some(path: str, who: object) -> None:
    """A page that some have and others do not."""
    assert callable(who)

    def made(world: World, viewer: UUID) -> Iterator[Ask]:
        theirs = bool(who(world, viewer))
        yield Ask(path, theirs, shows=marks(viewer)[:1] if theirs else ())

    RECIPES[SCHEDULING, "GET", path] = made


def sees_rounds(world: World, viewer: UUID) -> bool:
    """Staff, and who holds talks in one."""
    return any(viewer in one.may["see"] for one in world.town.things["round"])


for_some("/talks/rounds", sees_rounds)
for_some("/talks/rounds/new", makes)
for_some("/talks/interpreters", is_staff)
for_some("/talks/school-year", is_staff)
for_some("/meetings/new", makes)
page("/talks/rounds/{}", "round", most=6)
page("/talks/rounds/{}/proposals", "round", "run", shown=False)
page("/talks/proposals/{}", "proposal")


def classes(world: World, viewer: UUID) -> tuple[list[str], list[str]]:
    """The classes of which this person may plan a round or a meeting, and others."""
    mine, others = set[str](), set[str]()
    for one in world.town.things["round"]:
        place = one.more["place"]
        for group in place.hosts:
            theirs = viewer == world.who[place.principal] or any(
                viewer == world.who[name] and place.hosts[group] == name for name in place.mentors
            )
            (mine if theirs else others).add(str(group))
    return sorted(mine), sorted(others)


@on("/talks/rounds/new", "POST")
def new_round(world: World, viewer: UUID) -> Iterator[Ask]:
    """Another school's class, alone and beside one's own."""
    mine, others = classes(world, viewer)
    evening = {"day_0": LATER, "from_0": "15:00", "to_0": "18:00", "answer_by": f"{TODAY + 9 * DAY}T20:00"}
    evening |= {"books_until": f"{TODAY + 12 * DAY}T20:00", "kind": "development", "title": "Talks", "act": "open"}
    if mine:
        yield Ask("/talks/rounds/new", theirs=True, form={**evening, "act": "check", "classes": mine[:1]})
    for group in some(others, world, viewer, 1):
        yield Ask("/talks/rounds/new", theirs=False, form={**evening, "classes": [group]}, target=group, also=AGAIN)


def nothing(_w: World, _v: UUID, _o: Thing) -> Form:
    """Only the button."""
    return {}


for act, right, doing in (("open", "lead", "open"), ("close", "lead", "close"), ("book", "lead", "book")):
    form(f"/talks/rounds/{{}}/{act}", "round", right, doing, nothing)
form(
    "/talks/rounds/{}/days",
    "round",
    "lead",
    "means",
    lambda _w, _v, _o: {"day": LATER, "starts": "15:00", "ends": "18:00"},
)


@on("/talks/rounds/{round_id}/hosts", "POST")
def hosts(world: World, viewer: UUID) -> Iterator[Ask]:
    """Another's round; and in one's own round somebody who works elsewhere, or in place of who is not in it."""
    for one, theirs in few(world, viewer, "round", "lead", 6):
        path, own = f"/talks/rounds/{one.id}/hosts", str(one.more["host"])
        if not theirs:
            yield Ask(path, theirs=False, form={"host_id": own}, target=str(one.id))
        elif one.more["mark"] == "spare":
            if viewer in one.acts["means"]:
                yield Ask(path, theirs=True, form={"host_id": own, "room": ""}, target=str(one.id))
            for name in ("other_mentor", "mentor_2", "mentor"):
                person = str(world.who[name])
                if one.more["place"].name != {"other_mentor": "other", "mentor_2": "two", "mentor": "one"}[name]:
                    yield Ask(path, theirs=False, form={"host_id": person}, target=person)
                    both = {"host_id": own, "instead_of": person}
                    yield Ask(path, theirs=False, form=both, target=person)


@on("/talks/rounds/{round_id}/presence", "POST")
def presence(world: World, viewer: UUID) -> Iterator[Ask]:
    """A host says it of themselves, who leads the round of all its hosts."""
    hours = {"busy_day": LATER, "busy_from": "08:00", "busy_to": "09:00"}
    for one, theirs in few(world, viewer, "round", "busy", 6):
        path, host = f"/talks/rounds/{one.id}/presence", str(one.more["host"])
        if not theirs:
            yield Ask(path, theirs=False, form={"host_id": host, **hours}, target=str(one.id))
        elif viewer in one.acts.get("means", ()):
            yield Ask(path, theirs=True, form={"host_id": host, **hours}, target=str(one.id))
        elif viewer not in one.may["lead"]:  # holds talks there, and no more
            others = ("mentor", "host", "mentor_2")
            other = next(str(world.who[name]) for name in others if world.who[name] != viewer)
            yield Ask(path, theirs=False, form={"host_id": other, **hours}, target=other)


@on("/talks/rounds/{round_id}/away")
def away_page(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "round", "run", 6):
        if not theirs or one.more["mark"] in ("now", "spare"):
            shows = one.tokens if theirs else ()
            yield Ask(f"/talks/rounds/{one.id}/away", theirs, target=str(one.id), shows=shows)


@on("/talks/rounds/{round_id}/away", "POST")
def away(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "round", "run", 6):
        path, place = f"/talks/rounds/{one.id}/away", one.more["place"]
        day = str(TODAY + (28 + 2 * place.number) * DAY)
        its = {"do": "away", "host_id": str(one.more["host"]), "day": day}
        if not theirs:
            yield Ask(path, theirs=False, form=its, target=str(one.id))
        elif viewer in one.acts.get("means", ()):
            yield Ask(path, theirs=True, form=its, target=str(one.id))
            elsewhere = str(world.who["other_mentor" if place.name != "other" else "mentor"])
            swapped = {**its, "do": "substitute", "substitute_id": elsewhere}
            yield Ask(path, theirs=False, form=swapped, target=elsewhere, also=AGAIN)
            yield Ask(path, theirs=False, form={**its, "host_id": elsewhere}, target=elsewhere, also=AGAIN)


@on("/talks/rounds/{round_id}/proposals", "POST")
def propose(world: World, viewer: UUID) -> Iterator[Ask]:
    """A proposal for one's own round together with another's."""
    running = [one for one in world.town.things["round"] if one.more["mark"] in ("now", "spare")]
    mine = [one for one in running if viewer in one.may["run"]]
    others = {one.id: one for one in running if viewer not in one.may["run"]}
    for one in mine:
        if viewer in one.acts.get("means", ()):
            yield Ask(f"/talks/rounds/{one.id}/proposals", theirs=True, form={}, target=str(one.id))
    for other in some(others, world, viewer, 1):
        yield Ask(f"/talks/rounds/{other}/proposals", theirs=False, form={}, target=str(other))
        for own in mine[:1]:
            path = f"/talks/rounds/{own.id}/proposals"
            yield Ask(path, theirs=False, form={"with": [str(other)]}, target=str(other))


for act in ("adopt", "discard"):
    form(f"/talks/proposals/{{}}/{act}", "proposal", "see", act, nothing)


# Interpreters and the school year -----------------------------------------------------------------------------------


def decides(world: World, viewer: UUID) -> bool:
    """Principals and officers."""
    return any(viewer in one.may["decide"] for one in world.town.things["interpreter"])


@on("/talks/interpreters", "POST")
def interpreter(world: World, viewer: UUID) -> Iterator[Ask]:
    yield Ask("/talks/interpreters", decides(world, viewer), {"name": "Somebody New", "languages": "ar so"})


form(
    "/talks/interpreters/{}/blocks",
    "interpreter",
    "decide",
    "decide",
    lambda _w, _v, _o: {"day": LATER, "starts": "08:00", "ends": "12:00"},
)
form("/talks/interpreters/blocks/{}/cancel", "block", "decide", "decide", nothing)


def places(world: World, viewer: UUID) -> tuple[list[str], list[str]]:
    """Where somebody changes the school year, and where not; "" is the whole municipality."""
    spans = [(str(one.more.get("school", "")), viewer in one.may["decide"]) for one in world.town.things["span"]]
    return sorted({school for school, mine in spans if mine}), sorted({school for school, mine in spans if not mine})


@on("/talks/school-year", "POST")
def bring(world: World, viewer: UUID) -> Iterator[Ask]:
    mine, others = places(world, viewer)
    for school in mine[:1]:
        yield Ask("/talks/school-year", theirs=True, form={"whose": school}, file=CSV)
    for school in [one for one in others if one or not mine][:1]:
        yield Ask("/talks/school-year", theirs=False, form={"whose": school}, file=CSV, target=school)


@on("/talks/school-year/add", "POST")
def add_span(world: World, viewer: UUID) -> Iterator[Ask]:
    mine, others = places(world, viewer)
    row = {"kind": "break", "name": "Planeringsdag", "first": "2027-03-01", "last": "2027-03-01"}
    for school in mine[:1]:
        yield Ask("/talks/school-year/add", theirs=True, form={**row, "whose": school})
    for school in [one for one in others if one or not mine][-1:]:
        yield Ask("/talks/school-year/add", theirs=False, form={**row, "whose": school}, target=school)


@on("/talks/school-year/remove", "POST")
def remove_span(world: World, viewer: UUID) -> Iterator[Ask]:
    for one in world.town.things["span"]:
        if viewer in one.acts["decide"]:
            yield Ask("/talks/school-year/remove", theirs=True, form={"row_id": str(one.id)})
        elif viewer not in one.may["decide"]:
            yield Ask("/talks/school-year/remove", theirs=False, form={"row_id": str(one.id)}, target=str(one.id))


# Meetings and offers ------------------------------------------------------------------------------------------------


def typed(group: str) -> Form:
    """A meeting as somebody types it."""
    when = {"day": LATER, "starts": "18:00", "ends": "19:30", "anyway": "yes"}
    return {"kind": "parent_meeting", "title": "An evening", "place": "The hall", "group": [group], **when}


@on("/meetings/new", "POST")
def new_meeting(world: World, viewer: UUID) -> Iterator[Ask]:
    """Another school's class cannot be invited."""
    mine, others = classes(world, viewer)
    for group in mine[:1]:
        yield Ask("/meetings/new", theirs=True, form=typed(group))
    for group in some(others, world, viewer, 1):
        yield Ask("/meetings/new", theirs=False, form=typed(group), target=group, also=AGAIN)


page("/meetings/{}", "meeting", most=5)


@on("/meetings/{meeting_id}/edit")
def edit_page(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "meeting", "run", 5):
        if not theirs or one.more["mark"] != "now":
            yield Ask(f"/meetings/{one.id}/edit", theirs, target=str(one.id), shows=one.tokens[:3] if theirs else ())


@on("/meetings/{meeting_id}/minutes")
def minutes_page(world: World, viewer: UUID) -> Iterator[Ask]:
    for one, theirs in few(world, viewer, "meeting", "see", 5):
        if not theirs or one.more["minutes"]:
            shows = (one.more["minutes"],) if theirs else ()
            yield Ask(f"/meetings/{one.id}/minutes", theirs, target=str(one.id), shows=shows)


form("/meetings/{}/minutes", "meeting", "run", "minutes", lambda _w, _v, _o: {"words": "We talked."})
for act in ("invite", "cancel"):
    form(f"/meetings/{{}}/{act}", "meeting", "run", act, nothing)
form("/meetings/{}/edit", "meeting", "run", "edit", lambda _w, _v, one: typed(str(one.more["group"])))
form("/meetings/{}/register", "meeting", "guest", "register", lambda _w, _v, _o: {"seats": "2"})
form("/meetings/{}/withdraw", "meeting", "guest", "register", nothing)
form("/meetings/{}/came", "meeting", "roll", "came", nothing)


@on("/offers", "POST")
def offer(world: World, viewer: UUID) -> Iterator[Ask]:
    """For a school of a child of one's own."""
    schools = [one.more["place"].school for one in world.town.things["round"]]
    mine = _schools(world, viewer)
    form: Form = {"title": "I bake", "words": "and would show how"}
    for school in mine[:1]:
        yield Ask("/offers", theirs=True, form={**form, "school": [str(school)]})
    for school in some([one for one in schools if one not in mine], world, viewer, 1):
        form = {**form, "school": [str(school)]}
        yield Ask("/offers", theirs=False, form=form, target=str(school), also=AGAIN)


def _schools(world: World, viewer: UUID) -> list[UUID]:
    children = world.answers_for[viewer] - {viewer}
    pupils = {one.id: one.more for one in world.town.things["adaptation"] if one.id in children}
    names = {world.name_of(one) for one in pupils}
    places = {one.more["place"].school: one.more["place"] for one in world.town.things["round"]}
    return [school for school, place in places.items() if names & {n for some in place.pupils.values() for n in some}]


page("/offers/{}", "offer")
for act, fields in (("edit", {"title": "I sing", "words": "in a choir"}), ("withdraw", {}), ("again", {})):
    form(f"/offers/{{}}/{act}", "offer", "own", "own", lambda _w, _v, _o, its=fields: its)  # type: ignore[misc]
form("/offers/{}/ask", "offer", "ask", "ask", lambda _w, _v, _o: {"words": "Will you come?"})


@on("/offers/{offer_id}/answer", "POST")
def answer(world: World, viewer: UUID) -> Iterator[Ask]:
    """Another's offer, and another's question under one's own offer."""
    own = [one for one in world.town.things["offer"] if viewer in one.acts["own"]]
    for one in own:
        given = {"asked_id": str(one.more["asked"]), "given": "no"}
        yield Ask(f"/offers/{one.id}/answer", theirs=True, form=given)
    for other in some([one for one in world.town.things["offer"] if viewer not in one.may["own"]], world, viewer, 1):
        given = {"asked_id": str(other.more["asked"]), "given": "yes"}
        yield Ask(f"/offers/{other.id}/answer", theirs=False, form=given, target=str(other.id))
        for one in own:
            yield Ask(f"/offers/{one.id}/answer", theirs=False, form=given, target=given["asked_id"])
