"""Which telephone numbers a text message can go to."""

from __future__ import annotations

from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat, PhoneNumberType

from services.notifications.domain.addresses import SIMULATED, rehearsal

# Where a country gives both the same ranges, a number cannot be told to be a mobile, nor not to be one.
TAKES_TEXTS = frozenset({PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE})


@lru_cache(maxsize=50_000)
def mobile(number: str, region: str, simulate: bool = False) -> str | None:
    """The number in E.164 (`+46701740605`), or None when it is no number that can take a text message.

    `region` (ISO 3166, `SE`) is where a number without a country code belongs. A `simulate:` address is usable only
    where rehearsing is switched on.
    """
    if number.lower().startswith(SIMULATED):
        return number if simulate and rehearsal(number) else None
    try:
        found = phonenumbers.parse(number, region)
    except NumberParseException:
        return None
    if found.extension or not phonenumbers.is_valid_number(found):
        return None
    if phonenumbers.number_type(found) not in TAKES_TEXTS:
        return None
    return phonenumbers.format_number(found, PhoneNumberFormat.E164)
