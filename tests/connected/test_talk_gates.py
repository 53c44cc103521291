"""Whatever order things are done in: nobody reads what was not shown, and nothing that was typed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, ClassVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from deploy.embedded.postgres import Postgres
from services.scheduling.domain.rounds import RoundState
from services.scheduling.web.preparation import add_preparation
from services.scheduling.web.record import add_record
from services.scheduling.web.talk import add_talk
from shared.clock import ManualClock
from tests.talks_stage import Stage, talks_stage

pytestmark = pytest.mark.connected
WRITERS = {"maja": "school", "rut": "school", "ebba": "pupil", "anna": "home", "bo": "home"}
QUESTION = {"school": "results.school.1", "pupil": "results.pupil.1", "home": "results.home.1"}


class Talk(RuleBasedStateMachine):
    """One talk that five people prepare in any order. The model: what each side has kept, and who has shown it."""

    stage: ClassVar[Stage]
    runner: ClassVar[asyncio.Runner]

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(work)

    @initialize()
    def a_new_talk(self) -> None:
        round_id: UUID = self.do(self.stage.round(RoundState.BOOKING, "6A"))
        self.path = f"/talks/{self.stage.talk_id(round_id, 'ebba')}"
        self.kept: dict[str, tuple[int, str]] = {}
        self.shown: set[str] = set()
        self.held = False
        self.words = 0

    def word(self) -> str:
        self.words += 1
        return f"word{self.words:03}x"

    @rule(who=st.sampled_from(list(WRITERS)), behind=st.integers(0, 2))
    def write(self, who: str, behind: int) -> None:
        side, word = WRITERS[who], self.word()
        version, there = self.kept.get(side, (0, ""))
        seen = max(0, version - behind)
        answer = self.do(self.stage.post(who, f"{self.path}/prepare", {"seen": seen, QUESTION[side]: word}))
        if answer.status_code == 303:
            assert seen == version
            assert not self.held
            self.kept[side] = (version + 1, word)
        else:
            assert answer.status_code == 409
            assert self.held or seen != version
            assert word in answer.text  # what was typed comes back
            assert there in answer.text  # beside what is kept

    @rule(who=st.sampled_from(list(WRITERS)), behind=st.integers(0, 1))
    def show(self, who: str, behind: int) -> None:
        side = WRITERS[who]
        version, _ = self.kept.get(side, (0, ""))
        answer = self.do(self.stage.post(who, f"{self.path}/share", seen=max(0, version - behind)))
        if side in self.kept and behind == 0 and not self.held:
            self.shown.add(side)
        assert answer.status_code in (303, 409)

    @rule(who=st.sampled_from(["maja", "anna", "ebba"]))
    def hold(self, who: str) -> None:
        word = self.word()
        answer = self.do(self.stage.post(who, f"{self.path}/held", {"summary": word}))
        if who != "maja":
            assert answer.status_code == 404
        elif self.held:
            assert (answer.status_code, word in answer.text) == (409, True)
        else:
            assert answer.status_code == 303
            self.held = True

    @invariant()
    def everybody_reads_their_own_and_what_was_shown_and_nothing_else(self) -> None:
        for who, mine in (("maja", "school"), ("anna", "home"), ("ebba", "pupil")):
            page = self.do(self.stage.get(who, self.path)).text
            for side, (_, word) in self.kept.items():
                assert (word in page) is (side == mine or side in self.shown), (who, side)


def test_no_order_of_doing_things_opens_a_gate_or_loses_a_word(postgres: Postgres, clock: ManualClock) -> None:
    with asyncio.Runner() as runner:
        inside = talks_stage(postgres, clock, add_preparation, add_record, add_talk)
        Talk.stage, Talk.runner = runner.run(inside.__aenter__()), runner
        try:
            often = settings(
                max_examples=12, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
            )
            run_state_machine_as_test(Talk, settings=often)
        finally:
            runner.run(inside.__aexit__(None, None, None))
