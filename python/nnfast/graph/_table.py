"""Values and gradients of a graph as text."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import numpy as np

from ._node import Node, nodes

if TYPE_CHECKING:
    from ._node import Value

__all__ = ["block", "brief", "formula", "is_plain_number", "labels", "number", "table"]

_MOST_ROWS = 500  # of a table that a notebook shows unasked


def number(value: float, spec: str | None = None) -> str:
    """`value` by a format such as ".2f"; three digits, or all before the point, if there is none.

    Examples
    --------
    >>> [number(v) for v in (-12.0, 0.7310586, 1234.5, 1e-9)]
    ['-12', '0.731', '1234.5', '1e-09']
    """
    text = format(float(value), spec if spec is not None else ".6g" if 1000 <= abs(value) < 1e6 else ".3g")
    # Minus zero comes of multiplying, and means nothing here.
    is_zero = np.isfinite(value) and not any(digit in text for digit in "123456789")
    return text.removeprefix("-") if is_zero else text


def brief(value: Value, spec: str | None = None, *, exact: bool = False) -> str:
    """`value` on one line: up to four numbers in full, more as shape and range."""

    def row(part: object) -> str:
        if isinstance(part, list):
            return f"[{', '.join(map(row, part))}]"
        assert isinstance(part, float)
        return number(part, spec)

    if not isinstance(value, np.ndarray):
        return repr(value) if exact else number(value, spec)
    if value.size <= 4:
        return row(value.tolist())
    return f"{value.shape} {_range(value, spec)}"


def block(value: Value, spec: str | None = None) -> str:
    """`value` as it stands in a picture: up to 3 x 3 numbers in full, more as shape and range.

    Examples
    --------
    >>> print(block(np.array([[0.1, 0.5], [-0.3, 0.8]])))
    ⎡ 0.1 0.5⎤
    ⎣-0.3 0.8⎦
    """
    if not isinstance(value, np.ndarray):
        return number(value, spec)
    if value.ndim > 2 or max(value.shape) > 3 or value.size == 0:
        return f"{value.shape}\n{_range(value, spec)}".rstrip()
    texts = [[number(v, spec) for v in row] for row in np.atleast_2d(value).tolist()]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    rows = [" ".join(f"{text:>{width}}" for text, width in zip(row, widths, strict=True)) for row in texts]
    if len(rows) == 1:
        return f"[{rows[0]}]"
    left, right = "⎡" + "⎢" * (len(rows) - 2) + "⎣", "⎤" + "⎥" * (len(rows) - 2) + "⎦"
    return "\n".join(a + row + b for a, row, b in zip(left, rows, right, strict=True))


def _range(value: np.ndarray, spec: str | None) -> str:
    return f"{number(value.min(), spec)} … {number(value.max(), spec)}" if value.size else ""


def labels(order: list[Node], spec: str | None = None) -> dict[Node, str]:
    """What to call each node: its name, a plain number's value, or n1, n2, ... and c1, c2, ... for constants."""
    result: dict[Node, str] = {}
    count = {"n": 0, "c": 0}
    for node in order:
        if node.name is not None:
            result[node] = node.name
        elif is_plain_number(node):
            result[node] = brief(node.value, spec)
        else:
            letter = "c" if node.op == "constant" else "n"
            count[letter] += 1
            result[node] = f"{letter}{count[letter]}"
    return result


def is_plain_number(node: Node) -> bool:
    """Whether it is a number in a formula, which stands for itself."""
    return node.op == "constant" and node.name is None and not isinstance(node.value, np.ndarray)


def formula(node: Node, label: dict[Node, str]) -> str:
    """The node as a formula of its inputs."""
    if node._op is None:
        return node.op
    return node._op.formula.format(*(label[source] for source in node.inputs))


def table(out: Node, format: str | None = ".6g") -> str:
    """All nodes that lead to `out`, forward with their values, and backward with local, upstream and gradient.

    Parameters
    ----------
    out : Node
        After ``out.backward()`` the gradients are in the table too.
    format : str or None
        Of the numbers, as in ``format(3.0, ".6g")``; None gives three digits.

    Returns
    -------
    str
        Nodes without a name are n1, n2, ..., and arrays c1, c2, ...; plain numbers stand in the formulas.

    Examples
    --------
    >>> from nnfast import graph
    >>> x, y, z = (graph.variable(v, n) for v, n in [(-2, "x"), (5, "y"), (-4, "z")])
    >>> f = (x + y) * z
    >>> f.name = "f"
    >>> f.backward()
    >>> print(graph.table(f))
    forward
    node  formula   value
    x     variable  -2
    y     variable  5
    n1    x + y     3
    z     variable  -4
    f     n1 × z    -12
    <BLANKLINE>
    backward
    node  input  local  upstream  gradient
    f                             1
    f     n1     -4     1         -4
    f     z      3      1         3
    n1    x      1      -4        -4
    n1    y      1      -4        -4
    """
    order = nodes(out)
    label = labels(order, format)
    rows = [["node", "formula", "value"]]
    rows += [
        [label[node], formula(node, label), brief(node.value, format)]
        for node in order
        if not is_plain_number(node)
    ]
    text = "forward\n" + _aligned(rows)
    if out.grad is None:
        return text
    return f"{text}\n\nbackward\n{_aligned(_backward_rows(order, label, format))}"


def _backward_rows(order: list[Node], label: dict[Node, str], spec: str | None) -> list[list[str]]:
    out = order[-1]
    assert out.grad is not None
    waiting: dict[Node, int] = {}
    for node in order:
        for source in node.inputs:
            waiting[source] = waiting.get(source, 0) + 1
    consumers = dict(waiting)
    rows = [
        ["node", "input", "local", "upstream", "gradient", ""],
        [label[out], "", "", "", brief(out.grad, spec), ""],
    ]
    for node in reversed(order):
        if node._op is None or node.grad is None:
            continue
        for k, (source, local, gradient) in enumerate(
            zip(node.inputs, node.local, node.downstream, strict=True)
        ):
            waiting[source] -= 1
            if gradient is None:
                continue
            numbers = [brief(value, spec) for value in (local, node.grad, gradient)]
            rows.append([label[node], label[source], *numbers, _how(node, k, local, gradient, label)])
            if consumers[source] > 1 and waiting[source] == 0 and source.grad is not None:
                total = brief(source.grad, spec)
                rows.append(["", label[source], "", "", total, f"sum of the {consumers[source]} above"])
    return rows


def _how(node: Node, k: int, local: Value, gradient: Value, label: dict[Node, str]) -> str:
    """What to do with local and upstream, where it is more than to multiply them; with the shapes."""
    assert node._op is not None
    upstream, shape = np.shape(np.asarray(node.grad)), np.shape(gradient)
    if node.op == "matmul":
        other = f"{label[node.inputs[1 - k]]}.T {np.shape(local)}"
        factors = [f"upstream {upstream}", other] if k == 0 else [other, f"upstream {upstream}"]
        return f"d{label[node.inputs[k]]} {shape} = {' @ '.join(factors)}"
    if node.op in ("sum", "mean"):
        return "for every element"
    if shape != np.broadcast_shapes(upstream, np.shape(local)):
        return f"summed from {upstream} to {shape}"
    return ""


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def notebook_table(out: Node) -> str | None:
    """The table as HTML; None, and so the node's repr, if it were too long to be read."""
    return f"<pre>{escape(table(out))}</pre>" if len(nodes(out)) <= _MOST_ROWS else None
