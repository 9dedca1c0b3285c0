"""The same network three times: ``make(library, sizes)`` gives an object with train_step(x, t) and train_epoch."""

from __future__ import annotations

from typing import Any

import numpy as np


def starting_weights(sizes: list[int]) -> dict[str, Any]:
    """He's normal distribution, always the same numbers."""
    rng = np.random.default_rng(0)
    params = {}
    for k, (inner, outer) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
        params[f"W{k}"] = (rng.standard_normal((inner, outer)) * np.sqrt(2 / inner)).astype("f4")
        params[f"b{k}"] = np.zeros(outer, "f4")
    return params


class Torch:
    """Linear and ReLU in eager mode; rows are gathered by indexing, which is faster than a DataLoader."""

    def __init__(self, sizes: list[int], fused: bool = False) -> None:
        import torch

        self.torch = torch
        layers: list[Any] = []
        for inner, outer in zip(sizes, sizes[1:], strict=False):
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

    def train_epoch(self, x: Any, t: Any, indices: Any, batch_size: int) -> float:
        x, t, indices = (self.torch.from_numpy(v) for v in (x, t, indices))
        total = 0.0
        for start in range(0, len(indices), batch_size):
            rows = indices[start : start + batch_size]
            total += self._step(x[rows], t[rows]) * len(rows)
        return total / len(indices)

    def accuracy(self, x: Any, t: Any) -> float:
        with self.torch.inference_mode():
            return float((self.net(self.torch.from_numpy(x)).argmax(1).numpy() == t).mean())
