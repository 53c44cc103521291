"""What a person gets who asks what is kept about them: one file for machines and one to read, with plain words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

Language = Literal["sv", "en"]
Contents = Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]
TITLE = {"sv": "Det här finns sparat om dig", "en": "This is what is kept about you"}
MADE = {"sv": "Hämtat {at} UTC. Person {person}.", "en": "Collected {at} UTC. Person {person}."}
NOTHING = {"sv": "Inget är sparat om dig här.", "en": "Nothing is kept about you here."}
SERVICES = {
    "registry": ("Från skolans register", "From the school's registry"),
    "absence": ("Frånvaro", "Absence"),
    "scheduling": ("Möten", "Meetings"),
    "bulletins": ("Bulletiner", "Bulletins"),
    "notifications": ("Meddelanden", "Messages"),
    "portal": ("Portalen", "The portal"),
}
WORDS = {
    "person": ("Du i skolans register", "You in the school's registry"),
    "contact": ("Namn, adresser och nummer", "Names, addresses and numbers"),
    "guardianships": ("Vem som svarar för dig", "Who answers for you"),
    "login": ("Det du loggar in med (som kontrollsumma)", "What you log in by (as a digest)"),
    "attendance": ("Närvaro på lektioner", "Attendance in lessons"),
    "absence": ("Frånvaro", "Absence"),
    "named in guardianships": ("Barn du svarar för", "Children you answer for"),
    "named in group": ("Klasser och grupper du är med i", "Classes and groups you are in"),
    "named in staff": ("Ditt arbete i skolan", "Your work at the school"),
    "held": ("Rader som väntar på att någon tittar", "Rows that wait for somebody to look"),
    "quarantine": ("Beslut om vem som får veta något", "Decisions on who may be told"),
    "roster": ("Kopia av registret", "Copy of the registry"),
    "roster_link": ("Vilka som hör ihop med dig", "Who is connected with you"),
    "lesson_result": ("Närvaro på lektioner", "Attendance in lessons"),
    "absence_report": ("Frånvaro hemmet anmält", "Absence the home reported"),
    "notice": ("Besked om frånvaro samma dag", "Same-day notices of absence"),
    "notification": ("Meddelanden om dig", "Messages about you"),
    "notification_only": ("Meddelanden bara till dig", "Messages for you alone"),
    "delivery": ("Meddelanden och hur det gick med dem", "Messages and what became of them"),
    "attempt": ("Försök att nå fram", "Attempts to reach"),
    "call_list": ("Hem att ringa", "Homes to call"),
    "duty": ("Det skolan är skyldig hemmet", "What the school owes the home"),
    "duty_moment": ("När det hände", "When it happened"),
    "acknowledgement": ("Det du har bekräftat", "What you have acknowledged"),
    "preference": ("Hur du vill få besked", "How you want to be told"),
    "approval": ("Samtycken", "Consents"),
    "question": ("Frågor till dig", "Questions to you"),
    "feed": ("Din kalenderlänk (som kontrollsumma)", "Your calendar link (as a digest)"),
    "login ": ("Inloggningar", "Logins"),
    "draft": ("Utkast", "Drafts"),
    "audit_entry": ("Vem som har tittat på dina uppgifter", "Who has looked at your data"),
    "talk": ("Samtal med skolan", "Talks with the school"),
    "talk of a child": ("Samtal om ditt barn", "Talks about your child"),
    "promised": ("Det du har lovat", "What you promised"),
    "written for the home": ("Det du skrev inför samtal", "What you wrote before talks"),
    "talk_guest": ("Samtal du är med i", "Talks you take part in"),
    "preparation": ("Förberedelser inför samtal", "Preparations for talks"),
    "record": ("Det som skrevs ner vid samtal", "What was written down in talks"),
    "signature": ("Underskrifter", "Signatures"),
    "commitment": ("Det ni har kommit överens om", "What was agreed"),
    "check_in": ("Frågor om hur det går", "Questions how it is going"),
    "adaptation": ("Stöd i skolan", "Support at school"),
    "absence_sum": ("Summor av frånvaro", "Sums of absence"),
    "coverage": ("Samtal som skolan är skyldig", "Talks the school owes"),
    "wish": ("När du kan komma", "When you can come"),
    "need": ("Det du behöver vid samtal", "What you need at talks"),
    "occupancy": ("Upptagna tider", "Times that are taken"),
    "hold": ("Tider du höll på att välja", "Times you were choosing"),
    "booking": ("Dina bokningar", "Your bookings"),
    "waiting": ("Tider du väntar på", "Times you wait for"),
    "proposal_talk": ("Förslag till tider", "Proposed times"),
    "registration": ("Möten och besök du har anmält dig till", "Meetings and visits you have registered for"),
    "offer": ("Det du har erbjudit skolan", "What you have offered the school"),
    "offer_asked": ("Frågor om det du har erbjudit", "Questions about what you have offered"),
    "mailing": ("Utskick", "Mailings"),
    "addressee": ("Utskick till dig och hur det gick med dem", "Mailings to you and what became of them"),
    "digest_item": ("Det som samlas i ditt dagliga brev", "What is gathered for your daily mail"),
    "letter": ("Brev på papper", "Letters on paper"),
    "owed": ("Klassbrev som skolan är skyldig hemmet", "Bulletins the school owes the home"),
    "known_talk": ("Samtal, för att fråga hur de var", "Talks, to ask how they were"),
    "absence_month": ("Summor av frånvaro", "Sums of absence"),
    "reach": ("Klassbrev till dig och hur det gick med dem", "Bulletins to you and what became of them"),
    "reading": ("Klassbrev du har läst", "Bulletins you have read"),
    "feedback": ("Det du har svarat om skolans brev och samtal", "What you have said about bulletins and talks"),
    "thread": ("Samtal i skrift", "Conversations in writing"),
    "party": ("Samtal i skrift som du är med i", "Conversations in writing you take part in"),
    "message": ("Det du har skrivit", "What you have written"),
    "message_file": ("Det du har skickat med", "What you have attached"),
    "dead_letter": ("Poster som inte gick att läsa", "Records that could not be read"),
}
STYLE = (
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "dl{display:grid;grid-template-columns:minmax(8rem,14rem) 1fr;gap:.1rem 1rem;border-top:1px solid #999;"
    "padding:.5rem 0;margin:0}dt{color:#555}dd{margin:0;overflow-wrap:anywhere}"
)


def write(folder: Path, person_id: UUID, contents: Contents, at: datetime, language: Language) -> list[Path]:
    """Write `person.json` and `person.html`, readable by their owner only; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    machine = {"person_id": str(person_id), "collected_at": at.isoformat(), "services": contents}
    texts = {
        "person.json": json.dumps(machine, ensure_ascii=False, indent=2),
        "person.html": "\n".join(_page(person_id, contents, at, language)),
    }
    files = []
    for name, text in texts.items():
        file = folder / name
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(text, encoding="utf-8")
        files.append(file)
    return files


def _page(person_id: UUID, contents: Contents, at: datetime, language: Language) -> Iterator[str]:
    place = ("sv", "en").index(language)
    yield f'<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{TITLE[language]}</title>'
    yield f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><h1>{TITLE[language]}</h1>'
    yield f"<p>{MADE[language].format(at=f'{at:%Y-%m-%d %H:%M}', person=person_id)}</p>"
    for service, tables in contents.items():
        yield f"<h2>{escape(SERVICES.get(service, (service, service))[place])}</h2>"
        if not tables:
            yield f"<p>{NOTHING[language]}</p>"
        for table, rows in tables.items():
            yield f"<h3>{escape(_words(service, table)[place])} ({len(rows)})</h3>"
            yield from (_row(row) for row in rows)
    yield "</html>"


def _words(service: str, table: str) -> tuple[str, str]:
    name = "login " if (service, table) == ("portal", "login") else table
    return WORDS.get(name, (table, table))


def _row(row: Mapping[str, Any]) -> str:
    told = {name: value for name, value in row.items() if value not in (None, [], "")}
    lines = [_line(name.replace("_", " "), _text(value)) for name, value in told.items()]
    return f"<dl>{''.join(lines)}</dl>"


def _line(name: str, value: str) -> str:
    return f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
