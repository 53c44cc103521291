"""A registry's SS 12000 API: pages, changes, deletions and subscriptions, with patience where it helps."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from uuid import UUID

import httpx

from services.registry.domain.kinds import ASKED_FOR, DELETED_NAMES, ENTITY_NAMES, Resource
from services.registry.errors import EndlessPages, NotOffered, PageUnreadable, SourceAway, SourceRefuses
from services.registry.feeds.auth import Credentials
from services.registry.feeds.pages import Page, next_token, read_json, read_page
from services.registry.settings import Source

LARGEST_PAGE = 64 * 1024 * 1024  # bytes
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
TRIES = 4
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0  # seconds between tries; a Retry-After is followed up to the longest
KEPT = "What was read before that was kept, and the next turn goes on."
Sleep = Callable[[float], Awaitable[None]]
Params = Mapping[str, str]


class _TryAgain(Exception):
    """This answer may be better in a moment; `wait` is what the source asked for, in seconds."""

    def __init__(self, what: str, wait: float | None = None) -> None:
        super().__init__(what)
        self.wait = wait


def make_client() -> httpx.AsyncClient:
    """The HTTP client of one source. Redirects are not followed: a token must not travel elsewhere."""
    return httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False)


@dataclass
class Api:
    """One source's API. `sleep` waits real seconds between tries."""

    source: Source
    client: httpx.AsyncClient
    sleep: Sleep = asyncio.sleep
    credentials: Credentials = field(init=False)

    def __post_init__(self) -> None:
        self.credentials = Credentials(self.source, self.client)

    async def pages(self, resource: Resource, filters: Params) -> AsyncIterator[Page]:
        """The pages of a list, one at a time. `pageToken` goes with `limit` alone, as the standard demands.

        Raises SourceAway, SourceRefuses, NotOffered, PageUnreadable or EndlessPages; earlier pages are good.
        """

        def read(body: bytes) -> Page:
            return read_page(body, resource)

        async for page in self._follow(resource.value, filters, read):
            yield page

    async def deleted(self, after: datetime) -> dict[Resource, set[UUID]]:
        """The ids of rows deleted at the source after that time. Raises as `pages` does."""
        gone: dict[Resource, set[UUID]] = {}
        filters = {"after": after.isoformat()}
        async for page in self._follow("deletedEntities", filters, _read_deleted):
            for resource, row_id in page.rows:
                gone.setdefault(resource, set()).add(row_id)
        return gone

    async def subscribe(self, target: str) -> tuple[str, datetime]:
        """Ask to be told about changes at `target`; returns the subscription's id and when it runs out."""
        wanted = {
            "name": f"Skolbro {self.source.municipality}".strip(),
            "target": target,
            "resourceTypes": [{"resource": ENTITY_NAMES[resource]} for resource in ASKED_FOR],
        }
        return _read_subscription(await self._answer("POST", "subscriptions", json=wanted))

    async def prolong(self, subscription_id: str, until: datetime) -> tuple[str, datetime]:
        """Ask for a subscription to go on. Raises NotOffered when the source no longer knows it."""
        body = {"expires": until.isoformat()}
        return _read_subscription(await self._answer("PATCH", f"subscriptions/{subscription_id}", json=body))

    async def _follow(self, path: str, filters: Params, read: Callable[[bytes], Page]) -> AsyncIterator[Page]:
        seen: set[str] = set()
        params = {**filters, "limit": str(self.source.page_size)}
        while True:
            page = await self._page(path, params, read)
            yield page
            if page.next_token is None:
                return
            if page.next_token in seen:
                raise EndlessPages(
                    f"The pages of {path} at source “{self.source.name}” lead back to themselves after "
                    f"{len(seen) + 1} pages. {KEPT} The source's supplier has to mend its pageToken."
                )
            seen.add(page.next_token)
            params = {"limit": str(self.source.page_size), "pageToken": page.next_token}

    async def _page(self, path: str, params: Params, read: Callable[[bytes], Page]) -> Page:
        """A page, asked for again when half of it is missing: it may only have been cut off on its way."""
        for tries_left in reversed(range(2)):
            body = await self._answer("GET", path, params=params)
            try:
                return read(body)
            except PageUnreadable as fault:
                if not tries_left:
                    raise PageUnreadable(f"A page of {path} could not be read: {fault} {KEPT}") from None
        raise AssertionError

    async def _answer(self, method: str, path: str, **request: Any) -> bytes:
        """The body of a good answer, after a few tries. Raises what the status means for us."""
        renewed, wait = False, FIRST_WAIT
        for tries_left in reversed(range(TRIES)):
            try:
                status, body = await self._once(method, path, **request)
                if status == HTTPStatus.UNAUTHORIZED and not renewed and self.credentials.renew():
                    renewed = True
                    status, body = await self._once(method, path, **request)
                return self._good(status, body, path)
            except _TryAgain as fault:
                if not tries_left:
                    raise SourceAway(self._says(path, f"{fault} after {TRIES} tries. {KEPT}")) from None
                await self.sleep(min(fault.wait if fault.wait is not None else wait, LONGEST_WAIT))
                wait *= 2
        raise AssertionError

    async def _once(self, method: str, path: str, **request: Any) -> tuple[int, bytes]:
        url = f"{str(self.source.base_url).rstrip('/')}/{path}"
        headers = await self.credentials.headers()
        try:
            async with self.client.stream(method, url, headers=headers, **request) as answer:
                _raise_for_passing(answer)
                return answer.status_code, await self._body(answer, path)
        except httpx.HTTPError as fault:
            raise _TryAgain(f"does not answer ({type(fault).__name__})") from None

    async def _body(self, answer: httpx.Response, path: str) -> bytes:
        body = bytearray()
        async for part in answer.aiter_bytes():
            body += part
            if len(body) > LARGEST_PAGE:
                what = f"sends pages of more than {LARGEST_PAGE >> 20} MB. {KEPT} Set a smaller page_size."
                raise SourceRefuses(self._says(path, what))
        return bytes(body)

    def _good(self, status: int, body: bytes, path: str) -> bytes:
        if status in (HTTPStatus.OK, HTTPStatus.CREATED):
            return body
        if status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED):
            raise NotOffered(self._says(path, "does not offer this list."))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise SourceRefuses(self._says(path, f"refuses us ({status}). {KEPT} Check its token and our rights."))
        raise SourceRefuses(self._says(path, f"answered {status} to our question. {KEPT} Check base_url and settings."))

    def _says(self, path: str, what: str) -> str:
        return f"Source “{self.source.name}”, {path}: it {what}"


def _raise_for_passing(answer: httpx.Response) -> None:
    """Too busy, or an error at the other end: worth another try."""
    status = answer.status_code
    if status == HTTPStatus.TOO_MANY_REQUESTS or (
        status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.NOT_IMPLEMENTED
    ):
        raise _TryAgain(f"answered {status}", _retry_after(answer.headers.get("Retry-After")))


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, from a number or an HTTP date; None when the source did not say."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


def _read_deleted(body: bytes) -> Page:
    """Pairs of (list, id). Lists we do not keep, and ids that are none, are passed over."""
    content = read_json(body)
    data = content.get("data") if isinstance(content, dict) else None
    if not isinstance(data, dict):
        raise PageUnreadable("The page has no deleted rows by list in it.")
    wanted = [(resource, data.get(name)) for name, resource in DELETED_NAMES.items()]
    lists = [(resource, ids) for resource, ids in wanted if isinstance(ids, list)]
    pairs = [(resource, row_id) for resource, ids in lists for row_id in map(_uuid, ids) if row_id]
    return Page(pairs, next_token(content))


def _read_subscription(body: bytes) -> tuple[str, datetime]:
    content = read_json(body)
    try:
        expires = datetime.fromisoformat(content["expires"])
        return str(content["id"]), expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    except (KeyError, TypeError, ValueError):
        raise PageUnreadable("The answer to our subscription has no id and expires.") from None


def _uuid(value: object) -> UUID | None:
    try:
        return UUID(value) if isinstance(value, str) else None
    except ValueError:
        return None
