"""Web Push: what a browser reads, who we say we are, and where we never go."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import http_ece  # type: ignore[import-untyped]
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from py_vapid import Vapid02  # type: ignore[import-untyped]
from pydantic import SecretStr

from services.notifications.channels.protocol import Parcel
from services.notifications.channels.push import PushRoad, Signer, is_public
from services.notifications.domain.replies import Outcome, outcome_of
from services.notifications.settings import NotificationsSettings
from services.portal.domain.browsers import MOST, name_of, read, shown, with_one, without
from shared.events.notify import Lane
from shared.events.people import PushAddress

PUBLIC = "93.184.215.14"
SAID = json.dumps({"title": "Björkskolan", "body": "Något att läsa", "url": "https://s.example/n/1"}).encode()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Browser:
    """A browser that has subscribed: its keys, and its eyes."""

    def __init__(self, endpoint: str = "https://push.example/send/abc") -> None:
        self.private, self.auth = ec.generate_private_key(ec.SECP256R1()), b"sixteen bytes ok"
        point = self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.address = PushAddress(endpoint=endpoint, p256dh=b64(point), auth=b64(self.auth))

    def reads(self, body: bytes) -> bytes:
        """What it makes of an encrypted message (RFC 8291)."""
        found = http_ece.decrypt(body, private_key=self.private, auth_secret=self.auth, version="aes128gcm")
        return bytes(found)


def key() -> str:
    return b64(ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value.to_bytes(32, "big"))


def settings(given: str | None = None) -> NotificationsSettings:
    return NotificationsSettings(vapid_key=SecretStr(given or key()), vapid_subject="mailto:drift@skola.example")


def at(*addresses: str) -> Callable[[str], Awaitable[list[str]]]:
    """A name service that says this of every host."""

    async def resolve(_: str) -> list[str]:
        if not addresses:
            raise OSError("no such host")
        return list(addresses)

    return resolve


class Service:
    """A push service behind the client, that answers as it is told."""

    def __init__(self, status: int = 201, fault: Exception | None = None) -> None:
        self.status, self.fault = status, fault
        self.asked: list[httpx.Request] = []
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.fault:
            raise self.fault
        return httpx.Response(self.status, request=request)


async def sent(service: Service, to: Any, lane: Lane = Lane.NORMAL, resolve: Any = None, **more: Any) -> Outcome:
    road = PushRoad(settings(), lane, client=service.client, resolve=resolve or at(PUBLIC), **more)
    address = to.address.model_dump_json() if isinstance(to, Browser) else to
    async with road.line() as line:
        return outcome_of(await line.send(Parcel(address, SAID, 0)))


async def test_only_the_browser_reads_what_was_said() -> None:
    service, browser = Service(), Browser()
    assert await sent(service, browser) is Outcome.ACCEPTED
    [asked] = service.asked
    assert asked.headers["content-encoding"] == "aes128gcm"
    assert browser.reads(asked.content) == SAID
    assert b"rkskolan" not in asked.content
    with pytest.raises(http_ece.ECEException):
        Browser().reads(asked.content)


@pytest.mark.parametrize(("lane", "urgency"), [(Lane.URGENT, "high"), (Lane.NORMAL, "normal"), (Lane.BULK, "low")])
async def test_what_hurries_wakes_the_browser_and_is_kept_less_long(lane: Lane, urgency: str) -> None:
    service = Service()
    await sent(service, Browser(), lane)
    headers = service.asked[0].headers
    assert headers["urgency"] == urgency
    assert int(headers["ttl"]) == {"high": 43_200, "normal": 259_200, "low": 604_800}[urgency]


async def test_the_service_can_check_who_sends() -> None:
    service, given = Service(), key()
    road = PushRoad(settings(given), client=service.client, resolve=at(PUBLIC))
    async with road.line() as line:
        await line.send(Parcel(Browser().address.model_dump_json(), SAID, 0))
    said = service.asked[0].headers["authorization"]
    assert said.startswith("vapid t=")
    assert said.endswith(f"k={road.public_key}")
    claims = json.loads(base64.urlsafe_b64decode(said.split("t=")[1].split(".")[1] + "=="))
    assert (claims["aud"], claims["sub"]) == ("https://push.example", "mailto:drift@skola.example")
    assert Vapid02.verify(said)


def test_a_key_may_be_pem_or_raw_and_nothing_else() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    raw = b64(private.private_numbers().private_value.to_bytes(32, "big"))
    assert Signer(pem, "mailto:a@b.example").public_key == Signer(raw, "mailto:a@b.example").public_key
    with pytest.raises(ValueError, match="NOTIFICATIONS_VAPID_KEY"):
        Signer("not a key", "mailto:a@b.example")
    with pytest.raises(ValueError, match="NOTIFICATIONS_VAPID_KEY"):
        PushRoad(NotificationsSettings())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Outcome.ACCEPTED),
        (201, Outcome.ACCEPTED),
        (404, Outcome.REFUSED),
        (410, Outcome.REFUSED),
        (429, Outcome.LATER),
        (500, Outcome.LATER),
        (503, Outcome.LATER),
        (401, Outcome.LATER),  # about us, so nobody's browser is given up for it
        (413, Outcome.LATER),
        (302, Outcome.LATER),
    ],
)
async def test_what_the_service_answers_decides_what_becomes_of_it(status: int, outcome: Outcome) -> None:
    service = Service(status)
    assert await sent(service, Browser()) is outcome
    assert len(service.asked) == 1  # nobody is followed elsewhere


async def test_a_host_that_is_not_there_costs_a_try_and_silence_is_uncertain() -> None:
    assert await sent(Service(), Browser(), resolve=at()) is Outcome.LATER
    assert await sent(Service(fault=httpx.ConnectError("no")), Browser()) is Outcome.LATER
    assert await sent(Service(fault=httpx.ReadTimeout("no")), Browser()) is Outcome.UNCERTAIN


INSIDE = [
    "127.0.0.1", "10.0.0.5", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
    "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "224.0.0.1",
    "nonsense",
]  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
async def test_no_browser_leads_us_inside(address: str) -> None:
    service = Service()
    assert await sent(service, Browser(), resolve=at(address)) is Outcome.REFUSED
    assert await sent(service, Browser(), resolve=at(PUBLIC, address)) is Outcome.REFUSED
    assert not service.asked
    assert not is_public(address)


async def test_the_connection_goes_to_the_address_that_was_looked_at() -> None:
    service = Service()
    await sent(service, Browser())
    [asked] = service.asked
    assert asked.url.host == PUBLIC
    assert asked.headers["host"] == "push.example"
    assert asked.extensions["sni_hostname"] == "push.example"
    assert asked.extensions["timeout"]["connect"]


@pytest.mark.parametrize(
    "endpoint",
    ["https://push.example:8443/x", "https://push.example:22/x", "https://user@push.example/x", "https:///x",
     "https://push.example:99999/x"],
)  # fmt: skip
async def test_only_the_usual_door_of_a_host_is_knocked_at(endpoint: str) -> None:
    service = Service()
    assert await sent(service, Browser(endpoint)) is Outcome.REFUSED
    assert not service.asked


@pytest.mark.parametrize(
    "address",
    [
        "",
        "{}",
        "nonsense",
        json.dumps({"endpoint": "http://push.example/x", "p256dh": "a", "auth": "b"}),
        json.dumps({"endpoint": "https://push.example/x", "p256dh": "AAAA", "auth": "AAAA"}),
        json.dumps({"endpoint": "https://push.example/x", "p256dh": b64(b"\x04" + b"\x01" * 64), "auth": "é"}),
    ],
)
async def test_what_is_no_browser_is_refused_for_good(address: str) -> None:
    assert await sent(Service(), address) is Outcome.REFUSED


# What the portal keeps ---------------------------------------------------------------------------------------------


def test_a_browser_is_kept_once_and_the_oldest_makes_room() -> None:
    many = [Browser(f"https://push.example/{number}").address for number in range(MOST + 2)]
    kept: tuple[PushAddress, ...] = ()
    for one in many:
        kept = with_one(kept, one)
    assert list(kept) == many[2:]
    fresh = Browser(many[5].endpoint).address
    assert with_one(kept, fresh)[-1] == fresh
    assert len(with_one(kept, fresh)) == MOST
    assert without(kept, name_of(many[-1])) == kept[:-1]


def test_a_page_never_shows_the_address_itself() -> None:
    one = Browser("https://push.example/a-long-secret").address
    [seen] = shown([one])
    assert seen.service == "push.example"
    assert "secret" not in seen.name + seen.service


def test_only_what_can_be_sent_to_is_kept() -> None:
    good = Browser().address
    assert read(good.endpoint, good.p256dh, good.auth) == good
    assert read(good.endpoint, good.p256dh + "=", good.auth + "==") is not None
    for endpoint in ("http://push.example/x", "https://push.example:8080/x", "https://me@push.example/", "ftp://x", ""):
        assert read(endpoint, good.p256dh, good.auth) is None
    assert read(good.endpoint, good.auth, good.auth) is None
    assert read(good.endpoint, good.p256dh, "AAAA") is None
    assert read(good.endpoint, "\x00", good.auth) is None
