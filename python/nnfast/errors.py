"""The exceptions and the warning of nnfast that Python has no name for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .history import History

__all__ = ["DivergedError", "FormatError", "NNFastWarning"]


class FormatError(ValueError):
    """A file is not what it claims to be. The message names the file and what is wrong with it."""


class DivergedError(FloatingPointError):
    """The training loss became infinite or not a number.

    Raised by :meth:`nnfast.Network.fit`. The network holds the parameters of the last complete step: the update that
    belongs to the bad loss was not made.

    Attributes
    ----------
    epoch, step : int
        Where it happened, both counted from 1; `step` counts within the epoch.
    loss : float
        The loss of that step.
    history : History
        The complete epochs before it.
    """

    def __init__(self, message: str, *, epoch: int, step: int, loss: float, history: History) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.step = step
        self.loss = loss
        self.history = history


class NNFastWarning(UserWarning):
    """Something that works, but is seldom meant."""
