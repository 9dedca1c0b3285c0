"""Where the parts of a graph's picture go: columns from left to right, rows by Sugiyama's method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ._node import Node, nodes
from ._table import block, is_plain_number, labels, number

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._node import Value

__all__ = ["Circle", "Edge", "Picture", "Words", "arrange", "extra"]

GREEN, RED, BLACK = "#0b7a2a", "#c5172e", "#111111"
_SPACE = 0.09  # inches between neighbours
_LINE = 0.045  # between an edge and its numbers
_SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")

Point = tuple[float, float]


@dataclass
class Words:
    """A text; (x, y) is the point that `ha` and `va` speak of, in inches."""

    text: str
    color: str
    size: float
    ha: str = "center"
    va: str = "center"
    mono: bool = False
    paper: bool = False  # white behind it, as lines may pass
    x: float = 0.0
    y: float = 0.0


@dataclass
class Circle:
    """The circle of an operation."""

    node: Node
    radius: float
    x: float = 0.0
    y: float = 0.0


@dataclass
class Edge:
    """A line through `points`; `target` is None for the one that leaves the graph."""

    source: Node
    target: Node | None
    points: list[Point]


@dataclass
class Picture:
    """What is to be drawn, in inches from the lower left corner."""

    width: float
    height: float
    circles: list[Circle]
    edges: list[Edge]
    words: list[Words]


@dataclass
class _Vertex:
    """What takes a place in the layout: how far it reaches from its point, and what is written there."""

    layer: int
    left: float = 0.0
    right: float = 0.0
    above: float = 0.0
    below: float = 0.0
    circle: Circle | None = None
    words: list[tuple[Words, float, float]] = field(default_factory=list)  # and their distance from the point
    x: float = 0.0
    y: float = 0.0


def extra(module: str) -> Any:
    """An optional module, or an ImportError that says how to get it."""
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"graph.draw: needs {module.partition('.')[0]}, which is not installed; expected after: "
            "pip install nnfast[plot]"
        ) from error


def _absorbed(node: Node, k: int) -> bool:
    """Whether input k is a plain number that the sign in the circle tells, as +1 and 1/x do."""
    source = node.inputs[k]
    binary = node.op in ("add", "sub", "mul", "div", "pow", "max")
    return binary and is_plain_number(source) and not node.inputs[1 - k].constant


def _sign(node: Node, spec: str | None) -> str:
    assert node._op is not None
    for k in range(len(node.inputs)):
        value = node.inputs[k].value
        if not _absorbed(node, k) or isinstance(value, np.ndarray):
            continue
        text = number(value, spec if spec is not None and not value.is_integer() else None).replace("-", "−")
        other = {
            "add": f"+{text}" if value >= 0 else text,
            "sub": f"{text}−x" if k == 0 else f"−{text}" if value >= 0 else f"+{text[1:]}",
            "mul": f"×{text}",
            "div": f"{text}/x" if k == 0 else f"÷{text}",
            "max": f"max\n{text}",
            "pow": f"{text}ˣ" if k == 0 else f"x^{text}",
        }
        if node.op == "pow" and k == 1 and value.is_integer():
            return "x" + text.replace("−", "-").translate(_SUPERSCRIPTS)
        return other[node.op]
    return node._op.sign


def arrange(out: Node, measure: Callable[[Words], tuple[float, float]], spec: str | None = None) -> Picture:
    """The picture of the graph that ends in `out`.

    Between any two columns of nodes stands a column of labels: each edge has a vertex of its own there, so that the
    layout keeps the labels apart just as it does the nodes.
    """
    order = nodes(out)
    edges: list[tuple[Node, Node, int]] = []
    drawn: set[Node] = {out}
    for node in reversed(order):
        if node in drawn:
            for k, source in enumerate(node.inputs):
                if not _absorbed(node, k):
                    edges.append((source, node, k))
                    drawn.add(source)
    order = [node for node in order if node in drawn]
    position = {node: i for i, node in enumerate(order)}
    edges.sort(key=lambda edge: (position[edge[1]], edge[2]))
    consumers = {node: sum(edge[0] is node for edge in edges) for node in order}

    name = labels(nodes(out), spec)
    level: dict[Node, int] = {}
    for node in order:
        level[node] = 1 + max((level[s] for s, t, _ in edges if t is node), default=-1)
    vertices = [_node_vertex(node, 2 * level[node], name, consumers[node], measure, spec) for node in order]
    links: list[tuple[int, int]] = []
    for source, target, k in edges:
        gradient = target.downstream[k]
        vertices.append(_label_vertex(2 * level[source] + 1, source.value, gradient, measure, spec))
        links += [(position[source], len(vertices) - 1), (len(vertices) - 1, position[target])]
    vertices.append(_label_vertex(2 * level[out] + 1, out.value, out.grad, measure, spec))
    vertices.append(_Vertex(2 * level[out] + 2))
    links += [(position[out], len(vertices) - 2), (len(vertices) - 2, len(vertices) - 1)]

    bends = _place(vertices, links)
    width = max(v.x + v.right for v in vertices)
    height = max(v.y + v.above for v in vertices)
    lines = []
    ends: list[tuple[Node, Node | None]] = [*((s, t) for s, t, _ in edges), (out, None)]
    for i, (begin, end) in enumerate(ends):
        through = [links[2 * i][0], links[2 * i][1], links[2 * i + 1][1]]
        lines.append(Edge(begin, end, _line([vertices[v] for v in through], bends[2 * i + 1])))
    for vertex in vertices:
        for words, dx, dy in vertex.words:
            words.x, words.y = vertex.x + dx, vertex.y + dy
    circles = [v.circle for v in vertices if v.circle is not None]
    return Picture(width, height, circles, lines, [words for v in vertices for words, _, _ in v.words])


def _node_vertex(
    node: Node,
    layer: int,
    name: dict[Node, str],
    consumers: int,
    measure: Callable[[Words], tuple[float, float]],
    spec: str | None,
) -> _Vertex:
    total = None
    if consumers > 1 and node.grad is not None:
        text = block(node.grad, spec).replace("\n", "\n  ")
        total = Words(f"Σ {text}", RED, 9.5, va="top", mono=True, paper=True)
    if node._op is None:
        words = Words(name[node], BLACK, 13, ha="right")
        width, height = measure(words)
        vertex = _Vertex(layer, width, 0.0, height / 2, height / 2, None, [(words, 0.0, 0.0)])
    else:
        sign = _sign(node, spec)
        size = 15 if len(sign) == 1 else 12 if len(sign) < 4 else 10
        words = Words(sign, BLACK, size, va="center_baseline" if sign.isalpha() and size < 15 else "center")
        width, height = measure(words)
        radius = max(0.24, float(np.hypot(width, height * 0.7)) / 2 + 0.04)
        vertex = _Vertex(layer, radius, radius, radius, radius, Circle(node, radius), [(words, 0.0, 0.0)])
        if node.name is not None:
            # Rather to the right, as lines come in from the left.
            title = Words(node.name, BLACK, 11, ha="left", va="bottom", paper=True)
            width, height = measure(title)
            vertex.words.append((title, -0.06, radius + 0.02))
            vertex.above += 0.02 + height
            vertex.right = max(vertex.right, width - 0.06)
    if total is not None:
        # To the left, as the lines go out to the right.
        total.ha = "right"
        width, height = measure(total)
        reach = 0.0 if node._op is None else vertex.right / 3
        vertex.words.append((total, reach, -vertex.below - 0.03))
        vertex.below += 0.03 + height
        vertex.left = max(vertex.left, width - reach)
    return vertex


def _label_vertex(
    layer: int,
    value: Value,
    gradient: Value | None,
    measure: Callable[[Words], tuple[float, float]],
    spec: str | None,
) -> _Vertex:
    """The numbers of an edge: the value above, the gradient below."""
    vertex = _Vertex(layer)
    above = Words(block(value, spec), GREEN, 10.5, va="bottom", mono=True)
    width, height = measure(above)
    vertex.words.append((above, 0.0, _LINE))
    vertex.above = vertex.below = height + _LINE
    if gradient is not None:
        below = Words(block(gradient, spec), RED, 10.5, va="top", mono=True)
        other, height = measure(below)
        width = max(width, other)
        vertex.words.append((below, 0.0, -_LINE))
        vertex.below = height + _LINE
    vertex.left = vertex.right = width / 2 + 0.04
    return vertex


def _place(vertices: list[_Vertex], links: list[tuple[int, int]]) -> list[list[Point]]:
    """Give every vertex its x and y; returns for every link the points at which it passes other columns."""
    igraph = extra("igraph")
    graph = igraph.Graph(n=len(vertices), edges=links, directed=True)
    layout = graph.layout_sugiyama(layers=[v.layer for v in vertices], hgap=1, vgap=1, maxiter=200)
    unit = max(v.above for v in vertices) + max(v.below for v in vertices) + _SPACE
    rows = [row for row, _ in layout.coords]
    bends = [[(row, round(layer)) for row, layer in points] for points in layout.edge_routing]
    lowest = max(rows + [row for points in bends for row, _ in points])
    for vertex, row in zip(vertices, rows, strict=True):
        vertex.y = (lowest - row) * unit
    floor = min(v.y - v.below for v in vertices)
    for vertex in vertices:
        vertex.y -= floor

    columns = range(max(v.layer for v in vertices) + 1)
    left = [max((v.left for v in vertices if v.layer == c), default=0.0) for c in columns]
    right = [max((v.right for v in vertices if v.layer == c), default=0.0) for c in columns]
    steep = [0.0] * len(columns)  # by column: the longest way up or down that a line has to go before it
    turned: list[list[Point]] = []
    for (a, b), points in zip(links, bends, strict=True):
        base = vertices[a].y + rows[a] * unit
        stops = [(base - row * unit, layer) for row, layer in points] + [(vertices[b].y, vertices[b].layer)]
        here = vertices[a].y
        for y, layer in stops:
            steep[layer] = max(steep[layer], abs(y - here))
            here = y
        turned.append([(y, float(layer)) for y, layer in stops[:-1]])
    centre = [left[0]]
    for c in columns[1:]:
        gap = max(0.16 if c % 2 else 0.24, 0.35 * steep[c])
        centre.append(centre[-1] + right[c - 1] + min(gap, 0.9) + left[c])
    for vertex in vertices:
        vertex.x = centre[vertex.layer]
        if vertex.layer % 2:  # lines run level through the whole column of labels
            vertex.left, vertex.right = left[vertex.layer], right[vertex.layer]
    # A line crosses a column that it only passes level, so that it keeps away from what stands there.
    return [
        [
            p
            for y, c in points
            for p in ((centre[int(c)] - left[int(c)], y), (centre[int(c)] + right[int(c)], y))
        ]
        for points in turned
    ]


def _line(through: list[_Vertex], bends: list[Point]) -> list[Point]:
    source, label, target = through
    middle = [(label.x - label.left, label.y), (label.x + label.right, label.y), *bends]
    start = (source.x + source.right + 0.05, source.y) if source.circle is None else _rim(source, middle[0])
    end = (target.x, target.y) if target.circle is None else _rim(target, middle[-1])
    return [start, *middle, end]


def _rim(vertex: _Vertex, towards: Point) -> Point:
    """Where the line from the circle's centre to a point leaves the circle."""
    assert vertex.circle is not None
    dx, dy = towards[0] - vertex.x, towards[1] - vertex.y
    share = vertex.circle.radius / float(np.hypot(dx, dy))
    vertex.circle.x, vertex.circle.y = vertex.x, vertex.y
    return vertex.x + share * dx, vertex.y + share * dy
