"""The exceptions of nnfast that Python has no name for."""

from __future__ import annotations

__all__ = ["FormatError"]


class FormatError(ValueError):
    """A file is not what it claims to be. The message names the file and what is wrong with it."""
