"""The pages of mentors and principals on a real database, as people open them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.portal.domain.duties import HOW_IT_STANDS, Outcome
from services.portal.web.classes import class_routes
from services.portal.web.schools import school_routes
from shared.clock import ManualClock
from shared.events.duties import DutyStatus
from shared.events.envelope import Event
from shared.events.roster import ContactStated, GroupStated, Marking, Membership
from tests.portal_stage import (
    HERE,
    TODAY,
    Stage,
    answers,
    move,
    open_pages,
    person,
    portal_kit,
    stage,
    statements,
    ties,
    told,
)

pytestmark = pytest.mark.connected
YESTERDAY = date(2026, 11, 20)  # the school day before


@pytest.fixture
async def here(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    there = await stage(kit)
    open_pages(
        there,
        class_routes,
        school_routes,
    )
    yield there
    await kit.close()


async def class_of(here: Stage, *pupils: tuple[UUID, str, Marking]) -> None:
    """More pupils in 6A, each with a parent."""
    events: list[Event] = []
    for pupil, name, marking in pupils:
        parent = uuid4()
        events += person(HERE, pupil, name, here.school_1, born=date(2014, 5, 5), marking=marking)
        events += person(HERE, parent, f"Parent of-{name.split()[0]}")
        events.append(ties(HERE, pupil, answers(parent)))
    members = tuple(
        Membership(person_id=one, starts=date(2026, 8, 15)) for one in (here.child_1, *(p[0] for p in pupils))
    )
    group = GroupStated(
        group_id=here.class_1,
        version=2,
        tenant_id=HERE,
        school_id=here.school_1,
        name="6A",
        kind="Klass",
        members=members,
    )
    await here.hear(*events, group)


async def owed(here: Stage, pupil: UUID, *statuses: DutyStatus, clock: str = "09:30", day: date = TODAY) -> UUID:
    """A duty at school 1 that has come so far."""
    duty = uuid4()
    steps = (DutyStatus.OWED, *statuses)
    await here.hear(*[move(status, duty, pupil, here.school_1, clock, day) for status in steps])
    return duty


async def test_a_mentor_sees_who_was_told_today_and_nobody_elses_class(here: Stage) -> None:
    page = await here.get(here.mentor, f"/class/{here.class_1}")
    assert page.status_code == 200
    assert "Ebba Ek" in page.text
    assert "Filip" not in page.text
    for reader, group in ((here.mentor, here.class_1b), (here.guardian_a, here.class_1), (here.mentor, uuid4())):
        answer = await here.get(reader, f"/class/{group}")
        assert answer.status_code == 404
    assert (await here.get(None, f"/class/{here.class_1}")).status_code == 303


async def test_not_yours_and_does_not_exist_are_the_same_page(here: Stage) -> None:
    for path in ("/class/{}", "/pupil/{}", "/school/{}", "/school/{}/duties", "/school/{}/duties.csv", "/duty/{}"):
        theirs = {"/class/{}": here.class_2, "/pupil/{}": here.child_2, "/duty/{}": here.duty_2}.get(
            path, here.school_2
        )
        pages = [await here.get(here.mentor, path.format(one)) for one in (theirs, uuid4())]
        assert [page.status_code for page in pages] == [404, 404]
        one, other = (re.sub(r"[0-9a-f-]{36}", "ID", page.text) for page in pages)
        assert one == other


async def test_a_home_no_mail_reaches_is_on_the_call_list_with_numbers_of_those_who_may_be_told_now(
    here: Stage,
) -> None:
    for who, name, phone in ((here.guardian_a, "Anna Ek", "070-111 11 11"), (here.step_parent, "Stina Sjö", "070-222")):
        given, _, family = name.partition(" ")
        await here.hear(
            ContactStated(
                person_id=who, version=2, tenant_id=HERE, given_name=given, family_name=family, phones=(phone,)
            )
        )
    await owed(here, here.child_1, DutyStatus.UNREACHABLE)
    page = (await here.get(here.mentor, f"/class/{here.class_1}")).text
    assert "To phone now" in page
    assert "Nobody who has the right to be told has a usable address." in page
    assert "tel:0701111111" in page
    assert "Stina" not in page
    assert "070-222" not in page


async def test_a_call_is_off_the_list_when_the_home_has_confirmed(here: Stage) -> None:
    await owed(here, here.child_1, DutyStatus.UNREACHABLE, DutyStatus.UNDERSTOOD)
    assert "To phone now" not in (await here.get(here.mentor, f"/class/{here.class_1}")).text


async def test_repeated_and_unconfirmed_notices_say_who_needs_a_word(here: Stage) -> None:
    for back in (3, 4):
        day = TODAY - timedelta(days=back)
        await owed(here, here.child_1, DutyStatus.DELIVERED, day=day)
    page = (await here.get(here.mentor, f"/class/{here.class_1}")).text
    assert "missing on 3 days" in page
    assert "2 notices unconfirmed" in page


async def test_a_notice_on_the_way_is_due_before_midnight_where_the_school_is(here: Stage) -> None:
    await owed(here, here.child_1, DutyStatus.SENT)
    page = (await here.get(here.mentor, f"/class/{here.class_1}")).text
    assert "14 h 0 min" in page


async def test_protected_pupils_have_a_mark_in_every_list_and_a_name_only_on_their_own_page(here: Stage) -> None:
    pupil, clear = uuid4(), uuid4()
    await class_of(here, (pupil, "Hemma Hemlig", Marking.PROTECTED), (clear, "Klara Klar", Marking.NONE))
    duty = await owed(here, pupil, DutyStatus.UNREACHABLE)
    lists = [f"/class/{here.class_1}", f"/school/{here.school_1}/duties", f"/school/{here.school_1}/duties.csv"]
    for path, reader in zip(lists, (here.mentor, here.principal, here.principal), strict=True):
        page = (await here.get(reader, path)).text
        assert "protected identity" in page
        assert "Hemlig" not in page
        assert "of-Hemma" not in page
    evidence = (await here.get(here.principal, f"/duty/{duty}")).text
    assert "Hemlig" not in evidence
    own = (await here.get(here.mentor, f"/pupil/{pupil}")).text
    assert "Hemma Hemlig" in own
    assert "Protected identity" in own
    assert "Parent of-Hemma" in own


async def test_the_pupils_page_says_who_is_told_and_why_to_mentor_and_principal_only(here: Stage) -> None:
    for reader in (here.mentor, here.principal):
        page = await here.get(reader, f"/pupil/{here.child_1}")
        assert page.status_code == 200
        assert "Anna Ek" in page.text
        assert "Has no custody, and nobody has recorded a consent" in page.text
    for reader in (here.guardian_a, here.child_1, here.mentor_2, here.principal_2, here.officer):
        assert (await here.get(reader, f"/pupil/{here.child_1}")).status_code == 404


async def test_every_look_is_noted_once_for_each_pupil(here: Stage) -> None:
    await owed(here, here.child_1, DutyStatus.DELIVERED, day=YESTERDAY)
    span = f"?from={YESTERDAY}&to={TODAY}"
    for path in (f"/class/{here.class_1}", f"/pupil/{here.child_1}", f"/duty/{here.duty_1}"):
        await here.get(here.mentor, path)
    await here.get(here.principal, f"/school/{here.school_1}/duties{span}")
    await here.get(here.principal, f"/school/{here.school_1}/duties.csv{span}")
    rows = await here.rows("select what, viewer_id, pupil_id from audit_entry order by what, pupil_id nulls first")
    assert [tuple(row) for row in rows] == [
        ("class", here.mentor, here.child_1),
        ("duties", here.principal, here.child_1),
        ("duties.csv", here.principal, None),
        ("duties.csv", here.principal, here.child_1),
        ("duty", here.mentor, here.child_1),
        ("pupil", here.mentor, here.child_1),
    ]


async def test_the_evidence_shows_every_moment_every_delivery_and_why(here: Stage) -> None:
    await here.hear(told(here.duty_1, uuid4(), here.school_1, "09:40"))
    page = (await here.get(here.principal, f"/duty/{here.duty_1}")).text
    for words in ("Ebba Ek", "Anna Ek", "Bo Alm", "Answers for the pupil", "09:31", "09:32", "09:33", "Met", "6A"):
        assert words in page
    assert "Somebody with the right to be told" in page


async def test_evidence_is_for_the_school_and_the_municipality(here: Stage) -> None:
    for reader in (here.guardian_a, here.mentor_2, here.principal_2, here.stranger):
        assert (await here.get(reader, f"/duty/{here.duty_1}")).status_code == 404
    assert (await here.get(here.other_officer, f"/duty/{here.duty_1}", here.other_tenant)).status_code == 404


async def a_full_school(here: Stage) -> None:
    """Every kind of course a duty can take, in two classes and in none, today and before."""
    nobody, leaver = uuid4(), uuid4()
    await here.hear(*person(HERE, nobody, "=Formel Klasslös", here.school_1, born=date(2014, 1, 1)))
    await here.hear(*person(HERE, leaver, "Lämna Skolan", born=date(2014, 1, 1)))
    pupils = (here.child_1, here.stranger_child, nobody, leaver)
    courses: list[tuple[DutyStatus, ...]] = [
        (),
        (DutyStatus.SENT,),
        (DutyStatus.SENT, DutyStatus.DELIVERED),
        (DutyStatus.DELIVERED, DutyStatus.UNDERSTOOD),
        (DutyStatus.UNREACHABLE,),
        (DutyStatus.UNREACHABLE, DutyStatus.UNDERSTOOD),
        (DutyStatus.DELIVERED, DutyStatus.RETRACTED),
        (DutyStatus.MISSED,),
        (DutyStatus.MET,),
    ]
    for number, statuses in enumerate(courses * 2):
        day = TODAY if number < len(courses) else YESTERDAY
        await owed(here, pupils[number % len(pupils)], *statuses, day=day)
    late = uuid4()
    await here.hear(move(DutyStatus.OWED, late, nobody, here.school_1, "10:00", YESTERDAY))
    await here.hear(
        move(DutyStatus.DELIVERED, late, nobody, here.school_1, "09:00", TODAY).model_copy(update={"day": YESTERDAY})
    )


def figures(page: str) -> dict[str, dict[str, int]]:
    """The numbers of the ledger's lines, by line and column."""
    found: dict[str, dict[str, int]] = {}
    table = page.split('ledger">', 1)[1].split("</table>", 1)[0]
    for row in table.split("<tr")[2:]:
        name = re.sub(r"<svg.*?</svg>", "", row.split("</th>")[0].split(">", 2)[2], flags=re.S)
        cells = re.findall(r'data-label="([^"]+)".*?</td>', row, re.S)[:-1]  # the last is a share
        numbers = [re.sub(r"<[^>]+>|\s", "", cell) for cell in re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)[:-1]]
        found[name.strip()] = dict(zip(cells, map(int, numbers), strict=True))
    return found


async def test_ledger_list_and_file_say_the_same_numbers(here: Stage) -> None:
    await a_full_school(here)
    page = (await here.get(here.principal, f"/school/{here.school_1}?span=week&day={TODAY}")).text
    both = (await here.get(here.principal, f"/school/{here.school_1}?span=month&day={TODAY}")).text
    assert figures(page)["Total"]["Owed"] == 10  # duty_1 of the stage and those of today
    ledger = figures(both)
    assert set(ledger) == {"6A", "6B", "no class", "Total"}
    assert ledger["Total"]["Owed"] == 20
    for column in ledger["Total"]:
        assert ledger["Total"][column] == sum(ledger[line][column] for line in ("6A", "6B", "no class"))
    links = [link.replace("&amp;", "&") for link in re.findall(r'href="(/school/[^"]+status=[^"]+)"', both)]
    assert len(links) > 20
    for link in links:
        listed = (await here.get(here.principal, link)).text
        said = await here.get(here.principal, link.replace("/duties?", "/duties.csv?"))
        rows = list(csv.reader(io.StringIO(said.content.decode("utf-8-sig")), delimiter=";"))[1:]
        assert len(re.findall(r'href="/duty/', listed)) == len(rows)
        assert f">{len(rows)}</a>" in both.replace("&amp;", "&").split(link, 1)[1][:40]


async def test_every_duty_stands_in_exactly_one_way(here: Stage) -> None:
    await a_full_school(here)
    total = figures((await here.get(here.principal, f"/school/{here.school_1}?span=month&day={TODAY}")).text)["Total"]
    names = {Outcome.MET: "Met", Outcome.WAITING: "Under way", Outcome.UNREACHABLE: "To phone"}
    names |= {Outcome.MISSED: "Missed", Outcome.RETRACTED: "Taken back"}
    assert sum(total[names[one]] for one in HOW_IT_STANDS) == total["Owed"]
    assert total["Missed"] >= 3  # two that services call missed, one told the day after, one nobody ever had


async def test_the_file_is_one_that_excel_opens_and_cannot_be_made_to_run(here: Stage) -> None:
    await a_full_school(here)
    answer = await here.get(here.principal, f"/school/{here.school_1}/duties.csv?from={YESTERDAY}&to={TODAY}")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    names = {row[2] for row in rows[1:]}
    assert "'=Formel Klasslös" in names
    assert "Lämna Skolan" not in names  # goes to no school of this principal any more
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]


async def test_a_class_is_the_one_of_the_duty_s_day(here: Stage) -> None:
    moved = Membership(person_id=here.child_1, starts=date(2026, 8, 15), ends=TODAY)
    arrived = Membership(person_id=here.child_1, starts=TODAY)

    def group(group_id: UUID, name: str, member: Membership) -> GroupStated:
        return GroupStated(
            group_id=group_id,
            version=3,
            tenant_id=HERE,
            school_id=here.school_1,
            name=name,
            kind="Klass",
            members=(member,),
        )

    await here.hear(group(here.class_1, "6A", moved), group(here.class_1b, "6B", arrived))
    await owed(here, here.child_1, day=YESTERDAY)
    ledger = figures((await here.get(here.principal, f"/school/{here.school_1}?span=month")).text)
    assert (ledger["6A"]["Owed"], ledger["6B"]["Owed"]) == (1, 1)


async def test_no_share_is_shown_for_fewer_than_five_homes(here: Stage) -> None:
    few = (await here.get(here.principal, f"/school/{here.school_1}")).text
    assert "not shown for fewer than 5 homes</span>" in few
    more = [(uuid4(), f"Elev Nummer{number}", Marking.NONE) for number in range(4)]
    await class_of(here, *more)
    for pupil, _, _ in more:
        await owed(here, pupil, DutyStatus.DELIVERED, DutyStatus.UNDERSTOOD)
    enough = (await here.get(here.principal, f"/school/{here.school_1}")).text
    assert "not shown for fewer than 5 homes</span>" not in enough
    assert "80%" in enough.replace("\xa0", "")
    assert "Nummer1" not in enough


@pytest.mark.parametrize("page", ["class", "pupil", "school", "duties", "csv", "duty"])
async def test_no_page_asks_more_than_six_times(here: Stage, page: str) -> None:
    await a_full_school(here)
    school = f"/school/{here.school_1}"
    reader, path = {
        "class": (here.mentor, f"/class/{here.class_1}"),
        "pupil": (here.mentor, f"/pupil/{here.child_1}"),
        "school": (here.principal, f"{school}?span=half_year"),
        "duties": (here.principal, f"{school}/duties?from=2026-08-01&to={TODAY}"),
        "csv": (here.principal, f"{school}/duties.csv?from=2026-08-01&to={TODAY}"),
        "duty": (here.principal, f"/duty/{here.duty_1}"),
    }[page]
    await here.get(reader, path)
    sent = statements(here.kit)
    assert (await here.get(reader, path)).status_code == 200
    assert 4 < len(sent) <= 6, sent


async def test_odd_questions_are_answered_without_a_fault(here: Stage) -> None:
    school = f"/school/{here.school_1}"
    for path in (
        f"{school}?day=nonsense",
        f"{school}?day=9999-12-31&span=month",
        f"{school}/duties?from=0001-01-01&to=0001-01-02",
        f"{school}/duties?from=2999-01-01&to=1900-01-01",
        f"{school}/duties?page=99",
    ):
        assert (await here.get(here.principal, path)).status_code == 200
    assert (await here.get(here.principal, f"{school}/duties?class=nonsense")).status_code == 404
    assert (await here.get(here.principal, f"{school}/duties?status=nonsense")).status_code == 422
