"""Sessions on the server's side: begun at a login, ended by their person, and asked for at every request."""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from uuid import UUID

from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from services.portal.store import login as store
from shared.clock import SystemClock
from shared.kit import Kit
from shared.web.seals import Session, session_key

CACHE_SECONDS = 5.0
MOST_KNOWN = 20_000
SEALED = {"alg": "dir", "enc": "A256GCM"}


class OpenSessions:
    """Which sessions are open. That one is, is remembered for five seconds; that this process ended one, at once."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.clock = SystemClock()  # as the limits of sessions (shared/web/seals.py)
        self._open: OrderedDict[UUID, float] = OrderedDict()
        key = hashlib.sha256(b"skolbro.id_token.1" + session_key(kit.settings)).digest()
        self._key = OctKey.import_key(key)

    async def still(self, session: Session) -> bool:
        """True when the session has begun here and was not ended since (at most five seconds ago)."""
        now = time.monotonic()
        if self._open.get(session.session_id, 0.0) > now:
            return True
        async with self.kit.sessions() as db:
            is_open = await store.is_open(db, session.session_id)
        if is_open:
            self._remember(session.session_id, now)
        return is_open

    async def begin(self, session: Session, id_token: str | None = None) -> None:
        """Remember a new session with the proof it began with, sealed: the proof holds an identity number."""
        sealed = jwe.encrypt_compact(dict(SEALED), id_token, self._key) if id_token else None
        async with self.kit.sessions.begin() as db:
            await store.begin(db, session, sealed)

    async def end(self, session: Session) -> store.Ended | None:
        """End the session; its cookie is worth nothing from now on. The proof comes back opened."""
        async with self.kit.sessions.begin() as db:
            ended = await store.end(db, session.session_id, self.clock.now())
        self._open.pop(session.session_id, None)
        return store.Ended(ended.provider, self._opened(ended.id_token)) if ended else None

    def _opened(self, sealed: str | None) -> str | None:
        try:
            plain = jwe.decrypt_compact(sealed, self._key).plaintext if sealed else None
        except JoseError:  # sealed with a key that was changed since
            return None
        return plain.decode() if plain else None

    def _remember(self, session_id: UUID, now: float) -> None:
        self._open[session_id] = now + CACHE_SECONDS
        if len(self._open) > MOST_KNOWN:
            self._open.popitem(last=False)
