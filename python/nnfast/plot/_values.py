"""What pictures ask a network for: weights, activations, predictions, losses. And targets as labels."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import real_array
from .._computation import Computation
from .._stages import _mode_argument

if TYPE_CHECKING:
    from .._typing import Array, ArrayLike


def check_network(where: str, net: Any, *methods: str) -> None:
    if isinstance(net, type) or not all(hasattr(net, name) for name in methods):
        raise TypeError(
            f"{where}: net is {net!r}; expected a Network, or an object with {', '.join(methods)}"
        )


def samples(where: str, x: ArrayLike, name: str = "x") -> Array:
    """x (batch, ...) with at least one sample."""
    array = real_array(where, name, x)
    if array.ndim < 2 or array.size == 0:
        raise ValueError(f"{where}: {name} has shape {array.shape}; expected (batch, in), batch >= 1")
    return array


def labels(where: str, name: str, t: ArrayLike, count: int | None = None) -> Array:
    """Labels (batch,) from labels, (batch, 1), or one-hot rows and scores (batch, classes)."""
    array = real_array(where, name, t)
    if array.ndim == 2:
        array = array[:, 0] if array.shape[1] == 1 else array.argmax(axis=1)
    if array.ndim != 1 or (count is not None and len(array) != count):
        expected = "(batch,)" if count is None else f"({count},)"
        raise ValueError(
            f"{where}: {name} has shape {np.shape(t)}; expected labels {expected} or one-hot rows"
        )
    whole = array.astype(np.int64)
    if not np.array_equal(whole, array):
        raise TypeError(
            f"{where}: {name} has dtype {array.dtype} and fractions; expected labels 0, 1, 2, ..."
        )
    return whole


def weights_of(net: Any) -> list[Array]:
    """The weights (in, out) of the affine layers, first to last: W1, W2, ... of net.params."""
    if isinstance(net, Computation):  # somebody may have put other arrays in the layers
        net._parts.sync()
        net._show_python(gradients=False)
    found = (net.params.get(f"W{k}") for k in range(1, len(net.params) + 1))
    return [np.asarray(W) for W in found if W is not None and np.ndim(W) == 2]


def _is_affine(layer: Any) -> bool:
    """A layer written in Python is one too if it has a 2-D W."""
    params = getattr(layer, "params", None)
    W = params.get("W") if isinstance(params, dict) else getattr(layer, "W", None)
    return W is not None and np.ndim(W) == 2


def activations(where: str, net: Any, x: ArrayLike) -> list[Array]:
    """a[0], ..., a[L], each (batch, n): the input, and what every affine layer hands on to the next one.

    That is its output after activation, normalization and whatever else stands between the two, in inference.
    Computed by copies of the layers: what the layers keep for backward stays.
    """
    check_network(where, net, "layers", "predict")
    array = net._floats(net._input(where, samples(where, x)))
    y: Any = array.astype(net.dtype, copy=False)
    result = [y]
    begun = False
    for layer in map(copy.deepcopy, net.layers):
        if _is_affine(layer):
            if begun:
                result.append(y)
            begun = True
        y = _inference(layer, y)
    return [np.asarray(a).reshape(len(array), -1) for a in (*result, y)]


def _inference(layer: Any, x: Any) -> Any:
    if hasattr(layer, "training"):
        layer.training = False
    mode = _mode_argument(layer)
    return layer.forward(x, **{mode: False}) if mode else layer.forward(x)


def predicted(where: str, net: Any, x: Array) -> Array:
    """Labels (batch,): those of classify; the largest of several sigmoid outputs, which classify takes one by one."""
    check_network(where, net, "classify")
    y = np.asarray(net.classify(x))
    if y.ndim == 2 and y.shape[1] > 1:
        y = np.asarray(net.predict(x)).argmax(axis=1)
    return labels(where, "what net classifies", y, len(x))


def losses(net: Any, x: Array, t: Array) -> Array:
    """The loss of every sample alone (batch,)."""
    return np.array([net.loss(x[i : i + 1], t[i : i + 1]) for i in range(len(x))])


def probabilities(net: Any, x: Array) -> Array | None:
    """(batch, out), where the loss says what they are."""
    try:
        return np.asarray(net.predict_proba(x))
    except ValueError:
        return None
