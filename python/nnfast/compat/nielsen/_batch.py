"""Many samples at once: column vectors become the rows of one matrix, and every layer one product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _core

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..._typing import Array

_SIGMOID = _core.ACTIVATIONS["sigmoid"]
_CHUNK = 1000  # samples in one product of an evaluation
_WIDE = 50  # outputs
_UNINTERRUPTED = 256  # mini-batches in one call of the core


def stacked(columns: Sequence[Any], width: int) -> Array | None:
    """Column vectors (width, 1) as the rows of a new matrix, or None where they are anything else.

    In float32 where that holds every value, else in float64.
    """
    rows: Array | None = _core.course_rows(list(columns), width)
    if rows is not None:
        return rows
    try:
        if {column.shape for column in columns} != {(width, 1)}:
            return None
        joined: Array = np.concatenate(columns)
    except (AttributeError, TypeError, ValueError):
        return None
    if joined.dtype.kind not in "fiub" or joined.itemsize > 8:
        return None
    return joined.astype(np.result_type(joined.dtype, np.float32), copy=False).reshape(len(columns), width)


def rows_of(columns: Sequence[Any], width: int) -> Array | None:
    """The same in float64."""
    rows = stacked(columns, width)
    return None if rows is None else rows.astype(np.float64, copy=False)


def usable(weights: Sequence[Any], biases: Sequence[Any]) -> bool:
    """Whether the parameters are what the book's programs make of them: fitting matrices and columns of float64."""
    try:
        inputs = weights[0].shape[1]
        for w, b in zip(weights, biases, strict=True):
            outputs = w.shape[0]
            if w.dtype.char != "d" or b.dtype.char != "d" or w.shape != (outputs, inputs):
                return False
            if b.shape != (outputs, 1):
                return False
            inputs = outputs
    except (AttributeError, TypeError, ValueError, IndexError):
        return False
    return True


def forward(weights: Sequence[Array], biases: Sequence[Array], rows: Array) -> list[Array]:
    """The activations of every layer, from the input on."""
    activations = [rows]
    for w, b in zip(weights, biases, strict=True):
        z = _core.affine(activations[-1], w.T, b.reshape(-1))
        activations.append(_core.activation(_SIGMOID, z, 0.0, 0.0, z))
    return activations


def outputs(weights: Sequence[Array], biases: Sequence[Array], columns: Sequence[Any]) -> Iterator[Array]:
    """The network's outputs as rows, some samples at a time. ValueError where they cannot be had so."""
    if not usable(weights, biases):
        raise ValueError("not the parameters of the book's programs")
    for start in range(0, len(columns), _CHUNK):
        rows = stacked(columns[start : start + _CHUNK], weights[0].shape[1])
        if rows is None:
            raise ValueError("not the samples of the book's programs")
        yield forward(weights, biases, rows)[-1]


def step(
    weights: Sequence[Array],
    biases: Sequence[Array],
    mini_batch: Sequence[tuple[Any, Any]],
    quadratic: bool,
    rate: Any,
    decay: Any,
) -> tuple[list[Array], list[Array]] | None:
    """(weights decay - rate nabla_w, biases - rate nabla_b), new arrays; None where that has to be done by NumPy."""
    if not mini_batch or not usable(weights, biases):
        return None
    x = rows_of([x for x, _ in mini_batch], weights[0].shape[1])
    y = rows_of([y for _, y in mini_batch], weights[-1].shape[0])
    if x is None or y is None:
        return None
    activations = forward(weights, biases, x)
    out = activations[-1]
    delta = np.subtract(out, y, y)
    if quadratic:
        _core.activation_backward_from_output(_SIGMOID, delta, out, 0.0, 0.0, delta)
    ones = np.ones((len(x), 1))
    new_weights, new_biases = list(weights), list(biases)
    for i in range(len(weights) - 1, -1, -1):
        w, a = weights[i], activations[i]
        across = delta.T
        new_weights[i] = _core.gemm(across, a, w.copy(), -rate, decay)
        new_biases[i] = _core.gemm(across, ones, biases[i].copy(), -rate, 1.0)
        if i:
            delta = _core.gemm(delta, w)
            _core.activation_backward_from_output(_SIGMOID, delta, a, 0.0, 0.0, delta)
    return new_weights, new_biases


def summed(net: Any, mini_batch: Sequence[tuple[Any, Any]]) -> tuple[list[Array], list[Array]]:
    """nabla_b and nabla_w, summed sample by sample by the network's own backprop."""
    nabla_b = [np.zeros(b.shape) for b in net.biases]
    nabla_w = [np.zeros(w.shape) for w in net.weights]
    for x, y in mini_batch:
        by_b, by_w = net.backprop(x, y)
        nabla_b = [total + one for total, one in zip(nabla_b, by_b, strict=False)]
        nabla_w = [total + one for total, one in zip(nabla_w, by_w, strict=False)]
    return nabla_b, nabla_w


class Stacked:
    """The samples of one call of SGD as two matrices, made once: gathering rows costs less than joining columns.

    Nobody sees what happens between two mini-batches of an epoch, so an epoch makes new arrays at its start and
    updates these.
    """

    def __init__(self, x: Array, y: Array) -> None:
        self.x, self.y = x, y

    @classmethod
    def of(
        cls, net: Any, samples: Sequence[tuple[Any, Any]], eta: object, lmbda: object = 0.0
    ) -> Stacked | None:
        """None where samples, parameters or numbers are not those of the book's programs."""
        numbers = (int, float, np.integer, np.floating)
        if not (isinstance(eta, numbers) and isinstance(lmbda, numbers)):
            return None
        if not samples or not usable(net.weights, net.biases) or not all(w.size for w in net.weights):
            return None
        x = stacked([x for x, _ in samples], net.weights[0].shape[1])
        y = rows_of([y for _, y in samples], net.weights[-1].shape[0])
        return None if x is None or y is None else cls(x, y)

    def epoch(
        self, net: Any, order: Sequence[int], size: int, quadratic: bool, eta: float, decay: float
    ) -> None:
        """One pass in this order."""
        # (in, out) where the layer is wide: products with few rows run along them.
        wide = [len(w) >= _WIDE for w in net.weights]
        held = [w.T.copy() if turn else w.copy() for w, turn in zip(net.weights, wide, strict=True)]
        net.weights = weights = [h.T if turn else h for h, turn in zip(held, wide, strict=True)]
        net.biases = biases = [b.copy() for b in net.biases]
        indices = np.array(order)
        views = [w.T for w in weights]
        for start in range(0, len(indices), _UNINTERRUPTED * size):
            chosen = indices[start : start + _UNINTERRUPTED * size]
            done = _core.course_descent(
                self.x, self.y, chosen, size, views, biases, quadratic, float(eta), float(decay)
            )
            assert done
        net.weights = [np.ascontiguousarray(w) for w in weights]


def overridden(net: Any, owner: type, *names: str) -> bool:
    """Whether a subclass, or the object itself, has methods of its own under these names."""
    own = type(net)
    if own is not owner and any(getattr(own, name) is not getattr(owner, name) for name in names):
        return True
    return any(name in net.__dict__ for name in names)
