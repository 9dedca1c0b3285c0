"""What a Network is made of: stretches of the core's layers, each run by one Plan, and layers written in Python."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._arrays import real_array
from ._layer import Layer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._typing import Array, Floats, LayerLike


def is_native(layer: object) -> bool:
    """Whether the core can run the layer: one of ours, whose forward and backward nobody has replaced."""
    return isinstance(layer, Layer) and layer._native and not {"forward", "backward"} & vars(layer).keys()


def check_layer(index: int, layer: object) -> None:
    what = f"Network: layers[{index}] is "
    if isinstance(layer, type):
        raise TypeError(f"{what}the class {layer.__name__}; expected an object, {layer.__name__}(...)")
    if not (callable(getattr(layer, "forward", None)) and callable(getattr(layer, "backward", None))):
        raise TypeError(f"{what}{layer!r}; expected an object with forward(x) and backward(dy)")


def unseen_parameters(layer: Any) -> list[str]:
    """Names of what looks like weights in a layer written in Python, where nobody looks for them."""
    if isinstance(layer, Layer) or hasattr(layer, "params") or hasattr(layer, "W"):
        return []
    return [key for key in getattr(layer, "__dict__", ()) if key[:1] in "Wb" and key[1:].isdigit()]


def given(method: str, value: Any) -> Any:
    """What forward or backward of a layer written in Python returned; TypeError where that is nothing."""
    if value is None:
        raise TypeError(f"{method} gives None; expected an array: is there a return?")
    return value


class Numbering:
    """Names of parameters: `W1`, `b1`, `W2`, ...; what belongs to one layer has one number."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def names(self, keys: tuple[str, ...]) -> dict[str, str]:
        number = 1 + max((self._last.get(key, 0) for key in keys), default=0)
        self._last.update(dict.fromkeys(keys, number))
        return {key: f"{key}_{number}" if key[-1:].isdigit() else f"{key}{number}" for key in keys}


class Stretch:
    """Layers of the core in a row.

    `nodes` is what Plan takes, with offsets into `buffers`: this stretch's part of the flat params, grads and state;
    `places` says which layer of the network each of them is.
    `misfit(batch, width)` says what is wrong with other widths.
    """

    def __init__(
        self,
        nodes: list[dict[str, Any]],
        places: list[int],
        width: int | None,
        dtype: np.dtype[Any],
        penalty: tuple[float, float],
        buffers: tuple[Floats, Floats, Floats],
        misfit: Callable[[object, int], str],
    ) -> None:
        self.nodes, self.places = nodes, places
        self.width = width  # numbers per sample; None where any number goes in
        self._misfit = misfit
        self._dtype = dtype
        self._penalty = penalty
        self._params, self._grads, self._state = buffers
        self._plan: _core.Plan | None = None if width is None else self._new_plan(width)
        self._shape: tuple[int, ...] = ()

    def _new_plan(self, width: int) -> _core.Plan:
        return _core.Plan(self._dtype.name, width, self.nodes, l1=self._penalty[0], l2=self._penalty[1])

    def plan(self, width: int, batch: object = "batch") -> _core.Plan:
        plan = self._plan
        if plan is None or plan.in_features != width:
            if self.width is not None:
                raise ValueError(self._misfit(batch, width))
            self._plan = plan = self._new_plan(width)
        return plan

    def forward(self, x: Any, training: bool, seed: int, step: int, dry: bool) -> Array:
        """y; a training pass is recorded for backward. `dry` leaves the running statistics alone."""
        x = real_array("Network", "the output of a layer", x)
        if x.ndim == 0:
            raise ValueError("Network: the output of a layer has shape (); expected (batch, ...)")
        rows = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        plan = self.plan(rows.shape[1], len(rows))
        if not training:
            return plan.predict(self._params, self._state, rows)
        self._shape = x.shape
        state = self._state.copy() if dry else self._state
        return plan.forward(self._params, state, rows, seed=seed, step=step)

    def backward(self, dy: Any, input_gradient: bool) -> Array | None:
        assert self._plan is not None
        dx = self._plan.backward(
            self._params, self._grads, self._state, np.asarray(dy), input_gradient=input_gradient
        )
        return None if dx is None else dx.reshape(self._shape)


class PythonLayer:
    """A layer that the core does not know. `names`: its own parameter keys -> their names in the network."""

    def __init__(self, layer: LayerLike, numbering: Numbering) -> None:
        self.layer = layer
        self._from_dict = isinstance(getattr(layer, "params", None), dict)
        self.names = numbering.names(self._keys())
        self._mode = _mode_argument(layer)

    def _keys(self) -> tuple[str, ...]:
        if self._from_dict:
            return tuple(self.layer.params)  # type: ignore[attr-defined]
        arrays = [
            k for k in ("W", "b", "gamma", "beta") if isinstance(getattr(self.layer, k, None), np.ndarray)
        ]
        return tuple(k for k in arrays if k in ("W", "b") or hasattr(self.layer, "d" + k))

    def params(self) -> dict[str, Any]:
        """By the network's names, read again every time: the layer may have put other arrays in their place."""
        layer: Any = self.layer
        values = layer.params if self._from_dict else {key: getattr(layer, key) for key in self.names}
        return {name: values[key] for key, name in self.names.items()}

    def grads(self) -> dict[str, Any]:
        layer: Any = self.layer
        result = {}
        for key, name in self.names.items():
            grad = layer.grads.get(key) if self._from_dict else getattr(layer, "d" + key, None)
            if grad is None:
                where = f"grads[{key!r}]" if self._from_dict else f"d{key}"
                raise ValueError(
                    f"Network: {type(layer).__name__}.backward left no {where}; expected a gradient"
                )
            result[name] = grad
        return result

    def forward(self, x: Any, training: bool) -> Any:
        layer: Any = self.layer
        if hasattr(layer, "training"):
            layer.training = training
        y = layer.forward(x, **{self._mode: training}) if self._mode else layer.forward(x)
        return given(f"Network: {type(layer).__name__}.forward", y)

    def backward(self, dy: Any) -> Any:
        return given(f"Network: {type(self.layer).__name__}.backward", self.layer.backward(dy))


def _mode_argument(layer: LayerLike) -> str | None:
    """The parameter of forward that says whether this is training."""
    import inspect

    try:
        parameters = inspect.signature(layer.forward).parameters
    except (TypeError, ValueError):  # written in C, without a signature
        return None
    return next((name for name in ("training", "train_flg") if name in parameters), None)
