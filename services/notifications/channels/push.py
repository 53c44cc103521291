"""Web Push: messages that a browser shows (RFC 8030, encrypted as RFC 8291 and 8188 say, signed as RFC 8292 says).

The address of a push service comes from a browser, so it is anybody's choice: only HTTPS at the usual port is spoken
to, only hosts on the public net, and the connection goes to the very address that was looked at.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx
from py_vapid import Vapid02  # type: ignore[import-untyped]
from pydantic import ValidationError
from pywebpush import WebPusher, WebPushException  # type: ignore[import-untyped]

from services.notifications.channels.protocol import Line, Parcel
from services.notifications.domain.replies import Reply, Stage
from services.notifications.settings import NotificationsSettings
from shared.events.notify import Lane
from shared.events.people import Channel, PushAddress
from shared.observe.logging import get_logger

LINES = 8
TIMEOUT = httpx.Timeout(20.0, connect=10.0)
HTTPS = 443
# How long a push service keeps a message for a browser that is off (seconds), and whether it may wake it (RFC 8030 5).
TTL = {Lane.URGENT: 12 * 3600, Lane.NORMAL: 3 * 24 * 3600, Lane.BULK: 7 * 24 * 3600}
URGENCY = {Lane.URGENT: "high", Lane.NORMAL: "normal", Lane.BULK: "low"}
SIGNED_FOR = 12 * 3600  # seconds; RFC 8292 allows 24 hours
SIGN_AGAIN = 3600
GONE = (httpx.codes.NOT_FOUND, httpx.codes.GONE)  # RFC 8030 7.3: the subscription is over
REFUSED, LATER = Reply(Stage.RECIPIENT, 550), Reply(Stage.DATA, 451)
OUR_FAULT = Reply(Stage.SENDER, 535)
# The host is the browser's choice. That it cannot be reached is about this address and costs a try; it does not mean
# that push as a whole is down, as no connection to the one mail server would.
NOT_REACHED, SILENT = Reply(Stage.DATA, None), Reply(Stage.FINAL, None)
Resolve = Callable[[str], Awaitable[list[str]]]
log = get_logger()


class NotAllowed(Exception):
    """The address of the push service is none that we speak to."""


class PushRoad:
    """Browsers, each by its own push service. Raises ValueError without a key, or with one that is none.

    `inside` lets tests and demos reach hosts of this machine; `client` is theirs too.
    """

    name = Channel.PUSH.value
    is_down = False  # there is no one server that could be

    def __init__(
        self,
        settings: NotificationsSettings,
        lane: Lane = Lane.NORMAL,
        *,
        inside: bool = False,
        client: httpx.AsyncClient | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        if settings.vapid_key is None:
            raise ValueError("NOTIFICATIONS_VAPID_KEY is not set: push services take nothing that is not signed.")
        self._signer = Signer(settings.vapid_key.get_secret_value(), settings.vapid_subject)
        self._always = {"TTL": str(TTL[lane]), "Urgency": URGENCY[lane], "Content-Type": "application/octet-stream"}
        self._inside = inside
        self._client = client or httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=False, trust_env=False)
        self._resolve = resolve or resolved
        self._free = asyncio.Semaphore(LINES)
        self._closing: set[asyncio.Task[None]] = set()

    @property
    def public_key(self) -> str:
        """What browsers subscribe with (`applicationServerKey`), base64url."""
        return self._signer.public_key

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Line]:
        """One of few."""
        async with self._free:
            yield self

    async def send(self, parcel: Parcel) -> Reply:
        """Encrypt for this browser and hand over to its push service. The encrypting takes a millisecond."""
        try:
            address = PushAddress.model_validate_json(parcel.to)
            body = encrypted(address, parcel.message)
            request = await self._request(address.endpoint, body)
        except (ValidationError, ValueError, WebPushException, NotAllowed):
            return REFUSED  # no browser stands behind it
        except OSError:
            return NOT_REACHED
        return await self._post(request)

    def close(self) -> None:
        """Hang up everything."""
        try:
            task = asyncio.get_running_loop().create_task(self._client.aclose())
        except RuntimeError:  # no loop any more: the sockets go with the process
            return
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _request(self, endpoint: str, body: bytes) -> httpx.Request:
        """The request to the address that was looked at: another answer of the name service cannot lead inside."""
        parts = urlsplit(endpoint)
        host, other_door = parts.hostname or "", parts.port not in (None, HTTPS)
        if parts.scheme != "https" or not host or parts.username or (other_door and not self._inside):
            raise NotAllowed
        found = await self._resolve(host)
        if not found or not (self._inside or all(map(is_public, found))):
            raise NotAllowed
        url = httpx.URL(endpoint).copy_with(host=found[0])
        headers = self._always | self._signer.headers(f"https://{parts.netloc}")
        headers |= {"Host": parts.netloc, "Content-Encoding": "aes128gcm"}
        return self._client.build_request(
            "POST", url, content=body, headers=headers, extensions={"sni_hostname": host, **_timeout(self._client)}
        )

    async def _post(self, request: httpx.Request) -> Reply:
        try:
            answer = await self._client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return NOT_REACHED
        except httpx.HTTPError:
            return SILENT
        return read(answer)


class Signer:
    """Says who we are to push services (VAPID): a signature for each service, made again every hour."""

    def __init__(self, key: str, subject: str) -> None:
        """`key` is PEM, or the raw private key in base64url. Raises ValueError when it is neither."""
        try:
            self._key = Vapid02.from_pem(key.encode()) if "-----BEGIN" in key else Vapid02.from_string(key)
        except Exception as fault:
            raise ValueError("NOTIFICATIONS_VAPID_KEY is no private key of the curve P-256.") from fault
        self._subject = subject
        self._made: dict[str, tuple[float, dict[str, str]]] = {}

    @property
    def public_key(self) -> str:
        """The uncompressed public point, base64url."""
        return str(self.headers("https://push.example")["Authorization"].rsplit("k=", 1)[1])

    def headers(self, service: str) -> dict[str, str]:
        """`Authorization` for this service (its origin). By the machine's own clock: the service checks the time."""
        now = time.time()
        made = self._made.get(service)
        if made is None or now - made[0] > SIGN_AGAIN:
            claims = {"sub": self._subject, "aud": service, "exp": int(now) + SIGNED_FOR}
            if len(self._made) > 1000:
                self._made.clear()
            made = self._made[service] = (now, dict(self._key.sign(claims)))
        return made[1]


def encrypted(address: PushAddress, message: bytes) -> bytes:
    """The message as only that browser can read it. Raises ValueError or WebPushException for keys that are none."""
    keys = {"p256dh": address.p256dh, "auth": address.auth}
    return bytes(WebPusher({"endpoint": address.endpoint, "keys": keys}).encode(message)["body"])


def read(answer: httpx.Response) -> Reply:
    """What a push service's answer means (RFC 8030 5 and 7.3)."""
    if answer.is_success:
        return Reply(Stage.FINAL, 250)
    if answer.status_code in GONE:
        return REFUSED
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS or answer.is_server_error:
        return LATER
    log.error("push service refuses us", host=answer.request.headers["Host"], status=answer.status_code)
    return OUR_FAULT


def is_public(address: str) -> bool:
    """True for an address out on the net: not this machine, not the municipality's own nets, not the cloud's own."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = getattr(found, "ipv4_mapped", None) or getattr(found, "sixtofour", None)
    return found.is_global and not found.is_multicast and (inner is None or is_public(str(inner)))


async def resolved(host: str) -> list[str]:
    """All addresses of a host, by the name service. Raises OSError when it has none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, HTTPS, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _timeout(client: httpx.AsyncClient) -> dict[str, object]:
    """The client's own times: a request with extensions of its own would go without any."""
    return {"timeout": client.timeout.as_dict()}
