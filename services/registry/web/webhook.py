"""The hint that a source has news. It carries no data: the source's loop then asks for what changed."""

from __future__ import annotations

from collections.abc import Iterable
from secrets import compare_digest
from urllib.parse import parse_qs, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import AliasChoices, BaseModel, Field, ValidationError

from services.registry.hints import Hints
from services.registry.settings import Source
from services.registry.web.answers import Refused, json_body, refusals, takes


class Hint(BaseModel):
    """What the standard's callback says. “modifiedEntites” is its own spelling; the right one is taken too."""

    modified: list[str] | None = Field(None, validation_alias=AliasChoices("modifiedEntites", "modifiedEntities"))
    deleted: bool | None = Field(None, validation_alias="deletedEntities")


def webhook_router(hints: Hints, sources: Iterable[Source]) -> APIRouter:
    """The route that sources call. All it does is to make us look sooner, so the `key` in a webhook_url is enough."""
    router = APIRouter()
    keys = {source.name: _key(source.webhook_url or "") for source in sources}

    @router.post("/webhook/{source}", responses=refusals(400, 403, 404, 413), openapi_extra=takes({"type": "object"}))
    async def webhook(source: str, request: Request, key: str = "") -> JSONResponse:
        if not compare_digest(key.encode(), keys.get(source, "").encode()):
            raise Refused(403, "forbidden", "The key is not the one in the webhook's URL.")
        try:
            hint = Hint.model_validate(await json_body(request))
        except ValidationError:
            raise Refused(400, "not_a_hint", "The body is not a callback of SS 12000; nothing was done.") from None
        if (hint.modified or hint.deleted) and not hints.ring(source):
            raise Refused(404, "not_found", "There is no such source here.")
        return JSONResponse({})

    return router


def _key(url: str) -> str:
    return parse_qs(urlsplit(url).query).get("key", [""])[0]
