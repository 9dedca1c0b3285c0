"""Pictures of graphs: where circles, lines and numbers stand."""

from __future__ import annotations

import itertools
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

import numpy as np
import pytest
from nnfast import graph

pytest.importorskip("igraph")
pytest.importorskip("matplotlib")

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch

GREEN, RED = "#0b7a2a", "#c5172e"


def simple():
    x, y, z = (graph.variable(v, n) for v, n in [(-2, "x"), (5, "y"), (-4, "z")])
    return (x + y) * z


def sigmoid_slide():
    values = [("w0", 2), ("x0", -1), ("w1", -3), ("x1", -2), ("w2", -3)]
    w0, x0, w1, x1, w2 = (graph.variable(v, n) for n, v in values)
    return 1 / (1 + graph.exp(-(w0 * x0 + w1 * x1 + w2)))


def squared_norm():
    return graph.squared_norm(
        graph.variable([[0.1, 0.5], [-0.3, 0.8]], "W") @ graph.variable([0.2, 0.4], "x")
    )


def buy_apple():
    apple, number, tax = (graph.variable(v, n) for v, n in [(100, "apple"), (2, "apple_num"), (1.1, "tax")])
    return apple * number * tax


def fan_out():
    x, y = graph.variable(3, "x"), graph.variable(-4, "y")
    numerator = x + graph.sigmoid(y)
    numerator.name = "num"
    denominator = graph.sigmoid(x) + (x + y) ** 2
    denominator.name = "denominator"
    return numerator / denominator


def fan_out_of_matrices():
    x = graph.variable(np.arange(4.0).reshape(2, 2) - 1, "x")
    y = graph.tanh(x)
    return graph.sum(y * y + y + x * x)


def perceptron():
    rng = np.random.default_rng(0)
    x, t = graph.constant(rng.normal(size=(2, 3)), "x"), graph.constant([0, 1], "t")
    W1, b1 = graph.variable(rng.normal(size=(3, 50)), "W1"), graph.variable(np.zeros(50), "b1")
    W2, b2 = graph.variable(rng.normal(size=(50, 2)), "W2"), graph.variable(np.zeros(2), "b2")
    return graph.softmax_with_loss(graph.relu(x @ W1 + b1) @ W2 + b2, t)


def plain_numbers():
    x = graph.variable(0.5, "x")
    y = graph.max(0, 3 - x) ** 3 + 2 ** (x / 7) - x**-1 + x**0.5
    return (x - 1.5) * (y + -2) + graph.log(2.0) * graph.constant([1.0, 2.0]) @ np.ones(2)


def same_input_twice():
    x = graph.variable(2, "x")
    y = x * x
    return y / y


def variable_alone():
    return graph.variable(2, "x")


def random_formula(seed):
    """A formula of scalars with much fan-out, and lines over many columns."""
    rng = np.random.default_rng(seed)
    found = [graph.variable(float(rng.normal()), f"v{i}") for i in range(int(rng.integers(1, 6)))]
    inputs = len(found)
    unary = [graph.sin, graph.tanh, graph.sigmoid, graph.neg, graph.relu]
    for _ in range(int(rng.integers(4, 16))):
        if rng.random() < 0.4:
            found.append(unary[rng.integers(len(unary))](found[rng.integers(len(found))]))
        else:
            x, y = (found[i] for i in rng.integers(len(found), size=2))
            found.append([graph.add, graph.mul, graph.max][rng.integers(3)](x, y))
        if rng.random() < 0.2:
            found[-1].name = f"name{len(found)}"
    out = found[-1]
    used = {source for node in found for source in node.inputs}
    for node in found[inputs:-1]:
        if node not in used:
            out = out + node
    return out


FORMULAS = [
    simple,
    sigmoid_slide,
    squared_norm,
    buy_apple,
    fan_out,
    fan_out_of_matrices,
    perceptron,
    plain_numbers,
    same_input_twice,
    variable_alone,
]
MADE = [pytest.param(make, id=make.__name__) for make in FORMULAS] + [
    pytest.param(lambda seed=seed: random_formula(seed), id=f"random {seed}") for seed in range(30)
]


@dataclass
class Seen:
    """What is in a figure, in pixels."""

    canvas: tuple[float, float]
    circles: list[tuple[float, float, float]]
    lines: list[np.ndarray]
    texts: list[tuple[str, str, tuple[float, float, float, float]]]  # text, colour, (x0, y0, x1, y1)


def look(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    (axes,) = figure.axes
    place = axes.transData.transform
    circles, lines = [], []
    for patch in axes.patches:
        if isinstance(patch, Circle):
            (x, y), (edge, _) = place(patch.center), place((patch.center[0] + patch.radius, 0))
            circles.append((x, y, edge - x))
        else:
            assert isinstance(patch, FancyArrowPatch)
            lines.append(place(patch._path_original.vertices))
    renderer = canvas.get_renderer()
    texts = [
        (text.get_text(), to_hex(text.get_color()), text.get_window_extent(renderer).extents)
        for text in axes.texts
    ]
    return Seen(tuple(figure.bbox.size), circles, lines, texts)


def apart(a, b, slack=1.0):
    """Whether two boxes have no point in common; `slack` pixels may."""
    return a[2] <= b[0] + slack or b[2] <= a[0] + slack or a[3] <= b[1] + slack or b[3] <= a[1] + slack


def distance(box, x, y):
    dx, dy = max(box[0] - x, 0, x - box[2]), max(box[1] - y, 0, y - box[3])
    return np.hypot(dx, dy)


def points_on(line):
    """Many points of a line, (n, 2)."""
    share = np.linspace(0, 1, 80)[:, None]
    return np.concatenate([a + share * (b - a) for a, b in itertools.pairwise(line)])


def inside_a_circle(seen, box):
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return any(np.hypot(x - cx, y - cy) < r / 2 for cx, cy, r in seen.circles)


@pytest.fixture(scope="module", params=MADE)
def drawn(request):
    out = request.param()
    if not out.constant:
        out.backward()
    return out, look(graph.draw(out))


def test_circles_do_not_touch(drawn):
    out, seen = drawn
    operations = [node for node in graph.nodes(out) if node.inputs]
    assert len(seen.circles) == len(operations)
    for (x1, y1, r1), (x2, y2, r2) in itertools.combinations(seen.circles, 2):
        assert np.hypot(x1 - x2, y1 - y2) > r1 + r2 + 2


def test_texts_do_not_touch_each_other(drawn):
    _, seen = drawn
    for (a, _, box), (b, _, other) in itertools.combinations(seen.texts, 2):
        assert apart(box, other), (a, b)


def test_texts_do_not_touch_circles_but_signs_are_in_them(drawn):
    _, seen = drawn
    signs = 0
    for text, _, box in seen.texts:
        if inside_a_circle(seen, box):
            signs += 1
            x, y, r = min(seen.circles, key=lambda c: distance(box, c[0], c[1]))
            assert x - r < box[0], text
            assert box[2] < x + r, text
        else:
            for x, y, r in seen.circles:
                assert distance(box, x, y) >= r - 1, text
    assert signs == len(seen.circles)


def test_everything_is_in_the_picture(drawn):
    _, seen = drawn
    width, height = seen.canvas
    boxes = [box for _, _, box in seen.texts]
    boxes += [(x - r, y - r, x + r, y + r) for x, y, r in seen.circles]
    boxes += [(*line.min(axis=0), *line.max(axis=0)) for line in seen.lines]
    for x0, y0, x1, y1 in boxes:
        assert x0 >= 1
        assert y0 >= 1
        assert x1 <= width - 1
        assert y1 <= height - 1
    lowest, highest = min(box[1] for box in boxes), max(box[3] for box in boxes)
    assert lowest < 40, "the picture wastes room below"
    assert height - highest < 40, "the picture wastes room above"


def test_lines_go_from_left_to_right_and_end_at_circles(drawn):
    _, seen = drawn
    ends = 0
    for line in seen.lines:
        assert np.all(np.diff(line[:, 0]) > -0.1)
        assert line[-1, 0] > line[0, 0]
        at_rim = [abs(np.hypot(line[-1, 0] - x, line[-1, 1] - y) - r) < 1 for x, y, r in seen.circles]
        assert sum(at_rim) <= 1
        ends += sum(at_rim)
        px, py = points_on(line).T
        for x, y, r in seen.circles:  # and through none
            assert np.all(np.hypot(px - x, py - y) >= r - 1)
    assert ends == len(seen.lines) - 1  # all but the one that leaves the graph


def test_every_edge_has_its_value_and_gradient(drawn):
    out, seen = drawn
    for line in seen.lines:
        (x0, y), (x1, same) = line[1], line[2]
        assert y == pytest.approx(same)
        middle = (x0 + x1) / 2
        on_it = [
            (text, colour, box)
            for text, colour, box in seen.texts
            if abs((box[0] + box[2]) / 2 - middle) < 2 and min(abs(box[1] - y), abs(box[3] - y)) < 14
        ]
        above = [text for text, colour, box in on_it if colour == GREEN and box[1] > y]
        below = [text for text, colour, box in on_it if colour == RED and box[3] < y]
        assert len(above) == 1
        assert len(below) <= 1
    green = sorted(text for text, colour, _ in seen.texts if colour == GREEN)
    assert len(green) == len(seen.lines)
    red = [text for text, colour, _ in seen.texts if colour == RED and not text.startswith("Σ")]
    if not any(node.constant for node in graph.nodes(out)):
        assert len(red) >= len(seen.lines)


def test_lines_do_not_cross_numbers(drawn):
    _, seen = drawn
    numbers = [(text, box) for text, colour, box in seen.texts if colour in (GREEN, RED)]
    numbers = [(text, box) for text, box in numbers if not text.startswith("Σ")]  # has white behind it
    for line in seen.lines:
        x, y = points_on(line).T
        for text, (x0, y0, x1, y1) in numbers:
            assert not np.any((x0 + 1 < x) & (x < x1 - 1) & (y0 + 1 < y) & (y < y1 - 1)), text


def texts_of(out, **options):
    return [text for text, _, _ in look(graph.draw(out, **options)).texts]


def test_numbers_of_the_sigmoid_slide():
    out = sigmoid_slide()
    out.backward()
    seen = look(graph.draw(out, format=".2f"))
    # by the edge that they stand on, top to bottom at the left, then left to right
    pairs = {}
    for line in seen.lines:
        y, middle = line[1, 1], (line[1, 0] + line[2, 0]) / 2
        near = [
            t
            for t in seen.texts
            if abs((t[2][0] + t[2][2]) / 2 - middle) < 2 and distance(t[2], middle, y) < 14
        ]
        pairs[round(middle), round(-y)] = tuple(
            text for colour in (GREEN, RED) for text, found, _ in near if found == colour
        )
    assert [pairs[key] for key in sorted(pairs)] == [
        ("2.00", "-0.20"),
        ("-1.00", "0.39"),
        ("-3.00", "-0.39"),
        ("-2.00", "-0.59"),
        ("-3.00", "0.20"),
        ("-2.00", "0.20"),
        ("6.00", "0.20"),
        ("4.00", "0.20"),
        ("1.00", "0.20"),
        ("-1.00", "-0.20"),
        ("0.37", "-0.53"),
        ("1.37", "-0.53"),
        ("0.73", "1.00"),
    ]
    signs = [text for text, _, box in sorted(seen.texts, key=lambda t: t[2][0]) if inside_a_circle(seen, box)]
    assert signs == ["×", "×", "+", "+", "×−1", "exp", "+1", "1/x"]
    names = [text for text, _, box in sorted(seen.texts, key=lambda t: -t[2][1]) if text[0] in "wx"]
    assert names == ["w0", "x0", "w1", "x1", "w2"]


def test_inputs_stand_at_the_left():
    seen = look(graph.draw(perceptron()))
    names = {text: box for text, _, box in seen.texts if text in ("x", "t", "W1", "W2", "b1", "b2")}
    assert len(names) == 6
    assert max(box[2] for box in names.values()) - min(box[2] for box in names.values()) < 3
    assert max(box[2] for box in names.values()) < min(x for x, _, _ in seen.circles)


def test_matrices_are_written_in_full_and_large_ones_as_shape_and_range():
    out = squared_norm()
    out.backward()
    texts = texts_of(out)
    assert "⎡ 0.1 0.5⎤\n⎣-0.3 0.8⎦" in texts
    assert "⎡0.088 0.176⎤\n⎣0.104 0.208⎦" in texts
    assert {"[0.22 0.26]", "[0.44 0.52]", "[-0.112 0.636]", "0.116", "1"} <= set(texts)
    texts = texts_of(perceptron())
    assert any(text.startswith("(3, 50)\n") and " … " in text for text in texts)
    assert "(0, 2)" in texts_of(graph.sum(graph.variable(np.zeros((0, 2)), "x")))


def test_signs_of_plain_numbers():
    x = graph.variable(0.5, "x")
    cases = {
        "+1": x + 1,
        "−2": x + -2,
        "−1.5": x - 1.5,
        "+3": x - -3,
        "3−x": 3 - x,
        "×2": 2 * x,
        "÷7": x / 7,
        "1/x": 1 / x,
        "x²": x**2,
        "x⁻¹": x**-1,
        "x^0.5": x**0.5,
        "2ˣ": 2**x,
        "max\n0": graph.max(0, x),
        "×−1": -x,
    }
    for sign, out in cases.items():
        assert sign in texts_of(out), sign
        assert len(texts_of(out)) == 4  # the name, the sign and two values: no input for the number
    named = x + graph.constant(1, "one")
    assert "one" in texts_of(named)


def test_fan_out_shows_the_sum():
    out = same_input_twice()
    out.backward(3)
    texts = texts_of(out)
    assert texts.count("Σ 0") == 2
    assert "Σ" not in "".join(texts_of(same_input_twice()))


def test_before_backward_there_are_values_only():
    colours = {colour for _, colour, _ in look(graph.draw(sigmoid_slide())).texts}
    assert GREEN in colours
    assert RED not in colours


def test_on_given_axes_the_picture_fits():
    figure = Figure(figsize=(4, 3))
    axes = figure.add_subplot()
    out = sigmoid_slide()
    out.backward()
    assert graph.draw(out, ax=axes) is axes
    seen = look(figure)
    for (a, _, box), (b, _, other) in itertools.combinations(seen.texts, 2):
        assert apart(box, other), (a, b)
    frame = axes.get_window_extent()
    for _, _, box in seen.texts:
        assert frame.x0 - 1 <= box[0]
        assert box[2] <= frame.x1 + 1


@pytest.mark.parametrize(
    ("suffix", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF"), ("SVG", b"<?xml")]
)
def test_files(tmp_path, suffix, start):
    out = simple()
    out.backward()
    for path in (tmp_path / f"a.{suffix}", str(tmp_path / f"b.{suffix}")):
        written = graph.draw(out, path)
        assert written.read_bytes().startswith(start)
        assert str(written) == str(path)
    assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    if suffix == "svg":
        assert ElementTree.parse(written).getroot().tag.endswith("svg")


def test_wrong_arguments(tmp_path):
    with pytest.raises(ValueError, match=r"path is 'f.jpeg'; expected one that ends in .pdf, .png, .svg"):
        graph.draw(simple(), "f.jpeg")
    with pytest.raises(TypeError, match="out is 3; expected a Node"):
        graph.draw(3)
    with pytest.raises(ValueError, match="format"):
        graph.draw(simple(), format="bad")


def test_names_that_mathtext_would_misread():
    x = graph.variable(1, "$x_1")
    assert "$x_1" in texts_of(x * graph.variable(2, "100%$"))


def test_korean_names_are_in_the_file(tmp_path):
    out = graph.variable(100, "사과") * graph.variable(2, "개수")
    out.backward()
    path = graph.draw(out, tmp_path / "f.svg")
    fonts = graph._drawing._families()
    if graph._drawing._has_glyphs("사과개수", fonts):
        pytest.skip("there is a font with Hangul: names are outlines")
    text = path.read_text(encoding="utf-8")
    assert "사과" in text
    assert "개수" in text
    assert "monospace" in text
    assert not graph._drawing._has_glyphs("\U000e0fff", fonts)


def test_notebooks_show_the_picture():
    out = simple()
    out.backward()
    svg = out._repr_svg_()
    assert svg.startswith("<svg")
    ElementTree.fromstring(svg)
    assert svg == out._repr_svg_()
    assert out._repr_html_() is None


def test_notebooks_show_large_graphs_as_text():
    x = graph.variable(1.0, "x<1>")
    out = x
    for _ in range(70):
        out = graph.sin(out)
    assert out._repr_svg_() is None
    html = out._repr_html_()
    assert html.startswith("<pre>forward")
    assert "x&lt;1&gt;" in html
    graph.draw(out)


@pytest.mark.parametrize("missing", ["igraph", "matplotlib"])
def test_without_the_extras(monkeypatch, missing):
    for name in list(sys.modules):
        if name.partition(".")[0] == missing:
            monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, missing, None)
    out = simple()
    with pytest.raises(ImportError, match=rf"needs {missing}, .*pip install nnfast\[plot\]"):
        graph.draw(out)
    assert out._repr_svg_() is None
    assert out._repr_html_().startswith("<pre>forward")


def test_a_node_draws_itself(tmp_path):
    x = graph.variable(3.0, "x")
    path = (x * x).draw(tmp_path / "square.svg")
    assert path == tmp_path / "square.svg"
    assert path.read_text().startswith("<?xml")
