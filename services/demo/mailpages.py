"""The pages of the demo's mailboxes: every mail, newest first, and one mail as the guardian sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse
from jinja2 import Environment, FileSystemLoader
from starlette.middleware.trustedhost import TrustedHostMiddleware

from services.demo.catcher import Mail, Mailboxes
from services.demo.people import UNMARKED, Municipality, Pupil
from services.demo.records import STOCKHOLM

HERE = Path(__file__).parent
SHOWN = 200
STATIC = {"style.css": "text/css", "live.js": "text/javascript"}
STRICT = "default-src 'none'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
LIST_POLICY = f"{STRICT}; style-src 'self'; script-src 'self'"
# A mail brings its own styles; it is shown in a sandbox without scripts, and pictures only if they are in the mail.
MAIL_POLICY = f"{STRICT}; style-src 'self' 'unsafe-inline'; img-src data:"
LINKS_OPEN_OUTSIDE = '<base target="_blank">'
HEADERS = ("From", "To", "Date", "Subject", "Message-ID", "List-Unsubscribe", "Auto-Submitted")


class Owner(NamedTuple):
    """Whose mailbox it is, and the children a guardian has it for."""

    name: str
    children: str = ""


def create_pages(mailboxes: Mailboxes, directory: Mapping[str, Owner], portal_url: str) -> FastAPI:
    """The app. `directory` says whose mailbox an address is."""
    app = FastAPI(title="Mailboxes of the demo", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    pages = _Pages(mailboxes, directory, portal_url)
    app.add_api_route("/", pages.mails)
    app.add_api_route("/list", pages.fragment)
    app.add_api_route("/mail/{number}", pages.one)
    app.add_api_route("/static/{name}", _static)
    return app


class _Pages:
    def __init__(self, mailboxes: Mailboxes, directory: Mapping[str, Owner], portal_url: str) -> None:
        self.mailboxes = mailboxes
        self.directory = directory
        self.templates = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True)
        self.templates.filters["clock"] = _clock
        self.templates.globals["portal_url"] = portal_url

    def mails(self, q: str = "") -> HTMLResponse:
        return self._render("mails.html", LIST_POLICY, self._listed(q))

    def fragment(self, q: str = "") -> HTMLResponse:
        return self._render("list.html", LIST_POLICY, self._listed(q))

    def one(self, number: int) -> HTMLResponse:
        mail = self.mailboxes.numbered(number)
        if mail is None:
            raise HTTPException(404, "This mail is not here any more.")
        return self._render("mail.html", MAIL_POLICY, {**_opened(mail), "owner": self._owner(mail)})

    def _listed(self, q: str) -> dict[str, object]:
        wanted = q.strip().casefold()
        every = ((mail, self._owner(mail)) for mail in self.mailboxes.newest())
        found = [(mail, owner) for mail, owner in every if wanted in f"{mail.recipient} {owner}".casefold()]
        rows = [(mail, owner, _subject(mail)) for mail, owner in found[:SHOWN]]
        return {"rows": rows, "count": len(found), "q": q, "shown": SHOWN, "repeats": self.mailboxes.repeats}

    def _owner(self, mail: Mail) -> Owner:
        return self.directory.get(mail.recipient, Owner(mail.recipient))

    def _render(self, template: str, policy: str, context: Mapping[str, object]) -> HTMLResponse:
        page = self.templates.get_template(template).render(context)
        return HTMLResponse(page, headers={"content-security-policy": policy, "x-content-type-options": "nosniff"})


def _static(name: str) -> FileResponse:
    if name not in STATIC:
        raise HTTPException(404)
    return FileResponse(HERE / "static" / name, media_type=STATIC[name])


def owners(whole: Municipality) -> dict[str, Owner]:
    """Whose mailbox an address is: a guardian's, with the children, or a school's."""
    children: dict[UUID, list[str]] = {}
    for pupil in whole.pupils.values():
        for tie in pupil.ties:
            children.setdefault(tie.adult_id, []).append(_child(pupil))
    found = {school.email: Owner(school.name) for school in whole.schools}
    for adult_id, of in children.items():
        adult = whole.adults[adult_id]
        found |= dict.fromkeys(adult.emails, Owner(f"{adult.given} {adult.family}", "; ".join(of)))
    return found


def _child(pupil: Pupil) -> str:
    if pupil.marking != UNMARKED:
        return "a child with a protected identity"
    return f"{pupil.given}, {pupil.school_class.name} {pupil.school_class.school.name}"


def _opened(mail: Mail) -> dict[str, object]:
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
    return str(mail.parsed()["Subject"] or "(no subject)")


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone(STOCKHOLM):%H:%M}"
