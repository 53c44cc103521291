"""The municipality's pages on a real database: counts by school, the live wall, and nobody's name."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.portal.settings import PortalSettings
from services.portal.store.audit import Look, note
from services.portal.tables import roster
from services.portal.web.municipality import municipality_routes
from services.portal.web.schools import school_routes
from shared.clock import ManualClock
from shared.events.duties import DutyStatus
from shared.events.operations import HealthReported, SourceHealth
from tests.portal_stage import ELSEWHERE, HERE, TEN, TODAY, Stage, move, open_pages, portal_kit, stage, statements

pytestmark = pytest.mark.connected
NAMES = ("Ebba", "Olle", "Anna", "Bo Alm", "Pia", "Dold", "Filip", "Lind ", "Alva")


@pytest.fixture
async def here(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    there = await stage(kit)
    settings = PortalSettings(elsewhere={"/registry": "http://registry.test"})
    open_pages(
        there,
        lambda kit, pages: municipality_routes(kit, settings, pages),
        school_routes,
    )
    yield there
    await kit.close()


async def stuck(here: Stage, minutes: int) -> None:
    """A notice about Pia Dold, whose identity is protected, that has been owed for so long."""
    clock = (TEN + timedelta(hours=1) - timedelta(minutes=minutes)).strftime("%H:%M")
    await here.hear(move(DutyStatus.OWED, uuid4(), here.protected_child, here.school_2, clock))


async def test_every_school_has_a_line_and_each_number_leads_to_the_list_without_names(here: Stage) -> None:
    page = (await here.get(here.officer, "/municipality")).text
    assert "Björkskolan" in page
    assert "Lindskolan" in page
    assert "Fjärrskolan" not in page
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/school/[^"]+status=[^"]+)"', page)]
    assert links
    for link in links:
        listed = await here.get(here.officer, link)
        assert listed.status_code == 200
        assert len(re.findall(r'href="/duty/', listed.text)) == 1
        assert not [name for name in NAMES if name in listed.text]
        assert str(here.child_1) not in listed.text


async def test_officers_of_another_municipality_and_everybody_else_find_nothing(here: Stage) -> None:
    for path in ("/municipality", "/municipality/wall"):
        for reader in (here.principal, here.mentor, here.guardian_a, here.child_1):
            assert (await here.get(reader, path)).status_code == 404
    theirs = (await here.get(here.other_officer, "/municipality", ELSEWHERE)).text
    assert "Björkskolan" not in theirs
    assert (await here.get(here.other_officer, f"/school/{here.school_1}", ELSEWHERE)).status_code == 404
    assert (await here.get(here.officer, f"/school/{here.other_school}")).status_code == 404


async def test_the_municipalitys_file_has_references_and_no_names(here: Stage) -> None:
    answer = await here.get(here.officer, f"/school/{here.school_1}/duties.csv?from={TODAY}&to={TODAY}")
    [row] = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))[1:]
    assert str(here.duty_1) in row
    assert not [name for name in NAMES if name in answer.text]
    rows = await here.rows("select what, pupil_id from audit_entry")
    assert [tuple(row) for row in rows] == [("duties.csv", None)]


async def test_the_evidence_names_nobody_to_an_officer_and_the_look_is_noted(here: Stage) -> None:
    page = (await here.get(here.officer, f"/duty/{here.duty_1}")).text
    assert "Somebody with the right to be told" in page
    assert not [name for name in NAMES if name in page]
    [row] = await here.rows("select what, viewer_id, pupil_id from audit_entry")
    assert tuple(row) == ("duty", here.officer, here.child_1)


async def test_the_wall_shows_what_has_not_arrived_and_never_who(here: Stage) -> None:
    assert "Nothing waits" in (await here.get(here.officer, "/municipality/wall")).text
    await stuck(here, minutes=10)
    assert "Nothing waits" in (await here.get(here.officer, "/municipality/wall")).text
    await stuck(here, minutes=45)
    unreachable = uuid4()
    for status in (DutyStatus.OWED, DutyStatus.UNREACHABLE):
        await here.hear(move(status, unreachable, here.stranger_child, here.school_1, "09:58"))
    page = (await here.get(here.officer, "/municipality/wall")).text
    assert "2 notices have not arrived" in page
    for words in ("Lindskolan", "9B", "09:15", "Björkskolan", "6B", "usable address", "http-equiv"):
        assert words in page
    assert not [name for name in NAMES if name in page.replace("Lindskolan", "")]
    assert str(here.protected_child) not in page


async def test_a_notice_that_arrives_leaves_the_wall(here: Stage) -> None:
    duty = uuid4()
    await here.hear(move(DutyStatus.OWED, duty, here.child_1, here.school_1, "09:00"))
    assert "1 notice has not arrived" in (await here.get(here.officer, "/municipality/wall")).text
    await here.hear(move(DutyStatus.DELIVERED, duty, here.child_1, here.school_1, "09:59"))
    assert "Nothing waits" in (await here.get(here.officer, "/municipality/wall")).text


async def test_a_notice_that_nobody_has_read_comes_back_to_be_made_by_telephone(here: Stage) -> None:
    duty = uuid4()
    for status, at in ((DutyStatus.OWED, "09:00"), (DutyStatus.DELIVERED, "09:10")):
        await here.hear(move(status, duty, here.child_1, here.school_1, at))
    unread = move(DutyStatus.UNREACHABLE, duty, here.child_1, here.school_1, "09:58")
    await here.hear(unread.model_copy(update={"reason": "unread"}))
    assert "nobody at home has read it" in (await here.get(here.officer, "/municipality/wall")).text
    await here.hear(move(DutyStatus.UNDERSTOOD, duty, here.child_1, here.school_1, "09:59"))
    assert "Nothing waits" in (await here.get(here.officer, "/municipality/wall")).text


async def test_the_wall_follows_by_itself_and_ends_when_the_post_does(here: Stage) -> None:
    """Read as a browser does, over the app's own interface: httpx waits for the end of an answer, this has none."""
    await stuck(here, minutes=45)
    async with asyncio.timeout(20):
        parts = [part async for part in changes(here)]
    assert "1 notice has not arrived" in parts[0]
    assert "2 notices have not arrived" in parts[1]
    assert len(parts) == 2


async def changes(here: Stage) -> AsyncIterator[str]:
    """What the wall sends: after the first part another notice is late, after the second the officer is gone."""
    assert here.app is not None
    client = here.client(here.officer)
    cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
    headers = [(b"cookie", cookie.encode()), (b"accept", b"text/event-stream"), (b"accept-language", b"en")]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/municipality/wall/changes", "headers": headers}
    scope |= {"query_string": b"", "http_version": "1.1", "scheme": "http", "server": ("portal", 80), "root_path": ""}
    sent: asyncio.Queue[str | None] = asyncio.Queue()

    async def receive() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body" and (body := message.get("body", b"").decode()):
            await sent.put(body)

    async def run() -> None:
        assert here.app is not None
        await here.app(scope, receive, send)
        await sent.put(None)

    task = asyncio.create_task(run())
    count = 0
    while (part := await sent.get()) is not None:
        if "event: wall" not in part:
            continue
        yield part
        count += 1
        if count == 1:
            await stuck(here, minutes=40)
        else:
            async with here.kit.sessions.begin() as machine:
                await machine.execute(roster.delete().where(roster.c.id == here.officer))
    await task


async def test_the_machinery_shows_registries_services_quarantine_and_the_chain(here: Stage) -> None:
    mine = SourceHealth(name="IST", tenant_id=HERE, last_run_at=TEN, last_good_at=TEN, held=4, quarantined=3)
    broken = SourceHealth(name="Elever", tenant_id=HERE, last_run_at=TEN, error="The server did not answer.")
    theirs = SourceHealth(name="Fjärran", tenant_id=ELSEWHERE, quarantined=7)
    await here.hear(
        HealthReported(service="registry", version=1, sources=(mine, broken, theirs), reported_at=TEN),
        HealthReported(service="absence", version=1, dead_letters=2, reported_at=TEN - timedelta(hours=3)),
    )
    async with here.kit.sessions.begin() as machine:
        await note(machine, [Look(HERE, here.officer, None, "test")], TEN)
    page = (await here.get(here.officer, "/municipality")).text
    for words in ("IST", "The server did not answer.", "does not work", "silent", "Nothing is sealed yet."):
        assert words in page
    assert 'href="http://registry.test/registry/quarantine"' in page
    assert "Fjärran" not in page
    assert re.search(r">3</b>\s*<span>changes that would let somebody see more", page)


@pytest.mark.parametrize("page", ["/municipality?span=half_year", "/municipality/wall", "duty", "csv", "school"])
async def test_no_page_asks_more_than_six_times_also_the_first_time(here: Stage, page: str) -> None:
    await stuck(here, minutes=45)
    await here.hear(HealthReported(service="absence", version=1, dead_letters=2, reported_at=TEN))
    school = f"/school/{here.school_1}"
    others = {"duty": f"/duty/{here.duty_1}", "csv": f"{school}/duties.csv?from={TODAY}", "school": school}
    sent = statements(here.kit)
    assert (await here.get(here.officer, others.get(page, page))).status_code == 200
    assert 4 < len(sent) <= 6, sent
