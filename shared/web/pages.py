"""Pages: Jinja2 templates in the reader's language, static files from here, and strict headers on every answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from babel.support import Translations
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared import languages
from shared.clock import DEFAULT_ZONE
from shared.languages import LANGUAGES, Language, accepted
from shared.settings import KitSettings
from shared.web.filters import filters
from shared.web.headers import StrictHeaders

FRAME = Path(__file__).parent
DOMAIN = "pages"
COOKIE = "skolbro_language"


class NavLink(NamedTuple):
    """A link in the head of the page; `current` when the reader is there."""

    href: str
    text: str
    current: bool = False


def no_nav(_: Request) -> Sequence[NavLink]:
    """No links in the head."""
    return ()


class Pages:
    """The pages of one service.

    `folder` holds its templates and stands on top of the shared ones. Its words are in `locales`, which lies two
    folders above (`services/x/web/templates`, `services/x/locales`) unless it is given. `nav` says the links in the
    head when the request's state has none; `home` is where the brand leads, the portal's address in other services.
    """

    def __init__(
        self,
        folder: Path,
        settings: KitSettings,
        nav: Callable[[Request], Sequence[tuple[str, str, bool]]] = no_nav,
        *,
        locales: Path | None = None,
        zone: str = DEFAULT_ZONE,
        home: str = "/",
    ) -> None:
        self.settings = settings
        self.nav = nav
        self.zone = zone
        self.clock = settings.clock()
        self.context: ContextVar[Mapping[str, Any]] = ContextVar("page")
        self.words = {tag: _words(locales or folder.parent.parent / "locales", tag) for tag in LANGUAGES}
        fixed = {"demo": settings.demo, "home": home, "portal_url": settings.portal_url, "page": self.context.get}
        fixed |= {"static": _addresses(folder.parent / "static"), "languages": tuple(LANGUAGES.values())}
        self.environments = {tag: self._environment(folder, LANGUAGES[tag], fixed) for tag in LANGUAGES}

    def _environment(self, folder: Path, language: Language, fixed: Mapping[str, Any]) -> Environment:
        environment = Environment(
            loader=FileSystemLoader([folder, FRAME / "templates"]),
            extensions=["jinja2.ext.i18n"],
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        words = self.words[language.tag]
        environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]
        environment.filters.update(filters(language, words, self.context.get))
        environment.globals.update(fixed, language=language.tag, locale=language.locale)
        return environment

    def html(self, request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """The page in the reader's language. An unknown name in a template is an error, not a blank."""
        return HTMLResponse(self.text(request, template, **context), status)

    def text(self, request: Request, template: str, **context: Any) -> str:
        """The page, or a part of one, as text."""
        page = self._common(request) | context
        environment = self.environments[language_of(request).tag]
        token = self.context.set(page)
        try:
            return environment.get_template(template).render(page)
        finally:
            self.context.reset(token)

    def gettext(self, request: Request, text: str) -> str:
        """A text in the reader's language, for what is not written by a template."""
        return self.words[language_of(request).tag].ugettext(text)

    def _common(self, request: Request) -> dict[str, Any]:
        state = request.state
        nav = getattr(state, "nav", None)
        return {
            "viewer": getattr(state, "viewer_name", None),
            "session": getattr(state, "session", None),
            "csrf": getattr(state, "csrf", ""),
            "path": request.scope["path"],
            "here": _here(request),
            "nav": self.nav(request) if nav is None else nav,
            "now": self.clock.now(),
            "zone": self.zone,
        }


def _here(request: Request) -> str:
    """Where the reader is, to come back to: the path and the query."""
    query = request.scope["query_string"].decode("ascii", "ignore")
    return f"{request.scope['path']}?{query}" if query else str(request.scope["path"])


def language_of(request: Request) -> Language:
    """The language of the answer: what the reader chose here, else what their browser asks for, else Swedish."""
    chosen = LANGUAGES.get(request.cookies.get(COOKIE, ""))
    return chosen or accepted(request.headers.get("accept-language", ""))


def add_pages(app: FastAPI, static: Path, settings: KitSettings | None = None) -> None:
    """Serve the shared and the service's own static files, and put the headers on every answer."""
    app.mount("/static/skolbro", StaticFiles(directory=FRAME / "static"), name="frame")
    if static.is_dir():
        app.mount("/static", StaticFiles(directory=static), name="static")
    app.add_middleware(StrictHeaders, https=is_https(settings or KitSettings()))


def is_https(settings: KitSettings) -> bool:
    """True when people reach the portal by HTTPS, so that cookies and browsers can be held to it."""
    return settings.portal_url.startswith("https://")


@lru_cache(64)
def _words(locales: Path, tag: str) -> Translations:
    """The words of the frame, and on top of them the service's own. Read once: nobody changes them afterwards."""
    words = languages.translations(FRAME / "locales", tag, DOMAIN)
    words.merge(languages.translations(locales, tag, DOMAIN))
    return words


def _addresses(own: Path) -> Callable[[str], str]:
    """The address of a static file with a digest of what is in it, so that browsers may keep it forever."""

    @lru_cache(256)
    def static(name: str) -> str:
        root, path = (FRAME / "static", name.removeprefix("skolbro/")) if name.startswith("skolbro/") else (own, name)
        return f"/static/{name}?v={sha256((root / path).read_bytes()).hexdigest()[:12]}"

    return static
