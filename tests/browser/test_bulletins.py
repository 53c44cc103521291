"""A class bulletin by clicking: from the class's page through the principal and the mail to those who read it."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from playwright.async_api import expect

from services.demo.people import Employee, SchoolClass
from tests.browser.bulletin_scene import link_in, mail_with, picture, planned
from tests.browser.conftest import Enter
from tests.browser.town import Town, name_of
from tests.browser.visitor import Visitor

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]
SUBJECT, IN_ENGLISH = "Vi bygger en bro", "We build a bridge"
LEARNING, LEARNING_IN_ENGLISH = "Alla bygger tillsammans.", "Everybody builds together."
ACTIVITIES = "## Det som kommer\n\n- Broarna provas på torsdag"
ACTIVITIES_IN_ENGLISH = "## To come\n\n- The bridges are tried on Thursday"
SHOWS = "A bridge of paper between two desks"
QUESTION = "May we come and look at the bridges?"
STATE = "select 1 from bulletin where bulletin_id = %s and state = %s"
READERS = "select 1 from reading where bulletin_id = %s"
WISHES = "select 1 from roster where event_type = 'preferences.stated.v1' and id = %s"


async def test_a_bulletin_goes_from_its_draft_to_those_who_read_it(enter: Enter, town: Town) -> None:
    cast = town.cast
    its_class = cast.hidden.school_class
    await planned(town)
    mentor: Visitor = await enter()
    principal: Visitor = await enter(javascript=False)
    guardian: Visitor = await enter(javascript=False)
    await _wants_english(guardian, town)
    await principal.step_in_as(_principal(town, its_class))
    await _reads_first(principal, town, reads=True)
    await mentor.step_in_as(cast.employee(its_class.mentor_id))
    here = await _begins(mentor, town)
    await _writes(mentor, f"{LEARNING} {name_of(cast.hidden)} ritar.")
    await _adds_english(mentor)
    await _adds_a_picture(mentor)
    await _is_stopped(mentor, name_of(cast.hidden))
    await _mends_and_asks(mentor)
    await principal.open(f"{here}/preview")
    await principal.sees(SUBJECT, "Read it as a home will")
    await principal.press("Approve it")
    await principal.sees("Approved")
    await _reads_first(principal, town, reads=False)

    bulletin = UUID(here.rpartition("/")[2])
    await town.until(lambda: town.ask("bulletins", STATE, bulletin, "sent"))
    mail = await mail_with(town, cast.reader, IN_ENGLISH)
    assert LEARNING_IN_ENGLISH in mail
    assert LEARNING not in mail
    assert name_of(cast.hidden) not in mail
    await _says_it_was_read(await enter(javascript=False), link_in(mail, "/bulletins/read/"))
    await town.until(lambda: town.ask("bulletins", READERS, bulletin))
    await guardian.press("Log out")
    await _reads_it(guardian, link_in(mail, "/bulletins/"))
    await _says_what_it_was_worth(guardian)
    await _asks(guardian, town)

    await mentor.open(f"{here}/homes")
    await mentor.sees("1 of ")
    await mentor.open(f"{town.bulletins}/dialogue")
    await mentor.sees("1 new message")
    await mentor.through(mentor.page.locator(".conversations a"))
    await mentor.sees(QUESTION, name_of(cast.reader))


async def test_a_bulletin_is_written_and_sent_with_the_keyboard_alone(enter: Enter, town: Town) -> None:
    its_class = town.cast.other_classes[1]
    await planned(town)
    mentor: Visitor = await enter()
    page, keyboard = mentor.page, mentor.page.keyboard
    await mentor.step_in_as(town.cast.employee(its_class.mentor_id))
    await mentor.open(f"{town.bulletins}/bulletins/classes/{its_class.id}")
    await mentor.tab_to("Write the next bulletin", "link")
    await keyboard.press("Enter")
    await page.wait_for_url("**/bulletins/new*")
    await mentor.tab_to("Begin to write", "button")
    await keyboard.press("Enter")
    await page.wait_for_url("**/edit*")
    for label, words in (("Subject", SUBJECT), ("Lärandet och lärmiljön", LEARNING), ("Det här är på gång", "Vi ror.")):
        await _types(mentor, label, words)
    await mentor.tab_to("Look at it and send", "button")
    await keyboard.press("Enter")
    await page.wait_for_url("**/preview*")
    await mentor.sees(SUBJECT, LEARNING, "Nothing found")
    send = await page.get_by_role("button", name=re.compile("^Send it to ")).inner_text()
    await mentor.tab_to(send, "button")
    await keyboard.press("Enter")
    await page.wait_for_url("**/preview?done=*")
    await mentor.sees("It is leaving now")


async def _types(mentor: Visitor, label: str, words: str) -> None:
    """Come to the field by Tab, take out what stands there, and type."""
    field = mentor.page.get_by_label(label, exact=True)
    for _ in range(40):
        await mentor.page.keyboard.press("Tab")
        if await field.evaluate("one => one === document.activeElement"):
            break
    await expect(field).to_be_focused()
    await mentor.page.keyboard.press("ControlOrMeta+a")
    await mentor.page.keyboard.type(words)


def _principal(town: Town, its_class: SchoolClass) -> Employee:
    at = its_class.school.id
    return next(one for one in town.cast.whole.employees if (one.school_id, one.role) == (at, "Rektor"))


async def _wants_english(guardian: Visitor, town: Town) -> None:
    """In English, at any hour."""
    await guardian.step_in_as(town.cast.reader, "/preferences")
    await guardian.page.get_by_label("Language of messages and pages").select_option("en")
    for end in ("quiet_from", "quiet_to"):
        await guardian.page.locator(f"input[name={end}]").fill("")
    await guardian.press("Save")
    await guardian.sees("Saved")
    await town.until(lambda: town.ask("notifications", WISHES, town.cast.reader.id))


async def _reads_first(principal: Visitor, town: Town, *, reads: bool) -> None:
    await principal.open(f"{town.bulletins}/bulletins/plan")
    await principal.page.get_by_label("I read each bulletin before it is sent").set_checked(reads)
    await principal.press("Keep")
    await principal.sees("Kept")


async def _begins(mentor: Visitor, town: Town) -> str:
    """From the class's page; where the bulletin is. It begins with words about the class."""
    await mentor.open(f"{town.bulletins}/bulletins/classes")
    await mentor.sees(f"Bulletins of {town.cast.hidden.school_class.name}", "The half-year")
    await mentor.follow("Write the next bulletin")
    await mentor.press("Begin to write")
    await mentor.sees("Here is a beginning")
    assert "[" in await mentor.page.get_by_label("Lärandet och lärmiljön").input_value()
    return mentor.page.url.partition("/edit")[0]


async def _writes(mentor: Visitor, learning: str) -> None:
    """The words are shown beside as a home will see them, while they are being typed."""
    page = mentor.page
    await page.get_by_label("Subject").fill(SUBJECT)
    await page.get_by_label("Lärandet och lärmiljön").fill(learning)
    await page.get_by_label("Det här är på gång").fill(ACTIVITIES)
    seen = page.locator("[data-preview=sv]")
    await expect(seen).to_contain_text(learning)
    await expect(seen.get_by_role("heading", name="Det som kommer")).to_be_visible()
    await expect(page.locator("#saved")).to_have_text("Saved")


async def _adds_english(mentor: Visitor) -> None:
    page = mentor.page
    await page.get_by_label("Add a language").select_option("en")
    await mentor.press("Add it")
    english = page.get_by_role("region", name="English")
    await english.get_by_label("Subject").fill(IN_ENGLISH)
    await english.get_by_label("Learning and the learning environment").fill(LEARNING_IN_ENGLISH)
    await english.get_by_label("What is going on").fill(ACTIVITIES_IN_ENGLISH)


async def _adds_a_picture(mentor: Visitor) -> None:
    page = mentor.page
    await page.get_by_label("A picture, or a PDF").set_input_files(
        {"name": "bro.png", "mimeType": "image/png", "buffer": picture()}
    )
    await page.get_by_label("What does the picture show?").fill(SHOWS)
    await mentor.press("Add the file")
    await expect(page.get_by_role("img", name=SHOWS)).to_be_visible()


async def _is_stopped(mentor: Visitor, hidden: str) -> None:
    """The leak check finds the name, and there is no way round it."""
    await mentor.press("Look at it and send")
    await mentor.sees("A name that must not be in here", hidden, "Must be changed")
    await expect(mentor.page.get_by_role("button", name="Ask the principal")).to_have_count(0)
    await mentor.follow("Change the text")


async def _mends_and_asks(mentor: Visitor) -> None:
    swedish = mentor.page.get_by_role("region", name="Swedish")
    await swedish.get_by_label("Lärandet och lärmiljön").fill(LEARNING)
    await mentor.press("Look at it and send")
    await mentor.sees(SUBJECT, LEARNING, "Nothing found")
    await mentor.press("Ask the principal")
    await mentor.sees("The principal has been asked")


async def _says_it_was_read(somebody: Visitor, link: str) -> None:
    """Whoever holds the link of the mail, without a login: opening it changes nothing, the button does."""
    await somebody.open(link)
    await somebody.sees("Have you read what the school sent you?")
    await somebody.sees_nothing_of(SUBJECT, IN_ENGLISH)
    await somebody.press("I have read this")
    await somebody.sees("Thank you")


async def _reads_it(guardian: Visitor, link: str) -> None:
    """Behind the mail's link and a login: in English, with the picture and what it shows."""
    await guardian.open(link)
    await guardian.log_in("beside")
    await expect(guardian.page.locator("h1")).to_have_text(IN_ENGLISH)
    await expect(guardian.page.locator("h1")).to_have_attribute("lang", "en")
    await guardian.sees(LEARNING_IN_ENGLISH, "The bridges are tried on Thursday")
    image = guardian.page.get_by_role("img", name=SHOWS)
    await expect(image).to_have_js_property("complete", value=True)
    assert await image.evaluate("one => one.naturalWidth") > 0


async def _says_what_it_was_worth(guardian: Visitor) -> None:
    await guardian.page.get_by_label("5: Much help").check()
    await guardian.press("Send my answer")
    await guardian.sees("Thank you for your answer")


async def _asks(guardian: Visitor, town: Town) -> None:
    """The mentor is chosen already."""
    await guardian.open(f"{town.bulletins}/dialogue/new?pupil={town.cast.beside.id}")
    await guardian.page.get_by_label("Learning and school work").check()
    await guardian.page.get_by_label("Your words").fill(QUESTION)
    await guardian.press("Send")
    await guardian.sees("Sent")
