"""What each kind of talk treats, as data: its sections, and what the school, the pupil and the home think of before.

The sections are those the two schools promise: a development talk treats prerequisites, possibilities and results; a
reception talk the aim of the education, adaptation and the ground for good cooperation. The words are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from shared.events.scheduling import TalkKind
from shared.languages import N_


class Side(StrEnum):
    """Who prepares a talk."""

    SCHOOL = "school"
    PUPIL = "pupil"
    HOME = "home"


@dataclass(frozen=True)
class Question:
    """Something to think of before the talk. `code` is what answers are kept under and never changes; `words` may."""

    code: str
    side: Side
    words: str


@dataclass(frozen=True)
class Section:
    """A part of the talk, in its order. `title` and `about` are English words, to be translated when shown."""

    code: str
    title: str
    about: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Agenda:
    """What a talk of one kind treats. `shows_absence`: the sums and the subjects at risk are on the table;
    `shows_commitments`: so are the agreements of the last talk.
    """

    kind: TalkKind
    name: str
    sections: tuple[Section, ...]
    shows_absence: bool = False
    shows_commitments: bool = False
    _codes: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        codes = [question.code for section in self.sections for question in section.questions]
        object.__setattr__(self, "_codes", frozenset(codes))

    def questions(self, side: Side) -> Iterator[tuple[Section, Question]]:
        """What this side is asked, in order, each with its section."""
        for section in self.sections:
            yield from ((section, question) for question in section.questions if question.side is side)

    def asks(self, code: str) -> bool:
        """True when there is a question with this code."""
        return code in self._codes


def agenda(kind: TalkKind) -> Agenda:
    """The agenda of talks of this kind."""
    return AGENDAS[kind]


def _section(code: str, title: str, about: str, **asked: str | tuple[str, ...]) -> Section:
    """A section with questions by side; a question's code is `section.side.number`."""
    questions = []
    for side in Side:
        given = asked.get(side.value, ())
        words = (given,) if isinstance(given, str) else given
        questions += [Question(f"{code}.{side}.{place}", side, one) for place, one in enumerate(words, 1)]
    return Section(code, title, about, tuple(questions))


AGENDAS = {
    TalkKind.DEVELOPMENT: Agenda(
        TalkKind.DEVELOPMENT,
        N_("Development talk"),
        (
            _section(
                "prerequisites",
                N_("Prerequisites"),
                N_("How things are for the pupil: well-being, friends, calm to work, being at school."),
                school=(
                    N_("How does the pupil get on in the class and with the work?"),
                    N_("What in school helps, and what gets in the way?"),
                ),
                pupil=(
                    N_("How are you doing at school, in lessons and in breaks?"),
                    N_("When is it easy for you to work, and when is it hard?"),
                ),
                home=(
                    N_("How do you feel that your child is doing at school?"),
                    N_("Is there anything at home that the school should know, to help?"),
                ),
            ),
            _section(
                "results",
                N_("Results"),
                N_("Where the pupil stands in each subject, measured against what the subject asks for."),
                school=(
                    N_("What does the pupil know, subject by subject? What comes next?"),
                    N_("Which subjects are at risk, and what does the school do about it?"),
                ),
                pupil=(N_("What have you become good at?"), N_("Which subject do you want to get further in?")),
                home=(N_("What do you see at home of what your child has learnt?"),),
            ),
            _section(
                "possibilities",
                N_("Possibilities"),
                N_("What each of us does from now on, and how we see that it works."),
                school=N_("What will the school do, and until when?"),
                pupil=N_("What do you want to try, and what do you need for it?"),
                home=N_("What can you do at home, and what do you expect from the school?"),
            ),
        ),
        shows_absence=True,
        shows_commitments=True,
    ),
    TalkKind.RECEPTION: Agenda(
        TalkKind.RECEPTION,
        N_("Reception talk"),
        (
            _section(
                "aim",
                N_("The aim of the education"),
                N_("What the pupil wants with the education, and what it asks for."),
                school=N_("What should the pupil and the home know about the education from the start?"),
                pupil=(N_("Why did you choose this, and what do you hope for?"), N_("What do you like doing?")),
                home=N_("What do you hope for, for your child here?"),
            ),
            _section(
                "adaptation",
                N_("Adaptation"),
                N_("What the pupil needs for the teaching to fit. Nothing about health is written here."),
                school=N_("What has the earlier school passed on, with the home's consent?"),
                pupil=N_("What has helped you to learn before?"),
                home=N_("What has worked well at the school before, and what has not?"),
            ),
            _section(
                "cooperation",
                N_("The ground for good cooperation"),
                N_("How we reach each other, and what we expect from each other."),
                school=N_("How do you work with the homes, and when can you be reached?"),
                pupil=N_("Whom do you go to when something is wrong?"),
                home=N_("How do you want to be reached, and what do you expect from the school?"),
            ),
        ),
    ),
    TalkKind.START_UP: Agenda(
        TalkKind.START_UP,
        N_("Start-up talk"),
        (
            _section(
                "getting_to_know",
                N_("Getting to know each other"),
                N_("Who the pupil is, told by the pupil and the home."),
                school=N_("What do we want to know about the pupil?"),
                pupil=(N_("What are you good at?"), N_("Who are your friends, and what do you do together?")),
                home=N_("What should we know about your child?"),
            ),
            _section(
                "expectations",
                N_("Expectations"),
                N_("What we hope for from the school year, and from each other."),
                school=N_("What do we expect of the year, of the pupil and of the home?"),
                pupil=N_("What do you look forward to, and what worries you?"),
                home=N_("What do you expect from the school this year?"),
            ),
            _section(
                "practical",
                N_("Practical things"),
                N_("Days and times, transport, meals, how to report absence."),
                school=N_("What is new this year?"),
                home=N_("Is there anything practical that we should arrange?"),
            ),
        ),
        shows_commitments=True,
    ),
}
