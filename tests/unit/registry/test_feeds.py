"""Bytes as they come, and the rows in them."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from services.registry.domain.kinds import Resource
from services.registry.domain.reading import parse
from services.registry.domain.ss12000 import Row, raw_bytes, row_of
from services.registry.errors import FileUnusable, PageUnreadable
from services.registry.feeds.attendance_csv import LONGEST_LINE, read_header, read_lines
from services.registry.feeds.folder import files, unused
from services.registry.feeds.pages import read_page
from tests.unit.registry.rows import LESSON, PUPIL, TODAY

P, L = str(PUPIL), str(LESSON)
ORGS = Resource.ORGANISATIONS


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": [{"id": 1}], "pageToken": null}',
        b'{"persons": [{"id": 1}]}',
        b'[{"id": 1}]',
        b'\xef\xbb\xbf{"data": [{"id": 1}]}',
    ],
)
def test_rows_are_found_wherever_registries_put_them(body: bytes) -> None:
    assert read_page(body, Resource.PERSONS).rows == [{"id": 1}]


def test_the_token_of_the_next_page_is_read_and_an_empty_one_is_the_end() -> None:
    assert read_page(b'{"data": [], "pageToken": "x"}', Resource.PERSONS).next_token == "x"
    assert read_page(b'{"data": [], "pageToken": ""}', Resource.PERSONS).next_token is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"null",
        b"7",
        b'{"data": null}',
        b'{"data": {"id": 1}}',
        b'{"data": [{"id": 1}, {"i',
        b'{"data": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"data": [' + b"9" * 5000 + b"]}",
        "åäö".encode("utf-16"),
    ],
)
def test_what_is_no_page_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(PageUnreadable):
        read_page(body, Resource.PERSONS)


def test_bytes_that_are_not_utf8_spoil_only_their_own_row() -> None:
    names = [{"id": P, "displayName": name} for name in ("Åsskolan", "Ekskolan")]
    body = json.dumps({"data": names}, ensure_ascii=False).encode("latin-1")
    first, second = (parse(row_of(Resource.ORGANISATIONS, raw, TODAY)) for raw in read_page(body, ORGS).rows)
    assert "displayName: Input should be a valid string" in first.reason
    assert second.model is not None


def test_a_row_is_kept_as_bytes_whatever_is_in_it_and_without_what_we_do_not_use() -> None:
    raw = {"id": P, "givenName": "a\x00\udce5", "civicNo": {"value": "20140301-1234"}, "photo": "x", "addresses": []}
    row = row_of(Resource.PERSONS, raw, TODAY)
    kept = raw_bytes(row)
    assert kept is not None
    assert kept.isascii()
    assert b"1234" not in kept
    assert b"2014-03-01" in kept
    assert b"photo" not in kept


def test_a_row_nested_deeper_than_it_can_be_written_is_still_a_row() -> None:
    nested: object = 1
    for _ in range(20_000):
        nested = [nested]
    assert raw_bytes(row_of(Resource.PERSONS, {"id": P, "emails": nested}, TODAY)) == b"null"


def test_a_row_without_a_readable_id_is_recognised_when_it_comes_again() -> None:
    first, again = (row_of(Resource.PERSONS, {"id": "?", "givenName": "x"}, TODAY) for _ in range(2))
    assert first.ref == again.ref
    assert first.entity is None


def test_a_folder_is_read_list_by_list_in_the_order_they_need_each_other(tmp_path: Path) -> None:
    names = ["persons.json", "persons-2.json", "Organisations.json", "attendances.json", "notes.json"]
    for name in names:
        (tmp_path / name).write_text("[]")
    assert [file.path.name for file in files(tmp_path)] == [
        "Organisations.json",
        "persons-2.json",
        "persons.json",
        "attendances.json",
    ]
    assert unused(tmp_path) == ["notes.json"]


def test_an_empty_folder_and_a_missing_one_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match="to be called"):
        files(tmp_path)
    with pytest.raises(FileUnusable, match="not a folder"):
        files(tmp_path / "missing")


def lines(tmp_path: Path, content: bytes) -> list[Row]:
    path = tmp_path / "results.csv"
    path.write_bytes(content)
    return [row for row, _ in read_lines(path, date(2026, 11, 23))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_plain_file_is_read_with_any_usual_delimiter_encoding_and_line_end(
    tmp_path: Path, delimiter: str, encoding: str, end: str
) -> None:
    table = [["Pupil_ID", "lesson_id", "reported", "invalid_minutes", "anmärkning"], [P, L, "Ja", "60", "sjö"]]
    content = end.join(delimiter.join(row) for row in table).encode(encoding)
    [row] = lines(tmp_path, content)
    assert row.raw == {"pupil_id": P, "lesson_id": L, "reported": "true", "invalid_minutes": "60"}
    assert row.ref == "results.csv:2"


def test_every_line_stands_alone(tmp_path: Path) -> None:
    good = f"{P},{L},60"
    bad = [f'"{P},{L},60', f"{P},{L},60,1,2", "x" * (LONGEST_LINE + 1), f"{P}", "a\x00b,c,d", "\xff,,"]
    content = "\n".join(["pupil_id,lesson_id,invalid_minutes", good, *bad, "", good]).encode("latin-1")
    parsed = [parse(row) for row in lines(tmp_path, content)]
    assert [one.row.ref for one in parsed if one.model] == ["results.csv:2", "results.csv:10"]
    reasons = [one.reason for one in parsed if not one.model]
    assert len(reasons) == len(bad)
    assert "not closed" in reasons[0]
    assert "more cells" in reasons[1]
    assert "longer than" in reasons[2]


def test_a_file_without_the_columns_that_are_needed_says_which() -> None:
    with pytest.raises(FileUnusable, match="does not name the column lesson_id"):
        read_header(b"pupil_id,minutes\n")
    with pytest.raises(FileUnusable, match="pupil_id"):
        read_header(b"")
    with pytest.raises(FileUnusable, match="pupil_id"):
        read_header("pupil_id,lesson_id".encode("utf-16"))


def test_a_file_that_is_not_there_is_said_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match="cannot be read"):
        list(read_lines(tmp_path / "missing.csv", TODAY))
