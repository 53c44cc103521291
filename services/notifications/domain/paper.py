"""Letters on paper: where the window of an envelope is, what stands in it, and what becomes of a letter that waits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from shared.events.roster import PostalAddress
from shared.roster.standing import NORWEGIAN_ZONES

SPACES = re.compile(r"\s+")
SWEDISH_CODE = re.compile(r"(?:SE-?)?(\d{3})\s?(\d{2})", re.IGNORECASE)


class Fate(StrEnum):
    """What can be done with a letter that waits, at the moment when somebody wants to print it."""

    READY = "ready"
    NO_ADDRESS = "no_address"  # the registry gives no postal address
    PROTECTED = "protected"  # goes by the municipality's own way, never through the school's printer
    NOT_ENTITLED = "not_entitled"  # the right was lost, or it was taken back, since it was asked for
    LATER = "later"  # a part of what must be known may still be on its way to us


@dataclass(frozen=True, slots=True)
class Window:
    """Where the address may stand on an A4 sheet, in mm from its upper left corner."""

    left: float
    top: float
    width: float
    height: float


# What the windows of C5, C6/5 (DL's width), E6/5 and EC4 envelopes have in common, with room for the sheet to slide.
# Norwegian ones lie to the left (officeconsult.no, “plassering av mottakerfelt i vinduskonvolutter”: all begin 15 mm
# from the left; C5 44 mm from the top and 35 high, C6/5 39 and 35, E6/5 40 and 30, EC4 42 and 40). Swedish ones are
# taken to lie to the right at the same height (“H2”): UNVERIFIED against the standard, so try one envelope first.
LEFT = Window(22, 47, 80, 22)
RIGHT = Window(112, 47, 80, 22)


def window_for(zone: str) -> Window:
    """The window of the envelopes that schools in this time zone have: Norway's to the left, others' to the right."""
    return LEFT if zone in NORWEGIAN_ZONES else RIGHT


def address_lines(name: str, address: PostalAddress) -> tuple[str, ...]:
    """What stands in the window: name, c/o, street, postal code and town, and a country that is not the school's own.

    At most five lines, none of them empty: sorting machines stop at an empty one.
    """
    care_of = _plain(address.care_of)
    if care_of and not care_of.casefold().startswith("c/o"):
        care_of = f"c/o {care_of}"
    town = f"{_code(address.postal_code)} {_plain(address.locality)}"
    lines = (_plain(name), care_of, _plain(address.street), town.strip(), _plain(address.country).upper())
    return tuple(line for line in lines if line)


def is_usable(address: PostalAddress | None) -> bool:
    """True for an address that a letter can be posted to."""
    if address is None:
        return False
    return all(_plain(part) for part in (address.street, address.postal_code, address.locality))


def _code(code: str) -> str:
    """A Swedish code as it is written there, `123 45`; others as the registry has them."""
    found = SWEDISH_CODE.fullmatch(_plain(code))
    return f"{found[1]} {found[2]}" if found else _plain(code)


def _plain(text: str) -> str:
    return SPACES.sub(" ", text).strip()
