"""``common/util.py``: data and patches of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core

if TYPE_CHECKING:
    from ..._typing import Array

__all__ = ["col2im", "conv_output_size", "im2col", "np", "shuffle_dataset", "smooth_curve"]


def smooth_curve(x: Any) -> Array:
    """x (at least 11 numbers) convolved with a Kaiser window of 11, beta 2; as long as x."""
    window_len = 11
    s = np.r_[x[window_len - 1 : 0 : -1], x, x[-1:-window_len:-1]]
    w = np.kaiser(window_len, 2)
    y: Array = np.convolve(w / w.sum(), s, mode="valid")
    return y[5 : len(y) - 5]


def shuffle_dataset(x: Array, t: Array) -> tuple[Array, Array]:
    """x (2-D or 4-D) and t in one new order, drawn with ``np.random.permutation``."""
    permutation = np.random.permutation(x.shape[0])
    x = x[permutation, :] if x.ndim == 2 else x[permutation, :, :, :]
    return x, t[permutation]


def conv_output_size(input_size: float, filter_size: float, stride: float = 1, pad: float = 0) -> float:
    """(input + 2 pad - filter) / stride + 1, as a float."""
    return (input_size + 2 * pad - filter_size) / stride + 1


def im2col(input_data: Array, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0) -> Array:
    """Patches of images (N, C, H, W) as rows (N out_h out_w, C filter_h filter_w), float64.

    Examples
    --------
    >>> im2col(np.arange(9.0).reshape(1, 1, 3, 3), 2, 2).tolist()
    [[0.0, 1.0, 3.0, 4.0], [1.0, 2.0, 4.0, 5.0], [3.0, 4.0, 6.0, 7.0], [4.0, 5.0, 7.0, 8.0]]
    """
    return _core.im2col(input_data, filter_h, filter_w, stride, pad)


def col2im(
    col: Array, input_shape: Any, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0
) -> Array:
    """The transpose of :func:`im2col`: each place takes the sum of the patches' elements that stood there."""
    return _core.col2im(col, input_shape, filter_h, filter_w, stride, pad)
