"""A network's pass taken layer by layer, so that everything between the layers can be looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._stages import is_native
from .layers import Dropout

if TYPE_CHECKING:
    from ._computation import Computation
    from ._typing import Array


class Visit:
    """One layer with what went in and what came out; after :meth:`Trace.backward` also with the gradients.

    Attributes
    ----------
    index : int
        Of the layer in ``network.layers``.
    layer
        A copy of a layer of ours that shares its arrays; a layer written in Python itself.
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
        self.x: Any = None
        self.y: Any = None
        self.dy: Any = None
        self.dx: Any = None
        self.grads: dict[str, Array] = {}

    @property
    def label(self) -> str:
        """The name with where the layer stands: "layers[1] Relu"."""
        return f"layers[{self.index}] {self.name}"


class Trace:
    """A forward pass, and perhaps a backward one, of the very bits that the network computes.

    `training` as in ``Network.gradient``: batch statistics, and the dropout mask of the next step. Nothing that
    belongs to the network changes; layers written in Python run their own forward and backward.
    """

    def __init__(self, network: Computation, x: Array, training: bool) -> None:
        """x (batch, in), scaled."""
        network._parts.sync()
        self.network = network
        self.visits = visits(network)
        values: Any = x if network._parts.python.get(0) is not None else np.asarray(x, network.dtype)
        self.x = values
        for visit in self.visits:
            visit.x = values
            stage = network._parts.python.get(visit.index)
            if stage is not None:
                values = stage.forward(values, training)
            else:
                layer, values = visit.layer, np.asarray(values, network.dtype)
                values = values.reshape(len(values), -1)
                if isinstance(layer, Dropout):
                    layer.seed, layer._stream, layer._step = network.seed, visit.index, network.training_steps
                layer.training = training
                values = layer.forward(values)
            visit.y = values
        self.y: Array = np.asarray(values)

    def backward(self, dy: Any) -> Array:
        """dx of the input; fills the visits' dy, dx and grads."""
        for visit in reversed(self.visits):
            visit.dy = np.asarray(dy).reshape(np.shape(visit.y))
            dy = visit.dx = visit.layer.backward(visit.dy)
            stage = self.network._parts.python.get(visit.index)
            if stage is not None:
                visit.grads = {name: np.asarray(grad) for name, grad in stage.grads().items()}
            else:
                visit.grads = {name: getattr(visit.layer, "d" + key) for key, name in visit.names.items()}
        return np.asarray(dy)


def visits(network: Computation) -> list[Visit]:
    """The layers by their names, not yet visited."""
    import copy

    result: list[Visit] = []
    number = 0
    for index, layer in enumerate(network.layers):
        written = network._parts.python.get(index)
        names = dict(network._parts.places(index)) if written is None else dict(written.names)
        has_weights = "W" in names
        number += has_weights
        kind = type(layer).__name__
        name = f"{kind} {number}" if has_weights else kind
        own = layer if written is not None else copy.copy(layer)
        result.append(Visit(index, own, name, number if has_weights else None, names))
    for visit in result:
        if is_native(visit.layer):  # forward in training mode updates running statistics in place
            for key in visit.layer._state_names:
                setattr(visit.layer, key, np.array(getattr(visit.layer, key)))
    return result
