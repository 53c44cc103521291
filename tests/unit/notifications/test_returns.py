"""Return paths, what the mail that comes there is, and how long an address is left alone."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain import returns
from services.notifications.domain.models import Delivery
from services.notifications.domain.reports import addresses_in, kind_of, parsed
from services.notifications.domain.returns import (
    Return,
    Sent,
    Suppression,
    came_back,
    read_return,
    return_path,
    suppression,
)
from shared.events.notify import DeliveryStatus
from tests.unit.notifications.bounced_mails import (
    COMPLAINT,
    EXCHANGE,
    GMAIL,
    QMAIL,
    RECIPIENT,
    VACATION,
    filled,
    hard,
    postfix,
    soft,
)

KEY, DOMAIN = b"a key", "return.example"
PRINT = "00ff" * 8
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
DELIVERY = uuid4()


def path(delivery_id: UUID = DELIVERY, fingerprint: str = PRINT) -> str:
    made = return_path(KEY, delivery_id, DOMAIN, fingerprint)
    assert made
    return made


def kind(raw: bytes) -> Return | None:
    mail = parsed(raw)
    assert mail is not None
    return kind_of(mail)


@given(st.uuids(), st.binary(min_size=16, max_size=16))
def test_a_return_path_says_which_delivery_and_which_address_in_any_case_and_is_short_enough(
    delivery_id: UUID, digest: bytes
) -> None:
    made = path(delivery_id, digest.hex())
    local, _, domain = made.partition("@")
    assert domain == DOMAIN
    assert len(local) <= 64
    assert local.isascii()
    assert local.isalnum()
    for spelled in (made, made.upper(), f"<{made.title()}>"):
        assert read_return(KEY, spelled) == Sent(delivery_id, digest.hex()[:8])


def test_without_a_domain_there_is_no_return_path() -> None:
    assert return_path(KEY, DELIVERY, None, PRINT) is None


@pytest.mark.parametrize(
    "address",
    ["", "r@x", "postmaster@return.example", "r" * 49 + "@return.example", "rå@x", "r-1@x", "r" + "a" * 5000 + "@x"],
)
def test_what_we_did_not_make_is_no_return_path(address: str) -> None:
    assert read_return(KEY, address) is None


def test_a_return_path_with_any_character_changed_or_another_key_is_not_believed() -> None:
    local = path().partition("@")[0]
    assert read_return(b"another key", path()) is None
    for at in range(len(local)):
        other = "a" if local[at] != "a" else "b"
        assert read_return(KEY, f"{local[:at]}{other}{local[at + 1 :]}@{DOMAIN}") is None


def test_a_return_path_does_not_carry_the_key_of_a_longer_one() -> None:
    local = path().partition("@")[0]
    assert read_return(KEY, f"{local[:-8]}@{DOMAIN}") is None
    assert read_return(KEY, f"{local}aaaaaaaa@{DOMAIN}") is None


@pytest.mark.parametrize(
    ("action", "status", "diagnostic", "expected"),
    [
        ("failed", "5.1.1", "550 5.1.1 User unknown", Return.HARD),
        ("Failed", "5.1.10", "550 5.1.10 RESOLVER.ADR.RecipientNotFound", Return.HARD),
        ("failed (bad destination)", "5.1.2 (unknown domain)", "", Return.HARD),
        ("failed", "5.2.1", "550 5.2.1 The account is disabled", Return.HARD),
        ("failed", "5.4.1", "550 5.4.1 Recipient address rejected: Access denied", Return.HARD),
        ("failed", "5.4.310", "550 5.4.310 DNS domain does not exist", Return.HARD),
        ("failed", "5.0.0", "550 5.1.1 no such user", Return.HARD),
        ("failed", "5.0.0", "550 User unknown", Return.HARD),
        ("failed", "5.0.0", "x-unknown", Return.SOFT),
        ("failed", "", "550 No such user here", Return.HARD),
        ("failed", "", "551-not local", Return.HARD),
        ("failed", "", "552 too much mail", Return.SOFT),
        ("failed", "", "", Return.SOFT),
        ("failed", "5.2.2", "552 5.2.2 Mailbox full", Return.SOFT),
        ("failed", "5.7.26", "550-5.7.26 not authenticated", Return.SOFT),
        ("failed", "5.7.1", "554 5.7.1 blocked by policy", Return.SOFT),
        ("failed", "5.1.8", "553 5.1.8 sender's domain does not exist", Return.SOFT),
        ("failed", "5.3.4", "552 5.3.4 message too big", Return.SOFT),
        ("failed", "4.4.7", "expired", Return.SOFT),
        ("delayed", "4.4.1", "connection timed out", Return.DELAYED),
        ("delivered", "2.1.5", "250 2.1.5 OK", Return.DELIVERED),
        ("relayed", "2.0.0", "250 OK", None),
        ("expanded", "2.0.0", "250 OK", None),
        ("", "5.1.1", "550 5.1.1 User unknown", Return.HARD),
        ("", "4.2.2", "452 4.2.2 later", None),
        ("nonsense", "", "", None),
    ],
)
def test_a_delivery_report_says_whether_the_address_is_bad_or_only_the_day(
    action: str, status: str, diagnostic: str, expected: Return | None
) -> None:
    assert kind(postfix((action, status, diagnostic))) == expected


def test_no_version_number_or_ip_address_is_taken_for_a_status() -> None:
    assert kind(postfix(("failed", "", "host 5.1.1.9 said something"))) is Return.SOFT


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        (("failed", "failed"), Return.HARD),
        (("failed", "delivered"), Return.DELIVERED),
        (("failed", "delayed"), Return.SOFT),
        (("relayed", "failed"), Return.HARD),
    ],
)
def test_where_an_address_stands_for_several_it_is_bad_only_when_all_are(
    actions: tuple[str, ...], expected: Return
) -> None:
    assert kind(postfix(*[(action, "5.1.1", "550 5.1.1 unknown") for action in actions])) is expected


@pytest.mark.parametrize("shape", [EXCHANGE, GMAIL])
def test_exchange_and_gmail_are_understood(shape: str) -> None:
    gone = filled(shape, status="5.1.1", diagnostic="550-5.1.1 The account does not exist.")
    full = filled(shape, status="5.2.2", diagnostic="552-5.2.2 over quota.")
    assert (kind(gone), kind(full)) == (Return.HARD, Return.SOFT)


def test_lines_may_end_as_on_any_system_and_the_status_may_be_packed() -> None:
    assert kind(hard(path()).replace(b"\n", b"\r\n")) is Return.HARD
    block = RECIPIENT.format(address="a@b.se", action="failed", status="5.1.1", diagnostic="550 unknown")
    packed = base64.encodebytes(f"Reporting-MTA: dns; x\n\n{block}".encode()).decode()
    head = "Content-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
    mail = f'Content-Type: multipart/report; report-type=delivery-status; boundary="B"\n\n--B\n{head}{packed}\n--B--\n'
    assert kind(mail.encode()) is Return.HARD
    in_utf8 = mail.replace("message/delivery-status", "message/global-delivery-status")
    assert kind(in_utf8.encode()) is Return.HARD


@pytest.mark.parametrize(
    ("feedback", "expected"),
    [("abuse", Return.COMPLAINT), ("Fraud", Return.COMPLAINT), ("opt-out", Return.COMPLAINT), ("not-spam", None)],
)
def test_a_complaint_is_one_only_when_it_complains(feedback: str, expected: Return | None) -> None:
    assert kind(filled(COMPLAINT, kind=feedback)) == expected


def test_a_complaint_says_in_itself_what_it_is_about() -> None:
    mail = parsed(filled(COMPLAINT, to=path(), kind="abuse"))
    assert mail is not None
    assert Sent(DELIVERY, PRINT[:8]) in [read_return(KEY, address) for address in addresses_in(mail)]


def test_a_vacation_notice_and_a_person_who_writes_are_neither() -> None:
    assert kind(filled(VACATION)) is None
    assert kind(b"From: anna@home.example\nSubject: 550 5.1.1\n\n550 5.1.1 said the server, what is that?\n") is None


def test_a_report_that_somebody_passes_on_is_theirs_and_not_a_servers() -> None:
    inner = hard(path()).decode()
    passed_on = f'From: anna@home.example\nContent-Type: multipart/mixed; boundary="M"\n\n--M\nContent-Type: message/rfc822\n\n{inner}\n--M--\n'  # noqa: E501
    assert kind(passed_on.encode()) is None


def test_servers_that_only_use_words_are_understood_by_their_codes() -> None:
    assert kind(filled(QMAIL, diagnostic="550 5.1.1 no such user")) is Return.HARD
    assert kind(filled(QMAIL, diagnostic="550 sorry, no mailbox here by that name")) is Return.HARD
    assert kind(filled(QMAIL, diagnostic="554 5.7.1 not today")) is Return.SOFT
    assert kind(filled(QMAIL, diagnostic="I have no idea")) is None


@given(st.binary(max_size=400), st.integers(0, 2000), st.integers(0, 60))
def test_no_mail_can_break_the_reading(noise: bytes, at: int, cut: int) -> None:
    whole = hard(path())
    for raw in (noise, whole[:at] + noise + whole[at + cut :]):
        mail = parsed(raw)
        if mail is not None:
            assert kind_of(mail) in (*Return, None)
            assert all(isinstance(address, str) for address in addresses_in(mail))


IN_A_REPORT = b'Content-Type: multipart/report; boundary="B"\n\n--B\nContent-Type: message/delivery-status\n\n'


@pytest.mark.parametrize(
    "raw",
    [
        b"".join(b'Content-Type: multipart/mixed; boundary="%d"\n\n--%d\n' % (one, one) for one in range(3000)),
        b"From: " + b"(" * 190_000 + b"\n\nx",
        b"To: " + b"<" * 190_000 + b"\n\nx",
        IN_A_REPORT + b"a:b\n\n" * 39_000,
        IN_A_REPORT + b"\n" + b" " * 190_000,
        IN_A_REPORT + b"Final-Recipient: x\nAction: " + b"(" * 190_000,
    ],
    ids=["boxes", "comments", "angles", "groups", "blanks", "action"],
)
def test_mails_made_to_lead_a_reader_in_circles_are_left_alone(raw: bytes) -> None:
    mail = parsed(raw)
    assert mail is None or (kind_of(mail), [one for one in addresses_in(mail) if one]) == (None, [])


def known(days: float, reason: Return = Return.HARD, ago: float = 0) -> Suppression:
    since = NOW - ago * DAY
    return Suppression(reason, since, since + days * DAY)


def test_a_hard_bounce_ends_an_address_for_thirty_days() -> None:
    assert suppression(None, Return.HARD, NOW) == known(30)


def test_every_further_one_doubles_it_up_to_a_year() -> None:
    spans, now, one = [], NOW, suppression(None, Return.HARD, NOW)
    for _ in range(6):
        assert one is not None
        spans.append((one.until - one.since).days)
        now = one.until + DAY
        one = suppression(one, Return.HARD, now)
    assert spans == [30, 60, 120, 240, 365, 365]


def test_what_was_sent_before_the_address_was_ended_ends_it_no_longer() -> None:
    assert suppression(known(30, ago=1), Return.HARD, NOW) is None


def test_an_address_that_was_good_for_as_long_as_it_was_bad_begins_anew() -> None:
    assert suppression(known(60, ago=60 + 61), Return.HARD, NOW) == known(30)


def test_the_third_message_within_a_week_that_does_not_arrive_counts_as_a_bad_address() -> None:
    first = suppression(None, Return.SOFT, NOW)
    assert first == Suppression(Return.SOFT, NOW, NOW + 7 * DAY)
    second = suppression(first, Return.SOFT, NOW + 3 * DAY)
    assert second == Suppression(Return.SOFT_AGAIN, NOW, NOW + 7 * DAY)
    assert suppression(second, Return.SOFT, NOW + 6 * DAY) == Suppression(Return.HARD, NOW + 6 * DAY, NOW + 36 * DAY)
    assert suppression(second, Return.SOFT, NOW + 8 * DAY) == Suppression(Return.SOFT, NOW + 8 * DAY, NOW + 15 * DAY)


def test_a_complaint_holds_half_a_year_and_a_bad_address_is_worse() -> None:
    complaint = Suppression(Return.COMPLAINT, NOW, NOW + 180 * DAY)
    assert suppression(None, Return.COMPLAINT, NOW) == complaint
    assert suppression(complaint, Return.COMPLAINT, NOW + DAY) is None
    assert suppression(complaint, Return.SOFT, NOW) is None
    assert suppression(complaint, Return.HARD, NOW) == known(30)
    assert suppression(known(30), Return.COMPLAINT, NOW) is None


def test_reports_that_only_tell_change_nothing() -> None:
    for one in (None, known(30), known(7, Return.SOFT)):
        assert suppression(one, Return.DELAYED, NOW) is None
        assert suppression(one, Return.DELIVERED, NOW) is None


def delivery(status: DeliveryStatus, read_at: datetime | None = None) -> Delivery:
    return Delivery(DELIVERY, uuid4(), uuid4(), "why", status, read_at=read_at)


@pytest.mark.parametrize("status", returns.SENT)
def test_what_was_sent_and_came_back_is_tried_again_at_once(status: DeliveryStatus) -> None:
    after = came_back(delivery(status), under_way=False, elsewhere=False, now=NOW)
    assert (after.status, after.retry_at, after.is_settled) == (DeliveryStatus.BOUNCED, NOW, False)


def test_an_attempt_that_comes_back_before_its_answer_is_over_with_it() -> None:
    sending = delivery(DeliveryStatus.SENDING)
    assert came_back(sending, under_way=True, elsewhere=False, now=NOW).status is DeliveryStatus.BOUNCED
    assert came_back(sending, under_way=False, elsewhere=False, now=NOW) is sending


def test_what_was_read_arrived_elsewhere_or_is_over_stays_so() -> None:
    read, sent = delivery(DeliveryStatus.DELIVERED, NOW), delivery(DeliveryStatus.DELIVERED)
    assert came_back(read, under_way=False, elsewhere=False, now=NOW) is read
    assert came_back(sent, under_way=False, elsewhere=True, now=NOW) is sent
    for status in (DeliveryStatus.CANCELLED, DeliveryStatus.GIVEN_UP, DeliveryStatus.DIGESTED, DeliveryStatus.PENDING):
        over = delivery(status)
        assert came_back(over, under_way=False, elsewhere=False, now=NOW) is over


def test_soft_ones_are_given_up_by_somebody_elses_server() -> None:
    assert kind(soft(path())) is Return.SOFT
