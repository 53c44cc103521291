"""What a mail server's answer (or silence) means: the classification of SMTP replies, RFC 5321 and RFC 1047."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """How far the conversation with the mail server had come when it ended."""

    CONNECT = "connect"  # connection, TLS, EHLO, login: nothing about this message yet
    SENDER = "sender"  # MAIL FROM
    RECIPIENT = "recipient"  # RCPT TO
    DATA = "data"  # the DATA command, before the message
    FINAL = "final"  # the message and its final dot are on their way


class Outcome(StrEnum):
    """What one attempt came to."""

    ACCEPTED = "accepted"  # 250 after the final dot
    LATER = "later"  # the server, or a connection lost before the message, asks for another try
    REFUSED = "refused"  # this recipient is refused for good
    UNSENT = "unsent"  # no mail server could be talked to; says nothing about the recipient
    UNCERTAIN = "uncertain"  # the connection broke after the final dot: it may have arrived
    ORPHANED = "orphaned"  # our own process ended before it knew the answer


POSSIBLY_ARRIVED = frozenset({Outcome.ACCEPTED, Outcome.UNCERTAIN, Outcome.ORPHANED})
ABOUT_THE_RECIPIENT = frozenset({Stage.RECIPIENT, Stage.DATA, Stage.FINAL})


@dataclass(frozen=True, slots=True)
class Reply:
    """Where a conversation ended, and the server's last code; None when it was cut off or timed out.

    Other channels are told in the same words: taken is FINAL with 250 and the provider's own id as `reference`; an
    address refused for good is RECIPIENT with 550; "later" is DATA with 451; no connection is CONNECT without a code;
    silence after the request was written is FINAL without a code.
    """

    stage: Stage
    code: int | None
    reference: str | None = None


def outcome_of(reply: Reply) -> Outcome:
    """Classify a reply.

    A refusal before RCPT (a wrong password, a sender that is not allowed) is about us and never about the
    recipient, so it bounces nobody. Silence after the final dot is the window of RFC 1047.
    """
    if reply.code is None:
        return _cut_off(reply.stage)
    if reply.stage is Stage.CONNECT:
        return Outcome.UNSENT
    if reply.stage is Stage.FINAL and 200 <= reply.code < 300:
        return Outcome.ACCEPTED
    if 500 <= reply.code < 600 and reply.stage in ABOUT_THE_RECIPIENT:
        return Outcome.REFUSED
    return Outcome.LATER


def _cut_off(stage: Stage) -> Outcome:
    if stage is Stage.FINAL:
        return Outcome.UNCERTAIN
    return Outcome.UNSENT if stage is Stage.CONNECT else Outcome.LATER
