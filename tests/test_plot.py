"""Pictures of nnfast.plot: what is drawn, where it is drawn, and what is left alone."""

from __future__ import annotations

import io
import itertools
import subprocess
import sys
from pathlib import Path

import nnfast as nn
import numpy as np
import pytest
from test_plot_arrays import calls, mixed_network

matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.colors import to_rgba  # noqa: E402
from matplotlib.figure import Figure  # noqa: E402


@pytest.fixture(autouse=True)
def no_pyplot_figures():
    """A test that ran before may have imported pyplot, whose list of figures is global."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


def pixels(figure, dpi=60):
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=dpi)
    buffer.seek(0)
    return matplotlib.image.imread(buffer)


def texts(ax):
    """All texts that are seen, with their boxes in pixels."""
    ax.figure.draw_without_rendering()
    found = [*ax.texts, ax.title]
    for axis in (ax.xaxis, ax.yaxis) if ax.axison else ():
        low, high = sorted(axis.get_view_interval())
        found += [
            axis.label,
            *(tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high),
        ]
    return [(text.get_text(), text.get_window_extent()) for text in found if text.get_text()]


def assert_texts_are_apart(*axes):
    """No text covers another one, and none is cut off."""
    found = [item for ax in axes for item in texts(ax)]
    whole = axes[0].figure.bbox
    for text, box in found:
        assert box.x0 >= whole.x0 - 1 and box.x1 <= whole.x1 + 1, f"{text!r} leaves the figure"  # noqa: PT018
        assert box.y0 >= whole.y0 - 1 and box.y1 <= whole.y1 + 1, f"{text!r} leaves the figure"  # noqa: PT018
    for (one, a), (two, b) in itertools.combinations(found, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across < 0.5 or down < 0.5, f"{one!r} covers {two!r}"


def state(figure):
    return [(ax, len(ax.get_children())) for ax in figure.axes]


# ---------------------------------------------------------------------------------------------- all of them
@pytest.mark.parametrize("name", calls())
def test_returns_axes_of_a_new_figure_that_is_not_blank(name):
    with matplotlib.rc_context():
        before = dict(matplotlib.rcParams)
        got = calls()[name]()
        figure = np.ravel(got)[0].figure
        image = pixels(figure)
        assert dict(matplotlib.rcParams) == before
    assert isinstance(got, Axes) or all(isinstance(ax, Axes) for ax in got)
    assert isinstance(figure, Figure)
    assert image[..., :3].std() > 0.02
    assert_texts_are_apart(*np.ravel(got))


@pytest.mark.parametrize("name", calls())
def test_draws_where_it_is_told_and_nowhere_else(name):
    figure = Figure()
    left, right = figure.subplots(1, 2)
    untouched = state(figure)[0]
    many = name.startswith("activation_")
    got = calls()[name](**({"axes": [right]} if many else {"ax": right}))
    assert np.ravel(got)[0] is right
    assert state(figure)[0] == untouched
    assert left.get_children()
    twins = [ax for ax in figure.axes if ax not in (left, right)]
    assert len(twins) == (name == "history")
    assert len(right.get_children()) > untouched[1]


@pytest.mark.parametrize("name", calls())
def test_axes_that_are_none(name):
    wrong = {"axes": [3]} if name.startswith("activation_") else {"ax": 3}
    with pytest.raises(TypeError, match=rf"plot\.{name}: ax is 3; expected Axes of matplotlib"):
        calls()[name](**wrong)


def run(code):
    """In a process of its own, since pyplot stays imported."""
    prelude = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom test_plot_arrays import calls\n"
    done = subprocess.run([sys.executable, "-c", prelude + code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_pyplot_is_not_used_by_a_program_that_does_not_use_it():
    code = "for draw in calls().values(): draw()\nprint('matplotlib.pyplot' in sys.modules)"
    assert run(code) == ["False"]


def test_pyplot_finds_the_figure_in_a_program_that_uses_it():
    code = (
        "import matplotlib; matplotlib.use('agg')\n"
        "import matplotlib.pyplot as plt, numpy as np\n"
        "for name, draw in calls().items():\n"
        "    figure = np.ravel(draw())[0].figure\n"
        "    assert plt.gcf() is figure and len(plt.get_fignums()) == 1, name\n"
        "    assert figure.get_layout_engine() is not None, name\n"
        "    plt.close()\n"
        "    ax = matplotlib.figure.Figure().subplots()\n"
        "    draw(**({'axes': [ax]} if name.startswith('activation_') else {'ax': ax}))\n"
        "    assert not plt.get_fignums(), name\n"
        "print('good')"
    )
    assert run(code) == ["good"]


def test_in_ipython_pyplot_is_used():
    """It tells a notebook what to show at the end of a cell."""
    code = (
        "import types; module = types.ModuleType('IPython'); module.get_ipython = lambda: object()\n"
        "import matplotlib; matplotlib.use('agg')\n"
        "from nnfast.plot import _figure\n"
        "sys.modules['IPython'] = module\n"
        "print(_figure._in_ipython())\n"
        "module.get_ipython = lambda: None\n"
        "print(_figure._in_ipython())"
    )
    assert run(code) == ["True", "False"]


def test_a_bad_argument_leaves_no_figure_in_pyplot():
    code = (
        "import matplotlib; matplotlib.use('agg')\n"
        "import matplotlib.pyplot as plt, nnfast as nn, numpy as np\n"
        "net, x = nn.mlp([5, 3, 2], seed=0), np.ones((4, 5), np.float32)\n"
        "p = nn.plot\n"
        "for draw in (lambda: p.weights(net), lambda: p.images(x), lambda: p.history({}), lambda: p.network([2]),\n"
        "    lambda: p.network(net, x), lambda: p.confusion(net, x, [0]), lambda: p.descent(lambda x: x, x[:, :2]),\n"
        "    lambda: p.activation_histograms(net), lambda: p.activation_functions(['sine']),\n"
        "    lambda: p.misclassified(net, x, [0, 1, 0, 1]), lambda: p.most_activating(net, x, 1, 0),\n"
        "    lambda: p.decision_boundary(net, x, [0] * 4), lambda: p.histories({'a': {}})):\n"
        "    try:\n"
        "        draw()\n"
        "    except (TypeError, ValueError, KeyError):\n"
        "        print(len(plt.get_fignums()))\n"
    )
    assert run(code) == ["0"] * 13


# ---------------------------------------------------------------------------------------------- learning curves
def a_history(epochs=4, **more):
    history = nn.History()
    history["loss"] = [2.0 / (k + 1) for k in range(epochs)]
    history["val_loss"] = [2.1 / (k + 1) for k in range(epochs)]
    history["accuracy"] = [1 - 0.8 / (k + 1) for k in range(epochs)]
    history["val_accuracy"] = [1 - 0.9 / (k + 1) for k in range(epochs)]
    history.update(more)
    return history


def lines(ax):
    return {line.get_label(): line for line in ax.get_lines()}


def test_history_has_losses_and_accuracies_by_epoch():
    history = a_history()
    ax = history.plot()
    twin = next(other for other in ax.figure.axes if other is not ax)
    drawn = lines(ax) | lines(twin)
    assert set(lines(ax)) == {"loss", "val_loss"}
    assert set(lines(twin)) == {"accuracy", "val_accuracy"}
    for name, line in drawn.items():
        assert line.get_xdata().tolist() == [1, 2, 3, 4]
        assert line.get_ydata().tolist() == history[name]
        assert line.get_linestyle() == ("--" if name.startswith("val_") else "-")
    assert (ax.get_xlabel(), ax.get_ylabel(), twin.get_ylabel()) == ("epoch", "loss", "accuracy")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(drawn)
    assert_texts_are_apart(ax)


def test_history_of_some_numbers():
    ax = nn.plot.history({"loss": [1.0, 0.5]})
    assert set(lines(ax)) == {"loss"}
    assert ax.figure.axes == [ax]
    ax = nn.plot.history({"accuracy": [0.5, 0.6], "val_accuracy": [0.4, 0.5], "lr": [1, 1]})
    assert set(lines(ax)) == {"accuracy", "val_accuracy"}
    assert ax.get_ylabel() == "accuracy"
    assert ax.figure.axes == [ax]
    one = nn.plot.history({"loss": [1.0]})
    assert lines(one)["loss"].get_marker() == "o"  # a line through one point is nothing
    low, high = one.get_xlim()
    assert [tick for tick in one.get_xticks() if low < tick < high] == [1]  # no epoch 0.98


def test_history_of_every_step(rng):
    history = a_history(epochs=5)
    history.step_losses = rng.random(200).astype(np.float32)
    ax = nn.plot.history(history)
    drawn = lines(ax)
    assert set(drawn) == {"loss of a step", "mean of 10 steps", "val_loss"}
    thin, thick = drawn["loss of a step"], drawn["mean of 10 steps"]
    assert np.array_equal(thin.get_ydata(), history.step_losses)
    np.testing.assert_allclose(thin.get_xdata(), np.arange(1, 201) / 40)
    assert thin.get_linewidth() < thick.get_linewidth()
    expected = [history.step_losses[k : k + 10].mean(dtype=np.float64) for k in range(191)]
    np.testing.assert_allclose(thick.get_ydata(), expected, rtol=1e-5)
    np.testing.assert_allclose(thick.get_xdata()[0], (1 + 10) / 2 / 40)


def test_history_of_a_fit(rng):
    x, t = rng.standard_normal((64, 3)), rng.integers(0, 2, 64)
    network = nn.mlp([3, 4, 2], seed=0)
    history = network.fit(x, t, epochs=2, batch_size=16, validation=0.25, step_losses=True, progress=False)
    ax = history.plot()
    assert len(lines(ax)["loss of a step"].get_xdata()) == 6
    assert lines(ax)["mean of 6 steps"].get_ydata() == pytest.approx([history.step_losses.mean()], rel=1e-5)


def test_history_errors():
    with pytest.raises(ValueError, match=r"plot\.history: there is no loss and no accuracy"):
        nn.plot.history(nn.History())
    with pytest.raises(TypeError, match=r"plot\.history: history is 3; expected the History of a fit"):
        nn.plot.history(3)
    with pytest.raises(ValueError, match=r"'loss' has shape \(1, 1\)"):
        nn.plot.history({"loss": [[1.0]]})


def test_histories():
    ax = nn.plot.histories({"SGD": a_history(), "Adam": a_history(3)}, key="val_loss")
    assert list(lines(ax)) == ["SGD", "Adam"]
    assert lines(ax)["Adam"].get_xdata().tolist() == [1, 2, 3]
    assert lines(ax)["SGD"].get_ydata().tolist() == a_history()["val_loss"]
    assert ax.get_ylabel() == "val_loss"
    assert len({line.get_color() for line in ax.get_lines()}) == 2
    assert len({line.get_marker() for line in ax.get_lines()}) == 2
    many = nn.plot.histories({f"{k}": a_history() for k in range(20)})
    assert len({(line.get_color(), line.get_linestyle()) for line in many.get_lines()}) == 20
    with pytest.raises(KeyError, match="'Adam' has no 'val_loss'; expected one of loss"):
        nn.plot.histories({"Adam": {"loss": [1.0]}}, key="val_loss")
    with pytest.raises(TypeError, match=r"plot\.histories: histories is \{\}"):
        nn.plot.histories({})


# ---------------------------------------------------------------------------------------------- activations
def stairs(ax):
    (patch,) = ax.patches
    return patch.get_data()


def test_activation_histograms_count_as_numpy_does(rng, dtype):
    activations = [
        rng.standard_normal((50, 7)).astype(dtype),
        np.maximum(rng.standard_normal((50, 3)), 0).astype(dtype),
    ]
    axes = nn.plot.activation_histograms(activations=activations, bins=12)
    assert len(axes) == 2
    everything = np.concatenate([a.ravel() for a in activations])
    for k, (ax, a) in enumerate(zip(axes, activations, strict=True), 1):
        counts, edges = np.histogram(a, 12, (everything.min(), everything.max()))
        assert stairs(ax).values.tolist() == counts.tolist()
        np.testing.assert_allclose(stairs(ax).edges, edges, rtol=1e-6)
        assert counts.sum() == a.size
        assert ax.get_title() == f"layer {k}"
        (numbers,) = (text.get_text() for text in ax.texts)
        assert numbers.startswith(f"mean {a.mean(dtype=float):.2g}, std {a.std(dtype=float):.2g}")
        assert ("zero" in numbers) == (k == 2)
    assert_texts_are_apart(*axes)


def test_activation_histograms_of_hidden_layers(rng):
    network = nn.mlp([8, 30, 20, 10, 4], activation="sigmoid", init=1.0, seed=0)
    x = rng.random((40, 8))
    axes = nn.plot.activation_histograms(network, x)
    assert [ax.get_title() for ax in axes] == ["layer 1", "layer 2", "layer 3"]
    assert [stairs(ax).values.sum() for ax in axes] == [1200, 800, 400]
    assert len(stairs(axes[0]).values) == 30
    mixed, x, _ = mixed_network(rng)
    assert len(nn.plot.activation_histograms(mixed, x)) == 2


def test_activation_histograms_of_values_that_are_all_the_same():
    (ax,) = nn.plot.activation_histograms(activations=[np.zeros(9)], bins=3)
    assert stairs(ax).values.tolist() == [0, 9, 0]
    assert ax.texts[0].get_text() == "mean 0, std 0, zero 100%"


def test_activation_histograms_of_ten_layers_are_two_rows(rng):
    axes = nn.plot.activation_histograms(activations=[rng.random(30) for _ in range(10)])
    assert len({round(ax.get_position().y0, 3) for ax in axes}) == 2
    assert_texts_are_apart(*axes)


def test_activation_histograms_errors(rng):
    network, x = nn.mlp([4, 3], seed=0), rng.random((5, 4))
    draw = nn.plot.activation_histograms
    with pytest.raises(ValueError, match=r"plot\.activation_histograms: the network has no hidden layer"):
        draw(network, x)
    with pytest.raises(TypeError, match="there is no net or no x"):
        draw(network)
    with pytest.raises(TypeError, match="expected one of the two"):
        draw(network, x, activations=[x])
    with pytest.raises(ValueError, match="not finite"):
        draw(activations=[[np.nan]])
    with pytest.raises(ValueError, match="activations is empty"):
        draw(activations=[])
    with pytest.raises(ValueError, match="axes has 1 Axes; expected 2"):
        draw(activations=[x, x], axes=[Figure().subplots()])
    with pytest.raises(ValueError, match="bins is 0"):
        draw(activations=[x], bins=0)
    with pytest.raises(TypeError, match="net is 3; expected a Network"):
        draw(3, x)


def test_activation_functions_and_their_derivatives():
    axes = nn.plot.activation_functions()
    assert [ax.get_title() for ax in axes] == ["sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu"]
    for ax in axes:
        f, derivative = lines(ax)["f"], lines(ax)["f'"]
        x, y = f.get_xdata(), f.get_ydata()
        assert (x[0], x[-1]) == (-4, 4)
        np.testing.assert_array_equal(y, getattr(nn.functional, ax.get_title())(x))
        slope, at = np.diff(y) / np.diff(x), (x[1:] + x[:-1]) / 2
        smooth = np.abs(at) > 0.02  # away from kinks
        expected = np.interp(at, x, derivative.get_ydata())
        np.testing.assert_allclose(slope[smooth], expected[smooth], atol=1e-4)
    assert_texts_are_apart(*axes)


def test_activation_functions_that_are_chosen():
    (ax,) = nn.plot.activation_functions(["softplus"], derivatives=False, limit=2)
    assert "f'" not in lines(ax)
    assert ax.get_legend() is None
    assert lines(ax)["f"].get_xdata()[0] == -2
    (step,) = nn.plot.activation_functions("step")
    assert np.isnan(lines(step)["f"].get_ydata()).sum() == 1  # no line up the jump
    others = [
        "softmax",
        "affine",
        "dropout",
        "prelu",
        "maxout",
        "normalization",
        "loss",
        "entropy",
        "error",
        "huber",
        "hinge",
    ]
    for name in nn.functional.__all__:
        if f"{name}_backward" in nn.functional.__all__ and not any(other in name for other in others):
            assert len(nn.plot.activation_functions([name], axes=[Figure().subplots()])) == 1


@pytest.mark.parametrize(
    "name", ["sine", "affine", "prelu", "maxout", "softmax", "dropout", "batch_normalization", "huber", 3]
)
def test_activation_functions_errors(name):
    with pytest.raises(ValueError, match=r"plot\.activation_functions: .* is no activation"):
        nn.plot.activation_functions([name])


# ---------------------------------------------------------------------------------------------- classes
def test_confusion_has_the_counts(rng):
    network = nn.mlp([4, 6, 3], seed=0)
    x, t = rng.standard_normal((60, 4)).astype(np.float32), rng.integers(0, 3, 60)
    ax = nn.plot.confusion(network, x, np.eye(3)[t], names=["a", "b", "long name"])
    counts = nn.plot.confusion_matrix(t, network.classify(x), 3)
    assert {text.get_position(): text.get_text() for text in ax.texts} == {
        (column, row): str(counts[row, column]) for row in range(3) for column in range(3)
    }
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array(), counts / counts.sum(axis=1, keepdims=True))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("prediction", "truth")
    right = int(np.trace(counts))
    assert ax.get_title() == f"{right} of 60 right: {right / 60:.1%}"
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b", "long name"]
    assert_texts_are_apart(ax)
    with pytest.raises(ValueError, match=r"plot\.confusion: there are 2 names; expected one for each of 3"):
        nn.plot.confusion(network, x, t, names=["a", "b"])
    with pytest.raises(ValueError, match=r"plot\.confusion: t has shape \(59,\); expected labels \(60,\)"):
        nn.plot.confusion(network, x, t[1:])
    with pytest.raises(TypeError, match=r"plot\.confusion: net is 3"):
        nn.plot.confusion(3, x, t)


def test_confusion_of_many_classes_and_large_counts(rng):
    network = nn.mlp([4, 40], seed=0)
    x = rng.standard_normal((200, 4))
    ax = nn.plot.confusion(network, x, rng.integers(0, 40, 200))
    assert ax.images[0].get_array().shape == (40, 40)
    assert_texts_are_apart(ax)
    network = nn.mlp([4, 1], loss=nn.SigmoidCrossEntropy(), seed=0)
    ax = nn.plot.confusion(network, np.tile(x, (60, 1)), rng.integers(0, 2, 12000))
    assert sum(int(text.get_text()) for text in ax.texts) == 12000
    assert_texts_are_apart(ax)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_decision_boundary_agrees_with_classify(rng, dtype, classes):
    x = (rng.standard_normal((150, 2)) * [1, 4] + [0.5, 0]).astype(dtype)
    t = rng.integers(0, classes, 150)
    network = nn.mlp([2, 12, classes], activation="tanh", dtype=dtype, seed=1)
    ax = nn.plot.decision_boundary(network, x, t, resolution=200)
    (image,) = ax.images
    left, right, bottom, top = image.get_extent()
    colours = image.get_array()
    assert colours.shape == (200, 200, 3)
    assert np.all((x[:, 0] > left) & (x[:, 0] < right) & (x[:, 1] > bottom) & (x[:, 1] < top))
    # The samples that have one class all over the pixel that they are in and its neighbours.
    step = np.array([right - left, top - bottom]) / 200
    around = np.stack([x + step * np.array(d) for d in itertools.product((-1, 0, 1), repeat=2)])
    answers = network.classify(around.reshape(-1, 2).astype(dtype)).reshape(9, -1)
    sure = np.all(answers == answers[0], axis=0)
    assert sure.mean() > 0.6
    column, row = ((x[sure] - [left, bottom]) / step).astype(int).T
    drawn = colours[row, column]
    palette = {}
    for label, colour in zip(answers[0][sure], drawn, strict=True):
        assert palette.setdefault(label, tuple(colour)) == tuple(colour)
    assert len(set(palette.values())) == len(palette)
    assert len(palette) > 1


def test_decision_boundary_shows_the_samples(rng):
    x, t = rng.standard_normal((30, 2)), np.arange(30) % 3
    ax = nn.plot.decision_boundary(nn.mlp([2, 8, 3], seed=0), x, t, resolution=30)
    assert len(ax.collections) == 3
    for label, points in enumerate(ax.collections):
        np.testing.assert_allclose(points.get_offsets(), x[t == label])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["0", "1", "2"]
    assert ax.get_legend().get_title().get_text() == "class"
    assert_texts_are_apart(ax)


def test_decision_boundary_of_a_function():
    """AND by hand: only the corner (1, 1) is in the other region."""
    gates = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    ax = nn.plot.decision_boundary(lambda x: x @ [0.5, 0.5] > 0.7, gates, [0, 0, 0, 1], resolution=120)
    colours = ax.images[0].get_array()
    corners = [tuple(colours[row, column]) for row in (10, 109) for column in (10, 109)]
    assert len(set(corners)) == 2
    assert corners[0] == corners[1] == corners[2] != corners[3]
    shown = pixels(ax.figure, dpi=ax.figure.dpi)
    for point, colour in (((0.9, 0.9), corners[3]), ((0.9, 0.1), corners[0]), ((0.1, 0.9), corners[0])):
        column, row = ax.transData.transform(point).astype(int)
        np.testing.assert_allclose(shown[len(shown) - 1 - row, column, :3], colour, atol=0.01)


@pytest.mark.parametrize(
    ("net", "x", "t", "kind", "message"),
    [
        ("net", np.ones((3, 4)), [0, 1, 0], ValueError, r"x has shape \(3, 4\); expected \(batch, 2\)"),
        ("net", np.ones((0, 2)), [], ValueError, r"x has shape \(0, 2\)"),
        ("net", np.ones((3, 2)), [0, 1], ValueError, r"t has shape \(2,\)"),
        (3, np.ones((3, 2)), [0, 1, 0], TypeError, "net is 3; expected a Network, or a function"),
        (lambda x: x[:5, 0] > 0, np.ones((3, 2)), [0, 1, 0], ValueError, "what net gives has shape"),
    ],
)
def test_decision_boundary_errors(net, x, t, kind, message):
    net = nn.mlp([2, 3, 2], seed=0) if net == "net" else net
    with pytest.raises(kind, match=r"plot\.decision_boundary: " + message):
        nn.plot.decision_boundary(net, x, t)


# ---------------------------------------------------------------------------------------------- descent
def valley(x):
    return x[0] ** 2 / 20 + x[1] ** 2


def test_descent_draws_the_paths_on_the_function(rng):
    paths = {"SGD": rng.standard_normal((12, 2)), "Adam": rng.standard_normal((5, 2))}
    ax = nn.plot.descent(valley, paths, resolution=40)
    drawn = lines(ax)
    for name, path in paths.items():
        assert np.array_equal(drawn[name].get_xydata(), path)
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["SGD", "Adam"]
    rings = [line for line in ax.get_lines() if line.get_marker() == "o" and line.get_markersize() == 9]
    crosses = [line for line in ax.get_lines() if line.get_marker() == "x"]
    assert [ring.get_xydata()[0].tolist() for ring in rings] == [p[0].tolist() for p in paths.values()]
    assert [cross.get_xydata()[0].tolist() for cross in crosses] == [p[-1].tolist() for p in paths.values()]
    (contours,) = ax.collections
    assert len(contours.levels) == 15
    for level, segments in zip(contours.levels, contours.allsegs, strict=True):
        for points in segments:
            np.testing.assert_allclose(valley(points.T), level, rtol=0.05, atol=0.02)
    assert_texts_are_apart(ax)


@pytest.mark.parametrize(
    "f",
    [
        valley,
        lambda x, y: x**2 / 20 + y**2,
        lambda x: np.sum(x * x * [0.05, 1]),
        lambda x: np.array([x @ [[0.05, 0], [0, 1]] @ x]),
    ],
    ids=["x[0]", "x, y", "np.sum", "matrix"],
)
def test_descent_takes_functions_as_the_courses_write_them(f):
    ax = nn.plot.descent(f, [[-7.0, 2.0], [0.0, 0.0]], levels=[1.0, 2.0], resolution=60)
    assert ax.get_legend() is None
    contours = ax.collections[0]
    assert contours.levels.tolist() == [1, 2]
    points = np.concatenate(contours.allsegs[1])
    np.testing.assert_allclose(valley(points.T), 2, rtol=0.01)


def test_descent_limits_and_points_that_are_not_finite():
    path = [[1.0, 1.0], [2.0, 2.0], [np.inf, 0.0]]
    ax = nn.plot.descent(valley, path, limits=((-3, 3), (-1, 4)), resolution=10)
    assert (ax.get_xlim(), ax.get_ylim()) == ((-3, 3), (-1, 4))
    assert ax.get_lines()[0].get_xydata().tolist() == path[:2]
    along = nn.plot.descent(valley, [[0.0, 0.0], [0.0, 4.0]], resolution=10)  # an axis still has a width
    assert np.diff(along.get_xlim())[0] > 0.3
    assert nn.plot.descent(lambda x, y: np.log(x) + y, [[1.0, 1.0], [0.5, 2.0]], resolution=10)


@pytest.mark.parametrize(
    ("f", "path", "more", "kind", "message"),
    [
        (3, [[0.0, 0]], {}, TypeError, "f is 3; expected a function"),
        (valley, [[0.0, 0, 0]], {}, ValueError, r"path has shape \(1, 3\); expected \(steps, 2\)"),
        (valley, {"a": [0.0, 0]}, {}, ValueError, r"path\['a'\] has shape \(2,\)"),
        (valley, {}, {}, ValueError, "path is an empty dict"),
        (valley, [[np.nan, 0]], {}, ValueError, "path has no finite point"),
        (lambda x: x, [[0.0, 0]], {}, ValueError, "f gives array.*expected a number for one point"),
        (lambda x: np.nan, [[0.0, 0]], {}, ValueError, "f is nowhere finite"),
        (valley, [[0.0, 0]], {"levels": 0}, ValueError, "levels is 0"),
        (valley, [[0.0, 0]], {"limits": ((1, 0), (0, 1))}, ValueError, "limits is"),
    ],
)
def test_descent_errors(f, path, more, kind, message):
    with pytest.raises(kind, match=r"plot\.descent: " + message):
        nn.plot.descent(f, path, **more)


# ---------------------------------------------------------------------------------------------- network
def circles(ax):
    """Columns of circles from left to right, each from the top."""
    found = sorted(ax.patches, key=lambda c: (round(c.center[0], 3), -c.center[1]))
    return [list(group) for _, group in itertools.groupby(found, key=lambda c: round(c.center[0], 3))]


def test_network_has_a_circle_for_every_neuron_and_a_line_for_every_weight(rng):
    network = nn.mlp([3, 5, 2], seed=0)
    network.params["W1"][0, 0] = 0.0
    ax = nn.plot.network(network)
    assert [len(column) for column in circles(ax)] == [3, 5, 2]
    assert [len(c.get_segments()) for c in ax.collections] == [15, 10]
    assert {c.get_facecolor() for column in circles(ax) for c in column} == {(1, 1, 1, 1)}
    for k, collection in enumerate(ax.collections, 1):
        W = network.params[f"W{k}"]
        starts, ends = circles(ax)[k - 1], circles(ax)[k]
        strongest = np.abs(W).max()
        for segment, colour, (i, j) in zip(
            collection.get_segments(), collection.get_colors(), np.ndindex(*W.shape), strict=True
        ):
            np.testing.assert_allclose(segment, [starts[i].center, ends[j].center])
            assert tuple(colour[:3]) == to_rgba("#0072B2" if W[i, j] >= 0 else "#D55E00")[:3]
            assert colour[3] == pytest.approx(0.05 + 0.85 * abs(W[i, j]) / strongest, abs=1e-6)
    words = [text.get_text() for text in ax.texts]
    assert words == ["input\n3", "hidden\n5", "output\n2", "0", "1"]
    assert_texts_are_apart(ax)


def test_network_is_grey_as_its_neurons_are_active(rng):
    network = nn.mlp([3, 4, 2], activation="sigmoid", seed=0)
    x = rng.random(3).astype(np.float32)
    ax = nn.plot.network(network, x)
    p = network.params
    hidden = 1 / (1 + np.exp(-(x @ p["W1"] + p["b1"])))
    shades = [[c.get_facecolor() for c in column] for column in circles(ax)]
    for column, values in zip(shades, (x, hidden, network.predict_proba(x[None])[0]), strict=True):
        assert all(r == g == b for r, g, b, _ in column)
        np.testing.assert_allclose([r for r, *_ in column], values, atol=1e-3)
    words = [text.get_text() for text in ax.texts][-2:]
    assert words == [f"{k}  {v:.2f}" for k, v in enumerate(network.predict_proba(x[None])[0])]


@pytest.mark.filterwarnings("ignore::nnfast.errors.CollapsingLayersWarning")
def test_network_activations_beyond_one_are_scaled_and_negative_ones_black():
    affine = nn.Affine(np.array([[4.0, -3.0, 1.0]]), np.zeros(3))
    last = nn.Affine(np.ones((3, 2)), np.array([1.0, -5.0]))
    network = nn.Network([affine, nn.Identity(), last], loss=nn.MeanSquaredError())
    columns = circles(nn.plot.network(network, [0.5]))
    assert [round(c.get_facecolor()[0], 3) for c in columns[0]] == [0.5]
    assert [round(c.get_facecolor()[0], 3) for c in columns[1]] == [1, 0, 0.25]
    assert [round(c.get_facecolor()[0], 3) for c in columns[2]] == [1, 0]  # scores 2 and -4


def test_network_with_wide_layers_has_an_ellipsis(rng):
    network = nn.mlp([40, 17, 16, 3], seed=0)
    x = np.linspace(0, 1, 40, dtype=np.float32)
    ax = nn.plot.network(network, x)
    assert [len(column) for column in circles(ax)] == [16, 16, 16, 3]
    words = [text.get_text() for text in ax.texts]
    assert words.count("⋮") == 2
    assert "hidden 1\n17" in words
    shown = [c.get_facecolor()[0] for c in circles(ax)[0]]
    np.testing.assert_allclose(shown, np.concatenate([x[:8], x[-8:]]), atol=1e-3)
    W = network.params["W1"]
    colours = ax.collections[0].get_colors()
    expected = W[np.ix_([*range(8), *range(32, 40)], [*range(8), *range(9, 17)])].ravel() >= 0
    assert [tuple(c[:3]) == to_rgba("#0072B2")[:3] for c in colours] == expected.tolist()
    assert_texts_are_apart(ax)
    assert [len(column) for column in circles(nn.plot.network([9, 2], max_neurons=5))] == [5, 2]


def test_network_of_sizes_and_labels():
    ax = nn.plot.network([784, 16, 16, 10], labels=[f"digit {k}" for k in range(10)])
    words = [text.get_text() for text in ax.texts]
    assert words[-10:] == [f"digit {k}" for k in range(10)]
    assert {"input\n784", "hidden 1\n16", "hidden 2\n16", "output\n10"} < set(words)
    assert_texts_are_apart(ax)


def test_network_of_any_layer_list(rng):
    network, x, _ = mixed_network(rng)
    ax = nn.plot.network(network, x[0])
    assert [len(column) for column in circles(ax)] == [6, 5, 4, 3]
    assert [len(c.get_segments()) for c in ax.collections] == [30, 20, 12]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((3,), TypeError, "net is 3; expected a Network or a sequence of sizes"),
        (([3],), ValueError, r"net is \[3\]; expected at least two sizes"),
        (([3, 2], [1.0, 2, 3]), ValueError, "a Network where x is given"),
        (([3, 0],), ValueError, r"sizes\[1\] is 0"),
        (([3, 2], None, None, 1), ValueError, "max_neurons is 1"),
        (("net", np.ones(4)), ValueError, r"x has shape \(4,\); expected one sample \(3,\)"),
        (("net", np.ones((2, 3))), ValueError, r"x has shape \(2, 3\); expected one sample"),
    ],
)
def test_network_errors(arguments, kind, message):
    first, *rest = arguments
    first = nn.mlp([3, 2], seed=0) if first == "net" else first
    with pytest.raises(kind, match=r"plot\.network: .*" + message):
        nn.plot.network(first, *rest)
    with pytest.raises(ValueError, match="there are 1 labels; expected one for each of 2 outputs"):
        nn.plot.network([3, 2], labels=["a"])


def test_columns_are_drawn_as_rows(rng):
    """A network whose samples are columns has the same pictures."""
    (x, t), _ = nn.datasets.load_mnist_sample()
    x, t = x[:60], t[:60]
    rows = nn.mlp([784, 6, 10], seed=0)
    columns = nn.mlp([784, 6, 10], seed=0, convention="columns")
    one_hot = {60: lambda t: np.eye(10)[t], 784: lambda t: np.eye(10)[t].T}
    for draw in (
        lambda net, x, t: nn.plot.confusion(net, x, t),
        lambda net, x, t: nn.plot.misclassified(net, x, t, count=4),
        lambda net, x, t: nn.plot.misclassified(net, x, one_hot[len(x)](t), count=4),
        lambda net, x, t: nn.plot.most_activating(net, x, 1, 2, count=4),
        lambda net, x, t: nn.plot.activation_histograms(net, x)[0],
        lambda net, x, t: nn.plot.network(net, x[:, 0] if x.shape[1] == 60 else x[0]),
    ):
        one, other = draw(rows, x, t), draw(columns, x.T, t)
        np.testing.assert_array_equal(pixels(one.figure), pixels(other.figure))
    points = rng.standard_normal((50, 2))
    labels = (points[:, 0] > 0).astype(int)
    one = nn.plot.decision_boundary(nn.mlp([2, 4, 2], seed=0), points, labels)
    other = nn.plot.decision_boundary(nn.mlp([2, 4, 2], seed=0, convention="columns"), points.T, labels)
    np.testing.assert_array_equal(pixels(one.figure), pixels(other.figure))


def test_several_panels_in_one_axes():
    ax, other = Figure().subplots(1, 2)
    assert nn.plot.activation_functions(["relu", "tanh"], ax=ax, limit=2) is ax
    drawn = lines(ax)
    np.testing.assert_allclose(drawn["tanh"].get_ydata(), np.tanh(drawn["tanh"].get_xdata()), rtol=1e-12)
    assert set(drawn) >= {"relu", "relu'", "tanh", "tanh'"}
    assert drawn["relu"].get_color() == drawn["relu'"].get_color() != drawn["tanh"].get_color()
    a, b = np.array([0.0, 0.2, 0.2]), np.array([1.0, 0.9])
    assert nn.plot.activation_histograms(activations=[a, b], bins=5, ax=other) is other
    counts = [patch.get_data().values for patch in other.patches]
    np.testing.assert_array_equal(counts, [np.histogram(v, 5, (0, 1))[0] for v in (a, b)])
    assert [text.get_text() for text in other.get_legend().get_texts()] == ["layer 1", "layer 2"]
    for call in (
        lambda: nn.plot.activation_functions(ax=ax, axes=[ax]),
        lambda: nn.plot.activation_histograms(activations=[a], ax=ax, axes=[ax]),
    ):
        with pytest.raises(TypeError, match="ax and axes are given; expected one of the two"):
            call()
