"""The leak check of a bulletin as it stands: its words, what its pictures are said to show, its files' names."""

from __future__ import annotations

from collections.abc import Iterator

from services.bulletins.domain.leaks import Finding, Known, Passage, find
from services.bulletins.store.bulletins import Full


def findings(full: Full, known: Known) -> list[Finding]:
    """Everything in it that points at somebody, in the order of the page. What is inside of a PDF is not read."""
    return find(full.bulletin.bulletin_id, passages(full), known)


def passages(full: Full) -> Iterator[Passage]:
    """All words of a bulletin that a home gets to read."""
    for one in full.texts:
        yield Passage(one.language, "subject", one.subject)
        for part, words in one.parts.items():
            yield Passage(one.language, part, words)
    language = full.texts[0].language if full.texts else "sv"
    for file in full.attachments:
        yield Passage(language, "alt", file.alt)
        yield Passage(language, "file", file.name.rpartition(".")[0].replace("_", " ").replace("-", " "))
