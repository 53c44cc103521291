"""The topics: name, owner, readers, what keeps order, how long it is kept. The only place a topic is named."""

from __future__ import annotations

from dataclasses import dataclass

DAY_MS = 24 * 60 * 60 * 1000
EVERYONE_WITH_A_ROSTER = ("absence", "scheduling", "bulletins", "notifications", "portal")


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
            return {"cleanup.policy": "compact", "delete.retention.ms": str(30 * DAY_MS)}
        return {"cleanup.policy": "delete", "retention.ms": str(self.keep_days * DAY_MS)}


def _roster(name: str, key: str, *readers: str) -> Topic:
    return Topic(f"roster.{name}.v1", ("registry",), readers, key, partitions=3, compacted=True)


SCHOOLS = _roster("schools", "school", *EVERYONE_WITH_A_ROSTER)
PERSONS = _roster("persons", "person", "absence", "scheduling", "bulletins", "notifications")
CONTACTS = _roster("contacts", "person", "notifications")
GUARDIANSHIPS = _roster("guardianships", "pupil", "scheduling", "bulletins", "notifications")
GROUPS = _roster("groups", "group", "scheduling", "bulletins")
STAFF = _roster("staff", "post", "scheduling", "bulletins")
SUBJECTS = _roster("subjects", "subject", "bulletins")

LESSONS = Topic("lessons.v1", ("registry",), ("absence", "portal"), "lesson")
ATTENDANCE = Topic("attendance.v1", ("registry",), ("absence",), "pupil")
ABSENCES = Topic("absences.v1", ("absence",), ("portal",), "pupil or lesson")
DUTIES = Topic("duties.v1", ("absence", "notifications"), ("portal",), "duty", keep_days=30)
NOTIFY_URGENT = Topic("notify.urgent.v1", ("absence",), ("notifications",), "pupil or school")
DELIVERIES = Topic("deliveries.v1", ("notifications",), ("portal",), "notification")

TOPICS: tuple[Topic, ...] = (
    SCHOOLS,
    PERSONS,
    CONTACTS,
    GUARDIANSHIPS,
    GROUPS,
    STAFF,
    SUBJECTS,
    LESSONS,
    ATTENDANCE,
    ABSENCES,
    DUTIES,
    NOTIFY_URGENT,
    DELIVERIES,
)
BY_NAME = {topic.name: topic for topic in TOPICS}
