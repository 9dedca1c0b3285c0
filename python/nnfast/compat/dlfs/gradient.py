"""``common/gradient.py``: gradients by central differences, h = 1e-4."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core
from ...errors import NNFastWarning

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._typing import Array

__all__ = ["np", "numerical_gradient", "numerical_gradient_2d"]

_H = 1e-4


def _fill(f: Callable[[Any], Any], x: Array, grad: Array) -> None:
    """grad from f, which is called with x itself, one element of it changed and put back after."""
    if _core.course_numerical_gradient(f, x, grad, _H):
        return
    for index in np.ndindex(x.shape):
        before = x[index]
        x[index] = float(before) + _H
        above = f(x)
        x[index] = float(before) - _H
        below = f(x)
        grad[index] = (above - below) / (2 * _H)
        x[index] = before


def _zeros_like(x: Array) -> Array:
    if x.dtype.kind in "iub":
        warnings.warn(
            f"numerical_gradient: x has dtype {x.dtype}, in which x + {_H} is x; expected floats",
            NNFastWarning,
            stacklevel=3,
        )
    return np.zeros_like(x)


def _numerical_gradient_1d(f: Callable[[Any], Any], x: Array) -> Array:
    grad = _zeros_like(x)
    _fill(f, x, grad)
    return grad


def numerical_gradient_2d(f: Callable[[Any], Any], X: Array) -> Array:
    """The gradient of f at X (1-D), or at each row of X (2-D), f being called with a row."""
    if X.ndim == 1:
        return _numerical_gradient_1d(f, X)
    grad = _zeros_like(X)
    for row, x in enumerate(X):
        _fill(f, x, grad[row])
    return grad


def numerical_gradient(f: Callable[[Any], Any], x: Array) -> Array:
    """The gradient of f at x of any shape, in x's dtype.

    f is called with x itself, changed in place by h = 1e-4 and put back, so f may as well ignore its argument and
    look at what x is a parameter of. An error in f leaves x as it was.

    Examples
    --------
    >>> x = np.array([3.0, 4.0])
    >>> numerical_gradient(lambda x: (x**2).sum(), x).round(6)
    array([6., 8.])
    """
    grad = _zeros_like(x)
    _fill(f, x, grad)
    return grad
