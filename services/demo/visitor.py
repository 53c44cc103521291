"""Somebody of the invented municipality at a browser: steps in, opens pages, sends the forms that are on them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import unescape
from types import TracebackType
from typing import Self
from uuid import UUID

import httpx

from services.demo.forms import NOTHING, Changes, Form, Pressed, forms_of

SECONDS = 20.0
Files = Mapping[str, tuple[str, bytes, str]]  # by the field's name: the file's name, its bytes, its media type
ENGLISH = {"skolbro_language": "en"}  # the language whose words the demo knows when it reads a page


class Connections(httpx.AsyncBaseTransport):
    """Connections that many browsers share, so that each person need not have their own. Call `end` at the end."""

    def __init__(self, most: int) -> None:
        self.inner = httpx.AsyncHTTPTransport(limits=httpx.Limits(max_connections=most), trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass it on."""
        return await self.inner.handle_async_request(request)

    async def end(self) -> None:
        """Close the connections; a browser that is closed leaves them open."""
        await self.inner.aclose()


class NotThere(RuntimeError):
    """A page did not answer as a person would expect; the message says which and how."""


@dataclass(frozen=True)
class Page:
    """A page that was opened. `path` is its address within the service."""

    path: str
    text: str

    @cached_property
    def forms(self) -> list[Form]:
        """Its forms."""
        return list(forms_of(self.text))

    def find(self, action: str, button: Pressed | None = None) -> Form | None:
        """The first form that leads there (and has that button), or None."""
        mine = (one for one in self.forms if one.action == action and (button is None or button in one.buttons))
        return next(mine, None)

    def form(self, action: str, button: Pressed | None = None) -> Form:
        """The first form that leads there (and has that button). Raises NotThere without one."""
        found = self.find(action, button)
        if found is None:
            raise NotThere(f"{self.path}: there is no form to {action}")
        return found

    def leads_to(self, start: str) -> list[str]:
        """The addresses on the page that begin so, each once, in their order."""
        found = re.findall(rf'(?:href|action)="({re.escape(start)}[^"]*)"', self.text)
        return list(dict.fromkeys(map(unescape, found)))


@dataclass
class Visitor:
    """One person's browser. The services share the cookie, as they do behind one host."""

    portal: str
    pages: str
    person_id: UUID
    transport: httpx.AsyncBaseTransport | None = None
    client: httpx.AsyncClient = field(init=False)
    asked: int = 0

    def __post_init__(self) -> None:
        self.client = httpx.AsyncClient(
            transport=self.transport, timeout=SECONDS, trust_env=False, follow_redirects=False, cookies=ENGLISH
        )

    async def __aenter__(self) -> Self:
        """Step in as this person. Raises NotThere when the portal does not know them yet."""
        try:
            await self.step_in()
        except BaseException:
            await self.client.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None
    ) -> None:
        """Close the browser."""
        await self.client.aclose()

    async def step_in(self) -> None:
        """Step in as this person. Raises NotThere when the portal does not know them yet."""
        form = {"person_id": str(self.person_id), "next": "/home"}
        answer = await self._ask("POST", f"{self.portal}/demo/step-in", form)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise NotThere(f"stepping in: {answer.status_code}")

    async def open(self, path: str) -> Page:
        """The page at this address of the talks' service. Raises NotThere when it is not shown."""
        answer = await self._ask("GET", self.pages + path)
        if not answer.is_success:
            raise NotThere(f"{path}: {answer.status_code}")
        return Page(path, answer.text)

    async def follow(self, link: str) -> str:
        """The page at an address that stood in a mail, wherever it is kept. Raises NotThere when it is not shown."""
        self.asked += 1
        answer = await self.client.get(link, follow_redirects=True)
        if not answer.is_success:
            raise NotThere(f"a link in a mail: {answer.status_code}")
        return answer.text

    async def send(
        self, form: Form, changes: Changes = NOTHING, press: Pressed | None = None, files: Files | None = None
    ) -> str:
        """Send a form of a page that was opened; where it leads. Raises NotThere when it was not taken."""
        answer = await self._ask("POST", self.pages + form.action, form.filled(changes, press), files)
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise NotThere(f"{form.action}: {answer.status_code}")
        return answer.headers["location"]

    async def look(self, form: Form, changes: Changes = NOTHING, press: Pressed | None = None) -> Page:
        """Send a form that answers with a page of its own. Raises NotThere when it was not taken."""
        answer = await self._ask("POST", self.pages + form.action, form.filled(changes, press))
        if not answer.is_success:
            raise NotThere(f"{form.action}: {answer.status_code}")
        return Page(form.action, answer.text)

    async def _ask(
        self, method: str, url: str, form: Mapping[str, str | list[str]] | None = None, files: Files | None = None
    ) -> httpx.Response:
        self.asked += 1
        return await self.client.request(method, url, data=form, files=files)
