"""``common/functions.py``: activations and losses on arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core

if TYPE_CHECKING:
    from ..._typing import Array

__all__ = [
    "cross_entropy_error",
    "identity_function",
    "mean_squared_error",
    "np",
    "relu",
    "relu_grad",
    "sigmoid",
    "sigmoid_grad",
    "softmax",
    "softmax_loss",
    "step_function",
    "sum_squared_error",
    "sum_squares_error",
]

_SIGMOID = _core.ACTIVATIONS["sigmoid"]


def _is_ordinary(x: Any) -> bool:
    return type(x) is np.ndarray and x.ndim > 0 and x.dtype.char in "fd"


def identity_function(x: Any) -> Any:
    """x itself."""
    return x


def step_function(x: Any) -> Array:
    """1 where x > 0, else 0, as integers; a 0-d array for a number."""
    return np.array(x > 0, dtype=int)


def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), without the overflow that NumPy warns of far below 0.

    Examples
    --------
    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0]))
    array([0. , 0.5, 1. ])
    """
    if _is_ordinary(x):
        return _core.activation(_SIGMOID, x)
    return 1 / (1 + np.exp(-x))


def sigmoid_grad(x: Any) -> Any:
    """(1 - sigmoid(x)) sigmoid(x)."""
    y = sigmoid(x)
    return (1.0 - y) * y


def relu(x: Any) -> Any:
    """max(0, x); NaN stays NaN."""
    return np.maximum(0, x)


def relu_grad(x: Any) -> Array:
    """1 where x >= 0, also at 0 (unlike :class:`~nnfast.compat.dlfs.layers.Relu`), in x's dtype."""
    grad: Array = np.zeros_like(x)
    grad[x >= 0] = 1
    return grad


def softmax(x: Any) -> Any:
    """exp(x) / sum of exp(x) along the last axis, shifted by the largest.

    Examples
    --------
    >>> softmax(np.array([1010.0, 1000.0, 990.0])).round(6)
    array([9.99955e-01, 4.50000e-05, 0.00000e+00])
    """
    y = _core.course_softmax(x)
    if y is not None:
        return y
    x = x - np.max(x, axis=-1, keepdims=True)
    e = np.exp(x)
    return e / np.sum(e, axis=-1, keepdims=True)


def sum_squared_error(y: Any, t: Any) -> Any:
    """Half the sum of all squared differences, not divided by anything."""
    return 0.5 * np.sum((y - t) ** 2)


# The Korean edition's name, and the one that its readers use; it is no mean.
mean_squared_error = sum_squared_error
sum_squares_error = sum_squared_error


def cross_entropy_error(y: Any, t: Any) -> Any:
    """-sum(log(y[n, t_n] + 1e-7)) / batch for labels or one-hot rows t."""
    if y.ndim == 1:
        t = t.reshape(1, t.size)
        y = y.reshape(1, y.size)
    if t.size == y.size:
        t = t.argmax(axis=1)
    batch_size = y.shape[0]
    if t.ndim == 2 and batch_size > 1:
        raise ValueError(
            f"cross_entropy_error: t has shape {t.shape}; expected labels ({batch_size},) or one-hot rows {y.shape}"
        )
    return -np.sum(np.log(y[np.arange(batch_size), t] + 1e-7)) / batch_size


def softmax_loss(X: Any, t: Any) -> Any:
    """cross_entropy_error(softmax(X), t)."""
    return cross_entropy_error(softmax(X), t)
