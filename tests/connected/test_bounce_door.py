"""The door for what comes back, and the command for systems that pipe: what is taken, and from whom."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import aiosmtplib
import pytest
from sqlalchemy import select

from deploy.embedded.postgres import Postgres
from deploy.embedded.process import free_port
from services.notifications import bounces as module
from services.notifications.bounces import Bounces
from services.notifications.commands import _take
from services.notifications.domain.addresses import fingerprint
from services.notifications.domain.returns import Return, return_path
from services.notifications.tables import addressee, suppression
from services.notifications.tables import kit as tables
from shared.clock import ManualClock
from shared.kit import make_kit
from shared.observe.logging import configure_logging, get_logger
from tests.connected.bounces_stage import ANNA, ANNAS_WORK, DOMAIN, Post, a_mailing, post, told
from tests.connected.notifications_stage import sending, staged
from tests.on_servers import until
from tests.unit.notifications.bounced_mails import VACATION, filled, hard

pytestmark = pytest.mark.connected


async def test_only_addresses_that_we_made_are_taken_and_one_at_a_time(postgres: Postgres, clock: ManualClock) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA,))
        path = here.paths[-1].encode()
        forged = (path[:20] + (b"a" if path[20:21] != b"a" else b"b") + path[21:]).decode()
        other = return_path(b"another key", uuid4(), DOMAIN, "00" * 16)
        assert other
        for to in (forged, other, f"postmaster@{DOMAIN}", "anna@home.example"):
            with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
                await here.deliver(to, hard(to))
        said = await here.answers(
            b"EHLO x", b"MAIL FROM:<>", b"RCPT TO:<" + path + b">", b"RCPT TO:<" + path.upper() + b">"
        )
        assert [line[:3] for line in said] == [b"220", b"250", b"250", b"250", b"452"]
        assert await here.stage.rows(suppression, "reason") == []


async def test_a_report_with_somebody_elses_return_path_in_it_says_nothing_about_them(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA, ANNAS_WORK), ("bo@home.example",))
        mine, other = here.paths[0], here.paths[1]
        await here.deliver(mine, hard(other))
        [(one,)] = await here.stage.rows(suppression, "fingerprint")
        assert one == fingerprint(b"test", here.stage.smtp.taken[0][0])


async def test_lmtp_is_spoken_too_and_nothing_larger_than_a_report_is_taken(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        await told(here, (ANNA, ANNAS_WORK))
        path = here.paths[-1].encode()
        report = b"\r\n".join(hard(path.decode()).splitlines())
        said = await here.answers(
            b"LHLO mx.example", b"MAIL FROM:<> SIZE=300000", b"MAIL FROM:<>", b"RCPT TO:<" + path + b">", b"DATA",
            report + b"\r\n.",
        )  # fmt: skip
        assert [line[:3] for line in said] == [b"220", b"250", b"552", b"250", b"250", b"354", b"250"]
        await until(lambda: here.stage.was_sent(ANNAS_WORK))
        with pytest.raises(aiosmtplib.SMTPResponseException, match="552"):
            await here.deliver(path.decode(), report + b"\r\n" + b"x" * 70 * 4000)


async def test_without_the_database_the_mail_stays_where_it_is(postgres: Postgres, clock: ManualClock) -> None:
    async with post(postgres, clock) as here:
        async with sending(here.stage.sender()):
            await told(here, (ANNA,))
        nowhere = f"postgresql+psycopg://x@127.0.0.1:{free_port()}/x"
        own = here.stage.settings.model_copy(update={"database_url": nowhere})
        here.taker.kit = make_kit("notifications", tables, here.stage.kit.settings, own)
        with pytest.raises(aiosmtplib.SMTPDataError, match=r"451|again later"):
            await here.comes_back(hard)
        await here.taker.kit.close()
        here.taker.kit = here.stage.kit
        await here.comes_back(hard)
        assert await here.is_suppressed(ANNA)


async def test_whoever_comes_when_there_are_too_many_is_asked_to_come_again(
    postgres: Postgres, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    async with post(postgres, clock) as here:
        port = here.taker.settings.bounce_port
        open_lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        greetings = [(await reader.readline())[:3] for reader, _ in open_lines]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (greetings, (await reader.readline())[:3], await reader.read()) == ([b"220", b"220"], b"421", b"")
        for _, one in (*open_lines, (reader, writer)):
            one.close()
        await until(lambda: is_free(here))
        assert (await here.answers())[0][:3] == b"220"


async def is_free(here: Post) -> bool:
    return not here.taker.connections


@pytest.fixture
def talkative() -> Iterator[None]:
    """Log as a service does in production."""
    configure_logging("tests", "info")
    yield
    configure_logging("tests", "error")


@pytest.mark.usefixtures("talkative")
async def test_nothing_of_the_mail_is_written_into_the_log(
    postgres: Postgres, clock: ManualClock, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with post(postgres, clock) as here, sending(here.stage.sender()):
        monkeypatch.setattr(module, "log", get_logger())  # one that has not kept an earlier level
        await told(here, (ANNA,))
        capsys.readouterr()
        await here.comes_back(hard)
        await here.comes_back(lambda to: filled(VACATION, to))
        printed = capsys.readouterr().out
    assert printed.count('"came back"') == 1
    assert '"kind": "hard"' in printed
    assert not any(word in printed for word in ("anna", "home.example", "unknown", here.paths[0][:12]))


async def test_files_and_pipes_are_read_by_the_command(
    postgres: Postgres, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async with post(postgres, clock) as here:
        _, _, path = await a_mailing(here)
        monkeypatch.setenv("NOTIFICATIONS_DATABASE_URL", here.stage.kit.own.database_url)
        monkeypatch.setenv("NOTIFICATIONS_MESSAGE_ID_SECRET", "test")
        monkeypatch.setenv("NOTIFICATIONS_RETURN_DOMAIN", DOMAIN)
        enveloped = b"Delivered-To: " + path.encode() + b"\n" + hard("undisclosed")
        assert await _take([enveloped, filled(VACATION, path), b"\xff"], None) == [Return.HARD, None, None]
        assert await here.stage.statuses(addressee) == ["deferred"]
        assert await _take([hard("undisclosed")], path) == [Return.HARD]


async def test_nothing_listens_without_a_port(postgres: Postgres, clock: ManualClock) -> None:
    async with staged(postgres, clock, return_domain=DOMAIN) as stage:
        await asyncio.wait_for(Bounces(stage.kit, stage.settings).run(), 1)
        async with stage.kit.sessions() as session:
            assert (await session.execute(select(suppression))).all() == []
