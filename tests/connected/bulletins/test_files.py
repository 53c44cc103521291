"""Pictures are made anew and documents are looked at before they are attached; no typed word is lost on the way."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any
from uuid import UUID

import httpx
import pytest
from PIL import Image

from deploy.embedded.postgres import Postgres
from services.bulletins.web.bulletin import add_bulletin
from shared.clock import ManualClock
from tests.bulletins_stage import Stage, bulletins_stage
from tests.connected.bulletins.test_compose import begun, save, version_of
from tests.connected.bulletins.test_sending import ROOMS, send

pytestmark = pytest.mark.connected
GPS, ORIENTATION, ARTIST = 0x8825, 0x0112, 0x013B
PDF = b"%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"


@pytest.fixture
async def stage(postgres: Postgres, clock: ManualClock) -> AsyncIterator[Stage]:
    async with bulletins_stage(postgres, clock, *ROOMS, add_bulletin) as here:
        yield here


def photo(width: int = 400, height: int = 200, kind: str = "JPEG", **more: Any) -> bytes:
    """A picture, red on its left half, as a phone would take it: on its side, with a place and a name in it."""
    picture = Image.new("RGB", (width, height), "blue")
    picture.paste("red", (0, 0, width // 2, height))
    exif = Image.Exif()
    exif[ORIENTATION], exif[ARTIST] = 6, "Pia Dold"
    exif.get_ifd(GPS).update({1: "N", 2: (59.0, 19.0, 0.0)})
    made = BytesIO()
    picture.save(made, kind, **({"exif": exif} | more))
    return made.getvalue()


async def attach(stage: Stage, bulletin: UUID, content: bytes, name: str = "IMG_1.jpg", **more: Any) -> httpx.Response:
    """Add a file with the editor's own form."""
    fields = {"version": await version_of(stage, bulletin), "language": "sv", "subject-sv": "Vecka 45", "act": "file"}
    fields |= {"learning-sv": "Vi läser.", "activities-sv": "Utflykt.", "file_alt": "Vår skog", **more}
    return await stage.post("maja", f"/bulletins/{bulletin}/files", fields, files={"file": (name, content)})


async def kept(stage: Stage, bulletin: UUID) -> list[Any]:
    return list(await stage.rows("select * from attachment where bulletin_id = :id order by added_at", id=bulletin))


async def test_a_picture_is_made_anew_upright_small_and_without_a_place(stage: Stage) -> None:
    bulletin = await begun(stage)
    taken = photo(4000, 2000)
    assert b"Pia Dold" in taken
    assert (await attach(stage, bulletin, taken)).status_code == 303
    [file] = await kept(stage, bulletin)
    picture = Image.open(BytesIO(file.content))
    assert picture.size == (800, 1600)  # on its side no more, and no side longer than 1600
    assert not dict(picture.getexif())
    assert b"Pia" not in file.content
    assert picture.convert("RGB").getpixel((400, 50))[0] > 200  # type: ignore[index]
    assert (file.alt, file.content_type, file.name) == ("Vår skog", "image/jpeg", "IMG_1.jpg")
    shown = await stage.get("maja", f"/bulletins/{bulletin}/files/{file.attachment_id}")
    assert shown.content == file.content
    for who in ("malte", "anna", "ebba", "oskar", "uffe"):
        assert (await stage.get(who, f"/bulletins/{bulletin}/files/{file.attachment_id}")).status_code == 404, who


@pytest.mark.parametrize(("kind", "made"), [("PNG", "image/jpeg"), ("WEBP", "image/jpeg"), ("GIF", "image/jpeg")])
async def test_pictures_of_other_kinds_become_pictures_that_all_can_see(stage: Stage, kind: str, made: str) -> None:
    bulletin = await begun(stage)
    more: dict[str, Any] = {} if kind == "GIF" else {"exif": Image.Exif()}
    assert (await attach(stage, bulletin, photo(kind=kind, **more), "x.y")).status_code == 303
    assert (await kept(stage, bulletin))[0].content_type == made


async def test_what_can_be_seen_through_stays_so(stage: Stage) -> None:
    bulletin = await begun(stage)
    made = BytesIO()
    Image.new("RGBA", (50, 50), (255, 0, 0, 10)).save(made, "PNG")
    await attach(stage, bulletin, made.getvalue(), "karta.png")
    [file] = await kept(stage, bulletin)
    assert file.content_type == "image/png"
    assert Image.open(BytesIO(file.content)).convert("RGBA").getpixel((5, 5)) == (255, 0, 0, 10)


def bomb() -> bytes:
    """A PNG of a few kB that unfolds to 30,000 × 30,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    size = (30_000).to_bytes(4, "big")
    rows = zlib.compress(b"\0" * 1_000_000)
    head = chunk(b"IHDR", size + size + b"\x08\x02\0\0\0")
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("bomb.png", bomb(), "too many pixels"),
        ("brev.docx", b"PK\x03\x04 a document", "neither a picture nor a PDF"),
        ("x.jpg", b"<html><script>alert(1)</script>", "neither a picture nor a PDF"),
        ("x.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "neither a picture nor a PDF"),
        ("half.jpg", photo()[:900], "could not be read"),
        ("x.pdf", PDF.replace(b"/Type", b"/OpenAction<</S/JavaScript/JS(x)>>/Type"), "carries a program"),
        ("x.jpg", b"", "empty"),
    ],
)
async def test_what_is_not_taken_says_why_and_the_words_are_saved(
    stage: Stage, name: str, content: bytes, said: str
) -> None:
    bulletin = await begun(stage)
    answer = await attach(stage, bulletin, content, name, **{"learning-sv": "Ord som inte får försvinna."})
    assert answer.status_code == 400
    assert said in answer.text
    assert not await kept(stage, bulletin)
    assert "Ord som inte får försvinna." in (await stage.get("maja", f"/bulletins/{bulletin}/edit")).text


async def test_limits_hold_for_bytes_and_for_how_many(stage: Stage) -> None:
    stage.settings.files, stage.settings.file_bytes = 1, 100
    bulletin = await begun(stage)
    assert "too big" in (await attach(stage, bulletin, PDF + b" " * 100, "x.pdf")).text
    assert (await attach(stage, bulletin, PDF, "../../Brev: hem.pdf")).status_code == 303
    assert (await kept(stage, bulletin))[0].name == "Brev hem.pdf"
    assert "files already" in (await attach(stage, bulletin, PDF, "y.pdf")).text


async def test_a_picture_needs_words_for_those_who_do_not_see_it(stage: Stage) -> None:
    bulletin = await begun(stage)
    await attach(stage, bulletin, photo(), file_alt="")
    [file] = await kept(stage, bulletin)
    answer = await send(stage, bulletin)
    assert answer.status_code == 400
    assert "what this picture shows" in answer.text
    await save(stage, "maja", bulletin, **{f"alt-{file.attachment_id}": "Barn som gräver"})
    assert (await send(stage, bulletin)).status_code == 303


async def test_a_picture_is_placed_in_the_text_and_a_missing_one_is_noticed(stage: Stage) -> None:
    bulletin = await begun(stage)
    await attach(stage, bulletin, photo())
    [file] = await kept(stage, bulletin)
    placed = {"learning-sv": f"Se här:\n\n![](attachment:{file.attachment_id})"}
    await save(stage, "maja", bulletin, **placed)
    page = await stage.get("maja", f"/bulletins/{bulletin}/preview")
    assert page.text.count(f'src="/bulletins/{bulletin}/files/{file.attachment_id}" alt="Vår skog"') == 1
    await save(stage, "maja", bulletin, act=f"unfile:{file.attachment_id}", **placed)
    assert not await kept(stage, bulletin)
    answer = await send(stage, bulletin)
    assert answer.status_code == 400
    assert "not attached any more" in answer.text


async def test_the_check_reads_what_pictures_show_and_what_files_are_called(stage: Stage) -> None:
    bulletin = await begun(stage)
    await attach(stage, bulletin, photo(), "pia_1.jpg", file_alt="Pia vid tavlan")
    page = await stage.get("maja", f"/bulletins/{bulletin}/preview")
    assert page.text.count("A name that must not be in here") == 2
    assert (await send(stage, bulletin)).status_code == 400
