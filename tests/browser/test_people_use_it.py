"""People use Skolbro: in a real browser, with a real identity provider, on the running demo."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import expect

from tests.browser.conftest import Enter
from tests.browser.town import Town, name_of
from tests.browser.visitor import Visitor

pytestmark = pytest.mark.browser
SCHOOLS = """
    select state ->> 'name' from roster
    where event_type = 'roster.school_stated.v1' and state ->> 'kind' = 'school'
"""
ROLES = (
    ("Guardian of children at two schools", "/home"),
    ("Guardian of one child", "/home"),
    ("Parent without custody", "/"),
    ("Pupil under 16", "/home"),
    ("Pupil of 18 with guardians", "/home"),
    ("Mentor of a class", "/class/"),
    ("Principal", "/school/"),
    ("At the municipality", "/municipality"),
)


async def test_a_newcomer_steps_into_every_role_from_the_first_page(enter: Enter) -> None:
    newcomer: Visitor = await enter()
    for role, lands_on in ROLES:
        await newcomer.open("/")
        if await newcomer.page.get_by_role("button", name="Log out").count():
            await newcomer.press("Log out")
            await newcomer.follow("To the first page")
        card = newcomer.page.locator("section.card", has=newcomer.page.get_by_role("heading", name=role, exact=True))
        button = card.get_by_role("button").first
        name = await button.inner_text()
        await newcomer.through(button)
        assert newcomer.path.startswith(lands_on), f"{role} lands on {newcomer.path}"
        await expect(newcomer.page.locator(".who span")).to_have_text(name)
        landed = newcomer.page.url
        for link in await newcomer.page.locator("header nav a").all_inner_texts():
            await newcomer.follow(link)
            await expect(newcomer.page.locator("h1")).to_have_count(1)
            if not newcomer.page.url.startswith(newcomer.town.portal):
                await newcomer.open(landed)  # another service, with links of its own


async def test_a_guardian_logs_in_sees_two_schools_changes_a_preference_and_logs_out(enter: Enter, town: Town) -> None:
    guardian: Visitor = await enter(javascript=False)
    cast = town.cast
    await guardian.open("/login?next=/home")
    await guardian.log_in("guardian")
    assert guardian.path == "/home"
    for child in (cast.told, cast.sibling):
        await guardian.sees(name_of(child), child.school_class.school.name, child.school_class.name)
    await guardian.follow("Settings")
    await guardian.page.get_by_label("Language of messages and pages").select_option("nb")
    await guardian.page.get_by_label("From").fill("20:00")
    await guardian.page.get_by_label("To", exact=True).fill("07:00")
    await guardian.press("Save")
    await expect(guardian.page.locator("html")).to_have_attribute("lang", "nb")
    await guardian.sees("Lagret")
    await guardian.page.reload()
    await expect(guardian.page.locator("input[name=quiet_from]")).to_have_value("20:00")
    await guardian.follow("I dag")
    await expect(guardian.page.locator("h1")).to_have_text("I dag")
    cookies = await guardian.context.cookies()
    await guardian.press("Logg ut")
    await guardian.page.wait_for_url(f"{town.issuer}/**")  # which asks whether that was meant
    await guardian.through(guardian.page.get_by_role("button"))
    assert guardian.path == "/logged-out"
    await guardian.open("/home")
    assert guardian.path == "/login"
    await guardian.context.add_cookies([{**one, "url": None} for one in cookies])
    await guardian.open("/home")
    assert guardian.path == "/login", "the cookie of a session that is over still opens something"


async def test_a_mail_leads_to_its_message_and_the_principal_finds_its_evidence(enter: Enter, town: Town) -> None:
    guardian: Visitor = await enter(javascript=False)
    notification = await town.told()
    await _open_the_mail(guardian, town)
    await guardian.log_in("guardian")
    assert guardian.path == f"/n/{notification}"
    await guardian.sees(name_of(town.cast.told), "Why did I get this?", "You answer for")
    await guardian.press("I have read this")
    await guardian.sees("You have read this")
    await expect(guardian.page.get_by_role("button", name="I have read this")).to_have_count(0)

    await town.understood()
    principal: Visitor = await enter(javascript=False)
    await principal.open("/login")
    await principal.log_in("principal", "School login")
    cast = town.cast
    row = principal.page.locator("tr", has=principal.page.locator("th", has_text=cast.told.school_class.name))
    await principal.through(row.locator("a[href*='status=understood']"))
    await principal.sees("Understood")
    await principal.through(principal.page.locator("tr", has_text=name_of(cast.told)).locator("a[href^='/duty/']"))
    assert principal.path.startswith("/duty/")
    await principal.sees(name_of(cast.told), name_of(cast.guardian), "Understood: the home has confirmed it")
    await principal.sees(str(notification)[:8], "Owed", "Sent", "Delivered")


async def _open_the_mail(guardian: Visitor, town: Town) -> None:
    """From the demo's mailboxes, as a person would: find the mail, follow its link."""
    await guardian.open(f"{town.mails}/?q={name_of(town.cast.guardian).replace(' ', '+')}")
    await guardian.through(guardian.page.locator("#list a[href^='/mail/']").last)
    text = await guardian.page.locator("pre").inner_text()
    link = re.search(r"http://\S+/n/\S+", text)
    assert link, text
    await guardian.open(link.group())
    assert guardian.path == "/login"


async def test_a_mentor_opens_a_pupil_and_the_guardian_sees_who_looked(enter: Enter, town: Town) -> None:
    mentor: Visitor = await enter()
    cast = town.cast
    await mentor.step_in_as(cast.mentor)
    assert mentor.path == f"/class/{cast.told.school_class.id}"
    await mentor.follow(name_of(cast.told))
    assert mentor.path == f"/pupil/{cast.told.id}"
    await mentor.sees("Who is told, and why", name_of(cast.guardian))

    guardian: Visitor = await enter()
    await guardian.step_in_as(cast.guardian, f"/who-looked?pupil={cast.told.id}")
    await guardian.sees(name_of(cast.mentor), "The pupil’s page")


async def test_an_officer_sees_the_schools_and_the_wall_and_releases_what_waits(enter: Enter, town: Town) -> None:
    officer: Visitor = await enter()
    await town.quarantined()
    await officer.step_in_as(town.cast.officer)
    assert officer.path == "/municipality"
    await officer.sees(*[name for (name,) in town.ask("portal", SCHOOLS)], "The machinery")
    await officer.follow("Notices that have not arrived, live")
    await expect(officer.page.locator("h1")).to_have_text("Notices that have not arrived")
    await officer.open("/municipality")
    await officer.follow("Release or refuse them")
    await officer.sees("A stronger login is needed")
    await officer.press("Confirm that it is me")
    await officer.page.wait_for_url(f"{town.registry}/registry/quarantine")
    await officer.sees("1 change waits.", "In force now", "The registry says")
    await officer.page.get_by_label("Note: what did you look at?").fill("Called the registrar of the municipality")
    await officer.press("Let it through")
    await officer.sees("All is decided")
    await officer.follow("Registries")
    await officer.sees("brohamn", "Works")


async def test_everything_of_a_guardian_can_be_done_with_the_keyboard_alone(enter: Enter, town: Town) -> None:
    guardian: Visitor = await enter()
    keyboard = guardian.page.keyboard
    await guardian.open(f"/demo/people?name={name_of(town.cast.other_guardian).replace(' ', '+')}")
    await keyboard.press("Tab")
    await expect(guardian.page.locator(":focus")).to_have_text("Skip to the content")
    await keyboard.press("Enter")
    await guardian.tab_to(name_of(town.cast.other_guardian), "button")
    await keyboard.press("Enter")
    await guardian.page.wait_for_url("**/home")
    await guardian.tab_to("Settings", "link")
    await keyboard.press("Enter")
    await guardian.page.wait_for_url("**/preferences")
    await guardian.tab_to("Save", "button")
    await keyboard.press("Enter")
    await expect(guardian.page.locator(".notice.good")).to_contain_text("Saved")
    await guardian.tab_to("Log out", "button")
    await keyboard.press("Enter")
    await expect(guardian.page.locator("h1")).to_have_text("You are logged out")


async def test_the_live_page_follows_the_day_by_itself_and_ends_in_the_mailboxes(enter: Enter, town: Town) -> None:
    newcomer: Visitor = await enter()
    await newcomer.open("/live")
    clock = newcomer.page.locator(".time time")
    before = await clock.inner_text()
    await expect(clock).not_to_have_text(before)
    await newcomer.follow("The mails that were sent")
    assert newcomer.page.url.startswith(town.mails)
