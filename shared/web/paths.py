"""Where a browser may be sent: paths of our own, never an address somebody else has written into a link."""

from __future__ import annotations

from urllib.parse import unquote

from starlette.requests import Request

HOME = "/"
LONGEST = 1500


def own_path(wanted: str | None) -> str:
    """The path when it is one of ours, else the start page.

    What a browser may read as another host is not ours: `//evil`, `/\\evil`, control characters (browsers drop them)
    and the same written in percent signs.
    """
    if not wanted or len(wanted) > LONGEST or not _printable(wanted):
        return HOME
    return wanted if all(_is_path(text) for text in (wanted, unquote(wanted), unquote(unquote(wanted)))) else HOME


def path_of(request: Request) -> str:
    """The path and query of this request, as one may come back to it.

    From the scope, as everywhere here: `request.url` breaks on bytes that are no text.
    """
    path = str(request.scope["path"]).replace("?", "%3F").replace("#", "%23").replace("\\", "%5C")
    query = request.scope["query_string"].decode("ascii", "ignore")
    return path + (f"?{query}" if query else "")


def with_query(address: str, query: str) -> str:
    """The address with more after its question mark."""
    return f"{address}{'&' if '?' in address else '?'}{query}"


def _is_path(text: str) -> bool:
    path = text.split("?", 1)[0]
    return path.startswith("/") and not path.startswith("//") and "\\" not in path and _printable(path)


def _printable(text: str) -> bool:
    return all(character >= " " and character != "\x7f" for character in text)
