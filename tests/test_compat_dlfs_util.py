"""util, layer_naive and the names of all modules of "Deep Learning from Scratch" (tests/courses)."""

import importlib
import inspect

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_reference import (
    MODULES,
    agree,
    arrays,
    few,
    floats,
    identical,
    japanese,
    korean,
    numbers,
    orders,
    same_error,
    same_random_state,
    seeds,
)
from nnfast.compat.dlfs import layer_naive as N
from nnfast.compat.dlfs import util as U

R = japanese()
editions = pytest.mark.parametrize(
    ("package", "plain"),
    [("nnfast.compat.dlfs", japanese), ("nnfast.compat.dlfs.kr", korean)],
    ids=["jp", "kr"],
)


@editions
@pytest.mark.parametrize("module", [*MODULES, "layer_naive"])
def test_every_name_is_there_with_its_arguments(package, plain, module):
    ours, wanted = importlib.import_module(f"{package}.{module}"), getattr(plain(), module)
    own = [name for name, v in vars(wanted).items() if getattr(v, "__module__", None) == wanted.__name__]
    assert own
    for name in own:
        expected = inspect.signature(getattr(wanted, name)).parameters.values()
        got = inspect.signature(getattr(ours, name)).parameters.values()
        assert [(p.name, p.default) for p in got] == [(p.name, p.default) for p in expected], name


@few
@hypothesis.given(st.integers(11, 60), seeds, st.booleans())
def test_smooth_curve_is_the_plain_one(n, seed, as_list):
    x = numbers(seed, (n,), np.float64)
    x = x.tolist() if as_list else x
    got = U.smooth_curve(x)
    agree(got, R.util.smooth_curve(x))
    assert len(got) == n


@few
@hypothesis.given(st.integers(0, 12), st.sampled_from([(3,), (1, 2, 2)]), floats, orders, seeds)
def test_shuffle_dataset_is_the_plain_one(n, shape, dtype, order, seed):
    x, t = numbers(seed, (n, *shape), dtype, order), np.arange(n, dtype=np.uint8)
    before = x.copy()
    expected, got = same_random_state(lambda: R.util.shuffle_dataset(x, t), lambda: U.shuffle_dataset(x, t))
    for a, b in zip(got, expected, strict=True):
        identical(a, b)
    identical(x.copy(), before)
    np.testing.assert_array_equal(t, np.arange(n))


@pytest.mark.parametrize("shape", [(5,), (5, 2, 3)])
def test_shuffle_dataset_of_other_dimensions_fails_like_numpy(shape):
    x, t = np.ones(shape), np.arange(5)
    same_error(lambda: R.util.shuffle_dataset(x, t), lambda: U.shuffle_dataset(x, t))


@pytest.mark.parametrize("arguments", [(28, 5), (28, 5, 2), (7, 3, 2, 1), (8, 3, 2)])
def test_conv_output_size_is_a_float(arguments):
    got = U.conv_output_size(*arguments)
    assert type(got) is float
    assert got == R.util.conv_output_size(*arguments)


@few
@hypothesis.given(
    arrays(4, 4, 3, 6), st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), st.integers(0, 2)
)
def test_im2col_and_col2im_are_the_plain_ones(x, h, w, stride, pad):
    expected = R.util.im2col(x, h, w, stride, pad)
    got = U.im2col(x, h, w, stride, pad)
    identical(got, expected)
    assert got.dtype == np.float64
    agree(U.col2im(got, x.shape, h, w, stride, pad), R.util.col2im(expected, x.shape, h, w, stride, pad))
    narrow = U.col2im(got.astype(np.float32), x.shape, h, w, stride=stride, pad=pad)
    assert narrow.dtype == np.float64


# --------------------------------------------------------------------------------------------- layer_naive
@pytest.mark.parametrize("values", [(100, 2), (100, 1.1), (np.float32(3), 2), (np.arange(3.0), 2)], ids=repr)
def test_naive_layers_are_the_plain_ones(values):
    for name in ("MulLayer", "AddLayer"):
        plain, ours = getattr(R.layer_naive, name)(), getattr(N, name)()
        for got, expected in [
            (ours.forward(*values), plain.forward(*values)),
            *zip(ours.backward(3), plain.backward(3), strict=True),
        ]:
            assert type(got) is type(expected)
            np.testing.assert_array_equal(got, expected)


def test_buying_two_apples_with_python_numbers():
    apple, tax = N.MulLayer(), N.MulLayer()
    assert apple.x is apple.y is None
    price = tax.forward(apple.forward(100, 2), 1.1)
    assert price == 220.00000000000003
    d_apple_price, d_tax = tax.backward(1)
    assert type(d_tax) is int
    assert d_tax == 200
    assert apple.backward(d_apple_price) == (2.2, 110.00000000000001)
    assert (apple.x, apple.y) == (100, 2)


def test_add_layer_gives_two_new_objects():
    layer, dout = N.AddLayer(), np.ones(3)
    layer.forward(1, 2)
    first, second = layer.backward(dout)
    assert first is not second
    assert not np.shares_memory(first, second)
    assert not np.shares_memory(first, dout)
