"""What staff read for code words: columns, verdicts and reasons. English here, translated when shown."""

from __future__ import annotations

from typing import Any

from services.portal.domain.duties import LETTERS, NOTICE, TALKS, Outcome, Span, how_far, how_it_stands
from services.portal.domain.talks import Talk
from shared.events.duties import DutyKind, DutyStatus
from shared.events.notify import DeliveryStatus, NotificationKind
from shared.events.scheduling import TalkState
from shared.languages import N_
from shared.roster.access import Why
from shared.web.charts import Kind

OUTCOMES = {
    Outcome.OWED: N_("Owed"),
    Outcome.SENT: N_("Sent"),
    Outcome.DELIVERED: N_("Delivered"),
    Outcome.UNDERSTOOD: N_("Understood"),
    Outcome.MET: N_("Met"),
    Outcome.WAITING: N_("Under way"),
    Outcome.UNREACHABLE: N_("To phone"),
    Outcome.MISSED: N_("Missed"),
    Outcome.RETRACTED: N_("Taken back"),
}
MEANINGS = {
    Outcome.OWED: N_("a pupil under 18 was missing without a known reason, so the home was to be told that day"),
    Outcome.SENT: N_("a mail was handed to a mail server"),
    Outcome.DELIVERED: N_("the mail was taken for at least one person who has the right to be told"),
    Outcome.UNDERSTOOD: N_("somebody at home has confirmed it, or has explained the absence"),
    Outcome.MET: N_("the home was told on the day itself"),
    Outcome.WAITING: N_("the day is not over and nobody at home has it yet"),
    Outcome.UNREACHABLE: N_("no mail can reach anybody with the right, so the school has it on its call list"),
    Outcome.MISSED: N_("the day passed and nobody at home had been told"),
    Outcome.RETRACTED: N_("the school corrected itself, so nothing was owed after all"),
}
DUTIES = {
    DutyKind.SAME_DAY_NOTICE: N_("Same-day notices"),
    DutyKind.DEVELOPMENT_TALK: N_("Development talks"),
    DutyKind.START_TALK: N_("Reception and start-up talks"),
    DutyKind.CLASS_BULLETIN: N_("Class bulletins"),
    DutyKind.SCHOOL_INFORMATION: N_("School information"),
}
# What differs where a talk is owed and not a notice.
TALK_OUTCOMES = {
    **OUTCOMES,
    Outcome.OWED: N_("Talks owed"),
    Outcome.SENT: N_("Invited"),
    Outcome.MET: N_("Held"),
    Outcome.WAITING: N_("Still to come"),
    Outcome.MISSED: N_("Not held"),
    Outcome.RETRACTED: N_("Not owed any more"),
}
TALK_MEANINGS = {
    Outcome.OWED: N_("the pupil was to have a talk together with the home before that day was over"),
    Outcome.SENT: N_("the home had a time for it"),
    Outcome.MET: N_("the talk has taken place"),
    Outcome.WAITING: N_("the term is not over and the talk has not taken place yet"),
    Outcome.MISSED: N_("the term ended without it"),
    Outcome.RETRACTED: N_("the pupil has left, or the talk was not to be held after all"),
}
TALK_MOMENTS = {
    DutyStatus.OWED: N_("Owed: the school is to hold a talk"),
    DutyStatus.SENT: N_("Invited: the talk has a time"),
    DutyStatus.MET: N_("Held"),
    DutyStatus.MISSED: N_("Not held"),
    DutyStatus.RETRACTED: N_("Not owed any more"),
}
# What differs where a bulletin or the school's information is owed.
LETTER_OUTCOMES = {
    **OUTCOMES,
    Outcome.OWED: N_("Owed to homes"),
    Outcome.MET: N_("Reached"),
    Outcome.WAITING: N_("Still to come"),
    Outcome.UNREACHABLE: N_("By hand"),
    Outcome.MISSED: N_("Late"),
    Outcome.RETRACTED: N_("No longer owed"),
}
LETTER_MEANINGS = {
    Outcome.OWED: N_("the pupil’s home was to have it before that day was over"),
    Outcome.SENT: N_("it was sent to the homes of the class"),
    Outcome.DELIVERED: N_("at least one of those who are told about the pupil has it"),
    Outcome.MET: N_("it has reached somebody in the home, in time or late"),
    Outcome.WAITING: N_("its day has not passed, and it has not reached the home yet"),
    Outcome.UNREACHABLE: N_("no way reached anybody in the home, so the school gives it to them by hand"),
    Outcome.MISSED: N_("its day has passed, and it has not reached the home"),
    Outcome.RETRACTED: N_("the pupil has left the class, or it was not to be given after all"),
}
LETTER_MOMENTS = {
    DutyStatus.OWED: N_("Owed: the home is to have it"),
    DutyStatus.SENT: N_("Sent to the homes of the class"),
    DutyStatus.UNREACHABLE: N_("Nobody in the home could be reached"),
    DutyStatus.DELIVERED: N_("It has reached the home"),
    DutyStatus.MISSED: N_("The half-year ended without it"),
    DutyStatus.RETRACTED: N_("Not owed any more"),
}
ADDS_UP = {
    **dict.fromkeys(TALKS, N_("Held, still to come, not held and not owed any more add up to talks owed.")),
    **dict.fromkeys(LETTERS, N_("Reached, still to come, by hand, late and no longer owed add up to owed to homes.")),
    NOTICE: N_("Met, under way, to phone, missed and taken back add up to owed."),
}
SOURCES = {
    DutyKind.SAME_DAY_NOTICE: N_(
        "Skollagen (2010:800) 7 kap. 17 §: the guardian is told the same day that a pupil is missing without a known "
        "reason."
    ),
    DutyKind.DEVELOPMENT_TALK: N_(
        "Skollagen (2010:800) 10 kap. 12 §, and its Norwegian sisters: a talk about the pupil’s development, with "
        "pupil and guardian, every term."
    ),
    DutyKind.START_TALK: N_("A talk that the school has promised those who are new."),
    DutyKind.CLASS_BULLETIN: N_("Three bulletins from the class in a half-year, as the school has promised its homes."),
    DutyKind.SCHOOL_INFORMATION: N_(
        "Goals, plan of work and what home and school can expect of each other, once a school year, as the school has "
        "promised its homes."
    ),
}
NOTHING = {
    DutyKind.SAME_DAY_NOTICE: N_(
        "No home had to be told of an absence in this time. Choose another day, or a longer time."
    ),
    DutyKind.DEVELOPMENT_TALK: N_("No such talk is owed in this time. A talk is counted on the last day of its term."),
    DutyKind.START_TALK: N_(
        "No such talk is owed in this time. A talk is counted on the last day on which it is in time."
    ),
    DutyKind.CLASS_BULLETIN: N_("No bulletin is owed in this time. A bulletin is counted on its last day."),
    DutyKind.SCHOOL_INFORMATION: N_("No information is owed in this time. It is counted on its last day."),
}
TALK_STATES: dict[TalkState, tuple[Kind, str]] = {
    TalkState.WANTED: ("wait", N_("No time yet")),
    TalkState.PROPOSED: ("plain", N_("Proposed")),
    TalkState.BOOKED: ("good", N_("Booked")),
    TalkState.HELD: ("wait", N_("To be signed")),
}
KINDS: dict[Outcome, Kind] = {
    Outcome.MET: "good",
    Outcome.WAITING: "plain",
    Outcome.UNREACHABLE: "wait",
    Outcome.MISSED: "alarm",
    Outcome.RETRACTED: "quiet",
}
SPANS = {
    Span.DAY: N_("One day"),
    Span.WEEK: N_("The week"),
    Span.MONTH: N_("The month"),
    Span.HALF_YEAR: N_("The half-year"),
}
MOMENTS = {
    DutyStatus.OWED: N_("Owed: the time to explain the absence is over"),
    DutyStatus.SENT: N_("Sent: handed to a mail server"),
    DutyStatus.UNREACHABLE: N_("Handed to the school, to be made by telephone"),
    DutyStatus.DELIVERED: N_("Delivered: a mail server took it"),
    DutyStatus.UNDERSTOOD: N_("Understood: the home has confirmed it"),
    DutyStatus.MET: N_("Met"),
    DutyStatus.MISSED: N_("Missed"),
    DutyStatus.RETRACTED: N_("Taken back: the school corrected itself"),
}
STEPS = {
    DutyStatus.UNREACHABLE: "wait",
    DutyStatus.DELIVERED: "good",
    DutyStatus.UNDERSTOOD: "good",
    DutyStatus.MET: "good",
    DutyStatus.MISSED: "alarm",
}
DELIVERIES = {
    DeliveryStatus.DELIVERED: (N_("Delivered"), "good"),
    DeliveryStatus.BOUNCED: (N_("Refused by the mail server"), "alarm"),
    DeliveryStatus.GIVEN_UP: (N_("Given up after several tries"), "alarm"),
    DeliveryStatus.CANCELLED: (N_("Ended before it was sent"), ""),
    DeliveryStatus.UNCERTAIN: (N_("Perhaps delivered"), "wait"),
}
MESSAGES = {
    NotificationKind.ABSENCE_NOTICE: N_("Notice of absence"),
    NotificationKind.ABSENCE_NOTICE_LATE: N_("Notice of absence, registered afterwards"),
    NotificationKind.ABSENCE_RETRACTION: N_("Correction"),
    NotificationKind.STILL_UNREAD: N_("Once more by another way, because nobody had read it"),
}
# The code words with which the notifications service hands a notice to the school.
REASONS = {
    "pupil_unknown": N_("The registry has not told us who the pupil is, so nobody could be written to."),
    "pupil_gone": N_("The pupil is no longer active in the registry, so nobody was written to."),
    "pupil_adult": N_("The pupil is 18 or older, so no guardian may be told. Talk to the pupil."),
    "age_unknown": N_("The pupil's date of birth is missing, so a person must judge who may be told."),
    "no_guardian": N_("Nobody who has the right to be told is in the registry."),
    "no_address": N_("Nobody who has the right to be told has a usable address."),
    "bounced": N_("Every address of those who have the right to be told was refused."),
    "given_up": N_("The mail servers did not take the message in time."),
    "unread": N_("The message arrived, but nobody at home has read it by any channel."),
}
# Verdicts by the text that travels with a delivery: those of `Why`, and what notifications says besides.
VERDICTS = {
    Why.ANSWERS_FOR: N_("Answers for the pupil"),
    Why.PUPIL_AGREED: N_("The pupil, being of age, has agreed"),
    Why.GUARDIANS_AGREED: N_("Everyone who answers for the pupil has agreed"),
    Why.NO_CUSTODY: N_("Has no custody, and nobody has recorded a consent"),
    Why.NOT_YET: N_("The custody has not begun"),
    Why.ENDED: N_("The custody has ended"),
    Why.PUPIL_ADULT: N_("The pupil is 18 or older and alone decides"),
    Why.AGE_UNKNOWN: N_("The pupil's date of birth is unknown, so a person must look"),
    Why.PUPIL_GONE: N_("The pupil is not active in the registry"),
    Why.GUARDIAN_GONE: N_("Is not active in the registry"),
    Why.GUARDIAN_UNKNOWN: N_("The registry has not told us who this is"),
    Why.CONSENT_OVER: N_("The consent is not in force"),
    Why.CONSENT_NOT_THEIRS: N_("The consent was not given by those who now decide"),
    "is the school's own address": N_("The school's own address"),
    "the school corrected itself before the message was sent": N_("The school corrected itself before it was sent"),
    "has no tie to the pupil any more": N_("Has no tie to the pupil any more"),
    "has no usable e-mail address any more": N_("Has no usable e-mail address any more"),
    "has no usable address any more": N_("Has no usable address any more"),
    "is no guest of the municipality's trial, so nothing left the house": N_("Is no guest of the trial"),
    "nothing in it is to be told any more": N_("Nothing in it was to be told any more"),
    "wants no e-mail for what is not urgent": N_("Wants no e-mail about what is not urgent"),
    "is the one it is meant for": N_("Is the one it is meant for"),
    "the registry has not told us who this is": N_("The registry has not told us who this is"),
    "is not active in the registry": N_("Is not active in the registry"),
    "the time it is about has come": N_("The time it is about had come"),
    "a later message about the same time says what holds": N_("A later message says how it is now"),
}


def state_of(talk: Talk) -> tuple[Kind, str]:
    """How a talk stands, to staff: the badge's kind and its words to translate."""
    return TALK_STATES.get(talk.state, ("quiet", N_("A talk")))


WORDS: dict[str, Any] = {
    "outcomes": OUTCOMES,
    "meanings": MEANINGS,
    "talk_outcomes": TALK_OUTCOMES,
    "letter_outcomes": LETTER_OUTCOMES,
    "state_of": state_of,
    "kinds": KINDS,
    "duty_kinds": DUTIES,
    "sources": SOURCES,
    "nothing": NOTHING,
    "spans": SPANS,
    "moments": MOMENTS,
    "steps_kind": STEPS,
    "deliveries": DELIVERIES,
    "messages": MESSAGES,
    "reasons": REASONS,
    "verdicts": VERDICTS,
}


def words_of(kind: DutyKind) -> dict[str, Any]:
    """What the pages about duties of this kind say: the words of its columns in their order, and what they mean."""
    outcomes, meanings, moments = _own_words(kind)
    columns = tuple(OUTCOMES) if kind is NOTICE else (*how_far(kind), *how_it_stands(kind))
    return {
        **WORDS,
        "kind": kind,
        "is_talk": kind in TALKS,
        "is_letter": kind in LETTERS,
        "outcomes": {one: outcomes[one] for one in columns},
        "meanings": {one: meanings[one] for one in columns},
        "moments": {**MOMENTS, **moments},
        "adds_up": ADDS_UP[kind],
    }


def _own_words(kind: DutyKind) -> tuple[dict[Outcome, str], dict[Outcome, str], dict[DutyStatus, str]]:
    """What the columns of this kind are called and mean, and what its moments are called."""
    if kind in TALKS:
        return TALK_OUTCOMES, TALK_MEANINGS, TALK_MOMENTS
    return (LETTER_OUTCOMES, LETTER_MEANINGS, LETTER_MOMENTS) if kind in LETTERS else (OUTCOMES, MEANINGS, MOMENTS)
