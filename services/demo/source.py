"""The registry double: SS 12000:2020 over HTTP, with client credentials, pages, times of change and webhooks."""

from __future__ import annotations

import base64
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response

from services.demo.paging import END_TIMES, START_TIMES, BadFilter, instant, page
from services.demo.records import Records, Resource
from services.demo.subscriptions import Subscriptions

BASE = "/v2.0"
TOKEN_SECONDS = 300
NEEDS = {Resource.CALENDAR_EVENTS: set(START_TIMES)}
FILTERS = {Resource.CALENDAR_EVENTS: START_TIMES, Resource.ABSENCES: {**START_TIMES, **END_TIMES}}
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass
class Tokens:
    """Hands out bearer tokens to the one client there is, and recognises them while they last."""

    client_id: str
    client_secret: str
    given: dict[str, float] = field(default_factory=dict)

    def give(self, client_id: str, client_secret: str) -> str | None:
        """A fresh token, or None when the client is not the one."""
        if not secrets.compare_digest(f"{client_id}:{client_secret}", f"{self.client_id}:{self.client_secret}"):
            return None
        token = secrets.token_urlsafe(24)
        self.given[token] = time.monotonic() + TOKEN_SECONDS
        return token

    def check(self, request: Request) -> None:
        """Let the request through when it carries a token that still lasts."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self.given.get(token, 0) < time.monotonic():
            raise HTTPException(401, "The token is missing or has expired.")


def create_source(records: Records, subscriptions: Subscriptions, tokens: Tokens) -> FastAPI:
    """The app that serves these records."""
    records.listeners.append(subscriptions.hint)
    app = FastAPI(title="SS 12000 double", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(BadFilter, _bad_filter)
    app.add_api_route("/token", _token_endpoint(tokens), methods=["POST"])
    router = APIRouter(prefix=BASE, dependencies=[Depends(tokens.check)])
    for resource in Resource:
        router.add_api_route(f"/{resource}", _list_endpoint(records, resource))
        router.add_api_route(f"/{resource}/{{entity_id}}", _one_endpoint(records, resource))
    router.add_api_route("/deletedEntities", _deleted_endpoint(records))
    _add_subscriptions(router, subscriptions)
    app.include_router(router)
    return app


def _token_endpoint(tokens: Tokens) -> Endpoint:
    async def token(request: Request) -> Response:
        """OAuth 2 client credentials (RFC 6749 section 4.4)."""
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        given = tokens.give(*_client(request, form))
        if form.get("grant_type") != "client_credentials" or given is None:
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse({"access_token": given, "token_type": "Bearer", "expires_in": TOKEN_SECONDS})

    return token


def _client(request: Request, form: Mapping[str, str]) -> tuple[str, str]:
    """Id and secret from the Basic header (section 2.3.1), or else from the form."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def _list_endpoint(records: Records, resource: Resource) -> Endpoint:
    more, needs = FILTERS.get(resource, {}), NEEDS.get(resource, set())

    async def entities(request: Request) -> Response:
        found = page(records.all(resource), request.query_params, more, needs)
        return JSONResponse({"data": [record.body for record in found.records], "pageToken": found.token})

    return entities


def _one_endpoint(records: Records, resource: Resource) -> Endpoint:
    async def entity(request: Request) -> Response:
        record = records.get(resource, request.path_params["entity_id"])
        if record is None:
            raise HTTPException(404, "There is no such entity.")
        return JSONResponse(record.body)

    return entity


def _deleted_endpoint(records: Records) -> Endpoint:
    async def deleted(request: Request) -> Response:
        """What was taken out. All of it fits on one page."""
        after = request.query_params.get("after")
        entities = {name for value in request.query_params.getlist("entities") for name in value.split(",")}
        found = records.deleted_after(instant(after) if after else None, entities)
        return JSONResponse({"data": found, "pageToken": None})

    return deleted


def _add_subscriptions(router: APIRouter, subscriptions: Subscriptions) -> None:
    async def listed() -> Response:
        return JSONResponse({"data": [one.body() for one in subscriptions.kept.values()], "pageToken": None})

    async def create(request: Request) -> Response:
        try:
            return JSONResponse(subscriptions.add(await request.json()).body(), 201)
        except (KeyError, TypeError, ValueError):
            raise HTTPException(400, "A subscription has name, target and resourceTypes.") from None

    async def prolong(subscription_id: str, request: Request) -> Response:
        _known(subscriptions, subscription_id)
        expires = instant(str((await request.json()).get("expires")))
        return JSONResponse(subscriptions.prolong(subscription_id, expires).body())

    async def delete(subscription_id: str) -> Response:
        _known(subscriptions, subscription_id)
        subscriptions.remove(subscription_id)
        return Response(status_code=204)

    router.add_api_route("/subscriptions", listed)
    router.add_api_route("/subscriptions", create, methods=["POST"])
    router.add_api_route("/subscriptions/{subscription_id}", prolong, methods=["PATCH"])
    router.add_api_route("/subscriptions/{subscription_id}", delete, methods=["DELETE"])


def _known(subscriptions: Subscriptions, subscription_id: str) -> None:
    if subscription_id not in subscriptions.kept:
        raise HTTPException(404, "There is no such subscription.")


async def _refuse(_: Request, error: Any) -> Response:
    return JSONResponse({"code": str(error.status_code), "message": error.detail}, error.status_code)


async def _bad_filter(_: Request, error: Any) -> Response:
    return JSONResponse({"code": "400", "message": str(error)}, 400)
