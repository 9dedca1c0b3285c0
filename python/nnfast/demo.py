"""The demonstration: one network, trained by nnfast and by plain NumPy side by side.

:class:`NumpyMLP` is the measure that nnfast is held against, here and in the benchmarks. It is written as the courses write
it: ``x @ W + b``, ``np.maximum``, softmax with the maximum subtracted, gradients as new arrays, Adam on a dict of
parameters, and as fast as that gets: float32 throughout, no loop over samples, no gradient with respect to the images.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._typing import Array

__all__ = ["NumpyMLP"]


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
