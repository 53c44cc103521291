"""A login that has begun: what we must remember while the person is at their provider.

It travels in a signed cookie of its own that lives ten minutes: the browser that began is the one that may finish,
and two logins in two tabs do not disturb each other.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from itsdangerous import BadData
from starlette.requests import Request
from starlette.responses import Response

from shared.web.seals import Sessions, serializer

LASTS = timedelta(minutes=10)
TELLING = 12  # characters of the state that name the cookie


@dataclass(frozen=True)
class Attempt:
    """One login under way. `person` is who must come back from a step-up, or empty."""

    provider: str
    next: str
    began: int
    step_up: bool = False
    person: str = ""
    state: str = ""
    nonce: str = ""
    verifier: str = ""

    @classmethod
    def begin(cls, provider: str, next_path: str, now: datetime, person: str = "") -> Attempt:
        """A new one with fresh secrets; `person` makes it a step-up."""
        began, secret = int(now.timestamp()), secrets.token_urlsafe
        return cls(provider, next_path, began, bool(person), person, secret(32), secret(32), secret(48))


class Attempts:
    """Keeps attempts in cookies."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self._seal = serializer(sessions.key, "skolbro.login.1")

    def keep(self, response: Response, attempt: Attempt) -> None:
        """Let the browser carry the attempt."""
        seconds = int(LASTS.total_seconds())
        sealed = self._seal.dumps(asdict(attempt))
        response.set_cookie(self._cookie(attempt.state), sealed, seconds, path="/", **self.sessions.flags())

    def of(self, request: Request, provider: str) -> Attempt | None:
        """The attempt that this callback belongs to: begun by this browser, at this provider, lately."""
        state = request.query_params.get("state", "")
        try:
            attempt = Attempt(**self._seal.loads(request.cookies.get(self._cookie(state), "")))
        except (BadData, TypeError):
            return None
        age = self.sessions.now().timestamp() - attempt.began
        fits = secrets.compare_digest(attempt.state.encode(), state.encode()) and attempt.provider == provider
        return attempt if fits and 0 <= age < LASTS.total_seconds() else None

    def forget(self, request: Request, response: Response) -> None:
        """Let the browser forget the attempt of this callback: it is used up, whatever came of it."""
        state = request.query_params.get("state", "")
        if self._cookie(state) in request.cookies:
            response.delete_cookie(self._cookie(state), path="/", **self.sessions.flags())

    def _cookie(self, state: str) -> str:
        """A name of its own for each attempt; only what a cookie's name may hold."""
        told = "".join(character for character in state[:TELLING] if character.isalnum() or character in "-_")
        return f"{self.sessions.cookie}-login-{told}"
