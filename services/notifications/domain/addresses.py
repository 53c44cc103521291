"""Which addresses can be written to, and how a person, a message and an address are recognised again."""

from __future__ import annotations

import hmac
import re
from functools import lru_cache
from uuid import UUID

from email_validator import EmailNotValidError, validate_email

SIMULATED = "simulate:"
REHEARSALS = ("bounce", "defer", "slow")
PLAIN = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")  # what nobody has to look at twice before the @
LOCAL, WHOLE = 64, 254  # characters (RFC 5321 4.5.3.1, RFC 3696 erratum 1690)


def rehearsal(address: str) -> str | None:
    """What a `simulate:` address rehearses (`simulate:bounce`, also `simulate:bounce@x`); None for a real one."""
    if not address.lower().startswith(SIMULATED):
        return None
    name = address[len(SIMULATED) :].split("@", 1)[0].lower()
    return name if name in REHEARSALS else None


@lru_cache(maxsize=50_000)
def usable(address: str, simulate: bool) -> str | None:
    """The address as SMTP takes it (the domain in ASCII), or None when it cannot be written to.

    A `simulate:` address is usable only where rehearsing is switched on.
    """
    if address.lower().startswith(SIMULATED):
        return address if simulate and rehearsal(address) else None
    local, at, domain = address.rpartition("@")
    if at and len(local) <= LOCAL and PLAIN.fullmatch(local):
        host = _host(domain)
        return f"{local}@{host}" if host and len(local) + len(at) + len(host) <= WHOLE else None
    try:
        found = validate_email(address, check_deliverability=False)
    except EmailNotValidError:
        return None
    return found.ascii_email


@lru_cache(maxsize=10_000)
def _host(domain: str) -> str | None:
    """The domain in ASCII, when mail can be sent there. Asked once for each: most people share a few."""
    try:
        return validate_email(f"x@{domain}", check_deliverability=False).ascii_domain
    except EmailNotValidError:
        return None


def fingerprint(secret: bytes, address: str) -> str:
    """What is kept of an address that was tried: enough to know it again, not enough to write to it."""
    return hmac.digest(secret, f"address\x1f{address.lower()}".encode(), "sha256").hex()[:32]


def message_id(secret: bytes, delivery: UUID, domain: str) -> str:
    """The Message-ID of a delivery, the same at every attempt, so that a repeat is recognised (RFC 1047)."""
    return f"<{hmac.digest(secret, delivery.bytes, 'sha256').hex()[:40]}@{domain}>"
