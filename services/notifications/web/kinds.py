"""What officers call the kinds of messages, and the people who do not exist."""

from __future__ import annotations

from services.notifications.domain.models import (
    ABOUT_BULLETINS,
    ABOUT_COMMITMENTS,
    ABOUT_MEETINGS,
    ABOUT_TALKS,
    DIALOGUE,
    NOTICES,
)
from services.notifications.domain.samples import Sample
from services.notifications.domain.wordings import WORDED
from shared.events.notify import NotificationKind as Kind
from shared.languages import N_

KINDS = {
    Kind.ABSENCE_NOTICE: N_("Absence, the same day"),
    Kind.ABSENCE_NOTICE_LATE: N_("Absence, registered afterwards"),
    Kind.ABSENCE_RETRACTION: N_("Absence taken back"),
    Kind.LESSONS_UNREPORTED: N_("Lessons without a report, to the school"),
    Kind.RIGHTS_ASKED: N_("To a pupil who has turned 18"),
    Kind.TALK_WISHES: N_("When can you come?"),
    Kind.TALK_PROPOSED: N_("A time is proposed"),
    Kind.TALK_BOOKED: N_("A time is booked"),
    Kind.TALK_MOVED: N_("A talk is moved"),
    Kind.TALK_CANCELLED: N_("A talk is cancelled"),
    Kind.TALK_REMINDER: N_("A talk comes soon"),
    Kind.TALK_OFFERED: N_("A time has become free"),
    Kind.TALK_NEW_EVENING: N_("Another evening will be found"),
    Kind.TALK_TO_READ: N_("Something to read or sign"),
    Kind.COMMITMENT_CHECK: N_("How is it going?"),
    Kind.COMMITMENT_NUDGE: N_("A promise is waiting"),
    Kind.MEETING_INVITED: N_("Invitation to a meeting"),
    Kind.MEETING_BOOKED: N_("A seat at a meeting"),
    Kind.MEETING_CANCELLED: N_("A meeting is cancelled"),
    Kind.OFFER_ASKED: N_("A teacher asks for help"),
    Kind.DIALOGUE_MESSAGE: N_("Something new in a conversation"),
    Kind.DIALOGUE_URGENT: N_("Something urgent in a conversation"),
    Kind.TALKS_LACKING: N_("Pupils without a talk, to staff"),
    Kind.BULLETIN_DUE: N_("A class bulletin is to be written"),
    Kind.BULLETIN_LATE: N_("A class bulletin is late"),
    Kind.BULLETIN_TO_APPROVE: N_("A class bulletin to approve"),
    Kind.BULLETIN_RETURNED: N_("A class bulletin is answered"),
}
UNDER = (
    (N_("Absence"), {*NOTICES, Kind.ABSENCE_RETRACTION, Kind.LESSONS_UNREPORTED, Kind.RIGHTS_ASKED}),
    (N_("Talks"), {*ABOUT_TALKS, *ABOUT_COMMITMENTS, Kind.TALKS_LACKING}),
    (N_("Meetings and offers"), {*ABOUT_MEETINGS, Kind.OFFER_ASKED}),
    (N_("Conversations"), DIALOGUE),
    (N_("Class bulletins, to staff"), ABOUT_BULLETINS),
)
GROUPS = [(title, [kind for kind in WORDED if kind in kinds]) for title, kinds in UNDER]
SAMPLES = {
    Sample.PLAIN: N_("a plain name"),
    Sample.APOSTROPHE: N_("apostrophes and quotation marks"),
    Sample.BRACES: N_("a name that looks like a command"),
    Sample.LONG: N_("very long names"),
    Sample.RIGHT_TO_LEFT: N_("written from right to left"),
    Sample.PROTECTED: N_("somebody with a protected identity"),
}
