"""Why a change cannot be made."""

from __future__ import annotations


class NotAskable(Exception):
    """The change cannot be made on this model; ``str(error)`` says why in one short clause,
    for example ``the network has no hidden activation that could be swapped``."""
