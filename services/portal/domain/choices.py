"""What somebody chooses about messages: the ways in their order, and how they hear of each subject and child."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from shared.events.people import Channel, Choice, How, Subject
from shared.events.roster import ContactStated
from shared.languages import N_
from shared.roster.standing import Role, Standing

WAYS = ("way1", "way2", "way3")
TWICE = N_("The same way stands twice. Choose it once.")
NO_WAY = N_("Choose one of the ways in the list.")
NO_CHOICE = N_("Choose one of the answers in the list.")
CHANNELS = {Channel.EMAIL: N_("E-mail"), Channel.SMS: N_("Text message"), Channel.PUSH: N_("Messages in a browser")}
SUBJECTS = {
    Subject.BULLETINS: N_("Bulletins from the classes"),
    Subject.INFORMATION: N_("Information from the school"),
    Subject.TALKS: N_("Talks, what was agreed in them, and meetings"),
    Subject.DIALOGUE: N_("Conversations with the school"),
}
HOWS = {
    How.INSTANT: N_("At once"),
    How.DIGEST: N_("Once a day, together with the rest"),
    How.OFF: N_("Only here, when I look"),
}
AT_HOME = frozenset({Role.GUARDIAN, Role.PUPIL})
AT_WORK = (Subject.TALKS, Subject.DIALOGUE)


@dataclass(frozen=True)
class Child:
    """A child about whom somebody may want to hear in another way, by the name that they know."""

    pupil_id: UUID
    name: str


def subjects_for(standing: Standing) -> tuple[Subject, ...]:
    """What this person may hear of: whoever only works here gets nothing that is sent to homes."""
    return tuple(SUBJECTS) if AT_HOME.intersection(standing.roles) or not standing.roles else AT_WORK


def field_of(subject: Subject, pupil_id: UUID | None = None) -> str:
    """The name of a choice's field in the form."""
    return f"how_{subject}_{pupil_id.hex}" if pupil_id else f"how_{subject}"


def read_ways(typed: Mapping[str, str], errors: dict[str, str]) -> tuple[Channel, ...]:
    """The ways in the order they are wanted; what cannot be read is an error beside its field."""
    found: list[Channel] = []
    for name in WAYS:
        said = typed.get(name, "")
        if said and said not in set(CHANNELS):
            errors[name] = NO_WAY
        elif said and said in found:
            errors[name] = TWICE
        elif said:
            found.append(Channel(said))
    return tuple(found)


def read_choices(typed: Mapping[str, str], pupils: Iterable[UUID], errors: dict[str, str]) -> tuple[Choice, ...]:
    """How each subject is to be heard of, in general and about each of these pupils; no others are read.

    What is as it would be without a choice is not kept as one.
    """
    children = list(pupils)
    found = []
    for subject in SUBJECTS:
        for pupil_id in (None, *children):
            name = field_of(subject, pupil_id)
            said = typed.get(name, "")
            if said and said not in set(How):
                errors[name] = NO_CHOICE
            elif said and (pupil_id or said != How.INSTANT):
                found.append(Choice(subject=subject, how=How(said), pupil_id=pupil_id))
    return tuple(found)


def choices_as_typed(choices: Iterable[Choice]) -> dict[str, str]:
    """The choices as the form shows them."""
    return {field_of(one.subject, one.pupil_id): str(one.how) for one in choices}


def ways_as_typed(channels: Iterable[Channel]) -> dict[str, str]:
    """The ways as the form shows them: empty where no more was chosen."""
    return dict.fromkeys(WAYS, "") | dict(zip(WAYS, map(str, channels), strict=False))


def known_addresses(contact: ContactStated | None, browsers: Collection[object]) -> dict[Channel, list[str]]:
    """What is known to reach somebody by each way, so that they know it again and nobody behind them can read it."""
    mails = [masked(one) for one in (contact.emails if contact else ())]
    phones = [masked(one) for one in (contact.phones if contact else ())]
    return {Channel.EMAIL: mails, Channel.SMS: phones, Channel.PUSH: ["•"] * len(browsers)}


def masked(address: str) -> str:
    """A mail address as its first letter and domain, a number as its last two digits."""
    name, at, domain = address.rpartition("@")
    if at:
        return f"{name[:1]}…@{domain}"
    digits = "".join(character for character in address if character.isdigit())
    return f"… {digits[-2:]}" if len(digits) > 4 else "…"
