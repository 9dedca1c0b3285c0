"""One network three times, from the same weights: objects with ``train_step(x, t)``, ``train_epoch(x, t, seed,
batch_size)`` and ``accuracy(x, t)``. Steps and epochs return the mean loss; an epoch's order is that of the seed.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np


def starting_weights(sizes: list[int]) -> dict[str, Any]:
    """He's normal distribution, always the same numbers."""
    rng = np.random.default_rng(0)
    params = {}
    for k, (inner, outer) in enumerate(pairwise(sizes), 1):
        params[f"W{k}"] = (rng.standard_normal((inner, outer)) * np.sqrt(2 / inner)).astype("f4")
        params[f"b{k}"] = np.zeros(outer, "f4")
    return params


class Torch:
    """Linear and ReLU in eager mode; rows are gathered by indexing, which is faster than a DataLoader."""

    def __init__(self, sizes: list[int], fused: bool = False) -> None:
        import torch

        self.torch = torch
        layers: list[Any] = []
        for inner, outer in pairwise(sizes):
            layers += [torch.nn.Linear(inner, outer), torch.nn.ReLU()]
        self.net = torch.nn.Sequential(*layers[:-1])
        params = starting_weights(sizes)
        with torch.no_grad():
            for k, layer in enumerate(self.net[::2], 1):
                layer.weight.copy_(torch.from_numpy(params[f"W{k}"].T.copy()))
                layer.bias.copy_(torch.from_numpy(params[f"b{k}"]))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.001, fused=fused or None)

    def _step(self, x: Any, t: Any) -> float:
        loss = self.torch.nn.functional.cross_entropy(self.net(x), t)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return float(loss.item())

    def train_step(self, x: Any, t: Any) -> float:
        return self._step(self.torch.from_numpy(x), self.torch.from_numpy(t))

    def train_epoch(self, x: Any, t: Any, seed: int, batch_size: int) -> float:
        order = np.random.default_rng(seed).permutation(len(x))
        x, t, indices = (self.torch.from_numpy(v) for v in (x, t, order))
        total = 0.0
        for start in range(0, len(indices), batch_size):
            rows = indices[start : start + batch_size]
            total += self._step(x[rows], t[rows]) * len(rows)
        return total / len(indices)

    def accuracy(self, x: Any, t: Any) -> float:
        with self.torch.inference_mode():
            return float((self.net(self.torch.from_numpy(x)).argmax(1).numpy() == t).mean())


class Numpy:
    """The network of the demonstration."""

    def __init__(self, sizes: list[int]) -> None:
        from nnfast.demo import NumpyMLP

        self.net = NumpyMLP(starting_weights(sizes))
        self.train_step = self.net.train_step
        self.accuracy = self.net.accuracy

    def train_epoch(self, x: Any, t: Any, seed: int, batch_size: int) -> float:
        return self.net.train_epoch(x, t, np.random.default_rng(seed).permutation(len(x)), batch_size)


class Nnfast:
    """nn.mlp with fit."""

    def __init__(self, sizes: list[int]) -> None:
        import nnfast as nn

        self.net = nn.mlp(sizes, activation="relu")
        for key, value in starting_weights(sizes).items():
            self.net.params[key][...] = value
        self.optimizer = nn.Adam(lr=0.001)
        self.accuracy = self.net.accuracy

    def train_step(self, x: Any, t: Any) -> float:
        return self.net.train_step(x, t, self.optimizer)

    def train_epoch(self, x: Any, t: Any, seed: int, batch_size: int) -> float:
        rng = np.random.default_rng(seed)
        history = self.net.fit(
            x, t, batch_size=batch_size, optimizer=self.optimizer, seed=rng, progress=False
        )
        return history["loss"][-1]


def make(library: str, sizes: list[int]) -> Any:
    """The network by the library's name."""
    if library == "nnfast":
        return Nnfast(sizes)
    return Numpy(sizes) if library == "numpy" else Torch(sizes, fused=library == "torch fused")
