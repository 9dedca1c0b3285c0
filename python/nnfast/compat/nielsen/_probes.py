"""What tells whether a class of somebody's program is the book's: see ``nnfast.compat._match``.

A name "Class.method" stands for the method alone. So a program that prints other lines, has other starting weights
or adds the regularization up per sample, as a common port of network2 does, keeps that and still learns by mini-batches
that are one product per layer.
"""

from __future__ import annotations

import random
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace

__all__ = ["PROBES"]

_SIZES = [4, 5, 3, 2]


def _samples(seed: int, count: int = 5) -> list[tuple[Any, Any]]:
    rng = np.random.RandomState(seed)
    return [(rng.rand(4, 1).astype(np.float32), np.eye(2)[:, [k % 2]]) for k in range(count)]


def _labelled(seed: int) -> list[tuple[Any, int]]:
    return [(x, int(np.argmax(y))) for x, y in _samples(seed, 12)]


def _fill(net: Any) -> Any:
    rng = np.random.RandomState(5)
    net.weights = [rng.randn(y, x) for x, y in pairwise(_SIZES)]
    net.biases = [rng.randn(y, 1) for y in _SIZES[1:]]
    return net


def _state(net: Any) -> Any:
    return [np.array(w) for w in net.weights], [np.array(b) for b in net.biases]


def _steps(net: Any, *numbers: Any) -> Any:
    """One step, gradients, and whether the arrays are new."""
    held = list(net.weights), list(net.biases)
    before = _state(net)
    gradients = net.backprop(*_samples(6)[1])
    net.update_mini_batch(_samples(6), *numbers)
    unchanged = all(
        np.array_equal(a, b) for a, b in zip(before[0] + before[1], held[0] + held[1], strict=True)
    )
    return tuple(list(part) for part in gradients), _state(net), unchanged


def _training(net: Any, *numbers: Any, **options: Any) -> Any:
    random.seed(7)
    data = _samples(8, 11)
    order = [id(x) for x, _ in data]
    result = net.SGD(data, 2, 4, *numbers, **options)
    same = order == [id(x) for x, _ in data]
    return result, _state(net), random.random(), same


# ---- network


def _new(ns: SimpleNamespace) -> Any:
    np.random.seed(9)
    net = ns.Network(_SIZES)
    return net, (_state(net), net.num_layers, list(net.sizes), np.random.rand())


def _network(ns: SimpleNamespace) -> Any:
    _, start = _new(ns)
    return start, _mini_batches(ns), _sgd(ns), _evaluate(ns)


def _mini_batches(ns: SimpleNamespace) -> Any:
    net = _fill(ns.Network(_SIZES))
    a, y = np.array([[0.2], [0.7]]), np.array([[0.0], [1.0]])
    return _steps(net, 0.7), net.cost_derivative(a, y)


def _sgd(ns: SimpleNamespace) -> Any:
    with_tests, without = _fill(ns.Network(_SIZES)), _fill(ns.Network(_SIZES))
    return _training(with_tests, 3.0, test_data=_labelled(10)), _training(without, 3.0)


def _evaluate(ns: SimpleNamespace) -> Any:
    net = _fill(ns.Network(_SIZES))
    x = np.concatenate([x for x, _ in _samples(11)], axis=1)
    return net.evaluate(_labelled(12)), net.feedforward(x), net.feedforward(x[:, :1])


# ---- network2


def _both(ns: SimpleNamespace) -> list[Any]:
    return [_fill(ns.Network(_SIZES, cost=cost)) for cost in (ns.CrossEntropyCost, ns.QuadraticCost)]


def _network2(ns: SimpleNamespace) -> Any:
    net, start = _new(ns)
    net.large_weight_initializer()
    found = (_mini_batches2(ns), _sgd2(ns), _accuracy(ns), _costs(ns))
    return start, net.cost.__name__, _state(net), found


def _mini_batches2(ns: SimpleNamespace) -> Any:
    a, y = np.array([[0.2], [0.7]]), np.array([[0.0], [1.0]])
    deltas = [cost.delta(a - 1, a, y) for cost in (ns.CrossEntropyCost, ns.QuadraticCost)]
    return [_steps(net, 0.7, 0.3, 50) for net in _both(ns)], deltas


def _sgd2(ns: SimpleNamespace) -> Any:
    found = []
    for net in _both(ns):
        net.total_cost = lambda data, lmbda, convert=False: float(len(data))  # a method of its own
        monitors = dict.fromkeys(
            (
                "monitor_evaluation_cost",
                "monitor_evaluation_accuracy",
                "monitor_training_cost",
                "monitor_training_accuracy",
            ),
            True,
        )
        found.append(_training(net, 0.5, lmbda=0.2, evaluation_data=_labelled(13), **monitors))
        found.append(_training(net, 0.5, 0.2, _labelled(13), monitor_training_accuracy=True))
        if "early_stopping_n" in net.SGD.__code__.co_varnames:
            options = {"evaluation_data": _labelled(13), "monitor_evaluation_accuracy": True}
            found.append(_training(net, 1e-9, early_stopping_n=1, **options))
    return found


def _accuracy(ns: SimpleNamespace) -> Any:
    net = _both(ns)[0]
    x = _samples(11)[0][0]
    return net.accuracy(_labelled(12)), net.accuracy(_samples(12), convert=True), net.feedforward(x)


def _costs(ns: SimpleNamespace) -> Any:
    a, y = np.array([[0.2], [1.0]]), np.array([[0.0], [1.0]])
    each = [cost.fn(a, y) for cost in (ns.CrossEntropyCost, ns.QuadraticCost)]
    return each, [net.total_cost(_samples(14), 0.3) for net in _both(ns)]


PROBES: dict[str, dict[tuple[str, ...], Callable[[SimpleNamespace], Any]]] = {
    "network": {
        ("Network",): _network,
        ("Network.update_mini_batch", "Network.backprop", "Network.cost_derivative"): _mini_batches,
        ("Network.SGD",): _sgd,
        ("Network.evaluate", "Network.feedforward"): _evaluate,
    },
    "network2": {
        ("Network", "CrossEntropyCost", "QuadraticCost"): _network2,
        ("Network.update_mini_batch", "Network.backprop"): _mini_batches2,
        ("Network.SGD",): _sgd2,
        ("Network.accuracy", "Network.feedforward"): _accuracy,
        ("Network.total_cost",): _costs,
    },
}
