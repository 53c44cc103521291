"""What can go wrong between us and a registry, named by what to do next."""

from __future__ import annotations

from shared.errors import Permanent, Transient


class SourceAway(Transient):
    """The registry does not answer, or answers that it cannot right now. The next turn tries again."""


class SourceRefuses(Permanent):
    """The registry answers that we may not, or that it does not understand: a person must look at the settings."""


class NotOffered(Permanent):
    """The registry does not have this list at all; the standard lets it leave lists out."""


class PageUnreadable(Permanent):
    """A page or file that is not what the standard says; nothing on it can be used."""


class EndlessPages(Permanent):
    """The registry's pages lead back to themselves."""


class FileUnusable(Permanent):
    """A file or folder given on the command line that cannot be imported at all."""
