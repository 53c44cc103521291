"""From a lesson result on its topic to the mail server's 250: the whole stack, real processes, real SMTP.

200 results a second for a minute; every tenth pupil is missing and has two guardians, so forty mails a second.
`p50_ms` and `p99_ms` are over all mails. The floor in the same run is the SMTP conversation alone.

    uv run python -m tests.bench.latency --json [--seconds 60]
"""

from __future__ import annotations

import asyncio
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import aiosmtplib
from aiokafka import AIOKafkaProducer
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.embedded.process import free_port
from deploy.embedded.stack import Stack, free_ports
from shared.clock import local_date
from shared.events.attendance import AttendanceRecorded
from shared.events.envelope import Event
from shared.events.roster import (
    ContactStated,
    Guardianship,
    GuardianshipsStated,
    PersonStated,
    Relation,
    SchoolStated,
)
from shared.ids import derived_id, new_id
from shared.messaging.codec import headers_for
from shared.settings import KitSettings
from tests.bench.common import produce, run

RATE, MISSING, ZONE = 200, 10, "Europe/Stockholm"
SECONDS = int(sys.argv[sys.argv.index("--seconds") + 1]) if "--seconds" in sys.argv else 60
LINK = re.compile(rb"/n/([0-9a-f-]{36})")


def as_bytes(content: bytes | str | None) -> bytes:
    """The mail as it came over the wire."""
    return content.encode() if isinstance(content, str) else content or b""


class Sink:
    """An SMTP server that notes when it took each mail."""

    def __init__(self) -> None:
        self.taken: list[tuple[UUID, float]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802, ARG002
        """Take the mail; the notification is the one its link names."""
        found = LINK.search(as_bytes(envelope.content).replace(b"=\r\n", b""))
        if found:
            self.taken.append((UUID(found[1].decode()), time.perf_counter()))
        return "250 taken"


async def main() -> dict[str, Any]:
    """Start everything, warm it up, send the minute, and compare."""
    sink, port = Sink(), free_port()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(sink), "127.0.0.1", port)
    env = {"ABSENCE_GRACE_MINUTES": "0", "NOTIFICATIONS_SMTP_PORT": str(port), "SKOLBRO_DEMO": "true"}
    with tempfile.TemporaryDirectory(prefix="skolbro-bench-") as folder:
        Path(folder).chmod(0o755)
        stack = Stack(Path(folder), free_ports())
        try:
            stack.start_servers()
            await stack.start_services(env)
            sent = await _minute(_settings(stack), sink)
        finally:
            stack.stop()
    floor = await _floor(port)
    server.close()
    return _figures(sent, sink, floor)


def _settings(stack: Stack) -> KitSettings:
    if stack.broker is None:
        raise RuntimeError("The broker was not started.")
    return stack.broker.settings()


async def _minute(settings: KitSettings, sink: Sink) -> dict[UUID, float]:
    """Send the results at their times; return when each missing pupil's result was handed to the producer."""
    school, pupils = uuid4(), [uuid4() for _ in range(RATE * SECONDS)]
    missing = pupils[::MISSING]
    await produce(
        settings, [SchoolStated(school_id=school, version=1, name="Björkskolan"), *_families(missing, school)]
    )
    await asyncio.sleep(5)  # the roster is in long before the day begins
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap)
    await producer.start()
    started, sent = time.perf_counter(), {}
    for number, pupil in enumerate(pupils):
        await asyncio.sleep(max(0.0, started + number / RATE - time.perf_counter()))
        event = _result(pupil, school, number % MISSING == 0)
        if event.invalid_minutes:
            sent[_notification(event)] = time.perf_counter()
        headers = headers_for(new_id(), event.event_type, "bench", datetime.now(UTC), event.key(), None)
        await producer.send(event.topic, event.to_json(), key=event.key().encode(), headers=headers)
    await producer.stop()
    async with asyncio.timeout(60):
        while len(sink.taken) < 2 * len(missing):
            await asyncio.sleep(0.1)
    return sent


def _families(pupils: Sequence[UUID], school: UUID) -> list[Event]:
    events: list[Event] = []
    for pupil in pupils:
        guardians = (uuid4(), uuid4())
        ties = tuple(Guardianship(guardian_id=one, relation=Relation.GUARDIAN) for one in guardians)
        events += [
            PersonStated(person_id=pupil, version=1, born=date(2014, 5, 5), school_ids=(school,)),
            GuardianshipsStated(pupil_id=pupil, version=1, ties=ties),
        ]
        for one in guardians:
            address = f"{one.hex[:12]}@home.example"
            events += [
                PersonStated(person_id=one, version=1),
                ContactStated(person_id=one, version=1, given_name="Åsa", family_name="Ek", emails=(address,)),
            ]
    return events


def _result(pupil: UUID, school: UUID, missing: bool) -> AttendanceRecorded:
    start = datetime.now(UTC) - timedelta(seconds=1)
    return AttendanceRecorded(
        pupil_id=pupil,
        lesson_id=uuid4(),
        version=1,
        school_id=school,
        starts_at=start,
        ends_at=start + timedelta(minutes=40),
        is_reported=True,
        invalid_minutes=40 if missing else 0,
    )


def _notification(event: AttendanceRecorded) -> UUID:
    day = local_date(event.starts_at, ZONE).isoformat()
    return derived_id("notice", derived_id("same_day_notice", event.pupil_id, day, 1))


async def _floor(port: int, mails: int = 200) -> list[float]:
    """Milliseconds of one SMTP conversation on a kept connection, with a mail of the same size."""
    body = b"Subject: floor\r\n\r\n" + (b"x" * 70 + b"\r\n") * 56
    taken = []
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False) as client:
        for _ in range(mails):
            began = time.perf_counter()
            await client.sendmail("a@b.example", ["c@d.example"], body)
            taken.append((time.perf_counter() - began) * 1000)
    return taken


def _figures(sent: dict[UUID, float], sink: Sink, floor: Sequence[float]) -> dict[str, Any]:
    waits = sorted((at - sent[notification]) * 1000 for notification, at in sink.taken)
    p50, p99 = statistics.median(waits), waits[int(len(waits) * 0.99) - 1]
    floor_ms = statistics.median(floor)
    return {
        "results_per_s": RATE,
        "mails": len(waits),
        "p50_ms": round(p50),
        "p99_ms": round(p99),
        "max_ms": round(waits[-1]),
        "floor_ms": round(floor_ms, 1),
        "ratio_floor": round(p50 / floor_ms, 1),
    }


if __name__ == "__main__":
    run(main)
