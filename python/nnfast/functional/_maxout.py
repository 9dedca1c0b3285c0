"""Maxout: the largest of neighbouring columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _core
from .._arrays import integer

if TYPE_CHECKING:
    from .._typing import ArrayLike, Floats

_MOST = 2**62  # no axis is so long

__all__ = ["maxout", "maxout_backward"]


def maxout(x: ArrayLike, pieces: int = 2) -> Floats:
    """y_j = the largest of x_(j pieces), ..., x_(j pieces + pieces - 1) (Goodfellow et al. 2013); NaN where one is NaN.

    Parameters
    ----------
    x : array_like (..., features pieces)
    pieces : int

    Returns
    -------
    ndarray (..., features)

    Raises
    ------
    ValueError
        The last axis of x is not a multiple of `pieces`.

    Examples
    --------
    >>> maxout([[1.0, 3.0, -2.0, -4.0]], 2)
    array([[ 3., -2.]])
    """
    return _core.maxout(x, min(integer("maxout", "pieces", pieces), _MOST))


def maxout_backward(dy: ArrayLike, x: ArrayLike, pieces: int = 2) -> Floats:
    """dx = dy at the largest of the pieces, at the first of them where several are, and 0 at the others.

    Parameters
    ----------
    dy : array_like (..., features)
    x : array_like (..., features pieces)
    pieces : int

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    ValueError
        The shapes of dy and x do not fit.

    Examples
    --------
    >>> maxout_backward([[10.0, 20.0]], [[1.0, 3.0, -2.0, -4.0]], 2)
    array([[ 0., 10., 20.,  0.]])
    """
    return _core.maxout_backward(dy, x, min(integer("maxout_backward", "pieces", pieces), _MOST))
