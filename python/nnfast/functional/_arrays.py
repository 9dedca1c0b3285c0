"""Dropout, clipping, and what is done to data before the first layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _core
from .._arrays import float_dtype, integer, real, real_array

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._typing import Array, ArrayLike, DTypeLike, Floats

__all__ = ["clip", "clip_by_global_norm", "dropout", "dropout_backward", "min_max_scale", "one_hot"]


def dropout(
    x: ArrayLike,
    ratio: float = 0.5,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: Floats | None = None,
) -> Floats:
    """y = x keep / (1 - ratio), keep being 0 with probability `ratio`, else 1 (Srivastava et al. 2014, inverted).

    Whether an element is kept depends on (seed, stream, step) and its index in C order alone (Philox4x32-10, Salmon et
    al. 2011): the mask is the same on any number of threads, and the backward pass makes it again.

    Parameters
    ----------
    x : array_like, any shape
    ratio : float, 0 <= ratio < 1
        The share that is dropped. ONNX's default.
    seed : int, 0 <= seed < 2**64
    stream : int, 0 <= stream < 2**32
        Which layer.
    step : int, 0 <= step < 2**64
        Which training step.
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    ValueError
        ratio, seed, stream or step is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> y = dropout(np.ones(10_000), 0.2, seed=1)
    >>> np.unique(y).tolist(), bool(abs(y.mean() - 1) < 0.02)
    ([0.0, 1.25], True)
    """
    return _core.dropout(x, ratio, seed, stream, step, out)


def dropout_backward(
    dy: ArrayLike,
    ratio: float = 0.5,
    *,
    seed: int,
    stream: int = 0,
    step: int = 0,
    out: Floats | None = None,
) -> Floats:
    """dx = dy keep / (1 - ratio) with the mask of :func:`dropout` with the same arguments.

    Parameters
    ----------
    dy : array_like, any shape
    ratio, seed, stream, step
        As in the forward pass.
    out : ndarray of dy's shape and dtype, optional
        Where dx goes; may be dy.

    Returns
    -------
    dx : ndarray of dy's shape

    Raises
    ------
    ValueError
        ratio, seed, stream or step is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.ones(100)
    >>> np.array_equal(dropout(x, seed=1), dropout_backward(x, seed=1))
    True
    """
    return _core.dropout_backward(dy, ratio, seed, stream, step, out)


def clip(x: ArrayLike, limit: float, out: Floats | None = None) -> Floats:
    """y = max(-limit, min(limit, x)); NaN stays NaN.

    Parameters
    ----------
    x : array_like, any shape
    limit : float >= 0
    out : ndarray of x's shape and dtype, optional
        Where y goes; may be x.

    Returns
    -------
    ndarray of x's shape

    Raises
    ------
    ValueError
        limit is negative or NaN.

    Examples
    --------
    >>> clip([-3.0, 0.5, 3.0], 1.0)
    array([-1. ,  0.5,  1. ])
    """
    return _core.clip(x, limit, out)


def clip_by_global_norm(arrays: Sequence[ArrayLike], max_norm: float) -> tuple[list[Floats], float]:
    """All arrays times min(1, max_norm / (norm + 1e-6)), norm the root of the sum of all squares (Pascanu et al. 2013).

    Parameters
    ----------
    arrays : sequence of array_like
    max_norm : float > 0

    Returns
    -------
    clipped : list of ndarray
        New arrays.
    norm : float
        Before clipping.

    Raises
    ------
    ValueError
        max_norm is not positive.

    Examples
    --------
    >>> clipped, norm = clip_by_global_norm([[3.0], [4.0]], 1.0)
    >>> norm, clipped[0].round(4), clipped[1].round(4)
    (5.0, array([0.6]), array([0.8]))
    """
    limit = real("clip_by_global_norm", "max_norm", max_norm, 0, above=True)
    listed = [real_array("clip_by_global_norm", f"arrays[{i}]", a) for i, a in enumerate(arrays)]
    norm = math.sqrt(_core.squared_norm(listed))
    factor = min(1.0, limit / (norm + 1e-6))
    return [_core.scale(a, factor) for a in listed], norm


def one_hot(labels: ArrayLike, num_classes: int, dtype: DTypeLike = np.float32) -> Array:
    """Rows that are 1 in the label's column and 0 elsewhere. ONNX OneHot with depth, and values 0 and 1.

    Parameters
    ----------
    labels : array_like of integers, any shape (...)
    num_classes : int
    dtype : dtype

    Returns
    -------
    ndarray (..., num_classes) of `dtype`

    Raises
    ------
    TypeError
        The labels are not integers.
    IndexError
        A label is not in 0..num_classes-1.

    Examples
    --------
    >>> one_hot([2, 0], 3)
    array([[0., 0., 1.],
           [1., 0., 0.]], dtype=float32)
    """
    count = integer("one_hot", "num_classes", num_classes, 0)
    array = real_array("one_hot", "labels", labels)
    if array.dtype.kind not in "iu" and array.size > 0:
        raise TypeError(f"one_hot: labels has dtype {array.dtype}; expected integer labels")
    outside = (array < 0) | (array >= count)
    if outside.any():
        where = tuple(int(i) for i in np.argwhere(outside)[0])
        place = ", ".join(map(str, where))
        raise IndexError(f"one_hot: labels[{place}] is {array[where]}; expected a label in 0..{count - 1}")
    rows = np.zeros((array.size, count), dtype)
    rows[np.arange(array.size), array.reshape(-1).astype(np.intp)] = 1
    return rows.reshape(*array.shape, count)


def min_max_scale(x: ArrayLike, lo: float = 0, hi: float = 255, dtype: DTypeLike = np.float32) -> Floats:
    """y = (x - lo) / (hi - lo): lo becomes 0 and hi becomes 1. The defaults are for images of bytes.

    Parameters
    ----------
    x : array_like, any shape
    lo, hi : float
        Different from one another. Values outside are not clipped.
    dtype : {float32, float64}

    Returns
    -------
    ndarray of x's shape and of `dtype`

    Raises
    ------
    ValueError
        lo and hi are equal or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> min_max_scale(np.array([0, 51, 255], np.uint8))
    array([0. , 0.2, 1. ], dtype=float32)
    """
    low, high = real("min_max_scale", "lo", lo), real("min_max_scale", "hi", hi)
    if low == high:
        raise ValueError(f"min_max_scale: lo and hi are both {low!r}; expected different numbers")
    kind: np.dtype[Any] = float_dtype("min_max_scale", dtype)
    array = real_array("min_max_scale", "x", x)
    # Large numbers a little apart must not become equal on their way to float32.
    inner = kind if np.can_cast(array.dtype, kind) else np.dtype(np.float64)
    y: Floats = np.array(array, inner, order="C", subok=False)
    y -= inner.type(low)
    y /= inner.type(high - low)
    return y.astype(kind, copy=False)
