"""Spreading a mailing whose time has come: everyone it may be for is written down, while sending begins already."""

from __future__ import annotations

from services.notifications.domain.mailings import born_by
from services.notifications.recipients import zone_of
from services.notifications.store import mailings as store
from services.notifications.tables import roster
from shared.clock import local_date
from shared.events.roster import SchoolStated
from shared.kit import Kit
from shared.roster.projection import known


async def spread_next(kit: Kit) -> bool:
    """Spread one mailing that is due and that nobody else has in hand; False when there is none.

    Who may be told is not decided here but when each one is sent: a right that is lost meanwhile is lost. Some at a
    time are committed, and taken by whoever has room; the mailing itself stays locked and waiting until all are, so
    that after a crash somebody else begins again (who is written down already is not written down twice).
    """
    now = kit.clock.now()
    async with kit.sessions.begin() as session:
        mailing = await store.next_to_spread(session, now)
        if mailing is None:
            return False
        school = (await known(session, roster, SchoolStated, [mailing.school_id])).get(mailing.school_id)
        today = local_date(now, zone_of(school))
        async for people in store.meant(session, mailing, today, born_by(today)):
            async with kit.sessions.begin() as other:
                await store.write_down(other, mailing.mailing_id, people, now)
            kit.due_planned.set()
        await store.spread_over(session, mailing.mailing_id, now)
    kit.due_planned.set()
    return True
