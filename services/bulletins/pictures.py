"""What is attached: pictures made anew without what cameras write into them, and PDF documents as they are.

Nothing else is taken. Office documents may carry programs, and nobody should have to own an office to read a bulletin.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath

from PIL import Image, ImageOps, UnidentifiedImageError

from services.bulletins.settings import BulletinsSettings
from shared.languages import N_

LONGEST_SIDE = 1_600  # pixels; more than any phone shows
MOST_PIXELS = 60_000_000  # a picture that unfolds to more is not a photograph of a school
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF")
QUALITY = 82
PDF = b"%PDF-"
# What a document may do by itself when it is opened, and what hides in it (ISO 32000-1, 7.11.4, 12.6, 13.3).
ACTIVE = re.compile(rb"/(?:JavaScript|JS|Launch|OpenAction|AA|EmbeddedFile|RichMedia|XFA)\b")
ESCAPED = re.compile(rb"#([0-9A-Fa-f]{2})")  # a letter of a name may be written as its number (7.3.5)
PACKED = re.compile(rb"/ObjStm\b.{0,400}?stream\r?\n", re.DOTALL)  # objects may lie in packed streams (7.5.7)
MOST_UNPACKED = 20_000_000  # bytes of such streams that are looked at; more is not taken
# A picture of 60 million pixels takes half a gigabyte while it is painted, so never two at once.
PAINTER = ThreadPoolExecutor(1, "pictures")
NOT_KNOWN = N_("This is neither a picture nor a PDF. Word and other documents can be saved as PDF, which all can read.")
BROKEN = N_("The picture could not be read. Take it again, or save it as JPEG.")
HUGE = N_("The picture has too many pixels. Save it smaller and add it again.")
TOO_BIG = N_("The file is too big: at most %(mb)s MB.")
ACTIVE_PDF = N_("The PDF carries a program or other files in it. Print it to a new PDF and add that.")
EMPTY = N_("The file is empty.")


class NotTaken(Exception):
    """Why a file is not taken: English words for `_()`, with what stands in them."""

    def __init__(self, words: str, **values: object) -> None:
        super().__init__(words)
        self.words, self.values = words, values


@dataclass(frozen=True)
class Taken:
    """A file as it is kept."""

    name: str
    content_type: str
    content: bytes


async def taken(name: str, content: bytes, settings: BulletinsSettings) -> Taken:
    """A file that somebody has added, as it is kept. Raises NotTaken. Pictures are made in a thread of their own."""
    if not content:
        raise NotTaken(EMPTY)
    plain = _name(name)
    if content.startswith(PDF):
        return _document(plain, content, settings.file_bytes)
    if len(content) > settings.picture_bytes:
        raise NotTaken(TOO_BIG, mb=settings.picture_bytes // 1_000_000)
    made, kind = await asyncio.get_running_loop().run_in_executor(PAINTER, made_anew, content)
    return Taken(f"{PurePath(plain).stem}.{kind}", f"image/{'jpeg' if kind == 'jpg' else kind}", made)


def made_anew(content: bytes) -> tuple[bytes, str]:
    """The picture painted on a new sheet, upright and at most 1600 pixels long, and its file ending. Raises NotTaken.

    Nothing but the colours is carried over: no place, no time, no camera, no thumbnail.
    """
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as picture:  # reads no more than its head
            if picture.width * picture.height > MOST_PIXELS:
                raise NotTaken(HUGE)
            picture.draft("RGB", (LONGEST_SIDE * 2, LONGEST_SIDE * 2))
            return _painted(picture)
    except UnidentifiedImageError:
        raise NotTaken(NOT_KNOWN) from None
    except Image.DecompressionBombError:
        raise NotTaken(HUGE) from None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, OverflowError):
        raise NotTaken(BROKEN) from None


def _painted(picture: Image.Image) -> tuple[bytes, str]:
    upright = ImageOps.exif_transpose(picture)
    see_through = upright.has_transparency_data
    plain = upright.convert("RGBA" if see_through else "RGB")
    plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS)
    sheet = Image.new(plain.mode, plain.size)
    sheet.paste(plain)
    made = BytesIO()
    if see_through:
        sheet.save(made, "PNG", optimize=True)
        return made.getvalue(), "png"
    sheet.save(made, "JPEG", quality=QUALITY, optimize=True, progressive=True)
    return made.getvalue(), "jpg"


def _document(name: str, content: bytes, most: int) -> Taken:
    if len(content) > most:
        raise NotTaken(TOO_BIG, mb=most // 1_000_000)
    if any(ACTIVE.search(_plainly(one)) for one in (content, *_unpacked(content))):
        raise NotTaken(ACTIVE_PDF)
    return Taken(f"{PurePath(name).stem}.pdf", "application/pdf", content)


def _plainly(content: bytes) -> bytes:
    """With the letters that are written as numbers written as letters: `/J#61vaScript` is a JavaScript as well."""
    return ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), content)


def _unpacked(content: bytes) -> Iterator[bytes]:
    """What lies in the document's packed objects. Raises NotTaken for what cannot be looked into, or is a bomb."""
    left = MOST_UNPACKED
    for found in PACKED.finditer(content):
        unpacking = zlib.decompressobj()
        try:
            plain = unpacking.decompress(content[found.end() :], left)
        except zlib.error:
            raise NotTaken(ACTIVE_PDF) from None
        left -= len(plain)
        if left <= 0:
            raise NotTaken(ACTIVE_PDF)
        yield plain


def _name(typed: str) -> str:
    """A file's name without a folder and without what a header or a page could trip over."""
    last = re.split(r"[/\\]", typed)[-1]
    plain = "".join(one for one in last if one.isprintable() and one not in '"<>|:*?;')
    return plain.strip(" .")[-80:] or "file"
