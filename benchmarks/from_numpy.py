"""The steps of docs/from_numpy.md, timed: ``python -m benchmarks.from_numpy``.

One training step (draw a batch, forward, loss, backward, update) of 784-50-10 with batches of 100. Each way has
processes of its own; they take turns, and the median counts.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np

from .compare.turns import ROOT
from .ways import main

STEPS = 2000
WAYS = {
    "numpy": "NumPy, float64 weights, float32 images",
    "stand-ins": "1. the same on the stand-ins",
    "layers": "2. nnfast.layers, float64 weights",
    "layers32": "2. nnfast.layers, float32 weights",
    "gradient": "3. Network.gradient and one's own update",
    "fit": "3. Network.fit",
}


def by_layers(layers: list, last: object, x: np.ndarray, t: np.ndarray, book: bool) -> Callable[[], None]:
    """A step with layers of either kind."""
    rng = np.random.default_rng(1)
    first, _, second = layers

    def step() -> None:
        batch = rng.choice(len(x), 100)
        y = x[batch]
        for layer in layers:
            y = layer.forward(y)
        last.forward(y, t[batch])
        dy = last.backward(1) if book else last.backward()
        for layer in reversed(layers):
            dy = layer.backward(dy)
        for layer in (first, second):
            layer.W -= 0.1 * layer.dW
            layer.b -= 0.1 * layer.db

    return step


def measure(way: str) -> float:
    """Microseconds of a step."""
    import nnfast as nn

    rng = np.random.default_rng(0)
    x, t = rng.random((20_000, 784), np.float32), rng.integers(0, 10, 20_000)
    dtype = np.float32 if way == "layers32" else np.float64
    W1, b1 = (0.01 * rng.standard_normal((784, 50))).astype(dtype), np.zeros(50, dtype)
    W2, b2 = (0.01 * rng.standard_normal((50, 10))).astype(dtype), np.zeros(10, dtype)
    if way in ("numpy", "stand-ins"):
        if way == "numpy":
            sys.path.insert(0, str(ROOT / "tests" / "courses" / "dlfs"))
        else:
            nn.compat.install("dlfs")
        from common.layers import Affine, Relu, SoftmaxWithLoss

        step = by_layers([Affine(W1, b1), Relu(), Affine(W2, b2)], SoftmaxWithLoss(), x, t, True)
    elif way in ("layers", "layers32"):
        layers = [nn.Affine(W1, b1), nn.Relu(), nn.Affine(W2, b2)]
        step = by_layers(layers, nn.SoftmaxCrossEntropy(), x, t, False)
    else:
        network = nn.Network([nn.Affine(784, 50), nn.Relu(), nn.Affine(50, 10)], nn.SoftmaxCrossEntropy())
        if way == "fit":
            network.fit(x[:2000], t[:2000], batch_size=100, optimizer=nn.SGD(lr=0.1))
            began = time.perf_counter()
            network.fit(x, t, epochs=10, batch_size=100, optimizer=nn.SGD(lr=0.1))
            return (time.perf_counter() - began) / (10 * len(x) / 100) * 1e6

        def step() -> None:
            batch = rng.choice(len(x), 100)
            grads = network.gradient(x[batch], t[batch])
            for key in network.params:
                network.params[key] -= 0.1 * grads[key]

    for _ in range(100):
        step()
    began = time.perf_counter()
    for _ in range(STEPS):
        step()
    return (time.perf_counter() - began) / STEPS * 1e6


if __name__ == "__main__":
    main("benchmarks.from_numpy", WAYS, measure, "µs a step", rounds=5)
