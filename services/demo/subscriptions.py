"""Webhooks of SS 12000: a hint that something changed, after which the subscriber comes and reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from pydantic import AwareDatetime, BaseModel

from services.demo.records import Body, Resource
from shared.clock import Clock
from shared.observe.logging import get_logger

DAYS = timedelta(days=90)
GATHER_SECONDS = 0.2
ATTEMPTS = 4
PAUSE_SECONDS = 0.5
log = get_logger()


class Subscription(BaseModel):
    """Who wants to know about what, until when."""

    id: str
    name: str
    target: str
    entities: set[str]
    expires: AwareDatetime

    def body(self) -> Body:
        """As the standard shows it."""
        resources = [{"resource": entity} for entity in sorted(self.entities)]
        expires = self.expires.isoformat()
        return {"id": self.id, "name": self.name, "target": self.target, "resourceTypes": resources, "expires": expires}


@dataclass
class Subscriptions:
    """All subscribers, and the hints on their way to them. `remember` is called when there is a change of them."""

    clock: Clock
    remember: Callable[[list[Subscription]], None]
    kept: dict[str, Subscription] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)
    _deleted: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, wish: Body) -> Subscription:
        """Subscribe. The same target again renews instead. Raises KeyError or TypeError when something is missing."""
        entities = {resource["resource"] for resource in wish["resourceTypes"]}
        known = next((one for one in self.kept.values() if one.target == wish["target"]), None)
        new_id = known.id if known else str(uuid4())
        expires = self.clock.now() + DAYS
        name, target = str(wish["name"]), str(wish["target"])
        return self._keep(Subscription(id=new_id, name=name, target=target, entities=entities, expires=expires))

    def prolong(self, subscription_id: str, expires: datetime) -> Subscription:
        """Let a subscription last until then."""
        return self._keep(self.kept[subscription_id].model_copy(update={"expires": expires}))

    def remove(self, subscription_id: str) -> None:
        """End a subscription."""
        del self.kept[subscription_id]
        self.remember(list(self.kept.values()))

    def hint(self, resource: Resource, deleted: bool) -> None:
        """Something changed; subscribers are told in a moment, together with what else changes until then."""
        if deleted:
            self._deleted = True
        else:
            self._changed.add(resource.entity)
        self._news.set()

    async def run(self) -> None:
        """Tell subscribers until cancelled."""
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            while True:
                await self._news.wait()
                await asyncio.sleep(GATHER_SECONDS)
                await asyncio.gather(*[self._tell(client, target, body) for target, body in self._gathered()])

    def _keep(self, one: Subscription) -> Subscription:
        self.kept[one.id] = one
        self.remember(list(self.kept.values()))
        return one

    def _gathered(self) -> list[tuple[str, Body]]:
        changed, deleted = self._changed, self._deleted
        self._changed, self._deleted = set(), False
        self._news.clear()
        return list(self._hints(changed, deleted))

    def _hints(self, changed: set[str], deleted: bool) -> Iterator[tuple[str, Body]]:
        now = self.clock.now()
        for one in self.kept.values():
            mine = sorted(changed & one.entities)
            if one.expires > now and (mine or deleted):
                # "modifiedEntites" is how the standard spells it.
                yield one.target, {"modifiedEntites": mine, "deletedEntities": deleted}

    async def _tell(self, client: httpx.AsyncClient, target: str, body: dict[str, Any]) -> None:
        for attempt in range(ATTEMPTS):
            try:
                if (await client.post(target, json=body)).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(PAUSE_SECONDS * 2**attempt)
        log.warning("a webhook was not taken", attempts=ATTEMPTS)
