"""A stage for attacks: two municipalities full of planted strings, the real apps, and what each person may know.

Everybody's name, address and number is a string that occurs nowhere else, and so is every id. `may_know` says from
the law's words, not from our code, whose of them a person may read; whatever else turns up in an answer is a leak.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select

from deploy.embedded.postgres import Postgres
from services.bulletins import tables as bulletins_tables
from services.bulletins.consumers import readers as bulletins_readers
from services.bulletins.main import app_on as bulletins_on
from services.bulletins.settings import BulletinsSettings
from services.notifications import tables as notifications_tables
from services.notifications.consumers import ROSTER as NOTIFICATIONS_ROSTER
from services.notifications.main import app_on as notifications_on
from services.portal import tables
from services.portal.main import app_on as portal_on
from services.portal.settings import PortalSettings
from services.portal.store import login as logins
from services.portal.store.wishes import ask, make_feed
from services.registry import tables as registry_tables
from services.registry.domain.kinds import Resource
from services.registry.importer import Importer, rows_of
from services.registry.main import app_on as registry_on
from services.registry.settings import RegistrySettings, Source
from services.registry.store import quarantine
from services.scheduling import tables as scheduling_tables
from services.scheduling.consumers import readers
from services.scheduling.main import app_on as scheduling_on
from services.scheduling.settings import SchedulingSettings
from shared.clock import ManualClock
from shared.events.catalogue import CATALOGUE
from shared.events.duties import DutyStatus
from shared.events.envelope import Event, Received
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.roster import (
    Assignment,
    ContactStated,
    GroupStated,
    Guardianship,
    Marking,
    Membership,
    PersonStated,
    PostalAddress,
    Relation,
    SchoolStated,
    StaffStated,
)
from shared.ids import derived_id
from shared.kit import Kit
from shared.messaging.reader import Batch, Reader
from shared.roster.access import consent_id
from shared.roster.projection import roster_reader
from shared.web.session import Session
from tests.connected.attack_gatherings import settle
from tests.connected.attack_letters import letters
from tests.connected.attack_sending import SETTINGS, sendings
from tests.connected.attack_threads import threads
from tests.connected.attack_town import Settling, Town
from tests.portal_stage import (
    ELSEWHERE,
    HERE,
    TEN,
    TODAY,
    Stage,
    absence,
    answers,
    move,
    person,
    portal_kit,
    stage,
    ties,
    told,
)
from tests.stack import kit_off_kafka
from tests.unit.registry import rows

MANY = 10_000_000
TOMORROW = TODAY + timedelta(days=1)
SOURCES = (
    Source(name="brohamn", municipality="Brohamn", push_token=SecretStr("here"), base_url="http://127.0.0.1:1"),
    Source(name="fjarrby", municipality="Fjärrby", push_token=SecretStr("there"), base_url="http://127.0.0.1:1"),
)
PLACES = ("tenant", "other_tenant", "school_1", "school_2", "other_school", "office", "other_office", "other_class")


@dataclass
class World:
    """Both municipalities, the apps with pages, and everybody in them."""

    here: Stage
    apps: dict[str, FastAPI]  # portal, registry, scheduling, bulletins, notifications
    kits: dict[str, Kit]
    importer: Importer
    who: dict[str, UUID]
    may_know: dict[UUID, set[UUID]] = field(default_factory=dict)  # of each viewer: whose names
    teaches: dict[UUID, set[UUID]] = field(default_factory=dict)
    answers_for: dict[UUID, set[UUID]] = field(default_factory=dict)
    sees: dict[UUID, set[UUID]] = field(default_factory=dict)  # at home: oneself, children, by consent
    schools_of: dict[UUID, set[UUID]] = field(default_factory=dict)  # whose ledger
    duties: dict[UUID, UUID] = field(default_factory=dict)  # by pupil
    feeds: dict[UUID, str] = field(default_factory=dict)
    drafts: dict[UUID, str] = field(default_factory=dict)
    entries: dict[UUID, UUID] = field(default_factory=dict)  # quarantine, by municipality
    town: Town = field(default_factory=Town)  # what the scheduling service keeps
    letters: Town = field(default_factory=Town)  # what is kept of bulletins, conversations and messages

    @property
    def portal(self) -> FastAPI:
        """The portal."""
        return self.apps["portal"]

    @property
    def registry(self) -> FastAPI:
        """The registry service."""
        return self.apps["registry"]

    async def close(self) -> None:
        """Let go of the databases."""
        for kit in self.kits.values():
            await kit.close()

    def tenant_of(self, person_id: UUID) -> UUID:
        return ELSEWHERE if self.name_of(person_id).startswith("other") else HERE

    def name_of(self, person_id: UUID) -> str:
        return next(name for name, one in self.who.items() if one == person_id)

    def is_officer(self, viewer: UUID, tenant: UUID) -> bool:
        return self.name_of(viewer) in ("officer", "other_officer") and self.tenant_of(viewer) == tenant

    def secrets(self, service: str = "portal") -> Iterator[tuple[str, set[UUID]]]:
        """Every planted string, and who may read it in this service."""
        towns = {"scheduling": self.town, "bulletins": self.letters, "notifications": self.letters}
        more = towns[service].knows if service in towns else {}
        for town in (self.town, self.letters):
            yield from ((one, set(knowing)) for one, knowing in town.planted.items())
        for person_id in self.who.values():
            knowing = {one for one, known in self.may_know.items() if person_id in known | more.get(one, set())}
            for planted in marks(person_id):
                yield planted, knowing
            yield str(person_id), knowing
        for pupil, duty in self.duties.items():
            knowing = self.near(pupil)
            yield str(duty), knowing
            yield str(derived_id("notice", duty)), knowing
        for person_id, secret in self.feeds.items():
            yield secret, {person_id}
        for person_id, path in self.drafts.items():
            yield path, {person_id}
        for tenant, entry in self.entries.items():
            yield str(entry), {one for one in self.who.values() if self.is_officer(one, tenant)}

    def near(self, pupil: UUID) -> set[UUID]:
        """Who may know that there is a duty about the pupil, if not by name."""
        tenant = self.tenant_of(pupil)
        mine = {one for one, known in self.may_know.items() if pupil in known}
        return mine | {one for one in self.who.values() if self.is_officer(one, tenant)}


def marks(person_id: UUID) -> tuple[str, ...]:
    """The strings that stand for a person and for nobody else: given name, family name, address, number, street."""
    tag = person_id.hex[:10]
    number = f"+4670{int(tag, 16) % 10**9:09d}"
    return f"Förnamn{tag}", f"Efternamn{tag}", f"{tag}@planterad.example", number, f"Stigen{tag} 1"


async def a_world(postgres: Postgres, clock: ManualClock) -> World:
    """Everything there is, told to the portal and to the registry service."""
    kit = portal_kit(postgres, clock)
    fast = {"requests_per_minute": MANY, "visits_per_minute": MANY, "logins_per_minute": MANY}
    kit.settings = kit.settings.model_copy(update=fast)
    here = await stage(kit)
    who = {name: value for name, value in vars(here).items() if isinstance(value, UUID) and _is_person(name)}
    extra = ["other_guardian_2", "other_child_2", "other_mentor", "other_principal", "other_principal_2"]
    extra += ("not_yet", "friend", "protected_guardian", "left", "host", "gone_host")
    who |= {name: uuid4() for name in extra}
    kits = {
        "portal": kit,
        "registry": kit_off_kafka(postgres, "registry", registry_tables.metadata, registry_tables.kit, clock),
        "scheduling": kit_off_kafka(postgres, "scheduling", scheduling_tables.metadata, scheduling_tables.kit, clock),
        "bulletins": kit_off_kafka(postgres, "bulletins", bulletins_tables.metadata, bulletins_tables.kit, clock),
        "notifications": kit_off_kafka(
            postgres, "notifications", notifications_tables.metadata, notifications_tables.kit, clock
        ),
    }
    for one in kits.values():
        one.settings = kit.settings
    world = World(here, apps_on(kits), kits, Importer(kits["registry"], frozenset(one.name for one in SOURCES)), who)
    await _more(world)
    _rights(world)
    await _heard(world)
    await settle(Settling(kits["scheduling"], here, who, world.teaches, world.answers_for, world.town))
    await _written(world)
    await _kept(world)
    await _registered(world)
    return world


def apps_on(kits: Mapping[str, Kit]) -> dict[str, FastAPI]:
    """The services that have pages."""
    return {
        "portal": portal_on(kits["portal"], PortalSettings()),
        "registry": registry_on(kits["registry"], RegistrySettings(sources=SOURCES)),
        "scheduling": scheduling_on(kits["scheduling"], SchedulingSettings()),
        "bulletins": bulletins_on(kits["bulletins"], BulletinsSettings()),
        "notifications": notifications_on(kits["notifications"], SETTINGS),
    }


async def _written(world: World) -> None:
    """Bulletins, conversations, and what waits to be sent."""
    around = (world.here, world.who, world.teaches, world.answers_for, world.letters)
    for service, makers in (("bulletins", (letters, threads)), ("notifications", (sendings,))):
        its = Settling(world.kits[service], *around)
        async with its.kit.sessions.begin() as db:
            for make in makers:
                await make(its, db)


async def _heard(world: World) -> None:
    """What the portal has heard of the roster the other services hear too."""
    async with world.kits["portal"].sessions() as db:
        rows = (await db.execute(select(tables.roster.c.event_type, tables.roster.c.state))).all()
    events = [CATALOGUE[row.event_type].model_validate(row.state) for row in rows]
    notifications = [roster_reader(notifications_tables.roster, *NOTIFICATIONS_ROSTER)]
    every = {"scheduling": readers(), "bulletins": bulletins_readers(), "notifications": notifications}
    for service, some in every.items():
        for reader in some:
            await _read(world.kits[service], reader, events)


async def _read(kit: Kit, reader: Reader, events: Iterable[Event]) -> None:
    mine = [
        Received(one, str(uuid4()).encode(), None, one.topic, 0, 0) for one in events if one.event_type in reader.wanted
    ]
    async with kit.sessions.begin() as db:
        await reader.handle(db, Batch(mine, kit.clock.now()))


def _is_person(name: str) -> bool:
    return name not in PLACES and not name.startswith(("class", "duty"))


async def _more(world: World) -> None:
    """The second school of the other municipality, more families, and everybody's planted name."""
    s, who = world.here, world.who
    school, group = derived_id("school", s.other_school), derived_id("class", s.other_school)
    told_of: list[Event] = [
        SchoolStated(
            school_id=school,
            version=1,
            tenant_id=ELSEWHERE,
            name="Andra fjärrskolan",
            parent_id=s.other_office,
            zone="Europe/Oslo",
        )
    ]
    told_of += person(ELSEWHERE, who["other_child_2"], "Una Utom", school, born=date(2010, 2, 2))
    for name in ("other_guardian_2", "other_mentor", "other_principal", "other_principal_2"):
        told_of += person(ELSEWHERE, who[name], "Nå Gon")
    for name in ("not_yet", "friend", "left", "host", "gone_host"):
        told_of += person(HERE, who[name], "Nå Gon")
    told_of += person(HERE, who["protected_guardian"], "Nå Gon", marking=Marking.PROTECTED)
    told_of.append(
        PersonStated(person_id=who["left"], version=2, tenant_id=HERE, active=False),
    )
    step = Guardianship(guardian_id=who["step_parent"], relation=Relation.OTHER_RESPONSIBLE)
    soon = Guardianship(guardian_id=who["not_yet"], relation=Relation.GUARDIAN, starts=TOMORROW)
    friend = Guardianship(guardian_id=who["friend"], relation=Relation.OTHER_RESPONSIBLE)
    mine = (answers(who["guardian_a"]), answers(who["guardian_b"]), step, soon, friend)
    told_of.append(ties(HERE, s.child_1, *mine, version=2))
    told_of.append(
        ties(HERE, s.stranger_child, answers(who["stranger"]), answers(who["protected_guardian"]), version=2)
    )
    told_of.append(ties(ELSEWHERE, who["other_child_2"], answers(who["other_guardian_2"])))
    told_of.append(
        ConsentStated(
            consent_id=consent_id(s.child_1, who["friend"]),
            version=1,
            tenant_id=HERE,
            pupil_id=s.child_1,
            person_id=who["friend"],
            basis=ConsentBasis.GUARDIANS,
            given_by=(s.guardian_a, s.guardian_b),
            starts=date(2026, 9, 1),
        )
    )
    told_of.append(_group(group, school, "8D", who["other_child_2"]))
    told_of.append(_group(s.class_1, s.school_1, "6A", s.child_1, left=s.stranger_child, tenant=HERE))
    told_of.append(_group(s.class_1b, s.school_1, "6B", s.stranger_child, tenant=HERE))
    inside = (s.child_2, s.protected_child, s.adult_pupil, s.almost_adult)
    told_of.append(_group(s.class_2, s.school_2, "9B", *inside, left=s.child_1, tenant=HERE))
    told_of += _posts(world, school)
    told_of += [_named(world, name) for name in who]
    await s.hear(*told_of)
    await s.hear(*_duties(world, school))


def _group(
    group: UUID, school: UUID, name: str, *pupils: UUID, left: UUID | None = None, tenant: UUID = ELSEWHERE
) -> GroupStated:
    """A class; one of its pupils has left it in the autumn."""
    inside = [Membership(person_id=one, starts=date(2026, 8, 15)) for one in pupils]
    inside += [Membership(person_id=left, starts=date(2025, 8, 15), ends=date(2026, 10, 1))] if left else []
    return GroupStated(
        group_id=group, version=2, tenant_id=tenant, school_id=school, name=name, kind="Klass", members=tuple(inside)
    )


def _posts(world: World, second: UUID) -> list[Event]:
    s, who = world.here, world.who
    parts = (Assignment(group_id=s.other_class, role="Mentor"),)

    def post(
        name: str, school: UUID, role: str, given: tuple[Assignment, ...] = (), ends: date | None = None
    ) -> StaffStated:
        return StaffStated(
            post_id=uuid4(),
            version=1,
            tenant_id=world.tenant_of(who[name]),
            school_id=school,
            person_id=who[name],
            role=role,
            assignments=given,
            ends=ends,
        )

    return [
        post("other_mentor", s.other_school, "Lärare", parts),
        post("other_principal", s.other_school, "Rektor"),
        post("other_principal_2", second, "Rektor"),
        post("host", s.school_1, "Lärare"),
        post("gone_host", s.school_1, "Lärare", ends=TODAY),
        post("mentor_2", s.school_1, "Lärare", ends=TODAY),
    ]


def _named(world: World, name: str) -> ContactStated:
    given, family, mail, phone, street = marks(world.who[name])
    return ContactStated(
        person_id=world.who[name],
        version=3,
        tenant_id=world.tenant_of(world.who[name]),
        given_name=given,
        family_name=family,
        emails=(mail,),
        phones=(phone,),
        address=PostalAddress(street=street, postal_code="123 45", locality="Brohamn"),
    )


def _duties(world: World, second: UUID) -> Iterator[Event]:
    """A notice about every pupil; also to those whose right has ended since."""
    s, who = world.here, world.who
    world.duties = {s.child_1: s.duty_1, s.child_2: s.duty_2}
    yield told(s.duty_2, s.guardian_b_ended, s.school_2, "09:01")
    yield told(s.duty_1, who["step_parent"], s.school_1, "09:01")
    yield told(s.duty_1, who["friend"], s.school_1, "09:34")
    more = {
        "stranger_child": (s.school_1, "stranger"),
        "protected_child": (s.school_2, "guardian_p"),
        "adult_pupil": (s.school_2, "former_guardian"),
        "almost_adult": (s.school_2, "former_guardian"),
        "other_child": (s.other_school, "other_guardian"),
        "other_child_2": (second, "other_guardian_2"),
    }
    for name, (school, reader) in more.items():
        pupil, duty = who[name], uuid4()
        world.duties[pupil] = duty
        yield absence(duty, pupil, school, "09:12")
        for status, clock in ((DutyStatus.OWED, "09:31"), (DutyStatus.SENT, "09:31"), (DutyStatus.DELIVERED, "09:32")):
            yield move(status, duty, pupil, school, clock)
        yield told(duty, who[reader], school, "09:32")


def _rights(world: World) -> None:
    """Who may know what, written down by hand."""
    s, who = world.here, world.who
    second = derived_id("school", s.other_school)
    custody = {
        "guardian_a": ("child_1", "child_2"),
        "guardian_b": ("child_1",),
        "stranger": ("stranger_child",),
        "protected_guardian": ("stranger_child",),
        "guardian_p": ("protected_child",),
        "former_guardian": ("almost_adult",),
        "other_guardian": ("other_child",),
        "other_guardian_2": ("other_child_2",),
        "adult_pupil": ("adult_pupil",),
    }
    school_1, school_2 = ("child_1", "stranger_child"), ("child_2", "protected_child", "adult_pupil", "almost_adult")
    teaching = {
        "mentor": ("child_1",),
        "mentor_2": school_2,
        "principal": school_1,
        "principal_2": school_2,
        "other_mentor": ("other_child",),
        "other_principal": ("other_child",),
        "other_principal_2": ("other_child_2",),
    }
    around = {
        "child_1": ("guardian_a", "guardian_b", "step_parent", "not_yet", "friend"),
        "child_2": ("guardian_a", "guardian_b_ended"),
        "stranger_child": ("stranger", "protected_guardian"),
        "protected_child": ("guardian_p",),
        "adult_pupil": ("former_guardian",),
        "almost_adult": ("former_guardian",),
        "other_child": ("other_guardian",),
        "other_child_2": ("other_guardian_2",),
    }
    for name, viewer in who.items():
        mine, taught = custody.get(name, ()), teaching.get(name, ())
        world.answers_for[viewer] = {who[one] for one in mine}
        world.teaches[viewer] = {who[one] for one in taught}
        home = {who[one] for one in mine} | ({viewer} if viewer in world.duties else set())
        world.sees[viewer] = home | ({who["child_1"]} if name == "friend" else set())
        known = {viewer} | world.sees[viewer] | world.teaches[viewer]
        known |= {who[one] for pupil in (*mine, *taught) for one in around[pupil]}
        known |= {who[one] for one, pupils in teaching.items() if set(pupils) & set(mine)}
        if mine:  # whoever looked at work is named to those who may ask who looked
            known.add(who["other_officer" if name.startswith("other") else "officer"])
        hidden = {who["protected_guardian"]} if name == "stranger" else set()  # no page tells one parent of the other
        world.may_know[viewer] = known - hidden
    world.schools_of = defaultdict(
        set,
        {
            who["principal"]: {s.school_1},
            who["principal_2"]: {s.school_2},
            who["officer"]: {s.school_1, s.school_2, s.office},
            who["other_principal"]: {s.other_school},
            who["other_principal_2"]: {second},
            who["other_officer"]: {s.other_school, second, s.other_office},
        },
    )
    for officer, tenant in (("officer", HERE), ("other_officer", ELSEWHERE)):  # what waits is shown by name
        names = ("child_1", "step_parent") if tenant == HERE else ("other_child", "other_guardian_2")
        world.may_know[who[officer]] |= {who[one] for one in names}


async def _kept(world: World) -> None:
    """A calendar address, a draft and a question for everybody."""
    kit = world.here.kit
    async with kit.sessions.begin() as db:
        for person_id in world.who.values():
            tenant, secret = world.tenant_of(person_id), f"{person_id.hex}{'k' * 11}"
            await make_feed(db, person_id, tenant, secret, TEN)
            world.feeds[person_id] = secret
            path = f"/draft-of-{person_id.hex[:12]}"
            world.drafts[person_id] = path
            session = Session(uuid4(), person_id, tenant, "test", "strong", TEN, TEN)
            await logins.keep_draft(db, session, path, [("note", marks(person_id)[0])], TEN)
            await ask(db, "rights", [(person_id, tenant)], TEN)


async def _registered(world: World) -> None:
    """The registry service's own records, and one change in each municipality that waits for a registrar."""
    s = world.here
    await _town(world, SOURCES[0], s.school_1, s.office, ("child_1", "guardian_a", "step_parent", "officer"))
    other = ("other_child", "other_guardian", "other_guardian_2", "other_officer")
    await _town(world, SOURCES[1], s.other_school, s.other_office, other)
    async with world.importer.kit.sessions() as db:
        world.entries = {entry.tenant_id: entry.id for entry in await quarantine.listed(db, 10)}
    assert set(world.entries) == {HERE, ELSEWHERE}


async def _town(world: World, source: Source, school: UUID, office: UUID, names: Iterable[str]) -> None:
    child, first, second, officer = (world.who[name] for name in names)
    origin, subject = world.importer.origin(source), derived_id("subject", school)

    async def take(resource: Resource, *raw: Any) -> None:
        await world.importer.take(origin, rows_of(resource, raw, origin))

    def named(person_id: UUID) -> dict[str, Any]:
        given, family, mail, *_ = marks(person_id)
        return {"givenName": given, "familyName": family, "emails": [{"value": mail, "type": "Privat"}]}

    where = {"enrolments": [{"enroledAt": {"id": str(school)}, "schoolType": "GR", "startDate": "2024-08-15"}]}
    kind = rows.organisation(id=str(office), organisationType="Huvudman", displayName="Kommun")
    await take(Resource.ORGANISATIONS, rows.organisation(id=str(school)), kind)
    grown = [rows.grown_up(one, **named(one)) for one in (first, second, officer)]
    before = rows.pupil(id=str(child), **named(child), **where, responsibles=[rows.responsible(first)])
    await take(Resource.PERSONS, *grown, before)
    after = [rows.responsible(first), rows.responsible(second)]
    await take(Resource.PERSONS, {**before, "responsibles": after})
    duty = {"id": str(uuid4()), "person": str(officer), "dutyAt": str(office), "dutyRole": "Skoladministratör"}
    await take(Resource.DUTIES, {**duty, "meta": rows.meta()})
    organisation = {"id": str(school)}
    await take(Resource.ACTIVITIES, rows.activity(id=str(subject), organisation=organisation))
    lesson = {"id": str(derived_id("lesson", school)), "activity": {"id": str(subject)}}
    await take(Resource.CALENDAR_EVENTS, rows.calendar_event(**lesson))
