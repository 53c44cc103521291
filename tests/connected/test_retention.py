"""What is older than its rule goes, with what hangs on it, and nothing else does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from datetime import datetime, timedelta
from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Table, func, insert, select
from typer.testing import CliRunner

from deploy.embedded.postgres import Postgres
from services.cli import app
from services.operations import SERVICES
from services.portal.store.audit import Look, note
from shared.clock import ManualClock
from shared.kit import Kit
from shared.messaging.reconcile import keep_tidy, prune, repeat_tombstones
from shared.rights import retention
from shared.topics import LESSONS, PERSONS, SEGMENT_MS
from tests.on_servers import until
from tests.stack import NO_BROKER, Stack, kit_off_kafka

pytestmark = pytest.mark.connected
Open = Callable[[str], Kit]


@pytest.fixture
async def kits(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Open]:
    """A service's engine room on a database of its own."""
    async with AsyncExitStack() as opened:

        def a_kit(service: str) -> Kit:
            tables = import_module(f"services.{service}.tables")
            kit = kit_off_kafka(postgres, service, tables.metadata, tables.kit, clock)
            opened.push_async_callback(kit.close)
            return kit

        yield a_kit


def table(kit: Kit, name: str) -> Table:
    return kit.tables.outbox.metadata.tables[name]


async def put(kit: Kit, where: str, /, **values: object) -> None:
    async with kit.sessions.begin() as session:
        await session.execute(insert(table(kit, where)).values(**values))


async def left(kit: Kit, name: str) -> int:
    async with kit.sessions() as session:
        return await session.scalar(select(func.count()).select_from(table(kit, name))) or 0


async def apply(kit: Kit) -> dict[str, int]:
    return await retention.apply(kit.sessions, kit.service, kit.tables.outbox.metadata, kit.clock.now())


@pytest.mark.parametrize("service", SERVICES)
async def test_every_rule_can_be_asked_and_applied(kits: Open, service: str) -> None:
    kit = kits(service)
    async with kit.sessions() as session:
        found = await retention.look(session, service, kit.tables.outbox.metadata, kit.clock.now())
    assert {due.rows for due in found} == {0}
    assert await apply(kit) == {}


async def test_a_notification_goes_with_its_deliveries_attempts_and_call(kits: Open, clock: ManualClock) -> None:
    kit, now = kits("notifications"), clock.now()
    old, young = now - timedelta(days=401), now - timedelta(days=399)
    for at in (old, young):
        notification_id, delivery_id, pupil_id, school_id = (uuid4() for _ in range(4))
        about = {"notification_id": notification_id, "school_id": school_id, "pupil_id": pupil_id, "day": at.date()}
        times = {"requested_at": at, "received_at": at}
        await put(kit, "notification", **about, **times, kind="absence_notice", lesson_count=1, status="delivered")
        sent = {"status": "delivered", "tries": 1, "may_have_arrived": False, "moved_at": at, "why": "guardian"}
        await put(kit, "delivery", delivery_id=delivery_id, notification_id=notification_id, **sent)
        tried = {"owner": 1, "channel": "email", "fingerprint": "", "possible_duplicate": False, "why": "guardian"}
        await put(kit, "attempt", attempt_id=uuid4(), delivery_id=delivery_id, started_at=at, **tried)
        await put(kit, "call_list", **about, reason="unreachable", added_at=at)
    async with kit.sessions() as session:
        found = await retention.look(session, "notifications", kit.tables.outbox.metadata, now)
    assert {(due.rule.kind, due.rows) for due in found if due.rows} == {("notifications", 1)}
    assert [await left(kit, name) for name in ("notification", "delivery", "attempt", "call_list")] == [2, 2, 2, 2]
    assert await apply(kit) == {"notifications": 1}
    assert [await left(kit, name) for name in ("notification", "delivery", "attempt", "call_list")] == [1, 1, 1, 1]


async def test_a_duty_goes_with_its_evidence_and_the_audit_trail_never_does(kits: Open, clock: ManualClock) -> None:
    kit, now = kits("portal"), clock.now()
    long_ago = now - timedelta(days=9 * 365)
    duty_id = uuid4()
    ids = {"duty_id": duty_id, "pupil_id": uuid4(), "school_id": uuid4()}
    await put(kit, "duty", **ids, version=1, kind="notice", status="sent", day=long_ago.date(), moved_at=long_ago)
    await put(kit, "duty_moment", duty_id=duty_id, status="sent", at=long_ago)
    await put(kit, "acknowledgement", duty_id=duty_id, person_id=uuid4(), at=long_ago)
    async with kit.sessions.begin() as session:
        await note(session, [Look(uuid4(), uuid4(), None, "home")], long_ago)
    assert await apply(kit) == {"duties": 1}
    assert [await left(kit, name) for name in ("duty", "duty_moment", "acknowledgement")] == [0, 0, 0]
    assert await left(kit, "audit_entry") == 1


async def test_a_question_that_waits_for_an_answer_stays_however_old(kits: Open, clock: ManualClock) -> None:
    kit, long_ago = kits("portal"), clock.now() - timedelta(days=2000)
    for answered_at in (None, long_ago):
        who = {"person_id": uuid4(), "tenant_id": uuid4()}
        await put(kit, "question", **who, kind="rights", asked_at=long_ago, answered_at=answered_at)
    assert await apply(kit) == {"answered questions": 1}
    assert await left(kit, "question") == 1


async def test_a_talk_goes_after_five_years_with_all_that_was_said_in_it(kits: Open, clock: ManualClock) -> None:
    kit, now = kits("scheduling"), clock.now()
    ids = {"tenant_id": uuid4(), "school_id": uuid4()}
    round_id = await a_round(kit, ids)
    for days in (5 * 365 + 1, 5 * 365 - 1):
        await a_talk(kit, round_id, ids, now - timedelta(days=days))
    async with kit.sessions() as session:
        found = await retention.look(session, "scheduling", kit.tables.outbox.metadata, now)
    said = "talks and what was agreed"
    assert {(due.rule.kind, due.rows) for due in found if due.rows} == {(said, 1)}
    tables = ("talk", "preparation", "record", "signature", "commitment", "check_in")
    assert [await left(kit, name) for name in tables] == [2] * 6, "looking deletes nothing"
    assert await apply(kit) == {said: 1}
    assert [await left(kit, name) for name in tables] == [1] * 6
    assert await left(kit, "round") == 1, "others' talks hang on it"


async def test_what_homes_said_of_their_time_goes_a_month_later_and_a_measure_only_once_it_ended(
    kits: Open, clock: ManualClock
) -> None:
    kit, now = kits("scheduling"), clock.now()
    who, month = {"tenant_id": uuid4(), "person_id": uuid4()}, timedelta(days=31)
    for at in (now - month, now):
        await put(kit, "wish", wish_id=uuid4(), **who, starts_at=at, ends_at=at, gladly=True)
        await put(kit, "hold", hold_id=uuid4(), **who, choices=[], until=at, extended=0)
        await put(kit, "booking", key=str(at), **who, talk_ids=[], at=at)
    measure = {"tenant_id": uuid4(), "school_id": uuid4(), "pupil_id": uuid4(), "words": "", "author_id": uuid4()}
    long_ago = now - timedelta(days=1101)
    for ended_at in (None, long_ago):
        await put(kit, "adaptation", adaptation_id=uuid4(), **measure, noted_at=long_ago, ended_at=ended_at)
    gone = {"when homes can come": 1, "times being chosen": 1, "answers to bookings": 1, "support measures": 1}
    assert await apply(kit) == gone
    assert [await left(kit, name) for name in ("wish", "hold", "booking", "adaptation")] == [1, 1, 1, 1]


async def test_an_offer_that_stands_stays_and_one_that_was_withdrawn_goes_with_the_questions(
    kits: Open, clock: ManualClock
) -> None:
    kit, long_ago = kits("scheduling"), clock.now() - timedelta(days=400)
    who = {"tenant_id": uuid4(), "school_id": uuid4(), "person_id": uuid4(), "title": "", "words": ""}
    for withdrawn_at in (None, long_ago):
        offer_id = uuid4()
        await put(kit, "offer", offer_id=offer_id, **who, made_at=long_ago, withdrawn_at=withdrawn_at)
        asked = {"asked_id": uuid4(), "offer_id": offer_id, "author_id": uuid4(), "words": "", "asked_at": long_ago}
        await put(kit, "offer_asked", **asked)
    assert await apply(kit) == {"offers of guardians": 1}
    assert [await left(kit, name) for name in ("offer", "offer_asked")] == [1, 1]


async def test_a_conversation_goes_with_its_parties_messages_and_files(kits: Open, clock: ManualClock) -> None:
    kit, now = kits("bulletins"), clock.now()
    for days in (1101, 1099):
        thread_id, message_id, at = uuid4(), uuid4(), now - timedelta(days=days)
        its: dict[str, Any] = {"thread_id": thread_id, "tenant_id": uuid4(), "school_id": uuid4(), "pupil_id": uuid4()}
        await put(kit, "thread", **its, subject="support", opened_at=at - timedelta(days=900), last_at=at)
        await put(kit, "party", thread_id=thread_id, person_id=uuid4(), part="guardian", joined_at=at)
        its = {"message_id": message_id, "thread_id": thread_id, "person_id": uuid4(), "words": "", "urgent": False}
        await put(kit, "message", **its, written_at=at)
        file = {"file_id": uuid4(), "message_id": message_id, "name": "", "content_type": "image/png"}
        await put(kit, "message_file", **file, size=1, content=b"x")
    tables = ("thread", "party", "message", "message_file")
    assert await apply(kit) == {"conversations": 1}
    assert [await left(kit, name) for name in tables] == [1] * 4


async def test_a_bulletin_goes_after_five_years_with_its_files_and_its_readers_and_not_with_its_plan(
    kits: Open, clock: ManualClock
) -> None:
    """A bulletin that filled a place of a half-year is kept as long as any other."""
    kit, now = kits("bulletins"), clock.now()
    for days in (5 * 365 + 1, 4 * 365):
        await a_bulletin(kit, now - timedelta(days=days))
    gone = await apply(kit)
    assert gone["bulletins"] == 1
    tables = ("bulletin", "bulletin_group", "bulletin_text", "attachment", "reach", "reading")
    assert [await left(kit, name) for name in tables] == [1] * 6


async def a_bulletin(kit: Kit, at: datetime) -> None:
    """A bulletin that was sent then, in a place of the half-year that ended a month later, with all it leaves."""
    bulletin_id, place_id, half_year_id, school_id = (uuid4() for _ in range(4))
    half = {"half_year_id": half_year_id, "tenant_id": uuid4(), "school_id": school_id, "starts": at.date()}
    await put(kit, "half_year", **half, ends=at.date() + timedelta(days=30), quota=3, approval=False, by_hand=False)
    place = {"place_id": place_id, "half_year_id": half_year_id, "school_id": school_id, "group_id": uuid4()}
    await put(kit, "place", **place, number=1, due_on=at.date(), bulletin_id=bulletin_id)
    its = {"bulletin_id": bulletin_id, "version": 1, "tenant_id": uuid4(), "school_id": school_id}
    its |= {"author_id": uuid4(), "kind": "bulletin", "edition": 1, "number": 1, "of": 3, "state": "sent", "waived": []}
    await put(kit, "bulletin", **its, place_id=place_id, must_read=False, sent_at=at, written_at=at, changed_at=at)
    of, who = {"bulletin_id": bulletin_id}, {"bulletin_id": bulletin_id, "person_id": uuid4(), "at": at}
    await put(kit, "bulletin_group", **of, group_id=uuid4())
    await put(kit, "bulletin_text", **of, language="sv", place=0, subject="", parts={})
    file = {"attachment_id": uuid4(), "name": "", "alt": "", "content_type": "image/png", "size": 1, "content": b"x"}
    await put(kit, "attachment", **of, **file, added_at=at)
    await put(kit, "reach", **who, pupil_ids=[], status="delivered")
    await put(kit, "reading", **who, how="portal")


async def test_a_mailing_goes_with_its_addressees_and_letters_and_a_counter_with_its_minute(
    kits: Open, clock: ManualClock
) -> None:
    kit, now = kits("notifications"), clock.now()
    for days in (401, 399):
        mailing_id, at, school_id = uuid4(), now - timedelta(days=days), uuid4()
        its = {"mailing_id": mailing_id, "tenant_id": uuid4(), "school_id": school_id, "kind": "bulletin"}
        its |= {"about_id": uuid4(), "group_ids": [], "day": at.date(), "path": "/", "must_read": False, "texts": []}
        await put(kit, "mailing", **its, requested_at=at, send_at=at, status="done")
        to = {"person_id": uuid4(), "pupil_ids": [], "status": "delivered", "why": "guardian", "moved_at": at}
        await put(kit, "addressee", mailing_id=mailing_id, delivery_id=uuid4(), **to)
        letter = {"letter_id": uuid4(), "school_id": school_id, "person_id": uuid4(), "mailing_id": mailing_id}
        await put(kit, "letter", **letter, wanted_at=now)
        await put(kit, "domain_minute", domain="x.example", minute=now - timedelta(hours=days - 390), used=1)
        item = {"item_id": uuid4(), "person_id": uuid4(), "school_id": school_id, "source_id": mailing_id}
        await put(kit, "digest_item", **item, kind="bulletin", path="/", at=at, digest_id=uuid4())
    await apply(kit)
    tables = ("mailing", "addressee", "letter", "digest_item", "domain_minute")
    assert [await left(kit, name) for name in tables] == [1, 1, 1, 1, 2]
    clock.instant = now + timedelta(days=1)
    await apply(kit)
    assert await left(kit, "domain_minute") == 0


async def test_an_address_that_refused_mail_is_known_for_a_year_more_so_that_it_is_left_alone_for_longer(
    kits: Open, clock: ManualClock
) -> None:
    kit, now = kits("notifications"), clock.now()
    for days in (366, 364):
        since = now - timedelta(days=days + 30)
        its = {"fingerprint": str(days), "channel": "email", "reason": "hard", "since": since}
        await put(kit, "suppression", **its, until=now - timedelta(days=days))
    await apply(kit)
    assert await left(kit, "suppression") == 1


async def a_round(kit: Kit, ids: dict[str, UUID]) -> UUID:
    """A round that is over."""
    round_id, at = uuid4(), kit.clock.now()
    its = {"round_id": round_id, "version": 1, "author_id": uuid4(), "kind": "development", "title": "", **ids}
    flags = dict.fromkeys(("separate_talks", "video", "others_may_attend"), False)
    numbers = {"talk_minutes": 25, "pause_minutes": 5, "longest_run": 5, "early_minutes": 0}
    times = dict.fromkeys(("answer_by", "books_until", "created_at"), at)
    await put(kit, "round", **its, **flags, **numbers, **times, state="closed")
    return round_id


async def a_talk(kit: Kit, round_id: UUID, ids: dict[str, UUID], at: datetime) -> None:
    """A talk that was held then, with all that hangs on it."""
    talk_id, commitment_id, pupil_id = (uuid4() for _ in range(3))
    its = {"talk_id": talk_id, "round_id": round_id, "group_id": uuid4(), "pupil_id": pupil_id, **ids}
    usual = {"household": 0, "video": False, "pinned": False, "sequence": 0, "invited": True, "guardian_ids": []}
    await put(kit, "talk", **its, **usual, version=1, kind="development", state="signed", changed_at=at)
    wrote = {"talk_id": talk_id, "version": 1, "author_id": uuid4(), "changed_at": at}
    await put(kit, "preparation", **wrote, side="school", answers={})
    await put(kit, "record", **wrote, summary="", present=[], held_at=at)
    await put(kit, "signature", talk_id=talk_id, signed_by=uuid4(), record_version=1, at=at)
    promised = {"commitment_id": commitment_id, "talk_id": talk_id, "pupil_id": pupil_id, "version": 1, **ids}
    words = {"owner": "pupil", "what": "", "how": "", "status": "done"}
    await put(kit, "commitment", **promised, **words, changed_at=at)
    asked = {"check_in_id": uuid4(), "commitment_id": commitment_id, "person_id": uuid4()}
    await put(kit, "check_in", **asked, asked_at=at, expires_at=at)


async def test_old_lessons_and_results_go_from_the_registry_and_people_do_not(kits: Open, clock: ManualClock) -> None:
    kit, ends_at = kits("registry"), (clock.now() - timedelta(days=500)).isoformat()
    for kind in ("lesson", "attendance", "absence", "person"):
        payload = {"ends_at": ends_at} if kind != "person" else {"active": True}
        thing: UUID = uuid4()
        usual = {"id": thing, "ref": thing, "version": 1, "digest": b"", "source": "kommunen"}
        await put(kit, "record", **usual, kind=kind, payload=payload)
    assert await apply(kit) == {"lessons, results and reports": 3}
    assert await left(kit, "record") == 1


async def test_more_than_a_batch_goes_in_one_turn(kits: Open, clock: ManualClock) -> None:
    kit, long_ago = kits("portal"), clock.now() - timedelta(days=60)
    rows = [
        {"person_id": uuid4(), "path": "/", "tenant_id": uuid4(), "fields": "{}", "kept_at": long_ago}
        for _ in range(retention.BATCH + 5)
    ]
    async with kit.sessions.begin() as session:
        await session.execute(insert(table(kit, "draft")), rows)
    assert await apply(kit) == {"drafts": retention.BATCH + 5}
    assert await left(kit, "draft") == 0


@pytest.mark.parametrize("nightly", [True, False])
async def test_each_service_does_it_by_itself_unless_that_is_switched_off(
    kits: Open, clock: ManualClock, nightly: bool
) -> None:
    kit = kits("portal")
    kit.settings = kit.settings.model_copy(update={"retention_nightly": nightly})
    draft = {"person_id": uuid4(), "path": "/", "tenant_id": uuid4(), "fields": "{}"}
    await put(kit, "draft", **draft, kept_at=clock.now() - timedelta(days=60))
    await put(kit, "inbox", event_id=uuid4(), seen_at=clock.now() - timedelta(days=60))
    tidying = asyncio.create_task(keep_tidy(kit))
    await until(partial(_is_empty, kit, "inbox"))
    if nightly:
        await until(partial(_is_empty, kit, "draft"))
    else:
        await asyncio.sleep(0.2)
        assert await left(kit, "draft") == 1
    tidying.cancel()
    with suppress(asyncio.CancelledError):
        await tidying


async def test_a_tombstone_is_said_once_more_and_no_state_is(kits: Open, clock: ManualClock) -> None:
    kit, segment = kits("registry"), timedelta(milliseconds=SEGMENT_MS)
    sent = clock.now()
    usual = {"event_type": "x", "created_at": sent, "sent_at": sent, "cluster": "a", "partition": 0, "offset": 1}
    tombstones = [(PERSONS, "gone", None), (PERSONS, "back", None), (LESSONS, "not compacted", None)]
    for topic, key, value in [*tombstones, (PERSONS, "back", b"{}")]:
        await put(kit, "outbox", event_id=uuid4(), topic=topic.name, key=key, value=value, **usual)
    outbox = kit.tables.outbox
    for waited, expected in ((segment / 2, 0), (segment * 2, 1)):
        async with kit.sessions.begin() as session:
            assert await repeat_tombstones(session, kit.tables, sent + waited) == expected
    async with kit.sessions.begin() as session:
        again = outbox.update().where(outbox.c.sent_at.is_(None)).values(sent_at=sent + segment * 2)
        assert list(await session.scalars(again.returning(outbox.c.key))) == ["gone"]
        assert await repeat_tombstones(session, kit.tables, sent + segment * 9) == 0, "once is enough"
        await prune(session, kit.tables, sent + segment * 9)
        left_over = await session.scalars(select(outbox.c.key))
        assert list(left_over) == ["back"], "the id of who is gone goes too"


def test_the_command_shows_by_default_and_deletes_when_told_to(
    postgres: Postgres, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = Stack(postgres, NO_BROKER)
    for name in SERVICES:
        url = stack.fresh_database(import_module(f"services.{name}.tables").metadata)
        monkeypatch.setenv(f"{name.upper()}_DATABASE_URL", url)
    monkeypatch.setenv("SKOLBRO_CLOCK_STARTS_AT", clock.now().isoformat())
    monkeypatch.setenv("SKOLBRO_CLOCK_ORIGIN", clock.now().isoformat())
    shown = CliRunner().invoke(app, ["retention", "--json"])
    assert shown.exit_code == 0, shown.output
    kinds = {(line["service"], line["table"]) for line in json.loads(shown.output)}
    assert ("portal", "audit_entry") in kinds
    assert ("registry", "record") in kinds
    assert all(line["why"] for line in json.loads(shown.output))
    assert "Deleted." in CliRunner().invoke(app, ["retention", "--apply"]).output


async def _is_empty(kit: Kit, name: str) -> bool:
    return await left(kit, name) == 0
