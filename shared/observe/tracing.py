"""W3C trace context, carried through the outbox so that one absence can be followed from registry to mailbox.

The OpenTelemetry API is always there; spans are recorded and exported when the SDK is installed and configured
by its own environment variables (`OTEL_EXPORTER_OTLP_ENDPOINT` …).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

PROPAGATOR = TraceContextTextMapPropagator()
TRACER = trace.get_tracer("skolbro")


def new_traceparent() -> str:
    """A new trace begins here: the first time something is heard of."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def continued(traceparent: str | None) -> str:
    """The same trace, one step on; a new one when there was none or it is not readable."""
    parts = (traceparent or "").split("-")
    if len(parts) != 4 or len(parts[1]) != 32:
        return new_traceparent()
    return f"00-{parts[1]}-{secrets.token_hex(8)}-{parts[3]}"


@contextmanager
def span(name: str, traceparent: str | None = None) -> Iterator[None]:
    """A span under the given trace, for whoever has an exporter."""
    parent = PROPAGATOR.extract({"traceparent": traceparent}) if traceparent else Context()
    with TRACER.start_as_current_span(name, context=parent):
        yield
