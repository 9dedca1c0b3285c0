"""How gradients are checked: what a check says, and where its differences come from."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _core
from ._arrays import real_array
from ._computation import Computation
from ._stages import given, is_native, unseen_parameters
from ._tracing import visits
from .layers import Dropout
from .losses import is_native_loss
from .network import Network

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._typing import Array, ArrayLike, Indices

    # (entries, h) -> differences, and the layer of a kink that lies between or -1; None where nobody knows of kinks.
    Measure = Callable[[Indices, float], tuple[Array, Array | None]]

_SMALLER = (0.1, 0.01, 0.001)  # of h, where a kink lies in the way
_TELLING = 1e4  # times what rounding makes of a difference: a derivative so large shows a mistake of 1 %
_RIGHT, _PROBABLE, _DOUBTFUL = 1e-6, 1e-4, 1e-2
_MOST_MULTIPLICATIONS = 1e12
_MOST_EVALUATIONS = 100_000  # from Python
_FEW = 500


def _verdict(error: float) -> str:
    """After CS231n's notes: above 1e-2 probably wrong, 1e-4 to 1e-2 suspicious, 1e-7 and less right."""
    if error <= _RIGHT:
        return "right"
    if error <= _PROBABLE:
        return "probably right"
    return "doubtful" if error <= _DOUBTFUL else "wrong"


@dataclass
class ParameterCheck:
    """What the check says of one array.

    Attributes
    ----------
    name : str
    shape : tuple
    checked : int
        Entries that were compared.
    error : float
        The largest relative error, where it is at `index`; `analytic` and `numeric` are the two derivatives there.
    crossed : int
        Entries whose first step crossed a kink, and which were measured with a smaller one.
    at_kink : int
        Entries that stand at a kink, or too near to one: there is no derivative to compare, they do not count.
    too_small : int
        Entries whose derivative is so small beside the loss that rounding would hide a mistake of 1 %.
    kinks : list of str
        The layers that have these kinks, where they are known.
    problem : str
        What is wrong with the gradient as a whole: its shape, say.
    """

    name: str
    shape: tuple[int, ...]
    checked: int
    error: float = 0.0
    index: tuple[int, ...] = ()
    analytic: float = 0.0
    numeric: float = 0.0
    crossed: int = 0
    at_kink: int = 0
    too_small: int = 0
    kinks: list[str] = field(default_factory=list)
    problem: str = ""

    @property
    def compared(self) -> int:
        """Entries that say something."""
        return self.checked - self.at_kink - self.too_small

    @property
    def verdict(self) -> str:
        return _verdict(self.error) if self.compared or self.error > _PROBABLE else "not compared"


@dataclass
class GradientCheck:
    """A table of relative errors with a verdict: see :func:`nnfast.check_gradients`.

    Attributes
    ----------
    parameters : dict
        Name -> :class:`ParameterCheck`.
    h : float
    note : str
        What else there is to say.
    """

    parameters: dict[str, ParameterCheck]
    h: float
    note: str = ""

    @property
    def error(self) -> float:
        """The largest relative error of all."""
        return max((p.error for p in self.parameters.values()), default=0.0)

    @property
    def ok(self) -> bool:
        """Whether something was compared, and no relative error is larger than 1e-4."""
        return self.error <= _PROBABLE and any(p.compared for p in self.parameters.values())

    def __bool__(self) -> bool:
        return self.ok

    @property
    def verdict(self) -> str:
        """In words."""
        worst = max(self.parameters.values(), key=lambda p: p.error, default=None)
        if worst is None:
            return "there is nothing to check"
        if worst.problem:
            return f"the gradient of {worst.name} is wrong: {worst.problem}"
        if worst.error <= _PROBABLE and not self.ok:
            return "nothing could be compared"
        if worst.error <= _PROBABLE:
            return (
                f"the gradients are {_verdict(worst.error)}: the largest relative error is {worst.error:.1e}"
            )
        return (
            f"the gradient of {worst.name} is {_verdict(worst.error)}: at {list(worst.index)} backpropagation gives "
            f"{worst.analytic:.6g}, the difference {worst.numeric:.6g}"
        )

    def __str__(self) -> str:
        rows = [("", "shape", "checked", "relative error", "at", "analytic", "numeric", "")]
        for p in self.parameters.values():
            place = ", ".join(map(str, p.index))
            numbers = f"{p.error:.1e}", f"[{place}]", f"{p.analytic:.6g}", f"{p.numeric:.6g}"
            rows.append((p.name, str(p.shape), f"{p.checked:,}", *numbers, p.verdict))
        sizes = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(f"{text:>{size}}" for text, size in zip(row, sizes, strict=True)) for row in rows]
        lines.insert(0, f"Gradient check in float64, h = {self.h:g}")
        for p in self.parameters.values():
            of = f" of {', '.join(p.kinks)}" if p.kinks else ""
            if p.crossed:
                lines.append(
                    f"{p.name}: {p.crossed:,} steps crossed a kink{of}; smaller steps were taken there"
                )
            if p.at_kink:
                lines.append(
                    f"{p.name}: {p.at_kink:,} entries stand at a kink{of}; there is no derivative to compare"
                )
            if p.too_small:
                lines.append(
                    f"{p.name}: {p.too_small:,} derivatives are too small beside the loss to be compared"
                )
        return "\n".join([*lines, *([self.note] if self.note else []), self.verdict])


def _relative(analytic: Array, numeric: Array, loss: float, h: float) -> Array:
    """|a - n| / max(|a| + |n|, floor); NaN counts as infinite.

    The floor is CS231n's 1e-8, or a million times what rounding of the losses makes of their difference quotient:
    rounding alone is no more than 1e-6 then.
    """
    floor = max(1e-8, 1e6 * _noise(loss, h))
    errors: Array = np.abs(analytic - numeric) / np.maximum(np.abs(analytic) + np.abs(numeric), floor)
    return np.where(np.isnan(errors), np.inf, errors)


def _noise(loss: float, h: float) -> float:
    return float(np.finfo(np.float64).eps) * (abs(loss) + 1) / h


def _compare(
    name: str,
    shape: tuple[int, ...],
    gradient: Array | None,
    entries: Indices,
    measure: Measure,
    one_sided: Callable[[Indices, float], tuple[Array, Array]] | None,
    loss: float,
    h: float,
    labels: list[str],
) -> ParameterCheck:
    """One array of this shape: `entries` are indices into it, flattened.

    Smaller steps are taken where a kink lies in the way, and where what does not fit might be a kink that nobody knows
    of, or a step too long for the bend.
    """
    result = ParameterCheck(name, shape, len(entries))
    if gradient is None:
        result.error, result.problem = np.inf, f"backward left no d{name}"
        return result
    if np.shape(gradient) != shape:
        result.error = np.inf
        result.problem = f"d{name} has shape {np.shape(gradient)}, {name} has {shape}"
        return result
    analytic = np.asarray(gradient, np.float64).ravel()[entries]
    numeric, kink = measure(entries, h)
    errors = _relative(analytic, numeric, loss, h)
    first = np.abs(analytic - numeric)
    if len(entries) and not numeric.any() and analytic.any() and errors.max() > _PROBABLE:
        result.problem = "changing it changes nothing, so it is not the array that forward reads"
    crosses = np.zeros(len(entries), bool) if kink is None else kink >= 0
    places = set() if kink is None else set(kink[crosses].tolist())
    open_ = np.flatnonzero(crosses | (errors > _RIGHT))
    for factor in _SMALLER:
        noise = _noise(loss, factor * h)
        # A step that is so small that rounding would hide what is wrong says nothing.
        open_ = open_[crosses[open_] | (first[open_] > 100 * noise)]
        if not len(open_):
            break
        smaller, still = measure(entries[open_], factor * h)
        closer = _relative(analytic[open_], smaller, loss, factor * h)
        solved = closer <= _RIGHT
        if still is not None:
            telling = np.abs(analytic[open_]) + np.abs(smaller) > _TELLING * noise
            telling |= (analytic[open_] == 0) & (np.abs(smaller) <= noise)
            solved = (still < 0) & np.where(crosses[open_], telling, solved)
        done = open_[solved]
        numeric[done], errors[done] = smaller[solved], closer[solved]
        # Where kinks are not known, what was far off may have crossed one; the rest was a bend.
        crossed = crosses[done] if kink is not None else first[done] > 1e-3 * np.abs(analytic[done])
        result.crossed += int(np.count_nonzero(crossed))
        open_ = open_[~solved]
    if one_sided is None:
        open_ = open_[crosses[open_]]
    else:
        open_ = np.flatnonzero(errors > _RIGHT)
        sides = one_sided(entries[open_], h * _SMALLER[-1])
        open_ = open_[_at_jump(analytic[open_], sides, loss, h)]
    too_small = np.abs(analytic) + np.abs(numeric) <= _TELLING / 100 * _noise(loss, h)
    too_small &= (errors <= _PROBABLE) & (np.abs(analytic) + np.abs(numeric) > 0)
    too_small[open_] = False
    result.too_small = int(np.count_nonzero(too_small))
    errors[open_] = -1.0
    result.at_kink = len(open_)
    result.kinks = [labels[i] for i in sorted(places)]
    if len(errors):
        worst = int(np.argmax(errors))
        result.error = max(0.0, float(errors[worst]))
        result.index = tuple(int(i) for i in np.unravel_index(entries[worst], shape))
        result.analytic, result.numeric = float(analytic[worst]), float(numeric[worst])
    return result


def _at_jump(analytic: Array, sides: tuple[Array, Array], loss: float, h: float) -> Array:
    """Where the derivatives from the two sides differ, and the given one lies between them."""
    left, right = sides
    noise = 16 * _noise(loss, h * _SMALLER[-1])
    low, high = np.minimum(left, right) - noise, np.maximum(left, right) + noise
    jumps: Array = np.abs(left - right) > noise + 1e-3 * (np.abs(left) + np.abs(right))
    return jumps & (low <= analytic) & (analytic <= high)


def _chosen(size: int, samples: int | None, rng: np.random.Generator) -> Indices:
    if samples is None or samples >= size:
        return np.arange(size)
    return np.sort(rng.choice(size, samples, replace=False))


def _parameters_of(layer: Any) -> dict[str, Any]:
    """Of a layer written in Python, by its own keys."""
    if isinstance(getattr(layer, "params", None), dict):
        return dict(layer.params)
    return {key: getattr(layer, key) for key in ("W", "b", "gamma", "beta") if hasattr(layer, key)}


def _twin_layer(layer: Any) -> Any:
    """A copy that computes in float64."""
    if is_native(layer):
        twin = copy.copy(layer)
        for key in (*layer._param_names, *layer._state_names):
            if getattr(twin, key) is not None:
                setattr(twin, key, np.array(getattr(twin, key), np.float64))
        return twin
    # Under whatever names the layer holds an array, it holds the wide one afterwards.
    memo: dict[int, Any] = {}
    for value in _parameters_of(layer).values():
        if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
            memo[id(value)] = np.array(value, np.float64)
    return copy.deepcopy(layer, memo)


def twin_network(network: Network) -> Network:
    """A network of the same class that computes in float64, on copies."""
    network._parts.sync()
    written = network._parts.python
    layers = [
        _twin_layer(layer if i in written else network._parts.own_copy(i))
        for i, layer in enumerate(network.layers)
    ]
    twin = type(network).__new__(type(network))
    loss = (
        network.loss_function
        if is_native_loss(network.loss_function)
        else copy.deepcopy(network.loss_function)
    )
    Computation.__init__(  # without the advice
        twin, layers, loss, np.float64, network.l1, network.l2, network.seed, "rows"
    )
    for name, value in vars(network).items():  # what a class of the user's own has beside
        vars(twin).setdefault(name, value)
    twin.training_steps = network.training_steps
    twin.x_scale = network.x_scale
    return twin


def check_network(
    network: Network, x: ArrayLike, t: ArrayLike, h: float, samples: int | None, seed: int
) -> GradientCheck:
    """See :func:`nnfast.check_gradients`."""
    where = "check_gradients"
    inputs, targets = network._batch(where, x, t)
    twin = twin_network(network)
    inputs = network._floats(inputs)
    inputs = inputs if twin._parts.python.get(0) is not None else np.asarray(inputs, np.float64)
    found = twin.gradient(inputs, targets)
    grads = {name: np.array(found[name]) for name in twin.params}
    twin.training_steps = network.training_steps
    loss = twin.loss(inputs, targets, training=True)
    labels = [visit.label for visit in visits(twin)]
    total = sum(grad.size for grad in grads.values())
    native = twin._whole is not None
    if samples is None:
        per_entry = 2 * len(inputs) * sum(twin.params[name].size for name in twin._parts.weights())
        too_many = total * per_entry > _MOST_MULTIPLICATIONS if native else total > _MOST_EVALUATIONS
        samples = _FEW if too_many else None
    rng = np.random.default_rng(seed)
    result = {}
    for name, grad in grads.items():
        entries = _chosen(np.size(twin.params[name]), samples, rng)
        if native:
            measure, one_sided = _core_measure(twin, name, inputs, targets), None
        else:
            value = twin.params[name]
            f = _loss_of(twin, inputs, targets)
            measure, one_sided = _measure_of(f, value), _one_sided_of(f, value)
        result[name] = _compare(
            name,
            np.shape(twin.params[name]),
            grad,
            entries,
            measure,
            one_sided,
            loss,
            h,
            [*labels, type(network.loss_function).__name__, "the penalty |W|"],
        )
    return GradientCheck(result, h)


def _core_measure(twin: Network, name: str, x: Array, t: Array) -> Measure:
    """Differences of the core, which knows its kinks; the penalty is added."""
    offset = twin._layout.offset(name)
    penalized = name in twin._parts.weights()
    places = twin._whole.places

    def measure(entries: Indices, h: float) -> tuple[Array, Array]:
        numeric, kink = _core.loss_differences(
            x.shape[-1],
            twin._whole.nodes,
            twin._flat_params,
            twin._flat_state,
            x,
            t,
            twin.loss_function._spec,
            offset + entries,
            h,
            seed=twin.seed,
            step=twin.training_steps,
            class_weight=twin._class_weight("check_gradients", None, t),
        )
        if penalized and (twin.l1 or twin.l2):
            w = twin.params[name].ravel()[entries]
            numeric += twin.l1 * (np.abs(w + h) - np.abs(w - h)) / (2 * h) + twin.l2 * w
            kink = np.where((kink < 0) & (twin.l1 > 0) & (np.abs(w) <= h), len(places) + 1, kink)
        known = np.array([*places, len(twin.layers), len(twin.layers) + 1, -1])
        return numeric, known[kink]

    return measure


def _loss_of(twin: Network, x: Array, t: Array) -> Callable[[], float]:
    return lambda: twin.loss(x, t, training=True)


def _measure_of(f: Callable[[], float], value: Array) -> Measure:
    """Differences of any f that reads `value` from where it stands."""

    def measure(entries: Indices, h: float) -> tuple[Array, None]:
        above, below = _around(f, value, entries, h)
        return (above - below) / (2 * h), None

    return measure


def _one_sided_of(f: Callable[[], float], value: Array) -> Callable[[Indices, float], tuple[Array, Array]]:
    def one_sided(entries: Indices, h: float) -> tuple[Array, Array]:
        above, below = _around(f, value, entries, h)
        here = f()
        return (here - below) / h, (above - here) / h

    return one_sided


def _around(f: Callable[[], float], value: Array, entries: Indices, h: float) -> tuple[Array, Array]:
    above, below = np.empty(len(entries)), np.empty(len(entries))
    for i, entry in enumerate(entries):
        index = np.unravel_index(int(entry), value.shape)
        before = value[index]
        try:
            value[index] = before + h
            above[i] = f()
            value[index] = before - h
            below[i] = f()
        finally:
            value[index] = before
    return above, below


def check_layer(
    layer: Any, x: ArrayLike, dy: ArrayLike | None, h: float, samples: int | None, seed: int
) -> GradientCheck:
    """See :func:`nnfast.check_gradients`."""
    where = "check_gradients"
    rng = np.random.default_rng(seed)
    twin = _twin_layer(layer)
    inputs = np.array(real_array(where, "x", x), np.float64)

    kind, run = type(layer).__name__, same_forward(twin)

    def forward() -> Array:
        return np.array(given(f"{kind}.forward", run(inputs.copy())), np.float64)

    y = forward()
    upstream = (
        rng.standard_normal(y.shape) if dy is None else np.array(real_array(where, "t", dy), np.float64)
    )
    if upstream.shape != y.shape:
        raise ValueError(
            f"{where}: t has shape {upstream.shape}; expected dy of the output's shape {y.shape}"
        )
    dx = np.array(given(f"{kind}.backward", twin.backward(upstream.copy())), np.float64)
    if dx.shape != inputs.shape:
        raise ValueError(
            f"{where}: backward gives dx of shape {dx.shape}; expected that of x, {inputs.shape}"
        )
    arrays: dict[str, tuple[Array, Any]] = {"x": (inputs, dx)}
    values = (
        {key: getattr(twin, key) for key in twin._param_names} if is_native(twin) else _parameters_of(twin)
    )
    from_dict = not is_native(twin) and isinstance(getattr(twin, "params", None), dict)
    grads = getattr(twin, "grads", None) if from_dict else None
    for key, value in values.items():
        if isinstance(value, np.ndarray):
            grad = grads.get(key) if isinstance(grads, dict) else getattr(twin, "d" + key, None)
            arrays[key] = value, grad

    def f() -> float:
        return float((forward() * upstream).sum())

    loss = float((np.abs(y) * np.abs(upstream)).sum())
    result = {}
    for name, (value, grad) in arrays.items():
        entries = _chosen(
            value.size, _FEW if samples is None and value.size > _MOST_EVALUATIONS else samples, rng
        )
        result[name] = _compare(
            name, value.shape, grad, entries, _measure_of(f, value), _one_sided_of(f, value), loss, h, []
        )
    others = unseen_parameters(layer)
    note = (
        f"{kind} has {', '.join(others)}, which are not seen as parameters; expected dicts params and grads, or "
        "attributes W, b and dW, db"
    )
    return GradientCheck(result, h, note if others else "")


def same_forward(layer: Any) -> Callable[[Any], Any]:
    """forward, of a dropout with the same mask every time."""
    step = getattr(layer, "_step", 0)

    def forward(x: Any) -> Any:
        if isinstance(layer, Dropout):
            layer._step = step
        return layer.forward(x)

    return forward


__all__ = [
    "GradientCheck",
    "ParameterCheck",
    "check_layer",
    "check_network",
    "same_forward",
    "twin_network",
]
