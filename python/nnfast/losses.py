"""Losses: ``forward(y, t) -> float`` on scores, and ``backward() -> dy``.

Scores are what the last affine layer gives: the softmax or sigmoid is part of the cross-entropies, so that large scores
cost no accuracy and the derivative is ``softmax(y) - t``.

``reduction`` says what the losses of the samples L_i become:

==============  ====================================================================================================
``mean``        the weighted mean: over samples (softmax cross-entropy, hinge), or over all entries (the others)
``batch_mean``  sum of L_i / sum of sample weights: for the elementwise losses a sum over columns, a mean over samples
``sum``         sum of L_i
``none``        an array of L_i; `backward` gives the derivative of their sum
==============  ====================================================================================================

Where the field disagrees:

===================  ====================  ====================  =======================  ==================
squared loss         PyTorch, Keras        scikit-learn          *From Scratch*           Nielsen
===================  ====================  ====================  =======================  ==================
                     mean of all entries   half that             half the sum of all      half the sum per
                                                                                          sample, then mean
here                 MeanSquaredError()    MeanSquaredError /    SumSquaredError()        SumSquaredError(
                                           2: SumSquaredError(                            reduction=
                                           reduction="mean")                              "batch_mean")
===================  ====================  ====================  =======================  ==================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import _core
from ._arrays import choice, real, real_array

if TYPE_CHECKING:
    from ._typing import Array, ArrayLike

__all__ = [
    "Hinge",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "SumSquaredError",
]

_REDUCTIONS = ("mean", "batch_mean", "sum", "none")


class Loss:
    """Base class of the losses.

    A loss written in Python needs ``forward(y, t) -> float`` and ``backward() -> dy`` and works in a Network too.
    """

    # Classes are scores' columns: targets may be labels, the prediction is the column of the largest score.
    _over_classes: ClassVar[bool] = False
    _probabilities: ClassVar[str | None] = None
    class_weight: Array | None = None
    _dy: Array | None = None

    def __init__(self, kind: str, reduction: str, **settings: Any) -> None:
        choice(type(self).__name__, "reduction", reduction, _REDUCTIONS)
        self._settings = settings
        self._spec = _core.LossSpec(kind, reduction=reduction, **settings)

    @property
    def reduction(self) -> str:
        return self._spec.reduction

    def forward(self, y: ArrayLike, t: ArrayLike, sample_weight: ArrayLike | None = None) -> Any:
        """The loss of scores y (batch, columns) and targets t: a float, or an array where the reduction is "none".

        Raises
        ------
        ValueError
            y and t do not fit, a weight is negative or not finite.
        IndexError
            A label is not one of the columns.
        TypeError
            Labels are not integers, y is not real.
        """
        y, t = self._single(y, t)
        where = f"{type(self).__name__}.forward"
        # A second pass would take all exponentials again.
        value, self._dy = _core.loss_backward(self._spec, where, y, t, self.class_weight, sample_weight)
        self._kept = (y, t, sample_weight)
        return value

    def backward(self) -> Array:
        """dy of y's shape: the derivative of the loss by the scores of the last forward."""
        if "_kept" not in self.__dict__:
            raise RuntimeError(f"{type(self).__name__}.backward: called before forward")
        # Given away once: the caller may write on it.
        dy, self._dy = self._dy, None
        if dy is None:
            y, t, sample_weight = self._kept
            where = f"{type(self).__name__}.backward"
            _, dy = _core.loss_backward(self._spec, where, y, t, self.class_weight, sample_weight)
        return dy.reshape(self._shape)

    def _single(self, y: ArrayLike, t: ArrayLike) -> tuple[ArrayLike, ArrayLike]:
        """One sample's scores (columns,), with a label or a row of targets, become a batch of one."""
        self._shape = np.shape(y)
        if self._over_classes and len(self._shape) == 1 and np.shape(t) in ((), self._shape):
            return np.asarray(y)[None], np.asarray(t)[None]
        return y, t

    def _config(self) -> dict[str, Any]:
        return {"reduction": self.reduction, **self._settings}

    # ---- For Network: what the scores predict

    def _classify(self, y: Array, score: float = 0.0) -> Array:
        """`score` is from where on an output says yes, where outputs are for themselves."""
        labels: Array = y.argmax(axis=-1)
        return labels

    def _counted(self, t: Array) -> int:
        """How many samples an accuracy is out of."""
        return len(t)

    def _correct(self, y: Array, t: Array) -> int:
        """How many samples are predicted right."""
        labels = t if t.ndim < y.ndim else t.argmax(axis=-1)
        right = (self._classify(y) == labels) & ~np.isnan(y).any(axis=-1)
        return int(np.count_nonzero(right))

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self._config().items())
        return f"{type(self).__name__}({settings})"


def is_native_loss(loss: Any) -> bool:
    """Whether the core can compute the loss: one of ours, whose forward and backward nobody has replaced."""
    kind = type(loss)
    return isinstance(loss, Loss) and kind.forward is Loss.forward and kind.backward is Loss.backward


def _class_weight(where: str, value: ArrayLike | None) -> Array | None:
    if value is None:
        return None
    weights = real_array(where, "class_weight", value)
    if weights.ndim != 1 or not np.all(np.isfinite(weights) & (weights >= 0)):
        raise ValueError(f"{where}: class_weight is {value!r}; expected (classes,) finite numbers >= 0")
    return weights


class SoftmaxCrossEntropy(Loss):
    """L_i = -w_i sum_j q_ij log softmax(y_i)_j, the loss of classifiers; computed by log-sum-exp from scores.

    q_i is the one-hot row of label t_i, or the row t_i itself, smoothed: ``(1 - s) q + s / classes``.

    Parameters
    ----------
    class_weight : array (classes,), optional
        Weights of the classes, as in PyTorch: ``mean`` divides by the sum of the weights of the batch.
    ignore_index : int or None
        Samples with this label count for nothing; a batch of nothing else has the loss NaN, as in PyTorch.
    label_smoothing : float
        s, in [0, 1] (Szegedy et al. 2016).
    reduction : str
        "mean", "batch_mean", "sum" or "none".

    Examples
    --------
    >>> loss = SoftmaxCrossEntropy()
    >>> round(loss.forward([[2.0, 0.0], [0.0, 0.0]], [0, 1]), 6)
    0.410038
    >>> loss.backward().round(3)
    array([[-0.06,  0.06],
           [ 0.25, -0.25]])
    """

    _over_classes = True
    _probabilities = "softmax"

    def __init__(
        self,
        class_weight: ArrayLike | None = None,
        ignore_index: int | None = -100,
        label_smoothing: float = 0.0,
        reduction: str = "mean",
    ) -> None:
        smoothing = real("SoftmaxCrossEntropy", "label_smoothing", label_smoothing, 0, 1)
        if ignore_index is not None and (
            isinstance(ignore_index, bool) or not isinstance(ignore_index, (int, np.integer))
        ):
            raise TypeError(
                f"SoftmaxCrossEntropy: ignore_index is {ignore_index!r}; expected an integer or None"
            )
        index = None if ignore_index is None else int(ignore_index)
        super().__init__("softmax_cross_entropy", reduction, ignore_index=index, label_smoothing=smoothing)
        self.class_weight = _class_weight("SoftmaxCrossEntropy", class_weight)

    @property
    def ignore_index(self) -> int | None:
        return self._spec.ignore_index

    @property
    def label_smoothing(self) -> float:
        return self._spec.label_smoothing

    def _counted(self, t: Array) -> int:
        ignored = self._spec.ignore_index
        return len(t) if ignored is None or t.ndim > 1 else int(np.count_nonzero(t != ignored))


class SigmoidCrossEntropy(Loss):
    """L_i = w_i sum_j max(y, 0) - y t + log(1 + exp(-|y|)): independent yes-or-no outputs, from scores.

    t is of y's shape, or (batch,) where there is one output, with values in [0, 1]. The prediction is ``y > 0``.
    """

    _probabilities = "sigmoid"

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__("sigmoid_cross_entropy", reduction)

    def _classify(self, y: Array, score: float = 0.0) -> Array:
        yes = (y > score).astype(np.int64)
        return yes[..., 0] if yes.ndim > 1 and yes.shape[-1] == 1 else yes

    def _correct(self, y: Array, t: Array) -> int:
        right = np.where(t.reshape(y.shape) > 0.5, y > 0, y <= 0)
        return int(np.count_nonzero(right.all(axis=-1) if right.ndim > 1 else right))


class MeanSquaredError(Loss):
    """L_i = w_i sum_j (y_ij - t_ij)^2; ``mean`` is over all entries, as in PyTorch and Keras."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__("squared_error", reduction, factor=1.0)

    def _config(self) -> dict[str, Any]:
        return {"reduction": self.reduction}


class SumSquaredError(Loss):
    """L_i = w_i factor sum_j (y_ij - t_ij)^2, and the sum of them: the half-sum of the courses.

    The default is half the sum over samples and outputs, not divided by anything, as in *Deep Learning from Scratch*.
    ``reduction="batch_mean"`` divides by the number of samples (Nielsen).
    """

    def __init__(self, factor: float = 0.5, reduction: str = "sum") -> None:
        super().__init__("squared_error", reduction, factor=real("SumSquaredError", "factor", factor))

    @property
    def factor(self) -> float:
        return self._spec.factor


class MeanAbsoluteError(Loss):
    """L_i = w_i sum_j |y_ij - t_ij|; ``mean`` is over all entries. The derivative at y = t is 0."""

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__("absolute_error", reduction)


class Huber(Loss):
    """L_i = w_i sum_j (d^2 / 2 if |d| <= delta else delta (|d| - delta / 2)), d = y - t (Huber 1964)."""

    def __init__(self, delta: float = 1.0, reduction: str = "mean") -> None:
        super().__init__("huber", reduction, delta=real("Huber", "delta", delta, 0, above=True))

    @property
    def delta(self) -> float:
        return self._spec.delta


class Hinge(Loss):
    """L_i = w_i sum_{j != t_i} max(0, y_ij - y_i,t_i + margin): the multi-class SVM loss of CS231n. Labels only."""

    _over_classes = True

    def __init__(
        self, margin: float = 1.0, class_weight: ArrayLike | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__("hinge", reduction, margin=real("Hinge", "margin", margin))
        self.class_weight = _class_weight("Hinge", class_weight)

    @property
    def margin(self) -> float:
        return self._spec.margin
