from __future__ import annotations

from itertools import cycle
from typing import Any

import nnfast as nn
import nnfast.functional as F
import numpy as np

from . import System


def optimizer_of(net: Any) -> Any:
    return {"sgd": nn.SGD, "momentum": nn.Momentum, "adam": nn.Adam}[net.optimizer](lr=net.lr)


def network_of(net: Any, dtype: str, weights: Any) -> nn.Network:
    network = nn.mlp(net.sizes, net.activation, dtype=dtype)
    for k, (W, b) in enumerate(weights, 1):
        network.params[f"W{k}"][...] = W
        network.params[f"b{k}"][...] = b
    return network


class Nnfast(System):
    """As the README says; nothing is set but the number of threads."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        nn.set_num_threads(threads)

    def version(self) -> str:
        return nn.__version__

    def train(self, net: Any, dtype: str, weights: Any, batches: Any) -> Any:
        train_step = network_of(net, dtype, weights).train_step
        optimizer = optimizer_of(net)
        pairs = cycle(batches)

        def step() -> float:
            x, t = next(pairs)
            return train_step(x, t, optimizer)

        return step

    def infer(self, net: Any, dtype: str, weights: Any, x: Any) -> Any:
        predict = network_of(net, dtype, weights).predict
        return lambda: predict(x)

    def epoch(self, net: Any, dtype: str, weights: Any, x: Any, t: Any) -> Any:
        network = network_of(net, dtype, weights)
        optimizer = optimizer_of(net)

        def run(rows: slice, seed: int) -> float:
            rng = np.random.default_rng(seed)  # of which fit takes one permutation
            history = network.fit(
                x[rows], t[rows], batch_size=net.batch, optimizer=optimizer, seed=rng, progress=False
            )
            return history["loss"][-1]

        return run

    def fit(self, net: Any, dtype: str, weights: Any, x: Any, t: Any) -> Any:
        network = network_of(net, dtype, weights)
        optimizer = optimizer_of(net)
        return lambda: network.fit(x, t, batch_size=net.batch, optimizer=optimizer, progress=False)

    def gemm(self, a: Any, b: Any, c: Any) -> Any:
        return lambda: F.gemm(a, b, c)

    def elementwise(self, name: str, x: Any, out: Any) -> Any:
        if name == "layer_norm":
            return lambda: F.layer_normalization(x)
        function = getattr(F, name)
        return lambda: function(x, out=out)

    def loss(self, y: Any, t: Any) -> Any:
        loss = nn.SoftmaxCrossEntropy()
        return lambda: (loss.forward(y, t), loss.backward())


SYSTEM = Nnfast
