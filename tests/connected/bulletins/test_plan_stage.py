"""The stage for bulletins stands: everybody can test on it."""

from __future__ import annotations

import pytest

from deploy.embedded.postgres import Postgres
from services.bulletins.store import people
from shared.clock import ManualClock
from tests.bulletins_stage import TODAY, bulletins_stage

pytestmark = pytest.mark.connected


async def test_the_municipality_of_the_stage_is_known(postgres: Postgres, clock: ManualClock) -> None:
    async with bulletins_stage(postgres, clock) as stage, stage.machine() as session:
        classes = await people.class_groups(session, [stage.school["north"]], TODAY)
        assert [one.name for one in classes] == ["4B", "6A"]
        inside = await people.members_today(session, [stage.group["6A"]], TODAY)
        expected = {stage.who[one] for one in ("ebba", "noor", "pia", "filip", "gustav")}
        assert set(inside[stage.group["6A"]]) == expected
        assert await people.mentors_of(session, [stage.group["6A"]], TODAY) == {stage.group["6A"]: [stage.who["maja"]]}
        assert await people.principals_of(session, stage.school["north"], TODAY) == [stage.who["rut"]]
        assert await people.names_of(session, [stage.who["maja"]]) == {stage.who["maja"]: "Maja Mentor"}
