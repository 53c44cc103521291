"""The forms of a page as a browser knows them: where they lead, what stands in them, their choices and buttons."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

Pressed = tuple[str, str]
Changes = Mapping[str, str | Sequence[str]]
CHOSEN = ("radio", "checkbox")
NOTHING: Changes = {}


@dataclass
class Form:
    """One form. `fields` is what is sent as it stands; `choices` are the values that can be chosen, by name."""

    action: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    choices: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[Pressed] = field(default_factory=list)

    def filled(self, changes: Changes = NOTHING, press: Pressed | None = None) -> dict[str, list[str]]:
        """What is sent when these fields are filled in otherwise and that button is pressed."""
        body: dict[str, list[str]] = {}
        for name, value in self.fields:
            body.setdefault(name, []).append(value)
        body |= {name: [said] if isinstance(said, str) else list(said) for name, said in changes.items()}
        return body | ({press[0]: [press[1]]} if press else {})

    @property
    def names(self) -> list[str]:
        """The names of all that is filled in or chosen here, each once."""
        return list(dict.fromkeys([*(name for name, _ in self.fields), *self.choices]))


class _Reader(HTMLParser):
    """Gathers forms. What stands outside of any form is passed over."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[Form] = []
        self.here: Form | None = None
        self.select = ""
        self.chosen: str | None = None
        self.textarea = ""
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.here = Form(said.get("action", ""))
            self.forms.append(self.here)
        elif self.here is not None:
            self._inside(self.here, tag, said)

    def _inside(self, form: Form, tag: str, said: Mapping[str, str]) -> None:
        name = said.get("name", "")
        if tag == "input" and name:
            _input(form, name, said)
        elif tag == "button" and name:
            form.buttons.append((name, said.get("value", "")))
        elif tag == "textarea":
            self.textarea, self.words = name, []
        elif tag == "select":
            self.select, self.chosen = name, None
        elif tag == "option" and self.select:
            form.choices.setdefault(self.select, []).append(said.get("value", ""))
            if self.chosen is None or "selected" in said:
                self.chosen = said.get("value", "")

    def handle_data(self, data: str) -> None:
        if self.textarea:
            self.words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.here = None
        elif self.here is not None and tag == "textarea" and self.textarea:
            self.here.fields.append((self.textarea, "".join(self.words)))
            self.textarea = ""
        elif self.here is not None and tag == "select" and self.select:
            self.here.fields += [(self.select, self.chosen)] if self.chosen is not None else []
            self.select = ""


def _input(form: Form, name: str, said: Mapping[str, str]) -> None:
    kind, value = said.get("type", "text"), said.get("value", "")
    if kind == "file":  # none is chosen
        return
    if kind in CHOSEN:
        value = said.get("value", "on")
        form.choices.setdefault(name, []).append(value)
    if kind not in CHOSEN or "checked" in said:
        form.fields.append((name, value))


def forms_of(page: str) -> Iterator[Form]:
    """Every form of a page, in its order."""
    reader = _Reader()
    reader.feed(page)
    yield from reader.forms
