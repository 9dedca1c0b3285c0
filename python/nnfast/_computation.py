"""How a network computes: arguments read, stages run, gradients put together. `Network` is the face of it."""

from __future__ import annotations

import _thread
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _advice, _assembly, _core
from ._arrays import choice, float_dtype, integer, real, real_array
from ._buffers import Views
from ._stages import Stretch, check_layer
from .losses import Loss, SoftmaxCrossEntropy, is_native_loss

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from ._typing import Array, ArrayLike, ClassWeight, DTypeLike, Floats, LossLike
    from .history import History


_BYTES = np.dtype(np.uint8)


class _Busy:
    """Lets one thread at a time train. The same thread may come again: a callback of fit may ask for gradients."""

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = _thread.RLock()

    def __call__(self, where: str) -> _Busy:
        if not self._lock.acquire(False):
            raise RuntimeError(
                f"{where}: another thread is training this network; wait for it, or train a copy"
            )
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()


class Computation:
    """The state of a network, and everything about it that is not public."""

    def __init__(
        self,
        layers: Iterable[Any],
        loss: LossLike | None,
        dtype: DTypeLike | None,
        l1: float,
        l2: float,
        seed: int,
        convention: str,
    ) -> None:
        self.convention = choice("Network", "convention", convention, ("rows", "columns"))
        self.layers = _checked_layers(layers)
        self.loss_function: Any = _checked_loss(SoftmaxCrossEntropy() if loss is None else loss)
        self.l1 = real("Network", "l1", l1, 0)
        self.l2 = real("Network", "l2", l2, 0)
        self.seed = integer("Network", "seed", seed, 0)
        if self.seed >= 2**64:
            raise ValueError(f"Network: seed is {self.seed}; expected an integer < 2**64")
        self._in, self._out = _assembly.widths(self.layers)
        self.dtype = _assembly.common_dtype(self.layers) if dtype is None else float_dtype("Network", dtype)
        self.x_scale = 1 / 255
        self.training_steps = 0
        self.epochs_trained = 0
        self.optimizer: Any = None
        self.history: History | None = None
        self._busy = _Busy()
        self._fitting = False

        self._parts = parts = _assembly.Assembly(self.layers, self.dtype, (self.l1, self.l2))
        self._layout = parts.layout
        self._flat_params, self._flat_grads, self._flat_state = parts.params, parts.grads, parts.state
        self._stages = parts.stages
        self._is_flat = not parts.python  # all parameters are in the flat buffer
        self.params = Views(self, {name: parts.param_views.get(name) for name in parts.names})
        self.grads = Views(self, {name: parts.grad_views.get(name) for name in parts.names})
        self._show_python(gradients=False)
        # The stretch that is the whole network, where nothing but the core is needed.
        first = self._stages[0]
        whole = len(self._stages) == 1 and isinstance(first, Stretch) and is_native_loss(self.loss_function)
        self._whole: Any = first if whole else None
        self._fixed_plan = first.plan(self._in) if isinstance(first, Stretch) and whole and self._in else None
        if self._fixed_plan is not None:
            self._fixed_plan.bind(self._flat_params, self._flat_state, parts.bound)
        self._plain_plan = self._fixed_plan if convention == "rows" else None

    # ---- How it is done: reading arguments

    def _input(self, where: str, x: ArrayLike, single: bool = False) -> Array:
        """x as (batch, in), or (in,) where that is allowed. As it is where a layer written in Python takes it."""
        array = real_array(where, "x", x)
        width = self._in
        if self.convention == "columns" and array.ndim > 1:
            array = self._from_columns(where, array)
        if array.ndim == 2 and (width is None or array.shape[1] == width):
            return array
        if width is None:
            if array.ndim == 0 or (array.ndim == 1 and isinstance(self._stages[0], Stretch)):
                raise ValueError(f"{where}: x has shape {array.shape}; expected (batch, ...)")
            return array.reshape(len(array), math.prod(array.shape[1:])) if self._whole is not None else array
        if single and array.shape == (width,):
            return array
        if array.ndim > 1 and math.prod(array.shape[1:]) == width:
            return array.reshape(len(array), width)
        hint = f", or ({width},) for one sample" if single else ""
        hint += "; x[None] makes a batch of one sample" if not single and array.shape == (width,) else ""
        raise ValueError(
            f"{where}: x has shape {array.shape}; expected (batch, {width}) or (batch, ...) with {width} numbers per "
            f"sample{hint}"
        )

    def _from_columns(self, where: str, x: Array) -> Array:
        """(batch, in) of column vectors (in, batch)."""
        if x.ndim != 2 or (self._in is not None and x.shape[0] != self._in):
            raise ValueError(
                f"{where}: x has shape {x.shape}; expected ({self._in or 'in'}, batch), one column per sample"
            )
        return x.T

    def _shown(self, values: Array) -> Array:
        """(batch, n) as the caller's convention has it."""
        return values.T if self.convention == "columns" else values

    def _batch(self, where: str, x: ArrayLike, t: ArrayLike) -> tuple[Array, Array]:
        # What comes thousands of times a second is let through first; the core looks at the rest of it.
        if (
            self.convention == "rows"
            and (type(x) is np.ndarray is type(t))
            and (x.dtype == self.dtype and x.ndim == 2 and x.shape[1] == self._in)
            and (t.ndim == 1 or (t.ndim == 2 and t.shape[1] == self._out))
            and (t.shape[0] == x.shape[0] > 0 and t.dtype.kind in "iuf")
        ):
            return x, t
        inputs, targets = self._input(where, x), real_array(where, "t", t)
        given = targets.shape
        if self.convention == "columns" and targets.ndim == 2:
            targets = targets.T
            columns = targets.shape[1]
            if is_native_loss(self.loss_function) and self._out is not None and columns not in (1, self._out):
                raise ValueError(
                    f"{where}: t has shape {given}; expected labels ({len(inputs)},) or columns ({self._out}, "
                    f"{len(inputs)})"
                )
        if len(inputs) == 0:
            raise ValueError(f"{where}: x has shape {inputs.shape}; expected at least one sample")
        if targets.ndim == 0 or len(targets) != len(inputs):
            raise ValueError(
                f"{where}: x has {len(inputs)} samples but t has shape {given}; expected one target per sample"
            )
        if (
            (targets.shape == (len(inputs), 1) and targets.dtype.kind in "iu")
            and self._out != 1
            and (isinstance(self.loss_function, Loss) and self.loss_function._over_classes)
        ):
            _advice.label_column(where, given)
            targets = targets.ravel()
        return inputs, targets

    def _scale(self, x: Array) -> float:
        return self.x_scale if x.dtype == _BYTES else 1.0

    def _floats(self, x: Array) -> Array:
        """Scaled, where x is bytes."""
        if x.dtype != _BYTES:
            return x
        scaled: Array = np.multiply(x, self.dtype.type(self.x_scale), dtype=self.dtype)
        return scaled

    def _class_weight(self, where: str, given: ClassWeight, t: Array) -> Array | None:
        """The weights of the classes as an array: `given`, or the loss's own."""
        own = self.loss_function.class_weight if isinstance(self.loss_function, Loss) else None
        if given is None:
            return own
        if own is not None:
            raise ValueError(
                f"{where}: class_weight is given, but the loss has its own; expected one of them"
            )
        if isinstance(given, (str, dict)):
            return _spread_weights(where, given, t, self._out)
        return real_array(where, "class_weight", given)

    # ---- How it is done: computing

    def _plan(self, x: Array) -> Any:
        """Of the whole network, for inputs of this width."""
        return self._fixed_plan or self._whole.plan(x.shape[-1])

    def _sync(self) -> None:
        """See Assembly.sync."""
        if self._fixed_plan is None or not self._fixed_plan.unchanged():
            self._parts.sync()

    def _scores(self, where: str, x: ArrayLike) -> Array:
        """(batch, out), or (out,)"""
        if self._plain_plan is not None:
            scores: Array | None = self._plain_plan.predict_plain(x)
            if scores is not None:
                return scores
        return self._scores_of(self._input(where, x, single=True))

    def _scores_of(self, array: Array) -> Array:
        """The same for an argument that has been read."""
        self._sync()
        if self._whole is not None:
            y: Array = self._plan(array).predict(
                self._flat_params, self._flat_state, array, x_scale=self._scale(array)
            )
            return y
        if self._in is not None and array.ndim == 1:
            one: Array = self._forward(self._floats(array)[None], training=False)[0]
            return one
        return self._forward(self._floats(array), training=False)

    def _forward(self, x: Array, training: bool, dry: bool = False) -> Array:
        self._parts.sync()
        y: Any = x
        for stage in self._stages:
            if isinstance(stage, Stretch):
                y = stage.forward(y, training, self.seed, self.training_steps, dry)
            else:
                y = stage.forward(y, training)
        return np.asarray(y)

    def _gradient(
        self,
        where: str,
        x: ArrayLike,
        t: ArrayLike,
        class_weight: ClassWeight,
        sample_weight: ArrayLike | None,
    ) -> tuple[float, int]:
        """(loss, correct); fills grads."""
        x, t = self._batch(where, x, t)
        return self._gradient_with(where, x, t, self._class_weight(where, class_weight, t), sample_weight)

    def _gradient_with(
        self, where: str, x: Array, t: Array, weights: Array | None, sample_weight: ArrayLike | None
    ) -> tuple[float, int]:
        """The same for arguments that have been read; `weights` are those of the classes."""
        self._sync()
        if self._whole is not None:
            result: tuple[float, int] = self._plan(x).gradient(
                self._flat_params,
                self._flat_grads,
                self._flat_state,
                self._floats(x),
                t,
                self.loss_function._spec,
                class_weight=weights,
                sample_weight=sample_weight,
                seed=self.seed,
                step=self.training_steps,
            )
            return result
        y = self._forward(self._floats(x), training=True)
        loss, dy = self._loss_and_dy(where, y, t, weights, sample_weight)
        for index in reversed(range(len(self._stages))):
            stage = self._stages[index]
            dy = stage.backward(dy, index > 0) if isinstance(stage, Stretch) else stage.backward(dy)
        if self.l1 or self.l2:
            loss += self._penalty()
            for name in self._parts.weights():
                W, dW = self.params[name], self.grads[name]
                dW += self.l1 * np.sign(W) + self.l2 * W
        self._show_python(gradients=True)
        correct = self._correct(y, t) if self._has_accuracy(t, y.shape[-1]) else 0
        return loss, correct

    def _loss_of(self, where: str, y: Array, t: Array, class_weight: Any, sample_weight: Any) -> float:
        loss = self.loss_function
        if is_native_loss(loss):
            return float(_core.loss(loss._spec, where, y, t, class_weight, sample_weight))
        if class_weight is not None:
            raise TypeError(
                f"{where}: class_weight is given, but {loss!r} is written in Python; expected None"
            )
        return float(loss.forward(y, t) if sample_weight is None else loss.forward(y, t, sample_weight))

    def _loss_and_dy(
        self, where: str, y: Array, t: Array, class_weight: Any, sample_weight: Any
    ) -> tuple[float, Any]:
        loss = self.loss_function
        if is_native_loss(loss):
            value, dy = _core.loss_backward(loss._spec, where, y, t, class_weight, sample_weight)
            return float(value), dy
        return self._loss_of(where, y, t, class_weight, sample_weight), loss.backward()

    def _penalty(self) -> float:
        total = 0.0
        for name in self._parts.weights() if self.l1 or self.l2 else ():
            W = self.params[name]
            total += self.l1 * float(np.abs(W).sum(dtype=np.float64)) + self.l2 / 2 * _core.squared_norm([W])
        return total

    def _evaluate(
        self,
        where: str,
        x: ArrayLike,
        t: ArrayLike,
        class_weight: ClassWeight,
        sample_weight: ArrayLike | None,
    ) -> tuple[float, float | None]:
        """(loss, accuracy)"""
        x, t = self._batch(where, x, t)
        return self._evaluate_with(where, x, t, self._class_weight(where, class_weight, t), sample_weight)

    def _evaluate_with(
        self, where: str, x: Array, t: Array, weights: Array | None, sample_weight: ArrayLike | None
    ) -> tuple[float, float | None]:
        """The same for arguments that have been read."""
        if self._whole is not None:
            self._parts.sync()
            plan = self._plan(x)
            loss, correct = plan.evaluate(
                self._flat_params,
                self._flat_state,
                x,
                t,
                self.loss_function._spec,
                class_weight=weights,
                sample_weight=sample_weight,
                x_scale=self._scale(x),
            )
            has_accuracy = self._has_accuracy(t, plan.out_features)
        else:
            y = self._scores_of(x)
            loss = self._loss_of(where, y, t, weights, sample_weight) + self._penalty()
            has_accuracy = self._has_accuracy(t, y.shape[-1])
            correct = self._correct(y, t) if has_accuracy else 0
        if not has_accuracy:
            return loss, None
        counted = self._counted(t)
        return loss, correct / counted if counted else math.nan

    def _has_accuracy(self, t: Array, columns: int) -> bool:
        """Whether t says which class a sample belongs to."""
        loss = self.loss_function
        if isinstance(loss, Loss) and (loss._over_classes or loss._probabilities is not None):
            return True
        if columns < 2:
            return False
        if t.ndim == 1:
            return t.dtype.kind in "iu"
        is_binary = t.ndim == 2 and t.shape[1] == columns and bool(np.all((t == 0) | (t == 1)))
        return is_binary and bool(np.all(t.sum(axis=1) == 1))

    def _counted(self, t: Array) -> int:
        return self.loss_function._counted(t) if isinstance(self.loss_function, Loss) else len(t)

    def _correct(self, y: Array, t: Array) -> int:
        if isinstance(self.loss_function, Loss):
            return self.loss_function._correct(y, t)
        return int(np.count_nonzero(y.argmax(axis=-1) == (t if t.ndim == 1 else t.argmax(axis=-1))))

    # ---- How it is done: for others

    def _show_python(self, gradients: bool) -> None:
        """Show the arrays of layers written in Python in params and grads: they may be others than before."""
        for layer in self._parts.python.values():
            for name, array in layer.params().items():
                self.params._replace(name, array)
            if gradients:
                for name, array in layer.grads().items():
                    self.grads._replace(name, array)

    def _new_flat(self) -> Floats:
        return self._parts.zeros()

    def _snapshot(self) -> list[Array]:
        """Copies of all values that training changes."""
        self._parts.sync()
        self._show_python(gradients=False)
        written = [self.params[name] for p in self._parts.python.values() for name in p.names.values()]
        return [np.array(a) for a in (self._flat_params, self._flat_state, *written)]

    def _restore(self, snapshot: list[Array]) -> None:
        written = [self.params[name] for p in self._parts.python.values() for name in p.names.values()]
        for array, saved in zip((self._flat_params, self._flat_state, *written), snapshot, strict=True):
            array[...] = saved


def _checked_layers(layers: Iterable[Any]) -> tuple[Any, ...]:
    result = tuple(layers)
    if not result:
        raise ValueError("Network: layers is empty; expected at least one layer")
    for index, layer in enumerate(result):
        check_layer(index, layer)
        again = next((i for i in range(index) if result[i] is layer), None)
        if again is not None:
            raise ValueError(
                f"Network: layers[{again}] and layers[{index}] are the same object; expected two layers"
            )
    return result


def _checked_loss(loss: Any) -> Any:
    if isinstance(loss, type) or not (callable(getattr(loss, "forward", None)) and callable(loss.backward)):
        raise TypeError(f"Network: loss is {loss!r}; expected a loss such as SoftmaxCrossEntropy()")
    if isinstance(loss, Loss) and loss.reduction == "none":
        raise ValueError(
            "Network: the loss has reduction 'none'; expected one that gives a number to minimise"
        )
    return loss


def _spread_weights(where: str, given: str | dict[int, float], t: Array, classes: int | None) -> Array:
    """Class weights from a dict or from "balanced"."""
    if t.ndim == 2:
        classes, labels = t.shape[1], t.argmax(axis=1)
    else:
        labels = t
    if labels.dtype.kind not in "iu" or (classes is None and not len(labels)):
        raise TypeError(f"{where}: class_weight is {given!r} but t has dtype {t.dtype}; expected labels")
    if classes is None:
        classes = int(labels.max()) + 1
    if isinstance(given, str):
        if given != "balanced":
            raise ValueError(f"{where}: class_weight is {given!r}; expected an array, a dict or 'balanced'")
        known = labels[(labels >= 0) & (labels < classes)]
        counts = np.bincount(known.astype(np.int64), minlength=classes)
        balanced: Array = np.divide(counts.sum(), classes * counts, out=np.zeros(classes), where=counts > 0)
        return balanced
    weights = np.ones(classes)
    for label, weight in given.items():
        if not 0 <= label < classes:
            raise IndexError(
                f"{where}: class_weight has a weight for {label}; expected labels in 0..{classes - 1}"
            )
        weights[label] = weight
    return weights
