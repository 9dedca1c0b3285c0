"""Functions, numerical gradients and SoftmaxWithLoss of "Deep Learning from Scratch", both editions."""

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_reference import (
    ORDERS,
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
    seeds,
)
from nnfast.compat.dlfs import functions as F
from nnfast.compat.dlfs import gradient as G
from nnfast.compat.dlfs.kr import functions as KF
from nnfast.compat.dlfs.kr import gradient as KG
from nnfast.compat.dlfs.layers import SoftmaxWithLoss

R, RG = japanese().functions, japanese().gradient
KR, KRG = korean().functions, korean().gradient
Plain = japanese().layers.SoftmaxWithLoss
both = pytest.mark.parametrize("F", [F, KF], ids=["jp", "kr"])
LABELS = [np.uint8, np.int32, np.int64]


def probabilities(n, c, dtype=np.float64, seed=0):
    return R.softmax(numbers(seed, (n, c), dtype))


# ----------------------------------------------------------------------------------------------- functions
@both
def test_identity_returns_the_same_object(F):
    x = np.ones(3)
    assert F.identity_function(x) is x


@both
def test_step_function_of_scalars_and_arrays(F):
    identical(F.step_function(np.array([-1.0, -0.0, 0.0, 1e-300, np.nan])), np.array([0, 0, 0, 1, 0]))
    for value, step in [(3.0, 1), (-2, 0), (0, 0), (np.float32(0.5), 1)]:
        identical(F.step_function(value), np.array(step))


@both
@few
@hypothesis.given(arrays(min_dims=0, min_size=0))
def test_elementwise_functions_are_the_plain_ones(F, x):
    before = x.copy()
    identical(F.step_function(x), R.step_function(x))
    agree(F.sigmoid(x), R.sigmoid(x))
    agree(F.sigmoid_grad(x), R.sigmoid_grad(x), 1)
    agree(F.relu(x), R.relu(x))
    identical(F.relu_grad(x), R.relu_grad(x))
    identical(x, before)


@both
@pytest.mark.parametrize("x", [0, 3, -2, 0.0, 1.5, -0.5, np.float64(-2), np.float32(2)], ids=repr)
def test_scalars_give_numpy_scalars(F, x):
    agree(F.sigmoid(x), R.sigmoid(x))
    agree(F.sigmoid_grad(x), R.sigmoid_grad(x), 1)
    agree(F.relu(x), R.relu(x))


@both
def test_sigmoid_of_integers_is_float64(F):
    assert F.sigmoid(np.array([1, 2])).dtype == np.float64
    assert type(F.sigmoid(1)) is np.float64


@both
def test_sigmoid_far_out_does_not_warn(F, dtype):
    identical(F.sigmoid(np.array([-1e4, 1e4], dtype)), np.array([0, 1], dtype))


@both
def test_relu_lets_not_a_number_through(F):
    identical(F.relu(np.array([np.nan, -np.inf, np.inf])), np.array([np.nan, 0, np.inf]))


@both
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int64])
def test_relu_grad_is_1_at_0_and_keeps_the_dtype(F, kind):
    identical(F.relu_grad(np.array([-1, 0, 2]).astype(kind)), np.array([0, 1, 1]).astype(kind))


@few
@hypothesis.given(arrays())
def test_softmax_is_over_the_last_axis(x):
    before = x.copy()
    y = F.softmax(x)
    agree(y, R.softmax(x))
    assert y is not x
    identical(x, before)


def test_softmax_without_rows():
    agree(F.softmax(np.ones((0, 3), np.float32)), np.ones((0, 3), np.float32))


@few
@hypothesis.given(arrays(max_dims=2))
def test_softmax_of_the_korean_edition(x):
    agree(KF.softmax(x), KR.softmax(x))


def test_softmax_of_large_scores():
    agree(F.softmax(np.array([1010.0, 1000.0, 990.0])), R.softmax(np.array([20.0, 10.0, 0.0])))
    np.testing.assert_array_equal(F.softmax(np.array([0.0, -2000.0])), [1, 0])


@pytest.mark.parametrize("row", [[np.inf, 0.0], [-np.inf, -np.inf], [np.inf, np.inf]])
def test_softmax_of_an_infinite_row_is_not_a_number_with_a_warning(row):
    with pytest.warns(RuntimeWarning):
        expected = R.softmax(np.array([row, [1.0, 2.0]]))
    with pytest.warns(RuntimeWarning):
        got = F.softmax(np.array([row, [1.0, 2.0]]))
    agree(got, expected)
    assert np.isnan(got[0]).any()
    assert np.isfinite(got[1]).all()


def test_softmax_of_not_a_number_and_minus_infinity_within_a_row():
    agree(F.softmax(np.array([[np.nan, 1.0]])), R.softmax(np.array([[np.nan, 1.0]])))
    agree(F.softmax(np.array([[-np.inf, 1.0]])), np.array([[0.0, 1.0]]))


@few
@hypothesis.given(arrays(), floats, orders, seeds)
def test_sum_squared_error_is_half_the_sum_over_everything(y, dtype, order, seed):
    t = numbers(seed, y.shape, dtype, order)
    for sum_squared_error in (F.sum_squared_error, KF.sum_squared_error):
        agree(sum_squared_error(y, t), R.sum_squared_error(y, t))
    agree(KF.mean_squared_error(y, t), KR.mean_squared_error(y, t))


def test_sum_squared_error_is_not_divided_by_the_samples():
    assert F.sum_squared_error(np.ones((10, 2)), np.zeros((10, 2))) == 10


def test_the_korean_edition_has_three_names_for_it():
    assert KF.mean_squared_error is KF.sum_squared_error is KF.sum_squares_error


def test_what_crashes_in_the_korean_edition_works():
    x = np.array([-1.0, 0.0, 2.0])
    with pytest.raises(AttributeError, match="no attribute 'int'"):
        KR.step_function(x)
    with pytest.raises(TypeError):
        KR.relu_grad(x)
    identical(KF.step_function(x), np.array([0, 0, 1]))
    identical(KF.relu_grad(x), np.array([0.0, 1, 1]))


# ------------------------------------------------------------------------------------- cross entropy, loss
@both
@few
@hypothesis.given(st.integers(1, 8), st.integers(2, 6), floats, st.sampled_from(LABELS), orders, seeds)
def test_cross_entropy_of_labels_and_of_one_hot_rows(F, n, c, dtype, label_dtype, order, seed):
    y = ORDERS[order](probabilities(n, c, dtype, seed))
    t = (np.random.default_rng(seed).integers(0, c, n)).astype(label_dtype)
    expected = R.cross_entropy_error(y, t)
    for targets in (t, np.eye(c)[t], np.eye(c, dtype=np.float32)[t], np.eye(c, dtype=bool)[t]):
        agree(F.cross_entropy_error(y, targets), expected)
    x = numbers(seed, (n, c), dtype, order)
    agree(F.softmax_loss(x, t), R.softmax_loss(x, t))


@both
def test_cross_entropy_is_a_numpy_scalar_of_the_dtype_of_y(F, dtype):
    assert type(F.cross_entropy_error(probabilities(3, 4, dtype), np.array([0, 1, 2]))) is dtype


@both
def test_cross_entropy_of_one_row_without_a_batch(F):
    y, t = np.array([0.1, 0.05, 0.6, 0.25]), np.array([0, 0, 1, 0])
    agree(F.cross_entropy_error(y, t), R.cross_entropy_error(y, t))
    agree(F.cross_entropy_error(y, np.array([2])), -np.log(np.float64(0.6) + 1e-7))


@both
def test_cross_entropy_of_probability_zero(F):
    agree(F.cross_entropy_error(np.array([[0.0, 1.0]]), np.array([0])), np.float64(16.118095650958319788))


@both
def test_cross_entropy_label_minus_one_is_the_last_class(F):
    y = probabilities(3, 4)
    agree(F.cross_entropy_error(y, np.array([0, -1, 2])), R.cross_entropy_error(y, np.array([0, 3, 2])))


@both
@pytest.mark.parametrize(
    "t", [np.array([0, 4, 1]), np.array([0, -5, 1]), np.array([0.0, 1.0, 2.0]), np.array([0, 1], np.uint8)]
)
def test_cross_entropy_of_wrong_labels_fails_like_numpy(F, t):
    y = probabilities(3, 4)
    same_error(lambda: R.cross_entropy_error(y, t), lambda: F.cross_entropy_error(y, t))


@both
def test_cross_entropy_of_one_class_with_labels_is_an_axis_error(F):
    with pytest.raises(np.exceptions.AxisError):
        F.cross_entropy_error(np.ones((3, 1)), np.zeros(3, int))


@both
def test_cross_entropy_of_a_column_of_labels(F):
    y = probabilities(1, 4)
    agree(F.cross_entropy_error(y, np.array([[2]])), R.cross_entropy_error(y, np.array([2])))
    with pytest.raises(ValueError):
        F.cross_entropy_error(probabilities(3, 4), np.array([[0], [1], [2]]))


@both
def test_cross_entropy_does_not_modify_its_arguments(F):
    y, t = probabilities(3, 4), np.array([0, 1, 2])
    before = y.copy()
    F.cross_entropy_error(y, t)
    identical(y, before)
    identical(t, np.array([0, 1, 2]))


@few
@hypothesis.given(
    st.integers(1, 8), st.integers(2, 6), st.sampled_from([np.float16, np.float32, np.float64]), orders, seeds
)
def test_softmax_with_loss_is_the_plain_one(n, c, dtype, order, seed):
    x = numbers(seed, (n, c), dtype, order)
    labels = np.random.default_rng(seed).integers(0, c, n)
    soft = np.random.default_rng(seed).dirichlet(np.ones(c), n)
    before = x.copy()
    for t in (
        *(labels.astype(kind) for kind in LABELS),
        np.eye(c)[labels],
        np.eye(c, dtype=np.float32)[labels],
        np.eye(c, dtype=np.uint8)[labels],
        soft,
    ):
        plain, ours, kept = Plain(), SoftmaxWithLoss(), t.copy()
        agree(ours.forward(x, t), plain.forward(x, t))
        assert ours.t is t
        agree(ours.loss, plain.loss)
        agree(ours.y, plain.y)
        y = ours.y.copy()
        agree(ours.backward(), plain.backward(), 1 / n, inputs=[x])
        identical(ours.y, y)
        np.testing.assert_array_equal(t, kept)
    identical(x, before)


def test_softmax_with_loss_ignores_dout():
    layer = SoftmaxWithLoss()
    layer.forward(numbers(0, (3, 4), np.float64), np.array([0, 1, 2]))
    first = layer.backward()
    for dout in (1, 5.0, np.zeros((3, 4))):
        identical(layer.backward(dout), first)
        identical(layer.backward(dout=dout), first)


def test_softmax_with_loss_dtypes():
    x = numbers(0, (3, 4), np.float32)
    for t, expected in [(np.array([0, 1, 2]), np.float32), (np.eye(4)[:3], np.float64)]:
        layer = SoftmaxWithLoss()
        assert type(layer.forward(x, t)) is np.float32
        assert layer.y.dtype == np.float32
        assert layer.backward().dtype == expected


def test_softmax_with_loss_gradient_of_soft_targets_disagrees_with_its_loss():
    x, t = numbers(0, (3, 4), np.float64), np.array([[0.1, 0.6, 0.2, 0.1]] * 3)
    layer = SoftmaxWithLoss()
    agree(layer.forward(x, t), R.cross_entropy_error(layer.y, np.array([1, 1, 1])))
    agree(layer.backward(), (R.softmax(x) - t) / 3)


def test_softmax_with_loss_one_row_without_a_batch_divides_by_the_classes():
    x, t = numbers(0, (4,), np.float64), np.array([0.0, 0, 1, 0])
    plain, layer = Plain(), SoftmaxWithLoss()
    agree(layer.forward(x, t), plain.forward(x, t))
    agree(layer.forward(x, t), -np.log(R.softmax(x)[2] + 1e-7))
    plain.forward(x, t)
    agree(layer.backward(), (R.softmax(x) - t) / 4)
    agree(layer.backward(), plain.backward())


def test_softmax_with_loss_of_a_column_of_labels():
    plain, layer = Plain(), SoftmaxWithLoss()
    x = numbers(0, (1, 4), np.float64)
    for each in (plain, layer):
        each.forward(x, np.array([[1]]))
    agree(layer.loss, plain.loss)
    agree(layer.backward(), plain.backward())
    with pytest.raises(ValueError):
        SoftmaxWithLoss().forward(numbers(0, (3, 4), np.float64), np.array([[0], [1], [2]]))


def test_softmax_with_loss_label_minus_one_is_the_last_class():
    x, plain, layer = numbers(0, (3, 4), np.float64), Plain(), SoftmaxWithLoss()
    agree(layer.forward(x, np.array([0, -1, 2])), plain.forward(x, np.array([0, 3, 2])))
    agree(layer.backward(), plain.backward())


@pytest.mark.parametrize("t", [np.array([0, 4, 1]), np.array([0.0, 1.0, 2.0]), np.array([0, 1])])
def test_softmax_with_loss_of_wrong_targets_fails_like_numpy(t):
    x = numbers(0, (3, 4), np.float64)
    same_error(lambda: Plain().forward(x, t), lambda: SoftmaxWithLoss().forward(x, t))


def test_softmax_with_loss_of_rows_for_another_number_of_classes_fails():
    """NumPy complains about an index; the shape is what is wrong."""
    with pytest.raises((ValueError, IndexError)):
        SoftmaxWithLoss().forward(numbers(0, (3, 4), np.float64), np.zeros((3, 3)))


def test_softmax_with_loss_gives_a_new_gradient_each_time():
    layer = SoftmaxWithLoss()
    layer.forward(numbers(0, (3, 4), np.float64), np.array([0, 1, 2]))
    first = layer.backward()
    first[...] = 0
    assert layer.backward().any()


def test_softmax_with_loss_of_not_a_number():
    x = np.array([[np.nan, 1.0], [0.0, 1.0]])
    plain, layer = Plain(), SoftmaxWithLoss()
    agree(layer.forward(x, np.array([0, 1])), plain.forward(x, np.array([0, 1])))
    agree(layer.backward(), plain.backward())


# ---------------------------------------------------------------------------------------------- gradients
GRADIENTS = ["_numerical_gradient_1d", "numerical_gradient_2d", "numerical_gradient"]
editions = pytest.mark.parametrize(("G", "RG"), [(G, RG), (KG, KRG)], ids=["jp", "kr"])


def wavy(x):
    return np.sum(x**2 * np.arange(1, x.size + 1).reshape(x.shape) + np.sin(x))


@editions
@few
@hypothesis.given(arrays(max_dims=4, kinds=floats), st.sampled_from(GRADIENTS))
def test_numerical_gradients_are_the_plain_ones(G, RG, x, name):
    if name.endswith("1d"):
        x = x.reshape(-1)
    if name.endswith("2d"):
        x = x.reshape(len(x), -1)
    before = x.copy()
    identical(getattr(G, name)(wavy, x), getattr(RG, name)(wavy, x.copy("K")))
    identical(x.copy(), before)


@editions
def test_numerical_gradient_calls_f_with_the_callers_array_and_restores_it(G, RG):
    calls = {}
    for module in (RG, G):
        x = numbers(0, (2, 3), np.float64)
        seen = calls[module] = []

        def f(argument, x=x, seen=seen):
            assert argument is x
            seen.append(argument.copy())
            return (argument**2).sum()

        kept = x.copy()
        module.numerical_gradient(f, x)
        identical(x, kept)
    np.testing.assert_array_equal(calls[G], calls[RG])
    changed = [tuple(np.argwhere(a != kept)[0]) for a in calls[G][::2]]
    assert changed == list(np.ndindex(2, 3))


@editions
def test_numerical_gradient_of_a_function_that_ignores_its_argument(G, RG):
    params = {"W": numbers(0, (2, 3), np.float64)}

    def loss(_):
        return (params["W"] ** 3).sum()

    identical(G.numerical_gradient(loss, params["W"]), RG.numerical_gradient(loss, params["W"]))
    np.testing.assert_allclose(G.numerical_gradient(loss, params["W"]), 3 * params["W"] ** 2, atol=1e-7)


@editions
def test_numerical_gradient_2d_passes_rows_that_are_views(G, RG):
    X = numbers(0, (2, 3), np.float64)

    def f(row):
        assert row.shape == (3,)
        assert np.shares_memory(row, X)
        return (row**2).sum()

    identical(G.numerical_gradient_2d(f, X), RG.numerical_gradient_2d(f, X))
    identical(G.numerical_gradient_2d(f, X[1]), RG.numerical_gradient_2d(f, X[1]))


@editions
@pytest.mark.parametrize("kind", [np.float32, np.float64, float, np.array, int])
def test_numerical_gradient_of_functions_that_return_other_kinds_of_numbers(G, RG, kind):
    x = numbers(0, (2, 3), np.float64)
    results = [module.numerical_gradient(lambda x: kind(1e6 * (x**2).sum()), x) for module in (G, RG)]
    agree(*results, inputs=[kind(0)])


@editions
def test_an_error_in_f_comes_through(G, RG):
    def f(x):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        G.numerical_gradient(f, np.ones(3))


@editions
def test_numerical_gradient_in_float32_keeps_the_dtype_and_its_poor_digits(G, RG):
    x = np.array([3.0, 4.0], np.float32)
    got, expected = (module.numerical_gradient(lambda x: (x**2).sum(), x) for module in (G, RG))
    identical(got, expected)
    assert abs(got[0] - 6) > 1e-3


@editions
def test_numerical_gradient_of_integers_keeps_the_dtype_and_warns(G, RG):
    x = np.array([3, 4])
    expected = RG.numerical_gradient(lambda x: (x**2).sum(), x.copy())
    with pytest.warns(UserWarning, match="int64"):
        got = G.numerical_gradient(lambda x: (x**2).sum(), x)
    identical(got, expected)
    assert got.tolist() != [6, 8]
    identical(x, np.array([3, 4]))


def test_functions_star_import():
    names = {}
    exec("from nnfast.compat.dlfs.functions import *", names)
    assert {"softmax", "sigmoid", "cross_entropy_error", "sum_squared_error", "relu_grad", "np"} <= set(names)
