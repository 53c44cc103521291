"""A bulletin on paper and its files: what is in them, and that only those get them who may read it."""

from __future__ import annotations

import io
from uuid import uuid4

import pytest
from PIL import Image

from deploy.embedded.postgres import Postgres
from services.bulletins.bulletin_pdf import BulletinPaper, Picture, bulletin_pdf, printable
from services.bulletins.domain.bulletins import BulletinState
from services.bulletins.web.bulletin import add_bulletin
from shared.clock import ManualClock
from shared.events.notify import MessageRead
from tests.bulletins_stage import NINE, Stage, bulletins_stage
from tests.connected.bulletins.letters import sent
from tests.portal_stage import statements

pytestmark = pytest.mark.connected
HEADS = [("Learning", "# Reading\n\nWe **read**, _slowly_.\n\n1. one\n2. two\n   - deep\n\n> wise words\n\n---\n\nbye")]


def png(colour: str = "teal") -> bytes:
    """A small picture."""
    made = io.BytesIO()
    Image.new("RGB", (60, 40), colour).save(made, "PNG")
    return made.getvalue()


def paper(**more: object) -> BulletinPaper:
    """A paper of a class."""
    usual = {
        "language": "en",
        "title": "News from the class",
        "lead": "Björkskolan · 4B",
        "facts": [("Number", "2 of 3")],
        "parts": HEADS,
        "page_of": "Page %(page)s of %(pages)s",
        "unprintable": "Where […] stands, look in the portal.",
        "at": NINE,
    }
    return BulletinPaper(**{**usual, **more})  # type: ignore[arg-type]


def test_the_same_paper_is_the_same_bytes_with_its_language_its_title_and_an_outline() -> None:
    made = bulletin_pdf(paper())
    assert made.startswith(b"%PDF-")
    assert made == bulletin_pdf(paper())
    assert b"/Lang (en)" in made or b"/Lang (\xfe\xff" in made
    assert b"/Outlines" in made
    assert made.count(b"/Title") >= 3


def test_a_picture_is_drawn_where_the_text_has_it_and_at_the_end_where_it_has_not() -> None:
    one, other = uuid4(), uuid4()
    words = [("", f"Look:\n\n![A lake](attachment:{one})\n\nand ![no such](attachment:{uuid4()})")]
    pictures = {one: Picture(png(), "A lake"), other: Picture(png("red"), "A boat")}
    with_both, without = bulletin_pdf(paper(parts=words, pictures=pictures)), bulletin_pdf(paper(parts=words))
    assert with_both.count(b"/Subtype /Image") == 2
    assert without.count(b"/Subtype /Image") == 0


def test_a_long_bulletin_goes_on_over_many_pages_and_signs_we_lack_are_not_made_up() -> None:
    long = bulletin_pdf(paper(parts=[("Learning", "A paragraph of some words.\n\n" * 400)]))
    assert long.count(b"/Type /Page\n") > 4
    assert printable("Hej أهلا!") == "Hej […]!"
    assert printable("Čapek") == "Čapek"


async def lettered(stage: Stage, state: BulletinState = BulletinState.SENT) -> tuple[object, dict[str, object]]:
    """A bulletin of 4B with a picture and a document."""
    kinds = {"lake.png": "image/png", 'Månadens "plan".pdf': "application/pdf", "x.svg": "image/svg+xml"}
    ids = {name: uuid4() for name in kinds}
    files = [
        {"attachment_id": ids[name], "name": name, "alt": "A lake", "content_type": kind, "content": png()}
        for name, kind in kinds.items()
    ]
    words = {"en": {"learning": f"![A lake](attachment:{ids['lake.png']})", "activities": "Soon."}}
    return await sent(stage, "4B", parts=words, files=files, state=state, number=2, of=3), dict(ids)


async def test_the_pdf_comes_as_a_file_with_nobodys_name_and_getting_it_is_reading(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, add_bulletin) as stage:
        letter, _ = await lettered(stage)
        asked = statements(stage.kit)
        answer = await stage.get("malte", f"/bulletins/{letter}/pdf")
        assert len(asked) <= 7  # a page's six, and its pictures
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.headers["content-disposition"] == 'attachment; filename="bulletin-2026-11-02.pdf"'
        assert answer.content.startswith(b"%PDF-")
        assert answer.content.count(b"/Subtype /Image") == 1
        assert await stage.said(MessageRead) == []
        await stage.get("hanna", f"/bulletins/{letter}/pdf")
        assert [one.person_id for one in await stage.said(MessageRead)] == [stage.who["hanna"]]


async def test_files_come_as_what_they_are_and_nothing_in_them_can_run(postgres: Postgres, clock: ManualClock) -> None:
    async with bulletins_stage(postgres, clock, add_bulletin) as stage:
        letter, files = await lettered(stage)
        kinds = {"lake.png": ("image/png", "inline"), "x.svg": ("application/octet-stream", "attachment")}
        kinds['Månadens "plan".pdf'] = ("application/pdf", "attachment")
        for name, (kind, how) in kinds.items():
            answer = await stage.get("hanna", f"/bulletins/{letter}/files/{files[name]}")
            assert answer.headers["content-type"] == kind
            assert answer.headers["content-disposition"].startswith(f"{how}; filename*=UTF-8''")
            assert '"' not in answer.headers["content-disposition"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "sandbox" in answer.headers["content-security-policy"]
        page = (await stage.get("hanna", f"/bulletins/{letter}")).text
        assert f'src="/bulletins/{letter}/files/{files["lake.png"]}"' in page
        assert "attachment:" not in page


async def test_files_are_only_for_those_who_may_read_and_of_a_draft_for_those_who_write_it(
    postgres: Postgres, clock: ManualClock
) -> None:
    async with bulletins_stage(postgres, clock, add_bulletin) as stage:
        letter, files = await lettered(stage)
        other, _ = await lettered(stage)
        draft, of_draft = await lettered(stage, BulletinState.DRAFT)
        gone, of_gone = await lettered(stage, BulletinState.WITHDRAWN)
        async with stage.machine() as session:
            from sqlalchemy import text

            await session.execute(text("update bulletin set withdrawn_at = now() where state = 'withdrawn'"))

        async def status(who: str, bulletin: object, file: object) -> int:
            return (await stage.get(who, f"/bulletins/{bulletin}/files/{file}")).status_code

        mine = files["lake.png"]
        assert [await status(who, letter, mine) for who in ("hanna", "emil", "malte", "oskar")] == [200] * 4
        assert [await status(who, letter, mine) for who in ("greta", "maja", "tora", "ulla")] == [404] * 4
        assert await status("hanna", other, mine) == 404
        drawn = of_draft["lake.png"]
        assert [await status(who, draft, drawn) for who in ("malte", "rut")] == [200] * 2
        assert [await status(who, draft, drawn) for who in ("hanna", "emil", "maja", "oskar", "rolf")] == [404] * 5
        assert [await status(who, gone, of_gone["lake.png"]) for who in ("hanna", "malte")] == [404, 200]
