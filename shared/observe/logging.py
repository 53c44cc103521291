"""JSON logs, one line an event. Ids only: never a name, an address or a reason for absence."""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog

Processor = structlog.typing.Processor
Logger = structlog.typing.FilteringBoundLogger


def configure_logging(service: str, level: str) -> None:
    """Send structlog and the standard library's warnings to stdout as JSON, stamped with the service's name."""
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    plain = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    render: list[Processor] = [plain, structlog.processors.JSONRenderer()]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=render, foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def get_logger() -> Logger:
    """The logger; bind ids to it, never people."""
    return cast(Logger, structlog.get_logger())
