"""The pages of the demo's mailboxes: every mail, newest first, and one mail as the guardian sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware

from services.demo.catcher import Mail, Mailboxes
from services.demo.people import UNMARKED, Municipality, Pupil
from shared.languages import N_
from shared.settings import KitSettings
from shared.web.errors import add_error_pages
from shared.web.language import language_routes
from shared.web.pages import NavLink, Pages, add_pages

WEB = Path(__file__).parent / "web"
SHOWN = 200
# A mail brings its own styles; it is shown in a sandbox without scripts, and pictures only if they are in the mail.
MAIL_POLICY = (
    "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)
LINKS_OPEN_OUTSIDE = '<base target="_blank">'
HEADERS = ("From", "To", "Date", "Subject", "Message-ID", "List-Unsubscribe", "Auto-Submitted")
ALL_MAILS = N_("Mailboxes")


class Owner(NamedTuple):
    """Whose mailbox it is, and the children a guardian has it for; "" for one with a protected identity."""

    name: str
    children: tuple[str, ...] = ()


def create_pages(mailboxes: Mailboxes, directory: Mapping[str, Owner], portal_url: str) -> FastAPI:
    """The app. `directory` says whose mailbox an address is."""
    app = FastAPI(title="Mailboxes of the demo", docs_url=None, redoc_url=None, openapi_url=None)
    settings = KitSettings().model_copy(update={"portal_url": portal_url, "demo": True})
    pages = Pages(WEB / "templates", settings, home=portal_url)
    pages.nav = partial(_nav, pages)
    add_pages(app, WEB / "static", settings)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    app.include_router(language_routes(settings))
    shown = _Mails(mailboxes, directory, pages)
    app.add_api_route("/", shown.mails, response_class=HTMLResponse)
    app.add_api_route("/list", shown.fragment, response_class=HTMLResponse)
    app.add_api_route("/mail/{number}", shown.one, response_class=HTMLResponse)
    add_error_pages(app, pages)
    return app


class _Mails:
    def __init__(self, mailboxes: Mailboxes, directory: Mapping[str, Owner], pages: Pages) -> None:
        self.mailboxes = mailboxes
        self.directory = directory
        self.pages = pages

    def mails(self, request: Request, q: str = "") -> HTMLResponse:
        return self.pages.html(request, "mails.html", **self._listed(q))

    def fragment(self, request: Request, q: str = "") -> HTMLResponse:
        return self.pages.html(request, "list.html", **self._listed(q))

    def one(self, request: Request, number: int) -> HTMLResponse:
        mail = self.mailboxes.numbered(number)
        if mail is None:
            raise HTTPException(404, "This mail is not here any more.")
        answer = self.pages.html(request, "mail.html", owner=self._owner(mail), **_opened(mail))
        answer.headers["content-security-policy"] = MAIL_POLICY
        return answer

    def _listed(self, q: str) -> dict[str, Any]:
        wanted = q.strip().casefold()
        every = ((mail, self._owner(mail)) for mail in self.mailboxes.newest())
        found = [(mail, owner) for mail, owner in every if wanted in f"{mail.recipient} {owner}".casefold()]
        rows = [(mail, owner, _subject(mail)) for mail, owner in found[:SHOWN]]
        return {"rows": rows, "count": len(found), "q": q, "shown": SHOWN, "repeats": self.mailboxes.repeats}

    def _owner(self, mail: Mail) -> Owner:
        return self.directory.get(mail.recipient, Owner(mail.recipient))


def _nav(pages: Pages, request: Request) -> Sequence[NavLink]:
    return [NavLink("/", pages.gettext(request, ALL_MAILS), request.scope["path"] == "/")]


def owners(whole: Municipality) -> dict[str, Owner]:
    """Whose mailbox an address is: a guardian's, with the children, or a school's."""
    children: dict[UUID, list[str]] = {}
    for pupil in whole.pupils.values():
        for tie in pupil.ties:
            children.setdefault(tie.adult_id, []).append(_child(pupil))
    found = {school.email: Owner(school.name) for school in whole.schools}
    found |= {one.email: Owner(f"{one.given} {one.family}") for one in whole.employees}
    for adult_id, of in children.items():
        adult = whole.adults[adult_id]
        found |= dict.fromkeys(adult.emails, Owner(f"{adult.given} {adult.family}", tuple(of)))
    return found


def _child(pupil: Pupil) -> str:
    if pupil.marking != UNMARKED:
        return ""
    return f"{pupil.given}, {pupil.school_class.name} {pupil.school_class.school.name}"


def _opened(mail: Mail) -> dict[str, Any]:
    parsed, html = mail.parsed(), mail.part("html")
    headers = [(name, str(parsed[name])) for name in HEADERS if parsed[name]]
    return {
        "mail": mail,
        "subject": _subject(mail),
        "headers": headers,
        "plain": mail.part("plain"),
        "html": LINKS_OPEN_OUTSIDE + html if html else "",
    }


@lru_cache(maxsize=1000)
def _subject(mail: Mail) -> str:
    return str(mail.parsed()["Subject"] or "")
