"""W3C trace context, carried through the outbox so that one absence can be followed from registry to mailbox.

Only the identifiers travel; spans are not recorded.
"""

from __future__ import annotations

import secrets


def new_traceparent() -> str:
    """A new trace begins here: the first time something is heard of."""
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def continued(traceparent: str | None) -> str:
    """The same trace, one step on; a new one when there was none or it is not readable."""
    parts = (traceparent or "").split("-")
    if len(parts) != 4 or len(parts[1]) != 32:
        return new_traceparent()
    return f"00-{parts[1]}-{secrets.token_hex(8)}-{parts[3]}"
