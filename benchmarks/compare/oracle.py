"""The data of a case, and what must come out: NumPy in float64, written to be read."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from .cases import BATCHES, Net

Array = Any


def starting_weights(net: Net, dtype: str) -> list[tuple[Array, Array]]:
    """(W, b) of each layer, always the same numbers."""
    rng = np.random.default_rng(0)
    gain = 2 if net.activation == "relu" else 1
    return [
        (
            (rng.standard_normal((inner, outer)) * np.sqrt(gain / inner)).astype(dtype),
            (0.1 * rng.standard_normal(outer)).astype(dtype),
        )
        for inner, outer in pairwise(net.sizes)
    ]


def batches(net: Net, batch: int, dtype: str) -> list[tuple[Array, Array]]:
    """(x, t) of a few batches."""
    rng = np.random.default_rng(1)
    return [
        (
            rng.standard_normal((batch, net.sizes[0])).astype(dtype),
            rng.integers(0, net.sizes[-1], batch),
        )
        for _ in range(BATCHES)
    ]


class Oracle:
    """The network of a case in float64."""

    def __init__(self, net: Net, dtype: str) -> None:
        self.net = net
        self.params = [p.astype("f8") for layer in starting_weights(net, dtype) for p in layer]
        self.m = [np.zeros_like(p) for p in self.params]
        self.v = [np.zeros_like(p) for p in self.params]
        self.step = 0

    def forward(self, x: Array) -> list[Array]:
        """What goes into each layer, and the scores."""
        values = [x.astype("f8")]
        depth = len(self.params) // 2
        for k in range(depth):
            y = values[-1] @ self.params[2 * k] + self.params[2 * k + 1]
            if k < depth - 1:
                y = np.maximum(y, 0) if self.net.activation == "relu" else np.tanh(y)
            values.append(y)
        return values

    def train_step(self, x: Array, t: Array) -> float:
        *inputs, scores = self.forward(x)
        loss, dy = softmax_cross_entropy(scores, t)
        grads: list[Array] = []
        for k in reversed(range(len(inputs))):
            grads = [inputs[k].T @ dy, dy.sum(axis=0), *grads]
            if k > 0:
                slope = inputs[k] > 0 if self.net.activation == "relu" else 1 - inputs[k] ** 2
                dy = (dy @ self.params[2 * k].T) * slope
        self.update(grads)
        return loss

    def update(self, grads: list[Array]) -> None:
        self.step += 1
        lr = self.net.lr
        for p, g, m, v in zip(self.params, grads, self.m, self.v, strict=True):
            if self.net.optimizer == "sgd":
                p -= lr * g
            elif self.net.optimizer == "momentum":
                m[...] = 0.9 * m + g
                p -= lr * m
            else:
                m[...] = 0.9 * m + 0.1 * g
                v[...] = 0.999 * v + 0.001 * g * g
                p -= lr * (m / (1 - 0.9**self.step)) / (np.sqrt(v / (1 - 0.999**self.step)) + 1e-8)


def softmax_cross_entropy(y: Array, t: Array) -> tuple[float, Array]:
    """The mean loss of labels, and its derivative."""
    shifted = y - y.max(axis=1, keepdims=True)
    p = np.exp(shifted)
    total = p.sum(axis=1, keepdims=True)
    rows = np.arange(len(y))
    loss = float(np.mean(np.log(total[:, 0]) - shifted[rows, t]))
    p /= total
    p[rows, t] -= 1
    return loss, p / len(y)


def elementwise(name: str, x: Array) -> Array:
    if name == "relu":
        return np.maximum(x, 0)
    if name == "sigmoid":
        return 1 / (1 + np.exp(-x))
    if name == "tanh":
        return np.tanh(x)
    if name == "gelu":
        return 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    if name == "silu":
        return x / (1 + np.exp(-x))
    if name == "elu":
        return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))
    if name == "softplus":
        return np.logaddexp(x, 0)
    if name == "layer_norm":
        deviation = x - x.mean(axis=1, keepdims=True)
        return deviation / np.sqrt((deviation**2).mean(axis=1, keepdims=True) + 1e-5)
    shifted = x - x.max(axis=1, keepdims=True)
    log_total = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return shifted - log_total if name == "log_softmax" else np.exp(shifted - log_total)
