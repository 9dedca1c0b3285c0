"""BatchNormalization of "Deep Learning from Scratch" against the one in plain NumPy (tests/courses/dlfs)."""

import copy
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_reference import (
    agree,
    few,
    floats,
    identical,
    japanese,
    numbers,
    orders,
    same_error,
    seeds,
)
from nnfast.compat.dlfs.layers import BatchNormalization

Plain = japanese().layers.BatchNormalization
KINDS = [np.float64, np.float32, np.int64]
STATE = ["running_mean", "running_var", "xc", "xn", "std"]


def pair(width, dtype=np.float64, **settings):
    gamma, beta = numbers(1, (width,), dtype) + dtype(2), numbers(2, (width,), dtype)
    return Plain(gamma, beta, **settings), BatchNormalization(gamma, beta, **settings)


def largest(layer, dout):
    """The size of the terms of dx, which nearly cancel for two samples."""
    return np.abs(layer.gamma * dout.reshape(len(dout), -1) / layer.std).max()


@st.composite
def batches(draw):
    """x, dout of 2 or 4 dimensions, gamma, beta."""
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=2, max_size=2)))
    if draw(st.booleans()):
        shape += (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    width = int(np.prod(shape[1:]))
    x = numbers(draw(seeds), shape, draw(st.sampled_from(KINDS)), draw(orders))
    dout = numbers(draw(seeds), shape, draw(floats), draw(orders))
    parameters = numbers(draw(seeds), (2, width), draw(floats))
    return x, dout, parameters[0], parameters[1]


@few
@hypothesis.given(batches(), st.sampled_from([0.9, 0.5, 0.0]))
def test_training_is_the_plain_one(arguments, momentum):
    x, dout, gamma, beta = arguments
    plain, ours = Plain(gamma, beta, momentum), BatchNormalization(gamma, beta, momentum)
    for factor in (1, 2):
        agree(ours.forward(factor * x), plain.forward(factor * x), inputs=[x])
    for name in STATE:
        agree(getattr(ours, name), getattr(plain, name), 1, name, inputs=[x])
    assert ours.input_shape == x.shape
    assert ours.batch_size == len(x)
    agree(ours.backward(dout), plain.backward(dout), largest(plain, dout), "dx", [x, dout])
    rows = np.abs(dout.reshape(len(x), -1))
    agree(ours.dgamma, plain.dgamma, (np.abs(plain.xn) * rows).sum(0), "dgamma", [x, dout])
    agree(ours.dbeta, plain.dbeta, rows.sum(0), "dbeta")


@few
@hypothesis.given(batches())
def test_testing_is_the_plain_one(arguments):
    x, _, gamma, beta = arguments
    plain, ours = Plain(gamma, beta), BatchNormalization(gamma, beta)
    for layer in (plain, ours):
        layer.forward(np.arange(float(10 * gamma.size)).reshape(10, gamma.size) ** 1.5)
    mean, var = ours.running_mean, ours.running_var
    agree(ours.forward(x, False), plain.forward(x, False), inputs=[x])
    assert ours.running_mean is mean
    assert ours.running_var is var


def test_signature_and_attributes():
    gamma, beta, mean, var = np.ones(3), np.zeros(3), np.full(3, 5.0), np.full(3, 4.0)
    layer = BatchNormalization(gamma, beta, 0.8, mean, var)
    assert layer.gamma is gamma
    assert layer.beta is beta
    assert layer.running_mean is mean
    assert layer.running_var is var
    assert layer.momentum == 0.8
    assert BatchNormalization(gamma, beta).momentum == 0.9
    for name in ("input_shape", "batch_size", "xc", "std", "dgamma", "dbeta"):
        assert getattr(layer, name) is None
    np.testing.assert_allclose(layer.forward(np.full((2, 3), 9.0), False), 4 / np.sqrt(4 + 1e-6), rtol=1e-14)


def test_xn_exists_only_after_a_training_forward():
    _, layer = pair(3)
    assert not hasattr(layer, "xn")
    layer.forward(np.ones((4, 3)), False)
    assert not hasattr(layer, "xn")
    layer.forward(np.ones((4, 3)), True)
    assert layer.xn.shape == (4, 3)


def test_training_is_the_default_and_the_flag_comes_second():
    x = numbers(0, (8, 3), np.float64)
    plain, ours = pair(3)
    agree(ours.forward(x), plain.forward(x, True))
    agree(ours.forward(x, False), plain.forward(x, False))
    agree(ours.forward(x, train_flg=False), plain.forward(x, train_flg=False))


def test_epsilon_is_1e_6_inside_the_root():
    _, layer = pair(2)
    layer.forward(np.zeros((4, 2)))
    np.testing.assert_allclose(layer.std, 1e-3, rtol=1e-14)


def test_running_statistics_start_at_zero_and_take_the_biased_variance():
    x = numbers(0, (8, 3), np.float64)
    _, layer = pair(3)
    layer.forward(x)
    np.testing.assert_allclose(layer.running_mean, 0.1 * x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(layer.running_var, 0.1 * x.var(0), rtol=1e-12)


def test_running_statistics_are_new_arrays_at_each_training_forward():
    mean, var, x = np.ones(3), np.ones(3), numbers(0, (8, 3), np.float64)
    _, layer = pair(3, running_mean=mean, running_var=var)
    layer.forward(x)
    assert layer.running_mean is not mean
    assert layer.running_var is not var
    np.testing.assert_array_equal((mean, var), 1)
    first = layer.running_mean, layer.running_mean.copy()
    layer.forward(x)
    identical(first[0], first[1])


@pytest.mark.parametrize("train", [True, False])
def test_the_first_forward_creates_float64_running_statistics(train):
    _, layer = pair(3, np.float32)
    assert layer.running_mean is None
    layer.forward(np.ones((2, 3), np.float32), train)
    assert layer.running_mean.dtype == layer.running_var.dtype == np.float64
    assert layer.running_mean.shape == layer.running_var.shape == (3,)


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("x_dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("parameter_dtype", [np.float32, np.float64])
def test_dtypes_are_numpys(x_dtype, parameter_dtype, train):
    x = numbers(0, (8, 3), x_dtype)
    plain, ours = pair(3, parameter_dtype)
    expected = plain.forward(x, train)
    agree(ours.forward(x, train), expected, inputs=[x])
    if not train or parameter_dtype == np.float64:
        assert expected.dtype == np.float64


def test_testing_before_training_multiplies_by_a_thousand():
    layer = BatchNormalization(np.ones(3), np.zeros(3))
    np.testing.assert_allclose(layer.forward(np.full((2, 3), 2.0), False), 2000.0, rtol=1e-12)


def test_a_batch_of_one_gives_exactly_beta():
    beta = numbers(2, (3,), np.float64, zeros=False)
    layer = BatchNormalization(numbers(1, (3,), np.float64), beta)
    identical(layer.forward(numbers(0, (1, 3), np.float64)), beta[None])
    np.testing.assert_array_equal(layer.backward(np.ones((1, 3))), 0)
    np.testing.assert_array_equal(layer.dgamma, 0)
    np.testing.assert_array_equal(layer.dbeta, 1)


def test_four_dimensions_have_statistics_per_position():
    x = numbers(0, (8, 2, 3, 2), np.float64)
    plain, ours = pair(12)
    agree(ours.forward(x), plain.forward(x))
    assert ours.input_shape == (8, 2, 3, 2)
    assert ours.running_mean.shape == (12,)
    np.testing.assert_allclose(ours.running_mean, 0.1 * x.reshape(8, 12).mean(0), rtol=1e-12)
    dx = ours.backward(np.ones(x.shape))
    assert dx.shape == x.shape
    assert ours.dgamma.shape == ours.dbeta.shape == (12,)


def test_one_gamma_per_channel_fails_with_numpys_text():
    x = np.ones((8, 2, 3, 2))
    same_error(
        lambda: Plain(np.ones(2), np.zeros(2)).forward(x),
        lambda: BatchNormalization(np.ones(2), np.zeros(2)).forward(x),
    )


def test_a_wrong_width_fails_with_numpys_text():
    for train in (True, False):
        plain, ours = pair(3)
        same_error(
            lambda train=train, plain=plain: plain.forward(np.ones((5, 4)), train),
            lambda train=train, ours=ours: ours.forward(np.ones((5, 4)), train),
        )


@pytest.mark.parametrize("shape", [(5, 2, 3), (6,)])
def test_three_or_one_dimensions_are_a_value_error(shape):
    _, layer = pair(6)
    with pytest.raises(ValueError, match=r"unpack"):
        layer.forward(np.ones(shape))


def test_the_parameters_are_read_at_every_call():
    x, dout = numbers(0, (8, 3), np.float64), numbers(5, (8, 3), np.float64)
    plain, ours = pair(3)
    for layer in (plain, ours):
        layer.forward(x)
    plain.gamma += 1
    plain.beta -= 1
    assert ours.gamma is plain.gamma
    agree(ours.forward(x), plain.forward(x))
    plain.gamma *= 2
    agree(ours.backward(dout), plain.backward(dout))


def test_gradients_are_new_arrays_each_time():
    x = numbers(0, (8, 3), np.float64)
    _, layer = pair(3)
    layer.forward(x)
    layer.backward(np.ones((8, 3)))
    first, kept = (layer.dgamma, layer.dbeta), (layer.dgamma.copy(), layer.dbeta.copy())
    layer.backward(np.full((8, 3), 2.0))
    for old, copied, new in zip(first, kept, (layer.dgamma, layer.dbeta), strict=True):
        assert not np.shares_memory(old, new)
        identical(old, copied)


def test_not_a_number_spoils_its_column_only():
    x = numbers(0, (8, 3), np.float64)
    x[2, 1] = np.nan
    plain, ours = pair(3)
    agree(ours.forward(x), plain.forward(x))
    assert np.isnan(ours.running_mean).tolist() == [False, True, False]


def test_private_methods_are_name_mangled():
    x = numbers(0, (8, 3), np.float64)
    plain, ours = pair(3)
    agree(ours._BatchNormalization__forward(x, True), plain._BatchNormalization__forward(x, True))
    agree(
        ours._BatchNormalization__backward(np.ones((8, 3))),
        plain._BatchNormalization__backward(np.ones((8, 3))),
        10,
    )


def test_forward_and_backward_go_through_the_private_methods():
    class Watched(BatchNormalization):
        def _BatchNormalization__forward(self, x, train_flg):
            self.seen = [(x.shape, train_flg)]
            return super()._BatchNormalization__forward(x, train_flg)

        def _BatchNormalization__backward(self, dout):
            self.seen.append(dout.shape)
            return super()._BatchNormalization__backward(dout)

    layer = Watched(np.ones(4), np.zeros(4))
    layer.forward(np.ones((3, 1, 2, 2)))
    layer.backward(np.ones((3, 1, 2, 2)))
    assert layer.seen == [((3, 4), True), (3, 4)]


def test_several_forwards_before_one_backward():
    plain, ours = pair(3)
    dout = numbers(5, (6, 3), np.float64)
    for layer in (plain, ours):
        layer.forward(numbers(0, (8, 3), np.float64))
        layer.forward(numbers(1, (6, 3), np.float64))
        layer.forward(numbers(2, (6, 3), np.float64), False)
    agree(ours.backward(dout), plain.backward(dout), largest(plain, dout))
    agree(ours.dgamma, plain.dgamma)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
def test_copies_keep_the_running_statistics(copied):
    _, layer = pair(3)
    layer.forward(numbers(0, (8, 3), np.float64))
    twin = copied(layer)
    x = numbers(1, (4, 3), np.float64)
    identical(twin.forward(x, False), layer.forward(x, False))
    twin.forward(x)
    assert not np.array_equal(twin.running_mean, layer.running_mean)
