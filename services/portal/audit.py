"""The audit trail's chain: a task that seals what was added, and the check that nothing was changed since."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from services.portal.store import audit
from shared.db.engine import is_passing
from shared.kit import Kit
from shared.observe.logging import get_logger

LOOK_SECONDS = 1.0  # real seconds between rounds
SLOWEST = timedelta(hours=1)  # no page's transaction takes longer
WHOLE_EVERY = 3600  # rounds; what another service says days late is found then
log = get_logger()


@dataclass
class Sealer:
    """Seals what was added to the audit trail. Several may run: one at a time does it."""

    kit: Kit
    rounds: int = field(default=0, init=False)

    async def run(self) -> None:
        """Seal about once a second, until cancelled."""
        while True:
            try:
                while await self.round() == audit.BATCH:
                    pass
            except Exception as fault:
                if not is_passing(fault):
                    raise
                log.warning("sealing waits", fault=type(fault).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    async def round(self) -> int:
        """Seal up to a batch; how many entries that was. The first round and one an hour look at everything."""
        since = self.kit.clock.now() - SLOWEST if self.rounds % WHOLE_EVERY else None
        async with self.kit.sessions.begin() as session:
            done = await audit.seal(session, since)
        self.rounds += 0 if done == audit.BATCH else 1
        return done


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was sealed. `late` alone is no proof: another service may have said it late."""

    number: int
    kind: str  # changed, removed, missing, cut off, rewritten, late
    sentence: str


@dataclass
class Chain:
    """What the check of one municipality's chain found. `number` and `digest` are its end, to be kept elsewhere."""

    tenant_id: UUID
    number: int = 0
    digest: bytes = audit.START
    findings: list[Finding] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """True when nothing was changed, removed or left out."""
        return all(finding.kind == "late" for finding in self.findings)


@dataclass(frozen=True)
class Expected:
    """How a chain stood at an earlier check."""

    tenant_id: UUID
    number: int
    digest: bytes


async def verify(session: AsyncSession, expected: Sequence[Expected] = ()) -> list[Chain]:
    """Work out every municipality's chain again from its first entry, and compare with earlier statements."""
    chains: dict[UUID, Chain] = {}
    marks = {(one.tenant_id, one.number): one for one in expected}
    latest: dict[UUID, datetime] = {}
    async for row in audit.links(session):
        chain = chains.setdefault(row.chain, Chain(row.chain))
        chain.findings += _numbering(chain.number, row.number)
        chain.findings += _content(chain, row, latest)
        chain.number, chain.digest = row.number, bytes(row.digest)
        mark = marks.get((chain.tenant_id, chain.number))
        if mark and mark.digest != chain.digest:
            text = f"Up to number {mark.number} the chain is another than the one that was written down."
            chain.findings.append(Finding(mark.number, "rewritten", text))
    return [*chains.values(), *_cut_off(chains, expected)]


def _numbering(before: int, number: int) -> list[Finding]:
    """Numbers that are not there any more."""
    if number == before + 1:
        return []
    gone = f"The numbers {before + 1} to {number - 1} are" if number > before + 2 else f"The number {before + 1} is"
    return [Finding(before + 1, "missing", f"{gone} missing from the chain: seals were removed.")]


def _content(chain: Chain, row: Row[Any], latest: dict[UUID, datetime]) -> list[Finding]:
    number: int = row.number
    at: datetime | None = row.at
    if at is None:
        return [Finding(number, "removed", f"The entry behind number {number} was removed.")]
    found = []
    if number == chain.number + 1 and audit.chained(chain.digest, row) != bytes(row.digest):
        text = (
            f"Number {number} does not fit what is there: its entry or its seal was changed, or others put before it."
        )
        found.append(Finding(number, "changed", text))
    newest = latest.get(chain.tenant_id)
    if newest and at < newest - SLOWEST:
        text = (
            f"Number {number} says it was made at {at:%Y-%m-%d %H:%M} UTC but was sealed after one of "
            f"{newest:%Y-%m-%d %H:%M}: it was added afterwards, or another service said it late."
        )
        found.append(Finding(number, "late", text))
    latest[chain.tenant_id] = max(newest or at, at)
    return found


def _cut_off(chains: Mapping[UUID, Chain], expected: Sequence[Expected]) -> list[Chain]:
    """Where a chain is shorter than it was; those chains that are gone altogether."""
    gone = []
    for one in expected:
        chain = chains.get(one.tenant_id)
        if chain is None:
            gone.append(chain := Chain(one.tenant_id))
        if chain.number < one.number:
            text = f"The chain ends at {chain.number} and once reached {one.number}: its end was cut off."
            chain.findings.append(Finding(chain.number + 1, "cut off", text))
    return gone
