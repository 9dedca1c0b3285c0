"""Gradients to trust, and to question: finite differences, Jacobians, and the check of a network's own gradients.

The functions that take an `f` are those of the courses: ``numerical_gradient(f, x)`` changes x in place, one element
after the other, so `f` may also read x from where it stands (a weight of a network, say) and ignore its argument.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arrays import integer, real, real_array
from ._gradient_check import GradientCheck, check_layer, check_network, same_forward, twin_network
from ._tracing import Trace
from ._warn import warn
from .errors import IntegerGradientWarning
from .network import Network

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._typing import Array, ArrayLike

__all__ = [
    "GradientCheck",
    "check_gradients",
    "directional_derivative",
    "gradient_descent",
    "jacobian",
    "numerical_diff",
    "numerical_gradient",
]


def _scalar(where: str, value: Any) -> float:
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        raise ValueError(
            f"{where}: f gives {array.dtype} of shape {array.shape}; expected one real number, see nnfast.jacobian"
        )
    return float(array.reshape(()))


def numerical_diff(f: Callable[[Any], Any], x: Any, h: float = 1e-4) -> Any:
    """(f(x + h) - f(x - h)) / 2h, the central difference: its error shrinks with h^2.

    Examples
    --------
    >>> round(numerical_diff(lambda x: 0.01 * x**2 + 0.1 * x, 5), 9)
    0.2
    """
    h = real("numerical_diff", "h", h, 0, above=True)
    return (f(x + h) - f(x - h)) / (2 * h)


def numerical_gradient(f: Callable[[Any], Any], x: ArrayLike, h: float = 1e-4) -> Array:
    """Partial derivatives of f at x by central differences: an array of x's shape.

    Parameters
    ----------
    f : callable
        f(x) -> one number.
    x : array of any shape
        An array of floats is changed in place, element by element, and every value is put back, also where f raises.
    h : float
        Half the distance of the two points. 1e-4 is the courses'; float32 arrays want about 1e-2.

    Returns
    -------
    array of x's shape and dtype
        float64 where x holds integers: a copy is used then, and a warning says so.

    Raises
    ------
    ValueError
        f gives more than one number, or x is read-only.

    Warns
    -----
    IntegerGradientWarning
        x holds integers, or floats of so few digits that ``x + h`` is x.

    Examples
    --------
    >>> numerical_gradient(lambda x: (x**2).sum(), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    where = "numerical_gradient"
    h = real(where, "h", h, 0, above=True)
    array = real_array(where, "x", x)
    if array.dtype.kind != "f":
        warn(
            IntegerGradientWarning,
            f"{where}: x has dtype {array.dtype}, in which x + h is x; a float64 copy is used. Make it floats: "
            "x.astype(float)",
        )
        array = array.astype(np.float64)
    if not array.flags.writeable:
        raise ValueError(f"{where}: x is read-only, but is changed in place; expected x.copy()")
    lost = array + array.dtype.type(h) == array
    if array.itemsize < 8 and lost.any():
        first = tuple(int(i) for i in np.argwhere(lost)[0])
        warn(
            IntegerGradientWarning,
            f"{where}: x[{', '.join(map(str, first))}] is {array[first]} of dtype {array.dtype}, in which x + h is x "
            f"for h = {h:g}; expected a larger h, or float64",
        )
    gradient: Array = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        gradient[index] = _central(where, f, array, index, h)
    return gradient


def _central(where: str, f: Callable[[Any], Any], x: Array, index: tuple[int, ...], h: float) -> float:
    """One partial derivative; x is as before afterwards."""
    before = x[index]
    try:
        x[index] = before + h
        above = _scalar(where, f(x))
        x[index] = before - h
        below = _scalar(where, f(x))
    finally:
        x[index] = before
    return (above - below) / (2 * h)


def directional_derivative(f: Callable[[Any], Any], x: ArrayLike, v: ArrayLike, h: float = 1e-4) -> float:
    """How fast f grows at x in the direction v: the dot product of the gradient and v, by one central difference.

    Of all v of length 1 it is largest for the gradient's own direction, which is why a gradient points uphill.

    Examples
    --------
    >>> round(directional_derivative(lambda x: x[0] ** 2 + x[1] ** 2, [3.0, 4.0], [0.6, 0.8]), 6)
    10.0
    """
    where = "directional_derivative"
    h = real(where, "h", h, 0, above=True)
    point = np.asarray(real_array(where, "x", x), np.float64)
    direction = np.asarray(real_array(where, "v", v), np.float64)
    if direction.shape != point.shape:
        raise ValueError(f"{where}: v has shape {direction.shape} but x has shape {point.shape}")
    above, below = (_scalar(where, f(point + s * h * direction)) for s in (1, -1))
    return (above - below) / (2 * h)


def gradient_descent(
    f: Callable[[Any], Any], init_x: ArrayLike, lr: float = 0.01, step_num: int = 100
) -> tuple[Array, Array]:
    """Walk downhill: ``x -= lr * numerical_gradient(f, x)``, step after step.

    Returns
    -------
    x : array
        Where the walk ends; init_x is left as it was.
    history : array (step_num, *x.shape)
        x before each step.

    Examples
    --------
    >>> x, history = gradient_descent(lambda x: (x**2).sum(), [-3.0, 4.0], lr=0.1, step_num=100)
    >>> bool(np.abs(x).max() < 1e-8), history.shape
    (True, (100, 2))
    """
    where = "gradient_descent"
    lr = real(where, "lr", lr)
    count = integer(where, "step_num", step_num, 0)
    x = np.array(real_array(where, "init_x", init_x), np.float64)
    history = np.empty((count, *x.shape))
    for step in range(count):
        history[step] = x
        x -= lr * numerical_gradient(f, x)
    return x, history


def jacobian(f: Any, x: ArrayLike, *, numeric: bool | None = None, h: float = 1e-4) -> Array:
    """Every component of y differentiated by every component of x: J[i, j] = dy_i / dx_j.

    With it the chain rule for vectors is a product: ``dx = dy @ J`` is what a layer's ``backward(dy)`` gives, without
    ever making J. Its rows and columns have the shapes of y and x, flattened only where these are vectors already.

    Parameters
    ----------
    f : callable or layer
        f(x) -> array, or an object with forward and backward: layers of nnfast are used as copies, a Network as its
        last layer's output by its input.
    x : array
    numeric : bool, optional
        Whether by central differences, in float64, or by the layer's own backward, one row of J for each component of
        y. None: by backward where there is one.
    h : float
        Of the differences.

    Returns
    -------
    array (*y.shape, *x.shape)

    Examples
    --------
    >>> import nnfast as nn
    >>> W = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    >>> layer = nn.Affine(W)
    >>> J = jacobian(layer, [1.0, 1.0, 1.0])
    >>> J.shape, bool((J == W.T).all())
    ((2, 3), True)
    >>> dy = np.array([1.0, -1.0])
    >>> _ = layer.forward([1.0, 1.0, 1.0])
    >>> bool((dy @ J == layer.backward(dy)).all())
    True
    """
    where = "jacobian"
    array = np.array(real_array(where, "x", x))
    forward, backward = _passes(f, numeric is True)
    if numeric is False and backward is None:
        raise TypeError(f"{where}: numeric is False, but {f!r} has no backward; expected a layer")
    if not isinstance(f, Network) or array.dtype != np.uint8:
        array = array if array.dtype.kind == "f" else array.astype(np.float64)
    if backward is not None and not numeric:
        y = np.asarray(forward(array))
        result: Array = np.empty((y.size, *array.shape), y.dtype)
        for i, place in enumerate(np.ndindex(y.shape)):
            dy = np.zeros(y.shape, y.dtype)  # a new one: a layer may work in it
            dy[place] = 1
            result[i] = np.asarray(backward(dy)).reshape(array.shape)
        return result.reshape(*y.shape, *array.shape)
    h = real(where, "h", h, 0, above=True)
    if isinstance(f, Network):
        array = f._floats(array)
    array = array.astype(np.float64)
    columns = []
    shape = np.shape(forward(array))
    for index in np.ndindex(array.shape):
        before = array[index]
        try:
            array[index] = before + h
            above = np.array(forward(array), np.float64)
            array[index] = before - h
            below = np.array(forward(array), np.float64)
        finally:
            array[index] = before
        columns.append((above - below) / (2 * h))
    stacked = np.stack(columns, axis=-1) if columns else np.zeros((*shape, 0))
    return np.reshape(stacked, (*shape, *array.shape))


def _passes(f: Any, wide: bool) -> tuple[Callable[[Any], Any], Callable[[Any], Any] | None]:
    """forward and, where there is one, backward, of copies; `wide`: that compute in float64."""
    if isinstance(f, Network):
        network = twin_network(f) if wide else f
        traces: list[Any] = []

        def forward(x: Any) -> Any:
            rows = f._input("jacobian", x, single=True)
            single = f._in is not None and rows.ndim == 1
            rows = f._floats(rows)
            traces[:] = [Trace(network, rows[None] if single else rows, training=False)]
            y = traces[0].y
            return y[0] if single else f._shown(y)

        def backward(dy: Any) -> Any:
            rows = dy[None] if dy.ndim == 1 else f._shown(dy)
            dx = traces[0].backward(np.ascontiguousarray(rows))
            return dx if dy.ndim == 1 else f._shown(dx)

        return forward, backward
    if callable(getattr(f, "forward", None)) and not isinstance(f, type):
        layer = copy.deepcopy(f)
        return same_forward(layer), getattr(layer, "backward", None)
    if not callable(f) or isinstance(f, type):
        raise TypeError(f"jacobian: f is {f!r}; expected a function or a layer")
    return f, None


def check_gradients(
    network_or_layer: Any,
    x: ArrayLike,
    t: ArrayLike | None = None,
    *,
    h: float = 1e-5,
    samples: int | None = None,
    seed: int = 0,
) -> GradientCheck:
    """Compare every derivative that backpropagation gives with a central difference.

    Both are computed in float64, on a copy: nothing changes. The differences of a Network are taken in the core, which
    computes again only what depends on the changed parameter. Where a step of h crosses a kink of an activation or of
    the loss (a unit of ReLU switches), the difference says nothing about the derivative: it is taken with smaller
    steps, and the report says so instead of reporting an error.

    Parameters
    ----------
    network_or_layer : Network, layer, or any object with forward and backward
        Of a network all parameters are checked; of a layer its parameters and dx.
    x : array
    t : array, optional
        Of a network the targets. Of a layer the dy that its backward gets; random numbers unless given.
    h : float
        Half the distance of the two points.
    samples : int, optional
        How many entries of each parameter are checked, drawn by `seed`. None: all, unless that takes more than about
        10^12 multiplications; then 500.
    seed : int

    Returns
    -------
    GradientCheck
        Prints as a table; ``ok`` says whether all is well. The relative errors ``|a - n| / max(|a| + |n|, floor)`` are
        on the scale of CS231n's notes: 1e-7 and less is right, above 1e-2 something is wrong. The floor keeps rounding
        from looking like an error: 1e-8, or 1e6 eps (|loss| + 1) / h where that is more.

    Examples
    --------
    >>> import nnfast as nn
    >>> net = nn.mlp([4, 5, 3], seed=0)
    >>> x, t = np.random.default_rng(0).standard_normal((6, 4)), np.array([0, 1, 2, 0, 1, 2])
    >>> check_gradients(net, x, t).ok
    True
    >>> class Wrong(nn.Relu):
    ...     def backward(self, dy):
    ...         return dy
    >>> bool(check_gradients(Wrong(), [[-1.0, 2.0]]))
    False
    """
    where = "check_gradients"
    h = real(where, "h", h, 0, above=True)
    count = None if samples is None else integer(where, "samples", samples)
    integer(where, "seed", seed, 0)
    if isinstance(network_or_layer, Network):
        if t is None:
            raise TypeError(f"{where}: t is missing; expected the targets of a network")
        return check_network(network_or_layer, x, t, h, count, seed)
    for name in ("forward", "backward"):
        if not callable(getattr(network_or_layer, name, None)) or isinstance(network_or_layer, type):
            raise TypeError(f"{where}: {network_or_layer!r} has no {name}; expected a Network or a layer")
    return check_layer(network_or_layer, x, t, h, count, seed)
