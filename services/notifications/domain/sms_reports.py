"""What providers of text messages report about a message that they took, and how we know that it is they."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit, urlunsplit

from services.notifications.domain.returns import Return

Form = Sequence[tuple[str, str]]
PORTS = {"https": 443, "http": 80}
# Twilio's errors by which the number is of no use (twilio.com/docs/api/errors): 30004 blocked, 30005 unknown handset,
# 30006 fixed line, and those of the API. 30003 (unreachable) and all others may be about the moment.
TWILIO_HARD = frozenset({"30004", "30005", "30006", "21211", "21217", "21610", "21614", "21635"})
ELKS_WORDS = {"delivered": Return.DELIVERED, "failed": Return.SOFT}  # it does not say why
LONGEST = 64


def elks_report(form: Mapping[str, str]) -> tuple[str, Return | None]:
    """46elks' own id of the message, and what became of it (46elks.com/docs/sms-delivery-reports)."""
    return form.get("id", "")[:LONGEST], ELKS_WORDS.get(form.get("status", ""))


def twilio_report(form: Mapping[str, str]) -> tuple[str, Return | None]:
    """Twilio's own id of the message, and what became of it; None while it is still on its way."""
    status = form.get("MessageStatus", "")
    if status == "delivered":
        kind: Return | None = Return.DELIVERED
    elif status in ("undelivered", "failed"):
        kind = Return.HARD if form.get("ErrorCode") in TWILIO_HARD else Return.SOFT
    else:
        kind = None
    return form.get("MessageSid", "")[:LONGEST], kind


def twilio_signature(token: str, url: str, form: Form) -> str:
    """What Twilio puts into X-Twilio-Signature: HMAC-SHA1 over the address and the form in order of its names."""
    said = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(hmac.digest(token.encode(), said.encode(), "sha1")).decode()


def is_twilio(token: str, url: str, form: Form, signature: str) -> bool:
    """True when Twilio (who else has the token) has signed this. It signs with and without the port, now and then."""
    if not token:
        return False
    wanted = [twilio_signature(token, one, form) for one in (url, _other_port(url))]
    return any(hmac.compare_digest(one.encode(), signature.encode()) for one in wanted)


def is_login(name: str, secret: str, header: str) -> bool:
    """True for an `Authorization: Basic` with this name and secret. Without a secret nobody is let in."""
    scheme, _, packed = header.partition(" ")
    try:
        given = base64.b64decode(packed, validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    return hmac.compare_digest(given, f"{name}:{secret}".encode()) and bool(secret)


def _other_port(url: str) -> str:
    """The address with its usual port written out, or without it when it is."""
    parts = urlsplit(url)
    usual, host = PORTS.get(parts.scheme, 443), parts.hostname or ""
    if parts.port is None:
        return urlunsplit(parts._replace(netloc=f"{host}:{usual}"))
    return urlunsplit(parts._replace(netloc=host))
