"""The topics: name, owner, readers, what keeps order, how long it is kept. The only place a topic is named."""

from __future__ import annotations

from dataclasses import dataclass

DAY_MS = 24 * 60 * 60 * 1000
SEGMENT_MS = DAY_MS // 4  # what a tombstone erases is gone from the disk within a day (docs/privacy.md)
EVERYONE_WITH_A_ROSTER = ("absence", "scheduling", "bulletins", "notifications", "portal")
EVERYONE = ("registry", *EVERYONE_WITH_A_ROSTER)


@dataclass(frozen=True)
class Topic:
    """One topic. Compacted ones keep the latest state of each key; the others are kept `keep_days`."""

    name: str
    owners: tuple[str, ...]
    readers: tuple[str, ...]
    key: str
    partitions: int = 6
    compacted: bool = False
    keep_days: int = 14

    def config(self) -> dict[str, str]:
        """Kafka's own settings for the topic."""
        if self.compacted:
            return {
                "cleanup.policy": "compact",
                "delete.retention.ms": str(30 * DAY_MS),
                "segment.ms": str(SEGMENT_MS),
                "max.compaction.lag.ms": str(SEGMENT_MS),
                "min.cleanable.dirty.ratio": "0.1",
            }
        return {"cleanup.policy": "delete", "retention.ms": str(self.keep_days * DAY_MS)}


def _roster(name: str, key: str, *readers: str) -> Topic:
    return Topic(f"roster.{name}.v1", ("registry",), readers, key, partitions=3, compacted=True)


SCHOOLS = _roster("schools", "school", *EVERYONE_WITH_A_ROSTER)
PERSONS = _roster("persons", "person", *EVERYONE_WITH_A_ROSTER)
CONTACTS = _roster("contacts", "person", "scheduling", "bulletins", "notifications", "portal")
GUARDIANSHIPS = _roster("guardianships", "pupil", "scheduling", "bulletins", "notifications", "portal")
GROUPS = _roster("groups", "group", "scheduling", "bulletins", "notifications", "portal")
STAFF = _roster("staff", "post", "scheduling", "bulletins", "notifications", "portal")
SUBJECTS = _roster("subjects", "subject", "scheduling", "bulletins", "portal")
LOGINS = _roster("logins", "person", "portal")

LESSONS = Topic("lessons.v1", ("registry",), ("absence", "portal"), "lesson")
ATTENDANCE = Topic("attendance.v1", ("registry",), ("absence",), "pupil")
ABSENCES = Topic("absences.v1", ("absence",), ("scheduling", "bulletins", "portal"), "pupil or lesson")
TALKS = Topic("talks.v1", ("scheduling",), ("bulletins", "portal"), "talk, commitment or meeting", compacted=True)
BULLETINS = Topic("bulletins.v1", ("bulletins",), ("portal",), "bulletin", 3, compacted=True)
DUTIES = Topic(
    "duties.v1",
    ("absence", "scheduling", "bulletins", "notifications", "portal"),
    ("portal",),
    "duty",
    keep_days=30,
)
NOTIFY_URGENT = Topic(
    "notify.urgent.v1", ("absence", "scheduling", "bulletins", "portal"), ("notifications",), "pupil, person or school"
)
NOTIFY_NORMAL = Topic(
    "notify.normal.v1", ("scheduling", "bulletins", "portal"), ("notifications",), "pupil, person or school"
)
NOTIFY_BULK = Topic("notify.bulk.v1", ("bulletins",), ("notifications",), "mailing", 3)
DELIVERIES = Topic("deliveries.v1", ("notifications",), ("bulletins", "portal"), "notification or mailing")
READS = Topic("reads.v1", ("bulletins", "portal"), ("notifications",), "message")

PREFERENCES = Topic("preferences.v1", ("portal",), ("notifications",), "person", 3, compacted=True)
CONSENTS = Topic(
    "consents.v1", ("portal",), ("scheduling", "bulletins", "notifications", "portal"), "consent", 3, compacted=True
)
PRIVACY = Topic("privacy.v1", ("portal",), EVERYONE, "person", 3)
PRIVACY_ANSWERS = Topic("privacy.answers.v1", EVERYONE, ("portal",), "request and service", 3, compacted=True)
LOOKS = Topic("looks.v1", ("registry", "scheduling", "bulletins", "notifications"), ("portal",), "pupil", 3)
OPERATIONS = Topic("operations.v1", EVERYONE, ("portal",), "service", 1, compacted=True)

TOPICS: tuple[Topic, ...] = (
    SCHOOLS,
    PERSONS,
    CONTACTS,
    GUARDIANSHIPS,
    GROUPS,
    STAFF,
    SUBJECTS,
    LOGINS,
    LESSONS,
    ATTENDANCE,
    ABSENCES,
    TALKS,
    BULLETINS,
    DUTIES,
    NOTIFY_URGENT,
    NOTIFY_NORMAL,
    NOTIFY_BULK,
    DELIVERIES,
    READS,
    PREFERENCES,
    CONSENTS,
    PRIVACY,
    PRIVACY_ANSWERS,
    LOOKS,
    OPERATIONS,
)
BY_NAME = {topic.name: topic for topic in TOPICS}
