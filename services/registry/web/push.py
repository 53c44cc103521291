"""Lesson results and reported absences that a source pushes to us (SS 12000 `POST`, `DELETE`)."""

from __future__ import annotations

from collections.abc import Iterable
from secrets import compare_digest
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from services.registry.domain.kinds import Resource
from services.registry.domain.ledger import Outcome
from services.registry.domain.report import Fate
from services.registry.importer import Importer, rows_of
from services.registry.settings import Source
from services.registry.web.answers import JSON_ROWS, Refused, json_body, refusals, takes
from shared.db.engine import is_passing
from shared.errors import Permanent

BUSY = "Our database does not answer. Nothing was kept; send it again in a moment."


class Told(BaseModel):
    """What became of one row; `message` says why one is held."""

    id: str
    outcome: Outcome
    message: str | None = None


TOLD: dict[int | str, dict[str, Any]] = {
    200: {"model": Told | list[Told], "description": "Nothing is new; each row's answer says what became of it."},
    201: {"model": Told | list[Told], "description": "Something is new; each row's answer says what became of it."},
    **refusals(400, 403, 413, 503),
}


def push_router(importer: Importer, sources: Iterable[Source]) -> APIRouter:
    """Routes for sources with a `push_token`. Every row sent is kept: imported, or held with its reason."""
    router = APIRouter()
    pushers = tuple(sources)

    @router.post("/attendances", responses=TOLD, openapi_extra=takes(JSON_ROWS))
    async def attendances(request: Request) -> JSONResponse:
        return await _take(importer, _pusher(request, pushers), Resource.ATTENDANCES, request)

    @router.post("/absences", responses=TOLD, openapi_extra=takes(JSON_ROWS))
    async def absences(request: Request) -> JSONResponse:
        return await _take(importer, _pusher(request, pushers), Resource.ABSENCES, request)

    @router.delete("/attendances/{row_id}", status_code=204, responses=refusals(403, 404, 503))
    async def delete(row_id: UUID, request: Request) -> Response:
        source = _pusher(request, pushers)
        if not await _or_busy(importer.erase(source.name, Resource.ATTENDANCES, [row_id])):
            raise Refused(404, "not_found", f"No lesson result {row_id} of yours is kept here.")
        return Response(status_code=204)

    return router


def _pusher(request: Request, sources: Iterable[Source]) -> Source:
    """The source whose token came with the request. Every token is compared, in constant time."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    sent = token.strip().encode()
    try:
        found = [source for source in sources if _same(source.secret("push_token"), sent)]
    except Permanent as fault:
        raise Refused(503, "misconfigured", f"{fault} Nothing was kept; tell whoever runs this service.") from None
    if scheme.lower() != "bearer" or not found:
        raise Refused(403, "forbidden", "The bearer token is not one of a source that may push to us.")
    return found[0]


def _same(token: str | None, sent: bytes) -> bool:
    return compare_digest((token or "").encode(), sent) and bool(token)


async def _take(importer: Importer, source: Source, resource: Resource, request: Request) -> JSONResponse:
    """201 when something is new, else 200. The answer says of each row what became of it."""
    body = await json_body(request)
    origin = importer.origin(source)
    rows = rows_of(resource, body if isinstance(body, list) else [body], origin)
    fates = await _or_busy(importer.take(origin, rows))
    told = [_told(fate) for fate in fates]
    status = 201 if any(fate.outcome is Outcome.NEW for fate in fates) else 200
    return JSONResponse(told if isinstance(body, list) else told[0], status)


def _told(fate: Fate) -> dict[str, Any]:
    answer = {"id": fate.row.ref, "outcome": fate.outcome.value}
    return answer | ({"message": fate.reason} if fate.reason else {})


async def _or_busy(work: Any) -> Any:
    try:
        return await work
    except Exception as fault:
        if not is_passing(fault):
            raise
        raise Refused(503, "busy", BUSY) from None
