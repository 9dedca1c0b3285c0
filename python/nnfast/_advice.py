"""Warnings that teach: what a learner's network shows before, while and after it goes wrong.

Each looks at a few samples only, once, so that a fit costs no more for it than a few steps.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors
from ._stages import is_native
from ._tracing import Trace, Visit
from .layers import Affine, Dropout, Flatten, Identity, Relu, Sigmoid, Tanh

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._computation import Computation
    from ._typing import Array

LOOKED_AT = 256  # samples
_SATURATED = (
    0.99  # of the way to the asymptote; the derivative of the sigmoid is 0.01 there, a 25th of its largest
)
_MANY = 0.5  # share of saturated outputs
_DEAD_SHARE = 0.2
_RISES = 1.5  # times the loss that it once was
_ENOUGH = 32  # samples, or steps, to judge from


def _warn(category: type[Warning], message: str) -> None:
    import sys

    # The first frame outside the package, which is the line that the reader wrote.
    depth = 1
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("nnfast."):
        frame, depth = frame.f_back, depth + 1
    warnings.warn(message, category, stacklevel=depth + 1)


def collapsing_layers(layers: Iterable[Any]) -> None:
    """Affine layers in a row are one affine layer."""
    before: int | None = None
    number = 0
    for layer in layers:
        if isinstance(layer, Affine) and is_native(layer):
            number += 1
            if before is not None:
                _warn(
                    errors.CollapsingLayersWarning,
                    f"Network: Affine {before} and Affine {number} have no non-linearity between them; together they "
                    "compute no more than one affine layer. Put an activation such as Relu() between them",
                )
            before = number
        elif not isinstance(layer, (Identity, Flatten, Dropout)):
            before = None


def repeated_softmax(last: str, loss: str) -> None:
    _warn(
        errors.RepeatedSoftmaxWarning,
        f"Network: the layers end with {last}, and {loss} takes the softmax again; leave the layer out, predict_proba "
        "gives probabilities",
    )


def label_column(where: str, shape: tuple[int, ...]) -> None:
    _warn(
        errors.LabelShapeWarning,
        f"{where}: t has shape {shape} and integers, which are taken as labels ({shape[0]},); expected t.ravel()",
    )


def before_training(network: Computation, x: Array) -> None:
    """Inputs that nobody scaled; sigmoids that are saturated at the start."""
    _unscaled(x)
    if network.training_steps == 0 and any(isinstance(layer, (Sigmoid, Tanh)) for layer in network.layers):
        _saturated(Trace(network, network._floats(x), training=False).visits)


def _unscaled(x: Array) -> None:
    if x.dtype == np.uint8 or x.size == 0 or x.shape[-1] < 16:
        return
    low, high = float(x.min()), float(x.max())
    if low >= 0 and 128 <= high <= 255 and bool(np.all(x == np.rint(x))):
        _warn(
            errors.UnscaledInputWarning,
            f"Network.fit: x has whole numbers from {low:g} to {high:g} of dtype {x.dtype}, which look like pixels; "
            "divide by 255, or leave them uint8 and the network scales them",
        )


def _saturated(visits: list[Visit]) -> None:
    for visit in visits:
        if not isinstance(visit.layer, (Sigmoid, Tanh)):
            continue
        middle = 0.5 if isinstance(visit.layer, Sigmoid) else 0.0
        share = float(np.mean(np.abs(np.asarray(visit.y) - middle) > _SATURATED * (1 - middle)))
        if share > _MANY:
            _warn(
                errors.SaturatedUnitsWarning,
                f"Network.fit: {share:.0%} of the outputs of {visit.label} are saturated before the first step; the "
                "derivative is nearly 0 there, and the layers before it hardly learn. Smaller weights (init='xavier') "
                "or scaled inputs help",
            )


def after_an_epoch(network: Computation, x: Array, epoch: int) -> None:
    """Units of ReLU that nothing reaches any more."""
    if not any(isinstance(layer, Relu) for layer in network.layers):
        return
    # Batch statistics: the running ones may be far from where they go after one epoch.
    trace = Trace(network, network._floats(x), training=True)
    for visit in trace.visits:
        values = np.asarray(visit.y)
        if not isinstance(visit.layer, Relu) or len(values) < _ENOUGH:
            continue
        dead = int(np.count_nonzero(~np.any(values.reshape(len(values), -1) > 0, axis=0)))
        width = values[0].size
        if dead > _DEAD_SHARE * width:
            _warn(
                errors.DeadUnitsWarning,
                f"Network.fit: after epoch {epoch}, {dead} of {width} units of {visit.label} give 0 for each of "
                f"{len(values)} samples; their weights get no gradient. A smaller learning rate, init='he' or "
                "LeakyRelu helps",
            )


class LossWatch:
    """Notices, once in a fit, that the loss ends above where it began."""

    def __init__(self) -> None:
        self._first = self._lowest = math.inf
        self._lowest_at = ""
        self._steps = 0
        self._warned = False

    def look(self, network: Computation, losses: Array, epoch: int) -> None:
        """`losses` of the steps of an epoch, counted from 1; single steps are noisy, so tenths are compared."""
        parts = [part.mean() for part in np.array_split(losses, min(10, len(losses)))]
        lowest = int(np.argmin(parts))
        if parts[lowest] < self._lowest:
            step = 1 + sum(len(part) for part in np.array_split(losses, len(parts))[:lowest])
            self._lowest, self._lowest_at = float(parts[lowest]), f"step {step} of epoch {epoch}"
        if math.isinf(self._first):
            self._first = float(losses[0])
        last = float(parts[-1])
        self._steps += len(losses)
        if self._warned or self._steps < _ENOUGH or last <= max(self._first, _RISES * self._lowest):
            return
        self._warned = True
        _warn(
            errors.RisingLossWarning,
            f"Network.fit: the loss rises: it was {self._first:.4g} at first, {self._lowest:.4g} at {self._lowest_at} "
            f"and is {last:.4g} at step {len(losses)} of epoch {epoch}; {steepest_layer(network)}. A smaller learning "
            "rate helps",
        )


def steepest_layer(network: Computation) -> str:
    """The parameter whose gradient is largest beside its values."""
    ratios = {
        name: float(np.linalg.norm(network.grads[name]) / (np.linalg.norm(network.params[name]) + 1e-30))
        for name in network.params
        if network.grads.get(name) is not None and name.startswith("W")
    }
    if not ratios:
        return "no layer has weights"
    name = max(ratios, key=lambda key: ratios[key])
    return f"the gradient of {name} is the largest beside its weights, {ratios[name]:.2g} times as long"


def first_bad_layer(network: Computation, x: Array, t: Array) -> str:
    """Which layer first gives a number that is not finite for this batch; "" where none does."""
    if not np.all(np.isfinite(network._floats(x))):
        return "the inputs of that step are not finite"
    for name, value in network.params.items():
        if not np.all(np.isfinite(value)):
            return f"{name} is not finite"
    with np.errstate(all="ignore"):
        trace = Trace(network, network._floats(x), training=True)
        for visit in trace.visits:
            if not np.all(np.isfinite(np.asarray(visit.y))):
                return f"the output of {visit.label} is the first that is not finite"
    if t.dtype.kind == "f" and not np.all(np.isfinite(t)):
        return "the targets of that step are not finite"
    return "the layers are finite, the loss is not"


__all__ = [
    "LOOKED_AT",
    "LossWatch",
    "after_an_epoch",
    "before_training",
    "collapsing_layers",
    "first_bad_layer",
    "label_column",
    "repeated_softmax",
]
