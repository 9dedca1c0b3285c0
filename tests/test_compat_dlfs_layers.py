"""The layers of "Deep Learning from Scratch" against the same layers in plain NumPy (tests/courses/dlfs)."""

import copy
import pickle

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from course_reference import (
    agree,
    arrays,
    dtypes,
    few,
    floats,
    identical,
    japanese,
    numbers,
    orders,
    same_error,
    same_random_state,
    seeds,
)
from nnfast.compat.dlfs import layers as L

R = japanese().layers
CLASSES = ["Relu", "Sigmoid", "Affine", "SoftmaxWithLoss", "Dropout", "BatchNormalization"]
DTYPES = [np.float16, np.float32, np.float64, np.int64]
NAMES = [np.dtype(t).name for t in DTYPES]


def made(module, name, width=3):
    """The layer, for inputs of `width` columns."""
    if name == "Affine":
        return module.Affine(numbers(1, (width, 4), np.float64), numbers(2, (4,), np.float64))
    if name == "BatchNormalization":
        return module.BatchNormalization(
            numbers(3, (width,), np.float64) + 2, numbers(4, (width,), np.float64)
        )
    return getattr(module, name)()


def forward(layer, x):
    return layer.forward(x, np.arange(len(x)) % x.shape[1]) if hasattr(layer, "t") else layer.forward(x)


def backward(layer, y):
    return layer.backward(1) if hasattr(layer, "t") else layer.backward(numbers(9, y.shape, np.float64))


# ---------------------------------------------------------------------------------------------- all layers
@pytest.mark.parametrize("name", [*CLASSES, "Convolution", "Pooling"])
def test_class_names_and_isinstance(name):
    cls = getattr(L, name)
    assert cls.__name__ == cls.__qualname__ == name
    layer = cls(np.ones((1, 1, 2, 2)), 0) if name in ("Convolution", "Pooling") else made(L, name)
    assert isinstance(layer, cls)
    assert [other for other in CLASSES if isinstance(layer, getattr(L, other))] == [name] * (name in CLASSES)


@pytest.mark.parametrize("name", CLASSES)
def test_attributes_before_the_first_forward_are_those_of_the_plain_layer(name):
    plain, ours = made(R, name), made(L, name)
    for attribute, value in vars(plain).items():
        if value is None:
            assert getattr(ours, attribute) is None
        else:
            np.testing.assert_array_equal(getattr(ours, attribute), value)


@pytest.mark.parametrize("name", CLASSES)
def test_users_may_add_attributes(name):
    layer = made(L, name)
    layer.note, layer.out_shape = "mine", (3,)
    forward(layer, numbers(0, (5, 3), np.float64))
    assert (layer.note, layer.out_shape) == ("mine", (3,))
    assert vars(layer)["note"] == "mine"


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda layer: pickle.loads(pickle.dumps(layer))])
@pytest.mark.parametrize("when", ["new", "after forward", "after backward"])
def test_copies_go_on_where_the_layer_was(name, copied, when):
    x = numbers(0, (5, 3), np.float64)
    layer = made(L, name)
    layer.note = "mine"
    if when != "new":
        y = forward(layer, x)
    if when == "after backward":
        backward(layer, y)
    twin = copied(layer)
    assert type(twin) is type(layer)
    assert twin.note == "mine"
    results = []
    for each in (layer, twin):
        if when == "new":
            np.random.seed(3)
            y = forward(each, x)
            results.append(y)
        results.append(backward(each, y))
    half = len(results) // 2
    for a, b in zip(results[:half], results[half:], strict=True):
        identical(b, a)
    for attribute in ("W", "b", "gamma", "beta", "running_mean", "mask"):
        value = getattr(layer, attribute, None)
        assert value is None or not np.shares_memory(getattr(twin, attribute), value)


@pytest.mark.parametrize("name", CLASSES)
def test_backward_belongs_to_the_last_of_several_forwards(name):
    xs = [numbers(seed, (n, 3), np.float64) for seed, n in [(0, 5), (1, 2), (2, 7)]]

    def run(module):
        layer = made(module, name)
        for x in xs:
            y = forward(layer, x)
        return [backward(layer, y)] + [getattr(layer, g, None) for g in ("dW", "db", "dgamma", "dbeta")]

    for got, expected in zip(*reversed(same_random_state(lambda: run(R), lambda: run(L))), strict=True):
        assert (got is None) == (expected is None)
        if got is not None:
            agree(got, expected)


@pytest.mark.parametrize("name", [n for n in CLASSES if n != "SoftmaxWithLoss"])
def test_results_of_one_call_are_not_overwritten_by_the_next(name):
    layer, x = made(L, name), numbers(0, (5, 3), np.float64)
    y = layer.forward(x)
    dx = layer.backward(np.ones_like(y))
    kept = y.copy(), dx.copy()
    other = layer.forward(numbers(1, (5, 3), np.float64))
    layer.backward(np.full_like(other, 2.0))
    identical(y, kept[0])
    identical(dx, kept[1])


@pytest.mark.parametrize("name", [n for n in CLASSES if n != "Relu"])
def test_arguments_are_not_modified(name):
    layer, x = made(L, name), numbers(0, (5, 3), np.float64)
    before = x.copy()
    y = forward(layer, x)
    dout = np.ones(np.shape(y))
    layer.backward(dout)
    identical(x, before)
    np.testing.assert_array_equal(dout, 1)


@pytest.mark.parametrize("name", CLASSES)
def test_subclasses_extend_forward_and_backward(name):
    class Mine(getattr(L, name)):
        def forward(self, x, *args):
            self.seen = ["forward"]
            return super().forward(x, *args)

        def backward(self, dout):
            self.seen.append("backward")
            return super().backward(dout)

    x = numbers(0, (5, 3), np.float64)
    plain, ours = made(R, name), made(L, name)
    mine = Mine.__new__(Mine)
    mine.__dict__.update(ours.__dict__)

    def run(layer):
        y = forward(layer, x)
        return y, backward(layer, y)

    (y, dx), (got_y, got_dx) = same_random_state(lambda: run(plain), lambda: run(mine))
    agree(got_y, y)
    agree(got_dx, dx)
    assert mine.seen == ["forward", "backward"]


def test_a_subclass_with_its_own_constructor():
    class Scaled(L.Affine):
        def __init__(self, W, b, factor):
            super().__init__(W, b)
            self.factor = factor

        def forward(self, x):
            return self.factor * super().forward(x)

    W, b, x = numbers(1, (3, 4), np.float64), numbers(2, (4,), np.float64), numbers(3, (5, 3), np.float64)
    agree(Scaled(W, b, 3.0).forward(x), 3.0 * R.Affine(W, b).forward(x))


def test_star_import_brings_everything_the_scripts_use():
    names = {}
    exec("from nnfast.compat.dlfs.layers import *", names)
    for name in [*CLASSES, "Convolution", "Pooling", "im2col", "col2im", "softmax", "sigmoid", "np"]:
        assert name in names
    assert names["np"] is np
    assert names["cross_entropy_error"] is L.cross_entropy_error


@pytest.mark.parametrize("shape", [(100, 784), (257, 33), (1, 1000)])
@pytest.mark.parametrize("name", [n for n in CLASSES if n != "Affine"])
def test_layers_of_the_sizes_of_the_book(name, shape, dtype, threads):
    x, dout = numbers(0, shape, dtype), numbers(1, shape, dtype)

    def run(module):
        layer = made(module, name, shape[1])
        y = forward(layer, x)
        return y, layer.backward(dout.copy())

    expected, got = same_random_state(lambda: run(R), lambda: run(L))
    scale = 1e4 if name == "BatchNormalization" and len(x) == 1 else 1  # of the terms: 1 / sqrt(1e-6)
    agree(got[0], expected[0], inputs=[x])
    agree(got[1], expected[1], scale, inputs=[x])


# ---------------------------------------------------------------------------------------------------- Relu
def test_relu_values_and_mask_for_special_numbers():
    x = np.array([-1.5, -0.0, 0.0, 2.0, np.nan, np.inf, -np.inf, 5e-324])
    layer = L.Relu()
    y = layer.forward(x)
    identical(layer.mask, np.array([1, 1, 1, 0, 0, 0, 1, 0], bool))
    identical(y, np.array([0.0, 0.0, 0.0, 2.0, np.nan, np.inf, 0.0, 5e-324]))
    identical(layer.backward(np.ones(8)), np.array([0.0, 0, 0, 1, 1, 1, 0, 1]))


@few
@hypothesis.given(arrays(min_size=0), dtypes, orders, seeds)
def test_relu_is_the_plain_one(x, dout_dtype, order, seed):
    plain, ours, before = R.Relu(), L.Relu(), x.copy()
    identical(ours.forward(x), plain.forward(x))
    identical(x, before)
    identical(ours.mask, plain.mask)
    dout = numbers(seed, x.shape, dout_dtype, order)
    identical(ours.backward(dout.copy()), plain.backward(dout.copy()))


@pytest.mark.parametrize("order", ["C", "F", "reversed", "strided"])
def test_relu_backward_writes_into_dout_and_returns_it(order):
    layer = L.Relu()
    layer.forward(numbers(0, (4, 3), np.float64))
    dout = numbers(1, (4, 3), np.float64, order, zeros=False)
    before = dout.copy()
    dx = layer.backward(dout)
    assert dx is dout
    identical(dout.copy(), np.where(layer.mask, 0.0, before))
    assert layer.mask.any()


def test_relu_forward_gives_a_new_array_even_if_nothing_is_masked():
    x = np.ones((2, 3))
    y = L.Relu().forward(x)
    assert not np.shares_memory(x, y)


def test_relu_with_a_read_only_dout_fails_like_numpy():
    dout = np.ones((2, 3))
    dout.flags.writeable = False
    layers = R.Relu(), L.Relu()
    for layer in layers:
        layer.forward(-np.ones((2, 3)))
    same_error(lambda: layers[0].backward(dout), lambda: layers[1].backward(dout))


def test_relu_with_a_dout_of_another_shape_fails_like_numpy():
    layers = R.Relu(), L.Relu()
    for layer in layers:
        layer.forward(-np.ones((2, 3)))
    same_error(lambda: layers[0].backward(np.ones((3, 3))), lambda: layers[1].backward(np.ones((3, 3))))


# ------------------------------------------------------------------------------------------------- Sigmoid
@few
@hypothesis.given(arrays(min_size=0), dtypes, orders, seeds)
def test_sigmoid_is_the_plain_one(x, dout_dtype, order, seed):
    plain, ours = R.Sigmoid(), L.Sigmoid()
    expected = plain.forward(x)
    agree(ours.forward(x), expected)
    agree(ours.out, expected)
    dout = numbers(seed, x.shape, dout_dtype, order)
    agree(ours.backward(dout), plain.backward(dout), inputs=[expected])


def test_sigmoid_keeps_its_output_itself():
    layer = L.Sigmoid()
    assert layer.forward(np.ones((2, 3))) is layer.out


def test_sigmoid_of_float32_with_a_float64_dout_gives_float64():
    layer = L.Sigmoid()
    assert layer.forward(np.ones((2, 3), np.float32)).dtype == np.float32
    assert layer.backward(np.ones((2, 3))).dtype == np.float64
    assert layer.backward(np.ones((2, 3), np.float32)).dtype == np.float32


def test_sigmoid_far_out_is_0_and_1_without_a_warning(dtype):
    x = np.array([-1e4, -np.inf, np.inf, 1e4, np.nan], dtype)
    identical(L.Sigmoid().forward(x), np.array([0, 0, 1, 1, np.nan], dtype))


# -------------------------------------------------------------------------------------------------- Affine
@st.composite
def affines(draw):
    """x of 1 to 4 dimensions, W, b, dout, of any dtypes and orders, fitting together."""
    shape = draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    inputs, outputs = int(np.prod(shape[1:])), draw(st.integers(1, 7))
    if shape[1:] == [1] and draw(st.booleans()):
        shape = shape[:1]
    x = numbers(draw(seeds), tuple(shape), draw(dtypes), draw(orders))
    W = numbers(draw(seeds), (inputs, outputs), draw(dtypes), draw(orders))
    b_shape = draw(st.sampled_from([(outputs,), (1, outputs), ()]))
    b = numbers(draw(seeds), b_shape, draw(dtypes), draw(orders) if b_shape else "C")
    return x, W, b, numbers(draw(seeds), (shape[0], outputs), draw(dtypes), draw(orders))


def check_affine(x, W, b, dout):
    plain, ours = R.Affine(W, b), L.Affine(W, b)
    rows = np.abs(x.reshape(len(x), -1))
    product = np.empty(0, np.result_type(x, W))
    agree(ours.forward(x), plain.forward(x), rows @ np.abs(W) + np.abs(b), "y", [product])
    agree(ours.backward(dout), plain.backward(dout), np.abs(dout) @ np.abs(W.T), "dx")
    agree(ours.dW, plain.dW, rows.T @ np.abs(dout), "dW")
    agree(ours.db, plain.db, np.abs(dout).sum(0), "db")
    identical(ours.x, plain.x)
    assert ours.original_x_shape == plain.original_x_shape


@few
@hypothesis.given(affines())
def test_affine_is_the_plain_one(arguments):
    check_affine(*arguments)


@pytest.mark.parametrize("shape", [(1, 12), (64, 300), (200, 3, 4, 5), (3, 1, 28, 28)])
def test_affine_of_larger_shapes(shape, dtype, threads):
    inputs = int(np.prod(shape[1:]))
    W, b = numbers(1, (inputs, 50), dtype), numbers(2, (50,), dtype)
    check_affine(numbers(0, shape, dtype), W, b, numbers(3, (shape[0], 50), dtype))


@pytest.mark.parametrize("w_dtype", DTYPES, ids=NAMES)
@pytest.mark.parametrize("x_dtype", DTYPES, ids=NAMES)
@pytest.mark.parametrize("dout_dtype", DTYPES, ids=NAMES)
def test_affine_promotes_each_product_as_numpy_does(x_dtype, w_dtype, dout_dtype):
    W, b = numbers(1, (3, 4), w_dtype), numbers(2, (4,), w_dtype)
    check_affine(numbers(0, (5, 3), x_dtype), W, b, numbers(3, (5, 4), dout_dtype))


def test_affine_float32_images_with_float64_weights_compute_in_float64():
    x, W, b = numbers(0, (5, 300), np.float32), numbers(1, (300, 4), np.float64), np.zeros(4)
    layer = L.Affine(W, b)
    y = layer.forward(x)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y, x.astype(np.float64) @ W, rtol=1e-12)
    assert layer.backward(np.ones((5, 4), np.float32)).dtype == np.float64
    assert layer.dW.dtype == layer.db.dtype == np.float32


def test_affine_integers_stay_integers():
    layer = L.Affine(np.array([[1, 2], [3, 4]]), np.array([10, 20]))
    identical(layer.forward(np.array([[1, 1]])), np.array([[14, 26]]))


def test_affine_takes_the_books_sample_weights():
    W = np.asfortranarray(numbers(1, (784, 50), np.float32))
    check_affine(
        numbers(0, (7, 784), np.float32), W, numbers(2, (50,), np.float32), numbers(3, (7, 50), np.float32)
    )


def test_affine_holds_the_callers_arrays():
    W, b = numbers(1, (3, 4), np.float64), numbers(2, (4,), np.float64)
    layer = L.Affine(W, b)
    layer.forward(numbers(0, (5, 3), np.float64))
    layer.backward(np.ones((5, 4)))
    assert layer.W is W
    assert layer.b is b


def test_affine_reads_the_parameters_at_every_call():
    W, b, x = numbers(1, (30, 4), np.float64), numbers(2, (4,), np.float64), numbers(0, (50, 30), np.float64)
    plain, ours = R.Affine(W, b), L.Affine(W, b)
    ours.forward(x)
    W[3, 2] += 1e-4
    agree(ours.forward(x), plain.forward(x))
    b[1] += 1
    agree(ours.forward(x), plain.forward(x))
    W[...] = W.astype(np.float16)
    agree(ours.forward(x), plain.forward(x))
    W -= 0.5
    agree(ours.backward(np.ones((50, 4))), plain.backward(np.ones((50, 4))))
    for layer in (plain, ours):
        layer.W, layer.b = np.asfortranarray(2 * W), 3 * b
    agree(ours.forward(x), plain.forward(x))


def test_affine_x_is_a_view_of_the_input():
    x = numbers(0, (5, 2, 3), np.float64)
    layer = L.Affine(np.ones((6, 2)), np.zeros(2))
    layer.forward(x)
    assert layer.x.shape == (5, 6)
    assert np.shares_memory(layer.x, x)
    x[...] = 1
    layer.backward(np.ones((5, 2)))
    np.testing.assert_array_equal(layer.dW, 5)


@pytest.mark.parametrize("shape", [(5, 6), (5, 2, 3), (5, 1, 2, 3)])
def test_affine_flattens_each_sample(shape):
    x, W = numbers(0, shape, np.float64), numbers(1, (6, 2), np.float64)
    layer = L.Affine(W, np.zeros(2))
    agree(layer.forward(x), x.reshape(5, 6) @ W)
    assert layer.original_x_shape == shape
    assert layer.backward(np.ones((5, 2))).shape == shape


def test_affine_three_dimensions_are_not_a_product_of_the_last_axis():
    W, b, x = np.ones((3, 2)), np.zeros(2), np.ones((5, 4, 3))
    same_error(lambda: R.Affine(W, b).forward(x), lambda: L.Affine(W, b).forward(x))


def test_affine_of_one_dimension_is_a_column():
    W, b, x = np.array([[2.0, 3.0]]), np.zeros(2), np.arange(4.0)
    check_affine(x, W, b, np.ones((4, 2)))
    wide = np.ones((4, 2))
    same_error(lambda: R.Affine(wide, b).forward(x), lambda: L.Affine(wide, b).forward(x))


@pytest.mark.parametrize("b", [np.arange(4.0), np.arange(4.0).reshape(1, 4), 0, 0.5, np.float64(2)])
def test_affine_takes_biases_of_any_shape_that_broadcasts(b):
    x, W = numbers(0, (5, 3), np.float64), numbers(1, (3, 4), np.float64)
    plain, ours = R.Affine(W, b), L.Affine(W, b)
    agree(ours.forward(x), plain.forward(x))
    plain.backward(np.ones((5, 4)))
    ours.backward(np.ones((5, 4)))
    agree(ours.db, plain.db)
    assert ours.b is b


@pytest.mark.parametrize(
    ("x", "W", "b"),
    [((5, 3), (4, 2), (2,)), ((5, 3), (3, 2), (3,)), ((5, 2, 3), (3, 2), (2,)), ((4,), (4, 2), (2,))],
)
def test_affine_wrong_shapes_fail_with_numpys_text(x, W, b):
    def run(module):
        module.Affine(np.ones(W), np.ones(b)).forward(np.ones(x))

    same_error(lambda: run(R), lambda: run(L))


@pytest.mark.parametrize("shape", [(4, 2), (5, 3)])
def test_affine_a_dout_of_a_wrong_shape_fails_with_numpys_text(shape):
    def run(module):
        layer = module.Affine(np.ones((3, 2)), np.ones(2))
        layer.forward(np.ones((5, 3)))
        layer.backward(np.ones(shape))

    with pytest.raises(ValueError, match=r"not aligned|reshape") as plain:
        run(R)
    with pytest.raises(ValueError, match=r"not aligned|reshape") as ours:
        run(L)
    assert plain.type is ours.type


def test_affine_of_a_list_fails_like_numpy():
    W, b = np.ones((2, 2)), np.zeros(2)
    with pytest.raises(AttributeError):
        L.Affine(W, b).forward([[1.0, 2.0]])


def test_affine_gives_new_gradient_arrays_each_time():
    layer = L.Affine(np.ones((3, 2)), np.zeros(2))
    layer.forward(numbers(0, (5, 3), np.float64))
    layer.backward(np.ones((5, 2)))
    first, kept = (layer.dW, layer.db), (layer.dW.copy(), layer.db.copy())
    layer.backward(np.full((5, 2), 3.0))
    for old, copied, new in zip(first, kept, (layer.dW, layer.db), strict=True):
        assert new is not old
        assert not np.shares_memory(new, old)
        identical(old, copied)
        agree(new, 3 * old)


def test_affine_not_a_number_and_infinity_go_through(dtype):
    x, W = numbers(0, (5, 3), dtype, zeros=False), numbers(1, (3, 4), dtype, zeros=False)
    x[0, 0], x[1, 1], W[2, 3] = np.nan, np.inf, -np.inf
    with np.errstate(all="ignore"):
        check = R.Affine(W, np.zeros(4, dtype)), L.Affine(W, np.zeros(4, dtype))
        agree(check[1].forward(x), check[0].forward(x))
        dout = np.ones((5, 4), dtype)
        agree(check[1].backward(dout), check[0].backward(dout))
        agree(check[1].dW, check[0].dW)


def test_affine_without_samples():
    """The plain one cannot reshape it; working is better."""
    layer = L.Affine(np.ones((3, 2)), np.zeros(2))
    y = layer.forward(np.ones((0, 3)))
    assert y.shape == (0, 2)
    assert layer.backward(np.ones((0, 2))).shape == (0, 3)
    np.testing.assert_array_equal(layer.dW, np.zeros((3, 2)))
    np.testing.assert_array_equal(layer.db, np.zeros(2))


# ------------------------------------------------------------------------------------------------- Dropout
@few
@hypothesis.given(arrays(min_size=0), st.sampled_from([0.0, 0.2, 0.5, 1.0]), floats, orders, seeds)
def test_dropout_is_the_plain_one_with_the_same_draws(x, ratio, dout_dtype, order, seed):
    plain, ours = R.Dropout(ratio), L.Dropout(ratio)
    expected, got = same_random_state(lambda: plain.forward(x), lambda: ours.forward(x, True))
    identical(got, expected)
    identical(ours.mask, plain.mask)
    dout = numbers(seed, x.shape, dout_dtype, order)
    identical(ours.backward(dout), plain.backward(dout))
    expected, got = same_random_state(lambda: plain.forward(x, False), lambda: ours.forward(x, False))
    identical(got, expected)


def test_dropout_draws_one_rand_of_the_shape_when_training():
    layer, x = L.Dropout(0.3), np.ones((4, 3), np.float32)
    assert layer.dropout_ratio == 0.3
    rand, y = same_random_state(lambda: np.random.rand(4, 3), lambda: layer.forward(x))
    identical(layer.mask, rand > 0.3)
    identical(y, (rand > 0.3).astype(np.float32))


@pytest.mark.parametrize("seed", range(8))
def test_dropout_compares_the_whole_draw_and_drops_where_it_is_equal(seed):
    np.random.seed(seed)
    layer = L.Dropout(np.random.rand())
    np.random.seed(seed)
    layer.forward(np.ones((3, 4)))
    assert not layer.mask[0, 0]
    layer.dropout_ratio = np.nextafter(layer.dropout_ratio, 0)
    np.random.seed(seed)
    layer.forward(np.ones((3, 4)))
    assert layer.mask[0, 0]


def test_dropout_when_testing_draws_nothing_and_leaves_the_mask():
    layer, x = L.Dropout(0.25), np.ones((4, 3))
    layer.forward(x)
    mask = layer.mask
    _, y = same_random_state(lambda: None, lambda: layer.forward(x, False))
    np.testing.assert_array_equal(y, 0.75)
    assert layer.mask is mask
    identical(layer.backward(np.ones((4, 3))), mask.astype(float))


def test_dropout_half_is_the_default_and_the_ratio_may_change():
    layer = L.Dropout()
    assert layer.dropout_ratio == 0.5
    assert layer.mask is None
    layer.dropout_ratio = 0.9
    np.testing.assert_allclose(layer.forward(np.ones(3), False), 0.1)


def test_dropout_multiplies_also_what_is_not_finite():
    x = np.array([[np.nan, np.inf, -np.inf, -1.0, -0.0, 1.0]] * 50)
    with np.errstate(invalid="ignore"):
        plain, ours = same_random_state(lambda: R.Dropout().forward(x), lambda: L.Dropout().forward(x))
    identical(ours, plain)
