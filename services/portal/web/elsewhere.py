"""Paths of other services, opened at the portal's address: mails link to the portal, and it says where to go on."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import RedirectResponse

from services.portal.settings import PortalSettings


def elsewhere_routes(settings: PortalSettings) -> APIRouter:
    """A road to each path that the settings say lives elsewhere. It asks nobody to log in: the page there does."""
    router = APIRouter(include_in_schema=False)

    async def lead(request: Request) -> RedirectResponse:
        return RedirectResponse(_there(settings, request), 303)

    for prefix in (prefix.rstrip("/") for prefix in settings.elsewhere):
        for path in (prefix, prefix + "/{rest:path}"):
            router.add_api_route(path, lead, methods=["GET"])
    return router


def _there(settings: PortalSettings, request: Request) -> str:
    """The address there. Raises 404 where it would lead back to this one, round and round.

    The path begins with a prefix of ours, so nothing in it can change the host.
    """
    path, query = quote(request.scope["path"], safe="/:@"), request.url.query
    address = settings.address(path)
    if urlsplit(address).netloc in ("", request.url.netloc):
        raise HTTPException(404)
    return f"{address}?{query}" if query else address
