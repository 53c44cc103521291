"""The demo's half-year of bulletins: who does what, what they write, and an account that sees every kind of fault."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from email.message import EmailMessage
from uuid import UUID, uuid4

import pytest

from services.bulletins.domain.drafts import Known, prompts, written
from services.demo.bulletins import words
from services.demo.bulletins.account import BulletinAccount
from services.demo.bulletins.facts import Facts, Sent
from services.demo.bulletins.mails import letter_of, reading_link
from services.demo.bulletins.picture import bridge
from services.demo.bulletins.plan import QUOTA, Bulletins, morning, plan_bulletins
from services.demo.catcher import Mail
from services.demo.day import Plan, plan_day
from services.demo.municipality import grow
from services.demo.people import UNMARKED, Adult, Case, Municipality, SchoolClass
from shared.languages import LANGUAGES
from tests.unit.demo.world import MONDAY, SEED

HOST = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def whole() -> Municipality:
    return grow(SEED, MONDAY, 3, 300)


@pytest.fixture(scope="module")
def day(whole: Municipality) -> Plan:
    return plan_day(whole, MONDAY)


@pytest.fixture
def plan(whole: Municipality, day: Plan) -> Bulletins:
    return plan_bulletins(whole, day)


def letter(recipient: str, path: str, text: str = "", sender: str = "skola@skolbro.example") -> Mail:
    message = EmailMessage()
    message["From"], message["Subject"], message["Message-ID"] = sender, "Ett brev", f"<{uuid4()}@skolbro.example>"
    message.set_content(f"{text}\nLäs mer:\n{HOST}{path}\n", cte="quoted-printable")
    number = uuid4().int % 1_000_000
    return Mail.of(number, morning(MONDAY), sender, recipient, str(message["Message-ID"]), bytes(message))


def sent_by(plan: Bulletins, one: SchoolClass, number: int, on: date) -> Sent:
    titles = frozenset({words.subject("sv", one.name, number)})
    due = MONDAY + timedelta(days=3)
    return Sent(uuid4(), one, number, morning(on), due, titles, plan.homes(one, on))


def whole_account(plan: Bulletins) -> BulletinAccount:
    """Everything as it should be."""
    facts, mails, served = Facts(over=True), list[Mail](), set[tuple[UUID, UUID]]()
    for one in plan.classes:
        for number in range(1, QUOTA + 1):
            sent = sent_by(plan, one, number, MONDAY - timedelta(days=7 * (QUOTA - number)))
            facts.sent[sent.bulletin_id] = sent
            facts.left.add(sent.bulletin_id)
            for adult in told(plan, sent):
                served |= {(adult.id, sent.bulletin_id)} if adult.simulated else set()
                if not adult.simulated:
                    mails.append(letter(adult.emails[0], f"/bulletins/{sent.bulletin_id}"))
    return BulletinAccount(plan, facts, [], mails, frozenset(served))


def told(plan: Bulletins, sent: Sent) -> list[Adult]:
    ids = {adult_id for adults in sent.homes.values() for adult_id in adults}
    return [adult for adult_id in sorted(ids) if (adult := plan.whole.adults[adult_id]).reachable]


def one_mail(account: BulletinAccount, number: int = 1) -> tuple[Mail, Sent, Adult]:
    """The mail of a bulletin to somebody ordinary, who is told about one unprotected pupil."""
    for mail, found in account.letters:
        sent, adult = account.facts.sent[found.bulletin_id or uuid4()], account.owner[mail.recipient]
        pupils = [account.plan.whole.pupils[one] for one in sent.pupils_of(adult.id)]
        if sent.number == number and all(one.marking == UNMARKED for one in pupils):
            return mail, sent, adult
    raise AssertionError


def test_every_class_owes_three_and_the_late_one_is_at_another_school_than_the_approving_principal(
    plan: Bulletins, whole: Municipality
) -> None:
    assert plan.owed == 3 * len(whole.classes) == 3 * len(plan.classes)
    assert plan.late.school != plan.approving
    assert plan.late.id not in plan.moved
    assert {one.school for one in plan.rich} == set(whole.schools)
    assert {one.school_id for one in plan.principals} == {one.id for one in whole.schools}


def test_a_class_in_which_somebody_comes_or_goes_that_day_writes_when_that_is_over(plan: Bulletins) -> None:
    assert plan.moved
    for place, one in enumerate(plan.classes):
        assert one.id not in plan.moved or plan.third_at(place).astimezone().hour >= 8
    times = [plan.third_at(place) for place, one in enumerate(plan.classes) if one.id not in plan.moved]
    assert times == sorted(times)


def test_those_who_read_and_write_are_ordinary_homes_with_one_child_and_a_mailbox(plan: Bulletins) -> None:
    families = list(plan.families())
    assert len({pupil.school_class.id for _, pupil in families}) == len(families) > 3
    assert all(adult.emails and not adult.simulated and pupil.case is Case.PLAIN for adult, pupil in families)


def test_who_turns_eighteen_on_the_day_was_told_through_their_guardians_before(plan: Bulletins) -> None:
    [pupil] = plan.whole.with_case(Case.BIRTHDAY)
    assert plan.homes(pupil.school_class, MONDAY - timedelta(days=1))[pupil.id]
    assert not plan.homes(pupil.school_class, MONDAY)[pupil.id]


def test_a_mentor_answers_every_question_of_a_real_draft() -> None:
    known = Known(classes=("6A",), subjects=("Matematik 6A", "Svenska 6A", "Slöjd 6A"))
    draft = written(known, MONDAY, lambda said: said, LANGUAGES["sv"], lambda month: f"{month:%B}")
    for number in range(1, QUOTA + 1):
        for part, answers in ((draft.learning, words.LEARNING), (draft.activities, words.ACTIVITIES)):
            assert prompts(part)
            assert not prompts(words.edited(part, answers, number))
    first, second = (words.edited(draft.learning, words.LEARNING, number) for number in (1, 2))
    assert first != second
    assert f"- Matematik 6A: {words.SUBJECTS['Matematik'][1]}" in first


def test_the_picture_is_a_picture() -> None:
    assert bridge().startswith(b"\x89PNG")


def test_a_mail_says_which_bulletin_it_brings_and_where_one_says_that_one_has_read() -> None:
    about, token = uuid4(), "WyJh-b_c.def"
    mail = letter("a@hem.example", f"/bulletins/{about}", f"{'Å' * 90}\n")
    found = letter_of(mail)
    assert found is not None
    assert (found.bulletin_id, found.path) == (about, f"/bulletins/{about}")
    assert reading_link(mail) is None
    assert reading_link(letter("a@hem.example", f"/bulletins/read/{token}")) == f"{HOST}/bulletins/read/{token}"
    preview = letter_of(letter("a@skolan.example", f"/bulletins/{about}/preview"))
    assert preview is not None
    assert preview.bulletin_id is None
    assert letter_of(letter("a@hem.example", "/n/7")) is None
    gathered = letter_of(letter("a@hem.example", "/", "* Klassbrev 2 från 7A (idag)"))
    assert gathered is not None
    assert gathered.titles == {"Klassbrev 2 från 7A"}


def test_a_half_year_without_faults_balances(plan: Bulletins) -> None:
    figures = whole_account(plan).figures()
    assert figures.ok
    assert figures.bulletins_sent == figures.bulletins_owed == plan.owed
    assert figures.families_reached == figures.families_owed > 2.5 * len(plan.whole.pupils)
    assert figures.bulletin_mails > figures.families_owed


def test_a_bulletin_that_never_left_is_seen(plan: Bulletins) -> None:
    account = whole_account(plan)
    account.facts.left.pop()
    assert (account.figures().bulletins_sent, account.figures().ok) == (plan.owed - 1, False)
    assert any("was not sent" in line for line in account.faults())


def test_a_bulletin_after_its_day_is_late_and_that_is_no_fault(plan: Bulletins) -> None:
    account = whole_account(plan)
    about, one = next(iter(account.facts.sent.items()))
    account.facts.sent[about] = replace(one, due_on=one.at.date() - timedelta(days=1))
    assert (account.figures().bulletins_late, account.figures().ok) == (1, True)


def test_one_of_two_guardians_left_out_is_lost_and_a_home_left_out_is_not_reached(plan: Bulletins) -> None:
    account = whole_account(plan)
    sent, home = next(
        (sent, home)
        for sent in account.facts.sent.values()
        for home in sent.homes.values()
        if len(home) == 2
        and all(one.reachable and not one.simulated for one in map(account.plan.whole.adults.get, home) if one)
    )
    addresses = [{*account.plan.whole.adults[one].emails} for one in sorted(home)]

    def without(gone: set[str]) -> BulletinAccount:
        about = str(sent.bulletin_id)
        kept = [one for one in account.mails if one.recipient not in gone or about not in one.raw.decode()]
        return replace(account, mails=kept)

    one_gone, both_gone = without(addresses[0]).figures(), without(addresses[0] | addresses[1]).figures()
    assert (one_gone.bulletins_lost, one_gone.ok) == (1, False)
    assert one_gone.families_reached == one_gone.families_owed
    assert both_gone.families_reached < both_gone.families_owed


def test_a_played_address_counts_when_it_was_served(plan: Bulletins) -> None:
    account = whole_account(plan)
    assert account.served
    assert not replace(account, served=frozenset()).figures().ok


def test_the_same_bulletin_again_is_seen(plan: Bulletins) -> None:
    account = whole_account(plan)
    _, sent, adult = one_mail(account)
    again = replace(account, mails=[*account.mails, letter(adult.emails[-1], f"/bulletins/{sent.bulletin_id}")])
    assert (again.figures().bulletins_twice, again.figures().ok) == (1, False)


def test_what_is_gathered_for_the_day_counts_for_who_has_asked_for_it_and_for_nobody_else(plan: Bulletins) -> None:
    account = whole_account(plan)
    mail, sent, adult = one_mail(account)
    [title] = sent.titles
    gathered = letter(adult.emails[0], "/", f"* {title} (idag)")
    moved = replace(account, mails=[*[one for one in account.mails if one is not mail], gathered])
    assert moved.figures().bulletins_misdirected == 1
    account.facts.gathers = adult.id
    assert replace(moved).figures().ok
    both = replace(account, mails=[*account.mails, gathered])
    assert (both.figures().bulletins_twice, both.figures().ok) == (1, False)


def test_a_mail_to_who_has_no_right_is_misdirected(plan: Bulletins) -> None:
    account = whole_account(plan)
    [pupil] = plan.whole.with_case(Case.NO_RIGHTS)
    parent = plan.whole.adults[pupil.ties[1].adult_id]
    about = next(one for one in account.facts.sent.values() if one.school_class.id == pupil.school_class.id)
    wrong = replace(account, mails=[*account.mails, letter(parent.emails[0], f"/bulletins/{about.bulletin_id}")])
    assert (wrong.figures().bulletins_misdirected, wrong.figures().ok) == (1, False)


def test_a_custody_that_ended_since_was_a_right_when_the_first_was_sent(plan: Bulletins) -> None:
    pupil = plan.whole.with_case(Case.ENDED)[0]
    before, _ = pupil.ties[1], pupil.ties[0]
    assert before.ends is not None
    first = plan.homes(pupil.school_class, before.ends - timedelta(days=1))[pupil.id]
    assert before.adult_id in first
    assert before.adult_id not in plan.homes(pupil.school_class, before.ends)[pupil.id]


@pytest.mark.parametrize("said", ["school", "class", "title"])
def test_a_mail_that_names_anything_to_a_protected_home_is_misdirected(plan: Bulletins, said: str) -> None:
    account = whole_account(plan)
    pupil = plan.whole.with_case(Case.PROTECTED)[0]
    about = next(one for one in account.facts.sent.values() if one.school_class.id == pupil.school_class.id)
    adult = next(one for one in plan.whole.entitled(pupil.id, MONDAY) if one.reachable)
    text = {
        "school": about.school_class.school.name,
        "class": about.school_class.name,
        "title": next(iter(about.titles)),
    }
    path = f"/bulletins/{about.bulletin_id}"
    kept = [one for one in account.mails if not (one.recipient == adult.emails[0] and path in one.raw.decode())]
    named = replace(account, mails=[*kept, letter(adult.emails[0], path, f"Från {text[said]}.")])
    assert (named.figures().bulletins_misdirected, named.figures().ok) == (1, False)


def test_staff_hear_of_their_own_classes_and_schools_only(plan: Bulletins) -> None:
    account = whole_account(plan)
    one, other = plan.classes[0], plan.classes[-1]
    mentor = next(who.email for who in plan.whole.employees if who.id == one.mentor_id)
    principal = plan.principal_of(one.school).email
    mine = next(sent for sent in account.facts.sent.values() if sent.school_class == one)

    def wrong(recipient: str, path: str) -> int:
        return replace(account, mails=[letter(recipient, path)]).figures().bulletins_misdirected

    assert not wrong(mentor, f"/bulletins/classes/{plan.group(one)}")
    assert not wrong(principal, "/bulletins/plan")
    assert not wrong(principal, f"/bulletins/{mine.bulletin_id}/preview")
    assert wrong(mentor, f"/bulletins/classes/{plan.group(other)}")
    assert wrong(mentor, "/bulletins/plan")
    assert wrong(plan.principal_of(other.school).email, f"/bulletins/{mine.bulletin_id}/preview")


def test_a_conversation_is_told_to_its_parties_only(plan: Bulletins) -> None:
    account = whole_account(plan)
    _, _, adult = one_mail(account)
    mail = letter(adult.emails[0], f"/dialogue/{uuid4()}")
    assert replace(account, mails=[mail]).figures().bulletins_misdirected == 1
    account.facts.talkers.add(adult.id)
    assert replace(account, mails=[mail]).figures().bulletins_misdirected == 0


def test_what_people_could_not_do_is_no_success(plan: Bulletins) -> None:
    account = whole_account(plan)
    assert replace(account, failed=["writing"]).figures().undone == 1
    account.facts.over = False
    assert not account.figures().ok
