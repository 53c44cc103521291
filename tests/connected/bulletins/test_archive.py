"""The archive and a bulletin's page: who finds what there, once for a family, and that opening it is reading it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from uuid import uuid4

import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins.domain.bulletins import BulletinState
from services.bulletins.tables import Owed
from services.bulletins.web.archive import add_archive
from services.bulletins.web.bulletin import add_bulletin
from services.bulletins.web.bulletin_homes import add_bulletin_homes
from shared.clock import ManualClock
from shared.events.duties import DutyKind, DutyMoved, DutyStatus
from shared.events.notify import MailingKind, MessageRead, ReadBy
from shared.events.people import ConsentBasis, ConsentStated
from shared.events.privacy import PupilLookedAt
from shared.events.roster import ContactStated
from shared.roster.access import consent_id
from tests.bulletins_stage import bulletins_stage
from tests.connected.bulletins.letters import has_read, reached, sent
from tests.portal_stage import answers, statements, ties

pytestmark = pytest.mark.connected
ROOMS = (add_archive, add_bulletin_homes, add_bulletin)
TITLES = {"sv": "Nytt från klassen", "en": "News from the class", "ar": "أخبار الصف"}


async def test_a_family_with_three_children_in_two_classes_finds_a_bulletin_once(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "6A", "4B")
        page = (await stage.get("anna", "/bulletins")).text
        assert page.count(f'href="/bulletins/{letter}"') == 1
        assert "for Ebba Ek, Emil Ek" in page.replace("Emil Ek, Ebba Ek", "Ebba Ek, Emil Ek")
        twins = (await stage.get("sven", f"/bulletins/{letter}")).text
        assert "for Siri Strand, Stig Strand" in twins
        assert "Emil" not in twins


async def test_strangers_and_those_without_a_right_find_nothing_and_every_id_is_the_same_404(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "4B")
        paths = [f"/bulletins/{letter}", f"/bulletins/{letter}/pdf", f"/bulletins/{letter}/homes"]
        for who in ("nadia", "stina", "ulla", "noor", "mats", "rolf", "tora", "unni", "ove"):
            for path in paths:
                mine, other = await stage.get(who, path), await stage.get(who, path.replace(str(letter), str(uuid4())))
                assert (mine.status_code, other.status_code) == (404, 404), (who, path)
            assert str(letter) not in (await stage.get(who, "/bulletins")).text
            assert (await stage.post(who, f"/bulletins/{letter}/remind")).status_code == 404


async def test_pupils_staff_and_the_office_read_it_and_nobody_of_the_staff_marks_it_read(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "4B")
        for who in ("malte", "rut", "oskar"):
            assert (await stage.get(who, f"/bulletins/{letter}")).status_code == 200
            assert f'href="/bulletins/{letter}"' in (await stage.get(who, "/bulletins")).text
        assert await stage.said(MessageRead) == []
        page = (await stage.get("emil", f"/bulletins/{letter}")).text
        assert "for you" in page
        [said] = await stage.said(MessageRead)
        assert (said.about_id, said.person_id, said.how) == (letter, stage.who["emil"], ReadBy.PORTAL)


async def test_opening_it_as_a_home_is_reading_it_and_is_told_once(postgres: Postgres, clock: ManualClock) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "4B")
        assert "1 is unread" in (await stage.get("hanna", "/bulletins")).text
        for _ in range(3):
            assert (await stage.get("hanna", f"/bulletins/{letter}")).status_code == 200
        assert [one.person_id for one in await stage.said(MessageRead)] == [stage.who["hanna"]]
        page = (await stage.get("hanna", "/bulletins")).text
        assert "Read today 09:00" in page
        assert "unread" not in page


async def test_a_page_is_in_the_readers_language_with_the_others_a_click_away(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        arabic = {"learning": "نقرأ كل يوم", "activities": "السباحة"}
        letter = await sent(stage, "4B", titles=TITLES, parts={"ar": arabic}, number=2, of=3)
        page = (await stage.get("hanna", f"/bulletins/{letter}")).text
        assert '<h1 lang="en" dir="ltr">News from the class</h1>' in page
        assert f'href="/bulletins/{letter}?language=sv" lang="sv" hreflang="sv">Svenska' in page
        assert "2 of 3" in page
        assert "Malte Mentor, Björkskolan" in page
        assert "<strong>together</strong>" in page
        assert "Learning and the learning environment" in page
        other = (await stage.get("hanna", f"/bulletins/{letter}?language=ar")).text
        assert 'lang="ar" dir="rtl">أخبار الصف</h1>' in other
        assert "نقرأ كل يوم" in other
        assert "News from the class</h1>" in (await stage.get("hanna", f"/bulletins/{letter}?language=xx")).text


async def test_what_a_language_of_ours_lacks_is_shown_in_the_registrys_language(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter, name = await sent(stage, "4B", titles=TITLES), {"given_name": "Hanna", "family_name": "Holm"}
        who = {"person_id": stage.who["hanna"], "tenant_id": stage.tenant}
        await stage.hear(ContactStated(version=2, language="ar", **who, **name))
        assert 'lang="ar" dir="rtl">أخبار الصف</h1>' in (await stage.get("hanna", f"/bulletins/{letter}")).text


async def test_a_child_who_left_the_class_keeps_what_was_sent_while_there_and_gets_nothing_new(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        before = await sent(stage, "4B", at=stage.now - timedelta(days=20))
        gone = {"hugo": date(2026, 10, 20)}
        members = ("emil", "stig", "siri", "hugo", "isak")
        await stage.hear(*stage.group_stated("4B", *members, version=2, ends=gone))
        after = await sent(stage, "4B")
        assert (await stage.get("hanna", f"/bulletins/{before}")).status_code == 200
        assert (await stage.get("hanna", f"/bulletins/{after}")).status_code == 404
        assert str(after) not in (await stage.get("hanna", "/bulletins")).text


async def test_a_child_who_has_just_come_reads_what_was_sent_before_and_is_not_chased_for_it(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        before = await sent(stage, "4B", at=stage.now - timedelta(days=20))
        members = ("emil", "stig", "siri", "hugo", "isak")
        await stage.hear(*stage.group_stated("4B", *members, version=2, starts={"hugo": date(2026, 10, 30)}))
        page = (await stage.get("hanna", "/bulletins")).text
        assert f'href="/bulletins/{before}"' in page
        assert "From before the class was yours" in page
        assert "unread" not in page


async def test_who_loses_the_right_loses_the_page_and_who_has_a_consent_gains_it(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "6A")
        assert (await stage.get("bo", f"/bulletins/{letter}")).status_code == 200
        assert (await stage.get("stina", f"/bulletins/{letter}")).status_code == 404
        pupil = stage.who["ebba"]
        await stage.hear(
            ties(stage.tenant, pupil, answers(stage.who["anna"]), version=2),
            ConsentStated(
                consent_id=consent_id(pupil, stage.who["stina"]),
                version=1,
                tenant_id=stage.tenant,
                pupil_id=pupil,
                person_id=stage.who["stina"],
                basis=ConsentBasis.GUARDIANS,
                given_by=(stage.who["anna"],),
                starts=date(2026, 9, 1),
            ),
        )
        assert (await stage.get("bo", f"/bulletins/{letter}")).status_code == 404
        assert (await stage.get("stina", f"/bulletins/{letter}")).status_code == 200


async def test_a_pupil_of_age_reads_alone_and_a_protected_home_like_any_other(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        ninth, sixth = await sent(stage, "9C"), await sent(stage, "6A")
        assert (await stage.get("alva", f"/bulletins/{ninth}")).status_code == 200
        assert (await stage.get("gun", f"/bulletins/{ninth}")).status_code == 404
        assert "for Pia Dold" in (await stage.get("petra", f"/bulletins/{sixth}")).text
        assert "Pia" not in (await stage.get("frida", f"/bulletins/{sixth}")).text


async def test_drafts_are_not_there_and_what_was_withdrawn_says_so_without_its_words(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        draft = await sent(stage, "4B", state=BulletinState.SCHEDULED)
        taken = await sent(stage, "4B", state=BulletinState.WITHDRAWN, withdrawn_at=stage.now)
        assert (await stage.get("hanna", f"/bulletins/{draft}")).status_code == 404
        page = await stage.get("hanna", f"/bulletins/{taken}")
        assert page.status_code == 410
        assert "together" not in page.text
        assert "News" not in page.text
        assert (await stage.get("hanna", f"/bulletins/{taken}/pdf")).status_code == 404
        assert "has withdrawn this" in (await stage.get("malte", f"/bulletins/{taken}")).text
        assert str(taken) not in (await stage.get("hanna", "/bulletins")).text
        assert await stage.said(MessageRead) == []


async def test_the_archive_is_filtered_by_child_kind_and_half_year(postgres: Postgres, clock: ManualClock) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        sixth = await sent(stage, "6A")
        spring = await sent(stage, "4B", at=datetime.fromisoformat("2026-10-05T08:00:00+00:00"))
        told = await sent(stage, "4B", kind=MailingKind.INFORMATION, topic="goals", school_year="2026/2027")

        async def shown(query: str) -> list[bool]:
            page = (await stage.get("anna", f"/bulletins?{query}")).text
            return [f'href="/bulletins/{one}"' in page for one in (sixth, spring, told)]

        assert await shown("") == [True, True, True]
        assert await shown(f"child={stage.who['ebba']}") == [True, False, False]
        assert await shown("kind=information") == [False, False, True]
        assert await shown("half=2026-01-01") == [False, False, False]
        assert await shown(f"child={stage.who['hugo']}") == [False, False, False]
        assert await shown("half=x&kind=y&page=2") == [False, False, False]


async def test_staff_see_how_many_homes_have_read_and_never_who(postgres: Postgres, clock: ManualClock) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "4B")
        await has_read(stage, letter, "sven", "anna", "bo", "isak")  # Isak is a child: his home has not read
        assert "3 of 5 homes have read it" in (await stage.get("malte", "/bulletins")).text
        page = (await stage.get("rut", f"/bulletins/{letter}/homes")).text
        assert "3 of 5 homes" in page
        assert not any(name in page for name in ("Sven Strand", "Anna", "Bo Alm", "Emil", "Stig"))


async def test_a_mentor_is_told_of_their_own_class_and_those_in_charge_of_all(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "4B", "6A")
        await has_read(stage, letter, "sven", "greta")
        said = {"malte": "2 of 5 homes", "maja": "1 of 5 homes", "rut": "3 of 10 homes", "oskar": "3 of 10 homes"}
        for who, words in said.items():
            assert words in (await stage.get(who, "/bulletins")).text


async def test_an_edition_that_was_replaced_is_not_chased_any_more(postgres: Postgres, clock: ManualClock) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        first = await sent(stage, kind=MailingKind.INFORMATION, topic="goals")
        second = await sent(stage, kind=MailingKind.INFORMATION, topic="goals", edition=2, replaces_id=first)
        page = (await stage.get("hanna", "/bulletins")).text
        assert "1 is unread" in page
        assert str(second) in page
        assert str(first) not in page


async def test_reading_is_what_a_homes_duty_waits_for(postgres: Postgres, clock: ManualClock) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "4B")
        for who, pupils in (("sven", ["stig", "siri"]), ("hanna", ["hugo"])):
            await reached(stage, letter, who, pupils)
        async with stage.machine() as session:
            for pupil in ("stig", "siri", "hugo"):
                duty = Owed(
                    duty_id=uuid4(),
                    kind=DutyKind.CLASS_BULLETIN,
                    school_id=stage.school["north"],
                    pupil_id=stage.who[pupil],
                    last_day=date(2026, 12, 18),
                    status=DutyStatus.DELIVERED,
                    bulletin_id=letter,
                )
                session.add(duty)
        await stage.get("sven", f"/bulletins/{letter}")
        assert {(one.pupil_id, one.status) for one in await stage.said(DutyMoved)} == {
            (stage.who["stig"], DutyStatus.UNDERSTOOD),
            (stage.who["siri"], DutyStatus.UNDERSTOOD),
        }


async def test_the_mentor_sees_whom_it_has_not_reached_and_the_look_leaves_a_trace(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "6A")
        await reached(stage, letter, "anna", ["ebba"], "bounced")
        await reached(stage, letter, "bo", ["ebba"])
        await reached(stage, letter, "greta", ["gustav"], "bounced")
        page = (await stage.get("maja", f"/bulletins/{letter}/homes")).text
        assert "Gustav Gren" in page
        assert "Ebba" not in page
        assert "Filip" not in page
        assert [one.pupil_id for one in await stage.said(PupilLookedAt)] == [stage.who["gustav"]]
        stage.clock.advance(timedelta(days=1))
        await has_read(stage, letter, "petra")
        page = (await stage.get("maja", f"/bulletins/{letter}/homes")).text
        assert "Filip Främling" in page
        assert "Noor Haddad" in page
        assert "Pia" not in page


async def test_what_went_to_the_whole_school_is_read_by_every_home_and_mentor_of_it(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        told = await sent(stage, kind=MailingKind.INFORMATION, topic="goals")
        for who in ("greta", "hanna", "maja", "malte", "ebba"):
            assert (await stage.get(who, f"/bulletins/{told}")).status_code == 200
        for who in ("karin", "mats", "rolf"):
            assert (await stage.get(who, f"/bulletins/{told}")).status_code == 404
        assert "2 of 10 homes" in (await stage.get("rut", f"/bulletins/{told}/homes")).text
        assert "1 of 5 homes" in (await stage.get("malte", f"/bulletins/{told}/homes")).text


@pytest.mark.parametrize("who", ["anna", "malte", "rut", "oskar"])
async def test_no_page_asks_the_database_more_than_six_times(postgres: Postgres, clock: ManualClock, who: str) -> None:
    async with bulletins_stage(postgres, clock, *ROOMS) as stage:
        letter = await sent(stage, "4B")
        await has_read(stage, letter, "anna")
        for path in ("/bulletins", f"/bulletins/{letter}"):
            asked = statements(stage.kit)
            assert (await stage.get(who, path)).status_code == 200
            assert len(asked) <= 6, (path, asked)
