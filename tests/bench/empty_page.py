"""The floors of `tests.bench.pages`: an empty FastAPI and Jinja2 page, alone and after one question to PostgreSQL."""

from __future__ import annotations

import os

from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from jinja2 import DictLoader, Environment
from sqlalchemy import text

from shared.db.engine import connect, session_factory

PAGE = "<!doctype html><html lang=sv><head><title>{{ title }}</title></head><body><main></main></body></html>"


def create_app() -> FastAPI:
    """An app with one page that does nothing else."""
    app, pages = FastAPI(), environment()

    @app.get("/", response_class=HTMLResponse)
    async def empty() -> HTMLResponse:
        return HTMLResponse(pages.get_template("empty.html").render(title="Skolbro"))

    return app


def create_asking_app() -> FastAPI:
    """An app whose page asks the database `select 1` in a transaction first: what no page of ours can go below."""
    app, pages = FastAPI(), environment()
    sessions = session_factory(connect(os.environ["PORTAL_DATABASE_URL"], 4))

    @app.get("/", response_class=HTMLResponse)
    async def asking() -> HTMLResponse:
        async with sessions.begin() as db:
            await db.execute(text("select 1"))
        return HTMLResponse(pages.get_template("empty.html").render(title="Skolbro"))

    return app


def environment() -> Environment:
    """The one template."""
    return Environment(loader=DictLoader({"empty.html": PAGE}), autoescape=True)
