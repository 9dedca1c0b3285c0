"""Lays the parameters of a network's layers out in flat buffers, and the layers themselves into stages."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._arrays import product_error
from ._buffers import Layout
from ._layer import Layer
from ._stages import Numbering, PythonLayer, Stretch, is_native

if TYPE_CHECKING:
    from ._typing import Array, Floats


def parameters(layer: Layer) -> dict[str, Array]:
    """The parameters that a layer of the core has, by attribute."""
    return {key: value for key in layer._param_names if (value := getattr(layer, key)) is not None}


def common_dtype(layers: tuple[Any, ...]) -> np.dtype[Any]:
    """What the parameters of the core's layers promote to; those of Python layers count where there are no others."""
    native = [a for layer in layers if is_native(layer) for a in parameters(layer).values()]
    written = [PythonLayer(layer, Numbering()) for layer in layers if not is_native(layer)]
    arrays = native or [np.asarray(a) for layer in written for a in layer.params().values()]
    wide = any(not (a.dtype.kind == "f" and a.dtype.itemsize <= 4) for a in arrays)
    return np.dtype(np.float64 if wide else np.float32)


def misfit(layers: tuple[Any, ...], index: int, batch: object, width: int) -> str:
    """What is wrong with (batch, width) as the input of this layer, in the words of ``Network.explain``."""
    layer = layers[index]
    what = f"Network: layers[{index}] "
    if not isinstance(getattr(layer, "W", None), np.ndarray):
        return f"{what}{layer!r} takes {layer._widths()[0]} numbers per sample, but gets x ({batch}, {width})"
    number = sum(isinstance(getattr(before, "W", None), np.ndarray) for before in layers[: index + 1])
    return f"{what}{type(layer).__name__} {number}: {product_error((batch, width), layer.W.shape)}"


def widths(layers: tuple[Any, ...]) -> tuple[int | None, int | None]:
    """Numbers per sample that go in and come out; None where a layer written in Python decides."""
    first: int | None = None
    width: int | None = None
    only_native = True
    pieces = 1  # columns that go in for one that comes out, where it is not known yet how many
    for index, layer in enumerate(layers):
        if not is_native(layer):
            width, only_native = None, False
            continue
        takes, gives = layer._widths()
        if takes is None:
            pieces *= layer._columns_in if width is None else 1
            width = layer._width_out(width)
            continue
        what = f"Network: layers[{index}] {layer!r}"
        if takes == 0 or gives == 0:
            raise ValueError(f"{what} has a size of 0; expected sizes >= 1")
        if width is not None and takes != width:
            raise ValueError(misfit(layers, index, "batch", width))
        if first is None and only_native:
            first = takes * pieces
        width = gives
    return first, width


class Assembly:
    """The flat buffers of a network, its stages, and the layers' attributes that are views of the buffers."""

    def __init__(self, layers: tuple[Any, ...], dtype: np.dtype[Any], penalty: tuple[float, float]) -> None:
        self.layers = layers
        self.dtype = dtype
        self.token = object()  # which network a layer belongs to
        self.layout = Layout(dtype)
        self.state_layout = Layout(dtype, tight=True)  # Plan finds running_var behind running_mean
        self.python: dict[int, PythonLayer] = {}
        self.names: list[str] = []  # of all parameters, in the order of the layers
        self._places: list[dict[str, str]] = []  # layer by layer: attribute -> name of a parameter
        self._statistics: list[dict[str, str]] = []  # attribute -> name of a running statistic
        self._name_all()
        self.params = self.zeros()
        self.grads = self.zeros()
        self.state = _core.aligned_zeros(self.state_layout.size, dtype == np.float64)
        self.param_views = {name: self.layout.view(self.params, name) for name in self.layout}
        self.grad_views = {name: self.layout.view(self.grads, name) for name in self.layout}
        self._templates = {i: copy.copy(layer) for i, layer in enumerate(layers) if i not in self.python}
        self.bound: list[tuple[Layer, str, Array, bool]] = []
        self._bind_all()
        self.stages = self._build(penalty)

    def zeros(self) -> Floats:
        return _core.aligned_zeros(self.layout.size, self.dtype == np.float64)

    def places(self, index: int) -> dict[str, str]:
        """Of a layer of the core: attribute -> name of a parameter."""
        return self._places[index]

    def _name_all(self) -> None:
        numbering, counting = Numbering(), Numbering()
        for index, layer in enumerate(self.layers):
            places: dict[str, str] = {}
            statistics: dict[str, str] = {}
            if is_native(layer):
                names = numbering.names(layer._param_names)
                for key, array in parameters(layer).items():
                    # A scalar bias is as good as one that has it in every column, until it is trained.
                    shape = (layer.W.shape[1],) if key == "b" and array.ndim == 0 else array.shape
                    self.layout.add(names[key], shape)
                    places[key] = names[key]
                statistics = counting.names(layer._state_names)
                for key, name in statistics.items():
                    self.state_layout.add(name, np.shape(getattr(layer, key)))
                self.names += places.values()
            else:
                self.python[index] = PythonLayer(layer, numbering)
                self.names += self.python[index].names.values()
            self._places.append(places)
            self._statistics.append(statistics)
        twice = {name for name in self.names if self.names.count(name) > 1}
        if twice:
            raise ValueError(
                f"Network: two parameters are named {min(twice)}; expected other keys in a layer's params"
            )

    def _bind_all(self) -> None:
        for layer, places, statistics in zip(self.layers, self._places, self._statistics, strict=True):
            for key, name in places.items():
                self._take(layer, key, self.param_views[name])
                self.bound.append((layer, "d" + key, self.grad_views[name], False))
            for key, name in statistics.items():
                self._take(layer, key, self.state_layout.view(self.state, name))
            if places or statistics:
                layer._owner = self.token
        for layer, key, view, holds_values in self.bound:
            if not holds_values:
                setattr(layer, key, view)

    def _take(self, layer: Layer, key: str, view: Array) -> None:
        view[...] = getattr(layer, key)
        setattr(layer, key, view)
        self.bound.append((layer, key, view, True))

    def own_copy(self, index: int) -> Any:
        """A layer of the core as this network runs it: on its buffers, with the settings that it was made with.

        The layer itself may have gone to another network, or its settings may have been changed since.
        """
        twin = copy.copy(self._templates[index])
        for key, name in self._places[index].items():
            setattr(twin, key, self.param_views[name])
        for key, name in self._statistics[index].items():  # which a forward in training mode updates in place
            setattr(twin, key, np.array(self.state_layout.view(self.state, name)))
        return twin

    def sync(self) -> None:
        """Make the layers' attributes the views again, with the values of arrays that were put in their place."""
        for bound in self.bound:
            if getattr(bound[0], bound[1]) is not bound[2]:
                self._rebind(*bound)

    def _rebind(self, layer: Layer, key: str, view: Array, holds_values: bool) -> None:
        if layer._owner is not self.token:  # another network has taken the layer since
            return
        if holds_values:
            value = np.asarray(getattr(layer, key))
            if value.shape != view.shape or value.dtype.kind not in "fiub":
                raise ValueError(
                    f"Network: {key} of {layer!r} was set to an array of shape {value.shape} and dtype {value.dtype}; "
                    f"expected real numbers of shape {view.shape}"
                )
            view[...] = value
        setattr(layer, key, view)

    def _build(self, penalty: tuple[float, float]) -> list[Stretch | PythonLayer]:
        stages: list[Stretch | PythonLayer] = []
        begin = 0
        while begin < len(self.layers):
            if begin in self.python:
                stages.append(self.python[begin])
                begin += 1
                continue
            end = begin
            while end < len(self.layers) and end not in self.python:
                end += 1
            stages.append(self._stretch(range(begin, end), penalty))
            begin = end
        return stages

    def _stretch(self, indices: range, penalty: tuple[float, float]) -> Stretch:
        low, high = self.layout.span([name for i in indices for name in self._places[i].values()])
        names = [name for i in indices for name in self._statistics[i].values()]
        state_low, state_high = self.state_layout.span(names)
        nodes, places = [], []
        for i in indices:
            at = {key: self.layout.offset(name) - low for key, name in self._places[i].items()}
            for key, name in self._statistics[i].items():
                at[key] = self.state_layout.offset(name) - state_low
            node = self.layers[i]._plan(at, i)
            if node is not None:
                nodes.append(node)
                places.append(i)
        width, _ = widths(tuple(self.layers[i] for i in indices))
        taker = next((i for i in indices if self.layers[i]._widths()[0] is not None), indices.start)
        buffers = self.params[low:high], self.grads[low:high], self.state[state_low:state_high]
        return Stretch(
            nodes, places, width, self.dtype, penalty, buffers, partial(misfit, self.layers, taker)
        )

    def statistics(self) -> dict[str, Array]:
        return {name: self.state_layout.view(self.state, name) for name in self.state_layout}

    def weights(self) -> list[str]:
        """The names of the affine weights, which the penalty counts."""
        return [places["W"] for places in self._places if "W" in places]
