"""What the notifications service keeps on the stage of attacks: letters that wait, own words, trials, guests."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from pydantic import SecretStr
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from services.notifications import tables as t
from services.notifications.domain.addresses import fingerprint
from services.notifications.settings import NotificationsSettings, SmsProvider
from services.notifications.web.letters import micros
from shared.events.notify import Lane, MailingKind, NotificationKind
from tests.connected.attack_letters import home
from tests.connected.attack_town import DAY, Place, Settling, Thing
from tests.portal_stage import ELSEWHERE, HERE, TEN, TODAY

PRINTED_AT = TEN - timedelta(hours=5)
ELKS, TWILIO = "elks", "other"
PROVIDERS = tuple(
    SmsProvider(name=name, form=form, url="http://127.0.0.1:1", username=name, password=SecretStr(f"pass of {name}"),
                callback_secret=SecretStr(f"secret of {name}"))
    for name, form in ((ELKS, "46elks"), (TWILIO, "twilio"))
)  # fmt: skip
SETTINGS = NotificationsSettings(
    message_id_secret=SecretStr("a secret of the attack stage"), return_domain="back.example", sms_providers=PROVIDERS
)
WORDED = NotificationKind.TALK_BOOKED
ABOUT: dict[str, Any] = {"day": TODAY, "lesson_count": 1, "requested_at": TEN - DAY, "received_at": TEN - DAY}


async def sendings(here: Settling, db: AsyncSession) -> None:
    """All of both municipalities."""
    for tenant, officer in ((HERE, "officer"), (ELSEWHERE, "other_officer")):
        await _trial(here, db, tenant, here.who[officer])
        await _words(here, db, tenant, here.who[officer])
    for place in here.places:
        await _letters(here, db, place)
        await _mailing(here, db, place)
    await _texts(here, db)


async def _trial(here: Settling, db: AsyncSession, tenant: UUID, officer: UUID) -> None:
    """A trial, which began in the other municipality only, with a guest in each."""
    guest = f"{here.town.plant({officer})}@gast.example".lower()
    here.town.planted[guest] = {officer}
    await db.execute(insert(t.guest).values(tenant_id=tenant, address=guest, added_at=TEN - DAY))
    if tenant == ELSEWHERE:
        await db.execute(insert(t.trial).values(tenant_id=tenant, author_id=officer, since=TEN - DAY))
    here.keep("trial", Thing(tenant, {"see": frozenset({officer})}, {}, (guest,), {"guest": guest}))


async def _words(here: Settling, db: AsyncSession, tenant: UUID, officer: UUID) -> None:
    """A municipality's own words, and those it had before."""
    tokens = []
    for version, retired in ((1, TEN - DAY), (2, None)):
        subject, body = here.town.plant({officer}), here.town.plant({officer})
        its = {"tenant_id": tenant, "kind": WORDED, "language": "sv", "version": version, "author_id": officer}
        row = {**its, "subject": subject, "body": body, "at": TEN - 2 * DAY, "retired_at": retired}
        await db.execute(insert(t.wording).values(wording_id=uuid4(), **row))
        tokens += [subject, body]
    here.keep("words", Thing(tenant, {"see": frozenset({officer})}, {}, tuple(tokens)))


async def _letters(here: Settling, db: AsyncSession, place: Place) -> None:
    """For each home of the first class a letter that waits and one that was printed."""
    group = next(iter(place.pupils))
    charge = here.ids(place.principal, place.officer)
    for name in place.pupils[group]:
        pupil = here.who[name]
        for reader in sorted(here.guardians(pupil), key=str):
            for printed_at in (None, PRINTED_AT):
                notice = uuid4()
                its = {"notification_id": notice, "school_id": place.school, "pupil_id": pupil, **ABOUT}
                kind = NotificationKind.COMMITMENT_NUDGE
                await db.execute(insert(t.notification).values(**its, kind=kind, status="done", lane=Lane.NORMAL))
                letter = {"letter_id": uuid4(), "school_id": place.school, "person_id": reader, "pupil_id": pupil}
                printed = {"printed_at": printed_at, "wanted_at": TEN - DAY}
                await db.execute(insert(t.letter).values(**letter, **printed, notification_id=notice))
        here.town.meet(charge, here.guardians(pupil) | {pupil})
    more = {"place": place, "at": micros(PRINTED_AT), "near": here.ids("principal_2", "other_officer", "mentor")}
    here.keep("tray", Thing(place.school, {"see": charge}, {"see": here.ids(place.principal)}, (), more))


async def _mailing(here: Settling, db: AsyncSession, place: Place) -> None:
    """A bulletin on its way, with planted words: no page of this service shows any of them."""
    group, mailing = next(iter(place.pupils)), uuid4()
    texts = [{"language": "sv", "subject": here.town.plant(()), "text": here.town.plant(()), "html": ""}]
    await db.execute(
        insert(t.mailing).values(
            mailing_id=mailing, tenant_id=place.tenant, school_id=place.school, kind=MailingKind.BULLETIN,
            about_id=uuid4(), author_id=here.who[place.principal], group_ids=[str(group)], day=TODAY, path="/bulletins",
            must_read=False, texts=texts, requested_at=TEN, send_at=TEN, status="sending",
        )
    )  # fmt: skip
    for name in place.pupils[group]:
        pupil = here.who[name]
        for person in home(here, [pupil]):
            its = {"mailing_id": mailing, "person_id": person, "delivery_id": uuid4(), "pupil_ids": [str(pupil)]}
            known = await db.execute(
                t.addressee.select().where(t.addressee.c.mailing_id == mailing, t.addressee.c.person_id == person)
            )
            if known.first() is None:
                await db.execute(insert(t.addressee).values(**its, status="pending", why="guardian", moved_at=TEN))


async def _texts(here: Settling, db: AsyncSession) -> None:
    """A text message by each provider that was delivered: what a forged report would take back."""
    for provider in (ELKS, TWILIO):
        notice, delivery, reader = uuid4(), uuid4(), here.who["guardian_a"]
        its = {"notification_id": notice, "school_id": here.here.school_1, "pupil_id": here.who["child_1"], **ABOUT}
        kind = NotificationKind.ABSENCE_NOTICE
        await db.execute(insert(t.notification).values(**its, kind=kind, status="done", lane=Lane.URGENT))
        sent = {"delivery_id": delivery, "notification_id": notice, "person_id": reader, "why": "guardian"}
        sent |= {"status": "delivered", "tries": 1, "may_have_arrived": False, "moved_at": TEN, "channel": "sms"}
        await db.execute(insert(t.delivery).values(**sent))
        digest = fingerprint(SETTINGS.secret(demo=False), "+46700000001")
        tried = {"attempt_id": uuid4(), "delivery_id": delivery, "owner": 1, "channel": "sms", "fingerprint": digest}
        tried |= {"possible_duplicate": False, "why": "guardian", "started_at": TEN, "finished_at": TEN}
        await db.execute(insert(t.attempt).values(**tried, outcome="accepted", reference=f"ref-{provider}"))
        more = {"provider": provider, "reference": f"ref-{provider}", "digest": digest}
        here.keep("text", Thing(delivery, {}, {}, (), more))
