"""The first program of the book: stochastic gradient descent on the quadratic cost, with sigmoid layers."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..._typing import Array

__all__ = ["Network", "np", "random", "sigmoid", "sigmoid_prime"]


class Network:
    """Layers of sigmoid neurons; `sizes` counts them, inputs first.

    Parameters
    ----------
    sizes : list of int
        Biases and weights are drawn from the global generator's standard normal distribution: all biases first.

    Attributes
    ----------
    num_layers : int
    sizes : list of int
    biases : list of ndarray (out, 1)
    weights : list of ndarray (out, in)
        Updates put new arrays into both lists.

    Examples
    --------
    >>> np.random.seed(1)
    >>> net = Network([2, 3, 1])
    >>> data = [(np.array([[a], [b]]), np.array([[float(a ^ b)]])) for a in (0, 1) for b in (0, 1)]
    >>> net.SGD(data, epochs=1, mini_batch_size=2, eta=3.0)
    Epoch 0 complete
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases: list[Array] = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights: list[Array] = [np.random.randn(y, x) for x, y in pairwise(sizes)]

    def feedforward(self, a: Array) -> Array:
        """The output for an input (in, 1), or for several, (in, m)."""
        for b, w in zip(self.biases, self.weights, strict=False):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def SGD(
        self,
        training_data: Iterable[tuple[Any, Any]],
        epochs: int,
        mini_batch_size: int,
        eta: float,
        test_data: Iterable[tuple[Any, Any]] | None = None,
    ) -> None:
        """Train by mini-batches, and print a line after every epoch.

        Parameters
        ----------
        training_data : iterable of (x, y)
            Columns (in, 1) and (out, 1). Copied to a list, which :func:`random.shuffle` shuffles for every epoch.
        epochs, mini_batch_size : int
            The last mini-batch may be smaller.
        eta : float
            Learning rate.
        test_data : iterable of (x, label), optional
            The line then says how many of them are right.
        """
        samples = list(training_data)
        tests = list(test_data) if test_data else None
        stacked, order = None, list(range(len(samples)))
        for epoch in range(epochs):
            if _is_the_books(self, "update_mini_batch", "backprop", "cost_derivative"):
                # Between two epochs somebody's own method may have changed data or weights.
                if stacked is None or not _is_the_books(self, "evaluate", "feedforward"):
                    stacked = _batch.Stacked.of(self, samples, eta)
            else:
                stacked = None
            if stacked is not None:
                random.shuffle(order)
                stacked.epoch(self, order, mini_batch_size, True, eta, 1.0)
            else:
                samples, order = [samples[i] for i in order], list(range(len(samples)))
                random.shuffle(samples)
                for start in range(0, len(samples), mini_batch_size):
                    self.update_mini_batch(samples[start : start + mini_batch_size], eta)
            if tests is not None:
                print(f"Epoch {epoch} : {self.evaluate(tests)} / {len(tests)}")
            else:
                print(f"Epoch {epoch} complete")

    def update_mini_batch(self, mini_batch: Sequence[tuple[Any, Any]], eta: float) -> None:
        """One step along the mean gradient of some samples: new arrays in `weights` and `biases`.

        Parameters
        ----------
        mini_batch : list of (x, y)
        eta : float
        """
        rate = eta / len(mini_batch)
        if _is_the_books(self, "backprop", "cost_derivative"):
            new = _batch.step(self.weights, self.biases, mini_batch, True, rate, 1.0)
            if new is not None:
                self.weights, self.biases = new
                return
        nabla_b, nabla_w = _batch.summed(self, mini_batch)
        self.weights = [w - rate * total for w, total in zip(self.weights, nabla_w, strict=False)]
        self.biases = [b - rate * total for b, total in zip(self.biases, nabla_b, strict=False)]

    def backprop(self, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
        """The gradient of one sample's cost.

        Parameters
        ----------
        x : ndarray (in, 1)
        y : ndarray (out, 1)

        Returns
        -------
        nabla_b, nabla_w : list of ndarray
            Of the shapes of `biases` and `weights`.
        """
        activations, zs = [x], []
        for b, w in zip(self.biases, self.weights, strict=False):
            zs.append(np.dot(w, activations[-1]) + b)
            activations.append(sigmoid(zs[-1]))
        delta = self.cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])
        nabla_b, nabla_w = [delta], [np.dot(delta, activations[-2].T)]
        for i in range(len(zs) - 2, -1, -1):
            delta = np.dot(self.weights[i + 1].T, delta) * sigmoid_prime(zs[i])
            nabla_b.append(delta)
            nabla_w.append(np.dot(delta, activations[i].T))
        return nabla_b[::-1], nabla_w[::-1]

    def evaluate(self, test_data: Iterable[tuple[Any, Any]]) -> int:
        """How many samples have their largest output at the label.

        Parameters
        ----------
        test_data : iterable of (x, label)

        Returns
        -------
        int
        """
        samples = list(test_data)
        guesses: list[Any] = []
        if _is_the_books(self, "feedforward"):
            try:
                for out in _batch.outputs(self.weights, self.biases, [x for x, _ in samples]):
                    guesses += np.argmax(out, axis=1).tolist()
            except ValueError:
                guesses = []
        if not guesses:
            guesses = [np.argmax(self.feedforward(x)) for x, _ in samples]
        return sum(int(guess == y) for guess, (_, y) in zip(guesses, samples, strict=True))

    def cost_derivative(self, output_activations: Array, y: Array) -> Array:
        """The derivative of half the squared distance by the output: output_activations - y."""
        return output_activations - y


def sigmoid(z: Any) -> Any:
    """1 / (1 + exp(-z)).

    Examples
    --------
    >>> float(sigmoid(0.0))
    0.5
    """
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z: Any) -> Any:
    """The derivative of :func:`sigmoid`.

    Examples
    --------
    >>> float(sigmoid_prime(0.0))
    0.25
    """
    s = sigmoid(z)
    return s * (1 - s)


_SIGMOID = sigmoid


def _is_the_books(net: Any, *names: str) -> bool:
    """Whether these methods and the sigmoid are the ones here, so that they need not be called one by one.

    A function, as methods of this class may serve in a class of the book's own program.
    """
    return sigmoid is _SIGMOID and not _batch.overridden(net, Network, *names)
