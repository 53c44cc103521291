"""Which addresses can be written to."""

from __future__ import annotations

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.notifications.domain.addresses import fingerprint, usable
from services.notifications.settings import NotificationsSettings


@pytest.mark.parametrize(
    ("address", "ready"),
    [
        ("anna@home.example", "anna@home.example"),
        ("Anna.B+skola@Home.Example", "Anna.B+skola@home.example"),
        ("a@räksmörgås.se", "a@xn--rksmrgs-5wao1o.se"),
        ("åsa@home.example", None),
        ("anna@home.example\r\nRCPT TO:<b@c.se>", None),
        ("anna", None),
        ("", None),
        ("a b@c.se", None),
        ("anna@mail.invalid", None),
        ("simulate:bounce", None),
    ],
)
def test_an_address_is_made_ready_for_smtp_or_counts_as_none(address: str, ready: str | None) -> None:
    assert usable(address, simulate=False) == ready


HOSTS = [
    "home.example",
    "Home.Example",
    "räksmörgås.se",
    "mail.invalid",
    "x",
    "",
    "[127.0.0.1]",
    "a" * 60 + ".se",
    "a..b",
]


@given(
    st.text("aB9_+-.@ ö\r", max_size=6) | st.integers(60, 66).map(lambda length: "a" * length),
    st.sampled_from(HOSTS) | st.integers(180, 200).map(lambda length: ".".join(["a" * 9] * (length // 10)) + ".se"),
)
def test_what_is_looked_at_quickly_is_judged_as_what_is_looked_at_closely(local: str, host: str) -> None:
    try:
        closely = validate_email(f"{local}@{host}", check_deliverability=False).ascii_email
    except EmailNotValidError:
        closely = None
    assert usable(f"{local}@{host}", simulate=False) == closely


def test_a_rehearsal_address_works_only_where_rehearsing_is_on_and_is_never_taken_for_a_real_one() -> None:
    assert usable("simulate:bounce", simulate=True) == "simulate:bounce"
    assert usable("simulate:slow@x", simulate=True) == "simulate:slow@x"
    assert usable("simulate:explode", simulate=True) is None


def test_what_is_kept_of_an_address_does_not_show_it() -> None:
    assert fingerprint(b"k", "Anna@home.example") == fingerprint(b"k", "anna@home.example")
    assert fingerprint(b"k", "anna@home.example") != fingerprint(b"other", "anna@home.example")
    assert "anna" not in fingerprint(b"k", "anna@home.example")


def test_outside_a_demo_the_service_refuses_to_run_without_its_secret() -> None:
    with pytest.raises(ValueError, match="NOTIFICATIONS_MESSAGE_ID_SECRET is not set"):
        NotificationsSettings().secret(demo=False)
    assert NotificationsSettings().secret(demo=True)
    assert NotificationsSettings(message_id_secret=SecretStr("s")).secret(demo=False) == b"s"
