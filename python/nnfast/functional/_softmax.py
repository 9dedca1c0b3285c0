"""Softmax and log-softmax along an axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _core

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


def softmax(x: ArrayLike, axis: int = -1, out: Floats | None = None) -> Floats:
    """y_j = exp(x_j - max x) / sum_k exp(x_k - max x) along an axis. ONNX Softmax.

    Parameters
    ----------
    x : array_like, at least one dimension
    axis : int
        Along which the results sum to 1.
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape
        NaN along an axis that holds NaN, +inf or nothing but -inf.

    Raises
    ------
    ValueError
        x has no such axis, or `out` does not fit.

    Examples
    --------
    >>> softmax([[0.0, 0.0], [1000.0, 0.0]])
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    return _core.softmax(x, axis, out)


def softmax_backward(dy: ArrayLike, y: ArrayLike, axis: int = -1) -> Floats:
    """dx = y (dy - sum_k dy_k y_k), from the output y = softmax(x).

    Parameters
    ----------
    dy, y : array_like, equal shapes
    axis : int
        As in the forward pass.

    Returns
    -------
    dx : ndarray of y's shape

    Raises
    ------
    ValueError
        dy and y have different shapes, or no such axis.

    Examples
    --------
    >>> softmax_backward([1.0, 0.0], [0.5, 0.5])
    array([ 0.25, -0.25])
    """
    return _core.softmax_backward(dy, y, axis)


def log_softmax(x: ArrayLike, axis: int = -1, out: Floats | None = None) -> Floats:
    """y_j = x_j - max x - log sum_k exp(x_k - max x) along an axis. ONNX LogSoftmax.

    Parameters
    ----------
    x : array_like, at least one dimension
    axis : int
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    ValueError
        x has no such axis, or `out` does not fit.

    Examples
    --------
    >>> log_softmax([[0.0, 0.0], [1000.0, 0.0]]).round(4)
    array([[-6.931e-01, -6.931e-01],
           [ 0.000e+00, -1.000e+03]])
    """
    return _core.log_softmax(x, axis, out)


def log_softmax_backward(dy: ArrayLike, y: ArrayLike, axis: int = -1) -> Floats:
    """dx = dy - exp(y) sum_k dy_k, from the output y = log_softmax(x).

    Parameters
    ----------
    dy, y : array_like, equal shapes
    axis : int
        As in the forward pass.

    Returns
    -------
    dx : ndarray of y's shape

    Raises
    ------
    ValueError
        dy and y have different shapes, or no such axis.

    Examples
    --------
    >>> log_softmax_backward([1.0, 0.0], log_softmax([3.0, 3.0])).round(4)
    array([ 0.5, -0.5])
    """
    return _core.log_softmax_backward(dy, y, axis)
