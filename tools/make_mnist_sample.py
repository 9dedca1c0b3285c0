#!/usr/bin/env python3
"""Make python/nnfast/data/mnist_sample from the full MNIST:  tools/make_mnist_sample.py FOLDER

Takes 500 images of each digit from the 60,000 to train on and 100 of each from the 10,000 to test on, evenly spread
over each digit's images in file order (the second half of the test file is by other writers than the first, so the
first ones would be too easy), and keeps that order. No random numbers: the same files come out every time.
"""

from __future__ import annotations

import gzip
import io
import struct
import sys
from pathlib import Path

import numpy as np
from nnfast.datasets import load_mnist
from numpy.typing import NDArray

TARGET = Path(__file__).resolve().parent.parent / "python" / "nnfast" / "data" / "mnist_sample"
PER_DIGIT = {"train": 500, "t10k": 100}


def evenly(labels: NDArray[np.integer], per_digit: int) -> NDArray[np.integer]:
    """Indices of `per_digit` images of each digit, ascending."""
    chosen = []
    for digit in range(10):
        (where,) = np.nonzero(labels == digit)
        chosen.append(where[np.arange(per_digit) * len(where) // per_digit])
    return np.sort(np.concatenate(chosen))


def write_idx(path: Path, array: NDArray[np.uint8]) -> None:
    """`array` of uint8 as gzipped IDX, without the time of day that gzip likes to add."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=packed, mode="wb", compresslevel=9, mtime=0) as out:
        out.write(struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape))
        out.write(array.tobytes())
    path.write_bytes(packed.getvalue())


def main() -> None:
    splits = load_mnist(sys.argv[1], flatten=False, normalize=False)
    TARGET.mkdir(parents=True, exist_ok=True)
    for prefix, (images, labels) in zip(PER_DIGIT, splits, strict=True):
        rows = evenly(labels, PER_DIGIT[prefix])
        write_idx(TARGET / f"{prefix}-images-idx3-ubyte.gz", images[rows, 0])
        write_idx(TARGET / f"{prefix}-labels-idx1-ubyte.gz", labels[rows])
        print(f"{prefix}: {len(rows)} of {len(labels)} images")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
