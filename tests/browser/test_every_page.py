"""Every page, narrow and wide, light and dark: axe finds nothing, nothing scrolls sideways, the bones are there."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from tests.browser.conftest import Enter
from tests.browser.town import Town
from tests.browser.visitor import Visitor
from tests.browser.visits import VISITS, Visit, go

pytestmark = pytest.mark.browser
WIDTHS = (320, 1280)
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
EVERYTHING = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"], "resultTypes": ["violations"]}  # all that dark changes
SCHEMES: tuple[tuple[Any, Any], ...] = (("light", EVERYTHING), ("dark", COLOURS))
axe = Axe()


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.name)
async def test_axe_finds_nothing_and_nothing_scrolls_sideways(enter: Enter, town: Town, visit: Visit) -> None:
    visitor: Visitor = await enter(reduced_motion="reduce")  # or a colour is measured on its way to another
    await town.told()
    await town.quarantined()
    await go(visitor, visit, town.cast)
    await _has_its_bones(visitor.page)
    found = []
    for width in WIDTHS:
        await visitor.page.set_viewport_size({"width": width, "height": 900})
        assert await overhang(visitor.page) == [], f"something is wider than {width} px"
        for scheme, rules in SCHEMES:
            await visitor.page.emulate_media(color_scheme=scheme)
            result = await axe.run(visitor.page, options=rules)
            found += [f"{width} {scheme}: {one}" for one in told(result.response["violations"])]
    assert not found, "\n".join(found)


async def _has_its_bones(page: Page) -> None:
    await expect(page.locator("h1")).to_have_count(1)
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    assert (await page.title()).endswith(" · Skolbro")


async def overhang(page: Page) -> list[str]:
    """What reaches beyond the right edge of the page, when the page scrolls sideways at all."""
    return list(
        await page.evaluate(
            """() => {
              const room = document.documentElement.clientWidth
              if (document.documentElement.scrollWidth <= room) return []
              return [...document.querySelectorAll('body *')]
                .filter(one => one.getBoundingClientRect().right > room + 1 && !one.closest('.skip, .unseen'))
                .map(one => one.tagName + '.' + one.className + ': ' + one.textContent.trim().slice(0, 40))
            }"""
        )
    )


def told(violations: list[dict[str, Any]]) -> list[str]:
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}" for one in violations for node in one["nodes"][:3]
    ]
