"""Warnings that point at the line that the reader wrote."""

from __future__ import annotations

import sys
import warnings


def warn(category: type[Warning], message: str) -> None:
    """At the first frame outside the package, however many of its functions and operators are between."""
    depth, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("nnfast."):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth + 1)


__all__ = ["warn"]
