"""The numbers that the courses write on the board, and what they say in words: see docs/course_rows.md."""

from __future__ import annotations

import math

import nnfast as nn
import numpy as np
import pytest
from nnfast import graph
from nnfast.compat.dlfs import functions as book
from nnfast.functional import min_max_scale, one_hot, relu, sigmoid, softmax
from numpy.testing import assert_allclose, assert_array_equal

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def digits():
    (x, t), _ = nn.datasets.load_mnist_sample(dtype=np.float64)
    return x[:200], t[:200]


def small_net(loss=None, seed=0):
    return nn.mlp([4, 3, 2], "sigmoid", loss=loss, dtype=np.float64, seed=seed)


# ---- Graphs


def test_three_numbers():
    x, y, z = (graph.variable(value) for value in (-2.0, 5.0, -4.0))
    f = (x + y) * z
    f.backward()
    assert f.value == -12
    assert (x.grad, y.grad, z.grad) == (-4, -4, 3)


def test_gradient_is_local_times_upstream():
    x, y, z = (graph.variable(value) for value in (-2.0, 5.0, -4.0))
    q = x + y
    f = q * z
    f.backward()
    assert f.upstream == 1
    assert f.local == (-4, 3)
    assert q.upstream == f.local[0] * f.upstream == q.grad
    assert q.downstream == tuple(local * q.upstream for local in q.local)


def test_two_apples():
    apple, tax = graph.MulLayer(), graph.MulLayer()
    price = tax.forward(apple.forward(100, 2), 1.1)
    dapples, dtax = tax.backward(1)
    dapple, dcount = apple.backward(dapples)
    assert_allclose([price, dapple, dcount, dtax], [220, 2.2, 110, 200], rtol=1e-15)


def test_apples_and_oranges():
    apple, orange, both, tax = graph.MulLayer(), graph.MulLayer(), graph.AddLayer(), graph.MulLayer()
    price = tax.forward(both.forward(apple.forward(100, 2), orange.forward(150, 3)), 1.1)
    dboth, dtax = tax.backward(1)
    dapples, doranges = both.backward(dboth)
    assert round(price) == 715
    assert apple.backward(dapples) == pytest.approx((2.2, 110))
    assert orange.backward(doranges) == (3.3000000000000003, 165)
    assert dtax == 650


def test_add_node_passes_and_multiplication_node_swaps():
    add, mul = graph.AddLayer(), graph.MulLayer()
    add.forward(10.0, 5.0)
    mul.forward(10.0, 5.0)
    assert add.backward(1.3) == (1.3, 1.3)
    assert mul.backward(1.3) == (6.5, 13.0)


def test_a_value_used_twice_gets_both_gradients():
    x = graph.variable(3.0)
    f = x * x + x
    f.backward()
    assert x.grad == 7


@pytest.mark.parametrize("value", [-3.0, -0.5, 0.0, 1.0, 4.0])
def test_sigmoid_in_steps_is_the_layer(value):
    x = graph.variable(value)
    y = 1 / (1 + graph.exp(-x))
    y.backward()
    layer = nn.Sigmoid()
    out = layer.forward(np.array([value]))
    dx = layer.backward(np.array([1.0]))
    assert_allclose(y.value, out[0], rtol=4e-16)
    assert_allclose(x.grad, dx[0], rtol=1e-15)
    assert_allclose(dx[0], y.value**2 * math.exp(-value), rtol=1e-15)


def test_division_and_exp_need_their_output_only():
    div, exp = graph.DivLayer(), graph.ExpLayer()
    y, e = div.forward(4.0), exp.forward(-1.5)
    assert div.backward(2.0) == -(y**2) * 2
    assert exp.backward(2.0) == e * 2


def test_slope_of_a_bell():
    """d exp(-x^2)/dx = -2 x exp(-x^2)."""
    x = graph.variable(0.7)
    y = graph.exp(-(x**2))
    y.backward()
    assert_allclose(x.grad, -2 * 0.7 * math.exp(-0.49), rtol=1e-15)


def test_squared_length_of_a_product():
    W = graph.variable(np.array([[0.1, 0.5], [-0.3, 0.8]]))
    x = graph.variable(np.array([[0.2], [0.4]]))
    q = graph.matmul(W, x)
    f = graph.squared_norm(q)
    f.backward()
    assert_allclose(q.value.ravel(), [0.22, 0.26])
    assert_allclose(float(f.value), 0.116)
    assert_allclose(W.grad, [[0.088, 0.176], [0.104, 0.208]])
    assert_allclose(x.grad.ravel(), [-0.112, 0.636])


# ---- Perceptrons and activations


def test_gates():
    x1, x2 = np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1])
    assert_array_equal(graph.AND(x1, x2), [0, 0, 0, 1])
    assert_array_equal(graph.NAND(x1, x2), [1, 1, 1, 0])
    assert_array_equal(graph.OR(x1, x2), [0, 1, 1, 1])
    assert_array_equal(graph.XOR(x1, x2), [0, 1, 1, 0])
    assert_array_equal(graph.XOR(x1, x2), graph.AND(graph.NAND(x1, x2), graph.OR(x1, x2)))


def test_on_the_threshold_nothing_fires():
    assert graph.Perceptron([1.0, 1.0], -2.0)([1, 1]) == 0
    steps = book.step_function(np.array([-1.0, 0.0, 1e-9]))
    assert_array_equal(steps, [0, 0, 1])
    assert steps.dtype.kind == "i"


def test_perceptron_is_a_neuron_with_another_activation():
    w, b = np.array([[0.5], [0.5]]), np.array([-0.7])
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    jump = nn.Network([nn.Affine(w, b), nn.Step()], nn.MeanSquaredError()).predict(x)
    smooth = nn.Network([nn.Affine(w, b), nn.Sigmoid()], nn.MeanSquaredError()).predict(x)
    assert_array_equal(jump.ravel(), graph.AND(x[:, 0], x[:, 1]))
    assert_array_equal(smooth > 0.5, jump == 1)
    assert ((smooth > 0) & (smooth < 1)).all()


def test_sigmoid_is_monotone_and_safe_far_out():
    x = np.linspace(-1000, 1000, 4001)
    y = sigmoid(x)
    assert (np.diff(y) >= 0).all()
    assert (np.diff(sigmoid(np.linspace(-30, 30, 4001))) > 0).all()
    assert (y[0], y[2000], y[-1]) == (0, 0.5, 1)
    assert_array_equal(nn.functional.logistic(x), y)


def test_sigmoid_layer_keeps_its_output_only():
    x = RNG.standard_normal((3, 4))
    layer = nn.Sigmoid()
    y = layer.forward(x)
    assert_allclose(layer.backward(np.ones_like(y)), y * (1 - y), rtol=1e-15)
    x[...] = np.nan
    assert_allclose(layer.backward(np.ones_like(y)), y * (1 - y), rtol=1e-15)


def test_relu_passes_or_blocks():
    layer = nn.Relu()
    assert_array_equal(layer.forward([[-1.0, 0.0, 2.0]]), [[0, 0, 2]])
    assert_array_equal(layer.backward([[5.0, 5.0, 5.0]]), [[0, 0, 5]])


def test_linear_layers_collapse_into_one():
    W1, W2 = RNG.standard_normal((3, 5)), RNG.standard_normal((5, 2))
    x = RNG.standard_normal((4, 3))
    y = nn.Affine(W2).forward(nn.Identity().forward(nn.Affine(W1).forward(x)))
    assert_allclose(y, nn.Affine(W1 @ W2).forward(x), atol=1e-12)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "leaky_relu", "maxout", "elu", "gelu", "silu"])
def test_activation_is_one_argument(name):
    net = nn.mlp([4, 3, 2], name, seed=0)
    assert type(net.layers[1]).__name__.lower() == name.replace("_", "")
    assert net.predict(np.ones((1, 4))).shape == (1, 2)


# ---- Softmax and losses


def test_softmax_of_large_scores():
    assert_allclose(softmax([1010.0, 1000.0, 990.0]), [9.9995e-1, 4.5398e-5, 2.0611e-9], rtol=5e-5)


def test_softmax_shares_out_one_and_keeps_the_order():
    scores = RNG.standard_normal((50, 10)) * 30
    shares = softmax(scores)
    assert_allclose(shares.sum(axis=1), 1, rtol=1e-14)
    assert_array_equal(shares.argmax(axis=1), scores.argmax(axis=1))


def test_predict_gives_scores_and_classify_the_largest(digits):
    x, _ = digits
    net = nn.mlp([784, 10], dtype=np.float64, seed=0)
    assert_allclose(net.predict(x), x @ net.params["W1"] + net.params["b1"], atol=1e-12)
    assert_array_equal(net.classify(x), net.predict(x).argmax(axis=1))
    assert_array_equal(net.classify(x), net.predict_proba(x).argmax(axis=1))
    assert_array_equal(net(x), net.predict(x))


def test_backward_of_softmax_with_loss_is_the_difference():
    scores, t = RNG.standard_normal((5, 3)), np.array([0, 2, 1, 1, 0])
    loss = nn.SoftmaxCrossEntropy()
    loss.forward(scores, t)
    assert_allclose(loss.backward(), (softmax(scores) - np.eye(3)[t]) / 5, rtol=1e-12, atol=1e-16)


def test_the_books_losses():
    y = np.array([0.1, 0.05, 0.6, 0.0, 0.05, 0.1, 0.0, 0.1, 0.0, 0.0])
    t = np.eye(10)[2]
    assert_allclose(book.sum_squared_error(y, t), 0.0975)
    assert_allclose(book.cross_entropy_error(y, t), 0.510825457099338)
    assert_allclose(book.sum_squared_error(y[[7, 1, 0, 3, 4, 5, 6, 2, 8, 9]], t), 0.5975)


def test_cost_of_one_example_is_the_sum_of_squares():
    y, t = np.array([[0.4, 0.9], [0.0, 0.0]]), np.array([[0.0, 1.0], [1.0, 1.0]])
    costs = nn.SumSquaredError(factor=1.0, reduction="none").forward(y, t)
    assert_allclose(costs, [0.17, 2.0])
    assert_allclose(nn.SumSquaredError(factor=1.0, reduction="batch_mean").forward(y, t), costs.mean())
    assert_allclose(nn.SumSquaredError(reduction="batch_mean").forward(y, t), costs.mean() / 2)


def test_mean_squared_error_over_all_images():
    y, t = RNG.random((7, 10)), np.eye(10)[RNG.integers(0, 10, 7)]
    by_hand = sum(((y[i] - t[i]) ** 2).sum() for i in range(7))
    for factor, divisor, reduction in [
        (1, 1, "sum"),
        (0.5, 1, "sum"),
        (1, 7, "batch_mean"),
        (0.5, 7, "batch_mean"),
    ]:
        loss = nn.SumSquaredError(factor=factor, reduction=reduction).forward(y, t)
        assert_allclose(loss, factor * by_hand / divisor)


def test_untrained_classifier_costs_log_of_the_classes(digits):
    x, t = digits
    net = nn.mlp([784, 50, 10], init=0.001, dtype=np.float64, seed=0)
    assert_allclose(net.loss(x, t), math.log(10), rtol=1e-3)


def test_worst_examples_by_their_cost(digits):
    x, t = digits
    net = nn.mlp([784, 10], dtype=np.float64, seed=0)
    costs = net.per_sample_loss(x, t)
    worst = costs.argmax()
    assert_allclose(costs.mean(), net.loss(x, t))
    assert_allclose(costs[worst], net.loss(x[[worst]], t[[worst]]))


def test_losses_take_labels_and_one_hot_rows(digits):
    x, t = digits
    net = nn.mlp([784, 10], dtype=np.float64, seed=0)
    assert_allclose(net.loss(x, one_hot(t, 10)), net.loss(x, t), rtol=1e-14)
    assert net.accuracy(x, one_hot(t, 10)) == net.accuracy(x, t)


# ---- Data


def test_images_of_every_form(digits):
    x, _ = digits
    net = nn.mlp([784, 10], dtype=np.float64, seed=0)
    scores = net.predict(x)
    for form in [(200, 28, 28), (200, 1, 28, 28)]:
        assert_array_equal(net.predict(x.reshape(form)), scores)
    assert_array_equal(net.predict(x[0]), scores[0])
    (raw, _), _ = nn.datasets.load_mnist_sample(normalize=False)
    assert raw.dtype == np.uint8
    assert_allclose(net.predict(raw[:200]), scores, atol=1e-12)


def test_pixels_row_by_row_from_the_top():
    (flat, _), _ = nn.datasets.load_mnist_sample(normalize=False)
    (images, _), _ = nn.datasets.load_mnist_sample(normalize=False, flatten=False)
    assert flat[0][28 * 14 + 9] == images[0, 0, 14, 9]
    assert flat.max() == 255  # ink is white
    assert np.median(flat) == 0


def test_min_max_normalization():
    assert round(float(min_max_scale(np.array([100.0]), 0, 255)[0]), 2) == 0.39
    assert_allclose(min_max_scale(np.array([0, 51, 255], np.uint8), 0, 255), [0, 0.2, 1], rtol=1e-6)


def test_one_hot():
    rows = one_hot(np.array([5, 0, 9]), 10)
    assert_array_equal(rows.argmax(axis=1), [5, 0, 9])
    assert_array_equal(rows.sum(axis=1), 1)
    assert rows.dtype == np.float32
    assert one_hot(np.array([1]), 3, dtype=np.float64).dtype == np.float64


def test_a_table_whose_last_column_is_the_label():
    table = np.array([[0.0, 0.0, 0], [0.0, 1.0, 1], [1.0, 0.0, 1], [1.0, 1.0, 0]])
    x, t = nn.datasets.split_last_column(table)
    assert np.shares_memory(x, table)
    assert t.dtype == np.int64
    assert nn.datasets.split_last_column([[1.0, 0.5]])[1].tolist() == [0.5]
    with pytest.raises(ValueError, match=r"table has shape \(3,\); expected \(samples, columns \+ 1\)"):
        nn.datasets.split_last_column([1, 2, 3])
    net = nn.mlp([2, 8, 2], "tanh", dtype=np.float64, seed=0)
    net.fit(x, t, epochs=300, batch_size=4, optimizer=nn.Adam(lr=0.05))
    assert_array_equal(net.classify(x), t)


# ---- One neuron, one layer


def test_a_neuron_is_a_function_of_many_numbers():
    neuron = nn.Network([nn.Affine([[0.5], [-1.0], [2.0]], [0.1]), nn.Sigmoid()], nn.MeanSquaredError())
    assert_allclose(neuron.predict([1.0, 2.0, 3.0]), [1 / (1 + math.exp(-4.6))])


def test_bias_is_the_weight_of_a_constant_one(digits):
    """785 columns, x0 = 1: the same scores, the same gradients, the same training."""
    x, t = digits
    x785 = np.hstack([np.ones((len(x), 1)), x])
    fives = (t == 5).astype(float)[:, None]
    plain = nn.Network([nn.Affine(784, 1, init="zeros", dtype=np.float64)], nn.SigmoidCrossEntropy())
    column = nn.Network(
        [nn.Affine(785, 1, init="zeros", dtype=np.float64, bias=False)], nn.SigmoidCrossEntropy()
    )
    for net, data in ((plain, x), (column, x785)):
        net.fit(data, fives, epochs=3, batch_size=20, optimizer=nn.SGD(lr=0.1), seed=0)
    theta = column.params["W1"]
    assert theta.shape == (785, 1)
    assert_allclose(theta[0], plain.params["b1"], rtol=1e-9)
    assert_allclose(theta[1:], plain.params["W1"], rtol=1e-9, atol=1e-15)


def test_half_is_the_threshold():
    net = nn.Network([nn.Affine([[1.0]], [0.0])], nn.SigmoidCrossEntropy())
    x = np.array([[-0.1], [0.0], [0.1]])
    assert_array_equal(net.classify(x), net.predict_proba(x).ravel() > 0.5)
    for threshold in (0.2, 0.51, 0.524, 0.526):
        assert_array_equal(net.classify(x, threshold), net.predict_proba(x).ravel() > threshold)
    assert_array_equal(net.classify(x, threshold=0.51), [0, 0, 1])
    with pytest.raises(
        ValueError, match=r"Network.classify: threshold is 1.0; expected a number > 0 and < 1"
    ):
        net.classify(x, threshold=1)
    with pytest.raises(ValueError, match=r"threshold is 0.4, but SoftmaxCrossEntropy.* compares outputs"):
        nn.mlp([1, 2], seed=0).classify(x, threshold=0.4)


def test_one_versus_rest_is_ten_models(digits):
    x, t = digits
    wanted = one_hot(t, 10)
    together = nn.Network(
        [nn.Affine(784, 10, init="zeros", dtype=np.float64)], nn.SigmoidCrossEntropy(reduction="batch_mean")
    )
    together.fit(x, wanted, epochs=2, batch_size=20, optimizer=nn.SGD(lr=0.1), seed=0)
    alone = nn.Network(
        [nn.Affine(784, 1, init="zeros", dtype=np.float64)], nn.SigmoidCrossEntropy(reduction="batch_mean")
    )
    alone.fit(x, wanted[:, [5]], epochs=2, batch_size=20, optimizer=nn.SGD(lr=0.1), seed=0)
    assert_allclose(together.params["W1"][:, [5]], alone.params["W1"], rtol=1e-9, atol=1e-15)


def test_weights_as_red_black_and_green():
    image = nn.plot.weight_image(np.array([-2.0, 0.0, 2.0, 1.0]), shape=(2, 2))
    assert image.shape == (2, 2, 3)
    assert image.dtype == np.uint8
    low, zero, high, half = image.reshape(4, 3).astype(int)
    assert low[0] > 100
    assert low[1] == 0
    assert_array_equal(zero, 0)
    assert high[1] > 100
    assert high[0] == 0
    assert 0 < half[1] < high[1]


# ---- Networks


def test_notation():
    net = nn.mlp([784, 16, 12, 10], "sigmoid", dtype=np.float64, seed=0)
    assert net.L == 3
    assert net.n == (784, 16, 12, 10)
    for l in range(1, 4):  # noqa: E741
        assert net.W[l].shape == (net.n[l], net.n[l - 1])
        assert net.b[l].shape == (net.n[l],)
        assert np.shares_memory(net.W[l], net.params[f"W{l}"])
    net.W[1][3, 7] = 5.0  # from neuron 7 to neuron 3
    assert net.params["W1"][7, 3] == 5.0


def test_activations_by_the_formula():
    net = nn.mlp([4, 3, 5, 2], "sigmoid", dtype=np.float64, seed=0)
    x = RNG.random((6, 4))
    scores = net.forward(x)
    assert_array_equal(net.a[0], x)
    for l in range(1, 4):  # noqa: E741
        assert_allclose(net.z[l], net.a[l - 1] @ net.W[l].T + net.b[l], rtol=1e-12)
        assert_allclose(net.a[l], sigmoid(net.z[l]) if l < 3 else net.z[l], rtol=1e-12)
    assert_array_equal(net.a[3], scores)


def test_columns_give_the_transpose():
    rows = nn.mlp([4, 3, 2], "sigmoid", dtype=np.float64, seed=0)
    columns = nn.mlp([4, 3, 2], "sigmoid", dtype=np.float64, seed=0, convention="columns")
    x = RNG.random((6, 4))
    assert_array_equal(columns.forward(x.T), rows.forward(x).T)
    assert columns.b[1].shape == (3, 1)
    assert_allclose(columns.z[2], columns.W[2] @ columns.a[1] + columns.b[2], rtol=1e-12)


def test_two_layer_score_function():
    """s = W2 max(0, W1 x)."""
    net = nn.mlp([4, 3, 2], "relu", dtype=np.float64, seed=0)
    x = RNG.standard_normal(4)
    assert_allclose(net.predict(x), net.W[2] @ np.maximum(0, net.W[1] @ x), rtol=1e-12)


def test_summary_counts_the_parameters():
    text = nn.mlp([784, 16, 16, 10], seed=0).summary()
    assert "13,002 parameters" in text
    assert "Affine(784, 16)" in text


# ---- Gradients


def test_gradient_of_weights_is_input_times_error():
    """dz/dw = a of the layer before: dW = a^T dz, an outer product for each sample; db = sum of dz."""
    net = small_net()
    x, t = RNG.random((5, 4)), np.array([0, 1, 1, 0, 1])
    net.forward(x)
    grads = net.gradient(x, t)
    dz2 = (softmax(net.z[2]) - np.eye(2)[t]) / 5
    dz1 = dz2 @ net.params["W2"].T * net.a[1] * (1 - net.a[1])
    assert_allclose(grads["W2"], net.a[1].T @ dz2, rtol=1e-12)
    assert_allclose(grads["W2"], sum(np.outer(net.a[1][i], dz2[i]) for i in range(5)), rtol=1e-12)
    assert_allclose(grads["W1"], x.T @ dz1, rtol=1e-12)
    assert_allclose(grads["b2"], dz2.sum(axis=0), rtol=1e-12, atol=1e-17)
    assert_allclose(net.dW[1], grads["W1"].T)


def test_influence_is_a_sum_over_the_next_layer():
    W, dy = RNG.standard_normal((3, 4)), RNG.standard_normal((1, 4))
    layer = nn.Affine(W, np.zeros(4))
    layer.forward(RNG.standard_normal((1, 3)))
    dx = layer.backward(dy)[0]
    assert_allclose(dx, [sum(dy[0, j] * W[k, j] for j in range(4)) for k in range(3)])


def test_mean_of_the_wishes_is_the_gradient():
    net = small_net()
    x, t = RNG.random((8, 4)), RNG.integers(0, 2, 8)
    wishes = net.per_sample_gradient(x, t)
    grads = net.gradient(x, t)
    for name in grads:
        assert_allclose(wishes[name].mean(axis=0), grads[name], rtol=1e-10, atol=1e-17)


def test_32_times_as_sensitive():
    neuron = nn.Network([nn.Affine([[0.1], [0.1]], [0.0])], nn.SumSquaredError(factor=1.0))
    sensitivity = neuron.sensitivity(np.array([[3.2, 0.1]]), np.array([[1.0]]))
    assert_allclose(sensitivity["W1"][0, 0] / sensitivity["W1"][1, 0], 32)
    assert sensitivity.ranking(1)[0][:2] == ("W1", (0, 0))


def test_gradient_by_the_input():
    net = small_net()
    x, t = RNG.random((3, 4)), np.array([0, 1, 1])
    dx = net.input_gradient(x, t)
    h = 1e-6
    moved = x.copy()
    moved[1, 2] += h
    assert dx.shape == x.shape
    assert_allclose(dx[1, 2], (net.loss(moved, t) - net.loss(x, t)) / h, rtol=1e-4)


def test_backward_is_a_product_with_the_jacobian():
    layer = nn.Affine(RNG.standard_normal((3, 4)), RNG.standard_normal(4))
    x, dy = RNG.standard_normal((2, 3)), RNG.standard_normal((2, 4))
    J = nn.jacobian(layer, x)
    assert J.shape == (2, 4, 2, 3)
    layer.forward(x)
    assert_allclose(np.einsum("nj,njmi->mi", dy, J), layer.backward(dy), rtol=1e-6)
    assert_allclose(np.diag(nn.jacobian(relu, np.array([1.0, -2.0, 3.0]))), [1, 0, 1], atol=1e-9)


def test_explained_with_shapes(capsys):
    net = small_net()
    x, t = RNG.random((5, 4)), np.array([0, 1, 1, 0, 1])
    net.explain(x, t)
    english = capsys.readouterr().out
    assert "dW2 (3, 2) = a1^T (3, 5) @ dz2 (5, 2)" in english
    assert "da1 (5, 3) = dz2 (5, 2) @ W2^T (2, 3)" in english
    net.explain(x, t, lang="ko")
    korean = capsys.readouterr().out
    assert "역전파" in korean
    assert "dW2 (3, 2) = a1^T (3, 5) @ dz2 (5, 2)" in korean


# ---- Numerical differentiation and descent


def test_slopes():
    assert_allclose(nn.numerical_diff(lambda x: x**2, -2.0), -4, rtol=1e-8)
    assert_allclose(nn.numerical_diff(lambda x: 0.01 * x**2 + 0.1 * x, 5.0), 0.2, rtol=1e-8)


@pytest.mark.parametrize("place", [[3.0, 4.0], [0.0, 2.0], [3.0, 0.0]])
def test_gradient_of_the_bowl(place):
    x = np.array(place)
    gradient = nn.numerical_gradient(lambda x: np.sum(x**2), x)
    assert_allclose(gradient, 2 * x, atol=1e-8)
    assert_array_equal(x, place)


def test_gradient_of_a_matrix():
    W = RNG.standard_normal((2, 3))
    assert_allclose(nn.numerical_gradient(lambda W: np.sum(W**3), W), 3 * W**2, atol=1e-6)


def test_no_direction_is_steeper_than_the_gradient():
    f = lambda x: np.sum(x**2)  # noqa: E731
    x = np.array([3.0, 4.0])
    angles = np.linspace(0, 2 * np.pi, 361)
    slopes = [nn.directional_derivative(f, x, np.array([np.cos(a), np.sin(a)])) for a in angles]
    assert_allclose(slopes, 6 * np.cos(angles) + 8 * np.sin(angles), atol=1e-6)
    assert_allclose(np.max(slopes), 10, rtol=1e-4)


def test_descent_with_the_books_rates():
    f = lambda x: np.sum(x**2)  # noqa: E731
    x, history = nn.gradient_descent(f, np.array([-3.0, 4.0]), lr=0.1, step_num=100)
    assert np.abs(x).max() < 1e-8
    assert history.shape == (100, 2)
    assert_array_equal(history[0], [-3, 4])
    x, _ = nn.gradient_descent(f, np.array([-3.0, 4.0]), lr=10.0, step_num=100)
    assert np.abs(x).max() > 1e10
    x, _ = nn.gradient_descent(f, np.array([-3.0, 4.0]), lr=1e-10, step_num=100)
    assert_allclose(x, [-3, 4], atol=1e-6)


def test_two_parameters_one_step():
    params = {"w": np.array(3.0), "b": np.array(5.0)}
    nn.SGD(lr=0.1).update(params, {"w": np.array(2.0), "b": np.array(-4.0)})
    assert_allclose([params["w"], params["b"]], [2.8, 5.4])


def test_accuracy_has_no_slope(digits):
    x, t = digits
    net = nn.mlp([784, 10], dtype=np.float64, seed=0)
    before = net.loss(x, t), net.accuracy(x, t)
    net.params["W1"][406, 3] += 1e-6
    assert net.loss(x, t) != before[0]
    assert net.accuracy(x, t) == before[1]


def test_relu_learns_where_sigmoid_is_stuck(digits):
    """Four hidden layers, the same steps."""
    x, t = digits
    losses = {}
    for name in ("relu", "sigmoid"):
        net = nn.mlp([784, 50, 50, 50, 50, 10], name, seed=0)
        losses[name] = net.fit(x, t, epochs=20, batch_size=20, optimizer=nn.SGD(lr=0.1))["loss"][-1]
    assert losses["relu"] < 0.1
    assert losses["sigmoid"] > 2


def test_xor_is_learned():
    x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    net = nn.mlp([2, 4, 2], "tanh", seed=0)
    net.fit(x, [0, 1, 1, 0], epochs=300, batch_size=4, optimizer=nn.Adam(lr=0.05))
    assert_array_equal(net.classify(x), graph.XOR(x[:, 0], x[:, 1]))
