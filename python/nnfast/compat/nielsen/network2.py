"""The second program of the book: cross-entropy, regularization, better starting weights, monitoring, save and load.

It follows the Python 3 port with early stopping, but in one place: :meth:`Network.total_cost` adds the
regularization once, as the book does, not once per sample.
"""

from __future__ import annotations

import json
import random
import sys
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _batch
from .network import _SIGMOID, sigmoid, sigmoid_prime

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from ..._typing import Array

__all__ = [
    "CrossEntropyCost",
    "Network",
    "QuadraticCost",
    "json",
    "load",
    "np",
    "random",
    "sigmoid",
    "sigmoid_prime",
    "sys",
    "vectorized_result",
]


class QuadraticCost:
    """Half the squared distance."""

    @staticmethod
    def fn(a: Array, y: Array) -> Any:
        """The cost of output a where y is wanted."""
        return 0.5 * np.linalg.norm(a - y) ** 2

    @staticmethod
    def delta(z: Array, a: Array, y: Array) -> Array:
        """The cost's derivative by the weighted input z of the last layer."""
        return (a - y) * sigmoid_prime(z)  # type: ignore[no-any-return]


class CrossEntropyCost:
    """The sum of the binary cross-entropies of the outputs."""

    @staticmethod
    def fn(a: Array, y: Array) -> Any:
        """The cost of output a where y is wanted; what is not a number counts as 0."""
        return np.sum(_entropies(a, y))

    @staticmethod
    def delta(z: Array, a: Array, y: Array) -> Array:
        """The cost's derivative by the weighted input z of the last layer."""
        return a - y


def _entropies(a: Array, y: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        costs: Array = np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a))
    return costs


class Network:
    """Layers of sigmoid neurons with a cost to choose; `sizes` counts the neurons, inputs first.

    Parameters
    ----------
    sizes : list of int
    cost : class or object with ``fn(a, y)`` and ``delta(z, a, y)``
        :class:`CrossEntropyCost`, :class:`QuadraticCost`, or one's own, which is called sample by sample.

    Attributes
    ----------
    num_layers : int
    sizes : list of int
    cost : class or object
    biases : list of ndarray (out, 1)
    weights : list of ndarray (out, in)
        Updates put new arrays into both lists.

    Examples
    --------
    >>> np.random.seed(1)
    >>> net = Network([2, 3, 1], cost=QuadraticCost)
    >>> data = [(np.array([[a], [b]]), np.array([[float(a ^ b)]])) for a in (0, 1) for b in (0, 1)]
    >>> histories = net.SGD(data, 1, 2, 0.5, lmbda=0.1)
    Epoch 0 training complete
    >>> histories
    ([], [], [], [])
    """

    def __init__(self, sizes: Sequence[int], cost: Any = CrossEntropyCost) -> None:
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases: list[Array]
        self.weights: list[Array]
        self.default_weight_initializer()
        self.cost = cost

    def default_weight_initializer(self) -> None:
        """Standard normal biases, then normal weights with standard deviation 1 / sqrt(inputs)."""
        self.large_weight_initializer()
        self.weights = [w / np.sqrt(w.shape[1]) for w in self.weights]

    def large_weight_initializer(self) -> None:
        """Standard normal biases, then standard normal weights."""
        self.biases = [np.random.randn(y, 1) for y in self.sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in pairwise(self.sizes)]

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
        lmbda: float = 0.0,
        evaluation_data: Iterable[tuple[Any, Any]] | None = None,
        monitor_evaluation_cost: bool = False,
        monitor_evaluation_accuracy: bool = False,
        monitor_training_cost: bool = False,
        monitor_training_accuracy: bool = False,
        early_stopping_n: int = 0,
    ) -> tuple[list[Any], list[int], list[Any], list[int]]:
        """Train by mini-batches, and print after every epoch what is monitored.

        Parameters
        ----------
        training_data : iterable of (x, y)
            Columns (in, 1) and (out, 1). Copied to a list, which :func:`random.shuffle` shuffles for every epoch.
        epochs, mini_batch_size : int
            The last mini-batch may be smaller.
        eta : float
            Learning rate.
        lmbda : float
            Regularization.
        evaluation_data : iterable of (x, label), optional
        monitor_evaluation_cost, monitor_evaluation_accuracy, monitor_training_cost, monitor_training_accuracy : bool
        early_stopping_n : int
            Stop when the accuracy that was monitored last has not grown for so many epochs; 0 for never.

        Returns
        -------
        evaluation_cost, evaluation_accuracy, training_cost, training_accuracy : list
            A number per epoch where it was monitored.

        Raises
        ------
        ValueError
            early_stopping_n is given and no accuracy is monitored.
        """
        if early_stopping_n > 0 and not (monitor_training_accuracy or monitor_evaluation_accuracy):
            raise ValueError(
                "SGD: early_stopping_n needs monitor_evaluation_accuracy or monitor_training_accuracy"
            )
        samples = list(training_data)
        evaluation: Any = list(evaluation_data) if evaluation_data else evaluation_data
        best_accuracy = no_change = accuracy = 0
        evaluation_cost: list[Any] = []
        evaluation_accuracy: list[int] = []
        training_cost: list[Any] = []
        training_accuracy: list[int] = []
        histories = evaluation_cost, evaluation_accuracy, training_cost, training_accuracy
        stacked, order, given = None, list(range(len(samples))), samples
        for epoch in range(epochs):
            if _known(self.cost) and _is_the_books(self, "update_mini_batch", "backprop"):
                # Between two epochs somebody's own method may have changed data or weights.
                alone = _known(self.cost, "fn") and _is_the_books(
                    self, "total_cost", "accuracy", "feedforward"
                )
                if stacked is None or not alone:
                    stacked = _batch.Stacked.of(self, given, eta, lmbda)
            else:
                stacked = None
            if stacked is not None:
                random.shuffle(order)
                decay = 1 - eta * (lmbda / len(samples))
                stacked.epoch(self, order, mini_batch_size, _is_quadratic(self.cost), eta, decay)
                samples = [given[i] for i in order]
            else:
                random.shuffle(samples)
                given, order = samples, list(range(len(samples)))
                for start in range(0, len(samples), mini_batch_size):
                    self.update_mini_batch(samples[start : start + mini_batch_size], eta, lmbda, len(samples))
            print(f"Epoch {epoch} training complete")
            if monitor_training_cost:
                training_cost.append(self.total_cost(samples, lmbda))
                print(f"Cost on training data: {training_cost[-1]}")
            if monitor_training_accuracy:
                accuracy = self.accuracy(samples, convert=True)
                training_accuracy.append(accuracy)
                print(f"Accuracy on training data: {accuracy} / {len(samples)}")
            if monitor_evaluation_cost:
                evaluation_cost.append(self.total_cost(evaluation, lmbda, convert=True))
                print(f"Cost on evaluation data: {evaluation_cost[-1]}")
            if monitor_evaluation_accuracy:
                accuracy = self.accuracy(evaluation)
                evaluation_accuracy.append(accuracy)
                print(f"Accuracy on evaluation data: {accuracy} / {len(evaluation)}")
            if early_stopping_n > 0:
                no_change = 0 if accuracy > best_accuracy else no_change + 1
                best_accuracy = max(accuracy, best_accuracy)
                if no_change == early_stopping_n:
                    break
        return histories

    def update_mini_batch(
        self, mini_batch: Sequence[tuple[Any, Any]], eta: float, lmbda: float, n: int
    ) -> None:
        """One step along the mean gradient of some samples: new arrays in `weights` and `biases`.

        Parameters
        ----------
        mini_batch : list of (x, y)
        eta, lmbda : float
        n : int
            How many samples there are in all: the weights shrink by eta lmbda / n.
        """
        rate, decay = eta / len(mini_batch), 1 - eta * (lmbda / n)
        if _known(self.cost) and _is_the_books(self, "backprop"):
            new = _batch.step(self.weights, self.biases, mini_batch, _is_quadratic(self.cost), rate, decay)
            if new is not None:
                self.weights, self.biases = new
                return
        nabla_b, nabla_w = _batch.summed(self, mini_batch)
        self.weights = [decay * w - rate * total for w, total in zip(self.weights, nabla_w, strict=False)]
        self.biases = [b - rate * total for b, total in zip(self.biases, nabla_b, strict=False)]

    def backprop(self, x: Array, y: Array) -> tuple[list[Array], list[Array]]:
        """The gradient of one sample's cost, without regularization.

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
        delta = self.cost.delta(zs[-1], activations[-1], y)
        nabla_b, nabla_w = [delta], [np.dot(delta, activations[-2].T)]
        for i in range(len(zs) - 2, -1, -1):
            delta = np.dot(self.weights[i + 1].T, delta) * sigmoid_prime(zs[i])
            nabla_b.append(delta)
            nabla_w.append(np.dot(delta, activations[i].T))
        return nabla_b[::-1], nabla_w[::-1]

    def accuracy(self, data: Iterable[tuple[Any, Any]], convert: bool = False) -> int:
        """How many samples have their largest output where it should be.

        Parameters
        ----------
        data : iterable of (x, y)
        convert : bool
            y is a column, as in training data, and not a label.

        Returns
        -------
        int
        """
        samples = list(data)
        guesses: list[Any] = []
        if _is_the_books(self, "feedforward"):
            try:
                for out in _batch.outputs(self.weights, self.biases, [x for x, _ in samples]):
                    guesses += np.argmax(out, axis=1).tolist()
            except ValueError:
                guesses = []
        if not guesses:
            guesses = [np.argmax(self.feedforward(x)) for x, _ in samples]
        wanted = [np.argmax(y) for _, y in samples] if convert else [y for _, y in samples]
        return sum(int(guess == y) for guess, y in zip(guesses, wanted, strict=True))

    def total_cost(self, data: Iterable[tuple[Any, Any]], lmbda: float, convert: bool = False) -> Any:
        """The mean cost of the samples, plus lmbda / (2 n) times the sum of the squared weights.

        Parameters
        ----------
        data : iterable of (x, y)
        lmbda : float
        convert : bool
            y is a label, as in validation and test data, and not a column.

        Returns
        -------
        float
        """
        samples = list(data)
        cost = _cost_of_batches(self, samples, convert)
        if cost is None:
            cost = 0.0
            for x, y in samples:
                target = vectorized_result(y) if convert else y
                cost += self.cost.fn(self.feedforward(x), target) / len(samples)
        return cost + 0.5 * (lmbda / len(samples)) * sum(np.linalg.norm(w) ** 2 for w in self.weights)

    def save(self, filename: str | os.PathLike[str]) -> None:
        """Write sizes, weights, biases and the name of the cost as JSON.

        Parameters
        ----------
        filename : str or path
        """
        cost = self.cost if isinstance(self.cost, type) else type(self.cost)
        data = {
            "sizes": self.sizes,
            "weights": [w.tolist() for w in self.weights],
            "biases": [b.tolist() for b in self.biases],
            "cost": cost.__name__,
        }
        with Path(filename).open("w", encoding="utf-8") as file:
            json.dump(data, file)


def load(filename: str | os.PathLike[str]) -> Network:
    """The network that :meth:`Network.save` wrote. The cost is looked up in this module by its name.

    Parameters
    ----------
    filename : str or path

    Returns
    -------
    Network
    """
    with Path(filename).open(encoding="utf-8") as file:
        data = json.load(file)
    net = Network(data["sizes"], cost=getattr(sys.modules[__name__], data["cost"]))
    net.weights = [np.array(w) for w in data["weights"]]
    net.biases = [np.array(b) for b in data["biases"]]
    return net


def vectorized_result(j: int) -> Array:
    """A column of ten zeros with a 1 at j.

    Examples
    --------
    >>> vectorized_result(3).ravel()
    array([0., 0., 0., 1., 0., 0., 0., 0., 0., 0.])
    """
    column: Array = np.zeros((10, 1))
    column[j] = 1.0
    return column


def _units(labels: list[Any]) -> Array | None:
    """The rows that :func:`vectorized_result` gives as columns; None for what are not integers."""
    indices = np.array(labels)
    if indices.ndim != 1 or indices.dtype.kind not in "iu":
        return None
    rows: Array = np.zeros((len(labels), 10))
    rows[np.arange(len(labels)), indices] = 1.0
    return rows


@lru_cache(maxsize=64)
def _agree(theirs: Any, ours: Any) -> bool:
    """Whether a function of a cost gives the same numbers: the book's own classes may be there beside these."""
    z = np.array([[-3.0], [-0.2], [0.0], [0.7], [40.0]])
    y = np.array([[0.0], [1.0], [0.3], [0.0], [1.0]])
    arguments = (sigmoid(z), y) if ours.__name__ == "fn" else (z, sigmoid(z) * 0.9, y)
    try:
        with np.errstate(all="ignore"):
            return bool(np.allclose(theirs(*arguments), ours(*arguments), rtol=1e-14, atol=0))
    except Exception:
        return False


def _is(cost: Any, cls: type, name: str) -> bool:
    """Whether `fn` or `delta` of a cost is that of this class, by itself or under the same name in another module."""
    theirs, ours = getattr(cost, name), getattr(cls, name)
    return theirs is ours or (
        getattr(theirs, "__qualname__", "") == ours.__qualname__ and _agree(theirs, ours)
    )


def _is_quadratic(cost: Any, name: str = "delta") -> bool:
    return _is(cost, QuadraticCost, name)


def _known(cost: Any, name: str = "delta") -> bool:
    """Whether this function of a cost is one of those above, which are the same for rows as for columns."""
    return _is(cost, CrossEntropyCost, name) or _is(cost, QuadraticCost, name)


def _is_the_books(net: Any, *names: str) -> bool:
    """Whether these methods and the sigmoid are the ones here; a function, as in :mod:`.network`."""
    return sigmoid is _SIGMOID and not _batch.overridden(net, Network, *names)


def _cost_of_batches(net: Any, samples: list[tuple[Any, Any]], convert: bool) -> Any:
    """The mean cost, or None where it has to be taken sample by sample."""
    if not (_known(net.cost, "fn") and _is_the_books(net, "feedforward")):
        return None
    quadratic = _is_quadratic(net.cost, "fn")
    total, done = np.float64(0.0), 0
    try:
        for a in _batch.outputs(net.weights, net.biases, [x for x, _ in samples]):
            wanted = [y for _, y in samples[done : done + len(a)]]
            y = _units(wanted) if convert else _batch.rows_of(wanted, a.shape[1])
            if y is None or y.shape != a.shape:
                return None
            done += len(a)
            total += 0.5 * np.sum((a - y) ** 2) if quadratic else np.sum(_entropies(a, y))
    except (ValueError, IndexError):
        return None
    return total / len(samples) if samples else None
