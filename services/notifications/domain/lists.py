"""The header fields of mail that goes to many: which list it is, and how to leave it."""

from __future__ import annotations

from shared.events.people import Subject

ONE_CLICK = "List-Unsubscribe=One-Click"  # also the whole body of the POST that follows (RFC 8058 section 3.2)


def list_headers(subject: Subject | None, token: str | None, portal_url: str, list_id: str) -> dict[str, str]:
    """What list a mail belongs to, and how to leave it where that is allowed; nothing for what is no list.

    * `List-Id` (RFC 2919): by which people sort their mail. The subject, below a domain of ours (`list_id`), for ever
      the same. It names no school or class: mail programs show it where they show nothing else.
    * `List-Unsubscribe` (RFC 2369) with one HTTPS address, and `List-Unsubscribe-Post` (RFC 8058); both only with a
      `token` (`shared.links.Links.leaving`). What the law or the school requires to be read has none. There is no
      mailto: nobody reads mail that comes to us. Whoever signs mails must sign both (RFC 8058 section 4).
    * No `Precedence`: RFC 2076 discourages it, some servers drop or put off what says “bulk”, and against automatic
      answers there is `Auto-Submitted` (RFC 3834 section 5), which every mail has.
    * No `List-Help`, `List-Owner`, `List-Post`, `List-Archive`: RFC 2369 leaves them to us, and no mail program that
      is in use shows them; what they would say stands in the mail.

    The values are ASCII. The address cannot be folded, so its line may be longer than 78 characters, never than 998.
    """
    if subject is None:
        return {}
    found = {"List-Id": f"<{subject}.{list_id}>"}
    if token:
        found["List-Unsubscribe"] = f"<{portal_url.rstrip('/')}/unsubscribe/{token}>"
        found["List-Unsubscribe-Post"] = ONE_CLICK
    return found
