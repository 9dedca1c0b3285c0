"""Stand-ins of "Deep Learning from Scratch" with arrays of unusual forms, and its layers for images."""

import copy
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from conftest import LAYOUTS
from course_reference import (
    agree,
    dtypes,
    few,
    floats,
    identical,
    japanese,
    numbers,
    orders,
    same_error,
    seeds,
)
from nnfast.compat.dlfs import functions as F
from nnfast.compat.dlfs import layers as L
from nnfast.compat.dlfs import optimizer

R = japanese()
FORMS = ["offset", "misaligned", "read_only", "big_endian", "subclass", "strided", "reversed_all"]
forms = pytest.mark.parametrize("form", FORMS)


def same_values(got, expected, what="", inputs=()):
    """Also of the same kind of array, but perhaps in the machine's byte order."""
    assert type(got) is type(expected), what
    native = [
        np.asarray(a).astype(np.asarray(a).dtype.newbyteorder("="), copy=False) for a in (got, expected)
    ]
    agree(*native, what=what, inputs=inputs)


# --------------------------------------------------------------------------------------------------- forms
@forms
@pytest.mark.parametrize("name", ["Relu", "Sigmoid", "Dropout"])
def test_elementwise_layers(form, name, dtype):
    x, dout = numbers(0, (6, 4), dtype), numbers(1, (6, 4), dtype)
    results = []
    for module in (R.layers, L):
        np.random.seed(1)
        layer = getattr(module, name)()
        y = layer.forward(LAYOUTS[form](x))
        dy = LAYOUTS["contiguous" if form == "read_only" and name == "Relu" else form](dout)
        results.append((y, layer.backward(dy)))
    for got, expected in zip(*reversed(results), strict=True):
        same_values(got, expected, form)


@forms
@pytest.mark.parametrize("other", ["contiguous", "same"])
def test_affine(form, other, dtype):
    arrays = [numbers(i, shape, dtype) for i, shape in enumerate([(6, 4), (4, 5), (5,), (6, 5)])]
    for i in range(4):
        x, W, b, dout = (
            LAYOUTS[form if other == "same" or i == k else other](a) for k, a in enumerate(arrays)
        )
        results = []
        for module in (R.layers, L):
            layer = module.Affine(W, b)
            results.append((layer.forward(x), layer.backward(dout), layer.dW, layer.db))
        for got, expected in zip(*reversed(results), strict=True):
            same_values(got, expected, form)


@forms
def test_softmax_with_loss(form, dtype):
    x, labels = LAYOUTS[form](numbers(0, (6, 4), dtype)), np.array([0, 3, 1, 2, 2, 0])
    for t in (LAYOUTS[form](labels), LAYOUTS[form](np.eye(4)[labels])):
        results = []
        for module in (R.layers, L):
            layer = module.SoftmaxWithLoss()
            results.append((layer.forward(x, t), layer.y, layer.backward()))
        for got, expected in zip(*reversed(results), strict=True):
            same_values(got, expected, form, [x])


@forms
@pytest.mark.parametrize("train", [True, False])
def test_batch_normalization(form, train, dtype):
    arrays = [numbers(i, shape, dtype) for i, shape in enumerate([(6, 4), (4,), (4,), (6, 4)])]
    x, gamma, beta, dout = (LAYOUTS[form](a) for a in arrays)
    results = []
    for module in (R.layers, L):
        layer = module.BatchNormalization(gamma, beta)
        results.append([layer.forward(x, train)])
        if train:
            results[-1] += [layer.backward(dout), layer.dgamma, layer.dbeta, layer.running_var]
    for got, expected in zip(*reversed(results), strict=True):
        same_values(got, expected, form)


@forms
def test_functions(form, dtype):
    x = LAYOUTS[form](numbers(0, (6, 4), dtype))
    for name in ("sigmoid", "sigmoid_grad", "relu", "relu_grad", "softmax", "step_function"):
        same_values(getattr(F, name)(x), getattr(R.functions, name)(x), name)


@pytest.mark.parametrize("form", [form for form in FORMS if form != "read_only"])
@pytest.mark.parametrize("name", ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam"])
def test_optimizers(form, name, dtype):
    for p_form, g_form in [(form, "contiguous"), ("contiguous", form), (form, form)]:
        results = []
        for module in (R.optimizer, optimizer):
            params = {"W": LAYOUTS[p_form](numbers(0, (6, 4), dtype))}
            grads = {"W": LAYOUTS[g_form](numbers(1, (6, 4), dtype))}
            before, each = params["W"], getattr(module, name)(lr=0.1)
            for _ in range(3):
                each.update(params, grads)
            assert params["W"] is before
            results.append(params["W"])
        same_values(results[1], results[0], form)


@pytest.mark.parametrize("name", ["Relu", "Sigmoid", "Affine", "Dropout", "BatchNormalization"])
def test_views_of_results_outlive_the_results(name):
    """What an array shares with a result keeps that result's memory from being used again."""
    parameters = {"Affine": (np.ones((4, 3)), np.zeros(3)), "BatchNormalization": (np.ones(4), np.zeros(4))}
    layer = getattr(L, name)(*parameters.get(name, ()))
    held = []
    for seed in range(6):
        y = layer.forward(numbers(seed, (5, 4), np.float64))
        dx = layer.backward(numbers(seed + 9, y.shape, np.float64))
        arrays = [y, dx, *(getattr(layer, a, None) for a in ("mask", "dW", "db", "dgamma", "xn"))]
        views = [a.T if i % 2 else a[::2] for i, a in enumerate(arrays) if a is not None]
        held += [(view, view.copy()) for view in views]
        del y, dx, arrays, views
    for view, copied in held:
        np.testing.assert_array_equal(view, copied)


@pytest.mark.parametrize("b", [(5, 1), (5, 4), (1, 1), (2, 1, 4), "list"])
def test_affine_broadcasts_the_bias_as_numpy_does(b):
    x, W = numbers(0, (5, 3), np.float64), numbers(1, (3, 4), np.float64)
    b = [0.5, 1.0, 2.0, 3.0] if b == "list" else numbers(2, b, np.float64)
    agree(L.Affine(W, b).forward(x), R.layers.Affine(W, b).forward(x))


@pytest.mark.parametrize(("n", "inputs", "outputs"), [(5, 3, 0), (5, 0, 4), (1, 1, 1)])
def test_affine_without_columns(n, inputs, outputs):
    W, b = numbers(1, (inputs, outputs), np.float64), numbers(2, (outputs,), np.float64)
    x, dout = numbers(0, (n, inputs), np.float64), numbers(3, (n, outputs), np.float64)
    plain, ours = R.layers.Affine(W, b), L.Affine(W, b)
    agree(ours.forward(x), plain.forward(x))
    agree(ours.backward(dout), plain.backward(dout))
    agree(ours.dW, plain.dW)
    agree(ours.db, plain.db)


@pytest.mark.parametrize("shape", [(1, 4), ()])
def test_batch_normalization_broadcasts_its_parameters(shape):
    gamma, beta = np.full(shape, 2.0), np.full(shape, 0.5)
    x, dout = numbers(0, (6, 4), np.float64), numbers(1, (6, 4), np.float64)
    plain, ours = R.layers.BatchNormalization(gamma, beta), L.BatchNormalization(gamma, beta)
    agree(ours.forward(x), plain.forward(x))
    agree(ours.backward(dout), plain.backward(dout))
    agree(ours.dgamma, plain.dgamma)
    agree(ours.dbeta, plain.dbeta)
    agree(ours.forward(x, False), plain.forward(x, False))


@pytest.mark.parametrize("kind", [np.int8, np.int16, np.uint16, np.uint32, np.int64, np.uint64])
@pytest.mark.parametrize("form", ["contiguous", "strided_labels", "reversed", "read_only", "big_endian"])
def test_labels_of_any_integer_type(kind, form):
    labels = np.array([0, 3, 1, 2, 2]).astype(kind)
    t = np.repeat(labels, 2)[::2] if form == "strided_labels" else LAYOUTS[form](labels)
    x = numbers(0, (5, 4), np.float64)
    plain, ours = R.layers.SoftmaxWithLoss(), L.SoftmaxWithLoss()
    agree(ours.forward(x, t), plain.forward(x, t))
    agree(ours.backward(), plain.backward())
    agree(F.cross_entropy_error(ours.y, t), plain.loss)


def test_labels_are_read_again_by_backward():
    x, t = numbers(0, (3, 4), np.float64), np.array([0, 1, 2])
    plain, ours = R.layers.SoftmaxWithLoss(), L.SoftmaxWithLoss()
    for layer in (plain, ours):
        layer.forward(x, t)
    t[1] = 3
    agree(ours.backward(), plain.backward())


@pytest.mark.parametrize("t", [np.array([True, False, True]), [0, 1, 2], np.array([0, 1 << 40, 1])], ids=repr)
def test_what_is_no_label_fails_like_numpy(t):
    x = numbers(0, (3, 4), np.float64)
    same_error(lambda: R.layers.SoftmaxWithLoss().forward(x, t), lambda: L.SoftmaxWithLoss().forward(x, t))


# ------------------------------------------------------------------------------------- Convolution, Pooling
@few
@hypothesis.given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(4, 7),
    st.integers(1, 3),
    st.integers(1, 2),
    st.integers(0, 2),
    st.tuples(dtypes, dtypes, floats),
    orders,
    seeds,
)
def test_convolution_is_the_plain_one(n, channels, size, filter_size, stride, pad, kinds, order, seed):
    x = numbers(seed, (n, channels, size, size + 1), kinds[0], order)
    W = numbers(seed + 1, (2, channels, filter_size, filter_size), kinds[1], order)
    b = numbers(3, (2,), kinds[1])
    plain, ours = R.layers.Convolution(W, b, stride, pad), L.Convolution(W, b, stride, pad)
    y = plain.forward(x)
    agree(ours.forward(x), y, 30)
    identical(ours.col, plain.col)
    identical(ours.col_W, plain.col_W)
    dout = numbers(seed + 2, y.shape, kinds[2], order)
    product = np.empty(0, np.result_type(dout, W))
    agree(ours.backward(dout), plain.backward(dout), 30, inputs=[product])
    agree(ours.dW, plain.dW, 100)
    agree(ours.db, plain.db, 30)
    assert (ours.stride, ours.pad, ours.x is x, ours.W is W) == (stride, pad, True, True)


def test_convolution_takes_an_integer_zero_as_bias():
    x, W = numbers(0, (1, 1, 6, 6), np.float64), numbers(1, (1, 1, 3, 3), np.float64)
    agree(L.Convolution(W, 0).forward(x), R.layers.Convolution(W, 0).forward(x))


@pytest.mark.parametrize("shape", [(5, 6), (2, 3, 6, 6), (2, 1, 6)])
def test_convolution_of_wrong_shapes_fails_like_numpy(shape):
    W = np.ones((2, 1, 3, 3))
    same_error(
        lambda: R.layers.Convolution(W, 0).forward(np.ones(shape)),
        lambda: L.Convolution(W, 0).forward(np.ones(shape)),
    )


def test_convolution_reads_its_parameters_at_every_call():
    x, W, b = numbers(0, (2, 1, 6, 6), np.float64), numbers(1, (2, 1, 3, 3), np.float64), np.zeros(2)
    plain, ours = R.layers.Convolution(W, b), L.Convolution(W, b)
    for layer in (plain, ours):
        layer.forward(x)
    W[1, 0, 2, 2] += 1
    b[0] = 5
    agree(ours.forward(x), plain.forward(x))


@few
@hypothesis.given(
    st.integers(1, 3), st.integers(1, 3), st.integers(2, 7), st.integers(1, 2), floats, orders, seeds
)
def test_pooling_is_the_plain_one(n, channels, size, stride, dtype, order, seed):
    x = numbers(seed, (n, channels, size, size), dtype, order)
    plain, ours = R.layers.Pooling(2, 2, stride), L.Pooling(2, 2, stride)
    y = plain.forward(x)
    np.testing.assert_array_equal(ours.forward(x), y, strict=True)
    identical(ours.arg_max, plain.arg_max)
    dout = numbers(seed + 2, y.shape, dtype, order)
    agree(ours.backward(dout), plain.backward(dout))


def test_pooling_steps_by_two():
    assert L.Pooling(2, 2).stride == 2
    assert L.Pooling(2, 2).pad == 0


def test_pooling_of_ties_and_of_what_is_not_finite():
    x = np.array(
        [[1.0, 1, np.nan, 2], [1, 1, np.nan, 3], [-np.inf, -np.inf, np.inf, 0], [-np.inf, -np.inf, 0, 0]]
    )
    plain, ours = R.layers.Pooling(2, 2), L.Pooling(2, 2)
    agree(ours.forward(x[None, None]), plain.forward(x[None, None]))
    identical(ours.arg_max, plain.arg_max)
    agree(ours.backward(np.ones((1, 1, 2, 2))), plain.backward(np.ones((1, 1, 2, 2))))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_of_convolution_and_pooling(copied):
    x = numbers(0, (2, 1, 6, 6), np.float64)
    for layer in (L.Convolution(numbers(1, (2, 1, 3, 3), np.float64), np.zeros(2)), L.Pooling(2, 2)):
        layer.note = "mine"
        y = layer.forward(x)
        twin = copied(layer)
        identical(twin.backward(y.copy()), layer.backward(y.copy()))
        assert twin.note == "mine"


def test_the_attributes_of_convolution_and_pooling_can_be_set():
    """By a subclass that does its own im2col, say."""
    convolution, pooling = L.Convolution(np.ones((1, 1, 2, 2)), 0), L.Pooling(2, 2)
    for layer, names in ((convolution, ("col", "col_W", "dW", "db", "x")), (pooling, ("arg_max", "x"))):
        assert [getattr(layer, name) for name in names] == [None] * len(names)
        for name in names:
            setattr(layer, name, 5)
            assert getattr(layer, name) == 5
