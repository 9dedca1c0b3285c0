"""A network's pass taken layer by layer, so that everything between the layers can be looked at."""

from __future__ import annotations

import contextlib
import copy
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .layers import Dropout

if TYPE_CHECKING:
    from ._computation import Computation
    from ._stages import PythonLayer
    from ._typing import Array


class Visit:
    """One layer with what went in and what came out; after :meth:`Trace.backward` also with the gradients.

    Attributes
    ----------
    index : int
        Of the layer in ``network.layers``.
    layer
        A copy: of a layer of ours one that shares its arrays, of a layer written in Python a deep one.
    stage : PythonLayer or None
        How the network calls a layer written in Python.
    name : str
        What the courses call it: "Affine 2", "Relu", ...
    number : int or None
        Which one of the layers with weights, counted from 1.
    names : dict
        Attribute or own key -> name in ``network.params``.
    x, y, dy, dx : array
    grads : dict
        By the network's names.
    """

    def __init__(self, index: int, layer: Any, name: str, number: int | None, names: dict[str, str]) -> None:
        self.index, self.layer, self.name, self.number, self.names = index, layer, name, number, names
        self.stage: PythonLayer | None = None
        self.x: Any = None
        self.y: Any = None
        self.dy: Any = None
        self.dx: Any = None
        self.grads: dict[str, Array] = {}

    @property
    def label(self) -> str:
        """The name with where the layer stands: "layers[1] Relu"."""
        return f"layers[{self.index}] {self.name}"

    def run(self, x: Any, training: bool) -> Any:
        """forward; a layer written in Python, which may work in place, gets copies."""
        if self.stage is not None:
            return self.stage.forward(np.array(x), training)
        self.layer.training = training
        return self.layer.forward(x)

    def run_back(self, dy: Array) -> Any:
        """backward"""
        return self.layer.backward(dy) if self.stage is None else self.stage.backward(np.array(dy))

    def own_grads(self) -> dict[str, Array]:
        """What backward left, by the network's names."""
        if self.stage is not None:
            return {name: np.asarray(grad) for name, grad in self.stage.grads().items()}
        return {name: getattr(self.layer, "d" + key) for key, name in self.names.items()}


class Trace:
    """A forward pass, and perhaps a backward one, of the very bits that the network computes.

    `training` as in ``Network.gradient``: batch statistics, and the dropout mask of the next step. The layers are
    copies, so nothing that belongs to the network changes (but a layer written in Python that cannot be copied).
    """

    def __init__(self, network: Computation, x: Array, training: bool) -> None:
        """x (batch, in), scaled."""
        network._parts.sync()
        self.network = network
        self.visits = visits(network)
        values: Any = x if network._parts.python.get(0) is not None else np.asarray(x, network.dtype)
        self.x = values
        for visit in self.visits:
            _make_own(visit, network)
            visit.x = values
            if visit.stage is None:
                layer, values = visit.layer, np.asarray(values, network.dtype)
                values = values.reshape(len(values), math.prod(values.shape[1:]))
                if isinstance(layer, Dropout):
                    layer.seed, layer._stream, layer._step = network.seed, visit.index, network.training_steps
            visit.y = values = visit.run(values, training)
        self.y: Array = np.asarray(values)

    def backward(self, dy: Any) -> Array:
        """dx of the input; fills the visits' dy, dx and grads."""
        for visit in reversed(self.visits):
            visit.dy = _shaped(visit, "dy", dy, np.shape(visit.y))
            dy = visit.dx = visit.run_back(visit.dy)
            visit.grads = visit.own_grads()
        return np.asarray(dy)


def _shaped(visit: Visit, name: str, values: Any, shape: tuple[int, ...]) -> Array:
    array = np.asarray(values)
    if array.size != math.prod(shape):
        raise ValueError(f"Network: {name} of {visit.label} has shape {array.shape}; expected {shape}")
    return array.reshape(shape)


def visits(network: Computation) -> list[Visit]:
    """The layers by their names, not yet visited and not copied."""
    result: list[Visit] = []
    number = 0
    for index, layer in enumerate(network.layers):
        written = network._parts.python.get(index)
        names = dict(network._parts.places(index)) if written is None else dict(written.names)
        has_weights = "W" in names and np.ndim(network.params[names["W"]]) == 2
        number += has_weights
        kind = type(layer).__name__
        name = f"{kind} {number}" if has_weights else kind
        result.append(Visit(index, layer, name, number if has_weights else None, names))
    return result


def _make_own(visit: Visit, network: Computation) -> None:
    """Give the visit a layer that it may run."""
    written = network._parts.python.get(visit.index)
    if written is None:
        visit.layer = network._parts.own_copy(visit.index)
        return
    visit.stage = copy.copy(written)
    with contextlib.suppress(Exception):  # what cannot be copied is run itself
        visit.layer = visit.stage.layer = copy.deepcopy(visit.layer)


__all__ = ["Trace", "Visit", "visits"]
