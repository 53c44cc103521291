"""A session as one signed cookie: how it is sealed, opened, and when its time is over.

A session ends when it was not used for a while, when it has lasted a whole working day, or when its person says so.
Its limits run on the machine's own clock even where the service's clock is another: in the demo a minute passes in a
second, and nobody can click through a page in the half-minute that would leave them.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from itsdangerous import BadData, URLSafeSerializer
from starlette.responses import Response

from shared.clock import Clock, SystemClock
from shared.errors import SkolbroError
from shared.ids import new_id
from shared.settings import KitSettings

SHORTEST_KEY = 32
LOGIN, STEP_UP = "login", "step_up"
REMEMBERED = timedelta(days=1)  # for so long an ended session still says whose draft to keep
SLIDES = timedelta(minutes=1)
SLACK = timedelta(minutes=2)  # the clocks of two machines differ a little


@dataclass(frozen=True)
class Session:
    """What the signed cookie says. `level` is `login` or `step_up`: how strong, in the words of our own settings.

    `acr` is how the provider put it. Times are in UTC, on the machine's own clock, to the second.
    """

    session_id: UUID
    person_id: UUID
    tenant_id: UUID
    provider: str
    acr: str
    began_at: datetime
    seen_at: datetime
    demo: bool = False
    level: str = LOGIN


class Sessions:
    """Seals sessions into cookies and opens them again. Raises SkolbroError when there is no key to sign with."""

    def __init__(self, settings: KitSettings, clock: Clock | None = None) -> None:
        self.key = session_key(settings)
        self.clock = clock or SystemClock()
        self.secure = settings.portal_url.startswith("https://")
        self.cookie = "__Host-skolbro" if self.secure else "skolbro"
        self.idle = timedelta(minutes=settings.session_idle_minutes)
        self.longest = timedelta(hours=settings.session_hours)
        self.demo = settings.demo
        self._seal = serializer(self.key, "skolbro.session.1")

    def begin(self, person_id: UUID, tenant_id: UUID, provider: str, acr: str, **more: Any) -> Session:
        """A new session with an id of its own, beginning now: at login and again at step-up."""
        now = self.now()
        return Session(new_id(), person_id, tenant_id, provider, acr, now, now, **more)

    def now(self) -> datetime:
        """The present second."""
        return self.clock.now().replace(microsecond=0)

    def seal(self, session: Session) -> str:
        """The session as the cookie carries it: readable, but nobody else can write one."""
        began, seen = int(session.began_at.timestamp()), int(session.seen_at.timestamp())
        ids = [one.hex for one in (session.session_id, session.person_id, session.tenant_id)]
        return str(
            self._seal.dumps([*ids, session.provider, session.acr, began, seen, int(session.demo), session.level])
        )

    def open(self, cookie: str | None, now: datetime) -> Session | None:
        """The session of a cookie of ours, unless its time is over."""
        session = self.read(cookie)
        return session if session and self.lasts(session, now) else None

    def read(self, cookie: str | None) -> Session | None:
        """The session of a cookie of ours, however old. None for anything we have not signed."""
        if not cookie:
            return None
        try:
            session, person, tenant, provider, acr, began, seen, demo, level = self._seal.loads(cookie)
            ids = UUID(session), UUID(person), UUID(tenant)
            began, seen = _instant(began), _instant(seen)
        except (BadData, ValueError, TypeError, OverflowError, OSError, AttributeError):
            return None
        if demo and not self.demo:  # somebody stepped in where a demo ran before, with the same key
            return None
        return Session(*ids, provider, acr, began, seen, bool(demo), level)

    def lasts(self, session: Session, now: datetime) -> bool:
        """True until it was idle for too long or has lasted too long. One from the future is not ours to trust."""
        if session.seen_at > now + SLACK or session.seen_at < session.began_at:
            return False
        return now - session.seen_at < self.idle and now - session.began_at < self.longest

    def remembered(self, session: Session, now: datetime) -> bool:
        """True when it has ended so lately that what its person was typing may be kept for them."""
        return timedelta() <= now - session.seen_at < REMEMBERED

    def slid(self, session: Session, now: datetime) -> Session | None:
        """The session as seen now, when a new cookie is due: once a minute at most."""
        return replace(session, seen_at=now) if now - session.seen_at >= SLIDES else None

    def csrf(self, session: Session) -> str:
        """What a form of this session carries, so that no other site can send it: an HMAC of the session's id."""
        return hmac.digest(self.key, b"skolbro.csrf.1" + session.session_id.bytes, "sha256").hex()

    def give(self, response: Response, session: Session) -> None:
        """Let the browser carry this session; it forgets it when it is closed."""
        response.set_cookie(self.cookie, self.seal(session), path="/", **self.flags())

    def take(self, response: Response) -> None:
        """Let the browser forget the session."""
        response.delete_cookie(self.cookie, path="/", **self.flags())

    def flags(self) -> dict[str, Any]:
        """How our cookies travel: never to scripts, never with what other sites send, encrypted where we are."""
        return {"httponly": True, "samesite": "lax", "secure": self.secure}


def session_key(settings: KitSettings) -> bytes:
    """The key of the session cookie. Raises SkolbroError when it is missing or too short to be one."""
    key = settings.session_key.get_secret_value() if settings.session_key else ""
    if len(key) < SHORTEST_KEY:
        raise SkolbroError(
            f"Pages need a key to sign sessions with. Set SKOLBRO_SESSION_KEY to at least {SHORTEST_KEY} random "
            "characters, the same in every service; nothing was started."
        )
    return key.encode()


def serializer(key: bytes, purpose: str) -> URLSafeSerializer:
    """Signs with HMAC-SHA256 and a key of its own for each purpose, so that no seal passes for another."""
    return URLSafeSerializer(
        key, salt=purpose, signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    )


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
