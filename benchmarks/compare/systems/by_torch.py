from __future__ import annotations

from itertools import cycle, pairwise
from typing import Any

import numpy as np
import torch

from . import System


def module_of(net: Any, dtype: str, weights: Any) -> Any:
    layers: list[Any] = []
    for inner, outer in pairwise(net.sizes):
        layers += [
            torch.nn.Linear(inner, outer, dtype=getattr(torch, dtype)),
            torch.nn.ReLU() if net.activation == "relu" else torch.nn.Tanh(),
        ]
    module = torch.nn.Sequential(*layers[:-1])
    with torch.no_grad():
        for layer, (W, b) in zip(module[::2], weights, strict=True):
            layer.weight.copy_(torch.from_numpy(W.T.copy()))
            layer.bias.copy_(torch.from_numpy(b))
    return module


def step_of(net: Any, module: Any) -> Any:
    parameters = module.parameters()
    if net.optimizer == "adam":
        optimizer: Any = torch.optim.Adam(parameters, lr=net.lr, fused=True)
    else:
        momentum = 0.9 if net.optimizer == "momentum" else 0
        optimizer = torch.optim.SGD(parameters, lr=net.lr, momentum=momentum, fused=True)
    cross_entropy = torch.nn.functional.cross_entropy

    def step(x: Any, t: Any) -> float:
        loss = cross_entropy(module(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


class Torch(System):
    """Eager, which torch.compile does not beat by much at these sizes; fused optimizers; inference mode."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        torch.set_num_threads(threads)

    def version(self) -> str:
        return str(torch.__version__)

    def train(self, net: Any, dtype: str, weights: Any, batches: Any) -> Any:
        step = step_of(net, module_of(net, dtype, weights))
        pairs = cycle([(torch.from_numpy(x), torch.from_numpy(t)) for x, t in batches])
        return lambda: step(*next(pairs))

    def infer(self, net: Any, dtype: str, weights: Any, x: Any) -> Any:
        module = module_of(net, dtype, weights).eval()
        tensor = torch.from_numpy(x)

        def run() -> Any:
            with torch.inference_mode():
                return module(tensor)

        return run

    def epoch(self, net: Any, dtype: str, weights: Any, x: Any, t: Any) -> Any:
        step = step_of(net, module_of(net, dtype, weights))
        all_x, all_t = torch.from_numpy(x), torch.from_numpy(t)

        def run(rows: slice, seed: int) -> float:
            some_x, some_t = all_x[rows], all_t[rows]
            order = torch.from_numpy(np.random.default_rng(seed).permutation(len(some_x)))
            total = 0.0
            for batch in order.split(net.batch):
                total += step(some_x[batch], some_t[batch]) * len(batch)
            return total / len(order)

        return run

    def gemm(self, a: Any, b: Any, c: Any) -> Any:
        left, right, out = (torch.from_numpy(array) for array in (a, b, c))
        return lambda: torch.mm(left, right, out=out)

    def elementwise(self, name: str, x: Any, out: Any) -> Any:
        x, out = torch.from_numpy(x), torch.from_numpy(out)
        if name == "layer_norm":
            return lambda: torch.layer_norm(x, x.shape[1:])
        if name == "relu":
            return lambda: torch.clamp_min(x, 0, out=out)
        if name in ("softmax", "log_softmax"):
            function = getattr(torch, name)
            return lambda: function(x, 1, out=out)
        function = getattr(torch, name) if name in ("sigmoid", "tanh") else getattr(torch.ops.aten, name).out
        return lambda: function(x, out=out)

    def loss(self, y: Any, t: Any) -> Any:
        scores, labels = torch.from_numpy(y).requires_grad_(), torch.from_numpy(t)

        def run() -> Any:
            loss = torch.nn.functional.cross_entropy(scores, labels)
            return loss, torch.autograd.grad(loss, scores)[0]

        return run


class TorchLoader(Torch):
    """The epoch with a DataLoader, as the tutorials have it."""

    epoch_tolerance = 0.1

    def epoch(self, net: Any, dtype: str, weights: Any, x: Any, t: Any) -> Any:
        step = step_of(net, module_of(net, dtype, weights))
        all_x, all_t = torch.from_numpy(x), torch.from_numpy(t)

        def run(rows: slice, seed: int) -> float:
            data = torch.utils.data.TensorDataset(all_x[rows], all_t[rows])
            generator = torch.Generator().manual_seed(seed)
            loader: Any = torch.utils.data.DataLoader(data, net.batch, shuffle=True, generator=generator)
            total = 0.0
            for some_x, some_t in loader:
                total += step(some_x, some_t) * len(some_x)
            return total / len(data)

        return run


SYSTEM = Torch
LOADER = TorchLoader
