"""A bulletin that comes back, is complained of, or is left with one click: with real mails, from end to end."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest

from deploy.embedded.postgres import Postgres
from services.notifications.bounces import Bounces
from services.notifications.domain.returns import Return
from services.notifications.tables import addressee, letter, mailing
from services.portal.web.leaving import leaving_routes
from shared.clock import ManualClock
from shared.events.envelope import Event
from shared.events.notify import DeliveryStatus
from shared.events.people import PreferencesStated
from shared.events.roster import ContactStated, PersonStated
from shared.kit import Kit
from tests.connected.mailings_stage import KEY, MailingStage, at_work, mailings_stage
from tests.mail_points import faults
from tests.on_servers import until
from tests.portal_stage import KEY as PORTAL_KEY
from tests.portal_stage import open_pages, portal_kit, stage
from tests.unit.notifications.bounced_mails import COMPLAINT, filled, hard

pytestmark = pytest.mark.connected
ANNA, WORK = "anna@home.example", "anna@work.example"


class Post:
    """The bulk stage, with the return paths and the bytes of its mails."""

    def __init__(self, here: MailingStage) -> None:
        self.stage, self.taker = here, Bounces(here.kit, here.settings)
        self.paths: dict[str, str] = {}
        self.received: list[bytes] = []
        take = here.smtp.handle_DATA

        async def noted(server: Any, session: Any, envelope: Any) -> str:
            self.paths[envelope.rcpt_tos[0]] = envelope.mail_from
            self.received.append(envelope.original_content)
            return await take(server, session, envelope)

        here.smtp.handle_DATA = noted  # type: ignore[method-assign, assignment]


@asynccontextmanager
async def post(postgres: Postgres, clock: ManualClock, **changes: Any) -> AsyncIterator[Post]:
    async with mailings_stage(postgres, clock, return_domain="return.example", **changes) as here:
        here.kit.settings = here.kit.settings.model_copy(update={"portal_url": "https://portal.example"})
        yield Post(here)


async def test_it_goes_to_the_next_address_and_then_on_paper_when_it_comes_back(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, at_work(here.stage.sender()):
        await here.stage.pupil("5A", await here.stage.guardian(ANNA, WORK))
        await here.stage.ask("5A")
        await until(here.stage.is_over)
        assert await here.taker.take(hard("x"), here.paths[ANNA]) is Return.HARD
        await until(lambda: was_sent(here, WORK))
        await until(here.stage.is_over)
        assert await here.taker.take(hard("x"), here.paths[ANNA]) is Return.HARD  # once more: nothing more
        assert await here.stage.rows(mailing, "status") == [("done",)]
        assert await here.taker.take(hard("x"), here.paths[WORK]) is Return.HARD
        await until(lambda: is_on_paper(here))
        assert len(here.stage.smtp.taken) == 2
        said = [person.status for part in await here.stage.settled() for person in part.people]
        assert said[0] is DeliveryStatus.DELIVERED
        assert [faults(raw) for raw in here.received] == [[], []]


async def was_sent(here: Post, address: str) -> bool:
    return bool(here.stage.smtp.to(address))


async def is_on_paper(here: Post) -> bool:
    return bool(await here.stage.rows(letter, "letter_id"))


async def test_whoever_complained_gets_no_bulletin_any_more_but_what_must_be_read(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, at_work(here.stage.sender()):
        await here.stage.pupil("5A", await here.stage.guardian(ANNA))
        await here.stage.ask("5A")
        await until(here.stage.is_over)
        path = here.paths[ANNA]
        complaint = filled(COMPLAINT, path, kind="abuse")
        assert await here.taker.take(complaint, "complaints@return.example") is Return.COMPLAINT
        await here.stage.ask("5A")
        await until(here.stage.is_over)
        assert len(here.stage.smtp.to(ANNA)) == 1
        await here.stage.ask("5A", must_read=True)
        await until(here.stage.is_over)
        assert len(here.stage.smtp.to(ANNA)) == 2
        assert "List-Unsubscribe" not in here.stage.smtp.to(ANNA)[1]


async def test_the_header_of_a_real_mail_ends_the_bulletins_of_the_one_it_is_to(
    postgres: Postgres, clock: ManualClock
) -> None:
    portal = portal_kit(postgres, clock)
    try:
        pages = await stage(portal)
        open_pages(pages, leaving_routes)
        async with post(postgres, clock) as here:
            same_key(here.stage.kit, portal)
            person = pages.guardian_a
            await here.stage.state(*known(person, here))
            await here.stage.pupil("5A", person)
            async with at_work(here.stage.sender()):
                await here.stage.ask("5A")
                await until(here.stage.is_over)
                [mail] = here.stage.smtp.to(ANNA)
                found = re.fullmatch(r"<https://[^/]+(/unsubscribe/[^>]+)>", mail["List-Unsubscribe"])
                assert found
                async with pages.client(None) as program:
                    name, _, value = mail["List-Unsubscribe-Post"].partition("=")
                    assert (await program.post(found[1], data={name: value})).status_code == 200
                [stated] = await pages.said(PreferencesStated)
                await here.stage.state(stated)
                await here.stage.ask("5A")
                await until(here.stage.is_over)
            assert len(here.stage.smtp.to(ANNA)) == 1
            assert sorted(row[0] for row in await here.stage.rows(addressee, "status")) == ["cancelled", "delivered"]
    finally:
        await portal.close()


def same_key(one: Kit, other: Kit) -> None:
    """Both services seal with the same key, as an installation's do."""
    assert KEY != PORTAL_KEY
    one.settings = one.settings.model_copy(update={"session_key": other.settings.session_key})


def known(person: UUID, here: Post) -> list[Event]:
    """Anna, as the registry states her to both services."""
    contact = ContactStated(person_id=person, version=1, given_name="Anna", family_name="Ek", emails=(ANNA,))
    return [PersonStated(person_id=person, version=1, tenant_id=here.stage.tenant), contact]
