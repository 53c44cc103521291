"""The sentences of the portal's pages that depend on a code word. English here, translated when shown."""

from __future__ import annotations

from collections.abc import Mapping

from services.portal.domain.family import WANTS_NO_MAIL, Message
from services.portal.domain.home import Stand
from services.portal.domain.talks import Ask
from shared.events.notify import DeliveryStatus, MailingKind, NotificationKind
from shared.events.scheduling import Owner
from shared.languages import N_
from shared.roster.access import Why
from shared.web.paths import HOME, own_path

WHY = {
    Why.ANSWERS_FOR: N_("You answer for this child, by the registry’s word on that day."),
    Why.PUPIL_AGREED: N_("The pupil is of age and has agreed that you may know."),
    Why.GUARDIANS_AGREED: N_("Everyone who answers for this child has agreed that you may know."),
    Why.NO_CUSTODY: N_("The registry says that you have no custody, and nobody has recorded a consent."),
    Why.NOT_YET: N_("The registry says that your custody had not begun."),
    Why.ENDED: N_("The registry says that your custody had ended."),
    Why.PUPIL_ADULT: N_("The pupil is 18 or older and alone decides who may know."),
    Why.AGE_UNKNOWN: N_("The registry does not say how old the pupil is, so the school must look at it."),
    Why.PUPIL_GONE: N_("The registry does not have the pupil as active any more."),
    Why.GUARDIAN_GONE: N_("The registry does not have you as active any more."),
    Why.GUARDIAN_UNKNOWN: N_("The registry has not told us who you are."),
    Why.CONSENT_OVER: N_("The consent that let you know is not in force."),
    Why.CONSENT_NOT_THEIRS: N_("The consent that let you know was not given by those who decide now."),
    Why.ONESELF: N_("It is about yourself: you are of age and decide alone."),
    Why.NOT_OF_AGE: N_("You are not 18 yet, so there was nothing to ask."),
    WANTS_NO_MAIL: N_("You want no e-mail about what is not urgent, so this is shown here only."),
    # What else the notifications service says of a message, by the text that travels with it:
    "is the one it is meant for": N_("It is meant for you, and for nobody else."),
    "the registry has not told us who this is": N_("The registry has not told us who you are."),
    "is not active in the registry": N_("The registry does not have you as active any more."),
    "the time it is about has come": N_("The time it was about had come before it could be sent, so it was not sent."),
    "a later message about the same time says what holds": N_(
        "It was not sent, because a later message says how it is now."
    ),
    "the school corrected itself before the message was sent": N_(
        "It was not sent, because the school corrected itself before."
    ),
    "has no tie to the pupil any more": N_("The registry does not tie you to the pupil any more."),
    "has no usable e-mail address any more": N_("We had no e-mail address of yours that could be used."),
    "has no usable address any more": N_("We had no address or number of yours that could be used."),
    "is no guest of the municipality's trial, so nothing left the house": N_(
        "Your municipality is trying this out, and you are not among its guests. So it is shown here only."
    ),
    "nothing in it is to be told any more": N_("What it would have told you does not hold any more."),
}
WHY_SHOWN = N_("You may see what concerns this pupil.")
KINDS: Mapping[str, str] = {
    NotificationKind.ABSENCE_NOTICE: N_("Missing without a known reason"),
    NotificationKind.ABSENCE_NOTICE_LATE: N_("Missing on an earlier day, registered afterwards"),
    NotificationKind.ABSENCE_RETRACTION: N_("Taken back: the school has corrected itself"),
    NotificationKind.RIGHTS_ASKED: N_("You are 18: who may go on being told?"),
    NotificationKind.TALK_WISHES: N_("When can you come to a talk?"),
    NotificationKind.TALK_PROPOSED: N_("A proposed time for a talk"),
    NotificationKind.TALK_BOOKED: N_("A talk is booked"),
    NotificationKind.TALK_MOVED: N_("A talk has another time or place"),
    NotificationKind.TALK_CANCELLED: N_("A talk does not take place"),
    NotificationKind.TALK_REMINDER: N_("A talk comes soon"),
    NotificationKind.TALK_OFFERED: N_("A time has become free"),
    NotificationKind.TALK_NEW_EVENING: N_("The school looks for another evening"),
    NotificationKind.TALK_TO_READ: N_("Something from a talk to read"),
    NotificationKind.COMMITMENT_CHECK: N_("How is it going with what was agreed?"),
    NotificationKind.COMMITMENT_NUDGE: N_("A reminder of what was agreed"),
    NotificationKind.MEETING_INVITED: N_("An invitation to a meeting or a visit"),
    NotificationKind.MEETING_BOOKED: N_("You have a seat at a meeting or a visit"),
    NotificationKind.MEETING_CANCELLED: N_("A meeting or a visit does not take place"),
    NotificationKind.OFFER_ASKED: N_("A teacher asks about what you have offered"),
    NotificationKind.TALKS_LACKING: N_("Pupils who have no talk yet"),
    NotificationKind.DIALOGUE_MESSAGE: N_("Somebody has written to you"),
    NotificationKind.DIALOGUE_URGENT: N_("Somebody at school has written something urgent"),
    NotificationKind.BULLETIN_DUE: N_("A bulletin is to be written soon"),
    NotificationKind.BULLETIN_LATE: N_("A bulletin is late"),
    NotificationKind.BULLETIN_TO_APPROVE: N_("A bulletin waits for your approval"),
    NotificationKind.BULLETIN_RETURNED: N_("Your bulletin has been read"),
    MailingKind.BULLETIN: N_("A bulletin from the class"),
    MailingKind.INFORMATION: N_("Information from the school"),
}
# What a message without a name was about: the words of its page, what its link says, and where it leads.
TALKS_OPEN, MEETINGS_OPEN = (N_("To the talks"), "/talks"), (N_("To meetings and visits"), "/meetings")
DIALOGUE_OPEN, BULLETINS_OPEN = (N_("To the conversations"), "/dialogue"), (N_("To the bulletins"), "/bulletins")
WISHES_OPEN = (N_("Say when you can come"), "/talks/wishes")
ABOUT: Mapping[str, tuple[str, tuple[str, str]]] = {
    NotificationKind.TALK_WISHES: (
        N_("The school asks when you can come, before it proposes a time. All your children are on one page."),
        WISHES_OPEN,
    ),
    NotificationKind.TALK_PROPOSED: (
        N_("The school keeps a time free for you. Accept it, or take another that suits you better."),
        TALKS_OPEN,
    ),
    NotificationKind.TALK_BOOKED: (
        N_("The time is booked. It stands with your talks, with place or video."),
        TALKS_OPEN,
    ),
    NotificationKind.TALK_MOVED: (N_("The time or the place has changed. Your talks show how it is now."), TALKS_OPEN),
    NotificationKind.TALK_CANCELLED: (
        N_("The talk does not take place at that time. Your talks show whether a new one waits."),
        TALKS_OPEN,
    ),
    NotificationKind.TALK_REMINDER: (N_("The talk is only days away. You can still prepare it."), TALKS_OPEN),
    NotificationKind.TALK_OFFERED: (
        N_("You were waiting for a time, and one has become free. It is kept for you for a while."),
        TALKS_OPEN,
    ),
    NotificationKind.TALK_NEW_EVENING: (
        N_("No time was left that suits you. Say when you can come, and the school proposes another evening."),
        WISHES_OPEN,
    ),
    NotificationKind.TALK_TO_READ: (
        N_("The school’s preparation for a talk, or what was agreed in it, is there to be read."),
        TALKS_OPEN,
    ),
    NotificationKind.COMMITMENT_CHECK: (
        N_("You promised something in a talk. Say in a word how it is going; it takes one tap."),
        TALKS_OPEN,
    ),
    NotificationKind.COMMITMENT_NUDGE: (
        N_("You promised something in a talk, and nobody has heard how it is going."),
        TALKS_OPEN,
    ),
    NotificationKind.MEETING_INVITED: (N_("The school invites you. Say whether you come."), MEETINGS_OPEN),
    NotificationKind.MEETING_BOOKED: (N_("Welcome: your seat is kept."), MEETINGS_OPEN),
    NotificationKind.MEETING_CANCELLED: (N_("It does not take place. You need not do anything."), MEETINGS_OPEN),
    NotificationKind.OFFER_ASKED: (
        N_("A teacher would like to make use of what you have offered. Nothing is agreed until you have answered."),
        (N_("To the offers"), "/offers"),
    ),
    NotificationKind.TALKS_LACKING: (
        N_("Some pupils have no time for a talk yet. The page shows how it stands now."),
        (N_("To the rounds of talks"), "/talks/rounds"),
    ),
    NotificationKind.DIALOGUE_MESSAGE: (
        N_("A conversation about a pupil has a new message. It is read there, by those who take part."),
        DIALOGUE_OPEN,
    ),
    NotificationKind.DIALOGUE_URGENT: (
        N_("Somebody at school needs you to read this soon. It is read in the conversation, by those who take part."),
        DIALOGUE_OPEN,
    ),
    NotificationKind.BULLETIN_DUE: (
        N_("The next bulletin of your class has its day soon. A draft is made from what the class has done."),
        BULLETINS_OPEN,
    ),
    NotificationKind.BULLETIN_LATE: (N_("The day of a bulletin has passed, and it has not been sent."), BULLETINS_OPEN),
    NotificationKind.BULLETIN_TO_APPROVE: (
        N_("A teacher has written a bulletin, and it leaves when you have approved it."),
        BULLETINS_OPEN,
    ),
    NotificationKind.BULLETIN_RETURNED: (
        N_("The principal has approved your bulletin, or wants something changed."),
        BULLETINS_OPEN,
    ),
    MailingKind.BULLETIN: (
        N_("The class has written to its homes. It is read here in your language, with its pictures."),
        BULLETINS_OPEN,
    ),
    MailingKind.INFORMATION: (
        N_("The school tells its homes what holds: goals, plans, what you can expect, what help there is."),
        (N_("To what the school informs about"), "/information"),
    ),
}
OPEN = N_("Open what it is about")
ASKS = {
    Ask.WISHES: (N_("say when you can come to a talk, or change what you have said"), N_("Say when")),
    Ask.ANSWER: (N_("the school proposes a talk"), N_("Accept or change")),
    Ask.BOOK: (N_("book a time for a talk"), N_("Book")),
    Ask.SIGN: (N_("the plan of the talk waits until everybody has signed it"), N_("Read and sign")),
}
OWNERS = {Owner.SCHOOL: N_("The school"), Owner.PUPIL: N_("The pupil"), Owner.GUARDIAN: N_("Those at home")}
OTHER_KIND = N_("A message from the school")
STATUSES = {
    DeliveryStatus.DELIVERED: ("good", N_("Delivered")),
    DeliveryStatus.BOUNCED: ("alarm", N_("Your mail server refused it")),
    DeliveryStatus.GIVEN_UP: ("alarm", N_("Could not be delivered")),
    DeliveryStatus.CANCELLED: ("quiet", N_("Shown here only")),
    DeliveryStatus.UNCERTAIN: ("wait", N_("May have arrived")),
}
OTHER_STATUS = ("wait", N_("On its way"))
STANDS = {
    Stand.CHECKING: ("quiet", N_("The school is checking")),
    Stand.WRITING: ("wait", N_("We are writing to you")),
    Stand.WROTE: ("wait", N_("We wrote to you")),
    Stand.WROTE_OTHERS: ("wait", N_("Those who answer for the child were told")),
    Stand.UNREACHED: ("alarm", N_("No mail came through; the school calls")),
    Stand.READ: ("good", N_("You have read this")),
    Stand.ANSWERED: ("good", N_("Read and understood at home")),
    Stand.RETRACTED: ("good", N_("Corrected by the school")),
    Stand.MISSED: ("alarm", N_("You were not told the same day")),
}
NEXT = {
    Stand.CHECKING: N_(
        "A teacher has just reported this and may still correct it. If it stands, those who answer for the child get a "
        "message. Nothing is needed from you now."
    ),
    Stand.WRITING: N_("The message is on its way. If you know where the child is, tell the school at once."),
    Stand.WROTE: N_(
        "If you know where the child is, tell the school the reason as you usually do. "
        "If you do not know, call the school now."
    ),
    Stand.WROTE_OTHERS: N_(
        "Somebody who answers for the child has been told. If you know where the child is, tell the school."
    ),
    Stand.UNREACHED: N_(
        "No message could be delivered by mail, so the school has the child on its list of homes to call."
    ),
    Stand.READ: N_(
        "The school sees that the message was read. If you know the reason, tell the school as you usually do."
    ),
    Stand.ANSWERED: N_("The school sees that the message was understood at home. Nothing more is needed."),
    Stand.RETRACTED: N_("The school corrected itself after the message. Nothing is needed from you."),
    Stand.MISSED: N_(
        "The message should have reached you on the day itself and did not. The school sees that it failed."
    ),
}
STANDS_ONESELF = {
    Stand.WRITING: ("wait", N_("Your home is being told")),
    Stand.WROTE_OTHERS: ("wait", N_("Your home was told")),
    Stand.UNREACHED: ("alarm", N_("Nobody at home could be reached by mail")),
    Stand.MISSED: ("alarm", N_("Your home was not told the same day")),
}
NEXT_ONESELF = {
    Stand.CHECKING: N_("A teacher has just reported this. If it is wrong, talk to the teacher today."),
    Stand.WRITING: N_("If there is a reason, ask those at home to tell the school, or talk to your mentor."),
    Stand.WROTE_OTHERS: N_("If there is a reason, ask those at home to tell the school, or talk to your mentor."),
    Stand.UNREACHED: N_("The school calls your home. If there is a reason, talk to your mentor."),
    Stand.ANSWERED: N_("It was understood at home. Nothing more is needed."),
    Stand.RETRACTED: N_("The school corrected itself. Nothing is needed from you."),
    Stand.MISSED: N_("The school sees that your home was not told. If there is a reason, talk to your mentor."),
}
LOOKED_AT = {
    "home": N_("The first page"),
    "conversation": N_("A conversation"),
    "bulletin homes": N_("Which homes a bulletin has reached"),
    "letters": N_("Letters to be printed"),
    "notice": N_("A message"),
    "notice at school": N_("A message to the home"),
    "notice read": N_("Said that a message was read"),
    "messages": N_("The list of messages"),
    "consents": N_("Who may know"),
    "consent signed": N_("Signed that somebody may know"),
    "consent withdrawn": N_("Took back that somebody may know"),
    "rights answered": N_("Answered who may go on being told"),
    "calendar made": N_("Made a calendar address"),
    "calendar removed": N_("Removed a calendar address"),
    "calendar": N_("The calendar, fetched by its secret address"),
    "who looked": N_("This page"),
    "came of age": N_("Came of age: guardians’ access ended and the pupil was asked"),
    "class": N_("The class"),
    "pupil": N_("The pupil’s page"),
    "duty": N_("How a message was carried out"),
    "duties": N_("The list of duties"),
    "duties.csv": N_("The list of duties, as a file"),
    "school": N_("The school’s duties"),
}
AT_HOME = frozenset(
    {
        "home", "notice", "notice read", "messages", "consents", "consent signed", "consent withdrawn",
        "rights answered", "calendar made", "calendar removed", "calendar", "who looked",
    }
)  # fmt: skip


def why(verdict: str | None) -> str:
    """Why a message came, or why its page may be seen, as a sentence to translate."""
    return WHY.get(verdict or "", WHY_SHOWN)


def kind(code: str) -> str:
    """What a message is about, in a few words to translate."""
    return KINDS.get(code, OTHER_KIND)


def about(code: str) -> tuple[str, tuple[str, str]] | None:
    """What a message that names nobody was about, and where it leads: words, and the link's words and path."""
    return ABOUT.get(code)


def opens(message: Message) -> tuple[str, str] | None:
    """Where a message leads beside its own page: the link's words, to translate, and a path of ours.

    None for a message that has nothing beside its own page.
    """
    said = about(message.kind)
    if said is None:
        return None
    words, path = said[1]
    own = own_path(message.path)
    return (words, path) if own in (HOME, path) else (OPEN, own)


def asks(ask: Ask) -> tuple[str, str]:
    """What a talk waits for the home to do, and the words of its button."""
    return ASKS[ask]


def owner(one: Owner, oneself: bool) -> str:
    """Whose promise it is, to the pupil or to somebody at home."""
    return N_("You") if oneself and one is Owner.PUPIL else OWNERS[one]


def status(code: str) -> tuple[str, str]:
    """What became of a message: the badge's kind and its words to translate."""
    return STATUSES.get(DeliveryStatus(code), OTHER_STATUS) if code in set(DeliveryStatus) else OTHER_STATUS


def stand(one: Stand, oneself: bool) -> tuple[str, str]:
    """How a notice stands: the badge's kind and its words to translate, to the pupil or to somebody at home."""
    return STANDS_ONESELF.get(one, STANDS[one]) if oneself else STANDS[one]


def comes_next(one: Stand, oneself: bool) -> str:
    """What happens next and what the reader can do, to translate."""
    return NEXT_ONESELF.get(one, NEXT[one]) if oneself else NEXT[one]


def looked_at(code: str) -> str:
    """What somebody looked at or did; a page without words of its own is named by its code."""
    return LOOKED_AT.get(code, code)
