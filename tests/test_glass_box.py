"""The courses' notation, recorded passes, columns, gradients of single samples, and explain."""

from __future__ import annotations

import io
import itertools
import re

import nnfast as nn
import numpy as np
import pytest
from conftest import assert_same_bits
from network_samples import Affine, Scale, batch, network_of_everything
from nnfast import functional as F
from nnfast.explanation import lines


@pytest.fixture
def net():
    return nn.mlp([6, 5, 7, 4], "sigmoid", seed=0, dtype=np.float64)


# ---- Notation


def test_notation_of_layers(net):
    assert net.L == 3
    assert net.n == (6, 5, 7, 4)
    assert [W.shape for W in net.W] == [(5, 6), (7, 5), (4, 7)]
    assert [b.shape for b in net.b] == [(5,), (7,), (4,)]
    assert len(net.W) == 3
    assert_same_bits(net.W[-1], net.W[3])
    assert repr(net.W) == "<W by layer: 1: (5, 6), 2: (7, 5), 3: (4, 7)>"


def test_weights_are_writable_views_row_to_column_from(net):
    net.W[2][3, 1] = 42.0
    assert net.params["W2"][1, 3] == net.layers[2].W[1, 3] == 42.0
    assert np.shares_memory(net.W[2], net.params["W2"])
    net.W[1] = np.arange(30.0).reshape(5, 6)
    assert_same_bits(net.params["W1"], np.arange(30.0).reshape(5, 6).T)
    net.b[3] = np.ones(4)
    assert (net.params["b3"] == 1).all()
    net.layers[0].W = np.zeros((6, 5))  # put in its place, not yet looked at by the network
    assert not net.W[1].any()


@pytest.mark.parametrize(
    ("ask", "error", "text"),
    [
        (lambda net: net.W[0], IndexError, r"W\[0\] does not exist; expected 1..3; layer 0 is the input"),
        (lambda net: net.W[4], IndexError, r"W\[4\] does not exist; expected 1..3$"),
        (lambda net: net.b["1"], TypeError, "the index of b is '1'"),
        (lambda net: net.a[1], RuntimeError, r"no forward pass is recorded; call network.forward\(x\)"),
        (lambda net: net.z[1], RuntimeError, "no forward pass"),
        (lambda net: net.W.__setitem__(1, np.ones((6, 5))), ValueError, r"W\[1\] is set to shape \(6, 5\); expected"),
        (lambda net: net.forward(np.ones((2, 5))), ValueError, r"Network.forward: x has shape \(2, 5\)"),
    ],
)  # fmt: skip
def test_notation_errors(net, ask, error, text):
    with pytest.raises(error, match=text):
        ask(net)


def test_layers_without_bias_and_networks_without_weights():
    net = nn.Network([nn.Affine(3, 2, bias=False, rng=0)])
    assert net.b[1] is None
    with pytest.raises(ValueError, match="expected a layer with one"):
        net.b[1] = np.ones(2)
    assert nn.Network([nn.Relu()]).L == 0
    assert nn.Network([nn.Relu()]).n == ()


def test_forward_records_what_the_formulas_say(net, rng):
    x, _ = batch(rng)
    y = net.forward(x)
    assert_same_bits(y, net.predict(x))
    assert_same_bits(y, net(x))
    a = x
    for layer in (1, 2, 3):
        z = a @ net.W[layer].T + net.b[layer]
        np.testing.assert_allclose(net.z[layer], z, rtol=1e-13)
        a = 1 / (1 + np.exp(-z)) if layer < 3 else z
        np.testing.assert_allclose(net.a[layer], a, rtol=1e-13)
    assert_same_bits(net.a[0], x)
    assert_same_bits(net.a[3], y)
    one = net.forward(x[0])
    assert one.shape == (4,)
    assert net.z[1].shape == (5,)
    assert_same_bits(one, y[0])


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_forward_has_the_bits_of_the_network(dtype, training, rng):
    net = network_of_everything(dtype, seed=3)
    x, t = batch(rng, 20, dtype)
    net.gradient(x, t)  # statistics and steps that are not those of the start
    before = net._snapshot()
    y = net.forward(x, training=training)
    assert_same_bits(y, net._forward(x, training, dry=True))
    for now, then in zip(net._snapshot(), before, strict=True):
        assert_same_bits(now, then)
    assert net.training_steps == 1
    assert net.n == (6, 9, 8, 7, 5, 4)
    assert [a.shape[1] for a in net.a] == list(net.n)


def test_forward_of_images_and_of_layers_in_python(rng):
    class Double:
        def forward(self, x):
            return 2 * x

        def backward(self, dy):
            return 2 * dy

    net = nn.Network([nn.Flatten(), nn.Affine(4, 3, rng=0), Double(), nn.Relu(), nn.Affine(3, 2, rng=1)])
    images = rng.integers(256, size=(5, 2, 2)).astype(np.uint8)
    assert_same_bits(net.forward(images), net.predict(images))
    assert_same_bits(net.a[1], np.maximum(2 * net.z[1], 0))


# ---- Columns


def test_columns_are_rows_turned(rng, tmp_path):
    rows = nn.mlp([6, 5, 4], seed=0, dtype=np.float64)
    columns = nn.mlp([6, 5, 4], seed=0, dtype=np.float64, convention="columns")
    x, t = batch(rng, 6)  # as many samples as inputs: nothing can be told from the shape
    one_hot = np.eye(4)[t]
    assert_same_bits(columns.predict(x.T), rows.predict(x).T)
    assert_same_bits(columns.predict(x[0]), rows.predict(x[0]))
    assert_same_bits(columns.predict(x[:1].T), rows.predict(x[:1]).T)
    assert_same_bits(columns.predict_proba(x.T), rows.predict_proba(x).T)
    assert_same_bits(columns.classify(x.T), rows.classify(x))
    assert columns.evaluate(x.T, one_hot.T) == rows.evaluate(x, one_hot)
    assert columns.loss(x.T, t, training=True) == rows.loss(x, t, training=True)
    assert columns.accuracy(x.T, t) == rows.accuracy(x, t)
    assert_same_bits(columns.gradient(x.T, one_hot.T)["W1"], rows.gradient(x, one_hot)["W1"])
    assert columns.train_step(x.T, t, nn.SGD(0.1)) == rows.train_step(x, t, nn.SGD(0.1))
    columns.forward(x.T)
    for layer in (1, 2):
        assert columns.b[layer].shape == (rows.n[layer], 1)
        z = columns.W[layer] @ columns.a[layer - 1] + columns.b[layer]
        np.testing.assert_allclose(columns.z[layer], z, rtol=1e-13)
    assert_same_bits(columns.input_gradient(x.T, t), rows.input_gradient(x, t).T)
    settings = {"epochs": 2, "batch_size": 2, "validation": 0.5}
    first = columns.fit(x.T, one_hot.T, **settings)
    second = rows.fit(x, one_hot, **settings)
    assert {k: v for k, v in first.items() if k != "seconds"} == {
        k: v for k, v in second.items() if k != "seconds"
    }
    columns.fit(x.T, t, validation=(x.T, t))
    path = tmp_path / "columns.safetensors"
    columns.save(path)
    for again in (nn.Network.load(path), columns.copy()):
        assert again.convention == "columns"
        assert_same_bits(again.predict(x.T), columns.predict(x.T))


def test_columns_errors():
    net = nn.mlp([6, 5, 4], convention="columns", seed=0)
    with pytest.raises(
        ValueError, match=r"x has shape \(5, 6\); expected \(6, batch\), one column per sample"
    ):
        net.predict(np.ones((5, 6)))
    with pytest.raises(ValueError, match="convention is 'diagonals'; expected one of 'rows', 'columns'"):
        nn.mlp([6, 5, 4], convention="diagonals")


# ---- Gradients of single samples, of the input, of everything


LOSSES = [
    nn.SoftmaxCrossEntropy(),
    nn.SoftmaxCrossEntropy(label_smoothing=0.2, class_weight=[1, 2, 0.5, 3]),
    nn.SigmoidCrossEntropy(),
    nn.MeanSquaredError(),
    nn.SumSquaredError(reduction="batch_mean"),
    nn.SumSquaredError(factor=1, reduction="sum"),
    nn.Huber(),
]


def wide_network(loss, **settings):
    layers = [
        nn.Affine(6, 5, rng=1, dtype=np.float64), nn.LayerNormalization(5), nn.PRelu(0.2, 5),
        nn.Affine(5, 4, rng=2, bias=False),
    ]  # fmt: skip
    return nn.Network(layers, loss, np.float64, **settings)


@pytest.mark.parametrize("penalty", [0.0, 0.1])
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_mean_of_what_samples_want_is_the_gradient(loss, penalty, rng):
    net = wide_network(loss, l2=penalty, l1=penalty / 10)
    x, t = batch(rng)
    t = t if loss._over_classes else np.eye(4)[t]
    batch_gradient = {name: g.copy() for name, g in net.gradient(x, t).items()}
    wishes = net.per_sample_gradient(x, t)
    assert list(wishes) == list(net.params)
    if loss.reduction == "sum":
        combined = {name: g.sum(0) + net._penalty_gradients().get(name, 0) for name, g in wishes.items()}
        assert net.per_sample_loss(x, t).sum() == pytest.approx(net.loss(x, t) - net._penalty(), rel=1e-12)
    else:
        combined = {name: g.mean(0) for name, g in wishes.items()}
        assert net.per_sample_loss(x, t).mean() == pytest.approx(net.loss(x, t), rel=1e-12)
    for name, gradient in batch_gradient.items():
        assert wishes[name].shape == (len(x), *gradient.shape)
        np.testing.assert_allclose(combined[name], gradient, rtol=1e-10, atol=1e-14, err_msg=name)
    if not penalty:
        squares = sum((g.reshape(len(x), -1) ** 2).sum(1) for g in wishes.values())
        np.testing.assert_allclose(net.per_sample_gradient(x, t, norms=True), np.sqrt(squares), rtol=1e-12)


def test_a_sample_wants_what_it_wants_alone(rng):
    net = wide_network(nn.SoftmaxCrossEntropy())
    x, t = batch(rng)
    wishes, costs = net.per_sample_gradient(x, t), net.per_sample_loss(x, t)
    for i in range(len(x)):
        assert costs[i] == pytest.approx(net.loss(x[i : i + 1], t[i : i + 1]), rel=1e-13)
        alone = net.gradient(x[i : i + 1], t[i : i + 1])
        for name, gradient in alone.items():
            np.testing.assert_allclose(wishes[name][i], gradient, rtol=1e-11, atol=1e-15)


def test_the_cost_of_one_example_has_no_half(rng):
    """3Blue1Brown's cost: sum (output - wanted)^2; averaged over the examples."""
    net = nn.mlp([6, 5, 4], "sigmoid", loss=nn.SumSquaredError(factor=1, reduction="batch_mean"), seed=0)
    x, t = batch(rng, dtype=np.float32)
    wanted = np.eye(4)[t]
    cost = ((net.predict(x) - wanted) ** 2).sum(1)
    np.testing.assert_allclose(net.per_sample_loss(x, wanted), cost, rtol=1e-6)
    assert net.loss(x, wanted) == pytest.approx(cost.mean(), rel=1e-6)


def test_per_sample_with_batch_normalization_and_python_parts(rng):
    net = nn.mlp([6, 5, 4], seed=0, batch_normalization=True, dtype=np.float64)
    x, t = batch(rng)
    for _ in range(3):
        net.gradient(x, t)
    wishes = net.per_sample_gradient(x, t)  # in inference form samples do not know of each other
    np.testing.assert_allclose(wishes["W1"].mean(0), net.sensitivity(x, t)["W1"], rtol=1e-11, atol=1e-15)
    with pytest.raises(ValueError, match="batch normalization mixes the samples"):
        net.per_sample_gradient(x, t, training=True)
    with pytest.raises(ValueError, match="the network has a penalty"):
        nn.mlp([6, 4], l2=0.1, seed=0).per_sample_gradient(x, t, norms=True)

    class Squares:
        def forward(self, y, t):
            self.d = y - t
            return float((self.d**2).sum() / len(y))

        def backward(self):
            return 2 * self.d / len(self.d)

    layers = [nn.Affine(6, 5, rng=1, dtype=np.float64), Scale(np.full(5, 1.5)), nn.Affine(5, 4, rng=1)]
    net = nn.Network(layers, Squares())
    target = np.eye(4)[t]
    gradient = {name: np.array(g) for name, g in net.gradient(x, target).items()}
    wishes = net.per_sample_gradient(x, target)
    for name, value in gradient.items():
        np.testing.assert_allclose(wishes[name].mean(0), value, rtol=1e-12, atol=1e-14)
    assert net.per_sample_loss(x, target).mean() == pytest.approx(net.loss(x, target))


def test_input_gradient_against_differences(rng):
    net = network_of_everything(kinks=False)
    x, t = batch(rng, 4)
    numeric = nn.numerical_gradient(lambda v: net.loss(v, t), x.copy(), h=1e-5)
    np.testing.assert_allclose(net.input_gradient(x, t), numeric, rtol=1e-6, atol=1e-9)
    pictures = x.reshape(4, 2, 3)
    assert_same_bits(net.input_gradient(pictures, t), net.input_gradient(x, t).reshape(4, 2, 3))


def test_sensitivity_ranks_and_compares():
    """3Blue1Brown: the cost is 32 times more sensitive to this weight than to that one."""
    net = nn.Network([nn.Affine([[1.0], [1.0], [0.0]], [0.0])], nn.SumSquaredError(factor=1))
    s = net.sensitivity([[32.0, 1.0, -2.0]], [[0.0]])
    assert s.ratio(("W1", (0, 0)), ("W1", (1, 0))) == 32
    assert [(name, place) for name, place, _ in s.ranking(2)] == [("W1", (0, 0)), ("W1", (2, 0))]
    h = 1e-6
    net.params["W1"][0, 0] += h
    above = net.loss([[32.0, 1.0, -2.0]], [[0.0]])
    net.params["W1"][0, 0] -= 2 * h
    below = net.loss([[32.0, 1.0, -2.0]], [[0.0]])
    assert s.ranking(1)[0][2] == pytest.approx((above - below) / (2 * h), rel=1e-6)


def test_sensitivity_is_the_gradient_and_changes_nothing(rng):
    net = network_of_everything(l2=0.1, seed=2)
    x, t = batch(rng)
    before = net._snapshot()
    s = net.sensitivity(x, t, training=True)
    for now, then in zip(net._snapshot(), before, strict=True):
        assert_same_bits(now, then)
    for name, gradient in net.gradient(x, t).items():
        np.testing.assert_allclose(s[name], gradient, rtol=1e-12, atol=1e-15, err_msg=name)


# ---- Explain


def explained(net, x, t, lang="en"):
    out = io.StringIO()
    net.explain(x, t, lang=lang, file=out)
    return out.getvalue()


def test_explain_says_shapes_and_numbers(rng):
    net = nn.mlp([784, 50, 10], seed=0)
    x, t = rng.random((100, 784)).astype(np.float32), rng.integers(10, size=100)
    text = explained(net, x, t)
    grads = net.gradient(x, t)
    for name, formula in {
        "W2": "dW2 (50, 10) = a1^T (50, 100) @ dz2 (100, 10): ",
        "b2": "db2 (10,) = sum of dz2 over the batch: ",
        "W1": "dW1 (784, 50) = x^T (784, 100) @ dz1 (100, 50): ",
    }.items():
        assert (
            f"{formula}max |.| {np.abs(grads[name]).max():.4g}, mean |.| {np.abs(grads[name]).mean():.4g}"
            in text
        )
    assert "z1 (100, 50) = x (100, 784) @ W1 (784, 50) + b1 (50,)" in text
    assert "a1 (100, 50) = max(0, z1)" in text
    assert "da1 (100, 50) = dz2 (100, 10) @ W2^T (10, 50)" in text
    assert "dz2 (100, 10) = (softmax(z2) - t (one-hot)) / 100" in text
    assert f"t (100,): {net.loss(x, t):.4g}" in text
    assert "dW2[i, j] = sum_n a1[n, i] * dz2[n, j]" in text


def test_explain_in_korean_has_the_same_formulas(rng):
    net = network_of_everything(l2=0.1)
    x, t = batch(rng)
    english, korean = explained(net, x, t).splitlines(), explained(net, x, t, "ko").splitlines()
    assert len(english) == len(korean)
    assert korean[0] == "순전파: 5층짜리 신경망, float64, 배치 크기 11"
    for one, other in zip(english, korean, strict=True):
        left = one.split(" = ")[0], other.split(" = ")[0]
        assert left[0] == left[1] or not one.startswith("  ")
    products = [line for line in english if "@" in line]
    assert products == [line for line in korean if "@" in line]
    assert any("가중치 감소 항 포함" in line for line in korean)


def test_every_product_that_explain_shows_fits(rng):
    """Inner sizes agree, and the outer ones are those of the left side, for rows and for columns."""
    for convention in ("rows", "columns"):
        net = nn.mlp([6, 5, 3, 4], seed=0, convention=convention)
        x, t = batch(rng)
        text = "\n".join(lines(net, x if convention == "rows" else x.T, t))
        found = re.findall(r"\((\d+), (\d+)\) = \S+ \((\d+), (\d+)\) @ \S+ \((\d+), (\d+)\)", text)
        assert len(found) == 9
        for rows, cols, m, k, k2, n in found:
            assert (rows, cols, k) == (m, n, k2)


def test_explain_changes_nothing_and_small_arrays_are_printed(rng):
    net = network_of_everything(seed=1)
    x, t = batch(rng)
    before = net._snapshot()
    explained(net, x, t)
    for now, then in zip(net._snapshot(), before, strict=True):
        assert_same_bits(now, then)
    tiny = nn.Network([nn.Affine([[1.0, 2.0], [3.0, 4.0]], [0.0, 1.0])])
    assert "z1 (1, 2) = x (1, 2) @ W1 (2, 2) + b1 (2,): [[4., 7.]]" in explained(tiny, [[1.0, 1.0]], [0])
    with pytest.raises(ValueError, match="lang is 'fr'; expected one of 'en', 'ko'"):
        tiny.explain([[1.0, 1.0]], [0], lang="fr")


ACTIVATIONS = [
    nn.Relu(), nn.LeakyRelu(0.1), nn.Elu(), nn.Sigmoid(), nn.Tanh(), nn.Softplus(), nn.Gelu(), nn.Silu(), nn.PRelu(4),
    nn.Softmax(), nn.LogSoftmax(), nn.Identity(),
]  # fmt: skip


@pytest.mark.parametrize("layer", ACTIVATIONS, ids=repr)
@pytest.mark.parametrize(
    "loss", [nn.MeanSquaredError(), nn.SumSquaredError(), nn.MeanAbsoluteError(), nn.Huber()], ids=repr
)
@pytest.mark.filterwarnings("ignore::nnfast.errors.CollapsingLayersWarning")
def test_the_formulas_of_explain_compute_what_it_says(layer, loss, rng):
    """The printed formulas, evaluated by NumPy, give the numbers of the pass."""
    net = nn.Network(
        [nn.Affine(6, 4, rng=1, dtype=np.float64), layer, nn.Affine(4, 3, rng=2)], loss, np.float64
    )
    x, t = batch(rng, 7)
    t = np.eye(3)[t % 3]
    words = {
        "exp": np.exp, "log": np.log, "tanh": np.tanh, "sigmoid": F.sigmoid, "max": np.maximum, "sign": np.sign,
        "sum": lambda v: v.sum(axis=-1, keepdims=True), "Phi": lambda v: F.gelu(v) / v, "x": x, "t": t,
        "phi": lambda v: np.exp(-(v**2) / 2) / np.sqrt(2 * np.pi), "alpha": getattr(layer, "alpha", None),
        "clip": np.clip,
        "W1": net.params["W1"], "b1": net.params["b1"], "W2": net.params["W2"], "b2": net.params["b2"],
    }  # fmt: skip
    net.forward(x)
    gradient = net.gradient(x, t)
    checked = set()
    for line in lines(net, x, t):
        if (
            " = " not in line
            or not line.startswith("  ")
            or "L = " in line
            or "sum of" in line
            or "'" in line
        ):
            continue
        left, right = (line.split(" = ", 1)[0].split()[-3:], line.split(" = ", 1)[1])
        name = next(part for part in left if not part.startswith("(") and not part.endswith(")"))
        right = right.rsplit(":", 1)[0].replace("^T", "@T").replace(" of each sample", "")
        if " where " in right:
            value, rest = right.split(" where ")
            condition, other = rest.split(", else ")
            right = f"where({condition}, {value}, {other})"
            words["where"] = np.where
        right = re.sub(r" \(\d+,( \d+)?\)", "", right).replace("@T", ".T").replace("^", "**")
        right = re.sub(r"\|(.*?)\|", r"abs(\1)", right)
        right = re.sub(r"(\d|\)) (?=\()", r"\1 * ", right)
        right = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?) (?=[a-z])", r"\1 * ", right)
        words[name] = np.asarray(eval(right, {"abs": abs}, words))
        checked.add(name)
    np.testing.assert_allclose(words["a1"], net.a[1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(words["z2"], net.z[2], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(words["dW2"], gradient["W2"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(words["dW1"], gradient["W1"], rtol=1e-8, atol=1e-11)
    assert checked >= {"z1", "a1", "z2", "dz2", "dW2", "da1", "dz1", "dW1", "dx"}


# ---- Shape errors in the same words


def test_shape_errors_speak_of_the_product():
    with pytest.raises(
        ValueError, match=r"^Affine.forward: x \(100, 50\) @ W \(60, 10\): 50 != 60; is W transposed\?$"
    ):
        nn.Affine(60, 10).forward(np.ones((100, 50)))
    with pytest.raises(
        ValueError, match=r"Affine 2: x \(batch, 50\) @ W \(60, 10\): 50 != 60; is W transposed\?"
    ):
        nn.Network([nn.Affine(784, 50), nn.Relu(), nn.Affine(60, 10)])


def test_all_pairs_of_layers_have_names_of_their_own(rng):
    """No value of the pass is shown under the name of another."""
    kinds = [nn.Relu, lambda: nn.Dropout(0.5), lambda: nn.BatchNormalization(4)]
    for first, second in itertools.permutations(kinds, 2):
        net = nn.Network(
            [nn.Affine(6, 4, rng=0), first(), second(), nn.Affine(4, 2, rng=1), nn.Tanh()],
            nn.MeanSquaredError(),
        )
        x, _ = batch(rng, 5)
        shown = [
            line.split(" = ")[0].rsplit(" (", 1)[0].split()[-1]
            for line in lines(net, x, np.ones((5, 2)))
            if " = " in line
        ]
        forward = shown[: shown.index("L")]
        assert len(forward) == len(set(forward)) == 5


# ---- Odd cases


def test_formulas_of_weights_penalties_and_ignored_labels(rng):
    """The numbers that the printed lines give are those of loss and gradient."""
    x = rng.standard_normal((6, 4))
    t = np.array([0, 1, 2, 1, -100, -100])
    loss = nn.SoftmaxCrossEntropy(class_weight=[1.0, 2.0, 0.5])
    net = nn.Network([nn.Affine(4, 3, rng=0, dtype=np.float64)], loss, np.float64, l1=0.1, l2=0.5)
    text = explained(net, x, t)
    assert "L = sum(w * -t * log(softmax(z1))) / 5.5" in text
    assert "w the class_weight of each sample's label, 2 samples are ignored" in text
    assert "dz1 (6, 3) = w * (softmax(z1) - t (one-hot)) / 5.5" in text
    softmax = np.exp(net(x)) / np.exp(net(x)).sum(1, keepdims=True)
    w = np.array([1.0, 2.0, 0.5, 2.0, 0, 0])
    total = (w[:4] * -np.log(softmax[np.arange(4), t[:4]])).sum() / 5.5
    assert net.loss(x, t) == pytest.approx(total + net._penalty())
    dW = net.gradient(x, t)["W1"]
    assert f"@ dz1 (6, 3) + 0.1 * sign(W1) + 0.5 * W1: max |.| {np.abs(dW).max():.4g}" in text
    plain = explained(nn.Network(net.layers, nn.SoftmaxCrossEntropy()), x, t)
    assert "(softmax(z1) - t (one-hot)) / 4, 2 samples are ignored" in plain


def test_formulas_of_settings_and_of_maxout(rng):
    x, t = rng.standard_normal((6, 4)), np.array([0, 1, 2, 1, 0, 0])
    layers = [
        nn.Affine(4, 6, rng=0),
        nn.Maxout(2),
        nn.Affine(3, 5, rng=0),
        nn.LeakyRelu(2.0),
        nn.Affine(5, 5, rng=1),
    ]
    layers += [nn.Silu(alpha=2.0), nn.Affine(5, 3, rng=0), nn.Gelu("tanh")]
    text = explained(nn.Network(layers), x, t)
    assert "a1 (6, 3) = the largest of each 2 columns of z1" in text
    assert "dz1 (6, 6) = da1 where z1 was the largest, else 0" in text
    assert "a2 (6, 5) = z2 where z2 >= 0, else 2 z2" in text
    assert "a3 (6, 5) = z3 * sigmoid(2 * z3)" in text
    assert "tanh(0.797885 * (z4 + 0.044715 * z4^3))" in text
    columns = explained(nn.mlp([4, 5, 3], seed=0, convention="columns"), x.T, t)
    assert "W1 (5, 4) @ x (4, 6) + b1 (5, 1)" in columns
    assert "db1 (5, 1) = sum of dz1 over the batch" in columns


def test_layers_of_ones_own_that_are_called_affine_or_have_modes(rng):
    class BatchNorm:
        def __init__(self):
            self.params, self.grads = {"gamma": np.ones(5)}, {}
            self.mean, self.var = np.zeros(5), np.ones(5)

        def forward(self, x, train_flg=True):
            mean, var = (x.mean(0), x.var(0)) if train_flg else (self.mean, self.var)
            self.xn = (x - mean) / np.sqrt(var + 1e-6)
            return self.params["gamma"] * self.xn

        def backward(self, dout):
            self.grads["gamma"] = (dout * self.xn).sum(0)
            return dout * self.params["gamma"]

    x, t = batch(rng)
    own = Affine(rng.standard_normal((5, 4)), np.zeros(4))
    net = nn.Network([nn.Affine(6, 5, rng=1, dtype=np.float64), BatchNorm(), nn.Tanh(), own])
    wishes, whole = net.per_sample_gradient(x, t), net.sensitivity(x, t)
    for name, gradient in whole.items():
        np.testing.assert_allclose(wishes[name].mean(0), gradient, rtol=1e-10, atol=1e-13)
    norms = np.sqrt(sum((g.reshape(len(x), -1) ** 2).sum(1) for g in wishes.values()))
    np.testing.assert_allclose(net.per_sample_gradient(x, t, norms=True), norms, rtol=1e-10)
    with pytest.raises(ValueError, match=r"layers\[1\] BatchNorm mixes the samples"):
        net.per_sample_gradient(x, t, training=True)


def test_maxout_where_no_width_is_known(rng):
    class Nothing:
        def forward(self, x):
            return x

        def backward(self, dy):
            return dy

    x = rng.standard_normal((5, 4)).astype(np.float32)
    for layers in (
        [nn.Affine(4, 6, rng=0), Nothing(), nn.Maxout(2), nn.Affine(3, 2, rng=1)],
        [nn.Maxout(2), nn.Affine(2, 3, rng=0)],
        [nn.Maxout(2), nn.Relu(), nn.Maxout(2), nn.Affine(1, 3, rng=0)],
    ):
        net = nn.Network(layers)
        y = x
        for layer in layers:
            y = layer.forward(y)
        np.testing.assert_allclose(net.predict(x), y, rtol=1e-6)


def test_odd_inputs_of_the_notation(rng):
    net = nn.mlp([4, 3, 2], seed=0)
    assert net.forward(np.empty((0, 4))).shape == (0, 2)
    assert nn.jacobian(net, np.empty((0, 4))).shape == (0, 2, 0, 4)
    with pytest.raises(TypeError, match=r"W\[1\] has dtype complex128"):
        net.W[1] = np.ones((3, 4), complex)

    class Wrong:
        def __init__(self):
            self.W = np.ones(4)

        def forward(self, x):
            return x * self.W

        def backward(self, dy):
            self.dW = dy.sum(0)
            return dy[:, :3]

    net = nn.Network([nn.Affine(4, 4, rng=0), Wrong(), nn.Affine(4, 2, rng=0)])
    assert net.n == (4, 4, 2)
    assert net.L == 2
    with pytest.raises(ValueError, match=r"dy of layers\[0\] Affine 1 has shape \(5, 3\); expected \(5, 4\)"):
        net.input_gradient(np.ones((5, 4)), [0, 1, 0, 1, 0])


def test_settings_that_were_changed_are_those_of_neither(rng):
    net = nn.Network(
        [nn.Affine(4, 3, rng=0), nn.LayerNormalization(3), nn.Dropout(0.5), nn.Affine(3, 2, rng=1)]
    )
    x = rng.standard_normal((5, 4))
    net.layers[1].eps, net.layers[2].ratio = 10.0, 0.1
    assert_same_bits(net.forward(x), net.predict(x))
    assert_same_bits(
        net.forward(x, training=True), net._forward(x.astype(np.float32), training=True, dry=True)
    )


def test_columns_speak_of_what_was_given(rng):
    net = nn.mlp([4, 3], seed=0, convention="columns")
    x = rng.standard_normal((4, 6))
    with pytest.raises(ValueError, match=r"t has shape \(6, 3\); expected labels \(6,\) or columns \(3, 6\)"):
        net.loss(x, np.ones((6, 3)))
    with pytest.raises(ValueError, match=r"x has 6 samples but t has shape \(3, 5\)"):
        net.loss(x, np.ones((3, 5)))
    assert "convention='columns'" in repr(net)
    with pytest.warns(
        nn.errors.LabelShapeWarning, match=r"t has shape \(1, 6\) and integers, .* labels \(6,\)"
    ):
        net.loss(x, np.zeros((1, 6), int))


def test_pickles_of_before_load(rng):
    from nnfast.serialization import _from_parts

    net = _from_parts(
        nn.Network,
        ([nn.Affine(2, 2, rng=0)], nn.SoftmaxCrossEntropy(), np.float32),
        {"l1": 0.0, "l2": 0.0, "seed": 0},
        {},
    )
    assert net.convention == "rows"
