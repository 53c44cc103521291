"""What somebody was typing when their session ended: kept for them alone, shown after the login, sent by one button."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request

from services.portal.store import login as store
from shared.kit import Kit
from shared.web.csrf import FIELD, carries_token
from shared.web.paths import HOME, own_path, path_of
from shared.web.seals import Session

MOST_CHARACTERS = 50_000
NEVER = ("/login", "/logout", "/draft", "/demo", "/step-up")  # their forms say nothing worth keeping


class Drafts:
    """Keeps what the person of a session that is over was sending."""

    def __init__(self, kit: Kit) -> None:
        self.kit = kit

    async def keep(self, request: Request, session: Session) -> str | None:
        """Keep the form, when it was ours; where it can be seen after the login, or None when nothing was kept."""
        path = path_of(request)
        if path.startswith(NEVER) or own_path(path) == HOME or not await carries_token(request, session):
            return None
        typed = [(name, text) for name, text in (await request.form()).multi_items() if name != FIELD]
        fields = [(name, text) for name, text in typed if isinstance(text, str)]
        if not fields or sum(len(name) + len(text) for name, text in fields) > MOST_CHARACTERS:
            return None
        async with self.kit.sessions.begin() as db:
            await store.keep_draft(db, session, path, fields, self.kit.clock.now())
        return f"/draft?path={quote(path, safe='')}"
