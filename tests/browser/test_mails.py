"""Mails as their readers see them: narrow and wide, light and dark, without anything from elsewhere."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, expect

from tests.browser.bulletin_scene import SUBJECT, bulletin_scene, mail_with
from tests.browser.test_every_page import EVERYTHING, overhang, told
from tests.browser.town import Town

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
WIDTHS = (320, 800)
CUT_BY_GMAIL = 102_000  # bytes of HTML: what is longer is cut
NOT_OF_A_MAIL = {rule: {"enabled": False} for rule in ("landmark-one-main", "region")}  # those of the page around it
LOADS = re.compile(r"<(?:img|link|script|iframe|object|embed|video|audio)\b|url\(|@import", re.IGNORECASE)
MAILS = ("bulletin", "notice")
axe = Axe()


async def mail_of(town: Town, name: str) -> str:
    """The HTML of one of these mails, as it lies in a mailbox of the demo."""
    await bulletin_scene(town)
    cast = town.cast
    if name == "bulletin":
        page = await mail_with(town, cast.guardian, f"{SUBJECT}</h1>")
    else:
        page = await mail_with(town, cast.guardian, f"/n/{await town.told()}")
    found = re.search(r'srcdoc="(.*?)"></iframe>', page, re.DOTALL)
    assert found, page[:2000]
    return found[1]


@pytest.mark.parametrize("name", MAILS)
async def test_axe_finds_nothing_in_a_mail_and_nothing_scrolls_sideways(
    browser: Browser, town: Town, name: str
) -> None:
    mail = await mail_of(town, name)
    assert len(mail.encode()) < CUT_BY_GMAIL
    assert not LOADS.search(mail), "a mail fetches nothing, so it is the same with pictures off"
    assert re.search(r'<html lang="[a-z]{2}"', mail)
    page, found = await browser.new_page(reduced_motion="reduce"), list[str]()
    await page.set_content(mail)
    await expect(page.locator("h1")).to_have_count(1)
    await expect(page.locator("[role=article]")).to_have_attribute("lang", re.compile("[a-z]{2}"))
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": 900})
        assert await overhang(page) == [], f"something is wider than {width} px"
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            result = await axe.run(page, options={**EVERYTHING, "rules": NOT_OF_A_MAIL})
            found += [f"{width} {scheme}: {one}" for one in told(result.response["violations"])]
    await page.close()
    assert not found, "\n".join(found)
