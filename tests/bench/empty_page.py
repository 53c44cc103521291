"""The floor of `tests.bench.pages`: FastAPI answers with an empty Jinja2 page and does nothing else."""

from __future__ import annotations

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import DictLoader, Environment

PAGE = "<!doctype html><html lang=sv><head><title>{{ title }}</title></head><body><main></main></body></html>"


def create_app() -> FastAPI:
    """An app with one page."""
    app = FastAPI()
    pages = Environment(loader=DictLoader({"empty.html": PAGE}), autoescape=True)

    @app.get("/", response_class=HTMLResponse)
    async def empty() -> HTMLResponse:
        return HTMLResponse(pages.get_template("empty.html").render(title="Skolbro"))

    return app
