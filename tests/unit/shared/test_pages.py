"""Pages: in the reader's language, escaped, kept by nobody, and honest when something goes wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse
from jinja2 import UndefinedError

from shared.languages import LANGUAGES
from shared.settings import KitSettings
from shared.web.errors import add_error_pages
from shared.web.headers import HEADERS
from shared.web.language import language_routes
from shared.web.pages import COOKIE, Pages, add_pages

NOW = datetime(2026, 11, 23, 8, 12, tzinfo=UTC)
PAGE = """{% extends "frame.html" %}{% from "parts.html" import form, field, bar %}
{% block title %}{{ name }}{% endblock %}
{% block main %}
{% call form("/save") %}{{ field("phone", "Phone", name, hint="With code", error="Too short") }}{% endcall %}
<i>{{ when | instant }}|{{ when | clock }}|{{ when.date() | day }}|{{ 12345 | number }}|{{ 1 | percent(3) }}</i>
{% endblock %}"""
HTML = {"accept": "text/html"}


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    folder = tmp_path / "web" / "templates"
    folder.mkdir(parents=True)
    (folder / "page.html").write_text(PAGE, "utf-8")
    app = create(Pages(folder, KitSettings(portal_url="https://skolbro.example")))
    # The cookie is only for HTTPS, so the client has to be there too.
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://portal") as client:
        yield client


def create(pages: Pages) -> FastAPI:
    app = FastAPI()
    add_pages(app, Path("nowhere"), pages.settings)
    add_error_pages(app, pages)
    app.include_router(language_routes(pages.settings))

    @app.get("/page")
    def page(request: Request, day: int = 23) -> HTMLResponse:
        request.state.csrf, request.state.viewer_name = "token", "Åsa <Ek>"
        when = NOW.replace(day=day)
        return pages.html(request, "page.html", name='"><script>', when=when, now=NOW)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("a row with Moa in it")

    @app.get("/pupil/{number}")
    def pupil(number: int, page: int = 0) -> int:
        return number + page

    return app


async def test_what_people_are_called_is_escaped_everywhere(web: httpx.AsyncClient) -> None:
    text = (await web.get("/page")).text
    assert "<script>" not in text
    assert "Åsa &lt;Ek&gt;" in text


async def test_a_form_carries_the_token_and_a_field_says_its_hint_and_error(web: httpx.AsyncClient) -> None:
    text = (await web.get("/page")).text
    assert '<input type="hidden" name="csrf" value="token">' in text
    assert 'aria-describedby="phone-hint phone-error" aria-invalid="true"' in text
    assert 'id="phone-hint"' in text
    assert 'id="phone-error"' in text


@pytest.mark.parametrize(
    ("asked", "tag"),
    [("no,en;q=0.5", "nb"), ("fr, nn-NO;q=0.8, en;q=0.9", "en"), ("", "sv"), ("de", "sv"), ("en;q=0,nn;q=x", "sv")],
)
async def test_the_language_is_what_the_browser_likes_best_of_ours(
    web: httpx.AsyncClient, asked: str, tag: str
) -> None:
    assert f'<html lang="{tag}">' in (await web.get("/page", headers={"accept-language": asked})).text


@pytest.mark.parametrize(
    ("tag", "written"),
    [
        ("sv", "09:12|09:12|måndag 23 november|12\N{NO-BREAK SPACE}345|33\N{NO-BREAK SPACE}%"),
        ("nb", "09:12|09:12|mandag 23. november|12\N{NO-BREAK SPACE}345|33\N{NO-BREAK SPACE}%"),
        ("nn", "09:12|09:12|måndag 23. november|12\N{NO-BREAK SPACE}345|33\N{NO-BREAK SPACE}%"),
        ("en", "09:12|09:12|Monday 23 November|12,345|33%"),
    ],
)
async def test_times_dates_and_numbers_are_as_people_there_write_them(
    web: httpx.AsyncClient, tag: str, written: str
) -> None:
    assert written in (await web.get("/page", headers={"accept-language": tag})).text


@pytest.mark.parametrize(
    ("day", "said"),
    [(23, "today 09:12"), (22, "yesterday 09:12"), (24, "tomorrow 09:12"), (2, "Monday 2 November 09:12")],
)
async def test_a_day_that_is_near_is_named_by_how_near(web: httpx.AsyncClient, day: int, said: str) -> None:
    assert said in (await web.get(f"/page?day={day}", headers={"accept-language": "en"})).text


async def test_the_language_chosen_in_the_foot_stays_and_leads_back(web: httpx.AsyncClient) -> None:
    assert 'name="next" value="/page?day=2"' in (await web.get("/page?day=2")).text
    answer = await choose(web, "/page?day=2")
    assert (answer.status_code, answer.headers["location"]) == (303, "/page?day=2")
    assert all(said in answer.headers["set-cookie"].lower() for said in ("httponly", "secure", "samesite=lax"))
    assert '<html lang="nn">' in (await web.get("/page", headers={"accept-language": "en"})).text


@pytest.mark.parametrize(
    "to", ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "evil"]
)
async def test_the_choice_of_language_leads_nowhere_else(web: httpx.AsyncClient, to: str) -> None:
    assert (await choose(web, to)).headers["location"] == "/"


@pytest.mark.parametrize("said", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
async def test_another_site_chooses_no_language(web: httpx.AsyncClient, said: dict[str, str]) -> None:
    answer = await choose(web, "/page", said)
    assert answer.status_code == 403
    assert COOKIE not in answer.headers.get("set-cookie", "")


async def choose(web: httpx.AsyncClient, to: str, said: dict[str, str] | None = None) -> httpx.Response:
    form = {"content-type": "application/x-www-form-urlencoded"}
    body = urlencode({"language": "nn", "next": to})
    return await web.post("/language", content=body, headers=form | (said or {}))


@pytest.mark.parametrize("path", ["/page", "/nowhere", "/broken", "/pupil/x"])
async def test_every_answer_carries_the_headers_and_is_kept_by_nobody(web: httpx.AsyncClient, path: str) -> None:
    answer = await web.get(path, headers=HTML)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["strict-transport-security"].startswith("max-age=")


async def test_a_static_file_is_kept_as_long_as_its_address_names_what_is_in_it(web: httpx.AsyncClient) -> None:
    page = (await web.get("/page")).text
    address = page.split('rel="stylesheet" href="')[1].split('"')[0]
    assert "immutable" in (await web.get(address)).headers["cache-control"]
    assert "immutable" not in (await web.get(address.split("?")[0])).headers.get("cache-control", "")


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nowhere", "GET", 404), ("/page", "POST", 405), ("/pupil/x", "GET", 404), ("/pupil/1?page=x", "GET", 422)],
)
async def test_a_refusal_is_a_page_for_people_and_json_for_programs(
    web: httpx.AsyncClient, path: str, method: str, status: int
) -> None:
    page = await web.request(method, path, headers=HTML | {"accept-language": "en"})
    assert page.status_code == status
    assert '<main id="main"' in page.text
    program = await web.request(method, path, headers={"accept": "application/json"})
    assert program.json()["detail"]


@pytest.mark.parametrize(
    ("tag", "title"),
    [
        ("sv", "Den sidan finns inte för dig"),
        ("nb", "Den siden finnes ikke for deg"),
        ("nn", "Den sida finst ikkje for deg"),
        ("en", "There is no such page for you"),
    ],
)
async def test_a_refusal_is_in_the_reader_s_language(web: httpx.AsyncClient, tag: str, title: str) -> None:
    assert f"<h1>{title}</h1>" in (await web.get("/nowhere", headers=HTML | {"accept-language": tag})).text


@pytest.mark.parametrize("source", ["{{ nobody_said }}", "{{ name.no_such }}", "{% if nobody_said %}x{% endif %}"])
def test_a_name_that_nobody_has_given_is_a_fault_and_not_a_blank(tmp_path: Path, source: str) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "part.html").write_text(source, "utf-8")
    scope = {"type": "http", "path": "/", "query_string": b"", "headers": []}
    with pytest.raises(UndefinedError):
        Pages(folder, KitSettings()).text(Request(scope), "part.html", name="Moa")


@pytest.mark.parametrize("tag", LANGUAGES)
async def test_a_fault_gives_a_reference_and_shows_nothing_of_what_broke(web: httpx.AsyncClient, tag: str) -> None:
    page = await web.get("/broken", headers=HTML | {"accept-language": tag})
    assert page.status_code == 500
    assert f'<html lang="{tag}">' in page.text
    assert "<code>" in page.text
    assert not any(word in page.text for word in ("Moa", "Traceback", "RuntimeError"))
    program = (await web.get("/broken", headers={"accept": "application/json"})).json()
    assert set(program) == {"detail", "reference"}
    assert "Moa" not in str(program)


async def test_in_a_demo_every_page_says_so_and_elsewhere_none_does(web: httpx.AsyncClient, tmp_path: Path) -> None:
    assert 'class="demo"' not in (await web.get("/page")).text
    demo = create(Pages(tmp_path / "web" / "templates", KitSettings(demo=True)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(demo), base_url="http://portal") as client:
        for path in ("/page", "/nowhere", "/broken"):
            assert 'class="demo"' in (await client.get(path, headers=HTML)).text
