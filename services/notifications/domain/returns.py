"""Where bounces come back to, and what the mail that comes there says.

Each message leaves with a return path of its own (VERP): who it was to is read from the address, never from the mail,
which anybody can write. Nothing has to be kept for it: the address carries the ids and a MAC over them.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from services.notifications.domain.models import Delivery
from shared.events.notify import DeliveryStatus

MAC_BYTES = 10  # 80 bits: whoever guesses has to send us a mail for each guess
ID_BYTES, SEEN_BYTES = 16, 4
PREFIX = "r"
FIRST = timedelta(days=30)  # as Postal does (docs/sending.md)
LONGEST = timedelta(days=365)
COMPLAINED_FOR = timedelta(days=180)
WINDOW = timedelta(days=7)
SENT = (DeliveryStatus.DELIVERED, DeliveryStatus.UNCERTAIN)  # what can come back


class Return(StrEnum):
    """What came back. Of a suppression: why nothing is sent to an address, or how near it is to that."""

    HARD = "hard"  # the address is of no use
    SOFT = "soft"  # this message did not arrive; the next one may
    SOFT_AGAIN = "soft_again"  # the second such message within a week; only ever kept, never read from a mail
    DELAYED = "delayed"  # still being tried by somebody else's server
    DELIVERED = "delivered"  # another server says that it has it
    COMPLAINT = "complaint"  # whoever has the address called it unwanted


@dataclass(frozen=True, slots=True)
class Sent:
    """What a return path stands for: a delivery (of a notification or a mailing), and which address it went to.

    `seen` is the beginning of that address's digest, in hex: a person may have been tried at another one since.
    """

    delivery_id: UUID
    seen: str


def return_path(secret: bytes, delivery_id: UUID, domain: str | None, fingerprint: str) -> str | None:
    """Where bounces of this delivery to the address with this digest go; None without a domain for them.

    49 characters before the @, of which RFC 5321 4.5.3.1.1 allows 64; letters and digits only.
    """
    if not domain:
        return None
    said = delivery_id.bytes + bytes.fromhex(fingerprint)[:SEEN_BYTES]
    packed = base64.b32encode(said + _mac(secret, said)).decode()
    return f"{PREFIX}{packed.rstrip('=').lower()}@{domain}"


def read_return(secret: bytes, address: str) -> Sent | None:
    """What this address stands for; None when it is none of ours. Upper and lower case are the same."""
    local = address.strip("<>").partition("@")[0].lower()
    packed = _unpacked(local.removeprefix(PREFIX)) if local.startswith(PREFIX) else b""
    said, mac = packed[:-MAC_BYTES], packed[-MAC_BYTES:]
    if len(said) != ID_BYTES + SEEN_BYTES or not hmac.compare_digest(_mac(secret, said), mac):
        return None
    return Sent(UUID(bytes=said[:ID_BYTES]), said[ID_BYTES:].hex())


def came_back(delivery: Delivery, under_way: bool, elsewhere: bool, now: datetime) -> Delivery:
    """The delivery when what was sent has not arrived: to be tried again at once, by what way there still is.

    `under_way`: it is the open attempt that came back. Nothing changes for one that was read (a copy came back), that
    arrived another way since (`elsewhere`), that is under way to another address, or that is over.
    """
    sent = delivery.status in SENT or (under_way and delivery.status is DeliveryStatus.SENDING)
    if delivery.read_at is not None or elsewhere or not sent:
        return delivery
    return replace(delivery, status=DeliveryStatus.BOUNCED, retry_at=now)


@dataclass(frozen=True, slots=True)
class Suppression:
    """How an address stands: why, since and until when."""

    reason: Return
    since: datetime
    until: datetime


def suppression(before: Suppression | None, kind: Return, now: datetime) -> Suppression | None:
    """How an address stands after this; None leaves it as it is (which is with nothing known, when there was nothing).

    A hard bounce: nothing goes there for 30 days. One that comes after that, before as long again has passed, doubles
    it, up to a year. What did not arrive for another reason counts when it is the third within seven days: a mailbox
    that is full for a week is as good as none. A complaint holds for half a year, and only for what may be chosen.
    """
    kept = before if before and now < _forgotten(before) else None
    match kind:
        case Return.SOFT if kept is None or kept.reason is Return.COMPLAINT:
            return None if kept else Suppression(Return.SOFT, now, now + WINDOW)
        case Return.SOFT if kept and kept.reason is Return.SOFT:
            return Suppression(Return.SOFT_AGAIN, kept.since, kept.until)
        case Return.HARD | Return.SOFT:
            return _hard(kept, kind, now)
        case Return.COMPLAINT if kept is None or (kept.reason is not Return.COMPLAINT and not _holds(kept, now)):
            return Suppression(Return.COMPLAINT, now, now + COMPLAINED_FOR)
    return None


def _hard(kept: Suppression | None, kind: Return, now: datetime) -> Suppression | None:
    if kept is None or kept.reason is not Return.HARD:
        return Suppression(Return.HARD, now, now + FIRST)
    if now < kept.until or kind is Return.SOFT:  # of something sent before; or the address lives, and is only full
        return None
    return Suppression(Return.HARD, now, now + min(2 * (kept.until - kept.since), LONGEST))


def _holds(kept: Suppression, now: datetime) -> bool:
    """True while nothing at all is sent there."""
    return kept.reason is Return.HARD and now < kept.until


def _forgotten(one: Suppression) -> datetime:
    """When what was known of an address no longer counts: for a hard bounce, when it was good for as long as bad."""
    return one.until + (one.until - one.since) if one.reason is Return.HARD else one.until


def _mac(secret: bytes, said: bytes) -> bytes:
    return hmac.digest(secret, b"return\x1f" + said, "sha256")[:MAC_BYTES]


def _unpacked(local: str) -> bytes:
    """The bytes in it; none when it is no such text."""
    try:
        return base64.b32decode(local.upper() + "=" * (-len(local) % 8))
    except ValueError:
        return b""
