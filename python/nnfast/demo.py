"""The demonstration: one network, trained by nnfast and by plain NumPy side by side.

:class:`NumpyMLP` is the measure that nnfast is held against, here and in the benchmarks. It is written as the courses
write it, ``x @ W + b``, ``np.maximum``, softmax with the maximum subtracted, gradients as new arrays, Adam on a dict of
parameters, and as fast as that gets: float32 throughout, no loop over samples, no gradient with respect to the images.
"""

from __future__ import annotations

import importlib.util
import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

import nnfast as nn

from .datasets import load_mnist_sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._typing import Array

__all__ = ["NumpyMLP", "run"]


class NumpyMLP:
    """Affine, ReLU, ..., Affine, softmax cross-entropy and Adam, by hand.

    Parameters
    ----------
    params : mapping of str to ndarray
        "W1", "b1", "W2", ... as in ``Network.params``; copied.
    lr, beta1, beta2, eps : float
        Of Adam: m and v are corrected for their start at zero, then p -= lr m / (sqrt(v) + eps) (Kingma, Ba 2015).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> net = NumpyMLP({"W1": rng.normal(0, 0.1, (4, 3)).astype(np.float32), "b1": np.zeros(3, np.float32)})
    >>> x, t = rng.random((8, 4), np.float32), rng.integers(0, 3, 8)
    >>> first = net.train_step(x, t)
    >>> net.train_step(x, t) < first
    True
    """

    def __init__(
        self,
        params: Mapping[str, Array],
        *,
        lr: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        eps: float = 1e-8,
    ) -> None:
        self.params = {key: np.array(value, order="C") for key, value in params.items()}
        self.depth = len(self.params) // 2
        self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
        self.step = 0
        self.m = {key: np.zeros_like(value) for key, value in self.params.items()}
        self.v = {key: np.zeros_like(value) for key, value in self.params.items()}

    def predict(self, x: Array) -> Array:
        """Scores (N, classes)."""
        for k in range(1, self.depth + 1):
            x = x @ self.params[f"W{k}"] + self.params[f"b{k}"]
            if k < self.depth:
                x = np.maximum(x, 0)
        return x

    def accuracy(self, x: Array, t: Array) -> float:
        """The share of rows whose largest score is that of the label."""
        return float(np.mean(self.predict(x).argmax(axis=1) == t))

    def gradient(self, x: Array, t: Array) -> tuple[float, dict[str, Array]]:
        """The mean cross-entropy of the batch, and its derivatives."""
        inputs = [x]
        for k in range(1, self.depth):
            inputs.append(np.maximum(inputs[-1] @ self.params[f"W{k}"] + self.params[f"b{k}"], 0))
        scores = inputs[-1] @ self.params[f"W{self.depth}"] + self.params[f"b{self.depth}"]

        batch = len(x)
        shifted = scores - scores.max(axis=1, keepdims=True)
        exp = np.exp(shifted)
        total = exp.sum(axis=1, keepdims=True)
        rows = np.arange(batch)
        loss = float(np.mean(np.log(total[:, 0]) - shifted[rows, t]))

        dy = exp / total
        dy[rows, t] -= 1
        dy /= batch
        grads = {}
        for k in range(self.depth, 0, -1):
            grads[f"W{k}"] = inputs[k - 1].T @ dy
            grads[f"b{k}"] = dy.sum(axis=0)
            if k > 1:
                dy = (dy @ self.params[f"W{k}"].T) * (inputs[k - 1] > 0)
        return loss, grads

    def train_step(self, x: Array, t: Array) -> float:
        """The loss of the batch before the update."""
        loss, grads = self.gradient(x, t)
        self.step += 1
        c1 = 1 - self.beta1**self.step
        c2 = math.sqrt(1 - self.beta2**self.step)
        for key, g in grads.items():
            self.m[key] += (1 - self.beta1) * (g - self.m[key])
            self.v[key] += (1 - self.beta2) * (g * g - self.v[key])
            self.params[key] -= self.lr / c1 * self.m[key] / (np.sqrt(self.v[key]) / c2 + self.eps)
        return loss

    def train_epoch(self, x: Array, t: Array, indices: Array, batch_size: int) -> float:
        """One pass in batches of `indices`; the mean loss over the samples."""
        total = 0.0
        for start in range(0, len(indices), batch_size):
            batch = indices[start : start + batch_size]
            total += self.train_step(x[batch], t[batch]) * len(batch)
        return total / len(indices)


@dataclass
class _Curve:
    """What one of the two reached, epoch by epoch."""

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, loss: float, accuracy: float, seconds: float) -> None:
        self.loss.append(loss)
        self.accuracy.append(accuracy)
        self.seconds.append(seconds)


def run(*, hidden: Sequence[int], epochs: int, batch_size: int, seed: int, picture: str) -> None:
    """Train both, print what they do, and draw the picture if matplotlib is there."""
    (x_train, t_train), (x_test, t_test) = load_mnist_sample()
    sizes = [x_train.shape[1], *hidden, 10]
    network = nn.mlp(sizes, activation="relu", seed=seed)
    network.params["W1"] *= (
        0.2  # a quiet start lets the picture show what has been learnt, and learns as well
    )
    by_hand = NumpyMLP(network.params)
    optimizer = nn.Adam(lr=by_hand.lr)
    mine, theirs = _Curve(), _Curve()

    def train_mine(epoch: int) -> None:
        history = network.fit(
            x_train,
            t_train,
            batch_size=batch_size,
            optimizer=optimizer,
            seed=np.random.default_rng([seed, epoch]),
            progress=False,
        )
        mine.add(history["loss"][0], network.accuracy(x_test, t_test), history["seconds"][0])

    def train_theirs(epoch: int) -> None:
        order = np.random.default_rng([seed, epoch]).permutation(len(x_train))
        start = time.perf_counter()
        loss = by_hand.train_epoch(x_train, t_train, order, batch_size)
        seconds = time.perf_counter() - start
        theirs.add(loss, by_hand.accuracy(x_test, t_test), seconds)

    count = sum(value.size for value in network.params.values())
    config = nn.show_config("dicts")
    assert config is not None
    print(f"{len(x_train):,} images of handwritten digits to train on, {len(x_test):,} to test on (MNIST)")
    print(
        f"{'-'.join(map(str, sizes))}, relu, Adam, batches of {batch_size}: {count:,} parameters of float32"
    )
    print(f"nnfast {config['version']} ({config['isa']}, threads: {config['threads']})", end=" and ")
    print(f"NumPy {np.__version__}: the same weights at the start, the same batches\n")
    print("            loss            test accuracy       seconds")
    print("epoch   nnfast   NumPy     nnfast   NumPy    nnfast   NumPy")
    for epoch in range(epochs):
        # In turns, who is first changes; OpenBLAS threads spin for some 30 ms before they fall asleep.
        for train in (train_mine, train_theirs) if epoch % 2 == 0 else (train_theirs, train_mine):
            train(epoch)
            time.sleep(0.05)
        print(
            f"{epoch + 1:5}  {mine.loss[-1]:7.4f} {theirs.loss[-1]:7.4f}   {100 * mine.accuracy[-1]:6.1f} % "
            f"{100 * theirs.accuracy[-1]:5.1f} %   {mine.seconds[-1]:6.3f}  {theirs.seconds[-1]:6.3f}",
            flush=True,
        )
    apart = max(abs(a - b) for a, b in zip(mine.loss, theirs.loss, strict=True))
    total, numpy_total = sum(mine.seconds), sum(theirs.seconds)
    print(f"\nThe loss curves differ by {apart:.0e} at most.")
    print(f"nnfast {total:.2f} s, NumPy {numpy_total:.2f} s: {numpy_total / total:.1f} times as fast.")
    if importlib.util.find_spec("matplotlib") is None:
        print('For a picture of it: pip install "nnfast[plot]", and once more.')
    else:
        _draw(picture, mine, theirs, network.params["W1"])
        print(f"The picture: {picture}")


def _draw(path: str, mine: _Curve, theirs: _Curve, W: Array) -> None:
    """Loss and accuracy by time, and the 40 units of the first layer with the strongest weights as images."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 8), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1, 1.1])
    left, right = upper.subplots(1, 2)
    for curve, name, style in ((mine, "nnfast", "o-"), (theirs, "NumPy", "s--")):
        elapsed = np.cumsum(curve.seconds)
        left.plot(elapsed, curve.loss, style, label=name, markersize=4)
        right.plot(elapsed, 100 * np.array(curve.accuracy), style, label=name, markersize=4)
    left.set(xlabel="seconds of training", ylabel="training loss", yscale="log")
    right.set(xlabel="seconds of training", ylabel="test accuracy (%)")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    strongest = np.argsort(-np.linalg.norm(W, axis=0), kind="stable")[:40]
    side = math.isqrt(W.shape[0])
    lower.suptitle(f"What {len(strongest)} of the {W.shape[1]} units of the first layer look for")
    for axes, unit in zip(lower.subplots(4, 10).flat, strongest, strict=False):
        image = W[:, unit].reshape(side, side)
        limit = float(np.abs(image).max())
        axes.imshow(image, cmap="RdBu_r", vmin=-limit, vmax=limit)
    for axes in lower.axes:
        axes.axis("off")
    figure.savefig(path, dpi=110)
