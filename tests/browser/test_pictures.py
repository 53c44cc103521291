"""Pictures of every page for docs/pictures: only with SKOLBRO_PICTURES=1, so that a test run leaves the tree alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.browser.conftest import Enter
from tests.browser.test_mails import MAILS, WIDTHS, mail_of
from tests.browser.town import Town
from tests.browser.visitor import Visitor
from tests.browser.visits import VISITS, go

FOLDER = Path(os.environ.get("SKOLBRO_PICTURES_IN", Path(__file__).parents[2] / "docs" / "pictures"))
SIZES = {"": (1280, 1200), "-phone": (390, 1200)}
SCHEME = os.environ.get("SKOLBRO_PICTURES_SCHEME", "light")
WANTED = os.environ.get("SKOLBRO_PICTURES") == "1"
pytestmark = [pytest.mark.browser, pytest.mark.skipif(not WANTED, reason="SKOLBRO_PICTURES=1 takes pictures.")]


@pytest.mark.timeout(900)
async def test_every_page_has_its_picture(enter: Enter, town: Town) -> None:
    await town.told()
    await town.many_told()
    visitors: dict[str, Visitor] = {}
    for visit in VISITS:
        visitor = visitors.get(visit.who) or await enter(color_scheme=SCHEME)
        visitors[visit.who] = visitor
        await go(visitor, visit, town.cast)
        for suffix, (width, height) in SIZES.items():
            await visitor.page.set_viewport_size({"width": width, "height": 400})
            tall = await visitor.page.evaluate("document.documentElement.scrollHeight")
            await visitor.page.set_viewport_size({"width": width, "height": min(height, tall)})
            await visitor.page.screenshot(path=FOLDER / f"{visit.name}{suffix}.png")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_mails_have_their_pictures(enter: Enter, town: Town, scheme: str) -> None:
    page = (await enter(color_scheme=scheme)).page
    for name in MAILS:
        await page.set_content(await mail_of(town, name))
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 400})
            suffix = "" if scheme == "light" else f"-{scheme}"
            await page.screenshot(path=FOLDER / f"mail-{name}-{width}{suffix}.png", full_page=True)
