"""What pictures ask a network for: weights, activations, predictions, losses. And targets as labels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arrays import real_array
from .._computation import Computation
from .._tracing import Trace

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
    if array.dtype.kind == "f" and not np.all(np.isfinite(array)):
        raise ValueError(f"{where}: {name} is not finite; expected labels 0, 1, 2, ...")
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


class _Turned:
    """A network of ``convention="columns"``, asked in rows."""

    def __init__(self, net: Any) -> None:
        self.net = net

    def __getattr__(self, name: str) -> Any:
        return getattr(self.net, name)

    def classify(self, x: Array) -> Array:
        return np.asarray(self.net.classify(x.T)).T

    def predict(self, x: Array) -> Array:
        return np.asarray(self.net.predict(x.T)).T

    def predict_proba(self, x: Array) -> Array:
        return np.asarray(self.net.predict_proba(x.T)).T

    def per_sample_loss(self, x: Array, t: Array) -> Array:
        return np.asarray(self.net.per_sample_loss(x.T, t.T))


def by_rows(net: Any, x: Any, t: Any = None) -> tuple[Any, Any, Any]:
    """The three with samples as rows, whatever the network's convention."""
    if getattr(net, "convention", "rows") == "rows":
        return net, x, t
    turned = [np.asarray(a).T if np.ndim(a) == 2 else a for a in (x, t)]
    return _Turned(net), turned[0], turned[1]


def activations(where: str, net: Any, x: ArrayLike) -> list[Array]:
    """a[0], ..., a[L], each (batch, n), of x (batch, ...): what `Network.forward` records, without recording it."""
    network = net.net if isinstance(net, _Turned) else net
    if not isinstance(network, Computation):
        raise TypeError(f"{where}: net is {net!r}; expected a Network")
    array = network._floats(samples(where, x))
    if network._in is not None:
        if math.prod(array.shape[1:]) != network._in:
            raise ValueError(
                f"{where}: x has shape {np.shape(x)}; expected (batch, {network._in}), or (batch, ...) with as many "
                "numbers per sample"
            )
        array = array.reshape(len(array), network._in)
    trace = Trace(network, array, training=False)
    inputs = [visit.x for visit in trace.visits if visit.number is not None]
    return [np.asarray(a).reshape(len(array), -1) for a in (trace.x, *inputs[1:], trace.y)]


def predicted(where: str, net: Any, x: Array) -> Array:
    """Labels (batch,): those of classify; the largest of several sigmoid outputs, which classify takes one by one."""
    check_network(where, net, "classify")
    y = np.asarray(net.classify(x))
    if y.ndim == 2 and y.shape[1] > 1:
        y = np.asarray(net.predict(x)).argmax(axis=1)
    return labels(where, "what net classifies", y, len(x))


def losses(net: Any, x: Array, t: Array) -> Array:
    """The loss of every sample alone (batch,)."""
    if hasattr(net, "per_sample_loss"):
        return np.asarray(net.per_sample_loss(x, t))
    return np.array([net.loss(x[i : i + 1], t[i : i + 1]) for i in range(len(x))])


def probabilities(net: Any, x: Array) -> Array | None:
    """(batch, out), where the loss says what they are."""
    try:
        return np.asarray(net.predict_proba(x))
    except ValueError:
        return None
