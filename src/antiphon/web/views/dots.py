"""Three dots that breathe: somebody or something is about to say something."""

from __future__ import annotations

import htpy as h


def dots() -> h.Element:
    """The dots; what they mean is said in words beside them."""
    return h.span(".dots", aria_hidden="true")[h.i, h.i, h.i]
