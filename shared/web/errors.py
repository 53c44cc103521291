"""Error pages: what happened, what was kept and what to do, in the reader's language. Programs get JSON.

A reader never sees a stack trace; the log has it under the reference that the page shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from fastapi import FastAPI, Request, Response
from fastapi.exception_handlers import http_exception_handler, request_validation_exception_handler
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.ids import new_id
from shared.languages import N_
from shared.observe.logging import get_logger
from shared.web.headers import StrictHeaders
from shared.web.pages import Pages, is_https

API = ("/api/", "/talks/api/", "/health/", "/metrics", "/attendances", "/absences", "/webhook/")
log = get_logger()


@dataclass(frozen=True)
class Mishap:
    """What a page says when a request fails: English texts, translated when shown."""

    title: str
    happened: str
    do: str


UNKNOWN = Mishap(
    N_("That did not work"),
    N_("The page could not answer what was asked. Nothing was changed."),
    N_("Go back and try again. If it happens again, tell the school."),
)
BROKEN = Mishap(
    N_("Something broke here"),
    N_("The fault is ours, not yours. What was saved before is safe; what you sent just now was not saved."),
    N_("Try again in a moment. If it happens again, give the school the reference below."),
)
UNREADABLE = Mishap(
    N_("Something in the form could not be read"),
    N_("A value is missing or is not of the kind the form asks for. Nothing was changed."),
    N_("Go back: what you wrote is still in the form. Check it and send it again."),
)
MISHAPS = {
    400: UNREADABLE,
    401: Mishap(
        N_("You need to log in"),
        N_("Nobody is logged in, or the login is too old. Nothing was changed."),
        N_("Log in and open the page again."),
    ),
    403: Mishap(
        N_("This was refused"),
        N_("The page does not allow this, or the form was open for too long. Nothing was changed."),
        N_("Open the page again and try once more. If it should be yours to do, ask the school."),
    ),
    404: Mishap(
        N_("There is no such page for you"),
        N_("The address is wrong, the page is gone, or it is about somebody else. We do not say which."),
        N_("Start again from the first page. A link from a mail works for the person the mail was sent to."),
    ),
    405: Mishap(
        N_("This page does not do that"),
        N_("The address is right, but not for what was asked of it. Nothing was changed."),
        N_("Open the page from its link instead."),
    ),
    410: Mishap(
        N_("You have left"),
        N_("The registry does not know you as active any more, so there is nothing to show. Nothing was deleted."),
        N_("If that is wrong, ask the school: its registry says who is there."),
    ),
    422: UNREADABLE,
    429: Mishap(
        N_("Too much at once"),
        N_("So many requests came from here that we stopped answering. What was saved before is safe."),
        N_("Wait a minute, then go on where you were."),
    ),
    500: BROKEN,
    503: Mishap(
        N_("Not at home just now"),
        N_("A part of the service is being started or mended. What was saved before is safe."),
        N_("Try again in a moment."),
    ),
}


def add_error_pages(app: FastAPI, pages: Pages) -> None:
    """Answer refusals and faults with a page for people, and with FastAPI's own JSON for programs."""

    async def refused(request: Request, fault: Exception) -> Response:
        refusal = cast("HTTPException", fault)
        if refusal.status_code < 400 or wants_json(request):
            return await http_exception_handler(request, refusal)
        answer = error_page(pages, request, refusal.status_code)
        answer.headers.update(refusal.headers or {})
        return answer

    async def unreadable(request: Request, fault: Exception) -> Response:
        invalid = cast("RequestValidationError", fault)
        if wants_json(request):
            return await request_validation_exception_handler(request, invalid)
        # An address with an odd id in it is a wrong address; whoever tries one learns nothing from a difference.
        wrong_address = any(error["loc"][:1] == ("path",) for error in invalid.errors())
        return error_page(pages, request, 404 if wrong_address else 422)

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(RequestValidationError, unreadable)
    app.add_middleware(Faults, pages=pages)


class Faults:
    """Middleware that answers what nobody foresaw, and logs it under the reference that the reader is given."""

    def __init__(self, app: ASGIApp, pages: Pages) -> None:
        self.app = app
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on; answer when it breaks before an answer has begun. One that has begun is broken off."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as fault:
            if begun or scope["type"] != "http":
                raise
            answer = self._answer(Request(scope), fault)
            await StrictHeaders(answer, is_https(self.pages.settings))(scope, receive, send)

    def _answer(self, request: Request, fault: Exception) -> Response:
        reference = str(new_id())
        log.error("a request broke", reference=reference, exc_info=fault)
        if wants_json(request):
            return JSONResponse({"detail": BROKEN.happened, "reference": reference}, 500)
        return error_page(self.pages, request, 500, reference)


def error_page(pages: Pages, request: Request, status: int, reference: str = "") -> Response:
    """The error page of a status; `reference` is what the log has the details under."""
    mishap = MISHAPS.get(status, BROKEN if status >= 500 else UNKNOWN)
    return pages.html(request, "error.html", status, mishap=mishap, reference=reference)


def wants_json(request: Request) -> bool:
    """True for programs: they ask for JSON, or for a path that is theirs. A browser always asks for a page."""
    accepts = request.headers.get("accept", "")
    return "text/html" not in accepts and ("json" in accepts or request.scope["path"].startswith(API))
