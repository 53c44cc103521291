"""Text messages over HTTP: two providers that fail each other over, and what they report back."""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.embedded.postgres import Postgres
from deploy.embedded.process import free_port
from services.notifications.channels.protocol import Parcel
from services.notifications.channels.sms import SmsRoad
from services.notifications.domain.addresses import fingerprint
from services.notifications.domain.replies import Outcome, Reply, Stage, outcome_of
from services.notifications.domain.sms_reports import twilio_signature
from services.notifications.settings import NotificationsSettings
from services.notifications.tables import attempt, delivery, metadata, notification, provider, suppression
from services.notifications.tables import kit as tables
from services.notifications.web.callbacks import callback_routes
from shared.clock import ManualClock
from shared.ids import new_id
from shared.kit import Kit
from tests.sms_stubs import Mood, Stub, settings_for, stub
from tests.stack import kit_off_kafka

pytestmark = pytest.mark.connected
NUMBER = "+46701740605"
TAKEN = Reply(Stage.FINAL, 250)
ELKS_LOGIN = "Basic " + base64.b64encode(b"46elks:whisper of the forest").decode()


@pytest.fixture
async def kit(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Kit]:
    one = kit_off_kafka(postgres, "notifications", metadata, tables, clock)
    one.settings = one.settings.model_copy(update={"portal_url": "https://skola.example"})
    yield one
    await one.close()


@pytest.fixture
async def elks() -> AsyncIterator[Stub]:
    async with stub("46elks") as one:
        yield one


@pytest.fixture
async def twilio() -> AsyncIterator[Stub]:
    async with stub("twilio") as one:
        yield one


def parcel(
    to: str = NUMBER, delivery_id: UUID | None = None, text: str = "Något att läsa: https://s.example/n/1"
) -> Parcel:
    return Parcel(to, text.encode(), 0, delivery_id=delivery_id)


async def sent(road: SmsRoad, *parcels: Parcel) -> list[Reply]:
    """What came of these, one after the other."""
    replies = []
    for one in parcels:
        async with road.line() as line:
            replies.append(await line.send(one))
    return replies


async def test_46elks_is_asked_in_its_own_form_and_its_id_is_kept(kit: Kit, elks: Stub) -> None:
    road, delivery_id = SmsRoad(settings_for(elks), kit), uuid4()
    [reply] = await sent(road, parcel(delivery_id=delivery_id))
    assert outcome_of(reply) is Outcome.ACCEPTED
    assert reply.reference
    assert reply.reference.startswith("s")
    [text] = elks.texts
    back = f"https://46elks:whisper%20of%20the%20forest@skola.example/callbacks/sms/46elks/{delivery_id}"
    said = "Något att läsa: https://s.example/n/1"
    assert text == {"from": "Skolbro", "to": NUMBER, "message": said, "whendelivered": back}


async def test_twilio_is_asked_in_its_own_form_and_its_id_is_kept(kit: Kit, twilio: Stub) -> None:
    road, delivery_id = SmsRoad(settings_for(twilio), kit), uuid4()
    [reply] = await sent(road, parcel(delivery_id=delivery_id))
    assert reply.reference
    assert reply.reference.startswith("SM")
    back = f"https://skola.example/callbacks/sms/twilio/{delivery_id}"
    [text] = twilio.texts
    assert (text["From"], text["To"], text["StatusCallback"]) == ("Skolbro", NUMBER, back)


@pytest.mark.parametrize(
    ("form", "mood", "outcome"),
    [
        ("46elks", Mood.INVALID, Outcome.REFUSED),
        ("46elks", Mood.POOR, Outcome.LATER),
        ("46elks", Mood.STOPPED, Outcome.LATER),  # a 400 that does not name the number
        ("46elks", Mood.DOWN, Outcome.LATER),
        ("46elks", Mood.BUSY, Outcome.LATER),
        ("46elks", Mood.ODD, Outcome.ACCEPTED),
        ("twilio", Mood.INVALID, Outcome.REFUSED),
        ("twilio", Mood.STOPPED, Outcome.REFUSED),
        ("twilio", Mood.POOR, Outcome.LATER),
        ("twilio", Mood.DOWN, Outcome.LATER),
    ],
)
async def test_what_a_refusal_is_about_decides_what_becomes_of_the_message(
    kit: Kit, elks: Stub, twilio: Stub, form: str, mood: Mood, outcome: Outcome
) -> None:
    one = elks if form == "46elks" else twilio
    one.mood = mood
    [reply] = await sent(SmsRoad(settings_for(one), kit), parcel())
    assert outcome_of(reply) is outcome


async def test_silence_after_the_message_is_uncertain_and_no_other_provider_is_tried(
    kit: Kit, elks: Stub, twilio: Stub
) -> None:
    elks.mood = Mood.SILENT
    async with httpx.AsyncClient(timeout=0.3) as client:
        road = SmsRoad(settings_for(elks, twilio, shares=(100, 0)), kit, client)
        [reply] = await sent(road, parcel())
    assert outcome_of(reply) is Outcome.UNCERTAIN
    assert (len(elks.texts), twilio.asked) == (1, 0)


async def test_no_connection_to_anybody_is_unsent_and_the_road_is_down_until_there_is_one(kit: Kit, elks: Stub) -> None:
    port, gone = elks.port, free_port()
    elks.port = gone
    road = SmsRoad(settings_for(elks), kit)
    [reply] = await sent(road, parcel())
    assert outcome_of(reply) is Outcome.UNSENT
    assert road.is_down
    elks.port = port
    again = SmsRoad(settings_for(elks), kit)
    road.providers = again.providers
    await sent(road, parcel())
    assert not road.is_down


@pytest.mark.parametrize("mood", [Mood.DOWN, Mood.BUSY, Mood.POOR])
async def test_whom_one_provider_cannot_serve_the_other_serves_at_once(
    kit: Kit, elks: Stub, twilio: Stub, mood: Mood
) -> None:
    elks.mood = mood
    [reply] = await sent(SmsRoad(settings_for(elks, twilio, shares=(100, 0)), kit), parcel())
    assert outcome_of(reply) is Outcome.ACCEPTED
    assert (elks.asked, len(elks.texts), len(twilio.texts)) == (1, 0, 1)


async def test_a_refused_number_is_not_tried_at_the_other_provider(kit: Kit, elks: Stub, twilio: Stub) -> None:
    elks.numbers[NUMBER] = Mood.INVALID
    [reply] = await sent(SmsRoad(settings_for(elks, twilio, shares=(100, 0)), kit), parcel())
    assert outcome_of(reply) is Outcome.REFUSED
    assert twilio.asked == 0


async def test_messages_fall_on_the_providers_by_their_shares(kit: Kit, elks: Stub, twilio: Stub) -> None:
    dice = iter([place / 20 for place in range(20)])
    road = SmsRoad(settings_for(elks, twilio, shares=(75, 25)), kit, dice=lambda: next(dice))
    await sent(road, *[parcel()] * 20)
    assert (len(elks.texts), len(twilio.texts)) == (15, 5)


async def test_a_provider_that_breaks_loses_its_share_in_all_processes_and_gets_it_back_when_it_is_well(
    kit: Kit, clock: ManualClock, elks: Stub, twilio: Stub
) -> None:
    settings, spread = settings_for(elks, twilio), itertools.count()
    road, other = SmsRoad(settings, kit, dice=lambda: next(spread) * 0.618 % 1), SmsRoad(settings, kit)
    elks.mood = Mood.DOWN
    clock.advance(timedelta(seconds=60 - clock.now().second))
    for _ in range(4):
        for _ in range(12):
            await asyncio.gather(*[sent(road, *[parcel()] * 3) for _ in range(8)])
            clock.advance(timedelta(seconds=5))
    assert {share.name: share.weight for share in road.balance.shares} == {"46elks": 10, "twilio": 90}
    await sent(other, parcel())
    assert {share.name: share.weight for share in other.balance.shares} == {"46elks": 10, "twilio": 90}
    assert len(twilio.texts) == 4 * 12 * 24 + 1  # nobody went without
    elks.mood = Mood.WELL
    for _ in range(60):
        clock.advance(timedelta(minutes=1))
        await sent(road, parcel())
    async with kit.sessions() as session:
        kept = {row.name: row.weight for row in await session.execute(provider.select())}
    assert kept == {"46elks": 50, "twilio": 50}


async def test_with_the_database_away_the_known_shares_go_on(kit: Kit, elks: Stub) -> None:
    road = SmsRoad(settings_for(elks), kit)
    nowhere = create_async_engine(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/nothing")
    kit.sessions.configure(bind=nowhere)
    [reply] = await sent(road, parcel())
    assert outcome_of(reply) is Outcome.ACCEPTED


async def test_without_a_provider_there_is_no_road(kit: Kit) -> None:
    with pytest.raises(ValueError, match="NOTIFICATIONS_SMS_PROVIDERS"):
        SmsRoad(NotificationsSettings(), kit)


# What they report back -----------------------------------------------------------------------------------------


class Texted:
    """A message that was taken by a provider, and the door at which the provider reports."""

    def __init__(self, kit: Kit, settings: NotificationsSettings) -> None:
        self.kit = kit
        self.delivery_id, self.attempt_id, self.reference = uuid4(), new_id(), "s0123"
        self.app = FastAPI()
        self.app.include_router(callback_routes(kit, settings))

    async def written_down(self, finished: bool = True, reference: bool = True) -> None:
        """As the sender leaves it."""
        now, about = self.kit.clock.now(), uuid4()
        async with self.kit.sessions.begin() as session:
            await session.execute(
                notification.insert().values(
                    notification_id=about, kind="absence_notice", school_id=uuid4(), pupil_id=uuid4(), day=now.date(),
                    lesson_count=1, requested_at=now, received_at=now, status="done",
                )
            )  # fmt: skip
            await session.execute(
                delivery.insert().values(
                    delivery_id=self.delivery_id, notification_id=about, person_id=uuid4(), why="x",
                    status="delivered", tries=1, may_have_arrived=True, moved_at=now,
                )
            )  # fmt: skip
            await session.execute(
                attempt.insert().values(
                    attempt_id=self.attempt_id, delivery_id=self.delivery_id, owner=1, channel="sms",
                    fingerprint=fingerprint(b"secret", NUMBER), possible_duplicate=False, why="x", started_at=now,
                    finished_at=now if finished else None, outcome="accepted" if finished else None,
                    reference=self.reference if reference else None,
                )
            )  # fmt: skip

    async def report(self, provider: str, headers: dict[str, str], **form: str) -> int:
        """The provider reports; the status of our answer."""
        transport = httpx.ASGITransport(self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://inside:8006") as client:
            raw = {name.encode(): value.encode() for name, value in headers.items()}
            answer = await client.post(f"/callbacks/sms/{provider}/{self.delivery_id}", data=form, headers=raw)
        assert not answer.content
        return answer.status_code

    async def outcome(self) -> str:
        async with self.kit.sessions() as session:
            return str((await session.execute(attempt.select())).one().outcome)

    async def suppressed(self) -> list[str]:
        async with self.kit.sessions() as session:
            return [row.reason for row in await session.execute(suppression.select())]

    def url(self, provider: str = "twilio") -> str:
        return f"https://skola.example/callbacks/sms/{provider}/{self.delivery_id}"


@pytest.fixture
async def texted(kit: Kit, elks: Stub, twilio: Stub) -> Texted:
    return Texted(kit, settings_for(elks, twilio))


def signed(texted: Texted, url: str | None = None, by: str = "an auth token", **form: str) -> dict[str, str]:
    return {"x-twilio-signature": twilio_signature(by, url or texted.url(), list(form.items()))}


def test_twilio_signs_as_its_own_example_shows() -> None:
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675309",
        "Digits": "1234",
        "From": "+14158675309",
        "To": "+18005551212",
    }
    said = twilio_signature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", list(form.items()))
    assert said == "RSOYDt4T1cUTdK1PDd93/VVr8B8="  # twilio.com/docs/usage/security


async def test_a_failed_text_is_a_refused_attempt_and_says_so_once(texted: Texted) -> None:
    await texted.written_down()
    for _ in range(3):
        assert await texted.report("46elks", {"authorization": ELKS_LOGIN}, id="s0123", status="failed") == 204
    assert await texted.outcome() == "refused"
    assert await texted.suppressed() == ["soft"]


async def test_twilio_says_with_a_number_whether_the_address_is_of_any_use(texted: Texted) -> None:
    await texted.written_down()
    form = {"MessageSid": "s0123", "MessageStatus": "undelivered", "ErrorCode": "30005"}
    assert await texted.report("twilio", signed(texted, **form), **form) == 204
    assert await texted.suppressed() == ["hard"]


async def test_a_delivered_text_changes_nothing(texted: Texted) -> None:
    await texted.written_down()
    form = {"MessageSid": "s0123", "MessageStatus": "delivered"}
    assert await texted.report("twilio", signed(texted, **form), **form) == 204
    assert (await texted.outcome(), await texted.suppressed()) == ("accepted", [])


async def test_a_report_on_the_way_says_nothing_yet(texted: Texted) -> None:
    form = {"MessageSid": "s0123", "MessageStatus": "sent"}
    assert await texted.report("twilio", signed(texted, **form), **form) == 204


async def test_a_report_that_is_too_early_is_to_come_again(texted: Texted) -> None:
    failed: Callable[[], object] = lambda: texted.report(  # noqa: E731
        "46elks", {"authorization": ELKS_LOGIN}, id="s0123", status="failed"
    )
    assert await failed() == 404  # type: ignore[misc]
    await texted.written_down(finished=False, reference=False)
    assert await failed() == 404  # type: ignore[misc]
    assert await texted.outcome() == "None"


async def test_a_report_settles_what_a_timeout_left_open(texted: Texted) -> None:
    await texted.written_down(reference=False)
    assert await texted.report("46elks", {"authorization": ELKS_LOGIN}, id="s9", status="failed") == 204
    assert await texted.outcome() == "refused"


async def test_a_report_about_an_earlier_attempt_is_not_this_one(texted: Texted) -> None:
    await texted.written_down()
    assert await texted.report("46elks", {"authorization": ELKS_LOGIN}, id="s-earlier", status="failed") == 404
    assert await texted.outcome() == "accepted"


async def test_whoever_cannot_prove_who_they_are_gets_no_word(texted: Texted, kit: Kit, elks: Stub) -> None:
    await texted.written_down()
    failed = {"id": "s0123", "status": "failed"}
    wrong = "Basic " + base64.b64encode(b"46elks:guess").decode()
    for headers in ({}, {"authorization": wrong}, {"authorization": "Basic !"}, {"authorization": "Bearer x"}):
        assert await texted.report("46elks", headers, **failed) == 403
    form = {"MessageSid": "s0123", "MessageStatus": "failed"}
    other = {**form, "MessageStatus": "delivered"}
    elsewhere = signed(texted, url="https://skola.example/callbacks/sms/twilio/" + str(uuid4()), **form)
    for headers in (
        {}, signed(texted, **other), signed(texted, by="another", **form), elsewhere, {"x-twilio-signature": "å"},
    ):  # fmt: skip
        assert await texted.report("twilio", headers, **form) == 403
    assert await texted.report("nobody", {"authorization": ELKS_LOGIN}, **failed) == 403
    open_door = elks.provider().model_copy(update={"callback_secret": type(elks.provider().password)("")})
    bare = Texted(kit, NotificationsSettings(sms_providers=(open_door,)))
    nothing = "Basic " + base64.b64encode(b"46elks:").decode()
    assert await bare.report("46elks", {"authorization": nothing}, **failed) == 403
    assert await texted.outcome() == "accepted"


async def test_twilio_may_sign_with_the_port_written_out(texted: Texted) -> None:
    await texted.written_down()
    form = {"MessageSid": "s0123", "MessageStatus": "failed"}
    url = texted.url().replace("skola.example", "skola.example:443")
    assert await texted.report("twilio", signed(texted, url=url, **form), **form) == 204


async def test_a_report_that_is_too_long_is_not_read(texted: Texted) -> None:
    assert await texted.report("46elks", {"authorization": ELKS_LOGIN}, id="s0123", junk="x" * 20_000) == 403
