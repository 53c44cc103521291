"""Where providers of text messages report what became of one. Nobody logs in here: each report proves who sends it.

A report that comes before the answer to its message is written down is answered 404, and so comes again: both
providers repeat what is not answered with a 2xx. Whoever cannot prove who they are gets 403 without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import parse_qsl
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.notifications.channels.sms import callback_url
from services.notifications.domain.failover import Minute
from services.notifications.domain.returns import SEEN_BYTES, Return, Sent
from services.notifications.domain.sms_reports import elks_report, is_login, is_twilio, twilio_report
from services.notifications.returning import returned
from services.notifications.settings import NotificationsSettings, SmsProvider
from services.notifications.store import providers
from services.notifications.store.texts import Texted, texted
from shared.kit import Kit
from shared.messaging.outbox import say
from shared.observe.logging import get_logger

LARGEST = 16_384  # bytes of a report
LATE = timedelta(minutes=5)  # until it is there: longer counts as slow
Reading = Callable[[Mapping[str, str]], tuple[str, Return | None]]
READINGS: Mapping[str, Reading] = {"46elks": elks_report, "twilio": twilio_report}
DONE, UNKNOWN, NOT_YOU = 204, 404, 403
log = get_logger()


def callback_routes(kit: Kit, settings: NotificationsSettings) -> APIRouter:
    """`/callbacks/sms/{provider}/{delivery_id}`, without a session and without a form token."""
    router = APIRouter(include_in_schema=False)
    known = {one.name: one for one in settings.sms_providers}

    @router.post("/callbacks/sms/{provider}/{delivery_id}")
    async def report(request: Request, provider: str, delivery_id: UUID) -> Response:
        one, form = known.get(provider), await _form(request)
        if one is None or form is None or not _is_they(kit, one, delivery_id, request, form):
            return Response(status_code=NOT_YOU)
        reference, kind = READINGS[one.form](dict(form))
        if kind is None:
            return Response(status_code=DONE)
        return Response(status_code=await _take(kit, one.name, delivery_id, reference, kind))

    return router


async def _form(request: Request) -> Sequence[tuple[str, str]] | None:
    """The fields, or None for what is too large or no text."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            return None
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        return None


def _is_they(
    kit: Kit,
    one: SmsProvider,
    delivery_id: UUID,
    request: Request,
    form: Sequence[tuple[str, str]],
) -> bool:
    """By the address that we gave them, not by the one that a server in front may have made of it."""
    secret = one.callback_secret.get_secret_value()
    if one.form == "46elks":
        return is_login(one.name, secret, request.headers.get("authorization", ""))
    url = callback_url(kit.settings.portal_url, one.name, delivery_id) or ""
    token = secret or one.password.get_secret_value()
    return is_twilio(token, url, form, request.headers.get("x-twilio-signature", ""))


async def _take(kit: Kit, name: str, delivery_id: UUID, reference: str, kind: Return) -> int:
    """Do what follows, once however often it is reported."""
    now = kit.clock.now()
    async with kit.sessions.begin() as session:
        found = await texted(session, delivery_id, reference)
        if found is None:
            return UNKNOWN
        sent = Sent(delivery_id, found.fingerprint[: 2 * SEEN_BYTES])
        said = await returned(session, sent, kind, now)
        await say(session, kit.tables, said, now)
        if kind is Return.DELIVERED and _is_late(found, now):
            minute = now.replace(second=0, microsecond=0)
            await providers.count(session, [Minute(name, minute, slow=1)])
    kit.outbox_written.set()
    kit.due_planned.set()
    log.info("text message reported", provider=name, delivery=str(delivery_id), report=kind.value)
    return DONE


def _is_late(found: Texted, now: datetime) -> bool:
    return found.started_at is not None and now - found.started_at > LATE
