"""What a lost broker took along is said again, and what nobody needs any more is put away.

Every row of an outbox knows where it was published: life of the broker, partition, offset. Every reader knows how
far it has read in each life. A row of an earlier life that lies beyond one of its readers' positions never
arrived there, so it is marked as unsent and the relay publishes it again; who had it already recognises it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, exists, or_, text, update
from sqlalchemy.exc import OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, AsyncSession

from shared.db.engine import connect, reaching
from shared.db.reach import MACHINE
from shared.kit import Kit
from shared.messaging.broker import cluster_id
from shared.messaging.tables import KitTables
from shared.observe.logging import get_logger
from shared.rights import retention
from shared.settings import KitSettings
from shared.topics import BY_NAME, SEGMENT_MS, TOPICS

KEEP_DAYS = 45  # longer than any topic is kept, so that whatever can still come twice is still recognised
TIDY_EVERY = timedelta(days=1)
REPEAT_EVERY = timedelta(hours=1)
REPEAT_AFTER = timedelta(milliseconds=SEGMENT_MS)
LOOK_SECONDS = 60.0
COMPACTED = [topic.name for topic in TOPICS if topic.compacted]

Place = tuple[str, str, int]  # life of the broker, topic, partition
log = get_logger()

POSITIONS = text("select cluster, topic, partition, next_offset from read_position where cluster <> :present")
PLACES = text("select distinct cluster, topic, partition from outbox where sent_at is not null and cluster <> :present")
# A state that a later one of the same key has replaced is not said again: after a tombstone it would undo it.
SAY_AGAIN = text(
    'update outbox set sent_at = null, cluster = null, partition = null, "offset" = null '
    'where topic = :topic and cluster = :cluster and partition = :partition and "offset" >= :first '
    "and not (:compacted and exists (select 1 from outbox later "
    "where later.topic = outbox.topic and later.key = outbox.key and later.id > outbox.id))"
)


@dataclass
class Findings:
    """What a comparison found: rows to be said again per service, and who could not be asked, in sentences."""

    said_again: dict[str, int] = field(default_factory=dict)
    absent: list[str] = field(default_factory=list)

    def total(self) -> int:
        """Rows that will be published again."""
        return sum(self.said_again.values())


async def reconcile(databases: Mapping[str, str], settings: KitSettings) -> int:
    """Let every service's outbox say again what its readers missed in earlier lives of the broker.

    `databases` maps a service's name to its URL. Returns how many rows will be published again. A database that
    is not there is logged and left out. Raises a KafkaError when no broker answers.
    """
    findings = await compare(databases, settings)
    for sentence in findings.absent:
        log.warning("reconcile", left_out=sentence)
    return findings.total()


async def compare(databases: Mapping[str, str], settings: KitSettings) -> Findings:
    """As `reconcile`, telling what was found where."""
    present = await cluster_id(settings)
    engines = {name: reaching(connect(url, 0), MACHINE) for name, url in databases.items()}
    findings = Findings()
    read: dict[str, dict[Place, int]] = {}
    for name, engine in engines.items():
        positions = await _positions(name, engine, present, findings)
        if positions is not None:
            read[name] = positions
    for name in read:
        async with engines[name].begin() as connection:
            findings.said_again[name] = await _say_again(connection, present, read)
    return findings


async def _positions(name: str, engine: AsyncEngine, present: str, findings: Findings) -> dict[Place, int] | None:
    """How far a service has read in earlier lives; None, with a sentence, when it cannot be asked."""
    try:
        async with engine.connect() as connection:
            rows = await connection.execute(POSITIONS, {"present": present})
            return {(row.cluster, row.topic, row.partition): row.next_offset for row in rows}
    except (OperationalError, ProgrammingError) as fault:
        findings.absent.append(_why_absent(name, fault))
        return None


def _why_absent(name: str, fault: OperationalError | ProgrammingError) -> str:
    if isinstance(fault, ProgrammingError) or "does not exist" in str(fault.orig):
        return f"The service {name} has no database or no tables yet (`skolbro migrate {name}` makes them)."
    return f"The database of the service {name} does not answer, so it was left out; run `skolbro reconcile` again."


async def _say_again(connection: AsyncConnection, present: str, read: Mapping[str, Mapping[Place, int]]) -> int:
    places = (await connection.execute(PLACES, {"present": present})).all()
    rows = 0
    for cluster, topic, partition in places:
        first = first_missing((cluster, topic, partition), read)
        if first is None:
            continue
        where = {"cluster": cluster, "topic": topic, "partition": partition, "first": first}
        done = await connection.execute(SAY_AGAIN, {**where, "compacted": BY_NAME[topic].compacted})
        rows += done.rowcount
    return rows


def first_missing(place: Place, read: Mapping[str, Mapping[Place, int]]) -> int | None:
    """The first offset in a place that one of the topic's readers has not read; None when it has no readers here."""
    topic = BY_NAME.get(place[1])
    readers = [name for name in topic.readers if name in read] if topic else []
    return min((read[name].get(place, 0) for name in readers), default=None)


async def prune(session: AsyncSession, tables: KitTables, older_than: datetime) -> None:
    """Delete what was published, seen or replayed before that instant.

    The newest state of each key of a compacted topic stays: it is what a reader who lost everything is told. A
    tombstone does not: by then every reader has it, and one who lost everything has nothing to erase.
    """
    outbox, inbox, letter = tables.outbox, tables.inbox, tables.dead_letter
    later = outbox.alias("later")
    replaced = exists().where(later.c.topic == outbox.c.topic, later.c.key == outbox.c.key, later.c.id > outbox.c.id)
    not_needed = or_(outbox.c.topic.not_in(COMPACTED), outbox.c.value.is_(None), replaced)
    await session.execute(delete(outbox).where(outbox.c.sent_at < older_than, not_needed))
    await session.execute(delete(inbox).where(inbox.c.seen_at < older_than))
    await session.execute(delete(letter).where(letter.c.replayed_at < older_than))


async def repeat_tombstones(session: AsyncSession, tables: KitTables, now: datetime) -> int:
    """Say each tombstone once more some hours later; how many that were.

    Kafka never compacts the segment it writes to, and begins a new one only when something is written. On a quiet
    topic an erased person would stay readable beside their tombstone; the repetition turns the page.
    """
    outbox = tables.outbox
    later = outbox.alias("later")
    replaced = exists().where(later.c.topic == outbox.c.topic, later.c.key == outbox.c.key, later.c.id > outbox.c.id)
    once = (outbox.c.sent_at < now - REPEAT_AFTER) & (outbox.c.sent_at < outbox.c.created_at + REPEAT_AFTER)
    tombstones = outbox.c.value.is_(None) & outbox.c.topic.in_(COMPACTED) & ~replaced
    again = update(outbox).where(tombstones, once).values(sent_at=None, cluster=None, partition=None, offset=None)
    return len((await session.execute(again.returning(outbox.c.id))).all())


async def keep_tidy(kit: Kit) -> None:
    """Prune and let retention work once a day, repeat tombstones once an hour, on the kit's clock, until cancelled."""
    done: datetime | None = None
    turned: datetime | None = None
    while True:
        now = kit.clock.now()
        if turned is None or now - turned >= REPEAT_EVERY:
            async with kit.sessions.begin() as session:
                await repeat_tombstones(session, kit.tables, now)
            turned = now
        if done is None or now - done >= TIDY_EVERY:
            async with kit.sessions.begin() as session:
                await prune(session, kit.tables, now - timedelta(days=KEEP_DAYS))
            if kit.settings.retention_nightly:
                gone = await retention.apply(kit.sessions, kit.service, kit.tables.outbox.metadata, now)
                log.info("retention", deleted=gone)
            done = now
        await asyncio.sleep(LOOK_SECONDS)  # real seconds: a test's clock must not be moved by this
