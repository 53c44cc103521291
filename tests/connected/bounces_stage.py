"""A stage for what comes back: mails with return paths, and the door for reports on them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import aiosmtplib
from sqlalchemy import insert

from deploy.embedded.postgres import Postgres
from deploy.embedded.process import free_port
from services.notifications.bounces import Bounces
from services.notifications.domain.addresses import fingerprint
from services.notifications.domain.returns import return_path
from services.notifications.store.returns import suppressed
from services.notifications.tables import addressee, mailing
from shared.clock import ManualClock
from shared.events.roster import Relation
from tests.connected.notifications_stage import Stage, staged
from tests.on_servers import until

DOMAIN = "return.example"
ANNA, ANNAS_WORK = "anna@home.example", "anna@work.example"
DAY = timedelta(days=1)
Report = Callable[[str], bytes]


@dataclass
class Post:
    """The stage, where its mails said they come from, and the door they may come back by."""

    stage: Stage
    taker: Bounces
    paths: list[str] = field(default_factory=list)

    async def comes_back(self, report: Report, path: str | None = None) -> None:
        """Somebody's mail server reports on the latest mail, or on this one."""
        to = path or self.paths[-1]
        await self.deliver(to, report(to))

    async def deliver(self, to: str, mail: bytes) -> None:
        """Hand in a mail by SMTP, as mail servers report: from nobody."""
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=self.taker.settings.bounce_port, start_tls=False) as line:
            await line.sendmail("", [to], mail)

    async def answers(self, *lines: bytes) -> list[bytes]:
        """What the door answers to these lines, after its greeting."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.taker.settings.bounce_port)
        answers = [await reader.readline()]
        for line in lines:
            writer.write(line + b"\r\n")
            answer = await reader.readline()
            while answer[3:4] == b"-":
                answer = await reader.readline()
            answers.append(answer.strip())
        writer.close()
        return answers

    async def is_suppressed(self, address: str, optional: bool = False) -> bool:
        """True while nothing is to be sent there."""
        one = fingerprint(b"test", address)
        async with self.stage.kit.sessions() as session:
            return one in await suppressed(session, [one], self.stage.clock.now(), optional)


@asynccontextmanager
async def post(postgres: Postgres, clock: ManualClock, **changes: Any) -> AsyncIterator[Post]:
    """A stage whose mails have return paths, and the door for what comes back."""
    door = {"return_domain": DOMAIN, "bounce_port": free_port()}
    async with staged(postgres, clock, **{**door, **changes}) as stage:
        here = Post(stage, Bounces(stage.kit, stage.settings))
        take = stage.smtp.handle_MAIL

        async def noted(server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
            here.paths.append(address)
            return await take(server, session, envelope, address, options)

        stage.smtp.handle_MAIL = noted  # type: ignore[method-assign, assignment]
        task = asyncio.create_task(here.taker.run())
        try:
            await until(lambda: listens(here))
            yield here
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def listens(here: Post) -> bool:
    """True once the door is open."""
    try:
        await here.answers()
    except OSError:
        return False
    return True


async def told(here: Post, *homes: tuple[str, ...]) -> UUID:
    """A family with these addresses is told that a child is missed; returns the notice."""
    guardians = [(await here.stage.guardian(*emails), Relation.GUARDIAN) for emails in homes]
    await here.stage.family(*guardians)
    notice = await here.stage.ask()
    await until(here.stage.is_over)
    return notice


async def a_mailing(here: Post, status: str = "delivered") -> tuple[UUID, UUID, str]:
    """A bulletin that went to Anna: its id, its delivery, and where it comes back to."""
    mailing_id, delivery_id, person, now = uuid4(), uuid4(), uuid4(), here.stage.clock.now()
    one = fingerprint(b"test", ANNA)
    async with here.stage.kit.sessions.begin() as session:
        await session.execute(
            insert(mailing).values(
                mailing_id=mailing_id, tenant_id=uuid4(), school_id=here.stage.school.school_id, kind="bulletin",
                about_id=mailing_id, group_ids=[], day=now.date(), path="/bulletins/x", must_read=False, texts=[],
                requested_at=now, send_at=now, status="done",
            )
        )  # fmt: skip
        await session.execute(
            insert(addressee).values(
                mailing_id=mailing_id, person_id=person, delivery_id=delivery_id, pupil_ids=[], status=status,
                why="guardian", channel="email", fingerprint=one, moved_at=now,
                owner=7 if status == "sending" else None,
            )
        )  # fmt: skip
    path = return_path(b"test", delivery_id, DOMAIN, one)
    assert path
    return mailing_id, delivery_id, path
