"""How long a text message is: GSM 7-bit where its alphabet has every character, else UCS-2 (3GPP TS 23.038, 23.040)."""

from __future__ import annotations

from collections.abc import Sequence

GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
ESCAPED = frozenset("^{}\\[~]|€\f")  # of the extension table: two septets each
ALONE, JOINED = 160, 153  # septets in a message of its own, and in one of several that belong together
ALONE_UCS2, JOINED_UCS2 = 70, 67  # the same in UTF-16 units
MOST_PARTS = 2


def parts(text: str) -> int:
    """How many messages the text takes, as networks count and charge them."""
    if all(character in GSM or character in ESCAPED for character in text):
        size, alone, joined = sum(1 + (character in ESCAPED) for character in text), ALONE, JOINED
    else:
        size, alone, joined = len(text.encode("utf-16-le")) // 2, ALONE_UCS2, JOINED_UCS2
    return 1 if size <= alone else -(-size // joined)


def shortest_of(texts: Sequence[str]) -> str:
    """The first of these, best first, that fits into one message; else into two; else the last, the barest of them."""
    for most in range(1, MOST_PARTS + 1):
        for text in texts:
            if parts(text) <= most:
                return text
    return texts[-1]
