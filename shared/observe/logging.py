"""JSON logs, one line an event. Ids only: never a name, an address or a reason for absence."""

from __future__ import annotations

import logging
import sys
import traceback
from typing import Any, cast

import structlog

from shared.errors import SkolbroError

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
        processors=[*shared, _faults, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)
    handler = logging.StreamHandler(sys.stdout)
    plain = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    render: list[Processor] = [plain, _faults, structlog.processors.JSONRenderer()]
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=render, foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=max(number, logging.WARNING), force=True)


def get_logger() -> Logger:
    """The logger; bind ids to it, never people."""
    return cast(Logger, structlog.get_logger())


def _faults(_: Any, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Put an exception into the log line as its type and places."""
    given = event.pop("exc_info", None)
    fault = given[1] if isinstance(given, tuple) else sys.exc_info()[1] if given is True else given
    if isinstance(fault, BaseException):
        event["exception"] = describe_fault(fault)
    return event


def describe_fault(fault: BaseException) -> dict[str, Any]:
    """An exception without its text, which may quote a row with a name in it; our own texts never do."""
    told: dict[str, Any] = {"type": type(fault).__qualname__}
    if isinstance(fault, SkolbroError):
        told["text"] = str(fault)
    told["frames"] = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(fault.__traceback__)]
    if isinstance(fault, BaseExceptionGroup):
        told["faults"] = [describe_fault(inner) for inner in fault.exceptions]
    if fault.__cause__ is not None:
        told["cause"] = describe_fault(fault.__cause__)
    return told
