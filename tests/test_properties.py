"""Properties of random networks and shapes: 0-4 layers, widths 1-70, batches 0-70, both dtypes, every layout, 1-4
threads, every instruction set, against the float64 network of oracle.py."""

import copy
import itertools
import pickle

import hypothesis
import hypothesis.strategies as st
import nnfast as nn
import numpy as np
import oracle
import pytest
from conftest import LAYOUTS, assert_same_bits, thread_counts, use_threads
from nnfast import _core

# Layers are drawn in any order.
pytestmark = pytest.mark.filterwarnings("ignore::nnfast.errors.CollapsingLayersWarning")

hypothesis.settings.register_profile(
    "nnfast", max_examples=200, deadline=None, derandomize=True, print_blob=True
)
hypothesis.settings.load_profile("nnfast")

SMOOTH = {
    name: getattr(nn, "".join(part.title() for part in name.split("_")))
    for name in [
        "tanh",
        "sigmoid",
        "gelu",
        "silu",
        "softplus",
        "mish",
        "elu",
        "selu",
        "log_sigmoid",
        "identity",
    ]
}
widths = st.integers(1, 70)


@st.composite
def networks(draw, min_layers=0):
    """(sizes, names of activations, seed, dtype)"""
    sizes = draw(st.lists(widths, min_size=min_layers + 1, max_size=5))
    names = draw(st.lists(st.sampled_from(sorted(SMOOTH)), min_size=len(sizes) - 1, max_size=len(sizes) - 1))
    return sizes, names, draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([np.float32, np.float64]))


def build(recipe):
    """The network, and its weights for the oracle. Without affine layers: one activation."""
    sizes, names, seed, dtype = recipe
    rng = np.random.default_rng(seed)
    layers, weights, biases = [], [], []
    for inputs, outputs in itertools.pairwise(sizes):
        W = (rng.standard_normal((inputs, outputs)) / np.sqrt(inputs)).astype(dtype)
        b = rng.standard_normal(outputs).astype(dtype)
        weights.append(oracle.wide(W))
        biases.append(oracle.wide(b))
        layers += [nn.Affine(W, b), SMOOTH[names[len(weights) - 1]]()]
    return nn.Network(layers or [nn.Tanh()], dtype=dtype), weights, biases, rng


@hypothesis.given(
    networks(),
    st.integers(0, 70),
    st.sampled_from(sorted(LAYOUTS)),
    st.integers(1, 4),
    st.sampled_from(_core.supported_isas()),
)
def test_predict_is_the_oracles(recipe, batch, layout, threads, isa):
    (sizes, names, _, dtype), (network, weights, biases, rng) = recipe, build(recipe)
    x = rng.standard_normal((batch, sizes[0])).astype(dtype)
    _core.set_isa(isa)
    use_threads(threads if _core.has_openmp() else 1)
    y = network.predict(LAYOUTS[layout](x) if batch else x)
    expected = oracle.mlp(oracle.wide(x), weights, biases, names) if weights else np.tanh(oracle.wide(x))
    assert y.dtype == dtype
    assert y.shape == expected.shape
    tolerance = 2000 * np.finfo(dtype).eps
    np.testing.assert_allclose(
        y, expected.astype(float), rtol=tolerance, atol=tolerance * max(1, np.abs(expected).max(initial=0))
    )


@hypothesis.given(
    networks(min_layers=1), st.integers(1, 70), st.integers(1, 4), st.sampled_from(_core.supported_isas())
)
def test_gradient_is_the_oracles(recipe, batch, threads, isa):
    (sizes, names, _, dtype), (network, weights, biases, rng) = recipe, build(recipe)
    x, t = rng.standard_normal((batch, sizes[0])).astype(dtype), rng.integers(0, sizes[-1], batch)
    _core.set_isa(isa)
    use_threads(threads if _core.has_openmp() else 1)
    scores = oracle.mlp(oracle.wide(x), weights, biases, names)
    _, dy = oracle.loss("softmax_cross_entropy", scores.astype(np.float64), t)
    _, _, dWs, dbs = oracle.mlp(oracle.wide(x), weights, biases, names, dy.astype(scores.dtype))
    grads = network.gradient(x, t)
    tolerance = 5000 * np.finfo(dtype).eps
    for i, (dW, db) in enumerate(zip(dWs, dbs, strict=True), 1):
        for got, expected in [(grads[f"W{i}"], dW), (grads[f"b{i}"], db)]:
            np.testing.assert_allclose(
                got,
                expected.astype(float),
                rtol=tolerance,
                atol=tolerance * max(float(np.abs(expected).max()), 1e-3),
            )


@hypothesis.given(networks(), st.integers(1, 70), st.data())
def test_a_rows_bits_depend_on_the_row_alone(recipe, batch, data):
    network, _, _, rng = build(recipe)
    x = rng.standard_normal((batch, recipe[0][0])).astype(recipe[3])
    use_threads(1)
    expected = network.predict(x)
    use_threads(data.draw(st.sampled_from(thread_counts()), "threads"))
    rows = np.array(data.draw(st.lists(st.integers(0, batch - 1), max_size=100), "rows"), np.intp)
    form = data.draw(st.sampled_from(sorted(LAYOUTS)), "layout")
    assert_same_bits(network.predict(LAYOUTS[form](x[rows]) if rows.size else x[rows]), expected[rows])


@hypothesis.given(networks(min_layers=1), st.integers(1, 70), st.integers(1, 80), st.data())
def test_fits_are_the_same_on_any_threads_and_after_a_copy(recipe, batch, batch_size, data):
    network, _, _, rng = build(recipe)
    x, t = rng.standard_normal((batch, recipe[0][0])).astype(recipe[3]), rng.integers(0, recipe[0][-1], batch)
    again = data.draw(
        st.sampled_from([copy.copy, copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))]), "copy"
    )
    results = []
    for threads in {1, data.draw(st.sampled_from(thread_counts()), "threads")}:
        use_threads(threads)
        trained = again(network)
        history = trained.fit(x, t, epochs=2, batch_size=batch_size, optimizer=nn.Adam(), seed=1)
        results.append([np.array(history["loss"]), *trained.params.values()])
    for a, b in zip(results[0], results[-1], strict=True):
        assert_same_bits(a, b)


@hypothesis.given(st.integers(0, 90), st.integers(0, 90), st.integers(0, 90), st.data())
def test_products_of_integers_are_exact(m, k, n, data):
    dtype = data.draw(st.sampled_from([np.float32, np.float64]), "dtype")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    steps = data.draw(st.tuples(*[st.sampled_from([-3, -2, -1, 1, 2, 3])] * 4), "steps")
    a = rng.integers(-4, 5, (m * abs(steps[0]), k * abs(steps[1]))).astype(dtype)[:: steps[0], :: steps[1]]
    b = rng.integers(-4, 5, (k * abs(steps[2]), n * abs(steps[3]))).astype(dtype)[:: steps[2], :: steps[3]]
    _core.set_isa(data.draw(st.sampled_from(_core.supported_isas()), "isa"))
    use_threads(data.draw(st.sampled_from(thread_counts()), "threads"))
    assert np.array_equal(_core.gemm(a, b), a @ b)


@hypothesis.given(
    st.lists(st.floats(width=32), min_size=1, max_size=80),
    st.sampled_from(sorted(_core.ACTIVATIONS)),
    st.integers(0, 40),
    st.integers(0, 40),
)
def test_an_elements_bits_depend_on_the_element_alone(values, name, before, after):
    """Any float32, NaN and infinity included, at any place of any vector."""
    x = np.array(values, np.float32)
    alone = np.concatenate(
        [_core.activation(_core.ACTIVATIONS[name], x[i : i + 1], 0.7, 0.4) for i in range(x.size)]
    )
    padded = np.concatenate([np.full(before, 1.5, np.float32), x, np.full(after, -0.5, np.float32)])
    got = _core.activation(_core.ACTIVATIONS[name], padded, 0.7, 0.4)[before : before + x.size]
    assert np.array_equal(got, alone, equal_nan=True)
    assert np.array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(alone[~np.isnan(alone)]))


@hypothesis.given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_gradient_of_cross_entropy_sums_to_zero_over_classes(batch, classes, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]), "dtype")
    y = (rng.standard_normal((batch, classes)) * 10.0 ** data.draw(st.integers(-3, 3), "scale")).astype(dtype)
    spec = _core.LossSpec(
        "softmax_cross_entropy",
        reduction=data.draw(st.sampled_from(["mean", "sum", "none", "batch_mean"]), "reduction"),
    )
    value, dy = _core.loss_backward(spec, "f", y, rng.integers(0, classes, batch))
    assert np.min(value) >= 0
    assert (np.abs(oracle.wide(dy).sum(1)) <= 4 * classes * np.finfo(dtype).eps).all()
