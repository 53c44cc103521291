"""What a browser would send from a page, and nothing else."""

from __future__ import annotations

import pytest

from services.demo.forms import forms_of
from services.demo.visitor import NotThere, Page

PAGE = """
<form action="/elsewhere" method="get"><input name="q" type="search"></form>
<form method="post" action="/talks/1/go?a=1&amp;b=2">
  <input type="hidden" name="csrf" value="a&quot;b">
  <input name="title" value="Round"> <input name="nothing">
  <input type="checkbox" name="class" value="A" checked><input type="checkbox" name="class" value="B">
  <input type="radio" name="when" value="can" checked><input type="radio" name="when" value="cannot">
  <textarea name="words">one &amp; two</textarea>
  <select name="who"><option value="">Choose</option><option value="pupil">The pupil</option></select>
  <select name="day"><option value="1">1</option><option value="2" selected>2</option></select>
  <button name="act" value="save">Save</button><button>Plain</button>
</form>
<input name="outside" value="x">
"""


def test_a_form_holds_what_stands_in_it_and_what_can_be_chosen() -> None:
    _, form = forms_of(PAGE)
    assert form.action == "/talks/1/go?a=1&b=2"
    assert dict(form.fields) == {
        "csrf": 'a"b',
        "title": "Round",
        "nothing": "",
        "class": "A",
        "when": "can",
        "words": "one & two",
        "who": "",
        "day": "2",
    }
    assert form.choices == {"class": ["A", "B"], "when": ["can", "cannot"], "who": ["", "pupil"], "day": ["1", "2"]}
    assert form.buttons == [("act", "save")]


def test_what_is_changed_replaces_what_stood_there_and_one_button_is_pressed() -> None:
    _, form = forms_of(PAGE)
    sent = form.filled({"class": ["A", "B"], "who": "pupil"}, ("act", "save"))
    assert (sent["class"], sent["who"], sent["act"], sent["title"]) == (["A", "B"], ["pupil"], ["save"], ["Round"])
    assert "act" not in form.filled()


def test_a_page_finds_its_forms_by_where_they_lead_and_by_their_button() -> None:
    page = Page("/talks/1", PAGE)
    here = "/talks/1/go?a=1&b=2"
    assert page.find(here, ("act", "save")) is page.form(here)
    assert page.find(here, ("act", "let_go")) is None
    assert page.leads_to("/talks/") == [here]
    with pytest.raises(NotThere, match="/talks/2"):
        page.form("/talks/2")
