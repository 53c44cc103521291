"""What falls due in the bulletins service, a file for each part of the work."""

from __future__ import annotations

from collections.abc import Mapping

from services.bulletins.jobs.plans import plan_handlers
from services.bulletins.settings import BulletinsSettings
from shared.due.worker import DueHandler


def due_handlers(settings: BulletinsSettings) -> Mapping[str, DueHandler]:
    """What to do when each kind of thing is due."""
    return {**plan_handlers(settings)}
