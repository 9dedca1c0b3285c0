"""Convolution and pooling under the names of ``cs231n/fast_layers.py``; nothing has to be compiled for them.

Where values in a pooling window are equal, the two methods of the starter code differ: "reshape", for windows that
tile the image, divides the gradient among them, "im2col" gives it to the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core

if TYPE_CHECKING:
    from ..._typing import Array

__all__ = [
    "conv_backward_fast",
    "conv_backward_im2col",
    "conv_backward_strides",
    "conv_forward_fast",
    "conv_forward_im2col",
    "conv_forward_strides",
    "max_pool_backward_fast",
    "max_pool_backward_im2col",
    "max_pool_backward_reshape",
    "max_pool_forward_fast",
    "max_pool_forward_im2col",
    "max_pool_forward_reshape",
    "np",
]


def conv_forward_strides(
    x: Array, w: Array, b: Array, conv_param: dict[str, int]
) -> tuple[Array, tuple[Array, Array, Array, dict[str, int]]]:
    """Every filter over every window of the padded images, plus its bias. Also called `conv_forward_fast`.

    Parameters
    ----------
    x : ndarray (N, C, H, W)
    w : ndarray (F, C, HH, WW)
    b : ndarray (F,)
    conv_param : dict
        ``stride`` and ``pad``.

    Returns
    -------
    out : ndarray (N, F, 1 + (H + 2 pad - HH) // stride, 1 + (W + 2 pad - WW) // stride)
    cache : tuple
        Starts with x, w, b, conv_param.

    Examples
    --------
    >>> x, w = np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2))
    >>> conv_forward_strides(x, w, np.zeros(1), {"stride": 1, "pad": 0})[0][0, 0]
    array([[4., 4.],
           [4., 4.]])
    """
    out = _core.convolution(x, w, b, conv_param["stride"], conv_param["pad"])
    return out, (x, w, b, conv_param)


def conv_backward_strides(dout: Array, cache: Any) -> tuple[Array, Array, Array]:
    """dx, dw, db of :func:`conv_forward_strides`. Also called `conv_backward_fast`."""
    x, w, b, conv_param = cache[:4]
    dx, dw, db = _core.convolution_backward(dout, x, w, conv_param["stride"], conv_param["pad"])
    return dx, dw, db.reshape(np.shape(b)) if np.size(b) == db.size else db


def conv_forward_im2col(
    x: Array, w: Array, b: Array, conv_param: dict[str, int]
) -> tuple[Array, tuple[Array, Array, Array, dict[str, int]]]:
    """As :func:`conv_forward_strides`, for windows that fit the image.

    Raises
    ------
    AssertionError
        The steps do not reach the end of a row or of a column.
    """
    stride, pad = conv_param["stride"], conv_param["pad"]
    assert (x.shape[3] + 2 * pad - w.shape[3]) % stride == 0, "width does not work"
    assert (x.shape[2] + 2 * pad - w.shape[2]) % stride == 0, "height does not work"
    return conv_forward_strides(x, w, b, conv_param)


conv_forward_fast = conv_forward_strides
conv_backward_fast = conv_backward_strides
conv_backward_im2col = conv_backward_strides


def max_pool_forward_fast(x: Array, pool_param: dict[str, int]) -> tuple[Array, tuple[str, Any]]:
    """The largest value of every window.

    Parameters
    ----------
    x : ndarray (N, C, H, W)
    pool_param : dict
        ``pool_height``, ``pool_width`` and ``stride``.

    Returns
    -------
    out : ndarray (N, C, 1 + (H - pool_height) // stride, 1 + (W - pool_width) // stride)
    cache : tuple
        ("reshape", ...) where the windows are square and tile the image, else ("im2col", ...).
    """
    height, width, stride = _pool(pool_param)
    if height == width == stride and x.shape[2] % height == 0 and x.shape[3] % width == 0:
        out, cache = max_pool_forward_reshape(x, pool_param)
        return out, ("reshape", cache)
    out, cache = max_pool_forward_im2col(x, pool_param)
    return out, ("im2col", cache)


def max_pool_backward_fast(dout: Array, cache: tuple[str, Any]) -> Array:
    """dx of :func:`max_pool_forward_fast`.

    Raises
    ------
    ValueError
        The cache names another method.
    """
    method, kept = cache
    if method == "reshape":
        return max_pool_backward_reshape(dout, kept)
    if method == "im2col":
        return max_pool_backward_im2col(dout, kept)
    raise ValueError(f'Unrecognized method "{method}"')


def max_pool_forward_reshape(x: Array, pool_param: dict[str, int]) -> tuple[Array, Any]:
    """The largest value of every window, for square windows that tile the image.

    Raises
    ------
    AssertionError
        They are not square, or do not tile it.
    """
    count, channels, rows, columns = x.shape
    height, width, stride = _pool(pool_param)
    assert height == width == stride, "Invalid pool params"
    assert rows % height == 0
    assert columns % height == 0
    windows = x.reshape(count, channels, rows // height, height, columns // width, width)
    out = _core.max_pool(x, height, width, stride, 0)[0]
    return out, (x, windows, out)


def max_pool_backward_reshape(dout: Array, cache: Any) -> Array:
    """dx of :func:`max_pool_forward_reshape`; equal values of a window share its gradient."""
    x, windows, out = cache
    size = windows.shape[3]
    # Element (i, j) of all windows at a time: loops along the last axis of six would be `size` long.
    dx: Array = np.empty(x.shape, x.dtype)
    places = [(..., slice(i, None, size), slice(j, None, size)) for i in range(size) for j in range(size)]
    largest = [x[place] == out for place in places]
    count = largest[0].astype(x.dtype)
    for here in largest[1:]:
        count += here
    share = np.divide(dout, count, dtype=x.dtype, casting="same_kind")
    for place, here in zip(places, largest, strict=True):
        np.multiply(here, share, out=dx[place])
    return dx


def max_pool_forward_im2col(x: Array, pool_param: dict[str, int]) -> tuple[Array, Any]:
    """The largest value of every window, for any window that fits.

    Raises
    ------
    AssertionError
        The steps do not reach the end of a row or of a column.
    """
    height, width, stride = _pool(pool_param)
    assert (x.shape[2] - height) % stride == 0, "Invalid height"
    assert (x.shape[3] - width) % stride == 0, "Invalid width"
    out, where = _core.max_pool(x, height, width, stride, 0)
    return out, (x, where, pool_param)


def max_pool_backward_im2col(dout: Array, cache: Any) -> Array:
    """dx of :func:`max_pool_forward_im2col`; the first of equal values gets the gradient."""
    x, where, pool_param = cache
    return _core.max_pool_backward(dout, where, x.shape, *_pool(pool_param), 0)


def _pool(pool_param: dict[str, int]) -> tuple[int, int, int]:
    return pool_param["pool_height"], pool_param["pool_width"], pool_param["stride"]
