"""How somebody wants to be told, as it comes out of a form: read whole, or sent back with a word at each field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import time
from uuid import UUID

from services.portal.domain.choices import choices_as_typed, read_choices, read_ways, ways_as_typed
from shared.events.people import Channel, Choice, PushAddress
from shared.languages import LANGUAGES, N_

TIME = re.compile(r"([0-9]{1,2})[:.]([0-9]{2})([:.][0-9]{2})?")
UNREADABLE = N_("Write a time as hours and minutes, for example 21:30.")
ONE_MISSING = N_("Quiet hours need both a beginning and an end. Leave both empty for none.")
SAME = N_("The quiet hours end when they begin. Leave both empty for none.")
NO_LANGUAGE = N_("Choose one of the languages in the list.")


@dataclass(frozen=True)
class Wishes:
    """How a person wants to be told. The quiet hours are local times where the school is; a night may pass in them.

    `channels` are the ways in the order they are wanted, `choices` how each subject is to be heard of, and a digest
    comes at `digest_at`, local time. `push` are the browsers that show messages; no form says those.
    """

    language: str | None = None
    email: bool = True
    quiet_from: time | None = None
    quiet_to: time | None = None
    channels: tuple[Channel, ...] = ()
    choices: tuple[Choice, ...] = ()
    digest_at: time | None = None
    push: tuple[PushAddress, ...] = ()


# Whoever has never said anything sleeps at night, as the notifications service holds it too; and digests come at 7:30.
UNSAID = Wishes(quiet_from=time(21), quiet_to=time(7))
DIGEST_AT = time(7, 30)


@dataclass(frozen=True)
class Read:
    """A form that was read: `wishes` when `errors` (by field, English) is empty. `typed` is what was written."""

    wishes: Wishes
    typed: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)


def read(typed: Mapping[str, str], pupils: Iterable[UUID] = ()) -> Read:
    """Read the form of preferences, with choices about these pupils and no others.

    Nothing is guessed: what cannot be read is an error beside its field.
    """
    errors: dict[str, str] = {}
    language = typed.get("language", "")
    if language not in LANGUAGES:
        errors["language"] = NO_LANGUAGE
    quiet_from, quiet_to = _time("quiet_from", typed, errors), _time("quiet_to", typed, errors)
    if not errors and (quiet_from is None) != (quiet_to is None):
        errors["quiet_to" if quiet_to is None else "quiet_from"] = ONE_MISSING
    if not errors and quiet_from is not None and quiet_from == quiet_to:
        errors["quiet_to"] = SAME
    digest_at = _time("digest_at", typed, errors)
    channels, choices = read_ways(typed, errors), read_choices(typed, pupils, errors)
    email = typed.get("email") == "on"
    return Read(Wishes(language, email, quiet_from, quiet_to, channels, choices, digest_at), typed, errors)


def as_typed(wishes: Wishes) -> dict[str, str]:
    """The wishes as the form shows them."""
    times = {"quiet_from": wishes.quiet_from, "quiet_to": wishes.quiet_to, "digest_at": wishes.digest_at}
    shown = {name: f"{at:%H:%M}" if at else "" for name, at in times.items()}
    choices = {**choices_as_typed(wishes.choices), **ways_as_typed(wishes.channels)}
    return {"language": wishes.language or "", "email": "on" if wishes.email else "", **shown, **choices}


def _time(name: str, typed: Mapping[str, str], errors: dict[str, str]) -> time | None:
    """A time of day as people write it: 21:30, 21.30, 7:00; seconds do not count."""
    said = typed.get(name, "").strip()
    if not said:
        return None
    if (found := TIME.fullmatch(said)) and int(found[1]) < 24 and int(found[2]) < 60:
        return time(int(found[1]), int(found[2]))
    errors[name] = UNREADABLE
    return None
