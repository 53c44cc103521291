"""What can go wrong with a request to tell somebody."""

from __future__ import annotations

from shared.errors import Permanent


class IncompleteRequest(Permanent):
    """The request lacks what its kind needs, so nobody can be told by it."""
