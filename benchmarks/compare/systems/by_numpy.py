from __future__ import annotations

import math
from itertools import cycle
from typing import Any

import numpy as np

from . import System

Array = Any


class Network:
    """By hand, with what NumPy offers for speed: in place where it can be, parameters in one flat buffer."""

    def __init__(self, net: Any, dtype: str, weights: Any) -> None:
        self.relu = net.activation == "relu"
        self.kind, self.lr = net.optimizer, net.lr
        self.flat = np.concatenate([p.ravel() for layer in weights for p in layer])
        self.grad, self.m, self.v, self.scratch = (np.zeros_like(self.flat) for _ in range(4))
        shapes = [p.shape for layer in weights for p in layer]
        self.params, self.grads = (self.views(flat, shapes) for flat in (self.flat, self.grad))
        self.depth = len(weights)
        self.step = 0

    @staticmethod
    def views(flat: Array, shapes: Any) -> list[Array]:
        stops = np.cumsum([math.prod(shape) for shape in shapes])
        return [part.reshape(shape) for part, shape in zip(np.split(flat, stops[:-1]), shapes, strict=True)]

    def forward(self, x: Array) -> list[Array]:
        values = [x]
        for k in range(self.depth):
            y = values[-1] @ self.params[2 * k]
            y += self.params[2 * k + 1]
            if k < self.depth - 1:
                np.maximum(y, 0, out=y) if self.relu else np.tanh(y, out=y)
            values.append(y)
        return values

    def train_step(self, x: Array, t: Array) -> float:
        values = self.forward(x)
        loss, dy = softmax_cross_entropy(values[-1], t)
        for k in reversed(range(self.depth)):
            y = values[k]
            np.matmul(y.T, dy, out=self.grads[2 * k])
            np.add.reduce(dy, axis=0, out=self.grads[2 * k + 1])
            if k > 0:
                dy = dy @ self.params[2 * k].T
                if self.relu:
                    dy *= y > 0
                else:
                    y *= y
                    np.subtract(1, y, out=y)
                    dy *= y
        self.update()
        return loss

    def update(self) -> None:
        g, m, v, scratch = self.grad, self.m, self.v, self.scratch
        self.step += 1
        if self.kind == "sgd":
            g *= self.lr
            self.flat -= g
        elif self.kind == "momentum":
            m *= 0.9
            m += g
            np.multiply(m, self.lr, out=scratch)
            self.flat -= scratch
        else:
            m *= 0.9
            np.multiply(g, 0.1, out=scratch)
            m += scratch
            v *= 0.999
            g *= g
            g *= 0.001
            v += g
            np.sqrt(v, out=scratch)
            scratch /= math.sqrt(1 - 0.999**self.step)
            scratch += 1e-8
            np.divide(m, scratch, out=scratch)
            scratch *= self.lr / (1 - 0.9**self.step)
            self.flat -= scratch


def softmax_cross_entropy(y: Array, t: Array) -> tuple[float, Array]:
    """Works in y."""
    y -= y.max(axis=1, keepdims=True)
    rows = np.arange(len(y))
    right = y[rows, t]
    np.exp(y, out=y)
    total = y.sum(axis=1, keepdims=True)
    loss = float((np.log(total[:, 0]) - right).mean())
    total *= len(y)
    y /= total
    y[rows, t] -= 1 / len(y)
    return loss, y


def erf(x: Array) -> Array:
    """Abramowitz and Stegun 7.1.26 has 1e-7: NumPy has no erf, this is what people write."""
    s = 1 / (1 + 0.3275911 * np.abs(x))
    poly = s * (0.254829592 + s * (-0.284496736 + s * (1.421413741 + s * (-1.453152027 + s * 1.061405429))))
    return np.sign(x) * (1 - poly * np.exp(-x * x))


def sigmoid(x: Array, out: Array) -> Array:
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)


def silu(x: Array, out: Array) -> Array:
    np.negative(x, out=out)
    np.exp(out, out=out)
    out += 1
    return np.divide(x, out, out=out)


def softplus(x: Array, out: Array) -> Array:
    """Several times as fast as np.logaddexp."""
    np.abs(x, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.log1p(out, out=out)
    out += np.maximum(x, 0)
    return out


def elu(x: Array, out: Array) -> Array:
    np.minimum(x, 0, out=out)
    np.expm1(out, out=out)
    return np.copyto(out, x, where=x > 0)


def gelu(x: Array, out: Array) -> Array:
    np.multiply(x, math.sqrt(0.5), out=out)
    out[...] = erf(out)
    out += 1
    out *= x
    out *= 0.5
    return out


def log_softmax(x: Array, out: Array) -> Array:
    np.subtract(x, x.max(axis=1, keepdims=True), out=out)
    out -= np.log(np.exp(out).sum(axis=1, keepdims=True))
    return out


def softmax(x: Array, out: Array) -> Array:
    np.subtract(x, x.max(axis=1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=1, keepdims=True)
    return out


def layer_norm(x: Array, out: Array) -> Array:
    np.subtract(x, x.mean(axis=1, keepdims=True), out=out)
    variance = np.einsum("ij,ij->i", out, out)[:, None] / x.shape[1]
    out /= np.sqrt(variance + 1e-5)
    return out


FUNCTIONS: dict[str, Any] = {
    "relu": lambda x, out: np.maximum(x, 0, out=out),
    "sigmoid": sigmoid,
    "tanh": lambda x, out: np.tanh(x, out=out),
    "gelu": gelu,
    "silu": silu,
    "elu": elu,
    "softplus": softplus,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "layer_norm": layer_norm,
}


class Numpy(System):
    """With its OpenBLAS, whose threads the environment says."""

    def version(self) -> str:
        return np.__version__

    def train(self, net: Any, dtype: str, weights: Any, batches: Any) -> Any:
        network = Network(net, dtype, weights)
        pairs = cycle(batches)
        return lambda: network.train_step(*next(pairs))

    def infer(self, net: Any, dtype: str, weights: Any, x: Any) -> Any:
        network = Network(net, dtype, weights)
        return lambda: network.forward(x)[-1]

    def epoch(self, net: Any, dtype: str, weights: Any, x: Any, t: Any) -> Any:
        network = Network(net, dtype, weights)

        def run(rows: slice, seed: int) -> float:
            some_x, some_t = x[rows], t[rows]
            order = np.random.default_rng(seed).permutation(len(some_x))
            total = 0.0
            for start in range(0, len(order), net.batch):
                batch = order[start : start + net.batch]
                total += network.train_step(some_x[batch], some_t[batch]) * len(batch)
            return total / len(order)

        return run

    def gemm(self, a: Any, b: Any, c: Any) -> Any:
        return lambda: np.matmul(a, b, out=c)

    def elementwise(self, name: str, x: Any, out: Any) -> Any:
        function = FUNCTIONS[name]

        def run() -> Any:
            function(x, out)
            return out

        return run

    def loss(self, y: Any, t: Any) -> Any:
        return lambda: softmax_cross_entropy(y.copy(), t)


SYSTEM = Numpy
