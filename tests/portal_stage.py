"""A stage for the portal's pages: a small municipality on a school morning, and people who open pages.

It is 10:00 in Stockholm on Monday 23 November 2026. Ebba (child_1) was missing from her first lesson and nobody knows
why; both her parents, who live apart, were told. What was said about her brother Olle (child_2) was taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
from fastapi import APIRouter, FastAPI
from pydantic import SecretStr
from sqlalchemy import event, text

import services.portal.web
from deploy.embedded.postgres import Postgres
from services.portal import tables
from services.portal.consumers import readers
from shared.clock import ManualClock
from shared.events.absence import AbsenceNoticed
from shared.events.attendance import LessonPlanned
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.envelope import Event
from shared.events.notify import DeliverySettled, DeliveryStatus, NotificationKind
from shared.events.roster import (
    Assignment,
    ContactStated,
    GroupStated,
    Guardianship,
    GuardianshipsStated,
    Marking,
    Membership,
    PersonStated,
    Relation,
    SchoolStated,
    StaffStated,
    SubjectStated,
)
from shared.events.scheduling import CommitmentStated, CommitmentStatus, Owner, TalkKind, TalkState, TalkStated
from shared.ids import derived_id, tenant_id
from shared.kit import Kit
from shared.roster.access import Why
from shared.web.errors import add_error_pages
from shared.web.pages import Pages, add_pages
from shared.web.session import STEP_UP, Sessions, add_sessions
from tests.hearing import hear_by, said
from tests.stack import kit_off_kafka

TODAY = date(2026, 11, 23)
TEN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
KEY = "a key of the tests that is long enough to sign"
HERE, ELSEWHERE = tenant_id("Brohamn"), tenant_id("Fjärrby")


def at(clock: str, day: date = TODAY) -> datetime:
    """A time on the wall in Stockholm in November, as an instant."""
    hours, minutes = map(int, clock.split(":"))
    return datetime(day.year, day.month, day.day, hours - 1, minutes, tzinfo=UTC)


def portal_kit(postgres: Postgres, clock: ManualClock) -> Kit:
    """A portal's engine room without a broker, at 10:00, with a key to sign sessions."""
    clock.instant = TEN
    kit = kit_off_kafka(postgres, "portal", tables.metadata, tables.kit, clock)
    kit.settings = kit.settings.model_copy(update={"session_key": SecretStr(KEY)})
    return kit


async def hear(kit: Kit, *events: Event) -> None:
    """Let the portal read these, as its readers do."""
    await hear_by(kit, readers(), *events)


@dataclass
class Stage:
    """The municipality. Every person, school and group has its id here; `app` is what `open_pages` has joined."""

    kit: Kit
    tenant: UUID = HERE
    other_tenant: UUID = ELSEWHERE
    school_1: UUID = field(default_factory=uuid4)  # Björkskolan
    school_2: UUID = field(default_factory=uuid4)  # Lindskolan
    office: UUID = field(default_factory=uuid4)  # the municipality itself
    other_office: UUID = field(default_factory=uuid4)
    other_school: UUID = field(default_factory=uuid4)  # in another municipality
    class_1: UUID = field(default_factory=uuid4)  # 6A at school_1: child_1
    class_1b: UUID = field(default_factory=uuid4)  # 6B at school_1: stranger_child
    class_2: UUID = field(default_factory=uuid4)  # 9B at school_2: child_2 and the rest
    other_class: UUID = field(default_factory=uuid4)
    guardian_a: UUID = field(default_factory=uuid4)  # Anna: answers for child_1 and child_2
    guardian_b: UUID = field(default_factory=uuid4)  # Bo: answers for child_1, lives elsewhere
    guardian_b_ended: UUID = field(default_factory=uuid4)  # answered for child_2 until last year
    step_parent: UUID = field(default_factory=uuid4)  # tied to child_1 without a right
    stranger: UUID = field(default_factory=uuid4)  # answers for stranger_child
    guardian_p: UUID = field(default_factory=uuid4)  # answers for protected_child
    former_guardian: UUID = field(default_factory=uuid4)  # of adult_pupil; answers for almost_adult until midnight
    other_guardian: UUID = field(default_factory=uuid4)  # in another municipality
    child_1: UUID = field(default_factory=uuid4)  # Ebba, 12
    child_2: UUID = field(default_factory=uuid4)  # Olle, 15
    stranger_child: UUID = field(default_factory=uuid4)
    protected_child: UUID = field(default_factory=uuid4)
    adult_pupil: UUID = field(default_factory=uuid4)  # 18 since January
    almost_adult: UUID = field(default_factory=uuid4)  # 18 tomorrow
    other_child: UUID = field(default_factory=uuid4)
    mentor: UUID = field(default_factory=uuid4)  # of class_1
    mentor_2: UUID = field(default_factory=uuid4)  # of class_2
    principal: UUID = field(default_factory=uuid4)  # of school_1
    principal_2: UUID = field(default_factory=uuid4)  # of school_2
    officer: UUID = field(default_factory=uuid4)  # of the municipality
    other_officer: UUID = field(default_factory=uuid4)
    duty_1: UUID = field(default_factory=uuid4)  # told, not acknowledged
    duty_2: UUID = field(default_factory=uuid4)  # taken back
    app: FastAPI | None = None

    @property
    def notice_1(self) -> UUID:
        """The notification that carried out duty_1."""
        return derived_id("notice", self.duty_1)

    @property
    def notice_2(self) -> UUID:
        """The notification that carried out duty_2."""
        return derived_id("notice", self.duty_2)

    @property
    def clock(self) -> ManualClock:
        """The clock of the whole stage."""
        return cast(ManualClock, self.kit.clock)

    async def hear(self, *events: Event) -> None:
        """Let the portal read these."""
        await hear(self.kit, *events)

    def client(self, person_id: UUID | None, tenant: UUID | None = None, level: str = STEP_UP) -> httpx.AsyncClient:
        """A browser in which this person has logged in (None: nobody). Redirects are not followed."""
        assert self.app is not None, "call open_pages first"
        sessions = Sessions(self.kit.settings)
        browser = httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://portal")
        browser.headers["accept-language"] = "en"
        if person_id is not None:
            session = sessions.begin(person_id, tenant or self.tenant, "test", "strong", level=level)
            browser.cookies.set(sessions.cookie, sessions.seal(session))
            browser.headers["x-csrf"] = sessions.csrf(session)  # for `post`, which puts it into the form
        return browser

    async def get(self, person_id: UUID | None, path: str, tenant: UUID | None = None) -> httpx.Response:
        """The page as this person sees it."""
        async with self.client(person_id, tenant) as browser:
            return await browser.get(path)

    async def post(
        self, who: UUID, path: str, /, tenant: UUID | None = None, level: str = STEP_UP, **fields: Any
    ) -> httpx.Response:
        """Send a form as this person, with the token of their session."""
        typed = {name: str(value) for name, value in fields.items()}
        async with self.client(who, tenant, level) as browser:
            return await browser.post(path, data={"csrf": browser.headers["x-csrf"], **typed})

    async def said(self, model: type[Event]) -> list[Any]:
        """The events of one kind in the outbox, in order."""
        return await said(self.kit, model)

    async def rows(self, query: str, **values: Any) -> Sequence[Any]:
        """What the database holds, with nothing in the way."""
        async with self.kit.sessions() as session:
            return (await session.execute(text(query), values)).all()


def statements(kit: Kit) -> list[str]:
    """From now on: every statement that a person's transactions, or the machine's, send to the database."""
    sent: list[str] = []
    pool = kit.people.kw["bind"].sync_engine  # the machine's engine is this one with an option, and hears only itself
    event.listen(pool, "before_cursor_execute", lambda *given: sent.append(given[2]))
    return sent


def open_pages(stage: Stage, *routes: Callable[[Kit, Pages], APIRouter]) -> FastAPI:
    """Join these pages with real sessions and error pages into the app that `client` opens."""
    app, web = FastAPI(docs_url=None, redoc_url=None), Path(services.portal.web.__file__).parent
    pages = Pages(web / "templates", stage.kit.settings)
    add_error_pages(app, pages)
    add_pages(app, web / "static", stage.kit.settings)
    add_sessions(app, stage.kit)
    for join in routes:
        app.include_router(join(stage.kit, pages))
    stage.app = app
    return app


async def stage(kit: Kit) -> Stage:
    """Tell the portal about the municipality and its morning."""
    here = Stage(kit)
    await here.hear(*_places(here), *_people(here), *_families(here))
    await here.hear(*_classes(here), *_staff(here), *_lessons(here))
    await here.hear(*_morning(here))
    return here


def person(
    tenant: UUID,
    person_id: UUID,
    name: str,
    *schools: UUID,
    born: date | None = None,
    marking: Marking = Marking.NONE,
    version: int = 1,
) -> list[Event]:
    """Somebody with a name, as the registry states them."""
    given, _, family = name.partition(" ")
    stated = PersonStated(
        person_id=person_id, version=version, tenant_id=tenant, born=born, marking=marking, school_ids=schools
    )
    mail = f"{given.lower()}@hem.example"
    contact = ContactStated(
        person_id=person_id, version=version, tenant_id=tenant, given_name=given, family_name=family, emails=(mail,)
    )
    return [stated, contact]


def ties(tenant: UUID, pupil_id: UUID, *given: Guardianship, version: int = 1) -> GuardianshipsStated:
    """Everyone tied to a pupil."""
    return GuardianshipsStated(pupil_id=pupil_id, version=version, tenant_id=tenant, ties=given)


def answers(guardian_id: UUID, ends: date | None = None) -> Guardianship:
    """A tie of custody."""
    return Guardianship(guardian_id=guardian_id, relation=Relation.GUARDIAN, ends=ends)


def _places(s: Stage) -> list[Event]:
    def place(place_id: UUID, name: str, mail: str, tenant: UUID = HERE, **more: Any) -> SchoolStated:
        return SchoolStated(school_id=place_id, version=1, tenant_id=tenant, name=name, email=mail, **more)

    return [
        place(s.office, "Brohamns kommun", "skola@brohamn.example", kind="municipality"),
        place(s.school_1, "Björkskolan", "exp@bjork.example", parent_id=s.office),
        place(s.school_2, "Lindskolan", "exp@lind.example", parent_id=s.office),
        place(s.other_office, "Fjärrby kommun", "skola@fjarr.example", ELSEWHERE, kind="municipality"),
        place(s.other_school, "Fjärrskolan", "exp@fjarr.example", ELSEWHERE, parent_id=s.other_office),
    ]


def _people(s: Stage) -> list[Event]:
    grown_ups = {
        s.guardian_a: "Anna Ek",
        s.guardian_b: "Bo Alm",
        s.guardian_b_ended: "Bertil Asp",
        s.step_parent: "Stina Sjö",
        s.stranger: "Frida Främling",
        s.guardian_p: "Petra Dold",
        s.former_guardian: "Gunnar Lind",
        s.mentor: "Maja Mentor",
        s.mentor_2: "Mats Mentor",
        s.principal: "Rut Rektor",
        s.principal_2: "Rolf Rektor",
        s.officer: "Oskar Kontor",
    }
    people = [event for person_id, name in grown_ups.items() for event in person(HERE, person_id, name)]
    people += person(HERE, s.child_1, "Ebba Ek", s.school_1, born=date(2014, 3, 1))
    people += person(HERE, s.child_2, "Olle Ek", s.school_2, born=date(2011, 5, 2))
    people += person(HERE, s.stranger_child, "Filip Främling", s.school_1, born=date(2014, 4, 4))
    people += person(HERE, s.protected_child, "Pia Dold", s.school_2, born=date(2011, 6, 6), marking=Marking.PROTECTED)
    people += person(HERE, s.adult_pupil, "Alva Lind", s.school_2, born=date(2008, 1, 15))
    people += person(HERE, s.almost_adult, "Nils Lind", s.school_2, born=date(2008, 11, 24))
    people += person(ELSEWHERE, s.other_guardian, "Ulla Utom")
    people += person(ELSEWHERE, s.other_officer, "Ove Utom")
    people += person(ELSEWHERE, s.other_child, "Uno Utom", s.other_school, born=date(2013, 1, 1))
    return people


def _families(s: Stage) -> list[Event]:
    step = Guardianship(guardian_id=s.step_parent, relation=Relation.OTHER_RESPONSIBLE)
    return [
        ties(HERE, s.child_1, answers(s.guardian_a), answers(s.guardian_b), step),
        ties(HERE, s.child_2, answers(s.guardian_a), answers(s.guardian_b_ended, ends=date(2025, 6, 1))),
        ties(HERE, s.stranger_child, answers(s.stranger)),
        ties(HERE, s.protected_child, answers(s.guardian_p)),
        ties(HERE, s.adult_pupil, answers(s.former_guardian)),
        ties(HERE, s.almost_adult, answers(s.former_guardian)),
        ties(ELSEWHERE, s.other_child, answers(s.other_guardian)),
    ]


def _classes(s: Stage) -> list[Event]:
    def group(group_id: UUID, school_id: UUID, tenant: UUID, name: str, *members: UUID) -> list[Event]:
        inside = tuple(Membership(person_id=one, starts=date(2026, 8, 15)) for one in members)
        told = GroupStated(
            group_id=group_id,
            version=1,
            tenant_id=tenant,
            school_id=school_id,
            name=name,
            kind="Klass",
            members=inside,
        )
        subject = SubjectStated(
            subject_id=derived_id("subject", group_id),
            version=1,
            tenant_id=tenant,
            school_id=school_id,
            name="Svenska",
            group_ids=(group_id,),
        )
        return [told, subject]

    return [
        *group(s.class_1, s.school_1, HERE, "6A", s.child_1),
        *group(s.class_1b, s.school_1, HERE, "6B", s.stranger_child),
        *group(s.class_2, s.school_2, HERE, "9B", s.child_2, s.protected_child, s.adult_pupil, s.almost_adult),
        *group(s.other_class, s.other_school, ELSEWHERE, "7C", s.other_child),
    ]


def _staff(s: Stage) -> list[Event]:
    def post(holder: UUID, role: str, place: UUID, group: UUID | None = None, tenant: UUID = HERE) -> StaffStated:
        parts = (Assignment(group_id=group, role="Mentor"),) if group else ()
        return StaffStated(
            post_id=uuid4(),
            version=1,
            tenant_id=tenant,
            school_id=place,
            person_id=holder,
            role=role,
            assignments=parts,
        )

    return [
        post(s.mentor, "Lärare", s.school_1, s.class_1),
        post(s.mentor_2, "Lärare", s.school_2, s.class_2),
        post(s.principal, "Rektor", s.school_1),
        post(s.principal_2, "Rektor", s.school_2),
        post(s.officer, "Skoladministratör", s.office),
        post(s.other_officer, "Skoladministratör", s.other_office, tenant=ELSEWHERE),
    ]


def lesson(school: UUID, group: UUID, begins: str, ends: str, day: date = TODAY, **more: Any) -> LessonPlanned:
    """A lesson of a class."""
    return LessonPlanned(
        lesson_id=uuid4(),
        version=1,
        school_id=school,
        starts_at=at(begins, day),
        ends_at=at(ends, day),
        subject_id=derived_id("subject", group),
        **more,
    )


def _lessons(s: Stage) -> list[Event]:
    tomorrow = TODAY + timedelta(days=1)
    return [
        lesson(s.school_1, s.class_1, "08:20", "09:00"),
        lesson(s.school_1, s.class_1, "12:40", "14:10"),
        lesson(s.school_1, s.class_1, "14:20", "15:00", cancelled=True),
        lesson(s.school_1, s.class_1, "09:00", "13:00", tomorrow),
        lesson(s.school_1, s.class_1b, "08:00", "13:30"),
        lesson(s.school_2, s.class_2, "08:05", "15:25"),
        lesson(s.school_2, s.class_2, "10:15", "15:00", TODAY + timedelta(days=2)),
        lesson(s.other_school, s.other_class, "08:00", "12:00"),
    ]


def absence(duty_id: UUID, pupil_id: UUID, school_id: UUID, noticed: str, day: date = TODAY) -> AbsenceNoticed:
    """A pupil was missing and nobody knew why."""
    return AbsenceNoticed(
        notice_id=duty_id, version=1, pupil_id=pupil_id, school_id=school_id, day=day, noticed_at=at(noticed, day)
    )


def move(
    status: DutyStatus, duty_id: UUID, pupil_id: UUID, school_id: UUID, clock: str, day: date = TODAY
) -> DutyMoved:
    """A duty has come so far."""
    proven = status not in (DutyStatus.OWED, DutyStatus.MISSED)
    return DutyMoved(
        duty_id=duty_id,
        kind=DutyKind.SAME_DAY_NOTICE,
        status=status,
        pupil_id=pupil_id,
        school_id=school_id,
        day=day,
        at=at(clock, day),
        evidence_id=derived_id("notice", duty_id) if proven else None,
        reason="no_address" if status is DutyStatus.UNREACHABLE else None,
    )


def talk(pupil_id: UUID, state: TalkState, *guardians: UUID, school_id: UUID, **more: Any) -> TalkStated:
    """A development talk as the scheduling service states it; `starts` is its time on the wall, today or on `day`."""
    starts, day = more.pop("starts", None), more.pop("day", TODAY)
    begins = at(starts, day) if starts else None
    values = {
        "talk_id": derived_id("talk", pupil_id, *guardians),
        "version": 1,
        "tenant_id": HERE,
        "school_id": school_id,
        "round_id": derived_id("round", school_id),
        "pupil_id": pupil_id,
        "kind": TalkKind.DEVELOPMENT,
        "state": state,
        "guardian_ids": guardians,
        "starts_at": begins,
        "ends_at": begins + timedelta(minutes=25) if begins else None,
    }
    return TalkStated.model_validate(values | more)


def commitment(about: TalkStated, owner: Owner, status: CommitmentStatus, **more: Any) -> CommitmentStated:
    """Something agreed in that talk."""
    values = {
        "commitment_id": uuid4(),
        "version": 1,
        "tenant_id": about.tenant_id,
        "school_id": about.school_id,
        "pupil_id": about.pupil_id,
        "talk_id": about.talk_id,
        "owner": owner,
        "status": status,
    }
    return CommitmentStated.model_validate(values | more)


def talk_duty(status: DutyStatus, pupil_id: UUID, school_id: UUID, clock: str = "08:00", **more: Any) -> DutyMoved:
    """The duty to hold a development talk before the autumn term ends has come so far."""
    values = {
        "duty_id": derived_id("talk duty", pupil_id, "ht26", DutyKind.DEVELOPMENT_TALK),
        "kind": DutyKind.DEVELOPMENT_TALK,
        "status": status,
        "pupil_id": pupil_id,
        "school_id": school_id,
        "day": date(2026, 12, 18),
        "at": at(clock, more.pop("on", TODAY)),
    }
    return DutyMoved.model_validate(values | more)


def told(
    duty_id: UUID, person_id: UUID, school_id: UUID, clock: str, status: DeliveryStatus = DeliveryStatus.DELIVERED
) -> DeliverySettled:
    """A message about a duty reached somebody."""
    notification = derived_id("notice", duty_id)
    return DeliverySettled(
        delivery_id=derived_id("delivery", notification, person_id),
        notification_id=notification,
        person_id=person_id,
        school_id=school_id,
        kind=NotificationKind.ABSENCE_NOTICE,
        status=status,
        at=at(clock),
        why=Why.ANSWERS_FOR,
    )


def _morning(s: Stage) -> list[Event]:
    one = (s.duty_1, s.child_1, s.school_1)
    two = (s.duty_2, s.child_2, s.school_2)
    return [
        absence(*one, "09:12"),
        move(DutyStatus.OWED, *one, "09:31"),
        move(DutyStatus.SENT, *one, "09:31"),
        move(DutyStatus.DELIVERED, *one, "09:32"),
        told(s.duty_1, s.guardian_a, s.school_1, "09:32"),
        told(s.duty_1, s.guardian_b, s.school_1, "09:33"),
        absence(*two, "08:40"),
        move(DutyStatus.OWED, *two, "09:00"),
        move(DutyStatus.DELIVERED, *two, "09:01"),
        told(s.duty_2, s.guardian_a, s.school_2, "09:01"),
        move(DutyStatus.RETRACTED, *two, "09:40"),
    ]
