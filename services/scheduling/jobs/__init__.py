"""What falls due in the scheduling service, a file for each part of the work."""

from __future__ import annotations

from collections.abc import Mapping

from services.scheduling.jobs.commitments import commitment_handlers
from services.scheduling.jobs.coverage import coverage_handlers
from services.scheduling.jobs.proposals import proposal_handlers
from services.scheduling.jobs.rounds import round_handlers
from services.scheduling.jobs.waiting import waiting_handlers
from services.scheduling.settings import SchedulingSettings
from shared.due.worker import DueHandler
from shared.kit import Kit


def due_handlers(kit: Kit, settings: SchedulingSettings) -> Mapping[str, DueHandler]:
    """What to do when each kind of thing is due."""
    return {
        **round_handlers(settings),
        **coverage_handlers(settings),
        **proposal_handlers(kit, settings),
        **waiting_handlers(settings),
        **commitment_handlers(settings),
    }
