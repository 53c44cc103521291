"""How often one person, or one address, may ask: enough for anybody at a keyboard, too little for a program that tries.

The counts are in this process's memory. Several processes allow as many times as much, which is still little.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.kit import Kit
from shared.settings import KitSettings
from shared.web.errors import error_page
from shared.web.pages import Pages
from shared.web.session import WITHOUT, Session

TRIES = ("/login/", "/demo/step-in")
MOST_KNOWN = 20_000
IPV6_HOME = 64  # bits that one household or server has


class Buckets:
    """A bucket of `per_minute` tokens for each key, filled evenly again; only the `most` keys used last are known."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic, most: int = MOST_KNOWN) -> None:
        self.size = float(per_minute)
        self.clock = clock
        self.most = most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take a token: 0 when there was one, else the seconds until there is."""
        now = self.clock()
        left, at = self._left.pop(key, (self.size, now))
        left = min(self.size, left + (now - at) * self.size / 60)
        allowed = left >= 1
        self._left[key] = (left - 1 if allowed else left, now)
        if len(self._left) > self.most:
            self._left.popitem(last=False)
        return 0.0 if allowed else (1 - left) * 60 / self.size

    def __len__(self) -> int:
        return len(self._left)


@dataclass
class Limits:
    """Who may ask how often: people by themselves, strangers by address, and steps of logging in by address."""

    people: Buckets
    strangers: Buckets
    tries: Buckets

    @classmethod
    def of(cls, settings: KitSettings, clock: Callable[[], float] = time.monotonic) -> Limits:
        """The limits these settings ask for."""
        counts = (settings.requests_per_minute, settings.visits_per_minute, settings.logins_per_minute)
        return cls(*(Buckets(count, clock) for count in counts))

    def wait(self, request: Request) -> float:
        """0 when the request may pass, else the seconds to wait."""
        path, address = request.scope["path"], address_of(request)
        if path.startswith(WITHOUT):
            return 0.0
        session: Session | None = getattr(request.state, "session", None)
        wait = self.people.take(str(session.person_id)) if session else self.strangers.take(address)
        return wait or (self.tries.take(address) if path.startswith(TRIES) else 0.0)


def address_of(request: Request) -> str:
    """The client's address, as the server in front has told uvicorn; of IPv6 the part that a household shares."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.version == 4:
        return host
    return str(ipaddress.ip_network((address, IPV6_HOME), strict=False))


class KeepsLimits:
    """Middleware that answers 429 with Retry-After to whoever asks too often. Stands inside the sessions."""

    def __init__(self, app: ASGIApp, limits: Limits, pages: Pages) -> None:
        self.app = app
        self.limits = limits
        self.pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, or say how long to wait."""
        answer: ASGIApp = self.app
        if scope["type"] == "http" and (wait := self.limits.wait(request := Request(scope))):
            answer = refusal = error_page(self.pages, request, 429)
            refusal.headers["Retry-After"] = str(math.ceil(wait))
        await answer(scope, receive, send)


def add_limits(app: FastAPI, kit: Kit, pages: Pages) -> Limits:
    """Keep the limits of the settings. Call it before `add_sessions`: what is added later stands further out."""
    limits = Limits.of(kit.settings)
    app.add_middleware(KeepsLimits, limits=limits, pages=pages)
    return limits
