"""How we show a registry who we are: a fixed token, or OAuth 2 client credentials."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from services.registry.errors import SourceAway, SourceRefuses
from services.registry.feeds.pages import read_json
from services.registry.settings import Source
from shared.errors import Permanent

EARLY_SECONDS = 30.0  # a token is renewed this long before it runs out
USUAL_LIFE_SECONDS = 300.0
TURNED_AWAY = (
    "The token service of source “{name}” {what}. Nothing was read; check token_url, client_id and client_secret."
)


@dataclass
class Credentials:
    """The bearer token for one source, fetched when needed and kept until shortly before it runs out."""

    source: Source
    client: httpx.AsyncClient
    _token: str | None = field(default=None, init=False, repr=False)
    _good_until: float = field(default=0.0, init=False)

    async def headers(self) -> dict[str, str]:
        """The Authorization header; empty for a source without a token."""
        token = await self._current() if self.source.token_url else self.source.secret("token")
        return {"Authorization": f"Bearer {token}"} if token else {}

    def renew(self) -> bool:
        """Forget the token after a 401; False when there is no fresh one to be had."""
        self._token = None
        return self.source.token_url is not None

    async def _current(self) -> str:
        if self._token is None or time.monotonic() > self._good_until:
            self._token, life = await self._fetch(str(self.source.token_url))
            self._good_until = time.monotonic() + max(0.0, life - EARLY_SECONDS)
        return self._token

    async def _fetch(self, url: str) -> tuple[str, float]:
        form = {"grant_type": "client_credentials"} | ({"scope": self.source.scope} if self.source.scope else {})
        basic = httpx.BasicAuth(self.source.client_id or "", self.source.secret("client_secret") or "")
        try:
            answer = await self.client.post(url, data=form, auth=basic)
        except httpx.HTTPError as fault:
            raise SourceAway(TURNED_AWAY.format(name=self.source.name, what=_fault(fault))) from None
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            raise SourceAway(TURNED_AWAY.format(name=self.source.name, what=f"answered {answer.status_code}"))
        return self._read(answer)

    def _read(self, answer: httpx.Response) -> tuple[str, float]:
        try:
            content: Any = read_json(answer.content) if answer.is_success else None
        except Permanent:
            content = None
        if not isinstance(content, dict) or not isinstance(content.get("access_token"), str):
            what = f"gave no token (it answered {answer.status_code})"
            raise SourceRefuses(TURNED_AWAY.format(name=self.source.name, what=what))
        life = content.get("expires_in")
        return content["access_token"], float(life) if isinstance(life, int | float) else USUAL_LIFE_SECONDS


def _fault(fault: httpx.HTTPError) -> str:
    return f"does not answer ({type(fault).__name__})"
