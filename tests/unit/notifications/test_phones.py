"""Which numbers a text message can go to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.phones import mobile


@pytest.mark.parametrize(
    ("written", "region"),
    [
        ("070-174 06 05", "SE"),
        ("0701740605", "SE"),
        ("+46 (0)70 174 06 05", "NO"),
        ("0046701740605", "SE"),
        ("+46701740605", "SE"),
    ],
)
def test_a_number_is_one_however_it_is_written(written: str, region: str) -> None:
    assert mobile(written, region) == "+46701740605"


def test_a_number_without_a_country_belongs_where_the_service_is() -> None:
    assert mobile("412 34 567", "NO") == "+4741234567"
    assert mobile("412 34 567", "SE") is None


@pytest.mark.parametrize(
    "written",
    ["08-508 00 000", "112", "", "ring mig", "0", "+999123456789", "070-174 06 05 ext 12", "0900-123 45 67", "070"],
)
def test_what_cannot_take_a_text_is_no_number_for_one(written: str) -> None:
    assert mobile(written, "SE") is None


def test_a_rehearsal_is_a_number_only_where_rehearsing_is_on() -> None:
    assert mobile("simulate:bounce", "SE", simulate=True) == "simulate:bounce"
    assert mobile("simulate:bounce", "SE") is None
    assert mobile("simulate:unheard-of", "SE", simulate=True) is None


@given(st.text(max_size=40))
def test_whatever_is_typed_gives_a_number_in_e164_or_none(written: str) -> None:
    found = mobile(written, "SE")
    assert found is None or (found.startswith("+") and found[1:].isdigit() and len(found) <= 16)
    assert found is None or mobile(found, "NO") == found
