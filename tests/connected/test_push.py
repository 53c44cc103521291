"""Web Push from end to end: a browser says yes on the portal, and a real HTTPS push service gets what only it reads."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.responses import Response

from deploy.embedded.postgres import Postgres
from deploy.embedded.process import free_port
from services.notifications.channels.protocol import Parcel
from services.notifications.channels.push import PushRoad
from services.notifications.domain.replies import Outcome, outcome_of
from services.portal.domain.browsers import name_of
from services.portal.settings import PortalSettings
from services.portal.store.push import push_of
from services.portal.web.push import add_push, worker_routes
from services.portal.web.shown import portal_face
from services.portal.web.wishes import add_wishes
from shared.clock import ManualClock
from shared.events.people import PreferencesStated, PushAddress
from shared.kit import Kit
from shared.web.csrf import form_checked
from shared.web.pages import Pages
from tests.portal_stage import Stage, open_pages, portal_kit, stage
from tests.unit.notifications.test_push import SAID, Browser, settings

pytestmark = pytest.mark.connected


# A push service with a certificate -------------------------------------------------------------------------------


class PushService:
    """A push service at https://localhost, whose certificate is for that name alone."""

    def __init__(self, folder: Path) -> None:
        self.port, self.taken, self.status = free_port(), list[tuple[dict[str, str], bytes]](), 201
        self.cert, self.key = folder / "cert.pem", folder / "key.pem"
        _certify(self.cert, self.key)
        self.app = FastAPI()

        @self.app.post("/send/{browser}")
        async def take(request: Request, browser: str) -> Response:
            self.taken.append((dict(request.headers), await request.body()))
            return Response(status_code=self.status)

    def client(self) -> httpx.AsyncClient:
        """One that trusts this service's certificate."""
        return httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(self.cert)), timeout=5)

    def browser(self, host: str = "localhost") -> Browser:
        return Browser(f"https://{host}:{self.port}/send/abc")


def _certify(cert: Path, key: Path) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)  # the handshake is by the machine's clock
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(private, hashes.SHA256())
    )
    cert.write_bytes(built.public_bytes(Encoding.PEM))
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[PushService]:
    one = PushService(tmp_path)
    config = uvicorn.Config(
        one.app,
        host="127.0.0.1",
        port=one.port,
        log_level="error",
        lifespan="off",
        ssl_certfile=str(one.cert),
        ssl_keyfile=str(one.key),
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield one
    server.should_exit = True
    await serving


async def _there(_: str) -> list[str]:
    return [str(ipaddress.IPv4Address("127.0.0.1"))]


async def sent(service: PushService, browser: Browser, **more: object) -> Outcome:
    async with service.client() as client:
        road = PushRoad(settings(), client=client, resolve=_there, **{"inside": True, **more})  # type: ignore[arg-type]
        async with road.line() as line:
            return outcome_of(await line.send(Parcel(browser.address.model_dump_json(), SAID, 0)))


async def test_a_push_service_gets_by_https_what_only_the_browser_reads(service: PushService) -> None:
    browser = service.browser()
    assert await sent(service, browser) is Outcome.ACCEPTED
    [(headers, body)] = service.taken
    assert browser.reads(body) == SAID
    assert headers["host"] == f"localhost:{service.port}"
    service.status = 410
    assert await sent(service, browser) is Outcome.REFUSED


async def test_a_certificate_for_another_name_is_not_taken(service: PushService) -> None:
    assert await sent(service, service.browser("push.example")) is Outcome.LATER
    assert not service.taken


async def test_without_leave_nothing_on_this_machine_is_reached(service: PushService) -> None:
    assert await sent(service, service.browser(), inside=False) is Outcome.REFUSED
    assert not service.taken


# The portal ------------------------------------------------------------------------------------------------------


def routes(kit: Kit, pages: Pages) -> APIRouter:
    router = APIRouter(dependencies=[Depends(form_checked)])
    face = portal_face(kit, pages)
    for add in (add_wishes, add_push):
        add(router, face)
    return router


@pytest.fixture
async def home(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    kit = portal_kit(postgres, clock)
    here = await stage(kit)
    open_pages(here, routes, lambda *_: worker_routes())
    yield here
    await kit.close()


def fields(address: PushAddress) -> dict[str, Any]:
    return address.model_dump()


async def kept(home: Stage) -> tuple[PushAddress, ...]:
    async with home.kit.sessions() as session:
        return await push_of(session, home.guardian_a)


async def test_a_browser_that_says_yes_is_kept_and_said_on_with_all_other_wishes(home: Stage) -> None:
    await home.post(home.guardian_a, "/preferences", language="nb", quiet_from="21:30", quiet_to="07:00")
    one, two = Browser("https://push.example/1").address, Browser("https://push.example/2").address
    for address in (one, two, one):
        answer = await home.post(home.guardian_a, "/preferences/push", **fields(address))
        assert (answer.status_code, answer.headers["location"]) == (303, "/preferences?saved=true#browsers")
    assert await kept(home) == (two, one)
    *_, last = sorted(await home.said(PreferencesStated), key=lambda stated: stated.version)
    assert (last.person_id, last.tenant_id, last.push) == (home.guardian_a, home.tenant, (two, one))
    assert (last.language, last.email, last.quiet_from) == ("nb", False, time(21, 30))


async def test_versions_grow_with_every_change_and_the_same_again_is_none(home: Stage) -> None:
    one = Browser().address
    for _ in range(2):
        await home.post(home.guardian_a, "/preferences/push", **fields(one))
    await home.post(home.guardian_a, "/preferences/push/remove", browser=name_of(one))
    await home.post(home.guardian_a, "/preferences/push/remove", browser=name_of(one))
    stated = await home.said(PreferencesStated)
    assert [one.push for one in stated] == [(one,), ()]
    assert stated[0].version < stated[1].version
    assert stated[0].email  # who has said nothing else still wants mail, and sleeps at night
    assert (stated[0].quiet_from, stated[0].quiet_to) == (time(21), time(7))


async def test_two_browsers_that_say_yes_at_once_both_count(home: Stage) -> None:
    many = [Browser(f"https://push.example/{number}").address for number in range(5)]
    await asyncio.gather(*[home.post(home.guardian_a, "/preferences/push", **fields(one)) for one in many])
    assert {one.endpoint for one in await kept(home)} == {one.endpoint for one in many}


async def test_nobody_takes_away_or_adds_anothers_browser(home: Stage) -> None:
    one = Browser().address
    await home.post(home.guardian_a, "/preferences/push", **fields(one))
    await home.post(home.guardian_b, "/preferences/push/remove", browser=name_of(one))
    assert await kept(home) == (one,)
    async with home.client(None) as nobody:
        answer = await nobody.post("/preferences/push", data=fields(Browser().address))
    assert answer.status_code in (302, 303, 401, 403)
    async with home.client(home.guardian_a) as forged:
        answer = await forged.post("/preferences/push", data=fields(Browser().address))
    assert answer.status_code == 403
    assert await kept(home) == (one,)


async def test_what_is_no_browser_is_not_kept(home: Stage) -> None:
    good = fields(Browser().address)
    for wrong in ({"endpoint": "http://127.0.0.1/"}, {"p256dh": "AAAA"}, {"auth": ""}, {"endpoint": "x" * 999}):
        assert (await home.post(home.guardian_a, "/preferences/push", **{**good, **wrong})).status_code == 400
    assert await kept(home) == ()


async def test_the_page_shows_the_browsers_and_offers_one_more_where_there_is_a_key(home: Stage) -> None:
    page = (await home.get(home.guardian_a, "/preferences")).text
    assert "data-push-key" not in page
    assert 'action="/preferences/push"' not in page
    home.kit.own = PortalSettings(vapid_public="BPublic")
    one = Browser("https://push.example/a-long-secret").address
    await home.post(home.guardian_a, "/preferences/push", **fields(one))
    page = (await home.get(home.guardian_a, "/preferences")).text
    assert 'data-push-key="BPublic"' in page
    assert "push.js" in page
    assert name_of(one) in page
    assert "push.example" in page
    assert "a-long-secret" not in page


async def test_the_worker_lies_at_the_root_and_keeps_the_strict_headers(home: Stage) -> None:
    answer = await home.get(None, "/sw.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert (answer.headers["service-worker-allowed"], answer.headers["cache-control"]) == ("/", "no-cache")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "eval(" not in answer.text
    assert "fetch" not in answer.text
