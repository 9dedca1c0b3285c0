"""``dataset/mnist.py``: MNIST as the book's scripts read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...datasets import load_mnist as _load

if TYPE_CHECKING:
    from ..._typing import Array

__all__ = ["load_mnist"]


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """(x_train, t_train), (x_test, t_test) from where :func:`nnfast.datasets.load_mnist` finds it, or downloads it to.

    Images are float32 in 0..1 (uint8 with ``normalize=False``), (N, 784) or (N, 1, 28, 28); labels uint8, or float64
    rows with ``one_hot_label=True``.
    """
    (x_train, t_train), (x_test, t_test) = _load(flatten=flatten, normalize=normalize, download=True)
    if one_hot_label:
        t_train, t_test = np.eye(10)[t_train], np.eye(10)[t_test]
    return (x_train, t_train), (x_test, t_test)
