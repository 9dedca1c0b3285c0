"""Gradients of matrices: which product, in which order, and which of the two is transposed."""

from __future__ import annotations

import nnfast as nn
import numpy as np
from nnfast import graph


def slide() -> None:
    """f = |W x|^2, the example of CS231n."""
    W = graph.variable(np.array([[0.1, 0.5], [-0.3, 0.8]]), "W")
    x = graph.variable(np.array([[0.2], [0.4]]), "x")
    q = graph.matmul(W, x)
    f = graph.squared_norm(q)
    f.backward()
    print("q =", q.value.ravel().round(3), "  f =", round(float(f.value), 3))
    print("dq = 2 q =", q.grad.ravel().round(3))
    print("dW = dq x^T:", W.grad.round(3).tolist())
    print("dx = W^T dq:", x.grad.ravel().round(3))


def shapes() -> None:
    """x (N, D), W (D, M): only one product of x and dy has the shape of W."""
    N, D, M = 2, 3, 4
    rng = np.random.default_rng(0)
    x, W, dy = rng.standard_normal((N, D)), rng.standard_normal((D, M)), rng.standard_normal((N, M))
    layer = nn.Affine(W, np.zeros(M))
    layer.forward(x)
    dx = layer.backward(dy)
    print(f"dW {layer.dW.shape} = x^T {x.T.shape} @ dy {dy.shape}:", np.allclose(layer.dW, x.T @ dy))
    print(f"dx {dx.shape} = dy {dy.shape} @ W^T {W.T.shape}:", np.allclose(dx, dy @ W.T))
    print(f"db {layer.db.shape} = sum of dy over the {N} samples:", np.allclose(layer.db, dy.sum(axis=0)))


def one_entry() -> None:
    """The same by indices: what does W[i, j] touch?"""
    rng = np.random.default_rng(0)
    x, dy = rng.standard_normal((2, 3)), rng.standard_normal((2, 4))
    i, j = 1, 2
    by_hand = sum(x[n, i] * dy[n, j] for n in range(2))
    print(f"sum over n of x[n, {i}] dy[n, {j}] = {by_hand:.4f},  (x^T dy)[{i}, {j}] = {(x.T @ dy)[i, j]:.4f}")
    outer = sum(np.outer(x[n], dy[n]) for n in range(2))
    print("a sum of outer products, one for each sample:", np.allclose(outer, x.T @ dy))


def jacobian() -> None:
    """All derivatives of all outputs, and why nobody stores them."""
    W = np.array([[0.1, -0.3], [0.5, 0.8]])  # x W here is W x above
    x = np.array([[0.2, 0.4]])
    J = nn.jacobian(nn.Affine(W, np.zeros(2)), x).reshape(2, 2)
    print("J of x W by x:", J.round(3).tolist(), "= W^T:", np.allclose(J, W.T))
    dy = np.array([0.44, 0.52])
    print("dy J =", (dy @ J).round(3), "= dy W^T")
    J = nn.jacobian(lambda x: np.maximum(x, 0), np.array([1.0, -2.0, 3.0]))
    print("J of relu: only a diagonal", np.diag(J).round(3))
    print("J of a layer 784-100, batch of 100, by its input: (100, 100, 100, 784) = 784 million numbers")


def per_sample() -> None:
    """Every sample wants its own change; the batch gets the mean."""
    (x, t), _ = nn.datasets.load_mnist_sample(dtype=np.float64)
    net = nn.mlp([784, 16, 10], dtype=np.float64, seed=0)
    wishes = net.per_sample_gradient(x[:5], t[:5])
    grads = net.gradient(x[:5], t[:5])
    print("wishes for W2:", wishes["W2"].shape, "  gradient of W2:", grads["W2"].shape)
    for name in grads:
        print(f"mean of the wishes = gradient, {name}:", np.allclose(wishes[name].mean(axis=0), grads[name]))


def explained() -> None:
    """A small network says it all by itself."""
    net = nn.mlp([3, 2, 2], activation="sigmoid", dtype=np.float64, seed=0)
    net.explain(np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), [0, 1])


class Forgetful(nn.Relu):
    """A ReLU that forgot to block in its backward."""

    def backward(self, dy):
        return dy


def checked() -> None:
    """Backpropagation against numerical differentiation, for every parameter."""
    x, t = np.random.default_rng(0).standard_normal((6, 4)), [0, 1, 2, 0, 1, 2]
    net = nn.mlp([4, 5, 3], "relu", seed=0)
    print("a network is right:", nn.check_gradients(net, x, t).ok)
    print("the forgetful layer is right:", nn.check_gradients(Forgetful(), x).ok)


print("-- slide")
slide()
print("-- shapes")
shapes()
print("-- one entry")
one_entry()
print("-- jacobian")
jacobian()
print("-- per sample")
per_sample()
print("-- explained")
explained()
print("-- checked")
checked()
