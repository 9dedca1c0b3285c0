"""The gradient check of the book's two-layer net, timed: ``python -m benchmarks.gradient_check``.

Central differences of the loss by all 39,760 parameters of 784-50-10, on a batch of 3 images as in the book, float64.
Each way has processes of its own; they take turns, and the median counts. The differences are compared before any of
them is timed.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from .ways import main

WAYS = {
    "numpy": "NumPy: the book's loop, two losses for each parameter",
    "nnfast": "nnfast.check_gradients, with backpropagation and the comparison",
}


def make() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = (784, 50), (50,), (50, 10), (10,)
    params = [0.1 * rng.standard_normal(shape) for shape in shapes]
    return params, rng.random((3, 784)), rng.integers(0, 10, 3)


def by_numpy(h: float = 1e-5) -> list[np.ndarray]:
    """As a learner writes it, and no slower: no classes, no one-hot rows."""
    (W1, b1, W2, b2), x, t = make()
    rows = np.arange(len(x))

    def loss() -> float:
        y = np.maximum(x @ W1 + b1, 0) @ W2 + b2
        y -= y.max(axis=1, keepdims=True)
        return float((np.log(np.exp(y).sum(axis=1)) - y[rows, t]).mean())

    result = []
    for p in (W1, b1, W2, b2):
        flat, grad = p.reshape(-1), np.empty(p.size)
        for i in range(p.size):
            before = flat[i]
            flat[i] = before + h
            above = loss()
            flat[i] = before - h
            below = loss()
            flat[i] = before
            grad[i] = (above - below) / (2 * h)
        result.append(grad.reshape(p.shape))
    return result


def by_nnfast() -> object:
    import nnfast as nn

    (W1, b1, W2, b2), x, t = make()
    network = nn.Network([nn.Affine(W1, b1), nn.Relu(), nn.Affine(W2, b2)])
    check = nn.check_gradients(network, x, t)
    assert check.ok
    assert sum(p.checked for p in check.parameters.values()) == 39_760
    return network, x, t


def compare() -> None:
    """Whether both ways differentiate the same function."""
    network, x, t = by_nnfast()  # type: ignore[misc]
    for ours, theirs in zip(network.gradient(x, t).values(), by_numpy(), strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-5, atol=1e-8)


def measure(way: str) -> float:
    """Milliseconds of one check: the first of NumPy's, which takes long enough, the median of ours."""
    if way == "numpy":
        began = time.perf_counter()
        by_numpy()
        return 1e3 * (time.perf_counter() - began)
    by_nnfast()
    readings = []
    for _ in range(20):
        began = time.perf_counter()
        by_nnfast()
        readings.append(time.perf_counter() - began)
    return 1e3 * statistics.median(readings)


if __name__ == "__main__":
    main("benchmarks.gradient_check", WAYS, measure, "ms", rounds=3, compare=compare)
