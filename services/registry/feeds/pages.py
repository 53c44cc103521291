"""One page of SS 12000 JSON, from wherever it came."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from services.registry.domain.kinds import Resource
from services.registry.errors import PageUnreadable


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of a page as they are, and the token of the next one."""

    rows: list[Any]
    next_token: str | None = None


def read_page(body: bytes, resource: Resource) -> Page:
    """The page in these bytes. Rows may be under `data`, under the list's own name, or bare.

    Bytes that are not UTF-8 are carried along, so that only the row they are in is held. Raises PageUnreadable.
    """
    content = read_json(body)
    if isinstance(content, list):
        return Page(content)
    rows = content.get("data", content.get(resource.value)) if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise PageUnreadable(f"The page has no list of {resource} in it.")
    return Page(rows, next_token(content))


def next_token(content: dict[str, Any]) -> str | None:
    """The token of the next page; None at the end."""
    token = content.get("pageToken")
    return str(token) if token else None


def read_json(body: bytes) -> Any:
    """The JSON in these bytes. Raises PageUnreadable when it is cut off, nested too deep, or not JSON."""
    try:
        return json.loads(body.decode("utf-8-sig", "surrogateescape"))
    except RecursionError:
        raise PageUnreadable("The JSON is nested deeper than any registry has reason to.") from None
    except json.JSONDecodeError as fault:
        raise PageUnreadable(f"The JSON breaks off or is damaged at character {fault.pos} of {len(body)}.") from None
    except ValueError:
        raise PageUnreadable("The JSON has a number longer than any registry has reason to send.") from None
