"""Somebody in front of a browser, and a watch over what the browser complains about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Locator, Page

from services.demo.people import Adult, Employee, Pupil
from tests.browser.town import Town, name_of

PATIENCE_MS = 15_000
FOCUS = "() => [document.activeElement.tagName, (document.activeElement.innerText || '').trim()]"


@dataclass
class Watch:
    """What the browser said about our pages that nobody should have to read: errors and broken policies."""

    ours: tuple[str, ...]
    expected: set[str] = field(default_factory=set)  # addresses that are meant to answer with an error
    troubles: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Watch this page."""
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.troubles.append(f"{page.url}: {error}"))

    def _said(self, message: ConsoleMessage) -> None:
        where = message.location["url"]
        if message.type in ("error", "warning") and where.startswith(self.ours) and where not in self.expected:
            self.troubles.append(f"{where}: {message.text}")


@dataclass
class Visitor:
    """One browser with its own cookies."""

    town: Town
    context: BrowserContext
    page: Page
    watch: Watch

    @property
    def path(self) -> str:
        """Where the browser is."""
        return urlsplit(self.page.url).path

    async def open(self, path: str) -> None:
        """Type an address."""
        await self.page.goto(path if path.startswith("http") else self.town.portal + path)

    async def through(self, door: Locator) -> None:
        """Click the first of these and wait for the page behind it."""
        async with self.page.expect_navigation():
            await door.first.click()

    async def press(self, name: str, role: str = "button") -> None:
        """Press the button (or follow the link) of that name and wait for the page behind it."""
        await self.through(self.page.get_by_role("link" if role == "link" else "button", name=name, exact=True))

    async def follow(self, name: str) -> None:
        """Follow the link of that name."""
        await self.press(name, "link")

    async def follow_to(self, start: str) -> None:
        """Follow the first link on the page whose address begins so."""
        await self.through(self.page.locator(f"main a[href^='{start}']"))

    async def step_in_as(self, person: Adult | Employee | Pupil, at: str = "/") -> None:
        """Step in as somebody of the demo, found by name."""
        await self.open(f"/demo/people?name={quote(name_of(person))}&next={quote(at)}")
        await self.through(self.page.locator(f"button[value='{person.id}']"))

    async def log_in(self, sub: str, label: str = "E-id") -> None:
        """From a page with the ways to log in to the identity provider, and back."""
        await self.follow(f"Log in with {label}")
        assert self.page.url.startswith(self.town.issuer), self.page.url
        await self.page.locator("input[name=sub]").fill(sub)
        await self.press("Authorize")

    async def sees(self, *words: str) -> None:
        """The page says all of this somewhere in its content."""
        text = " ".join((await self.page.locator("main").inner_text()).split())
        for word in words:
            assert word in text, f"{word!r} is not on {self.page.url}: {text[:600]}"

    async def sees_nothing_of(self, *words: str) -> None:
        """Nowhere in the page's source is any of this."""
        source = await self.page.content()
        assert not [word for word in words if word in source]

    async def tab_to(self, name: str, role: str, most: int = 60) -> None:
        """Press Tab until the focus is on that button or link."""
        passed: list[str] = []
        for _ in range(most):
            await self.page.keyboard.press("Tab")
            tag, text = await self.page.evaluate(FOCUS)
            passed.append(text)
            if tag == {"link": "A", "button": "BUTTON"}[role] and text == name:
                return
        raise AssertionError(f"The keyboard does not come to {name!r} on {self.page.url}, only to {passed}.")


def said(troubles: Iterable[str]) -> str:
    """The troubles, each once."""
    return "\n".join(dict.fromkeys(troubles))
