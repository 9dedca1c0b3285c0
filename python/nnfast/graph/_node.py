"""The node of a computational graph: its value, its neighbours, and the two walks through the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .._arrays import real_array
from .._warn import warn
from ..errors import NotFiniteWarning

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike
    from typing import TextIO

    from .._typing import Array, ArrayLike

__all__ = ["Node", "Op", "Value", "apply", "constant", "forward", "nodes", "variable"]

Value: TypeAlias = "float | Array"


def plain(value: Any) -> Value:
    """0-d results as Python floats, arrays as they are."""
    return float(value) if np.ndim(value) == 0 else np.asarray(value)


def sum_to(gradient: Any, like: Value) -> Value:
    """`gradient` in the shape of an input that was broadcast: summed over the axes along which it was repeated."""
    shape = np.shape(like)
    result = np.asarray(gradient)
    result = result.sum(axis=tuple(range(result.ndim - len(shape))))
    repeated = tuple(i for i, n in enumerate(shape) if n == 1 and result.shape[i] != 1)
    result = result.sum(axis=repeated, keepdims=True)
    return plain(result.astype(like.dtype, copy=False) if isinstance(like, np.ndarray) else result)


def times_local(k: int, upstream: Value, local: Any, values: tuple[Value, ...]) -> Value:
    """What an elementwise operation sends to input k: local x upstream."""
    return sum_to(np.multiply(upstream, local), values[k])


@dataclass(frozen=True)
class Op:
    """A kind of operation: its name, its sign in a picture, its formula, and what it does forward and backward."""

    name: str
    sign: str
    formula: str
    evaluate: Callable[..., Any]
    # By input: (output, *inputs) -> the local gradient.
    local: tuple[Callable[..., Any] | None, ...]
    send: Callable[[int, Value, Any, tuple[Value, ...]], Value] = times_local
    expected: str = "shapes that broadcast"


class Node:
    """A variable, a constant or the result of an operation.

    Made by :func:`variable`, :func:`constant` and by computing: ``+ - * / ** @``, and the functions of
    :mod:`nnfast.graph`. A node knows the nodes that it is computed from and nothing else.

    Attributes
    ----------
    value : float or array
        Computed at once. The value of a variable or constant may be set; :meth:`forward` brings it to the nodes after.
    grad : float, array or None
        The derivative of the root by this node, of the value's shape, after ``root.backward()``: the sum of what all
        its consumers sent. None before, and for constants.
    name : str or None
        For tables and pictures.
    inputs : tuple of Node
        What it is computed from; () for variables and constants.
    op : str
        ``"add"``, ``"mul"``, ..., ``"variable"`` or ``"constant"``.
    constant : bool
        Whether no variable leads to it, so that it has no gradient.

    Examples
    --------
    >>> x, y, z = variable(-2, "x"), variable(5, "y"), variable(-4, "z")
    >>> f = (x + y) * z
    >>> f
    Node(mul, value=-12.0)
    >>> f.backward()
    >>> x.grad, y.grad, z.grad
    (-4.0, -4.0, 3.0)
    >>> f.local, f.upstream, f.downstream
    ((-4.0, 3.0), 1.0, (-4.0, 3.0))
    """

    __slots__ = ("__weakref__", "_op", "_value", "constant", "grad", "inputs", "name")
    __array_ufunc__ = None  # NumPy's numbers and arrays on the left leave the work to the operators below

    def __init__(
        self, value: Value, name: str | None, op: Op | None, inputs: tuple[Node, ...], constant: bool
    ) -> None:
        self._value = value
        self._op = op
        self.name = name
        self.inputs = inputs
        self.constant = constant
        self.grad: Value | None = None

    @property
    def op(self) -> str:
        if self._op is not None:
            return self._op.name
        return "constant" if self.constant else "variable"

    @property
    def value(self) -> Value:
        return self._value

    @value.setter
    def value(self, value: ArrayLike) -> None:
        if self._op is not None:
            raise AttributeError(
                f"Node: value of a {self.op} is computed; set the value of a variable and call forward()"
            )
        self._value = _read("Node", value)

    @property
    def local(self) -> tuple[Any, ...]:
        """The local gradients, one for each of `inputs`; None for a constant.

        * Elementwise operations: d output/d input, a number or an array that broadcasts with the output.
        * ``x @ y``: for x the transposed y (``dx = upstream @ local``), for y the transposed x
          (``dy = local @ upstream``). That is all of the Jacobian that is needed.
        * sum and mean: the number that every element of the input is weighted with, 1 or 1/n.
        * squared_norm and softmax_with_loss: the gradient of the one number that comes out, of the input's shape.
        """
        if self._op is None:
            return ()
        values = _operands(self)
        with np.errstate(all="ignore"):
            return tuple(
                None if node.constant or f is None else plain(f(self._value, *values))
                for node, f in zip(self.inputs, self._op.local, strict=True)
            )

    @property
    def upstream(self) -> Value | None:
        """The gradient that arrives at this node from its consumers: `grad`, by the name that a gate has for it."""
        return self.grad

    @property
    def downstream(self) -> tuple[Value | None, ...]:
        """What this node sends back to each of `inputs`: local x upstream. None for constants and before backward."""
        if self._op is None or self.grad is None:
            return (None,) * len(self.inputs)
        upstream, values = self.grad, tuple(node._value for node in self.inputs)
        with np.errstate(all="ignore"):
            return tuple(
                None if local is None else self._op.send(k, upstream, local, values)
                for k, local in enumerate(self.local)
            )

    def forward(self) -> Value:
        """Compute this node again from the present values of the variables, and return its value.

        All nodes that lead here are computed again; their gradients belong to the old values and become None.

        Examples
        --------
        >>> x = variable(3.0)
        >>> y = x * x
        >>> x.value = 4.0
        >>> y.value, y.forward(), y.value
        (9.0, 16.0, 16.0)
        """
        return _evaluate(nodes(self))

    def backward(self, dout: ArrayLike = 1.0) -> None:
        """Compute the derivative of this node by every node that leads to it: reverse-mode differentiation.

        The values are computed first (as :meth:`forward` does), so that gradients belong to the present values. Then
        the nodes are walked in reverse topological order; each multiplies the gradient that arrives (`upstream`) by its
        local gradients and sends the products to its inputs, where they are added up. Gradients of an earlier call
        are replaced, not added to.

        Parameters
        ----------
        dout : float or array, default 1
            The gradient that arrives at this node; broadcast to its shape. For an array, 1 gives the gradient of the
            sum of its elements.

        Raises
        ------
        ValueError
            No variable leads to this node, or dout does not fit its shape.

        Examples
        --------
        >>> x = variable([1.0, 2.0])
        >>> y = x * x + x
        >>> y.backward([1.0, 10.0])
        >>> x.grad
        array([ 3., 50.])
        """
        if self.constant:
            raise ValueError("backward: no variable leads to this node; expected one made by graph.variable")
        order = nodes(self)
        _evaluate(order)
        shape = np.shape(self._value)
        start = real_array("backward", "dout", dout)
        try:
            # A new array: the user's own dout stays the user's own.
            self.grad = sum_to(np.array(np.broadcast_to(start, shape)), self._value)
        except ValueError:
            raise ValueError(f"backward: dout has shape {start.shape}; expected {shape}") from None
        for node in reversed(order):
            for source, gradient in zip(node.inputs, node.downstream, strict=True):
                if gradient is not None:
                    _check_gradient(node, source, gradient)
                    source.grad = gradient if source.grad is None else plain(source.grad + gradient)

    def explain(self, file: TextIO | None = None) -> None:
        """Print :func:`nnfast.graph.table` of this node.

        Parameters
        ----------
        file : text file, optional
            Default: standard output.
        """
        from ._table import table

        print(table(self), file=file)

    def __add__(self, other: Any) -> Node:
        return _binary("add", self, other)

    def __radd__(self, other: Any) -> Node:
        return _binary("add", other, self)

    def __sub__(self, other: Any) -> Node:
        return _binary("sub", self, other)

    def __rsub__(self, other: Any) -> Node:
        return _binary("sub", other, self)

    def __mul__(self, other: Any) -> Node:
        return _binary("mul", self, other)

    def __rmul__(self, other: Any) -> Node:
        return _binary("mul", other, self)

    def __truediv__(self, other: Any) -> Node:
        return _binary("div", self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return _binary("div", other, self)

    def __pow__(self, other: Any) -> Node:
        return _binary("pow", self, other)

    def __rpow__(self, other: Any) -> Node:
        return _binary("pow", other, self)

    def __matmul__(self, other: Any) -> Node:
        return _binary("matmul", self, other)

    def __rmatmul__(self, other: Any) -> Node:
        return _binary("matmul", other, self)

    def __neg__(self) -> Node:
        from . import _functions

        return _functions.neg(self)

    def __pos__(self) -> Node:
        return self

    def __repr__(self) -> str:
        from ._table import brief

        words = [repr(self.name)] if self.name is not None else []
        words += [self.op] if self._op is not None or self.constant or not words else []
        words.append(f"value={brief(self._value, exact=True)}")
        if self.grad is not None:
            words.append(f"grad={brief(self.grad, exact=True)}")
        return f"Node({', '.join(words)})"

    def draw(self, path: str | PathLike[str] | None = None, **settings: Any) -> Any:
        """The graph that leads here as a picture: :func:`nnfast.graph.draw`."""
        from ._drawing import draw

        return draw(self, path, **settings)

    def _repr_svg_(self) -> str | None:
        """The picture that a notebook shows; None for more than 60 nodes, and without the extra ``plot``."""
        from ._drawing import notebook_svg

        return notebook_svg(self)

    def _repr_html_(self) -> str | None:
        """The table that a notebook shows in place of a picture."""
        from ._drawing import shows_picture
        from ._table import notebook_table

        return None if shows_picture(self) else notebook_table(self)


def variable(value: ArrayLike, name: str | None = None) -> Node:
    """A node that gradients are wanted for.

    Parameters
    ----------
    value : number or array
        Is copied. Numbers become floats; float32 arrays stay float32, every other real type becomes float64.
    name : str, optional
        For tables and pictures.

    Examples
    --------
    >>> x = variable(3.0, "x")
    >>> y = x**2
    >>> y.backward()
    >>> x
    Node('x', value=3.0, grad=6.0)
    """
    return Node(_read("graph.variable", value), _name("graph.variable", name), None, (), False)


def constant(value: ArrayLike, name: str | None = None) -> Node:
    """A node without a gradient. Numbers and arrays in a formula become constants by themselves.

    This function is for those that shall have a name in tables and pictures, or another value later.

    Examples
    --------
    >>> x, t = variable([1.0, 2.0, 3.0], "x"), constant(2, "t")
    >>> from nnfast.graph import softmax_with_loss
    >>> round(softmax_with_loss(x, t).value, 4)
    0.4076
    """
    return Node(_read("graph.constant", value), _name("graph.constant", name), None, (), True)


def as_node(where: str, value: Any) -> Node:
    return value if isinstance(value, Node) else Node(_read(where, value), None, None, (), True)


def apply(op: Op, *operands: Any) -> Node:
    """The node of `op` on nodes, numbers and arrays."""
    inputs = tuple(as_node(f"graph.{op.name}", operand) for operand in operands)
    node = Node(0.0, None, op, inputs, all(node.constant for node in inputs))
    _compute(node)
    return node


def nodes(out: Node) -> list[Node]:
    """All nodes that lead to `out`, each after its inputs, `out` last.

    Examples
    --------
    >>> x, y = variable(1, "x"), variable(2, "y")
    >>> [node.name or node.op for node in nodes(x * y + x)]
    ['x', 'y', 'mul', 'add']
    """
    if not isinstance(out, Node):
        raise TypeError(f"graph.nodes: out is {out!r}; expected a Node")
    order: list[Node] = []
    seen: set[Node] = set()
    # A stack of our own, as graphs may be deeper than Python's.
    stack: list[tuple[Node, bool]] = [(out, False)]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack += [(source, False) for source in reversed(node.inputs)]
    return order


def forward(out: Node) -> Value:
    """``out.forward()``: compute `out` again after ``x.value = ...``, and return its value.

    Examples
    --------
    >>> x = variable(3.0)
    >>> y = x * x
    >>> x.value = 4.0
    >>> forward(y)
    16.0
    """
    return out.forward()


def _evaluate(order: list[Node]) -> Value:
    for node in order:
        node.grad = None
        if node._op is not None:
            _compute(node)
    return order[-1]._value


def _operands(node: Node) -> tuple[Any, ...]:
    """The inputs' values as NumPy takes them.

    Beside an array a number stays a Python float, which lets float32 be float32; numbers alone become float64, which
    divides by 0 and overflows to infinity as arrays do.
    """
    values = tuple(source._value for source in node.inputs)
    return values if any(isinstance(v, np.ndarray) for v in values) else tuple(map(np.float64, values))


def _compute(node: Node) -> None:
    op = node._op
    assert op is not None
    values = _operands(node)
    try:
        with np.errstate(all="ignore"):
            result = plain(op.evaluate(*values))
    except ValueError as error:
        if str(error).startswith("graph."):
            raise
        came = ", ".join(
            f"{name} has shape {np.shape(v)}" for name, v in zip(_names(node), values, strict=True)
        )
        raise ValueError(f"graph.{op.name}: {came}; expected {op.expected}") from None
    node._value = result
    if not np.all(np.isfinite(result)) and all(np.all(np.isfinite(v)) for v in values):
        bad = np.asarray(result)[~np.isfinite(result)].flat[0]
        came = ", ".join(
            f"{name} = {_worst(v, result)}" for name, v in zip(_names(node), values, strict=True)
        )
        warn(NotFiniteWarning, f"graph.{op.name}: the value is {bad} at {came}")


def _check_gradient(node: Node, source: Node, gradient: Value) -> None:
    """Warn where the local gradient of a finite value is infinite, as that of sqrt at 0 is."""
    if np.all(np.isfinite(gradient)) or not (np.all(np.isfinite(node._value)) and node.grad is not None):
        return
    if np.all(np.isfinite(node.grad)):
        bad = np.asarray(gradient)[~np.isfinite(gradient)].flat[0]
        at = _worst(source._value, gradient)
        warn(NotFiniteWarning, f"graph.{node.op}: the gradient is {bad} at {at}")


def _worst(value: Any, result: Value) -> str:
    """The element of `value` that led to the first one of `result` that is not finite, if that can be told."""
    if np.ndim(value) == 0:
        return f"{float(value)}"
    if np.shape(value) != np.shape(result):
        return f"an array of shape {np.shape(value)}"
    return f"{np.asarray(value)[~np.isfinite(result)].flat[0]}"


def _names(node: Node) -> tuple[str, ...]:
    return tuple(source.name or letter for source, letter in zip(node.inputs, "xyz", strict=False))


def _read(where: str, value: ArrayLike) -> Value:
    array = real_array(where, "value", value)
    if array.dtype != np.float32 or array.ndim == 0:
        return plain(array.astype(np.float64))
    return array.copy()


def _name(where: str, name: object) -> str | None:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"{where}: name is {name!r}; expected a string")
    return name


def _binary(name: str, left: Any, right: Any) -> Node:
    """The operators: what is no real number is left to the other operand, and so to Python's own TypeError."""
    from . import _functions

    for operand in (left, right):
        if not isinstance(operand, Node) and (
            operand is None or isinstance(operand, (str, bytes, dict, set))
        ):
            return NotImplemented  # type: ignore[no-any-return]
    result: Node = getattr(_functions, name)(left, right)
    return result
