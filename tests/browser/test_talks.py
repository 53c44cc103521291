"""A round of talks by clicking, from opening it to the signed plan: a mentor and the guardian of two in one class."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

import pytest
from playwright.async_api import expect

from services.demo.people import Adult
from services.demo.schooldays import school_day_from
from tests.browser.conftest import Enter
from tests.browser.town import Town, name_of
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
AT_SCHOOL, AT_HOME = "Splits longer texts into parts", "Reads together three evenings a week"
SUMMARY = "We talked about what helps and what is hard, and agreed on two things."
LOOKS = 60
CLASSES = "select 1 from roster where event_type = 'roster.group_stated.v1' and id = %s"


async def test_a_round_goes_from_wishes_to_a_signed_plan(enter: Enter, town: Town) -> None:
    cast, first = town.cast, town.cast.twins[0]
    mentor: Visitor = await enter()
    guardian: Visitor = await enter(accept_downloads=True)
    home = cast.home(first)
    await town.until(lambda: town.ask("scheduling", CLASSES, first.school_class.id))
    await mentor.step_in_as(cast.employee(first.school_class.mentor_id))
    here = await _opens(mentor, town)
    await guardian.step_in_as(home[0])
    await _says_when(guardian, town)
    await _proposes(mentor, here)
    talk = await _accepts_one_and_moves_the_other(guardian, town)
    await _prepares(mentor, talk, "The work goes well when the task is clear.")
    await guardian.open(talk)
    await guardian.sees("The work goes well when the task is clear.")
    await _prepares(guardian, talk, "Homework is easiest before dinner.")
    await _holds(mentor, talk, home)
    await mentor.sees("Homework is easiest before dinner.")
    await _signs(mentor, talk)
    for adult in home:
        signer = guardian if adult is home[0] else await enter()
        if signer is not guardian:
            await signer.step_in_as(adult)
        await _signs(signer, talk)
    await guardian.open(talk)
    await expect(guardian.page.locator("main > p > .badge")).to_have_text("Signed")
    await _downloads_the_plan(guardian)
    await _finds_it_at_home(guardian)


async def _now(somebody: Visitor, town: Town) -> datetime:
    """The demo's wall clock."""
    await somebody.open("/live")
    said = await somebody.page.locator(".time time").inner_text()
    hour, minute = re.findall(r"\d\d", said)[-2:]
    return datetime.combine(town.cast.day, time(int(hour), int(minute)))


async def _opens(mentor: Visitor, town: Town) -> str:
    """The mentor opens a round for the own class: later today, and the next school day. Its address."""
    now, page = await _now(mentor, town), mentor.page
    await mentor.open(f"{town.scheduling}/talks/rounds")
    await mentor.follow("Open a round")
    tomorrow = school_day_from(town.cast.day + timedelta(days=1))
    starts = min(now + timedelta(hours=3), now.replace(hour=19, minute=0))
    await _evening(mentor, 0, town.cast.day, f"{starts:%H:%M}", "23:30")
    await _evening(mentor, 1, tomorrow, "08:00", "20:00")
    await page.get_by_label("Also on days off").check()
    await page.get_by_label("They say when they can come until").fill(
        f"{starts - timedelta(minutes=10):%Y-%m-%dT%H:%M}"
    )
    await page.get_by_label("They can change their time until").fill(f"{tomorrow}T07:00")
    await mentor.press("Check and go on")
    await mentor.sees("This is what comes of it", town.cast.twins[0].school_class.name)
    await mentor.press("Open the round and ask the homes")
    await mentor.sees("The round is open")
    return page.url.partition("?")[0]


async def _evening(mentor: Visitor, line: int, day: date, starts: str, ends: str) -> None:
    evening = mentor.page.get_by_role("group", name=f"Evening {line + 1}")
    await evening.get_by_label("Day").fill(day.isoformat())
    await evening.get_by_label("From").fill(starts)
    await evening.get_by_label("To").fill(ends)


async def _says_when(guardian: Visitor, town: Town) -> None:
    """Gladly today, and not at all on the other day."""
    await guardian.open(f"{town.scheduling}/talks")
    await guardian.follow("Say when you can")
    await guardian.sees(*[one.given for one in town.cast.twins])
    days = guardian.page.locator("fieldset.day")
    for day, words in ((0, "Gladly"), (1, "I cannot")):
        for part in await days.nth(day).locator("fieldset.part").all():
            await part.get_by_text(words, exact=True).click()
    await guardian.press("Save my answer")
    await guardian.sees("Your answer is kept")


async def _proposes(mentor: Visitor, here: str) -> None:
    await mentor.open(here)
    await mentor.press("Propose times for everybody")
    adopt = mentor.page.get_by_role("button", name="Adopt and tell the homes")
    for _ in range(LOOKS):
        if await adopt.count():
            break
        await mentor.follow("Look again")
        await mentor.page.wait_for_timeout(300)
    await mentor.through(adopt)
    await mentor.sees("The homes have been told")


async def _accepts_one_and_moves_the_other(guardian: Visitor, town: Town) -> str:
    """Both were proposed for today; the address of the talk that stays where it was proposed."""
    await guardian.open(f"{town.scheduling}/talks")
    page = guardian.page
    await expect(page.get_by_role("button", name="Yes, that works")).to_have_count(2)
    form = page.locator("form[action$='/accept']").first
    accepted = (await form.get_attribute("action") or "").removesuffix("/accept")
    await guardian.through(form.get_by_role("button"))
    await guardian.sees("Accepted")
    await guardian.through(page.locator(f"main a.button[href$='/swap']:not([href^='{accepted}/'])"))
    await guardian.sees("You keep that time until you have confirmed another")
    await page.locator("input[name=choice]").nth(1).check()
    await guardian.press("Keep this time for me")
    await guardian.sees("Nobody else can take it until then")
    await guardian.press("Confirm")
    await guardian.sees("Booked", "An invitation for your calendar is on its way")
    return f"{town.scheduling}{accepted}"


async def _prepares(somebody: Visitor, talk: str, words: str) -> None:
    """Somebody writes, and shows it to the others when asked once more."""
    await somebody.open(talk)
    await somebody.follow("Prepare")
    await somebody.page.locator("textarea").first.fill(words)
    await somebody.press("Save, and show it to the others")
    await somebody.sees("Shall the others read this?", words)
    await somebody.press("Yes, show it")
    await somebody.sees(words, "Shown to the others")


async def _holds(mentor: Visitor, talk: str, home: list[Adult]) -> None:
    """The mentor notes what is agreed, and that the talk was held."""
    page = mentor.page
    for who, what in (("The school: ", AT_SCHOOL), (f"Guardian: {name_of(home[0])}", AT_HOME)):
        await mentor.open(talk)
        await page.get_by_text("Add something", exact=True).click()
        options = await page.get_by_label("Who promises it").locator("option").all_inner_texts()
        await page.get_by_label("Who promises it").select_option(next(one for one in options if one.startswith(who)))
        await page.get_by_label("What", exact=True).fill(what)
        await mentor.press("Add it")
        await mentor.sees(what, "Proposed")
    await mentor.follow("The talk is held: write the plan")
    await page.get_by_label("What we talked about").fill(SUMMARY)
    await mentor.press("It was held: save")
    await mentor.sees(SUMMARY, AT_SCHOOL, AT_HOME, "Held, to be signed")


async def _signs(somebody: Visitor, talk: str) -> None:
    await somebody.open(talk)
    await somebody.sees(SUMMARY)
    await somebody.press("Sign")
    await expect(somebody.page.get_by_role("button", name="Sign", exact=True)).to_have_count(0)


async def _downloads_the_plan(guardian: Visitor) -> None:
    async with guardian.page.expect_download() as coming:
        await guardian.page.get_by_role("link", name="The plan as PDF").click()
    file = await (await coming.value).path()
    assert file.read_bytes().startswith(b"%PDF-")


async def _finds_it_at_home(guardian: Visitor) -> None:
    """The portal's first page says how many things are under way, and leads to the words."""
    agreed = guardian.page.locator("#agreed")
    for _ in range(LOOKS):
        await guardian.open("/home")
        if "2 under way" in await agreed.inner_text():
            break
        await guardian.page.wait_for_timeout(250)
    await guardian.through(agreed.get_by_role("link", name=re.compile("^Read what was agreed")))
    await guardian.sees(AT_SCHOOL, AT_HOME)
