"""Pages: Jinja2 with autoescape, static files from here, and strict headers on every answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

FRAME = Path(__file__).parent
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def templates(folder: Path) -> Environment:
    """The templates of a service, on top of the frame they share. An unknown name is an error, not a blank."""
    environment = Environment(
        loader=FileSystemLoader([folder, FRAME / "templates"]),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["clock"] = _clock
    return environment


def add_pages(app: FastAPI, static: Path) -> None:
    """Serve the shared and the service's own static files, and put the headers on every answer."""
    app.mount("/static/skolbro", StaticFiles(directory=FRAME / "static"), name="frame")
    app.mount("/static", StaticFiles(directory=static), name="static")

    @app.middleware("http")
    async def _headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call_next(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


def _clock(instant: datetime, zone: str) -> str:
    """Hours and minutes where the school is."""
    return instant.astimezone(ZoneInfo(zone)).strftime("%H:%M")
