"""Networks and data that several test files use."""

import nnfast as nn
import numpy as np


def network_of_everything(dtype=np.float64, kinks=True, **settings):
    """Every kind of layer that the core knows, with smooth activations. (A bias before batch normalization is idle.)"""
    layers = [
        nn.Flatten(),
        nn.Affine(6, 9, rng=1, dtype=dtype, bias=False), nn.BatchNormalization(9, dtype=dtype), nn.Tanh(),
        nn.Affine(9, 8, rng=2, dtype=dtype), nn.LayerNormalization(8, dtype=dtype), nn.Gelu(),
        nn.Dropout(0.3), nn.Affine(8, 7, rng=3, dtype=dtype), nn.PRelu(0.2, 7, dtype=dtype),
        nn.Affine(7, 5, rng=4, dtype=dtype), nn.Softplus(), nn.Sigmoid(), nn.Affine(5, 4, rng=5, dtype=dtype),
    ]  # fmt: skip
    if not kinks:
        layers[9] = nn.Tanh()
    return nn.Network(layers, **settings)


def batch(rng, n=11, dtype=np.float64):
    return rng.standard_normal((n, 6)).astype(dtype), rng.integers(4, size=n)


class Scale:
    """A layer of one's own, with ``params`` and ``grads``."""

    def __init__(self, scale):
        self.params, self.grads = {"scale": scale}, {}

    def forward(self, x):
        self.x = x
        return x * self.params["scale"]

    def backward(self, dy):
        self.grads["scale"] = (dy * self.x).sum(0)
        return dy * self.params["scale"]


class Affine:
    """A layer of one's own as in Deep Learning from Scratch: W, b, dW, db."""

    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(0)
        return dout @ self.W.T
