"""What can go wrong between the person, their provider and us: each is a page that says what to do."""

from __future__ import annotations

from enum import Enum

from shared.errors import SkolbroError
from shared.languages import N_
from shared.web.errors import Mishap

AGAIN = N_("Nothing was changed. You can try again below.")


class Trouble(Enum):
    """Why a login did not end in a session, with the status of the page and its words."""

    DENIED = (
        403,
        Mishap(
            N_("The login was cancelled"), N_("Your login provider says that the login was stopped or refused."), AGAIN
        ),
    )
    LOST = (
        400,
        Mishap(
            N_("This login cannot be finished"),
            N_("It was begun in another browser or window, took longer than ten minutes, or is already finished."),
            N_("Begin again below, and stay in the same browser until you are back here."),
        ),
    )
    USED = (
        400,
        Mishap(
            N_("This login was already used"),
            N_("A login counts once. Your provider would not confirm this one a second time."),
            AGAIN,
        ),
    )
    DOWN = (
        503,
        Mishap(
            N_("The login provider does not answer"),
            N_("Skolbro works, but the provider that knows who you are cannot be reached at the moment."),
            N_("Wait a few minutes and try again, or log in with another provider."),
        ),
    )
    BAD_PROOF = (
        400,
        Mishap(
            N_("The provider's answer could not be trusted"),
            N_("What your provider sent about you failed a check, so we did not let it in."),
            N_("Try again below. If it happens again, tell the school: the municipality has to look at it."),
        ),
    )
    WEAK = (
        403,
        Mishap(
            N_("This login is not strong enough"),
            N_("You were recognised, but in a weaker way than these pages ask for."),
            N_("Try again and choose the stronger way, such as an electronic identity instead of a password."),
        ),
    )
    NOBODY = (
        403,
        Mishap(
            N_("We could not find you"),
            N_("Your login worked, but it does not lead to one person in this municipality's school registry."),
            N_("Choose the right municipality below, or ask the school to check how you are registered."),
        ),
    )
    SOMEBODY_ELSE = (
        403,
        Mishap(
            N_("That was another person"),
            N_("The stronger login was made by somebody else than the one who is logged in here."),
            N_("Log out first if you want to change person; otherwise confirm with your own identity."),
        ),
    )
    NO_PROVIDER = (
        404,
        Mishap(
            N_("There is no such login"),
            N_("The address names a way to log in that does not exist, or not any more."),
            N_("Choose one of those below."),
        ),
    )

    @property
    def status(self) -> int:
        """The HTTP status of the page."""
        return self.value[0]

    @property
    def mishap(self) -> Mishap:
        """The words of the page."""
        return self.value[1]


class LoginFailed(SkolbroError):
    """A login did not end in a session. `trouble` is what the person is told, `detail` what the log is told."""

    def __init__(self, trouble: Trouble, detail: str = "") -> None:
        super().__init__(trouble.mishap.happened)
        self.trouble = trouble
        self.detail = detail
