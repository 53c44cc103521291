"""What falls due in the bulletins service, a file for each part of the work."""

from __future__ import annotations

from collections.abc import Mapping

from services.bulletins.jobs.dialogue import dialogue_handlers
from services.bulletins.jobs.plans import plan_handlers
from services.bulletins.jobs.reading import reading_handlers
from services.bulletins.jobs.sending import sending_handlers
from services.bulletins.settings import BulletinsSettings
from shared.due.worker import DueHandler


def due_handlers(settings: BulletinsSettings) -> Mapping[str, DueHandler]:
    """What to do when each kind of thing is due."""
    makers = (plan_handlers, sending_handlers, reading_handlers, dialogue_handlers)
    return {kind: handler for make in makers for kind, handler in make(settings).items()}
