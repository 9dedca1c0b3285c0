"""The operations of computational graphs, each with its local gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ._node import Node, Op, as_node, plain, sum_to, times_local
from ._node import apply as _apply

if TYPE_CHECKING:
    from .._typing import Array, ArrayLike
    from ._node import Value

__all__ = [
    "add",
    "cos",
    "div",
    "exp",
    "log",
    "matmul",
    "max",
    "maximum",
    "mean",
    "mul",
    "neg",
    "pow",
    "relu",
    "sigmoid",
    "sin",
    "softmax_with_loss",
    "sqrt",
    "squared_norm",
    "sub",
    "sum",
    "tanh",
]


def _one(z: Any, *inputs: Any) -> float:
    return 1.0


def _minus_one(z: Any, *inputs: Any) -> float:
    return -1.0


def _power_by_base(z: Any, x: Any, y: Any) -> Any:
    return np.where(np.equal(y, 0), 0.0, y * np.power(x, np.subtract(y, 1)))


def _power_by_exponent(z: Any, x: Any, y: Any) -> Any:
    return np.where(np.equal(x, 0) & np.greater_equal(y, 0), 0.0, z * np.log(x))


_ADD = Op("add", "+", "{} + {}", np.add, (_one, _one))
_SUB = Op("sub", "−", "{} − {}", np.subtract, (_one, _minus_one))
_MUL = Op("mul", "×", "{} × {}", np.multiply, (lambda z, x, y: y, lambda z, x, y: x))
_DIV = Op(
    "div",
    "÷",
    "{} / {}",
    np.divide,
    (lambda z, x, y: np.divide(1.0, y), lambda z, x, y: -np.divide(x, np.multiply(y, y))),
)
_POW = Op("pow", "^", "{} ^ {}", np.power, (_power_by_base, _power_by_exponent))
_MAX = Op(
    "max",
    "max",
    "max({}, {})",
    np.maximum,
    (lambda z, x, y: 1.0 * np.greater_equal(x, y), lambda z, x, y: 1.0 * np.less(x, y)),
)
_NEG = Op("neg", "×−1", "−{}", np.negative, (_minus_one,))
_EXP = Op("exp", "exp", "exp({})", np.exp, (lambda z, x: z,))
_LOG = Op("log", "log", "log({})", np.log, (lambda z, x: np.divide(1.0, x),))
_SQRT = Op("sqrt", "√", "√{}", np.sqrt, (lambda z, x: np.divide(0.5, z),))
_SIN = Op("sin", "sin", "sin({})", np.sin, (lambda z, x: np.cos(x),))
_COS = Op("cos", "cos", "cos({})", np.cos, (lambda z, x: -np.sin(x),))
_TANH = Op("tanh", "tanh", "tanh({})", np.tanh, (lambda z, x: 1.0 - z * z,))
_SIGMOID = Op(
    "sigmoid", "σ", "sigmoid({})", lambda x: 1.0 / (1.0 + np.exp(-x)), (lambda z, x: z * (1.0 - z),)
)
_RELU = Op("relu", "ReLU", "relu({})", lambda x: np.maximum(x, 0), (lambda z, x: 1.0 * np.greater(x, 0),))
_SQUARED_NORM = Op("squared_norm", "L2", "‖{}‖²", lambda x: np.sum(np.square(x)), (lambda z, x: 2.0 * x,))


def add(x: Any, y: Any) -> Node:
    """x + y. The gradient goes to both inputs unchanged.

    Examples
    --------
    >>> from nnfast import graph
    >>> add(graph.variable(2.0), 3).local
    (1.0, None)
    """
    return _apply(_ADD, x, y)


def sub(x: Any, y: Any) -> Node:
    """x - y.

    Examples
    --------
    >>> from nnfast import graph
    >>> sub(graph.variable(2.0), graph.variable(3.0)).local
    (1.0, -1.0)
    """
    return _apply(_SUB, x, y)


def mul(x: Any, y: Any) -> Node:
    """x y, element by element. Each input gets the upstream gradient times the other's value.

    Examples
    --------
    >>> from nnfast import graph
    >>> mul(graph.variable(2.0), graph.variable(3.0)).local
    (3.0, 2.0)
    """
    return _apply(_MUL, x, y)


def div(x: Any, y: Any) -> Node:
    """x / y. The local gradients are 1/y and -x/y^2, which for x = 1 is minus the square of the output.

    Examples
    --------
    >>> from nnfast import graph
    >>> div(graph.variable(6.0), graph.variable(2.0)).local
    (0.5, -1.5)
    """
    return _apply(_DIV, x, y)


def pow(x: Any, y: Any) -> Node:
    """x to the power of y. The local gradients are y x^(y-1) and x^y log(x).

    Examples
    --------
    >>> from nnfast import graph
    >>> pow(graph.variable(3.0), 2).local
    (6.0, None)
    """
    return _apply(_POW, x, y)


def max(x: Any, y: Any) -> Node:
    """The larger of x and y, element by element. The gradient goes to that one, the other gets 0.

    Where they are equal it goes to x, so that ``max(0, x)`` is the ReLU of the courses, with derivative 0 at 0.
    (PyTorch gives each a half.)

    Examples
    --------
    >>> from nnfast import graph
    >>> z, w = graph.variable(2.0, "z"), graph.variable(-1.0, "w")
    >>> graph.max(z, w).local
    (1.0, 0.0)
    """
    return _apply(_MAX, x, y)


maximum = max


def neg(x: Any) -> Node:
    """-x.

    Examples
    --------
    >>> from nnfast import graph
    >>> neg(graph.variable(3.0)).local
    (-1.0,)
    """
    return _apply(_NEG, x)


def exp(x: Any) -> Node:
    """e to the power of x. The local gradient is the output.

    Examples
    --------
    >>> from nnfast import graph
    >>> exp(graph.variable(0.0)).local
    (1.0,)
    """
    return _apply(_EXP, x)


def log(x: Any) -> Node:
    """The natural logarithm; the local gradient is 1/x.

    At 0 the value is -inf and below it nan, as in NumPy; a :class:`nnfast.errors.NotFiniteWarning` says where that came
    from.

    Examples
    --------
    >>> from nnfast import graph
    >>> log(graph.variable(4.0)).local
    (0.25,)
    """
    return _apply(_LOG, x)


def sqrt(x: Any) -> Node:
    """The square root; the local gradient is 1/(2 y) of the output y.

    Below 0 the value is nan, and at 0 the gradient is infinite, both with a warning.

    Examples
    --------
    >>> from nnfast import graph
    >>> sqrt(graph.variable(4.0)).local
    (0.25,)
    """
    return _apply(_SQRT, x)


def sin(x: Any) -> Node:
    """The sine; the local gradient is cos(x).

    Examples
    --------
    >>> from nnfast import graph
    >>> sin(graph.variable(0.0)).local
    (1.0,)
    """
    return _apply(_SIN, x)


def cos(x: Any) -> Node:
    """The cosine; the local gradient is -sin(x).

    Examples
    --------
    >>> from nnfast import graph
    >>> cos(graph.variable(0.0)).value
    1.0
    """
    return _apply(_COS, x)


def tanh(x: Any) -> Node:
    """The hyperbolic tangent; the local gradient is 1 - y^2 of the output y.

    Examples
    --------
    >>> from nnfast import graph
    >>> tanh(graph.variable(0.0)).local
    (1.0,)
    """
    return _apply(_TANH, x)


def sigmoid(x: Any) -> Node:
    """1 / (1 + exp(-x)) as one gate; the local gradient is y (1 - y) of the output y.

    Examples
    --------
    >>> from nnfast import graph
    >>> x = graph.variable(1.0)
    >>> gate, steps = sigmoid(x), 1 / (1 + graph.exp(-x))
    >>> gate.value == steps.value
    True
    """
    return _apply(_SIGMOID, x)


def relu(x: Any) -> Node:
    """max(0, x); the local gradient is 1 where x > 0, else 0.

    Examples
    --------
    >>> from nnfast import graph
    >>> relu(graph.variable([-1.0, 0.0, 2.0])).local
    (array([0., 0., 1.]),)
    """
    return _apply(_RELU, x)


def squared_norm(x: Any) -> Node:
    """The sum of the squares of all elements, one number; its gradient is 2 x.

    Examples
    --------
    The example of CS231n, lecture 4:

    >>> from nnfast import graph
    >>> W = graph.variable([[0.1, 0.5], [-0.3, 0.8]], "W")
    >>> x = graph.variable([0.2, 0.4], "x")
    >>> f = squared_norm(W @ x)
    >>> f.backward()
    >>> round(f.value, 6), W.grad.round(6), x.grad.round(6)
    (0.116, array([[0.088, 0.176],
           [0.104, 0.208]]), array([-0.112,  0.636]))
    """
    return _apply(_SQUARED_NORM, x)


def _swap(x: Any) -> Any:
    """The transposed matrix; a vector as it is."""
    return x if x.ndim < 2 else np.swapaxes(x, -1, -2)


def _send_matmul(k: int, upstream: Value, local: Array, values: tuple[Value, ...]) -> Value:
    x, y = (np.asarray(v) for v in values)
    out = np.asarray(upstream)
    # A vector on the left is a row, one on the right a column; the output has no axis for either.
    out = np.expand_dims(out, -1) if y.ndim == 1 else out
    out = np.expand_dims(out, -2) if x.ndim == 1 else out
    if k == 0:
        row = np.expand_dims(x, 0) if x.ndim == 1 else x
        transposed = np.expand_dims(local, 0) if y.ndim == 1 else local
        return plain(np.reshape(sum_to(out @ transposed, row), x.shape))
    column = np.expand_dims(y, -1) if y.ndim == 1 else y
    transposed = np.expand_dims(local, -1) if x.ndim == 1 else local
    return plain(np.reshape(sum_to(transposed @ out, column), y.shape))


_MATMUL = Op(
    "matmul",
    "@",
    "{} @ {}",
    np.matmul,
    (lambda z, x, y: _swap(y), lambda z, x, y: _swap(x)),
    _send_matmul,
    "as many columns on the left as rows on the right",
)


def matmul(x: Any, y: Any) -> Node:
    """The matrix product x @ y, of vectors, matrices and stacks of them as in NumPy.

    With d for the gradient of what stands after it: ``dx = d(x @ y) @ y.T`` and ``dy = x.T @ d(x @ y)``. The shapes
    leave no other choice: dx has that of x, dy that of y.

    Examples
    --------
    >>> from nnfast import graph
    >>> x = graph.variable([[1.0, 2.0]], "x")  # (1, 2)
    >>> W = graph.variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], "W")  # (2, 3)
    >>> y = x @ W  # (1, 3)
    >>> y.backward([[1.0, 0.0, 0.0]])
    >>> x.grad, W.grad
    (array([[1., 4.]]), array([[1., 0., 0.],
           [2., 0., 0.]]))
    """
    return _apply(_MATMUL, x, y)


def _reduction(name: str, sign: str, x: Any, axis: int | tuple[int, ...] | None, keepdims: bool) -> Node:
    shape = np.shape(as_node(f"graph.{name}", x).value)
    words = "" if axis is None else f", axis={axis}"
    share = name == "mean"

    def axes(value: Any) -> tuple[int, ...]:
        try:
            every = range(np.ndim(value))
            chosen = (
                every
                if axis is None
                else (int(axis),)
                if isinstance(axis, (int, np.integer))
                else tuple(axis)
            )
            axes_ = tuple(every[i] for i in chosen)
            if len(set(axes_)) < len(axes_):
                raise IndexError("an axis twice")
            return axes_
        except (IndexError, TypeError):
            expected = f"None or different integers below {np.ndim(value)}"
            raise ValueError(
                f"graph.{name}: axis is {axis!r}, x has shape {np.shape(value)}; expected {expected}"
            ) from None

    def weight(value: Any) -> float:
        if not share:
            return 1.0
        count = int(np.prod([np.shape(value)[i] for i in axes(value)]))
        return 1.0 / count if count else np.nan

    def evaluate(value: Any) -> Any:
        total = np.sum(value, axis=axes(value), keepdims=keepdims)
        return np.multiply(total, weight(value)) if share else total

    def send(k: int, upstream: Value, local: Any, values: tuple[Value, ...]) -> Value:
        value = values[0]
        spread = upstream if keepdims else np.expand_dims(upstream, axes(value))
        return times_local(k, np.array(np.broadcast_to(spread, np.shape(value))), local, values)

    axes(np.empty(shape))
    op = Op(
        name,
        sign,
        name + "({}" + words + ")",
        evaluate,
        (lambda z, value: weight(value),),
        send,
    )
    return _apply(op, x)


def sum(x: Any, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Node:
    """The sum of all elements, or along `axis`. Every element gets the gradient of the sum that it is in.

    Parameters
    ----------
    x : Node or array
    axis : int or tuple of int, optional
        Default: all.
    keepdims : bool, default False
        Whether the axes stay, with length 1.

    Examples
    --------
    >>> from nnfast import graph
    >>> x = graph.variable([[1.0, 2.0], [3.0, 4.0]])
    >>> y = graph.sum(x, axis=0)
    >>> y.backward([1.0, 10.0])
    >>> y.value, x.grad
    (array([4., 6.]), array([[ 1., 10.],
           [ 1., 10.]]))
    """
    return _reduction("sum", "Σ", x, axis, keepdims)


def mean(x: Any, axis: int | tuple[int, ...] | None = None, *, keepdims: bool = False) -> Node:
    """The mean of all elements, or along `axis`. Every element gets 1/n of the gradient of the mean that it is in.

    Parameters
    ----------
    x : Node or array
    axis : int or tuple of int, optional
        Default: all.
    keepdims : bool, default False
        Whether the axes stay, with length 1.

    Examples
    --------
    >>> from nnfast import graph
    >>> mean(graph.variable([1.0, 2.0, 3.0, 6.0])).local
    (0.25,)
    """
    return _reduction("mean", "mean", x, axis, keepdims)


def _distribution(x: Array, t: Array) -> Array:
    """Targets of x's shape: `t` itself, or 1 at the labels that it holds."""
    x, t = np.asarray(x), np.asarray(t)
    if x.ndim not in (1, 2) or t.shape not in (x.shape, x.shape[:-1]):
        raise ValueError(
            f"graph.softmax_with_loss: x has shape {x.shape}, t has shape {t.shape}; "
            "expected x (batch, classes) or (classes,), and t of x's shape or one label a row"
        )
    if t.shape == x.shape:
        return t
    labels = t.astype(np.int64)
    if not np.all((labels == t) & (labels >= 0) & (labels < x.shape[-1])):
        raise ValueError(
            f"graph.softmax_with_loss: t has labels {t.min():g} to {t.max():g}; "
            f"expected integers from 0 to {x.shape[-1] - 1}"
        )
    one_hot: Array = np.eye(x.shape[-1], dtype=x.dtype)[labels]
    return one_hot


def _log_softmax(x: Any) -> Any:
    x = x - np.max(x, axis=-1, keepdims=True)
    return x - np.log(np.sum(np.exp(x), axis=-1, keepdims=True))


def _rows(x: Any) -> int:
    return len(x) if x.ndim == 2 else 1


def _softmax_loss_local(z: Any, x: Any, t: Any) -> Any:
    target = _distribution(x, t)
    return (np.exp(_log_softmax(x)) * np.sum(target, axis=-1, keepdims=True) - target) / _rows(x)


_SOFTMAX_WITH_LOSS = Op(
    "softmax_with_loss",
    "softmax\nloss",
    "softmax_with_loss({}, {})",
    lambda x, t: -np.sum(_distribution(x, t) * _log_softmax(x)) / _rows(x),
    (_softmax_loss_local, None),
)


def softmax_with_loss(x: Any, t: ArrayLike | Node) -> Node:
    """Softmax and cross entropy in one gate: the mean over the rows of ``-sum(t log(softmax(x)))``.

    The gradient is (softmax(x) - t) / batch: prediction minus truth.

    Parameters
    ----------
    x : Node or array, (batch, classes) or (classes,)
        Scores.
    t : array, or constant Node
        One-hot rows or other distributions of x's shape, or labels of shape (batch,). Gets no gradient.

    Examples
    --------
    >>> from nnfast import graph
    >>> x = graph.variable([[1.0, 2.0, 3.0]])
    >>> loss = softmax_with_loss(x, [2])
    >>> loss.backward()
    >>> round(loss.value, 4), x.grad.round(4)
    (0.4076, array([[ 0.09  ,  0.2447, -0.3348]]))
    """
    if isinstance(t, Node) and not t.constant:
        raise TypeError("graph.softmax_with_loss: t is a variable; expected an array or graph.constant")
    return _apply(_SOFTMAX_WITH_LOSS, x, t)
