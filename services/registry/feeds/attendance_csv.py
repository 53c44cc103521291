"""A plain file of lesson results: one line each, a header, commas, semicolons or tabs.

Columns: `pupil_id`, `lesson_id` and, where the lesson is not known otherwise, `starts_at`, `ends_at`, `school_id`;
then `reported`, `attended_minutes`, `valid_minutes`, `invalid_minutes`, `modified`. Every line stands alone, so that
a broken one costs nobody else's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from services.registry.domain.kinds import Resource
from services.registry.domain.ss12000 import FIELDS, Row, row_of
from services.registry.errors import FileUnusable
from shared.errors import Permanent

REQUIRED = ("pupil_id", "lesson_id")
LONGEST_LINE = 16_384
YES, NO = ("ja", "sant"), ("nej", "nei", "falskt")


@dataclass(frozen=True)
class Header:
    """What the columns are called and what stands between them."""

    columns: tuple[str, ...]
    delimiter: str


def read_lines(path: Path, today: date) -> Iterator[tuple[Row, int]]:
    """The file's rows, each with the bytes it took (its header's are counted to the first).

    A line that cannot be taken apart becomes a row that says so. Raises FileUnusable when there is no header.
    """
    with _opened(path) as file:
        taken = file.readline()
        header = read_header(taken)
        size = len(taken)
        for number, line in enumerate(file, start=2):
            size += len(line)
            if line.strip():
                yield _row(path.name, number, line, header, today), size
                size = 0


def read_header(line: bytes) -> Header:
    """The header in the first line. Raises FileUnusable when the columns we cannot do without are not there."""
    text = _text(line).removeprefix("\ufeff")
    delimiter = max(";,\t", key=text.count)
    columns = tuple(column.strip().casefold() for column in next(csv.reader([text], delimiter=delimiter), []))
    missing = [name for name in REQUIRED if name not in columns]
    if missing:
        raise FileUnusable(
            f"The first line does not name the column {missing[0]}. Nothing was imported; the columns are "
            f"{', '.join(sorted(FIELDS[Resource.ATTENDANCE_LINES]))}, of which {' and '.join(REQUIRED)} are needed."
        )
    return Header(columns, delimiter)


def _opened(path: Path) -> Any:
    try:
        return path.open("rb")
    except OSError as fault:
        raise FileUnusable(f"{path} cannot be read ({fault.strerror}). Nothing was imported.") from None


def _row(file: str, number: int, line: bytes, header: Header, today: date) -> Row:
    ref = f"{file}:{number}"[-200:]
    try:
        return row_of(Resource.ATTENDANCE_LINES, _cells(line, header), today, ref=ref)
    except Permanent as fault:
        return Row(Resource.ATTENDANCE_LINES, None, ref, fault=str(fault))


def _cells(line: bytes, header: Header) -> dict[str, str]:
    """The line's cells by column, empty ones left out. Raises Permanent when it cannot be taken apart."""
    if len(line) > LONGEST_LINE:
        raise Permanent(f"The line is longer than {LONGEST_LINE} bytes.")
    try:
        cells = next(csv.reader([_text(line)], delimiter=header.delimiter, strict=True))
    except csv.Error:
        raise Permanent("A quotation mark in the line is not closed.") from None
    if len(cells) > len(header.columns):
        raise Permanent("The line has more cells than the first line has columns.")
    named = zip(header.columns, cells, strict=False)
    return {name: _yes_or_no(cell.strip()) for name, cell in named if cell.strip()}


def _yes_or_no(cell: str) -> str:
    word = cell.casefold()
    return "true" if word in YES else "false" if word in NO else cell


def _text(line: bytes) -> str:
    """UTF-8, or else the Latin-1 of older systems."""
    try:
        return line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        return line.decode("latin-1").rstrip("\r\n")
