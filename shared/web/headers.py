"""The strict headers every answer carries."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers call the origin of our own forms "null"
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
KEPT_NOWHERE = {"Cache-Control": "no-store"}
KEPT_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}  # the address carries the file's digest
ONLY_HTTPS = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
STATIC = "/static/"


class StrictHeaders:
    """Middleware that puts the headers on every answer; one that has said otherwise itself keeps what it said.

    Pages and everything else about people are kept nowhere; static files are kept as long as their address lives.
    """

    def __init__(self, app: ASGIApp, https: bool) -> None:
        self.app = app
        self.always = HEADERS | (ONLY_HTTPS if https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on, and the answer back with the headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        wanted = self.always | _keeping(scope)

        async def strictly(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in wanted.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, strictly)


def _keeping(scope: Scope) -> dict[str, str]:
    if not scope["path"].startswith(STATIC):
        return KEPT_NOWHERE
    return KEPT_FOREVER if scope["query_string"].startswith(b"v=") else {}
