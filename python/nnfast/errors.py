"""The exceptions and the warnings of nnfast that Python has no name for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .history import History

__all__ = [
    "CollapsingLayersWarning",
    "DeadUnitsWarning",
    "DivergedError",
    "FormatError",
    "IntegerGradientWarning",
    "LabelShapeWarning",
    "NNFastWarning",
    "NotFiniteWarning",
    "NotSeparableWarning",
    "RepeatedSoftmaxWarning",
    "RisingLossWarning",
    "SaturatedUnitsWarning",
    "UnscaledInputWarning",
    "UnseenParametersWarning",
]


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
    """Something that works, but is seldom meant.

    Each kind of warning is a class of its own, to be switched off, or made an error, by itself::

        warnings.simplefilter("ignore", nnfast.errors.DeadUnitsWarning)
    """


class CollapsingLayersWarning(NNFastWarning):
    """Affine layers follow each other without a non-linearity: together they are one affine layer."""


class RepeatedSoftmaxWarning(NNFastWarning):
    """A softmax layer stands before a loss that takes the softmax itself."""


class SaturatedUnitsWarning(NNFastWarning):
    """At the start of training most outputs of a sigmoid or tanh lie where its derivative is nearly 0."""


class DeadUnitsWarning(NNFastWarning):
    """After an epoch units of ReLU give 0 for every sample, so that their weights no longer learn."""


class RisingLossWarning(NNFastWarning):
    """The loss rises while the network trains."""


class IntegerGradientWarning(NNFastWarning):
    """A numerical gradient is taken of integers, or of floats in which x + h is x."""


class LabelShapeWarning(NNFastWarning):
    """Labels are (batch, 1) where (batch,) is meant."""


class NotFiniteWarning(NNFastWarning):
    """An operation of a computational graph makes nan or infinity of finite numbers."""


class NotSeparableWarning(NNFastWarning):
    """A perceptron ends with mistakes: no straight line may separate the classes."""


class UnseenParametersWarning(NNFastWarning):
    """A layer written in Python has arrays that look like parameters, under names that the network does not look at."""


class UnscaledInputWarning(NNFastWarning):
    """Inputs are pixels from 0 to 255 that nobody scaled."""
