"""How long each kind of data is kept, as data; and deleting what is older, in batches.

Every table of every service is under a rule, if only one that says why its rows stay (a test asks for it). What
hangs on a row that goes, by a foreign key or by its wall, goes with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, ColumnElement, MetaData, Table, func, literal, literal_column, select, text, true, tuple_
from sqlalchemy import delete as delete_from
from sqlalchemy.ext.asyncio import AsyncSession

from shared.db.engine import Sessions
from shared.rights.about import children_of

BATCH = 1000
EVERY_SERVICE = "*"
YEAR, SCHOOL_YEAR, CLAIMS, MONTH = 365, 400, 1100, 30  # days
A_SCHOOL_YEAR = "A school year and its closing; the school's own registry keeps the original."
EVIDENCE = "Three years: as long as somebody may ask whether the school did what it owed."
LATEST = "Only the latest state is kept; it goes when the thing itself goes."
WITH_PARENT = "Goes with what it hangs on."
RED_THREAD = 5 * YEAR
THREAD = "Five years: the next talk begins with what the last ones agreed, also at another school."
AGAIN = "A year after its time: an address that turns out bad again is left alone for longer."
DAILY = "Put away every day by the kit, 45 days after it was used."


@dataclass(frozen=True)
class Rule:
    """Rows of a table older than `days` go; None: none does because of age. `age` is SQL of the row's age.

    `only` narrows it to some rows (SQL). `why` is for whoever asks.
    """

    service: str
    table: str
    kind: str
    days: int | None
    why: str
    age: str = ""
    only: str = ""

    def condition(self, now: datetime) -> ColumnElement[bool]:
        """Which rows go now."""
        before = now - timedelta(days=self.days or 0)
        old = literal_column(self.age) < literal(before) if self.age else true()
        return old & text(f"({self.only})") if self.only else old


@dataclass(frozen=True)
class Due:
    """What a rule says now: rows that go, and the oldest of them."""

    rule: Rule
    rows: int
    oldest: str | None


TALKS = (
    Rule("scheduling", "term", "terms", None, LATEST),
    Rule("scheduling", "school_break", "days without school", None, LATEST),
    Rule("scheduling", "round", "rounds of talks", None, "The talks of a pupil hang on it; it names no pupil itself."),
    *[
        Rule("scheduling", name, "rounds of talks", None, WITH_PARENT)
        for name in ("round_class", "round_day", "host", "presence", "slot")
    ],
    Rule("scheduling", "room", "rooms", None, LATEST),
    Rule("scheduling", "interpreter", "interpreters", None, LATEST),
    Rule("scheduling", "interpreter_block", "interpreters", None, WITH_PARENT),
    Rule("scheduling", "wish", "when homes can come", MONTH, "The time is over.", "ends_at"),
    Rule("scheduling", "need", "what homes need at talks", None, LATEST),
    Rule("scheduling", "occupancy", "who is where when", SCHOOL_YEAR, A_SCHOOL_YEAR, "upper(during)"),
    Rule("scheduling", "hold", "times being chosen", MONTH, "The choice is over.", "until"),
    Rule("scheduling", "booking", "answers to bookings", MONTH, "Nobody asks the same again.", "at"),
    Rule("scheduling", "waiting", "who waits for a time", SCHOOL_YEAR, A_SCHOOL_YEAR, "since"),
    Rule("scheduling", "proposal", "proposals for rounds", SCHOOL_YEAR, A_SCHOOL_YEAR, "started_at"),
    Rule("scheduling", "proposal_talk", "proposals for rounds", None, WITH_PARENT),
    Rule("scheduling", "talk", "talks and what was agreed", RED_THREAD, THREAD, "changed_at"),
    *[
        Rule("scheduling", name, "talks and what was agreed", None, WITH_PARENT)
        for name in ("preparation", "record", "signature", "commitment", "check_in")
    ],
    Rule("scheduling", "adaptation", "support measures", CLAIMS, EVIDENCE, "ended_at", "ended_at is not null"),
    Rule("scheduling", "absence_sum", "absence sums", SCHOOL_YEAR, A_SCHOOL_YEAR, "until"),
    Rule("scheduling", "coverage", "talks that are owed", CLAIMS, EVIDENCE, "last_day"),
    Rule("scheduling", "meeting", "meetings and visits", CLAIMS, EVIDENCE, "starts_at"),
    *[
        Rule("scheduling", name, "meetings and visits", None, WITH_PARENT)
        for name in ("meeting_class", "gathering", "registration")
    ],
    Rule(
        "scheduling",
        "offer",
        "offers of guardians",
        3 * MONTH,
        "Whoever asked has had time to read the answer.",
        "withdrawn_at",
        "withdrawn_at is not null",
    ),
    Rule("scheduling", "offer_asked", "offers of guardians", None, WITH_PARENT),
)
BULLETINS = (
    Rule("bulletins", "half_year", "plans of bulletins", RED_THREAD, "Five years: the bulletins hang on it.", "ends"),
    Rule("bulletins", "place", "plans of bulletins", None, WITH_PARENT),
    Rule("bulletins", "owed", "bulletins that are owed", CLAIMS, EVIDENCE, "last_day"),
    Rule("bulletins", "activity", "diaries of classes", SCHOOL_YEAR, A_SCHOOL_YEAR, '"on"'),
    Rule("bulletins", "known_meeting", "meetings and visits", SCHOOL_YEAR, A_SCHOOL_YEAR, "ends_at"),
    Rule("bulletins", "known_talk", "talks, to ask how they were", SCHOOL_YEAR, A_SCHOOL_YEAR, "starts_at"),
    Rule("bulletins", "absence_month", "absence sums", SCHOOL_YEAR, A_SCHOOL_YEAR, "until"),
    Rule("bulletins", "bulletin", "bulletins", RED_THREAD, "Five years: what a class was told.", "written_at"),
    *[
        Rule("bulletins", name, "bulletins", None, WITH_PARENT)
        for name in ("bulletin_group", "bulletin_text", "attachment", "reach", "reading")
    ],
    Rule("bulletins", "feedback", "feedback", CLAIMS, "Three years: to see whether it became better.", "at"),
    Rule("bulletins", "thread", "conversations", CLAIMS, EVIDENCE, "last_at"),
    *[Rule("bulletins", name, "conversations", None, WITH_PARENT) for name in ("party", "message", "message_file")],
)
ENDS_AT = "(payload ->> 'ends_at')::timestamptz"
RULES: tuple[Rule, ...] = (
    Rule("absence", "lesson_result", "lesson results", SCHOOL_YEAR, A_SCHOOL_YEAR, "ends_at"),
    Rule("absence", "absence_report", "absence the home reported", SCHOOL_YEAR, A_SCHOOL_YEAR, "ends_at"),
    Rule("absence", "lesson", "lessons", SCHOOL_YEAR, A_SCHOOL_YEAR, "ends_at"),
    Rule(
        "absence",
        "reported_lesson",
        "lessons that were reported",
        0,
        WITH_PARENT,
        only="not exists (select from lesson where lesson.lesson_id = reported_lesson.lesson_id)",
    ),
    Rule("absence", "notice", "same-day notices", CLAIMS, EVIDENCE, "day"),
    Rule("absence", "absence_sum", "absence sums", SCHOOL_YEAR, A_SCHOOL_YEAR, "said_at"),
    Rule("notifications", "notification", "notifications", SCHOOL_YEAR, A_SCHOOL_YEAR, "requested_at"),
    Rule("notifications", "delivery", "deliveries", None, WITH_PARENT),
    Rule("notifications", "attempt", "attempts to deliver", None, WITH_PARENT),
    Rule("notifications", "call_list", "call list", None, WITH_PARENT),
    Rule("notifications", "mailing", "mailings", SCHOOL_YEAR, A_SCHOOL_YEAR, "requested_at"),
    Rule("notifications", "addressee", "deliveries", None, WITH_PARENT),
    Rule("notifications", "digest_item", "deliveries", SCHOOL_YEAR, A_SCHOOL_YEAR, "at"),
    Rule("notifications", "suppression", "addresses that refused mail", YEAR, AGAIN, "until"),
    Rule("notifications", "domain_minute", "counters of sending", 1, "The minute is over.", "minute"),
    Rule("notifications", "provider_minute", "counters of sending", 1, "The minute is over.", "minute"),
    Rule("notifications", "provider", "providers of text messages", None, LATEST),
    Rule("notifications", "handover", "how soon mail left", CLAIMS, EVIDENCE, "hour"),
    Rule("notifications", "wording", "wordings of messages", None, "What was written in whose words; names nobody."),
    Rule("notifications", "trial", "trials", None, LATEST),
    Rule("notifications", "guest", "guests of a trial", None, "As long as the trial; whoever runs it takes them out."),
    Rule("notifications", "letter", "letters on paper", SCHOOL_YEAR, A_SCHOOL_YEAR, "wanted_at"),
    Rule("portal", "duty", "duties", 5 * YEAR, "Five years: what a school owed and did is followed over years.", "day"),
    Rule("portal", "duty_moment", "evidence of duties", None, WITH_PARENT),
    Rule("portal", "acknowledgement", "acknowledgements", None, WITH_PARENT),
    Rule("portal", "lesson", "lessons", SCHOOL_YEAR, A_SCHOOL_YEAR, "day"),
    Rule("portal", "lesson_mark", "lessons that were reported", None, WITH_PARENT),
    Rule("portal", "absence", "noticed absences", CLAIMS, EVIDENCE, "day"),
    Rule("portal", "delivery", "messages and what became of them", SCHOOL_YEAR, A_SCHOOL_YEAR, "at"),
    Rule("portal", "bulletin", "bulletins", RED_THREAD, "Five years: as long as the bulletins themselves.", "sent_at"),
    Rule("portal", "preference", "preferences", None, LATEST),
    Rule("portal", "approval", "signatures under consents", None, "As long as the consent may be asked about."),
    Rule(
        "portal",
        "question",
        "answered questions",
        SCHOOL_YEAR,
        "The answer itself is a consent and is kept as one.",
        "answered_at",
    ),
    Rule("portal", "feed", "calendar addresses", None, LATEST),
    Rule("portal", "talk", "talks and what was agreed", RED_THREAD, THREAD, "heard_at"),
    Rule("portal", "talk_guest", "talks and what was agreed", None, WITH_PARENT),
    Rule("portal", "commitment", "talks and what was agreed", RED_THREAD, THREAD, "heard_at"),
    Rule("portal", "login", "logins", 3 * MONTH, "To find out about a login nobody remembers.", "began_at"),
    Rule("portal", "draft", "drafts", MONTH, "Whoever wrote it has had time to come back.", "kept_at"),
    Rule("portal", "service_health", "health of services", None, LATEST),
    Rule("portal", "source_state", "health of registries", None, LATEST),
    Rule(
        "portal",
        "audit_entry",
        "audit trail",
        None,
        "No service removes it: a trail that can be shortened proves nothing. It holds ids only (docs/privacy.md).",
    ),
    Rule("portal", "audit_seal", "seals of the audit trail", None, "As long as the entries they seal."),
    Rule("portal", "privacy_request", "requests about a person", CLAIMS, EVIDENCE, "requested_at"),
    Rule("portal", "privacy_answer", "answers about a person", MONTH, "Nobody came for them.", "answered_at"),
    Rule(
        "registry",
        "record",
        "lessons, results and reports",
        SCHOOL_YEAR,
        A_SCHOOL_YEAR,
        ENDS_AT,
        "kind in ('lesson', 'attendance', 'absence')",
    ),
    Rule(
        "registry",
        "record",
        "what the registry erased",
        SCHOOL_YEAR,
        "Until then a return is recognised; a marking and what nobody may be told without a person stay.",
        "erased_at",
        "payload is null and bounds is null",
    ),
    Rule("registry", "held", "rows held back", 6 * MONTH, "The registry does not send them any more.", "last_seen"),
    Rule(
        "registry",
        "quarantine",
        "decisions on wider access",
        CLAIMS,
        EVIDENCE,
        "decided_at",
        "state <> 'waiting'",
    ),
    Rule("registry", "import_run", "import runs", 3 * MONTH, "To find out when a fault began.", "started_at"),
    Rule("registry", "forgotten", "digests of erased persons", None, "They keep an import from bringing one back."),
    Rule("registry", "source_state", "health of registries", None, LATEST),
    Rule("registry", "sync_state", "how far registries were read", None, LATEST),
    Rule("registry", "subscription", "subscriptions at registries", None, LATEST),
    *TALKS,
    *BULLETINS,
    Rule(
        EVERY_SERVICE,
        "dead_letter",
        "dead letters",
        3 * MONTH,
        "Whoever runs the service has had time to mend and replay.",
        "parked_at",
    ),
    Rule(EVERY_SERVICE, "outbox", "events said", None, DAILY),
    Rule(EVERY_SERVICE, "inbox", "events seen", None, DAILY),
    Rule(EVERY_SERVICE, "read_position", "how far topics were read", None, LATEST),
    Rule(EVERY_SERVICE, "due", "what falls due", None, "Goes when it is done."),
    Rule(EVERY_SERVICE, "roster", "copy of the roster", None, LATEST),
    Rule(EVERY_SERVICE, "roster_link", "links of the roster", None, LATEST),
)


def rules_of(service: str, metadata: MetaData, rules: Sequence[Rule] = RULES) -> Iterator[tuple[Rule, Table]]:
    """The rules of one service, each with its table."""
    for rule in rules:
        if rule.service in (service, EVERY_SERVICE) and rule.table in metadata.tables:
            yield rule, metadata.tables[rule.table]


async def look(session: AsyncSession, service: str, metadata: MetaData, now: datetime) -> list[Due]:
    """What each rule of a service says now; nothing is deleted."""
    found = []
    for rule, table in rules_of(service, metadata):
        rows, oldest = 0, None
        if rule.days is not None:
            age = func.min(literal_column(rule.age)) if rule.age else literal(None)
            asked = select(func.count(), age).select_from(table).where(rule.condition(now))
            rows, oldest = (await session.execute(asked)).one()
        found.append(Due(rule, rows, oldest.isoformat() if oldest else None))
    return found


async def apply(sessions: Sessions, service: str, metadata: MetaData, now: datetime) -> dict[str, int]:
    """Delete what the rules of a service let go, a batch a transaction; rows deleted by kind, without what hung on
    them."""
    gone: dict[str, int] = {}
    for rule, table in rules_of(service, metadata):
        if rule.days is None:
            continue
        done = BATCH
        while done == BATCH:
            async with sessions.begin() as session:
                done = await _delete_batch(session, table, rule.condition(now))
            gone[rule.kind] = gone.get(rule.kind, 0) + done
    return {kind: rows for kind, rows in gone.items() if rows}


async def _delete_batch(session: AsyncSession, table: Table, condition: ColumnElement[bool]) -> int:
    keys = [*table.primary_key]
    rows = (await session.execute(select(*keys).select_from(table).where(condition).limit(BATCH))).all()
    if rows:
        await _clear(session, table, _one_of(keys, [tuple(row) for row in rows]))
    return len(rows)


def _one_of(keys: Sequence[Column[object]], rows: Sequence[tuple[object, ...]]) -> ColumnElement[bool]:
    return keys[0].in_([row[0] for row in rows]) if len(keys) == 1 else tuple_(*keys).in_(rows)


async def _clear(session: AsyncSession, table: Table, condition: ColumnElement[bool]) -> None:
    """Delete rows and, before them, what hangs on them."""
    for column, above in children_of(table):
        await _clear(session, column.table, column.in_(select(above).where(condition)))
    await session.execute(delete_from(table).where(condition))
