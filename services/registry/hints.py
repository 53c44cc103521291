"""Hints that a source has news: a webhook sets one, the source's loop waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable


class Hints:
    """One bell per source."""

    def __init__(self, names: Iterable[str]) -> None:
        self._bells = {name: asyncio.Event() for name in names}

    def ring(self, name: str) -> bool:
        """Wake the source's loop; False when there is no such source."""
        bell = self._bells.get(name)
        if bell is None:
            return False
        bell.set()
        return True

    def still(self, name: str) -> None:
        """What was rung for so far is about to be looked at."""
        self._bells[name].clear()

    async def rung(self, name: str) -> None:
        """Wait until somebody rings."""
        await self._bells[name].wait()
