"""Bodies in, answers out: size-capped JSON, and errors as the standard writes them."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from services.registry.feeds.pages import read_json
from shared.errors import Permanent

JSON_ROWS = {"anyOf": [{"type": "object"}, {"type": "array", "items": {"type": "object"}}]}
LARGEST_BODY = 5 * 1024 * 1024  # bytes


class Refused(Exception):
    """A request that is not served, with its HTTP status; `str(error)` says why and what to do."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Refusal(BaseModel):
    """Why a request was not served, as the standard writes it."""

    code: str
    message: str


WHY = {
    400: "The body cannot be read.",
    403: "The token or key is not one of ours.",
    404: "There is no such thing of yours here.",
    413: "The body is too large.",
    503: "Something of ours is away; send it again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI of a route: the refusals it may answer with."""
    return {status: {"model": Refusal, "description": WHY[status]} for status in statuses}


def takes(schema: dict[str, Any]) -> dict[str, Any]:
    """For the OpenAPI of a route that reads its body itself: what it takes."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def json_body(request: Request) -> Any:
    """The request's JSON. Raises Refused when it is too large or not JSON."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_BODY:
            limit = f"{LARGEST_BODY >> 20} MB"
            raise Refused(413, "too_large", f"The body is larger than {limit}. Nothing was kept; send it in parts.")
    try:
        return read_json(bytes(body))
    except Permanent as fault:
        raise Refused(400, "not_json", f"{fault} Nothing was kept; send it again as UTF-8 JSON.") from None


async def refuse(_: Request, refused: Exception) -> JSONResponse:
    """The answer to a refused request (SS 12000: `{code, message}`)."""
    assert isinstance(refused, Refused)  # noqa: S101 - registered for it alone
    return JSONResponse({"code": refused.code, "message": str(refused)}, refused.status)
