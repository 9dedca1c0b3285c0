"""Numerical gradients, as in ``cs231n/gradient_check.py``.

x is changed in place, one element at a time, and put back: f may ignore its argument and read the array elsewhere.
"""

from __future__ import annotations

from random import randrange
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..._typing import Array

__all__ = [
    "eval_numerical_gradient",
    "eval_numerical_gradient_array",
    "eval_numerical_gradient_blobs",
    "eval_numerical_gradient_net",
    "grad_check_sparse",
    "np",
    "randrange",
]


def eval_numerical_gradient(
    f: Callable[[Array], Any], x: Array, verbose: bool = True, h: float = 1e-5
) -> Array:
    """(f(x + h) - f(x - h)) / (2 h) for every element of x, for an f that gives a number.

    Parameters
    ----------
    f : callable
        Called with x itself.
    x : ndarray
        Where the gradient is taken; restored.
    verbose : bool
        Print every index with its derivative.
    h : float

    Returns
    -------
    ndarray of x's shape and dtype

    Examples
    --------
    >>> eval_numerical_gradient(lambda x: np.sum(x**2), np.array([1.0, 3.0]), verbose=False).round(6)
    array([2., 6.])
    """
    f(x)
    gradient = np.zeros_like(x)
    places = np.nditer(x, flags=["multi_index"], op_flags=["readwrite"])
    while not places.finished:
        at = places.multi_index
        value = x[at]
        x[at] = value + h
        above = f(x)
        x[at] = value - h
        below = f(x)
        x[at] = value
        gradient[at] = (above - below) / (2 * h)
        if verbose:
            print(at, gradient[at])
        places.iternext()
    return gradient


def eval_numerical_gradient_array(f: Callable[[Array], Any], x: Array, df: Any, h: float = 1e-5) -> Array:
    """The derivative of the sum of f(x) df for every element of x, for an f that gives an array.

    Parameters
    ----------
    f : callable
        Called with x itself.
    x : ndarray
        Restored.
    df : ndarray of the shape of f(x), or a number
    h : float

    Returns
    -------
    ndarray of x's shape and dtype
    """
    gradient = np.zeros_like(x)
    places = np.nditer(x, flags=["multi_index"], op_flags=["readwrite"])
    while not places.finished:
        at = places.multi_index
        value = x[at]
        x[at] = value + h
        above = f(x).copy()
        x[at] = value - h
        below = f(x).copy()
        x[at] = value
        gradient[at] = np.sum((above - below) * df) / (2 * h)
        places.iternext()
    return gradient


def eval_numerical_gradient_blobs(
    f: Callable[..., Any], inputs: tuple[Any, ...], output: Any, h: float = 1e-5
) -> list[Array]:
    """The numerical gradients of an f that writes its result into `output.vals`, one for each input.

    Parameters
    ----------
    f : callable
        Called as f(*inputs, output).
    inputs : tuple of blobs
        Each has ``vals`` and ``diffs``.
    output : blob
        ``diffs`` is the gradient by the output.
    h : float

    Returns
    -------
    list of ndarray
    """
    gradients = []
    for blob in inputs:
        gradient = np.zeros_like(blob.diffs)
        places = np.nditer(blob.vals, flags=["multi_index"], op_flags=["readwrite"])
        while not places.finished:
            at = places.multi_index
            value = blob.vals[at]
            blob.vals[at] = value + h
            f(*(inputs + (output,)))
            above = np.copy(output.vals)
            blob.vals[at] = value - h
            f(*(inputs + (output,)))
            below = np.copy(output.vals)
            blob.vals[at] = value
            gradient[at] = np.sum((above - below) * output.diffs) / (2.0 * h)
            places.iternext()
        gradients.append(gradient)
    return gradients


def eval_numerical_gradient_net(
    net: Any, inputs: tuple[Any, ...], output: Any, h: float = 1e-5
) -> list[Array]:
    """:func:`eval_numerical_gradient_blobs` of ``net.forward()``."""
    return eval_numerical_gradient_blobs(lambda *_: net.forward(), inputs, output, h=h)


def grad_check_sparse(
    f: Callable[[Array], Any], x: Array, analytic_grad: Array, num_checks: int = 10, h: float = 1e-5
) -> None:
    """Print numerical and analytic derivative, and their relative error, at elements that :mod:`random` chooses.

    Parameters
    ----------
    f : callable
        Called with x itself; gives a number.
    x : ndarray
        Restored.
    analytic_grad : ndarray of x's shape
    num_checks : int
    h : float
    """
    for _ in range(num_checks):
        at = tuple([randrange(m) for m in x.shape])
        value = x[at]
        x[at] = value + h
        above = f(x)
        x[at] = value - h
        below = f(x)
        x[at] = value
        numerical = (above - below) / (2 * h)
        analytic = analytic_grad[at]
        error = abs(numerical - analytic) / (abs(numerical) + abs(analytic))
        print(f"numerical: {numerical:f} analytic: {analytic:f}, relative error: {error:e}")
