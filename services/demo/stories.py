"""What can happen to a pupil on a school day, and what the school then owes the home. One story a pupil."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import time, timedelta
from uuid import uuid5

from services.demo.actions import Join, Remove, Report, TakeBack, Withdraw
from services.demo.people import WORLD, Case, Pupil
from services.demo.script import Script
from services.demo.timetable import LESSON_MINUTES, Mark, local

BEFORE_GRACE_ENDS = (2, 5)  # minutes after the teacher's report
LONG_AFTER_THE_NOTICE = (150, 165)
JOINS_AT = time(8, 40)
STALE_PERIOD = 3
SPARED_PERIOD = 4  # the lessons nobody reports and those that are cancelled are in this one
OFTEN_MISSED = ((1,), (1, 2), (2, 3), (3,), (5,), (3, 4, 5), (1, 2, 3, 4, 5), (1, 2, 3, 4, 5))
USUAL_PUPILS = 1200
MISSING_SHARE = 0.04

Story = Callable[[Script, Pupil], None]


def truant(script: Script, pupil: Pupil) -> None:
    """Stays away from one or more lessons; nobody has said why."""
    script.misses(pupil, script.rng.choice(OFTEN_MISSED))
    script.owes(pupil)


def partly(script: Script, pupil: Pupil) -> None:
    """Misses part of a lesson."""
    script.misses(pupil, (script.rng.choice((1, 2, 3)),), invalid=30)
    script.owes(pupil)


def partly_excused(script: Script, pupil: Pupil) -> None:
    """Valid and invalid minutes in one lesson."""
    script.misses(pupil, (2,), valid=20, invalid=30)
    script.owes(pupil)


def excused(script: Script, pupil: Pupil) -> None:
    """The teacher knows a valid reason."""
    script.misses(pupil, (script.rng.choice((1, 2, 3)),), valid=LESSON_MINUTES, invalid=0)


def ill(script: Script, pupil: Pupil) -> None:
    """The home reported in the morning. Three in ten teachers have not seen it and note the pupil as missing."""
    script.home_says(pupil, script.clock(time(7, 46), 25))
    seen = script.rng.random() > 0.3
    valid = LESSON_MINUTES if seen else 0
    script.misses(pupil, range(1, 6), valid=valid, invalid=LESSON_MINUTES - valid)


def on_leave(script: Script, pupil: Pupil) -> None:
    """Leave was granted for some days."""
    script.home_says(pupil, script.clock(time(7, 46)), days=2, kind="Beviljad ledighet")
    script.misses(pupil, range(1, 6), valid=LESSON_MINUTES, invalid=0)


def ill_in_the_morning(script: Script, pupil: Pupil) -> None:
    """The home reported until noon, and the pupil did not come afterwards either."""
    script.home_says(pupil, script.clock(time(7, 50), 10), until=time(12, 0))
    script.misses(pupil, (1, 2, 3, 5))
    script.owes(pupil)


def home_is_late(script: Script, pupil: Pupil) -> None:
    """The home reports just after the teacher did: it knows, so nothing is owed."""
    marks = script.misses(pupil, (1, 2))
    script.home_says(pupil, script.after_report(marks[0].lesson, BEFORE_GRACE_ENDS))


def corrected_at_once(script: Script, pupil: Pupil) -> None:
    """The teacher sees the mistake within the grace period."""
    script.corrects(script.misses(pupil, (script.rng.choice((1, 2, 3, 5)),)), BEFORE_GRACE_ENDS)


def taken_back_at_once(script: Script, pupil: Pupil) -> None:
    """The teacher takes the mark out altogether within the grace period."""
    mark = script.misses(pupil, (2,))[0]
    script.actions.append(TakeBack(script.after_report(mark.lesson, BEFORE_GRACE_ENDS), mark))


def corrected_too_late(script: Script, pupil: Pupil) -> None:
    """The teacher sees the mistake when the home has been told: it is told that too."""
    script.corrects(script.misses(pupil, (1,)), LONG_AFTER_THE_NOTICE)
    script.owes(pupil, retracted=True)


def half_corrected(script: Script, pupil: Pupil) -> None:
    """One of two lessons was a mistake: the notice stands."""
    script.corrects(script.misses(pupil, (1, 2))[:1], LONG_AFTER_THE_NOTICE)
    script.owes(pupil)


def missing_again(script: Script, pupil: Pupil) -> None:
    """The notice was taken back, and then the pupil really stays away: a second notice."""
    script.corrects(script.misses(pupil, (1,)), LONG_AFTER_THE_NOTICE)
    script.misses(pupil, (5,))
    script.owes(pupil, retracted=True)
    script.owes(pupil, round_=2)


def not_reported(script: Script, pupil: Pupil) -> None:
    """The row says 50 invalid minutes, but also that nobody has reported: that is no absence."""
    lesson = script.lesson(pupil, 2)
    script.first_marks[lesson.id, pupil.id] = Mark(lesson, pupil.id, invalid=LESSON_MINUTES, reported=False)


def noted_a_day_late(script: Script, pupil: Pupil) -> None:
    """Yesterday's lesson is corrected today: the home is told late."""
    lesson = script.lesson(pupil, 3, yesterday=True)
    script.yesterday.append(lesson)
    script.actions.append(Report(script.clock(time(9, 50), 10), (Mark(lesson, pupil.id, invalid=LESSON_MINUTES),)))
    script.owes(pupil, day=lesson.starts.date())


def custody_withdrawn(script: Script, pupil: Pupil) -> None:
    """Before the first lesson one guardian loses custody; then the pupil stays away."""
    script.actions.append(Withdraw(script.clock(time(8, 0), 5), pupil.id, pupil.ties[-1].adult_id))
    truant(script, pupil)


def moved_away(script: Script, pupil: Pupil) -> None:
    """Taken out of the registry before the first lesson; one teacher's list still has the name."""
    script.actions.append(Remove(script.clock(time(8, 0), 5), pupil.id))
    script.misses(pupil, (STALE_PERIOD,))
    script.held += 1


def tell(script: Script) -> None:
    """Tell all the day's stories."""
    for case in Case:
        if case not in (Case.PLAIN, Case.ADULT):
            for pupil in script.whole.with_case(case):
                truant(script, pupil)
    for pupil in script.whole.with_case(Case.ADULT)[:5]:
        truant(script, pupil)
    for story, (count, guardians) in STORIES.items():
        _tell_often(script, story, max(1, round(count * len(script.whole.pupils) / USUAL_PUPILS)), guardians)
    _truants(script)
    _strangers(script)
    _silent_lessons(script)
    _one_more_guardian(script)


def _tell_often(script: Script, story: Story, times: int, guardians: int) -> None:
    for _ in range(times):
        if pupil := script.plain_pupil(guardians):
            story(script, pupil)


def _truants(script: Script) -> None:
    """As many more as it takes until the usual share is missing."""
    missing = {duty.pupil_id for duty in script.owed}
    for _ in range(round(MISSING_SHARE * len(script.whole.pupils)) - len(missing)):
        if pupil := script.plain_pupil():
            truant(script, pupil)


def _strangers(script: Script) -> None:
    """Marks for two pupils whom nobody knows: held back."""
    for number, lesson in enumerate(script.lessons[:2]):
        stranger = uuid5(WORLD, f"stranger {number}")
        script.first_marks[lesson.id, stranger] = Mark(lesson, stranger, invalid=LESSON_MINUTES)
        script.held += 1


def _one_more_guardian(script: Script) -> None:
    """The registry names a second guardian of a pupil who is at school all day: that waits for a person."""
    while pupil := script.plain_pupil():
        if len(pupil.ties) == 1:
            script.actions.append(Join(local(script.day, JOINS_AT), pupil.id))
            return


def _silent_lessons(script: Script) -> None:
    """At each school one lesson is never reported (the school is alerted, no home is); one lesson is cancelled."""
    spared = [lesson for lesson in script.lessons if lesson.period == SPARED_PERIOD]
    cancelled = spared[-1]
    script.lessons[script.lessons.index(cancelled)] = replace(cancelled, cancelled=True)
    del script.reported_at[cancelled.id]
    for school in script.whole.schools:
        silent = next(one for one in spared[:-1] if one.school_class.school == school)
        script.silent.append(silent)
        at = silent.starts + timedelta(minutes=1)
        nobody_said = [
            Mark(silent, pupil.id, invalid=LESSON_MINUTES, reported=False)
            for pupil in script.whole.of_class(silent.school_class.id)
            if pupil.present
        ]
        script.actions.append(Report(at, tuple(nobody_said)))
        del script.reported_at[silent.id]


# How many times on a day in a municipality of 1,200 pupils, and how many guardians the family must have.
STORIES: dict[Story, tuple[int, int]] = {
    corrected_too_late: (5, 2),
    corrected_at_once: (8, 1),
    taken_back_at_once: (2, 1),
    home_is_late: (6, 1),
    half_corrected: (3, 1),
    missing_again: (2, 1),
    noted_a_day_late: (2, 1),
    custody_withdrawn: (2, 2),
    moved_away: (1, 1),
    partly: (4, 1),
    partly_excused: (3, 1),
    ill_in_the_morning: (2, 1),
    not_reported: (5, 1),
    excused: (10, 1),
    on_leave: (6, 1),
    ill: (55, 1),
    truant: (3, 1),
}
