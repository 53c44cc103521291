"""Rows as a registry sends them, for the tests."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

from services.registry.domain.kinds import Resource
from services.registry.domain.reading import parse, translate
from services.registry.domain.ss12000 import row_of
from services.registry.domain.statements import Known, Reading
from services.registry.domain.values import Origin
from shared.ids import tenant_id

SCHOOL = UUID("11111111-1111-4111-8111-111111111111")
PUPIL = UUID("22222222-2222-4222-8222-222222222222")
MOTHER = UUID("33333333-3333-4333-8333-333333333333")
FATHER = UUID("44444444-4444-4444-8444-444444444444")
LESSON = UUID("55555555-5555-4555-8555-555555555555")
SUBJECT = UUID("66666666-6666-4666-8666-666666666666")
TODAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
TENANT = tenant_id("kommunen")
ORIGIN = Origin("kommunen", "Europe/Stockholm", "sv", TODAY, TENANT)


def meta(modified: str = "2026-11-20T10:00:00+01:00") -> dict[str, str]:
    return {"created": "2026-08-01T08:00:00+02:00", "modified": modified}


def organisation(**more: Any) -> dict[str, Any]:
    return {"id": str(SCHOOL), "meta": meta(), "displayName": "Ekskolan", "organisationType": "Skolenhet", **more}


def pupil(**more: Any) -> dict[str, Any]:
    usual = {
        "id": str(PUPIL),
        "meta": meta(),
        "givenName": "Alva",
        "familyName": "Ek",
        "birthDate": "2014-03-01",
        "securityMarking": "Ingen",
        "personStatus": "Aktiv",
        "emails": [{"value": "alva@elev.example", "type": "Skola elev"}],
        "enrolments": [{"enroledAt": {"id": str(SCHOOL)}, "schoolType": "GR", "startDate": "2024-08-15"}],
        "responsibles": [responsible(MOTHER)],
    }
    return {**usual, **more}


def grown_up(person_id: UUID = MOTHER, **more: Any) -> dict[str, Any]:
    usual = {"id": str(person_id), "meta": meta(), "givenName": "Maja", "familyName": "Ek"}
    return {**usual, "emails": [{"value": f"{person_id.hex[:6]}@example.se", "type": "Privat"}], **more}


def responsible(person_id: UUID, relation: str = "Vårdnadshavare", **more: Any) -> dict[str, Any]:
    return {"person": {"id": str(person_id)}, "relationType": relation, **more}


def activity(**more: Any) -> dict[str, Any]:
    usual = {"id": str(SUBJECT), "meta": meta(), "displayName": "Matematik 6A", "organisation": {"id": str(SCHOOL)}}
    return {**usual, "groups": [], "activityType": "Undervisning", **more}


def calendar_event(**more: Any) -> dict[str, Any]:
    usual = {"id": str(LESSON), "meta": meta(), "activity": {"id": str(SUBJECT)}}
    times = {"startTime": "2026-11-23T08:00:00+01:00", "endTime": "2026-11-23T09:00:00+01:00"}
    return {**usual, **times, **more}


def attendance(**more: Any) -> dict[str, Any]:
    usual = {"id": str(uuid4()), "meta": meta(), "student": {"id": str(PUPIL)}, "calendarEvent": {"id": str(LESSON)}}
    return {**usual, "isReported": True, "attendanceMinutes": 0, "invalidAbsenceMinutes": 60, **more}


def absence(**more: Any) -> dict[str, Any]:
    times = {"startTime": "2026-11-23T00:00:00+01:00", "endTime": "2026-11-24T00:00:00+01:00"}
    return {
        "id": str(uuid4()),
        "meta": meta(),
        "student": {"id": str(PUPIL)},
        "type": "Anmäld frånvaro",
        **times,
        **more,
    }


def read(resource: Resource, raw: Any, known: Known | None = None, origin: Origin = ORIGIN) -> Reading:
    """What a row states. Raises Permanent as the importer would see it."""
    return translate(parse(row_of(resource, raw, origin.today)), origin, known or Known())
