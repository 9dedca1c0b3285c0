"""Computational graphs: values and gradients against central differences, torch and published numbers."""

from __future__ import annotations

import math

import nnfast as nn
import numpy as np
import pytest
from finite_differences import assert_gradient
from nnfast import graph

RNG = np.random.default_rng(7)
A = RNG.uniform(0.5, 2.0, (3, 4))
B = RNG.uniform(0.5, 2.0, (3, 4))
ROW = RNG.uniform(0.5, 2.0, 4)
COLUMN = RNG.uniform(0.5, 2.0, (3, 1))
M = RNG.normal(size=(4, 2))
STACK = RNG.normal(size=(5, 3, 4))

# name: the formula for graph and for torch, and the inputs
FORMULAS = {
    "add": (graph.add, "add", (A, B)),
    "sub": (graph.sub, "sub", (A, B)),
    "mul": (graph.mul, "mul", (A, B)),
    "div": (graph.div, "div", (A, B)),
    "pow": (graph.pow, "pow", (A, B)),
    "max": (graph.max, "maximum", (A, B)),
    "matmul": (graph.matmul, "matmul", (A, M)),
    "matmul of a vector and a matrix": (graph.matmul, "matmul", (ROW, M)),
    "matmul of a matrix and a vector": (graph.matmul, "matmul", (A, ROW)),
    "matmul of vectors": (graph.matmul, "matmul", (ROW, ROW + 1)),
    "matmul of stacks": (graph.matmul, "matmul", (STACK, M)),
    "matmul of a stack and a vector": (graph.matmul, "matmul", (STACK, ROW)),
    "matmul of a vector and a stack": (graph.matmul, "matmul", (np.ones(3), STACK)),
    "neg": (graph.neg, "neg", (A,)),
    "exp": (graph.exp, "exp", (A,)),
    "log": (graph.log, "log", (A,)),
    "sqrt": (graph.sqrt, "sqrt", (A,)),
    "sin": (graph.sin, "sin", (A,)),
    "cos": (graph.cos, "cos", (A,)),
    "tanh": (graph.tanh, "tanh", (A,)),
    "sigmoid": (graph.sigmoid, "sigmoid", (A - 1,)),
    "relu": (graph.relu, "relu", (A - 1,)),
    "sum": (graph.sum, "sum", (A,)),
    "sum of rows": (lambda x: graph.sum(x, axis=1), lambda t, x: x.sum(1), (A,)),
    "sum, dimension kept": (
        lambda x: graph.sum(x, -1, keepdims=True),
        lambda t, x: x.sum(-1, keepdim=True),
        (A,),
    ),
    "sum along two axes": (lambda x: graph.sum(x, (0, 2)), lambda t, x: x.sum((0, 2)), (STACK,)),
    "mean": (graph.mean, "mean", (A,)),
    "mean of columns": (lambda x: graph.mean(x, 0), lambda t, x: x.mean(0), (A,)),
    "squared norm": (graph.squared_norm, lambda t, x: (x * x).sum(), (A,)),
    "row broadcast": (lambda x, y: x * y + y, lambda t, x, y: x * y + y, (A, ROW)),
    "column broadcast": (lambda x, y: y / x - y, lambda t, x, y: y / x - y, (A, COLUMN)),
    "number broadcast": (lambda x, y: y**x, lambda t, x, y: y**x, (A, np.array(1.3))),
    "both broadcast": (graph.add, "add", (COLUMN, ROW)),
    "fan-out": (lambda x: x * x + graph.exp(-x) * x, lambda t, x: x * x + t.exp(-x) * x, (A,)),
    "softmax loss": (
        lambda x: graph.softmax_with_loss(x, [0, 3, 1]),
        lambda t, x: t.nn.functional.cross_entropy(x, t.tensor([0, 3, 1])),
        (A,),
    ),
    "softmax loss of one row": (
        lambda x: graph.softmax_with_loss(x, 2),
        lambda t, x: t.nn.functional.cross_entropy(x, t.tensor(2)),
        (ROW,),
    ),
    "softmax loss of distributions": (
        lambda x: graph.softmax_with_loss(x, B / B.sum(1, keepdims=True)),
        lambda t, x: t.nn.functional.cross_entropy(x, t.tensor(B / B.sum(1, keepdims=True))),
        (A,),
    ),
    "softmax loss of weights that do not sum to 1": (
        lambda x: graph.softmax_with_loss(x, B),
        lambda t, x: t.nn.functional.cross_entropy(x, t.tensor(B)),
        (A,),
    ),
    "mlp": (
        lambda x, w: graph.softmax_with_loss(graph.relu(x @ w - 0.5) * 2, [1, 0, 1]),
        lambda t, x, w: t.nn.functional.cross_entropy(t.relu(x @ w - 0.5) * 2, t.tensor([1, 0, 1])),
        (A, M),
    ),
}


def weights(value):
    return np.random.default_rng(3).uniform(0.5, 1.5, np.shape(value))


@pytest.mark.parametrize("name", FORMULAS)
def test_gradient_is_that_of_central_differences(name):
    formula, _, arrays = FORMULAS[name]
    variables = [graph.variable(array) for array in arrays]
    out = formula(*variables)
    upstream = weights(out.value)
    out.backward(upstream)
    gradients = [variable.grad for variable in variables]
    for variable, array, gradient in zip(variables, arrays, gradients, strict=True):
        assert np.shape(gradient) == array.shape
        changed = array.copy()

        def loss(variable=variable, changed=changed, out=out, upstream=upstream):
            variable.value = changed
            return np.sum(upstream * out.forward())

        assert_gradient(gradient, loss, changed, name)
        variable.value = array


@pytest.mark.parametrize("name", FORMULAS)
def test_values_and_gradients_are_those_of_torch(name, torch):
    formula, same, arrays = FORMULAS[name]
    variables = [graph.variable(array) for array in arrays]
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    out = formula(*variables)
    expected = getattr(torch, same)(*tensors) if isinstance(same, str) else same(torch, *tensors)
    np.testing.assert_allclose(out.value, expected.detach().numpy(), rtol=1e-12)
    upstream = weights(out.value)
    out.backward(upstream)
    expected.backward(torch.tensor(upstream))
    for variable, tensor in zip(variables, tensors, strict=True):
        np.testing.assert_allclose(variable.grad, tensor.grad.numpy(), rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize(
    "name",
    ["add", "sub", "mul", "div", "pow", "max", "neg", "exp", "log", "sqrt", "sin", "tanh", "sigmoid", "relu"],
)
def test_scalar_gradients_are_local_times_upstream(name):
    formula, _, arrays = FORMULAS[name]
    inputs = [graph.variable(float(array.flat[0]), "xy"[i]) for i, array in enumerate(arrays)]
    out = formula(*inputs)
    out.backward(0.7)
    assert out.upstream == 0.7
    for node, local, downstream in zip(out.inputs, out.local, out.downstream, strict=True):
        assert type(local) is type(node.grad) is float
        assert node.grad == downstream == local * out.upstream


# published examples


def test_lecture_example():
    x, y, z = graph.variable(-2, "x"), graph.variable(5, "y"), graph.variable(-4, "z")
    q = x + y
    f = q * z
    assert (q.value, f.value) == (3.0, -12.0)
    f.backward()
    assert (x.grad, y.grad, z.grad, q.grad, f.grad) == (-4.0, -4.0, 3.0, -4.0, 1.0)
    assert q.local == (1.0, 1.0)
    assert f.local == (-4.0, 3.0)


def sigmoid_slide():
    named = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
    v = {name: graph.variable(value, name) for name, value in named.items()}
    return v, 1 / (1 + graph.exp(-(v["w0"] * v["x0"] + v["w1"] * v["x1"] + v["w2"])))


def test_sigmoid_slide():
    v, out = sigmoid_slide()
    out.backward()
    assert round(out.value, 2) == 0.73
    rounded = {name: round(node.grad, 2) for name, node in v.items()}
    assert rounded == {"w0": -0.2, "x0": 0.39, "w1": -0.39, "x1": -0.59, "w2": 0.2}
    middle = [round(node.value, 2) for node in graph.nodes(out) if node.op != "constant"][-5:]
    assert middle == [1.0, -1.0, 0.37, 1.37, 0.73]
    gradients = [round(node.grad, 2) for node in graph.nodes(out) if node.op != "constant"][-5:]
    assert gradients == [0.2, -0.2, -0.53, -0.53, 1.0]


def test_squared_norm_slide():
    W, x = graph.variable([[0.1, 0.5], [-0.3, 0.8]], "W"), graph.variable([0.2, 0.4], "x")
    q = W @ x
    for f in (graph.squared_norm(q), graph.sum(q**2), graph.sum(q * q)):
        f.backward()
        np.testing.assert_allclose(q.value, [0.22, 0.26], rtol=1e-12)
        np.testing.assert_allclose(q.grad, [0.44, 0.52], rtol=1e-12)
        np.testing.assert_allclose(f.value, 0.116, rtol=1e-12)
        np.testing.assert_allclose(W.grad, [[0.088, 0.176], [0.104, 0.208]], rtol=1e-12)
        np.testing.assert_allclose(x.grad, [-0.112, 0.636], rtol=1e-12)


def test_max_slide():
    x, y, z, w = (graph.variable(v) for v in (3, -4, 2, -1))
    out = (x * y + graph.max(z, w)) * 2
    out.backward()
    assert out.value == -20
    assert (x.grad, y.grad, z.grad, w.grad) == (-8, 6, 2, 0)


def test_max_at_a_tie_is_relu():
    x = graph.variable([-1.0, 0.0, 2.0])
    for out in (graph.max(0, x), graph.relu(x)):
        out.backward()
        np.testing.assert_array_equal(x.grad, [0, 0, 1])
    y = graph.variable([-1.0, 0.0, 2.0])
    out = graph.max(x, y)
    out.backward()
    np.testing.assert_array_equal(x.grad + y.grad, 1)


def test_composed_sigmoid_is_the_layer():
    values = np.linspace(-30, 30, 1001)
    dout = np.random.default_rng(0).normal(size=values.shape)
    layer = nn.Sigmoid()
    y, dx = layer.forward(values), layer.backward(dout)
    x = graph.variable(values)
    for out in (1 / (1 + graph.exp(-x)), graph.sigmoid(x)):
        out.backward(dout)
        np.testing.assert_array_max_ulp(out.value, y, maxulp=3)
        # 1 - y has an absolute error of half an ulp of 1
        assert np.max(np.abs(x.grad - dx) / np.abs(dout)) < 3e-16
        assert np.max(np.abs(x.grad / dout - y**2 * np.exp(-values))) < 3e-16


def test_exp_of_minus_square():
    x = graph.variable(0.5)
    y = graph.exp(-(x**2))
    y.backward()
    assert x.grad == pytest.approx(-2 * 0.5 * math.exp(-0.25), rel=1e-15)


def test_softmax_loss_is_that_of_the_core():
    scores, labels = RNG.normal(size=(6, 5)) * 10, np.array([0, 4, 2, 2, 1, 3])
    x = graph.variable(scores)
    loss = nn.SoftmaxCrossEntropy()
    expected = loss.forward(scores, labels)
    for t in (labels, np.eye(5)[labels], graph.constant(labels, "t")):
        out = graph.softmax_with_loss(x, t)
        out.backward()
        assert out.value == pytest.approx(expected, rel=1e-13)
        np.testing.assert_allclose(x.grad, loss.backward(), rtol=1e-12, atol=1e-17)


def test_softmax_loss_of_large_scores_is_finite():
    x = graph.variable([[1010.0, 1000.0, 990.0]])
    out = graph.softmax_with_loss(x, [1])
    out.backward()
    assert out.value == pytest.approx(10.0000454, rel=1e-8)
    np.testing.assert_allclose(x.grad, [[9.9995e-1, 4.5398e-5 - 1, 2.0611e-9]], rtol=1e-4)


# the walk


def test_fan_out_adds_up():
    x, y = graph.variable(3.0, "x"), graph.variable(-4.0, "y")
    sigma = graph.sigmoid(y)
    out = (x + sigma) / (graph.sigmoid(x) + (x + y) ** 2)
    out.backward()
    assert out.value == pytest.approx(1.5456448841066441, rel=1e-14)  # CS231n, "Staged computation"
    assert (x.grad, y.grad) == pytest.approx((2.0595697955721652, 1.5922327514838093), rel=1e-13)


def test_same_input_twice():
    x = graph.variable(3.0)
    out = x * x
    out.backward()
    assert out.downstream == (3.0, 3.0)
    assert x.grad == 6.0


def test_second_backward_replaces():
    x = graph.variable(3.0)
    out = x * x + x
    for _ in range(3):
        out.backward()
        assert x.grad == 7.0
    out.backward(2.0)
    assert x.grad == 14.0
    other = x * 10
    other.backward()
    assert x.grad == 10.0


def test_forward_after_a_change():
    x = graph.variable([1.0, 2.0], "x")
    out = graph.sum(x**2)
    out.backward()
    x.value = [3.0, 4.0]
    assert out.value == 5.0
    assert graph.forward(out) == out.value == 25.0
    assert x.grad is None
    assert out.grad is None
    x.value -= 1  # as a learner's update does
    out.backward()
    assert out.value == 13.0
    np.testing.assert_array_equal(x.grad, [4.0, 6.0])
    x.value[0] = 0.0
    out.backward()
    np.testing.assert_array_equal(x.grad, [0.0, 6.0])
    x.value = [1.0, 1.0, 1.0]
    assert out.forward() == 3.0


def test_gradient_descent_by_hand_finds_the_minimum():
    w, b = graph.variable(0.0), graph.variable(0.0)
    x = np.array([0.0, 1.0, 2.0, 3.0])
    loss = graph.mean((w * x + b - (2 * x + 1)) ** 2)
    for _ in range(500):
        loss.backward()
        w.value -= 0.1 * w.grad
        b.value -= 0.1 * b.grad
    assert (w.value, b.value) == pytest.approx((2, 1), abs=1e-6)


def test_deep_chains_need_no_recursion():
    x = graph.variable(1.0)
    out = x
    for _ in range(10_000):
        out = out * 1.0001
    out.backward()
    assert x.grad == pytest.approx(1.0001**10_000, rel=1e-10)
    assert len(graph.table(out).splitlines()) == 2 * (10_001 + 2) + 1
    assert out._repr_svg_() is None
    assert out._repr_html_() is None
    with pytest.raises(ValueError, match="20001 nodes"):
        graph.draw(out)
    del out


def test_doubling_chain_visits_each_node_once():
    x = graph.variable(1.0)
    out = x
    for _ in range(60):
        out = out + out
    out.backward()
    assert x.grad == 2.0**60
    assert len(graph.nodes(out)) == 61


def test_gradients_do_not_share_memory():
    x, y = graph.variable(np.ones(3)), graph.variable(np.ones(3))
    out = x + y
    dout = np.ones(3)
    out.backward(dout)
    x.grad[0] = 5
    assert y.grad[0] == out.grad[0] == dout[0] == 1
    z = graph.variable(np.ones((2, 2)))
    graph.sum(z).backward()
    z.grad[0, 0] = 5
    assert z.grad[1, 1] == 1


def test_backward_of_an_array_is_that_of_its_sum():
    x = graph.variable(A)
    (x * B).backward()
    np.testing.assert_array_equal(x.grad, B)
    with pytest.raises(ValueError, match=r"dout has shape \(4, 3\); expected \(3, 4\)"):
        (x * B).backward(np.ones((4, 3)))


# constants, operators, types


def test_constants_have_no_gradient():
    x = graph.variable(2.0)
    two = graph.constant(2, "two")
    out = two * x + 3
    out.backward()
    assert two.grad is None
    assert out.local == (1.0, None)
    assert out.downstream == (1.0, None)
    assert [node.constant for node in graph.nodes(out)] == [True, False, False, True, False]
    assert graph.exp(1).constant
    with pytest.raises(ValueError, match="no variable leads to this node"):
        graph.exp(1).backward()


def test_a_branch_of_constants_costs_no_warning():
    x = graph.variable(2.0)
    out = x * graph.sqrt(0)
    out.backward()
    assert x.grad == 0


LEFT = [3, 3.0, np.float64(3), np.float32(3), np.int64(3), np.full(2, 3.0), [3.0, 3.0]]


@pytest.mark.parametrize("left", LEFT, ids=lambda left: type(left).__name__)
def test_operators_on_both_sides(left):
    x = graph.variable([1.0, 2.0])
    plain = np.array([1.0, 2.0])
    with_numbers = np.asarray(left, np.float64)
    for got, expected in [
        (left + x, with_numbers + plain),
        (left - x, with_numbers - plain),
        (left * x, with_numbers * plain),
        (left / x, with_numbers / plain),
        (left**x, with_numbers**plain),
        (x + left, plain + with_numbers),
        (x - left, plain - with_numbers),
        (x * left, plain * with_numbers),
        (x / left, plain / with_numbers),
        (x**left, plain**with_numbers),
    ]:
        assert isinstance(got, graph.Node)
        np.testing.assert_array_equal(got.value, expected)
    assert (-x).op == "neg"
    assert +x is x


def test_matmul_with_arrays_on_both_sides():
    x = graph.variable(A)
    assert isinstance(M.T @ graph.variable(A.T), graph.Node)
    np.testing.assert_array_equal((M.T @ graph.variable(A.T)).value, M.T @ A.T)
    np.testing.assert_array_equal((x @ M).value, A @ M)
    np.testing.assert_array_equal((x @ M.tolist()).value, A @ M)


def test_integers_become_floats_and_float32_stays():
    assert type(graph.variable(3).value) is float
    assert type(graph.variable(np.float32(3)).value) is float
    assert graph.variable([1, 2]).value.dtype == np.float64
    assert graph.variable([True, False]).value.dtype == np.float64
    x = graph.variable(np.ones(3, np.float32))
    out = graph.sigmoid(2 * x + 1) / 3 + graph.max(x, 0) ** 2
    assert out.value.dtype == np.float32
    loss = graph.sum(out * np.ones(3))
    loss.backward()
    assert x.grad.dtype == out.grad.dtype == np.float32


def test_variables_are_copies():
    array = np.ones(2)
    x = graph.variable(array)
    array[0] = 5
    assert x.value[0] == 1


def test_shapes_that_do_not_fit():
    W, x = graph.variable(np.ones((2, 3)), "W"), graph.variable(np.ones(2))
    with pytest.raises(
        ValueError, match=r"graph.add: W has shape \(2, 3\), y has shape \(2,\); expected shapes that"
    ):
        W + x
    with pytest.raises(
        ValueError, match=r"graph.matmul: W has shape \(2, 3\), y has shape \(2,\); expected as many columns"
    ):
        W @ x
    with pytest.raises(ValueError, match=r"graph.matmul: W has shape \(2, 3\), y has shape \(\)"):
        W @ 2
    with pytest.raises(
        ValueError,
        match=r"graph.sum: axis is 2, x has shape \(2, 3\); expected None or different integers below 2",
    ):
        graph.sum(W, axis=2)
    with pytest.raises(ValueError, match=r"graph.mean: axis is 'rows'"):
        graph.mean(W, axis="rows")
    out = W * 2 + 1
    W.value = np.ones(4)
    assert out.forward().shape == (4,)


def test_wrong_arguments():
    x = graph.variable([1.0, 2.0], "x")
    for wrong in ("a", None, {}):
        with pytest.raises(TypeError, match="unsupported operand"):
            x + wrong
    with pytest.raises(TypeError, match=r"graph.exp: value has dtype <U1; expected real numbers"):
        graph.exp("a")
    with pytest.raises(TypeError, match=r"graph.variable: value has dtype complex128"):
        graph.variable(1j)
    with pytest.raises(TypeError, match=r"graph.variable: name is 3; expected a string"):
        graph.variable(1, 3)
    with pytest.raises(AttributeError, match="value of a mul is computed"):
        (x * 2).value = 3
    with pytest.raises(TypeError, match="t is a variable"):
        graph.softmax_with_loss(x, graph.variable(1))
    with pytest.raises(ValueError, match=r"x has shape \(2,\), t has shape \(3,\)"):
        graph.softmax_with_loss(x, [0, 1, 2])
    with pytest.raises(ValueError, match="t has labels 2 to 2; expected integers from 0 to 1"):
        graph.softmax_with_loss(x, 2)
    with pytest.raises(ValueError, match="labels"):
        graph.softmax_with_loss(x, 0.5)
    with pytest.raises(TypeError, match="out is 3; expected a Node"):
        graph.nodes(3)
    with pytest.raises(TypeError):
        np.exp(x)


# values that are not finite


def test_values_out_of_range_warn_and_go_on():
    with pytest.warns(nn.errors.NotFiniteWarning, match=r"graph.log: the value is nan at x = -1.0"):
        assert math.isnan(graph.log(-1).value)
    with pytest.warns(nn.errors.NotFiniteWarning, match=r"graph.log: the value is -inf at price = 0.0"):
        assert graph.log(graph.variable([1.0, 0.0, 2.0], "price")).value[1] == -np.inf
    with pytest.warns(nn.errors.NotFiniteWarning, match=r"graph.div: the value is inf at x = 1.0, y = 0.0"):
        assert (1 / graph.variable(0.0)).value == np.inf
    with pytest.warns(nn.errors.NotFiniteWarning, match=r"graph.exp: the value is inf at x = 1000.0"):
        assert graph.exp(1000.0).value == np.inf
    with pytest.warns(nn.errors.NotFiniteWarning, match=r"graph.pow: the value is nan"):
        assert math.isnan((graph.variable(-8.0) ** (1 / 3)).value)
    with pytest.warns(nn.errors.NotFiniteWarning, match=r"graph.sqrt: the value is nan"):
        graph.sqrt(-1)


def test_only_the_origin_of_nan_warns():
    with pytest.warns(nn.errors.NotFiniteWarning) as caught:
        graph.exp(graph.log(-1) * 2 + 1)
    assert [str(w.message).split(":")[0] for w in caught] == ["graph.log"]


def test_warnings_point_at_the_users_line():
    x = graph.variable(0.0)
    for formula in (lambda: 1 / x, lambda: graph.log(x)):
        with pytest.warns(nn.errors.NotFiniteWarning) as caught:
            formula()
        assert [w.filename for w in caught] == [__file__]


def test_infinite_local_gradient_warns():
    x = graph.variable(0.0)
    out = graph.sqrt(x)
    with pytest.warns(nn.errors.NotFiniteWarning, match=r"graph.sqrt: the gradient is inf at 0.0"):
        out.backward()
    assert x.grad == np.inf


def test_sigmoid_gate_is_exact_far_out():
    assert graph.sigmoid([-1000.0, 0.0, 1000.0]).value.tolist() == [0.0, 0.5, 1.0]


def test_powers_at_zero(torch):
    for base, exponent in [(0.0, 0.0), (0.0, 1.0), (0.0, 2.0), (2.0, 0.0), (-2.0, 3.0)]:
        x = graph.variable(base)
        out = x**exponent
        out.backward()
        t = torch.tensor(base, dtype=torch.float64, requires_grad=True)
        (t**exponent).backward()
        assert x.grad == t.grad.item()
    x, y = graph.variable(0.0), graph.variable(2.0)
    out = x**y
    out.backward()
    assert (x.grad, y.grad) == (0.0, 0.0)


# text


def test_repr():
    x = graph.variable(-2, "x")
    assert repr(x) == "Node('x', value=-2.0)"
    f = x * 3
    f.backward()
    assert repr(x) == "Node('x', value=-2.0, grad=3.0)"
    assert repr(f) == "Node(mul, value=-6.0, grad=1.0)"
    f.name = "f"
    assert repr(f) == "Node('f', mul, value=-6.0, grad=1.0)"
    assert repr(graph.variable(1)) == "Node(variable, value=1.0)"
    assert repr(graph.constant(1)) == "Node(constant, value=1.0)"
    assert repr(graph.variable(np.zeros((100, 50)))) == "Node(variable, value=(100, 50) 0 … 0)"
    assert len(repr(graph.variable(A @ A.T))) < 80


def test_table_of_matrices_says_how():
    x, W = graph.constant(A[:2], "x"), graph.variable(M, "W")
    h = x @ W
    b = graph.variable([1.0, 2.0], "b")
    f = graph.mean((h + b) ** 2)
    text = graph.table(f)
    assert "backward" not in text
    f.backward()
    forward, backward = (part.splitlines()[2:] for part in graph.table(f, format=".2f").split("\n\n"))
    assert [" ".join(line.split()[:4]) for line in forward if line.startswith(("n", "W"))] == [
        "W variable (4, 2)",
        "n1 x @ W",
        "n2 n1 + b",
        "n3 n2 ^ 2.00",
        f"n4 mean(n3) {f.value:.2f}",
    ]
    how = {line.split()[1]: line[line.rindex("  ") + 2 :] for line in backward[1:]}
    assert how["W"] == "dW (4, 2) = x.T (4, 2) @ upstream (2, 2)"
    assert how["b"] == "summed from (2, 2) to (2,)"
    assert how["n3"] == "for every element"
    assert "x" not in how
    assert any("[[" in line for line in forward)  # two by two numbers in full
    left = graph.variable(A[:2], "x") @ graph.constant(M, "W")
    left.backward()
    assert "dx (2, 4) = upstream (2, 2) @ W.T (2, 4)" in graph.table(left)


def test_table_tells_the_sum_at_a_fan_out(capsys):
    x = graph.variable(3.0, "x")
    out = x * x + x
    out.backward()
    out.explain()
    printed = capsys.readouterr().out
    assert printed == graph.table(out) + "\n"
    (line,) = [line for line in printed.splitlines() if "sum of the 3 above" in line]
    assert line.split()[:2] == ["x", "7"]
    above = printed[printed.index("backward") : printed.index(line)].splitlines()
    assert sum(row.split()[1:2] == ["x"] for row in above) == 3


# the book's layers


def test_buy_apple():
    apple_layer, tax_layer = graph.MulLayer(), graph.MulLayer()
    price = tax_layer.forward(apple_layer.forward(100, 2), 1.1)
    dprice, dtax = tax_layer.backward(1)
    dapple, dapple_num = apple_layer.backward(dprice)
    assert int(price) == 220
    assert (dapple, int(dapple_num), dtax) == (2.2, 110, 200)
    assert (apple_layer.x, apple_layer.y) == (100, 2)


def test_buy_apple_orange():
    mul_apple, mul_orange, add, mul_tax = (
        graph.MulLayer(),
        graph.MulLayer(),
        graph.AddLayer(),
        graph.MulLayer(),
    )
    price = mul_tax.forward(add.forward(mul_apple.forward(100, 2), mul_orange.forward(150, 3)), 1.1)
    dall, dtax = mul_tax.backward(1)
    dapple_price, dorange_price = add.backward(dall)
    dorange, dorange_num = mul_orange.backward(dorange_price)
    dapple, dapple_num = mul_apple.backward(dapple_price)
    assert int(price) == 715
    assert [dapple, int(dapple_num), dorange, int(dorange_num), dtax] == [
        2.2,
        110,
        3.3000000000000003,
        165,
        650,
    ]
    nodes = [graph.variable(v) for v in (100, 2, 150, 3, 1.1)]
    a, n, o, m, tax = nodes
    out = (a * n + o * m) * tax
    out.backward()
    assert out.value == price
    assert [node.grad for node in nodes] == [dapple, dapple_num, dorange, dorange_num, dtax]


def test_sigmoid_by_the_books_layers():
    for x in (0.7, np.linspace(-3, 3, 7)):
        mul, exp, add, div = graph.MulLayer(), graph.ExpLayer(), graph.AddLayer(), graph.DivLayer()
        y = div.forward(add.forward(exp.forward(mul.forward(x, -1)), 1))
        dx, _ = mul.backward(exp.backward(add.backward(div.backward(2.0))[0]))
        assert div.out is y
        np.testing.assert_allclose(y, 1 / (1 + np.exp(-x)), rtol=1e-15)
        np.testing.assert_allclose(dx, 2 * y * (1 - y), rtol=1e-13)
        assert type(y) is type(x)


# gates

CORNERS = [(0, 0), (1, 0), (0, 1), (1, 1)]


@pytest.mark.parametrize(
    ("gate", "truth"),
    [
        (graph.AND, [0, 0, 0, 1]),
        (graph.NAND, [1, 1, 1, 0]),
        (graph.OR, [0, 1, 1, 1]),
        (graph.XOR, [0, 1, 1, 0]),
    ],
    ids=["AND", "NAND", "OR", "XOR"],
)
def test_truth_tables(gate, truth):
    got = [gate(x1, x2) for x1, x2 in CORNERS]
    assert got == truth
    assert all(type(y) is int for y in got)
    x1, x2 = np.array(CORNERS).T
    np.testing.assert_array_equal(gate(x1, x2), truth)
    np.testing.assert_array_equal(gate(x1.reshape(2, 2), x2.reshape(2, 2)), np.reshape(truth, (2, 2)))
    np.testing.assert_array_equal(gate(x1, 1), [gate(x, 1) for x in x1])


def test_perceptron_at_the_threshold_does_not_fire():
    gate = graph.Perceptron([1, 1], -1)
    assert gate([0.5, 0.5]) == 0
    assert gate([0.5, 0.5000001]) == 1
    assert type(gate([1, 1])) is int
    np.testing.assert_array_equal(gate([[0.5, 0.5], [1, 1]]), [0, 1])


def test_bias_is_the_weight_of_a_constant_neuron():
    gate, same = graph.Perceptron([0.5, 0.5], -0.7), graph.Perceptron([-0.7, 0.5, 0.5])
    np.testing.assert_array_equal(gate(CORNERS), same([(1, *corner) for corner in CORNERS]))


@pytest.mark.parametrize("truth", [[0, 0, 0, 1], [1, 1, 1, 0], [0, 1, 1, 1]], ids=["AND", "NAND", "OR"])
def test_perceptron_learns(truth):
    gate = graph.Perceptron([0.0, 0.0]).fit(CORNERS, truth, lr=0.1)
    assert gate.converged
    assert gate.mistakes[-1] == 0
    np.testing.assert_array_equal(gate(CORNERS), truth)


def test_perceptron_cannot_learn_xor():
    gate = graph.Perceptron([0.0, 0.0])
    with pytest.warns(nn.errors.NotSeparableWarning, match="epoch 50 still had 4 mistakes; .*XOR"):
        gate.fit(CORNERS, [0, 1, 1, 0], epochs=50)
    assert gate.converged is False
    assert len(gate.mistakes) == 50


def test_perceptron_arguments():
    with pytest.raises(ValueError, match=r"w has shape \(1, 2\); expected \(D,\)"):
        graph.Perceptron([[1, 2]])
    gate = graph.Perceptron([1, 2])
    with pytest.raises(ValueError, match=r"x has shape \(3,\); expected \(2,\) or \(N, 2\)"):
        gate([1, 2, 3])
    with pytest.raises(
        ValueError, match=r"x has shape \(2,\), t has shape \(\); expected \(N, D\) and \(N,\)"
    ):
        gate.fit([1, 2], 1)
    with pytest.raises(ValueError, match="t has values"):
        gate.fit(CORNERS, [-1, 1, 1, 1])
    with pytest.raises(
        ValueError, match=r"NAND: x1 has shape \(2,\), x2 has shape \(3,\); expected shapes that"
    ):
        graph.NAND([0, 1], [0, 1, 1])
    assert repr(gate) == "Perceptron([1.0, 2.0], 0.0)"


def test_a_star_import_leaves_pythons_own_names():
    import builtins

    assert not set(graph.__all__) & set(dir(builtins))
    assert graph.sum([1.0, 2.0]).value == 3.0
