"""Warnings that teach: what a learner's network shows before, while and after it goes wrong.

Each looks at a few samples only, so that a fit costs no more for it than a few steps.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import errors
from ._stages import is_native, unseen_parameters
from ._tracing import Trace, Visit
from ._warn import warn
from .layers import Affine, Dropout, Flatten, Identity, LogSoftmax, Relu, Sigmoid, Softmax, Tanh
from .losses import SigmoidCrossEntropy, SoftmaxCrossEntropy, is_native_loss

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._computation import Computation
    from ._typing import Array

LOOKED_AT = 256  # samples
_SATURATED = 0.99  # of the way to the asymptote, where the sigmoid's derivative is a 50th of its largest
_MANY = 0.5  # share of saturated outputs
_DIED = 0.2  # share of units that the training has killed
_DEAD = 0.6  # or that are dead: with one input in 0..1 half of them are from the start, and all is well
_RISES = 1.5  # times the loss before the first step
_ENOUGH = 32  # samples to judge from


def collapsing_layers(layers: Iterable[Any]) -> None:
    """Affine layers in a row are one affine layer."""
    before: int | None = None
    number = 0
    for layer in layers:
        if isinstance(layer, Affine) and is_native(layer):
            number += 1
            if before is not None:
                warn(
                    errors.CollapsingLayersWarning,
                    f"Network: Affine {before} and Affine {number} have no non-linearity between them; together they "
                    "compute no more than one affine layer. Put an activation such as Relu() between them",
                )
            before = number
        elif not isinstance(layer, (Identity, Flatten, Dropout)):
            before = None


def repeated_softmax(last: Any, loss: Any) -> None:
    """A layer whose function the loss takes itself."""
    softmax = isinstance(loss, SoftmaxCrossEntropy) and isinstance(last, (Softmax, LogSoftmax))
    if softmax or (isinstance(loss, SigmoidCrossEntropy) and isinstance(last, Sigmoid)):
        warn(
            errors.RepeatedSoftmaxWarning,
            f"Network: the layers end with {type(last).__name__}, and {type(loss).__name__} takes the "
            f"{'softmax' if softmax else 'sigmoid'} again; leave the layer out, predict_proba gives probabilities",
        )


def forgotten_parameters(layers: Iterable[Any]) -> None:
    """Arrays of layers written in Python that nobody trains."""
    for index, layer in enumerate(layers):
        names = unseen_parameters(layer)
        if names:
            warn(
                errors.UnseenParametersWarning,
                f"Network: layers[{index}] {type(layer).__name__} has {', '.join(names)}, which the network does not "
                "train; expected dicts params and grads, or attributes W, b and dW, db",
            )


def label_column(where: str, shape: tuple[int, ...]) -> None:
    warn(
        errors.LabelShapeWarning,
        f"{where}: t has shape {shape} and integers, which are taken as labels ({max(shape)},); expected t.ravel()",
    )


def _unscaled(x: Array) -> None:
    if x.dtype == np.uint8 or x.size == 0 or x.shape[-1] < 16:
        return
    low, high = float(x.min()), float(x.max())
    if low >= 0 and 240 <= high <= 255 and bool(np.all(x == np.rint(x))):
        warn(
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
            warn(
                errors.SaturatedUnitsWarning,
                f"Network.fit: {share:.0%} of the outputs of {visit.label} are saturated before the first step; the "
                "derivative is nearly 0 there, and the layers before it hardly learn. Smaller weights (init='xavier') "
                "or scaled inputs help",
            )


def _dead_units(visits: list[Visit]) -> dict[str, Array]:
    """Label of a ReLU layer -> which of its units give 0 for every sample."""
    found = {}
    for visit in visits:
        values = np.asarray(visit.y)
        if isinstance(visit.layer, Relu) and len(values) >= _ENOUGH:
            found[visit.label] = ~np.any(values.reshape(len(values), -1) > 0, axis=0)
    return found


class Watch:
    """Looks at a fit before it, and after its epochs. A network with layers written in Python is left alone: they
    may draw, count, or take batches of one size only.
    """

    def __init__(self, network: Computation, x: Array, t: Array) -> None:
        """x and t of up to LOOKED_AT samples."""
        self._network, self._x, self._t = network, x, t
        self._native = not network._parts.python and is_native_loss(network.loss_function)
        self._fresh = network.training_steps == 0
        self._dead: dict[str, Array] = {}
        self._rises = 0
        self._looks_at_units = self._native and any(isinstance(layer, Relu) for layer in network.layers)
        _unscaled(x)
        if self._native and (self._fresh or self._looks_at_units):
            visits = self._trace().visits
            if self._fresh:
                _saturated(visits)
            self._dead = _dead_units(visits)
        self._first = self._loss() if self._native and self._fresh else math.nan

    def _trace(self) -> Trace:
        # Batch statistics: the running ones may be far from where they go.
        return Trace(self._network, self._network._floats(self._x), training=True)

    def _loss(self) -> float:
        network, where = self._network, "Network.fit"
        y = network._forward(network._floats(self._x), training=True, dry=True)
        weights = network._class_weight(where, None, self._t)
        return network._loss_of(where, y, self._t, weights, None) + network._penalty()

    def after_epoch(self, epoch: int, is_first: bool, is_last: bool) -> None:
        """`epoch` counted from 1."""
        if is_first and self._looks_at_units:
            self._compare_units(epoch)
        # Epochs 1, 2, 4, 8, ... and the last: epochs of microseconds are not to wait for advice.
        looks = is_last or epoch & (epoch - 1) == 0
        if looks and self._rises >= 0 and not math.isnan(self._first):
            self._compare_losses(epoch, is_last)

    def _compare_units(self, epoch: int) -> None:
        for label, dead in _dead_units(self._trace().visits).items():
            count, died = int(np.count_nonzero(dead)), int(np.count_nonzero(dead & ~self._dead[label]))
            if died > _DIED * dead.size:
                help_ = "A smaller learning rate or LeakyRelu helps"
            elif count > _DEAD * dead.size:
                help_ = "Most did so before the first step: init='he', smaller biases or scaled inputs help"
            else:
                continue
            warn(
                errors.DeadUnitsWarning,
                f"Network.fit: after epoch {epoch}, {count} of {dead.size} units of {label} give 0 for each of "
                f"{len(self._x)} samples; their weights get no gradient. {help_}",
            )

    def _compare_losses(self, epoch: int, is_last: bool) -> None:
        loss = self._loss()
        self._rises = self._rises + 1 if loss > _RISES * self._first else 0
        # The first steps of RMSprop and Adam are the longest and may well lead uphill.
        if self._rises == 2 or (self._rises and is_last and self._network.training_steps >= 10):
            self._rises = -1  # once in a fit
            warn(
                errors.RisingLossWarning,
                f"Network.fit: the loss rises: on {len(self._x)} of the samples it was {self._first:.4g} before the "
                f"first step and is {loss:.4g} after step {self._network.training_steps} (epoch {epoch}); "
                f"{steepest_layer(self._network)}. A smaller learning rate helps",
            )


def steepest_layer(network: Computation) -> str:
    """The parameter whose gradient is largest beside its values."""
    ratios = {
        name: float(np.linalg.norm(network.grads[name]) / (np.linalg.norm(network.params[name]) + 1e-30))
        for name in network.params
        if network.grads.get(name) is not None and name.startswith("W")
    }
    if not any(ratios.values()):
        return "the gradients are 0 by now"
    name = max(ratios, key=lambda key: ratios[key])
    return f"the gradient of {name} is the largest beside its weights, {ratios[name]:.2g} times as long"


def first_bad_layer(network: Computation, x: Array, t: Array) -> str:
    """Which layer first gives a number that is not finite for this batch, in words."""
    if not np.all(np.isfinite(network._floats(x))):
        return "the inputs of that step are not finite"
    for name, value in network.params.items():
        if not np.all(np.isfinite(value)):
            return f"{name} is not finite"
    if network._parts.python:
        return "which layer it comes from cannot be told, as some are written in Python"
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
    "Watch",
    "collapsing_layers",
    "first_bad_layer",
    "forgotten_parameters",
    "label_column",
    "repeated_softmax",
]
