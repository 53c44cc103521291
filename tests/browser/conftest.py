"""One demo and one browser for all of these tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.town import Town, chromium, running_town
from tests.browser.visitor import PATIENCE_MS, Visitor, Watch, said

NOWHERE_ELSE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"  # a page of ours needs nobody else's server
HERE = Path(__file__).parent
MISSING = "These tests need Chromium: `make test-browser` installs it, or set SKOLBRO_CHROMIUM to one."
FIRST = ("test_talks.py", "test_bulletins.py", "test_people_use_it.py")
Enter = Callable[..., Awaitable[Visitor]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Talks and bulletins come first of these tests: a talk is held on its day, and the demo's day ends at midnight."""
    mine = [place for place, item in enumerate(items) if item.path.parent == HERE]
    wanted = sorted((items[place] for place in mine), key=lambda item: item.path.name not in FIRST)
    for place, item in zip(mine, wanted, strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def browser_path() -> str:
    """Chromium. Without one the tests are skipped; in CI they fail instead."""
    path = chromium()
    if path is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(MISSING)
    return str(path)


@pytest.fixture(scope="session")
def town(browser_path: str) -> Iterator[Town]:
    """The demo, with an identity provider beside it."""
    with running_town() as running:
        yield running


@pytest.fixture(scope="session")
async def browser(browser_path: str) -> AsyncIterator[Browser]:
    """Headless Chromium, ended with the tests."""
    async with async_playwright() as playwright:
        arguments = [NOWHERE_ELSE, "--font-render-hinting=none"]
        running = await playwright.chromium.launch(executable_path=browser_path, args=arguments)
        yield running
        await running.close()


@pytest.fixture
async def enter(town: Town, browser: Browser) -> AsyncIterator[Enter]:
    """`await enter()`: somebody new in front of a browser. No page may have made the browser complain in the end."""
    watch, contexts = Watch(town.ours), []

    async def new(*, javascript: bool = True, locale: str = "en-GB", **more: Any) -> Visitor:
        context = await browser.new_context(java_script_enabled=javascript, locale=locale, **more)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        context.on("page", watch.over)
        return Visitor(town, context, await context.new_page(), watch)

    yield new
    for context in contexts:
        await context.close()
    assert not watch.troubles, said(watch.troubles)
