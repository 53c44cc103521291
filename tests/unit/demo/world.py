"""A small municipality with a planned day, and the mailboxes of a day on which nothing went wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from uuid import UUID

from services.demo.actions import Stage
from services.demo.catcher import Mail
from services.demo.day import Plan, plan_day, replay
from services.demo.ledger import NOTICE, RETRACTION, Evidence, Figures, Ledger, notification_id
from services.demo.municipality import grow
from services.demo.people import Adult, Municipality
from services.demo.records import Records
from services.demo.script import Owed

MONDAY = date(2026, 11, 23)
SEED = 7
PUPILS = 300


def small_municipality(pupils: int = PUPILS) -> Municipality:
    return grow(SEED, MONDAY, 3, pupils)


def letter(number: int, at: datetime, recipient: str, about: UUID | None) -> Mail:
    message = EmailMessage()
    message["Subject"] = "Ett meddelande från skolan"
    message["Message-ID"] = f"<{number}@skolbro.example>"
    message.set_content(f"Läs mer: http://127.0.0.1:8000/n/{about}\n" if about else "Lektioner saknar rapport.\n")
    return Mail.of(number, at, "skola@skolbro.example", recipient, f"<{number}@skolbro.example>", bytes(message))


@dataclass
class Day:
    """A played day with everything as it should be; a test breaks one thing and asks for the figures."""

    whole: Municipality
    plan: Plan
    evidence: Evidence

    def figures(self) -> Figures:
        return Ledger(self.whole, self.plan, self.evidence).figures()

    def retracted(self) -> tuple[Owed, Adult]:
        duty = next(duty for duty in self.plan.owed if duty.retracted)
        return duty, self.whole.entitled(duty.pupil_id, self.plan.day)[0]

    def notice_of(self, duty: Owed, adult: Adult, kind: str = NOTICE) -> Mail:
        about = str(notification_id(duty.pupil_id, duty.day, duty.round, kind))
        return next(m for m in self.evidence.mails if m.recipient == adult.emails[0] and about in m.raw.decode())

    def without(self, *gone: Mail) -> None:
        self.evidence = replace(self.evidence, mails=[mail for mail in self.evidence.mails if mail not in gone])

    def also(self, recipient: str, duty: Owed, kind: str = NOTICE, hours: int = 8) -> None:
        about = notification_id(duty.pupil_id, duty.day, duty.round, kind)
        extra = letter(len(self.evidence.mails) + 1, self.plan.opens + timedelta(hours=hours), recipient, about)
        self.evidence = replace(self.evidence, mails=[*self.evidence.mails, extra])


def perfect_day() -> Day:
    whole = small_municipality()
    plan = plan_day(whole, MONDAY)
    replay(plan, Stage(whole, Records()), plan.closes)
    ledger = Ledger(whole, plan, Evidence([], frozenset(), frozenset()))
    sent: list[tuple[str, UUID | None]] = []
    served: set[tuple[UUID, UUID]] = set()
    for duty in plan.owed:
        for kind in (NOTICE, RETRACTION) if duty.retracted else (NOTICE,):
            about = notification_id(duty.pupil_id, duty.day, duty.round, kind)
            for adult in ledger.to_tell(duty):
                served |= {(adult.id, about)} if adult.simulated else set()
                sent += [] if adult.simulated else [(adult.emails[0], about)]
    sent += [(school.email, None) for school in whole.schools]
    mails = [letter(n, plan.opens + timedelta(minutes=n), to, about) for n, (to, about) in enumerate(sent, start=1)]
    unreachable = [duty for duty in plan.owed if not ledger.to_tell(duty)]
    to_call = {notification_id(duty.pupil_id, duty.day, duty.round, NOTICE) for duty in unreachable}
    return Day(whole, plan, Evidence(mails, frozenset(served), frozenset(to_call)))
