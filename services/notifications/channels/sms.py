"""Text messages over HTTP by one or more providers. Facts: 46elks.com/docs (send-sms, sms-delivery-reports),
twilio.com/docs (messaging/api/message-resource, api/errors)."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import httpx

from services.notifications.balance import Balance
from services.notifications.channels.protocol import Line, Parcel
from services.notifications.domain.replies import Reply, Stage
from services.notifications.settings import NotificationsSettings, SmsProvider
from shared.events.people import Channel
from shared.kit import Kit
from shared.observe.logging import get_logger

LINES = 8  # messages under way at once, and so the most repeats that a crash can cause
TIMEOUT = httpx.Timeout(30.0, connect=10.0)
SLOW = timedelta(seconds=5)  # longer until the provider has answered counts as slow
REFUSED = Reply(Stage.RECIPIENT, 550)
LATER = Reply(Stage.DATA, 451)
OUR_FAULT = Reply(Stage.SENDER, 535)  # what we are, or send, was refused: says nothing about the recipient
NOT_REACHED, SILENT = Reply(Stage.CONNECT, None), Reply(Stage.FINAL, None)
# Twilio's errors about the number itself; all others may be about us or about the moment:
# 21211 not valid, 21217 not valid, 21610 has answered STOP, 21614 no mobile, 21635 a fixed line.
TWILIO_FOR_GOOD = frozenset({21211, 21217, 21610, 21614, 21635})
# What 46elks writes in its 400 is not documented; only one that names the field `to` is held against the number.
ABOUT_THE_NUMBER = re.compile(r"\bto\b", re.IGNORECASE)
log = get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as one provider wants it."""

    url: str
    form: Mapping[str, str]


class SmsRoad:
    """Texts, by whichever provider is drawn; one that cannot take it is followed at once by another.

    Raises ValueError when no provider is configured.
    """

    name = Channel.SMS.value

    def __init__(
        self,
        settings: NotificationsSettings,
        kit: Kit,
        client: httpx.AsyncClient | None = None,
        dice: Callable[[], float] = random.random,
    ) -> None:
        if not settings.sms_providers:
            raise ValueError("NOTIFICATIONS_SMS_PROVIDERS is empty: there is nobody who sends text messages.")
        self.providers = {one.name: one for one in settings.sms_providers}
        self.balance = Balance(kit, {one.name: one.share for one in settings.sms_providers}, dice)
        self._settings, self._kit = settings, kit
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False)
        self._free = asyncio.Semaphore(LINES)
        self._down = False
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def is_down(self) -> bool:
        """True while no provider could be connected to the last time."""
        return self._down

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """One of few."""
        async with self._free:
            yield self

    async def send(self, parcel: Parcel) -> Reply:
        """Hand the message to a provider, and when that one is not well, to the next; never after it may have left."""
        tried: list[str] = []
        reply = NOT_REACHED
        while (name := await self.balance.draw(tried)) is not None:
            tried.append(name)
            reply = await self._hand_over(self.providers[name], parcel)
            if reply.stage not in (Stage.CONNECT, Stage.SENDER) and reply != LATER:
                break
        self._down = reply.stage is Stage.CONNECT
        return reply

    def close(self) -> None:
        """Hang up everything."""
        try:
            task = asyncio.get_running_loop().create_task(self._client.aclose())
        except RuntimeError:  # no loop any more: the sockets go with the process
            return
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _hand_over(self, provider: SmsProvider, parcel: Parcel) -> Reply:
        began = self._kit.clock.now()
        reply = await self._post(provider, parcel)
        slow = self._kit.clock.now() - began > SLOW
        self.balance.count(provider.name, failed=is_the_providers(reply), slow=slow)
        return reply

    async def _post(self, provider: SmsProvider, parcel: Parcel) -> Reply:
        asked = self._asked(provider, parcel)
        who = httpx.BasicAuth(provider.username, provider.password.get_secret_value())
        try:
            answer = await self._client.post(asked.url, data=dict(asked.form), auth=who)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol):
            return NOT_REACHED
        except httpx.HTTPError:  # the request was on its way: they may have it
            return SILENT
        reply = READERS[provider.form](answer)
        if reply is OUR_FAULT:
            log.error("provider of text messages refuses us", provider=provider.name, status=answer.status_code)
        return reply

    def _asked(self, provider: SmsProvider, parcel: Parcel) -> Asked:
        base, text = provider.url.rstrip("/"), parcel.message.decode()
        back = callback_url(self._kit.settings.portal_url, provider.name, parcel.delivery_id)
        if provider.form == "46elks":
            form = {"from": self._settings.sms_sender, "to": parcel.to, "message": text}
            secret = provider.callback_secret.get_secret_value()
            reports = {"whendelivered": _with_login(back, provider.name, secret)} if back and secret else {}
            return Asked(f"{base}/a1/sms", form | reports)
        form = {"From": self._settings.sms_sender, "To": parcel.to, "Body": text}
        path = f"/2010-04-01/Accounts/{quote(provider.username, safe='')}/Messages.json"
        return Asked(base + path, form | ({"StatusCallback": back} if back else {}))


def callback_url(portal_url: str, provider: str, delivery_id: UUID | None) -> str | None:
    """Where this provider is to report what became of a message; None for one that is no delivery of ours."""
    if delivery_id is None:
        return None
    return f"{portal_url.rstrip('/')}/callbacks/sms/{quote(provider, safe='')}/{delivery_id}"


def is_the_providers(reply: Reply) -> bool:
    """True for a fault of the provider, by which its share is judged; a refused number is none."""
    return reply.stage in (Stage.CONNECT, Stage.SENDER) or reply in (LATER, SILENT)


def read_46elks(answer: httpx.Response) -> Reply:
    """200 with `id` and `status`; `failed` there is for good (sms-delivery-reports)."""
    if answer.is_success:
        said = _json(answer)
        return REFUSED if said.get("status") == "failed" else _taken(said.get("id"))
    if answer.status_code == httpx.codes.BAD_REQUEST and ABOUT_THE_NUMBER.search(answer.text[:500]):
        return REFUSED
    return _later_or_ours(answer)


def read_twilio(answer: httpx.Response) -> Reply:
    """201 with `sid`; a refusal has a number in `code`."""
    if answer.is_success:
        return _taken(_json(answer).get("sid"))
    if answer.is_client_error and _json(answer).get("code") in TWILIO_FOR_GOOD:
        return REFUSED
    return _later_or_ours(answer)


READERS: Mapping[str, Callable[[httpx.Response], Reply]] = {"46elks": read_46elks, "twilio": read_twilio}


def _taken(reference: object) -> Reply:
    return Reply(Stage.FINAL, 250, str(reference)[:64] if reference else None)


def _later_or_ours(answer: httpx.Response) -> Reply:
    busy = answer.status_code in (httpx.codes.TOO_MANY_REQUESTS, httpx.codes.REQUEST_TIMEOUT)
    return LATER if busy or answer.is_server_error else OUR_FAULT


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _with_login(url: str, name: str, secret: str) -> str:
    """The address with a name and a password in it, as 46elks uses them for basic authentication."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{quote(name, safe='')}:{quote(secret, safe='')}@{parts.netloc}"))
