"""What tests of the lanes share: a stage that can send text messages, one in a municipality, and time that passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import insert

from deploy.embedded.postgres import Postgres
from services.notifications.tables import (
    notification,
)
from shared.clock import ManualClock
from shared.events.roster import SchoolStated
from tests.connected.notifications_stage import Stage, staged
from tests.sms_stubs import Stub, stub

NUMBER, TEXTED = "070-123 45 67", "+46701234567"
TOWN = uuid4()


@asynccontextmanager
async def with_texts(postgres: Postgres, clock: ManualClock, **changes: Any) -> AsyncIterator[tuple[Stage, Stub]]:
    """A stage whose service can send text messages as well."""
    async with (
        stub("46elks") as provider,
        staged(postgres, clock, sms_providers=(provider.provider(),), **changes) as stage,
    ):
        yield stage, provider


async def over(stage: Stage, count: int) -> bool:
    """So many notifications are there, and all are over."""
    statuses = await stage.statuses(notification)
    return len(statuses) == count and await stage.is_over()


async def later(stage: Stage, step: timedelta) -> None:
    """Time passes, and what falls due meanwhile is done."""
    stage.clock.advance(step)
    await stage.due()
    stage.kit.due_planned.set()


@asynccontextmanager
async def in_town(postgres: Postgres, clock: ManualClock, **changes: Any) -> AsyncIterator[Stage]:
    """A stage whose school belongs to a municipality."""
    async with staged(postgres, clock, **changes) as stage:
        stage.school = SchoolStated(school_id=uuid4(), version=1, name="Björkskolan", language="sv", tenant_id=TOWN)
        yield stage


async def put(stage: Stage, table: Any, **values: object) -> None:
    """Write one row, as the pages do."""
    async with stage.kit.sessions.begin() as session:
        await session.execute(insert(table).values(**values))
