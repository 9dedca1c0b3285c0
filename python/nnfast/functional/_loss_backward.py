"""Derivatives of the losses by the scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _core
from ._loss import loss_spec

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats

__all__ = [
    "hinge_backward",
    "huber_backward",
    "mean_absolute_error_backward",
    "mean_squared_error_backward",
    "sigmoid_cross_entropy_backward",
    "softmax_cross_entropy_backward",
    "sum_squared_error_backward",
]


def softmax_cross_entropy_backward(
    logits: ArrayLike,
    t: ArrayLike,
    *,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> Floats:
    """dlogits of :func:`softmax_cross_entropy`: w_i (softmax(logits_i) - q_i) / (what the loss is divided by).

    Arguments and errors are those of :func:`softmax_cross_entropy`. For the reduction "none" this is the
    derivative of the sum.

    Returns
    -------
    dlogits : ndarray of the shape of logits

    Examples
    --------
    >>> softmax_cross_entropy_backward([[0.0, 0.0], [0.0, 0.0]], [0, 1])
    array([[-0.25,  0.25],
           [ 0.25, -0.25]])
    """
    spec = loss_spec(
        "softmax_cross_entropy_backward",
        "softmax_cross_entropy",
        reduction,
        label_smoothing=label_smoothing,
        ignore_index=ignore_index,
    )
    return _core.loss_backward(
        spec, "softmax_cross_entropy_backward", logits, t, class_weight, sample_weight
    )[1]


def sigmoid_cross_entropy_backward(
    logits: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> Floats:
    """dlogits of :func:`sigmoid_cross_entropy`: w_i (sigmoid(logits) - t) / (what the loss is divided by).

    Arguments and errors are those of :func:`sigmoid_cross_entropy`. For the reduction "none" this is the
    derivative of the sum.

    Returns
    -------
    dlogits : ndarray of the shape of logits

    Examples
    --------
    >>> sigmoid_cross_entropy_backward([0.0, 0.0], [1, 0])
    array([-0.25,  0.25])
    """
    spec = loss_spec("sigmoid_cross_entropy_backward", "sigmoid_cross_entropy", reduction)
    return _core.loss_backward(spec, "sigmoid_cross_entropy_backward", logits, t, None, sample_weight)[1]


def mean_squared_error_backward(
    y: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> Floats:
    """dy of :func:`mean_squared_error`: 2 w_i (y - t) / (what the loss is divided by).

    Arguments and errors are those of :func:`mean_squared_error`. For the reduction "none" this is the
    derivative of the sum.

    Returns
    -------
    dy : ndarray of the shape of y

    Examples
    --------
    >>> mean_squared_error_backward([[1.0, 2.0]], [[1.0, 0.0]])
    array([[0., 2.]])
    """
    spec = loss_spec("mean_squared_error_backward", "squared_error", reduction)
    return _core.loss_backward(spec, "mean_squared_error_backward", y, t, None, sample_weight)[1]


def sum_squared_error_backward(
    y: ArrayLike,
    t: ArrayLike,
    *,
    factor: float = 0.5,
    sample_weight: ArrayLike | None = None,
    reduction: str = "sum",
) -> Floats:
    """dy of :func:`sum_squared_error`: 2 factor w_i (y - t) / (what the loss is divided by).

    Arguments and errors are those of :func:`sum_squared_error`. For the reduction "none" this is the
    derivative of the sum.

    Returns
    -------
    dy : ndarray of the shape of y

    Examples
    --------
    >>> sum_squared_error_backward([[1.0, 2.0]], [[1.0, 0.0]])
    array([[0., 2.]])
    """
    spec = loss_spec("sum_squared_error_backward", "squared_error", reduction, factor=factor)
    return _core.loss_backward(spec, "sum_squared_error_backward", y, t, None, sample_weight)[1]


def mean_absolute_error_backward(
    y: ArrayLike,
    t: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> Floats:
    """dy of :func:`mean_absolute_error`: w_i sign(y - t) / (what the loss is divided by), 0 where y = t.

    Arguments and errors are those of :func:`mean_absolute_error`. For the reduction "none" this is the
    derivative of the sum.

    Returns
    -------
    dy : ndarray of the shape of y

    Examples
    --------
    >>> mean_absolute_error_backward([[1.0, 2.0]], [[1.0, 0.0]])
    array([[0. , 0.5]])
    """
    spec = loss_spec("mean_absolute_error_backward", "absolute_error", reduction)
    return _core.loss_backward(spec, "mean_absolute_error_backward", y, t, None, sample_weight)[1]


def huber_backward(
    y: ArrayLike,
    t: ArrayLike,
    *,
    delta: float = 1.0,
    sample_weight: ArrayLike | None = None,
    reduction: str = "mean",
) -> Floats:
    """dy of :func:`huber`: w_i max(-delta, min(delta, y - t)) / (what the loss is divided by).

    Arguments and errors are those of :func:`huber`. For the reduction "none" this is the
    derivative of the sum.

    Returns
    -------
    dy : ndarray of the shape of y

    Examples
    --------
    >>> huber_backward([[1.0, 3.0]], [[0.5, 0.0]])
    array([[0.25, 0.5 ]])
    """
    spec = loss_spec("huber_backward", "huber", reduction, delta=delta)
    return _core.loss_backward(spec, "huber_backward", y, t, None, sample_weight)[1]


def hinge_backward(
    scores: ArrayLike,
    t: ArrayLike,
    *,
    margin: float = 1.0,
    class_weight: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    ignore_index: int | None = -100,
    reduction: str = "mean",
) -> Floats:
    """dscores of :func:`hinge`: w_i for every margin that is not met, minus their sum at the label, divided likewise.

    Arguments and errors are those of :func:`hinge`. For the reduction "none" this is the
    derivative of the sum.

    Returns
    -------
    dscores : ndarray of the shape of scores

    Examples
    --------
    >>> hinge_backward([[1.0, 1.5, -2.0]], [0])
    array([[-1.,  1.,  0.]])
    """
    spec = loss_spec("hinge_backward", "hinge", reduction, margin=margin, ignore_index=ignore_index)
    return _core.loss_backward(spec, "hinge_backward", scores, t, class_weight, sample_weight)[1]
