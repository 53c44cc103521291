"""The choice of language in the foot of every page: a cookie, and back to where the reader was. Needs no JavaScript."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse

from shared.languages import choose
from shared.settings import KitSettings
from shared.web.csrf import from_our_pages
from shared.web.pages import COOKIE, is_https
from shared.web.paths import HOME, LONGEST, own_path

YEAR_SECONDS = 365 * 24 * 3600


def language_routes(settings: KitSettings) -> APIRouter:
    """`POST /language`: changes nothing but the cookie, so it asks for the same origin, not for a login or a token."""
    router = APIRouter(include_in_schema=False)

    @router.post("/language")
    async def choose_language(
        request: Request,
        language: Annotated[str, Form(max_length=20)],
        back: Annotated[str, Form(alias="next", max_length=LONGEST)] = HOME,
    ) -> RedirectResponse:
        from_our_pages(request)
        answer = RedirectResponse(own_path(back), 303)
        set_language(answer, language, settings)
        return answer

    return router


def set_language(answer: RedirectResponse, tag: str, settings: KitSettings) -> None:
    """Remember the language for a year in this browser; one we do not write in becomes Swedish."""
    answer.set_cookie(
        COOKIE, choose(tag).tag, max_age=YEAR_SECONDS, httponly=True, samesite="lax", secure=is_https(settings)
    )
