"""MNIST in the form of the book's programs: tuples of column vectors."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from ...datasets import read_idx
from ...errors import FormatError
from . import _unpickle

if TYPE_CHECKING:
    import os

    from ..._typing import Array

__all__ = ["load_data", "load_data_wrapper", "np", "vectorized_result"]

Part: TypeAlias = tuple[Any, Any]

_PICKLE = "mnist.pkl.gz"
_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)


def load_data(folder: str | os.PathLike[str] | None = None) -> tuple[Part, Part, Part]:
    """Training, validation and test data, each as a pair of images (n, 784) float32 and labels (n,) int64.

    The book's file has 50,000, 10,000 and 10,000. From MNIST's own files, of which the last sixth of the training data
    becomes the validation data, pixels are divided by 255.

    Parameters
    ----------
    folder : path, optional
        Where ``mnist.pkl.gz`` or the four files of MNIST are. Without it they are looked for in the current folder,
        then in ``../data``.

    Returns
    -------
    training_data, validation_data, test_data : tuple

    Raises
    ------
    FileNotFoundError
        There is no such file.
    nnfast.FormatError
        It holds something else. The pickle is read without ever running what it may name: other classes than arrays
        are refused.
    """
    places = [Path(folder)] if folder is not None else [Path(), Path("..", "data")]
    for place in places:
        file = place / _PICKLE
        if file.is_file():
            return _read_pickle(file)
        if all((place / name).is_file() for name in _FILES):
            return _read_files(place)
    looked = " and ".join(str(place.absolute()) for place in places)
    raise FileNotFoundError(
        f"load_data: neither {_PICKLE} nor the four files {', '.join(_FILES)} are in {looked}"
    )


def load_data_wrapper(
    folder: str | os.PathLike[str] | None = None,
) -> tuple[list[tuple[Array, Array]], list[tuple[Array, Any]], list[tuple[Array, Any]]]:
    """The data as lists of (x, y): x columns (784, 1), y columns (10, 1) for training and labels for the rest.

    Parameters
    ----------
    folder : path, optional
        As for :func:`load_data`.

    Returns
    -------
    training_data, validation_data, test_data : list of tuples
    """
    training, validation, test = load_data(folder)
    return (
        [(np.reshape(x, (784, 1)), vectorized_result(y)) for x, y in zip(*training, strict=True)],
        [(np.reshape(x, (784, 1)), y) for x, y in zip(*validation, strict=True)],
        [(np.reshape(x, (784, 1)), y) for x, y in zip(*test, strict=True)],
    )


def vectorized_result(j: int) -> Array:
    """A column of ten zeros with a 1 at j.

    Examples
    --------
    >>> vectorized_result(9).ravel()
    array([0., 0., 0., 0., 0., 0., 0., 0., 0., 1.])
    """
    column: Array = np.zeros((10, 1))
    column[j] = 1.0
    return column


def _read_pickle(file: Path) -> tuple[Part, Part, Part]:
    with gzip.open(file, "rb") as stream:
        data = _unpickle.load(stream, str(file))  # type: ignore[arg-type]
    try:
        training, validation, test = ((x, y) for x, y in data)
    except (TypeError, ValueError):
        raise FormatError(f"{file}: expected three pairs of images and labels") from None
    return training, validation, test


def _read_files(folder: Path) -> tuple[Part, Part, Part]:
    images, labels, test_images, test_labels = (read_idx(folder / name) for name in _FILES)
    for x, y in ((images, labels), (test_images, test_labels)):
        if x.ndim != 3 or y.ndim != 1 or len(x) != len(y):
            raise FormatError(f"{folder}: images of shape {x.shape} with labels of shape {y.shape}")
    x, y = _flat(images), labels.astype(np.int64)
    kept = len(x) - len(x) // 6
    return (x[:kept], y[:kept]), (x[kept:], y[kept:]), (_flat(test_images), test_labels.astype(np.int64))


def _flat(images: Array) -> Array:
    return images.reshape(len(images), -1).astype(np.float32) / np.float32(255)
