"""Losses over scores (..., columns) and targets. Losses over classes take labels."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .. import _core
from .._arrays import choice, integer, real

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats

__all__ = [
    "hinge",
    "huber",
    "mean_absolute_error",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "softmax_cross_entropy",
    "sum_squared_error",
]


@functools.lru_cache(maxsize=64, typed=True)
def _cached(
    kind: str,
    reduction: str,
    factor: float,
    delta: float,
    margin: float,
    label_smoothing: float,
    ignore_index: int | None,
) -> _core.LossSpec:
    return _core.LossSpec(
        kind,
        reduction=reduction,
        factor=factor,
        delta=delta,
        margin=margin,
        label_smoothing=label_smoothing,
        ignore_index=ignore_index,
    )


def loss_spec(
    function: str,
    kind: str,
    reduction: str,
    factor: float = 1.0,
    delta: float = 1.0,
    margin: float = 1.0,
    label_smoothing: float = 0.0,
    ignore_index: int | None = None,
) -> _core.LossSpec:
    """What the core takes; errors are in the name of the function that was called."""
    try:
        return _cached(kind, reduction, factor, delta, margin, label_smoothing, ignore_index)
    except (TypeError, ValueError):
        choice(function, "reduction", reduction, ("mean", "sum", "none", "batch_mean"))
        real(function, "factor", factor)
        real(function, "delta", delta, 0, above=True)
        real(function, "margin", margin)
        real(function, "label_smoothing", label_smoothing, 0, 1)
        if ignore_index is not None:
            integer(function, "ignore_index", ignore_index, -(2**63))
        raise


def softmax_cross_entropy(
    logits: ArrayLike,
    t: ArrayLike,
    *,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> float | Floats:
    """L_i = -w_i sum_j q_ij log softmax(logits_i)_j, by log-sum-exp. ONNX SoftmaxCrossEntropyLoss.

    q is one-hot for a label, or the given row; label smoothing makes it (1 - label_smoothing) q + label_smoothing /
    classes. w_i is the sample's weight times its label's class weight; for rows, class weights multiply q_ij.

    Parameters
    ----------
    logits : array_like (..., classes)
    t : array_like of integers (...), or array_like (..., classes)
        Labels in 0..classes-1, or one row of probabilities per sample.
    class_weight : array_like (classes,), optional
        Weights >= 0 of the classes.
    sample_weight : array_like (...), optional
        Weights >= 0 of the samples.
    ignore_index : int or None
        Samples with this label count nothing, their derivative is 0. -100 as in torch.
    label_smoothing : float in 0..1
    reduction : {"mean", "sum", "none", "batch_mean"}
        "mean" divides by the sum of all weights, as torch does; "batch_mean" by that of the sample weights.

    Returns
    -------
    float
        For the reduction "none" an array (...) of the losses of the samples.
        NaN where a mean is taken and nothing weighs anything.

    Raises
    ------
    IndexError
        A label is neither one of the classes nor ignored.
    TypeError
        Labels are not integers.
    ValueError
        The shapes do not fit, a weight is negative or not finite, an option is out of range, or the mean of an empty
        batch is asked for.

    Examples
    --------
    >>> round(softmax_cross_entropy([[2.0, 0.0], [0.0, 0.0]], [0, 1]), 4)
    0.41
    >>> round(softmax_cross_entropy([[2.0, 0.0], [0.0, 0.0]], [[1, 0], [0, 1]]), 4)
    0.41
    """
    spec = loss_spec(
        "softmax_cross_entropy",
        "softmax_cross_entropy",
        reduction,
        label_smoothing=label_smoothing,
        ignore_index=ignore_index,
    )
    return _core.loss(spec, "softmax_cross_entropy", logits, t, class_weight, sample_weight)


def sigmoid_cross_entropy(
    logits: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> float | Floats:
    """L_i = w_i sum_j max(y, 0) - y t + log(1 + exp(-abs(y))), y the logits: binary cross-entropy per output.

    Parameters
    ----------
    logits : array_like (..., outputs), or (batch,) for one output
    t : array_like of the same shape
        Probabilities, usually 0 and 1.
    sample_weight : array_like (...), optional
        Weights >= 0 of the samples.
    reduction : {"mean", "sum", "none", "batch_mean"}
        "mean" divides by the number of columns times the sum of sample weights, "batch_mean" by the latter alone.

    Returns
    -------
    float
        For the reduction "none" an array (...) of the losses of the samples.

    Raises
    ------
    ValueError
        The shapes do not fit, a weight is negative or not finite, an option is out of range, or the mean of an empty
        batch is asked for.

    Examples
    --------
    >>> round(sigmoid_cross_entropy([0.0, 2.0], [1, 1]), 4)
    0.41
    """
    spec = loss_spec("sigmoid_cross_entropy", "sigmoid_cross_entropy", reduction)
    return _core.loss(spec, "sigmoid_cross_entropy", logits, t, None, sample_weight)


def mean_squared_error(
    y: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> float | Floats:
    """L_i = w_i sum_j (y_ij - t_ij)^2; the mean is over all elements, as in torch, Keras and scikit-learn's metric.

    Parameters
    ----------
    y : array_like (..., outputs), or (batch,) for one output
    t : array_like of the same shape
    sample_weight : array_like (...), optional
        Weights >= 0 of the samples.
    reduction : {"mean", "sum", "none", "batch_mean"}
        "mean" divides by the number of columns times the sum of sample weights, "batch_mean" by the latter alone.

    Returns
    -------
    float
        For the reduction "none" an array (...) of the losses of the samples.

    Raises
    ------
    ValueError
        The shapes do not fit, a weight is negative or not finite, an option is out of range, or the mean of an empty
        batch is asked for.

    Examples
    --------
    >>> mean_squared_error([[1.0, 2.0]], [[1.0, 0.0]])
    2.0
    """
    spec = loss_spec("mean_squared_error", "squared_error", reduction)
    return _core.loss(spec, "mean_squared_error", y, t, None, sample_weight)


def sum_squared_error(
    y: ArrayLike,
    t: ArrayLike,
    *,
    factor: float = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: str = "sum",
) -> float | Floats:
    """L_i = w_i factor sum_j (y_ij - t_ij)^2, with the half of the courses' sum_squared_error.

    "Deep Learning from Scratch" sums everything and halves it (the defaults); Nielsen halves and averages over the
    batch (``reduction="batch_mean"``); 3Blue1Brown does so without the half (``factor=1.0``).

    Parameters
    ----------
    y : array_like (..., outputs), or (batch,) for one output
    t : array_like of the same shape
    factor : float
    sample_weight : array_like (...), optional
        Weights >= 0 of the samples.
    reduction : {"mean", "sum", "none", "batch_mean"}
        "mean" divides by the number of columns times the sum of sample weights, "batch_mean" by the latter alone.

    Returns
    -------
    float
        For the reduction "none" an array (...) of the losses of the samples.

    Raises
    ------
    ValueError
        The shapes do not fit, a weight is negative or not finite, an option is out of range, or the mean of an empty
        batch is asked for.

    Examples
    --------
    >>> sum_squared_error([[1.0, 2.0]], [[1.0, 0.0]])
    2.0
    """
    spec = loss_spec("sum_squared_error", "squared_error", reduction, factor=factor)
    return _core.loss(spec, "sum_squared_error", y, t, None, sample_weight)


def mean_absolute_error(
    y: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> float | Floats:
    """L_i = w_i sum_j abs(y_ij - t_ij).

    Parameters
    ----------
    y : array_like (..., outputs), or (batch,) for one output
    t : array_like of the same shape
    sample_weight : array_like (...), optional
        Weights >= 0 of the samples.
    reduction : {"mean", "sum", "none", "batch_mean"}
        "mean" divides by the number of columns times the sum of sample weights, "batch_mean" by the latter alone.

    Returns
    -------
    float
        For the reduction "none" an array (...) of the losses of the samples.

    Raises
    ------
    ValueError
        The shapes do not fit, a weight is negative or not finite, an option is out of range, or the mean of an empty
        batch is asked for.

    Examples
    --------
    >>> mean_absolute_error([[1.0, 2.0]], [[1.0, 0.0]])
    1.0
    """
    spec = loss_spec("mean_absolute_error", "absolute_error", reduction)
    return _core.loss(spec, "mean_absolute_error", y, t, None, sample_weight)


def huber(
    y: ArrayLike,
    t: ArrayLike,
    *,
    delta: float = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> float | Floats:
    """L_i = w_i sum_j h(y_ij - t_ij), h(d) = d^2/2 if abs(d) <= delta else delta (abs(d) - delta/2) (Huber 1964).

    Parameters
    ----------
    y : array_like (..., outputs), or (batch,) for one output
    t : array_like of the same shape
    delta : float > 0
    sample_weight : array_like (...), optional
        Weights >= 0 of the samples.
    reduction : {"mean", "sum", "none", "batch_mean"}
        "mean" divides by the number of columns times the sum of sample weights, "batch_mean" by the latter alone.

    Returns
    -------
    float
        For the reduction "none" an array (...) of the losses of the samples.

    Raises
    ------
    ValueError
        The shapes do not fit, a weight is negative or not finite, an option is out of range, or the mean of an empty
        batch is asked for.

    Examples
    --------
    >>> huber([[1.0, 3.0]], [[0.5, 0.0]])
    1.3125
    """
    spec = loss_spec("huber", "huber", reduction, delta=delta)
    return _core.loss(spec, "huber", y, t, None, sample_weight)


def hinge(
    scores: ArrayLike,
    t: ArrayLike,
    *,
    margin: float = 1.0,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
) -> float | Floats:
    """L_i = w_i sum over j != t_i of max(0, scores_ij - scores_i,t_i + margin) (Weston and Watkins 1999).

    Parameters
    ----------
    scores : array_like (..., classes)
    t : array_like of integers (...)
        Labels in 0..classes-1.
    margin : float
    class_weight : array_like (classes,), optional
        Weights >= 0 of the classes.
    sample_weight : array_like (...), optional
        Weights >= 0 of the samples.
    ignore_index : int or None
        Samples with this label count nothing, their derivative is 0. -100 as in torch.
    reduction : {"mean", "sum", "none", "batch_mean"}
        "mean" divides by the sum of all weights, as torch does; "batch_mean" by that of the sample weights.

    Returns
    -------
    float
        For the reduction "none" an array (...) of the losses of the samples.
        NaN where a mean is taken and nothing weighs anything.

    Raises
    ------
    IndexError
        A label is neither one of the classes nor ignored.
    TypeError
        Labels are not integers.
    ValueError
        The shapes do not fit, a weight is negative or not finite, an option is out of range, or the mean of an empty
        batch is asked for.

    Examples
    --------
    >>> hinge([[1.0, 1.5, -2.0]], [0])
    1.5
    """
    spec = loss_spec("hinge", "hinge", reduction, margin=margin, ignore_index=ignore_index)
    return _core.loss(spec, "hinge", scores, t, class_weight, sample_weight)
